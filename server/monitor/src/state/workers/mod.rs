//! Worker processes: what their heartbeats, their task events and their
//! answers tell.

mod read;

use super::{Names, throughput::MinuteCounts};
use hashbrown::HashMap;
use model::{EventCounts, Inspection, Timestamp, WorkerName, WorkerStatus};
use protocol::{EventKind, EventRef, inspect};
use std::collections::BTreeSet;

/// Seconds between heartbeats unless a worker says otherwise
/// (`celery.worker.heartbeat.Heart`, default interval 2.0).
const DEFAULT_FREQ: f64 = 2.0;

/// Heartbeats that must be missing before a worker counts as lost.
const MISSED_BEATS: f64 = 3.0;

/// Missing heartbeats after which it is asked whether it is there.
const BEATS_BEFORE_PING: f64 = 2.0;

/// Heartbeats with news of work, and no event of it, that prove task events to be off.
const UNHEARD_BEATS: u32 = 2;

/// Longest silence of a worker that is known only by its answers to pings.
const PING_WINDOW_SECONDS: f64 = 35.0;

/// How long a lost process is shown beside its successor of the same name.
const REPLACED_SECONDS: f64 = 60.0;

/// One process.
#[derive(Debug)]
struct Worker {
    status: WorkerStatus,
    status_since: Timestamp,
    /// When anything of it arrived last, by our clock.
    last_seen: Timestamp,
    has_heartbeat: bool,
    last_heartbeat: Option<Timestamp>,
    freq: f64,
    active: Option<u64>,
    processed: Option<u64>,
    load: Option<[f64; 3]>,
    version: Option<String>,
    system: Option<String>,
    events: EventCounts,
    /// Heartbeats in a row that told of accepted tasks while no task event came.
    unheard_beats: u32,
    was_heard: bool,
    sends_task_events: Option<bool>,
    trend: MinuteCounts,
    asked_to_send_events: Option<Timestamp>,
    pinged: Option<Timestamp>,
}

impl Worker {
    fn new(now: Timestamp) -> Self {
        Self {
            status: WorkerStatus::Online,
            status_since: now,
            last_seen: now,
            has_heartbeat: false,
            last_heartbeat: None,
            freq: DEFAULT_FREQ,
            active: None,
            processed: None,
            load: None,
            version: None,
            system: None,
            events: EventCounts::default(),
            unheard_beats: 0,
            was_heard: false,
            sends_task_events: None,
            trend: MinuteCounts::new(),
            asked_to_send_events: None,
            pinged: None,
        }
    }

    fn set_status(&mut self, status: WorkerStatus, now: Timestamp) {
        if self.status != status {
            self.status = status;
            self.status_since = now;
        }
    }

    fn window(&self) -> f64 {
        if self.has_heartbeat {
            self.freq * MISSED_BEATS
        } else {
            PING_WINDOW_SECONDS
        }
    }
}

/// What workers should be asked, found while time passed.
#[derive(Debug, Default)]
pub(crate) struct Errands {
    /// Workers to ping, because heartbeats are missing.
    pub(crate) ping: BTreeSet<WorkerName>,
    /// Workers to tell that they should send task events.
    pub(crate) enable_events: BTreeSet<WorkerName>,
    /// Workers never inspected.
    pub(crate) inspect: BTreeSet<WorkerName>,
}

impl Errands {
    pub(crate) fn is_empty(&self) -> bool {
        self.ping.is_empty() && self.enable_events.is_empty() && self.inspect.is_empty()
    }
}

/// The workers.
#[derive(Debug)]
pub(crate) struct Workers {
    max_workers: usize,
    processes: HashMap<(u32, u32), Worker>,
    inspections: HashMap<u32, Inspection>,
    inspect_asked: HashMap<u32, Timestamp>,
    pub(crate) unanswered_pings: u64,
}

impl Workers {
    pub(crate) fn new(max_workers: usize) -> Self {
        Self {
            max_workers: max_workers.max(1),
            processes: HashMap::new(),
            inspections: HashMap::new(),
            inspect_asked: HashMap::new(),
            unanswered_pings: 0,
        }
    }

    fn process(&mut self, name: u32, pid: u32, now: Timestamp) -> &mut Worker {
        if !self.processes.contains_key(&(name, pid)) {
            // A placeholder made by a ping becomes the process we now know.
            let placeholder = self.processes.remove(&(name, 0));
            self.make_room();
            self.retire_predecessors(name);
            let worker = placeholder.unwrap_or_else(|| Worker::new(now));
            self.processes.insert((name, pid), worker);
            self.inspections.remove(&name);
            self.inspect_asked.remove(&name);
        }
        self.processes
            .entry((name, pid))
            .or_insert_with(|| Worker::new(now))
    }

