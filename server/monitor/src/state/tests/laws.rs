//! Laws that hold whatever comes in whatever order.

use super::{metrics, overview, publish, state, task, tasks};
use crate::state::State;
use model::{
    SearchExpression, TaskCount, TaskPage, TaskQuery, TaskSort, TaskState, TaskSummary, Timestamp,
    View,
};
use proptest::prelude::*;
use serde_json::{Value, json};

const START: i64 = 1_800_000_000_000_000;

fn at(millis: i64) -> Timestamp {
    Timestamp(START + millis * 1000)
}

/// An event of task `id`, sent `millis` after the start by worker `w`.
fn event(kind: &str, id: &str, millis: i64, more: Value) -> Value {
    let mut event = json!({
        "type": kind,
        "uuid": id,
        "hostname": "w@host",
        "pid": 7,
        "timestamp": at(millis).as_seconds(),
        "clock": millis,
    });
    if let (Some(event), Some(more)) = (event.as_object_mut(), more.as_object()) {
        event.extend(more.clone());
    }
    event
}

fn id(number: usize) -> String {
    format!("00000000-0000-4000-8000-{number:012x}")
}

/// The life of a task that succeeds at its first attempt.
fn life(id: &str) -> Vec<Value> {
    let named = json!({"name": "shop.add", "args": "(1,)", "kwargs": "{}", "retries": 0,
        "root_id": id, "parent_id": null, "eta": null, "expires": null});
    let mut sent = named.clone();
    sent["queue"] = "mail".into();
    sent["hostname"] = "gen9@web".into();
    sent["pid"] = 9.into();
    vec![
        event("task-sent", id, 0, sent),
        event("task-received", id, 1, named),
        event("task-started", id, 2, json!({})),
        event(
            "task-succeeded",
            id,
            1002,
            json!({"result": "5", "runtime": 0.99}),
        ),
    ]
}

fn any_event() -> impl Strategy<Value = Value> {
    let kind = prop::sample::select(vec![
        "task-sent",
        "task-received",
        "task-started",
        "task-succeeded",
        "task-failed",
        "task-retried",
        "task-revoked",
        "task-rejected",
        "task-cancelled",
        "task-progress",
        "task-thumbnail-made",
        "worker-online",
        "worker-heartbeat",
        "worker-offline",
        "worker-elect",
        "shop-restock",
    ]);
    let worker = prop::sample::select(vec!["w@a", "w@b", "gen1@c"]);
    (kind, 0usize..60, 0i64..5_000, 0u32..3, worker, 1u32..4, any::<bool>()).prop_map(
        |(kind, number, millis, retries, worker, pid, has_retries)| {
            let mut more = json!({"hostname": worker, "pid": pid, "name": format!("t{}", number % 3),
                "args": format!("({number},)"), "queue": "mail", "processed": number, "active": 1,
                "runtime": 0.5, "exception": "E()", "traceback": "T", "result": "r",
                "parent_id": id(number / 2), "root_id": "odd root"});
            if has_retries {
                more["retries"] = retries.into();
            }
            let id = if number % 7 == 0 { format!("odd {number}") } else { id(number) };
            event(kind, &id, millis, more)
        },
    )
}

/// What `TaskQuery` means, in the plainest words.
fn naive_page(state: &State, query: &TaskQuery) -> (u64, Vec<TaskSummary>) {
    let mut rows: Vec<TaskSummary> = tasks(state)
        .into_iter()
        .map(|task| task.summary)
        .filter(|row| query.states.is_empty() || query.states.contains(&row.state))
        .filter(|row| query.name.is_none() || row.name == query.name)
        .filter(|row| query.worker.is_none() || row.worker == query.worker)
        .collect();
    rows.sort_by(|a, b| match query.sort {
        TaskSort::Name => missing_last(&a.name, &b.name, query.is_descending),
        TaskSort::Worker => missing_last(&a.worker, &b.worker, query.is_descending),
        TaskSort::Started => missing_last(&a.started, &b.started, query.is_descending),
        TaskSort::Retries => missing_last(&Some(a.retries), &Some(b.retries), query.is_descending),
        TaskSort::State => missing_last(
            &Some(a.state.to_string()),
            &Some(b.state.to_string()),
            query.is_descending,
        ),
        _ => unreachable!("not generated here"),
    });
    let total = rows.len() as u64;
    (total, rows)
}

