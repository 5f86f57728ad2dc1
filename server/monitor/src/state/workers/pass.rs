//! What the passing of time does to workers: who fell silent, what to ask whom.

use super::{UNHEARD_BEATS, Worker, Workers};
use crate::state::{Names, ledger::Loss};
use model::{TaskId, Timestamp, WorkerName, WorkerStatus};
use protocol::inspect;
use std::collections::{BTreeSet, HashMap};

/// Heartbeats that must be missing before a worker counts as lost.
const MISSED_BEATS: f64 = 3.0;

/// Missing heartbeats after which it is asked whether it is there.
const BEATS_BEFORE_PING: f64 = 2.0;

/// Heartbeats with news of work, and no event of it, of a worker that did send
/// events or said so, and is asked again: it may run nothing but tasks that send none.
const UNHEARD_BEATS_WHEN_ASKED: u32 = 5;

/// Longest silence of a worker that is known only by its answers to pings.
const PING_WINDOW_SECONDS: f64 = 35.0;

/// Longest silence of a `solo` worker that counts as busy. Within it the
/// worker is believed to run one task as long as some mailbox does not answer.
const BUSY_SECONDS: f64 = 3600.0;

/// Longest silence in a warm shutdown. The process may have been killed
/// since, which nothing would tell.
const STOPPING_SECONDS: f64 = 300.0;

/// How long a lost process is shown beside its successor of the same name.
const REPLACED_SECONDS: f64 = 60.0;

/// How often a worker that does not say that its events are on is told to send
/// them: its mailbox opens a moment after it says that it is online, and one
/// that was restarted or told otherwise by somebody else has forgotten.
const TELL_SECONDS: f64 = 10.0;

/// Surveys in a row that must find tasks without end before they are looked for.
const UNENDED_SURVEYS: u32 = 2;

/// What workers should be asked, found while time passed.
#[derive(Debug, Default)]
pub(crate) struct Errands {
    /// Workers to ping, because heartbeats are missing.
    pub(crate) ping: BTreeSet<WorkerName>,
    /// Workers to tell that they should send task events.
    pub(crate) enable_events: BTreeSet<WorkerName>,
    /// Workers to ask for their statistics and queues.
    pub(crate) inspect: BTreeSet<WorkerName>,
    /// Workers of which events were missed: what they hold is to be found out.
    pub(crate) repair: BTreeSet<WorkerName>,
    /// Events of all workers were missed, or nothing is known yet.
    pub(crate) repair_all: bool,
    /// Tasks whose worker process is gone.
    pub(crate) orphans: Vec<TaskId>,
}

impl Errands {
    pub(crate) fn is_empty(&self) -> bool {
        self.ping.is_empty()
            && self.enable_events.is_empty()
            && self.inspect.is_empty()
            && !self.has_repairs()
    }

    /// Takes what is to be repaired out of the rest.
    pub(crate) fn take_repairs(&mut self) -> Self {
        Self {
            repair: std::mem::take(&mut self.repair),
            repair_all: std::mem::take(&mut self.repair_all),
            orphans: std::mem::take(&mut self.orphans),
            ..Self::default()
        }
    }

    /// Tells whether there is something to repair.
    pub(crate) fn has_repairs(&self) -> bool {
        self.repair_all || !self.repair.is_empty() || !self.orphans.is_empty()
    }
}

/// Whether a process is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Presence {
    There,
    GoneSince(Timestamp),
    /// Never heard of, or forgotten.
    Unheard,
}

impl Worker {
    fn window(&self) -> f64 {
        if self.has_heartbeat {
            self.freq * MISSED_BEATS
        } else {
            PING_WINDOW_SECONDS
        }
    }
}

impl Workers {
    /// Lets time pass: expires, forgets, and finds what to ask. Returns the
    /// errands, whether anything changed, and started tasks found to be unseen.
    pub(crate) fn tick(
        &mut self,
        names: &Names,
        enable_events: bool,
        purge_seconds: Option<f64>,
        now: Timestamp,
    ) -> (Errands, bool, Vec<(u32, Loss)>) {
        let mut errands = Errands::default();
        let mut losses = Vec::new();
        let mut changed = self.expire(now);
        for ((name, _), worker) in &mut self.processes {
            let before = worker.trend.whole().len();
            worker.trend.advance(now);
            changed |= before != worker.trend.whole().len();
            if let Some(loss) = worker.account.tick(self.holes, now) {
                losses.push((*name, loss));
            }
            if worker.status != WorkerStatus::Online {
                continue;
            }
            let silence = now.seconds_since(worker.last_seen);
            let Some(worker_name) = names.workers.text(*name).cloned().map(WorkerName::new) else {
                continue;
            };
            let is_due = |last: Option<Timestamp>, every: f64| {
                last.is_none_or(|last| now.seconds_since(last) >= every)
            };
            if worker.has_heartbeat
                && silence > worker.freq * BEATS_BEFORE_PING
                && is_due(worker.pinged, worker.freq)
            {
                worker.pinged = Some(now);
                errands.ping.insert(worker_name.clone());
            }
            // A new process may not send events; one that was told may have
            // been restarted or told otherwise by somebody else.
            let is_unheard = worker.unheard_beats >= UNHEARD_BEATS;
            let proof = if enable_events {
                UNHEARD_BEATS_WHEN_ASKED
            } else {
                UNHEARD_BEATS
            };
            if worker.unheard_beats >= proof && worker.sends_task_events != Some(false) {
                worker.sends_task_events = Some(false);
                changed = true;
            }
            let is_silent = worker.sends_task_events != Some(true) || is_unheard;
            let is_wanted = enable_events && !worker.is_muted;
            if is_wanted && is_silent && is_due(worker.asked_to_send_events, TELL_SECONDS) {
                worker.asked_to_send_events = Some(now);
                errands.enable_events.insert(worker_name.clone());
            }
            if worker.has_untold_past {
                worker.has_untold_past = false;
                errands.repair.insert(worker_name.clone());
            }
            let asked = self.inspect_asked.get(name).copied();
            let is_unknown = !self.inspections.contains_key(name) && is_due(asked, 5.0);
            if is_unknown || worker.account.wants_totals(now) {
                self.inspect_asked.insert(*name, now);
                errands.inspect.insert(worker_name);
            }
        }
        let before = self.processes.len();
        self.forget_replaced(now);
        if let Some(most) = purge_seconds {
            self.processes.retain(|_, worker| {
                worker.is_there() || now.seconds_since(worker.status_since) < most
            });
        }
        changed |= self.processes.len() != before;
        let names_alive: BTreeSet<u32> = self.processes.keys().map(|(name, _)| *name).collect();
        self.inspections
            .retain(|name, _| names_alive.contains(name));
        self.inspect_asked
            .retain(|name, _| names_alive.contains(name));
        (errands, changed, losses)
    }

