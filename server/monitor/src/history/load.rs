//! What a start begins with: the newest tasks, those that have not ended, and
//! everything that is counted on.

use super::{HistoryError, HistoryQuery, Loaded, Store};

/// Newest tasks that a start takes into memory.
const NEWEST: usize = 20_000;

/// Tasks that have not ended, likewise.
const UNFINISHED: usize = 20_000;

/// Gaps and audit entries, likewise: as many as the state keeps.
const GAPS: usize = 200;
const AUDIT: usize = 1_000;

/// Reads what a start begins with; `room` is how many tasks memory holds.
pub(crate) fn load(store: &Store, room: usize) -> Result<Loaded, HistoryError> {
    // A part of the room is left, so that the first new tasks push none out.
    let most = room / 4;
    let query = HistoryQuery {
        limit: NEWEST.min(most),
        ..HistoryQuery::default()
    };
    let mut tasks = store.tasks(&query)?;
    // Those behind them are of its time or of an earlier one.
    let last = tasks.last().filter(|_| tasks.len() >= query.limit);
    let older = last.map(|(cursor, _)| cursor.time);
    tasks.extend(store.unfinished(UNFINISHED.min(most))?);
    tasks.sort_by_key(|(cursor, _)| *cursor);
    tasks.dedup_by_key(|(cursor, _)| *cursor);
    Ok(Loaded {
        tasks: tasks.into_iter().map(|(_, record)| record).collect(),
        older,
        counters: store.counters()?,
        gaps: store.gaps(GAPS)?,
        audit: store.audit(AUDIT)?,
    })
}
