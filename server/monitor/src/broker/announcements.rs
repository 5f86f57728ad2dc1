//! The announcements of results: a thread that listens to `celery-task-meta-*`.
//!
//! Celery publishes every stored state on a channel of the key's own name
//! (`celery/backends/redis.py RedisBackend._set`). That is a second stream
//! beside the events, on a connection of its own: Redis may drop it, it may
//! drop what it has, and nothing but itself suffers.

use super::{connect::Target, discovery::glob_escape};
use crate::{clock, error::BrokerError};
use model::{TaskId, Timestamp};
use parking_lot::Mutex;
use protocol::Keyspace;
use std::{
    collections::VecDeque,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

/// How long the socket may be silent before it is probed.
const PROBE_AFTER: Duration = Duration::from_secs(5);

/// Pause before connecting again.
const BACKOFF: Duration = Duration::from_secs(2);

/// Of a larger result only the beginning is kept.
pub(crate) const MAX_RESULT_BYTES: usize = 256 << 10;
const HEAD_BYTES: usize = 256;

/// Most bytes of announcements that wait to be looked at.
const MAX_BYTES: usize = 32 << 20;

/// What an announcement costs beside its text, bytes.
const OVERHEAD: usize = 128;

/// One stored state.
#[derive(Debug)]
pub(crate) struct Announcement {
    pub(crate) id: TaskId,
    pub(crate) heard: Timestamp,
    /// The document, or its beginning.
    pub(crate) document: Box<[u8]>,
    /// The size of the whole document.
    pub(crate) bytes: usize,
}

#[derive(Debug, Default)]
struct Waiting {
    queue: VecDeque<Announcement>,
    bytes: usize,
}

/// Announcements that wait to be looked at; clones share them.
#[derive(Clone, Debug, Default)]
pub(crate) struct Announcements {
    waiting: Arc<Mutex<Waiting>>,
    dropped: Arc<AtomicU64>,
}

impl Announcements {
    fn push(&self, announcement: Announcement) {
        let mut waiting = self.waiting.lock();
        waiting.bytes += announcement.document.len() + OVERHEAD;
        waiting.queue.push_back(announcement);
        while waiting.bytes > MAX_BYTES {
            let Some(oldest) = waiting.queue.pop_front() else {
                break;
            };
            waiting.bytes -= oldest.document.len() + OVERHEAD;
            self.dropped.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Takes at most `most` of those that came until then.
    pub(crate) fn take_until(&self, until: Timestamp, most: usize) -> Vec<Announcement> {
        let mut waiting = self.waiting.lock();
        let due = waiting
            .queue
            .iter()
            .take(most)
            .take_while(|announcement| announcement.heard <= until)
            .count();
        let taken: Vec<Announcement> = waiting.queue.drain(..due).collect();
        for announcement in &taken {
            waiting.bytes -= announcement.document.len() + OVERHEAD;
        }
        taken
    }

    /// Returns how many were dropped because there were too many.
    pub(crate) fn dropped(&self) -> u64 {
        self.dropped.load(Ordering::Relaxed)
    }
}

/// Listens until told to stop.
pub(crate) struct Listener {
    pub(crate) target: Target,
    pub(crate) keyspace: Keyspace,
    pub(crate) announcements: Announcements,
    pub(crate) stop: Arc<AtomicBool>,
}

impl Listener {
    /// Connects, listens, and connects again.
    pub(crate) fn run(&self) {
        let prefix = format!("{}celery-task-meta-", self.keyspace.result_prefix);
        let mut was_refused = false;
        while !self.stop.load(Ordering::Relaxed) {
            if let Err(error) = self.listen(&prefix) {
                // Said once: results are a second source, and a redis that
                // forbids it will go on doing so.
                if !was_refused {
                    let cause = error.chain();
                    tracing::info!(cause, "not listening to announcements of results");
                }
                was_refused = true;
            } else {
                was_refused = false;
            }
            std::thread::sleep(BACKOFF);
        }
    }

    fn listen(&self, prefix: &str) -> Result<(), BrokerError> {
        let mut connection = self.target.connect_blocking()?;
        connection
            .set_read_timeout(Some(PROBE_AFTER))
            .map_err(BrokerError::Subscribe)?;
        let mut subscription = connection.as_pubsub();
        subscription
            .psubscribe(format!("{}*", glob_escape(prefix)))
            .map_err(BrokerError::Subscribe)?;
        tracing::debug!("listening to announcements of results");
        while !self.stop.load(Ordering::Relaxed) {
            let message = match subscription.get_message() {
                Ok(message) => message,
                Err(error) if error.is_timeout() => {
                    let _: redis::Value = subscription.ping().map_err(BrokerError::Lost)?;
                    continue;
                }
                // Redis closes a subscriber that lags; then it begins anew.
                Err(_) => return Ok(()),
            };
            let Some(id) = message.get_channel_name().strip_prefix(prefix) else {
                continue;
            };
            let document = message.get_payload_bytes();
            let kept = if document.len() > MAX_RESULT_BYTES {
                document.get(..HEAD_BYTES).unwrap_or(document)
            } else {
                document
            };
            self.announcements.push(Announcement {
                id: id.into(),
                heard: clock::now(),
                document: kept.into(),
                bytes: document.len(),
            });
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn announcement(number: usize, bytes: usize) -> Announcement {
        Announcement {
            id: format!("{number}").into(),
            heard: Timestamp(number as i64),
            document: vec![b'x'; bytes].into(),
            bytes,
        }
    }

    #[test]
    fn only_what_came_long_enough_ago_is_taken() {
        let announcements = Announcements::default();
        for number in 1..=5 {
            announcements.push(announcement(number, 10));
        }
        let taken = announcements.take_until(Timestamp(3), 100);
        let ids: Vec<_> = taken.iter().map(|a| a.id.as_str()).collect();
        assert_eq!(ids, ["1", "2", "3"]);
        assert_eq!(announcements.take_until(Timestamp(9), 1).len(), 1);
        assert_eq!(announcements.take_until(Timestamp(9), 9).len(), 1);
        assert_eq!(announcements.waiting.lock().bytes, 0);
    }

    #[test]
    fn beyond_the_bound_the_oldest_are_dropped_and_counted() {
        let announcements = Announcements::default();
        for number in 0..200 {
            announcements.push(announcement(number, MAX_RESULT_BYTES));
        }
        let kept = announcements.take_until(Timestamp(i64::MAX), 1_000);
        assert_eq!(kept.len() as u64 + announcements.dropped(), 200);
        assert!(kept.len() < 200);
        assert_eq!(kept.last().map(|a| a.id.as_str()), Some("199"));
    }
}
