//! Looking at task messages: those that wait in queues, and those that workers
//! took and did not acknowledge. Bounded, in slices, and nothing is removed.

use super::queues::failed;
use crate::error::BrokerError;
use model::QueueName;
use protocol::{Keyspace, TaskMessage, decode_message, decode_unacked};
use redis::aio::MultiplexedConnection;

/// Most messages read of one queue's list: half from each end.
const MAX_PER_LIST: u64 = 400;

/// Most messages read in one look.
const MAX_WAITING: usize = 10_000;

/// Most unacknowledged messages looked at.
const MAX_UNACKED: usize = 10_000;

/// Messages asked for at once; one may be megabytes long.
const SLICE: i64 = 20;

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

/// Reads both.
pub(crate) async fn read(
    connection: &mut MultiplexedConnection,
    keyspace: &Keyspace,
    queues: &[QueueName],
) -> Result<Messages, BrokerError> {
    let mut found = Messages {
        are_all_waiting: true,
        ..Messages::default()
    };
    let mut bytes = 0;
    for queue in queues {
        for (_, key) in keyspace.queue_keys(queue.as_str()) {
            read_list(connection, queue, &key, &mut found, &mut bytes).await?;
        }
    }
    read_unacked(connection, keyspace, &mut found).await?;
    Ok(found)
}

async fn read_list(
    connection: &mut MultiplexedConnection,
    queue: &QueueName,
    key: &str,
    found: &mut Messages,
    bytes: &mut usize,
) -> Result<(), BrokerError> {
    let length: redis::Value = redis::cmd("LLEN")
        .arg(key)
        .query_async(connection)
        .await
        .or_else(not_a_list)?;
    let redis::Value::Int(length) = length else {
        return Ok(());
    };
    let most = i64::try_from(MAX_PER_LIST).unwrap_or(i64::MAX);
    // The next to run are at the end, the newest at the beginning.
    let ranges = if length <= most {
        vec![(-length, -1)]
    } else {
        found.are_all_waiting = false;
        vec![(-most / 2, -1), (0, most / 2 - 1)]
    };
    for (first, last) in ranges {
        let mut at = first;
        while at <= last {
            if found.waiting.len() >= MAX_WAITING || *bytes >= MAX_BYTES {
                found.are_all_waiting = false;
                return Ok(());
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
                *bytes += element.len();
                match decode_message(&element) {
                    Ok(message) => found.waiting.push((queue.clone(), message)),
                    // Another program's list, or a message of which not even the id can be read.
                    Err(error) => tracing::debug!(%queue, %error, "skipped a message"),
                }
            }
            at = end + 1;
        }
    }
    Ok(())
}

/// A key of another type under a queue's name is no queue.
fn not_a_list(error: redis::RedisError) -> Result<redis::Value, BrokerError> {
    if error.code() == Some("WRONGTYPE") {
        Ok(redis::Value::Nil)
    } else {
        Err(failed("read the length of a queue")(error))
    }
}

async fn read_unacked(
    connection: &mut MultiplexedConnection,
    keyspace: &Keyspace,
    found: &mut Messages,
) -> Result<(), BrokerError> {
    let mut cursor = 0u64;
    let mut seen = 0;
    let mut bytes = 0;
    loop {
        let (next, pairs): (u64, Vec<Vec<u8>>) = redis::cmd("HSCAN")
            .arg(keyspace.unacked())
            .arg(cursor)
            .arg("COUNT")
            .arg(SLICE)
            .query_async(connection)
            .await
            .map_err(failed("look at unacknowledged messages"))?;
        for value in pairs.iter().skip(1).step_by(2) {
            seen += 1;
            bytes += value.len();
            match decode_unacked(value) {
                Ok(message) => found.unacked.push(message),
                Err(error) => tracing::debug!(%error, "skipped an unacknowledged message"),
            }
        }
        cursor = next;
        if cursor == 0 {
            found.are_all_unacked = true;
            return Ok(());
        }
        if seen >= MAX_UNACKED || bytes >= MAX_BYTES {
            return Ok(());
        }
    }
}
