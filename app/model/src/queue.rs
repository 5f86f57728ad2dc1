//! Queues and the Redis they live in.

use crate::{Keyed, PurgeId, QueueName, TaskId, TaskName, Timestamp, WorkerName};
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
    /// Tasks that workers took from it per second over the last minute, by
    /// `task-received` events of tasks whose queue is known; unknown before the first.
    pub taken_per_second: Option<f64>,
    /// Messages of it that workers took and did not acknowledge; unknown until they were read.
    pub unacked: Option<u64>,
    /// Since when the message waits that is next to run. Messages carry no
    /// time: it is when the task was sent, by `task-sent`, else when the
    /// dashboard first saw the message, so that it waits at least so long.
    pub oldest_since: Option<Timestamp>,
    /// Whether `oldest_since` is when it was sent.
    pub is_oldest_exact: bool,
    /// Workers that consumed it and were told here to stop; empty unless it is paused.
    pub paused: Vec<WorkerName>,
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

/// A kind of keys that their owners left behind.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LeftoverKind {
    /// Lists of replies to remote control that nobody reads
    /// (`<id>.reply.celery.pidbox`).
    ReplyLists,
    /// Lists of events of receivers that are gone (`celeryev.<id>`), from
    /// transports or versions that queue them.
    EventQueues,
    /// Mailboxes of workers that are gone (`<worker>.celery.pidbox`).
    Mailboxes,
}

impl LeftoverKind {
    /// Every kind.
    pub const ALL: [Self; 3] = [Self::ReplyLists, Self::EventQueues, Self::Mailboxes];

    /// Returns the word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::ReplyLists => "reply lists",
            Self::EventQueues => "event queues",
            Self::Mailboxes => "mailboxes",
        }
    }
}

/// Keys of one kind that their owners left behind.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Leftovers {
    /// The kind.
    pub kind: LeftoverKind,
    /// How many keys.
    pub keys: u64,
    /// Bytes they take, by `MEMORY USAGE`; of the largest if they are many.
    pub bytes: u64,
    /// Some of them, the largest first, at most 20.
    pub examples: Vec<String>,
}

/// What is wrong or worth knowing about the broker's keys.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct BrokerHealth {
    /// When it was looked through.
    pub looked: Option<Timestamp>,
    /// Whether all keys were looked at; otherwise there may be more.
    pub is_complete: bool,
    /// What was left behind.
    pub leftovers: Vec<Leftovers>,
    /// Unacknowledged messages older than the visibility timeout, which some worker puts back soon.
    pub unacked_overdue: u64,
    /// Since when the oldest unacknowledged message is held.
    pub unacked_oldest: Option<Timestamp>,
}

/// A purge that can be taken back.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PurgedQueue {
    /// Which purge.
    pub purge: PurgeId,
    /// Of which queue.
    pub queue: QueueName,
    /// When.
    pub at: Timestamp,
    /// Until when it can be taken back.
    pub until: Timestamp,
    /// Messages purged.
    pub purged: u64,
    /// Messages kept for it.
    pub kept: u64,
    /// By whom.
    pub by: String,
}

/// A message that waits in a queue.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct WaitingMessage {
    /// What names the message in commands; kombu's delivery tag.
    pub tag: Option<String>,
    /// The priority step it waits in.
    pub step: u8,
    /// The task's id.
    pub id: Option<TaskId>,
    /// The task type.
    pub name: Option<TaskName>,
    /// The positional arguments, JSON or Python's repr; see `is_text`.
    pub args: Option<String>,
    /// The keyword arguments likewise.
    pub kwargs: Option<String>,
    /// Whether arguments are Python's repr from the headers, as the body cannot be read.
    pub is_text: bool,
    /// When it is to run.
    pub eta: Option<Timestamp>,
    /// When it expires.
    pub expires: Option<Timestamp>,
    /// How often it was retried before.
    pub retries: u32,
    /// Whether a worker took it before and did not acknowledge it.
    pub is_redelivered: bool,
    /// Since when it waits; see `QueueSummary::oldest_since`.
    pub since: Option<Timestamp>,
    /// Whether `since` is when it was sent.
    pub is_since_exact: bool,
    /// The size of the message, bytes.
    pub bytes: u64,
    /// How its body is written, such as `application/json`.
    pub content_type: String,
    /// The process that sent it.
    pub origin: Option<String>,
    /// Why it, or its body, cannot be read.
    pub problem: Option<String>,
}

/// Messages that wait in a queue, the next to run first.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct QueuePeek {
    /// The queue.
    pub queue: QueueName,
    /// Messages waiting when it was looked at.
    pub total: u64,
    /// Messages passed over.
    pub offset: u64,
    /// The messages; fewer than asked for if they are large.
    pub messages: Vec<WaitingMessage>,
    /// When it was looked at.
    pub looked: Timestamp,
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
    /// What is wrong with its keys.
    pub health: BrokerHealth,
    /// Purges that can be taken back, newest first.
    pub purged: Vec<PurgedQueue>,
}
