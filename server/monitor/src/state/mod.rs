//! The state: what the events, answers and readings so far amount to.
//! Pure and synchronous; the time is always passed in.

mod audit;
pub(crate) mod due;
mod health;
mod histogram;
pub(crate) mod history;
mod intern;
mod ledger;
pub(crate) mod metrics;
mod overview;
pub(crate) mod queues;
mod read;
pub(crate) mod repair;
pub(crate) mod retries;
pub(crate) mod schedule;
pub(crate) mod tasks;
mod throughput;
pub(crate) mod workers;

#[cfg(test)]
mod tests;

use crate::{intake::Message, redact::Redactor};
use audit::Audit;
use hashbrown::HashMap;
use health::Health;
pub(crate) use history::{HistoryNews, Saved};
use intern::Interner;
use ledger::Loss;
use metrics::{Counters, LockWaits};
use model::{AuditEntry, Inspection, TaskId, Timestamp, WorkerName};
use protocol::{Decoded, EventKind, EventRef, Scratch, inspect};
use queues::{QueueNews, Queues, Reading};
use repair::Surveys;
use retries::{Retries, Sent};
use schedule::{ScheduleNews, Schedules};
use std::{collections::BTreeSet, sync::Arc};
pub(crate) use tasks::{
    Census, Children, Column, Due, Found, Sample, Samples, Scan, Step, Sweep, Waiting,
};
use tasks::{Tasks, repair::Fact};
pub(crate) use tasks::{
    clip_chars,
    repair::{is_repaired, sources},
};
use throughput::Throughput;
use workers::{Errands, Workers};

/// Seconds without drops after which a flood counts as over.
const DROPS_OVER_SECONDS: f64 = 5.0;

/// Texts that repeat, by kind.
#[derive(Debug)]
pub(crate) struct Names {
    pub(crate) tasks: Interner,
    pub(crate) workers: Interner,
    pub(crate) queues: Interner,
    /// Exchanges and routing keys.
    pub(crate) routes: Interner,
    /// Types of events.
    pub(crate) events: Interner,
}

/// Types of events that Celery defines, in the order of [`EventKind`].
const EVENT_TYPES: [&str; 12] = [
    "task-sent",
    "task-received",
    "task-started",
    "task-succeeded",
    "task-failed",
    "task-retried",
    "task-revoked",
    "task-rejected",
    "task-cancelled",
    "worker-online",
    "worker-heartbeat",
    "worker-offline",
];

impl Names {
    fn new() -> Self {
        let mut events = Interner::new();
        for name in EVENT_TYPES {
            events.intern(name);
        }
        Self {
            tasks: Interner::new(),
            workers: Interner::new(),
            queues: Interner::new(),
            routes: Interner::new(),
            events,
        }
    }

    /// Returns the number of an event's type.
    fn event(&mut self, event: &EventRef<'_>) -> u32 {
        let place = event.kind as u32;
        if (place as usize) < EVENT_TYPES.len() {
            // They were the first to be interned.
            place + 1
        } else {
            self.events.intern(event.type_name)
        }
    }
}

/// What is fixed at start.
#[derive(Clone, Debug)]
pub(crate) struct Limits {
    pub(crate) max_tasks: usize,
    pub(crate) max_workers: usize,
    pub(crate) enable_events: bool,
    pub(crate) purge_offline_seconds: Option<f64>,
    /// How long a worker must be gone before its tasks are orphaned.
    pub(crate) orphan_grace_seconds: f64,
    pub(crate) broker_url: String,
    pub(crate) version: String,
    /// What is taken out of every text before it is kept.
    pub(crate) redactor: Arc<Redactor>,
}

/// When each part last changed, as a revision of the whole.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Revisions {
    pub(crate) tasks: u64,
    pub(crate) workers: u64,
    pub(crate) queues: u64,
    pub(crate) schedule: u64,
    pub(crate) health: u64,
    pub(crate) audit: u64,
}