fn missing_last<T: Ord>(a: &Option<T>, b: &Option<T>, is_descending: bool) -> std::cmp::Ordering {
    match (a, b) {
        (Some(a), Some(b)) if is_descending => b.cmp(a),
        (Some(a), Some(b)) => a.cmp(b),
        (a, b) => b.is_some().cmp(&a.is_some()),
    }
}

fn page(state: &State, query: &TaskQuery) -> TaskPage {
    state.task_page(query, &SearchExpression::All)
}

fn any_query() -> impl Strategy<Value = TaskQuery> {
    let sorts = vec![
        TaskSort::Name,
        TaskSort::Worker,
        TaskSort::Started,
        TaskSort::Retries,
        TaskSort::State,
    ];
    let states = vec![
        vec![],
        vec![TaskState::Failure],
        vec![TaskState::Success, TaskState::Retry],
        vec![TaskState::from_name("PROGRESS")],
    ];
    (
        prop::sample::select(sorts),
        any::<bool>(),
        prop::sample::select(states),
        prop::option::of(prop::sample::select(vec!["t0", "t1", "nowhere"])),
        prop::option::of(prop::sample::select(vec!["w@a", "gen1@c"])),
        0u64..30,
        0u32..40,
    )
        .prop_map(
            |(sort, is_descending, states, name, worker, offset, limit)| TaskQuery {
                sort,
                is_descending,
                states,
                name: name.map(Into::into),
                worker: worker.map(Into::into),
                offset,
                limit,
                ..TaskQuery::default()
            },
        )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn the_order_and_repetition_of_a_life_do_not_matter(
        order in Just((0..4usize).chain(0..4).collect::<Vec<_>>()).prop_shuffle(),
    ) {
        let id = id(1);
        let events = life(&id);
        let mut straight = state(1000);
        for event in &events {
            publish(&mut straight, event, at(2000));
        }
        let mut shuffled = state(1000);
        for place in &order {
            publish(&mut shuffled, &events[*place], at(2000));
        }
        let mut found = task(&shuffled, &id);
        let wanted = task(&straight, &id);
        // The clock is the one of the event that came last.
        found.clock = wanted.clock;
        prop_assert_eq!(found, wanted);
    }

    #[test]
    fn a_finished_task_is_never_moved_back_by_its_own_late_events(
        late in prop::collection::vec(0..4usize, 0..6),
    ) {
        let id = id(1);
        let events = life(&id);
        let mut state = state(1000);
        for event in &events {
            publish(&mut state, event, at(2000));
        }
        for place in late {
            publish(&mut state, &events[place], at(3000));
            prop_assert_eq!(task(&state, &id).summary.state, TaskState::Success);
            prop_assert_eq!(task(&state, &id).attempts.len(), 1);
        }
    }

    #[test]
    fn pages_agree_with_the_plain_meaning_of_the_query(
        events in prop::collection::vec(any_event(), 0..300),
        query in any_query(),
    ) {
        let mut state = state(1000);
        for event in &events {
            publish(&mut state, event, at(5000));
        }
        let page = page(&state, &query);
        let (total, rows) = naive_page(&state, &query);
        prop_assert_eq!(page.total, Some(total));
        let window = rows.len().saturating_sub(query.offset as usize).min(query.limit as usize);
        prop_assert_eq!(page.rows.len(), window);
        // Rows that the order does not tell apart may come in any order, so
        // their sort values are compared, and membership.
        for (found, wanted) in page.rows.iter().zip(rows.iter().skip(query.offset as usize)) {
            let value = |row: &TaskSummary| match query.sort {
                TaskSort::Name => row.name.as_ref().map(ToString::to_string),
                TaskSort::Worker => row.worker.as_ref().map(ToString::to_string),
                TaskSort::Started => row.started.map(|time| time.0.to_string()),
                TaskSort::Retries => Some(row.retries.to_string()),
                _ => Some(row.state.to_string()),
            };
            prop_assert_eq!(value(found), value(wanted));
            prop_assert!(rows.contains(found));
        }
        let by_state: u64 = page.states.iter()
            .filter(|(state, _)| query.states.is_empty() || query.states.contains(state))
            .map(|(_, count)| count)
            .sum();
        prop_assert_eq!(Some(by_state), page.total);
    }

    #[test]
    fn a_page_without_counts_has_the_same_rows_and_no_false_total(
        events in prop::collection::vec(any_event(), 0..400),
        query in any_query(),
        search in prop::sample::select(vec!["", "3", "t1", "w@a", "mail", "e"]),
        newest in prop::option::of(0_u64..60),
    ) {
        // Segments of 16 rows, so that some can be passed over.
        let mut state = state(200);
        for event in &events {
            publish(&mut state, event, at(5000));
        }
        let search = SearchExpression::parse(search).expect("a search");
        let query = TaskQuery { newest, ..query };
        let exact = state.task_page(&query, &search);
        let query = TaskQuery { count: TaskCount::None, ..query };
        let page = state.task_page(&query, &search);
        let end = query.offset + u64::from(query.limit);
        match page.total {
            Some(total) => prop_assert_eq!(Some(total), exact.total),
            None => prop_assert!(exact.total.expect("it was counted") > end),
        }
        let meant = TaskPage { total: page.total, states: Vec::new(), ..exact };
        prop_assert_eq!(page, meant);
    }

    #[test]
    fn bounds_hold_and_counts_agree_whatever_comes(
        events in prop::collection::vec(any_event(), 0..600),
        spread in 1usize..2000,
    ) {
        let mut state = state(100);
        for (number, mut event) in events.into_iter().enumerate() {
            // Many more ids than there is room for.
            if number % 2 == 0 && event["uuid"].is_string() {
                event["uuid"] = id(number * 31 % spread).into();
            }
            publish(&mut state, &event, at(number as i64));
            prop_assert!(state.tasks.len() <= 100);
        }
        let all = page(&state, &TaskQuery { limit: 1000, ..TaskQuery::default() });
        prop_assert_eq!(all.rows.len(), state.tasks.len());
        prop_assert_eq!(all.total, Some(all.stored));
        for row in &all.rows {
            prop_assert_eq!(&task(&state, row.id.as_str()).summary, row);
        }
        for (task_state, count) in &all.states {
            let rows = all.rows.iter().filter(|row| row.state == *task_state).count();
            prop_assert_eq!(rows as u64, *count);
        }
        state.tick(at(10_000));
    }

    #[test]
    fn a_view_brought_up_to_date_by_changes_is_the_view_taken_anew(
        batches in prop::collection::vec(prop::collection::vec(any_event(), 0..20), 1..12),
        query in any_query(),
    ) {
        let mut state = state(100);
        let look = |state: &State, now: Timestamp| {
            [
                View::Tasks(page(state, &query)),
                View::Task(state.task(&id(4).as_str().into()).map(Box::new)),
                View::Workers(state.worker_list()),
                View::Worker(state.worker(&"w@a".into()).map(|(worker, _)| Box::new(worker))),
                View::Queues(state.queue_list()),
                View::Overview(Box::new(overview(state, now))),
            ]
        };
        let mut followed = look(&state, at(0));
        for (number, batch) in batches.iter().enumerate() {
            let now = at(5000 + number as i64 * 700);
            let before = state.revisions();
            for event in batch {
                publish(&mut state, event, now);
            }
            state.tick(now);
            let fresh = look(&state, now);
            // What did not change by its revision must not have changed.
            if state.revisions().tasks == before.tasks {
                prop_assert_eq!(&followed[0], &fresh[0]);
                prop_assert_eq!(&followed[1], &fresh[1]);
            }
            if state.revisions().workers == before.workers {
                prop_assert_eq!(&followed[2], &fresh[2]);
                prop_assert_eq!(&followed[3], &fresh[3]);
            }
            for (old, new) in followed.iter_mut().zip(&fresh) {
                if let Some(change) = old.change_to(new) {
                    prop_assert!(old.apply(&change));
                }
            }
            prop_assert_eq!(&followed[..], &fresh[..]);
        }
    }
}

