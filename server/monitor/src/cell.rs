//! The state behind its lock: one writer by type, any number of readers.

use crate::state::State;
use parking_lot::{RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::sync::Arc;
use tokio::sync::watch;

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
    pub(crate) fn write(&mut self) -> RwLockWriteGuard<'_, State> {
        self.state.write()
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

    /// Returns a receiver that is told the revision, at most ten times a second.
    pub(crate) fn revisions(&self) -> watch::Receiver<u64> {
        self.revision.clone()
    }
}
