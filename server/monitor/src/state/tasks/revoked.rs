//! Tasks that workers were told to drop and that have not come to their turn.

use super::{Tasks, code, flag};
use model::TaskId;

impl Tasks {
    /// Notes that workers drop these tasks when their turn comes; tells
    /// whether a row changed. Tasks that are not known are not kept.
    pub(crate) fn revoked(&mut self, tasks: &[TaskId]) -> bool {
        let mut has_changed = false;
        for id in tasks {
            let Some(sequence) = self.find(id.as_str()) else {
                continue;
            };
            let (segment, at) = self.segment_mut(sequence);
            has_changed |= !segment.has(at, flag::REVOKED) && is_waiting(segment.state[at]);
            segment.set(at, flag::REVOKED, true);
        }
        has_changed
    }
}

/// Tells whether a task in this state has still to be started.
pub(super) fn is_waiting(state: u8) -> bool {
    matches!(state, code::PENDING | code::RECEIVED | code::RETRY)
}
