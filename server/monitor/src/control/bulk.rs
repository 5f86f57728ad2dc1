//! Doing the same with many tasks.

use super::{Control, not_there};
use model::{BulkCount, BulkId, BulkProgress, BulkTarget, Caller, Command, Outcome, WireError};

impl Control {
    pub(super) async fn run_bulk(
        &self,
        _caller: &Caller,
        command: Command,
    ) -> Result<Outcome, WireError> {
        Err(not_there(command.kind().as_str()))
    }

    /// Counts the tasks of a target.
    pub(crate) fn bulk_count(&self, _target: &BulkTarget) -> Result<BulkCount, WireError> {
        Err(not_there("bulk"))
    }

    /// Tells how far a bulk is.
    pub(crate) fn bulk(&self, _id: BulkId, _results: usize) -> Option<BulkProgress> {
        None
    }
}
