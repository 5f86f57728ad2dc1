//! The rules by which task events change a task.
//!
//! Celery tells neither the attempt nor the delivery an event belongs to, and
//! events of one task come late, doubled and out of order: `task-received` of
//! the next attempt before `task-retried` of this one, `task-sent` after
//! `task-received`, a child's `task-sent` before its parent's buffered
//! `task-started`. So a task is a list of attempts, each event is given to the
//! attempt it can only belong to, and an attempt that has ended never runs again.

use super::repair::known;
use super::{Field, MAX_CUSTOM, NO_TIME, Segment, Tasks, code, flag};
use crate::state::Names;
use model::{CustomEvent, TaskState, Timestamp};
use protocol::{EventKind, EventRef};

/// Longest JSON text kept of a custom event, bytes.
const MAX_CUSTOM_BYTES: usize = 4096;

/// How an attempt ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ended {
    Succeeded,
    Failed,
    Retried,
    Revoked,
    Rejected,
}

impl Ended {
    pub(super) fn of(kind: EventKind) -> Option<Self> {
        Some(match kind {
            EventKind::TaskSucceeded => Self::Succeeded,
            EventKind::TaskFailed => Self::Failed,
            EventKind::TaskRetried => Self::Retried,
            EventKind::TaskRevoked => Self::Revoked,
            EventKind::TaskRejected => Self::Rejected,
            _ => return None,
        })
    }

    /// Reads a state that an attempt ends in.
    pub(super) fn of_state(state: &TaskState) -> Option<Self> {
        Some(match state {
            TaskState::Success => Self::Succeeded,
            TaskState::Failure => Self::Failed,
            TaskState::Retry => Self::Retried,
            TaskState::Revoked => Self::Revoked,
            TaskState::Rejected => Self::Rejected,
            _ => return None,
        })
    }

    pub(super) fn code(self) -> u8 {
        match self {
            Self::Succeeded => code::SUCCESS,
            Self::Failed => code::FAILURE,
            Self::Retried => code::RETRY,
            Self::Revoked => code::REVOKED,
            Self::Rejected => code::REJECTED,
        }
    }
}

/// What an event did, for the counters that look across tasks.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Outcome {
    /// The task's type, if known by now.
    pub(crate) name: u32,
    /// How an attempt ended, the first time that is heard.
    pub(crate) ended: Option<Ended>,
    /// Its run time in seconds.
    pub(crate) runtime: Option<f64>,
    /// Seconds waited for a slot, when `task-started` ends the wait.
    pub(crate) wait: Option<f64>,
    /// It is a `task-started` that was not heard before.
    pub(crate) is_new_start: bool,
    /// The queue that a worker took it from: told when both are known, as
    /// `task-sent` may come after `task-received`.
    pub(crate) taken_from: u32,
    /// An end that was known from elsewhere, and that this event tells anew.
    pub(crate) retold: Option<(Ended, Timestamp)>,
}

/// Better news first, as `celery.states.PRECEDENCE` has it.
fn rank(state: u8) -> u8 {
    match state {
        code::SUCCESS => 0,
        code::FAILURE => 1,
        code::REVOKED => 2,
        code::REJECTED => 3,
        code::RETRY => 4,
        _ => u8::MAX,
    }
}

/// Who an event is about and when it was sent.
pub(super) struct Origin {
    pub(super) worker: u32,
    pub(super) pid: u32,
    pub(super) at: i64,
}

/// The attempt an event belongs to.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Target {
    Current,
    /// The newest of the earlier attempts.
    Previous,
}

