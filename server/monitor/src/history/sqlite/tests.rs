//! What is special about files.

use super::*;
use crate::history::tests::{failed_after_a_retry, started, succeeded};
use std::io::Write;

fn open(directory: &tempfile::TempDir) -> SqliteStore {
    SqliteStore::open(&directory.path().join("history.db")).expect("the file can be made")
}

fn directory() -> tempfile::TempDir {
    tempfile::tempdir().expect("there is room for a directory")
}

fn write(store: &SqliteStore, tasks: &[TaskRecord]) {
    let batch = Batch {
        tasks: tasks.to_vec(),
        ..Batch::default()
    };
    store.write(&batch).expect("the batch can be written");
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

/// Overwrites everything behind the first page.
fn spoil(path: &Path) {
    let size = std::fs::metadata(path).expect("it is there").len();
    let mut file = OpenOptions::new()
        .write(true)
        .open(path)
        .expect("it can be changed");
    std::io::Seek::seek(&mut file, std::io::SeekFrom::Start(4096)).expect("it is longer");
    let noise = vec![0x5a; usize::try_from(size).expect("it is small") - 4096];
    file.write_all(&noise).expect("it can be written");
}

#[test]
fn a_file_that_is_no_database_is_set_aside_at_the_start() {
    let directory = directory();
    let path = directory.path().join("history.db");
    std::fs::write(&path, b"something else that somebody put there").expect("it can be written");
    let store = open(&directory);
    let kept = store.set_aside().expect("it was set aside");
    let name = kept
        .file_name()
        .expect("a name")
        .to_string_lossy()
        .into_owned();
    assert!(name.starts_with("history.db.damaged-2"), "{name}");
    let text = std::fs::read(&kept).expect("it is kept");
    assert_eq!(text, b"something else that somebody put there");
    write(&store, &[started(1)]);
    drop(store);
    assert_eq!(open(&directory).set_aside(), None, "the new one is whole");
}

#[test]
fn a_file_with_spoilt_pages_is_set_aside_at_the_start() {
    let directory = directory();
    let path = {
        let store = open(&directory);
        write(&store, &(0..100).map(succeeded).collect::<Vec<_>>());
        store.path().to_owned()
    };
    spoil(&path);
    let store = open(&directory);
    assert!(store.set_aside().is_some());
    assert_eq!(
        store
            .task(&succeeded(1).task.summary.id)
            .expect("it can be read"),
        None
    );
}

#[test]
fn damage_that_is_found_later_is_set_aside_and_work_goes_on() {
    let directory = directory();
    let store = open(&directory);
    write(&store, &(0..100).map(succeeded).collect::<Vec<_>>());
    let checkpoint = "PRAGMA wal_checkpoint(TRUNCATE)";
    let done = store
        .writer
        .lock()
        .connection
        .query_row(checkpoint, [], |_| Ok(()));
    done.expect("the log can be emptied");
    spoil(store.path());
    let id = succeeded(1).task.summary.id;
    let error = store.task(&id).expect_err("it is damaged");
    assert!(matches!(error, HistoryError::Damaged { .. }), "{error}");
    let kept = store.set_damaged_aside(&error).expect("it can be renamed");
    assert!(kept.exists());
    write(&store, &[succeeded(1)]);
    let found = store.task(&id).expect("it can be read");
    assert_eq!(found, Some(succeeded(1)));
}

#[test]
fn without_room_nothing_of_a_batch_is_written_until_there_is_some() {
    let directory = directory();
    let store = open(&directory);
    write(&store, &[succeeded(0)]);
    let limit = |pages: i64| {
        let writer = store.writer.lock();
        let name = "max_page_count";
        let set = writer.connection.pragma_update(None, name, pages);
        set.expect("it can be bounded");
    };
    limit(40);
    let batch = Batch {
        tasks: (1..500).map(failed_after_a_retry).collect(),
        ..Batch::default()
    };
    let error = store.write(&batch).expect_err("there is no room");
    assert!(
        matches!(error, HistoryError::Full { .. }),
        "{}",
        error.chain()
    );
    let all = HistoryQuery {
        limit: 1_000,
        ..HistoryQuery::default()
    };
    assert_eq!(store.tasks(&all).expect("it can be read").len(), 1);
    limit(1 << 30);
    store.write(&batch).expect("there is room");
    let found = store.tasks(&all).expect("it can be read");
    assert_eq!(found.len(), 500);
    assert_eq!(
        found[0].1,
        failed_after_a_retry(499),
        "names are numbered anew"
    );
}

#[test]
fn space_is_given_back_when_tasks_are_removed() {
    let directory = directory();
    let store = open(&directory);
    let large = |number| {
        let mut task = succeeded(number);
        task.task.args = Some("x".repeat(20_000));
        task
    };
    write(&store, &(0..2_000).map(large).collect::<Vec<_>>());
    let pages = || store.number("SELECT page_count FROM pragma_page_count");
    let full = pages().expect("it can be asked");
    assert!(full > 8_000, "{full}");
    while store.remove_oldest(1_000).expect("they can be removed") > 0 {}
    let mut before = i64::MAX;
    loop {
        store.remove_unused(i64::MIN, 1).expect("it can be swept");
        let now = pages().expect("it can be asked");
        if now == before {
            break;
        }
        before = now;
    }
    // Some room is left for what comes next.
    assert!(
        (1..3_000).contains(&before),
        "{before} of {full} pages are left"
    );
}
