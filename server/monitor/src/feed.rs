//! Live views: the first picture of a topic, then what changed.
//!
//! A filtered, sorted and paged table cannot be patched row by row from
//! outside, so a watcher's picture is taken again when its part of the state
//! changed, and the difference is sent. Two things keep that cheap: it happens
//! at most ten times a second, and a picture that took long to take is taken
//! less often.

use crate::{Monitor, clock, state::State};
use model::{Frame, SearchExpression, Snapshot, Timestamp, Topic, View, WireError, WorkerName};
use parking_lot::Mutex;
use std::{
    collections::{BTreeSet, HashMap},
    sync::Arc,
    time::Duration,
};
use tokio::{
    sync::{Notify, watch},
    time::Instant,
};
use tokio_util::sync::CancellationToken;

/// Pause after a picture, as a multiple of what it took: a watcher then costs
/// at most a tenth of a core, however large its table.
const REST_FACTOR: u32 = 10;

/// Shortest time between two frames.
const MIN_INTERVAL: Duration = Duration::from_millis(100);

/// Shortest time between two pictures whose figures move all the time.
const FIGURES_INTERVAL: Duration = Duration::from_secs(1);

/// How often the frame of the page is looked at.
const PULSE_INTERVAL: Duration = Duration::from_secs(1);

/// Workers that somebody looks at, with how many do.
#[derive(Clone, Debug, Default)]
pub(crate) struct Watched {
    workers: Arc<Mutex<HashMap<WorkerName, usize>>>,
    /// Workers that somebody looked at once, without a live view.
    glanced_at: Arc<Mutex<BTreeSet<WorkerName>>>,
    news: Arc<Notify>,
}

impl Watched {
    /// Returns the workers that are watched or were glanced at since the last call.
    pub(crate) fn take_names(&self) -> BTreeSet<WorkerName> {
        let mut names = std::mem::take(&mut *self.glanced_at.lock());
        names.extend(self.workers.lock().keys().cloned());
        names
    }

    /// Notes that somebody looked at a worker: the next look finds answers.
    fn glance(&self, worker: &WorkerName) {
        let is_watched = self.workers.lock().contains_key(worker);
        if !is_watched && self.glanced_at.lock().insert(worker.clone()) {
            self.news.notify_one();
        }
    }

    /// Returns when somebody began to look at a worker.
    pub(crate) async fn changed(&self) {
        self.news.notified().await;
    }

    fn add(&self, worker: &WorkerName) {
        *self.workers.lock().entry(worker.clone()).or_default() += 1;
        self.news.notify_one();
    }

    fn remove(&self, worker: &WorkerName) {
        let mut workers = self.workers.lock();
        if let Some(watchers) = workers.get_mut(worker) {
            *watchers -= 1;
            if *watchers == 0 {
                workers.remove(worker);
            }
        }
    }
}

/// One watcher of one topic. Dropping it ends the watch.
#[derive(Debug)]
pub struct Subscription {
    monitor: Monitor,
    topic: Topic,
    revisions: watch::Receiver<u64>,
    cancel: CancellationToken,
    watched: Watched,
    /// The picture the watcher has, once it has one.
    seen: Option<Snapshot>,
    /// The part's own revision when that picture was taken.
    part: u64,
    rest_until: Instant,
    pulse_due: Instant,
}

impl Subscription {
    pub(crate) fn new(
        monitor: Monitor,
        topic: Topic,
        revisions: watch::Receiver<u64>,
        cancel: CancellationToken,
        watched: Watched,
    ) -> Self {
        if let Topic::Worker(name) = &topic {
            watched.add(name);
        }
        Self {
            monitor,
            topic,
            revisions,
            cancel,
            watched,
            seen: None,
            part: 0,
            rest_until: Instant::now(),
            pulse_due: Instant::now(),
        }
    }

    /// Waits for the next frame; the first one is the whole picture.
    ///
    /// `None` once the engine has shut down, or after a defect that is logged:
    /// the watcher may then subscribe anew.
    pub async fn next(&mut self) -> Option<Frame> {
        match self.try_next().await {
            Ok(frame) => frame,
            Err(error) => {
                tracing::error!(%error, topic = ?self.topic, "a live view ended");
                None
            }
        }
    }

    async fn try_next(&mut self) -> Result<Option<Frame>, WireError> {
        if self.cancel.is_cancelled() {
            return Ok(None);
        }
        if self.seen.is_none() {
            return self.first().await.map(Some);
        }
        loop {
            let cancel = self.cancel.clone();
            tokio::select! {
                () = cancel.cancelled() => return Ok(None),
                () = self.wait() => {}
            }
            if let Some(frame) = self.change().await? {
                return Ok(Some(frame));
            }
        }
    }

