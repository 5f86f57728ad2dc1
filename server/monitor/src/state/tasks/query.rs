//! Reading tasks: pages, single tasks, counts.

use super::repair::{is_repaired, is_running, sources};
use super::revoked::is_waiting;
use super::{
    Children, Field, PastAttempt, Scan, Segment, Step, Tasks, code, flag, time, write_uuid,
};
use crate::state::Names;
use model::{
    Attempt, QueueName, SearchExpression, TaskDetail, TaskId, TaskName, TaskPage, TaskQuery,
    TaskState, TaskSummary, WorkerName,
};

/// Longest exception text in a row, characters.
const ROW_EXCEPTION_CHARS: usize = 200;

/// Bytes of texts that searches learn from.
const SAMPLE_BYTES: usize = 16 << 10;

impl Tasks {
    /// Returns the window of a query, with counts, in one go.
    pub(crate) fn page(
        &self,
        names: &Names,
        query: &TaskQuery,
        search: &SearchExpression,
    ) -> TaskPage {
        let mut scan = Scan::new(self, names, query, search, query.limit as usize);
        loop {
            match scan.step(self, names) {
                Step::Done => {}
                Step::Apart(part) => scan.go_through(&part),
                Step::End => break,
            }
        }
        let found = scan.finish();
        let mut page = found.page(self);
        let rows = found.window.iter();
        page.rows = rows
            .filter_map(|sequence| self.summary(names, *sequence))
            .collect();
        page
    }

    /// Returns everything known of a task.
    pub(crate) fn detail(&self, names: &Names, id: &TaskId) -> Option<TaskDetail> {
        self.detail_at(names, self.find(id.as_str())?, true)
    }

    /// Returns the same of the task with this sequence number, unless it is gone.
    pub(crate) fn detail_at(
        &self,
        names: &Names,
        sequence: u64,
        with_children: bool,
    ) -> Option<TaskDetail> {
        let summary = self.summary(names, sequence)?;
        Some(self.detail_of(names, sequence, summary, with_children))
    }

    /// Returns how many tasks are started and not ended, for one worker process.
    pub(crate) fn running_on(&self, worker: u32) -> u64 {
        let has_some = |segment: &&Segment| {
            let states = 0..=u8::MAX;
            let mut running = states.filter(|state| is_running(*state));
            running.any(|state| segment.counts[usize::from(state)] > 0)
        };
        self.segments
            .iter()
            .map(|slot| &**slot)
            .filter(has_some)
            .map(|segment| {
                (0..segment.len())
                    .filter(|at| segment.worker[*at] == worker && is_running(segment.state[*at]))
                    .count() as u64
            })
            .sum()
    }

    /// Returns some of the bytes that searches go through, to learn from.
    pub(super) fn text_sample(&self) -> &[u8] {
        let segment = self.segments.get(self.segments.len() / 2);
        let block = segment.and_then(|segment| segment.texts.blocks().next());
        let bytes = block.map_or(&[][..], |block| block.bytes);
        bytes.get(..SAMPLE_BYTES).unwrap_or(bytes)
    }

