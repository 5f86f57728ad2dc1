//! Task messages to send: new ones, and the originals of old ones once more.
//!
//! A message is sent by `LPUSH` to the list of its queue and priority; the
//! default exchange needs no binding (`kombu/transport/redis.py _put`).

use crate::{
    DecodeError, DecodeErrorKind,
    envelope::Envelope,
    iso, render,
    verbatim::{items, member, members, object, quoted, text_of, to_editable, to_wire},
};
use model::{QueueName, TaskId, TaskName, Timestamp};
use serde_json::json;
use std::borrow::Cow;

/// The header of a task that repeats another one; workers keep it, and the
/// task sees it in `request.headers`.
pub const RETRY_HEADER: &str = "celeriac_retry_of";

/// What is put after the arguments (`celery/app/amqp.py as_task_v2`).
const NO_EMBED: &str =
    "{\"callbacks\": null, \"errbacks\": null, \"chain\": null, \"chord\": null}";

/// A task to send.
///
/// Arguments are JSON; numbers that JSON does not know are written as
/// `{"__type__": "float", "__value__": "NaN"}`.
#[derive(Clone, Debug, PartialEq)]
pub struct NewTask {
    /// Its id.
    pub id: TaskId,
    /// The task type.
    pub name: TaskName,
    /// The positional arguments, a list.
    pub args: String,
    /// The keyword arguments, an object.
    pub kwargs: String,
    /// Signatures to call when it succeeded, a list; see [`super::TaskBody`].
    pub callbacks: Option<String>,
    /// Signatures to call when it failed, a list.
    pub errbacks: Option<String>,
    /// Signatures that follow, a list whose last is the next.
    pub chain: Option<String>,
    /// The queue.
    pub queue: QueueName,
    /// The priority, 0 to 9; the lowest runs first.
    pub priority: u8,
    /// When it is to run.
    pub eta: Option<Timestamp>,
    /// When it expires.
    pub expires: Option<Timestamp>,
    /// The first task of the workflow; itself if absent.
    pub root_id: Option<TaskId>,
    /// The task it follows.
    pub parent_id: Option<TaskId>,
    /// The task it repeats.
    pub retry_of: Option<TaskId>,
    /// The process that sends it.
    pub origin: String,
    /// The key under which workers hold it.
    pub delivery_tag: String,
}

impl NewTask {
    /// Returns Python's repr of the positional arguments, as it goes into events.
    pub fn argsrepr(&self) -> String {
        render::arguments(&self.args).unwrap_or_else(|| self.args.clone())
    }

    /// Returns Python's repr of the keyword arguments, as it goes into events.
    pub fn kwargsrepr(&self) -> String {
        render::value(&self.kwargs).unwrap_or_else(|| self.kwargs.clone())
    }

    /// Returns the message, in version 2 of Celery's task message protocol.
    pub fn encode(&self) -> Vec<u8> {
        let follows = [&self.callbacks, &self.errbacks, &self.chain];
        let embed = if follows.iter().all(|part| part.is_none()) {
            NO_EMBED.to_owned()
        } else {
            let text = |part: &Option<String>| {
                let text = part.as_deref().map(to_wire);
                text.map_or("null".to_owned(), Cow::into_owned)
            };
            object([
                ("callbacks", text(&self.callbacks).as_str()),
                ("errbacks", text(&self.errbacks).as_str()),
                ("chain", text(&self.chain).as_str()),
                ("chord", "null"),
            ])
        };
        let body = format!(
            "[{}, {}, {embed}]",
            to_wire(&self.args),
            to_wire(&self.kwargs)
        );
        let mut headers = json!({
            "lang": "py",
            "task": self.name,
            "id": self.id,
            "shadow": null,
            "eta": self.eta.map(iso::write),
            "expires": self.expires.map(iso::write),
            "group": null,
            "group_index": null,
            "retries": 0,
            "timelimit": [null, null],
            "root_id": self.root_id.as_ref().unwrap_or(&self.id),
            "parent_id": self.parent_id,
            "argsrepr": self.argsrepr(),
            "kwargsrepr": self.kwargsrepr(),
            "origin": self.origin,
            "ignore_result": false,
            "replaced_task_nesting": 0,
            "stamped_headers": null,
            "stamps": {},
        });
        if let Some(old) = &self.retry_of {
            headers[RETRY_HEADER] = json!(old);
        }
        let envelope = json!({
            "body": base64_simd::STANDARD.encode_to_string(body),
            "content-encoding": "utf-8",
            "content-type": "application/json",
            "headers": headers,
            "properties": {
                "correlation_id": self.id,
                // Results are read from the backend; nobody waits for a message.
                "reply_to": "",
                "delivery_mode": 2,
                "delivery_info": {"exchange": "", "routing_key": self.queue},
                "priority": self.priority,
                "body_encoding": "base64",
                "delivery_tag": self.delivery_tag,
            },
        });
        envelope.to_string().into_bytes()
    }
}

