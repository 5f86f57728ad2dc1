//! `GET /metrics` for Prometheus: Flower's names with Flower's meaning, then
//! our own. All of it is read from the engine when it is asked for.

mod process;
mod text;

use crate::state::AppState;
use axum::{
    extract::State,
    http::header,
    response::{IntoResponse, Response},
};
use model::{BrokerState, HistoryState, WorkerStatus, WorkerSummary};
use monitor::{LOCK_WAIT_BOUNDS, Metrics, RUNTIME_BOUNDS};
use std::collections::BTreeMap;
use text::{Kind, Text};

const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// Returns all series.
pub(crate) async fn metrics(State(state): State<AppState>) -> Response {
    let monitor = state.monitor.clone();
    // The counters of many workers and task types take a while to copy.
    let gathered = crate::error::blocking(move || monitor.metrics()).await;
    match gathered {
        Ok(metrics) => {
            let mut text = Text::default();
            flower(&mut text, &metrics);
            ours(&mut text, &metrics);
            process::append(&mut text, state.started_seconds);
            ([(header::CONTENT_TYPE, CONTENT_TYPE)], text.finish()).into_response()
        }
        Err(error) => crate::error::FlowerError::from(error).into_response(),
    }
}

/// `flower/events.py`, `PrometheusMetrics`.
fn flower(text: &mut Text, metrics: &Metrics) {
    let name = "flower_events_total";
    text.family(name, Kind::Counter, "Number of events");
    for event in &metrics.events {
        let labels = [
            ("task", &*event.task),
            ("type", &event.kind),
            ("worker", &event.worker),
        ];
        text.sample(name, &labels, event.count);
    }

    let name = "flower_task_runtime_seconds";
    text.family(name, Kind::Histogram, "Task runtime");
    for histogram in &metrics.runtimes {
        let (task, worker) = (("task", &*histogram.task), ("worker", &*histogram.worker));
        let bounds = RUNTIME_BOUNDS.iter().map(|bound| format!("{bound:?}"));
        let bounds = bounds.chain(["+Inf".to_owned()]);
        let mut count = 0;
        for (bound, tasks) in bounds.zip(histogram.buckets) {
            count += tasks;
            let labels = [("le", &*bound), task, worker];
            text.sample(&format!("{name}_bucket"), &labels, count);
        }
        text.sample(&format!("{name}_count"), &[task, worker], count);
        let sum = histogram.sum_seconds;
        text.sample(&format!("{name}_sum"), &[task, worker], sum);
    }

    let name = "flower_task_prefetch_time_seconds";
    let help = "The time the task spent waiting at the celery worker to be executed.";
    text.family(name, Kind::Gauge, help);
    for (worker, task, seconds) in &metrics.prefetch_time {
        text.sample(name, &[("task", task), ("worker", worker)], seconds);
    }

    let name = "flower_worker_prefetched_tasks";
    let help = "Number of tasks of given type prefetched at a worker";
    text.family(name, Kind::Gauge, help);
    for (worker, task, tasks) in &metrics.prefetched {
        text.sample(name, &[("task", task), ("worker", worker)], tasks);
    }

    let workers = by_name(&metrics.workers);
    let name = "flower_worker_online";
    text.family(name, Kind::Gauge, "Worker online status");
    for (worker, state) in &workers {
        text.sample(name, &[("worker", worker)], u8::from(state.is_online));
    }
    let name = "flower_worker_number_of_currently_executing_tasks";
    let help = "Number of tasks currently executing at a worker";
    text.family(name, Kind::Gauge, help);
    for (worker, state) in &workers {
        if let Some(active) = state.active {
            text.sample(name, &[("worker", worker)], active);
        }
    }
}

