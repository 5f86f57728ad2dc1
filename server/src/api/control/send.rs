//! `POST /api/task/{apply,async-apply,send-task}/…`, as `flower/api/tasks.py` answers.

use super::run;
use crate::{
    api::results,
    error::FlowerError,
    request::{Asker, FlowerBody, Seen},
};
use axum::{Json, extract::Path};
use chrono::NaiveDateTime;
use model::{
    Caller, Command, ErrorKind, JsonText, TaskDraft, TaskId, TaskState, Timestamp, WireError,
};
use monitor::Monitor;
use serde::{Deserialize, Serialize};
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tokio::time::Instant;

/// How long `apply` waits for a result unless told.
const DEFAULT_WAIT: Duration = Duration::from_secs(300);

/// What may be said of a task to send. Flower takes any option of `apply_async`;
/// what is not listed here is refused, so that nothing is silently left out.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Options {
    args: Option<JsonText>,
    kwargs: Option<JsonText>,
    queue: Option<String>,
    priority: Option<u8>,
    countdown: Option<f64>,
    eta: Option<String>,
    expires: Option<Expiry>,
    /// Of `apply` only.
    timeout: Option<f64>,
}

/// Seconds from now, or a time.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Expiry {
    Seconds(f64),
    Text(String),
}

/// Flower's answer to what does not wait.
#[derive(Serialize)]
pub(crate) struct Sent {
    #[serde(rename = "task-id")]
    task_id: TaskId,
    /// Left out without a result backend.
    #[serde(skip_serializing_if = "Option::is_none")]
    state: Option<TaskState>,
}

/// Sends a task that some worker knows, and waits for its result.
pub(crate) async fn apply(
    Seen(monitor): Seen,
    Asker(caller): Asker,
    Path(name): Path<String>,
    FlowerBody(body): FlowerBody,
) -> Result<Json<results::Answer>, FlowerError> {
    let options = Options::read(&body)?;
    let seconds = options.timeout.unwrap_or(DEFAULT_WAIT.as_secs_f64());
    let wait = Duration::try_from_secs_f64(seconds)
        .map_err(|_| FlowerError::invalid("Invalid option: timeout"))?;
    if !monitor.has_results() {
        return Err(FlowerError::unavailable("No result backend is configured"));
    }
    let deadline = Instant::now() + wait.min(DEFAULT_WAIT);
    let id = send(&monitor, &caller, options.draft(name, false)?).await?;
    Ok(Json(results::wait(&monitor, id, Some(deadline)).await?))
}

/// Sends a task that some worker knows.
pub(crate) async fn async_apply(
    Seen(monitor): Seen,
    Asker(caller): Asker,
    Path(name): Path<String>,
    FlowerBody(body): FlowerBody,
) -> Result<Json<Sent>, FlowerError> {
    let draft = Options::read(&body)?.draft(name, false)?;
    sent(&monitor, &caller, draft).await
}

/// Sends a task of any name.
pub(crate) async fn send_task(
    Seen(monitor): Seen,
    Asker(caller): Asker,
    Path(name): Path<String>,
    FlowerBody(body): FlowerBody,
) -> Result<Json<Sent>, FlowerError> {
    let draft = Options::read(&body)?.draft(name, true)?;
    sent(&monitor, &caller, draft).await
}

async fn sent(
    monitor: &Monitor,
    caller: &Caller,
    draft: TaskDraft,
) -> Result<Json<Sent>, FlowerError> {
    let task_id = send(monitor, caller, draft).await?;
    let state = monitor.has_results().then_some(TaskState::Pending);
    Ok(Json(Sent { task_id, state }))
}

async fn send(monitor: &Monitor, caller: &Caller, draft: TaskDraft) -> Result<TaskId, FlowerError> {
    let name = draft.name.clone();
    let task = Box::new(draft);
    let outcome = match run(monitor, caller, Command::Send { task }).await {
        Ok(outcome) => outcome,
        // Flower knows only what its own application imports; here it is what workers know.
        Err(error) if error.is(ErrorKind::Conflict) => {
            let message = format!("Unknown task '{name}': {}", error.message());
            return Err(FlowerError::not_found(message));
        }
        Err(error) => return Err(error),
    };
    outcome
        .task
        .ok_or_else(|| WireError::new(ErrorKind::Unavailable, outcome.message).into())
}

