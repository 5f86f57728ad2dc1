//! Merging what other sources than events tell, and finding what they should
//! be asked: the state's side of repair.

use super::{
    State,
    tasks::{code, repair::Fact},
    workers::{Errands, Presence},
};
use model::{TaskId, Timestamp, WorkerName};
use std::collections::{BTreeSet, HashMap};

/// Seconds between two looks over all tasks that have not ended.
const SURVEY_SECONDS: f64 = 5.0;

/// Seconds between two audits: whether tasks that wait or are held still do,
/// as some workers send no events.
const AUDIT_SECONDS: f64 = 300.0;

/// Most orphans looked into at once; the others follow at the next survey.
const MAX_ORPHANS: usize = 500;

/// Seconds after which an orphan that is still one is looked into again.
const ORPHAN_AGAIN_SECONDS: f64 = 30.0;

/// A task counts as slow beyond this many times its type's usual time, and this many seconds.
const SLOW_TIMES: f64 = 3.0;
const SLOW_SECONDS: f64 = 10.0;

/// A task that a worker holds or runs, as far as the state knows.
#[derive(Clone, Debug)]
pub(crate) struct OpenTask {
    pub(crate) id: TaskId,
    /// When something was heard of it last.
    pub(crate) heard: Timestamp,
}

/// What surveys remember.
#[derive(Debug, Default)]
pub(crate) struct Surveys {
    last: Option<Timestamp>,
    last_audit: Option<Timestamp>,
    /// Processes that tasks name and nobody heard of, and since when that is known.
    unheard: HashMap<(u32, u32), Timestamp>,
    /// Orphans that are being looked into, by their number.
    asked: HashMap<u64, Timestamp>,
}

impl Surveys {
    /// Notes that what all workers hold is being looked into.
    pub(super) fn audited(&mut self, now: Timestamp) {
        self.last_audit = Some(now);
    }
}

impl State {
    /// Tells whether it is time to compare everything that has not ended with
    /// what workers and queues hold.
    pub(super) fn is_audit_due(&self, now: Timestamp) -> bool {
        let open = [code::PENDING, code::RECEIVED, code::STARTED];
        let is_time = self
            .surveys
            .last_audit
            .is_some_and(|last| now.seconds_since(last) >= AUDIT_SECONDS);
        is_time && self.health.is_up() && open.iter().any(|state| self.tasks.count(*state) > 0)
    }

    /// Merges what another source tells.
    pub(crate) fn learn(&mut self, facts: &[Fact], now: Timestamp) {
        for fact in facts {
            let learned = self.tasks.learn(fact, &mut self.names, now);
            if let Some((ended, at)) = learned.ended {
                self.throughput.ended_at(ended, at, now);
            }
            if let Some(at) = learned.found {
                let worker = self.names.workers.text(learned.worker).cloned();
                self.health.found(worker.map(WorkerName::new), at);
            }
        }
        self.revisions.tasks = self.revision;
        self.revisions.health = self.revision;
    }

    /// Declares tasks ended unseen of which nothing was heard since `asked`.
    pub(crate) fn vanish(&mut self, ids: &[TaskId], asked: Timestamp, reason: &str) {
        for id in ids {
            self.tasks.vanish(id, asked, reason);
        }
        self.revisions.tasks = self.revision;
    }

    /// Declares tasks orphaned, unless their worker turned up meanwhile.
    pub(crate) fn orphan(&mut self, orphans: &[(TaskId, Option<bool>)]) {
        for (id, is_unacked) in orphans {
            let Some((worker, pid, started)) = self.tasks.holder(id.as_str()) else {
                continue;
            };
            if self.workers.presence(worker, pid, started) != Presence::There {
                self.tasks.orphan(id, worker, *is_unacked);
            }
        }
        self.revisions.tasks = self.revision;
    }

    /// Looks over the tasks that have not ended, every few seconds.
    pub(super) fn survey(&mut self, errands: &mut Errands, now: Timestamp) {
        let is_due = self
            .surveys
            .last
            .is_none_or(|last| now.seconds_since(last) >= SURVEY_SECONDS);
        if !is_due {
            return;
        }
        self.surveys.last = Some(now);
        let grace = self.limits.orphan_grace_seconds;
        let mut running: HashMap<(u32, u32), Vec<i64>> = HashMap::new();
        let mut usual: HashMap<u32, Option<f64>> = HashMap::new();
        let mut slow = HashMap::new();
        let mut gone = Vec::new();
        let mut named = BTreeSet::new();
        let Self {
            tasks,
            workers,
            throughput,
            surveys,
            ..
        } = self;
        tasks.for_each_open(|open| {
            let process = (open.worker, open.pid);
            let since = if open.started == 0 {
                open.heard
            } else {
                open.started
            };
            let gone_since = match workers.presence(open.worker, open.pid, since) {
                Presence::There => None,
                Presence::GoneSince(since) => Some(since),
                // So many workers that some had to be forgotten.
                Presence::Unheard if workers.is_full() => None,
                Presence::Unheard => {
                    named.insert(process);
                    Some(*surveys.unheard.entry(process).or_insert(now))
                }
            };
            if let Some(since) = gone_since {
                let was_asked = surveys
                    .asked
                    .get(&open.sequence)
                    .is_some_and(|asked| now.seconds_since(*asked) < ORPHAN_AGAIN_SECONDS);
                if open.worker != 0 && now.seconds_since(since) >= grace && !was_asked {
                    gone.push(open.sequence);
                }
            } else if open.started != 0 {
                running.entry(process).or_default().push(open.started);
                let usual = usual
                    .entry(open.name)
                    .or_insert_with(|| throughput.usual_runtime(open.name));
                let age = now.seconds_since(Timestamp(open.started));
                if let Some(usual) = *usual
                    && age > (SLOW_TIMES * usual).max(SLOW_SECONDS)
                {
                    slow.insert(open.sequence, usual);
                }
            }
        });
        surveys.unheard.retain(|process, _| named.contains(process));
        surveys
            .asked
            .retain(|_, asked| now.seconds_since(*asked) < ORPHAN_AGAIN_SECONDS);
        gone.truncate(MAX_ORPHANS);
        for sequence in gone {
            surveys.asked.insert(sequence, now);
            errands.orphans.extend(tasks.id_of(sequence));
        }
        let suspects = workers.compare_active(&running);
        let suspects = suspects.into_iter().filter_map(|name| {
            let name = self.names.workers.text(name)?;
            Some(WorkerName::new(name.clone()))
        });
        errands.repair.extend(suspects);
        if self.tasks.set_slow(slow) {
            self.revisions.tasks = self.revision;
        }
    }
}
