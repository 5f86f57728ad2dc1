//! Purges: what a queue held is put aside, put back, or let go. Every step is
//! one script, so that a purge that is being taken back does not end meanwhile.

use protocol::Keyspace;
use redis::{RedisError, aio::MultiplexedConnection};

/// Messages that are put in order around others in one step.
const STEP_RETURNED: u64 = 20_000;

/// Seconds that a purge is kept for longer than it can be taken back, should
/// nobody be there to delete it.
const SLACK_SECONDS: u64 = 60;

/// Puts the lists of a queue aside. KEYS: what is written down of it, the
/// lists, then where they go. ARGV: seconds, then fields.
const PUT_ASIDE: &str = r"
local lists = (#KEYS - 1) / 2
local purged = 0
for i = 2, lists + 1 do
  if redis.call('TYPE', KEYS[i]).ok == 'list' then
    purged = purged + redis.call('LLEN', KEYS[i])
    redis.call('RENAME', KEYS[i], KEYS[i + lists])
    redis.call('EXPIRE', KEYS[i + lists], ARGV[1])
  end
end
if purged > 0 then
  redis.call('HSET', KEYS[1], 'purged', purged, unpack(ARGV, 2))
  redis.call('EXPIRE', KEYS[1], ARGV[1])
end
return purged";

/// Puts a list back before what waits by now, so that its messages run first.
/// Whichever of the two is shorter is moved; if both are long, in steps. KEYS:
/// the list, where its messages are kept, what is written down of the purge.
const PUT_BACK: &str = r"
local function written(count)
  if redis.call('EXISTS', KEYS[3]) == 1 then
    redis.call('HINCRBY', KEYS[3], 'back', count)
  end
end
local kept = redis.call('LLEN', KEYS[2])
if kept == 0 then return {0, 0} end
local waiting = redis.call('LLEN', KEYS[1])
local most = tonumber(ARGV[1])
if waiting <= most then
  for i = 1, waiting do redis.call('RPOPLPUSH', KEYS[1], KEYS[2]) end
  redis.call('RENAME', KEYS[2], KEYS[1])
  redis.call('PERSIST', KEYS[1])
  written(kept)
  return {kept, 0}
end
local moving = math.min(kept, most)
for i = 1, moving do
  redis.call('RPUSH', KEYS[1], redis.call('LINDEX', KEYS[2], 0))
  redis.call('LPOP', KEYS[2])
end
written(moving)
return {moving, kept - moving}";

/// Marks a purge as being taken back until a time, and has it stay until then.
/// KEYS: what is written down of it, then its lists. ARGV: until when, seconds.
const BEGIN_BACK: &str = r"
if redis.call('HEXISTS', KEYS[1], 'purged') == 0 then return 0 end
redis.call('HSET', KEYS[1], 'undo', ARGV[1], 'until', ARGV[1])
for _, key in ipairs(KEYS) do redis.call('EXPIRE', key, ARGV[2]) end
return 1";

/// Forgets a purge that was taken back; returns what it took and what of it
/// was put back, by however many tries.
const END_BACK: &str = r"
local found = redis.call('HMGET', KEYS[1], 'purged', 'back')
redis.call('DEL', KEYS[1])
if not found[1] then return false end
return {tonumber(found[1]), tonumber(found[2] or 0)}";

/// Deletes a purge unless it is being taken back. ARGV: the present time.
const LET_GO: &str = r"
local undo = redis.call('HGET', KEYS[1], 'undo')
if undo and tonumber(undo) > tonumber(ARGV[1]) then return 0 end
redis.call('UNLINK', unpack(KEYS))
return 1";

/// A purge as it is written down beside what it took. Times are in
/// microseconds since 1970.
#[derive(Clone, Debug)]
pub(crate) struct Purge<'a> {
    pub(crate) id: u64,
    pub(crate) queue: &'a str,
    pub(crate) by: &'a str,
    pub(crate) at: i64,
    pub(crate) until: i64,
    pub(crate) seconds: u64,
}

/// Puts everything aside that waits in a queue, and returns how many messages that are.
pub(crate) async fn put_aside(
    connection: &mut MultiplexedConnection,
    keyspace: &Keyspace,
    purge: &Purge<'_>,
) -> Result<u64, RedisError> {
    let keys = keyspace.queue_keys(purge.queue);
    let mut command = redis::cmd("EVAL");
    command.arg(PUT_ASIDE).arg(1 + 2 * keys.len());
    command.arg(keyspace.purge(purge.id));
    for (_, key) in &keys {
        command.arg(key);
    }
    for (step, _) in &keys {
        command.arg(keyspace.purged(purge.id, *step));
    }
    command.arg(purge.seconds + SLACK_SECONDS);
    command.arg("purge").arg(purge.id);
    command.arg("queue").arg(purge.queue);
    command.arg("by").arg(purge.by);
    command.arg("at").arg(purge.at);
    command.arg("until").arg(purge.until);
    command.query_async(connection).await
}

/// Begins to take a purge back: it does not end before `until`, in `seconds`.
/// Returns `false` if nothing is kept of it.
pub(crate) async fn begin_back(
    connection: &mut MultiplexedConnection,
    keyspace: &Keyspace,
    id: u64,
    until: i64,
    seconds: u64,
) -> Result<bool, RedisError> {
    on_all(BEGIN_BACK, keyspace, id)
        .arg(until)
        .arg(seconds + SLACK_SECONDS)
        .query_async(connection)
        .await
}

/// Puts back what a purge took. `done` is kept up to date. Returns how many
/// messages it took and how many of them were put back by now; `None` if that
/// is no longer written down.
pub(crate) async fn put_back(
    connection: &mut MultiplexedConnection,
    keyspace: &Keyspace,
    id: u64,
    queue: &str,
    done: &mut u64,
) -> Result<Option<(u64, u64)>, RedisError> {
    for (step, key) in keyspace.queue_keys(queue) {
        loop {
            let (moved, left): (u64, u64) = redis::cmd("EVAL")
                .arg(PUT_BACK)
                .arg(3)
                .arg(&key)
                .arg(keyspace.purged(id, step))
                .arg(keyspace.purge(id))
                .arg(STEP_RETURNED)
                .query_async(connection)
                .await?;
            *done += moved;
            if left == 0 {
                break;
            }
        }
    }
    redis::cmd("EVAL")
        .arg(END_BACK)
        .arg(1)
        .arg(keyspace.purge(id))
        .query_async(connection)
        .await
}

/// Deletes what a purge took. Returns `false` if it is being taken back and
/// was left alone; `now` is in microseconds since 1970.
pub(crate) async fn let_go(
    connection: &mut MultiplexedConnection,
    keyspace: &Keyspace,
    id: u64,
    now: i64,
) -> Result<bool, RedisError> {
    on_all(LET_GO, keyspace, id)
        .arg(now)
        .query_async(connection)
        .await
}

/// Returns a script's command with every key of a purge.
fn on_all(script: &str, keyspace: &Keyspace, id: u64) -> redis::Cmd {
    let mut command = redis::cmd("EVAL");
    command.arg(script).arg(1 + keyspace.priority_steps.len());
    command.arg(keyspace.purge(id));
    for &step in &keyspace.priority_steps {
        command.arg(keyspace.purged(id, step));
    }
    command
}
