//! `GET /api/tasks`, `/api/task/info/<id>` and `/api/task/types` as Flower has
//! them, and our own `/api/v1/tasks` and `/api/v1/tasks/<id>`.

use super::flower::{FlowerTask, parse_minute};
use crate::error::{ApiError, FlowerError};
use crate::request::Seen;
use axum::{
    Json,
    body::{Body, Bytes},
    extract::{Path, RawQuery},
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};
use futures::{StreamExt, stream};
use model::{
    ErrorKind, TaskDetail, TaskName, TaskPage, TaskQuery, TaskSort, TaskState, Timestamp, WireError,
};
use monitor::DetailsError;
use serde::Serialize;
use std::{convert::Infallible, vec};

/// Tasks turned into JSON at a time, so that a long list does not stand in
/// memory twice.
const BATCH: usize = 256;

/// Returns the tasks that match, as one object by id, in order.
pub(crate) async fn list(
    Seen(monitor): Seen,
    RawQuery(query): RawQuery,
) -> Result<Response, FlowerError> {
    let List { query, unlimited } = List::parse(query.as_deref().unwrap_or_default())?;
    match monitor.any_task_details(query, unlimited, true).await {
        Ok(tasks) => Ok(object(tasks)),
        // The one error that Flower answers as JSON (`ListTasks.get`).
        Err(DetailsError::Search(error)) => {
            let error = format!("{error}.");
            Ok((StatusCode::BAD_REQUEST, Json(SearchTrouble { error })).into_response())
        }
        Err(DetailsError::Store(error)) => Err(error.into()),
    }
}

/// `GET /api/v1/tasks`: a page of tasks, from memory or, with `after`, from the store.
pub(crate) async fn page(
    Seen(monitor): Seen,
    RawQuery(query): RawQuery,
) -> Result<Json<TaskPage>, ApiError> {
    let query = TaskQuery::from_query_string(query.as_deref().unwrap_or_default())?;
    Ok(Json(monitor.task_list(query).await?))
}

/// `GET /api/v1/tasks/<id>`: everything known of a task.
pub(crate) async fn detail(
    Seen(monitor): Seen,
    Path(id): Path<String>,
) -> Result<Json<TaskDetail>, ApiError> {
    let task = monitor.any_task(&id.as_str().into()).await?;
    let unknown = || WireError::new(ErrorKind::NotFound, format!("No task {id} is known here."));
    Ok(Json(task.ok_or_else(unknown)?))
}

#[derive(Serialize)]
struct SearchTrouble {
    error: String,
}

/// What `GET /api/tasks` asks for.
#[derive(Debug)]
struct List {
    query: TaskQuery,
    unlimited: bool,
}

impl List {
    /// Reads Flower's parameters with Flower's errors (`flower/api/tasks.py`,
    /// `ListTasks.get`). Flower takes `received_start` and `received_end` for
    /// times of the zone its server is in; here they are UTC.
    fn parse(text: &str) -> Result<Self, FlowerError> {
        let mut list = Self {
            query: TaskQuery {
                sort: TaskSort::Timestamp,
                ..TaskQuery::default()
            },
            unlimited: true,
        };
        let query = &mut list.query;
        for (key, value) in form_urlencoded::parse(text.as_bytes()) {
            // Tornado strips every argument.
            let value = value.trim();
            let filter = Some(value).filter(|text| !text.is_empty() && *text != "All");
            match &*key {
                "limit" => {
                    query.limit = u32::try_from(parse_int(value)?.max(0)).unwrap_or(u32::MAX);
                    list.unlimited = false;
                }
                "offset" => query.offset = u64::try_from(parse_int(value)?).unwrap_or(0),
                "workername" => query.worker = filter.map(Into::into),
                "taskname" => query.name = filter.map(Into::into),
                "state" => query.states = filter.map(TaskState::from_name).into_iter().collect(),
                "received_start" => query.received_start = minute(value)?,
                "received_end" => query.received_end = minute(value)?,
                "sort_by" if !value.is_empty() => {
                    (query.sort, query.is_descending) = sort(value)?;
                }
                "search" => value.clone_into(&mut query.search),
                _ => {}
            }
        }
        Ok(list)
    }
}

fn parse_int(text: &str) -> Result<i64, FlowerError> {
    text.parse()
        .map_err(|_| FlowerError::invalid(format!("Invalid argument '{text}' of type 'int'")))
}

fn minute(text: &str) -> Result<Option<Timestamp>, FlowerError> {
    if text.is_empty() {
        return Ok(None);
    }
    match parse_minute(text) {
        Some(time) => Ok(Some(time)),
        None => Err(FlowerError::invalid(
            "Invalid received_start or received_end, expected format 'YYYY-MM-DD HH:MM'",
        )),
    }
}