    /// Forgets the process that has been gone or silent longest, if there are too many.
    fn make_room(&mut self) {
        while self.processes.len() >= self.max_workers {
            let oldest = self
                .processes
                .iter()
                .min_by_key(|(_, w)| (w.status == WorkerStatus::Online, w.last_seen))
                .map(|(key, _)| *key);
            let Some(key) = oldest else { return };
            self.processes.remove(&key);
        }
    }

    /// A restarted worker keeps its name: processes of that name that are gone
    /// already have nothing more to tell.
    fn retire_predecessors(&mut self, name: u32) {
        self.processes
            .retain(|(other, _), w| *other != name || w.status == WorkerStatus::Online);
    }

    /// Applies a worker event; returns whether it came from a worker at all.
    pub(crate) fn apply_worker_event(&mut self, name: u32, event: &EventRef<'_>, now: Timestamp) {
        let worker = self.process(name, event.pid.unwrap_or(0), now);
        worker.last_seen = now;
        if let Some(freq) = event.freq
            && freq.is_finite()
            && freq > 0.0
        {
            worker.freq = freq.clamp(0.1, 3600.0);
        }
        // A heartbeat caused by the `heartbeat` command carries none of these.
        if event.active.is_some() {
            worker.active = event.active;
        }
        if let Some(processed) = event.processed {
            // Tasks were accepted and not one event of them came: they are off.
            // Once proves nothing, since a buffered event may trail the heartbeat.
            let has_worked = worker.processed.is_some_and(|before| processed > before);
            if worker.was_heard {
                worker.unheard_beats = 0;
            } else if has_worked {
                worker.unheard_beats += 1;
            }
            if worker.unheard_beats >= UNHEARD_BEATS {
                worker.sends_task_events = Some(false);
            }
            worker.processed = Some(processed);
            worker.was_heard = false;
        }
        if event.loadavg.is_some() {
            worker.load = event.loadavg;
        }
        if let Some(version) = &event.sw_ver {
            worker.version = Some(version.to_string());
        }
        if let Some(system) = &event.sw_sys {
            worker.system = Some(system.to_string());
        }
        if event.kind == EventKind::WorkerOffline {
            worker.active = Some(0);
            worker.set_status(WorkerStatus::Offline, now);
            return;
        }
        worker.has_heartbeat = true;
        worker.last_heartbeat = Some(event.timestamp.unwrap_or(now));
        if event.kind == EventKind::WorkerHeartbeat {
            worker.events.heartbeats += 1;
        }
        worker.set_status(WorkerStatus::Online, now);
    }

    /// Counts a task event for the process that sent it.
    pub(crate) fn apply_task_event(
        &mut self,
        name: u32,
        pid: u32,
        kind: EventKind,
        now: Timestamp,
    ) {
        let is_custom = !matches!(
            kind,
            EventKind::TaskReceived
                | EventKind::TaskStarted
                | EventKind::TaskSucceeded
                | EventKind::TaskFailed
                | EventKind::TaskRetried
                | EventKind::TaskRevoked
                | EventKind::TaskRejected
        );
        if is_custom {
            // Sent by a child of the pool: its pid is no worker's.
            return;
        }
        let worker = self.process(name, pid, now);
        worker.last_seen = now;
        worker.sends_task_events = Some(true);
        worker.was_heard = true;
        // In a warm shutdown tasks end after the worker has said goodbye.
        if worker.status == WorkerStatus::Lost {
            worker.set_status(WorkerStatus::Online, now);
        }
        let counts = &mut worker.events;
        match kind {
            EventKind::TaskReceived => counts.received += 1,
            EventKind::TaskStarted => {
                counts.started += 1;
                worker.trend.add(now);
            }
            EventKind::TaskSucceeded => counts.succeeded += 1,
            EventKind::TaskFailed => counts.failed += 1,
            EventKind::TaskRetried => counts.retried += 1,
            EventKind::TaskRevoked => counts.revoked += 1,
            EventKind::TaskRejected => counts.rejected += 1,
            _ => {}
        }
    }

