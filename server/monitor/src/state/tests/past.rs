//! The store finds what memory finds, in the same order, page by page.

use super::{
    publish,
    searches::{live, search_law, with_own_id},
    state,
};
use crate::history::{
    Batch, Order, PastPage, PastQuery, Place, Store, StoreConfig, TaskRecord, tests::Server,
};
use model::{SearchExpression, TaskDetail, TaskId, TaskQuery, TaskSort, TaskState, Timestamp};
use proptest::prelude::*;
use search_law::{NOW, Task, task, want};
use serde_json::json;
use std::time::{Duration, Instant};

/// A store with these tasks, in a directory of its own.
fn store_of(tasks: &[TaskDetail]) -> (tempfile::TempDir, Store) {
    let directory = tempfile::tempdir().expect("there is room for a directory");
    let config = StoreConfig::Sqlite(directory.path().join("history.db"));
    (directory, filled(&config, tasks))
}

fn filled(config: &StoreConfig, tasks: &[TaskDetail]) -> Store {
    let store = Store::open(config).expect("the store can be made");
    let record = |task: &TaskDetail| TaskRecord {
        task: TaskDetail {
            children: Vec::new(),
            ..task.clone()
        },
        sources: 1,
    };
    // One by one, so that the store numbers them in this order.
    for task in tasks {
        let batch = Batch {
            tasks: vec![record(task)],
            ..Batch::default()
        };
        store.write(&batch).expect("the batch can be written");
    }
    store
}

/// Goes through all pages; the text form of each place leads to the next.
fn walk(store: &Store, query: &TaskQuery, search: &SearchExpression) -> Vec<TaskDetail> {
    let mut found = Vec::new();
    let order = Order::of(query);
    let mut from = Place::start(i64::MAX);
    loop {
        let page: PastPage = store
            .page(&PastQuery {
                query: query.clone(),
                search: search.clone(),
                from: from.clone(),
                deadline: Instant::now() + Duration::from_secs(60),
            })
            .expect("the store can be read");
        assert!(page.rows.len() <= query.limit as usize);
        assert_eq!(page.searched_to, None, "there is time enough");
        found.extend(page.rows.into_iter().map(|(_, record)| record.task));
        let Some(next) = page.next else { return found };
        assert_ne!(next, from, "each page leads on");
        from = Place::read(&next.cursor(order), order).expect("it was just written");
    }
}

/// What a list is sorted by; ties by time are in another order when the oldest come first.
fn ids(tasks: &[TaskDetail], query: &TaskQuery) -> Vec<String> {
    let mut tasks: Vec<&TaskDetail> = tasks.iter().collect();
    if query.sort == TaskSort::Received && !query.is_descending {
        let time = |task: &TaskDetail| {
            let row = &task.summary;
            row.received.or(row.sent).or(task.timestamp)
        };
        tasks.sort_by_key(|task| (time(task), task.summary.id.clone()));
    }
    tasks
        .iter()
        .map(|task| task.summary.id.to_string())
        .collect()
}

/// Random tasks, searches for them and a list.
#[derive(Clone, Debug)]
struct Case {
    tasks: Vec<Task>,
    searches: Vec<String>,
    query: TaskQuery,
    limit: u32,
}

prop_compose! {
    fn case()(
        tasks in prop::collection::vec(task(), 1..40),
        wants in prop::collection::vec(want(), 1..12),
        sort in prop::sample::select(TaskSort::ALL.to_vec()),
        is_descending in any::<bool>(),
        states in prop::sample::subsequence(vec![TaskState::Success, TaskState::Failure, TaskState::Custom("A".into())], 0..=3),
        limit in 1_u32..9,
        start in prop::option::of(-5_i64..5),
    ) -> Case {
        Case {
            tasks,
            searches: wants.iter().map(|want| want.text()).collect(),
            query: TaskQuery {
                limit: 1000,
                sort,
                is_descending,
                states,
                received_start: start.map(|seconds| Timestamp(NOW + seconds * 1_000_000)),
                ..TaskQuery::default()
            },
            limit,
        }
    }
}

