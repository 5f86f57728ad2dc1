//! Looking over the tasks that have not ended.

use super::repair::is_running;
use super::{NO_TIME, Segment, Tasks, code};
use model::{TaskId, Timestamp};
use std::collections::HashMap;

/// A task that a worker holds or runs, as far as is known.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Open {
    pub(crate) sequence: u64,
    pub(crate) name: u32,
    pub(crate) worker: u32,
    pub(crate) pid: u32,
    /// When it started; 0 if it has not.
    pub(crate) started: i64,
    /// When something was heard of it last.
    pub(crate) heard: i64,
}

/// A task that has an ETA and did not start. In order, the next to run comes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Due {
    pub(crate) eta: Timestamp,
    /// The number that its id stands for: the same if the task was moved.
    pub(crate) key: u128,
    pub(crate) sequence: u64,
}

impl Tasks {
    /// Calls `visit` for every task that a worker holds or runs.
    pub(crate) fn for_each_open(&self, mut visit: impl FnMut(Open)) {
        for segment in &self.segments {
            for_each_open(segment, &mut visit);
        }
    }

    /// Returns the id of a task, unless it is gone.
    pub(crate) fn id_of(&self, sequence: u64) -> Option<TaskId> {
        let (segment, at) = self.row(sequence)?;
        Some(Self::id_text(segment, at, &mut [0; 36]).into())
    }

    /// Returns the worker process that holds or runs a task, and since when.
    pub(crate) fn holder(&self, id: &str) -> Option<(u32, u32, i64)> {
        let (segment, at) = self.segment(self.find(id)?);
        let open = open_at(segment, at, segment.started[at] != NO_TIME);
        let since = if open.started == NO_TIME {
            open.heard
        } else {
            open.started
        };
        Some((open.worker, open.pid, since))
    }

    /// Returns when the present attempt of a task was sent, if that was heard,
    /// and how often the task was retried before.
    pub(crate) fn sent(&self, id: &str) -> Option<(Timestamp, u32)> {
        let (segment, at) = self.segment(self.find(id)?);
        let sent = segment.sent[at];
        (sent != NO_TIME).then_some((Timestamp(sent), segment.retries[at]))
    }

    /// Tells whether events or anything else told how a task ended.
    pub(crate) fn has_ended(&self, id: &str) -> Option<bool> {
        let (segment, at) = self.segment(self.find(id)?);
        Some(segment.finished[at] != NO_TIME && segment.state[at] != code::RETRY)
    }

    /// Sets which running tasks take far longer than usual, with the usual
    /// time in seconds; returns whether that changed.
    pub(crate) fn set_slow(&mut self, slow: HashMap<u64, f64>) -> bool {
        let changed = self.slow != slow;
        self.slow = slow;
        changed
    }

    /// Returns how many tasks run far longer than usual.
    pub(crate) fn slow_count(&self) -> usize {
        self.slow.len()
    }
}

/// Goes through the tasks that have not ended, the oldest first and one
/// segment at a time, so that the caller may let the lock go in between.
///
/// A task that runs while its segment is forgotten moves to the newest one, so
/// none is passed over, but one may be seen twice.
#[derive(Debug)]
pub(crate) struct Sweep {
    next: u64,
}

impl Sweep {
    pub(crate) fn new() -> Self {
        Self { next: 0 }
    }

    fn next<'t>(&mut self, tasks: &'t Tasks) -> Option<&'t Segment> {
        let segment = tasks.oldest_from(self.next)?;
        self.next = segment.first + 1;
        Some(segment)
    }

    /// Calls `visit` for the tasks that a worker holds or runs in the oldest
    /// segment that is left; `false` if there was none.
    pub(crate) fn step(&mut self, tasks: &Tasks, mut visit: impl FnMut(Open)) -> bool {
        let Some(segment) = self.next(tasks) else {
            return false;
        };
        for_each_open(segment, &mut visit);
        true
    }

    /// Adds the tasks that have an ETA and did not start; `false` if no segment was left.
    pub(crate) fn step_due(&mut self, tasks: &Tasks, due: &mut Vec<Due>) -> bool {
        let Some(segment) = self.next(tasks) else {
            return false;
        };
        let waits = |state: u8| matches!(state, code::PENDING | code::RECEIVED | code::RETRY);
        let waiting: u32 = (0..=u8::MAX)
            .filter(|state| waits(*state))
            .map(|state| segment.counts[usize::from(state)])
            .sum();
        if waiting == 0 {
            return true;
        }
        for at in 0..segment.len() {
            let eta = segment.eta(at);
            let is_open = waits(segment.state[at]) && segment.started[at] == NO_TIME;
            if eta != NO_TIME && is_open && segment.finished[at] == NO_TIME {
                due.push(Due {
                    eta: Timestamp(eta),
                    key: segment.id[at],
                    sequence: segment.first + at as u64,
                });
            }
        }
        true
    }

    /// Adds the ids of tasks that no worker has told of and nothing was heard
    /// of since `limit`; `false` if there are `most` or no segment was left.
    pub(crate) fn step_pending(
        &mut self,
        tasks: &Tasks,
        most: usize,
        limit: Timestamp,
        ids: &mut Vec<TaskId>,
    ) -> bool {
        let Some(segment) = self.next(tasks) else {
            return false;
        };
        if segment.counts[usize::from(code::PENDING)] == 0 {
            return true;
        }
        for at in 0..segment.len() {
            if segment.state[at] == code::PENDING && segment.timestamp(at) < limit.0 {
                if ids.len() >= most {
                    return false;
                }
                ids.push(Tasks::id_text(segment, at, &mut [0; 36]).into());
            }
        }
        true
    }
}

fn for_each_open(segment: &Segment, visit: &mut impl FnMut(Open)) {
    let is_held = |state: u8| matches!(state, code::RECEIVED | code::RETRY);
    let open: u32 = (0..=u8::MAX)
        .filter(|state| is_running(*state) || is_held(*state))
        .map(|state| segment.counts[usize::from(state)])
        .sum();
    if open == 0 {
        return;
    }
    for at in 0..segment.len() {
        let state = segment.state[at];
        let is_open = is_running(state)
            || (is_held(state) && segment.finished[at] == NO_TIME && segment.worker[at] != 0);
        if is_open {
            visit(open_at(segment, at, is_running(state)));
        }
    }
}

fn open_at(segment: &Segment, at: usize, is_running: bool) -> Open {
    Open {
        sequence: segment.first + at as u64,
        name: segment.name[at],
        worker: segment.worker[at],
        pid: segment.rest[at].pid,
        started: if is_running {
            segment.started[at]
        } else {
            NO_TIME
        },
        heard: segment.timestamp(at),
    }
}
