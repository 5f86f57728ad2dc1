//! Looking into queues and changing what is in them.

use super::{Control, not_there};
use model::{Caller, Command, Outcome, QueueName, QueuePeek, WireError};

impl Control {
    pub(super) async fn run_on_queues(
        &self,
        _caller: &Caller,
        command: Command,
    ) -> Result<Outcome, WireError> {
        Err(not_there(command.kind().as_str()))
    }

    /// Looks at messages that wait.
    pub(crate) async fn peek(
        &self,
        _queue: &QueueName,
        _offset: u64,
        _limit: u64,
    ) -> Result<QueuePeek, WireError> {
        Err(not_there("peek"))
    }
}
