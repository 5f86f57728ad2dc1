//! What is read of the workers: rows, pages, counts, who consumes what.

use super::{Worker, Workers};
use crate::state::Names;
use hashbrown::HashMap;
use model::{
    Inspection, QueueName, TaskName, WorkerDetail, WorkerName, WorkerStatus, WorkerSummary,
};
use protocol::inspect;
use std::{collections::BTreeSet, sync::Arc};

impl Workers {
    /// Returns `(online, known)`.
    pub(crate) fn counts(&self) -> (u64, u64) {
        let online = self
            .processes
            .values()
            .filter(|worker| worker.is_live())
            .count();
        (online as u64, self.processes.len() as u64)
    }

    /// Returns tasks running now and the slots of all online workers; the
    /// slots are unknown unless every worker told them.
    pub(crate) fn running(&self) -> (u64, Option<u64>) {
        let mut running = 0;
        let mut slots = Some(0);
        for ((name, _), worker) in &self.processes {
            if worker.status == WorkerStatus::Stopping {
                running += worker.active.unwrap_or(0);
            }
            if worker.is_live() {
                running += worker.active.unwrap_or(0);
                slots = slots.zip(self.slots(*name)).map(|(sum, slots)| sum + slots);
            }
        }
        (running, slots.filter(|_| !self.processes.is_empty()))
    }

    fn slots(&self, name: u32) -> Option<u64> {
        inspect::stats_slots(self.inspections.get(&name)?.stats.as_ref()?)
    }

    /// Returns every process, by name.
    pub(crate) fn list(&self, names: &Names) -> Vec<WorkerSummary> {
        let mut rows: Vec<WorkerSummary> = self
            .processes
            .iter()
            .map(|((name, pid), worker)| self.summary(names, *name, *pid, worker))
            .collect();
        rows.sort_by(|a, b| (&a.name, a.pid).cmp(&(&b.name, b.pid)));
        rows
    }

    /// Returns a worker's newest process and its namesakes, and apart from it
    /// what it answered when it was asked last.
    pub(crate) fn detail(
        &self,
        names: &Names,
        name: &WorkerName,
    ) -> Option<(WorkerDetail, Arc<Inspection>)> {
        let id = names.workers.find(name.as_str())?;
        let mut processes: Vec<_> = self
            .processes
            .iter()
            .filter(|((other, _), _)| *other == id)
            .collect();
        processes.sort_by_key(|((_, pid), w)| (w.is_there(), w.last_seen, *pid));
        let mut rows: Vec<WorkerSummary> = processes
            .iter()
            .rev()
            .map(|((name, pid), worker)| self.summary(names, *name, *pid, worker))
            .collect();
        if rows.is_empty() {
            return None;
        }
        let summary = rows.remove(0);
        let detail = WorkerDetail {
            summary,
            namesakes: rows,
            inspection: Inspection::default(),
        };
        Some((
            detail,
            self.inspections.get(&id).cloned().unwrap_or_default(),
        ))
    }

    fn summary(&self, names: &Names, name: u32, pid: u32, worker: &Worker) -> WorkerSummary {
        let inspection = self.inspections.get(&name);
        let stats = inspection.and_then(|i| i.stats.as_ref());
        WorkerSummary {
            name: names
                .workers
                .text(name)
                .cloned()
                .map_or_else(|| WorkerName::from(""), WorkerName::new),
            pid,
            status: worker.status,
            status_since: worker.status_since,
            active: worker.active,
            processed: worker.processed,
            slots: stats.and_then(inspect::stats_slots),
            load: worker.load,
            queues: inspection
                .and_then(|i| i.active_queues.as_ref())
                .map(inspect::queue_names)
                .unwrap_or_default(),
            version: worker.version.clone(),
            system: worker.system.clone(),
            pool: stats.and_then(inspect::stats_pool),
            started: stats
                .and_then(inspect::stats_uptime_seconds)
                .zip(inspection.and_then(|i| i.asked))
                .map(|(uptime, asked)| asked.plus_seconds(-uptime)),
            last_heartbeat: worker.last_heartbeat,
            freq_seconds: worker.freq,
            task_events: worker.sends_task_events,
            events: worker.events,
            missed: worker.account.missed(),
            silent_types: worker
                .account
                .silent_types()
                .iter()
                .filter_map(|task| names.tasks.text(*task).cloned().map(TaskName::new))
                .collect(),
            trend: worker.trend.whole(),
        }
    }

