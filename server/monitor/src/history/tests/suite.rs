//! What every store does.

use super::{failed_after_a_retry, server::Home, started, succeeded};
use crate::{
    history::{
        Batch, CounterValues, HistoryError, HistoryQuery, Pruner, Retention, Store, TaskRecord,
        migrate,
    },
    state::metrics::{EventCount, RuntimeHistogram},
};
use model::{Gap, GapCause, TaskId, TaskState, Timestamp};
use std::{collections::BTreeMap, time::Duration};

/// Makes each function a test of SQLite and one of PostgreSQL.
macro_rules! tests_of_every_store {
    ($($name:ident)*) => {
        mod sqlite {
            $(#[test] fn $name() { super::$name(&super::Home::sqlite()); })*
        }
        mod postgres {
            $(#[test] fn $name() { super::$name(&super::Home::postgres()); })*
        }
    };
}

tests_of_every_store! {
    what_is_written_is_read_again
    odd_ids_and_texts_are_read_again
    pages_go_on_where_the_last_one_ended
    an_older_record_never_replaces_a_newer_one
    what_a_later_record_leaves_out_stays
    times_and_words_bound_what_is_read
    what_is_counted_and_listed_is_read_again
    what_has_not_ended_is_found_newest_first
    what_is_older_than_it_is_kept_goes_and_what_runs_stays
    of_too_many_tasks_the_oldest_that_ended_go
    tracebacks_go_with_the_last_task_that_has_them
    a_check_counts_and_finds_what_is_lost
    a_store_that_is_read_alone_is_there_already_and_can_be_in_use
    a_history_moves_into_another_store_and_goes_on_where_it_was_broken_off
}

pub(super) fn write(store: &Store, tasks: &[TaskRecord]) {
    let batch = Batch {
        tasks: tasks.to_vec(),
        ..Batch::default()
    };
    store.write(&batch).expect("the batch can be written");
}

pub(super) fn read(store: &Store, id: &TaskId) -> Option<TaskRecord> {
    store.task(id).expect("it can be read")
}

fn read_all(store: &Store, query: &HistoryQuery) -> Vec<TaskRecord> {
    let page = store.tasks(query).expect("it can be read");
    page.into_iter().map(|(_, record)| record).collect()
}

fn what_is_written_is_read_again(home: &Home) {
    let records = [succeeded(1), started(2), failed_after_a_retry(3)];
    write(&home.open(), &records);
    let store = home.open();
    for record in &records {
        assert_eq!(read(&store, &record.task.summary.id).as_ref(), Some(record));
    }
    assert_eq!(read(&store, &"nobody".into()), None);
}

fn odd_ids_and_texts_are_read_again(home: &Home) {
    let long = "order/".repeat(10_000);
    let ids = [
        "",
        "order/2026-11/4",
        "fifteen letters",
        &long,
        "É",
        "8F14E45F-CEEA-467F-A1B2-000000000001",
    ];
    let records: Vec<_> = (0..)
        .zip(ids)
        .map(|(number, id)| {
            let mut odd = succeeded(number);
            let task = &mut odd.task;
            task.summary.id = id.into();
            task.root_id = Some(id.into());
            task.parent_id = Some("order/2026-11".into());
            task.retry_of = Some(long.as_str().into());
            task.summary.state = TaskState::Custom("PROGRESS".into());
            task.attempts[0].state = task.summary.state.clone();
            task.summary.name = Some(long.as_str().into());
            task.args = Some(format!("('{}',)", "ü".repeat(100_000)));
            task.summary.runtime_seconds = Some(f64::INFINITY);
            task.attempts[0].runtime_seconds = Some(f64::INFINITY);
            task.summary.retries = u32::MAX;
            task.attempts[0].retries = u32::MAX;
            odd
        })
        .collect();
    let store = home.open();
    write(&store, &records);
    for record in &records {
        assert_eq!(read(&store, &record.task.summary.id).as_ref(), Some(record));
    }
    let query = HistoryQuery {
        states: vec![TaskState::Custom("PROGRESS".into())],
        limit: 100,
        ..HistoryQuery::default()
    };
    assert_eq!(read_all(&store, &query).len(), records.len());
}

fn pages_go_on_where_the_last_one_ended(home: &Home) {
    let store = home.open();
    let records: Vec<_> = (0..25)
        .map(|n| match n % 4 {
            0 => started(n),
            1 => failed_after_a_retry(n),
            _ => succeeded(n),
        })
        .collect();
    write(&store, &records);
    let mut query = HistoryQuery {
        states: vec![TaskState::Success, TaskState::Failure],
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
        .filter(|record| record.task.summary.state != TaskState::Started)
        .collect();
    expected.sort_by_key(|record| std::cmp::Reverse(record.time()));
    assert_eq!(seen, expected);
}

fn an_older_record_never_replaces_a_newer_one(home: &Home) {
    let store = home.open();
    let (old, new) = (started(1), succeeded(1));
    let id = &new.task.summary.id;
    for order in [[&old, &new], [&new, &old]] {
        for record in order {
            write(&store, std::slice::from_ref(record));
        }
        assert_eq!(read(&store, id).as_ref(), Some(&new));
    }
}

fn what_a_later_record_leaves_out_stays(home: &Home) {
    let store = home.open();
    let whole = started(1);
    let mut end = succeeded(1);
    end.task.summary.name = None;
    end.task.args = None;
    end.task.root_id = None;
    end.task.summary.received = None;
    end.task.attempts[0].received = None;
    end.task.timestamp = end.task.summary.finished;
    write(&store, std::slice::from_ref(&whole));
    write(&store, &[end]);
    let task = read(&store, &whole.task.summary.id)
        .expect("it is stored")
        .task;
    assert_eq!(task.summary.state, TaskState::Success);
    assert_eq!(task.summary.name, whole.task.summary.name);
    assert_eq!(task.summary.received, whole.task.summary.received);
    assert_eq!(task.root_id, whole.task.root_id);
    assert_eq!(task.args, whole.task.args);
}

fn times_and_words_bound_what_is_read(home: &Home) {
    let store = home.open();
    let records: Vec<_> = (0..10).map(succeeded).collect();
    write(&store, &records);
    let query = HistoryQuery {
        start: Some(Timestamp(records[3].time())),
        end: Some(Timestamp(records[5].time())),
        name: records[0].task.summary.name.clone(),
        worker: records[0].task.summary.worker.clone(),
        queue: records[0].task.summary.queue.clone(),
        limit: 100,
        ..HistoryQuery::default()
    };
    assert_eq!(
        read_all(&store, &query),
        [5, 4, 3].map(|n| records[n].clone())
    );
    let nobody = HistoryQuery {
        worker: Some("celery@nobody".into()),
        ..query
    };
    assert_eq!(read_all(&store, &nobody), []);
}

fn what_is_counted_and_listed_is_read_again(home: &Home) {
    let gap = |start: i64, missed| Gap {
        start: Timestamp(start),
        end: Some(Timestamp(start + 5)),
        cause: GapCause::Overload,
        worker: None,
        missed: Some(missed),
        recovered: 0,
    };
    let counters = |count| CounterValues {
        totals: BTreeMap::from([("events".to_owned(), count)]),
        events: vec![EventCount {
            worker: "celery@mail-1".to_owned(),
            kind: "task-received".to_owned(),
            task: String::new(),
            count: count.unsigned_abs(),
        }],
        runtimes: vec![RuntimeHistogram {
            worker: String::new(),
            task: "mail".to_owned(),
            buckets: [count.unsigned_abs(); 15],
            sum_seconds: 1.5,
        }],
    };
    {
        let store = home.open();
        for (count, gaps) in [
            (1, vec![gap(10, 1)]),
            (2, vec![gap(10, 1), gap(20, 1), gap(30, 1)]),
            // The second turned out to be none, the third grew, the first is kept no longer.
            (3, vec![gap(20, 9)]),
        ] {
            let batch = Batch {
                counters: counters(count),
                gaps: Some(gaps),
                ..Batch::default()
            };
            store.write(&batch).expect("it can be written");
        }
    }
    let store = home.open();
    assert_eq!(store.counters().expect("they can be read"), counters(3));
    let gaps = store.gaps(10).expect("they can be read");
    assert_eq!(gaps, [gap(10, 1), gap(20, 9)]);
    assert_eq!(store.gaps(1).expect("it can be read"), [gap(20, 9)]);
}

fn what_has_not_ended_is_found_newest_first(home: &Home) {
    let store = home.open();
    let mut progress = started(3);
    progress.task.summary.state = TaskState::Custom("PROGRESS".into());
    progress.task.attempts[0].state = TaskState::Custom("PROGRESS".into());
    let records = [started(1), succeeded(2), progress, failed_after_a_retry(4)];
    write(&store, &records);
    let found = store.unfinished(10).expect("they can be read");
    let found: Vec<_> = found.into_iter().map(|(_, record)| record).collect();
    assert_eq!(found, [records[2].clone(), records[0].clone()]);
    assert_eq!(store.unfinished(1).expect("they can be read").len(), 1);
}

/// Returns when the `number`th task of the tests is so many seconds old.
fn later(number: u32, seconds: i64) -> Timestamp {
    Timestamp(started(number).time() + seconds * 1_000_000)
}

fn prune(store: &Store, retention: Retention, now: Timestamp) -> u64 {
    let mut pruner = Pruner::new(retention);
    let mut removed = 0;
    loop {
        match pruner.remove(store, now).expect("they can be removed") {
            0 => return removed,
            more => removed += more,
        }
    }
}

fn numbers_left(store: &Store) -> Vec<bool> {
    (0..12)
        .map(|number| read(store, &started(number).task.summary.id).is_some())
        .collect()
}

fn what_is_older_than_it_is_kept_goes_and_what_runs_stays(home: &Home) {
    let store = home.open();
    let kind = |number: u32| match number % 3 {
        0 => started(number),
        1 => succeeded(number),
        _ => failed_after_a_retry(number),
    };
    write(&store, &(0..12).map(kind).collect::<Vec<_>>());
    let retention = Retention {
        tasks: Some(Duration::from_secs(30)),
        failures: Some(Duration::from_secs(60)),
        rows: None,
    };
    // Tasks are ten seconds apart and end within ten seconds.
    assert_eq!(prune(&store, retention, later(11, 20)), 3 + 2);
    let left: Vec<_> = (0..12)
        .map(|number| match number % 3 {
            0 => true,
            1 => number >= 10,
            _ => number >= 8,
        })
        .collect();
    assert_eq!(numbers_left(&store), left);
    assert_eq!(store.count().expect("they can be counted"), 7);
}

fn of_too_many_tasks_the_oldest_that_ended_go(home: &Home) {
    let store = home.open();
    let kind = |number: u32| match number {
        0 | 5 => started(number),
        _ => succeeded(number),
    };
    write(&store, &(0..12).map(kind).collect::<Vec<_>>());
    let retention = Retention {
        tasks: None,
        failures: None,
        rows: Some(4),
    };
    assert_eq!(prune(&store, retention, later(11, 0)), 8);
    let left: Vec<_> = (0..12).map(|n| n == 0 || n == 5 || n >= 10).collect();
    assert_eq!(numbers_left(&store), left);
}

fn tracebacks_go_with_the_last_task_that_has_them(home: &Home) {
    let store = home.open();
    write(&store, &[failed_after_a_retry(0), failed_after_a_retry(1)]);
    let sweep = || {
        let next = store.remove_unused(i64::MIN, 100).expect("it can be swept");
        next != i64::MIN
    };
    assert_eq!(store.remove_oldest(1).expect("it can be removed"), 1);
    assert!(sweep(), "there is one");
    let left = read(&store, &started(1).task.summary.id).expect("it is there");
    assert!(left.task.traceback.is_some());
    assert_eq!(store.remove_oldest(9).expect("it can be removed"), 1);
    assert!(sweep(), "there is one");
    assert!(!sweep(), "there is none");
    write(&store, &[failed_after_a_retry(1)]);
    let again = read(&store, &started(1).task.summary.id).expect("it is there");
    assert_eq!(again.task.traceback, left.task.traceback);
}

fn a_check_counts_and_finds_what_is_lost(home: &Home) {
    let store = home.open();
    write(&store, &[started(0), succeeded(1), failed_after_a_retry(2)]);
    let report = store.check(|_| ()).expect("it can be looked at");
    assert_eq!(report.problems, Vec::<String>::new());
    let state = |name: &str| (name.to_owned(), 1);
    assert_eq!(
        report.states,
        [state("STARTED"), state("SUCCESS"), state("FAILURE")]
    );
    assert_eq!(report.others[0], ("tracebacks", 1));
    assert!(report.schema >= 1 && report.size_bytes > 0, "{report:?}");
    home.execute("DELETE FROM words WHERE kind = 3");
    let report = store.check(|_| ()).expect("it can be looked at");
    assert_eq!(report.problems, ["3 tasks whose queue is lost"]);
}

fn a_store_that_is_read_alone_is_there_already_and_can_be_in_use(home: &Home) {
    let error = Store::open_to_read(&home.config()).expect_err("nothing is there");
    assert!(matches!(error, HistoryError::NoHistory { .. }), "{error}");
    let writes = home.open();
    let reads = Store::open_to_read(&home.config()).expect("it is there");
    write(&writes, &[succeeded(1)]);
    let id = succeeded(1).task.summary.id;
    assert_eq!(read(&reads, &id), Some(succeeded(1)));
}

fn a_history_moves_into_another_store_and_goes_on_where_it_was_broken_off(home: &Home) {
    let old = Home::sqlite();
    let from = old.open();
    let records: Vec<_> = (0..4_500).map(succeeded).collect();
    write(&from, &records);
    let counters = CounterValues {
        totals: BTreeMap::from([("events".to_owned(), 7)]),
        ..CounterValues::default()
    };
    let batch = Batch {
        counters,
        ..Batch::default()
    };
    from.write(&batch).expect("it can be written");
    // Breaks off in the middle.
    let broken = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        migrate(&from, &home.open(), |done, _| {
            assert!(done < 2_000, "broken off")
        })
    }));
    assert!(broken.is_err());
    let to = home.open();
    assert_eq!(to.count().expect("it can be counted"), 2_000);
    let moved = migrate(&from, &to, |_, _| ()).expect("it can be moved");
    assert_eq!(
        (moved.tasks, moved.source, moved.target),
        (2_500, 4_500, 4_500)
    );
    for record in records.iter().step_by(500) {
        assert_eq!(read(&to, &record.task.summary.id).as_ref(), Some(record));
    }
    let counters = to.counters().expect("they can be read");
    assert_eq!(counters.totals.get("events"), Some(&7));
}
