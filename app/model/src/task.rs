//! Tasks: their states, rows, pages and attempts.

use crate::{Keyed, QueueName, TaskCursor, TaskId, TaskName, Timestamp, WorkerName};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use std::{borrow::Cow, fmt, sync::Arc};

/// A task's state, by Celery's names.
///
/// States that `update_state` or a custom event brought are kept as they are.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum TaskState {
    /// Sent by a client; no worker has it yet, as far as events tell.
    Pending,
    /// A worker holds it and has not started it.
    Received,
    /// A worker runs it.
    Started,
    /// It returned.
    Success,
    /// It raised.
    Failure,
    /// It asked to run again and waits for that.
    Retry,
    /// It was revoked or had expired.
    Revoked,
    /// The task itself rejected its message.
    Rejected,
    /// It was started by a worker process that is gone.
    Orphaned,
    /// It ended unseen: its worker does not have it any more, and no result is kept.
    Unknown,
    /// Any other state, upper case, such as `PROGRESS`; the task is running.
    Custom(Arc<str>),
}

impl TaskState {
    /// Celery's own states in the order the screens list them.
    pub const BUILT_IN: [Self; 10] = [
        Self::Pending,
        Self::Received,
        Self::Started,
        Self::Success,
        Self::Failure,
        Self::Retry,
        Self::Revoked,
        Self::Rejected,
        Self::Orphaned,
        Self::Unknown,
    ];

    /// Returns Celery's name, such as `SUCCESS`.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Pending => "PENDING",
            Self::Received => "RECEIVED",
            Self::Started => "STARTED",
            Self::Success => "SUCCESS",
            Self::Failure => "FAILURE",
            Self::Retry => "RETRY",
            Self::Revoked => "REVOKED",
            Self::Rejected => "REJECTED",
            Self::Orphaned => "ORPHANED",
            Self::Unknown => "UNKNOWN",
            Self::Custom(name) => name,
        }
    }

    /// Reads Celery's name, in any case; other names become custom states.
    pub fn from_name(name: &str) -> Self {
        let upper = name.to_uppercase();
        Self::BUILT_IN
            .into_iter()
            .find(|state| state.as_str() == upper)
            .unwrap_or_else(|| Self::Custom(upper.into()))
    }

    /// Returns the word the screens show, such as `Success`.
    pub fn label(&self) -> Cow<'_, str> {
        let name = self.as_str();
        let mut letters = name.chars();
        match letters.next() {
            Some(first) => Cow::Owned(first.to_string() + &letters.as_str().to_lowercase()),
            None => Cow::Borrowed(name),
        }
    }

    /// Tells whether the task has ended and will not run again by itself.
    pub fn is_finished(&self) -> bool {
        matches!(
            self,
            Self::Success | Self::Failure | Self::Revoked | Self::Rejected | Self::Unknown
        )
    }

    /// Tells whether a worker runs the task now.
    pub fn is_running(&self) -> bool {
        matches!(self, Self::Started | Self::Custom(_))
    }
}

impl fmt::Display for TaskState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Serialize for TaskState {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for TaskState {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Name;
        impl de::Visitor<'_> for Name {
            type Value = TaskState;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("the name of a task state")
            }
            fn visit_str<E: de::Error>(self, name: &str) -> Result<TaskState, E> {
                Ok(TaskState::from_name(name))
            }
        }
        deserializer.deserialize_str(Name)
    }
}

/// Where knowledge of a task came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Source {
    /// Task events.
    Event,
    /// The result backend: a stored result, or its announcement.
    Result,
    /// A worker that was asked what it holds.
    Inspect,
    /// The task's message, waiting in a queue or held unacknowledged.
    Message,
    /// This dashboard, which sent it.
    Dashboard,
}

/// A task as a row of a table. Everything describes the newest attempt.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TaskSummary {
    /// The id.
    pub id: TaskId,
    /// The task type; unknown if no event that names it was seen.
    pub name: Option<TaskName>,
    /// The state.
    pub state: TaskState,
    /// The worker that holds, runs or ran it.
    pub worker: Option<WorkerName>,
    /// The queue it was sent to; known only from `task-sent` events.
    pub queue: Option<QueueName>,
    /// How often it has been retried.
    pub retries: u32,
    /// When a client sent it.
    pub sent: Option<Timestamp>,
    /// When the worker took it from the queue.
    pub received: Option<Timestamp>,
    /// When the worker began to run it.
    pub started: Option<Timestamp>,
    /// When it ended.
    pub finished: Option<Timestamp>,
    /// Run time in seconds: what the worker reported, else finished − started.
    pub runtime_seconds: Option<f64>,
    /// When it is to run, if it has an ETA or countdown.
    pub eta: Option<Timestamp>,
    /// The exception's text, at most 200 characters.
    pub exception: Option<String>,
    /// Something shown here came from another source than events, because events were missed.
    pub is_repaired: bool,
    /// While it runs far longer than its type usually does: the 95th
    /// percentile of that type's run times, seconds.
    pub usual_runtime_seconds: Option<f64>,
    /// While it has not started: whether workers were told to drop it, which
    /// they do when its turn comes, or its ETA.
    #[serde(default)]
    pub is_revoked: bool,
}

