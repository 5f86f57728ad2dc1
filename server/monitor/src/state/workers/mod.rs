//! Worker processes: what their heartbeats, their task events and their
//! answers tell.

mod pass;
mod read;

pub(crate) use pass::{Errands, Presence};

use super::{
    ledger::{Account, Loss, Moment},
    throughput::MinuteCounts,
};
use hashbrown::HashMap;
use model::{EventCounts, Inspection, Timestamp, WorkerStatus};
use protocol::{EventKind, EventRef, inspect};
use std::sync::Arc;

/// Seconds between heartbeats unless a worker says otherwise
/// (`celery.worker.heartbeat.Heart`, default interval 2.0).
const DEFAULT_FREQ: f64 = 2.0;

/// Heartbeats in a row with news of work, and no event of it, that tell task
/// events to be off. Once proves nothing, since a buffered event may trail.
const UNHEARD_BEATS: u32 = 2;

/// How long after a goodbye answers may arrive that were sent before it.
const LEAVING_SECONDS: f64 = 5.0;

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
    /// Losses of messages noted when its last heartbeat came.
    holes: u64,
    sends_task_events: Option<bool>,
    trend: MinuteCounts,
    asked_to_send_events: Option<Timestamp>,
    /// Somebody switched its task events off; that is not undone unasked.
    is_muted: bool,
    pinged: Option<Timestamp>,
    account: Account,
    /// When this process took over the number of another one, in containers.
    born: Option<Timestamp>,
    /// It worked before it was first heard of, so what it holds is not known.
    has_untold_past: bool,
    /// Surveys in a row in which fewer tasks ran by its heartbeat than by its events.
    unended_surveys: u32,
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
            holes: 0,
            sends_task_events: None,
            trend: MinuteCounts::new(),
            asked_to_send_events: None,
            is_muted: false,
            pinged: None,
            account: Account::default(),
            born: None,
            has_untold_past: true,
            unended_surveys: 0,
        }
    }

    fn set_status(&mut self, status: WorkerStatus, now: Timestamp) {
        if self.status != status {
            self.status = status;
            self.status_since = now;
        }
    }

    /// Tells whether the process is there and takes tasks.
    fn is_live(&self) -> bool {
        matches!(self.status, WorkerStatus::Online | WorkerStatus::Busy)
    }

    /// Tells whether the process is there, as far as is known.
    fn is_there(&self) -> bool {
        self.is_live() || self.status == WorkerStatus::Stopping
    }

    /// Tells whether it said goodbye a moment ago.
    fn has_just_left(&self, now: Timestamp) -> bool {
        let has_left = matches!(self.status, WorkerStatus::Stopping | WorkerStatus::Offline);
        has_left && now.seconds_since(self.status_since) < LEAVING_SECONDS
    }

    /// Notes that its task events are on. What it did while they were off is no loss.
    fn hear(&mut self) {
        if self.sends_task_events == Some(false) {
            self.account.restart();
        }
        self.sends_task_events = Some(true);
    }

    /// Begins anew: another process has this one's name and number.
    fn succeed(&mut self, sent: Timestamp) {
        self.account.restart();
        self.born = Some(sent);
        self.sends_task_events = None;
        self.unheard_beats = 0;
        self.was_heard = false;
        self.asked_to_send_events = None;
        self.is_muted = false;
        self.processed = None;
    }
}

/// The workers.
#[derive(Debug)]
pub(crate) struct Workers {
    max_workers: usize,
    processes: HashMap<(u32, u32), Worker>,
    /// Readers take them out of the lock whole.
    inspections: HashMap<u32, Arc<Inspection>>,
    inspect_asked: HashMap<u32, Timestamp>,
    pub(crate) unanswered_pings: u64,
    /// Mailboxes that did not answer the last ping to everybody, and when that was.
    silent_listeners: Option<(u64, Timestamp)>,
    /// Whether a start of a task type was ever heard, by the type's number.
    heard_types: Vec<bool>,
    /// How many times messages of any worker may have been lost.
    holes: u64,
}

impl Workers {
    pub(crate) fn new(max_workers: usize) -> Self {
        Self {
            max_workers: max_workers.max(1),
            processes: HashMap::new(),
            inspections: HashMap::new(),
            inspect_asked: HashMap::new(),
            unanswered_pings: 0,
            silent_listeners: None,
            heard_types: Vec::new(),
            holes: 0,
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
                .min_by_key(|(_, w)| (w.is_there(), w.last_seen))
                .map(|(key, _)| *key);
            let Some(key) = oldest else { return };
            self.processes.remove(&key);
        }
    }