    /// Notes that a worker answered.
    pub(crate) fn answered(&mut self, name: u32, now: Timestamp) {
        self.unanswered_pings = 0;
        let newest = self
            .processes
            .iter()
            .filter(|((n, _), w)| *n == name && w.status != WorkerStatus::Offline)
            .max_by_key(|(_, w)| w.last_seen)
            .map(|(key, _)| *key);
        let pid = newest.map_or(0, |(_, pid)| pid);
        let worker = self.process(name, pid, now);
        worker.last_seen = now;
        worker.set_status(WorkerStatus::Online, now);
    }

    /// Takes a worker's answer to an inspection.
    pub(crate) fn inspected(&mut self, name: u32, answer: &Inspection, now: Timestamp) {
        self.answered(name, now);
        let kept = self.inspections.entry(name).or_default();
        kept.asked = Some(now);
        for (kept, new) in [
            (&mut kept.stats, &answer.stats),
            (&mut kept.active_queues, &answer.active_queues),
            (&mut kept.registered, &answer.registered),
            (&mut kept.active, &answer.active),
            (&mut kept.reserved, &answer.reserved),
            (&mut kept.scheduled, &answer.scheduled),
            (&mut kept.revoked, &answer.revoked),
            (&mut kept.conf, &answer.conf),
        ] {
            if new.is_some() {
                kept.clone_from(new);
            }
        }
        let Some(pid) = kept.stats.as_ref().and_then(inspect::stats_pid) else {
            return;
        };
        // A worker without events is known by its name only until it tells its pid.
        if !self.processes.contains_key(&(name, pid))
            && let Some(worker) = self.processes.remove(&(name, 0))
        {
            self.processes.insert((name, pid), worker);
        }
    }

    /// Lets time pass: expires, forgets, and finds what to ask.
    /// Returns the errands and whether anything changed.
    pub(crate) fn tick(
        &mut self,
        names: &Names,
        enable_events: bool,
        purge_seconds: Option<f64>,
        now: Timestamp,
    ) -> (Errands, bool) {
        let mut errands = Errands::default();
        let mut changed = false;
        for ((name, _), worker) in &mut self.processes {
            let before = worker.trend.whole().len();
            worker.trend.advance(now);
            changed |= before != worker.trend.whole().len();
            if worker.status != WorkerStatus::Online {
                continue;
            }
            let silence = now.seconds_since(worker.last_seen);
            let Some(worker_name) = names.workers.text(*name).cloned().map(WorkerName::new) else {
                continue;
            };
            if silence > worker.window() {
                worker.set_status(WorkerStatus::Lost, now);
                changed = true;
                continue;
            }
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
            let is_silent = worker.sends_task_events != Some(true);
            let repeat = if worker.sends_task_events == Some(false) {
                10.0
            } else {
                f64::MAX
            };
            if enable_events && is_silent && is_due(worker.asked_to_send_events, repeat) {
                worker.asked_to_send_events = Some(now);
                errands.enable_events.insert(worker_name.clone());
            }
            let asked = self.inspect_asked.get(name).copied();
            if !self.inspections.contains_key(name) && is_due(asked, 5.0) {
                self.inspect_asked.insert(*name, now);
                errands.inspect.insert(worker_name);
            }
        }
        let before = self.processes.len();
        self.forget_replaced(now);
        changed |= self.processes.len() != before;
        if let Some(most) = purge_seconds {
            let before = self.processes.len();
            self.processes.retain(|_, worker| {
                worker.status == WorkerStatus::Online
                    || now.seconds_since(worker.status_since) < most
            });
            changed |= self.processes.len() != before;
        }
        let names_alive: BTreeSet<u32> = self.processes.keys().map(|(name, _)| *name).collect();
        self.inspections
            .retain(|name, _| names_alive.contains(name));
        self.inspect_asked
            .retain(|name, _| names_alive.contains(name));
        (errands, changed)
    }

    /// A process that was killed and started again under its name is shown as
    /// lost for a while, then only its successor counts.
    fn forget_replaced(&mut self, now: Timestamp) {
        let online: BTreeSet<u32> = self
            .processes
            .iter()
            .filter(|(_, worker)| worker.status == WorkerStatus::Online)
            .map(|((name, _), _)| *name)
            .collect();
        self.processes.retain(|(name, _), worker| {
            worker.status == WorkerStatus::Online
                || !online.contains(name)
                || now.seconds_since(worker.status_since) < REPLACED_SECONDS
        });
    }

    /// Restarts every worker's patience: nothing can arrive while the broker is away.
    pub(crate) fn excuse_silence(&mut self, now: Timestamp) {
        for worker in self.processes.values_mut() {
            if worker.status == WorkerStatus::Online {
                worker.last_seen = now;
            }
        }
    }
}