    async fn first(&mut self) -> Result<Frame, WireError> {
        let snapshot = self.take().await?;
        self.seen = Some(snapshot.clone());
        Ok(Frame::Snapshot(Box::new(snapshot)))
    }

    /// Waits until something changed and the watcher has rested.
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

    /// Takes a new picture if its part changed, and says what is different.
    async fn change(&mut self) -> Result<Option<Frame>, WireError> {
        let Some(seen) = self.seen.take() else {
            return Ok(None);
        };
        self.revisions.mark_unchanged();
        let is_changed = self.monitor.part_revision(&self.topic) != self.part;
        let (revision, pulse, view) = if is_changed || self.moves_by_itself() {
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
            self.seen = Some(seen);
            return Ok(None);
        }
        let from = seen.revision;
        self.seen = Some(Snapshot {
            revision,
            pulse: if is_new_pulse {
                pulse.clone()
            } else {
                seen.pulse
            },
            view: view.unwrap_or(seen.view),
        });
        Ok(Some(Frame::Delta {
            from,
            revision,
            pulse: is_new_pulse.then(|| Box::new(pulse)),
            change: change.map(Box::new),
        }))
    }

    /// Figures over the last minutes change while nothing happens, and so does
    /// the list of what was received within the last hour.
    fn moves_by_itself(&self) -> bool {
        match &self.topic {
            Topic::Overview => true,
            Topic::Tasks(query) => {
                SearchExpression::parse(&query.search).is_ok_and(|search| search.depends_on_now())
            }
            _ => false,
        }
    }

    async fn take(&mut self) -> Result<Snapshot, WireError> {
        let monitor = self.monitor.clone();
        let topic = self.topic.clone();
        let started = Instant::now();
        self.part = monitor.part_revision(&topic);
        // A search over everything in memory must not hold up other clients.
        let taken = tokio::task::spawn_blocking(move || monitor.snapshot(&topic)).await;
        let snapshot = taken.unwrap_or_else(|error| {
            let message = format!("a live view failed: {error}");
            Err(WireError::new(model::ErrorKind::Internal, message))
        })?;
        let least = match self.topic {
            Topic::Overview | Topic::Worker(_) => FIGURES_INTERVAL,
            Topic::Tasks(_) if self.moves_by_itself() => FIGURES_INTERVAL,
            _ => MIN_INTERVAL,
        };
        self.rest_until = Instant::now() + least.max(started.elapsed() * REST_FACTOR);
        Ok(snapshot)
    }
}

impl Drop for Subscription {
    fn drop(&mut self) {
        if let Topic::Worker(name) = &self.topic {
            self.watched.remove(name);
        }
    }
}

impl Monitor {
    /// Returns a picture of a topic. Takes the lock briefly; a search over
    /// everything in memory may take some time.
    pub fn snapshot(&self, topic: &Topic) -> Result<Snapshot, WireError> {
        Ok(match topic {
            Topic::Tasks(query) => {
                let search = crate::parse_search(query)?;
                // Taken before the page, so that what changes meanwhile is taken anew.
                let (revision, pulse) = self.pulse_with_revision();
                Snapshot {
                    revision,
                    pulse,
                    view: View::Tasks(self.reader().task_page(query, &search)),
                }
            }
            Topic::Overview => self.picture(|s, now| View::Overview(Box::new(s.overview(now)))),
            Topic::Task(id) => self.picture(|s, _| View::Task(s.task(id).map(Box::new))),
            Topic::Workers => self.picture(|s, _| View::Workers(s.worker_list())),
            Topic::Worker(name) => {
                let picture = self.picture(|s, _| View::Worker(s.worker(name).map(Box::new)));
                if let View::Worker(Some(_)) = picture.view {
                    self.watched().glance(name);
                }
                picture
            }
            Topic::Queues => self.picture(|s, _| View::Queues(s.queue_list())),
            Topic::Undecodable => self.picture(|s, _| View::Undecodable(s.undecodable())),
        })
    }

    /// Takes a picture under one lock.
    fn picture(&self, view: impl FnOnce(&State, Timestamp) -> View) -> Snapshot {
        let now = clock::now();
        let state = self.reader().read();
        Snapshot {
            revision: state.revision(),
            pulse: state.pulse(now),
            view: view(&state, now),
        }
    }

    fn part_revision(&self, topic: &Topic) -> u64 {
        let revisions = self.reader().read().revisions();
        match topic {
            Topic::Overview => 0,
            Topic::Tasks(_) | Topic::Task(_) => revisions.tasks,
            Topic::Workers | Topic::Worker(_) => revisions.workers,
            Topic::Queues => revisions.queues.max(revisions.workers),
            Topic::Undecodable => revisions.health,
        }
    }

    fn pulse_with_revision(&self) -> (u64, model::Pulse) {
        let state = self.reader().read();
        (state.revision(), state.pulse(clock::now()))
    }
}