/// A message from the outside that is not an event.
#[derive(Debug)]
pub(crate) enum Input {
    /// Events are subscribed to.
    Connected,
    /// The subscription ended or could not be made.
    Disconnected {
        cause: String,
        was_refused: bool,
        last_message: Timestamp,
        next_try: Timestamp,
    },
    /// The queues were read.
    Queues(Box<Reading>),
    /// Something else was heard of queues.
    OfQueues(Box<QueueNews>),
    /// Something was heard of schedules.
    OfSchedule(Box<ScheduleNews>),
    /// A worker answered a ping.
    Answered(WorkerName),
    /// Everybody was pinged.
    PingedAll {
        /// How many workers answered.
        answered: u64,
        /// How many mailboxes did not answer, whosever they are.
        silent: u64,
    },
    /// A worker said that its task events are on.
    EventsAreOn {
        worker: WorkerName,
        /// Whether they had been before it was told to send them.
        were_on: bool,
    },
    /// A worker said that its task events are off, as somebody wanted.
    EventsAreOff(WorkerName),
    /// Workers were told to drop these tasks, or say that they were.
    Revoked(Vec<TaskId>),
    /// A command was given, or ended.
    Audit(Box<AuditEntry>),
    /// A worker answered an inspection.
    Inspected(WorkerName, Box<Inspection>),
    /// Another source than events tells of tasks.
    Facts(Vec<Fact>),
    /// The dashboard sent tasks.
    Sent(Vec<Sent>),
    /// Tasks that no worker has any more and of which no result is kept.
    Vanished {
        ids: Vec<TaskId>,
        /// When that was asked first.
        asked: Timestamp,
        /// What is said of them.
        reason: &'static str,
    },
    /// Tasks whose worker process is gone, and whether their messages are
    /// still in the broker, if that is known.
    Orphaned(Vec<(TaskId, Option<bool>)>),
    /// The store of the past tells how it is doing.
    OfHistory(HistoryNews),
}

/// The state.
#[derive(Debug)]
pub(crate) struct State {
    limits: Limits,
    revision: u64,
    revisions: Revisions,
    names: Names,
    tasks: Tasks,
    workers: Workers,
    queues: Queues,
    schedule: Schedules,
    throughput: Throughput,
    counters: Counters,
    health: Health,
    events_per_second: f64,
    pub(crate) lock_waits: LockWaits,
    last_tick: Timestamp,
    /// Started tasks found to be unseen, by worker; only grows, for `/metrics`.
    missed_by_worker: HashMap<u32, u64>,
    /// Workers of which events were missed since the last tick.
    to_repair: BTreeSet<WorkerName>,
    /// Events of every worker were missed, or none came yet.
    is_repair_due: bool,
    surveys: Surveys,
    retries: Retries,
    audit: Audit,
    /// When messages were dropped last, until it is repaired.
    last_drop: Option<Timestamp>,
}

impl State {
    pub(crate) fn new(limits: Limits, now: Timestamp) -> Self {
        Self {
            revision: 0,
            revisions: Revisions::default(),
            names: Names::new(),
            tasks: Tasks::new(limits.max_tasks),
            workers: Workers::new(limits.max_workers),
            queues: Queues::default(),
            schedule: Schedules::new(Arc::clone(&limits.redactor)),
            throughput: Throughput::new(now),
            counters: Counters::default(),
            health: Health::new(now),
            events_per_second: 0.0,
            lock_waits: LockWaits::default(),
            last_tick: now,
            missed_by_worker: HashMap::new(),
            to_repair: BTreeSet::new(),
            is_repair_due: false,
            surveys: Surveys::default(),
            retries: Retries::default(),
            audit: Audit::default(),
            last_drop: None,
            limits,
        }
    }

    pub(crate) fn revision(&self) -> u64 {
        self.revision
    }

    pub(crate) fn revisions(&self) -> Revisions {
        self.revisions
    }

    // === Writing ===

    /// Applies one published message as it came.
    #[cfg(test)]
    pub(crate) fn apply_payload(
        &mut self,
        payload: &[u8],
        scratch: &mut Scratch,
        now: Timestamp,
    ) -> Decoded {
        self.apply_message(Message::Envelope(payload), scratch, now)
    }

    /// Applies one published message, which may hold several events.
    pub(crate) fn apply_message(
        &mut self,
        message: Message<'_>,
        scratch: &mut Scratch,
        now: Timestamp,
    ) -> Decoded {
        self.revision += 1;
        let decoded = match message {
            Message::Body(body) => {
                protocol::decode_body(body, scratch, |event| self.apply(event, now))
            }
            Message::Envelope(payload) => {
                protocol::decode(payload, scratch, |event| self.apply(event, now))
            }
        };
        self.health.count_events(decoded.events, now);
        for reject in &decoded.rejects {
            let error = &reject.first;
            let count = u64::from(reject.count);
            let problem = error.to_string();
            self.health.undecodable(
                error.kind.name(),
                problem,
                self.limits.redactor.sample(&error.bytes),
                error.size,
                count,
                now,
            );
            // Among what cannot be read may be starts of tasks.
            self.workers.note_hole();
            self.revisions.health = self.revision;
        }
        decoded
    }

    /// Applies one event, without what nobody is to see.
    fn apply(&mut self, event: &EventRef<'_>, now: Timestamp) {
        match self.limits.redactor.event(event) {
            None => self.apply_redacted(event, now),
            Some(changed) => self.apply_redacted(&changed.of(event), now),
        }
    }

