//! The first screen: is it healthy, and if not, where?

use crate::{TaskName, TaskSummary, Timestamp};
use serde::{Deserialize, Serialize};

/// How much something needs a person.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// It is failing.
    Failing,
    /// It should be watched.
    Watch,
}

/// A warning worth acting on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Attention {
    /// How much.
    pub severity: Severity,
    /// One sentence with the number.
    pub title: String,
    /// What it rests on.
    pub evidence: String,
    /// Path of the page that shows it.
    pub href: String,
}

/// Tasks that ended in ten seconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Outcomes {
    /// Succeeded.
    pub succeeded: u32,
    /// Failed.
    pub failed: u32,
    /// Retried.
    pub retried: u32,
    /// Revoked or rejected.
    pub revoked: u32,
    /// Whether events were missed in this stretch.
    pub is_gap: bool,
}

/// A task type's last five minutes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TypeSummary {
    /// The name.
    pub name: TaskName,
    /// Tasks finished per second.
    pub per_second: f64,
    /// Share that failed, 0 to 1.
    pub failed_share: f64,
    /// 95th percentile of the run time, seconds, within 3 %.
    pub runtime_p95: Option<f64>,
}

/// Everything on the first screen.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Overview {
    /// Tasks finished (succeeded or failed) per second over the last minute.
    pub finished_per_second: f64,
    /// Share of failures among tasks finished in the last five minutes, 0 to 1; unknown if none finished.
    pub failed_share: Option<f64>,
    /// 95th percentile of run time over the last five minutes, seconds, within 3 %.
    pub runtime_p95: Option<f64>,
    /// 95th percentile of the time from received to started, likewise.
    pub wait_p95: Option<f64>,
    /// Messages waiting in all queues.
    pub queued: Option<u64>,
    /// Tasks running now, by the workers' heartbeats.
    pub running: u64,
    /// Tasks the online workers can run at once; unknown if not all were inspected.
    pub slots: Option<u64>,
    /// Workers online.
    pub workers_online: u64,
    /// Workers known.
    pub workers_total: u64,
    /// Start of the first element of `outcomes`.
    pub outcomes_start: Timestamp,
    /// The last hour in stretches of ten seconds, oldest first, whole stretches only.
    pub outcomes: Vec<Outcomes>,
    /// `runtime_p95` of each of the last 60 whole minutes, oldest first.
    pub runtime_trend: Vec<Option<f32>>,
    /// `wait_p95` of each of the last 60 whole minutes, oldest first.
    pub wait_trend: Vec<Option<f32>>,
    /// Messages waiting at each of the last polls, oldest first, one every 10 s.
    pub queued_trend: Vec<u64>,
    /// What needs a person, worst first.
    pub attention: Vec<Attention>,
    /// The newest failures, newest first, at most 8.
    pub failures: Vec<TaskSummary>,
    /// The busiest task types of the last five minutes, busiest first, at most 8.
    pub busiest: Vec<TypeSummary>,
    /// The slowest task types of the last five minutes, slowest first, at most 8.
    pub slowest: Vec<TypeSummary>,
}
