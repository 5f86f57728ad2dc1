//! Messages seen while they waited, whole, so that their tasks can be sent
//! again exactly as they were: a bounded store, and who fills it.

use super::{
    connect::Target,
    messages::{SLICE, scan_unacked},
    queues::failed,
};
use crate::{cell::StateReader, error::BrokerError};
use foldhash::fast::RandomState;
use model::TaskId;
use parking_lot::Mutex;
use protocol::{Keyspace, decode_message, message_of_unacked};
use redis::aio::MultiplexedConnection;
use std::{
    collections::{HashMap, HashSet, VecDeque},
    hash::BuildHasher,
    sync::Arc,
    time::Duration,
};
use tokio_util::sync::CancellationToken;

/// How often queues are looked into.
const INTERVAL: Duration = Duration::from_secs(2);

/// Slices read of a list from its end, where the next to run are, and from its
/// beginning, where the newest are.
const SLICES_NEXT: i64 = 5;
const SLICES_NEWEST: i64 = 2;

/// Lists looked into at one time.
const MAX_LISTS: usize = 64;

/// Most bytes read at one time.
const MAX_BYTES_AT_ONCE: usize = 4 << 20;

/// A message may take this part of the store.
const LARGEST_PART: usize = 16;

/// The store. Clones share it.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    store: Arc<Mutex<Store>>,
}

#[derive(Debug)]
struct Store {
    messages: HashMap<TaskId, Kept>,
    /// Ids, the oldest first.
    order: VecDeque<TaskId>,
    /// Hashes of the messages, to know one without reading it.
    hashes: HashSet<u64, RandomState>,
    hasher: RandomState,
    bytes: usize,
    max_bytes: usize,
}

#[derive(Debug)]
struct Kept {
    message: Arc<[u8]>,
    hash: u64,
}

impl Seen {
    /// A store of so many bytes of messages; of 0 keeps nothing.
    pub(crate) fn new(max_bytes: usize) -> Self {
        Self {
            store: Arc::new(Mutex::new(Store {
                messages: HashMap::new(),
                order: VecDeque::new(),
                hashes: HashSet::default(),
                hasher: RandomState::default(),
                bytes: 0,
                max_bytes,
            })),
        }
    }

    /// Keeps a message, unless it is there already; the oldest make room.
    pub(crate) fn keep(&self, message: &[u8]) {
        let mut store = self.store.lock();
        let hash = store.hasher.hash_one(message);
        if store.hashes.contains(&hash) || message.len() > store.max_bytes / LARGEST_PART {
            return;
        }
        // What cannot be read has no id to be found by.
        let Ok(task) = decode_message(message) else {
            return;
        };
        store.bytes += message.len();
        store.hashes.insert(hash);
        let kept = Kept {
            message: message.into(),
            hash,
        };
        match store.messages.insert(task.id.clone(), kept) {
            Some(old) => {
                store.bytes -= old.message.len();
                store.hashes.remove(&old.hash);
            }
            None => store.order.push_back(task.id),
        }
        while store.bytes > store.max_bytes
            && let Some(oldest) = store.order.pop_front()
            && let Some(old) = store.messages.remove(&oldest)
        {
            store.bytes -= old.message.len();
            store.hashes.remove(&old.hash);
        }
    }

    /// Returns the message of a task.
    pub(crate) fn get(&self, id: &TaskId) -> Option<Arc<[u8]>> {
        Some(Arc::clone(&self.store.lock().messages.get(id)?.message))
    }

    fn is_off(&self) -> bool {
        self.store.lock().max_bytes == 0
    }
}

/// Fills the store.
pub(crate) struct Sampler {
    pub(crate) target: Target,
    pub(crate) keyspace: Keyspace,
    pub(crate) reader: StateReader,
    pub(crate) seen: Seen,
}

/// What a sampler remembers from one time to the next.
#[derive(Default)]
struct Memory {
    connection: Option<MultiplexedConnection>,
    /// The two ends of each list, as hashes: one that stands still is left alone.
    ends: HashMap<String, u64>,
    /// Where to go on among unacknowledged messages.
    cursor: u64,
    /// Where to go on among the lists.
    next_list: usize,
}

impl Sampler {
    /// Runs until cancelled.
    pub(crate) async fn run(self, cancel: CancellationToken) {
        if self.seen.is_off() {
            return;
        }
        let mut ticks = tokio::time::interval(INTERVAL);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let mut memory = Memory::default();
        loop {
            tokio::select! {
                () = cancel.cancelled() => return,
                _ = ticks.tick() => {}
            }
            let sampled = tokio::select! {
                () = cancel.cancelled() => return,
                sampled = self.sample(&mut memory) => sampled,
            };
            // The event reader says in the log and on the screen that the broker is away.
            if let Err(error) = sampled {
                memory.connection = None;
                tracing::debug!(cause = error.chain(), "could not look at messages");
            }
        }
    }

