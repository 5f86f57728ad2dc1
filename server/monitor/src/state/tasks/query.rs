//! Reading tasks: pages, single tasks, counts.

use super::order::{Best, Order};
use super::{Field, NO_TIME, PastAttempt, Segment, Tasks, code, flag, time, write_uuid};
use crate::state::Names;
use model::{
    Attempt, QueueName, SearchExpression, TaskDetail, TaskId, TaskName, TaskPage, TaskQuery,
    TaskState, TaskSummary, WorkerName,
    search::{SearchField, SearchFields},
};

/// Longest exception text in a row, characters.
const ROW_EXCEPTION_CHARS: usize = 200;

/// Most children listed with a task.
const MAX_CHILDREN: usize = 100;

/// A query, with its names resolved to numbers.
struct Filter<'q> {
    states: Option<[bool; 256]>,
    name: Option<u32>,
    worker: Option<u32>,
    queue: Option<u32>,
    received: (i64, i64),
    search: Option<&'q SearchExpression>,
    newest: u64,
}

impl Tasks {
    /// Returns the window of a query, with counts.
    pub(crate) fn page(
        &self,
        names: &Names,
        query: &TaskQuery,
        search: &SearchExpression,
    ) -> TaskPage {
        let mut by_code = [0u64; 256];
        let mut newer = 0;
        let mut total = 0;
        let window = query.offset.saturating_add(u64::from(query.limit));
        let mut best = Best::new(usize::try_from(window).unwrap_or(usize::MAX));
        if let Some(filter) = self.filter(names, query, search) {
            let order = Order::new(query, names, self);
            self.scan(names, &filter, |segment, at, sequence| {
                let state = usize::from(segment.state[at]);
                let is_chosen = filter.states.is_none_or(|states| states[state]);
                if sequence > filter.newest {
                    newer += u64::from(is_chosen);
                    return;
                }
                by_code[state] += 1;
                if is_chosen {
                    total += 1;
                    best.offer((order.key(segment, at), !sequence));
                }
            });
        }
        let rows = best
            .into_sorted()
            .into_iter()
            .skip(usize::try_from(query.offset).unwrap_or(usize::MAX))
            .take(query.limit as usize)
            .map(|(_, sequence)| self.summary(names, !sequence))
            .collect();
        TaskPage {
            rows,
            total,
            states: self.name_counts(&by_code),
            stored: self.len() as u64,
            latest: self.latest(),
            newer,
        }
    }

    /// Returns the matching tasks in order, whole.
    pub(crate) fn details(
        &self,
        names: &Names,
        query: &TaskQuery,
        search: &SearchExpression,
        limit: usize,
    ) -> Vec<TaskDetail> {
        let Some(filter) = self.filter(names, query, search) else {
            return Vec::new();
        };
        let offset = usize::try_from(query.offset).unwrap_or(usize::MAX);
        let mut best = Best::new(offset.saturating_add(limit));
        let order = Order::new(query, names, self);
        self.scan(names, &filter, |segment, at, sequence| {
            let state = usize::from(segment.state[at]);
            if sequence <= filter.newest && filter.states.is_none_or(|states| states[state]) {
                best.offer((order.key(segment, at), !sequence));
            }
        });
        best.into_sorted()
            .into_iter()
            .skip(offset)
            .take(limit)
            .map(|(_, sequence)| self.detail_of(names, !sequence, false))
            .collect()
    }

    /// Returns everything known of a task.
    pub(crate) fn detail(&self, names: &Names, id: &TaskId) -> Option<TaskDetail> {
        let sequence = self.find(id.as_str())?;
        Some(self.detail_of(names, sequence, true))
    }

    /// Returns how many tasks wait in workers, by worker and type.
    pub(crate) fn prefetched(&self) -> impl Iterator<Item = (u32, u32)> {
        self.segments.iter().flat_map(|segment| {
            (0..segment.len())
                .filter(|at| segment.state[*at] == code::RECEIVED)
                .map(|at| (segment.worker[at], segment.name[at]))
        })
    }

    /// Returns how many tasks are started and not ended, for one worker process.
    pub(crate) fn running_on(&self, worker: u32) -> u64 {
        self.segments
            .iter()
            .map(|segment| {
                (0..segment.len())
                    .filter(|at| segment.worker[*at] == worker && is_running(segment.state[*at]))
                    .count() as u64
            })
            .sum()
    }

