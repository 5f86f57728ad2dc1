//! What other sources than events tell of a task, and how that is merged.
//!
//! Events are the better source: what is learned here fills what they left
//! out, is marked so, and gives way to an event that comes after all.

use super::apply::{Ended, Origin};
use super::{Field, NO_TIME, Segment, Tasks, code, flag};
use crate::state::Names;
use model::{QueueName, Source, TaskId, TaskName, TaskState, Timestamp, WorkerName};
use protocol::{EventKind, EventRef};

/// Bits of the column `sources`: those of [`SOURCES`], and between them what of
/// the current attempt no event told. They are stored: their values never change.
pub(crate) mod known {
    pub(crate) const EVENT: u8 = 1;
    /// The start.
    pub(crate) const START: u8 = 1 << 4;
    /// The end.
    pub(crate) const END: u8 = 1 << 5;
    /// The state of a task that waits, or that it has none any more.
    pub(crate) const STATE: u8 = 1 << 6;
    pub(crate) const REPAIRED: u8 = START | END | STATE;
}

/// Two clocks of one worker's start may differ so much: the child's and the
/// main process', microseconds.
const SAME_START: i64 = 5_000_000;

/// A stored result may be older than the start it belongs to by so much, microseconds.
const CLOCK_SLACK: i64 = 1_000_000;

pub(crate) const SOURCES: [(Source, u8); 5] = [
    (Source::Event, known::EVENT),
    (Source::Result, 1 << 1),
    (Source::Inspect, 1 << 2),
    (Source::Message, 1 << 3),
    (Source::Dashboard, 1 << 7),
];

/// Returns the sources whose bits are set.
pub(crate) fn sources(bits: u8) -> Vec<Source> {
    let set = SOURCES.iter().filter(|(_, bit)| bits & bit != 0);
    set.map(|(source, _)| *source).collect()
}

/// Tells whether something of the current attempt was told by no event.
pub(crate) fn is_repaired(bits: u8) -> bool {
    bits & known::REPAIRED != 0
}

fn bit(source: Source) -> u8 {
    SOURCES
        .iter()
        .find(|(other, _)| *other == source)
        .map_or(0, |(_, bit)| *bit)
}

/// What is new about a task.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum News {
    /// This dashboard sent it at that time.
    Sent(Timestamp),
    /// Its message waits in a queue.
    Waiting,
    /// Its message was taken by nobody knows whom, and not acknowledged.
    Taken,
    /// A worker held it at that time and had not started it.
    Held(Timestamp),
    /// A worker runs it since then.
    Running(Timestamp),
    /// It told this state by `update_state`.
    Progress(TaskState),
    /// An attempt ended so.
    Ended(TaskState, Timestamp),
}

/// What another source than events tells of a task.
#[derive(Clone, Debug)]
pub(crate) struct Fact {
    pub(crate) id: TaskId,
    pub(crate) source: Source,
    pub(crate) news: News,
    pub(crate) name: Option<TaskName>,
    pub(crate) args: Option<String>,
    pub(crate) kwargs: Option<String>,
    pub(crate) worker: Option<WorkerName>,
    /// The worker's main process, if it is known.
    pub(crate) pid: Option<u32>,
    pub(crate) queue: Option<QueueName>,
    pub(crate) exchange: Option<String>,
    pub(crate) routing_key: Option<String>,
    pub(crate) root_id: Option<TaskId>,
    pub(crate) parent_id: Option<TaskId>,
    pub(crate) client: Option<String>,
    pub(crate) eta: Option<Timestamp>,
    pub(crate) expires: Option<Timestamp>,
    pub(crate) retries: Option<u32>,
    pub(crate) result: Option<String>,
    pub(crate) exception: Option<String>,
    pub(crate) traceback: Option<String>,
    /// What is worth saying about the attempt.
    pub(crate) reason: Option<String>,
}

