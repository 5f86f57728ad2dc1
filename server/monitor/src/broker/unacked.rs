//! Which queues the messages are of that workers took and did not acknowledge.

use super::queues::failed;
use crate::error::BrokerError;
use model::QueueName;
use protocol::{Keyspace, unacked_route};
use redis::aio::MultiplexedConnection;
use std::collections::{BTreeMap, HashMap};

/// Messages asked for at once; one may be megabytes long.
const SLICE: usize = 50;

/// Most messages read in one look.
const MAX_MESSAGES: usize = 5_000;

/// Most bytes read in one look.
const MAX_BYTES: usize = 16 << 20;

/// Counts them by queue; `None` if they are too many, or if it cannot be told
/// of one where it came from.
pub(crate) async fn count(
    connection: &mut MultiplexedConnection,
    keyspace: &Keyspace,
    routes: &HashMap<(String, String), QueueName>,
) -> Result<Option<BTreeMap<QueueName, u64>>, BrokerError> {
    let mut counts = BTreeMap::new();
    // A scan may show an element twice.
    let mut seen = std::collections::HashSet::new();
    let mut cursor = 0u64;
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
        for pair in pairs.chunks_exact(2) {
            let [tag, value] = pair else { continue };
            bytes += value.len();
            if !seen.insert(tag.clone()) {
                continue;
            }
            let Some((exchange, routing_key)) = unacked_route(value) else {
                return Ok(None);
            };
            let queue = if exchange.is_empty() {
                QueueName::from(routing_key)
            } else {
                match routes.get(&(exchange, routing_key)) {
                    Some(queue) => queue.clone(),
                    None => return Ok(None),
                }
            };
            *counts.entry(queue).or_default() += 1;
        }
        cursor = next;
        if cursor == 0 {
            return Ok(Some(counts));
        }
        if seen.len() > MAX_MESSAGES || bytes > MAX_BYTES {
            return Ok(None);
        }
    }
}
