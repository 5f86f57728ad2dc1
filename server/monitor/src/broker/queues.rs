//! Finding the queues and reading their lengths.

use crate::{
    error::BrokerError,
    state::queues::{MAX_QUEUES, Reading},
};
use model::{QueueName, RedisInfo};
use protocol::{Keyspace, message};
use redis::{AsyncCommands, aio::MultiplexedConnection};
use std::{collections::BTreeSet, time::Instant};

/// Keys looked at in one step of a scan.
const SCAN_COUNT: usize = 1_000;

/// Most keys that one look for queues passes over. A result backend in the
/// same database may hold millions; the rest is seen when their turn comes.
const MAX_SCANNED: usize = 200_000;

pub(super) fn failed(operation: &'static str) -> impl Fn(redis::RedisError) -> BrokerError {
    move |source| BrokerError::Command { operation, source }
}

/// Reads the length of every queue in `queues`, and the broker's own state.
pub(crate) async fn read(
    connection: &mut MultiplexedConnection,
    keyspace: &Keyspace,
    queues: &BTreeSet<QueueName>,
) -> Result<Reading, BrokerError> {
    let before_ping = Instant::now();
    let _: redis::Value = redis::cmd("PING")
        .query_async(connection)
        .await
        .map_err(failed("ping the broker"))?;
    let ping_ms = before_ping.elapsed().as_secs_f64() * 1e3;
    let mut pipeline = redis::pipe();
    pipeline.cmd("HLEN").arg(keyspace.unacked());
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
    let mut answers = answers.into_iter().map(|answer| match answer {
        redis::Value::Int(length) => u64::try_from(length).unwrap_or(0),
        _ => 0,
    });
    let unacked = answers.next().unwrap_or(0);
    let lengths = queues
        .iter()
        .map(|queue| {
            let steps = keyspace
                .queue_keys(queue.as_str())
                .into_iter()
                .map(|(step, _)| (step, answers.next().unwrap_or(0)))
                .collect();
            (queue.clone(), steps)
        })
        .collect();
    let info: String = redis::cmd("INFO")
        .query_async(connection)
        .await
        .map_err(failed("read the broker's INFO"))?;
    Ok(Reading {
        lengths,
        unacked,
        redis: read_info(&info, ping_ms),
    })
}

/// Finds queues: those that exchanges are bound to, and lists that hold task messages.
pub(crate) async fn discover(
    connection: &mut MultiplexedConnection,
    keyspace: &Keyspace,
) -> Result<BTreeSet<QueueName>, BrokerError> {
    let mut queues = BTreeSet::new();
    for key in scan(connection, &keyspace.binding_pattern(), None).await? {
        let is_wanted = keyspace
            .exchange_of_binding_key(&key)
            .is_some_and(|exchange| keyspace.is_task_exchange(exchange));
        if !is_wanted {
            continue;
        }
        let members: Vec<Vec<u8>> = connection
            .smembers(&key)
            .await
            .map_err(failed("read a binding table"))?;
        queues.extend(
            members
                .iter()
                .filter_map(|member| Some(keyspace.parse_binding(member)?.queue)),
        );
    }
    let prefix = glob_escape(&keyspace.prefix);
    for key in scan(connection, &format!("{prefix}*"), Some("list")).await? {
        let Some((queue, _)) = keyspace.parse_queue_key(&key) else {
            continue;
        };
        if queues.contains(&queue) || queues.len() >= MAX_QUEUES {
            continue;
        }
        let last: Option<Vec<u8>> = connection
            .lindex(&key, -1)
            .await
            .map_err(failed("look at a list"))?;
        if last.is_some_and(|last| message::looks_like_message(&last)) {
            queues.insert(queue);
        }
    }
    Ok(queues)
}

async fn scan(
    connection: &mut MultiplexedConnection,
    pattern: &str,
    kind: Option<&str>,
) -> Result<Vec<String>, BrokerError> {
    let mut keys = Vec::new();
    let mut cursor = 0u64;
    let mut scanned = 0;
    loop {
        let mut command = redis::cmd("SCAN");
        command
            .arg(cursor)
            .arg("MATCH")
            .arg(pattern)
            .arg("COUNT")
            .arg(SCAN_COUNT);
        if let Some(kind) = kind {
            command.arg("TYPE").arg(kind);
        }
        let (next, found): (u64, Vec<Vec<u8>>) = command
            .query_async(connection)
            .await
            .map_err(failed("scan for queues"))?;
        // A key that is no text cannot be a queue's: kombu names them in UTF-8.
        keys.extend(found.into_iter().filter_map(|k| String::from_utf8(k).ok()));
        scanned += SCAN_COUNT;
        cursor = next;
        if cursor == 0 || scanned >= MAX_SCANNED {
            return Ok(keys);
        }
    }
}

pub(super) fn glob_escape(text: &str) -> String {
    text.chars()
        .flat_map(|c| {
            let escape = matches!(c, '*' | '?' | '[' | ']' | '\\').then_some('\\');
            escape.into_iter().chain([c])
        })
        .collect()
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
