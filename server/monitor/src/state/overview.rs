//! The first screen's figures and warnings.

use super::{State, metrics, tasks, throughput::TypeFigures};
use model::{
    Attention, GapCause, Overview, Severity, TaskName, TaskQuery, TaskSort, TaskState, TaskSummary,
    Timestamp, TypeSummary, WorkerName, WorkerStatus,
};
use std::collections::BTreeMap;

/// Rows in each of the short tables.
const ROWS: u32 = 8;

/// Share of failures from which a task type counts as failing, and how many it takes.
const FAILING_SHARE: f64 = 0.2;
const FAILING_COUNT: u64 = 5;

/// Bytes that owners left behind, from which that needs a person.
const LEFTOVER_BYTES: u64 = 1_000_000;

impl State {
    /// Returns what finds the newest failures, for the first screen.
    pub(crate) fn newest_failures() -> TaskQuery {
        TaskQuery {
            states: vec![TaskState::Failure],
            sort: TaskSort::Finished,
            limit: ROWS,
            ..TaskQuery::default()
        }
    }

    /// Returns the first screen with these newest failures: finding them takes
    /// longer than the state may be locked.
    pub(crate) fn overview(&self, failures: Vec<TaskSummary>, now: Timestamp) -> Overview {
        let (runtime_p95, wait_p95) = self.throughput.p95();
        let (runtime_trend, wait_trend) = self.throughput.p95_trends();
        let (outcomes_start, outcomes) = self.throughput.outcomes();
        let (running, slots) = self.workers.running();
        let (workers_online, workers_total) = self.workers.counts();
        let figures = self.throughput.types(now);
        let mut types: Vec<TypeSummary> = figures
            .iter()
            .map(|f| TypeSummary {
                name: TaskName::from(metrics::text(self.names.tasks.text(f.name))),
                per_second: f.finished as f64 / f.seconds,
                failed_share: f.failed as f64 / f.finished as f64,
                runtime_p95: f.runtime_p95,
            })
            .collect();
        types.sort_by(|a, b| {
            b.per_second
                .total_cmp(&a.per_second)
                .then_with(|| a.name.cmp(&b.name))
        });
        let busiest = types.iter().take(ROWS as usize).cloned().collect();
        types.sort_by(|a, b| {
            let seconds = |t: &TypeSummary| t.runtime_p95.unwrap_or(-1.0);
            seconds(b)
                .total_cmp(&seconds(a))
                .then_with(|| a.name.cmp(&b.name))
        });
        types.truncate(ROWS as usize);
        Overview {
            finished_per_second: self.throughput.finished_per_second(now),
            failed_share: self.throughput.failed_share(),
            runtime_p95,
            wait_p95,
            queued: self.queues.ready(),
            running,
            slots,
            workers_online,
            workers_total,
            outcomes_start,
            outcomes,
            runtime_trend,
            wait_trend,
            queued_trend: self.queues.ready_trend(),
            attention: self.attention(&figures, now),
            failures,
            busiest,
            slowest: types,
        }
    }

    /// Returns what needs a person, worst first.
    fn attention(&self, types: &[TypeFigures], now: Timestamp) -> Vec<Attention> {
        let mut list = Vec::new();
        self.failing_types(types, &mut list);
        self.silent_workers(now, &mut list);
        self.unconsumed_queues(&mut list);
        self.unseen_tasks(now, &mut list);
        self.stuck_tasks(&mut list);
        for gap in self.health.recent_gaps(3600.0, now) {
            if gap.cause == GapCause::Overload {
                let missed = gap.missed.unwrap_or(0);
                list.push(Attention {
                    severity: Severity::Watch,
                    title: format!("{missed} messages dropped: events came too fast"),
                    evidence: "Counts of that time are too low".to_owned(),
                    href: "/gaps".to_owned(),
                });
            }
        }
        if let Some(redis) = self.queues.redis() {
            let evicts = redis.max_memory_bytes > 0 && redis.eviction_policy != "noeviction";
            if evicts {
                list.push(Attention {
                    severity: Severity::Watch,
                    title: format!("Redis may evict messages: {}", redis.eviction_policy),
                    evidence: "When memory is full, queued tasks vanish without a word".to_owned(),
                    href: "/broker".to_owned(),
                });
            }
        }
        self.broker_keys(&mut list);
        list.sort_by_key(|attention| attention.severity);
        list
    }

