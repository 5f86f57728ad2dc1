//! The state behind its lock: one writer by type, any number of readers.

use crate::state::{
    Found, Scan, State, Step, Sweep, Waiting,
    due::{MAX_ETA_TASKS, held_tasks},
    metrics::Gathered,
    repair::OpenTask,
};
use model::{
    EtaTask, Schedule, SearchExpression, TaskCount, TaskDetail, TaskId, TaskPage, TaskQuery,
    TaskSummary, Timestamp, WorkerDetail, WorkerName,
};
use parking_lot::{RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::{
    collections::BTreeSet,
    num::NonZero,
    ops::Deref,
    panic::{Location, resume_unwind},
    sync::Arc,
    thread::{self, available_parallelism},
    time::{Duration, Instant},
};
use tokio::sync::{Semaphore, watch};

/// Whole tasks, with all their texts, copied under one lock.
pub(crate) const DETAILS_AT_ONCE: usize = 32;

/// Rows of tasks copied under one lock.
const ROWS_AT_ONCE: usize = 100;

/// Ids copied under one lock.
const IDS_AT_ONCE: usize = 1_024;

/// Threads that help with one search, at most.
const MOST_HELPERS: usize = 3;

/// A reader that holds the lock for longer is named in the log: the writer
/// should never wait for more than a millisecond.
const LONG_HOLD: Duration = Duration::from_micros(500);

/// How much a search may take of the processor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Haste {
    /// Somebody waits: all cores that no other search uses.
    Now,
    /// It comes again and again, or is long: one core.
    Patient,
}

/// The right to change the state. There is one, and the aggregator has it.
#[derive(Debug)]
pub(crate) struct StateWriter {
    state: Arc<RwLock<State>>,
    revision: watch::Sender<u64>,
}

/// The right to read the state.
#[derive(Clone, Debug)]
pub(crate) struct StateReader {
    state: Arc<RwLock<State>>,
    revision: watch::Receiver<u64>,
    /// The cores that may help with searches: all but the one that a search has anyway.
    helpers: Arc<Semaphore>,
}

/// The state, locked for reading.
#[derive(Debug)]
pub(crate) struct Reading<'s> {
    state: RwLockReadGuard<'s, State>,
    /// Ends after the lock was let go.
    _hold: Hold,
}

impl Deref for Reading<'_> {
    type Target = State;

    fn deref(&self) -> &State {
        &self.state
    }
}

/// Since when who holds the lock.
#[derive(Debug)]
struct Hold {
    since: Instant,
    reader: &'static Location<'static>,
}

impl Drop for Hold {
    fn drop(&mut self) {
        let held = self.since.elapsed();
        if held > LONG_HOLD {
            let microseconds = held.as_micros();
            tracing::debug!(reader = %self.reader, microseconds, "held the state for long");
        }
    }
}

/// Puts the state behind its lock.
pub(crate) fn split(state: State) -> (StateWriter, StateReader) {
    let state = Arc::new(RwLock::new(state));
    let (sender, receiver) = watch::channel(0);
    let writer = StateWriter {
        state: Arc::clone(&state),
        revision: sender,
    };
    let reader = StateReader {
        state,
        revision: receiver,
        helpers: Arc::new(Semaphore::new(
            available_parallelism().map_or(1, NonZero::get) - 1,
        )),
    };
    (writer, reader)
}

impl StateWriter {
    /// Waits for the readers and locks the state for writing.
    pub(crate) fn write(&mut self) -> RwLockWriteGuard<'_, State> {
        let since = Instant::now();
        let mut state = self.state.write();
        state.lock_waits.add(since.elapsed().as_secs_f64());
        state
    }

    /// Wakes whoever waits for a change.
    pub(crate) fn publish(&self) {
        let revision = self.state.read().revision();
        self.revision.send_if_modified(|seen| {
            let is_new = *seen != revision;
            *seen = revision;
            is_new
        });
    }
}

