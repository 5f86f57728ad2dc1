//! Doing the same with many tasks.

use crate::{ArgumentSource, QueueName, Signal, TaskId, TaskQuery, TaskState, Timestamp};
use serde::{Deserialize, Serialize};
use std::fmt;

/// Most tasks of one bulk.
pub const MAX_BULK_TASKS: u64 = 100_000;

macro_rules! numbered_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub u64);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
    };
}

numbered_id! {
    /// A bulk of this process, counted from 1.
    BulkId
}
numbered_id! {
    /// A purge, named by the microsecond in which it was done.
    PurgeId
}

/// What to do with each task.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum BulkAct {
    /// Revoke those that have not started.
    Revoke,
    /// End those that run.
    Terminate {
        /// By which signal.
        #[serde(default)]
        signal: Signal,
    },
    /// Send those that ended, or were orphaned, once more; those that were
    /// sent again already are passed over.
    Retry {
        /// The worst source of arguments to use; without argument text unless told.
        #[serde(default)]
        worst: Option<ArgumentSource>,
        /// Another queue; each task's own unless told.
        #[serde(default)]
        queue: Option<QueueName>,
    },
}

/// Which tasks.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BulkTarget {
    /// These.
    Tasks(Vec<TaskId>),
    /// All that match when it begins; window and order of the query do not
    /// matter, but its `newest` does.
    Query(Box<TaskQuery>),
}

/// How many tasks of a target each act applies to.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct BulkCount {
    /// All of them.
    pub total: u64,
    /// By state.
    pub states: Vec<(TaskState, u64)>,
    /// Those that can be revoked: they have not started.
    pub revocable: u64,
    /// Those that can be terminated: they run.
    pub running: u64,
    /// Those that can be retried: they ended or were orphaned.
    pub retriable: u64,
}

/// What came of one task of a bulk.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct BulkResult {
    /// Which.
    pub task: TaskId,
    /// Whether it was done.
    pub is_ok: bool,
    /// What was done, or why not.
    pub text: String,
    /// The task that was sent in its place.
    pub new: Option<TaskId>,
}

/// How far a bulk is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct BulkProgress {
    /// Which.
    pub id: BulkId,
    /// What it does.
    pub act: BulkAct,
    /// Who began it.
    pub by: String,
    /// When.
    pub started: Timestamp,
    /// When it ended; absent while it runs.
    pub finished: Option<Timestamp>,
    /// How many tasks it is for.
    pub total: u64,
    /// Done as asked.
    pub done: u64,
    /// Passed over, as the act does not apply to them any more.
    pub skipped: u64,
    /// Failed.
    pub failed: u64,
    /// Whether somebody stopped it, so that the rest was left alone.
    pub is_stopped: bool,
    /// Why it ended early, if it did by itself.
    pub problem: Option<String>,
    /// What came of each task so far, failures first, at most as many as asked for.
    pub results: Vec<BulkResult>,
}
