//! Counters behind `/metrics`, under the names that Flower gave them.

use super::{
    Names,
    intern::{Interner, Texts},
    tasks::Ended,
};
use hashbrown::HashMap;
use model::{QueueList, WorkerSummary};
use std::collections::BTreeMap;

/// Upper bounds of the run-time histogram, seconds: the Prometheus client's defaults.
pub const RUNTIME_BOUNDS: [f64; 14] = [
    0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0,
];

/// Most series of one kind; a cluster of 100 workers with 100 types has 10,000.
const MAX_SERIES: usize = 100_000;

/// Events of one type from one worker about one task type.
#[derive(Clone, Debug, PartialEq)]
pub struct EventCount {
    /// The worker; empty for `task-sent`, which clients send.
    pub worker: String,
    /// The event's type.
    pub kind: String,
    /// The task type; empty for worker events.
    pub task: String,
    /// How many.
    pub count: u64,
}

/// Run times of one task type on one worker.
#[derive(Clone, Debug, PartialEq)]
pub struct RuntimeHistogram {
    /// The worker.
    pub worker: String,
    /// The task type.
    pub task: String,
    /// Tasks by bucket of [`RUNTIME_BOUNDS`], not cumulative; the last one has no bound.
    pub buckets: [u64; 15],
    /// Sum of the run times, seconds.
    pub sum_seconds: f64,
}

/// Upper bounds of [`LockWaits`], seconds.
pub const LOCK_WAIT_BOUNDS: [f64; 8] = [
    0.000_05, 0.000_1, 0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01,
];

/// How long the writer waited for readers before it could change the state.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct LockWaits {
    /// Waits by bucket of [`LOCK_WAIT_BOUNDS`], not cumulative; the last one has no bound.
    pub buckets: [u64; 9],
    /// Sum of the waits, seconds.
    pub sum_seconds: f64,
}

impl LockWaits {
    pub(crate) fn add(&mut self, seconds: f64) {
        let place = LOCK_WAIT_BOUNDS.partition_point(|bound| *bound < seconds);
        if let Some(count) = self.buckets.get_mut(place) {
            *count += 1;
        }
        self.sum_seconds += seconds;
    }
}

/// Everything `/metrics` shows.
#[derive(Clone, Debug)]
pub struct Metrics {
    /// Events.
    pub events: Vec<EventCount>,
    /// Run times of tasks that succeeded.
    pub runtimes: Vec<RuntimeHistogram>,
    /// Seconds that the last task waited in the worker, by worker and task type; 0 after it ended.
    pub prefetch_time: Vec<(String, String, f64)>,
    /// Tasks that wait in the worker, by worker and task type.
    pub prefetched: Vec<(String, String, u64)>,
    /// Workers.
    pub workers: Vec<WorkerSummary>,
    /// Queues.
    pub queues: QueueList,
    /// The dashboard's own state.
    pub pulse: model::Pulse,
    /// Gaps since the start, by cause; causes that never occurred are left out.
    pub gaps_total: BTreeMap<&'static str, u64>,
    /// Started tasks found to be unseen since the start, by worker.
    pub missed: BTreeMap<String, u64>,
    /// Announcements of results dropped because there were too many.
    pub announcements_dropped_total: u64,
    /// Tasks in memory.
    pub tasks_stored: u64,
    /// Tasks forgotten to make room.
    pub tasks_evicted_total: u64,
    /// Among them, tasks that had not ended.
    pub running_tasks_evicted_total: u64,
    /// How long the writer waited for readers.
    pub lock_waits: LockWaits,
    /// Bytes of the texts of tasks in memory.
    pub text_bytes: u64,
    /// How many times a task was written to the store of the past since the start.
    pub history_saved_total: u64,
    /// Tasks in memory that changed since the store has them.
    pub history_unsaved: u64,
}

/// The texts of numbers, without the state.
#[derive(Debug)]
pub(crate) struct Labels {
    workers: Texts,
    tasks: Texts,
    events: Texts,
}

