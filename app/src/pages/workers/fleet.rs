//! What is usual among all workers, and their sums.

use super::row::active_now;
use model::{WorkerName, WorkerStatus, WorkerSummary};
use std::collections::{BTreeMap, BTreeSet};

/// What a row must know of the others.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Fleet {
    /// Celery's version on most workers online.
    usual_version: Option<String>,
    /// Names that more than one process bears.
    pub(super) namesakes: BTreeSet<WorkerName>,
}

impl Fleet {
    /// Looks at all workers.
    pub(super) fn of(workers: &[WorkerSummary]) -> Self {
        let mut versions: BTreeMap<&str, usize> = BTreeMap::new();
        let mut names: BTreeMap<&WorkerName, usize> = BTreeMap::new();
        let mut online = 0;
        for worker in workers {
            *names.entry(&worker.name).or_default() += 1;
            if worker.status == WorkerStatus::Online {
                online += 1;
                if let Some(version) = &worker.version {
                    *versions.entry(version).or_default() += 1;
                }
            }
        }
        // Without a majority no version is the odd one.
        let usual = versions.iter().find(|(_, count)| **count * 2 > online);
        let shared = names.iter().filter(|(_, count)| **count > 1);
        Self {
            usual_version: usual.map(|(version, _)| (*version).to_owned()),
            namesakes: shared.map(|(name, _)| (*name).clone()).collect(),
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
    /// Slots of the workers online; absent if one of them did not tell.
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
