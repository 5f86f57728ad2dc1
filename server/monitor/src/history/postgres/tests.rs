//! What is special about a database that others use, too.

use super::*;
use crate::history::{
    Store, StoreConfig,
    tests::{Server, failed_after_a_retry, started, succeeded},
};

fn url(store: &StoreConfig) -> PostgresUrl {
    match store {
        StoreConfig::Postgres(url) => url.clone(),
        StoreConfig::Sqlite(_) => unreachable!("the server gives addresses"),
    }
}

fn batch(tasks: Vec<TaskRecord>) -> Batch {
    Batch {
        tasks,
        ..Batch::default()
    }
}

#[test]
fn dashboards_that_start_at_once_agree_on_the_schema_and_on_their_names() {
    let server = Server::shared();
    let url = url(&server.new_store());
    let stores: Vec<_> = std::thread::scope(|scope| {
        let started: Vec<_> = (0..6)
            .map(|_| scope.spawn(|| PostgresStore::open(&url).expect("it can be opened")))
            .collect();
        let opened = started.into_iter().map(|thread| thread.join());
        opened.map(|store| store.expect("no panic")).collect()
    });
    let mut names: Vec<_> = stores
        .iter()
        .map(|store| {
            let writer = store.writer.lock();
            writer.as_ref().expect("it is connected").dashboard.clone()
        })
        .collect();
    names.sort();
    assert_eq!(
        names,
        [
            "test", "test (2)", "test (3)", "test (4)", "test (5)", "test (6)"
        ]
    );
}

#[test]
fn a_newer_schema_is_refused_by_name_and_without_the_password() {
    let server = Server::shared();
    let url = url(&server.new_store());
    drop(PostgresStore::open(&url).expect("it can be opened"));
    let sql = format!("INSERT INTO {}.versions VALUES (99)", url.schema);
    server
        .connect()
        .batch_execute(&sql)
        .expect("it can be changed");
    let error = PostgresStore::open(&url).expect_err("it is from the future");
    assert!(matches!(error, HistoryError::NewerSchema { found: 99, .. }));
    let text = error.chain();
    assert!(
        text.contains("schema 99") && text.contains("celeriac:***@"),
        "{text}"
    );
    assert!(!text.contains("s3cret"), "{text}");
}

#[test]
fn a_database_that_comes_back_is_used_again() {
    let server = Server::start();
    let url = url(&server.new_store());
    let store = PostgresStore::open(&url).expect("it can be opened");
    let (first, second) = (succeeded(1), failed_after_a_retry(2));
    store.write(&batch(vec![first.clone()])).expect("it runs");
    let id = &first.task.summary.id;
    assert_eq!(store.task(id).expect("it runs"), Some(first.clone()));

    server.stop();
    let lost = batch(vec![second.clone()]);
    for _ in 0..2 {
        let error = store.write(&lost).expect_err("nobody is there").chain();
        assert!(!error.contains("s3cret"), "{error}");
    }
    store.task(id).expect_err("nobody is there");

    server.run();
    assert_eq!(store.task(id).expect("it is back"), Some(first));
    store.write(&lost).expect("it is back");
    let id = &second.task.summary.id;
    assert_eq!(store.task(id).expect("it is back"), Some(second));
}

#[test]
fn batches_of_the_same_tasks_in_other_orders_never_block_each_other_for_good() {
    let server = Server::shared();
    let url = url(&server.new_store());
    PostgresStore::open(&url).expect("it can be opened");
    let tasks = |is_reversed: bool| {
        let all = (0..300).map(|number| {
            let mut record = failed_after_a_retry(number);
            let name = format!("shop.tasks.number_{}", number % 50);
            record.task.summary.name = Some(name.as_str().into());
            record
        });
        let mut all: Vec<_> = all.collect();
        if is_reversed {
            all.reverse();
        }
        batch(all)
    };
    std::thread::scope(|scope| {
        for is_reversed in [false, true, false, true] {
            let url = &url;
            scope.spawn(move || {
                let store = PostgresStore::open(url).expect("it can be opened");
                for _ in 0..5 {
                    store
                        .write(&tasks(is_reversed))
                        .expect("nobody is in the way");
                }
            });
        }
    });
    let sql = format!(
        "SELECT count(*), count(DISTINCT id) FROM {}.tasks",
        url.schema
    );
    let row = server
        .connect()
        .query_one(&sql, &[])
        .expect("it can be read");
    assert_eq!((row.get::<_, i64>(0), row.get::<_, i64>(1)), (300, 300));
}