/// Compares what a store finds with what memory finds.
fn compare(case: Case, fill: impl FnOnce(&[TaskDetail]) -> Store) -> Result<(), TestCaseError> {
    let mut state = state(200);
    for (number, task) in case.tasks.into_iter().enumerate() {
        live(&mut state, &with_own_id(number, task));
    }
    let sequences: Vec<u64> = (1..=state.tasks.latest()).collect();
    let store = fill(&state.task_details(&sequences));
    let query = case.query;
    for text in case.searches {
        let search = SearchExpression::parse(&text)
            .map_err(|error| TestCaseError::fail(format!("{text}: {error}")))?
            .resolve(Timestamp(NOW));
        let in_memory: Vec<TaskDetail> = state
            .task_page(&query, &search)
            .rows
            .iter()
            .filter_map(|row| state.task_alone(&row.id))
            .collect();
        let pages = TaskQuery {
            limit: case.limit,
            ..query.clone()
        };
        let stored = walk(&store, &pages, &search);
        let (stored, in_memory) = (ids(&stored, &query), ids(&in_memory, &query));
        prop_assert_eq!(stored, in_memory, "{} {:?}", text, query);
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(8))]

    #[test]
    fn the_store_finds_what_memory_finds_in_the_same_order(case in case()) {
        let directory = tempfile::tempdir().expect("there is room for a directory");
        let config = StoreConfig::Sqlite(directory.path().join("history.db"));
        compare(case, |tasks| filled(&config, tasks))?;
    }

    #[test]
    fn a_database_finds_what_memory_finds_in_the_same_order(case in case()) {
        let server = Server::shared();
        compare(case, |tasks| filled(&server.new_store(), tasks))?;
    }
}

#[test]
fn a_name_narrows_the_list_and_an_unknown_one_empties_it() {
    let mut state = state(200);
    for number in 0..20 {
        let event = json!({
            "type": "task-received",
            "uuid": format!("t{number}"),
            "hostname": if number % 2 == 0 { "a@x" } else { "b@x" },
            "pid": 7,
            "name": if number % 5 == 0 { "shop.rare" } else { "shop.common" },
            "timestamp": NOW as f64 / 1e6 + f64::from(number),
        });
        publish(&mut state, &event, Timestamp(NOW));
    }
    let sequences: Vec<u64> = (1..=20).collect();
    let (_directory, store) = store_of(&state.task_details(&sequences));
    let all = SearchExpression::All;
    let rare = TaskQuery {
        name: Some("shop.rare".into()),
        worker: Some("a@x".into()),
        limit: 1,
        ..TaskQuery::default()
    };
    let found: Vec<TaskId> = walk(&store, &rare, &all)
        .into_iter()
        .map(|task| task.summary.id)
        .collect();
    assert_eq!(found, ["t10", "t0"].map(TaskId::from));
    let nowhere = TaskQuery {
        worker: Some("nobody@x".into()),
        ..TaskQuery::default()
    };
    assert_eq!(walk(&store, &nowhere, &all), []);
}

#[test]
fn a_search_that_takes_too_long_says_how_far_it_came_and_goes_on_from_there() {
    let mut state = state(20_000);
    for number in 0..600_u32 {
        let event = json!({
            "type": "task-received",
            "uuid": format!("t{number}"),
            "hostname": "a@x",
            "pid": 7,
            "name": "shop.common",
            "args": if number == 0 { "('needle',)" } else { "('hay',)" },
            "timestamp": NOW as f64 / 1e6 + f64::from(number),
        });
        publish(&mut state, &event, Timestamp(NOW));
    }
    let sequences: Vec<u64> = (1..=600).collect();
    let (_directory, store) = store_of(&state.task_details(&sequences));
    let search = SearchExpression::parse("needle").expect("a search");
    let mut from = Place::start(i64::MAX);
    let mut pages = 0;
    loop {
        let page = store
            .page(&PastQuery {
                query: TaskQuery::default(),
                search: search.clone(),
                from: from.clone(),
                // Over before it begins.
                deadline: Instant::now(),
            })
            .expect("the store can be read");
        let Some(next) = page.next else {
            assert_eq!(page.rows.len(), 1);
            assert_eq!(page.rows[0].1.task.summary.id, "t0".into());
            break;
        };
        pages += 1;
        assert_eq!(page.rows, []);
        let searched_to = page.searched_to.expect("it was given up");
        assert!(searched_to.0 > NOW);
        assert_ne!(next, from);
        from = next;
    }
    assert!(pages > 1, "it was given up, and went on");
    let sorted = store.page(&PastQuery {
        query: TaskQuery {
            sort: TaskSort::Runtime,
            ..TaskQuery::default()
        },
        search: SearchExpression::All,
        from: Place::start(i64::MAX),
        deadline: Instant::now(),
    });
    assert!(matches!(
        sorted,
        Err(crate::history::HistoryError::OutOfTime)
    ));
}
