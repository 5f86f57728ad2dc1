//! Looking through Redis for what nobody told of: queues, purges of ours, and
//! keys that their owners left behind.

use super::queues::failed;
use crate::{error::BrokerError, state::queues::MAX_QUEUES};
use model::{LeftoverKind, Leftovers, PurgeId, PurgedQueue, QueueName, Timestamp};
use protocol::{Keyspace, message};
use redis::{AsyncCommands, aio::MultiplexedConnection};
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// Keys looked at in one step of a scan.
const SCAN_COUNT: usize = 1_000;

/// Most keys that one look passes over. A result backend in the same database
/// may hold a million; what lies beyond this is not seen, and the look says
/// that it is not complete.
const MAX_SCANNED: usize = 5_000_000;

/// Most keys whose size is asked for in one look.
const MAX_WEIGHED: usize = 2_000;

/// Elements of a list that its size is computed from.
const SAMPLES: usize = 5;

/// Keys shown of each kind.
const EXAMPLES: usize = 20;

/// How long nobody must have touched a list before it counts as left behind.
/// Whoever waits for replies takes them at once.
pub(crate) const IDLE_SECONDS: i64 = 300;

/// What was found.
#[derive(Debug, Default)]
pub(crate) struct Discovery {
    pub(crate) queues: BTreeSet<QueueName>,
    /// Queues by exchange and routing key.
    pub(crate) routes: HashMap<(String, String), QueueName>,
    /// Lists that are left behind if nobody touches them.
    pub(crate) suspects: Vec<(LeftoverKind, String)>,
    /// Whether every key was passed over.
    pub(crate) is_complete: bool,
}

/// Finds queues: those that exchanges are bound to, and lists that hold task messages.
pub(crate) async fn discover(
    connection: &mut MultiplexedConnection,
    keyspace: &Keyspace,
) -> Result<Discovery, BrokerError> {
    let mut found = Discovery::default();
    let (bindings, _) = scan(connection, &keyspace.binding_pattern(), None).await?;
    for key in bindings {
        let Some(exchange) = keyspace
            .exchange_of_binding_key(&key)
            .filter(|exchange| keyspace.is_task_exchange(exchange))
        else {
            continue;
        };
        let members: Vec<Vec<u8>> = connection
            .smembers(&key)
            .await
            .map_err(failed("read a binding table"))?;
        for member in members {
            let Some(binding) = keyspace.parse_binding(&member) else {
                continue;
            };
            let route = (exchange.to_owned(), binding.routing_key);
            found.routes.insert(route, binding.queue.clone());
            found.queues.insert(binding.queue);
        }
    }
    let prefix = glob_escape(&keyspace.prefix);
    let (lists, is_complete) = scan(connection, &format!("{prefix}*"), Some("list")).await?;
    found.is_complete = is_complete;
    for key in lists {
        if let Some(kind) = keyspace.leftover_kind(&key) {
            found.suspects.push((kind, key));
            continue;
        }
        let Some((queue, _)) = keyspace.parse_queue_key(&key) else {
            continue;
        };
        if found.queues.contains(&queue) || found.queues.len() >= MAX_QUEUES {
            continue;
        }
        let last: Option<Vec<u8>> = connection
            .lindex(&key, -1)
            .await
            .map_err(failed("look at a list"))?;
        if last.is_some_and(|last| message::looks_like_message(&last)) {
            found.queues.insert(queue);
        }
    }
    Ok(found)
}

