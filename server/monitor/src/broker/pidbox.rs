//! Remote control over Redis: broadcasts, and the one list their replies come to.
//!
//! Replies come through the anonymous exchange straight to a list of ours, so
//! no binding is needed that kombu's sweep could delete. One list serves the
//! whole process; replies are told apart by ticket, and late ones are taken
//! out too, so that nothing is left behind in Redis.

use super::connect::Target;
use crate::error::BrokerError;
use model::WorkerName;
use parking_lot::Mutex;
use protocol::{Keyspace, Reply, Request, decode_reply, pidbox};
use redis::{AsyncCommands, aio::MultiplexedConnection};
use std::{
    collections::{BTreeSet, HashMap},
    sync::Arc,
    time::Duration,
};
use tokio::{sync::mpsc, time::Instant};
use tokio_util::sync::CancellationToken;

/// Seconds that one wait for a reply lasts before the connection is looked at again.
const REPLY_WAIT_SECONDS: f64 = 1.0;

/// Seconds after which a reply that nobody took is gone, even if we are too.
const REPLY_TTL_SECONDS: i64 = 300;

const RECONNECT_PAUSE: Duration = Duration::from_secs(1);

type Waiting = Arc<Mutex<HashMap<String, mpsc::UnboundedSender<Reply>>>>;

/// What came of a request.
#[derive(Debug)]
pub(crate) struct Answers {
    pub(crate) replies: Vec<Reply>,
    /// Mailboxes that the request reached, whether they answer or not.
    pub(crate) listeners: u64,
}

/// Sends requests to workers and collects what they answer.
#[derive(Clone, Debug)]
pub(crate) struct Pidbox {
    target: Target,
    keyspace: Keyspace,
    reply_key: String,
    waiting: Waiting,
    connection: Arc<tokio::sync::Mutex<Option<MultiplexedConnection>>>,
}

impl Pidbox {
    pub(crate) fn new(target: Target, keyspace: Keyspace) -> Self {
        Self {
            target,
            keyspace,
            reply_key: format!("{}.reply.celery.pidbox", uuid::Uuid::new_v4()),
            waiting: Waiting::default(),
            connection: Arc::default(),
        }
    }

    fn reply_list(&self) -> String {
        format!("{}{}", self.keyspace.prefix, self.reply_key)
    }

    /// Takes replies off the list until cancelled.
    pub(crate) async fn collect_replies(self, cancel: CancellationToken) {
        loop {
            let result = tokio::select! {
                () = cancel.cancelled() => break,
                result = self.collect() => result,
            };
            // The event reader says in the log and on the screen that the broker is away.
            if let Err(error) = result {
                tracing::debug!(cause = error.chain(), "cannot wait for replies");
            }
            tokio::select! {
                () = cancel.cancelled() => break,
                () = tokio::time::sleep(RECONNECT_PAUSE) => {}
            }
        }
        self.forget_list().await;
    }

    async fn collect(&self) -> Result<(), BrokerError> {
        let mut connection = self.target.connect(true).await?;
        let list = self.reply_list();
        loop {
            let popped: Option<(Vec<u8>, Vec<u8>)> = connection
                .brpop(&list, REPLY_WAIT_SECONDS)
                .await
                .map_err(|source| BrokerError::Command {
                    operation: "wait for replies",
                    source,
                })?;
            let Some((_, payload)) = popped else { continue };
            let reply = match decode_reply(&payload) {
                Ok(reply) => reply,
                Err(error) => {
                    tracing::warn!(%error, "skipped a reply that cannot be read");
                    continue;
                }
            };
            let Some(ticket) = &reply.ticket else {
                continue;
            };
            let waiting = self.waiting.lock().get(ticket).cloned();
            // A reply that comes after its deadline has nobody left to take it.
            if let Some(sender) = waiting
                && sender.send(reply).is_err()
            {
                tracing::debug!("a reply came too late");
            }
        }
    }

    async fn forget_list(&self) {
        let mut guard = self.connection.lock().await;
        if let Some(connection) = guard.as_mut() {
            let deleted: redis::RedisResult<i64> = connection.del(self.reply_list()).await;
            if let Err(error) = deleted {
                tracing::debug!(%error, "could not delete the reply list");
            }
        }
    }

    /// Broadcasts a command and waits for the answers until `deadline`; less
    /// long if every worker of `destination`, or every listener, has answered.
    pub(crate) async fn ask(
        &self,
        method: &str,
        arguments: serde_json::Value,
        destination: Option<&BTreeSet<WorkerName>>,
        timeout: Duration,
    ) -> Result<Answers, BrokerError> {
        let ticket = uuid::Uuid::new_v4().to_string();
        let (sender, mut receiver) = mpsc::unbounded_channel();
        self.waiting.lock().insert(ticket.clone(), sender);
        let _forget = Forget {
            waiting: &self.waiting,
            ticket: &ticket,
        };
        let listeners = self
            .publish(method, arguments, destination, &ticket)
            .await?;
        // Beat and other clients may listen without answering: an upper bound.
        let expected = destination.map_or(listeners, |names| names.len() as u64);
        let deadline = Instant::now() + timeout;
        let mut replies: Vec<Reply> = Vec::new();
        while (replies.len() as u64) < expected {
            match tokio::time::timeout_at(deadline, receiver.recv()).await {
                Ok(Some(reply)) => replies.push(reply),
                Ok(None) | Err(_) => break,
            }
        }
        Ok(Answers { replies, listeners })
    }

    async fn publish(
        &self,
        method: &str,
        arguments: serde_json::Value,
        destination: Option<&BTreeSet<WorkerName>>,
        ticket: &str,
    ) -> Result<u64, BrokerError> {
        let request = Request {
            method: method.to_owned(),
            arguments,
            destination: destination.map(|names| names.iter().cloned().collect()),
            ticket: ticket.to_owned(),
            reply_key: Some(self.reply_key.clone()),
        };
        let payload =
            pidbox::encode(&request, &self.keyspace, None).map_err(BrokerError::Encode)?;
        let mut guard = self.connection.lock().await;
        let mut connection = match guard.take() {
            Some(connection) => connection,
            None => self.target.connect(false).await?,
        };
        // The list may outlive this process by a reply; so it gets an end.
        let (listeners, _): (u64, i64) = redis::pipe()
            .publish(self.keyspace.control_channel(), payload)
            .expire(self.reply_list(), REPLY_TTL_SECONDS)
            .query_async(&mut connection)
            .await
            .map_err(|source| BrokerError::Command {
                operation: "send a request to the workers",
                source,
            })?;
        // Kept only if it works: after an error the next request connects anew.
        *guard = Some(connection);
        Ok(listeners)
    }
}

/// Stops waiting for a ticket when the request is over or abandoned.
struct Forget<'a> {
    waiting: &'a Waiting,
    ticket: &'a str,
}

impl Drop for Forget<'_> {
    fn drop(&mut self) {
        self.waiting.lock().remove(self.ticket);
    }
}