#[test]
fn a_running_task_outlives_finished_ones_when_room_is_needed() {
    let mut state = state(100);
    let running = id(0);
    for event in &life(&running)[..3] {
        publish(&mut state, event, at(0));
    }
    for number in 1..500 {
        for event in life(&id(number)) {
            publish(&mut state, &event, at(0));
        }
    }
    assert_eq!(task(&state, &running).summary.state, TaskState::Started);
    assert_eq!(task(&state, &running).args.as_deref(), Some("(1,)"));
    assert!(state.task(&id(1).as_str().into()).is_none());
    assert!(state.task(&id(499).as_str().into()).is_some());
    let shown = metrics(&state, at(0));
    assert_eq!(shown.tasks_stored + shown.tasks_evicted_total, 500);
    assert_eq!(shown.running_tasks_evicted_total, 0);
}

#[test]
fn when_everything_runs_the_oldest_gives_way_and_is_counted() {
    let mut state = state(100);
    for number in 0..300 {
        for event in &life(&id(number))[..3] {
            publish(&mut state, event, at(0));
        }
    }
    let shown = metrics(&state, at(0));
    assert!(shown.tasks_stored <= 100);
    assert_eq!(shown.tasks_stored + shown.running_tasks_evicted_total, 300);
    assert!(state.task(&id(299).as_str().into()).is_some());
}

