//! What is stored beside the tasks: counters, gaps, the audit log. Each
//! dashboard has its own, as each hears, misses and does other things.

use super::{HistoryError, Reader, clean, failed};
use crate::{
    history::{
        Batch, CounterValues,
        text::{from_json, json, number},
    },
    state::metrics::{EventCount, RuntimeHistogram},
};
use model::{AuditEntry, Gap};
use postgres::Transaction;
use serde::de::DeserializeOwned;

/// Writes everything of a batch but its tasks.
pub(super) fn write(
    transaction: &mut Transaction<'_>,
    dashboard: &str,
    batch: &Batch,
) -> Result<(), HistoryError> {
    write_counters(transaction, dashboard, &batch.counters)?;
    if let Some(gaps) = &batch.gaps {
        write_gaps(transaction, dashboard, gaps)?;
    }
    for entry in &batch.audit {
        let text = json(entry, "audit entry")?;
        transaction
            .execute(
                "INSERT INTO audit (dashboard, number, at, entry) VALUES ($1, $2, $3, $4)
                 ON CONFLICT (dashboard, number)
                 DO UPDATE SET at = excluded.at, entry = excluded.entry",
                &[&dashboard, &number(entry.number), &entry.at.0, &text],
            )
            .map_err(failed("store an audit entry"))?;
    }
    Ok(())
}

fn write_counters(
    transaction: &mut Transaction<'_>,
    dashboard: &str,
    counters: &CounterValues,
) -> Result<(), HistoryError> {
    let failed = || failed("store counters");
    if !counters.totals.is_empty() {
        let (names, values): (Vec<_>, Vec<_>) = counters
            .totals
            .iter()
            .map(|(name, value)| (clean(name), *value))
            .unzip();
        transaction
            .execute(
                "INSERT INTO totals (dashboard, name, value)
                 SELECT $1, * FROM unnest($2::text[], $3::bigint[])
                 ON CONFLICT (dashboard, name) DO UPDATE SET value = excluded.value",
                &[&dashboard, &names, &values],
            )
            .map_err(failed())?;
    }
    if !counters.events.is_empty() {
        let events = || counters.events.iter();
        let workers: Vec<_> = events().map(|event| clean(&event.worker)).collect();
        let kinds: Vec<_> = events().map(|event| clean(&event.kind)).collect();
        let tasks: Vec<_> = events().map(|event| clean(&event.task)).collect();
        let counts: Vec<_> = events().map(|event| number(event.count)).collect();
        transaction
            .execute(
                "INSERT INTO event_counts (dashboard, worker, kind, task, count)
                 SELECT $1, * FROM unnest($2::text[], $3::text[], $4::text[], $5::bigint[])
                 ON CONFLICT (dashboard, worker, kind, task)
                 DO UPDATE SET count = excluded.count",
                &[&dashboard, &workers, &kinds, &tasks, &counts],
            )
            .map_err(failed())?;
    }
    if !counters.runtimes.is_empty() {
        let runtimes = || counters.runtimes.iter();
        let workers: Vec<_> = runtimes().map(|one| clean(&one.worker)).collect();
        let tasks: Vec<_> = runtimes().map(|one| clean(&one.task)).collect();
        let buckets = runtimes()
            .map(|one| json(&one.buckets, "run times"))
            .collect::<Result<Vec<_>, _>>()?;
        let sums: Vec<_> = runtimes().map(|one| one.sum_seconds).collect();
        transaction
            .execute(
                "INSERT INTO runtimes (dashboard, worker, task, buckets, sum)
                 SELECT $1, * FROM unnest($2::text[], $3::text[], $4::text[], $5::float8[])
                 ON CONFLICT (dashboard, worker, task)
                 DO UPDATE SET buckets = excluded.buckets, sum = excluded.sum",
                &[&dashboard, &workers, &tasks, &buckets, &sums],
            )
            .map_err(failed())?;
    }
    Ok(())
}

/// Replaces the gaps from the oldest of these on: some grow, and some turn out to be none.
fn write_gaps(
    transaction: &mut Transaction<'_>,
    dashboard: &str,
    gaps: &[Gap],
) -> Result<(), HistoryError> {
    let oldest = gaps.iter().map(|gap| gap.start.0).min();
    transaction
        .execute(
            "DELETE FROM gaps WHERE dashboard = $1 AND start >= $2",
            &[&dashboard, &oldest.unwrap_or(i64::MAX)],
        )
        .map_err(failed("replace gaps"))?;
    let starts: Vec<_> = gaps.iter().map(|gap| gap.start.0).collect();
    let texts = gaps
        .iter()
        .map(|gap| json(gap, "gap"))
        .collect::<Result<Vec<_>, _>>()?;
    transaction
        .execute(
            "INSERT INTO gaps (dashboard, start, gap)
             SELECT $1, * FROM unnest($2::bigint[], $3::text[])",
            &[&dashboard, &starts, &texts],
        )
        .map(|_| ())
        .map_err(failed("store gaps"))
}

impl Reader {
    pub(super) fn counters(&mut self, dashboard: &str) -> Result<CounterValues, HistoryError> {
        let client = &mut self.client;
        let failed = || failed("read the counters");
        let totals = client
            .query(
                "SELECT name, value FROM totals WHERE dashboard = $1",
                &[&dashboard],
            )
            .map_err(failed())?;
        let events = client
            .query(
                "SELECT worker, kind, task, count FROM event_counts WHERE dashboard = $1",
                &[&dashboard],
            )
            .map_err(failed())?;
        let runtimes = client
            .query(
                "SELECT worker, task, buckets, sum FROM runtimes WHERE dashboard = $1",
                &[&dashboard],
            )
            .map_err(failed())?;
        Ok(CounterValues {
            totals: totals.iter().map(|row| (row.get(0), row.get(1))).collect(),
            events: events
                .iter()
                .map(|row| EventCount {
                    worker: row.get(0),
                    kind: row.get(1),
                    task: row.get(2),
                    count: u64::try_from(row.get::<_, i64>(3)).unwrap_or(0),
                })
                .collect(),
            runtimes: runtimes
                .iter()
                .map(|row| {
                    Ok(RuntimeHistogram {
                        worker: row.get(0),
                        task: row.get(1),
                        buckets: from_json(row.get(2), "run times")?,
                        sum_seconds: row.get(3),
                    })
                })
                .collect::<Result<_, HistoryError>>()?,
        })
    }

    /// Returns the newest gaps, oldest first.
    pub(super) fn gaps(&mut self, dashboard: &str, most: usize) -> Result<Vec<Gap>, HistoryError> {
        let sql = "SELECT gap FROM gaps WHERE dashboard = $1 ORDER BY start DESC, key DESC";
        self.newest(sql, dashboard, most, "gap")
    }

    /// Returns the newest entries, oldest first.
    pub(super) fn audit(
        &mut self,
        dashboard: &str,
        most: usize,
    ) -> Result<Vec<AuditEntry>, HistoryError> {
        let sql = "SELECT entry FROM audit WHERE dashboard = $1 ORDER BY number DESC";
        self.newest(sql, dashboard, most, "audit entry")
    }

    fn newest<T: DeserializeOwned>(
        &mut self,
        sql: &str,
        dashboard: &str,
        most: usize,
        what: &'static str,
    ) -> Result<Vec<T>, HistoryError> {
        let rows = self
            .client
            .query(&format!("{sql} LIMIT {most}"), &[&dashboard])
            .map_err(failed("read the history"))?;
        let texts = rows.iter().rev().map(|row| row.get(0));
        texts.map(|text| from_json(text, what)).collect()
    }
}
