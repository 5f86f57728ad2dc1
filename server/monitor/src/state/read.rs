//! Reading the state. What goes through all tasks is made of steps, between
//! which the caller lets the lock go; see [`crate::cell::StateReader`].

use super::{
    Children, Found, Scan, State,
    metrics::{Gathered, Labels},
    queues::Queues,
    repair::OpenTask,
    schedule::Schedules,
    tasks::{self, Census, Samples, Step, Sweep, Waiting},
};
use model::{
    AuditLog, HistoryHealth, Inspection, Pulse, QueueList, QueueName, SearchExpression, TaskDetail,
    TaskId, TaskName, TaskPage, TaskQuery, TaskState, TaskSummary, Timestamp, UndecodableList,
    WorkerDetail, WorkerList, WorkerName,
};

use std::{collections::BTreeSet, sync::Arc};

impl State {
    pub(crate) fn pulse(&self, now: Timestamp) -> Pulse {
        let (workers_online, workers_total) = self.workers.counts();
        Pulse {
            now,
            broker_url: self.limits.broker_url.clone(),
            broker: self.health.broker.clone(),
            events_per_second: self.events_per_second,
            events_total: self.health.events_total,
            dropped_total: self.health.dropped_total,
            undecodable_total: self.health.undecodable_total,
            missed_total: self.health.missed_total(),
            gaps: self.health.shown_gaps(),
            failures: self.tasks.count(tasks::code::FAILURE),
            workers_online,
            workers_total,
            queued: self.queues.ready(),
            version: self.limits.version.clone(),
            history: self.history(),
        }
    }

    fn history(&self) -> HistoryHealth {
        HistoryHealth {
            lost_total: self.tasks.lost_to_history(),
            ..self.health.history.clone()
        }
    }

    pub(crate) fn task_page(&self, query: &TaskQuery, search: &SearchExpression) -> TaskPage {
        self.tasks.page(&self.names, query, search)
    }

    /// Begins a query that is answered one segment at a time.
    pub(crate) fn scan(&self, query: &TaskQuery, search: &SearchExpression, limit: usize) -> Scan {
        Scan::new(&self.tasks, &self.names, query, search, limit)
    }

    /// Goes on with a query.
    pub(crate) fn step(&self, scan: &mut Scan) -> Step {
        scan.step(&self.tasks, &self.names)
    }

    /// Goes on with a census; `false` if nothing is left to go through.
    pub(crate) fn count(&self, census: &mut Census) -> bool {
        census.step(&self.tasks, &self.names)
    }

    /// Ends a census: the names that pass the test and have tasks.
    pub(crate) fn counted(
        &self,
        census: Census,
        is_wanted: impl Fn(&str) -> bool,
    ) -> Vec<(String, u64)> {
        census.into_names(&self.names, is_wanted)
    }

    /// Goes on with collecting texts; `false` if there are enough.
    pub(crate) fn sample(&self, samples: &mut Samples) -> bool {
        samples.step(&self.tasks)
    }

    /// Returns how many tasks are in each state; Celery's own are always there.
    pub(crate) fn states(&self) -> Vec<(TaskState, u64)> {
        self.tasks.states()
    }

    /// Returns the page of what a query found, still without its rows.
    pub(crate) fn page_of(&self, found: &Found) -> TaskPage {
        found.page(&self.tasks)
    }

    /// Returns the rows with these sequence numbers; those that are gone by
    /// now are left out.
    pub(crate) fn task_rows(&self, window: &[u64]) -> Vec<TaskSummary> {
        window
            .iter()
            .filter_map(|sequence| self.tasks.summary(&self.names, *sequence))
            .collect()
    }

    /// Returns the tasks with these sequence numbers, without children; those
    /// that are gone by now are left out.
    pub(crate) fn task_details(&self, window: &[u64]) -> Vec<TaskDetail> {
        window
            .iter()
            .filter_map(|sequence| self.tasks.detail_at(&self.names, *sequence, false))
            .map(|task| self.with_links(task))
            .collect()
    }

    pub(crate) fn task(&self, id: &TaskId) -> Option<TaskDetail> {
        let task = self.tasks.detail(&self.names, id)?;
        Some(self.with_links(task))
    }

