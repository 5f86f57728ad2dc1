//! The state without Redis: recorded messages in, pages out.
//!
//! Benchmarks and load figures use it to measure the engine alone; the running
//! dashboard does not.

use crate::{
    intake::Chunk,
    redact::Redactor,
    state::{Limits, State},
};
use model::{QueryError, SearchExpression, TaskDetail, TaskId, TaskPage, TaskQuery, Timestamp};
use protocol::Scratch;
use std::sync::Arc;

/// A state that is fed by hand.
#[derive(Debug)]
pub struct Replay {
    state: State,
    scratch: Scratch,
    chunk: Chunk,
}

impl Replay {
    /// Makes an empty state with room for `max_tasks`.
    pub fn new(max_tasks: usize, now: Timestamp) -> Self {
        let limits = Limits {
            max_tasks,
            max_workers: 5_000,
            enable_events: false,
            purge_offline_seconds: None,
            orphan_grace_seconds: 10.0,
            broker_url: String::new(),
            version: String::new(),
            redactor: Arc::new(Redactor::with_default_keys()),
        };
        Self {
            state: State::new(limits, now),
            scratch: Scratch::default(),
            chunk: Chunk::default(),
        }
    }

    /// Applies a published message and returns how many events it held.
    pub fn apply(&mut self, payload: &[u8], now: Timestamp) -> u32 {
        self.chunk.clear();
        self.chunk.push(payload);
        let mut events = 0;
        for message in self.chunk.messages() {
            let decoded = self.state.apply_message(message, &mut self.scratch, now);
            events += decoded.events;
        }
        events
    }

    /// Returns everything known of a task.
    pub fn task(&self, id: &TaskId) -> Option<TaskDetail> {
        self.state.task(id)
    }

    /// Returns the window of a query whose search asks for no times from now.
    pub fn page(&self, query: &TaskQuery) -> Result<TaskPage, QueryError> {
        let search = SearchExpression::parse(&query.search)?;
        Ok(self.state.task_page(query, &search))
    }
}
