//! Changing what waits in queues. Every step is one script or one command, so
//! that workers which consume meanwhile see a message either before or after
//! it, and a step that fails has not happened.

use protocol::{Keyspace, delivery_tag, reroute};
use redis::{RedisError, aio::MultiplexedConnection};

/// Bytes of messages that one step is about, roughly.
const STEP_BYTES: usize = 512 << 10;

/// Most messages that one step is about.
const STEP_MESSAGES: usize = 500;

/// Elements that one step may compare with messages it looks for.
const STEP_COMPARED: u64 = 200_000;

/// Most elements of a queue that are looked through for single messages.
const MAX_SOUGHT: u64 = 500_000;

/// Takes messages from the end where workers take them, those that are still there.
///
/// The element is put where it belongs before it is taken away: if Redis
/// refuses that for want of memory, it has not moved.
const MOVE_NEXT: &str = r"
local moved = 0
for i = 1, #ARGV, 2 do
  if redis.call('LINDEX', KEYS[1], -1) == ARGV[i] then
    redis.call('LPUSH', KEYS[2], ARGV[i + 1])
    redis.call('RPOP', KEYS[1])
    moved = moved + 1
  end
end
return moved";

/// Takes single messages, wherever they are.
const MOVE_THESE: &str = r"
local kind = redis.call('TYPE', KEYS[2]).ok
if kind ~= 'none' and kind ~= 'list' then
  return redis.error_reply('WRONGTYPE the other queue is no list')
end
local moved = 0
for i = 1, #ARGV, 2 do
  if redis.call('LREM', KEYS[1], -1, ARGV[i]) == 1 then
    redis.call('LPUSH', KEYS[2], ARGV[i + 1])
    moved = moved + 1
  end
end
return moved";

/// Deletes lists that have no end and that nobody touches.
const SWEEP: &str = r"
local keys, bytes = 0, 0
for _, key in ipairs(KEYS) do
  if redis.call('TYPE', key).ok == 'list' and redis.call('TTL', key) == -1 then
    local idle = redis.pcall('OBJECT', 'IDLETIME', key)
    if type(idle) == 'number' and idle > tonumber(ARGV[1]) then
      local size = redis.pcall('MEMORY', 'USAGE', key, 'SAMPLES', 5)
      if type(size) == 'number' then bytes = bytes + size end
      redis.call('UNLINK', key)
      keys = keys + 1
    end
  end
end
return {keys, bytes}";

/// How far something came that takes several steps.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Progress {
    /// Messages that were done with.
    pub(crate) done: u64,
    /// Messages of the step that broke, which may have been done or not.
    pub(crate) unsure: u64,
    /// Elements that are no messages.
    pub(crate) odd: u64,
}

/// Moves every message that waits in `from` when this begins behind those
/// that wait in `to`; each keeps its priority step. `progress` is kept up to
/// date, so that it tells what was done when this fails.
pub(crate) async fn move_all(
    connection: &mut MultiplexedConnection,
    keyspace: &Keyspace,
    from: &str,
    to: &str,
    progress: &mut Progress,
) -> Result<(), RedisError> {
    let targets = keyspace.queue_keys(to);
    for ((_, source), (_, target)) in keyspace.queue_keys(from).into_iter().zip(targets) {
        let Some((waiting, newest)) = ends(connection, &source).await? else {
            continue;
        };
        let mut moved = 0;
        let mut step = 20;
        while moved < waiting {
            let most = i64::try_from((waiting - moved).min(step)).unwrap_or(1);
            // In one transaction: what is behind the newest was there before it.
            let (place, mut elements): (Option<u64>, Vec<Vec<u8>>) = redis::pipe()
                .atomic()
                .cmd("LPOS")
                .arg(&source)
                .arg(&newest)
                .cmd("LRANGE")
                .arg(&source)
                .arg(-most)
                .arg(-1)
                .query_async(connection)
                .await?;
            if place.is_none() {
                // Somebody took it, and all that waited when this began.
                break;
            }
            elements.reverse();
            // Later ones came after this began.
            let end = elements.iter().position(|element| *element == newest);
            elements.truncate(end.map_or(elements.len(), |last| last + 1));
            step = next_step(&elements);
            progress.unsure = elements.len() as u64;
            let (count, odd) =
                move_step(connection, MOVE_NEXT, [&source, &target], &elements, to).await?;
            progress.unsure = 0;
            progress.odd += odd;
            progress.done += count;
            moved += count;
            if end.is_some() && count > 0 {
                break;
            }
        }
    }
    Ok(())
}

/// Returns the length of a list and its newest element; `None` if there is no list.
async fn ends(
    connection: &mut MultiplexedConnection,
    key: &str,
) -> Result<Option<(u64, Vec<u8>)>, RedisError> {
    let (length, newest): (u64, Option<Vec<u8>>) = redis::pipe()
        .cmd("LLEN")
        .arg(key)
        .cmd("LINDEX")
        .arg(key)
        .arg(0)
        .query_async(connection)
        .await?;
    Ok(newest.map(|newest| (length, newest)))
}

