//! Removing what is kept no longer, and giving its space back.

use super::{HistoryError, Writer, failed};
use crate::history::{
    retention::{FAILURES, OTHER_ENDS},
    row::built_in,
};
use model::{TaskState, Timestamp};

/// Free pages that are left for what comes next: 8 MB.
const SPARE_PAGES: i64 = 2_048;

/// Free pages given back at once.
const PAGES: i64 = 512;

impl Writer {
    /// Removes tasks that ended in such a state before, oldest first.
    pub(super) fn remove_before(
        &mut self,
        states: &[TaskState],
        before: Timestamp,
        most: usize,
    ) -> Result<u64, HistoryError> {
        let mut removed = 0;
        for state in states.iter().filter_map(built_in) {
            let left = most.saturating_sub(removed) as i64;
            removed += self
                .connection
                .prepare_cached(
                    "DELETE FROM tasks WHERE key IN (
                         SELECT key FROM tasks
                         WHERE state = ?1 AND time < ?2 AND coalesce(finished, time) < ?2
                         ORDER BY time LIMIT ?3
                     )",
                )
                .and_then(|mut delete| delete.execute((state, before.0, left)))
                .map_err(failed("remove old tasks"))?;
        }
        self.give_back()?;
        Ok(removed as u64)
    }

    /// Removes the oldest tasks that have ended.
    pub(super) fn remove_oldest(&mut self, most: usize) -> Result<u64, HistoryError> {
        let ended = OTHER_ENDS.iter().chain(&FAILURES).filter_map(built_in);
        let ended: Vec<_> = ended.map(|number| number.to_string()).collect();
        let sql = format!(
            "DELETE FROM tasks WHERE key IN (
                 SELECT key FROM tasks INDEXED BY tasks_time WHERE state IN ({})
                 ORDER BY time, key LIMIT ?1
             )",
            ended.join(", ")
        );
        let removed = self
            .connection
            .prepare_cached(&sql)
            .and_then(|mut delete| delete.execute([most as i64]))
            .map_err(failed("remove the oldest tasks"))?;
        self.give_back()?;
        Ok(removed as u64)
    }

    /// Removes gaps and audit entries from before.
    pub(super) fn remove_notes(
        &mut self,
        gaps: Timestamp,
        audit: Timestamp,
    ) -> Result<(), HistoryError> {
        for (sql, before) in [
            ("DELETE FROM gaps WHERE start < ?1", gaps),
            ("DELETE FROM audit WHERE at < ?1", audit),
        ] {
            self.connection
                .prepare_cached(sql)
                .and_then(|mut delete| delete.execute([before.0]))
                .map_err(failed("remove old gaps and audit entries"))?;
        }
        Ok(())
    }

    /// Removes those of the next tracebacks behind a number that no task has;
    /// returns the last one that was looked at, or where to begin anew.
    pub(super) fn remove_unused(&mut self, after: i64, most: usize) -> Result<i64, HistoryError> {
        let failed = || failed("remove unused tracebacks");
        self.give_back()?;
        let last: Option<i64> = self
            .connection
            .prepare_cached(
                "SELECT max(id) FROM (
                     SELECT id FROM tracebacks WHERE id > ?1 ORDER BY id LIMIT ?2
                 )",
            )
            .and_then(|mut select| select.query_row((after, most as i64), |row| row.get(0)))
            .map_err(failed())?;
        let Some(last) = last else {
            return Ok(i64::MIN);
        };
        self.connection
            .prepare_cached(
                "DELETE FROM tracebacks WHERE id > ?1 AND id <= ?2 AND NOT EXISTS (
                     SELECT 1 FROM tasks WHERE traceback = tracebacks.id
                 )",
            )
            .and_then(|mut delete| delete.execute((after, last)))
            .map_err(failed())?;
        Ok(last)
    }

    /// Gives some free space back to the file system, if there is much.
    fn give_back(&self) -> Result<(), HistoryError> {
        let failed = || failed("give space back");
        let free: i64 = self
            .connection
            .pragma_query_value(None, "freelist_count", |row| row.get(0))
            .map_err(failed())?;
        if free > SPARE_PAGES {
            // One step gives one page back.
            let sql = format!("PRAGMA incremental_vacuum({PAGES})");
            let give = || {
                let mut steps = self.connection.prepare_cached(&sql)?;
                let mut rows = steps.query([])?;
                while rows.next()?.is_some() {}
                Ok(())
            };
            give().map_err(failed())?;
        }
        Ok(())
    }
}
