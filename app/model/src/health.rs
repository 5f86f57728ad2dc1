//! How the dashboard itself is doing: the connection, the rate, what was missed.

use crate::Timestamp;
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
    /// Messages known to be missed; absent where nobody can know.
    pub missed: Option<u64>,
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
}