impl Tasks {
    /// Applies a task event that names a task; `worker` is who sent it, 0 for a client.
    pub(crate) fn apply(
        &mut self,
        id: &str,
        worker: u32,
        event: &EventRef<'_>,
        names: &mut Names,
        now: Timestamp,
    ) -> Outcome {
        let (task, is_new) = self.find_or_insert(id);
        let is_from_worker = event.kind != EventKind::TaskSent;
        let origin = Origin {
            worker,
            // Custom events come from the pool's child: same node, another pid.
            pid: event.pid.unwrap_or(0),
            at: event.timestamp.unwrap_or(now).0,
        };
        let mut outcome = Outcome::default();
        let (segment, at) = self.segment_mut(task);
        let had_queue = segment.queue[at] != 0;
        segment.sources[at] |= known::EVENT;
        let is_repaired = segment.sources[at] & known::REPAIRED != 0;
        if is_repaired || segment.state[at] == code::ORPHANED {
            outcome.retold = self.give_way(task, event, &origin);
        }
        match event.kind {
            EventKind::TaskSent => self.apply_sent(task, is_new, event, &origin, names),
            EventKind::TaskReceived => self.apply_received(task, is_new, event, &origin, names),
            EventKind::TaskStarted => {
                outcome.is_new_start = !self.has_heard_start(task, &origin);
                outcome.wait = self.apply_started(task, &origin);
            }
            kind => match Ended::of(kind) {
                Some(ended) => self.apply_ended(task, ended, event, &origin, &mut outcome),
                None => self.apply_custom(task, event, &origin),
            },
        }
        let (segment, at) = self.segment_mut(task);
        segment.touch(at, origin.at);
        if is_from_worker && let Some(clock) = event.clock {
            segment.rest[at].clock = clock;
        }
        outcome.name = segment.name[at];
        let is_taken = match event.kind {
            EventKind::TaskReceived => true,
            EventKind::TaskSent => !had_queue && segment.received[at] != NO_TIME,
            _ => false,
        };
        if is_taken {
            outcome.taken_from = segment.queue[at];
        }
        outcome
    }

    /// Takes what both `task-sent` and `task-received` tell of the task as a whole.
    pub(super) fn describe(&mut self, task: u64, event: &EventRef<'_>, names: &mut Names) {
        let (segment, at) = self.segment(task);
        let own = (segment.id[at], segment.has(at, flag::ODD_ID));
        // Most tasks are their own root: nothing to read there.
        let key_of = |id| match Some(id) == event.uuid {
            true => own,
            false => self.key(id),
        };
        let root = event.root_id.map(key_of);
        let parent = event.parent_id.map(key_of);
        let (segment, at) = self.segment_mut(task);
        // `task-received` carries the shadow name, which is what the user chose to see.
        if let Some(name) = &event.name
            && (segment.name[at] == 0 || event.kind == EventKind::TaskReceived)
        {
            segment.name[at] = names.tasks.intern(name);
        }
        for (field, text) in [(Field::Args, &event.args), (Field::Kwargs, &event.kwargs)] {
            if let Some(text) = text {
                segment.set_text(at, field, text);
            }
        }
        if let (Some((key, is_odd)), Some(text)) = (root, &event.root_id) {
            segment.set_root(at, key, is_odd.then_some(text));
        }
        if let (Some((key, is_odd)), Some(text)) = (parent, &event.parent_id) {
            // A retry names itself as parent and would hide the real one.
            let is_self = key == segment.id[at];
            if !is_self || !segment.has(at, flag::HAS_PARENT) {
                segment.set_parent(at, key, is_odd.then_some(text));
            }
        }
        if let Some(expires) = event.expires {
            segment.set_expires(at, expires.0);
        }
        if let Some(queue) = &event.queue {
            segment.queue[at] = names.queues.intern(queue);
        }
        if event.exchange.is_some() || event.routing_key.is_some() {
            let mut number = |text: Option<&str>| text.map_or(0, |text| names.routes.intern(text));
            let pair = (number(event.exchange), number(event.routing_key));
            let route = self.routes.number(pair.0, pair.1);
            let (segment, at) = self.segment_mut(task);
            segment.rest[at].route = route;
        }
    }