impl Fact {
    pub(crate) fn new(id: TaskId, source: Source, news: News) -> Self {
        Self {
            id,
            source,
            news,
            name: None,
            args: None,
            kwargs: None,
            worker: None,
            pid: None,
            queue: None,
            exchange: None,
            routing_key: None,
            root_id: None,
            parent_id: None,
            client: None,
            eta: None,
            expires: None,
            retries: None,
            result: None,
            exception: None,
            traceback: None,
            reason: None,
        }
    }
}

/// What a fact changed, for the counters that look across tasks.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Learned {
    /// Something of the task was missed and is known now; when that was.
    pub(crate) found: Option<Timestamp>,
    /// An attempt ended, which no event told.
    pub(crate) ended: Option<(Ended, Timestamp)>,
    pub(crate) worker: u32,
}

impl Tasks {
    /// Merges what another source tells.
    pub(crate) fn learn(&mut self, fact: &Fact, names: &mut Names, now: Timestamp) -> Learned {
        let (task, is_new) = self.find_or_insert(fact.id.as_str());
        let worker = fact
            .worker
            .as_ref()
            .map_or(0, |worker| names.workers.intern(worker.as_str()));
        if is_new {
            let (segment, at) = self.segment_mut(task);
            segment.retries[at] = fact.retries.unwrap_or(0);
            segment.touch(at, now.0);
        }
        let before = self.gist(task);
        let mut learned = Learned::default();
        match &fact.news {
            News::Sent(at) => self.learn_sent(task, *at),
            News::Waiting | News::Taken => self.learn_waiting(task, is_new, fact),
            News::Held(asked) => self.learn_held(task, is_new, worker, fact, *asked),
            News::Running(started) => {
                if self.learn_running(task, worker, fact, *started) {
                    learned.found = Some(*started);
                }
            }
            News::Progress(state) => self.learn_progress(task, is_new, worker, state),
            News::Ended(state, at) => learned = self.learn_end(task, worker, fact, state, *at),
        }
        self.fill(task, fact, names);
        let is_news = is_new || self.gist(task) != before;
        let (segment, at) = self.segment_mut(task);
        if is_news {
            segment.sources[at] |= bit(fact.source);
        }
        learned.worker = segment.worker[at];
        learned
    }

    /// Returns what tells whether anything was learned.
    fn gist(&self, task: u64) -> impl PartialEq + use<> {
        let (segment, at) = self.segment(task);
        let has = |field| segment.text(at, field).is_some();
        (
            (segment.state[at], segment.sources[at], segment.worker[at]),
            (segment.name[at], segment.queue[at], segment.eta(at)),
            (segment.started[at], segment.finished[at]),
            (has(Field::Args), has(Field::Traceback), has(Field::Result)),
        )
    }

    /// Fills descriptions that no event gave.
    fn fill(&mut self, task: u64, fact: &Fact, names: &mut Names) {
        let (segment, at) = self.segment_mut(task);
        if let Some(eta) = fact.eta
            && segment.eta(at) == NO_TIME
            && segment.finished[at] == NO_TIME
        {
            segment.set_eta(at, eta.0);
        }
        if let Some(client) = &fact.client
            && segment.client(at).is_none()
        {
            segment.set_client(at, client);
        }
        let is_missing = |field| segment.text(at, field).is_none();
        let mut event = EventRef::empty();
        event.name = fact.name.as_ref().map(TaskName::as_str);
        event.args = fact.args.as_deref().filter(|_| is_missing(Field::Args));
        event.kwargs = fact.kwargs.as_deref().filter(|_| is_missing(Field::Kwargs));
        event.root_id = fact.root_id.as_ref().map(TaskId::as_str);
        event.root_id = event.root_id.filter(|_| segment.root(at).is_none());
        event.parent_id = fact.parent_id.as_ref().map(TaskId::as_str);
        event.parent_id = event.parent_id.filter(|_| segment.parent(at).is_none());
        event.expires = fact.expires;
        event.queue = fact.queue.as_ref().map(QueueName::as_str);
        event.queue = event.queue.filter(|_| segment.queue[at] == 0);
        if segment.rest[at].route == 0 {
            event.exchange = fact.exchange.as_deref();
            event.routing_key = fact.routing_key.as_deref();
        }
        self.describe(task, &event, names);
    }

