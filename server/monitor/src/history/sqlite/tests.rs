//! What is special about files.

use super::*;

fn open(directory: &tempfile::TempDir) -> SqliteStore {
    SqliteStore::open(&directory.path().join("history.db")).expect("the file can be made")
}

fn directory() -> tempfile::TempDir {
    tempfile::tempdir().expect("there is room for a directory")
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