fn ours(text: &mut Text, metrics: &Metrics) {
    let pulse = &metrics.pulse;
    let is_up = u8::from(matches!(pulse.broker, BrokerState::Up { .. }));
    let counters = [
        (
            "celeriac_events_applied_total",
            "Events that became part of the state",
            pulse.events_total,
        ),
        (
            "celeriac_events_dropped_total",
            "Messages dropped because the dashboard could not keep up",
            pulse.dropped_total,
        ),
        (
            "celeriac_messages_undecodable_total",
            "Messages that could not be read",
            pulse.undecodable_total,
        ),
        (
            "celeriac_result_announcements_dropped_total",
            "Announcements of results dropped because there were too many",
            metrics.announcements_dropped_total,
        ),
        (
            "celeriac_tasks_evicted_total",
            "Tasks forgotten to make room for newer ones",
            metrics.tasks_evicted_total,
        ),
        (
            "celeriac_history_saved_total",
            "Times a task was written to the history",
            metrics.history_saved_total,
        ),
        (
            "celeriac_history_lost_total",
            "Tasks forgotten before the history had them as they were",
            pulse.history.lost_total,
        ),
    ];
    for (name, help, value) in counters {
        text.family(name, Kind::Counter, help);
        text.sample(name, &[], value);
    }
    let name = "celeriac_gaps_total";
    let help = "Stretches of time in which events were missed";
    text.family(name, Kind::Counter, help);
    for cause in [
        "broker_down",
        "connection_lost",
        "dashboard_down",
        "events_missed",
        "overload",
    ] {
        let gaps = metrics.gaps_total.get(cause).copied().unwrap_or(0);
        text.sample(name, &[("cause", cause)], gaps);
    }
    let name = "celeriac_missed_tasks_total";
    let help = "Started tasks that a worker's heartbeats count and its events did not tell of";
    text.family(name, Kind::Counter, help);
    for (worker, tasks) in &metrics.missed {
        text.sample(name, &[("worker", worker)], tasks);
    }
    text.family("celeriac_broker_up", Kind::Gauge, "Whether events arrive");
    text.sample("celeriac_broker_up", &[], is_up);
    if pulse.history.state != HistoryState::Off {
        let name = "celeriac_history_up";
        text.family(name, Kind::Gauge, "Whether the history takes what happens");
        let is_kept = pulse.history.state == HistoryState::Kept;
        text.sample(name, &[], u8::from(is_kept));
        let name = "celeriac_history_unsaved_tasks";
        text.family(
            name,
            Kind::Gauge,
            "Tasks that changed since the history has them",
        );
        text.sample(name, &[], metrics.history_unsaved);
    }
    text.family("celeriac_tasks", Kind::Gauge, "Tasks in memory");
    text.sample("celeriac_tasks", &[], metrics.tasks_stored);

    let name = "celeriac_lock_wait_seconds";
    let help = "Time the writer waited for readers of the state";
    text.family(name, Kind::Histogram, help);
    let bounds = LOCK_WAIT_BOUNDS.iter().map(|bound| format!("{bound:?}"));
    let mut count = 0;
    for (bound, waits) in bounds
        .chain(["+Inf".to_owned()])
        .zip(metrics.lock_waits.buckets)
    {
        count += waits;
        text.sample(&format!("{name}_bucket"), &[("le", &*bound)], count);
    }
    text.sample(&format!("{name}_count"), &[], count);
    text.sample(&format!("{name}_sum"), &[], metrics.lock_waits.sum_seconds);

    // Lengths that cannot be read now would be wrong numbers, so none are given.
    if is_up == 1 && metrics.queues.polled.is_some() {
        let name = "celeriac_queue_messages";
        text.family(name, Kind::Gauge, "Messages waiting in a queue");
        for queue in &metrics.queues.rows {
            text.sample(name, &[("queue", queue.name.as_str())], queue.ready);
        }
    }
    let name = "celeriac_queue_consumers";
    text.family(name, Kind::Gauge, "Workers online that consume a queue");
    for queue in &metrics.queues.rows {
        text.sample(
            name,
            &[("queue", queue.name.as_str())],
            queue.consumers.len(),
        );
    }
}

/// What the processes of one worker's name add up to.
struct ByName {
    is_online: bool,
    /// Unknown as soon as it is unknown of one process.
    active: Option<u64>,
}

fn by_name(rows: &[WorkerSummary]) -> BTreeMap<&str, ByName> {
    let mut workers: BTreeMap<&str, ByName> = BTreeMap::new();
    for row in rows {
        let worker = workers.entry(row.name.as_str()).or_insert(ByName {
            is_online: false,
            active: Some(0),
        });
        let active = match row.status {
            WorkerStatus::Online | WorkerStatus::Busy | WorkerStatus::Stopping => row.active,
            // It may be cut off and still run its tasks.
            WorkerStatus::Lost => None,
            // It runs nothing, whatever its last heartbeat said.
            WorkerStatus::Offline => Some(0),
        };
        worker.is_online |= matches!(row.status, WorkerStatus::Online | WorkerStatus::Busy);
        worker.active = worker.active.zip(active).map(|(sum, more)| sum + more);
    }
    workers
}