    fn apply_sent(
        &mut self,
        task: u64,
        is_new: bool,
        event: &EventRef<'_>,
        origin: &Origin,
        names: &mut Names,
    ) {
        self.describe(task, event, names);
        let retries = event.retries.unwrap_or(0);
        let eta = event.eta.map_or(NO_TIME, |eta| eta.0);
        let is_own_parent = event.parent_id == event.uuid;
        let (segment, at) = self.segment_mut(task);
        if is_new {
            segment.retries[at] = retries;
        }
        // A retry is sent by the worker's child: the task's own client is the first sender.
        if (retries == 0 || is_new)
            && let Some(client) = &event.hostname
        {
            segment.set_client(at, client);
        }
        let current = segment.retries[at];
        let (was_sent, started) = (segment.sent[at], segment.started[at]);
        if retries < current {
            if let Some(attempt) = self.past_attempt(task, retries) {
                attempt.sent = origin.at;
            }
            return;
        }
        // `Task.replace` sends the second half under the same id and retries,
        // with the task as its own parent, while the first half runs.
        let is_replacement = is_own_parent && started != NO_TIME && origin.at > started;
        if retries > current {
            self.open_attempt(task, retries, 1);
        } else if is_replacement {
            let delivery = segment.rest[at].delivery.saturating_add(1);
            self.open_attempt(task, retries, delivery);
        } else if was_sent != NO_TIME {
            return;
        }
        let (segment, at) = self.segment_mut(task);
        segment.sent[at] = origin.at;
        if eta != NO_TIME {
            segment.set_eta(at, eta);
        }
        self.settle_waiting(task);
    }

    fn apply_received(
        &mut self,
        task: u64,
        is_new: bool,
        event: &EventRef<'_>,
        origin: &Origin,
        names: &mut Names,
    ) {
        self.describe(task, event, names);
        let (segment, at) = self.segment_mut(task);
        let retries = event.retries.unwrap_or(segment.retries[at]);
        if is_new {
            segment.retries[at] = retries;
        }
        let current = segment.retries[at];
        if retries < current {
            if let Some(attempt) = self.past_attempt(task, retries) {
                if attempt.received == NO_TIME {
                    attempt.received = origin.at;
                }
                if attempt.worker == 0 {
                    (attempt.worker, attempt.pid) = (origin.worker, origin.pid);
                }
            }
            return;
        }
        if retries == current
            && self.past_has(task, |a| {
                a.received == origin.at && a.worker == origin.worker && a.retries == retries
            })
        {
            return;
        }
        let (segment, at) = self.segment_mut(task);
        if retries > current {
            self.open_attempt(task, retries, 1);
        } else if segment.received[at] != NO_TIME {
            let is_same_process =
                (segment.worker[at], segment.rest[at].pid) == (origin.worker, origin.pid);
            if is_same_process && origin.at <= segment.received[at] {
                // The same event again.
                return;
            }
            let delivery = segment.rest[at].delivery.saturating_add(1);
            self.open_attempt(task, retries, delivery);
        }
        let (segment, at) = self.segment_mut(task);
        segment.received[at] = origin.at;
        if segment.started[at] == NO_TIME {
            (segment.worker[at], segment.rest[at].pid) = (origin.worker, origin.pid);
        }
        if let Some(eta) = event.eta {
            segment.set_eta(at, eta.0);
        }
        self.settle_waiting(task);
    }

    /// Tells whether this very start was heard before.
    fn has_heard_start(&self, task: u64, origin: &Origin) -> bool {
        let (segment, at) = self.segment(task);
        let is_current = segment.started[at] == origin.at && segment.worker[at] == origin.worker;
        is_current
            || self.past_has(task, |a| {
                a.started == origin.at && a.worker == origin.worker
            })
    }

    /// Returns the seconds waited, if this event completes the pair.
    fn apply_started(&mut self, task: u64, origin: &Origin) -> Option<f64> {
        if self.past_has(task, |a| {
            a.started == origin.at && a.worker == origin.worker
        }) {
            return None;
        }
        if self.start_belongs_to_previous(task, origin) {
            if let Some(attempt) = self.last_past(task) {
                attempt.started = origin.at;
                (attempt.worker, attempt.pid) = (origin.worker, origin.pid);
                if attempt.received != NO_TIME {
                    return Some(waited(attempt.received, attempt.eta, origin.at));
                }
            }
            return None;
        }
        let (segment, at) = self.segment_mut(task);
        let started = segment.started[at];
        if started != NO_TIME && origin.at > started {
            // Started again, and the `task-received` before it was missed.
            let is_same_process =
                (segment.worker[at], segment.rest[at].pid) == (origin.worker, origin.pid);
            let has_ended = segment.finished[at] != NO_TIME;
            if !has_ended && is_same_process {
                return None;
            }
            let retries = segment.retries[at];
            if has_ended && segment.state[at] == code::RETRY {
                self.open_attempt(task, retries.saturating_add(1), 1);
            } else {
                let delivery = segment.rest[at].delivery.saturating_add(1);
                self.open_attempt(task, retries, delivery);
            }
        } else if started != NO_TIME {
            return None;
        }
        let (segment, at) = self.segment_mut(task);
        segment.started[at] = origin.at;
        (segment.worker[at], segment.rest[at].pid) = (origin.worker, origin.pid);
        let (received, eta) = (segment.received[at], segment.eta(at));
        if segment.finished[at] == NO_TIME {
            self.set_state(task, code::STARTED);
        } else {
            self.fill_runtime(task);
        }
        (received != NO_TIME).then(|| waited(received, eta, origin.at))
    }

