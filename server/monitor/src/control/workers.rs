//! Telling workers what to do.

use super::{Control, not_there};
use model::{Command, Outcome, WireError};

impl Control {
    pub(super) async fn run_on_workers(&self, command: Command) -> Result<Outcome, WireError> {
        Err(not_there(command.kind().as_str()))
    }
}
