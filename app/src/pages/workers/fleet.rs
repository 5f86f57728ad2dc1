//! What is usual among all workers, and their sums.

use super::row::active_now;
use crate::components::worker_badge::is_there;
use model::{WorkerName, WorkerStatus, WorkerSummary};
use std::collections::{BTreeMap, BTreeSet};

/// What a row must know of the others.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Fleet {
    /// Celery's version on most workers that are there.
    usual_version: Option<String>,
    /// Names that more than one process bears, be it one after the other.
    pub(super) namesakes: BTreeSet<WorkerName>,
    /// Names that more than one process bears now, which is a fault.
    pub(super) shared: BTreeSet<WorkerName>,
}

impl Fleet {
    /// Looks at all workers.
    pub(super) fn of(workers: &[WorkerSummary]) -> Self {
        let mut versions: BTreeMap<&str, usize> = BTreeMap::new();
        // Of each name the processes, and those of them that are there.
        let mut names: BTreeMap<&WorkerName, (usize, usize)> = BTreeMap::new();
        let mut online = 0;
        for worker in workers {
            let (processes, there) = names.entry(&worker.name).or_default();
            *processes += 1;
            if is_there(worker.status) {
                *there += 1;
                online += 1;
                if let Some(version) = &worker.version {
                    *versions.entry(version).or_default() += 1;
                }
            }
        }
        // Without a majority no version is the odd one.
        let usual = versions.iter().find(|(_, count)| **count * 2 > online);
        let of = |is_meant: fn(&(usize, usize)) -> bool| {
            let meant = names.iter().filter(|(_, counts)| is_meant(counts));
            meant.map(|(name, _)| (*name).clone()).collect()
        };
        Self {
            usual_version: usual.map(|(version, _)| (*version).to_owned()),
            namesakes: of(|(processes, _)| *processes > 1),
            shared: of(|(_, there)| *there > 1),
        }
    }

    /// Tells whether a version is not the one of most workers.
    pub(super) fn is_odd(&self, version: &str) -> bool {
        let usual = self.usual_version.as_deref();
        usual.is_some_and(|usual| usual != version && !matches!(version, "" | "unknown"))
    }
}

/// The figures at the foot of the table.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Totals {
    /// Workers.
    pub(super) workers: usize,
    /// Tasks running.
    pub(super) active: u64,
    /// Slots that take tasks now; absent if one of the workers did not tell.
    pub(super) slots: Option<u64>,
    /// Tasks accepted.
    pub(super) processed: u64,
    /// Tasks failed.
    pub(super) failed: u64,
    /// Tasks retried.
    pub(super) retried: u64,
}

impl Totals {
    /// Sums up.
    pub(super) fn of<'a>(workers: impl IntoIterator<Item = &'a WorkerSummary>) -> Self {
        let start = Self {
            slots: Some(0),
            ..Self::default()
        };
        workers.into_iter().fold(start, |sum, worker| Self {
            workers: sum.workers + 1,
            active: sum.active + active_now(worker).unwrap_or(0),
            slots: match worker.status {
                WorkerStatus::Online | WorkerStatus::Busy => {
                    sum.slots.zip(worker.slots).map(|(a, b)| a + b)
                }
                WorkerStatus::Stopping | WorkerStatus::Lost | WorkerStatus::Offline => sum.slots,
            },
            processed: sum.processed + worker.processed.unwrap_or(0),
            failed: sum.failed + worker.events.failed,
            retried: sum.retried + worker.events.retried,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::{super::arrange::tests::worker, *};

    #[test]
    fn a_version_is_odd_only_against_a_majority() {
        let mut workers = [worker("a"), worker("b"), worker("c")];
        for (worker, version) in workers.iter_mut().zip(["5.5.3", "5.5.3", "5.4.0"]) {
            worker.version = Some(version.to_owned());
        }
        let fleet = Fleet::of(&workers);
        assert!(fleet.is_odd("5.4.0"));
        assert!(!fleet.is_odd("5.5.3"));
        assert!(!fleet.is_odd("unknown"));
        assert!(!Fleet::of(&workers[1..]).is_odd("5.4.0"));
    }

    #[test]
    fn two_processes_of_one_name_are_namesakes() {
        let fleet = Fleet::of(&[worker("a"), worker("a"), worker("b")]);
        assert!(fleet.namesakes.contains("a"));
        assert!(!fleet.namesakes.contains("b"));
    }

    #[test]
    fn a_name_is_shared_only_by_processes_that_are_there() {
        let mut workers = ["a", "a", "b", "b"].map(worker);
        workers[0].status = WorkerStatus::Lost;
        workers[2].status = WorkerStatus::Busy;
        let fleet = Fleet::of(&workers);
        assert!(fleet.namesakes.contains("a") && !fleet.shared.contains("a"));
        assert!(fleet.shared.contains("b"));
    }

    #[test]
    fn a_stopping_worker_runs_tasks_and_offers_no_slots() {
        let mut workers = [worker("a"), worker("b")];
        for worker in &mut workers {
            worker.active = Some(3);
            worker.slots = Some(8);
        }
        workers[1].status = WorkerStatus::Stopping;
        let totals = Totals::of(&workers);
        assert_eq!((totals.active, totals.slots), (6, Some(8)));
    }

    #[test]
    fn what_a_lost_worker_ran_does_not_count_as_running() {
        let mut workers = [worker("a"), worker("b")];
        for worker in &mut workers {
            worker.active = Some(3);
            worker.slots = Some(8);
            worker.processed = Some(100);
        }
        workers[1].status = WorkerStatus::Lost;
        let totals = Totals::of(&workers);
        assert_eq!((totals.active, totals.slots), (3, Some(8)));
        assert_eq!((totals.workers, totals.processed), (2, 200));
        workers[0].slots = None;
        assert_eq!(Totals::of(&workers).slots, None);
    }
}