/// Returns how many messages like these make a step.
fn next_step(elements: &[Vec<u8>]) -> u64 {
    let bytes: usize = elements.iter().map(Vec::len).sum();
    let average = (bytes / elements.len().max(1)).max(1);
    (STEP_BYTES / average).clamp(1, STEP_MESSAGES) as u64
}

async fn move_step(
    connection: &mut MultiplexedConnection,
    script: &str,
    keys: [&String; 2],
    elements: &[Vec<u8>],
    to: &str,
) -> Result<(u64, u64), RedisError> {
    let mut command = redis::cmd("EVAL");
    command.arg(script).arg(2).arg(keys[0]).arg(keys[1]);
    let mut odd = 0;
    for element in elements {
        command.arg(element);
        match reroute(element, to) {
            Some(moved) => command.arg(moved),
            None => {
                odd += 1;
                command.arg(element)
            }
        };
    }
    let moved = command.query_async(connection).await?;
    Ok((moved, odd))
}

/// A message that was looked for.
#[derive(Clone, Debug)]
pub(crate) struct Sought {
    /// The list it is in.
    pub(crate) step: u8,
    pub(crate) tag: String,
    /// Its exact bytes.
    pub(crate) element: Vec<u8>,
    /// The length of the list.
    pub(crate) among: u64,
}

/// Looks for messages by their delivery tags, in the order workers take them.
/// Also returns whether every message was looked at.
pub(crate) async fn seek(
    connection: &mut MultiplexedConnection,
    keyspace: &Keyspace,
    queue: &str,
    tags: &[String],
) -> Result<(Vec<Sought>, bool), RedisError> {
    let mut found: Vec<Sought> = Vec::new();
    let mut looked = 0;
    for (step, key) in keyspace.queue_keys(queue) {
        let Some((among, _)) = ends(connection, &key).await? else {
            continue;
        };
        let mut slice = 20;
        let mut at = 0;
        while at < among {
            if found.len() == tags.len() {
                return Ok((found, true));
            }
            if looked >= MAX_SOUGHT {
                return Ok((found, false));
            }
            let first = i64::try_from(at).unwrap_or(i64::MAX);
            let mut elements: Vec<Vec<u8>> = redis::cmd("LRANGE")
                .arg(&key)
                .arg(-first - i64::try_from(slice).unwrap_or(1))
                .arg(-first - 1)
                .query_async(connection)
                .await?;
            if elements.is_empty() {
                break;
            }
            elements.reverse();
            // While others take messages, the rest moves up: the last slices overlap a little.
            at += (slice - slice / 10).max(1);
            looked += slice;
            slice = next_step(&elements);
            for element in elements {
                let Some(tag) = delivery_tag(&element) else {
                    continue;
                };
                let is_wanted = tags.contains(&tag);
                if is_wanted && !found.iter().any(|other| other.tag == tag) {
                    found.push(Sought {
                        step,
                        tag,
                        element,
                        among,
                    });
                }
            }
        }
    }
    Ok((found, true))
}

/// Moves messages that were found, as long as they still wait.
pub(crate) async fn move_these(
    connection: &mut MultiplexedConnection,
    keyspace: &Keyspace,
    from: &str,
    to: &str,
    these: &[Sought],
    progress: &mut Progress,
) -> Result<(), RedisError> {
    let targets = keyspace.queue_keys(to);
    for ((step, source), (_, target)) in keyspace.queue_keys(from).into_iter().zip(targets) {
        let here: Vec<&Sought> = these.iter().filter(|sought| sought.step == step).collect();
        let among = here.first().map_or(1, |sought| sought.among.max(1));
        let most = (STEP_COMPARED / among).clamp(1, 100) as usize;
        for part in here.chunks(most) {
            let elements: Vec<Vec<u8>> = part.iter().map(|sought| sought.element.clone()).collect();
            progress.unsure = elements.len() as u64;
            let (count, odd) =
                move_step(connection, MOVE_THESE, [&source, &target], &elements, to).await?;
            progress.unsure = 0;
            progress.done += count;
            progress.odd += odd;
        }
    }
    Ok(())
}

/// Deletes a message that was found; `false` if somebody took it meanwhile.
pub(crate) async fn delete(
    connection: &mut MultiplexedConnection,
    keyspace: &Keyspace,
    queue: &str,
    sought: &Sought,
) -> Result<bool, RedisError> {
    let keys = keyspace.queue_keys(queue);
    let key = keys.into_iter().find(|(step, _)| *step == sought.step);
    let removed: i64 = redis::cmd("LREM")
        .arg(key.map(|(_, key)| key).unwrap_or_default())
        .arg(-1)
        .arg(&sought.element)
        .query_async(connection)
        .await?;
    Ok(removed == 1)
}

/// Deletes those of the lists that nobody touched for `idle_seconds`; returns
/// how many and how many bytes they took.
pub(crate) async fn sweep(
    connection: &mut MultiplexedConnection,
    keys: &[String],
    idle_seconds: i64,
) -> Result<(u64, u64), RedisError> {
    redis::cmd("EVAL")
        .arg(SWEEP)
        .arg(keys.len())
        .arg(keys)
        .arg(idle_seconds)
        .query_async(connection)
        .await
}
