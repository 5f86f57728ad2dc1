//! Putting task messages into queues.

use super::{connect::Target, queues::failed};
use crate::error::BrokerError;
use model::QueueName;
use protocol::Keyspace;
use redis::aio::MultiplexedConnection;
use std::{sync::Arc, time::Duration};

/// How long it may take to reach Redis: a person waits.
const CONNECT_PATIENCE: Duration = Duration::from_millis(1_200);

/// How long Redis may take to answer.
const ANSWER_PATIENCE: Duration = Duration::from_millis(1_200);

/// How long an idle connection may take to show that it lives.
const PING_PATIENCE: Duration = Duration::from_millis(500);

/// A message and where it goes.
#[derive(Clone, Debug)]
pub(crate) struct Outgoing {
    /// The list.
    pub(crate) key: String,
    /// The element.
    pub(crate) message: Vec<u8>,
}

/// Why messages may not have been put into their queues.
#[derive(Debug)]
pub(crate) enum Unsent {
    /// Certainly none of them was.
    Surely(BrokerError),
    /// Redis did not answer: each of them may have been, or not.
    Perhaps(BrokerError),
}

/// Puts messages into queues over a connection of its own.
#[derive(Clone, Debug)]
pub(crate) struct Sender {
    target: Target,
    connection: Arc<tokio::sync::Mutex<Option<MultiplexedConnection>>>,
}

impl Sender {
    pub(crate) fn new(target: Target) -> Self {
        Self {
            target,
            connection: Arc::default(),
        }
    }

    /// Another one, which does not wait for this one.
    pub(crate) fn another(&self) -> Self {
        Self::new(self.target.clone())
    }

    /// Puts messages into their queues, in this order, and waits until Redis
    /// has said of each that it has it, or why not.
    pub(crate) async fn push(
        &self,
        messages: &[Outgoing],
    ) -> Result<Vec<Result<(), String>>, Unsent> {
        let mut guard = self.connection.lock().await;
        let mut connection = match guard.take() {
            // One that lay idle may be dead, which would leave it unclear
            // whether anything was sent.
            Some(mut connection) => match ping(&mut connection).await {
                Ok(()) => connection,
                Err(_) => self.connect().await.map_err(Unsent::Surely)?,
            },
            None => self.connect().await.map_err(Unsent::Surely)?,
        };
        let mut pipeline = redis::pipe();
        for outgoing in messages {
            pipeline.lpush(&outgoing.key, outgoing.message.as_slice());
        }
        pipeline.ignore_errors();
        let answer = pipeline.query_async::<Vec<redis::Value>>(&mut connection);
        let answers = match tokio::time::timeout(ANSWER_PATIENCE, answer).await {
            Ok(Ok(answers)) => answers,
            Ok(Err(source)) => return Err(Unsent::Perhaps(failed(OPERATION)(source))),
            Err(_) => return Err(Unsent::Perhaps(late(OPERATION))),
        };
        // Kept only if it works: after an error the next one connects anew.
        *guard = Some(connection);
        let answers = answers
            .into_iter()
            .map(|answer| match answer.extract_error() {
                Ok(redis::Value::Int(_)) => Ok(()),
                Ok(other) => Err(format!("Redis answered {other:?}")),
                Err(error) => Err(format!("Redis refused it: {error}")),
            });
        Ok(answers.collect())
    }

    async fn connect(&self) -> Result<MultiplexedConnection, BrokerError> {
        match tokio::time::timeout(CONNECT_PATIENCE, self.target.connect(false)).await {
            Ok(connected) => connected,
            Err(_) => Err(late("connect")),
        }
    }
}

const OPERATION: &str = "put a task into its queue";

async fn ping(connection: &mut MultiplexedConnection) -> Result<(), BrokerError> {
    let ping = redis::cmd("PING");
    let answer = ping.query_async::<redis::Value>(connection);
    match tokio::time::timeout(PING_PATIENCE, answer).await {
        Ok(answer) => answer.map(drop).map_err(failed("ping the broker")),
        Err(_) => Err(late("ping the broker")),
    }
}

fn late(operation: &'static str) -> BrokerError {
    let source = std::io::Error::new(std::io::ErrorKind::TimedOut, "Redis did not answer in time");
    failed(operation)(source.into())
}

/// Returns the list of a queue that takes messages of a priority: that of the
/// highest step that is not above it (`kombu/transport/redis.py Channel.priority`).
pub(crate) fn list_of(keyspace: &Keyspace, queue: &QueueName, priority: u8) -> String {
    let keys = keyspace.queue_keys(queue.as_str());
    let fits = keys.iter().filter(|(step, _)| *step <= priority);
    let best = fits.max_by_key(|(step, _)| *step).or(keys.first());
    match best {
        Some((_, key)) => key.clone(),
        None => format!("{}{queue}", keyspace.prefix),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_priority_has_its_list() {
        let keyspace = Keyspace::default();
        let list = |priority| list_of(&keyspace, &"q".into(), priority);
        for (priority, key) in [
            (0, "q"),
            (2, "q"),
            (3, "q\x06\x163"),
            (5, "q\x06\x163"),
            (7, "q\x06\x166"),
            (9, "q\x06\x169"),
        ] {
            assert_eq!(list(priority), key, "{priority}");
        }
    }
}
