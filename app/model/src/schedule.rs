//! What is to run at a time: entries of schedules, and tasks with an ETA.

use crate::{JsonText, Keyed, QueueName, TaskId, TaskName, Timestamp, WorkerName};
use serde::{Deserialize, Serialize};
use std::fmt;

/// Where an entry of a schedule is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ScheduleSource {
    /// The workers' configuration (`beat_schedule`).
    Configuration,
    /// `RedBeat`'s keys in Redis.
    RedBeat,
}

/// An entry's identity.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ScheduleKey {
    /// Where it is kept.
    pub source: ScheduleSource,
    /// Its name there.
    pub name: String,
}

impl fmt::Display for ScheduleKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)
    }
}

/// An entry of a schedule.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ScheduleEntry {
    /// Which.
    pub key: ScheduleKey,
    /// The task type it sends.
    pub task: TaskName,
    /// The schedule in words, such as `every 30 s` or `at 03:30 every day`.
    pub schedule: String,
    /// The schedule as it is written, such as `30 3 * * * (m/h/dM/MY/d)`.
    pub written: String,
    /// The zone that the schedule counts in, such as `UTC`.
    pub zone: String,
    /// The positional arguments, JSON.
    pub args: JsonText,
    /// The keyword arguments, JSON.
    pub kwargs: JsonText,
    /// The queue it names; otherwise Celery routes it.
    pub queue: Option<QueueName>,
    /// Whether it is switched on.
    pub is_enabled: bool,
    /// When it is due next; unknown where the schedule cannot be computed.
    pub next_run: Option<Timestamp>,
    /// When it was last seen to run.
    pub last_run: Option<Timestamp>,
    /// The task that ran then.
    pub last_task: Option<TaskId>,
    /// Runs that were due while the dashboard watched and were not seen.
    pub missed: u64,
    /// Why something about it is not known or cannot be read.
    pub problem: Option<String>,
    /// Whether it can be run from here: all that it sends is known. `problem` says why not.
    pub is_runnable: bool,
}

impl Keyed for ScheduleEntry {
    type Key = ScheduleKey;
    fn key(&self) -> ScheduleKey {
        self.key.clone()
    }
}

/// A task that waits for its time.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct EtaTask {
    /// Which.
    pub id: TaskId,
    /// Its type.
    pub name: Option<TaskName>,
    /// When it is to run.
    pub eta: Timestamp,
    /// The worker that holds it.
    pub worker: Option<WorkerName>,
    /// Its queue.
    pub queue: Option<QueueName>,
    /// Whether it was revoked and will be dropped at its time.
    pub is_revoked: bool,
    /// How often it was retried before.
    pub retries: u32,
}

impl Keyed for EtaTask {
    type Key = TaskId;
    fn key(&self) -> TaskId {
        self.id.clone()
    }
}

/// Everything that is to run at a time.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Schedule {
    /// Entries, the next to run first; those of unknown time last.
    pub entries: Vec<ScheduleEntry>,
    /// Tasks with an ETA, the next first, at most 1,000.
    pub tasks: Vec<EtaTask>,
    /// All tasks with an ETA.
    pub tasks_total: u64,
    /// When workers told their configuration last; absent before.
    pub asked: Option<Timestamp>,
    /// Whether a beat answers (`celerybeat@…`, since Celery 5.7 if enabled) or
    /// `RedBeat` holds its lock; unknown if neither can be told.
    pub is_beat_alive: Option<bool>,
}
