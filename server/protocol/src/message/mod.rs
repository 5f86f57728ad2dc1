//! Task messages as they wait in queues: their headers, and on request what is
//! in their bodies; and messages to send.

mod body;
mod encode;

pub use body::TaskBody;
pub use encode::{NewTask, RETRY_HEADER, Repeat, arguments_of, message_of_unacked};

use crate::{DecodeError, DecodeErrorKind, envelope::Envelope, iso, json};
use model::{TaskId, TaskName, Timestamp};
use serde_json::{Map, Value};

/// A task message.
#[derive(Clone, Debug, PartialEq)]
pub struct TaskMessage {
    /// The version of Celery's task message protocol, 1 or 2.
    pub protocol: u8,
    /// The id.
    pub id: TaskId,
    /// The task type.
    pub name: TaskName,
    /// The name that events show instead.
    pub shadow: Option<String>,
    /// How often it was retried before.
    pub retries: u32,
    /// When it is to run.
    pub eta: Option<Timestamp>,
    /// When it expires.
    pub expires: Option<Timestamp>,
    /// The first task of the workflow.
    pub root_id: Option<TaskId>,
    /// The task that sent this one.
    pub parent_id: Option<TaskId>,
    /// The group it belongs to.
    pub group_id: Option<String>,
    /// Its place in the group.
    pub group_index: Option<u64>,
    /// The process that sent it.
    pub origin: Option<String>,
    /// The entry of the schedule that sent it, if django-celery-beat did.
    pub periodic_task_name: Option<String>,
    /// Seconds after which its process is killed.
    pub time_limit: Option<f64>,
    /// Seconds after which it gets an exception.
    pub soft_time_limit: Option<f64>,
    /// Whether its result is not to be stored.
    pub ignore_result: bool,
    /// The stamps that a workflow put on it, a JSON object; since Celery 5.3.
    pub stamps: Option<String>,
    /// Python's repr of the positional arguments; absent in protocol 1.
    pub argsrepr: Option<String>,
    /// Python's repr of the keyword arguments; absent in protocol 1.
    pub kwargsrepr: Option<String>,
    /// The exchange it was sent to.
    pub exchange: Option<String>,
    /// The routing key it was sent with.
    pub routing_key: Option<String>,
    /// The priority it was sent with; the lowest number runs first.
    pub priority: Option<u64>,
    /// Whether a worker took it before and did not acknowledge it.
    pub redelivered: bool,
    /// The key under which workers hold it until they acknowledge it.
    pub delivery_tag: Option<String>,
    /// How the body is encoded.
    pub content_type: String,
    /// How the body is compressed.
    pub compression: Option<String>,
    /// The size of the body, bytes.
    pub body_bytes: usize,
}

/// A task message with its body opened.
#[derive(Clone, Debug, PartialEq)]
pub struct OpenMessage {
    /// What the headers tell.
    pub task: TaskMessage,
    /// What the body tells, or why it cannot be read: pickle and signed
    /// messages never are.
    pub body: Result<TaskBody, DecodeError>,
}

/// Tells whether an element of a list is a message that kombu put there, so
/// that the list is a queue.
pub fn looks_like_message(element: &[u8]) -> bool {
    Envelope::decode(element).is_ok_and(|envelope| {
        !envelope.content_type.is_empty() && envelope.properties.contains_key("delivery_info")
    })
}

/// Reads an element of a queue's list.
pub fn decode_message(element: &[u8]) -> Result<TaskMessage, DecodeError> {
    read(&Envelope::decode(element)?)
}

/// Reads an element of a queue's list, and opens its body.
pub fn open_message(element: &[u8]) -> Result<OpenMessage, DecodeError> {
    open(&Envelope::decode(element)?)
}

/// Reads a value of the hash of messages that workers hold: `[message, exchange, routing_key]`.
pub fn decode_unacked(value: &[u8]) -> Result<TaskMessage, DecodeError> {
    read(&held(value)?)
}

/// Reads a value of the hash of messages that workers hold, and opens its body.
pub fn open_unacked(value: &[u8]) -> Result<OpenMessage, DecodeError> {
    open(&held(value)?)
}

/// Returns the exchange and the routing key of a value of the hash of messages
/// that workers hold, without reading the message.
pub fn unacked_route(value: &[u8]) -> Option<(String, String)> {
    let start = json::skip_space(value, 0);
    (value.get(start) == Some(&b'[')).then_some(())?;
    let message = json::skip_space(value, start + 1);
    let comma = json::skip_space(value, json::skip_value(value, message)?);
    (value.get(comma) == Some(&b',')).then_some(())?;
    let rest = value.get(comma + 1..)?;
    let text = String::from_utf8_lossy(rest);
    serde_json::from_str(&format!("[{text}")).ok()
}

fn held(value: &[u8]) -> Result<Envelope, DecodeError> {
    let parsed = json::parse_value(value).map_err(|kind| kind.at(value))?;
    let message = match parsed {
        Value::Array(parts) => parts.into_iter().next(),
        _ => None,
    };
    let message =
        message.ok_or_else(|| DecodeErrorKind::Unexpected("a list of three").at(value))?;
    Envelope::from_value(message, value)
}

