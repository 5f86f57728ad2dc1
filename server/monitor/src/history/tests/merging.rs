//! Several dashboards write the same tasks, each what it heard and when it can:
//! what is stored in the end is the same.

use super::{
    failed_after_a_retry,
    server::Home,
    started, succeeded,
    suite::{read, write},
};
use crate::history::TaskRecord;
use proptest::prelude::*;

/// Tasks that are written in one case.
const TASKS: u32 = 4;

/// Returns a record of a task that leaves out what it does not know.
fn record(task: u32, stage: u8, unknown: u16, sources: u8) -> TaskRecord {
    let mut record = match stage {
        0 => {
            let mut sent = started(task);
            sent.task.summary.state = model::TaskState::Pending;
            sent.task.attempts[0].state = model::TaskState::Pending;
            forget_attempt(&mut sent);
            sent.task.summary.worker = None;
            sent.task.attempts[0].worker = None;
            sent.task.attempts[0].pid = None;
            sent.task.timestamp = sent.task.summary.sent;
            sent
        }
        1 => started(task),
        2 => succeeded(task),
        _ => failed_after_a_retry(task),
    };
    record.sources = sources;
    record.task.sources = crate::state::sources(sources);
    record.task.summary.is_repaired = crate::state::is_repaired(sources);
    let task = &mut record.task;
    let current = task.attempts.len() - 1;
    let mut unknown = (0..16).map(|bit| unknown >> bit & 1 == 1);
    let mut is_unknown = || unknown.next().unwrap_or(false);
    macro_rules! forget {
        ($($place:expr),*) => { if is_unknown() { $($place = None;)* } };
    }
    forget!(task.summary.name);
    forget!(task.summary.queue);
    forget!(task.args);
    forget!(task.kwargs);
    forget!(task.expires);
    forget!(task.exchange, task.routing_key);
    forget!(task.root_id);
    forget!(task.parent_id);
    forget!(task.client);
    forget!(task.clock);
    forget!(task.summary.sent, task.attempts[current].sent);
    forget!(task.summary.received, task.attempts[current].received);
    if is_unknown() {
        task.root_id = Some(task.summary.id.clone()).filter(|_| task.root_id.is_none());
    }
    record
}

fn forget_attempt(record: &mut TaskRecord) {
    let row = &mut record.task.summary;
    (row.received, row.started) = (None, None);
    let attempt = &mut record.task.attempts[0];
    (attempt.received, attempt.started) = (None, None);
}

/// Records of some tasks, and two orders to write them in.
fn cases() -> impl Strategy<Value = (Vec<TaskRecord>, Vec<usize>, Vec<usize>)> {
    let sources = prop::sample::select(vec![1_u8, 1 | 16, 2 | 32, 4 | 64]);
    let record = (0..TASKS, 0..4_u8, any::<u16>(), sources)
        .prop_map(|(task, stage, unknown, sources)| record(task, stage, unknown & 0xfff, sources));
    prop::collection::vec(record, 1..12).prop_flat_map(|records| {
        let order: Vec<usize> = (0..records.len()).collect();
        let (one, other) = (order.clone(), order);
        (
            Just(records),
            Just(one).prop_shuffle(),
            Just(other).prop_shuffle(),
        )
    })
}

fn stored(home: &Home, records: &[TaskRecord]) -> Vec<Option<TaskRecord>> {
    let store = home.open();
    let ids = records.iter().map(|record| &record.task.summary.id);
    ids.map(|id| read(&store, id)).collect()
}

/// Writes in the order of what is newest, as one dashboard that hears everything would.
fn in_order(home: &Home, records: &[TaskRecord]) -> Vec<Option<TaskRecord>> {
    let mut sorted = records.to_vec();
    sorted.sort_by_key(|record| (record.progress(), record.timestamp()));
    let store = home.open();
    for record in sorted {
        write(&store, &[record]);
    }
    drop(store);
    stored(home, records)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 12, ..ProptestConfig::default() })]

    #[test]
    fn a_file_holds_the_same_whatever_the_order((records, one, other) in cases()) {
        let home = Home::sqlite();
        let store = home.open();
        for place in one.into_iter().chain(other) {
            write(&store, &records[place..=place]);
        }
        drop(store);
        prop_assert_eq!(stored(&home, &records), in_order(&Home::sqlite(), &records));
    }

    #[test]
    fn two_dashboards_that_write_at_once_leave_one_row_whatever_the_order(
        (records, one, other) in cases()
    ) {
        let home = Home::postgres();
        std::thread::scope(|scope| {
            for order in [one, other] {
                scope.spawn(|| {
                    let store = home.open();
                    for place in order {
                        write(&store, &records[place..=place]);
                    }
                });
            }
        });
        prop_assert_eq!(stored(&home, &records), in_order(&Home::sqlite(), &records));
    }
}
