//! A task's attempts: the current one in its row, earlier ones beside the columns.

use super::repair::known;
use super::{Field, MAX_PAST, NO_TIME, PastAttempt, Tasks, code, flag};
use std::collections::VecDeque;

impl Tasks {
    /// Files the current attempt away and begins the next.
    pub(super) fn open_attempt(&mut self, task: u64, retries: u32, delivery: u16) {
        let (segment, at) = self.segment_mut(task);
        let text = |field| segment.text(at, field).map(Box::<str>::from);
        let is_waiting_retry = segment.state[at] == code::RETRY && segment.finished[at] == NO_TIME;
        let attempt = PastAttempt {
            state: if is_waiting_retry && segment.received[at] == NO_TIME {
                code::PENDING
            } else if is_waiting_retry {
                code::RECEIVED
            } else {
                segment.state[at]
            },
            retries: segment.retries[at],
            delivery: segment.rest[at].delivery,
            worker: segment.worker[at],
            pid: segment.rest[at].pid,
            sent: segment.sent[at],
            received: segment.received[at],
            started: segment.started[at],
            finished: segment.finished[at],
            eta: segment.eta(at),
            runtime: segment
                .has(at, flag::HAS_RUNTIME)
                .then(|| segment.runtime[at]),
            exception: text(Field::Exception),
            traceback: text(Field::Traceback),
            reason: text(Field::Reason),
        };
        let newest = segment.timestamp(at);
        segment.sources[at] &= !known::REPAIRED;
        segment.retries[at] = retries;
        segment.rest[at].delivery = delivery;
        segment.worker[at] = 0;
        segment.rest[at].pid = 0;
        segment.sent[at] = NO_TIME;
        segment.received[at] = NO_TIME;
        segment.started[at] = NO_TIME;
        segment.finished[at] = NO_TIME;
        segment.touch(at, newest);
        segment.set_eta(at, NO_TIME);
        segment.runtime[at] = 0.0;
        segment.set(at, flag::HAS_RUNTIME, false);
        for field in [
            Field::Exception,
            Field::Traceback,
            Field::Reason,
            Field::Result,
        ] {
            segment.clear_text(at, field);
        }
        // A redelivered first attempt begins like a new task.
        self.set_state(
            task,
            if retries > 0 {
                code::RETRY
            } else {
                code::PENDING
            },
        );
        let (segment, at) = self.segment_mut(task);
        let past = segment.past_mut(at);
        if past.attempts.len() >= MAX_PAST {
            past.attempts.pop_front();
            past.dropped += 1;
        }
        // Most tasks that are retried are retried once.
        past.attempts.reserve_exact(1);
        past.attempts.push_back(attempt);
    }

    fn past_attempts(&mut self, task: u64) -> Option<&mut VecDeque<PastAttempt>> {
        let (segment, at) = self.segment(task);
        if !segment.has(at, flag::HAS_PAST) {
            return None;
        }
        let (segment, at) = self.segment_mut(task);
        Some(&mut segment.past_mut(at).attempts)
    }

    /// Tells whether an earlier attempt has heard this very event before.
    pub(super) fn past_has(&self, task: u64, heard: impl Fn(&PastAttempt) -> bool) -> bool {
        let (segment, at) = self.segment(task);
        let past = segment.past(at);
        past.is_some_and(|past| past.attempts.iter().rev().any(heard))
    }

    pub(super) fn last_past(&mut self, task: u64) -> Option<&mut PastAttempt> {
        self.past_attempts(task)?.back_mut()
    }

    /// Returns the newest earlier attempt with this many retries.
    pub(super) fn past_attempt(&mut self, task: u64, retries: u32) -> Option<&mut PastAttempt> {
        self.past_attempts(task)?
            .iter_mut()
            .rev()
            .find(|attempt| attempt.retries == retries)
    }
}