    fn apply_redacted(&mut self, event: &EventRef<'_>, now: Timestamp) {
        let is_from_worker = event.kind != EventKind::TaskSent;
        let worker = match &event.hostname {
            Some(hostname) if is_from_worker => self.names.workers.intern(hostname),
            _ => intern::NONE,
        };
        let kind = self.names.event(event);
        match event.kind {
            EventKind::WorkerOnline | EventKind::WorkerHeartbeat | EventKind::WorkerOffline => {
                // celery 5.7's beat may be `celerybeat@host`; it is no worker.
                let is_beat = event
                    .hostname
                    .is_some_and(|name| name.starts_with("celerybeat@"));
                if worker != intern::NONE && !is_beat {
                    let loss = self.workers.apply_worker_event(worker, event, now);
                    self.revisions.workers = self.revision;
                    self.note_loss(worker, loss);
                }
                self.counters.event(worker, kind, intern::NONE);
            }
            EventKind::WorkerOther | EventKind::Other => {
                self.counters.event(worker, kind, intern::NONE);
            }
            _ => self.apply_task_event(worker, kind, event, now),
        }
    }

    fn apply_task_event(&mut self, worker: u32, kind: u32, event: &EventRef<'_>, now: Timestamp) {
        // An event about no task can still be counted.
        let Some(id) = &event.uuid else {
            self.counters.event(worker, kind, intern::NONE);
            return;
        };
        let outcome = self.tasks.apply(id, worker, event, &mut self.names, now);
        self.revisions.tasks = self.revision;
        if worker != intern::NONE {
            let (task, is_new_start) = (outcome.name, outcome.is_new_start);
            self.workers
                .apply_task_event(worker, event, task, is_new_start, now);
            self.revisions.workers = self.revision;
        }
        self.counters.event(worker, kind, outcome.name);
        if self.schedule.heard(outcome.name, event, now) {
            self.revisions.schedule = self.revision;
        }
        if outcome.taken_from != intern::NONE {
            self.queues.taken(outcome.taken_from, now);
        }
        if event.kind == EventKind::TaskSent
            && let Some(queue) = &event.queue
        {
            let queue = self.names.queues.intern(queue);
            self.queues.sent(queue, now);
        }
        if let Some((ended, at)) = outcome.retold {
            self.throughput.take_back(ended, at);
        }
        if let Some(wait) = outcome.wait {
            self.throughput.waited(wait, now);
            self.counters.waited(worker, outcome.name, wait);
        }
        if let Some(ended) = outcome.ended {
            self.throughput
                .ended(outcome.name, ended, outcome.runtime, now);
            self.counters
                .ended(worker, outcome.name, ended, outcome.runtime);
        }
    }

    /// Shows started tasks of a worker that went unseen.
    fn note_loss(&mut self, worker: u32, loss: Option<Loss>) {
        let Some(loss) = loss else { return };
        let Some(name) = self.names.workers.text(worker).cloned() else {
            return;
        };
        let name = WorkerName::new(name);
        if loss.missed > 0 {
            tracing::warn!(worker = %name, tasks = loss.missed, "started tasks went unseen");
            self.throughput.mark_gap_between(loss.start, loss.end);
            self.schedule.missed_events();
            self.missed_by_worker
                .entry(worker)
                .and_modify(|sum| *sum += loss.missed.unsigned_abs())
                .or_insert(loss.missed.unsigned_abs());
            self.to_repair.insert(name.clone());
        }
        self.health.missed(&name, loss);
        self.revisions.health = self.revision;
        self.revisions.workers = self.revision;
    }