    /// Returns the names of online workers by the queue they consume.
    pub(crate) fn consumers(&self, names: &Names) -> HashMap<QueueName, Vec<WorkerName>> {
        let mut consumers: HashMap<QueueName, Vec<WorkerName>> = HashMap::new();
        let mut online: BTreeSet<u32> = BTreeSet::new();
        for ((name, _), worker) in &self.processes {
            if worker.is_live() {
                online.insert(*name);
            }
        }
        for name in online {
            let queues = self
                .inspections
                .get(&name)
                .and_then(|i| i.active_queues.as_ref());
            let Some(worker) = names.workers.text(name) else {
                continue;
            };
            for queue in queues.map(inspect::queue_names).unwrap_or_default() {
                let workers = consumers.entry(queue).or_default();
                workers.push(WorkerName::new(worker.clone()));
            }
        }
        for workers in consumers.values_mut() {
            workers.sort();
        }
        consumers
    }

    /// Returns the queues that a worker said it consumes, if it was asked.
    pub(crate) fn queues_of(&self, names: &Names, name: &WorkerName) -> Option<Vec<QueueName>> {
        let id = names.workers.find(name.as_str())?;
        let answer = self.inspections.get(&id)?.active_queues.as_ref()?;
        Some(inspect::queue_names(answer))
    }

    /// Returns whether every online worker has told its queues.
    pub(crate) fn knows_all_queues(&self) -> bool {
        self.processes.iter().all(|((name, _), worker)| {
            !worker.is_live()
                || self
                    .inspections
                    .get(name)
                    .is_some_and(|i| i.active_queues.is_some())
        })
    }

    /// Tells whether answers of a worker of this name are kept.
    pub(crate) fn is_known(&self, name: u32) -> bool {
        self.inspections.contains_key(&name)
    }

    /// Tells whether a task of this type would be heard of: every worker
    /// online sends task events, and none keeps silent about the type.
    pub(crate) fn would_tell_of(&self, task: u32) -> bool {
        let mut online = self.processes.values().filter(|worker| worker.is_live());
        let mut all = online.clone();
        online.next().is_some()
            && all.all(|worker| {
                worker.sends_task_events == Some(true)
                    && !worker.account.silent_types().contains(&task)
            })
    }

    /// Returns what the workers that are there answered when they were asked last.
    pub(crate) fn inspections(&self, names: &Names) -> Vec<(WorkerName, Arc<Inspection>)> {
        let mut inspections = Vec::new();
        for (name, inspection) in &self.inspections {
            let is_online = self
                .processes
                .iter()
                .any(|((other, _), worker)| other == name && worker.is_there());
            let Some(worker) = names.workers.text(*name).filter(|_| is_online) else {
                continue;
            };
            inspections.push((WorkerName::new(worker.clone()), Arc::clone(inspection)));
        }
        inspections
    }

    /// Returns the longest visibility timeout that workers tell, seconds.
    pub(crate) fn visibility_timeout(&self) -> Option<f64> {
        self.inspections
            .values()
            .filter_map(|inspection| inspect::conf_visibility_timeout(inspection.conf.as_ref()?))
            .reduce(f64::max)
    }

    /// Tells whether a process of this name is known.
    pub(crate) fn knows(&self, names: &Names, name: &WorkerName) -> bool {
        let id = names.workers.find(name.as_str());
        self.processes.keys().any(|(other, _)| Some(*other) == id)
    }

    /// Tells whether a process of this name that is there sends task events.
    pub(crate) fn sends_task_events(&self, names: &Names, name: &WorkerName) -> bool {
        let id = names.workers.find(name.as_str());
        self.processes
            .iter()
            .filter(|((other, _), worker)| Some(*other) == id && worker.is_there())
            .any(|(_, worker)| worker.sends_task_events == Some(true))
    }

    /// Returns how many processes of a name are there.
    pub(crate) fn namesakes(&self, names: &Names, name: &WorkerName) -> usize {
        let id = names.workers.find(name.as_str());
        self.processes
            .iter()
            .filter(|((other, _), worker)| Some(*other) == id && worker.is_there())
            .count()
    }

    /// Returns the names of the workers that are online or busy.
    pub(crate) fn live(&self, names: &Names) -> BTreeSet<WorkerName> {
        self.processes
            .iter()
            .filter(|(_, worker)| worker.is_live())
            .filter_map(|((name, _), _)| names.workers.text(*name).cloned().map(WorkerName::new))
            .collect()
    }

    /// Returns the names of the workers that are online.
    pub(crate) fn online(&self, names: &Names) -> Vec<WorkerName> {
        let mut online: Vec<WorkerName> = self
            .processes
            .iter()
            .filter(|(_, worker)| worker.status == WorkerStatus::Online)
            .filter_map(|((name, _), _)| names.workers.text(*name).cloned().map(WorkerName::new))
            .collect();
        online.sort();
        online.dedup();
        online
    }
}
