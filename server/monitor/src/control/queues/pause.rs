//! Pausing a queue, and going on.

use crate::{
    broker::pidbox::TellError,
    control::{
        Control, not_sent,
        replies::{Act, Heard, who},
    },
    inspector::Part,
    state::queues::QueueNews,
};
use model::{Destination, ErrorKind, Outcome, OutcomeStatus, QueueName, WireError, WorkerName};
use protocol::inspect;
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
        let heard = self
            .tell_about("cancel_consumer", queue, &consumers)
            .await?;
        // Who did not answer may have done it all the same, unless all who listen answered.
        let is_told = |worker: &WorkerName| match heard.says(worker) {
            Some(is_ok) => is_ok,
            None => !heard.is_complete,
        };
        let told: BTreeSet<_> = consumers.iter().filter(|w| is_told(w)).cloned().collect();
        let mut outcome = heard.into_outcome(&Act::Do(format!("stop consuming {queue}")));
        match outcome.status {
            OutcomeStatus::Done => outcome.message = format!("Paused {queue}"),
            OutcomeStatus::Partial => {
                outcome.message = format!("Some workers stopped consuming {queue}");
            }
            OutcomeStatus::Refused => {
                outcome.message = format!("No worker stopped consuming {queue}");
            }
            // Says already why nobody answered.
            OutcomeStatus::Silent => {}
        }
        if told.is_empty() {
            return Ok(outcome);
        }
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
        // Those that seem to be gone are told, too: one may only have lost its connection.
        let mut heard = self.tell_about("add_consumer", queue, &workers).await?;
        let live = self.parts.reader.read().live_workers();
        let gone: BTreeSet<WorkerName> = workers
            .iter()
            .filter(|worker| heard.says(worker).is_none() && !live.contains(*worker))
            .cloned()
            .collect();
        heard.silent.retain(|worker| !gone.contains(worker));
        heard.strangers.retain(|worker| !gone.contains(worker));
        let is_over = |worker: &WorkerName| heard.says(worker) == Some(true);
        let over: BTreeSet<_> = workers.iter().filter(|w| is_over(w)).cloned().collect();
        let is_nobody_left = heard.replies.is_empty() && heard.silent.is_empty();
        let mut outcome = heard.into_outcome(&Act::Do(format!("consume {queue} again")));
        if is_nobody_left {
            outcome.status = OutcomeStatus::Done;
        }
        match outcome.status {
            OutcomeStatus::Done if is_nobody_left => {
                outcome.message =
                    format!("{queue} is paused no more; none of its workers is online");
            }
            OutcomeStatus::Done => outcome.message = format!("Resumed {queue}"),
            OutcomeStatus::Partial => {
                outcome.message = format!("Some workers consume {queue} again");
            }
            OutcomeStatus::Refused => {
                outcome.message = format!("No worker consumes {queue} again");
            }
            OutcomeStatus::Silent => {}
        }
        if !gone.is_empty() {
            let names: Vec<&WorkerName> = gone.iter().collect();
            outcome.notes.push(format!(
                "Not online: {}; they consume it by themselves when they start again",
                who(&names)
            ));
        }
        if !outcome.silent.is_empty() {
            outcome.notes.push(
                "The queue stays paused for those that did not answer, so that it can be tried again"
                    .to_owned(),
            );
        }
        let over = over.union(&gone).cloned().collect();
        self.learn_of_queues(QueueNews::Resumed(queue.clone(), over))
            .await;
        self.ask_again(&workers).await;
        Ok(outcome)
    }

    /// Asks every worker whether it consumes a queue.
    async fn consumers_now(&self, queue: &QueueName) -> Result<BTreeSet<WorkerName>, WireError> {
        let answers = self
            .parts
            .pidbox
            .tell("active_queues", json!({}), None, self.parts.timeout)
            .await
            .map_err(|(TellError::NotSent(error) | TellError::Unclear(error))| not_sent(error))?;
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

    async fn tell_about(
        &self,
        command: &str,
        queue: &QueueName,
        workers: &BTreeSet<WorkerName>,
    ) -> Result<Heard, WireError> {
        let arguments = json!({ "queue": queue });
        let workers = Destination::Workers(workers.clone());
        self.tell_workers(command, arguments, &workers).await
    }

    /// Has the lists of queues follow soon.
    async fn ask_again(&self, workers: &BTreeSet<WorkerName>) {
        if let Err(error) = self.parts.inspector.inspect_brief(workers).await {
            tracing::debug!(cause = error.chain(), "could not ask for the queues again");
        }
        self.parts.intake.drained().await;
        // A worker says yes and begins to consume a moment later
        // (`celery/worker/control.py add_consumer`).
        let parts = &[Part::ActiveQueues];
        self.parts.inspector.follow(parts, workers.clone());
    }
}
