//! Results as the Redis result backend keeps them, one JSON document per task.

use crate::{
    DecodeError, DecodeErrorKind,
    encoding::{Encoding, decompress},
    iso, json, verbatim,
};
use model::{QueueName, TaskId, TaskName, TaskState, Timestamp, WorkerName};
use serde::Deserialize;
use serde_json::{Value, value::RawValue};
use std::{borrow::Cow, collections::HashMap};

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

/// The fields of a document; of one that comes twice the last counts, as in
/// Python. Values are kept as text, so that numbers keep their digits.
#[derive(Deserialize)]
struct Document<'a>(#[serde(borrow)] HashMap<String, &'a RawValue>);

impl Document<'_> {
    fn json(&self, name: &str) -> Option<String> {
        // `null` stands for what is not known; only a result may mean it.
        let raw = self.0.get(name)?.get();
        (raw != "null" || name == "result").then(|| raw.to_owned())
    }

    fn value(&self, name: &str) -> Option<Value> {
        json::parse_value(self.0.get(name)?.get().as_bytes()).ok()
    }

    fn text(&self, name: &str) -> Option<String> {
        match self.value(name)? {
            Value::String(text) => Some(text),
            _ => None,
        }
    }
}

/// Reads the value of a `celery-task-meta-…` key, or the message on the channel of that name.
///
/// Nothing names the encoding but how the document starts: JSON, YAML and
/// msgpack are read, also if they are compressed.
pub fn decode_result(bytes: &[u8]) -> Result<TaskResult, DecodeError> {
    read(bytes).map_err(|kind| kind.at(bytes))
}

fn read(bytes: &[u8]) -> Result<TaskResult, DecodeErrorKind> {
    let plain = unpack(bytes)?;
    let text = Encoding::guessed(&plain).to_json(&plain)?;
    let strict = json::to_strict(&text);
    let result = serde_json::from_str::<Document<'_>>(&strict).map(TaskResult::read);
    match result {
        Ok(Some(result)) => Ok(result),
        Ok(None) => Err(DecodeErrorKind::Missing("status")),
        Err(error) if error.is_data() => Err(DecodeErrorKind::Unexpected("a result document")),
        Err(error) => Err(DecodeErrorKind::NotJson(error.to_string())),
    }
}

/// What an extended result tells of how its task was called.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredArguments {
    /// The task type; never the shadow name.
    pub name: TaskName,
    /// The positional arguments: JSON that can be edited and sent again without any change.
    pub args: String,
    /// The keyword arguments likewise.
    pub kwargs: String,
    /// The routing key it came with, which is the queue on the default exchange.
    pub queue: Option<QueueName>,
}

/// Reads the arguments of a result as it is stored, digits and escapes as they
/// are; `None` without `result_extended`, or if the task was never run.
pub fn decode_arguments(bytes: &[u8]) -> Result<Option<StoredArguments>, DecodeError> {
    let plain = unpack(bytes).map_err(|kind| kind.at(bytes))?;
    let text = Encoding::guessed(&plain)
        .to_json(&plain)
        .map_err(|kind| kind.at(bytes))?;
    let fields = verbatim::members(&text)
        .ok_or_else(|| DecodeErrorKind::Unexpected("a result document").at(bytes))?;
    let field = |name| verbatim::member(&fields, name);
    let (Some(name), Some(args)) = (field("name").and_then(verbatim::text_of), field("args"))
    else {
        return Ok(None);
    };
    let kwargs = field("kwargs")
        .filter(|text| *text != "null")
        .unwrap_or("{}");
    // What is no list was shown as text by whoever stored it.
    if !args.starts_with('[') || !kwargs.starts_with('{') {
        return Ok(None);
    }
    Ok(Some(StoredArguments {
        name: name.into(),
        args: verbatim::to_editable(args).into_owned(),
        kwargs: verbatim::to_editable(kwargs).into_owned(),
        queue: field("queue")
            .and_then(verbatim::text_of)
            .map(QueueName::from),
    }))
}

