//! Searches over columns and blocks find what searches mean.

#[path = "../../../../../app/model/tests/search_law/mod.rs"]
pub(super) mod search_law;

use super::{publish, state};
use crate::state::{Scan, State, Step};
use model::{
    SearchExpression, TaskCount, TaskDetail, TaskId, TaskPage, TaskQuery, TaskSort, TaskState,
    Timestamp,
};
use proptest::prelude::*;
use search_law::{NOW, Task, task, want};
use serde_json::{Value, json};
use std::collections::BTreeSet;

fn seconds(micros: i64) -> f64 {
    micros as f64 / 1e6
}

/// Publishes what would have made such a task, as far as events can.
pub(super) fn live(state: &mut State, task: &Task) {
    let mut tell = |kind: &str, at: Option<i64>, more: Value| {
        let Some(at) = at else { return };
        let mut event = json!({
            "type": kind,
            "uuid": task.id,
            "hostname": task.worker,
            "pid": 7,
            "timestamp": seconds(at),
        });
        let fields = event.as_object_mut().expect("an object");
        fields.extend(more.as_object().expect("an object").clone());
        publish(state, &event, Timestamp(NOW));
    };
    let described = json!({
        "name": task.name,
        "args": task.args.as_ref().map(|value| value.repr()),
        "kwargs": task.kwargs.as_ref().map(|value| value.repr()),
        "root_id": task.root,
        "parent_id": task.parent,
        "eta": task.eta.map(seconds),
        "retries": task.retries,
        "queue": task.queue,
    });
    let failed = json!({"exception": task.exception, "traceback": task.traceback});
    if task.retries > 0 {
        // The exception of the attempt before is the one that is shown.
        let mut before = described.clone();
        before["retries"] = json!(task.retries - 1);
        tell("task-received", task.received.map(|at| at - 9), before);
        tell("task-started", task.received.map(|at| at - 8), json!({}));
        tell(
            "task-retried",
            task.received.map(|at| at - 7),
            failed.clone(),
        );
    }
    tell("task-sent", task.sent, described.clone());
    tell("task-received", task.received, described);
    tell("task-started", task.started, json!({}));
    match task.state.as_str() {
        "SUCCESS" => {
            let result = task.result.as_ref().map(|value| value.repr());
            let ended = json!({"result": result, "runtime": task.runtime});
            tell("task-succeeded", task.finished, ended);
        }
        "FAILURE" => tell("task-failed", task.finished, failed),
        "STARTED" => {}
        other => tell(&format!("task-{other}"), task.finished, json!({})),
    }
}

/// What the engine knows of a task, in the words of the law.
fn known(detail: &TaskDetail, told: &Task) -> Task {
    let row = &detail.summary;
    let time = |time: Option<Timestamp>| time.map(|time| time.0);
    let text = |text: Option<&str>| text.map(str::to_owned);
    Task {
        id: row.id.to_string(),
        name: text(row.name.as_ref().map(|name| name.as_str())),
        state: row.state.to_string(),
        worker: text(row.worker.as_ref().map(|worker| worker.as_str())),
        queue: text(row.queue.as_ref().map(|queue| queue.as_str())),
        args: told.args.clone().filter(|_| detail.args.is_some()),
        kwargs: told.kwargs.clone().filter(|_| detail.kwargs.is_some()),
        result: told.result.clone().filter(|_| detail.result.is_some()),
        exception: detail.exception.clone(),
        traceback: detail.traceback.clone(),
        root: text(detail.root_id.as_ref().map(TaskId::as_str)),
        parent: text(detail.parent_id.as_ref().map(TaskId::as_str)),
        retries: row.retries,
        runtime: row.runtime_seconds,
        wait: row.wait_seconds(),
        sent: time(row.sent),
        received: time(row.received),
        started: time(row.started),
        finished: time(row.finished),
        eta: time(row.eta),
    }
}

/// Gives each task an id of its own that still looks like the generated one.
pub(super) fn with_own_id(number: usize, task: Task) -> Task {
    let id = match task.id.len() {
        36 => format!("{}{number:04x}", &task.id[..32]),
        _ => format!("{}{number}", task.id),
    };
    Task { id, ..task }
}

/// Goes through the next segment that is left; `false` if there was none.
fn go_on(state: &State, scan: &mut Scan) -> bool {
    match state.step(scan) {
        Step::Done => true,
        Step::Apart(part) => {
            scan.go_through(&part);
            true
        }
        Step::End => false,
    }
}

