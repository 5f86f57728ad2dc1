//! Everything that matches a query, a part at a time: for files of a million rows.

use crate::{Monitor, cell::DETAILS_AT_ONCE};
use model::{TaskDetail, TaskQuery, WireError};

/// Tasks that match a query, in its order, in parts of some dozen.
///
/// Which tasks they are is found once and costs eight bytes each; the tasks
/// themselves are copied as they are asked for, under a lock that is let go
/// between two parts. So each is told as it is then, and one that was evicted
/// meanwhile is left out.
#[derive(Debug)]
pub struct Export {
    monitor: Monitor,
    left: std::vec::IntoIter<u64>,
}

impl Monitor {
    /// Finds what matches a query; at most `rows` if that is given, from the
    /// query's offset on. Its `limit` does not matter.
    pub fn export(&self, query: &TaskQuery, rows: Option<usize>) -> Result<Export, WireError> {
        let search = self.search_of(query)?;
        let rows = rows.unwrap_or(usize::MAX);
        let found = self.reader().sequence_numbers(query, &search, rows);
        Ok(Export {
            monitor: self.clone(),
            left: found.into_iter(),
        })
    }
}

impl Iterator for Export {
    type Item = Vec<TaskDetail>;

    fn next(&mut self) -> Option<Vec<TaskDetail>> {
        let part: Vec<u64> = self.left.by_ref().take(DETAILS_AT_ONCE).collect();
        if part.is_empty() {
            return None;
        }
        let tasks = self.monitor.reader().read().task_details(&part);
        let sight = self.monitor.sight();
        Some(tasks.into_iter().map(|task| sight.task(task)).collect())
    }
}