fn sort(text: &str) -> Result<(TaskSort, bool), FlowerError> {
    let sort = match text.trim_start_matches('-') {
        "name" => TaskSort::Name,
        "received" => TaskSort::Received,
        "started" => TaskSort::Started,
        "state" => TaskSort::State,
        _ => {
            return Err(FlowerError::invalid(format!(
                "Invalid sort_by '{text}', expected one of name, received, started, state"
            )));
        }
    };
    Ok((sort, text.starts_with('-')))
}

/// Streams `{"<id>": {…}, …}`.
fn object(tasks: Vec<TaskDetail>) -> Response {
    let chunks = stream::unfold(Some((tasks.into_iter(), true)), |rest| async move {
        let (mut tasks, is_first) = rest?;
        let mut chunk = Vec::from(if is_first { "{" } else { "" });
        for (index, task) in tasks.by_ref().take(BATCH).enumerate() {
            if index > 0 || !is_first {
                chunk.extend_from_slice(b", ");
            }
            append(&mut chunk, task);
        }
        let is_last = tasks.as_slice().is_empty();
        if is_last {
            chunk.push(b'}');
        }
        let rest: Option<(vec::IntoIter<TaskDetail>, bool)> = (!is_last).then_some((tasks, false));
        Some((Ok::<_, Infallible>(Bytes::from(chunk)), rest))
    });
    // Compression asks once more after the end, which `unfold` does not stand.
    let chunks = chunks.fuse();
    let headers = [(header::CONTENT_TYPE, "application/json")];
    (headers, Body::from_stream(chunks)).into_response()
}

fn append(out: &mut Vec<u8>, task: TaskDetail) {
    let id = task.summary.id.clone();
    // Text, numbers and lists of them always have a JSON form.
    serde_json::to_writer(&mut *out, &id).expect("an id is a string");
    out.extend_from_slice(b": ");
    serde_json::to_writer(out, &FlowerTask::from(task)).expect("a task has string keys");
}

/// Returns one task.
pub(crate) async fn info(
    Seen(monitor): Seen,
    Path(id): Path<String>,
) -> Result<Json<FlowerTask>, FlowerError> {
    match monitor.any_task(&id.as_str().into()).await? {
        Some(task) => Ok(Json(task.into())),
        None => Err(FlowerError::not_found(format!("Unknown task '{id}'"))),
    }
}

/// The types of tasks that were seen.
#[derive(Serialize)]
pub(crate) struct Types {
    #[serde(rename = "task-types")]
    task_types: Vec<TaskName>,
}

/// Returns the types of tasks that were seen.
pub(crate) async fn types(Seen(monitor): Seen) -> Json<Types> {
    Json(Types {
        task_types: monitor.task_types(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> List {
        List::parse(text).expect("a list")
    }

    #[test]
    fn without_parameters_all_tasks_come_newest_event_first() {
        let list = parse("");
        assert!(list.unlimited);
        assert_eq!(list.query.sort, TaskSort::Timestamp);
        assert!(list.query.is_descending);
    }

    #[test]
    fn parameters_mean_what_they_mean_in_flower() {
        let list = parse(
            "limit=5000&offset=-3&workername=w1%40vm&taskname=shop.mail&state=FAILURE\
             &received_start=2026-11-20+08:15&sort_by=received&search=name:mail",
        );
        assert!(!list.unlimited);
        let query = list.query;
        assert_eq!((query.limit, query.offset), (5_000, 0));
        assert_eq!(query.worker, Some("w1@vm".into()));
        assert_eq!(query.name, Some("shop.mail".into()));
        assert_eq!(query.states, [TaskState::Failure]);
        assert_eq!(query.received_start, parse_minute("2026-11-20 08:15"));
        assert_eq!(
            (query.sort, query.is_descending),
            (TaskSort::Received, false)
        );
        assert_eq!(query.search, "name:mail");

        let query = parse("workername=All&taskname=All&state=All&sort_by=-name").query;
        assert_eq!(
            (query.worker, query.name, query.states),
            (None, None, vec![])
        );
        assert_eq!((query.sort, query.is_descending), (TaskSort::Name, true));
    }

    #[test]
    fn errors_are_worded_as_in_flower() {
        for (text, expected) in [
            ("limit=x", "Invalid argument 'x' of type 'int'"),
            ("limit=", "Invalid argument '' of type 'int'"),
            ("offset=1.5", "Invalid argument '1.5' of type 'int'"),
            (
                "sort_by=runtime",
                "Invalid sort_by 'runtime', expected one of name, received, started, state",
            ),
            (
                "received_end=yesterday",
                "Invalid received_start or received_end, expected format 'YYYY-MM-DD HH:MM'",
            ),
        ] {
            let error = List::parse(text).expect_err("an error");
            assert!(format!("{error:?}").contains(expected), "{error:?}");
        }
    }
}
