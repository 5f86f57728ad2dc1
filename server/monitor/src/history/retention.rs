//! Forgetting: what is older than it is kept is removed in small steps, so that
//! neither what is written nor the disk is ever held up long.

use super::{HistoryError, Store};
use model::{TaskState, Timestamp};
use std::time::{Duration, Instant};

/// Tasks removed at once.
const SLICE: usize = 1_000;

/// Tracebacks looked at at once.
const TRACEBACKS: usize = 500;

/// How often it is looked for what is too old when nothing was, lately.
const INTERVAL: Duration = Duration::from_secs(10);

/// How often tasks are counted if their number is bounded.
const COUNT_INTERVAL: Duration = Duration::from_secs(60);

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// How long gaps and audit entries are kept.
const GAPS: Duration = DAY.saturating_mul(90);
const AUDIT: Duration = DAY.saturating_mul(400);

/// How long and how many tasks are kept; those that have not ended are kept anyway.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Retention {
    /// How long tasks are kept that ended otherwise than by failing; for ever if absent.
    pub tasks: Option<Duration>,
    /// How long tasks are kept that failed or lost their worker; for ever if absent.
    pub failures: Option<Duration>,
    /// Most tasks to keep, the newest; any number if absent.
    pub rows: Option<u64>,
}

impl Default for Retention {
    fn default() -> Self {
        Self {
            tasks: Some(DAY * 30),
            failures: Some(DAY * 90),
            rows: None,
        }
    }
}

/// The states of tasks that failed or lost their worker.
pub const FAILURES: [TaskState; 2] = [TaskState::Failure, TaskState::Orphaned];

/// The states of tasks that ended otherwise.
pub const OTHER_ENDS: [TaskState; 4] = [
    TaskState::Success,
    TaskState::Revoked,
    TaskState::Rejected,
    TaskState::Unknown,
];

/// Enforces a [`Retention`] step by step.
#[derive(Debug)]
pub struct Pruner {
    retention: Retention,
    due: Instant,
    count_due: Instant,
    /// Tasks to remove because there are too many.
    excess: u64,
    /// The last traceback that was looked at.
    traceback: i64,
}

impl Pruner {
    /// Begins to enforce a retention.
    pub fn new(retention: Retention) -> Self {
        Self {
            retention,
            due: Instant::now(),
            count_due: Instant::now(),
            excess: 0,
            traceback: i64::MIN,
        }
    }

    /// Makes one step if one is due; returns how many tasks were removed.
    pub(crate) fn step(&mut self, store: &Store, now: Timestamp) -> Result<u64, HistoryError> {
        if Instant::now() < self.due {
            return Ok(0);
        }
        // Also after a failure: the next attempt has time.
        self.due = Instant::now() + INTERVAL;
        let removed = self.remove(store, now)?;
        store.remove_notes(before(now, GAPS), before(now, AUDIT))?;
        self.traceback = store.remove_unused(self.traceback, TRACEBACKS)?;
        if removed > 0 {
            self.due = Instant::now();
        }
        Ok(removed)
    }

    /// Removes at most one slice of tasks.
    pub fn remove(&mut self, store: &Store, now: Timestamp) -> Result<u64, HistoryError> {
        for (age, states) in [
            (self.retention.tasks, &OTHER_ENDS[..]),
            (self.retention.failures, &FAILURES[..]),
        ] {
            let Some(age) = age else { continue };
            let removed = store.remove_before(states, before(now, age), SLICE)?;
            if removed > 0 {
                return Ok(removed);
            }
        }
        let Some(most) = self.retention.rows else {
            return Ok(0);
        };
        if self.excess == 0 && Instant::now() >= self.count_due {
            self.count_due = Instant::now() + COUNT_INTERVAL;
            self.excess = store.count()?.saturating_sub(most);
        }
        if self.excess == 0 {
            return Ok(0);
        }
        let slice = usize::try_from(self.excess).unwrap_or(SLICE).min(SLICE);
        let removed = store.remove_oldest(slice)?;
        // What has not ended stays, though there are too many.
        self.excess = match removed {
            0 => 0,
            _ => self.excess.saturating_sub(removed),
        };
        Ok(removed)
    }
}

/// Returns the moment so long before.
fn before(now: Timestamp, age: Duration) -> Timestamp {
    let age = i64::try_from(age.as_micros()).unwrap_or(i64::MAX);
    Timestamp(now.0.saturating_sub(age))
}