/// Undoes `result_compression`, which Celery has since 5.7 (`celery/backends/base.py`).
fn unpack(bytes: &[u8]) -> Result<Cow<'_, [u8]>, DecodeErrorKind> {
    let Some(rest) = bytes.strip_prefix(b"\x00celery-compressed\x00") else {
        return Ok(Cow::Borrowed(bytes));
    };
    let end = memchr::memchr(0, rest).unwrap_or(rest.len());
    let (name, packed) = rest.split_at(end);
    let name = String::from_utf8_lossy(name.get(..64).unwrap_or(name));
    decompress(&name, packed.get(1..).unwrap_or_default()).map(Cow::Owned)
}

impl TaskResult {
    fn read(document: Document<'_>) -> Option<Self> {
        let state = TaskState::from_name(&document.text("status")?);
        let has_exception = matches!(
            state,
            TaskState::Failure | TaskState::Retry | TaskState::Revoked
        );
        Some(Self {
            id: document.text("task_id").map(TaskId::from),
            exception: has_exception
                .then(|| exception(&document.value("result")?))
                .flatten(),
            state,
            result: document.json("result"),
            traceback: document.text("traceback"),
            date_done: document.text("date_done").as_deref().and_then(iso::parse),
            children: document
                .value("children")
                .map(|value| children(&value))
                .unwrap_or_default(),
            parent_id: document.text("parent_id").map(TaskId::from),
            group_id: document.text("group_id"),
            name: document.text("name").map(TaskName::from),
            args: document.json("args"),
            kwargs: document.json("kwargs"),
            worker: document.text("worker").map(WorkerName::from),
            retries: document
                .value("retries")
                .and_then(|value| value.as_u64()?.try_into().ok()),
            queue: document.text("queue").map(QueueName::from),
        })
    }
}

/// Writes `{"exc_type": …, "exc_message": …}` as Python's tracebacks end
/// (`celery/backends/base.py prepare_exception`). The message is a text or the
/// list of the exception's arguments.
fn exception(result: &Value) -> Option<String> {
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

#[cfg(test)]
mod tests {
    use super::*;

    fn document(text: &str) -> TaskResult {
        decode_result(text.as_bytes()).expect(text)
    }

    #[test]
    fn numbers_keep_their_digits() {
        let huge = "1000000000000000000000000000000";
        let result = document(&format!(
            r#"{{"status": "SUCCESS", "result": [{huge}, 1.50]}}"#
        ));
        assert_eq!(result.result, Some(format!("[{huge}, 1.50]")));
        let result = document(r#"{"status": "SUCCESS", "result": [NaN, 1.50]}"#);
        assert_eq!(
            result.result.as_deref(),
            Some(r#"[{"__type__": "float", "__value__": "NaN"}, 1.50]"#)
        );
    }

    #[test]
    fn an_exception_reads_like_the_end_of_a_traceback() {
        let exception = |message: &str| {
            document(&format!(
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
            document(r#"{"status": "SUCCESS", "result": {"exc_type": "E"}}"#).exception,
            None
        );
    }

    #[test]
    fn custom_states_and_odd_fields_are_kept_or_passed_over() {
        let result = document(
            r#"{"status": "progress", "result": {"done": 3}, "retries": "x", "children": null, "date_done": 5, "name": null}"#,
        );
        assert_eq!(result.state, TaskState::Custom("PROGRESS".into()));
        assert_eq!(result.retries, None);
        assert_eq!(result.children, []);
        let result = document(
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
        assert!(matches!(
            kind(b"\x8c\xa6status"),
            Some(DecodeErrorKind::NotJson(_))
        ));
        assert!(matches!(
            kind(b"\x00celery-compressed\x00application/x-gzip\x00x"),
            Some(DecodeErrorKind::Corrupt(_))
        ));
        assert_eq!(
            kind(b"\x00celery-compressed\x00application/x-snappy\x00x"),
            Some(DecodeErrorKind::UnsupportedCompression(
                "application/x-snappy".to_owned()
            ))
        );
        assert!(kind(b"\x00celery-compressed\x00").is_some());
    }

    #[test]
    fn of_a_field_that_comes_twice_the_last_counts() {
        let result = document(
            r#"{"status": 5, "status": "FAILURE", "result": 1, "status": "SUCCESS", "result": 2, "traceback": "\ud800x"}"#,
        );
        assert_eq!(result.state, TaskState::Success);
        assert_eq!(result.result.as_deref(), Some("2"));
        assert_eq!(result.traceback.as_deref(), Some("\u{fffd}x"));
    }
}
