//! The thread that saves: it takes what changed out of memory in small parts
//! and writes it in large ones. Nobody waits for it.

use super::{Batch, HistoryError, Pruner, Store};
use crate::{
    cell::StateReader,
    clock,
    intake::Intake,
    state::{HistoryNews, Input, Saved},
};
use parking_lot::{Condvar, Mutex};
use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

/// How long changes are gathered: one that is heard of is written at the
/// latest so much later, and the time that writing takes.
const INTERVAL: Duration = Duration::from_millis(250);

/// How often counters are written.
const COUNTERS_INTERVAL: Duration = Duration::from_secs(1);

/// How long a store that failed is left alone.
const PAUSE_AFTER_FAILURE: Duration = Duration::from_secs(1);

/// Tasks written at once.
const BATCH_TASKS: usize = 5_000;

/// Tasks copied under one lock, which takes well below half a millisecond.
const TASKS_AT_ONCE: usize = 64;

/// How long the last batches may take when the dashboard ends.
const LAST_WORDS: Duration = Duration::from_millis(1_500);

/// What the thread is told, and what it tells; clones share it.
#[derive(Clone, Debug, Default)]
pub(crate) struct WriterHandle {
    shared: Arc<Shared>,
}

#[derive(Debug, Default)]
struct Shared {
    is_stopped: Mutex<bool>,
    wake: Condvar,
    saved: AtomicU64,
}

impl WriterHandle {
    /// Tells the thread to write what is left and to end.
    pub(crate) fn stop(&self) {
        *self.shared.is_stopped.lock() = true;
        self.shared.wake.notify_all();
    }

    /// Returns how many times a task was written since the start.
    pub(crate) fn saved(&self) -> u64 {
        self.shared.saved.load(Ordering::Relaxed)
    }

    /// Waits; `true` as soon as the thread is to end.
    fn wait(&self, time: Duration) -> bool {
        let deadline = Instant::now() + time;
        let mut is_stopped = self.shared.is_stopped.lock();
        while !*is_stopped {
            if self
                .shared
                .wake
                .wait_until(&mut is_stopped, deadline)
                .timed_out()
            {
                break;
            }
        }
        *is_stopped
    }
}

/// The thread's own.
pub(crate) struct Writer {
    store: Arc<Store>,
    reader: StateReader,
    intake: Intake,
    handle: WriterHandle,
    /// A batch that the store did not take yet.
    pending: Option<Batch>,
    is_failing: bool,
    /// What of the counters, gaps and audit log is written or on its way.
    known: Saved,
    counters_due: Instant,
    pruner: Pruner,
}

impl Writer {
    pub(crate) fn new(
        store: Arc<Store>,
        reader: StateReader,
        intake: Intake,
        handle: WriterHandle,
        pruner: Pruner,
    ) -> Self {
        Self {
            store,
            reader,
            intake,
            handle,
            pending: None,
            is_failing: false,
            known: Saved::default(),
            counters_due: Instant::now(),
            pruner,
        }
    }

    /// Runs until it is told to stop, and then writes what is left.
    pub(crate) fn run(mut self) {
        lower_priority();
        loop {
            let pause = if self.is_failing {
                PAUSE_AFTER_FAILURE
            } else {
                INTERVAL
            };
            let is_last = self.handle.wait(pause);
            if is_last {
                self.counters_due = Instant::now();
                self.known.ask_for_life_sign();
            }
            let deadline = is_last.then(|| Instant::now() + LAST_WORDS);
            self.save(deadline);
            if is_last {
                self.take_leave();
                return;
            }
            if !self.is_failing {
                self.prune();
            }
        }
    }

    /// Removes a little of what is kept no longer.
    fn prune(&mut self) {
        match self.pruner.step(&self.store, clock::now()) {
            Ok(0) => {}
            Ok(tasks) => tracing::debug!(tasks, "removed old tasks from history"),
            // What is wrong with the store is said when something is to be written.
            Err(error) => {
                tracing::warn!(cause = %error.chain(), "failed to remove old tasks from history");
            }
        }
    }

