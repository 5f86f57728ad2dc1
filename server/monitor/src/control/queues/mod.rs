//! Looking into queues and changing what is in them.

mod change;
mod clean;
mod pause;
mod peek;
mod purge;

use super::{Control, misplaced};
use crate::state::{Input, queues::QueueNews};
use model::{Caller, Command, ErrorKind, Outcome, QueueName, WireError};
use redis::{RedisError, aio::MultiplexedConnection};

impl Control {
    pub(super) async fn run_on_queues(
        &self,
        caller: &Caller,
        command: Command,
    ) -> Result<Outcome, WireError> {
        match command {
            Command::DeleteMessage { queue, tag } => self.delete_message(&queue, &tag).await,
            Command::MoveMessages { queue, to, tags } => match tags {
                None => self.move_all(&queue, &to).await,
                Some(tags) => self.move_these(&queue, &to, &tags).await,
            },
            Command::Purge { queue, confirm } => self.purge(caller, &queue, &confirm).await,
            Command::UndoPurge { purge } => self.undo_purge(purge).await,
            Command::PauseQueue { queue } => self.pause_queue(&queue).await,
            Command::ResumeQueue { queue } => self.resume_queue(&queue).await,
            Command::CleanUp { kind, keys } => self.clean_up(kind, keys).await,
            other => Err(misplaced(&other)),
        }
    }

    async fn queue_connection(&self) -> Result<MultiplexedConnection, WireError> {
        Ok(self.parts.target.connect(false).await?)
    }

    /// Refuses a queue that neither Redis nor anybody else knows.
    async fn check_queue(
        &self,
        connection: &mut MultiplexedConnection,
        queue: &QueueName,
    ) -> Result<(), WireError> {
        let keys = self.parts.keyspace.queue_keys(queue.as_str());
        let mut exists = redis::cmd("EXISTS");
        for (_, key) in &keys {
            exists.arg(key);
        }
        let count: u64 = exists
            .query_async(connection)
            .await
            .map_err(|error| refused("look for the queue", &error, ""))?;
        if count > 0 || self.parts.reader.read().knows_queue(queue) {
            return Ok(());
        }
        Err(WireError::new(
            ErrorKind::NotFound,
            format!("There is no queue {queue}"),
        ))
    }

    /// Has the state learn something, and waits until readers see it.
    async fn learn_of_queues(&self, news: QueueNews) {
        self.parts
            .intake
            .push_input(Input::OfQueues(Box::new(news)));
        self.parts.intake.drained().await;
    }
}

/// Says why Redis did not do something, and what was done by then.
fn refused(operation: &str, error: &RedisError, done: &str) -> WireError {
    let done = match done {
        "" => String::new(),
        done => format!(" {done}"),
    };
    if error.code() == Some("NOPERM") {
        return WireError::new(
            ErrorKind::Conflict,
            format!(
                "Redis does not let the dashboard's user {operation}; \
                 scripts take the right `+eval` ({error}).{done}"
            ),
        );
    }
    let kind = match error.code() {
        // Nobody answered, only half of an answer came, or Redis is not ready.
        None | Some("LOADING" | "BUSY" | "MASTERDOWN") => ErrorKind::Unavailable,
        // What Redis said is about the keys.
        Some(_) => ErrorKind::Conflict,
    };
    WireError::new(kind, format!("Could not {operation}: {error}.{done}"))
}

/// Returns a number with its noun.
fn counted(count: u64, noun: &str) -> String {
    match count {
        1 => format!("1 {noun}"),
        count => format!("{count} {noun}s"),
    }
}
