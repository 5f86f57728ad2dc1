//! A query on its way through the tasks, one segment at a time.
//!
//! The caller may let the lock go between two segments, so that a search over
//! everything never keeps the writer waiting for longer than one of them takes.

use super::{
    NO_TIME, Segment, Tasks,
    bits::Bits,
    order::{Best, Order},
    search::Plan,
};
use crate::state::Names;
use model::{
    QueueName, SearchExpression, TaskCount, TaskName, TaskPage, TaskQuery, TaskState, WorkerName,
};

/// A query's filters, with its names resolved to numbers.
#[derive(Debug)]
struct Filter {
    states: Option<Box<[bool; 256]>>,
    name: Option<u32>,
    worker: Option<u32>,
    queue: Option<u32>,
    received: (i64, i64),
    newest: u64,
}

/// A query that is being answered.
#[derive(Debug)]
pub(crate) struct Scan {
    /// Absent if one of the names is unknown, so that nothing can match.
    filter: Option<Filter>,
    plan: Plan,
    order: Order,
    offset: usize,
    limit: usize,
    is_counted: bool,
    /// Rows were passed over that could not be part of the window.
    is_cut_short: bool,
    /// The segment done last began here; those before it are left.
    done_from: u64,
    by_code: [u64; 256],
    newer: u64,
    total: u64,
    best: Best,
}

impl Scan {
    /// Begins to answer a query; `limit` rows are wanted from its offset on.
    pub(crate) fn new(
        tasks: &Tasks,
        names: &Names,
        query: &TaskQuery,
        search: &SearchExpression,
        limit: usize,
    ) -> Self {
        let offset = usize::try_from(query.offset).unwrap_or(usize::MAX);
        Self {
            filter: Filter::new(tasks, names, query),
            plan: Plan::new(search),
            order: Order::new(query, names, tasks),
            offset,
            limit,
            is_counted: query.count == TaskCount::Exact,
            is_cut_short: false,
            done_from: u64::MAX,
            by_code: [0; 256],
            newer: 0,
            total: 0,
            // One more tells whether there are others behind the window.
            best: Best::new(offset.saturating_add(limit).saturating_add(1)),
        }
    }

    /// Goes through the newest segment that is left; `false` if there was none.
    pub(crate) fn step(&mut self, tasks: &Tasks, names: &Names) -> bool {
        let Some(filter) = &self.filter else {
            return false;
        };
        let next = tasks
            .segments
            .iter()
            .rev()
            .find(|segment| segment.first < self.done_from);
        let Some(segment) = next else {
            return false;
        };
        self.done_from = segment.first;
        let is_cut = segment.first + segment.len() as u64 > filter.newest.saturating_add(1);
        if !is_cut && filter.is_blank() && matches!(self.plan, Plan::All) {
            self.count_all(segment);
            return true;
        }
        let mut rows = Bits::all(segment.len());
        filter.keep(segment, &mut rows);
        let mut newer = Bits::none(segment.len());
        if is_cut {
            let old = usize::try_from((filter.newest + 1).saturating_sub(segment.first));
            let old = old.unwrap_or(usize::MAX);
            newer = rows.clone();
            newer.keep_each(|at| at >= old);
            rows.subtract(&newer);
        }
        if !self.is_counted {
            filter.keep_states(segment, &mut rows);
            self.is_cut_short |= self.order.keep_better(segment, &mut rows, &self.best);
        }
        let mut both = rows.clone();
        both.add(&newer);
        if both.is_empty() {
            return true;
        }
        both = self.plan.matches(tasks, names, segment, &both);
        rows.keep_both(&both);
        if is_cut {
            newer.keep_both(&both);
            filter.keep_states(segment, &mut newer);
            self.newer += newer.count() as u64;
        }
        if self.is_counted {
            count_states(&mut self.by_code, segment, &rows);
            filter.keep_states(segment, &mut rows);
        }
        self.total += rows.count() as u64;
        self.order.offer(segment, &rows, &mut self.best);
        true
    }

    /// Takes a segment whose rows all match, apart from their states.
    fn count_all(&mut self, segment: &Segment) {
        let states = self.filter.as_ref().and_then(|f| f.states.as_deref());
        let mut chosen = 0;
        for (code, count) in segment.counts.iter().enumerate() {
            self.by_code[code] += u64::from(*count);
            if states.is_none_or(|states| states[code]) {
                chosen += u64::from(*count);
            }
        }
        self.total += chosen;
        if chosen == 0 {
            return;
        }
        let mut rows = Bits::all(segment.len());
        if let Some(states) = states
            && chosen < segment.len() as u64
        {
            rows.keep(&segment.state, |state| states[usize::from(*state)]);
        }
        self.order.offer(segment, &rows, &mut self.best);
    }

