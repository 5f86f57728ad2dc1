//! `GET /api/task/result/<id>`.

use crate::error::FlowerError;
use crate::request::Seen;
use axum::{
    Json,
    extract::{Path, RawQuery},
};
use model::{TaskId, TaskState};
use monitor::Monitor;
use protocol::TaskResult;
use serde::Serialize;
use serde_json::{Value, value::RawValue};
use std::time::Duration;
use tokio::time::Instant;

/// Time between two looks while a client waits for a result.
const LOOK_INTERVAL: Duration = Duration::from_millis(100);

/// Longest time that a client may wait, seconds.
const MAX_TIMEOUT: f64 = 300.0;

/// A result in Flower's shape. Without a stored result Celery calls a task
/// PENDING, and so does Flower.
#[derive(Debug, Serialize)]
pub(crate) struct Answer {
    #[serde(rename = "task-id")]
    task_id: TaskId,
    state: TaskState,
    #[serde(skip_serializing_if = "Option::is_none")]
    result: Option<Box<RawValue>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    traceback: Option<String>,
}

/// Returns a task's result, waiting for it up to `timeout` seconds if asked to.
pub(crate) async fn result(
    Seen(monitor): Seen,
    Path(id): Path<String>,
    RawQuery(query): RawQuery,
) -> Result<Json<Answer>, FlowerError> {
    let deadline = deadline(query.as_deref().unwrap_or_default())?;
    Ok(Json(wait(&monitor, id.into(), deadline).await?))
}

/// Looks for a result until it is there or the deadline has passed; once without a deadline.
pub(crate) async fn wait(
    monitor: &Monitor,
    id: TaskId,
    deadline: Option<Instant>,
) -> Result<Answer, FlowerError> {
    loop {
        let stored = monitor.result(&id).await?;
        let is_ready = stored.as_ref().is_some_and(|r| r.state.is_finished());
        if is_ready || deadline.is_none_or(|deadline| Instant::now() >= deadline) {
            return Ok(answer(monitor, id, stored));
        }
        tokio::time::sleep(LOOK_INTERVAL).await;
    }
}

fn deadline(query: &str) -> Result<Option<Instant>, FlowerError> {
    let Some((_, text)) =
        form_urlencoded::parse(query.as_bytes()).find(|(key, _)| key == "timeout")
    else {
        return Ok(None);
    };
    let seconds: f64 = text
        .parse()
        .ok()
        .filter(|seconds: &f64| !seconds.is_nan())
        .ok_or_else(|| {
            FlowerError::invalid(format!("Invalid argument '{text}' of type 'float'"))
        })?;
    let wait = Duration::from_secs_f64(seconds.clamp(0.0, MAX_TIMEOUT));
    Ok(Some(Instant::now() + wait))
}

fn answer(monitor: &Monitor, id: TaskId, stored: Option<TaskResult>) -> Answer {
    let Some(stored) = stored else {
        return Answer {
            task_id: id,
            state: TaskState::Pending,
            result: None,
            traceback: None,
        };
    };
    let result = if stored.state == TaskState::Success {
        stored
            .result
            .and_then(|json| RawValue::from_string(json).ok())
    } else {
        // Flower shows the exception's repr, which events carry; the backend
        // stores its parts.
        let exception = monitor.task(&id).and_then(|task| task.exception);
        exception
            .or(stored.exception)
            .map(Value::from)
            .and_then(|text| serde_json::value::to_raw_value(&text).ok())
    };
    Answer {
        task_id: id,
        state: stored.state,
        result,
        traceback: stored.traceback,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_timeout_that_is_no_number_is_refused() {
        assert!(deadline("timeout=x").is_err());
        assert!(deadline("timeout=NaN").is_err());
        assert!(deadline("timeout=0.5").is_ok_and(|deadline| deadline.is_some()));
        assert!(deadline("").is_ok_and(|deadline| deadline.is_none()));
        assert!(deadline("timeout=1e300").is_ok(), "it is bounded");
    }
}
