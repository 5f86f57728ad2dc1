//! The store on real files.

use super::*;
use crate::history::tests::{failed_after_a_retry, started, succeeded};
use model::{TaskState, Timestamp};

fn open(directory: &tempfile::TempDir) -> SqliteStore {
    SqliteStore::open(&directory.path().join("history.db")).expect("the file can be made")
}

fn directory() -> tempfile::TempDir {
    tempfile::tempdir().expect("there is room for a directory")
}

fn write(store: &SqliteStore, tasks: &[TaskRecord]) {
    let batch = Batch {
        tasks: tasks.to_vec(),
    };
    store.write(&batch).expect("the batch can be written");
}

#[test]
fn what_is_written_is_read_again() {
    let directory = directory();
    let records = [succeeded(1), started(2), failed_after_a_retry(3), {
        let mut odd = succeeded(4);
        odd.task.summary.id = "order/2026-11/4".into();
        odd.task.root_id = Some("order/2026-11".into());
        odd.task.summary.state = TaskState::Custom("PROGRESS".into());
        odd.task.attempts[0].state = odd.task.summary.state.clone();
        odd
    }];
    {
        let store = open(&directory);
        write(&store, &records);
    }
    let store = open(&directory);
    for record in &records {
        let id = &record.task.summary.id;
        let stored = store.task(id).expect("it can be read");
        assert_eq!(stored.as_ref(), Some(record));
    }
    assert_eq!(store.task(&"nobody".into()).expect("it can be asked"), None);
}

#[test]
fn pages_go_on_where_the_last_one_ended() {
    let directory = directory();
    let store = open(&directory);
    let records: Vec<_> = (0..25)
        .map(|n| if n % 3 == 0 { started(n) } else { succeeded(n) })
        .collect();
    write(&store, &records);
    let mut query = HistoryQuery {
        states: vec![TaskState::Success],
        limit: 7,
        ..HistoryQuery::default()
    };
    let mut seen = Vec::new();
    loop {
        let page = store.tasks(&query).expect("it can be read");
        let Some((last, _)) = page.last() else { break };
        query.after = Some(*last);
        seen.extend(page.into_iter().map(|(_, record)| record));
    }
    let mut expected: Vec<_> = records
        .into_iter()
        .filter(|record| record.task.summary.state == TaskState::Success)
        .collect();
    expected.reverse();
    assert_eq!(seen, expected);
}

#[test]
fn an_older_record_never_replaces_a_newer_one() {
    let directory = directory();
    let store = open(&directory);
    let (old, new) = (started(1), succeeded(1));
    let id = &new.task.summary.id;
    for order in [[&old, &new], [&new, &old]] {
        for record in order {
            write(&store, std::slice::from_ref(record));
        }
        assert_eq!(store.task(id).expect("it can be read").as_ref(), Some(&new));
    }
}

#[test]
fn what_a_later_record_leaves_out_stays() {
    let directory = directory();
    let store = open(&directory);
    let whole = started(1);
    let mut end = succeeded(1);
    end.task.summary.name = None;
    end.task.args = None;
    end.task.summary.received = None;
    end.task.attempts[0].received = None;
    end.task.timestamp = end.task.summary.finished;
    write(&store, std::slice::from_ref(&whole));
    write(&store, &[end]);
    let stored = store.task(&whole.task.summary.id).expect("it can be read");
    let task = stored.expect("it is stored").task;
    assert_eq!(task.summary.state, TaskState::Success);
    assert_eq!(task.summary.name, whole.task.summary.name);
    assert_eq!(task.summary.received, whole.task.summary.received);
    assert_eq!(task.args, whole.task.args);
}

#[test]
fn a_newer_schema_is_refused_by_name() {
    let directory = directory();
    let path = directory.path().join("history.db");
    drop(open(&directory));
    let connection = Connection::open(&path).expect("it can be opened");
    connection
        .pragma_update(None, "user_version", 99)
        .expect("it can be changed");
    drop(connection);
    let error = SqliteStore::open(&path).expect_err("it is from the future");
    assert!(matches!(error, HistoryError::NewerSchema { found: 99, .. }));
    let text = error.chain();
    assert!(
        text.contains("schema 99") && text.contains("history.db"),
        "{text}"
    );
}

#[test]
fn a_second_dashboard_is_refused_while_the_first_one_is_there() {
    let directory = directory();
    let store = open(&directory);
    let error = SqliteStore::open(store.path()).expect_err("it is in use");
    assert!(matches!(error, HistoryError::InUse { .. }), "{error}");
    drop(store);
    open(&directory);
}

#[test]
fn times_bound_what_is_read() {
    let directory = directory();
    let store = open(&directory);
    let records: Vec<_> = (0..10).map(succeeded).collect();
    write(&store, &records);
    let query = HistoryQuery {
        start: Some(Timestamp(records[3].time())),
        end: Some(Timestamp(records[5].time())),
        name: records[0].task.summary.name.clone(),
        limit: 100,
        ..HistoryQuery::default()
    };
    let found = store.tasks(&query).expect("it can be read");
    let found: Vec<_> = found.into_iter().map(|(_, record)| record).collect();
    assert_eq!(found, [5, 4, 3].map(|n| records[n].clone()));
}