    /// Returns the lists that hold messages.
    fn lists(&self) -> Vec<String> {
        let queues = self.reader.read().queue_list();
        let mut lists = Vec::new();
        for row in queues.rows {
            let is_filled = |step: u8| row.steps.iter().any(|(s, count)| *s == step && *count > 0);
            let keys = self.keyspace.queue_keys(row.name.as_str());
            lists.extend(
                keys.into_iter()
                    .filter(|(step, _)| is_filled(*step))
                    .map(|(_, key)| key),
            );
        }
        lists
    }

    async fn sample(&self, memory: &mut Memory) -> Result<(), BrokerError> {
        let lists = self.lists();
        let connection = match &mut memory.connection {
            Some(connection) => connection,
            empty => empty.insert(self.target.connect(false).await?),
        };
        let mut left = MAX_BYTES_AT_ONCE;
        let count = lists.len().min(MAX_LISTS);
        let first = memory.next_list % lists.len().max(1);
        let turn: Vec<&String> = lists.iter().cycle().skip(first).take(count).collect();
        memory.next_list = first + count;
        memory.ends.retain(|key, _| lists.contains(key));
        for key in turn {
            let ends: Vec<Option<Vec<u8>>> = redis::pipe()
                .lindex(key, -1)
                .lindex(key, 0)
                .query_async(connection)
                .await
                .map_err(failed("look into a queue"))?;
            let ends = self.seen.store.lock().hasher.hash_one(&ends);
            if memory.ends.insert(key.clone(), ends) == Some(ends) {
                continue;
            }
            let next = (1..=SLICES_NEXT).map(|n| (-n * SLICE, -(n - 1) * SLICE - 1));
            let newest = (0..SLICES_NEWEST).map(|n| (n * SLICE, (n + 1) * SLICE - 1));
            for (start, end) in next.chain(newest) {
                let elements: Vec<Vec<u8>> = redis::cmd("LRANGE")
                    .arg(key)
                    .arg(start)
                    .arg(end)
                    .query_async(connection)
                    .await
                    .map_err(failed("look into a queue"))?;
                for element in &elements {
                    left = left.saturating_sub(element.len());
                    self.seen.keep(element);
                }
                if left == 0 {
                    return Ok(());
                }
                if (elements.len() as i64) < SLICE {
                    break;
                }
            }
        }
        let (next, pairs) = scan_unacked(connection, &self.keyspace, memory.cursor).await?;
        memory.cursor = next;
        for value in pairs.iter().skip(1).step_by(2) {
            if let Ok(message) = message_of_unacked(value) {
                self.seen.keep(message);
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use protocol::NewTask;

    fn message(id: &str, size: usize) -> Vec<u8> {
        let task = NewTask {
            id: id.into(),
            name: "a.b".into(),
            args: format!("[\"{}\"]", "x".repeat(size)),
            kwargs: "{}".to_owned(),
            callbacks: None,
            errbacks: None,
            chain: None,
            queue: "q".into(),
            priority: 0,
            eta: None,
            expires: None,
            root_id: None,
            parent_id: None,
            retry_of: None,
            origin: String::new(),
            delivery_tag: id.to_owned(),
        };
        task.encode()
    }

    #[test]
    fn messages_are_found_by_id_and_the_oldest_make_room() {
        let size = message("a0", 100).len();
        let seen = Seen::new(size * 20);
        for n in 0..30 {
            let message = message(&format!("a{:02}", n), 99);
            seen.keep(&message);
            seen.keep(&message);
        }
        assert!(seen.get(&"a00".into()).is_none());
        assert_eq!(
            seen.get(&"a29".into()).as_deref(),
            Some(message("a29", 99).as_slice())
        );
        let store = seen.store.lock();
        assert!(store.bytes <= store.max_bytes);
        let sum: usize = store.messages.values().map(|kept| kept.message.len()).sum();
        assert_eq!(store.bytes, sum);
        assert_eq!(store.order.len(), store.messages.len());
        assert_eq!(store.hashes.len(), store.messages.len());
    }

    #[test]
    fn one_message_does_not_empty_the_store_and_rubbish_is_not_kept() {
        let seen = Seen::new(20_000);
        seen.keep(&message("small", 10));
        seen.keep(&message("large", 5_000));
        seen.keep(b"nonsense");
        assert!(seen.get(&"small".into()).is_some());
        assert!(seen.get(&"large".into()).is_none());
        assert_eq!(seen.store.lock().order.len(), 1);
        // A later delivery replaces the earlier.
        seen.keep(&message("small", 11));
        assert_eq!(
            seen.get(&"small".into()).as_deref(),
            Some(message("small", 11).as_slice())
        );
        assert_eq!(seen.store.lock().order.len(), 1);
    }
}
