//! What one looks at before acting: retry plans, waiting messages, reports,
//! the audit log, schedules.

use crate::error::{ApiError, blocking};
use crate::request::Seen;
use axum::{
    Json,
    extract::{Path, RawQuery},
};
use model::{QueryError, QueueName, QueuePeek, RetryPlan, Snapshot, TaskId, Topic, WorkerName};
use monitor::Monitor;

/// Messages that are shown unless more are asked for.
const DEFAULT_MESSAGES: u64 = 20;

pub(crate) async fn retry_plan(
    Seen(monitor): Seen,
    Path(task): Path<String>,
) -> Result<Json<RetryPlan>, ApiError> {
    Ok(Json(monitor.retry_plan(&TaskId::from(task)).await?))
}

/// Returns messages that wait in a queue; `offset` and `limit` say which.
pub(crate) async fn messages(
    Seen(monitor): Seen,
    Path(queue): Path<String>,
    RawQuery(query): RawQuery,
) -> Result<Json<QueuePeek>, ApiError> {
    let query = query.unwrap_or_default();
    let offset = number(&query, "offset", 0)?;
    let limit = number(&query, "limit", DEFAULT_MESSAGES)?;
    let queue = QueueName::from(queue);
    Ok(Json(monitor.peek(&queue, offset, limit).await?))
}

/// Returns a worker's report, as text.
pub(crate) async fn report(
    Seen(monitor): Seen,
    Path(worker): Path<String>,
) -> Result<String, ApiError> {
    Ok(monitor.report(&WorkerName::from(worker)).await?)
}

pub(crate) async fn audit(Seen(monitor): Seen) -> Result<Json<Snapshot>, ApiError> {
    snapshot(monitor, Topic::Audit).await
}

pub(crate) async fn schedule(Seen(monitor): Seen) -> Result<Json<Snapshot>, ApiError> {
    snapshot(monitor, Topic::Schedule).await
}

async fn snapshot(monitor: Monitor, topic: Topic) -> Result<Json<Snapshot>, ApiError> {
    Ok(Json(blocking(move || monitor.snapshot(&topic)).await??))
}

/// Reads a number of a query.
pub(super) fn number(query: &str, name: &'static str, default: u64) -> Result<u64, ApiError> {
    let Some((_, text)) = form_urlencoded::parse(query.as_bytes()).find(|(key, _)| key == name)
    else {
        return Ok(default);
    };
    let number = text.parse();
    number.map_err(|_| QueryError::new(name, "must be a whole number").into())
}
