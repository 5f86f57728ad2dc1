//! What is stored of one task, and the merge rule: words that every store shares.

use model::{
    Attempt, CustomEvent, QueueName, TaskDetail, TaskId, TaskName, TaskState, Timestamp, WorkerName,
};
use serde::{Deserialize, Serialize};

/// Everything that is stored of one task.
#[derive(Clone, Debug, PartialEq)]
pub struct TaskRecord {
    /// The task. Its children and the tasks that repeat it are left out: other
    /// tasks' records tell them.
    pub task: TaskDetail,
    /// Where what is known came from, and what of the current attempt no event
    /// told: bits as in `state/tasks/repair.rs`, whose values never change.
    pub sources: u8,
}

impl TaskRecord {
    /// Returns the time that lists are ordered by: received, else sent, else
    /// that of the newest event; microseconds since the epoch.
    pub fn time(&self) -> i64 {
        let row = &self.task.summary;
        let time = row.received.or(row.sent).or(self.task.timestamp);
        time.map_or(0, |time| time.0)
    }

    /// Returns the time of the newest event; microseconds since the epoch, 0 if none was heard.
    pub fn timestamp(&self) -> i64 {
        self.task.timestamp.map_or(0, |time| time.0)
    }

    /// Returns how far the task has come, as a number that only grows: of two
    /// records of one task the one with the greater `(progress, timestamp)` stands.
    ///
    /// Attempts count first, then how far the newest one is; among ends, better
    /// news stand, as `celery.states.PRECEDENCE` has it.
    pub fn progress(&self) -> i64 {
        let row = &self.task.summary;
        let delivery = self.task.attempts.last().map_or(1, |a| a.delivery);
        let stage = match (&row.state, row.finished, row.started, row.received) {
            (TaskState::Success, Some(_), ..) => 8,
            (TaskState::Failure, Some(_), ..) => 7,
            (TaskState::Revoked, Some(_), ..) => 6,
            (TaskState::Rejected, Some(_), ..) => 5,
            (_, Some(_), ..) => 4,
            (_, None, Some(_), _) => 2,
            (_, None, None, Some(_)) => 1,
            (_, None, None, None) => 0,
        };
        (i64::from(row.retries) << 20) | (i64::from(delivery.min(0xffff)) << 4) | stage
    }

    /// Returns what few tasks have, for one column: earlier attempts and custom events.
    pub(crate) fn past(&self) -> Option<Past> {
        let task = &self.task;
        let earlier = task.attempts.split_last().map_or(&[][..], |(_, all)| all);
        let has_some =
            !earlier.is_empty() || task.attempts_dropped > 0 || !task.custom_events.is_empty();
        has_some.then(|| Past {
            attempts: earlier.to_vec(),
            dropped: task.attempts_dropped,
            custom: task.custom_events.clone(),
        })
    }
}

/// What few tasks have; stored as JSON.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Past {
    /// All attempts but the current one, oldest first.
    #[serde(default)]
    pub(crate) attempts: Vec<Attempt>,
    /// Attempts that were dropped because there were too many to keep.
    #[serde(default)]
    pub(crate) dropped: u32,
    /// Custom events, oldest first.
    #[serde(default)]
    pub(crate) custom: Vec<CustomEvent>,
}

/// A place in the order by time: newest first, later written first among equals.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Cursor {
    /// [`TaskRecord::time`].
    pub time: i64,
    /// The store's own number of the task.
    pub key: i64,
}

/// Which stored tasks, newest first; what is absent does not matter.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct HistoryQuery {
    /// Only these states; all if empty.
    pub states: Vec<TaskState>,
    /// Only this task type.
    pub name: Option<TaskName>,
    /// Only this worker.
    pub worker: Option<WorkerName>,
    /// Only this queue.
    pub queue: Option<QueueName>,
    /// Only of this time or later.
    pub start: Option<Timestamp>,
    /// Only of this time or earlier.
    pub end: Option<Timestamp>,
    /// Only what comes behind this place.
    pub after: Option<Cursor>,
    /// Most tasks to return.
    pub limit: usize,
}

/// Reads an id in the canonical form of UUIDs; any other spelling is another id to Celery.
pub(crate) fn id_bytes(id: &TaskId) -> Option<[u8; 16]> {
    let text = id.as_str();
    let number = uuid::Uuid::try_parse(text).ok()?;
    let mut buffer = [0; uuid::fmt::Hyphenated::LENGTH];
    let canonical = number.hyphenated().encode_lower(&mut buffer);
    (canonical == text).then(|| number.into_bytes())
}