    /// Says what is wrong with the broker's keys.
    fn broker_keys(&self, list: &mut Vec<Attention>) {
        let health = self.queues.health();
        let mut watch = |title: String, evidence: String| {
            list.push(Attention {
                severity: Severity::Watch,
                title,
                evidence,
                href: "/broker".to_owned(),
            });
        };
        if health.unacked_overdue > 0 {
            let noun = if health.unacked_overdue == 1 {
                "message"
            } else {
                "messages"
            };
            watch(
                format!("{} {noun} unacknowledged too long", health.unacked_overdue),
                "Older than the visibility timeout: workers will run them again".to_owned(),
            );
        }
        let bytes: u64 = health.leftovers.iter().map(|kind| kind.bytes).sum();
        if bytes > LEFTOVER_BYTES {
            let keys: u64 = health.leftovers.iter().map(|kind| kind.keys).sum();
            watch(
                format!("{} MB left behind in Redis", bytes / 1_000_000),
                format!("{keys} keys of owners that are gone"),
            );
        }
    }

    /// Says how many tasks lost their worker, and how many run suspiciously long.
    fn stuck_tasks(&self, list: &mut Vec<Attention>) {
        let href = |state| {
            let query = TaskQuery {
                states: vec![state],
                ..TaskQuery::default()
            };
            format!("/tasks?{}", query.to_query_string())
        };
        let orphaned = self.tasks.count(tasks::code::ORPHANED);
        if orphaned > 0 {
            list.push(Attention {
                severity: Severity::Failing,
                title: if orphaned == 1 {
                    "1 task without its worker".to_owned()
                } else {
                    format!("{orphaned} tasks without their worker")
                },
                evidence: "The process that ran them is gone, and they have no result".to_owned(),
                href: href(TaskState::Orphaned),
            });
        }
        let slow = self.tasks.slow_count();
        if slow > 0 {
            list.push(Attention {
                severity: Severity::Watch,
                title: if slow == 1 {
                    "1 task runs far longer than usual".to_owned()
                } else {
                    format!("{slow} tasks run far longer than usual")
                },
                evidence: "Over three times the 95th percentile of their type".to_owned(),
                href: href(TaskState::Started),
            });
        }
    }

    /// Says how many tasks of the last hour were started and not seen, and whose.
    fn unseen_tasks(&self, now: Timestamp, list: &mut Vec<Attention>) {
        let mut by_worker: BTreeMap<&WorkerName, u64> = BTreeMap::new();
        let (mut missed, mut recovered) = (0, 0);
        for gap in self.health.recent_gaps(3600.0, now) {
            if let (GapCause::EventsMissed, Some(worker)) = (gap.cause, &gap.worker) {
                *by_worker.entry(worker).or_default() += gap.missed.unwrap_or(0);
                missed += gap.missed.unwrap_or(0);
                recovered += gap.recovered;
            }
        }
        if missed == 0 {
            return;
        }
        let mut workers: Vec<_> = by_worker.into_iter().collect();
        workers.sort_by_key(|(_, missed)| std::cmp::Reverse(*missed));
        let of: Vec<String> = workers
            .iter()
            .take(3)
            .map(|(worker, missed)| format!("{worker} {missed}"))
            .collect();
        let rest = match workers.len().saturating_sub(3) {
            0 => String::new(),
            more => format!(" and {more} more workers"),
        };
        let noun = if missed == 1 { "task" } else { "tasks" };
        list.push(Attention {
            severity: Severity::Watch,
            title: format!("{missed} started {noun} went unseen in the last hour"),
            evidence: format!("{}{rest}; {recovered} found again", of.join(", ")),
            href: "/gaps".to_owned(),
        });
    }