/// Tells which suspects nobody touches, and what they weigh; and whether all
/// of them were looked at. None of the commands counts as a touch.
pub(crate) async fn weigh(
    connection: &mut MultiplexedConnection,
    suspects: &[(LeftoverKind, String)],
) -> Result<(Vec<Leftovers>, bool), BrokerError> {
    let mut kinds: BTreeMap<LeftoverKind, Vec<(u64, &String)>> = BTreeMap::new();
    let mut is_complete = suspects.len() <= MAX_WEIGHED;
    let chosen = &suspects[..suspects.len().min(MAX_WEIGHED)];
    for part in chosen.chunks(100) {
        let mut pipeline = redis::pipe();
        for (_, key) in part {
            pipeline.cmd("TTL").arg(key);
            pipeline.cmd("OBJECT").arg("IDLETIME").arg(key);
            pipeline.cmd("MEMORY").arg("USAGE").arg(key);
            pipeline.arg("SAMPLES").arg(SAMPLES);
        }
        let answers: Vec<redis::Value> = pipeline
            .ignore_errors()
            .query_async(connection)
            .await
            .map_err(failed("look for keys left behind"))?;
        let answers: Vec<Option<i64>> = answers
            .into_iter()
            .map(|answer| redis::from_redis_value(answer).ok().flatten())
            .collect();
        for ((kind, key), answer) in part.iter().zip(answers.chunks(3)) {
            let [Some(ttl), Some(idle), bytes] = answer else {
                // Refused, or the policy keeps no idle times (`OBJECT IDLETIME` under LFU).
                is_complete = false;
                continue;
            };
            if *ttl == -1 && *idle > IDLE_SECONDS {
                let bytes = bytes.and_then(|bytes| u64::try_from(bytes).ok());
                kinds
                    .entry(*kind)
                    .or_default()
                    .push((bytes.unwrap_or(0), key));
            }
        }
    }
    let leftovers = kinds.into_iter().map(|(kind, mut keys)| {
        keys.sort_by_key(|(bytes, _)| std::cmp::Reverse(*bytes));
        let examples = keys.iter().take(EXAMPLES);
        Leftovers {
            kind,
            keys: keys.len() as u64,
            bytes: keys.iter().map(|(bytes, _)| bytes).sum(),
            examples: examples.map(|(_, key)| (*key).clone()).collect(),
        }
    });
    Ok((leftovers.collect(), is_complete))
}

/// Finds purges that an earlier process of the dashboard kept.
pub(crate) async fn purges(
    connection: &mut MultiplexedConnection,
    keyspace: &Keyspace,
) -> Result<Vec<PurgedQueue>, BrokerError> {
    let (keys, _) = scan(connection, &keyspace.purge_pattern(), Some("hash")).await?;
    let mut purges = Vec::new();
    for key in keys {
        let fields: HashMap<String, String> = connection
            .hgetall(&key)
            .await
            .map_err(failed("read of a purge"))?;
        purges.extend(read_purge(&fields));
    }
    Ok(purges)
}

/// Returns what was written down of one purge, if it is kept.
pub(crate) async fn purge(
    connection: &mut MultiplexedConnection,
    keyspace: &Keyspace,
    id: PurgeId,
) -> Result<Option<PurgedQueue>, BrokerError> {
    let fields: HashMap<String, String> = connection
        .hgetall(keyspace.purge(id.0))
        .await
        .map_err(failed("read of a purge"))?;
    Ok(read_purge(&fields))
}

fn read_purge(fields: &HashMap<String, String>) -> Option<PurgedQueue> {
    let number = |name: &str| fields.get(name)?.parse::<u64>().ok();
    let time = |name| number(name).and_then(|micros| micros.try_into().ok().map(Timestamp));
    Some(PurgedQueue {
        purge: PurgeId(number("purge")?),
        queue: fields.get("queue")?.as_str().into(),
        at: time("at")?,
        until: time("until")?,
        purged: number("purged")?,
        kept: number("purged")?.saturating_sub(number("back").unwrap_or(0)),
        by: fields.get("by").cloned().unwrap_or_default(),
    })
}

/// Returns the keys that match, and whether all were passed over.
async fn scan(
    connection: &mut MultiplexedConnection,
    pattern: &str,
    kind: Option<&str>,
) -> Result<(Vec<String>, bool), BrokerError> {
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
            return Ok((keys, cursor == 0));
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
