//! Revoking, terminating and aborting tasks.

use super::{
    Control,
    replies::{Act, Heard, who},
    workers::refusing,
};
use crate::{broker::results::Aborted, state::Input};
use model::{
    Command, Destination, ErrorKind, Outcome, OutcomeStatus, Signal, TaskId, WireError, WorkerName,
    WorkerReply,
};
use serde_json::json;
use std::collections::{BTreeMap, BTreeSet};

impl Control {
    pub(super) async fn run_on_tasks(&self, command: Command) -> Result<Outcome, WireError> {
        match command {
            Command::Revoke { tasks } => self.revoke(&tasks, None).await,
            Command::Terminate { tasks, signal } => self.revoke(&tasks, Some(signal)).await,
            Command::RevokeByStampedHeaders { headers, terminate } => {
                self.revoke_stamped(&headers, terminate).await
            }
            Command::Abort { task } => self.abort(&task).await,
            other => Err(super::misplaced(&other)),
        }
    }

    /// Has every worker drop these tasks; with a signal, also end those that run.
    ///
    /// Everybody is told: whoever gets the task next must know it.
    pub(super) async fn revoke(
        &self,
        tasks: &[TaskId],
        signal: Option<Signal>,
    ) -> Result<Outcome, WireError> {
        let standing = self.standing(tasks);
        let arguments = json!({
            "task_id": tasks,
            "terminate": signal.is_some(),
            "signal": signal.unwrap_or_default().as_str(),
        });
        let mut heard = self
            .tell_workers("revoke", arguments, &Destination::All)
            .await?;
        // A worker remembers the ids before it looks for what it runs, so a
        // refusal to terminate is no refusal to revoke (`celery/worker/control.py revoke`).
        if !heard.replies.is_empty() {
            self.parts.intake.push_input(Input::Revoked(tasks.to_vec()));
        }
        let what = match tasks {
            [_] => "the task".to_owned(),
            many => format!("{} tasks", many.len()),
        };
        standing.explain(signal, &mut heard);
        let count = tasks.len() as u64;
        let Some(signal) = signal else {
            let outcome = heard.into_outcome(&Act::Do(format!("drop {what}")));
            return Ok(Outcome {
                count: Some(count),
                ..outcome
            });
        };
        explain_pools(&mut heard);
        let ended = ended(&heard.replies);
        let has_answered = !heard.willing().is_empty();
        let is_refused = heard.replies.iter().any(|reply| !reply.is_ok);
        let mut outcome = heard.into_outcome(&Act::Do(format!("drop {what}")));
        outcome.count = Some(ended.len() as u64);
        if has_answered && (ended.len() as u64) < count && !is_refused {
            outcome.status = OutcomeStatus::Partial;
        }
        if has_answered && !is_refused {
            outcome.message = match (ended.len(), tasks.len()) {
                (0, 1) => "No worker holds the task, so there was nothing to end; it will be dropped should it come.".to_owned(),
                (0, all) => format!("No worker holds any of the {all} tasks, so there was nothing to end; they will be dropped should they come."),
                (1, 1) => format!("The task was ended by {}.", signal.as_str()),
                (done, all) => format!("{done} of {all} tasks were ended by {}.", signal.as_str()),
            };
        }
        Ok(outcome)
    }

    async fn revoke_stamped(
        &self,
        headers: &BTreeMap<String, Vec<String>>,
        signal: Option<Signal>,
    ) -> Result<Outcome, WireError> {
        let arguments = json!({
            "headers": headers,
            "terminate": signal.is_some(),
            "signal": signal.unwrap_or_default().as_str(),
        });
        let mut heard = self
            .tell_workers("revoke_by_stamped_headers", arguments, &Destination::All)
            .await?;
        let old = refusing(&heard, "KeyError('revoke_by_stamped_headers')");
        if !old.is_empty() {
            let note = format!("{}: this command came with Celery 5.3.", who(&old));
            heard.notes.push(note);
        }
        explain_pools(&mut heard);
        Ok(heard.into_outcome(&Act::Do("drop tasks with these stamps".to_owned())))
    }

