//! How the dashboard itself is doing: the connection, the rate, what was missed.

use crate::{Timestamp, WorkerName};
use serde::{Deserialize, Serialize};

/// The state of the connection to the broker.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum BrokerState {
    /// No connection was made yet.
    Connecting {
        /// Since when.
        since: Timestamp,
    },
    /// Subscribed.
    Up {
        /// Since when.
        since: Timestamp,
    },
    /// The connection is lost or was refused; it is retried.
    Down {
        /// Since when.
        since: Timestamp,
        /// What the operating system or Redis said.
        cause: String,
        /// When the next try is due.
        next_try: Timestamp,
    },
}

/// Why events were missed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum GapCause {
    /// The broker was not reachable.
    BrokerDown,
    /// Redis or the network closed the subscription.
    ConnectionLost,
    /// Events came faster than they could be applied; messages were dropped and counted.
    Overload,
    /// A worker's heartbeats count more started tasks than its events told of.
    EventsMissed,
    /// The dashboard itself was not running.
    DashboardDown,
}

/// Whether what happens is kept beyond a restart.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum HistoryState {
    /// It is not, as somebody chose.
    #[default]
    Off,
    /// It is.
    Kept,
    /// It is not: the store could not be opened when the dashboard began.
    Unavailable {
        /// What was wrong.
        cause: String,
    },
    /// The store does not take what it is given; it is tried again.
    Failing {
        /// Since when.
        since: Timestamp,
        /// What the store said.
        cause: String,
    },
}

/// How the store of the past is doing.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct HistoryHealth {
    /// Whether it is kept.
    pub state: HistoryState,
    /// Tasks that were forgotten before the store had them as they were.
    pub lost_total: u64,
    /// Where a store lies that was damaged; a new one was begun.
    pub set_aside: Option<String>,
}

/// A stretch of time in which events were missed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Gap {
    /// The first moment that may be missing.
    pub start: Timestamp,
    /// When events were complete again; absent while it lasts.
    pub end: Option<Timestamp>,
    /// Why.
    pub cause: GapCause,
    /// The worker whose events are missing; absent if it concerns all of them.
    pub worker: Option<WorkerName>,
    /// What is known to be missed: messages for [`GapCause::Overload`], started
    /// tasks for [`GapCause::EventsMissed`]; absent where nobody can know.
    pub missed: Option<u64>,
    /// Of the missed tasks, those that another source has told of since.
    pub recovered: u64,
}

/// One message, or one event of a message, that could not be read.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct UndecodableSample {
    /// When it came.
    pub received: Timestamp,
    /// What is wrong with it.
    pub problem: String,
    /// Its size, bytes.
    pub bytes: u64,
    /// Its first 4,096 bytes as text; bytes that are no UTF-8 are U+FFFD.
    pub text: String,
}

/// Messages that could not be read for the same kind of reason.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct UndecodableKind {
    /// The kind, such as `not JSON`.
    pub kind: String,
    /// How many there were since the start.
    pub count: u64,
    /// The newest of them, newest first, at most 5.
    pub samples: Vec<UndecodableSample>,
}

/// Everything that could not be read since the start.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct UndecodableList {
    /// How many in all.
    pub total: u64,
    /// By kind, the most frequent first.
    pub kinds: Vec<UndecodableKind>,
}

/// What every page shows in its frame.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Pulse {
    /// The server's time.
    pub now: Timestamp,
    /// The broker's address without password.
    pub broker_url: String,
    /// The connection.
    pub broker: BrokerState,
    /// Events per second over the last 5 s.
    pub events_per_second: f64,
    /// Events applied since the start.
    pub events_total: u64,
    /// Messages dropped by the dashboard because it could not keep up.
    pub dropped_total: u64,
    /// Messages that could not be read.
    pub undecodable_total: u64,
    /// Started tasks that heartbeats count and events did not tell of, since the start.
    pub missed_total: u64,
    /// The newest gaps, oldest first, at most 20.
    pub gaps: Vec<Gap>,
    /// Tasks in memory in state FAILURE.
    pub failures: u64,
    /// Workers online.
    pub workers_online: u64,
    /// Workers known.
    pub workers_total: u64,
    /// Messages waiting in all queues; unknown until they were counted.
    pub queued: Option<u64>,
    /// The dashboard's version.
    pub version: String,
    /// How the store of the past is doing.
    #[serde(default)]
    pub history: HistoryHealth,
}