impl TaskSummary {
    /// Returns the seconds that it waited for a slot: from received to
    /// started, less the time that the worker held it for its ETA.
    pub fn wait_seconds(&self) -> Option<f64> {
        let received = self.received?;
        let ready = self.eta.map_or(received, |eta| eta.max(received));
        Some(self.started?.seconds_since(ready).max(0.0))
    }
}

impl Keyed for TaskSummary {
    type Key = TaskId;
    fn key(&self) -> TaskId {
        self.id.clone()
    }
}

/// One try at running a task: the first, a retry, or a redelivery.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Attempt {
    /// Celery's `retries`: 0 for the first try.
    pub retries: u32,
    /// 1 for the first delivery of this try, 2 if the broker delivered it again, …
    pub delivery: u32,
    /// How this attempt stands or ended.
    pub state: TaskState,
    /// The worker.
    pub worker: Option<WorkerName>,
    /// The worker's main process.
    pub pid: Option<u32>,
    /// When it was sent.
    pub sent: Option<Timestamp>,
    /// When the worker took it.
    pub received: Option<Timestamp>,
    /// When it began to run.
    pub started: Option<Timestamp>,
    /// When it ended.
    pub finished: Option<Timestamp>,
    /// Run time in seconds.
    pub runtime_seconds: Option<f64>,
    /// When it was to run.
    pub eta: Option<Timestamp>,
    /// The exception's text.
    pub exception: Option<String>,
    /// The traceback.
    pub traceback: Option<String>,
    /// For a revoked attempt: why, such as `expired` or `terminated by SIGKILL`.
    pub reason: Option<String>,
}

/// An event of a type that Celery does not define, such as `task-progress`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CustomEvent {
    /// When it was sent.
    pub timestamp: Timestamp,
    /// The event's type, such as `task-progress`.
    pub kind: String,
    /// The event's own fields as JSON text, cut at 4,096 bytes.
    pub fields: String,
}

/// Everything known of a task.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TaskDetail {
    /// The row.
    pub summary: TaskSummary,
    /// Python's repr of the positional arguments, cut by the worker at about 1,024 characters.
    pub args: Option<String>,
    /// Python's repr of the keyword arguments, cut likewise.
    pub kwargs: Option<String>,
    /// Python's repr of the result, cut likewise.
    pub result: Option<String>,
    /// The whole text of the exception last raised.
    pub exception: Option<String>,
    /// The traceback last sent.
    pub traceback: Option<String>,
    /// When the task expires.
    pub expires: Option<Timestamp>,
    /// The exchange it was sent to.
    pub exchange: Option<String>,
    /// The routing key it was sent with.
    pub routing_key: Option<String>,
    /// The first task of the workflow.
    pub root_id: Option<TaskId>,
    /// The task that sent this one; Celery sets a task's own id on a retry.
    pub parent_id: Option<TaskId>,
    /// Tasks that name this one as their parent, at most 100.
    pub children: Vec<TaskSummary>,
    /// The process that sent it, such as `gen4127@web-1`.
    pub client: Option<String>,
    /// Lamport clock of the newest event.
    pub clock: Option<u64>,
    /// Time of the newest event.
    pub timestamp: Option<Timestamp>,
    /// Every attempt, oldest first; the last one is the current one.
    pub attempts: Vec<Attempt>,
    /// Attempts that were dropped because there were too many to keep.
    pub attempts_dropped: u32,
    /// The newest custom events, oldest first, at most 20.
    pub custom_events: Vec<CustomEvent>,
    /// Where what is known came from.
    pub sources: Vec<Source>,
    /// The task that this one repeats, if it was sent by a retry.
    #[serde(default)]
    pub retry_of: Option<TaskId>,
    /// Tasks that repeat this one, oldest first.
    #[serde(default)]
    pub retried_as: Vec<TaskId>,
}

/// A window on the tasks that match a query.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct TaskPage {
    /// The rows of the window, in order.
    pub rows: Vec<TaskSummary>,
    /// How many tasks match. Absent if that was not asked for and not all were
    /// looked at: then there are more than the window and those before it.
    pub total: Option<u64>,
    /// How many tasks match apart from the filter on states, by state.
    /// Celery's own states are always there; custom ones when they occur.
    /// Empty if counts were not asked for, see `TaskQuery::count`.
    pub states: Vec<(TaskState, u64)>,
    /// How many tasks are in memory.
    pub stored: u64,
    /// The sequence number of the newest task; see `TaskQuery::newest`.
    pub latest: u64,
    /// How many matching tasks `TaskQuery::newest` leaves out.
    pub newer: u64,
    /// How the list goes on in the store of the past; absent if there is none,
    /// or if it has no task that is not in memory.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub older: Option<Older>,
}

/// How a list goes on in the store of the past.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Older {
    /// For [`crate::TaskQuery::after`]: of a page from memory the place where
    /// the stored tasks begin, of a page of stored tasks the place behind it.
    /// Absent if nothing is left.
    pub next: Option<TaskCursor>,
    /// The page was given up here because the search takes long: everything of
    /// this time or nearer to the present was looked at, or farther from it in
    /// a list that begins with the oldest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub searched_to: Option<Timestamp>,
}