    /// A restarted worker keeps its name: processes of that name that are gone
    /// already have nothing more to tell.
    fn retire_predecessors(&mut self, name: u32) {
        self.processes
            .retain(|(other, _), w| *other != name || w.is_there());
    }

    /// Applies a worker event; returns the started tasks found to be unseen.
    pub(crate) fn apply_worker_event(
        &mut self,
        name: u32,
        event: &EventRef<'_>,
        now: Timestamp,
    ) -> Option<Loss> {
        let pid = event.pid.unwrap_or(0);
        let is_new = !self.processes.contains_key(&(name, pid));
        let at = Moment::of(event, now);
        let is_online = event.kind == EventKind::WorkerOnline;
        let holes = self.holes;
        let worker = self.process(name, pid, now);
        worker.last_seen = now;
        if is_new && is_online && event.processed == Some(0) {
            worker.has_untold_past = false;
        }
        // A heartbeat caused by the `heartbeat` command carries neither of these,
        // and a frequency that is not the worker's (`celery/worker/control.py heartbeat`).
        let is_commanded = event.active.is_none() && event.processed.is_none();
        if let Some(freq) = event.freq
            && !is_commanded
            && freq.is_finite()
            && freq > 0.0
        {
            worker.freq = freq.clamp(0.1, 3600.0);
        }
        if event.active.is_some() {
            worker.active = event.active;
        }
        let is_successor = event.processed.is_some_and(|processed| {
            let account = &worker.account;
            account.is_new_process(processed, at.sent, is_online, holes)
        });
        if is_successor {
            worker.succeed(at.sent);
        }
        let loss = event
            .processed
            .and_then(|processed| Self::take_processed(worker, processed, at, holes, now));
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
            // Sent at the start of a warm shutdown: what runs goes on.
            let runs_on = worker.active.is_some_and(|active| active > 0);
            worker.set_status(
                if runs_on {
                    WorkerStatus::Stopping
                } else {
                    WorkerStatus::Offline
                },
                now,
            );
        } else {
            worker.has_heartbeat = true;
            if !is_commanded || worker.last_heartbeat.is_none() {
                worker.last_heartbeat = Some(at.sent);
            }
            if event.kind == EventKind::WorkerHeartbeat {
                worker.events.heartbeats += 1;
            }
            worker.set_status(WorkerStatus::Online, now);
        }
        if is_successor {
            self.inspections.remove(&name);
            self.inspect_asked.remove(&name);
        }
        loss
    }

    fn take_processed(
        worker: &mut Worker,
        processed: u64,
        at: Moment,
        holes: u64,
        now: Timestamp,
    ) -> Option<Loss> {
        if worker.holes != holes {
            worker.holes = holes;
            // That nothing was heard proves nothing for this once.
            worker.was_heard = true;
        }
        // Tasks were accepted and not one event of them came: they may be off.
        let has_worked = worker.processed.is_some_and(|before| processed > before);
        if worker.was_heard {
            worker.unheard_beats = 0;
        } else if has_worked {
            worker.unheard_beats += 1;
        }
        if worker.unheard_beats >= UNHEARD_BEATS && worker.sends_task_events.is_none() {
            worker.sends_task_events = Some(false);
        }
        worker.processed = Some(processed);
        worker.was_heard = false;
        if worker.sends_task_events == Some(true) {
            worker.account.beat(processed, at, holes, now)
        } else {
            worker.account.begin(processed, at, holes, now);
            None
        }
    }

    /// Counts a task event for the process that sent it.
    ///
    /// `task` is its type, if known; `is_new_start` tells a `task-started`
    /// that was not heard before.
    pub(crate) fn apply_task_event(
        &mut self,
        name: u32,
        event: &EventRef<'_>,
        task: u32,
        is_new_start: bool,
        now: Timestamp,
    ) {
        let ends = match event.kind {
            EventKind::TaskReceived | EventKind::TaskStarted => false,
            EventKind::TaskSucceeded
            | EventKind::TaskFailed
            | EventKind::TaskRetried
            | EventKind::TaskRevoked
            | EventKind::TaskRejected => true,
            // Sent by a child of the pool: its pid is no worker's.
            _ => return,
        };
        let worker = self.process(name, event.pid.unwrap_or(0), now);
        worker.last_seen = now;
        worker.hear();
        worker.was_heard = true;
        match worker.status {
            WorkerStatus::Lost | WorkerStatus::Busy => worker.set_status(WorkerStatus::Online, now),
            // In a warm shutdown tasks end after the worker has said goodbye.
            WorkerStatus::Stopping if ends => {
                let left = worker.active.unwrap_or(0).saturating_sub(1);
                worker.active = Some(left);
                if left == 0 {
                    worker.set_status(WorkerStatus::Offline, now);
                }
            }
            _ => {}
        }
        let counts = &mut worker.events;
        match event.kind {
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
        if is_new_start {
            worker.account.started(Moment::of(event, now));
            let task = task as usize;
            if task >= self.heard_types.len() {
                self.heard_types.resize(task + 1, false);
            }
            // Number 0 is no type, and nobody asks for it.
            self.heard_types[task] = true;
        }
    }

    /// Notes that messages of any worker may have been lost, after those that
    /// were applied and before those that will be.
    pub(crate) fn note_hole(&mut self) {
        self.holes += 1;
    }

    /// Notes that a worker said that its task events are on; `were_on` tells
    /// that they had been before it was told to send them.
    pub(crate) fn events_are_on(&mut self, name: u32, were_on: bool) {
        for ((other, _), worker) in &mut self.processes {
            if *other == name && worker.is_live() {
                if !were_on {
                    worker.account.restart();
                }
                worker.sends_task_events = Some(true);
                worker.is_muted = false;
                worker.was_heard = true;
                worker.unheard_beats = 0;
            }
        }
    }

    /// Notes that a worker was told to send no more task events and obeyed.
    pub(crate) fn events_are_off(&mut self, name: u32) {
        for ((other, _), worker) in &mut self.processes {
            if *other == name && worker.is_live() {
                // What it does from now on is no loss.
                worker.account.restart();
                worker.sends_task_events = Some(false);
                worker.is_muted = true;
                worker.was_heard = false;
                worker.unheard_beats = 0;
            }
        }
    }

    /// Notes how many mailboxes stayed silent when everybody was asked.
    pub(crate) fn pinged_all(&mut self, silent: u64, now: Timestamp) {
        self.silent_listeners = Some((silent, now));
    }

    /// Notes that a worker answered.
    pub(crate) fn answered(&mut self, name: u32, now: Timestamp) {
        self.unanswered_pings = 0;
        // An answer may arrive after the goodbye that came after it.
        let has_just_left = self
            .processes
            .iter()
            .any(|((other, _), worker)| *other == name && worker.has_just_left(now));
        if has_just_left {
            return;
        }
        let newest = self
            .processes
            .iter()
            .filter(|((n, _), w)| *n == name && w.status != WorkerStatus::Offline)
            .max_by_key(|(_, w)| (w.is_there(), w.last_seen))
            .map(|(key, _)| *key);
        let pid = newest.map_or(0, |(_, pid)| pid);
        let worker = self.process(name, pid, now);
        worker.last_seen = now;
        worker.set_status(WorkerStatus::Online, now);
    }

    /// Takes a worker's answer to an inspection; returns the started tasks
    /// found to be unseen, with their process.
    pub(crate) fn inspected(
        &mut self,
        name: u32,
        answer: &Inspection,
        totals: &[(u32, u64)],
        now: Timestamp,
    ) -> Option<Loss> {
        self.answered(name, now);
        let kept = Arc::make_mut(self.inspections.entry(name).or_default());
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
        let pid = answer.stats.as_ref().and_then(inspect::stats_pid)?;
        // A worker without events is known by its name only until it tells its pid.
        if !self.processes.contains_key(&(name, pid)) {
            let worker = self
                .processes
                .remove(&(name, 0))
                .unwrap_or_else(|| Worker::new(now));
            self.processes.insert((name, pid), worker);
        }
        let worker = self.processes.get_mut(&(name, pid))?;
        if worker.has_just_left(now) {
            return None;
        }
        worker.last_seen = now;
        worker.set_status(WorkerStatus::Online, now);
        if worker.sends_task_events != Some(true) {
            return None;
        }
        let heard = &self.heard_types;
        worker.account.totals(
            totals,
            |task| heard.get(task as usize) == Some(&true),
            self.holes,
            now,
        )
    }
}