fn open(envelope: &Envelope) -> Result<OpenMessage, DecodeError> {
    Ok(OpenMessage {
        task: read(envelope)?,
        body: TaskBody::read(envelope),
    })
}

fn read(envelope: &Envelope) -> Result<TaskMessage, DecodeError> {
    if envelope.headers.contains_key("id") || envelope.headers.contains_key("task") {
        return fields(2, &envelope.headers, envelope);
    }
    // Protocol 1 keeps in the body what protocol 2 has in the headers.
    match envelope.json_body()? {
        Value::Object(body) => fields(1, &body, envelope),
        _ => Err(DecodeErrorKind::Missing("task").at(&envelope.body)),
    }
}

fn fields(
    protocol: u8,
    head: &Map<String, Value>,
    envelope: &Envelope,
) -> Result<TaskMessage, DecodeError> {
    let text = |key: &str| head.get(key).and_then(Value::as_str).map(str::to_owned);
    let required = |key: &'static str| {
        text(key).ok_or_else(|| DecodeErrorKind::Missing(key).at(&envelope.body))
    };
    let delivery = envelope.properties.get("delivery_info");
    let delivered = |key: &str| delivery.and_then(|info| info.get(key));
    let limit = |place| head.get("timelimit")?.get(place)?.as_f64();
    let is_true = |value: Option<&Value>| value.and_then(Value::as_bool) == Some(true);
    Ok(TaskMessage {
        protocol,
        id: required("id")?.into(),
        name: required("task")?.into(),
        shadow: text("shadow"),
        retries: head
            .get("retries")
            .and_then(Value::as_u64)
            .and_then(|count| count.try_into().ok())
            .unwrap_or(0),
        eta: head.get("eta").and_then(Value::as_str).and_then(iso::parse),
        expires: head
            .get("expires")
            .and_then(Value::as_str)
            .and_then(iso::parse),
        root_id: text("root_id").map(TaskId::from),
        parent_id: text("parent_id").map(TaskId::from),
        group_id: text("group").or_else(|| text("taskset")),
        group_index: head.get("group_index").and_then(Value::as_u64),
        origin: text("origin"),
        periodic_task_name: text("periodic_task_name"),
        time_limit: limit(0),
        soft_time_limit: limit(1),
        ignore_result: is_true(head.get("ignore_result")),
        stamps: head
            .get("stamps")
            .filter(|stamps| stamps.as_object().is_some_and(|stamps| !stamps.is_empty()))
            .map(Value::to_string),
        argsrepr: text("argsrepr"),
        kwargsrepr: text("kwargsrepr"),
        exchange: delivered("exchange")
            .and_then(Value::as_str)
            .map(str::to_owned),
        routing_key: delivered("routing_key")
            .and_then(Value::as_str)
            .map(str::to_owned),
        priority: envelope.properties.get("priority").and_then(Value::as_u64),
        redelivered: is_true(delivered("redelivered"))
            || is_true(envelope.headers.get("redelivered")),
        delivery_tag: envelope
            .properties
            .get("delivery_tag")
            .and_then(Value::as_str)
            .map(str::to_owned),
        content_type: envelope.content_type.clone(),
        compression: envelope
            .headers
            .get("compression")
            .and_then(Value::as_str)
            .map(str::to_owned),
        body_bytes: envelope.body.len(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn other_lists_are_no_queues() {
        for element in [
            &b""[..],
            b"1",
            b"hello",
            b"{}",
            b"[1, 2]",
            br#"{"body": "x"}"#,
            br#"{"body": "eA==", "content-type": "text/plain", "properties": {"body_encoding": "base64"}}"#,
            b"\xff\xfe",
        ] {
            assert!(!looks_like_message(element), "{element:?}");
            assert!(decode_message(element).is_err(), "{element:?}");
        }
    }

    #[test]
    fn a_message_without_name_is_an_error() {
        let element = br#"{"body": "W10=", "content-type": "application/json", "headers": {"id": "1"}, "properties": {"body_encoding": "base64", "delivery_info": {}}}"#;
        assert!(looks_like_message(element));
        assert_eq!(
            decode_message(element).map_err(|e| e.kind),
            Err(DecodeErrorKind::Missing("task"))
        );
        let route = |value: &[u8]| unacked_route(value);
        assert_eq!(
            route(br#"[{"a": ["x"]}, "", "lab"]"#),
            Some((String::new(), "lab".to_owned()))
        );
        for value in [&b""[..], b"[", b"[1]", b"[1, 2, 3]", b"{}", b"[1, \"a\"]"] {
            assert_eq!(route(value), None);
        }
        assert!(decode_unacked(b"[]").is_err());
        assert!(decode_unacked(b"[1]").is_err());
        assert!(decode_unacked(b"nonsense").is_err());
    }
}
