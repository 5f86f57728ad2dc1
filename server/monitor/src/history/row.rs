//! A task as a row: what is common to the columns of every store.

use super::{HistoryError, Past, TaskRecord};
use crate::state::{clip_chars, is_repaired, sources as sources_of};
use model::{
    Attempt, QueueName, TaskDetail, TaskId, TaskName, TaskState, TaskSummary, Timestamp, WorkerName,
};
use sha2::{Digest, Sha256};

/// Bits of the column `flags`.
pub(super) mod flag {
    pub(crate) const IS_ROOT: i64 = 1;
    pub(crate) const IS_PARENT: i64 = 1 << 1;
    pub(crate) const REVOKED: i64 = 1 << 2;
}

/// Custom states are stored as their word's number from here on.
pub(super) const FIRST_CUSTOM: i64 = 10;

/// Most characters of an exception in a row, as in memory.
const ROW_EXCEPTION_CHARS: usize = 200;

/// What a text is; the numbers are those of the tables.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Kind {
    Name = 1,
    Worker = 2,
    Queue = 3,
    Exchange = 4,
    RoutingKey = 5,
    Client = 6,
    State = 7,
}

/// Returns the number of a state of Celery's own.
pub(super) fn built_in(state: &TaskState) -> Option<i64> {
    let place = TaskState::BUILT_IN.iter().position(|s| s == state)?;
    i64::try_from(place).ok()
}

/// Returns the number a traceback is stored by: the first 63 bits of its SHA-256.
pub(super) fn traceback_number(text: &str) -> i64 {
    let digest = Sha256::digest(text.as_bytes());
    let first = digest.first_chunk::<8>();
    // Never negative, so that numbers read like numbers.
    first.map_or(0, |eight| i64::from_be_bytes(*eight) & i64::MAX)
}

/// What a record's columns need that is not in it as it is.
#[derive(Debug)]
pub(super) struct Derived<'r> {
    /// The attempt that the columns tell of.
    pub(super) current: Option<&'r Attempt>,
    /// The root, unless it is the task itself.
    pub(super) root: Option<&'r TaskId>,
    /// The parent, unless it is the task itself.
    pub(super) parent: Option<&'r TaskId>,
    /// Bits of [`flag`].
    pub(super) flags: i64,
    /// What few tasks have, as JSON.
    pub(super) past: Option<String>,
}

impl<'r> Derived<'r> {
    pub(super) fn new(record: &'r TaskRecord) -> Result<Self, HistoryError> {
        let task = &record.task;
        let id = &task.summary.id;
        let is_root = task.root_id.as_ref() == Some(id);
        let is_parent = task.parent_id.as_ref() == Some(id);
        let mut flags = 0;
        for (is_set, bit) in [
            (is_root, flag::IS_ROOT),
            (is_parent, flag::IS_PARENT),
            (task.summary.is_revoked, flag::REVOKED),
        ] {
            flags |= if is_set { bit } else { 0 };
        }
        let past = record
            .past()
            .map(|past| serde_json::to_string(&past))
            .transpose()
            .map_err(|source| HistoryError::Content {
                what: "attempts",
                source,
            })?;
        Ok(Self {
            current: task.attempts.last(),
            root: task.root_id.as_ref().filter(|_| !is_root),
            parent: task.parent_id.as_ref().filter(|_| !is_parent),
            flags,
            past,
        })
    }
}