    /// Returns the row's own id.
    pub(super) fn id_text<'s>(
        segment: &'s Segment,
        at: usize,
        buffer: &'s mut [u8; 36],
    ) -> &'s str {
        if segment.has(at, flag::ODD_ID) {
            segment.text(at, Field::Id).unwrap_or_default()
        } else {
            write_uuid(segment.id[at], buffer)
        }
    }

    /// Returns the id of the row's root, if one was told.
    pub(super) fn root_text<'s>(
        segment: &'s Segment,
        at: usize,
        buffer: &'s mut [u8; 36],
    ) -> Option<&'s str> {
        if segment.has(at, flag::IS_ROOT) {
            return Some(Self::id_text(segment, at, buffer));
        }
        let root = segment.root(at)?;
        Some(if segment.has(at, flag::ODD_ROOT) {
            segment.text(at, Field::Root).unwrap_or_default()
        } else {
            write_uuid(root, buffer)
        })
    }

    /// Returns the id of the row's parent, if one was told.
    pub(super) fn parent_text<'s>(
        segment: &'s Segment,
        at: usize,
        buffer: &'s mut [u8; 36],
    ) -> Option<&'s str> {
        if segment.has(at, flag::IS_PARENT) {
            return Some(Self::id_text(segment, at, buffer));
        }
        let parent = segment.parent(at)?;
        Some(if segment.has(at, flag::ODD_PARENT) {
            segment.text(at, Field::Parent).unwrap_or_default()
        } else {
            write_uuid(parent, buffer)
        })
    }

    /// Returns the exception the row shows: its own, or the last attempt's.
    pub(super) fn last_words(segment: &Segment, at: usize, field: Field) -> Option<&str> {
        segment.text(at, field).or_else(|| {
            let past = segment.past(at)?;
            past.attempts.iter().rev().find_map(|attempt| match field {
                Field::Exception => attempt.exception.as_deref(),
                _ => attempt.traceback.as_deref(),
            })
        })
    }

    /// Returns a task's row, unless it is gone.
    pub(crate) fn summary(&self, names: &Names, sequence: u64) -> Option<TaskSummary> {
        let (segment, at) = self.row(sequence)?;
        let mut buffer = [0; 36];
        let state = segment.state[at];
        // While a task waits for its retry, the exception is the last attempt's.
        let exception = segment
            .text(at, Field::Exception)
            .or_else(|| {
                let last = segment.past(at)?.attempts.back()?;
                (state == code::RETRY).then_some(last.exception.as_deref()?)
            })
            .map(|text| clip_chars(text, ROW_EXCEPTION_CHARS));
        Some(TaskSummary {
            id: Self::id_text(segment, at, &mut buffer).into(),
            name: names
                .tasks
                .text(segment.name[at])
                .cloned()
                .map(TaskName::new),
            state: self.state_of(state),
            worker: worker_name(names, segment.worker[at]),
            queue: names
                .queues
                .text(segment.queue[at])
                .cloned()
                .map(QueueName::new),
            retries: segment.retries[at],
            sent: time(segment.sent[at]),
            received: time(segment.received[at]),
            started: time(segment.started[at]),
            finished: time(segment.finished[at]),
            runtime_seconds: segment
                .has(at, flag::HAS_RUNTIME)
                .then(|| segment.runtime[at]),
            eta: time(segment.eta(at)),
            exception,
            is_repaired: is_repaired(segment.sources[at]),
            usual_runtime_seconds: is_running(state)
                .then(|| self.slow.get(&sequence).copied())
                .flatten(),
            is_revoked: segment.has(at, flag::REVOKED) && is_waiting(state),
        })
    }

    fn detail_of(
        &self,
        names: &Names,
        sequence: u64,
        summary: TaskSummary,
        with_children: bool,
    ) -> TaskDetail {
        let (segment, at) = self.segment(sequence);
        let rest = &segment.rest[at];
        let (exchange, routing_key) = self.routes.pair(rest.route);
        let text = |field| segment.text(at, field).map(str::to_owned);
        let last_words = |field| Self::last_words(segment, at, field).map(str::to_owned);
        let past = segment.past(at);
        let mut attempts: Vec<Attempt> = past
            .iter()
            .flat_map(|past| &past.attempts)
            .map(|attempt| self.past_attempt_of(names, attempt))
            .collect();
        attempts.push(self.current_attempt(sequence, &summary));
        TaskDetail {
            args: text(Field::Args),
            kwargs: text(Field::Kwargs),
            result: text(Field::Result),
            exception: last_words(Field::Exception),
            traceback: last_words(Field::Traceback),
            expires: time(segment.expires(at)),
            exchange: names.routes.text(exchange).map(|t| t.to_string()),
            routing_key: names.routes.text(routing_key).map(|t| t.to_string()),
            root_id: Self::root_text(segment, at, &mut [0; 36]).map(TaskId::from),
            parent_id: Self::parent_text(segment, at, &mut [0; 36]).map(TaskId::from),
            children: if with_children {
                self.children(names, segment.id[at])
            } else {
                Vec::new()
            },
            client: segment.client(at).map(str::to_owned),
            clock: (rest.clock != 0).then_some(rest.clock),
            timestamp: time(segment.timestamp(at)),
            attempts,
            attempts_dropped: past.map_or(0, |past| past.dropped),
            custom_events: past.map_or_else(Vec::new, |p| p.custom.iter().cloned().collect()),
            sources: sources(segment.sources[at]),
            retry_of: None,
            retried_as: Vec::new(),
            summary,
        }
    }

    fn current_attempt(&self, sequence: u64, row: &TaskSummary) -> Attempt {
        let (segment, at) = self.segment(sequence);
        let rest = &segment.rest[at];
        let text = |field| segment.text(at, field).map(str::to_owned);
        let is_waiting = row.state == TaskState::Retry && row.finished.is_none();
        Attempt {
            retries: row.retries,
            delivery: u32::from(rest.delivery),
            state: match row.received {
                Some(_) if is_waiting => TaskState::Received,
                None if is_waiting => TaskState::Pending,
                _ => row.state.clone(),
            },
            worker: row.worker.clone(),
            pid: (rest.pid != 0).then_some(rest.pid),
            sent: row.sent,
            received: row.received,
            started: row.started,
            finished: row.finished,
            runtime_seconds: row.runtime_seconds,
            eta: row.eta,
            exception: text(Field::Exception),
            traceback: text(Field::Traceback),
            reason: text(Field::Reason),
        }
    }

    fn past_attempt_of(&self, names: &Names, attempt: &PastAttempt) -> Attempt {
        let text = |text: &Option<Box<str>>| text.as_deref().map(str::to_owned);
        Attempt {
            retries: attempt.retries,
            delivery: u32::from(attempt.delivery),
            state: self.state_of(attempt.state),
            worker: worker_name(names, attempt.worker),
            pid: (attempt.pid != 0).then_some(attempt.pid),
            sent: time(attempt.sent),
            received: time(attempt.received),
            started: time(attempt.started),
            finished: time(attempt.finished),
            runtime_seconds: attempt.runtime,
            eta: time(attempt.eta),
            exception: text(&attempt.exception),
            traceback: text(&attempt.traceback),
            reason: text(&attempt.reason),
        }
    }

    /// Returns the tasks that name this one as parent, oldest first.
    fn children(&self, names: &Names, id: u128) -> Vec<TaskSummary> {
        let mut children = Children::of_key(id);
        while children.step(self) {}
        let children = children.into_window().into_iter();
        children
            .filter_map(|sequence| self.summary(names, sequence))
            .collect()
    }
}

fn worker_name(names: &Names, id: u32) -> Option<WorkerName> {
    names.workers.text(id).cloned().map(WorkerName::new)
}

pub(crate) fn clip_chars(text: &str, most: usize) -> String {
    match text.char_indices().nth(most) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}
