//! Live views: the first picture of a topic, then what changed.
//!
//! A filtered, sorted and paged table cannot be patched row by row from
//! outside, so a view's picture is taken again when its part of the state
//! changed, and the difference is sent. Three things keep that cheap: it
//! happens at most ten times a second, a picture that took long to take is
//! taken less often, and all who watch the same topic share one view.

mod view;
mod watched;

pub use view::SharedFrame;
pub(crate) use view::Views;
pub(crate) use watched::Watched;

use crate::{
    Monitor,
    cell::{Haste, StateReader},
    clock,
    state::State,
};
use model::{Frame, SearchExpression, Snapshot, Timestamp, Topic, View, WireError};
use tokio::sync::{broadcast, watch};
use tokio_util::sync::CancellationToken;
use view::{Numbered, Picture};
use watched::LookedAt;

/// One watcher of one topic. Dropping it ends the watch.
#[derive(Debug)]
pub struct Subscription {
    pictures: watch::Receiver<Option<Picture>>,
    frames: broadcast::Receiver<Numbered>,
    cancel: CancellationToken,
    /// Number of the picture the watcher has, once it has one.
    seen: Option<u64>,
    /// For a worker's page: the worker is asked for more as long as this lives.
    #[expect(dead_code, reason = "it works by being dropped")]
    looked_at: Option<LookedAt>,
}

impl Subscription {
    /// Waits for the next frame; the first one is the whole picture, and so is
    /// the one after a pause in which the watcher missed too much.
    ///
    /// `None` once the engine has shut down, or after a defect that is logged:
    /// the watcher may then subscribe anew.
    pub async fn next(&mut self) -> Option<SharedFrame> {
        while !self.cancel.is_cancelled() {
            let Some(seen) = self.seen else {
                let picture = self.pictures.wait_for(Option::is_some).await.ok()?;
                let picture = (*picture).clone()?;
                self.seen = Some(picture.number);
                let frame = Frame::Snapshot(Box::new((*picture.snapshot).clone()));
                return Some(SharedFrame::new(frame));
            };
            match self.frames.recv().await {
                // It led to the picture that the watcher began with.
                Ok(frame) if frame.number <= seen => {}
                Ok(frame) => {
                    self.seen = Some(frame.number);
                    return Some(frame.frame);
                }
                Err(broadcast::error::RecvError::Lagged(_)) => {
                    self.frames = self.frames.resubscribe();
                    self.seen = None;
                }
                Err(broadcast::error::RecvError::Closed) => return None,
            }
        }
        None
    }
}

impl Monitor {
    /// Returns a picture of a topic. Takes the lock briefly; a search over
    /// everything in memory may take some time.
    pub fn snapshot(&self, topic: &Topic) -> Result<Snapshot, WireError> {
        self.snapshot_with(topic, Haste::Now)
    }

    pub(crate) fn snapshot_with(&self, topic: &Topic, haste: Haste) -> Result<Snapshot, WireError> {
        let snapshot = match topic {
            Topic::Tasks(query) => {
                let search = self.search_of(query)?;
                match query.after {
                    None => self.put_together(|reader| {
                        View::Tasks(reader.task_page(query, &search, haste))
                    }),
                    Some(_) => {
                        let page = self.stored_page_now(query, search)?;
                        self.put_together(|_| View::Tasks(page))
                    }
                }
            }
            Topic::Overview => {
                let query = State::newest_failures();
                let page = self
                    .reader()
                    .task_page(&query, &SearchExpression::All, haste);
                let failures = page.rows;
                self.picture(|s, now| View::Overview(Box::new(s.overview(failures, now))))
            }
            Topic::Task(id) => {
                // Before the picture's revision, so that what changes meanwhile is taken anew.
                match self.task_now(id)? {
                    Some(task) => self.put_together(|_| View::Task(Some(Box::new(task)))),
                    None => self.picture(|_, _| View::Task(None)),
                }
            }
            Topic::Workers => self.picture(|s, _| View::Workers(s.worker_list())),
            Topic::Worker(name) => {
                let picture =
                    self.put_together(|reader| View::Worker(reader.worker(name).map(Box::new)));
                if let View::Worker(Some(_)) = picture.view {
                    self.watched().glance(name);
                }
                picture
            }
            Topic::Queues => self.picture(|s, _| View::Queues(s.queue_list())),
            Topic::Undecodable => self.picture(|s, _| View::Undecodable(s.undecodable())),
            Topic::Schedule => {
                self.watched().glance_at_schedule();
                self.put_together(|reader| View::Schedule(Box::new(reader.schedule(clock::now()))))
            }
            Topic::Audit => self.picture(|s, _| View::Audit(s.audit_log())),
        };
        Ok(self.sight().snapshot(snapshot))
    }

    /// Takes a picture whose parts are read one after the other. Its revision
    /// is read before them, so that what changes meanwhile is taken anew.
    fn put_together(&self, view: impl FnOnce(&StateReader) -> View) -> Snapshot {
        let (revision, pulse) = self.pulse_with_revision();
        Snapshot {
            revision,
            pulse,
            view: view(self.reader()),
        }
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
            // What is stored stays as it is.
            Topic::Tasks(query) if query.after.is_some() => 0,
            Topic::Tasks(_) | Topic::Task(_) => revisions.tasks,
            Topic::Workers | Topic::Worker(_) => revisions.workers,
            Topic::Queues => revisions.queues.max(revisions.workers),
            Topic::Schedule => revisions
                .schedule
                .max(revisions.tasks)
                .max(revisions.workers),
            Topic::Undecodable => revisions.health,
            Topic::Audit => revisions.audit,
        }
    }

    fn pulse_with_revision(&self) -> (u64, model::Pulse) {
        let state = self.reader().read();
        (state.revision(), state.pulse(clock::now()))
    }
}
