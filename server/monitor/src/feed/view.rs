//! A view: one task that takes the pictures of a topic for all who watch it.

use super::Subscription;
use crate::{Monitor, cell::Haste};
use model::{ErrorKind, Frame, SearchExpression, Snapshot, Topic, WireError};
use parking_lot::Mutex;
use std::{
    collections::HashMap,
    ops::Deref,
    sync::{Arc, OnceLock},
    time::Duration,
};
use tokio::{
    sync::{broadcast, watch},
    time::Instant,
};

/// Pause after a picture, as a multiple of what it took: a view then costs at
/// most a tenth of a core, however large its table.
const REST_FACTOR: u32 = 10;

/// Shortest time between two frames.
const MIN_INTERVAL: Duration = Duration::from_millis(100);

/// Shortest time between two pictures whose figures move all the time.
const FIGURES_INTERVAL: Duration = Duration::from_secs(1);

/// How often the frame of the page is looked at.
const PULSE_INTERVAL: Duration = Duration::from_secs(1);

/// Most topics that are watched at a time: each keeps its picture in memory.
const MAX_VIEWS: usize = 2_000;

/// Most watchers of all topics together.
const MAX_WATCHERS: usize = 20_000;

/// Frames that a slow watcher may be behind before it gets a whole picture.
const MAX_BEHIND: usize = 32;

/// A frame that several watchers get. It is written as JSON once for all of them.
#[derive(Clone, Debug)]
pub struct SharedFrame(Arc<Sent>);

#[derive(Debug)]
struct Sent {
    frame: Frame,
    json: OnceLock<Result<String, String>>,
}

impl SharedFrame {
    pub(super) fn new(frame: Frame) -> Self {
        Self(Arc::new(Sent {
            frame,
            json: OnceLock::new(),
        }))
    }

    /// Returns the frame as JSON, or why it cannot be written.
    pub fn json(&self) -> Result<&str, &str> {
        let write = || serde_json::to_string(&self.0.frame).map_err(|error| error.to_string());
        match self.0.json.get_or_init(write) {
            Ok(json) => Ok(json),
            Err(problem) => Err(problem),
        }
    }
}

impl Deref for SharedFrame {
    type Target = Frame;
    fn deref(&self) -> &Frame {
        &self.0.frame
    }
}

/// A picture, numbered by how many came before it.
#[derive(Clone, Debug)]
pub(super) struct Picture {
    pub(super) number: u64,
    pub(super) snapshot: Arc<Snapshot>,
}

/// A frame with the number of the picture that it leads to.
#[derive(Clone, Debug)]
pub(super) struct Numbered {
    pub(super) number: u64,
    pub(super) frame: SharedFrame,
}

/// The views that somebody watches, by topic.
#[derive(Debug, Default)]
pub(crate) struct Views {
    by_topic: Mutex<HashMap<String, Channels>>,
}

/// The two ways from a view to its watchers.
///
/// A picture is put out before the frame that leads to it. So a watcher that
/// first listens for frames and then takes the picture misses none, and knows
/// the frames that it must pass over by their numbers.
#[derive(Clone, Debug)]
struct Channels {
    pictures: watch::Sender<Option<Picture>>,
    frames: broadcast::Sender<Numbered>,
}

impl Views {
    /// Watches a topic; the first one to watch it sets its view going.
    ///
    /// Refused when more than [`MAX_VIEWS`] topics or [`MAX_WATCHERS`] watchers
    /// would be there.
    pub(crate) fn subscribe(
        &self,
        monitor: &Monitor,
        topic: Topic,
    ) -> Result<Subscription, WireError> {
        // Those who see less watch views of their own.
        let mark = if monitor.sight().is_limited() {
            "-"
        } else {
            ""
        };
        let key = format!("{mark}{}", topic.to_query_string());
        let cancel = &monitor.inner.cancel;
        let watched = monitor.watched();
        let mut by_topic = self.by_topic.lock();
        let watchers: usize = by_topic.values().map(|c| c.frames.receiver_count()).sum();
        let is_full = by_topic.len() >= MAX_VIEWS && !by_topic.contains_key(&key);
        if is_full || watchers >= MAX_WATCHERS {
            return Err(WireError::new(
                ErrorKind::Unavailable,
                "Too many live views are open; close some and try again",
            ));
        }
        let channels = by_topic.entry(key.clone()).or_insert_with(|| {
            let channels = Channels {
                pictures: watch::Sender::new(None),
                frames: broadcast::Sender::new(MAX_BEHIND),
            };
            let view = Live::new(monitor.clone(), topic.clone(), channels.clone());
            let cancel = cancel.clone();
            let views = monitor.views();
            monitor.inner.tracker.spawn(async move {
                tokio::select! {
                    // Its watchers learn of the end when the channels are gone.
                    () = cancel.cancelled() => views.forget(&key),
                    () = view.run(&key) => {}
                }
            });
            channels
        });
        Ok(Subscription {
            frames: channels.frames.subscribe(),
            pictures: channels.pictures.subscribe(),
            looked_at: watched.look(&topic),
            cancel: cancel.clone(),
            seen: None,
        })
    }

    /// Forgets a view that nobody watches; `false` if somebody does.
    fn forget_unwatched(&self, key: &str, channels: &Channels) -> bool {
        let mut by_topic = self.by_topic.lock();
        // Whoever begins to watch holds the same lock.
        let is_unwatched = channels.frames.receiver_count() == 0;
        if is_unwatched {
            by_topic.remove(key);
        }
        is_unwatched
    }