    /// Begins to look for the tasks that a task sent.
    pub(crate) fn children(&self, parent: &TaskId) -> Children {
        Children::of(&self.tasks, parent)
    }

    /// Goes on with looking for them; `false` if nothing is left to go through.
    pub(crate) fn look_for(&self, children: &mut Children) -> bool {
        children.step(&self.tasks)
    }

    /// Returns everything known of a task but its children.
    pub(crate) fn task_alone(&self, id: &TaskId) -> Option<TaskDetail> {
        let sequence = self.tasks.find(id.as_str())?;
        let task = self.tasks.detail_at(&self.names, sequence, false)?;
        Some(self.with_links(task))
    }

    fn with_links(&self, mut task: TaskDetail) -> TaskDetail {
        self.retries.fill(&mut task);
        task
    }

    /// Writes who repeats a task into its description.
    pub(crate) fn add_retries(&self, task: &mut TaskDetail) {
        self.retries.fill(task);
    }

    /// Tells which of these tasks are in memory.
    pub(crate) fn are_here(&self, ids: &[TaskId]) -> Vec<bool> {
        self.tasks.are_here(ids)
    }

    /// Tells whether the store has tasks that are not in memory.
    pub(crate) fn has_older(&self) -> bool {
        self.tasks.has_older()
    }

    /// Returns how many tasks are in memory, and the sequence number of the newest.
    pub(crate) fn extent(&self) -> (u64, u64) {
        (self.tasks.len() as u64, self.tasks.latest())
    }

    /// Returns the ids of tasks with these sequence numbers; those that are
    /// gone by now are left out.
    pub(crate) fn ids(&self, window: &[u64]) -> Vec<TaskId> {
        let ids = window.iter();
        ids.filter_map(|sequence| self.tasks.id_of(*sequence))
            .collect()
    }

    pub(crate) fn task_types(&self) -> Vec<TaskName> {
        let mut types: Vec<TaskName> = self
            .names
            .tasks
            .texts()
            .map(|name| TaskName::new(name.clone()))
            .collect();
        types.sort();
        types
    }

    pub(crate) fn undecodable(&self) -> UndecodableList {
        self.health.undecodable_list()
    }

    pub(crate) fn audit_log(&self) -> AuditLog {
        self.audit.log()
    }

    pub(crate) fn worker_list(&self) -> WorkerList {
        WorkerList {
            rows: self.workers.list(&self.names),
            unanswered_pings: self.workers.unanswered_pings,
        }
    }

    /// Returns a worker, and apart from it what it answered when it was asked
    /// last: that may be much to copy, for which the lock is not needed.
    pub(crate) fn worker(&self, name: &WorkerName) -> Option<(WorkerDetail, Arc<Inspection>)> {
        self.workers.detail(&self.names, name)
    }

    /// Tells whether a worker of this name is known, there or gone.
    pub(crate) fn knows_worker(&self, name: &WorkerName) -> bool {
        self.workers.knows(&self.names, name)
    }

    /// Tells whether a worker of this name sends task events.
    pub(crate) fn sends_task_events(&self, name: &WorkerName) -> bool {
        self.workers.sends_task_events(&self.names, name)
    }

    /// Returns the queues that a worker said it consumes, if it was asked.
    pub(crate) fn queues_of(&self, name: &WorkerName) -> Option<Vec<QueueName>> {
        self.workers.queues_of(&self.names, name)
    }

    /// Returns how many processes of a worker's name are there.
    pub(crate) fn namesakes(&self, name: &WorkerName) -> usize {
        self.workers.namesakes(&self.names, name)
    }

    /// Returns the names of workers that are there and should answer, or would
    /// if they were not busy.
    pub(crate) fn live_workers(&self) -> BTreeSet<WorkerName> {
        self.workers.live(&self.names)
    }

    pub(crate) fn online_workers(&self) -> Vec<WorkerName> {
        self.workers.online(&self.names)
    }

    pub(crate) fn queue_list(&self) -> QueueList {
        let consumers = self.workers.consumers(&self.names);
        let are_known = self.workers.knows_all_queues();
        self.queues.list(&self.names, &consumers, are_known)
    }

    pub(crate) fn schedules(&self) -> &Schedules {
        &self.schedule
    }

    pub(crate) fn queues(&self) -> &Queues {
        &self.queues
    }

