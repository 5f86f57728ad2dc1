//! What the state makes of real traffic and of any order of events.

mod golden;
mod history;
mod laws;
mod losses;
mod past;
mod repair;
mod schedule;
mod searches;
mod steps;

use super::{Limits, State, Step, Waiting, metrics::Metrics};
use crate::redact::Redactor;
use model::{Overview, SearchExpression, TaskDetail, TaskId, TaskQuery, Timestamp};
use protocol::Scratch;
use std::sync::Arc;

/// A state with room for `max_tasks`.
fn state(max_tasks: usize) -> State {
    let limits = Limits {
        max_tasks,
        max_workers: 100,
        enable_events: true,
        purge_offline_seconds: None,
        orphan_grace_seconds: 10.0,
        broker_url: "redis://localhost:6379/0".to_owned(),
        version: "0".to_owned(),
        redactor: Arc::new(Redactor::with_default_keys()),
    };
    State::new(limits, Timestamp(0))
}

/// Publishes one event to the state, as Celery writes it.
fn publish(state: &mut State, event: &serde_json::Value, now: Timestamp) {
    let body = event.to_string();
    let envelope = serde_json::json!({
        "body": body,
        "content-type": "application/json",
        "content-encoding": "utf-8",
        "headers": {},
        "properties": {"body_encoding": "utf-8"},
    });
    let decoded = state.apply_payload(
        envelope.to_string().as_bytes(),
        &mut Scratch::default(),
        now,
    );
    assert_eq!(decoded.bad, 0, "{:?}", decoded.error());
}

fn task(state: &State, id: &str) -> TaskDetail {
    state.task(&TaskId::from(id)).expect("the task is known")
}

/// Everything `/metrics` shows.
fn metrics(state: &State, now: Timestamp) -> Metrics {
    let mut waiting = Waiting::new();
    while state.count_waiting(&mut waiting) {}
    state.gather(waiting, now).into_metrics(0, 0)
}

/// The first screen.
fn overview(state: &State, now: Timestamp) -> Overview {
    let failures = state.task_page(&State::newest_failures(), &SearchExpression::All);
    state.overview(failures.rows, now)
}

/// Every task, oldest first.
fn tasks(state: &State) -> Vec<TaskDetail> {
    let query = TaskQuery {
        is_descending: false,
        ..TaskQuery::default()
    };
    let mut scan = state.scan(&query, &SearchExpression::All, usize::MAX);
    loop {
        match state.step(&mut scan) {
            Step::Done => {}
            Step::Apart(part) => scan.go_through(&part),
            Step::End => break,
        }
    }
    state.task_details(&scan.finish().window)
}
