//! What is to run at a time. It is put together without the lock, of parts that
//! are each taken briefly; see [`crate::cell::StateReader::schedule`].

use super::{Due, State, Sweep};
use model::{EtaTask, Inspection, QueueName, Schedule, Timestamp, WorkerName};
use protocol::inspect;
use std::{collections::BTreeMap, sync::Arc};

/// Most tasks with an ETA that are shown.
pub(crate) const MAX_ETA_TASKS: usize = 1_000;

impl State {
    /// Goes on with collecting the tasks that have an ETA and did not start;
    /// `false` if nothing is left to go through.
    pub(crate) fn sweep_due(&self, sweep: &mut Sweep, due: &mut Vec<Due>) -> bool {
        sweep.step_due(&self.tasks, due)
    }

    /// Returns the rows of such tasks; those that are gone by now are left out.
    pub(crate) fn eta_tasks(&self, due: &[Due]) -> Vec<EtaTask> {
        let row = |due: &Due| {
            let row = self.tasks.summary(&self.names, due.sequence)?;
            Some(EtaTask {
                id: row.id,
                name: row.name,
                eta: due.eta,
                worker: row.worker,
                queue: row.queue,
                is_revoked: row.is_revoked,
                retries: row.retries,
            })
        };
        due.iter().filter_map(row).collect()
    }

    /// Returns what the workers that are there answered when they were asked last.
    pub(crate) fn inspections(&self) -> Vec<(WorkerName, Arc<Inspection>)> {
        self.workers.inspections(&self.names)
    }

    /// Tells which of these tasks are in memory.
    pub(crate) fn are_known(&self, tasks: &[EtaTask]) -> Vec<bool> {
        let is_known = |task: &EtaTask| self.tasks.find(task.id.as_str()).is_some();
        tasks.iter().map(is_known).collect()
    }

    /// Returns the schedule with the tasks that have an ETA, of which there are
    /// `tasks_total`.
    pub(crate) fn schedule(
        &self,
        tasks: Vec<EtaTask>,
        tasks_total: u64,
        now: Timestamp,
    ) -> Schedule {
        Schedule {
            entries: self.schedule.entries(&self.names, now),
            tasks,
            tasks_total,
            asked: self.schedule.asked(),
            is_beat_alive: self.schedule.is_beat_alive(now),
        }
    }
}

/// Returns the tasks that workers said they hold until a time that is still to come.
pub(crate) fn held_tasks(
    inspections: &[(WorkerName, Arc<Inspection>)],
    now: Timestamp,
) -> Vec<EtaTask> {
    let mut tasks = BTreeMap::new();
    for (worker, inspection) in inspections {
        let scheduled = inspection.scheduled.iter();
        for held in scheduled.flat_map(inspect::scheduled_tasks) {
            // The answer may be old: whoever holds a task has begun it at its time.
            let Some(eta) = held.eta.filter(|eta| *eta > now) else {
                continue;
            };
            let queue = held
                .task
                .routing_key
                .filter(|_| held.task.exchange.as_deref() == Some(""));
            let task = EtaTask {
                id: held.task.id,
                name: held.task.name.or(held.task.task_type),
                eta,
                worker: Some(worker.clone()),
                queue: queue.map(QueueName::from),
                is_revoked: false,
                retries: 0,
            };
            tasks.insert(task.id.clone(), task);
        }
    }
    tasks.into_values().collect()
}