    fn forget(&self, key: &str) {
        self.by_topic.lock().remove(key);
    }
}

/// A view at work.
struct Live {
    monitor: Monitor,
    topic: Topic,
    channels: Channels,
    revisions: watch::Receiver<u64>,
    number: u64,
    /// The picture the watchers have, once there is one.
    seen: Option<Arc<Snapshot>>,
    /// The part's own revision when that picture was taken.
    part: u64,
    moves_by_itself: bool,
    rest_until: Instant,
    pulse_due: Instant,
}

impl Live {
    fn new(monitor: Monitor, topic: Topic, channels: Channels) -> Self {
        // Figures over the last minutes change while nothing happens, and so
        // does the list of what was received within the last hour.
        let moves_by_itself = match &topic {
            Topic::Overview | Topic::Schedule => true,
            Topic::Tasks(query) => {
                SearchExpression::parse(&query.search).is_ok_and(|search| search.depends_on_now())
            }
            _ => false,
        };
        Self {
            revisions: monitor.reader().revisions(),
            monitor,
            topic,
            channels,
            number: 0,
            seen: None,
            part: 0,
            moves_by_itself,
            rest_until: Instant::now(),
            pulse_due: Instant::now(),
        }
    }

    /// Takes pictures and tells what changed until nobody watches.
    async fn run(mut self, key: &str) {
        let views = self.monitor.views();
        if let Err(error) = self.try_run(key, &views).await {
            tracing::error!(%error, topic = ?self.topic, "a live view ended");
            views.forget(key);
        }
    }

    async fn try_run(&mut self, key: &str, views: &Views) -> Result<(), WireError> {
        let first = self.take().await?;
        self.show(first);
        loop {
            self.wait().await;
            if views.forget_unwatched(key, &self.channels) {
                return Ok(());
            }
            self.change().await?;
        }
    }

    /// Puts a picture out and returns its number.
    fn show(&mut self, snapshot: Snapshot) -> u64 {
        self.number += 1;
        let snapshot = Arc::new(snapshot);
        self.seen = Some(Arc::clone(&snapshot));
        self.channels.pictures.send_replace(Some(Picture {
            number: self.number,
            snapshot,
        }));
        self.number
    }

    /// Waits until something changed and the view has rested.
    async fn wait(&mut self) {
        tokio::time::sleep_until(self.rest_until).await;
        let pulse = tokio::time::sleep_until(self.pulse_due);
        tokio::select! {
            changed = self.revisions.changed() => {
                // The writer is gone: only the shutdown is left to wait for.
                if changed.is_err() {
                    std::future::pending::<()>().await;
                }
            }
            () = pulse => {}
        }
    }

    /// Takes a new picture if its part changed, and tells what is different.
    async fn change(&mut self) -> Result<(), WireError> {
        let Some(seen) = self.seen.clone() else {
            return Ok(());
        };
        self.revisions.mark_unchanged();
        let is_changed = self.monitor.part_revision(&self.topic) != self.part;
        let (revision, pulse, view) = if is_changed || self.moves_by_itself {
            let taken = self.take().await?;
            (taken.revision, taken.pulse, Some(taken.view))
        } else {
            let (revision, pulse) = self.monitor.pulse_with_revision();
            self.rest_until = Instant::now() + MIN_INTERVAL;
            (revision, pulse, None)
        };
        let change = view.as_ref().and_then(|view| seen.view.change_to(view));
        let is_pulse_due = Instant::now() >= self.pulse_due;
        let is_new_pulse = is_pulse_due && {
            // The time alone is no news.
            let same_time = model::Pulse {
                now: seen.pulse.now,
                ..pulse.clone()
            };
            same_time != seen.pulse
        };
        if is_pulse_due {
            self.pulse_due = Instant::now() + PULSE_INTERVAL;
        }
        if change.is_none() && !is_new_pulse {
            return Ok(());
        }
        let number = self.show(Snapshot {
            revision,
            pulse: if is_new_pulse {
                pulse.clone()
            } else {
                seen.pulse.clone()
            },
            view: view.unwrap_or_else(|| seen.view.clone()),
        });
        let frame = SharedFrame::new(Frame::Delta {
            from: seen.revision,
            revision,
            pulse: is_new_pulse.then(|| Box::new(pulse)),
            change: change.map(Box::new),
        });
        // Nobody listening any more is found out before the next picture.
        self.channels
            .frames
            .send(Numbered { number, frame })
            .unwrap_or_default();
        Ok(())
    }

    async fn take(&mut self) -> Result<Snapshot, WireError> {
        let monitor = self.monitor.clone();
        let topic = self.topic.clone();
        let started = Instant::now();
        self.part = monitor.part_revision(&topic);
        // A search over everything in memory must not hold up other clients.
        let haste = match self.seen {
            None => Haste::Now,
            Some(_) => Haste::Patient,
        };
        let taken = tokio::task::spawn_blocking(move || monitor.snapshot_with(&topic, haste)).await;
        let snapshot = taken.unwrap_or_else(|error| {
            let message = format!("a live view failed: {error}");
            Err(WireError::new(ErrorKind::Internal, message))
        })?;
        let least = match self.topic {
            Topic::Overview | Topic::Worker(_) => FIGURES_INTERVAL,
            _ if self.moves_by_itself => FIGURES_INTERVAL,
            _ => MIN_INTERVAL,
        };
        self.rest_until = Instant::now() + least.max(started.elapsed() * REST_FACTOR);
        Ok(snapshot)
    }
}