impl StateReader {
    /// Locks the state for reading. Hold it briefly and never across an await.
    #[track_caller]
    pub(crate) fn read(&self) -> Reading<'_> {
        Reading {
            state: self.state.read(),
            _hold: Hold {
                since: Instant::now(),
                reader: Location::caller(),
            },
        }
    }

    /// Returns the window of a query.
    ///
    /// A search over everything may take long and must not keep the writer
    /// waiting: most segments are gone through without the lock, and it is let
    /// go between the others. What changes meanwhile is seen or not, each task
    /// as a whole.
    pub(crate) fn task_page(
        &self,
        query: &TaskQuery,
        search: &SearchExpression,
        haste: Haste,
    ) -> TaskPage {
        let found = self.find(query, search, query.limit as usize, haste);
        let mut page = self.read().page_of(&found);
        for part in found.window.chunks(ROWS_AT_ONCE) {
            page.rows.extend(self.read().task_rows(part));
        }
        page
    }

    /// Returns the tasks that these workers hold or run, as far as is known.
    pub(crate) fn open_tasks_of(&self, workers: &BTreeSet<WorkerName>) -> Vec<OpenTask> {
        let numbers = self.read().worker_numbers(workers);
        let is_wanted = |worker: u32| numbers.contains(&worker);
        let (mut sweep, mut found) = (Sweep::new(), Vec::new());
        while self.read().sweep(&mut sweep, is_wanted, &mut found) {}
        found
    }

    /// Returns the tasks that no worker has told of and nothing was heard of
    /// since `limit`, at most `most`.
    pub(crate) fn waiting_tasks(&self, most: usize, limit: Timestamp) -> Vec<TaskId> {
        let (mut sweep, mut found) = (Sweep::new(), Vec::new());
        while self
            .read()
            .sweep_pending(&mut sweep, most, limit, &mut found)
        {}
        found
    }

    /// Returns everything known of a task.
    pub(crate) fn task(&self, id: &TaskId) -> Option<TaskDetail> {
        let mut task = self.read().task_alone(id)?;
        task.children = self.children_of(id);
        Some(task)
    }

    /// Returns the tasks in memory that name one as their parent, oldest first.
    pub(crate) fn children_of(&self, id: &TaskId) -> Vec<TaskSummary> {
        let mut children = self.read().children(id);
        while self.read().look_for(&mut children) {}
        self.read().task_rows(&children.into_window())
    }

    /// Returns a worker with what it answered when it was asked last.
    pub(crate) fn worker(&self, name: &WorkerName) -> Option<WorkerDetail> {
        let (mut worker, inspection) = self.read().worker(name)?;
        worker.inspection = Arc::unwrap_or_clone(inspection);
        Some(worker)
    }

    /// Returns everything that is to run at a time.
    pub(crate) fn schedule(&self, now: Timestamp) -> Schedule {
        let (mut sweep, mut due) = (Sweep::new(), Vec::new());
        while self.read().sweep_due(&mut sweep, &mut due) {}
        due.sort_unstable();
        // One that was moved meanwhile may be there twice.
        due.dedup_by_key(|due| (due.eta, due.key));
        let inspections = self.read().inspections();
        let held = held_tasks(&inspections, now);
        let are_known = held
            .chunks(IDS_AT_ONCE)
            .flat_map(|part| self.read().are_known(part));
        // What events tell of a task is newer than a worker's answer.
        let are_known: Vec<bool> = are_known.collect();
        let held = held.into_iter().zip(are_known);
        let held: Vec<EtaTask> = held
            .filter_map(|(task, is_known)| (!is_known).then_some(task))
            .collect();
        let total = (due.len() + held.len()) as u64;
        due.truncate(MAX_ETA_TASKS);
        let mut tasks = held;
        for part in due.chunks(ROWS_AT_ONCE) {
            tasks.extend(self.read().eta_tasks(part));
        }
        tasks.sort_by(|a, b| (a.eta, &a.id).cmp(&(b.eta, &b.id)));
        tasks.truncate(MAX_ETA_TASKS);
        self.read().schedule(tasks, total, now)
    }

    /// Copies what `/metrics` shows.
    pub(crate) fn gather(&self, now: Timestamp) -> Gathered {
        let mut waiting = Waiting::new();
        while self.read().count_waiting(&mut waiting) {}
        self.read().gather(waiting, now)
    }

    /// Returns the sequence numbers of what matches, in order, from the query's
    /// offset on, at most `limit`.
    pub(crate) fn sequence_numbers(
        &self,
        query: &TaskQuery,
        search: &SearchExpression,
        limit: usize,
    ) -> Vec<u64> {
        let query = TaskQuery {
            count: TaskCount::None,
            ..query.clone()
        };
        let mut found = self.find(&query, search, limit, Haste::Patient).window;
        // It stood in memory with what it was sorted by.
        found.shrink_to_fit();
        found
    }

    /// Returns whole tasks in order, without their children.
    pub(crate) fn task_details(
        &self,
        query: &TaskQuery,
        search: &SearchExpression,
        limit: usize,
    ) -> Vec<TaskDetail> {
        let query = TaskQuery {
            count: TaskCount::None,
            ..query.clone()
        };
        self.find(&query, search, limit, Haste::Patient)
            .window
            .chunks(DETAILS_AT_ONCE)
            .flat_map(|part| self.read().task_details(part))
            .collect()
    }

    /// Returns the ids of all tasks that match, in order, at most `limit`, and
    /// how many match.
    pub(crate) fn task_ids(
        &self,
        query: &TaskQuery,
        search: &SearchExpression,
        limit: usize,
    ) -> (Vec<TaskId>, u64) {
        let query = TaskQuery {
            count: TaskCount::Exact,
            ..query.clone()
        };
        let found = self.find(&query, search, limit, Haste::Patient);
        let parts = found.window.chunks(IDS_AT_ONCE);
        let ids = parts.flat_map(|part| self.read().ids(part)).collect();
        // It is counted, as asked for above.
        let total = found.total.unwrap_or(found.window.len() as u64);
        (ids, total)
    }

    /// Finds the tasks of a query; `limit` are wanted from its offset on.
    fn find(
        &self,
        query: &TaskQuery,
        search: &SearchExpression,
        limit: usize,
        haste: Haste,
    ) -> Found {
        let mut scan = self.read().scan(query, search, limit);
        if haste == Haste::Now && scan.is_dear() {
            self.go_on_together(&mut scan);
        } else {
            self.go_on(&mut scan);
        }
        scan.finish()
    }

    fn go_on(&self, scan: &mut Scan) {
        loop {
            // The lock is let go here, before the segment is gone through.
            let step = self.read().step(scan);
            match step {
                Step::Done => {}
                Step::Apart(part) => scan.go_through(&part),
                Step::End => break,
            }
        }
    }

    /// Shares the scan with threads on cores that no other search uses.
    fn go_on_together(&self, scan: &mut Scan) {
        thread::scope(|scope| {
            let mut helpers = Vec::new();
            while helpers.len() < MOST_HELPERS
                && let Ok(core) = self.helpers.try_acquire()
            {
                let mut share = scan.share();
                let helper = thread::Builder::new()
                    .name("celeriac-search".into())
                    .spawn_scoped(scope, move || {
                        self.go_on(&mut share);
                        drop(core);
                        share
                    });
                match helper {
                    Ok(helper) => helpers.push(helper),
                    // What it would have done is left to the others.
                    Err(error) => {
                        tracing::debug!(%error, "no thread to help with a search");
                        break;
                    }
                }
            }
            self.go_on(scan);
            for helper in helpers {
                let share = helper.join().unwrap_or_else(|panic| resume_unwind(panic));
                scan.add(share);
            }
        });
    }

    /// Returns a receiver that is told the revision, at most ten times a second.
    pub(crate) fn revisions(&self) -> watch::Receiver<u64> {
        self.revision.clone()
    }
}