    /// Tells whether anything told of a queue.
    pub(crate) fn knows_queue(&self, queue: &model::QueueName) -> bool {
        self.queues.is_known(queue)
            || self.names.queues.find(queue.as_str()).is_some()
            || self.workers.consumers(&self.names).contains_key(queue)
    }

    /// Returns the workers online that are known to consume a queue.
    pub(crate) fn consumers_of(&self, queue: &model::QueueName) -> Vec<WorkerName> {
        let mut consumers = self.workers.consumers(&self.names);
        consumers.remove(queue).unwrap_or_default()
    }

    /// Returns when a task was sent, if that was heard, and how often it was retried before.
    pub(crate) fn sent(&self, id: &TaskId) -> Option<(Timestamp, u32)> {
        self.tasks.sent(id.as_str())
    }

    /// Returns the longest visibility timeout that workers tell, seconds.
    pub(crate) fn visibility_timeout(&self) -> Option<f64> {
        self.workers.visibility_timeout()
    }

    /// Returns the names of queues that only events and workers tell of.
    pub(crate) fn queues_heard_of(&self) -> Vec<model::QueueName> {
        let mut queues: Vec<model::QueueName> = self
            .workers
            .consumers(&self.names)
            .into_keys()
            .chain(
                self.names
                    .queues
                    .texts()
                    .map(|name| model::QueueName::new(name.clone())),
            )
            .collect();
        queues.sort();
        queues.dedup();
        queues
    }

    /// Goes on with looking for the tasks that wait in workers; `false` if
    /// nothing is left to go through.
    pub(crate) fn count_waiting(&self, waiting: &mut Waiting) -> bool {
        waiting.step(&self.tasks)
    }

    /// Copies what `/metrics` shows; the rest is made of it without the state.
    pub(crate) fn gather(&self, waiting: Waiting, now: Timestamp) -> Gathered {
        let (evicted, evicted_running) = self.tasks.evicted();
        Gathered {
            labels: Labels::of(&self.names),
            counters: self.counters.clone(),
            waiting: waiting.into_counts(),
            missed: self.missed_by_worker.clone(),
            workers: self.workers.list(&self.names),
            queues: self.queue_list(),
            pulse: self.pulse(now),
            gaps_total: self.health.gaps_total.clone(),
            tasks_stored: self.tasks.len() as u64,
            tasks_evicted_total: evicted,
            running_tasks_evicted_total: evicted_running,
            lock_waits: self.lock_waits.clone(),
            text_bytes: self.tasks.text_bytes() as u64,
            history_unsaved: self.tasks.unsaved(),
        }
    }

    /// Goes on with collecting the tasks that have not ended and that `is_wanted`
    /// by their worker's number; `false` if nothing is left to go through.
    pub(crate) fn sweep(
        &self,
        sweep: &mut Sweep,
        is_wanted: impl Fn(u32) -> bool,
        found: &mut Vec<OpenTask>,
    ) -> bool {
        sweep.step(&self.tasks, |task| {
            if is_wanted(task.worker)
                && let Some(id) = self.tasks.id_of(task.sequence)
            {
                found.push(OpenTask {
                    id,
                    heard: Timestamp(task.heard),
                });
            }
        })
    }

    /// Returns the numbers of these workers.
    pub(crate) fn worker_numbers(&self, workers: &BTreeSet<WorkerName>) -> BTreeSet<u32> {
        workers
            .iter()
            .filter_map(|name| self.names.workers.find(name.as_str()))
            .collect()
    }

    /// Goes on with collecting tasks that no worker has told of and of which
    /// nothing was heard since `limit`; `false` if there are `most`, or nothing
    /// is left to go through.
    pub(crate) fn sweep_pending(
        &self,
        sweep: &mut Sweep,
        most: usize,
        limit: Timestamp,
        found: &mut Vec<TaskId>,
    ) -> bool {
        sweep.step_pending(&self.tasks, most, limit, found)
    }

    /// Tells which of these tasks have not ended, as far as is known, or are not known at all.
    pub(crate) fn unsettled(&self, ids: &[TaskId]) -> Vec<bool> {
        ids.iter()
            .map(|id| self.tasks.has_ended(id.as_str()) != Some(true))
            .collect()
    }
}
