//! A query on its way through the tasks, one segment at a time.
//!
//! Most segments are gone through without the lock, and the caller may let it go
//! between two of the others, so that a search over everything never keeps the
//! writer waiting for longer than one of them takes. A scan can be shared among
//! threads: each takes the next segment that is left.

use super::{
    NO_TIME, Segment, Tasks,
    bits::Bits,
    order::{Best, Order},
    search::Plan,
    slot::Slot,
};
use crate::{history::Order as ListOrder, state::Names};
use model::{
    QueueName, SearchExpression, TaskCount, TaskName, TaskPage, TaskQuery, TaskState, WorkerName,
};
use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

/// From so many tasks on a search of texts is worth a thread of its own, which
/// costs a tenth of a millisecond to begin.
const MANY_TASKS: usize = 50_000;

/// A query's filters, with its names resolved to numbers.
#[derive(Clone, Debug)]
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
    /// The segment taken last began here; those before it are left.
    taken_from: Arc<AtomicU64>,
    is_dear: bool,
    by_code: [u64; 256],
    newer: u64,
    total: u64,
    best: Best,
    list: ListOrder,
}

/// A segment that may be gone through without the lock.
#[derive(Debug)]
pub(crate) struct Part(Arc<Segment>);

/// What became of a step of a scan.
#[derive(Debug)]
pub(crate) enum Step {
    /// A segment was gone through.
    Done,
    /// This one is to be gone through without the lock, by [`Scan::go_through`].
    Apart(Part),
    /// None was left.
    End,
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
        let plan = Plan::new(search);
        Self {
            filter: Filter::new(tasks, names, query),
            is_dear: tasks.len() >= MANY_TASKS && plan.reads_texts(),
            plan,
            order: Order::new(query, names, tasks),
            offset,
            limit,
            is_counted: query.count == TaskCount::Exact,
            is_cut_short: false,
            taken_from: Arc::new(AtomicU64::new(u64::MAX)),
            by_code: [0; 256],
            newer: 0,
            total: 0,
            // One more tells whether there are others behind the window.
            best: Best::new(offset.saturating_add(limit).saturating_add(1)),
            list: ListOrder::of(query),
        }
    }

    /// Tells whether it goes so far that several threads should share it.
    pub(crate) fn is_dear(&self) -> bool {
        self.is_dear
    }

    /// Returns a scan for another thread, which takes a part of what is left;
    /// what it found is added by [`Self::add`].
    pub(crate) fn share(&self) -> Self {
        Self {
            filter: self.filter.clone(),
            plan: self.plan.clone(),
            order: self.order.clone(),
            taken_from: Arc::clone(&self.taken_from),
            by_code: [0; 256],
            best: self.best.another(),
            ..*self
        }
    }

    /// Adds what another thread found.
    pub(crate) fn add(&mut self, other: Self) {
        for (count, more) in self.by_code.iter_mut().zip(other.by_code) {
            *count += more;
        }
        self.newer += other.newer;
        self.total += other.total;
        self.is_cut_short |= other.is_cut_short;
        self.best.add(other.best);
    }

    /// Goes through the newest segment that is left, or hands it out.
    pub(crate) fn step(&mut self, tasks: &Tasks, names: &Names) -> Step {
        if self.filter.is_none() {
            return Step::End;
        }
        let Some(slot) = self.take_next(tasks) else {
            return Step::End;
        };
        self.plan.learn(tasks, names);
        match slot.shared() {
            Some(segment) => Step::Apart(Part(segment)),
            None => {
                self.search(slot);
                Step::Done
            }
        }
    }

    /// Goes through a segment that [`Self::step`] handed out.
    pub(crate) fn go_through(&mut self, part: &Part) {
        self.search(&part.0);
    }

    /// Takes the newest segment that is left to all who share the scan.
    fn take_next<'t>(&self, tasks: &'t Tasks) -> Option<&'t Slot> {
        let mut before = self.taken_from.load(Ordering::Relaxed);
        loop {
            let slot = tasks.newest_before(before)?;
            let taken = self.taken_from.compare_exchange_weak(
                before,
                slot.first,
                Ordering::Relaxed,
                Ordering::Relaxed,
            );
            match taken {
                Ok(_) => return Some(slot),
                Err(other) => before = other,
            }
        }
    }

    fn search(&mut self, segment: &Segment) {
        let Some(filter) = &self.filter else {
            return;
        };
        let is_cut = segment.first + segment.len() as u64 > filter.newest.saturating_add(1);
        if !is_cut && filter.is_blank() && matches!(self.plan, Plan::All) {
            self.count_all(segment);
            return;
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
            return;
        }
        both = self.plan.matches(segment, &both);
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
            list: self.list,
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
    list: ListOrder,
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
            older: tasks.older(self.list),
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
