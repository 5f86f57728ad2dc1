//! Looking at messages that wait. Bounded, in slices, and nothing is removed.

use super::refused;
use crate::{clock, control::Control};
use model::{ErrorKind, QueueName, QueuePeek, WaitingMessage, WireError};
use protocol::{DecodeErrorKind, OpenMessage, open_message};
use redis::aio::MultiplexedConnection;
use std::borrow::Cow;

/// Most messages of one look.
const MAX_MESSAGES: u64 = 100;

/// Messages asked for at once; one may be megabytes long.
const SLICE: u64 = 10;

/// Once so many bytes were read, no more messages follow.
const MAX_BYTES: usize = 8 << 20;

/// Longest text of arguments that is shown.
const MAX_ARGUMENTS: usize = 64 << 10;

impl Control {
    /// Looks at messages that wait, in the order workers take them.
    pub(crate) async fn peek(
        &self,
        queue: &QueueName,
        offset: u64,
        limit: u64,
    ) -> Result<QueuePeek, WireError> {
        if limit > MAX_MESSAGES {
            return Err(WireError::new(
                ErrorKind::Invalid,
                format!("At most {MAX_MESSAGES} messages can be looked at"),
            ));
        }
        let mut connection = self.queue_connection().await?;
        self.check_queue(&mut connection, queue).await?;
        let failed = |error| refused("look into the queue", &error, "");
        let mut peek = QueuePeek {
            queue: queue.clone(),
            total: 0,
            offset,
            messages: Vec::new(),
            looked: clock::now(),
        };
        let mut bytes = 0;
        let mut skip = offset;
        for (step, key) in self.parts.keyspace.queue_keys(queue.as_str()) {
            let length: u64 = redis::cmd("LLEN")
                .arg(&key)
                .query_async(&mut connection)
                .await
                .map_err(failed)?;
            peek.total += length;
            let mut at = skip.min(length);
            skip -= at;
            while at < length && (peek.messages.len() as u64) < limit && bytes < MAX_BYTES {
                let wanted = SLICE.min(limit - peek.messages.len() as u64);
                let elements = slice(&mut connection, &key, at, wanted)
                    .await
                    .map_err(failed)?;
                if elements.is_empty() {
                    break;
                }
                at += elements.len() as u64;
                for element in &elements {
                    bytes += element.len();
                    peek.messages.push(self.describe(queue, step, element));
                }
            }
        }
        Ok(peek)
    }

    fn describe(&self, queue: &QueueName, step: u8, element: &[u8]) -> WaitingMessage {
        let mut shown = WaitingMessage {
            tag: protocol::delivery_tag(element),
            step,
            id: None,
            name: None,
            args: None,
            kwargs: None,
            is_text: false,
            eta: None,
            expires: None,
            retries: 0,
            is_redelivered: false,
            since: None,
            is_since_exact: false,
            bytes: element.len() as u64,
            content_type: String::new(),
            origin: None,
            problem: None,
        };
        let message = match open_message(element) {
            Ok(message) => message,
            Err(error) => {
                shown.problem = Some(format!("It is no task message: {error}"));
                return shown;
            }
        };
        let task = &message.task;
        let state = self.parts.reader.read();
        let sent = state
            .sent(&task.id)
            .filter(|(_, retries)| *retries == task.retries && !task.redelivered);
        shown.since = match sent {
            Some((sent, _)) => Some(sent),
            None => state.queues().seen_since(queue, step, &task.id),
        };
        drop(state);
        shown.is_since_exact = sent.is_some();
        shown.eta = task.eta;
        shown.expires = task.expires;
        shown.retries = task.retries;
        shown.is_redelivered = task.redelivered;
        shown.content_type.clone_from(&task.content_type);
        shown.origin.clone_from(&task.origin);
        shown.name = Some(task.name.clone());
        show_arguments(&mut shown, message);
        let redactor = &self.parts.redactor;
        for text in [&mut shown.args, &mut shown.kwargs] {
            let Some(own) = text else { continue };
            let new = match shown.is_text {
                true => redactor.text(own),
                false => redactor.json(own),
            };
            if let Cow::Owned(new) = new {
                *text = Some(new);
            }
        }
        shown
    }
}

/// Shows the arguments as they are in the body, else as the headers tell them.
fn show_arguments(shown: &mut WaitingMessage, message: OpenMessage) {
    let task = message.task;
    shown.id = Some(task.id);
    match message.body {
        Ok(body) if body.args.len() + body.kwargs.len() <= MAX_ARGUMENTS => {
            shown.args = Some(body.args);
            shown.kwargs = Some(body.kwargs);
            return;
        }
        Ok(body) => {
            let bytes = body.args.len() + body.kwargs.len();
            shown.problem = Some(format!("The arguments are {bytes} bytes long"));
        }
        Err(error) => {
            shown.problem = Some(match error.kind {
                DecodeErrorKind::UnsupportedContentType(kind)
                    if kind.contains("pickle") || kind.contains("python-serialize") =>
                {
                    "The arguments are pickled, and pickle is never opened".to_owned()
                }
                _ => format!("The arguments cannot be read: {error}"),
            });
        }
    }
    shown.is_text = true;
    shown.args = task.argsrepr;
    shown.kwargs = task.kwargsrepr;
}

/// Reads messages of a list, the next to run first.
async fn slice(
    connection: &mut MultiplexedConnection,
    key: &str,
    from: u64,
    count: u64,
) -> Result<Vec<Vec<u8>>, redis::RedisError> {
    let index = |at: u64| -1 - i64::try_from(at).unwrap_or(i64::MAX - 1);
    let mut elements: Vec<Vec<u8>> = redis::cmd("LRANGE")
        .arg(key)
        .arg(index(from + count - 1))
        .arg(index(from))
        .query_async(connection)
        .await?;
    elements.reverse();
    Ok(elements)
}