#[test]
fn rows_stay_where_they_are_below_a_newest_sequence_number() {
    let mut state = state(1000);
    for number in 0..10 {
        publish(&mut state, &life(&id(number))[0], at(number as i64));
    }
    let before = page(&state, &TaskQuery::default());
    let held = TaskQuery {
        newest: Some(before.latest),
        ..TaskQuery::default()
    };
    for number in 10..15 {
        publish(&mut state, &life(&id(number))[0], at(number as i64));
    }
    let after = page(&state, &held);
    assert_eq!(after.rows, before.rows);
    assert_eq!((after.total, after.newer), (Some(10), 5));
}

#[test]
fn a_retry_whose_sent_overtakes_the_buffered_started_keeps_both_attempts_apart() {
    let mut state = state(1000);
    let id = id(1);
    let again = json!({"name": "shop.add", "retries": 1, "parent_id": id, "root_id": id});
    for event in [
        life(&id)[1].clone(),
        event(
            "task-sent",
            &id,
            10,
            json!({"retries": 1, "parent_id": id, "hostname": "gen8@host", "pid": 8}),
        ),
        event("task-started", &id, 2, json!({})),
        event("task-received", &id, 11, again),
        event("task-retried", &id, 12, json!({"exception": "E('one')"})),
        event("task-started", &id, 20, json!({})),
        event("task-succeeded", &id, 30, json!({"runtime": 0.01})),
    ] {
        publish(&mut state, &event, at(100));
    }
    let task = task(&state, &id);
    let attempts: Vec<_> = task
        .attempts
        .iter()
        .map(|a| (a.retries, a.state.clone(), a.started, a.finished))
        .collect();
    assert_eq!(
        attempts,
        [
            (0, TaskState::Retry, Some(at(2)), Some(at(12))),
            (1, TaskState::Success, Some(at(20)), Some(at(30))),
        ]
    );
}

#[test]
fn time_held_for_an_eta_is_no_wait() {
    let mut state = state(1000);
    let id = id(1);
    let eta = "2027-01-15T08:00:05+00:00";
    publish(
        &mut state,
        &event("task-received", &id, 0, json!({"retries": 0, "eta": eta})),
        at(0),
    );
    publish(
        &mut state,
        &event("task-started", &id, 5200, json!({})),
        at(5200),
    );
    let row = task(&state, &id).summary;
    assert_eq!(row.eta, Some(at(5000)));
    assert_eq!(row.wait_seconds(), Some(0.2));
    let wait = overview(&state, at(6000))
        .wait_p95
        .expect("one task waited");
    assert!((wait / 0.2 - 1.0).abs() < 0.03, "{wait}");
}

#[test]
fn a_success_told_by_the_process_that_runs_it_is_not_given_to_the_redelivery() {
    let mut state = state(1000);
    let id = id(1);
    let again = json!({"retries": 0});
    for event in [
        event("task-received", &id, 0, again.clone()),
        event("task-started", &id, 1, json!({})),
        event("task-received", &id, 4000, again),
        event("task-succeeded", &id, 5000, json!({"runtime": 4.9})),
    ] {
        publish(&mut state, &event, at(6000));
    }
    let task = task(&state, &id);
    let states: Vec<_> = task.attempts.iter().map(|a| a.state.clone()).collect();
    assert_eq!(states, [TaskState::Success, TaskState::Received]);
}

mod workers {
    use super::*;
    use model::WorkerStatus;

