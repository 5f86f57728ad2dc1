//! What history costs: writing tasks into a file of SQLite beside the same rows
//! in a bare table, and reading them again. Prints CPU time.
//!
//! `cargo bench -p monitor --bench history [-- TASKS]`

#[expect(dead_code, reason = "the benchmarks share more than this one needs")]
mod support;

use model::{Attempt, Source, TaskDetail, TaskId, TaskState, TaskSummary, Timestamp};
use monitor::history::{Batch, HistoryQuery, Store, StoreConfig, TaskRecord};
use std::{
    path::Path,
    time::{Duration, Instant},
};
use support::{START, cpu_time, report};

const BATCH: usize = 5_000;
const LOOKS: usize = 200;

fn main() {
    let tasks = std::env::args()
        .skip(1)
        .find_map(|argument| argument.parse().ok())
        .unwrap_or(500_000);
    let folder = tempfile::tempdir().expect("a folder");
    let bare = write_bare(&folder.path().join("bare.db"), tasks);
    let file = folder.path().join("history.db");
    let config = StoreConfig::Sqlite(file.clone());
    let store = Store::open(&config).expect("the file can be made");
    let written = write(&store, tasks);
    let rate = |time: Duration| tasks as f64 / time.as_secs_f64();
    report("tasks", tasks as f64, "");
    report("bare table, tasks per CPU-second", rate(bare), "");
    report("history, tasks per CPU-second", rate(written), "");
    report(
        "ratio, history to bare table",
        written.as_secs_f64() / bare.as_secs_f64(),
        "x",
    );
    let bytes = std::fs::metadata(&file).expect("it is there").len();
    report("file per task", bytes as f64 / tasks as f64, "bytes");
    read(&store, tasks);
    drop(store);
    let begun = Instant::now();
    drop(Store::open(&config).expect("the file can be opened"));
    report("open", begun.elapsed().as_secs_f64() * 1e3, "ms");
}

fn write(store: &Store, tasks: usize) -> Duration {
    let (mut spent, mut worst) = (Duration::ZERO, Duration::ZERO);
    for first in (0..tasks).step_by(BATCH) {
        let batch = Batch {
            tasks: (first..tasks.min(first + BATCH)).map(record).collect(),
            ..Batch::default()
        };
        let (begun, since) = (cpu_time(), Instant::now());
        store.write(&batch).expect("it can be written");
        spent += cpu_time() - begun;
        worst = worst.max(since.elapsed());
    }
    report("worst batch", worst.as_secs_f64() * 1e3, "ms");
    spent
}

/// The least that SQLite can do with such rows: one table, one text, no index.
fn write_bare(path: &Path, tasks: usize) -> Duration {
    let mut connection = rusqlite::Connection::open(path).expect("a file");
    connection
        .execute_batch(
            "PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL;
             CREATE TABLE tasks (id BLOB, state INTEGER, name INTEGER, received INTEGER,
                 started INTEGER, finished INTEGER, runtime REAL, args TEXT, kwargs TEXT, result TEXT)",
        )
        .expect("a table");
    let mut spent = Duration::ZERO;
    for first in (0..tasks).step_by(BATCH) {
        let records: Vec<TaskRecord> = (first..tasks.min(first + BATCH)).map(record).collect();
        let begun = cpu_time();
        let transaction = connection.transaction().expect("a transaction");
        {
            let sql = "INSERT INTO tasks VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)";
            let mut insert = transaction.prepare(sql).expect("a statement");
            for record in &records {
                let (task, row) = (&record.task, &record.task.summary);
                let time = |time: Option<Timestamp>| time.map(|time| time.0);
                insert
                    .execute((
                        &row.id.as_str().as_bytes()[..16],
                        3,
                        7,
                        time(row.received),
                        time(row.started),
                        time(row.finished),
                        row.runtime_seconds,
                        &task.args,
                        &task.kwargs,
                        &task.result,
                    ))
                    .expect("a row");
            }
        }
        transaction.commit().expect("it is written");
        spent += cpu_time() - begun;
    }
    spent
}

