//! Deleting and moving messages that wait.

use super::{counted, refused};
use crate::{
    broker::surgery::{self, Progress, Sought},
    control::Control,
};
use model::{ErrorKind, Outcome, OutcomeStatus, QueueName, WireError};
use redis::aio::MultiplexedConnection;

/// Most messages named in one command.
const MAX_TAGS: usize = 1_000;

impl Control {
    /// Deletes one waiting message.
    pub(super) async fn delete_message(
        &self,
        queue: &QueueName,
        tag: &str,
    ) -> Result<Outcome, WireError> {
        let mut connection = self.queue_connection().await?;
        self.check_queue(&mut connection, queue).await?;
        let found = self.seek(&mut connection, queue, &[tag.to_owned()]).await?;
        let taken = || {
            WireError::new(
                ErrorKind::Conflict,
                format!(
                    "The message does not wait in {queue} any more: a worker took it, or somebody moved it"
                ),
            )
        };
        let sought = found.first().ok_or_else(taken)?;
        let keyspace = &self.parts.keyspace;
        let is_deleted = surgery::delete(&mut connection, keyspace, queue.as_str(), sought)
            .await
            .map_err(|error| refused("delete the message", &error, ""))?;
        if !is_deleted {
            return Err(taken());
        }
        let mut outcome = Outcome::done(format!("Deleted a message from {queue}"));
        outcome.count = Some(1);
        Ok(outcome)
    }

    /// Finds messages by tag; an error if there were too many to look through
    /// and none was found.
    async fn seek(
        &self,
        connection: &mut MultiplexedConnection,
        queue: &QueueName,
        tags: &[String],
    ) -> Result<Vec<Sought>, WireError> {
        let keyspace = &self.parts.keyspace;
        let mut all: Vec<Sought> = Vec::new();
        // While workers take messages the others move up, and one may be passed over.
        for _ in 0..2 {
            let (found, are_all) = surgery::seek(connection, keyspace, queue.as_str(), tags)
                .await
                .map_err(|error| refused("look through the queue", &error, ""))?;
            for sought in found {
                if !all.iter().any(|other| other.tag == sought.tag) {
                    all.push(sought);
                }
            }
            if all.len() == tags.len() {
                break;
            }
            if !are_all && all.is_empty() {
                return Err(WireError::new(
                    ErrorKind::Conflict,
                    format!("{queue} is too long to find a message so far from its end"),
                ));
            }
        }
        Ok(all)
    }

    /// Moves everything that waits.
    pub(super) async fn move_all(
        &self,
        queue: &QueueName,
        to: &QueueName,
    ) -> Result<Outcome, WireError> {
        let mut connection = self.target_of_move(queue, to).await?;
        let mut progress = Progress::default();
        let keyspace = &self.parts.keyspace;
        let moved = surgery::move_all(
            &mut connection,
            keyspace,
            queue.as_str(),
            to.as_str(),
            &mut progress,
        )
        .await;
        moved.map_err(|error| refused("move the messages", &error, &so_far(progress)))?;
        Ok(self.moved(queue, to, progress))
    }

    /// Moves messages by tag.
    pub(super) async fn move_these(
        &self,
        queue: &QueueName,
        to: &QueueName,
        tags: &[String],
    ) -> Result<Outcome, WireError> {
        if tags.is_empty() || tags.len() > MAX_TAGS {
            return Err(WireError::new(
                ErrorKind::Invalid,
                format!("Name between 1 and {MAX_TAGS} messages, or none for all"),
            ));
        }
        let mut tags = tags.to_vec();
        tags.sort();
        tags.dedup();
        let mut connection = self.target_of_move(queue, to).await?;
        let found = self.seek(&mut connection, queue, &tags).await?;
        let mut progress = Progress::default();
        let moved = surgery::move_these(
            &mut connection,
            &self.parts.keyspace,
            queue.as_str(),
            to.as_str(),
            &found,
            &mut progress,
        )
        .await;
        moved.map_err(|error| refused("move the messages", &error, &so_far(progress)))?;
        let gone = (tags.len() as u64).saturating_sub(progress.done);
        if progress.done == 0 {
            return Err(WireError::new(
                ErrorKind::Conflict,
                format!("None of the messages waits in {queue} any more"),
            ));
        }
        let mut outcome = self.moved(queue, to, progress);
        if gone > 0 {
            outcome.status = OutcomeStatus::Partial;
            outcome.notes.push(format!(
                "{} did not wait any more",
                counted(gone, "message")
            ));
        }
        Ok(outcome)
    }

    async fn target_of_move(
        &self,
        queue: &QueueName,
        to: &QueueName,
    ) -> Result<MultiplexedConnection, WireError> {
        let invalid = |message: String| Err(WireError::new(ErrorKind::Invalid, message));
        if queue == to {
            return invalid(format!("The messages are in {queue} already"));
        }
        let key = format!("{}{to}", self.parts.keyspace.prefix);
        let is_queue = self.parts.keyspace.parse_queue_key(&key);
        if is_queue != Some((to.clone(), 0)) {
            return invalid(format!("{to:?} cannot be the name of a queue"));
        }
        let mut connection = self.queue_connection().await?;
        self.check_queue(&mut connection, queue).await?;
        Ok(connection)
    }

    fn moved(&self, queue: &QueueName, to: &QueueName, progress: Progress) -> Outcome {
        let count = counted(progress.done, "message");
        let mut outcome = Outcome::done(format!("Moved {count} from {queue} to {to}"));
        outcome.count = Some(progress.done);
        if progress.odd > 0 {
            let odd = counted(progress.odd, "element");
            outcome.notes.push(format!(
                "{odd} of the list could not be read and moved as it was"
            ));
        }
        if self.parts.reader.read().consumers_of(to).is_empty() {
            outcome
                .notes
                .push(format!("No worker online is known to consume {to}"));
        }
        outcome
    }
}

/// Says what was done before it broke.
fn so_far(progress: Progress) -> String {
    let done = counted(progress.done, "message");
    match progress.unsure {
        0 => format!("{done} had been moved."),
        unsure => format!("{done} had been moved, and up to {unsure} more may have been."),
    }
}
