//! Reading the queues: their lengths, what runs next, and the broker's own state.

use crate::{
    error::BrokerError,
    state::queues::{Overdue, Reading, Tail},
};
use model::{QueueName, RedisInfo, Timestamp};
use protocol::{Keyspace, decode_message};
use redis::aio::MultiplexedConnection;
use std::{
    collections::{BTreeMap, BTreeSet},
    time::Instant,
};

/// Most queues whose next message is looked at in one reading; the others follow in the next.
const MAX_TAILS: usize = 200;

/// A message larger than this is looked at less often.
const LARGE_BYTES: usize = 64 << 10;

/// In one of how many readings.
const LARGE_TURNS: u64 = 15;

pub(super) fn failed(operation: &'static str) -> impl Fn(redis::RedisError) -> BrokerError {
    move |source| BrokerError::Command { operation, source }
}

/// What is kept between two readings.
#[derive(Debug, Default)]
pub(crate) struct Turns {
    count: u64,
    /// The queue whose next message was looked at last.
    last: Option<QueueName>,
    /// Queues whose next message is large.
    large: BTreeSet<QueueName>,
}

/// Reads the length of every queue in `queues`, and the broker's own state.
///
/// `limit` is when a message was taken at the latest that is overdue.
pub(crate) async fn read(
    connection: &mut MultiplexedConnection,
    keyspace: &Keyspace,
    queues: &BTreeSet<QueueName>,
    limit: Timestamp,
    turns: &mut Turns,
) -> Result<Reading, BrokerError> {
    let before_ping = Instant::now();
    let _: redis::Value = redis::cmd("PING")
        .query_async(connection)
        .await
        .map_err(failed("ping the broker"))?;
    let ping_ms = before_ping.elapsed().as_secs_f64() * 1e3;
    let mut pipeline = redis::pipe();
    pipeline.cmd("HLEN").arg(keyspace.unacked());
    let index = keyspace.unacked_index();
    pipeline
        .cmd("ZCOUNT")
        .arg(&index)
        .arg("-inf")
        .arg(limit.as_seconds());
    pipeline
        .cmd("ZRANGE")
        .arg(&index)
        .arg(0)
        .arg(0)
        .arg("WITHSCORES");
    for queue in queues {
        for (_, key) in keyspace.queue_keys(queue.as_str()) {
            pipeline.cmd("LLEN").arg(key);
        }
    }
    // A key of another type under a queue's name fails alone, not the reading.
    let answers: Vec<redis::Value> = pipeline
        .ignore_errors()
        .query_async(connection)
        .await
        .map_err(failed("read the lengths of queues"))?;
    let mut answers = answers.into_iter();
    let mut next = || answers.next().unwrap_or(redis::Value::Nil);
    let unacked = length(&next());
    let overdue = Overdue {
        count: length(&next()),
        oldest: oldest(next()),
    };
    let lengths: BTreeMap<QueueName, Vec<(u8, u64)>> = queues
        .iter()
        .map(|queue| {
            let steps = keyspace
                .queue_keys(queue.as_str())
                .into_iter()
                .map(|(step, _)| (step, length(&next())))
                .collect();
            (queue.clone(), steps)
        })
        .collect();
    let tails = read_tails(connection, keyspace, &lengths, turns).await?;
    let info: String = redis::cmd("INFO")
        .query_async(connection)
        .await
        .map_err(failed("read the broker's INFO"))?;
    Ok(Reading {
        lengths,
        unacked,
        overdue,
        tails,
        redis: read_info(&info, ping_ms),
    })
}

fn length(answer: &redis::Value) -> u64 {
    match answer {
        redis::Value::Int(length) => u64::try_from(*length).unwrap_or(0),
        _ => 0,
    }
}

/// Reads the score of the first member.
fn oldest(answer: redis::Value) -> Option<Timestamp> {
    let members: Vec<(String, f64)> = redis::from_redis_value(answer).ok()?;
    Timestamp::from_seconds(members.first()?.1)
}

/// Looks at the message that runs next in each queue; in some of them, if they
/// are many.
async fn read_tails(
    connection: &mut MultiplexedConnection,
    keyspace: &Keyspace,
    lengths: &BTreeMap<QueueName, Vec<(u8, u64)>>,
    turns: &mut Turns,
) -> Result<BTreeMap<QueueName, Tail>, BrokerError> {
    turns.count += 1;
    let is_turn_of_large = turns.count.is_multiple_of(LARGE_TURNS);
    turns.large.retain(|queue| lengths.contains_key(queue));
    let waiting: Vec<(&QueueName, u8)> = lengths
        .iter()
        .filter(|(queue, _)| is_turn_of_large || !turns.large.contains(*queue))
        .filter_map(|(queue, steps)| Some((queue, steps.iter().find(|(_, n)| *n > 0)?.0)))
        .collect();
    let from = waiting
        .iter()
        .position(|(queue, _)| Some(*queue) > turns.last.as_ref())
        .unwrap_or(0);
    let chosen: Vec<(&QueueName, u8)> = waiting
        .iter()
        .cycle()
        .skip(from)
        .take(waiting.len().min(MAX_TAILS))
        .copied()
        .collect();
    let Some((last, _)) = chosen.last() else {
        return Ok(BTreeMap::new());
    };
    turns.last = Some((*last).clone());
    let mut pipeline = redis::pipe();
    for (queue, step) in &chosen {
        let keys = keyspace.queue_keys(queue.as_str());
        let key = keys.into_iter().find(|(other, _)| other == step);
        pipeline
            .cmd("LINDEX")
            .arg(key.map(|(_, key)| key).unwrap_or_default())
            .arg(-1);
    }
    let answers: Vec<redis::Value> = pipeline
        .ignore_errors()
        .query_async(connection)
        .await
        .map_err(failed("look at the ends of queues"))?;
    let mut tails = BTreeMap::new();
    for ((queue, step), answer) in chosen.into_iter().zip(answers) {
        let redis::Value::BulkString(element) = answer else {
            continue;
        };
        if element.len() > LARGE_BYTES {
            turns.large.insert(queue.clone());
        } else {
            turns.large.remove(queue);
        }
        let Ok(message) = decode_message(&element) else {
            continue;
        };
        tails.insert(
            queue.clone(),
            Tail {
                step,
                tag: message.delivery_tag,
                id: message.id,
                retries: message.retries,
                is_redelivered: message.redelivered,
            },
        );
    }
    Ok(tails)
}

fn read_info(info: &str, ping_ms: f64) -> RedisInfo {
    let field = |name: &str| {
        info.lines()
            .find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))
            .unwrap_or_default()
            .trim()
    };
    let number = |name: &str| field(name).parse().unwrap_or(0);
    RedisInfo {
        version: field("redis_version").to_owned(),
        used_memory_bytes: number("used_memory"),
        max_memory_bytes: number("maxmemory"),
        eviction_policy: field("maxmemory_policy").to_owned(),
        clients: number("connected_clients"),
        // Up to a tenth: finer is noise, and noise would be sent to every
        // browser; a quick answer is not one that took no time.
        ping_ms: (ping_ms * 10.0).ceil() / 10.0,
    }
}
