//! Results as the Redis result backend keeps them, one JSON document per task.

use crate::{DecodeError, DecodeErrorKind, iso, json};
use model::{QueueName, TaskId, TaskName, TaskState, Timestamp, WorkerName};
use serde::Deserialize;
use serde_json::{Value, value::RawValue};
use std::borrow::Cow;

/// What the result backend tells of a task. Fields from `name` on are there
/// only if the application sets `result_extended`.
#[derive(Clone, Debug, PartialEq)]
pub struct TaskResult {
    /// The task.
    pub id: Option<TaskId>,
    /// The state.
    pub state: TaskState,
    /// The result as JSON; for a failure what [`TaskResult::exception`] reads.
    pub result: Option<String>,
    /// The exception of a failure, retry or revocation, such as `ValueError: no such user`.
    pub exception: Option<String>,
    /// The traceback.
    pub traceback: Option<String>,
    /// When it ended.
    pub date_done: Option<Timestamp>,
    /// The tasks it sent.
    pub children: Vec<TaskId>,
    /// The task that sent it.
    pub parent_id: Option<TaskId>,
    /// The group it belongs to.
    pub group_id: Option<String>,
    /// The task type.
    pub name: Option<TaskName>,
    /// The positional arguments as JSON.
    pub args: Option<String>,
    /// The keyword arguments as JSON.
    pub kwargs: Option<String>,
    /// The worker.
    pub worker: Option<WorkerName>,
    /// How often it was retried before.
    pub retries: Option<u32>,
    /// The routing key it came with.
    pub queue: Option<QueueName>,
}

/// Values whose text is kept as it is, so that numbers keep their digits.
#[derive(Deserialize)]
struct Document<'a> {
    status: Option<String>,
    #[serde(borrow)]
    result: Option<&'a RawValue>,
    #[serde(default)]
    traceback: Value,
    #[serde(default)]
    children: Value,
    #[serde(default)]
    date_done: Value,
    #[serde(default)]
    task_id: Value,
    #[serde(default)]
    parent_id: Value,
    #[serde(default)]
    group_id: Value,
    #[serde(default)]
    name: Value,
    #[serde(borrow)]
    args: Option<&'a RawValue>,
    #[serde(borrow)]
    kwargs: Option<&'a RawValue>,
    #[serde(default)]
    worker: Value,
    #[serde(default)]
    retries: Value,
    #[serde(default)]
    queue: Value,
}

/// Reads the value of a `celery-task-meta-…` key, or the message on the channel of that name.
pub fn decode_result(bytes: &[u8]) -> Result<TaskResult, DecodeError> {
    if let Some(kind) = foreign_encoding(bytes) {
        return Err(kind.at(bytes));
    }
    let text = String::from_utf8_lossy(bytes);
    let document = |text: &str| serde_json::from_str::<Document<'_>>(text).map(TaskResult::read);
    let result = document(&text).or_else(|_| {
        let mut clean = String::new();
        json::sanitize(&text, &mut clean);
        document(&clean)
    });
    match result {
        Ok(Some(result)) => Ok(result),
        Ok(None) => Err(DecodeErrorKind::Missing("status").at(bytes)),
        Err(error) if error.is_data() => {
            Err(DecodeErrorKind::Unexpected("a result document").at(bytes))
        }
        Err(error) => Err(DecodeErrorKind::NotJson(error.to_string()).at(bytes)),
    }
}

impl TaskResult {
    fn read(document: Document<'_>) -> Option<Self> {
        let state = TaskState::from_name(&document.status?);
        let has_exception = matches!(
            state,
            TaskState::Failure | TaskState::Retry | TaskState::Revoked
        );
        let json = |raw: Option<&RawValue>| raw.map(|raw| raw.get().to_owned());
        Some(Self {
            id: text(&document.task_id).map(TaskId::from),
            exception: has_exception
                .then(|| document.result.and_then(exception))
                .flatten(),
            state,
            result: json(document.result),
            traceback: text(&document.traceback).map(str::to_owned),
            date_done: text(&document.date_done).and_then(iso::parse),
            children: children(&document.children),
            parent_id: text(&document.parent_id).map(TaskId::from),
            group_id: text(&document.group_id).map(str::to_owned),
            name: text(&document.name).map(TaskName::from),
            args: json(document.args),
            kwargs: json(document.kwargs),
            worker: text(&document.worker).map(WorkerName::from),
            retries: document
                .retries
                .as_u64()
                .and_then(|count| count.try_into().ok()),
            queue: text(&document.queue).map(QueueName::from),
        })
    }
}

fn text(value: &Value) -> Option<&str> {
    value.as_str()
}

