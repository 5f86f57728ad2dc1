//! Reading the schedule that `RedBeat` keeps in Redis.

use super::queues::failed;
use crate::{error::BrokerError, state::schedule::MAX_ENTRIES};
use model::Timestamp;
use protocol::schedule::{RedBeatEntry, redbeat_entry};
use redis::aio::MultiplexedConnection;

/// Entries read at once.
const SLICE: usize = 100;

/// Returns the entries, each with the time it is due next, and whether a
/// scheduler holds the lock.
///
/// The keys are those of `redbeat/schedulers.py RedBeatConfig`.
pub(crate) async fn read(
    connection: &mut MultiplexedConnection,
    prefix: &str,
) -> Result<(Vec<(RedBeatEntry, Option<Timestamp>)>, bool), BrokerError> {
    let last = isize::try_from(MAX_ENTRIES).unwrap_or(isize::MAX) - 1;
    let (keys, is_locked): (Vec<(Vec<u8>, f64)>, bool) = redis::pipe()
        .zrange_withscores(format!("{prefix}:schedule"), 0, last)
        .exists(format!("{prefix}:lock"))
        .query_async(connection)
        .await
        .map_err(failed("read the schedule of RedBeat"))?;
    let mut entries = Vec::new();
    for part in keys.chunks(SLICE) {
        let mut pipeline = redis::pipe();
        for (key, _) in part {
            pipeline.cmd("HMGET").arg(key).arg("definition").arg("meta");
        }
        let answers: Vec<[Option<Vec<u8>>; 2]> = pipeline
            .query_async(connection)
            .await
            .map_err(failed("read an entry of RedBeat"))?;
        for ((_, due), [definition, meta]) in part.iter().zip(answers) {
            let read = definition.and_then(|text| redbeat_entry(&text, meta.as_deref()));
            entries.extend(read.map(|read| (read, Timestamp::from_seconds(*due))));
        }
    }
    Ok((entries, is_locked))
}