    /// The worker's main process buffers `task-started` for a moment, in which
    /// its child may already have sent the retry that opened the next attempt.
    fn start_belongs_to_previous(&mut self, task: u64, origin: &Origin) -> bool {
        let (segment, at) = self.segment(task);
        let is_only_sent = segment.received[at] == NO_TIME && segment.started[at] == NO_TIME;
        let sent = segment.sent[at];
        is_only_sent
            && self.last_past(task).is_some_and(|attempt| {
                attempt.started == NO_TIME
                    && attempt.finished == NO_TIME
                    && origin.at <= sent
                    && (attempt.worker == 0 || attempt.worker == origin.worker)
            })
    }

    fn target_of_end(&mut self, task: u64, ended: Ended, origin: &Origin) -> Target {
        let (segment, at) = self.segment(task);
        let (started, received) = (segment.started[at], segment.received[at]);
        let (worker, finished) = (segment.worker[at], segment.finished[at]);
        let Some(previous) = self.last_past(task) else {
            return Target::Current;
        };
        if previous.finished != NO_TIME {
            return Target::Current;
        }
        let previous_runs_there = previous.started != NO_TIME && previous.worker == origin.worker;
        let is_previous = match ended {
            // Only what has run retries: the next attempt cannot have ended before it starts.
            Ended::Retried => {
                started == NO_TIME || (previous_runs_there && worker != origin.worker)
            }
            // A waiting attempt can be revoked; a running one may go on elsewhere.
            Ended::Revoked => previous_runs_there && received == NO_TIME && started == NO_TIME,
            // What has not started has no end: it is the running one's.
            _ => previous_runs_there && (started == NO_TIME || worker != origin.worker),
        };
        if is_previous && finished == NO_TIME {
            Target::Previous
        } else {
            Target::Current
        }
    }

    fn apply_ended(
        &mut self,
        task: u64,
        ended: Ended,
        event: &EventRef<'_>,
        origin: &Origin,
        outcome: &mut Outcome,
    ) {
        if self.past_has(task, |a| a.finished == origin.at && a.state == ended.code()) {
            return;
        }
        let reason = reason_of(ended, event);
        if self.target_of_end(task, ended, origin) == Target::Previous {
            if let Some(attempt) = self.last_past(task) {
                attempt.finished = origin.at;
                attempt.state = ended.code();
                attempt.runtime = event.runtime.or_else(|| {
                    (attempt.started != NO_TIME).then(|| seconds(attempt.started, origin.at))
                });
                attempt.exception = event.exception.map(Box::from);
                attempt.traceback = event.traceback.map(Box::from);
                attempt.reason = reason.map(Box::from);
                outcome.ended = Some(ended);
                outcome.runtime = attempt.runtime;
            }
            return;
        }
        let (segment, at) = self.segment_mut(task);
        let is_first = segment.finished[at] == NO_TIME;
        let state = segment.state[at];
        if !is_first && rank(ended.code()) >= rank(state) {
            // Told twice (a hard time limit in 5.7, a revoke in 4.4) or made
            // worse (failed, then rejected): the first word stands.
            if ended.code() == state {
                fill_texts(segment, at, event);
            }
            return;
        }
        segment.finished[at] = origin.at;
        if segment.worker[at] == 0 {
            (segment.worker[at], segment.rest[at].pid) = (origin.worker, origin.pid);
        }
        if let Some(runtime) = event.runtime {
            segment.runtime[at] = runtime;
            segment.set(at, flag::HAS_RUNTIME, true);
        }
        fill_texts(segment, at, event);
        if let Some(result) = &event.result {
            segment.set_text(at, Field::Result, result);
        }
        if let Some(reason) = &reason {
            segment.set_text(at, Field::Reason, reason);
        }
        self.fill_runtime(task);
        self.set_state(task, ended.code());
        if is_first {
            let (segment, at) = self.segment(task);
            outcome.ended = Some(ended);
            outcome.runtime = segment
                .has(at, flag::HAS_RUNTIME)
                .then(|| segment.runtime[at]);
        }
    }