    /// Writes until nothing is left, the store fails, or the deadline has passed.
    fn save(&mut self, deadline: Option<Instant>) {
        let mut from = 0;
        let mut has_more = true;
        while has_more || self.pending.is_some() {
            let batch = match self.pending.take() {
                Some(batch) => batch,
                None => {
                    let (batch, more) = self.gather(&mut from);
                    has_more = more;
                    batch
                }
            };
            if batch.is_empty() {
                continue;
            }
            match self.store.write(&batch) {
                Ok(()) => self.succeeded(&batch),
                Err(error) => {
                    self.pending = Some(batch);
                    self.failed(&error);
                    return;
                }
            }
            if deadline.is_some_and(|deadline| Instant::now() >= deadline) {
                return;
            }
        }
    }

    /// Takes what is to be saved, at most one batch; tells whether there may be more.
    fn gather(&mut self, from: &mut u64) -> (Batch, bool) {
        let mut batch = Batch::default();
        let mut has_more = true;
        while has_more && batch.tasks.len() < BATCH_TASKS {
            let most = TASKS_AT_ONCE.min(BATCH_TASKS - batch.tasks.len());
            has_more = self
                .reader
                .read()
                .take_unsaved(from, most, &mut batch.tasks);
        }
        if Instant::now() >= self.counters_due {
            self.counters_due = Instant::now() + COUNTERS_INTERVAL;
            let now = clock::now();
            let figures = self.reader.read().figures(&self.known);
            figures.into_batch(&mut self.known, &mut batch, now);
        }
        (batch, has_more)
    }

    fn succeeded(&mut self, batch: &Batch) {
        let tasks = batch.tasks.len() as u64;
        self.handle.shared.saved.fetch_add(tasks, Ordering::Relaxed);
        if self.is_failing {
            self.is_failing = false;
            tracing::info!("history is saved again");
            self.tell(HistoryNews::Works);
        }
    }

    fn failed(&mut self, error: &HistoryError) {
        let cause = error.chain();
        if !self.is_failing {
            tracing::error!(%cause, "failed to save history; what is not saved waits in memory");
        }
        self.is_failing = true;
        self.tell(HistoryNews::Fails(cause));
        if matches!(error, HistoryError::Damaged { .. }) {
            self.replace_store(error);
        }
    }

    /// Sets a damaged store aside and begins anew with all that is in memory.
    fn replace_store(&mut self, error: &HistoryError) {
        match self.store.set_damaged_aside(error) {
            Ok(Some(path)) => {
                self.known = Saved::default();
                self.reader.read().unsave_all();
                self.tell(HistoryNews::SetAside(path.display().to_string()));
            }
            Ok(None) => {}
            Err(error) => {
                tracing::error!(cause = %error.chain(), "failed to set the damaged history aside");
            }
        }
    }

    fn tell(&self, news: HistoryNews) {
        self.intake.push_input(Input::OfHistory(news));
    }

    /// Says what could not be saved at the end.
    fn take_leave(&self) {
        let pending = self.pending.as_ref().map_or(0, |batch| batch.tasks.len());
        let left = self.reader.read().unsaved() + pending as u64;
        if left > 0 {
            tracing::error!(tasks = left, "ended before all tasks were saved");
        }
    }
}

/// Lets the threads that take events in and answer go first.
#[cfg(target_os = "linux")]
fn lower_priority() {
    const NICE: i32 = 3;
    // On Linux a thread has a nice value of its own.
    let thread = rustix::thread::gettid();
    if let Err(error) = rustix::process::setpriority_process(Some(thread), NICE) {
        tracing::debug!(%error, "the history writer keeps its priority");
    }
}

#[cfg(not(target_os = "linux"))]
fn lower_priority() {}
