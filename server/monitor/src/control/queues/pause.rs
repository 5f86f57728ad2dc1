//! Pausing a queue, and going on.

use crate::{control::Control, state::queues::QueueNews};
use model::{ErrorKind, Outcome, OutcomeStatus, QueueName, WireError, WorkerName, WorkerReply};
use protocol::{Reply, inspect};
use serde_json::json;
use std::collections::BTreeSet;

impl Control {
    /// Has every worker that consumes a queue stop doing so.
    pub(super) async fn pause_queue(&self, queue: &QueueName) -> Result<Outcome, WireError> {
        let mut connection = self.queue_connection().await?;
        self.check_queue(&mut connection, queue).await?;
        let consumers = self.consumers_now(queue).await?;
        if consumers.is_empty() {
            return Err(WireError::new(
                ErrorKind::Conflict,
                format!("No worker that answers consumes {queue}"),
            ));
        }
        let replies = self.tell("cancel_consumer", queue, &consumers).await?;
        let mut outcome = sum_up(&consumers, replies);
        outcome.message = match outcome.status {
            OutcomeStatus::Done => format!("Paused {queue}"),
            OutcomeStatus::Partial => format!("Some workers stopped consuming {queue}"),
            OutcomeStatus::Refused => format!("No worker stopped consuming {queue}"),
            OutcomeStatus::Silent => format!("Nobody answered in time about {queue}"),
        };
        if outcome.status == OutcomeStatus::Refused {
            return Ok(outcome);
        }
        // Who did not answer may have done it all the same.
        let has_refused = |worker: &WorkerName| {
            let mut replies = outcome.replies.iter();
            replies.any(|reply| reply.worker == *worker && !reply.is_ok)
        };
        let told = consumers
            .iter()
            .filter(|worker| !has_refused(worker))
            .cloned()
            .collect();
        self.learn_of_queues(QueueNews::Paused(queue.clone(), told))
            .await;
        outcome.notes.push(
            "Tasks that workers took before still run; workers that start later consume it again"
                .to_owned(),
        );
        self.ask_again(&consumers).await;
        Ok(outcome)
    }

    /// Has the workers of a paused queue consume it again.
    pub(super) async fn resume_queue(&self, queue: &QueueName) -> Result<Outcome, WireError> {
        let paused = self.parts.reader.read().queues().paused(queue).cloned();
        let Some(workers) = paused else {
            return Err(WireError::new(
                ErrorKind::Conflict,
                format!("{queue} was not paused here"),
            ));
        };
        let replies = self.tell("add_consumer", queue, &workers).await?;
        let mut outcome = sum_up(&workers, replies);
        outcome.message = match outcome.status {
            OutcomeStatus::Done => format!("Resumed {queue}"),
            OutcomeStatus::Partial => format!("Some workers consume {queue} again"),
            OutcomeStatus::Refused => format!("No worker consumes {queue} again"),
            OutcomeStatus::Silent => format!("Nobody answered in time about {queue}"),
        };
        let is_done = matches!(outcome.status, OutcomeStatus::Done | OutcomeStatus::Partial);
        if is_done {
            self.learn_of_queues(QueueNews::Resumed(queue.clone()))
                .await;
        }
        if is_done && !outcome.silent.is_empty() {
            outcome.notes.push(
                "Those that did not answer consume it by themselves when they start again"
                    .to_owned(),
            );
        }
        self.ask_again(&workers).await;
        Ok(outcome)
    }

    /// Asks every worker whether it consumes a queue.
    async fn consumers_now(&self, queue: &QueueName) -> Result<BTreeSet<WorkerName>, WireError> {
        let answers = self
            .parts
            .pidbox
            .ask("active_queues", json!({}), None, self.parts.timeout)
            .await?;
        let mut consumers: BTreeSet<WorkerName> = answers
            .replies
            .into_iter()
            .filter(|reply| inspect::queue_names(&reply.value).contains(queue))
            .map(|reply| reply.worker)
            .collect();
        // A busy worker answers late, and is told all the same.
        consumers.extend(self.parts.reader.read().consumers_of(queue));
        Ok(consumers)
    }

    async fn tell(
        &self,
        command: &str,
        queue: &QueueName,
        workers: &BTreeSet<WorkerName>,
    ) -> Result<Vec<Reply>, WireError> {
        let arguments = json!({ "queue": queue });
        let answers = self
            .parts
            .pidbox
            .ask(command, arguments, Some(workers), self.parts.timeout)
            .await?;
        Ok(answers.replies)
    }

    /// Has the lists of queues follow soon.
    async fn ask_again(&self, workers: &BTreeSet<WorkerName>) {
        if let Err(error) = self.parts.inspector.inspect_brief(workers).await {
            tracing::debug!(cause = error.chain(), "could not ask for the queues again");
        }
        self.parts.intake.drained().await;
    }
}

fn sum_up(asked: &BTreeSet<WorkerName>, replies: Vec<Reply>) -> Outcome {
    let mut outcome = Outcome::done("");
    for reply in replies {
        let error = inspect::error(&reply.value);
        let text = error.or(inspect::ok(&reply.value)).unwrap_or_default();
        outcome.replies.push(WorkerReply {
            worker: reply.worker.clone(),
            is_ok: error.is_none(),
            text: text.to_owned(),
        });
    }
    outcome.replies.sort_by(|a, b| a.worker.cmp(&b.worker));
    outcome.silent = asked
        .iter()
        .filter(|worker| !outcome.replies.iter().any(|reply| reply.worker == **worker))
        .cloned()
        .collect();
    let are_ok = outcome.replies.iter().filter(|reply| reply.is_ok).count();
    outcome.status = match (outcome.replies.len(), are_ok) {
        (0, _) => OutcomeStatus::Silent,
        (_, 0) => OutcomeStatus::Refused,
        (all, ok) if all == ok && outcome.silent.is_empty() => OutcomeStatus::Done,
        _ => OutcomeStatus::Partial,
    };
    outcome
}
