//! Running entries of schedules now.

use super::{Control, not_there};
use model::{Outcome, ScheduleKey, WireError};

impl Control {
    pub(super) async fn run_entry(&self, _entry: &ScheduleKey) -> Result<Outcome, WireError> {
        Err(not_there("run_entry"))
    }
}
