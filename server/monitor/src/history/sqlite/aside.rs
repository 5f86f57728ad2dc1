//! What is stored beside the tasks: counters, gaps, the audit log.

use super::{HistoryError, Reader, failed};
use crate::{
    history::{
        Batch, CounterValues,
        text::{from_json, json, number},
    },
    state::metrics::{EventCount, RuntimeHistogram},
};
use model::{AuditEntry, Gap};
use rusqlite::{Connection, Row};
use serde::de::DeserializeOwned;

/// Writes everything of a batch but its tasks.
pub(super) fn write(connection: &Connection, batch: &Batch) -> Result<(), HistoryError> {
    write_counters(connection, &batch.counters)?;
    if let Some(gaps) = &batch.gaps {
        write_gaps(connection, gaps)?;
    }
    for entry in &batch.audit {
        let json = json(entry, "audit entry")?;
        connection
            .prepare_cached("INSERT OR REPLACE INTO audit (number, at, entry) VALUES (?1, ?2, ?3)")
            .and_then(|mut insert| insert.execute((number(entry.number), entry.at.0, json)))
            .map_err(failed("store an audit entry"))?;
    }
    Ok(())
}

fn write_counters(connection: &Connection, counters: &CounterValues) -> Result<(), HistoryError> {
    let failed = || failed("store a counter");
    for (name, value) in &counters.totals {
        connection
            .prepare_cached("INSERT OR REPLACE INTO totals (name, value) VALUES (?1, ?2)")
            .and_then(|mut insert| insert.execute((name, value)))
            .map_err(failed())?;
    }
    for event in &counters.events {
        connection
            .prepare_cached(
                "INSERT OR REPLACE INTO event_counts (worker, kind, task, count)
                 VALUES (?1, ?2, ?3, ?4)",
            )
            .and_then(|mut insert| {
                let count = number(event.count);
                insert.execute((&event.worker, &event.kind, &event.task, count))
            })
            .map_err(failed())?;
    }
    for runtime in &counters.runtimes {
        let buckets = json(&runtime.buckets, "run times")?;
        connection
            .prepare_cached(
                "INSERT OR REPLACE INTO runtimes (worker, task, buckets, sum)
                 VALUES (?1, ?2, ?3, ?4)",
            )
            .and_then(|mut insert| {
                insert.execute((&runtime.worker, &runtime.task, buckets, runtime.sum_seconds))
            })
            .map_err(failed())?;
    }
    Ok(())
}

/// Replaces the gaps from the oldest of these on: some grow, and some turn out to be none.
fn write_gaps(connection: &Connection, gaps: &[Gap]) -> Result<(), HistoryError> {
    let oldest = gaps.iter().map(|gap| gap.start.0).min();
    connection
        .prepare_cached("DELETE FROM gaps WHERE start >= ?1")
        .and_then(|mut delete| delete.execute([oldest.unwrap_or(i64::MAX)]))
        .map_err(failed("replace gaps"))?;
    for gap in gaps {
        let json = json(gap, "gap")?;
        connection
            .prepare_cached("INSERT INTO gaps (start, gap) VALUES (?1, ?2)")
            .and_then(|mut insert| insert.execute((gap.start.0, json)))
            .map_err(failed("store a gap"))?;
    }
    Ok(())
}

impl Reader {
    pub(super) fn counters(&self) -> Result<CounterValues, HistoryError> {
        let totals = self.all("SELECT name, value FROM totals", |row| {
            Ok((row.get(0)?, row.get(1)?))
        })?;
        let events = self.all(
            "SELECT worker, kind, task, count FROM event_counts",
            |row| {
                Ok(EventCount {
                    worker: row.get(0)?,
                    kind: row.get(1)?,
                    task: row.get(2)?,
                    count: u64::try_from(row.get::<_, i64>(3)?).unwrap_or(0),
                })
            },
        )?;
        let runtimes: Vec<(String, String, String, f64)> = self
            .all("SELECT worker, task, buckets, sum FROM runtimes", |row| {
                Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?))
            })?;
        let runtimes = runtimes.into_iter().map(|(worker, task, buckets, sum)| {
            Ok(RuntimeHistogram {
                worker,
                task,
                buckets: from_json(&buckets, "run times")?,
                sum_seconds: sum,
            })
        });
        Ok(CounterValues {
            totals: totals.into_iter().collect(),
            events,
            runtimes: runtimes.collect::<Result<_, HistoryError>>()?,
        })
    }

    /// Returns the newest gaps, oldest first.
    pub(super) fn gaps(&self, most: usize) -> Result<Vec<Gap>, HistoryError> {
        let sql = format!("SELECT gap FROM gaps ORDER BY start DESC, key DESC LIMIT {most}");
        self.newest(&sql, "gap")
    }

    /// Returns the newest entries, oldest first.
    pub(super) fn audit(&self, most: usize) -> Result<Vec<AuditEntry>, HistoryError> {
        let sql = format!("SELECT entry FROM audit ORDER BY number DESC LIMIT {most}");
        self.newest(&sql, "audit entry")
    }

    fn newest<T: DeserializeOwned>(
        &self,
        sql: &str,
        what: &'static str,
    ) -> Result<Vec<T>, HistoryError> {
        let texts: Vec<String> = self.all(sql, |row| row.get(0))?;
        let texts = texts.iter().rev();
        texts.map(|text| from_json(text, what)).collect()
    }

    pub(super) fn all<T>(
        &self,
        sql: &str,
        read: impl FnMut(&Row<'_>) -> rusqlite::Result<T>,
    ) -> Result<Vec<T>, HistoryError> {
        let rows = || {
            let mut select = self.connection.prepare_cached(sql)?;
            select.query_map([], read)?.collect::<rusqlite::Result<_>>()
        };
        rows().map_err(failed("read the history"))
    }
}
