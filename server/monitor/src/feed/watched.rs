//! Who looks at which worker: such workers are asked for what they hold.

use model::{Topic, WorkerName};
use parking_lot::Mutex;
use std::{
    collections::{BTreeSet, HashMap},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};
use tokio::sync::Notify;

/// Workers that somebody looks at, with how many do.
#[derive(Clone, Debug, Default)]
pub(crate) struct Watched {
    workers: Arc<Mutex<HashMap<WorkerName, usize>>>,
    /// Workers that somebody looked at once, without a live view.
    glanced_at: Arc<Mutex<BTreeSet<WorkerName>>>,
    /// Whether somebody looked at the schedule since it was asked for last.
    schedule: Arc<AtomicBool>,
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
    pub(super) fn glance(&self, worker: &WorkerName) {
        let is_watched = self.workers.lock().contains_key(worker);
        if !is_watched && self.glanced_at.lock().insert(worker.clone()) {
            self.news.notify_one();
        }
    }

    /// Notes that somebody looked at the schedule: a live view does so all the time.
    pub(super) fn glance_at_schedule(&self) {
        self.schedule.store(true, Ordering::Relaxed);
    }

    /// Tells whether somebody looked at the schedule since the last call.
    pub(crate) fn take_schedule(&self) -> bool {
        self.schedule.swap(false, Ordering::Relaxed)
    }

    /// Returns when somebody began to look at a worker.
    pub(crate) async fn changed(&self) {
        self.news.notified().await;
    }

    /// Notes that somebody begins to look at a worker, if that is the topic.
    pub(super) fn look(&self, topic: &Topic) -> Option<LookedAt> {
        let Topic::Worker(worker) = topic else {
            return None;
        };
        *self.workers.lock().entry(worker.clone()).or_default() += 1;
        self.news.notify_one();
        Some(LookedAt {
            watched: self.clone(),
            worker: worker.clone(),
        })
    }
}

/// Somebody looks at a worker until this is dropped.
#[derive(Debug)]
pub(super) struct LookedAt {
    watched: Watched,
    worker: WorkerName,
}

impl Drop for LookedAt {
    fn drop(&mut self) {
        let mut workers = self.watched.workers.lock();
        if let Some(watchers) = workers.get_mut(&self.worker) {
            *watchers -= 1;
            if *watchers == 0 {
                workers.remove(&self.worker);
            }
        }
    }
}