fn read(store: &Store, tasks: usize) {
    let p95 = |what: &str, mut look: Box<dyn FnMut(usize) + '_>| {
        let mut times: Vec<f64> = (0..LOOKS)
            .map(|number| {
                let begun = Instant::now();
                look(number);
                begun.elapsed().as_secs_f64() * 1e3
            })
            .collect();
        times.sort_by(f64::total_cmp);
        report(what, times[LOOKS * 95 / 100], "ms (p95)");
    };
    p95(
        "task by id",
        Box::new(|number| {
            let id = id(number * 7_919 % tasks);
            let found = store.task(&id).expect("it can be read");
            assert!(found.is_some());
        }),
    );
    let page = |query: &HistoryQuery| {
        let found = store.tasks(query).expect("it can be read");
        assert_eq!(found.len(), query.limit);
    };
    let first = HistoryQuery {
        limit: 100,
        ..HistoryQuery::default()
    };
    p95("first page by time", Box::new(|_| page(&first)));
    let failures = HistoryQuery {
        states: vec![TaskState::Failure],
        ..first.clone()
    };
    p95("first page of failures", Box::new(|_| page(&failures)));
    let of_type = |number: usize| HistoryQuery {
        name: Some(name(number).as_str().into()),
        ..first.clone()
    };
    p95(
        "first page of a type",
        Box::new(|number| page(&of_type(number))),
    );
    let begun = Instant::now();
    store.unfinished(20_000).expect("they can be read");
    let newest = HistoryQuery {
        limit: 20_000,
        ..HistoryQuery::default()
    };
    store.tasks(&newest).expect("they can be read");
    report(
        "what a start reads",
        begun.elapsed().as_secs_f64() * 1e3,
        "ms",
    );
}

fn id(number: usize) -> TaskId {
    let mix = (number as u128 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835);
    let hex = format!("{mix:032x}");
    let text = format!(
        "{}-{}-{}-{}-{}",
        &hex[..8],
        &hex[8..12],
        &hex[12..16],
        &hex[16..20],
        &hex[20..]
    );
    text.as_str().into()
}

fn name(number: usize) -> String {
    let kind = number * 7 % support::TYPES;
    format!("shop.module{kind}.tasks.do_something_useful_{kind}")
}

/// A task that has ended, with all that events tell; one in twenty has failed.
fn record(number: usize) -> TaskRecord {
    let at = |offset: i64| Some(Timestamp(START + number as i64 * 1_000 + offset));
    let has_failed = number.is_multiple_of(20);
    let state = if has_failed {
        TaskState::Failure
    } else {
        TaskState::Success
    };
    let exception = has_failed.then(|| format!("ValueError('order {} is gone')", number % 97));
    let traceback = has_failed.then(|| {
        format!(
            "Traceback (most recent call last):\n{}ValueError: order {} is gone\n",
            "  File \"/app/shop/tasks.py\", line 71, in pay\n    charge(order)\n".repeat(8),
            number % 97
        )
    });
    let attempt = Attempt {
        retries: 0,
        delivery: 1,
        state: state.clone(),
        worker: Some(format!("celery@worker-{}", number % 20).as_str().into()),
        pid: Some(4_127),
        sent: at(0),
        received: at(2_000),
        started: at(3_000),
        finished: at(90_000),
        runtime_seconds: Some(0.087),
        eta: None,
        exception: exception.clone(),
        traceback: traceback.clone(),
        reason: None,
    };
    TaskRecord {
        sources: 1,
        task: TaskDetail {
            summary: TaskSummary {
                id: id(number),
                name: Some(name(number).as_str().into()),
                state,
                worker: attempt.worker.clone(),
                queue: Some(format!("queue-{}", number % 8).as_str().into()),
                retries: 0,
                sent: attempt.sent,
                received: attempt.received,
                started: attempt.started,
                finished: attempt.finished,
                runtime_seconds: attempt.runtime_seconds,
                eta: None,
                exception: exception.clone(),
                is_repaired: false,
                usual_runtime_seconds: None,
                is_revoked: false,
            },
            args: Some(format!(
                "('user{number}@example.org', {number}, 'welcome/v7')"
            )),
            kwargs: Some(format!(
                "{{'order_id': {number}, 'locale': 'de_DE', 'context': {{'first_name': 'Lena', 'trial_days': 14}}}}"
            )),
            result: (!has_failed).then(|| format!("{{'sent': True, 'id': {number}}}")),
            exception,
            traceback,
            expires: None,
            exchange: Some(String::new()),
            routing_key: Some(format!("queue-{}", number % 8)),
            root_id: Some(id(number)),
            parent_id: None,
            children: Vec::new(),
            client: Some(format!("gen{}@web-{}", 4_000 + number % 6, number % 3)),
            clock: Some(number as u64),
            timestamp: attempt.finished,
            attempts: vec![attempt],
            attempts_dropped: 0,
            custom_events: Vec::new(),
            sources: vec![Source::Event],
            retry_of: None,
            retried_as: Vec::new(),
        },
    }
}