    fn name_counts(&self, by_code: &[u64; 256]) -> Vec<(TaskState, u64)> {
        let built_in = TaskState::BUILT_IN.len();
        (0..=255u8)
            .map(|code| (code, by_code[usize::from(code)]))
            .filter(|(code, count)| usize::from(*code) < built_in || *count > 0)
            .map(|(code, count)| (self.state_of(code), count))
            .collect()
    }

    /// Resolves a query's names; `None` if one of them is unknown, so that nothing can match.
    fn filter<'q>(
        &self,
        names: &Names,
        query: &TaskQuery,
        search: &'q SearchExpression,
    ) -> Option<Filter<'q>> {
        let states = (!query.states.is_empty()).then(|| {
            let mut chosen = [false; 256];
            for state in &query.states {
                if let Some(code) = self.code_of(state) {
                    chosen[usize::from(code)] = true;
                }
            }
            chosen
        });
        let name = resolve(query.name.as_ref().map(TaskName::as_str), |text| {
            names.tasks.find(text)
        })?;
        let worker = resolve(query.worker.as_ref().map(WorkerName::as_str), |text| {
            names.workers.find(text)
        })?;
        let queue = resolve(query.queue.as_ref().map(QueueName::as_str), |text| {
            names.queues.find(text)
        })?;
        Some(Filter {
            states,
            name,
            worker,
            queue,
            received: (
                query.received_start.map_or(i64::MIN, |time| time.0),
                query.received_end.map_or(i64::MAX, |time| time.0),
            ),
            search: (!search.is_blank()).then_some(search),
            newest: query.newest.unwrap_or(u64::MAX),
        })
    }

    /// Calls `visit` for every row that matches, whatever its state and age.
    fn scan(
        &self,
        names: &Names,
        filter: &Filter<'_>,
        mut visit: impl FnMut(&Segment, usize, u64),
    ) {
        let has_time = filter.received != (i64::MIN, i64::MAX);
        for segment in self.segments.iter().rev() {
            for at in (0..segment.len()).rev() {
                if filter.name.is_some_and(|name| segment.name[at] != name)
                    || filter
                        .worker
                        .is_some_and(|worker| segment.worker[at] != worker)
                    || filter.queue.is_some_and(|queue| segment.queue[at] != queue)
                {
                    continue;
                }
                if has_time {
                    let received = segment.received[at];
                    let (start, end) = filter.received;
                    if received == NO_TIME || received < start || received > end {
                        continue;
                    }
                }
                if let Some(search) = filter.search
                    && !search.matches(&RowText {
                        tasks: self,
                        names,
                        segment,
                        at,
                    })
                {
                    continue;
                }
                visit(segment, at, segment.first + at as u64);
            }
        }
    }

    fn id_text<'s>(
        segment: &'s Segment,
        at: usize,
        (number, is_odd, field): (u128, bool, Field),
        buffer: &'s mut [u8; 36],
    ) -> &'s str {
        if is_odd {
            segment.text(at, field).unwrap_or_default()
        } else {
            write_uuid(number, buffer)
        }
    }

    fn own_id(segment: &Segment, at: usize) -> (u128, bool, Field) {
        (segment.id[at], segment.has(at, flag::ODD_ID), Field::Id)
    }

    /// Returns a task's row.
    pub(crate) fn summary(&self, names: &Names, sequence: u64) -> TaskSummary {
        let (segment, at) = self.segment(sequence);
        let mut buffer = [0; 36];
        let state = segment.state[at];
        // While a task waits for its retry, the exception is the last attempt's.
        let exception = segment
            .text(at, Field::Exception)
            .or_else(|| {
                let last = self.past.get(&sequence)?.attempts.back()?;
                (state == code::RETRY).then_some(last.exception.as_deref()?)
            })
            .map(|text| clip_chars(text, ROW_EXCEPTION_CHARS));
        TaskSummary {
            id: Self::id_text(segment, at, Self::own_id(segment, at), &mut buffer).into(),
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
            sent: time(segment.rest[at].sent),
            received: time(segment.received[at]),
            started: time(segment.started[at]),
            finished: time(segment.finished[at]),
            runtime_seconds: segment
                .has(at, flag::HAS_RUNTIME)
                .then(|| segment.runtime[at]),
            eta: time(segment.rest[at].eta),
            exception,
            is_repaired: false,
            usual_runtime_seconds: None,
        }
    }

    fn detail_of(&self, names: &Names, sequence: u64, with_children: bool) -> TaskDetail {
        let (segment, at) = self.segment(sequence);
        let rest = &segment.rest[at];
        let text = |field| segment.text(at, field).map(str::to_owned);
        let related = |has, odd, number, field| {
            segment.has(at, has).then(|| {
                let id = (number, segment.has(at, odd), field);
                Self::id_text(segment, at, id, &mut [0; 36]).into()
            })
        };
        let past = self.past.get(&sequence);
        let mut attempts: Vec<Attempt> = past
            .iter()
            .flat_map(|past| &past.attempts)
            .map(|attempt| self.past_attempt_of(names, attempt))
            .collect();
        let last_words = |pick: fn(&Attempt) -> &Option<String>| {
            attempts.iter().rev().find_map(|a| pick(a).clone())
        };
        let exception = text(Field::Exception).or_else(|| last_words(|a| &a.exception));
        let traceback = text(Field::Traceback).or_else(|| last_words(|a| &a.traceback));
        let summary = self.summary(names, sequence);
        attempts.push(self.current_attempt(sequence, &summary));
        TaskDetail {
            args: text(Field::Args),
            kwargs: text(Field::Kwargs),
            result: text(Field::Result),
            exception,
            traceback,
            expires: time(rest.expires),
            exchange: names.routes.text(rest.exchange).map(|t| t.to_string()),
            routing_key: names.routes.text(rest.routing_key).map(|t| t.to_string()),
            root_id: related(flag::HAS_ROOT, flag::ODD_ROOT, rest.root, Field::Root),
            parent_id: related(
                flag::HAS_PARENT,
                flag::ODD_PARENT,
                rest.parent,
                Field::Parent,
            ),
            children: if with_children {
                self.children(names, segment.id[at])
            } else {
                Vec::new()
            },
            client: text(Field::Client),
            clock: (rest.clock != 0).then_some(rest.clock),
            timestamp: time(segment.timestamp[at]),
            attempts,
            attempts_dropped: past.map_or(0, |past| past.dropped),
            custom_events: past.map_or_else(Vec::new, |p| p.custom.iter().cloned().collect()),
            sources: vec![model::Source::Event],
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
        let mut children = Vec::new();
        for segment in &self.segments {
            for at in 0..segment.len() {
                let is_child = segment.rest[at].parent == id
                    && segment.has(at, flag::HAS_PARENT)
                    && segment.id[at] != id;
                if is_child {
                    children.push(self.summary(names, segment.first + at as u64));
                    if children.len() >= MAX_CHILDREN {
                        return children;
                    }
                }
            }
        }
        children
    }
}