impl Labels {
    pub(crate) fn of(names: &Names) -> Self {
        Self {
            workers: names.workers.copy(),
            tasks: names.tasks.copy(),
            events: names.events.copy(),
        }
    }
}

/// What `/metrics` shows, as it is copied out of the state; to name and to sort
/// it takes longer than the state may be locked.
#[derive(Debug)]
pub(crate) struct Gathered {
    pub(crate) labels: Labels,
    pub(crate) counters: Counters,
    pub(crate) waiting: HashMap<(u32, u32), u64>,
    pub(crate) missed: HashMap<u32, u64>,
    pub(crate) workers: Vec<WorkerSummary>,
    pub(crate) queues: QueueList,
    pub(crate) pulse: model::Pulse,
    pub(crate) gaps_total: BTreeMap<&'static str, u64>,
    pub(crate) tasks_stored: u64,
    pub(crate) tasks_evicted_total: u64,
    pub(crate) running_tasks_evicted_total: u64,
    pub(crate) lock_waits: LockWaits,
    pub(crate) text_bytes: u64,
    pub(crate) history_unsaved: u64,
}

impl Gathered {
    /// Names and sorts.
    pub(crate) fn into_metrics(
        self,
        announcements_dropped_total: u64,
        history_saved_total: u64,
    ) -> Metrics {
        let labels = &self.labels;
        let mut prefetched: Vec<(String, String, u64)> = self
            .waiting
            .iter()
            .map(|((worker, task), count)| {
                let (worker, task) = (labels.workers.text(*worker), labels.tasks.text(*task));
                (worker, task, *count)
            })
            .collect();
        prefetched.sort();
        Metrics {
            events: self.counters.events(labels),
            runtimes: self.counters.runtimes(labels),
            prefetch_time: self.counters.prefetch_time(labels),
            prefetched,
            missed: self
                .missed
                .iter()
                .map(|(worker, count)| (labels.workers.text(*worker), *count))
                .collect(),
            workers: self.workers,
            queues: self.queues,
            pulse: self.pulse,
            gaps_total: self.gaps_total,
            announcements_dropped_total,
            tasks_stored: self.tasks_stored,
            tasks_evicted_total: self.tasks_evicted_total,
            running_tasks_evicted_total: self.running_tasks_evicted_total,
            lock_waits: self.lock_waits,
            text_bytes: self.text_bytes,
            history_saved_total,
            history_unsaved: self.history_unsaved,
        }
    }
}

/// The counters.
#[derive(Clone, Debug, Default)]
pub(crate) struct Counters {
    events: HashMap<(u32, u32, u32), u64>,
    runtimes: HashMap<(u32, u32), ([u64; 15], f64)>,
    prefetch: HashMap<(u32, u32), f64>,
}

impl Counters {
    pub(crate) fn event(&mut self, worker: u32, kind: u32, task: u32) {
        if let Some(count) = self.events.get_mut(&(worker, kind, task)) {
            *count += 1;
        } else if self.events.len() < MAX_SERIES {
            self.events.insert((worker, kind, task), 1);
        }
    }

    pub(crate) fn waited(&mut self, worker: u32, task: u32, seconds: f64) {
        if self.prefetch.len() < MAX_SERIES || self.prefetch.contains_key(&(worker, task)) {
            self.prefetch.insert((worker, task), seconds);
        }
    }

    pub(crate) fn ended(&mut self, worker: u32, task: u32, ended: Ended, runtime: Option<f64>) {
        let series = (worker, task);
        if matches!(ended, Ended::Succeeded | Ended::Failed)
            && let Some(seconds) = self.prefetch.get_mut(&series)
        {
            *seconds = 0.0;
        }
        // Flower observes the run time that only `task-succeeded` carries.
        let (Ended::Succeeded, Some(runtime)) = (ended, runtime) else {
            return;
        };
        if self.runtimes.len() >= MAX_SERIES && !self.runtimes.contains_key(&series) {
            return;
        }
        let (buckets, sum) = self.runtimes.entry(series).or_default();
        let place = RUNTIME_BOUNDS
            .iter()
            .position(|bound| runtime <= *bound)
            .unwrap_or(RUNTIME_BOUNDS.len());
        buckets[place] += 1;
        *sum += runtime;
    }

