//! Workers: what heartbeats tell, and what a worker says when asked.

use crate::{Keyed, QueueName, TaskName, Timestamp, WorkerName};
use serde::{Deserialize, Serialize};

/// Whether a worker process is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum WorkerStatus {
    /// Heartbeats arrive, or it answered a ping.
    Online,
    /// It is silent and its pool is one that cannot speak while it runs a task (`solo`).
    Busy,
    /// It said goodbye and finishes what it runs.
    Stopping,
    /// Three heartbeats are missing and it does not answer a ping.
    Lost,
    /// It said goodbye.
    Offline,
}

/// Events seen from one worker process since the dashboard knows it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct EventCounts {
    /// `task-received`
    pub received: u64,
    /// `task-started`
    pub started: u64,
    /// `task-succeeded`
    pub succeeded: u64,
    /// `task-failed`
    pub failed: u64,
    /// `task-retried`
    pub retried: u64,
    /// `task-revoked`
    pub revoked: u64,
    /// `task-rejected`
    pub rejected: u64,
    /// `worker-heartbeat`
    pub heartbeats: u64,
}

/// A worker process as a row. Two processes may share a name.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct WorkerSummary {
    /// The node name.
    pub name: WorkerName,
    /// The main process; 0 if only a reply to a broadcast is known of it.
    pub pid: u32,
    /// Whether it is there.
    pub status: WorkerStatus,
    /// Since when it has this status.
    pub status_since: Timestamp,
    /// Tasks it runs now, by its last heartbeat; unknown without heartbeats.
    pub active: Option<u64>,
    /// Tasks its pool accepted since it started, by its last heartbeat.
    pub processed: Option<u64>,
    /// Processes, threads or greenlets that can run tasks, by its last inspection.
    pub slots: Option<u64>,
    /// Load averages of its host over 1, 5 and 15 minutes.
    pub load: Option<[f64; 3]>,
    /// Queues it consumes, by its last inspection.
    pub queues: Vec<QueueName>,
    /// Celery's version.
    pub version: Option<String>,
    /// Operating system.
    pub system: Option<String>,
    /// The pool's kind, such as `prefork`, by its last inspection.
    pub pool: Option<String>,
    /// When it started, by its last inspection.
    pub started: Option<Timestamp>,
    /// When its last heartbeat was sent.
    pub last_heartbeat: Option<Timestamp>,
    /// Seconds between heartbeats.
    pub freq_seconds: f64,
    /// Whether it sends task events; unknown until one came or could have.
    pub task_events: Option<bool>,
    /// Events seen.
    pub events: EventCounts,
    /// Started tasks that its heartbeats count and its events did not tell of.
    pub missed: u64,
    /// Types that it runs and that send no events (`send_events=False`): they
    /// are not shown, and are no part of `missed`.
    #[serde(default)]
    pub silent_types: Vec<TaskName>,
    /// Tasks started in each of the last 60 whole minutes, oldest first.
    pub trend: Vec<u32>,
}

impl Keyed for WorkerSummary {
    type Key = (WorkerName, u32);
    fn key(&self) -> Self::Key {
        (self.name.clone(), self.pid)
    }
}

/// All workers.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct WorkerList {
    /// Rows by name, then process.
    pub rows: Vec<WorkerSummary>,
    /// Pings broadcast that nobody answered, since the last answer.
    pub unanswered_pings: u64,
}

/// What a worker answered when it was asked. Each part is Celery's JSON as it came.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Inspection {
    /// When it answered last.
    pub asked: Option<Timestamp>,
    /// `stats`
    pub stats: Option<serde_json::Value>,
    /// `active_queues`
    pub active_queues: Option<serde_json::Value>,
    /// `registered`
    pub registered: Option<serde_json::Value>,
    /// `active`
    pub active: Option<serde_json::Value>,
    /// `reserved`
    pub reserved: Option<serde_json::Value>,
    /// `scheduled`
    pub scheduled: Option<serde_json::Value>,
    /// `revoked`
    pub revoked: Option<serde_json::Value>,
    /// `conf`
    pub conf: Option<serde_json::Value>,
}

/// Everything known of a worker.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct WorkerDetail {
    /// The row of its newest process.
    pub summary: WorkerSummary,
    /// Other processes under the same name.
    pub namesakes: Vec<WorkerSummary>,
    /// What it answered.
    pub inspection: Inspection,
}
