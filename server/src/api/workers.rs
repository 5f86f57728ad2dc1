//! `GET /api/workers`.

use super::flower::parse_bool;
use crate::error::FlowerError;
use crate::request::Seen;
use axum::{
    Json,
    extract::RawQuery,
    response::{IntoResponse, Response},
};
use model::{Inspection, WireError, WorkerName, WorkerStatus};
use serde::Serialize;
use serde_json::Value;
use std::collections::BTreeMap;

/// A worker as Flower's inspector keeps it (`flower/inspector.py`).
#[derive(Serialize)]
struct FlowerWorker {
    #[serde(skip_serializing_if = "Option::is_none")]
    stats: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    active_queues: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    registered: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    conf: Option<Value>,
    // Lists of tasks: large, so only where one worker is asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    active: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reserved: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    scheduled: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    revoked: Option<Value>,
    timestamp: f64,
}

impl FlowerWorker {
    /// A worker that never answered has nothing to show.
    fn new(answers: Inspection, with_tasks: bool) -> Option<Self> {
        let tasks = |value: Option<Value>| value.filter(|_| with_tasks);
        Some(Self {
            timestamp: answers.asked?.as_seconds(),
            stats: answers.stats,
            active_queues: answers.active_queues,
            registered: answers.registered,
            conf: answers.conf,
            active: tasks(answers.active),
            reserved: tasks(answers.reserved),
            scheduled: tasks(answers.scheduled),
            revoked: tasks(answers.revoked),
        })
    }
}

/// Returns what workers answered when they were asked last, by name; with
/// `refresh` they are asked now, with `status` it is only whether they are
/// there.
pub(crate) async fn list(
    Seen(monitor): Seen,
    RawQuery(query): RawQuery,
) -> Result<Response, FlowerError> {
    let query = Query::parse(query.as_deref().unwrap_or_default())?;
    if query.refresh {
        monitor
            .inspect(query.worker.as_ref())
            .await
            .map_err(|error| {
                let message = format!("Failed to update workers: {}", error.message);
                WireError { message, ..error }
            })?;
    }
    let rows = monitor.workers().rows;
    if query.status {
        // Two processes of one name are one worker that is there if one of them is.
        let mut status: BTreeMap<WorkerName, bool> = BTreeMap::new();
        for row in rows {
            let is_there = matches!(row.status, WorkerStatus::Online | WorkerStatus::Busy);
            *status.entry(row.name).or_default() |= is_there;
        }
        return Ok(Json(status).into_response());
    }
    let names = match query.worker {
        Some(name) => {
            if !rows.iter().any(|row| row.name == name) {
                return Err(FlowerError::not_found(format!("Unknown worker '{name}'")));
            }
            vec![name]
        }
        None => rows.into_iter().map(|row| row.name).collect(),
    };
    let with_tasks = query.with_tasks;
    let workers: BTreeMap<WorkerName, FlowerWorker> = names
        .into_iter()
        .filter_map(|name| {
            let answers = monitor.worker(&name)?.inspection;
            Some((name, FlowerWorker::new(answers, with_tasks)?))
        })
        .collect();
    Ok(Json(workers).into_response())
}

#[derive(Debug, Default)]
struct Query {
    refresh: bool,
    status: bool,
    worker: Option<WorkerName>,
    with_tasks: bool,
}

impl Query {
    fn parse(text: &str) -> Result<Self, FlowerError> {
        let mut query = Self::default();
        for (key, value) in form_urlencoded::parse(text.as_bytes()) {
            let value = value.trim();
            match &*key {
                "refresh" => query.refresh = parse_bool(value)?,
                "status" => query.status = parse_bool(value)?,
                "workername" => {
                    query.worker = Some(value).filter(|v| !v.is_empty()).map(Into::into)
                }
                _ => {}
            }
        }
        query.with_tasks = query.worker.is_some();
        Ok(query)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn truth_values_are_those_of_flower() {
        for (text, expected) in [("1", true), ("Yes", true), ("TRUE", true), ("off", false)] {
            let query = Query::parse(&format!("refresh={text}")).expect("a query");
            assert_eq!(query.refresh, expected, "{text}");
        }
        let error = Query::parse("status=maybe").expect_err("an error");
        assert!(format!("{error:?}").contains("Invalid argument 'maybe' of type 'bool'"));
    }
}
