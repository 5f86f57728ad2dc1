//! Taking a history from one store into another.

use super::{Batch, Cursor, HistoryError, HistoryQuery, Store};
use std::collections::BTreeMap;

/// Tasks taken over at once.
const BATCH: usize = 2_000;

/// More gaps and audit entries than anybody has.
const ALL: usize = 1_000_000;

/// How far an earlier attempt came, among the target's totals.
const TIME: &str = "migration/time";
const KEY: &str = "migration/key";

/// What was taken over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Migrated {
    /// Tasks that this attempt took over.
    pub tasks: u64,
    /// Tasks in the store they came from.
    pub source: u64,
    /// Tasks in the store they went to; it may have had others.
    pub target: u64,
}

/// Takes everything over, newest first; what the target knows better stays.
///
/// One that was broken off goes on where it was: each batch says how far it
/// came. `progress` hears how many tasks are done and how many there are.
pub fn migrate(
    from: &Store,
    to: &Store,
    mut progress: impl FnMut(u64, u64),
) -> Result<Migrated, HistoryError> {
    let source = from.count()?;
    let known = to.counters()?.totals;
    let mut query = HistoryQuery {
        limit: BATCH,
        after: known
            .get(TIME)
            .zip(known.get(KEY))
            .map(|(time, key)| Cursor {
                time: *time,
                key: *key,
            }),
        ..HistoryQuery::default()
    };
    if query.after.is_none() {
        to.write(&Batch {
            counters: from.counters()?,
            gaps: Some(from.gaps(ALL)?),
            audit: from.audit(ALL)?,
            ..Batch::default()
        })?;
    }
    let mut tasks = 0;
    loop {
        progress(tasks, source);
        let page = from.tasks(&query)?;
        let Some((last, _)) = page.last() else { break };
        let last = *last;
        let mut batch = Batch {
            tasks: page.into_iter().map(|(_, record)| record).collect(),
            ..Batch::default()
        };
        batch.counters.totals =
            BTreeMap::from([(TIME.to_owned(), last.time), (KEY.to_owned(), last.key)]);
        to.write(&batch)?;
        tasks += batch.tasks.len() as u64;
        query.after = Some(last);
    }
    Ok(Migrated {
        tasks,
        source,
        target: to.count()?,
    })
}