/// `None` if a name is asked for that nothing has; `Some(None)` if none is asked for.
#[expect(
    clippy::option_option,
    reason = "not asked, asked and known, asked and unknown differ"
)]
fn resolve(text: Option<&str>, find: impl Fn(&str) -> Option<u32>) -> Option<Option<u32>> {
    match text {
        None => Some(None),
        Some(text) => find(text).map(Some),
    }
}

fn is_running(state: u8) -> bool {
    state == code::STARTED || state >= code::FIRST_CUSTOM
}

fn worker_name(names: &Names, id: u32) -> Option<WorkerName> {
    names.workers.text(id).cloned().map(WorkerName::new)
}

fn clip_chars(text: &str, most: usize) -> String {
    match text.char_indices().nth(most) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

/// The texts a search looks into.
struct RowText<'s> {
    tasks: &'s Tasks,
    names: &'s Names,
    segment: &'s Segment,
    at: usize,
}

impl SearchFields for RowText<'_> {
    fn with(&self, field: SearchField, test: &mut dyn FnMut(&str) -> bool) -> bool {
        let (segment, at) = (self.segment, self.at);
        let text = |field| segment.text(at, field).unwrap_or_default();
        match field {
            SearchField::Id => {
                let id = Tasks::own_id(segment, at);
                test(Tasks::id_text(segment, at, id, &mut [0; 36]))
            }
            SearchField::Name => test(self.names.tasks.text(segment.name[at]).map_or("", |t| t)),
            SearchField::Worker => test(
                self.names
                    .workers
                    .text(segment.worker[at])
                    .map_or("", |t| t),
            ),
            SearchField::State => test(self.tasks.state_of(segment.state[at]).as_str()),
            SearchField::Args => test(text(Field::Args)),
            SearchField::Kwargs => test(text(Field::Kwargs)),
            SearchField::Result => test(text(Field::Result)),
        }
    }
}
