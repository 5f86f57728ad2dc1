//! Queues and the Redis they live in.

use crate::{Keyed, QueueName, Timestamp, WorkerName};
use serde::{Deserialize, Serialize};

/// A queue as a row.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct QueueSummary {
    /// The name.
    pub name: QueueName,
    /// Messages waiting, all priorities together.
    pub ready: u64,
    /// Messages waiting by priority step, in the order workers take them: `(step, messages)`.
    pub steps: Vec<(u8, u64)>,
    /// Workers online that consume it, as far as they were asked.
    pub consumers: Vec<WorkerName>,
    /// Whether every worker online has told its queues; until then the list may be too short.
    pub are_consumers_known: bool,
    /// `ready` at each of the last polls, oldest first, one every 10 s, at most 360.
    pub depth: Vec<u64>,
    /// Tasks sent to it per second over the last minute, by `task-sent` events; unknown if clients send none.
    pub sent_per_second: Option<f64>,
}

impl Keyed for QueueSummary {
    type Key = QueueName;
    fn key(&self) -> QueueName {
        self.name.clone()
    }
}

/// What `INFO` tells of the broker.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct RedisInfo {
    /// Redis version.
    pub version: String,
    /// Memory in use, bytes.
    pub used_memory_bytes: u64,
    /// Memory limit, bytes; 0 means none.
    pub max_memory_bytes: u64,
    /// `maxmemory-policy`.
    pub eviction_policy: String,
    /// Clients connected.
    pub clients: u64,
    /// Round trip of a PING, milliseconds.
    pub ping_ms: f64,
}

/// All queues.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct QueueList {
    /// Rows by name.
    pub rows: Vec<QueueSummary>,
    /// Messages taken by workers and not acknowledged, all queues together.
    pub unacked: u64,
    /// When the lengths were read; absent before the first time.
    pub polled: Option<Timestamp>,
    /// The broker's own state.
    pub redis: Option<RedisInfo>,
}