    /// Puts what was found in order, which takes its time far down a long list.
    pub(crate) fn finish(self) -> Found {
        let mut window = self.best.into_window(self.offset);
        window.truncate(self.limit);
        Found {
            window: window.into_iter().map(|(_, sequence)| !sequence).collect(),
            by_code: self.is_counted.then(|| Box::new(self.by_code)),
            total: (!self.is_cut_short).then_some(self.total),
            newer: self.newer,
        }
    }
}

/// What a query found.
#[derive(Debug)]
pub(crate) struct Found {
    /// Sequence numbers of the window, in order.
    pub(crate) window: Vec<u64>,
    by_code: Option<Box<[u64; 256]>>,
    /// How many match; always known if the query asks for counts.
    pub(crate) total: Option<u64>,
    newer: u64,
}

impl Found {
    /// Returns the page, still without its rows.
    pub(crate) fn page(&self, tasks: &Tasks) -> TaskPage {
        TaskPage {
            rows: Vec::new(),
            total: self.total,
            states: self
                .by_code
                .as_ref()
                .map_or_else(Vec::new, |by_code| tasks.name_counts(by_code)),
            stored: tasks.len() as u64,
            latest: tasks.latest(),
            newer: self.newer,
        }
    }
}

impl Filter {
    /// `None` if a name is asked for that nothing has.
    fn new(tasks: &Tasks, names: &Names, query: &TaskQuery) -> Option<Self> {
        let states = (!query.states.is_empty()).then(|| {
            let mut chosen = Box::new([false; 256]);
            for code in query.states.iter().filter_map(|s| tasks.code_of(s)) {
                chosen[usize::from(code)] = true;
            }
            chosen
        });
        // The filter's own absence is no answer, an unknown name's is one.
        let find = |text: Option<&str>, find: &dyn Fn(&str) -> Option<u32>| match text {
            None => Some(None),
            Some(text) => find(text).map(Some),
        };
        Some(Self {
            states,
            name: find(query.name.as_ref().map(TaskName::as_str), &|text| {
                names.tasks.find(text)
            })?,
            worker: find(query.worker.as_ref().map(WorkerName::as_str), &|text| {
                names.workers.find(text)
            })?,
            queue: find(query.queue.as_ref().map(QueueName::as_str), &|text| {
                names.queues.find(text)
            })?,
            received: (
                query.received_start.map_or(i64::MIN, |time| time.0),
                query.received_end.map_or(i64::MAX, |time| time.0),
            ),
            newest: query.newest.unwrap_or(u64::MAX),
        })
    }

    fn has_time(&self) -> bool {
        self.received != (i64::MIN, i64::MAX)
    }

    /// Tells whether every row passes, whatever its state and age.
    fn is_blank(&self) -> bool {
        self.name.is_none() && self.worker.is_none() && self.queue.is_none() && !self.has_time()
    }

    /// Keeps the rows in one of the chosen states.
    fn keep_states(&self, segment: &Segment, rows: &mut Bits) {
        if let Some(states) = &self.states {
            rows.keep(&segment.state, |state| states[usize::from(*state)]);
        }
    }

    /// Keeps the rows that pass, whatever their state and age.
    fn keep(&self, segment: &Segment, rows: &mut Bits) {
        for (wanted, column) in [
            (self.name, &segment.name),
            (self.worker, &segment.worker),
            (self.queue, &segment.queue),
        ] {
            if let Some(wanted) = wanted {
                rows.keep(column, |id| *id == wanted);
            }
        }
        if self.has_time() {
            let (start, end) = self.received;
            rows.keep(&segment.received, |at| {
                *at != NO_TIME && (start..=end).contains(at)
            });
        }
    }
}

fn count_states(by_code: &mut [u64; 256], segment: &Segment, rows: &Bits) {
    if rows.count() == segment.len() {
        for (all, count) in by_code.iter_mut().zip(segment.counts.iter()) {
            *all += u64::from(*count);
        }
    } else {
        for at in rows.iter() {
            by_code[usize::from(segment.state[at])] += 1;
        }
    }
}

impl Tasks {
    pub(super) fn name_counts(&self, by_code: &[u64; 256]) -> Vec<(TaskState, u64)> {
        let built_in = TaskState::BUILT_IN.len();
        (0..=255u8)
            .map(|code| (code, by_code[usize::from(code)]))
            .filter(|(code, count)| usize::from(*code) < built_in || *count > 0)
            .map(|(code, count)| (self.state_of(code), count))
            .collect()
    }
}