    /// Notes when the dashboard sent it; a client's own event is the better witness.
    fn learn_sent(&mut self, task: u64, sent: Timestamp) {
        let (segment, at) = self.segment_mut(task);
        if segment.sent[at] == NO_TIME {
            segment.sent[at] = sent.0;
        }
    }

    fn learn_waiting(&mut self, task: u64, is_new: bool, fact: &Fact) {
        let (segment, at) = self.segment(task);
        let (state, retries) = (segment.state[at], segment.retries[at]);
        match state {
            _ if is_new => {}
            code::UNKNOWN => {}
            // The broker has put it back: it will be delivered again.
            code::ORPHANED if fact.news == News::Waiting => {
                let delivery = segment.rest[at].delivery.saturating_add(1);
                self.open_attempt(task, retries, delivery);
            }
            _ => return,
        }
        let (segment, at) = self.segment_mut(task);
        segment.sources[at] |= known::STATE;
        note(segment, at, fact);
        let next = if segment.retries[at] > 0 {
            code::RETRY
        } else {
            code::PENDING
        };
        self.set_state(task, next);
    }

    fn learn_held(&mut self, task: u64, is_new: bool, worker: u32, fact: &Fact, asked: Timestamp) {
        let (segment, at) = self.segment(task);
        let (state, retries) = (segment.state[at], segment.retries[at]);
        let started = segment.started[at];
        let has_ended = segment.finished[at] != NO_TIME;
        if state == code::RETRY && has_ended {
            // The worker has the next attempt, whose `task-received` was missed.
            self.open_attempt(task, retries.saturating_add(1), 1);
        } else if has_ended {
            return;
        } else if state == code::ORPHANED {
            let delivery = segment.rest[at].delivery.saturating_add(1);
            self.open_attempt(task, retries, delivery);
        } else if started != NO_TIME {
            // It may have been started since, or be delivered twice, …
            let is_fresh = started.saturating_add(SAME_START) > asked.0;
            if is_fresh || segment.worker[at] != worker {
                return;
            }
            // … else it was to run again, and `task-retried` was missed.
            self.set_state(task, code::RETRY);
            self.open_attempt(task, retries.saturating_add(1), 1);
        }
        let (segment, at) = self.segment(task);
        let state = segment.state[at];
        let is_news = is_new || matches!(state, code::PENDING | code::RETRY | code::UNKNOWN);
        if !is_news {
            return;
        }
        let (segment, at) = self.segment_mut(task);
        if segment.received[at] != NO_TIME && state == code::RETRY {
            return;
        }
        segment.worker[at] = worker;
        segment.rest[at].pid = fact.pid.unwrap_or(0);
        segment.sources[at] |= known::STATE;
        segment.clear_text(at, Field::Reason);
        let next = if segment.retries[at] > 0 {
            code::RETRY
        } else {
            code::RECEIVED
        };
        self.set_state(task, next);
    }

    fn learn_running(&mut self, task: u64, worker: u32, fact: &Fact, started: Timestamp) -> bool {
        let (segment, at) = self.segment(task);
        let (old, finished) = (segment.started[at], segment.finished[at]);
        let (state, retries) = (segment.state[at], segment.retries[at]);
        let delivery = segment.rest[at].delivery.saturating_add(1);
        let is_same = old != NO_TIME && (old - started.0).abs() < SAME_START;
        if is_same && finished == NO_TIME {
            if matches!(state, code::UNKNOWN | code::ORPHANED) {
                let (segment, at) = self.segment_mut(task);
                segment.clear_text(at, Field::Reason);
                self.set_state(task, code::STARTED);
            }
            return false;
        }
        if finished != NO_TIME {
            // It ended while the worker was telling that it runs, …
            if started.0 <= finished {
                return false;
            }
            // … or runs again, and the events of that were missed.
            match state {
                code::RETRY => self.open_attempt(task, retries.saturating_add(1), 1),
                _ => self.open_attempt(task, retries, delivery),
            }
        } else if old != NO_TIME {
            if started.0 < old {
                return false;
            }
            self.open_attempt(task, retries, delivery);
        }
        let (segment, at) = self.segment_mut(task);
        segment.started[at] = started.0;
        segment.worker[at] = worker;
        segment.rest[at].pid = fact.pid.unwrap_or(0);
        segment.sources[at] |= known::START;
        segment.clear_text(at, Field::Reason);
        self.set_state(task, code::STARTED);
        true
    }