    /// Applies what is no event.
    pub(crate) fn apply_input(&mut self, input: Input, now: Timestamp) {
        self.revision += 1;
        match input {
            Input::Connected => {
                self.health.connected(now);
                self.workers.excuse_silence(now);
                self.workers.note_hole();
                self.is_repair_due = true;
                self.revisions.health = self.revision;
            }
            Input::Disconnected {
                cause,
                was_refused,
                last_message,
                next_try,
            } => {
                self.health
                    .disconnected(cause, was_refused, last_message, next_try, now);
                self.throughput.mark_gap_between(last_message, now);
                self.revisions.health = self.revision;
            }
            Input::Queues(reading) => {
                let tasks = &self.tasks;
                self.queues
                    .read(*reading, |id| tasks.sent(id.as_str()), now);
                self.revisions.queues = self.revision;
            }
            Input::OfSchedule(news) => {
                self.schedule.learn(*news, &mut self.names, now);
                self.revisions.schedule = self.revision;
            }
            Input::OfQueues(news) => {
                self.queues.learn(*news, now);
                self.revisions.queues = self.revision;
            }
            Input::Answered(worker) => {
                let worker = self.names.workers.intern(worker.as_str());
                self.workers.answered(worker, now);
                self.revisions.workers = self.revision;
            }
            Input::PingedAll { answered, silent } => {
                if answered == 0 {
                    self.workers.unanswered_pings += 1;
                    self.revisions.workers = self.revision;
                }
                self.workers.pinged_all(silent, now);
            }
            Input::EventsAreOn { worker, were_on } => {
                let worker = self.names.workers.intern(worker.as_str());
                self.workers.events_are_on(worker, were_on);
                self.revisions.workers = self.revision;
            }
            Input::EventsAreOff(worker) => {
                let worker = self.names.workers.intern(worker.as_str());
                self.workers.events_are_off(worker);
                self.revisions.workers = self.revision;
            }
            Input::Revoked(tasks) => {
                if self.tasks.revoked(&tasks) {
                    self.revisions.tasks = self.revision;
                }
            }
            Input::Audit(entry) => {
                self.audit.record(*entry);
                self.revisions.audit = self.revision;
            }
            Input::Inspected(worker, mut answer) => {
                // The schedule keeps what it sends; it shows none of that.
                if let Some(conf) = &answer.conf {
                    self.schedule
                        .configured(&worker, conf, &mut self.names, now);
                    self.revisions.schedule = self.revision;
                }
                self.limits.redactor.inspection(&mut answer);
                let worker = self.names.workers.intern(worker.as_str());
                let totals: Vec<(u32, u64)> = answer
                    .stats
                    .iter()
                    .flat_map(inspect::stats_totals)
                    .map(|(name, count)| (self.names.tasks.intern(name.as_str()), count))
                    .collect();
                let loss = self.workers.inspected(worker, &answer, &totals, now);
                self.note_loss(worker, loss);
                self.revisions.workers = self.revision;
                self.revisions.queues = self.revision;
            }
            Input::Facts(mut facts) => {
                self.limits.redactor.facts(&mut facts);
                self.learn(&facts, now);
            }
            Input::Sent(tasks) => self.note_sent(tasks, now),
            Input::Vanished { ids, asked, reason } => self.vanish(&ids, asked, reason),
            Input::Orphaned(orphans) => self.orphan(&orphans),
            Input::OfHistory(news) => self.hear_of_history(news, now),
        }
    }

    /// Counts messages that were dropped between those that were applied and
    /// those that will be.
    pub(crate) fn count_dropped(&mut self, messages: u64, now: Timestamp) {
        self.revision += 1;
        self.health.dropped(messages, now);
        self.schedule.missed_events();
        self.throughput.mark_gap(now);
        self.workers.note_hole();
        self.last_drop = Some(now);
        self.revisions.health = self.revision;
    }

    /// Lets time pass; called about twice a second. Returns what to ask the workers.
    pub(crate) fn tick(&mut self, now: Timestamp) -> Errands {
        self.revision += 1;
        if self.health.is_in_gap() {
            self.throughput.mark_gap(now);
            // While nothing can arrive, silence says nothing about a worker.
            self.workers.excuse_silence(now);
        }
        self.throughput.advance(now);
        self.tasks.settle();
        let (mut errands, changed, losses) = self.workers.tick(
            &self.names,
            self.limits.enable_events,
            self.limits.purge_offline_seconds,
            now,
        );
        for (worker, loss) in losses {
            self.note_loss(worker, Some(loss));
        }
        errands.repair.append(&mut self.to_repair);
        // Once the flood is over, what it cost is looked for.
        let is_over = |last: &Timestamp| now.seconds_since(*last) >= DROPS_OVER_SECONDS;
        self.is_repair_due |= self.last_drop.take_if(|last| is_over(last)).is_some();
        self.is_repair_due |= self.is_audit_due(now);
        errands.repair_all = std::mem::take(&mut self.is_repair_due);
        if errands.repair_all {
            self.surveys.audited(now);
        }
        // While nothing can arrive, silence says nothing about a task either.
        if self.health.is_up() {
            self.survey(&mut errands, now);
        }
        if changed {
            self.revisions.workers = self.revision;
            self.revisions.queues = self.revision;
        }
        let rate = self.health.events_per_second(now);
        if rate.to_bits() != self.events_per_second.to_bits() {
            self.events_per_second = rate;
            self.revisions.health = self.revision;
        }
        if self.queues.tick(now) {
            self.revisions.queues = self.revision;
        }
        if !self.health.is_up() {
            self.schedule.missed_events();
        }
        let (workers, names) = (&self.workers, &self.names);
        self.schedule.forget(|worker| {
            let id = names.workers.find(worker.as_str());
            id.is_some_and(|id| workers.is_known(id))
        });
        let hears = |task| workers.would_tell_of(task);
        let queues = &self.queues;
        let is_empty = |queue: Option<&_>, due| queues.is_empty_after(queue, due);
        if self.health.is_up() && self.schedule.tick(now, hears, is_empty) {
            self.revisions.schedule = self.revision;
        }
        self.last_tick = now;
        errands
    }
}
