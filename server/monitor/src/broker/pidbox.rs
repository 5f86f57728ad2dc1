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

/// How long a command may wait for a connection that works. Until then nothing is sent.
const READY_TIMEOUT: Duration = Duration::from_millis(1_500);

/// How long Redis may take to confirm that it passed a command on.
const SEND_TIMEOUT: Duration = Duration::from_secs(1);

type Waiting = Arc<Mutex<HashMap<String, mpsc::UnboundedSender<Reply>>>>;

/// The place of the connection, held by whoever uses it.
type Slot<'a> = tokio::sync::MutexGuard<'a, Option<MultiplexedConnection>>;

/// What came of a request.
#[derive(Debug)]
pub(crate) struct Answers {
    pub(crate) replies: Vec<Reply>,
    /// Mailboxes that the request reached, whether they answer or not.
    pub(crate) listeners: u64,
    /// Why replies may have been lost on their way back.
    pub(crate) lost: Option<String>,
}

/// Why nothing came of a command.
#[derive(Debug)]
pub(crate) enum TellError {
    /// Nothing was sent.
    NotSent(BrokerError),
    /// It may have been sent.
    Unclear(BrokerError),
}

/// How the one list of replies is read.
#[derive(Debug, Default)]
struct Listening {
    /// How often reading it broke.
    breaks: u64,
    /// Why it broke last.
    cause: String,
}

/// Sends requests to workers and collects what they answer.
#[derive(Clone, Debug)]
pub(crate) struct Pidbox {
    target: Target,
    keyspace: Keyspace,
    reply_key: String,
    waiting: Waiting,
    listening: Arc<Mutex<Listening>>,
    connection: Arc<tokio::sync::Mutex<Option<MultiplexedConnection>>>,
}

