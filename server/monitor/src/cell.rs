//! The state behind its lock: one writer by type, any number of readers.

use crate::state::State;
use model::{SearchExpression, TaskDetail, TaskPage, TaskQuery};
use parking_lot::{RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::{sync::Arc, time::Instant};
use tokio::sync::watch;

/// Whole tasks copied under one lock.
const DETAILS_AT_ONCE: usize = 128;

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
    pub(crate) fn read(&self) -> RwLockReadGuard<'_, State> {
        self.state.read()
    }

    /// Returns the window of a query.
    ///
    /// The lock is let go between segments: a search over everything may take
    /// long and must not keep the writer waiting. What changes meanwhile is
    /// seen or not, each task as a whole.
    pub(crate) fn task_page(&self, query: &TaskQuery, search: &SearchExpression) -> TaskPage {
        let mut scan = self.read().scan(query, search, query.limit as usize);
        while self.read().step(&mut scan) {}
        let found = scan.finish();
        self.read().page_of(&found)
    }

    /// Returns whole tasks in order, without their children.
    pub(crate) fn task_details(
        &self,
        query: &TaskQuery,
        search: &SearchExpression,
        limit: usize,
    ) -> Vec<TaskDetail> {
        let mut scan = self.read().scan(query, search, limit);
        while self.read().step(&mut scan) {}
        scan.finish()
            .window
            .chunks(DETAILS_AT_ONCE)
            .flat_map(|part| self.read().task_details(part))
            .collect()
    }

    /// Returns a receiver that is told the revision, at most ten times a second.
    pub(crate) fn revisions(&self) -> watch::Receiver<u64> {
        self.revision.clone()
    }
}