    /// Gives silent workers the status that their silence means.
    fn expire(&mut self, now: Timestamp) -> bool {
        let mut changed = false;
        for ((name, _), worker) in &mut self.processes {
            let silence = now.seconds_since(worker.last_seen);
            let next = match worker.status {
                WorkerStatus::Online if silence > worker.window() => {
                    let is_solo = self
                        .inspections
                        .get(name)
                        .and_then(|i| i.stats.as_ref())
                        .and_then(inspect::stats_pool)
                        .is_some_and(|pool| pool == "solo");
                    // A `solo` worker does nothing else while it runs a task
                    // (`celery/concurrency/solo.py`), not even send heartbeats.
                    if is_solo {
                        WorkerStatus::Busy
                    } else {
                        WorkerStatus::Lost
                    }
                }
                // A mailbox ends with its process' connection: if all that
                // exist answered, this one is no more.
                WorkerStatus::Busy
                    if silence > BUSY_SECONDS
                        || self.silent_listeners.is_some_and(|(silent, at)| {
                            silent == 0 && at > worker.status_since
                        }) =>
                {
                    WorkerStatus::Lost
                }
                WorkerStatus::Stopping if silence > STOPPING_SECONDS => WorkerStatus::Offline,
                _ => continue,
            };
            if next == WorkerStatus::Offline {
                worker.active = Some(0);
            }
            worker.set_status(next, now);
            changed = true;
        }
        changed
    }

    /// A process that was killed and started again under its name is shown as
    /// lost for a while, then only its successor counts.
    fn forget_replaced(&mut self, now: Timestamp) {
        let online: BTreeSet<u32> = self
            .processes
            .iter()
            .filter(|(_, worker)| worker.is_live())
            .map(|((name, _), _)| *name)
            .collect();
        self.processes.retain(|(name, _), worker| {
            worker.is_there()
                || !online.contains(name)
                || now.seconds_since(worker.status_since) < REPLACED_SECONDS
        });
    }

    /// Restarts every worker's patience: nothing can arrive while the broker is away.
    pub(crate) fn excuse_silence(&mut self, now: Timestamp) {
        for worker in self.processes.values_mut() {
            if worker.is_there() {
                worker.last_seen = now;
            }
        }
    }

    /// Tells whether the process that started a task at `started` is there.
    pub(crate) fn presence(&self, name: u32, pid: u32, started: i64) -> Presence {
        if let Some(worker) = self.processes.get(&(name, pid)) {
            return match worker.born {
                _ if !worker.is_there() => Presence::GoneSince(worker.status_since),
                Some(born) if started < born.0 => Presence::GoneSince(born),
                _ => Presence::There,
            };
        }
        // Known without its process: it is there as long as one of that name is.
        let mut namesakes = self
            .processes
            .iter()
            .filter(|((other, _), _)| *other == name)
            .map(|(_, worker)| worker);
        match pid {
            0 if namesakes.any(Worker::is_there) => Presence::There,
            _ => Presence::Unheard,
        }
    }

    /// Tells whether a further process could be noted only by forgetting another one.
    pub(crate) fn is_full(&self) -> bool {
        self.processes.len() >= self.max_workers
    }

    /// Takes how many tasks each process has run since before its last
    /// heartbeat, by events; returns the names of those that run fewer.
    pub(crate) fn compare_active(&mut self, running: &HashMap<(u32, u32), Vec<i64>>) -> Vec<u32> {
        let mut suspects = Vec::new();
        for (key, worker) in &mut self.processes {
            let (Some(active), Some(beat)) = (worker.active, worker.last_heartbeat) else {
                continue;
            };
            // What started well before the heartbeat and has not ended yet ran then.
            let ran = running.get(key).map_or(0, |starts| {
                let limit = beat.plus_seconds(-1.0).0;
                starts.iter().filter(|started| **started < limit).count() as u64
            });
            if worker.status != WorkerStatus::Online || ran <= active {
                worker.unended_surveys = 0;
                continue;
            }
            worker.unended_surveys += 1;
            if worker.unended_surveys % UNENDED_SURVEYS == 0 {
                suspects.push(key.0);
            }
        }
        suspects
    }
}