impl Pidbox {
    pub(crate) fn new(target: Target, keyspace: Keyspace) -> Self {
        Self {
            target,
            keyspace,
            reply_key: format!("{}.reply.celery.pidbox", uuid::Uuid::new_v4()),
            waiting: Waiting::default(),
            listening: Arc::default(),
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
                let cause = error.chain();
                tracing::debug!(cause, "cannot wait for replies");
                let mut listening = self.listening.lock();
                listening.breaks += 1;
                listening.cause = cause;
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

    /// Broadcasts a question and waits for the answers until `timeout` is over;
    /// less long if every worker of `destination`, or every listener, has answered.
    pub(crate) async fn ask(
        &self,
        method: &str,
        arguments: serde_json::Value,
        destination: Option<&BTreeSet<WorkerName>>,
        timeout: Duration,
    ) -> Result<Answers, BrokerError> {
        let ticket = Ticket::new(&self.waiting);
        let payload = self.encode(method, arguments, destination, &ticket.text)?;
        let mut guard = self.connection.lock().await;
        let mut connection = match guard.take() {
            Some(connection) => connection,
            None => self.target.connect(false).await?,
        };
        let listeners = self.publish(&mut connection, payload).await?;
        // Kept only if it works: after an error the next request connects anew.
        *guard = Some(connection);
        drop(guard);
        Ok(self
            .collect_answers(ticket, destination, listeners, timeout)
            .await)
    }

    /// Sends a command that changes something, and collects as [`Pidbox::ask`] does.
    pub(crate) async fn tell(
        &self,
        method: &str,
        arguments: serde_json::Value,
        destination: Option<&BTreeSet<WorkerName>>,
        timeout: Duration,
    ) -> Result<Answers, TellError> {
        let ticket = Ticket::new(&self.waiting);
        let listeners = self
            .transmit(method, arguments, destination, &ticket.text)
            .await?;
        Ok(self
            .collect_answers(ticket, destination, listeners, timeout)
            .await)
    }

    /// Sends a command that workers do not answer; returns how many mailboxes it reached.
    pub(crate) async fn send(
        &self,
        method: &str,
        arguments: serde_json::Value,
        destination: Option<&BTreeSet<WorkerName>>,
    ) -> Result<u64, TellError> {
        let ticket = uuid::Uuid::new_v4().to_string();
        self.transmit(method, arguments, destination, &ticket).await
    }

    /// Publishes, and knows whether it did: the connection is tried first,
    /// within a time of its own, so that a caller is told within three seconds.
    async fn transmit(
        &self,
        method: &str,
        arguments: serde_json::Value,
        destination: Option<&BTreeSet<WorkerName>>,
        ticket: &str,
    ) -> Result<u64, TellError> {
        let payload = self
            .encode(method, arguments, destination, ticket)
            .map_err(TellError::NotSent)?;
        let (mut guard, mut connection) = self.ready().await.map_err(TellError::NotSent)?;
        let listeners = tokio::time::timeout(SEND_TIMEOUT, self.publish(&mut connection, payload))
            .await
            .unwrap_or_else(|_| Err(overdue("send a command to the workers", SEND_TIMEOUT)))
            .map_err(TellError::Unclear)?;
        *guard = Some(connection);
        Ok(listeners)
    }

    /// Tells whether Redis answers, soon enough for somebody who waits.
    pub(crate) async fn reach(&self) -> Result<(), BrokerError> {
        let (mut guard, connection) = self.ready().await?;
        *guard = Some(connection);
        Ok(())
    }

    /// Waits for a connection that answers, for a bounded time.
    async fn ready(&self) -> Result<(Slot<'_>, MultiplexedConnection), BrokerError> {
        let ready = async {
            let mut guard = self.connection.lock().await;
            let connection = self.proven(guard.take()).await?;
            Ok((guard, connection))
        };
        let ready = tokio::time::timeout(READY_TIMEOUT, ready).await;
        ready.unwrap_or_else(|_| Err(overdue("reach Redis", READY_TIMEOUT)))
    }

    /// Returns a connection that answers: the one there is, else a new one.
    async fn proven(
        &self,
        connection: Option<MultiplexedConnection>,
    ) -> Result<MultiplexedConnection, BrokerError> {
        if let Some(mut connection) = connection {
            let pong: redis::RedisResult<String> = connection.ping().await;
            if pong.is_ok() {
                return Ok(connection);
            }
        }
        self.target.connect(false).await
    }

    async fn collect_answers(
        &self,
        mut ticket: Ticket<'_>,
        destination: Option<&BTreeSet<WorkerName>>,
        listeners: u64,
        timeout: Duration,
    ) -> Answers {
        // Beat and other clients may listen without answering: an upper bound.
        let expected = destination.map_or(listeners, |names| listeners.min(names.len() as u64));
        let breaks = self.listening.lock().breaks;
        let deadline = Instant::now() + timeout;
        let mut replies: Vec<Reply> = Vec::new();
        while (replies.len() as u64) < expected {
            match tokio::time::timeout_at(deadline, ticket.receiver.recv()).await {
                Ok(Some(reply)) => replies.push(reply),
                Ok(None) | Err(_) => break,
            }
        }
        let listening = self.listening.lock();
        let is_short = (replies.len() as u64) < expected;
        let lost = (is_short && listening.breaks != breaks).then(|| listening.cause.clone());
        Answers {
            replies,
            listeners,
            lost,
        }
    }

    fn encode(
        &self,
        method: &str,
        arguments: serde_json::Value,
        destination: Option<&BTreeSet<WorkerName>>,
        ticket: &str,
    ) -> Result<Vec<u8>, BrokerError> {
        let request = Request {
            method: method.to_owned(),
            arguments,
            destination: destination.map(|names| names.iter().cloned().collect()),
            ticket: ticket.to_owned(),
            reply_key: Some(self.reply_key.clone()),
        };
        pidbox::encode(&request, &self.keyspace, None).map_err(BrokerError::Encode)
    }

    async fn publish(
        &self,
        connection: &mut MultiplexedConnection,
        payload: Vec<u8>,
    ) -> Result<u64, BrokerError> {
        // The list may outlive this process by a reply; so it gets an end.
        let (listeners, _): (u64, i64) = redis::pipe()
            .publish(self.keyspace.control_channel(), payload)
            .expire(self.reply_list(), REPLY_TTL_SECONDS)
            .query_async(connection)
            .await
            .map_err(|source| BrokerError::Command {
                operation: "send a request to the workers",
                source,
            })?;
        Ok(listeners)
    }
}

fn overdue(operation: &'static str, limit: Duration) -> BrokerError {
    BrokerError::Overdue {
        operation,
        seconds: limit.as_secs_f64(),
    }
}

/// A request whose replies are waited for, until it is over or abandoned.
struct Ticket<'a> {
    waiting: &'a Waiting,
    text: String,
    receiver: mpsc::UnboundedReceiver<Reply>,
}

impl<'a> Ticket<'a> {
    fn new(waiting: &'a Waiting) -> Self {
        let text = uuid::Uuid::new_v4().to_string();
        let (sender, receiver) = mpsc::unbounded_channel();
        waiting.lock().insert(text.clone(), sender);
        Self {
            waiting,
            text,
            receiver,
        }
    }
}

impl Drop for Ticket<'_> {
    fn drop(&mut self) {
        self.waiting.lock().remove(&self.text);
    }
}