    /// Sets the state by which an `AbortableTask` sees that it is to end
    /// (`celery/contrib/abortable.py AbortableAsyncResult.abort`).
    async fn abort(&self, task: &TaskId) -> Result<Outcome, WireError> {
        let Some(results) = &self.parts.results else {
            let message = "No result backend is configured, by which a task could be told.";
            return Err(WireError::new(ErrorKind::Unavailable, message));
        };
        match results.abort(task).await? {
            Aborted::Set => {
                let mut outcome = Outcome::done("The task was asked to abort.");
                outcome.count = Some(1);
                let note = "Only a task that is an AbortableTask, and looks, ends by it.";
                outcome.notes.push(note.to_owned());
                Ok(outcome)
            }
            Aborted::Ended(state) => Err(WireError::new(
                ErrorKind::Conflict,
                format!("The task has ended already: {state}."),
            )),
        }
    }

    /// Tells how tasks stand before they are revoked.
    fn standing(&self, tasks: &[TaskId]) -> Standing {
        let state = self.parts.reader.read();
        let mut standing = Standing {
            total: tasks.len(),
            ..Standing::default()
        };
        for id in tasks {
            match state.task_alone(id).map(|task| task.summary.state) {
                None => standing.unknown += 1,
                Some(state) if state.is_running() => standing.running += 1,
                Some(state) if state.is_finished() => standing.ended += 1,
                Some(_) => {}
            }
        }
        standing
    }
}

/// How many of some tasks are in a state that a revoke does not change as one may think.
#[derive(Debug, Default)]
struct Standing {
    total: usize,
    unknown: usize,
    running: usize,
    ended: usize,
}

impl Standing {
    fn explain(&self, signal: Option<Signal>, heard: &mut Heard) {
        let subject = |count: usize| match (count, self.total) {
            (_, 1) => "The task".to_owned(),
            (count, _) => format!("{count} of the tasks"),
        };
        if self.running > 0 && signal.is_none() {
            heard.notes.push(format!(
                "{} runs already: only Terminate ends what runs.",
                subject(self.running)
            ));
        }
        if self.ended > 0 {
            heard
                .notes
                .push(format!("{} had ended already.", subject(self.ended)));
        }
        if self.unknown > 0 {
            // `celery/worker/control.py _revoke` of 5.7.
            heard.notes.push(format!(
                "{} is not known here. Workers remember any id, and those of Celery 5.7 and later store a result REVOKED for it.",
                subject(self.unknown)
            ));
        }
    }
}

/// Threads and `solo` cannot end a single task
/// (`celery/concurrency/base.py terminate_job` and what overrides it).
fn explain_pools(heard: &mut Heard) {
    let unable: Vec<&WorkerName> = refusing(heard, "NotImplementedError");
    if !unable.is_empty() {
        let note = format!(
            "The pool of {} cannot end a single task: it runs to its end. A task that has not started is dropped.",
            who(&unable)
        );
        heard.notes.push(note);
    }
}

/// Returns the ids of the tasks that workers say they ended.
pub(super) fn ended(replies: &[WorkerReply]) -> BTreeSet<String> {
    replies.iter().flat_map(|r| terminated(&r.text)).collect()
}

/// Reads the ids of `terminate: id, id`; `terminate: tasks unknown` names none.
fn terminated(text: &str) -> Vec<String> {
    match text.strip_prefix("terminate: ") {
        None | Some("tasks unknown") => Vec::new(),
        Some(ids) => ids.split(", ").map(str::to_owned).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_terminated_is_read_from_the_workers_words() {
        assert_eq!(terminated("terminate: a, b"), ["a", "b"]);
        assert!(terminated("terminate: tasks unknown").is_empty());
        assert!(terminated("tasks {'a'} flagged as revoked").is_empty());
    }
}
