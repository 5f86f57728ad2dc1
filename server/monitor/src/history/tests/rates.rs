//! How fast tasks are written: `cargo test --release -p monitor --lib rates -- --ignored --nocapture`.

use super::{failed_after_a_retry, server::Home, started, succeeded, suite::write};
use crate::history::TaskRecord;
use std::{io::Write as _, time::Instant};

const TASKS: u32 = 100_000;
const BATCH: usize = 5_000;

/// One task in twenty fails; each is written when it starts and when it ends.
fn ends(number: u32) -> TaskRecord {
    match number % 20 {
        0 => failed_after_a_retry(number),
        _ => succeeded(number),
    }
}

/// Returns tasks a second.
fn rate(home: &Home, records: &[TaskRecord]) -> f64 {
    let store = home.open();
    let begin = Instant::now();
    for batch in records.chunks(BATCH) {
        write(&store, batch);
    }
    records.len() as f64 / begin.elapsed().as_secs_f64()
}

#[test]
#[ignore = "takes a minute, and prints figures instead of judging them"]
fn rates_of_writing_and_reading() {
    let first: Vec<_> = (0..TASKS).map(started).collect();
    let last: Vec<_> = (0..TASKS).map(ends).collect();
    for (name, home) in [("SQLite", Home::sqlite()), ("PostgreSQL", Home::postgres())] {
        let (insert, update) = (rate(&home, &first), rate(&home, &last));
        // As a second dashboard does that heard the same.
        let again = rate(&home, &last);
        let store = home.open();
        let begin = Instant::now();
        for record in last.iter().step_by(1_000) {
            let found = store.task(&record.task.summary.id).expect("it can be read");
            assert_eq!(found.as_ref(), Some(record));
        }
        let read = begin.elapsed().as_secs_f64() * 1e3 / f64::from(TASKS / 1_000);
        writeln!(
            std::io::stdout(),
            "{name:12} {insert:9.0} new, {update:9.0} changed, {again:9.0} unchanged tasks/s, \
             {read:6.2} ms a task by id"
        )
        .expect("standard output is open");
    }
}
