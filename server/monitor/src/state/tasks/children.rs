//! The tasks that a task sent, looked for one segment at a time, so that the
//! caller may let the lock go in between.

use super::Tasks;
use model::TaskId;

/// Most children listed with a task.
const MAX_CHILDREN: usize = 100;

/// Looks for the tasks that name one as their parent, oldest first.
#[derive(Debug)]
pub(crate) struct Children {
    parent: u128,
    next: u64,
    found: Vec<u64>,
}

impl Children {
    pub(crate) fn of(tasks: &Tasks, parent: &TaskId) -> Self {
        Self::of_key(tasks.key(parent.as_str()).0)
    }

    pub(super) fn of_key(parent: u128) -> Self {
        Self {
            parent,
            next: 0,
            found: Vec::new(),
        }
    }

    /// Goes through the oldest segment that is left; `false` if there was none,
    /// or there are enough.
    pub(crate) fn step(&mut self, tasks: &Tasks) -> bool {
        let Some(segment) = tasks.oldest_from(self.next) else {
            return false;
        };
        self.next = segment.first + 1;
        let mut rows: Vec<usize> = segment.children_of(self.parent).collect();
        rows.sort_unstable();
        let rows = rows.into_iter().map(|at| segment.first + at as u64);
        self.found.extend(rows);
        self.found.len() < MAX_CHILDREN
    }

    /// Returns their sequence numbers.
    pub(crate) fn into_window(mut self) -> Vec<u64> {
        self.found.truncate(MAX_CHILDREN);
        self.found
    }
}