    fn learn_progress(&mut self, task: u64, is_new: bool, worker: u32, state: &TaskState) {
        let (segment, at) = self.segment_mut(task);
        let is_over = segment.finished[at] != NO_TIME;
        if is_over || matches!(segment.state[at], code::RETRY | code::ORPHANED) {
            return;
        }
        if is_new || segment.started[at] == NO_TIME {
            segment.sources[at] |= known::STATE;
        }
        if segment.worker[at] == 0 {
            segment.worker[at] = worker;
        }
        let code = self.custom_code(state.as_str());
        self.set_state(task, code);
    }

    fn learn_end(
        &mut self,
        task: u64,
        worker: u32,
        fact: &Fact,
        state: &TaskState,
        end: Timestamp,
    ) -> Learned {
        let Some(ended) = Ended::of_state(state) else {
            return Learned::default();
        };
        let (segment, at) = self.segment_mut(task);
        let retries = segment.retries[at];
        let has_ended = segment.finished[at] != NO_TIME;
        let waits_for_retry = has_ended && segment.state[at] == code::RETRY;
        if has_ended && !waits_for_retry {
            // Events told it already; they may have left out the traceback.
            if segment.state[at] == ended.code() {
                note(segment, at, fact);
            }
            return Learned::default();
        }
        // A key may hold the result of an earlier run of the same id.
        let newest = segment.received[at].max(segment.started[at]);
        if end.0.saturating_add(CLOCK_SLACK) < newest.max(segment.finished[at]) {
            return Learned::default();
        }
        if waits_for_retry {
            if ended == Ended::Retried {
                return Learned::default();
            }
            let next = fact.retries.unwrap_or(retries.saturating_add(1));
            self.open_attempt(task, next, 1);
        } else if let Some(next) = fact.retries.filter(|next| *next > retries) {
            self.open_attempt(task, next, 1);
        }
        let (segment, at) = self.segment_mut(task);
        segment.finished[at] = end.0;
        segment.touch(at, end.0);
        if segment.worker[at] == 0 {
            segment.worker[at] = worker;
        }
        segment.sources[at] |= known::END;
        segment.clear_text(at, Field::Reason);
        note(segment, at, fact);
        let found = if segment.started[at] == NO_TIME {
            end
        } else {
            Timestamp(segment.started[at])
        };
        self.fill_runtime(task);
        self.set_state(task, ended.code());
        Learned {
            found: Some(found),
            ended: Some((ended, end)),
            worker: 0,
        }
    }

