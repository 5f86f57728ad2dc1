//! Flower's task object, and what its parameters mean.

use crate::error::FlowerError;
use chrono::{DateTime, NaiveDateTime, Timelike};
use model::{TaskDetail, TaskId, TaskState, Timestamp};
use serde::Serialize;

/// A task as Flower writes it (`celery/events/state.py`, `Task.as_dict`):
/// times in seconds since the epoch, `eta` and `expires` as text.
#[derive(Debug, Serialize)]
pub(crate) struct FlowerTask {
    uuid: String,
    name: Option<String>,
    state: TaskState,
    received: Option<f64>,
    sent: Option<f64>,
    started: Option<f64>,
    rejected: Option<f64>,
    succeeded: Option<f64>,
    failed: Option<f64>,
    retried: Option<f64>,
    revoked: Option<f64>,
    args: Option<String>,
    kwargs: Option<String>,
    eta: Option<String>,
    expires: Option<String>,
    retries: u32,
    worker: Option<String>,
    result: Option<String>,
    exception: Option<String>,
    timestamp: Option<f64>,
    runtime: Option<f64>,
    traceback: Option<String>,
    exchange: Option<String>,
    routing_key: Option<String>,
    clock: Option<u64>,
    client: Option<String>,
    root: Option<TaskId>,
    root_id: Option<TaskId>,
    parent: Option<TaskId>,
    parent_id: Option<TaskId>,
    children: Vec<TaskId>,
}

impl From<TaskDetail> for FlowerTask {
    fn from(task: TaskDetail) -> Self {
        // Flower keeps one record for all attempts, so the time of the last
        // attempt that ended in a state is that state's time.
        let ended = |state: TaskState| {
            let mut attempts = task.attempts.iter().rev();
            attempts.find(|attempt| attempt.state == state)
        };
        let time = |state| seconds(ended(state)?.finished);
        let row = &task.summary;
        Self {
            uuid: row.id.to_string(),
            name: row.name.as_ref().map(ToString::to_string),
            state: row.state.clone(),
            received: seconds(row.received),
            sent: seconds(row.sent),
            started: seconds(row.started),
            rejected: time(TaskState::Rejected),
            succeeded: time(TaskState::Success),
            failed: time(TaskState::Failure),
            retried: time(TaskState::Retry),
            revoked: time(TaskState::Revoked),
            eta: row.eta.and_then(iso),
            expires: task.expires.and_then(iso),
            retries: row.retries,
            worker: row.worker.as_ref().map(ToString::to_string),
            timestamp: seconds(task.timestamp),
            // Workers report it with `task-succeeded` only.
            runtime: ended(TaskState::Success).and_then(|attempt| attempt.runtime_seconds),
            children: task.children.iter().map(|child| child.id.clone()).collect(),
            args: task.args,
            kwargs: task.kwargs,
            result: task.result,
            exception: task.exception,
            traceback: task.traceback,
            exchange: task.exchange,
            routing_key: task.routing_key,
            clock: task.clock,
            client: task.client,
            root: task.root_id.clone(),
            root_id: task.root_id,
            parent: task.parent_id.clone(),
            parent_id: task.parent_id,
        }
    }
}

fn seconds(time: Option<Timestamp>) -> Option<f64> {
    time.map(Timestamp::as_seconds)
}

/// Writes a time as Python's `datetime.isoformat` does.
fn iso(time: Timestamp) -> Option<String> {
    let time = DateTime::from_timestamp_micros(time.0)?;
    let format = if time.nanosecond() == 0 {
        "%Y-%m-%dT%H:%M:%S+00:00"
    } else {
        "%Y-%m-%dT%H:%M:%S%.6f+00:00"
    };
    Some(time.format(format).to_string())
}

/// Reads Flower's `%Y-%m-%d %H:%M`, taken for UTC.
pub(crate) fn parse_minute(text: &str) -> Option<Timestamp> {
    let time = NaiveDateTime::parse_from_str(text, "%Y-%m-%d %H:%M").ok()?;
    Some(Timestamp(time.and_utc().timestamp_micros()))
}

/// `flower/utils/__init__.py`, `strtobool`.
pub(crate) fn parse_bool(text: &str) -> Result<bool, FlowerError> {
    match text.to_ascii_lowercase().as_str() {
        "y" | "yes" | "t" | "true" | "on" | "1" => Ok(true),
        "n" | "no" | "f" | "false" | "off" | "0" => Ok(false),
        _ => Err(FlowerError::invalid(format!(
            "Invalid argument '{text}' of type 'bool'"
        ))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_written_as_python_does() {
        let text = |micros| iso(Timestamp(micros));
        assert_eq!(
            text(1_795_162_505_924_187).as_deref(),
            Some("2026-11-20T08:15:05.924187+00:00")
        );
        assert_eq!(
            text(1_795_162_505_000_000).as_deref(),
            Some("2026-11-20T08:15:05+00:00")
        );
        assert_eq!(text(i64::MAX), None);
    }

    #[test]
    fn minutes_are_utc() {
        assert_eq!(
            parse_minute("2026-11-20 08:15"),
            Some(Timestamp(1_795_162_500_000_000))
        );
        assert_eq!(parse_minute("2026-11-20"), None);
        assert_eq!(parse_minute("2026-13-20 08:15"), None);
        assert_eq!(parse_minute("2026-11-20 08:15:00"), None);
    }
}