    fn failing_types(&self, types: &[TypeFigures], list: &mut Vec<Attention>) {
        let mut failing: Vec<_> = types
            .iter()
            .filter(|f| {
                f.failed >= FAILING_COUNT && f.failed as f64 >= FAILING_SHARE * f.finished as f64
            })
            .collect();
        failing.sort_by_key(|figures| std::cmp::Reverse(figures.failed));
        for figures in failing.into_iter().take(5) {
            let name = metrics::text(self.names.tasks.text(figures.name));
            let query = TaskQuery {
                states: vec![TaskState::Failure],
                name: Some(name.as_str().into()),
                ..TaskQuery::default()
            };
            // The end of a name tells types apart, and titles are cut at their end.
            let (module, function) = name.rsplit_once('.').unwrap_or(("", &name));
            let share = figures.failed as f64 / figures.finished as f64 * 100.0;
            let of = format!("{share:.0} % of {} finished", figures.finished);
            list.push(Attention {
                severity: Severity::Failing,
                title: format!("{function}: {} failed in 5 min", figures.failed),
                evidence: match module {
                    "" => of,
                    module => format!("{of}, in {module}"),
                },
                href: format!("/tasks?{}", query.to_query_string()),
            });
        }
    }

    fn silent_workers(&self, now: Timestamp, list: &mut Vec<Attention>) {
        for worker in self.workers.list(&self.names) {
            let href = format!("/worker/{}", encode(worker.name.as_str()));
            if worker.status == WorkerStatus::Lost {
                let since = worker.last_heartbeat.unwrap_or(worker.status_since);
                let minutes = now.seconds_since(since) / 60.0;
                list.push(Attention {
                    severity: Severity::Failing,
                    title: match minutes as u64 {
                        0 => format!("{} lost: no heartbeat for under a minute", worker.name),
                        minutes => format!("{} lost: no heartbeat for {minutes} min", worker.name),
                    },
                    evidence: match self.running_tasks_of(&worker.name) {
                        0 => "It ran no task, as far as events tell".to_owned(),
                        1 => "1 task was running there".to_owned(),
                        running => format!("{running} tasks were running there"),
                    },
                    href,
                });
            } else if worker.status == WorkerStatus::Online && worker.task_events == Some(false) {
                list.push(Attention {
                    severity: Severity::Watch,
                    title: format!("{} sends no task events", worker.name),
                    evidence: "Its tasks are not shown; start it with -E".to_owned(),
                    href,
                });
            }
        }
    }

    fn running_tasks_of(&self, worker: &model::WorkerName) -> u64 {
        self.names
            .workers
            .find(worker.as_str())
            .map_or(0, |id| self.tasks.running_on(id))
    }

    fn unconsumed_queues(&self, list: &mut Vec<Attention>) {
        for queue in self.queue_list().rows {
            // Until every worker has told its queues, silence proves nothing.
            if queue.ready > 0 && queue.are_consumers_known && queue.consumers.is_empty() {
                let noun = if queue.ready == 1 {
                    "message"
                } else {
                    "messages"
                };
                list.push(Attention {
                    severity: Severity::Watch,
                    title: format!("{} has no consumer", queue.name),
                    evidence: format!("{} {noun} waiting", queue.ready),
                    href: "/broker".to_owned(),
                });
            }
        }
    }
}

/// Percent-encodes a path segment.
fn encode(text: &str) -> String {
    text.bytes()
        .map(|byte| match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' | b'@' => {
                char::from(byte).to_string()
            }
            _ => format!("%{byte:02X}"),
        })
        .collect()
}