/// How an original message is sent once more.
#[derive(Clone, Debug)]
pub struct Repeat<'a> {
    /// The new task's id.
    pub id: &'a TaskId,
    /// The key under which workers will hold it.
    pub delivery_tag: &'a str,
    /// The queue, if it is to be another one than the original's.
    pub queue: Option<&'a QueueName>,
    /// Now: an ETA or expiry that has passed is left out.
    pub now: Timestamp,
}

impl Repeat<'_> {
    /// Returns the message to send; `original` is an element of a queue's
    /// list, in version 2 of the protocol.
    ///
    /// The body goes over as it is, read or unread, with callbacks, errbacks
    /// and the rest of the chain. The task is no member of a chord or group
    /// any more: a part that runs again does not revive them
    /// (`celery/backends/redis.py on_chord_part_return` counts by `group`).
    pub fn encode(&self, original: &[u8]) -> Result<Vec<u8>, DecodeError> {
        let broken = |kind: DecodeErrorKind| kind.at(original);
        let text =
            std::str::from_utf8(original).map_err(|_| broken(DecodeErrorKind::NotAnEnvelope))?;
        let envelope = members(text).ok_or_else(|| broken(DecodeErrorKind::NotAnEnvelope))?;
        let part = |name: &'static str| {
            member(&envelope, name)
                .and_then(members)
                .ok_or_else(|| broken(DecodeErrorKind::Missing(name)))
        };
        let (headers, properties) = (part("headers")?, part("properties")?);
        let old = member(&headers, "id")
            .and_then(text_of)
            .ok_or_else(|| broken(DecodeErrorKind::Missing("id")))?;
        let is_kept = |value: &str| {
            let time = text_of(value).as_deref().and_then(iso::parse);
            time.is_some_and(|time| time > self.now)
        };
        let (new_id, old_id) = (quoted(self.id.as_str()), quoted(&old));
        let root = match member(&headers, "root_id") {
            None | Some("null") => old_id.as_str(),
            Some(root) => root,
        };
        let own = [
            ("id", new_id.as_str()),
            ("root_id", root),
            ("parent_id", &old_id),
            ("retries", "0"),
            ("group", "null"),
            ("group_index", "null"),
            (RETRY_HEADER, &old_id),
        ];
        let is_other = |key: &str| key != "redelivered" && own.iter().all(|(name, _)| *name != key);
        let others = headers
            .iter()
            .filter(|(key, _)| is_other(key))
            .map(|(key, value)| match key.as_ref() {
                "eta" | "expires" if !is_kept(value) => (key.as_ref(), "null"),
                key => (key, *value),
            });
        let headers_text = object(others.chain(own));

        let delivery = member(&properties, "delivery_info").and_then(members);
        let delivery = self.delivery_info(delivery.as_deref().unwrap_or_default());
        let tag = quoted(self.delivery_tag);
        let own = [
            ("correlation_id", new_id.as_str()),
            ("delivery_tag", &tag),
            ("delivery_info", &delivery),
        ];
        let expires = member(&headers, "expires").is_some_and(is_kept);
        let others = properties
            .iter()
            .map(|(key, value)| (key.as_ref(), *value))
            .filter(|(key, _)| own.iter().all(|(name, _)| name != key))
            .filter(|(key, _)| *key != "expiration" || expires);
        let properties_text = object(others.chain(own));

        let body = without_chord(original);
        let fields = envelope.iter().map(|(key, value)| match key.as_ref() {
            "headers" => ("headers", headers_text.as_str()),
            "properties" => ("properties", properties_text.as_str()),
            "body" => ("body", body.as_deref().unwrap_or(value)),
            key => (key, *value),
        });
        Ok(object(fields).into_bytes())
    }

    fn delivery_info(&self, old: &[(Cow<'_, str>, &str)]) -> String {
        let queue = self.queue.map(|queue| quoted(queue.as_str()));
        let others = old
            .iter()
            .map(|(key, value)| (key.as_ref(), *value))
            .filter(|(key, _)| *key != "redelivered");
        match &queue {
            None => object(others),
            Some(queue) => {
                let others = others.filter(|(key, _)| !matches!(*key, "exchange" | "routing_key"));
                object(others.chain([("exchange", "\"\""), ("routing_key", queue.as_str())]))
            }
        }
    }
}

/// Returns the body of a message without its chord, as the JSON text that
/// stands in the envelope; `None` if there is no chord, or the body is not
/// plain JSON and stays as it is.
fn without_chord(original: &[u8]) -> Option<String> {
    let envelope = Envelope::decode(original).ok()?;
    let is_base64 = envelope.properties.get("body_encoding")?.as_str() == Some("base64");
    let is_json = envelope.content_type == "application/json";
    if !is_base64 || !is_json || envelope.headers.contains_key("compression") {
        return None;
    }
    let text = std::str::from_utf8(&envelope.body).ok()?;
    let parts = items(text)?;
    let [args, kwargs, embed, ..] = parts.as_slice() else {
        return None;
    };
    let embed = members(embed)?;
    if matches!(member(&embed, "chord"), None | Some("null")) {
        return None;
    }
    let embed = object(embed.iter().map(|(key, value)| match key.as_ref() {
        "chord" => ("chord", "null"),
        key => (key, *value),
    }));
    let body = format!("[{args}, {kwargs}, {embed}]");
    Some(quoted(&base64_simd::STANDARD.encode_to_string(body)))
}

/// Returns the arguments of an element of a queue's list, positional and
/// keyword, as JSON that can be edited and sent again without any change.
pub fn arguments_of(element: &[u8]) -> Result<(String, String), DecodeError> {
    let envelope = Envelope::decode(element)?;
    let text = envelope.json_text()?;
    let unexpected =
        || DecodeErrorKind::Unexpected("a list of arguments and options").at(&envelope.body);
    let (args, kwargs) = match (items(&text), members(&text)) {
        (Some(parts), _) => match parts.as_slice() {
            [args, kwargs, ..] => (*args, *kwargs),
            _ => return Err(unexpected()),
        },
        // Protocol 1 keeps them beside what protocol 2 has in the headers.
        (None, Some(fields)) => (
            member(&fields, "args")
                .filter(|text| *text != "null")
                .unwrap_or("[]"),
            member(&fields, "kwargs")
                .filter(|text| *text != "null")
                .unwrap_or("{}"),
        ),
        (None, None) => return Err(unexpected()),
    };
    if !args.starts_with('[') || !kwargs.starts_with('{') {
        return Err(unexpected());
    }
    Ok((
        to_editable(args).into_owned(),
        to_editable(kwargs).into_owned(),
    ))
}

/// Returns the message within a value of the hash of messages that workers
/// hold, as it stood in its queue's list.
pub fn message_of_unacked(value: &[u8]) -> Result<&[u8], DecodeError> {
    let text = std::str::from_utf8(value).ok().and_then(items);
    let message = text.and_then(|parts| parts.into_iter().next());
    message
        .map(str::as_bytes)
        .ok_or_else(|| DecodeErrorKind::Unexpected("a list of three").at(value))
}