    /// Returns the counters whose values are others than they were.
    pub(crate) fn changes_since(
        &self,
        earlier: &Self,
        labels: &Labels,
    ) -> (Vec<EventCount>, Vec<RuntimeHistogram>) {
        let events = self.events.iter();
        let events = events.filter(|(series, count)| earlier.events.get(*series) != Some(count));
        let runtimes = self.runtimes.iter();
        let runtimes =
            runtimes.filter(|(series, figures)| earlier.runtimes.get(*series) != Some(figures));
        (
            events.map(|event| event_count(event, labels)).collect(),
            runtimes
                .map(|runtime| runtime_histogram(runtime, labels))
                .collect(),
        )
    }

    /// Goes on with the counters of an earlier run.
    pub(crate) fn restore(
        &mut self,
        events: &[EventCount],
        runtimes: &[RuntimeHistogram],
        names: &mut Names,
    ) {
        let number = |interner: &mut Interner, text: &str| match text {
            "" => Interner::NONE,
            text => interner.intern(text),
        };
        for event in events.iter().take(MAX_SERIES) {
            let series = (
                number(&mut names.workers, &event.worker),
                number(&mut names.events, &event.kind),
                number(&mut names.tasks, &event.task),
            );
            self.events.insert(series, event.count);
        }
        for runtime in runtimes.iter().take(MAX_SERIES) {
            let series = (
                number(&mut names.workers, &runtime.worker),
                number(&mut names.tasks, &runtime.task),
            );
            self.runtimes
                .insert(series, (runtime.buckets, runtime.sum_seconds));
        }
    }

    pub(crate) fn events(&self, labels: &Labels) -> Vec<EventCount> {
        let mut rows: Vec<EventCount> = self
            .events
            .iter()
            .map(|event| event_count(event, labels))
            .collect();
        rows.sort_by(|a, b| (&a.worker, &a.kind, &a.task).cmp(&(&b.worker, &b.kind, &b.task)));
        rows
    }

    pub(crate) fn runtimes(&self, labels: &Labels) -> Vec<RuntimeHistogram> {
        let mut rows: Vec<RuntimeHistogram> = self
            .runtimes
            .iter()
            .map(|runtime| runtime_histogram(runtime, labels))
            .collect();
        rows.sort_by(|a, b| (&a.worker, &a.task).cmp(&(&b.worker, &b.task)));
        rows
    }

    pub(crate) fn prefetch_time(&self, labels: &Labels) -> Vec<(String, String, f64)> {
        let mut rows: Vec<_> = self
            .prefetch
            .iter()
            .map(|((worker, task), seconds)| {
                (
                    labels.workers.text(*worker),
                    labels.tasks.text(*task),
                    *seconds,
                )
            })
            .collect();
        rows.sort_by(|a, b| (&a.0, &a.1).cmp(&(&b.0, &b.1)));
        rows
    }
}

fn event_count(
    ((worker, kind, task), count): (&(u32, u32, u32), &u64),
    labels: &Labels,
) -> EventCount {
    EventCount {
        worker: labels.workers.text(*worker),
        kind: labels.events.text(*kind),
        task: labels.tasks.text(*task),
        count: *count,
    }
}

fn runtime_histogram(
    ((worker, task), (buckets, sum_seconds)): (&(u32, u32), &([u64; 15], f64)),
    labels: &Labels,
) -> RuntimeHistogram {
    RuntimeHistogram {
        worker: labels.workers.text(*worker),
        task: labels.tasks.text(*task),
        buckets: *buckets,
        sum_seconds: *sum_seconds,
    }
}

pub(crate) fn text(shared: Option<&std::sync::Arc<str>>) -> String {
    shared.map(|text| text.to_string()).unwrap_or_default()
}
