//! Removing what is kept no longer. The space is given back by PostgreSQL's own autovacuum.

use super::{HistoryError, failed, write::Writer};
use crate::history::{
    retention::{FAILURES, OTHER_ENDS},
    row::built_in,
};
use model::{TaskState, Timestamp};

impl Writer {
    /// Removes tasks that ended in such a state before, oldest first. What
    /// another dashboard writes or removes at the moment is passed over.
    pub(super) fn remove_before(
        &mut self,
        states: &[TaskState],
        before: Timestamp,
        most: usize,
    ) -> Result<u64, HistoryError> {
        let mut removed = 0;
        for state in states.iter().filter_map(built_in) {
            let left = (most as u64).saturating_sub(removed) as i64;
            removed += self
                .client
                .execute(
                    "DELETE FROM tasks WHERE key IN (
                         SELECT key FROM tasks
                         WHERE state = $1::bigint AND time < $2 AND coalesce(finished, time) < $2
                         ORDER BY time, key LIMIT $3 FOR UPDATE SKIP LOCKED
                     )",
                    &[&state, &before.0, &left],
                )
                .map_err(failed("remove old tasks"))?;
        }
        Ok(removed)
    }

    /// Removes the oldest tasks that have ended.
    pub(super) fn remove_oldest(&mut self, most: usize) -> Result<u64, HistoryError> {
        let ended = OTHER_ENDS.iter().chain(&FAILURES).filter_map(built_in);
        let ended: Vec<i64> = ended.collect();
        self.client
            .execute(
                "DELETE FROM tasks WHERE key IN (
                     SELECT key FROM tasks WHERE state = ANY($1::bigint[])
                     ORDER BY time, key LIMIT $2 FOR UPDATE SKIP LOCKED
                 )",
                &[&ended, &(most as i64)],
            )
            .map_err(failed("remove the oldest tasks"))
    }

    /// Removes gaps and audit entries from before, whichever dashboard's.
    pub(super) fn remove_notes(
        &mut self,
        gaps: Timestamp,
        audit: Timestamp,
    ) -> Result<(), HistoryError> {
        self.client
            .execute("DELETE FROM gaps WHERE start < $1", &[&gaps.0])
            .and_then(|_| {
                self.client
                    .execute("DELETE FROM audit WHERE at < $1", &[&audit.0])
            })
            .map(|_| ())
            .map_err(failed("remove old gaps and audit entries"))
    }

    /// Removes those of the next tracebacks behind a number that no task has;
    /// returns the last one that was looked at, or where to begin anew.
    pub(super) fn remove_unused(&mut self, after: i64, most: usize) -> Result<i64, HistoryError> {
        let failed = || failed("remove unused tracebacks");
        let mut transaction = self.client.transaction().map_err(failed())?;
        // Nobody is about to use one of them: writers hold the lock while they write.
        let is_alone: bool = transaction
            .query_one("SELECT pg_try_advisory_xact_lock($1)", &[&self.lock])
            .map_err(failed())?
            .get(0);
        if !is_alone {
            return Ok(after);
        }
        let last: Option<i64> = transaction
            .query_one(
                "SELECT max(id) FROM (
                     SELECT id FROM tracebacks WHERE id > $1 ORDER BY id LIMIT $2
                 ) AS next",
                &[&after, &(most as i64)],
            )
            .map_err(failed())?
            .get(0);
        let Some(last) = last else {
            return Ok(i64::MIN);
        };
        transaction
            .execute(
                "DELETE FROM tracebacks WHERE id > $1 AND id <= $2 AND NOT EXISTS (
                     SELECT 1 FROM tasks WHERE traceback = tracebacks.id
                 )",
                &[&after, &last],
            )
            .map_err(failed())?;
        transaction.commit().map_err(failed())?;
        Ok(last)
    }
}