#[test]
fn texts_that_postgresql_cannot_hold_are_stored_with_a_mark() {
    let server = Server::shared();
    let store = PostgresStore::open(&url(&server.new_store())).expect("it can be opened");
    let mut record = succeeded(1);
    record.task.args = Some("('a\0b',)".to_owned());
    record.task.summary.name = Some("odd\0name".into());
    store
        .write(&batch(vec![record.clone()]))
        .expect("it can be written");
    let stored = store.task(&record.task.summary.id).expect("it can be read");
    let task = stored.expect("it is there").task;
    assert_eq!(task.args.as_deref(), Some("('a\u{fffd}b',)"));
    let query = HistoryQuery {
        name: record.task.summary.name,
        limit: 1,
        ..HistoryQuery::default()
    };
    assert_eq!(store.tasks(&query).expect("it can be read").len(), 1);
}

#[test]
fn a_store_can_be_opened_used_and_dropped_on_a_thread_of_the_runtime() {
    let server = Server::shared();
    let config = server.new_store();
    let runtime = tokio::runtime::Builder::new_current_thread().build();
    runtime.expect("it can be made").block_on(async {
        let store = Store::open(&config).expect("it can be opened");
        let record = started(1);
        store
            .write(&batch(vec![record.clone()]))
            .expect("it can be written");
        let stored = store.task(&record.task.summary.id).expect("it can be read");
        assert_eq!(stored, Some(record));
        drop(store);
    });
}

#[test]
fn a_server_that_is_not_there_is_named_without_the_password() {
    let url =
        PostgresUrl::parse("postgres://celeriac:s3cret@127.0.0.1:1/history").expect("it is one");
    let text = PostgresStore::open(&url)
        .expect_err("nobody listens")
        .chain();
    assert!(
        text.contains("celeriac:***@127.0.0.1:1") && !text.contains("s3cret"),
        "{text}"
    );
}

#[test]
fn tls_is_used_as_far_as_the_address_asks_for_it() {
    let server = Server::start();
    let StoreConfig::Postgres(plain) = server.new_store() else {
        unreachable!("the server gives addresses")
    };
    let open = |rest: &str| {
        let url = format!("{}&{rest}", plain.to_string().replace("***", "s3cret"));
        PostgresStore::open(&PostgresUrl::parse(&url).expect("it is an address"))
    };
    let is_encrypted = |store: &PostgresStore| -> bool {
        let sql = "SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()";
        let asked = store.read(|reader| {
            let row = reader.client.query_one(sql, &[]).map_err(failed("ask"))?;
            Ok(row.get(0))
        });
        asked.expect("it can be asked")
    };
    assert!(!is_encrypted(&open("sslmode=prefer").expect("without TLS")));
    open("sslmode=require").expect_err("the server has none");

    let certificate = server.offer_tls();
    let certificate = certificate.display();
    assert!(!is_encrypted(
        &open("sslmode=disable").expect("without TLS")
    ));
    for mode in ["sslmode=prefer", "sslmode=require"] {
        assert!(is_encrypted(&open(mode).expect("with TLS")), "{mode}");
    }
    let trusted = format!("sslmode=verify-full&sslrootcert={certificate}");
    assert!(is_encrypted(&open(&trusted).expect("with TLS")));
    open("sslmode=verify-full").expect_err("nobody has signed it");
    let error = open("sslmode=verify-full&sslrootcert=/nowhere").expect_err("no such file");
    assert!(
        matches!(error, HistoryError::Certificates { .. }),
        "{error}"
    );
}