    fn beat(millis: i64, processed: u64) -> Value {
        json!({"type": "worker-heartbeat", "hostname": "w@host", "pid": 7, "freq": 2.0,
            "active": 0, "processed": processed, "timestamp": at(millis).as_seconds()})
    }

    fn status(state: &State) -> WorkerStatus {
        state.worker_list().rows[0].status
    }

    #[test]
    fn three_missed_heartbeats_make_a_worker_lost_and_a_ping_is_tried_before() {
        let mut state = state(100);
        publish(&mut state, &beat(0, 0), at(0));
        state.tick(at(1000));
        assert!(state.tick(at(3900)).ping.is_empty());
        assert_eq!(state.tick(at(4500)).ping.len(), 1);
        state.tick(at(5900));
        assert_eq!(status(&state), WorkerStatus::Online);
        state.tick(at(6100));
        assert_eq!(status(&state), WorkerStatus::Lost);
        publish(&mut state, &beat(7000, 0), at(7000));
        assert_eq!(status(&state), WorkerStatus::Online);
    }

    #[test]
    fn silence_while_the_broker_is_away_loses_no_worker() {
        use crate::state::Input;
        let mut state = state(100);
        state.apply_input(Input::Connected, at(0));
        publish(&mut state, &beat(0, 0), at(0));
        let gone = Input::Disconnected {
            cause: "EOF".to_owned(),
            was_refused: false,
            last_message: at(0),
            next_try: at(2000),
        };
        state.apply_input(gone, at(1000));
        for second in 2..60 {
            state.tick(at(second * 1000));
        }
        assert_eq!(status(&state), WorkerStatus::Online);
        state.apply_input(Input::Connected, at(60_000));
        state.tick(at(65_000));
        assert_eq!(status(&state), WorkerStatus::Online);
        state.tick(at(67_000));
        assert_eq!(status(&state), WorkerStatus::Lost);
    }

    #[test]
    fn a_worker_that_accepts_tasks_without_telling_is_told_to_send_events() {
        let mut state = state(100);
        publish(&mut state, &beat(0, 5), at(0));
        assert_eq!(state.tick(at(500)).enable_events.len(), 1, "it is new");
        assert!(state.tick(at(1000)).enable_events.is_empty());
        publish(&mut state, &beat(2000, 6), at(2000));
        assert_eq!(
            state.worker_list().rows[0].task_events,
            None,
            "once proves nothing"
        );
        publish(&mut state, &beat(4000, 7), at(4000));
        assert_eq!(state.worker_list().rows[0].task_events, Some(false));
        publish(&mut state, &beat(10_500, 7), at(10_500));
        assert_eq!(
            state.tick(at(11_000)).enable_events.len(),
            1,
            "again after a while"
        );
        publish(&mut state, &life(&id(1))[1], at(11_000));
        assert_eq!(state.worker_list().rows[0].task_events, Some(true));
    }

    #[test]
    fn a_worker_that_tells_of_its_tasks_is_never_taken_for_silent() {
        let mut state = state(100);
        let mut processed = 0;
        for number in 0..30 {
            publish(
                &mut state,
                &beat(number * 2000, processed),
                at(number * 2000),
            );
            let told = state.worker_list().rows[0].task_events;
            assert_ne!(told, Some(false), "heartbeat {number}");
            // Every third heartbeat passes without work; sometimes the
            // heartbeat tells of a task before the buffered event does.
            match number % 3 {
                0 => {}
                1 => {
                    publish(
                        &mut state,
                        &life(&id(number as usize))[2],
                        at(number * 2000 + 100),
                    );
                    processed += 1;
                }
                _ => processed += 1,
            }
        }
    }

    #[test]
    fn a_restarted_worker_takes_the_place_of_the_process_that_is_gone() {
        let mut state = state(100);
        publish(&mut state, &beat(0, 0), at(0));
        let mut next = beat(1000, 0);
        next["pid"] = 8.into();
        publish(&mut state, &next, at(1000));
        assert_eq!(
            state.worker_list().rows.len(),
            2,
            "two processes of one name"
        );
        for second in 2..80 {
            let mut next = beat(second * 1000, 0);
            next["pid"] = 8.into();
            publish(&mut state, &next, at(second * 1000));
            state.tick(at(second * 1000));
        }
        let rows = state.worker_list().rows;
        assert_eq!(rows.iter().map(|row| row.pid).collect::<Vec<_>>(), [8]);
    }
}