/// Answers a query as two threads would that take turns.
fn page_of_two(state: &State, query: &TaskQuery, search: &SearchExpression) -> TaskPage {
    let mut one = state.scan(query, search, query.limit as usize);
    let mut other = one.share();
    while go_on(state, &mut other) && go_on(state, &mut one) {}
    while go_on(state, &mut one) {}
    one.add(other);
    let found = one.finish();
    let mut page = state.page_of(&found);
    page.rows = state.task_rows(&found.window);
    page
}

#[test]
fn a_search_sees_the_segment_it_took_and_the_next_one_what_changed_meanwhile() {
    let mut state = state(200);
    let tell = |state: &mut State, kind: &str, number: u32, at: i64| {
        let event = json!({
            "type": kind,
            "uuid": format!("task-{number}"),
            "hostname": "w@a",
            "pid": 7,
            "timestamp": at,
            "args": format!("('parcel {number}',)"),
            "result": "'delivered'",
            "runtime": 0.5,
        });
        publish(state, &event, Timestamp(NOW));
    };
    for number in 0..40 {
        tell(&mut state, "task-received", number, 1);
    }
    state.tasks.settle();
    let search = |text| SearchExpression::parse(text).expect("a search");
    let (parcel, delivered) = (search("parcel"), search("delivered"));
    let query = TaskQuery::default();
    let mut scan = state.scan(&query, &delivered, 50);
    let mut parts = Vec::new();
    loop {
        match state.step(&mut scan) {
            Step::Apart(part) => parts.push(part),
            Step::Done => {}
            Step::End => break,
        }
    }
    // The segments that are full: two of sixteen rows.
    assert_eq!(parts.len(), 2);
    for number in [0, 20] {
        tell(&mut state, "task-succeeded", number, 2);
    }
    for part in &parts {
        scan.go_through(part);
    }
    assert!(scan.finish().window.is_empty());
    assert_eq!(state.task_page(&query, &delivered).total, Some(2));
    let page = state.task_page(&query, &parcel);
    assert_eq!(page.total, Some(40));
    assert!(page.states.contains(&(TaskState::Success, 2)));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    #[test]
    fn a_search_finds_the_tasks_it_means_and_no_others(
        tasks in prop::collection::vec(task(), 1..60),
        wants in prop::collection::vec(want(), 1..20),
        settled in 0_usize..60,
        sort in prop::sample::select(TaskSort::ALL.to_vec()),
    ) {
        // Segments of 16 rows, so that there are several.
        let mut state = state(200);
        let tasks: Vec<Task> = tasks
            .into_iter()
            .enumerate()
            .map(|(number, task)| with_own_id(number, task))
            .collect();
        for (number, task) in tasks.iter().enumerate() {
            live(&mut state, task);
            if number == settled {
                state.tasks.settle();
            }
        }
        let details: Vec<TaskDetail> = tasks
            .iter()
            .filter_map(|told| state.task(&told.id.as_str().into()))
            .collect();
        let known: Vec<Task> = tasks
            .iter()
            .filter_map(|told| Some(known(&state.task(&told.id.as_str().into())?, told)))
            .collect();
        let query = TaskQuery { limit: 1000, ..TaskQuery::default() };
        for want in wants {
            let text = want.text();
            let search = SearchExpression::parse(&text)
                .map_err(|error| TestCaseError::fail(format!("{text}: {error}")))?
                .resolve(Timestamp(NOW));
            let page = state.task_page(&query, &search);
            let found: BTreeSet<String> =
                page.rows.iter().map(|row| row.id.to_string()).collect();
            let meant: BTreeSet<String> = known
                .iter()
                .filter(|task| want.holds(task))
                .map(|task| task.id.clone())
                .collect();
            prop_assert_eq!(&found, &meant, "{}", text);
            prop_assert_eq!(page.total, Some(meant.len() as u64));
            prop_assert_eq!(page_of_two(&state, &query, &search), page);
            let first = TaskQuery { limit: 5, sort, count: TaskCount::None, ..query.clone() };
            let page = state.task_page(&first, &search);
            prop_assert_eq!(page_of_two(&state, &first, &search).rows, page.rows);
            // A task that is not in memory is asked as a whole.
            let whole: BTreeSet<String> = details
                .iter()
                .filter(|detail| search.matches(*detail, Timestamp(NOW)))
                .map(|detail| detail.summary.id.to_string())
                .collect();
            prop_assert_eq!(&whole, &meant, "{}", text);
        }
    }
}