impl Options {
    fn read(body: &[u8]) -> Result<Self, FlowerError> {
        if body.is_empty() {
            return Ok(Self::default());
        }
        // A list would be taken for the fields in order.
        if !body.trim_ascii_start().starts_with(b"{") {
            return Err(FlowerError::invalid(
                "Invalid options: they must be an object",
            ));
        }
        serde_json::from_slice(body)
            .map_err(|error| FlowerError::invalid(format!("Invalid options: {error}")))
    }

    fn draft(self, name: String, is_unchecked: bool) -> Result<TaskDraft, FlowerError> {
        let args = self.args.unwrap_or_else(JsonText::empty_list);
        if !args.is_list() {
            return Err(FlowerError::invalid("args must be an array"));
        }
        let kwargs = self.kwargs.unwrap_or_else(JsonText::empty_object);
        if !kwargs.is_object() {
            return Err(FlowerError::invalid("kwargs must be an object"));
        }
        let invalid = || FlowerError::invalid("Invalid option");
        Ok(TaskDraft {
            name: name.into(),
            args,
            kwargs,
            queue: self.queue.map(Into::into),
            priority: self.priority,
            eta: self
                .eta
                .map(|text| parse_time(&text).ok_or_else(invalid))
                .transpose()?,
            countdown_seconds: self.countdown,
            expires: self
                .expires
                .map(|expiry| expiry.time().ok_or_else(invalid))
                .transpose()?,
            retry_of: None,
            is_unchecked,
        })
    }
}

impl Expiry {
    fn time(&self) -> Option<Timestamp> {
        let seconds = match self {
            Self::Seconds(seconds) => *seconds,
            Self::Text(text) => match text.parse() {
                Ok(seconds) => seconds,
                Err(_) => return parse_time(text),
            },
        };
        let now = SystemTime::now().duration_since(UNIX_EPOCH).ok()?;
        Timestamp::from_seconds(now.as_secs_f64() + seconds)
    }
}

/// Reads Flower's `%Y-%m-%d %H:%M:%S.%f`, taken for UTC as Celery does unless told otherwise.
fn parse_time(text: &str) -> Option<Timestamp> {
    let time = NaiveDateTime::parse_from_str(text, "%Y-%m-%d %H:%M:%S%.f").ok()?;
    Some(Timestamp(time.and_utc().timestamp_micros()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_are_those_of_flower_and_typed_values_stay_as_written() {
        let body = br#"{"args": [1, 1180591620717411303424, {"__type__": "uuid"}], "kwargs": {"a": 1.50},
            "queue": "mail", "priority": 3, "countdown": 2, "expires": "2026-11-20 08:15:00.500000"}"#;
        let draft = Options::read(body).and_then(|o| o.draft("a.b".to_owned(), true));
        let draft = draft.expect("good options");
        assert_eq!(
            draft.args.as_str(),
            r#"[1, 1180591620717411303424, {"__type__": "uuid"}]"#
        );
        assert_eq!(draft.kwargs.as_str(), r#"{"a": 1.50}"#);
        assert_eq!(draft.countdown_seconds, Some(2.0));
        assert_eq!(draft.expires, Some(Timestamp(1_795_162_500_500_000)));
        assert!(draft.is_unchecked);
    }

    #[test]
    fn what_cannot_be_understood_is_refused() {
        for body in [
            "[1]",
            "[]",
            r#"{"args": {}}"#,
            r#"{"kwargs": []}"#,
            r#"{"eta": "tomorrow"}"#,
            r#"{"serializer": "pickle"}"#,
            r#"{"args": [1,]}"#,
            "nonsense",
        ] {
            let draft =
                Options::read(body.as_bytes()).and_then(|o| o.draft("a.b".to_owned(), true));
            assert!(draft.is_err(), "{body}");
        }
        assert!(Options::read(b"").is_ok(), "no body at all is no options");
    }
}
