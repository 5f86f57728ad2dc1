//! Stored tasks back into memory.

use super::{Field, MAX_CUSTOM, MAX_PAST, NO_TIME, Past, PastAttempt, Tasks, flag};
use crate::{history::TaskRecord, state::Names};
use model::{Attempt, TaskState, Timestamp};

impl Tasks {
    /// Takes a stored task in, unless it is there already; it counts as saved.
    pub(crate) fn restore(&mut self, record: &TaskRecord, names: &mut Names) {
        let (detail, row) = (&record.task, &record.task.summary);
        let (task, is_new) = self.find_or_insert(row.id.as_str());
        if !is_new {
            return;
        }
        let current = detail.attempts.last();
        let mut word = |text: Option<&str>| text.map_or(0, |text| names.routes.intern(text));
        let pair = (
            word(detail.exchange.as_deref()),
            word(detail.routing_key.as_deref()),
        );
        let route = match pair {
            (0, 0) => 0,
            (exchange, key) => self.routes.number(exchange, key),
        };
        let root = detail
            .root_id
            .as_ref()
            .map(|id| (id, self.key(id.as_str())));
        let parent = detail.parent_id.as_ref();
        let parent = parent.map(|id| (id, self.key(id.as_str())));
        let (segment, at) = self.segment_mut(task);
        segment.sources[at] = record.sources;
        segment.retries[at] = row.retries;
        segment.name[at] = row
            .name
            .as_ref()
            .map_or(0, |n| names.tasks.intern(n.as_str()));
        segment.worker[at] = worker(names, row.worker.as_ref());
        let (segment, at) = self.segment_mut(task);
        segment.queue[at] = row
            .queue
            .as_ref()
            .map_or(0, |q| names.queues.intern(q.as_str()));
        segment.sent[at] = micros(row.sent);
        segment.received[at] = micros(row.received);
        segment.started[at] = micros(row.started);
        segment.finished[at] = micros(row.finished);
        if let Some(runtime) = row.runtime_seconds {
            segment.runtime[at] = runtime;
            segment.set(at, flag::HAS_RUNTIME, true);
        }
        segment.set(at, flag::REVOKED, row.is_revoked);
        segment.rest[at].clock = detail.clock.unwrap_or(0);
        segment.rest[at].pid = current.and_then(|attempt| attempt.pid).unwrap_or(0);
        let delivery = current.map_or(1, |attempt| attempt.delivery);
        segment.rest[at].delivery = u16::try_from(delivery).unwrap_or(u16::MAX);
        segment.rest[at].route = route;
        segment.set_eta(at, micros(row.eta));
        segment.set_expires(at, micros(detail.expires));
        if let Some(client) = &detail.client {
            segment.set_client(at, client);
        }
        if let Some((id, (key, is_odd))) = root {
            segment.set_root(at, key, is_odd.then_some(id.as_str()));
        }
        if let Some((id, (key, is_odd))) = parent {
            segment.set_parent(at, key, is_odd.then_some(id.as_str()));
        }
        for (field, text) in [
            (Field::Args, detail.args.as_ref()),
            (Field::Kwargs, detail.kwargs.as_ref()),
            (Field::Result, detail.result.as_ref()),
            (Field::Exception, current.and_then(|a| a.exception.as_ref())),
            (Field::Traceback, current.and_then(|a| a.traceback.as_ref())),
            (Field::Reason, current.and_then(|a| a.reason.as_ref())),
        ] {
            if let Some(text) = text {
                segment.set_text(at, field, text);
            }
        }
        segment.touch(at, micros(detail.timestamp));
        let state = self.code_or_new(&row.state);
        self.set_state(task, state);
        self.restore_past(task, record, names);
        let (segment, at) = self.segment_mut(task);
        segment.unsaved.clear(at);
    }

    fn restore_past(&mut self, task: u64, record: &TaskRecord, names: &mut Names) {
        let Some(past) = record.past() else { return };
        let first = past.attempts.len().saturating_sub(MAX_PAST);
        let attempts = past.attempts.iter().skip(first);
        let attempts = attempts.map(|a| self.past_from(a, names)).collect();
        let first = past.custom.len().saturating_sub(MAX_CUSTOM);
        let (segment, at) = self.segment_mut(task);
        *segment.past_mut(at) = Past {
            attempts,
            dropped: past.dropped,
            custom: past.custom.into_iter().skip(first).collect(),
        };
    }

    fn past_from(&mut self, attempt: &Attempt, names: &mut Names) -> PastAttempt {
        let text = |text: &Option<String>| text.as_deref().map(Box::from);
        PastAttempt {
            state: self.code_or_new(&attempt.state),
            retries: attempt.retries,
            delivery: u16::try_from(attempt.delivery).unwrap_or(u16::MAX),
            worker: worker(names, attempt.worker.as_ref()),
            pid: attempt.pid.unwrap_or(0),
            sent: micros(attempt.sent),
            received: micros(attempt.received),
            started: micros(attempt.started),
            finished: micros(attempt.finished),
            eta: micros(attempt.eta),
            runtime: attempt.runtime_seconds,
            exception: text(&attempt.exception),
            traceback: text(&attempt.traceback),
            reason: text(&attempt.reason),
        }
    }

    /// Returns the code of a state, which is new if it is a custom one that was not seen.
    fn code_or_new(&mut self, state: &TaskState) -> u8 {
        match self.code_of(state) {
            Some(code) => code,
            None => self.custom_code(state.as_str()),
        }
    }
}

fn worker(names: &mut Names, worker: Option<&model::WorkerName>) -> u32 {
    worker.map_or(0, |worker| names.workers.intern(worker.as_str()))
}

fn micros(time: Option<Timestamp>) -> i64 {
    time.map_or(NO_TIME, |time| time.0)
}
