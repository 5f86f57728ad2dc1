//! Sending tasks: new ones, and old ones once more.

use super::{Control, not_there};
use model::{Command, Outcome, RetryPlan, TaskId, WireError};

impl Control {
    pub(super) async fn run_send(&self, command: Command) -> Result<Outcome, WireError> {
        Err(not_there(command.kind().as_str()))
    }

    /// Tells how a task can be sent once more.
    pub(crate) async fn retry_plan(&self, _id: &TaskId) -> Result<RetryPlan, WireError> {
        Err(not_there("retry"))
    }
}
