//! Where memory ends and the store of the past goes on.
//!
//! One number tells which stored tasks may be missing in memory: the greatest
//! time of any that is. Lists of stored tasks begin there, and leave out by
//! their ids those that are in memory all the same.

use super::{NO_TIME, Segment, Tasks};
use crate::history::{Order, Place};
use model::{Older, TaskId};

/// The border; without a store it stays open.
#[derive(Debug, Default)]
pub(super) struct Border {
    has_store: bool,
    /// Microseconds; absent as long as everything that is stored is in memory.
    newest: Option<i64>,
}

impl Tasks {
    /// From now on lists go on in the store, which has tasks up to this time,
    /// microseconds, that are not in memory; none if absent.
    pub(crate) fn go_on_in_store(&mut self, newest: Option<i64>) {
        self.border.has_store = true;
        self.border.newest = self.border.newest.max(newest);
    }

    /// Notes that a row is forgotten.
    pub(super) fn note_forgotten(&mut self, segment: &Segment, at: usize) {
        let time = order_time(segment, at);
        self.border.newest = self.border.newest.max(Some(time));
    }

    /// Tells whether the store has tasks that are not in memory.
    pub(crate) fn has_older(&self) -> bool {
        self.border.has_store && self.border.newest.is_some()
    }

    /// Returns how a list in this order goes on in the store.
    pub(crate) fn older(&self, order: Order) -> Option<Older> {
        let border = self.border.newest.filter(|_| self.border.has_store)?;
        Some(Older {
            next: Some(Place::start(border).cursor(order)),
            searched_to: None,
        })
    }

    /// Tells which of these tasks are in memory.
    pub(crate) fn are_here(&self, ids: &[TaskId]) -> Vec<bool> {
        let is_known = |id: &TaskId| self.find(id.as_str()).is_some();
        ids.iter().map(is_known).collect()
    }
}

/// Returns the time that lists are ordered by, as [`crate::history::TaskRecord::time`] does.
fn order_time(segment: &Segment, at: usize) -> i64 {
    [
        segment.received[at],
        segment.sent[at],
        segment.timestamp(at),
    ]
    .into_iter()
    .find(|time| *time != NO_TIME)
    .unwrap_or(0)
}
