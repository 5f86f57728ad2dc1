//! Looking at task messages: those that wait in queues, and those that workers
//! took and did not acknowledge. Bounded, in slices, and nothing is removed.

use super::queues::failed;
use crate::error::BrokerError;
use model::QueueName;
use protocol::{Keyspace, TaskMessage, decode_message, message_of_unacked};
use redis::aio::MultiplexedConnection;

/// Most messages read of one queue's list: half from each end.
const MAX_PER_LIST: u64 = 400;

/// Most messages read in one look.
const MAX_WAITING: usize = 10_000;

/// Most unacknowledged messages looked at.
const MAX_UNACKED: usize = 10_000;

/// Messages asked for at once; one may be megabytes long.
pub(super) const SLICE: i64 = 20;

/// Most bytes read in one look.
const MAX_BYTES: usize = 32 << 20;

/// What was found.
#[derive(Debug, Default)]
pub(crate) struct Messages {
    pub(crate) waiting: Vec<(QueueName, TaskMessage)>,
    pub(crate) unacked: Vec<TaskMessage>,
    /// Whether every message in the queues was read.
    pub(crate) are_all_waiting: bool,
    /// Whether every unacknowledged message was read.
    pub(crate) are_all_unacked: bool,
}

/// Where a message is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// In a queue.
    Waiting(QueueName),
    /// With a worker, or waiting to be delivered again.
    Unacked,
}

/// How far a look went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Looked {
    /// Whether every message in the queues was read.
    pub(crate) are_all_waiting: bool,
    /// Whether every unacknowledged message was read.
    pub(crate) are_all_unacked: bool,
}

/// Reads both.
pub(crate) async fn read(
    connection: &mut MultiplexedConnection,
    keyspace: &Keyspace,
    queues: &[QueueName],
) -> Result<Messages, BrokerError> {
    let mut found = Messages::default();
    let looked = look(connection, keyspace, queues, |place, element| {
        match (decode_message(element), place) {
            (Ok(message), Place::Waiting(queue)) => found.waiting.push((queue.clone(), message)),
            (Ok(message), Place::Unacked) => found.unacked.push(message),
            // Another program's list, or a message of which not even the id can be read.
            (Err(error), _) => tracing::debug!(?place, %error, "skipped a message"),
        }
    })
    .await?;
    found.are_all_waiting = looked.are_all_waiting;
    found.are_all_unacked = looked.are_all_unacked;
    Ok(found)
}

/// Shows both, as they stand in Redis, the queues in the order given.
pub(crate) async fn look(
    connection: &mut MultiplexedConnection,
    keyspace: &Keyspace,
    queues: &[QueueName],
    mut see: impl FnMut(&Place, &[u8]) + Send,
) -> Result<Looked, BrokerError> {
    let mut budget = Budget {
        messages: MAX_WAITING,
        bytes: MAX_BYTES,
    };
    let mut are_all_waiting = true;
    for queue in queues {
        let place = Place::Waiting(queue.clone());
        for (_, key) in keyspace.queue_keys(queue.as_str()) {
            are_all_waiting &= read_list(connection, &key, &mut budget, |element| {
                see(&place, element)
            })
            .await?;
        }
    }
    let are_all_unacked = read_unacked(connection, keyspace, |value| {
        match message_of_unacked(value) {
            Ok(element) => see(&Place::Unacked, element),
            Err(error) => tracing::debug!(%error, "skipped an unacknowledged message"),
        }
    })
    .await?;
    Ok(Looked {
        are_all_waiting,
        are_all_unacked,
    })
}

/// What may still be read.
struct Budget {
    messages: usize,
    bytes: usize,
}

/// Shows a list's messages; returns whether they are all.
async fn read_list(
    connection: &mut MultiplexedConnection,
    key: &str,
    budget: &mut Budget,
    mut see: impl FnMut(&[u8]) + Send,
) -> Result<bool, BrokerError> {
    let length: redis::Value = redis::cmd("LLEN")
        .arg(key)
        .query_async(connection)
        .await
        .or_else(not_a_list)?;
    let redis::Value::Int(length) = length else {
        return Ok(true);
    };
    let most = i64::try_from(MAX_PER_LIST).unwrap_or(i64::MAX);
    // The next to run are at the end, the newest at the beginning.
    let ranges = if length <= most {
        vec![(-length, -1)]
    } else {
        vec![(-most / 2, -1), (0, most / 2 - 1)]
    };
    for (first, last) in ranges {
        let mut at = first;
        while at <= last {
            if budget.messages == 0 || budget.bytes == 0 {
                return Ok(false);
            }
            let end = (at + SLICE - 1).min(last);
            let elements: Vec<Vec<u8>> = redis::cmd("LRANGE")
                .arg(key)
                .arg(at)
                .arg(end)
                .query_async(connection)
                .await
                .map_err(failed("look into a queue"))?;
            for element in elements {
                budget.bytes = budget.bytes.saturating_sub(element.len());
                budget.messages = budget.messages.saturating_sub(1);
                see(&element);
            }
            at = end + 1;
        }
    }
    Ok(length <= most)
}

/// A key of another type under a queue's name is no queue.
fn not_a_list(error: redis::RedisError) -> Result<redis::Value, BrokerError> {
    if error.code() == Some("WRONGTYPE") {
        Ok(redis::Value::Nil)
    } else {
        Err(failed("read the length of a queue")(error))
    }
}

/// Shows the values of the hash of messages that workers hold; returns whether they are all.
async fn read_unacked(
    connection: &mut MultiplexedConnection,
    keyspace: &Keyspace,
    mut see: impl FnMut(&[u8]) + Send,
) -> Result<bool, BrokerError> {
    let mut cursor = 0u64;
    let mut seen = 0;
    let mut bytes = 0;
    loop {
        let (next, pairs) = scan_unacked(connection, keyspace, cursor).await?;
        for value in pairs.iter().skip(1).step_by(2) {
            seen += 1;
            bytes += value.len();
            see(value);
        }
        cursor = next;
        if cursor == 0 {
            return Ok(true);
        }
        if seen >= MAX_UNACKED || bytes >= MAX_BYTES {
            return Ok(false);
        }
    }
}

/// Reads some fields and values of the hash of messages that workers hold;
/// returns where to go on.
pub(super) async fn scan_unacked(
    connection: &mut MultiplexedConnection,
    keyspace: &Keyspace,
    cursor: u64,
) -> Result<(u64, Vec<Vec<u8>>), BrokerError> {
    redis::cmd("HSCAN")
        .arg(keyspace.unacked())
        .arg(cursor)
        .arg("COUNT")
        .arg(SLICE)
        .query_async(connection)
        .await
        .map_err(failed("look at unacknowledged messages"))
}
