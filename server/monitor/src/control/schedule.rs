//! Running entries of schedules now.

use super::Control;
use crate::state::{Input, schedule::ScheduleNews};
use model::{Command, ErrorKind, Outcome, ScheduleKey, TaskDraft, WireError};

impl Control {
    /// Sends the task of an entry as its scheduler would.
    pub(super) async fn run_entry(&self, key: &ScheduleKey) -> Result<Outcome, WireError> {
        let entry = self.parts.reader.read().schedules().entry(key).cloned();
        let Some(entry) = entry else {
            return Err(WireError::new(
                ErrorKind::NotFound,
                format!("The schedule has no entry {key}"),
            ));
        };
        if let Some(obstacle) = entry.obstacle {
            return Err(WireError::new(ErrorKind::Conflict, format!("{obstacle}.")));
        }
        let task = Box::new(TaskDraft {
            name: entry.task,
            args: entry.args,
            kwargs: entry.kwargs,
            queue: entry.queue,
            priority: entry.priority,
            eta: None,
            countdown_seconds: None,
            expires: None,
            retry_of: None,
            is_unchecked: false,
        });
        let mut outcome = self.run_send(Command::Send { task }).await?;
        if let Some(task) = &outcome.task {
            let news = Box::new(ScheduleNews::RanByHand(task.clone()));
            self.parts.intake.push_input(Input::OfSchedule(news));
        }
        if !entry.other_options.is_empty() {
            let options = entry.other_options.join(", ");
            let note = format!("Options of the entry that were not sent with it: {options}.");
            outcome.notes.push(note);
        }
        Ok(outcome)
    }
}
