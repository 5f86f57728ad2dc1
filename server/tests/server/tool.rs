//! The binary's commands for the history.

use monitor::history::{Batch, Store, StoreConfig};
use std::{
    path::Path,
    process::{Command, Output},
};
use tempfile::TempDir;

fn celeriac(args: &[&str]) -> (Option<i32>, String, String) {
    let Output {
        status,
        stdout,
        stderr,
    } = Command::new(env!("CARGO_BIN_EXE_celeriac"))
        .args(args)
        .env_clear()
        .output()
        .expect("it runs");
    let text = |bytes| String::from_utf8(bytes).expect("text");
    (status.code(), text(stdout), text(stderr))
}

/// Makes an empty history and returns its address.
fn history(folder: &TempDir, name: &str) -> String {
    let path = folder.path().join(name);
    let store = Store::open(&StoreConfig::Sqlite(path.clone())).expect("it can be made");
    store.write(&Batch::default()).expect("it can be written");
    address(&path)
}

fn address(path: &Path) -> String {
    format!("sqlite://{}", path.display())
}

#[test]
fn a_store_can_be_looked_at_pruned_and_moved() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let old = history(&folder, "old.db");
    let new = address(&folder.path().join("new.db"));
    let (code, out, err) = celeriac(&["store", "check", "--store", &old]);
    assert_eq!((code, err.as_str()), (Some(0), ""));
    assert!(
        out.contains("tasks          0") && out.ends_with("everything is whole\n"),
        "{out}"
    );
    let pruned = celeriac(&["prune", "--store", &old, "--before=1d", "--state=success"]);
    let nothing = "removed 0 of 0 tasks\n".to_owned();
    assert_eq!(pruned, (Some(0), nothing, String::new()));
    let (code, out, err) = celeriac(&["store", "migrate", &old, &new]);
    assert_eq!((code, err.as_str()), (Some(0), ""));
    assert_eq!(
        out,
        "took over 0 tasks: 0 in the old store, 0 in the new one\n"
    );
    assert_eq!(celeriac(&["store", "check", "--store", &new]).0, Some(0));
}

#[test]
fn an_export_is_a_file_with_a_head_and_only_complete_ones_have_the_name() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let store = history(&folder, "history.db");
    let csv = celeriac(&[
        "export",
        "--store",
        &store,
        "--columns=id,state",
        "--since=7d",
    ]);
    assert_eq!(csv, (Some(0), "id,state\r\n".to_owned(), String::new()));
    let file = folder.path().join("tasks.json");
    let path = file.display().to_string();
    let (code, out, err) = celeriac(&[
        "export",
        "--store",
        &store,
        "--format=json",
        "--output",
        &path,
    ]);
    assert_eq!((code, out.as_str(), err.as_str()), (Some(0), "", ""));
    assert_eq!(
        std::fs::read_to_string(&file).expect("it is there"),
        "[\n]\n"
    );
    let nowhere = folder.path().join("no folder").join("tasks.csv");
    let nowhere = nowhere.display().to_string();
    assert_eq!(
        celeriac(&["export", "--store", &store, "-o", &nowhere]).0,
        Some(1)
    );
}

#[test]
fn a_store_that_is_not_there_is_not_made_and_one_in_use_is_refused() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("none.db");
    for args in [
        &["store", "check", "--store", &address(&path)][..],
        &["prune", "--store", &address(&path)],
        &[
            "store",
            "migrate",
            &address(&path),
            &history(&folder, "to.db"),
        ],
    ] {
        let (code, _, err) = celeriac(args);
        assert_eq!(code, Some(1), "{args:?}");
        assert!(err.contains("holds no history"), "{err}");
        assert!(!path.exists(), "{args:?}");
    }
    let used = history(&folder, "used.db");
    let config = StoreConfig::Sqlite(folder.path().join("used.db"));
    let _dashboard = Store::open(&config).expect("it is there");
    assert_eq!(celeriac(&["store", "check", "--store", &used]).0, Some(0));
    let (code, _, err) = celeriac(&["prune", "--store", &used]);
    assert_eq!(code, Some(1));
    assert!(err.contains("another dashboard already writes"), "{err}");
}

#[test]
fn what_makes_no_sense_is_refused_with_status_2_and_without_passwords() {
    for args in [
        &["store"][..],
        &["store", "check"],
        &["store", "check", "--store=none"],
        &[
            "store",
            "check",
            "--store=postgres://u:hunter2@h/db?sslmode=hunter2",
        ],
        &["prune", "--store=sqlite:///x.db", "--retain=soon"],
        &["export", "--store=sqlite:///x.db", "--format=xlsx"],
        &["export", "--store=sqlite:///x.db", "--columns=uuid"],
        &["export", "--store=sqlite:///x.db", "--since=now"],
        &["prune", "--store=sqlite:///x.db", "--state=SUCCESS"],
        &[
            "prune",
            "--store=sqlite:///x.db",
            "--before=1d",
            "--state=STARTED",
        ],
        &["store", "migrate", "sqlite:///x.db", "sqlite:///x.db"],
    ] {
        let (code, _, err) = celeriac(args);
        assert_eq!(code, Some(2), "{args:?}: {err}");
        assert!(!err.contains("hunter2"), "{err}");
    }
}

#[test]
fn a_password_of_a_database_that_is_not_there_stays_hidden() {
    let url = "postgres://u:hunter2@127.0.0.1:1/db";
    let (code, out, err) = celeriac(&["store", "check", "--store", url]);
    assert_eq!(code, Some(1));
    assert!(err.contains("u:***@127.0.0.1:1"), "{err}");
    assert!(!format!("{out}{err}").contains("hunter2"), "{err}");
}