/// Writes `{"exc_type": …, "exc_message": …}` as Python's tracebacks end
/// (`celery/backends/base.py prepare_exception`). The message is a text or the
/// list of the exception's arguments.
fn exception(result: &RawValue) -> Option<String> {
    let result = json::parse_value(result.get().as_bytes()).ok()?;
    let kind = result.get("exc_type")?.as_str()?;
    let message = match result.get("exc_message") {
        None | Some(Value::Null) => Cow::Borrowed(""),
        Some(Value::String(text)) => Cow::Borrowed(text.as_str()),
        Some(Value::Array(parts)) => {
            let parts: Vec<_> = parts
                .iter()
                .map(|part| match part {
                    Value::String(text) => text.clone(),
                    part => part.to_string(),
                })
                .collect();
            Cow::Owned(parts.join(", "))
        }
        Some(other) => Cow::Owned(other.to_string()),
    };
    Some(if message.is_empty() {
        kind.to_owned()
    } else {
        format!("{kind}: {message}")
    })
}

/// Reads `[[[id, parent], …], …]` (`celery/result.py AsyncResult.as_tuple`).
fn children(value: &Value) -> Vec<TaskId> {
    let Some(children) = value.as_array() else {
        return Vec::new();
    };
    children
        .iter()
        .filter_map(|child| {
            let first = child.get(0)?;
            first.as_str().or_else(|| first.get(0)?.as_str())
        })
        .map(TaskId::from)
        .collect()
}

/// Recognises what is no JSON by how it starts.
fn foreign_encoding(bytes: &[u8]) -> Option<DecodeErrorKind> {
    // `celery/backends/base.py`, `result_compression` since 5.7.
    if let Some(rest) = bytes.strip_prefix(b"\x00celery-compressed\x00") {
        let name = rest.split(|b| *b == 0).next().unwrap_or_default();
        let name = String::from_utf8_lossy(name.get(..64).unwrap_or(name)).into_owned();
        return Some(DecodeErrorKind::UnsupportedCompression(name));
    }
    let name = match bytes {
        // Protocols 2 to 5 of pickle start with this byte and their number.
        [0x80, 2..=5, ..] => "pickle",
        // A map of up to 15, 65,535 or more fields.
        [0x80..=0x8f | 0xde | 0xdf, ..] => "msgpack",
        _ => return None,
    };
    Some(DecodeErrorKind::UnsupportedContentType(name.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> TaskResult {
        decode_result(text.as_bytes()).expect(text)
    }

    #[test]
    fn numbers_keep_their_digits() {
        let huge = "1000000000000000000000000000000";
        let result = read(&format!(
            r#"{{"status": "SUCCESS", "result": [{huge}, 1.50]}}"#
        ));
        assert_eq!(result.result, Some(format!("[{huge}, 1.50]")));
        let result = read(r#"{"status": "SUCCESS", "result": [NaN, 1.50]}"#);
        assert_eq!(result.result.as_deref(), Some("[null, 1.50]"));
    }

    #[test]
    fn an_exception_reads_like_the_end_of_a_traceback() {
        let exception = |message: &str| {
            read(&format!(
                r#"{{"status": "FAILURE", "result": {{"exc_type": "E", "exc_message": {message}}}}}"#
            ))
            .exception
        };
        assert_eq!(exception(r#""boom""#).as_deref(), Some("E: boom"));
        assert_eq!(
            exception(r#"["boom", {"code": 42}]"#).as_deref(),
            Some(r#"E: boom, {"code":42}"#)
        );
        assert_eq!(exception("[]").as_deref(), Some("E"));
        assert_eq!(exception("null").as_deref(), Some("E"));
        assert_eq!(exception("5").as_deref(), Some("E: 5"));
        assert_eq!(
            read(r#"{"status": "SUCCESS", "result": {"exc_type": "E"}}"#).exception,
            None
        );
    }

    #[test]
    fn custom_states_and_odd_fields_are_kept_or_passed_over() {
        let result = read(
            r#"{"status": "progress", "result": {"done": 3}, "retries": "x", "children": null, "date_done": 5, "name": null}"#,
        );
        assert_eq!(result.state, TaskState::Custom("PROGRESS".into()));
        assert_eq!(result.retries, None);
        assert_eq!(result.children, []);
        let result = read(
            r#"{"status": "SUCCESS", "result": null, "children": [[["a", null], null], ["b"], 5]}"#,
        );
        assert_eq!(result.children, [TaskId::from("a"), TaskId::from("b")]);
    }

    #[test]
    fn what_is_no_result_is_an_error() {
        let kind = |bytes: &[u8]| decode_result(bytes).map_err(|e| e.kind).err();
        assert_eq!(kind(b"{}"), Some(DecodeErrorKind::Missing("status")));
        assert_eq!(
            kind(b"[]"),
            Some(DecodeErrorKind::Unexpected("a result document"))
        );
        assert!(matches!(kind(b"{"), Some(DecodeErrorKind::NotJson(_))));
        assert!(kind(b"").is_some());
        assert_eq!(
            kind(b"\x80\x04\x95"),
            Some(DecodeErrorKind::UnsupportedContentType("pickle".to_owned()))
        );
        assert_eq!(
            kind(b"\x8c\xa6status"),
            Some(DecodeErrorKind::UnsupportedContentType(
                "msgpack".to_owned()
            ))
        );
        assert_eq!(
            kind(b"\x00celery-compressed\x00application/x-gzip\x00x"),
            Some(DecodeErrorKind::UnsupportedCompression(
                "application/x-gzip".to_owned()
            ))
        );
    }
}