/// A stored row whose words are texts again.
#[derive(Debug)]
pub(super) struct StoredTask {
    pub(super) id: TaskId,
    pub(super) state: TaskState,
    pub(super) name: Option<TaskName>,
    pub(super) worker: Option<WorkerName>,
    pub(super) queue: Option<QueueName>,
    pub(super) retries: u32,
    pub(super) delivery: u32,
    pub(super) sent: Option<Timestamp>,
    pub(super) received: Option<Timestamp>,
    pub(super) started: Option<Timestamp>,
    pub(super) finished: Option<Timestamp>,
    pub(super) runtime_seconds: Option<f64>,
    pub(super) eta: Option<Timestamp>,
    pub(super) expires: Option<Timestamp>,
    pub(super) timestamp: i64,
    pub(super) clock: Option<i64>,
    pub(super) pid: Option<u32>,
    pub(super) exchange: Option<String>,
    pub(super) routing_key: Option<String>,
    pub(super) client: Option<String>,
    pub(super) flags: i64,
    pub(super) sources: u8,
    pub(super) root: Option<TaskId>,
    pub(super) parent: Option<TaskId>,
    pub(super) retry_of: Option<TaskId>,
    pub(super) args: Option<String>,
    pub(super) kwargs: Option<String>,
    pub(super) result: Option<String>,
    pub(super) exception: Option<String>,
    pub(super) traceback: Option<String>,
    pub(super) reason: Option<String>,
    pub(super) past: Past,
}

impl StoredTask {
    pub(super) fn into_record(self) -> TaskRecord {
        let has = |bit| self.flags & bit != 0;
        let is_waiting = self.state == TaskState::Retry && self.finished.is_none();
        let current = Attempt {
            retries: self.retries,
            delivery: self.delivery,
            state: match self.received {
                Some(_) if is_waiting => TaskState::Received,
                None if is_waiting => TaskState::Pending,
                _ => self.state.clone(),
            },
            worker: self.worker.clone(),
            pid: self.pid,
            sent: self.sent,
            received: self.received,
            started: self.started,
            finished: self.finished,
            runtime_seconds: self.runtime_seconds,
            eta: self.eta,
            exception: self.exception,
            traceback: self.traceback,
            reason: self.reason,
        };
        let mut attempts = self.past.attempts;
        attempts.push(current);
        let last = |text: fn(&Attempt) -> &Option<String>| {
            attempts
                .iter()
                .rev()
                .find_map(|attempt| text(attempt).clone())
        };
        let exception = last(|attempt| &attempt.exception);
        let traceback = last(|attempt| &attempt.traceback);
        // As in memory: an earlier attempt's is shown in the row while the task waits for its retry.
        let shown = match attempts.as_slice() {
            [.., now] if now.exception.is_some() => now.exception.as_deref(),
            [.., before, _] if self.state == TaskState::Retry => before.exception.as_deref(),
            _ => None,
        };
        let summary = TaskSummary {
            id: self.id.clone(),
            name: self.name,
            state: self.state,
            worker: self.worker,
            queue: self.queue,
            retries: self.retries,
            sent: self.sent,
            received: self.received,
            started: self.started,
            finished: self.finished,
            runtime_seconds: self.runtime_seconds,
            eta: self.eta,
            exception: shown.map(|text| clip_chars(text, ROW_EXCEPTION_CHARS)),
            is_repaired: is_repaired(self.sources),
            usual_runtime_seconds: None,
            is_revoked: has(flag::REVOKED),
        };
        let own = |bit| has(bit).then(|| self.id.clone());
        let task = TaskDetail {
            summary,
            args: self.args,
            kwargs: self.kwargs,
            result: self.result,
            exception,
            traceback,
            expires: self.expires,
            exchange: self.exchange,
            routing_key: self.routing_key,
            root_id: own(flag::IS_ROOT).or(self.root),
            parent_id: own(flag::IS_PARENT).or(self.parent),
            children: Vec::new(),
            client: self.client,
            clock: self.clock.and_then(|clock| u64::try_from(clock).ok()),
            timestamp: (self.timestamp != 0).then_some(Timestamp(self.timestamp)),
            attempts,
            attempts_dropped: self.past.dropped,
            custom_events: self.past.custom,
            sources: sources_of(self.sources),
            retry_of: self.retry_of,
            retried_as: Vec::new(),
        };
        TaskRecord {
            task,
            sources: self.sources,
        }
    }
}