    /// Gives way to an event that tells what was learned from elsewhere.
    /// Returns an end that it tells anew, and that must not count twice.
    pub(super) fn give_way(
        &mut self,
        task: u64,
        event: &EventRef<'_>,
        origin: &Origin,
    ) -> Option<(Ended, Timestamp)> {
        let (segment, at) = self.segment_mut(task);
        let (sources, state) = (segment.sources[at], segment.state[at]);
        let is_its = segment.worker[at] == 0 || segment.worker[at] == origin.worker;
        // Whatever was said of it, it is there; a redelivery files that away itself.
        let opens_another = event.kind == EventKind::TaskReceived
            || (event.kind == EventKind::TaskStarted && segment.started[at] != NO_TIME);
        if matches!(state, code::UNKNOWN | code::ORPHANED) && !opens_another {
            segment.clear_text(at, Field::Reason);
        }
        match event.kind {
            EventKind::TaskReceived if sources & known::STATE != 0 => {
                segment.sources[at] &= !known::STATE;
            }
            EventKind::TaskStarted if sources & known::START != 0 && is_its => {
                let is_same = (segment.started[at] - origin.at).abs() < SAME_START;
                if is_same {
                    segment.started[at] = NO_TIME;
                    segment.sources[at] &= !known::START;
                    if sources & known::END != 0 {
                        segment.set(at, flag::HAS_RUNTIME, false);
                    }
                }
            }
            kind => {
                let ended = Ended::of(kind)?;
                segment.sources[at] &= !known::STATE;
                if sources & known::END == 0 || state != ended.code() {
                    return None;
                }
                let end = std::mem::replace(&mut segment.finished[at], NO_TIME);
                segment.sources[at] &= !known::END;
                segment.set(at, flag::HAS_RUNTIME, false);
                for field in [
                    Field::Result,
                    Field::Exception,
                    Field::Traceback,
                    Field::Reason,
                ] {
                    segment.clear_text(at, field);
                }
                return Some((ended, Timestamp(end)));
            }
        }
        None
    }

    /// Declares a task ended unseen, unless something was heard of it after `asked`.
    pub(crate) fn vanish(&mut self, id: &TaskId, asked: Timestamp, reason: &str) -> bool {
        let Some(task) = self.find(id.as_str()) else {
            return false;
        };
        let (segment, at) = self.segment_mut(task);
        let state = segment.state[at];
        let is_open =
            segment.finished[at] == NO_TIME && !matches!(state, code::UNKNOWN | code::ORPHANED);
        if !is_open || segment.timestamp(at) > asked.0 {
            return false;
        }
        segment.sources[at] |= known::STATE;
        segment.set_text(at, Field::Reason, reason);
        self.set_state(task, code::UNKNOWN);
        true
    }

    /// Declares a task orphaned whose worker process is gone since `gone`.
    /// `is_unacked` tells whether its message is still in the broker, if that is known.
    pub(crate) fn orphan(&mut self, id: &TaskId, worker: u32, is_unacked: Option<bool>) -> bool {
        let Some(task) = self.find(id.as_str()) else {
            return false;
        };
        let (segment, at) = self.segment_mut(task);
        let state = segment.state[at];
        let has_started = is_running(state);
        let is_held = matches!(state, code::RECEIVED | code::RETRY);
        let is_open = segment.finished[at] == NO_TIME && segment.worker[at] == worker;
        if !is_open || !(has_started || is_held) {
            return false;
        }
        let (next, reason) = match (has_started, is_unacked) {
            (true, Some(true)) => (
                code::ORPHANED,
                "its worker is gone; the broker will deliver it again",
            ),
            (true, Some(false)) => (
                code::ORPHANED,
                "its worker is gone and its message was acknowledged: it is lost",
            ),
            (true, None) => (code::ORPHANED, "its worker is gone"),
            (false, Some(true)) => (
                code::PENDING,
                "its worker is gone; it waits to be delivered again",
            ),
            (false, Some(false)) => (
                code::ORPHANED,
                "its worker is gone and its message is in no queue",
            ),
            (false, None) => (code::ORPHANED, "its worker is gone before it was started"),
        };
        segment.set_text(at, Field::Reason, reason);
        self.set_state(task, next);
        true
    }
}

pub(super) fn is_running(state: u8) -> bool {
    state == code::STARTED || state >= code::FIRST_CUSTOM
}

/// Stores the texts that a fact has and events did not bring.
fn note(segment: &mut Segment, at: usize, fact: &Fact) {
    for (field, text) in [
        (Field::Result, &fact.result),
        (Field::Exception, &fact.exception),
        (Field::Traceback, &fact.traceback),
        (Field::Reason, &fact.reason),
    ] {
        if let Some(text) = text
            && segment.text(at, field).is_none()
        {
            segment.set_text(at, field, text);
        }
    }
}
