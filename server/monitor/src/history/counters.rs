//! What is counted beside the tasks, and how it gets into the store and out of it.

use crate::state::metrics::{EventCount, RuntimeHistogram};
use model::{AuditEntry, Gap};
use std::collections::BTreeMap;

/// Counters with their present values; in a batch only those that changed.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct CounterValues {
    /// Single numbers by name.
    pub totals: BTreeMap<String, i64>,
    /// Events by worker, type and task type.
    pub events: Vec<EventCount>,
    /// Run times by worker and task type.
    pub runtimes: Vec<RuntimeHistogram>,
}

impl CounterValues {
    /// Tells whether there is nothing in it.
    pub fn is_empty(&self) -> bool {
        self.totals.is_empty() && self.events.is_empty() && self.runtimes.is_empty()
    }
}

/// What a store holds beside the series: what a start begins with.
#[derive(Clone, Debug, Default)]
pub struct Loaded {
    /// Tasks, oldest first.
    pub tasks: Vec<super::TaskRecord>,
    /// The store may have others up to this time, microseconds; absent if these are all.
    pub older: Option<i64>,
    /// Every counter.
    pub counters: CounterValues,
    /// The newest gaps, oldest first.
    pub gaps: Vec<Gap>,
    /// The newest audit entries, oldest first.
    pub audit: Vec<AuditEntry>,
}

/// Names of single numbers.
pub(crate) mod total {
    pub(crate) const EVENTS: &str = "events";
    pub(crate) const DROPPED: &str = "dropped";
    pub(crate) const UNDECODABLE: &str = "undecodable";
    pub(crate) const MISSED: &str = "missed";
    pub(crate) const EVICTED: &str = "evicted";
    pub(crate) const EVICTED_RUNNING: &str = "evicted_running";
    pub(crate) const LOST_TO_HISTORY: &str = "lost_to_history";
    /// Before the name of a gap's cause.
    pub(crate) const GAPS: &str = "gaps/";
    /// Before the name of a worker whose started tasks went unseen.
    pub(crate) const MISSED_BY: &str = "missed/";
    /// When the dashboard was last seen alive, microseconds since the epoch.
    pub(crate) const ALIVE: &str = "alive";
}