    /// Only `task-succeeded` carries a run time; for the others it is the
    /// time between two events of the same worker process.
    pub(super) fn fill_runtime(&mut self, task: u64) {
        let (segment, at) = self.segment_mut(task);
        let (started, finished) = (segment.started[at], segment.finished[at]);
        if !segment.has(at, flag::HAS_RUNTIME) && started != NO_TIME && finished >= started {
            segment.runtime[at] = seconds(started, finished);
            segment.set(at, flag::HAS_RUNTIME, true);
        }
    }

    fn apply_custom(&mut self, task: u64, event: &EventRef<'_>, origin: &Origin) {
        let type_name: &str = event.type_name;
        let (segment, at) = self.segment_mut(task);
        let past = segment.past_mut(at);
        if past.custom.len() >= MAX_CUSTOM {
            past.custom.pop_front();
        }
        past.custom.push_back(CustomEvent {
            timestamp: Timestamp(origin.at),
            kind: type_name.to_owned(),
            fields: clip(&event.json(), MAX_CUSTOM_BYTES).to_owned(),
        });
        let (segment, at) = self.segment_mut(task);
        if segment.worker[at] == 0 {
            segment.worker[at] = origin.worker;
        }
        if segment.finished[at] != NO_TIME {
            return;
        }
        // `celery.events.state.Task.event`: an unknown subject becomes the state, upper case.
        let subject = type_name.split_once('-').map_or(type_name, |(_, s)| s);
        let code = self.custom_code(&subject.to_uppercase());
        self.set_state(task, code);
    }

    /// Gives a task that waits the state that says for what.
    fn settle_waiting(&mut self, task: u64) {
        let (segment, at) = self.segment(task);
        let is_waiting = segment.started[at] == NO_TIME && segment.finished[at] == NO_TIME;
        if is_waiting && segment.state[at] < code::FIRST_CUSTOM {
            let state = match (segment.retries[at], segment.received[at]) {
                (1.., _) => code::RETRY,
                (0, NO_TIME) => code::PENDING,
                (0, _) => code::RECEIVED,
            };
            self.set_state(task, state);
        }
    }
}

fn fill_texts(segment: &mut Segment, at: usize, event: &EventRef<'_>) {
    for (field, text) in [
        (Field::Exception, &event.exception),
        (Field::Traceback, &event.traceback),
    ] {
        if let Some(text) = text {
            segment.set_text(at, field, text);
        }
    }
}

/// Says in words why an attempt was revoked or rejected.
fn reason_of(ended: Ended, event: &EventRef<'_>) -> Option<String> {
    match ended {
        Ended::Revoked if event.expired == Some(true) => Some("expired".to_owned()),
        Ended::Revoked if event.terminated == Some(true) => Some(match &event.signum {
            Some(signum) => format!("terminated by signal {}", &**signum),
            None => "terminated".to_owned(),
        }),
        Ended::Revoked => Some("revoked".to_owned()),
        Ended::Rejected if event.requeue == Some(true) => {
            Some("rejected, back to the queue".to_owned())
        }
        Ended::Rejected => Some("rejected".to_owned()),
        _ => None,
    }
}

/// Returns how long a task waited for a slot; the time until its ETA is none of that.
fn waited(received: i64, eta: i64, started: i64) -> f64 {
    seconds(received.max(eta), started)
}

fn seconds(from: i64, to: i64) -> f64 {
    // Two clocks may be compared here, so never below zero.
    Timestamp(to).seconds_since(Timestamp(from)).max(0.0)
}

fn clip(text: &str, most: usize) -> &str {
    let mut end = text.len().min(most);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}
