//! Events: from the bytes of a PUBLISH to borrowed fields, one call per event.
//!
//! Strict JSON is read in place and nothing is copied but strings that hold
//! escapes. An event that is no strict JSON is rewritten (see `json`) and read
//! again; one that cannot be read even so costs only itself.

use crate::{
    DecodeError, DecodeErrorKind, Text,
    envelope::{self, Envelope},
    iso,
    json::{self, skip_space},
};
use model::Timestamp;
use serde::{
    Deserialize, Deserializer,
    de::{self, IgnoredAny, MapAccess, SeqAccess, Visitor},
};
use std::{borrow::Cow, fmt};

/// What an event tells, from its `type`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum EventKind {
    /// `task-sent`
    TaskSent,
    /// `task-received`
    TaskReceived,
    /// `task-started`
    TaskStarted,
    /// `task-succeeded`
    TaskSucceeded,
    /// `task-failed`
    TaskFailed,
    /// `task-retried`
    TaskRetried,
    /// `task-revoked`
    TaskRevoked,
    /// `task-rejected`
    TaskRejected,
    /// `task-cancelled`
    TaskCancelled,
    /// `worker-online`
    WorkerOnline,
    /// `worker-heartbeat`
    WorkerHeartbeat,
    /// `worker-offline`
    WorkerOffline,
    /// Any other `task-…`, such as `task-progress`
    TaskCustom,
    /// Any other `worker-…`, such as `worker-elect`
    WorkerOther,
    /// Anything else
    Other,
}

impl EventKind {
    /// Returns the kind that a `type` stands for.
    pub fn from_type(name: &str) -> Self {
        match name {
            "task-sent" => Self::TaskSent,
            "task-received" => Self::TaskReceived,
            "task-started" => Self::TaskStarted,
            "task-succeeded" => Self::TaskSucceeded,
            "task-failed" => Self::TaskFailed,
            "task-retried" => Self::TaskRetried,
            "task-revoked" => Self::TaskRevoked,
            "task-rejected" => Self::TaskRejected,
            "task-cancelled" => Self::TaskCancelled,
            "worker-online" => Self::WorkerOnline,
            "worker-heartbeat" => Self::WorkerHeartbeat,
            "worker-offline" => Self::WorkerOffline,
            _ if name.starts_with("task-") => Self::TaskCustom,
            _ if name.starts_with("worker-") => Self::WorkerOther,
            _ => Self::Other,
        }
    }

    /// Tells whether the event is about a task.
    pub fn is_task(self) -> bool {
        !matches!(
            self,
            Self::WorkerOnline
                | Self::WorkerHeartbeat
                | Self::WorkerOffline
                | Self::WorkerOther
                | Self::Other
        )
    }
}

/// One event. A field is absent if the sender left it out, wrote `null`, or
/// wrote something of a type that makes no sense there.
#[derive(Clone, Debug, PartialEq)]
pub struct EventRef<'a> {
    /// What it tells.
    pub kind: EventKind,
    /// `type` as it was written.
    pub type_name: Text<'a>,
    /// The node name; `gen<pid>@<host>` for clients and beat.
    pub hostname: Option<Text<'a>>,
    /// The process that sent it.
    pub pid: Option<u32>,
    /// The sender's Lamport clock.
    pub clock: Option<u64>,
    /// When it was sent, true UTC whatever `utcoffset` says.
    pub timestamp: Option<Timestamp>,
    /// The task's id.
    pub uuid: Option<Text<'a>>,
    /// The task's name, or its shadow name in `task-received`.
    pub name: Option<Text<'a>>,
    /// Python's repr of the positional arguments.
    pub args: Option<Text<'a>>,
    /// Python's repr of the keyword arguments.
    pub kwargs: Option<Text<'a>>,
    /// The first task of the workflow.
    pub root_id: Option<Text<'a>>,
    /// The task that sent this one.
    pub parent_id: Option<Text<'a>>,
    /// How often it was retried before.
    pub retries: Option<u32>,
    /// When it is to run.
    pub eta: Option<Timestamp>,
    /// When it expires.
    pub expires: Option<Timestamp>,
    /// The queue it was sent to.
    pub queue: Option<Text<'a>>,
    /// The exchange it was sent to.
    pub exchange: Option<Text<'a>>,
    /// The routing key it was sent with.
    pub routing_key: Option<Text<'a>>,
    /// Python's repr of the result.
    pub result: Option<Text<'a>>,
    /// Python's repr of the exception.
    pub exception: Option<Text<'a>>,
    /// The traceback.
    pub traceback: Option<Text<'a>>,
    /// Run time, seconds.
    pub runtime: Option<f64>,
    /// Revoked: its process was ended.
    pub terminated: Option<bool>,
    /// Revoked: it had expired.
    pub expired: Option<bool>,
    /// Rejected: it went back to the queue.
    pub requeue: Option<bool>,
    /// Revoked: the signal; a number, or a name before Celery 5.
    pub signum: Option<Text<'a>>,
    /// Seconds between heartbeats.
    pub freq: Option<f64>,
    /// Tasks running.
    pub active: Option<u64>,
    /// Tasks accepted since the worker started.
    pub processed: Option<u64>,
    /// Load averages over 1, 5 and 15 minutes.
    pub loadavg: Option<[f64; 3]>,
    /// The software, `py-celery`.
    pub sw_ident: Option<Text<'a>>,
    /// Its version.
    pub sw_ver: Option<Text<'a>>,
    /// The operating system.
    pub sw_sys: Option<Text<'a>>,
    /// The event's own JSON; rewritten to be valid if Python's was not.
    pub raw: &'a str,
}

/// Buffers that are used again for the next message.
#[derive(Clone, Debug, Default)]
pub struct Scratch {
    body: Vec<u8>,
    clean: String,
}

/// What became of a message.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Decoded {
    /// Events handed on.
    pub events: u32,
    /// Events, or whole messages, that could not be read.
    pub bad: u32,
    /// The first trouble.
    pub error: Option<DecodeError>,
}

impl Decoded {
    fn reject(&mut self, error: DecodeError) {
        self.bad += 1;
        self.error.get_or_insert(error);
    }
}

/// Reads the payload of a PUBLISH on an event channel and hands each event to `apply`.
pub fn decode(payload: &[u8], scratch: &mut Scratch, apply: impl FnMut(&EventRef<'_>)) -> Decoded {
    let Scratch { body, clean } = scratch;
    body.clear();
    let mut decoded = match envelope::extract_body(payload, body) {
        Ok(()) => decode_events(body, clean, apply),
        Err(error) => {
            let mut decoded = Decoded::default();
            decoded.reject(error);
            decoded
        }
    };
    if decoded.events == 0 && decoded.bad > 0 {
        // `event_serializer` may be another one than JSON; then the envelope says so.
        let content_type = Envelope::content_type_of(payload).unwrap_or_default();
        if let Some(kind) = envelope::unsupported_content_type(&content_type) {
            decoded.error = Some(kind.at(payload));
        }
    }
    decoded
}

/// Reads a body that [`crate::extract_body`] found and hands each event to `apply`.
pub fn decode_body(
    body: &[u8],
    scratch: &mut Scratch,
    apply: impl FnMut(&EventRef<'_>),
) -> Decoded {
    decode_events(body, &mut scratch.clean, apply)
}

fn decode_events(body: &[u8], clean: &mut String, apply: impl FnMut(&EventRef<'_>)) -> Decoded {
    let text = match simdutf8::basic::from_utf8(body) {
        Ok(text) => Cow::Borrowed(text),
        Err(_) => String::from_utf8_lossy(body),
    };
    walk(&text, clean, apply)
}

/// Goes through one event or a list of events.
///
/// Whether it is a list depends on the JSON, not on the channel: workers with
/// an event loop send lists on `task.multi` (`celery/events/dispatcher.py flush`).
fn walk(text: &str, clean: &mut String, mut apply: impl FnMut(&EventRef<'_>)) -> Decoded {
    let bytes = text.as_bytes();
    let mut decoded = Decoded::default();
    let mut at = skip_space(bytes, 0);
    let is_list = bytes.get(at) == Some(&b'[');
    if is_list {
        at = skip_space(bytes, at + 1);
    }
    let mut is_open = is_list && bytes.get(at) != Some(&b']') || !is_list;
    while is_open {
        let rest = text.get(at..).unwrap_or_default();
        let length = match strict(rest) {
            Ok((event, length)) => {
                apply(&event);
                decoded.events += 1;
                length
            }
            Err(_) => match json::skip_value(rest.as_bytes(), 0).and_then(|end| rest.get(..end)) {
                Some(raw) => {
                    match lenient(raw, clean) {
                        Ok(event) => {
                            apply(&event);
                            decoded.events += 1;
                        }
                        Err(kind) => decoded.reject(kind.at(raw.as_bytes())),
                    }
                    raw.len()
                }
                None => {
                    let kind = DecodeErrorKind::NotJson("it is cut off".to_owned());
                    decoded.reject(kind.at(rest.as_bytes()));
                    return decoded;
                }
            },
        };
        at = skip_space(bytes, at + length);
        is_open = is_list && bytes.get(at) == Some(&b',');
        if is_open {
            at = skip_space(bytes, at + 1);
        }
    }
    if is_list {
        if bytes.get(at) != Some(&b']') {
            let kind = DecodeErrorKind::NotJson("the list does not end".to_owned());
            decoded.reject(kind.at(bytes.get(at..).unwrap_or_default()));
            return decoded;
        }
        at = skip_space(bytes, at + 1);
    }
    if at < bytes.len() {
        decoded.reject(DecodeErrorKind::TrailingData.at(&bytes[at..]));
    }
    decoded
}

/// Reads the event at the start of `text` as strict JSON; returns it with its length.
fn strict(text: &str) -> Result<(EventRef<'_>, usize), DecodeErrorKind> {
    if !text.starts_with('{') {
        return Err(DecodeErrorKind::Unexpected("an object"));
    }
    let mut values = serde_json::Deserializer::from_str(text).into_iter::<Fields<'_>>();
    match values.next() {
        Some(Ok(Fields(mut event))) => {
            let length = values.byte_offset();
            event.raw = text.get(..length).unwrap_or_default();
            Ok((event, length))
        }
        Some(Err(error)) if error.is_data() => Err(DecodeErrorKind::Missing("type")),
        Some(Err(error)) => Err(DecodeErrorKind::NotJson(error.to_string())),
        None => Err(DecodeErrorKind::NotJson("it is empty".to_owned())),
    }
}

/// Reads an event in Python's dialect of JSON.
fn lenient<'a>(raw: &str, clean: &'a mut String) -> Result<EventRef<'a>, DecodeErrorKind> {
    json::sanitize(raw, clean);
    strict(clean).map(|(event, _)| event)
}

/// The visitor's result: an event whose `raw` is still to be set.
struct Fields<'a>(EventRef<'a>);

impl<'de> Deserialize<'de> for Fields<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(FieldsVisitor)
    }
}

struct FieldsVisitor;

impl<'de> Visitor<'de> for FieldsVisitor {
    type Value = Fields<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an event")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut event = EventRef::empty();
        let mut has_type = false;
        // A key that comes twice overwrites, as in Python.
        while let Some(Key(key)) = map.next_key()? {
            match key {
                Name::Type => {
                    if let Some(name) = map.next_value::<Scalar<'de>>()?.text() {
                        event.kind = EventKind::from_type(&name);
                        event.type_name = name;
                        has_type = true;
                    }
                }
                Name::Hostname => event.hostname = map.next_value::<Scalar<'de>>()?.text(),
                Name::Pid => event.pid = map.next_value::<Scalar<'de>>()?.u32(),
                Name::Clock => event.clock = map.next_value::<Scalar<'de>>()?.u64(),
                Name::Timestamp => event.timestamp = map.next_value::<Scalar<'de>>()?.time(),
                Name::Uuid => event.uuid = map.next_value::<Scalar<'de>>()?.text(),
                Name::TaskName => event.name = map.next_value::<Scalar<'de>>()?.text(),
                Name::Args => event.args = map.next_value::<Scalar<'de>>()?.text(),
                Name::Kwargs => event.kwargs = map.next_value::<Scalar<'de>>()?.text(),
                Name::RootId => event.root_id = map.next_value::<Scalar<'de>>()?.text(),
                Name::ParentId => event.parent_id = map.next_value::<Scalar<'de>>()?.text(),
                Name::Retries => event.retries = map.next_value::<Scalar<'de>>()?.u32(),
                Name::Eta => event.eta = map.next_value::<Scalar<'de>>()?.time(),
                Name::Expires => event.expires = map.next_value::<Scalar<'de>>()?.time(),
                Name::Queue => event.queue = map.next_value::<Scalar<'de>>()?.text(),
                Name::Exchange => event.exchange = map.next_value::<Scalar<'de>>()?.text(),
                Name::RoutingKey => event.routing_key = map.next_value::<Scalar<'de>>()?.text(),
                Name::Result => event.result = map.next_value::<Scalar<'de>>()?.text(),
                Name::Exception => event.exception = map.next_value::<Scalar<'de>>()?.text(),
                Name::Traceback => event.traceback = map.next_value::<Scalar<'de>>()?.text(),
                Name::Runtime => event.runtime = map.next_value::<Scalar<'de>>()?.f64(),
                Name::Terminated => event.terminated = map.next_value::<Scalar<'de>>()?.bool(),
                Name::Expired => event.expired = map.next_value::<Scalar<'de>>()?.bool(),
                Name::Requeue => event.requeue = map.next_value::<Scalar<'de>>()?.bool(),
                Name::Signum => event.signum = map.next_value::<Scalar<'de>>()?.text(),
                Name::Freq => event.freq = map.next_value::<Scalar<'de>>()?.f64(),
                Name::Active => event.active = map.next_value::<Scalar<'de>>()?.u64(),
                Name::Processed => event.processed = map.next_value::<Scalar<'de>>()?.u64(),
                Name::Loadavg => event.loadavg = map.next_value::<Scalar<'de>>()?.loads(),
                Name::SwIdent => event.sw_ident = map.next_value::<Scalar<'de>>()?.text(),
                Name::SwVer => event.sw_ver = map.next_value::<Scalar<'de>>()?.text(),
                Name::SwSys => event.sw_sys = map.next_value::<Scalar<'de>>()?.text(),
                Name::Unknown => {
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
        if !has_type {
            return Err(de::Error::missing_field("type"));
        }
        Ok(Fields(event))
    }
}

impl EventRef<'_> {
    /// Returns an event that tells nothing, for tests and builders.
    pub fn empty() -> Self {
        Self {
            kind: EventKind::Other,
            type_name: Text::default(),
            hostname: None,
            pid: None,
            clock: None,
            timestamp: None,
            uuid: None,
            name: None,
            args: None,
            kwargs: None,
            root_id: None,
            parent_id: None,
            retries: None,
            eta: None,
            expires: None,
            queue: None,
            exchange: None,
            routing_key: None,
            result: None,
            exception: None,
            traceback: None,
            runtime: None,
            terminated: None,
            expired: None,
            requeue: None,
            signum: None,
            freq: None,
            active: None,
            processed: None,
            loadavg: None,
            sw_ident: None,
            sw_ver: None,
            sw_sys: None,
            raw: "",
        }
    }
}

/// A key, told apart without being copied.
struct Key(Name);

enum Name {
    Type,
    Hostname,
    Pid,
    Clock,
    Timestamp,
    Uuid,
    TaskName,
    Args,
    Kwargs,
    RootId,
    ParentId,
    Retries,
    Eta,
    Expires,
    Queue,
    Exchange,
    RoutingKey,
    Result,
    Exception,
    Traceback,
    Runtime,
    Terminated,
    Expired,
    Requeue,
    Signum,
    Freq,
    Active,
    Processed,
    Loadavg,
    SwIdent,
    SwVer,
    SwSys,
    Unknown,
}

impl<'de> Deserialize<'de> for Key {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct KeyVisitor;
        impl Visitor<'_> for KeyVisitor {
            type Value = Key;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a field's name")
            }
            fn visit_str<E: de::Error>(self, name: &str) -> Result<Key, E> {
                Ok(Key(match name {
                    "type" => Name::Type,
                    "hostname" => Name::Hostname,
                    "pid" => Name::Pid,
                    "clock" => Name::Clock,
                    "timestamp" => Name::Timestamp,
                    "uuid" => Name::Uuid,
                    "name" => Name::TaskName,
                    "args" => Name::Args,
                    "kwargs" => Name::Kwargs,
                    "root_id" => Name::RootId,
                    "parent_id" => Name::ParentId,
                    "retries" => Name::Retries,
                    "eta" => Name::Eta,
                    "expires" => Name::Expires,
                    "queue" => Name::Queue,
                    "exchange" => Name::Exchange,
                    "routing_key" => Name::RoutingKey,
                    "result" => Name::Result,
                    "exception" => Name::Exception,
                    "traceback" => Name::Traceback,
                    "runtime" => Name::Runtime,
                    "terminated" => Name::Terminated,
                    "expired" => Name::Expired,
                    "requeue" => Name::Requeue,
                    "signum" => Name::Signum,
                    "freq" => Name::Freq,
                    "active" => Name::Active,
                    "processed" => Name::Processed,
                    "loadavg" => Name::Loadavg,
                    "sw_ident" => Name::SwIdent,
                    "sw_ver" => Name::SwVer,
                    "sw_sys" => Name::SwSys,
                    _ => Name::Unknown,
                }))
            }
        }
        deserializer.deserialize_identifier(KeyVisitor)
    }
}

/// A field's value, whatever its type; what it means is decided by who asks.
enum Scalar<'a> {
    Nothing,
    Bool(bool),
    Int(i64),
    UInt(u64),
    Float(f64),
    Text(Text<'a>),
    Loads([f64; 3]),
}

impl<'a> Scalar<'a> {
    fn text(self) -> Option<Text<'a>> {
        match self {
            Self::Text(text) => Some(text),
            Self::Bool(value) => Some(Text::owned(value.to_string())),
            Self::Int(value) => Some(Text::owned(value.to_string())),
            Self::UInt(value) => Some(Text::owned(value.to_string())),
            Self::Float(value) => Some(Text::owned(value.to_string())),
            Self::Nothing | Self::Loads(_) => None,
        }
    }

    fn u64(self) -> Option<u64> {
        match self {
            Self::UInt(value) => Some(value),
            Self::Float(value) => {
                // 2^64 as f64 is exact; the cast below cannot saturate.
                (value >= 0.0 && value < 18_446_744_073_709_551_616.0 && value.fract() == 0.0)
                    .then_some(value as u64)
            }
            Self::Text(text) => text.trim().parse().ok(),
            _ => None,
        }
    }

    fn u32(self) -> Option<u32> {
        self.u64().and_then(|value| value.try_into().ok())
    }

    fn f64(self) -> Option<f64> {
        match self {
            Self::Int(value) => Some(value as f64),
            Self::UInt(value) => Some(value as f64),
            Self::Float(value) => Some(value),
            Self::Text(text) => text.trim().parse().ok().filter(|n: &f64| n.is_finite()),
            _ => None,
        }
    }

    fn bool(self) -> Option<bool> {
        match self {
            Self::Bool(value) => Some(value),
            Self::UInt(0) => Some(false),
            Self::UInt(1) => Some(true),
            _ => None,
        }
    }

    /// Reads seconds since the epoch or an ISO 8601 time.
    fn time(self) -> Option<Timestamp> {
        match self {
            Self::Text(text) => {
                iso::parse(&text).or_else(|| Timestamp::from_seconds(text.trim().parse().ok()?))
            }
            number => number.f64().and_then(Timestamp::from_seconds),
        }
    }

    fn loads(self) -> Option<[f64; 3]> {
        match self {
            Self::Loads(loads) => Some(loads),
            _ => None,
        }
    }
}

impl<'de> Deserialize<'de> for Scalar<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ScalarVisitor)
    }
}

struct ScalarVisitor;

impl<'de> Visitor<'de> for ScalarVisitor {
    type Value = Scalar<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any value")
    }

    fn visit_unit<E: de::Error>(self) -> Result<Self::Value, E> {
        Ok(Scalar::Nothing)
    }

    fn visit_bool<E: de::Error>(self, value: bool) -> Result<Self::Value, E> {
        Ok(Scalar::Bool(value))
    }

    fn visit_i64<E: de::Error>(self, value: i64) -> Result<Self::Value, E> {
        Ok(Scalar::Int(value))
    }

    fn visit_u64<E: de::Error>(self, value: u64) -> Result<Self::Value, E> {
        Ok(Scalar::UInt(value))
    }

    fn visit_f64<E: de::Error>(self, value: f64) -> Result<Self::Value, E> {
        Ok(Scalar::Float(value))
    }

    fn visit_borrowed_str<E: de::Error>(self, text: &'de str) -> Result<Self::Value, E> {
        Ok(Scalar::Text(Text::borrowed(text)))
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Self::Value, E> {
        Ok(Scalar::Text(Text::owned(text.to_owned())))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(Scalar::Nothing)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
        let mut loads = [0.0; 3];
        let mut is_loads = true;
        for load in &mut loads {
            match seq.next_element::<Leaf>()? {
                Some(Leaf(Some(value))) => *load = value,
                _ => {
                    is_loads = false;
                    break;
                }
            }
        }
        while seq.next_element::<IgnoredAny>()?.is_some() {
            is_loads = false;
        }
        Ok(if is_loads {
            Scalar::Loads(loads)
        } else {
            Scalar::Nothing
        })
    }
}

/// An element of `loadavg`: a number, or anything, which is passed over.
struct Leaf(Option<f64>);

impl<'de> Deserialize<'de> for Leaf {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct LeafVisitor;
        impl<'de> Visitor<'de> for LeafVisitor {
            type Value = Leaf;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("any value")
            }
            fn visit_unit<E: de::Error>(self) -> Result<Leaf, E> {
                Ok(Leaf(None))
            }
            fn visit_bool<E: de::Error>(self, _: bool) -> Result<Leaf, E> {
                Ok(Leaf(None))
            }
            fn visit_i64<E: de::Error>(self, value: i64) -> Result<Leaf, E> {
                Ok(Leaf(Some(value as f64)))
            }
            fn visit_u64<E: de::Error>(self, value: u64) -> Result<Leaf, E> {
                Ok(Leaf(Some(value as f64)))
            }
            fn visit_f64<E: de::Error>(self, value: f64) -> Result<Leaf, E> {
                Ok(Leaf(Some(value)))
            }
            fn visit_str<E: de::Error>(self, _: &str) -> Result<Leaf, E> {
                Ok(Leaf(None))
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Leaf, A::Error> {
                while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
                Ok(Leaf(None))
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Leaf, A::Error> {
                while seq.next_element::<IgnoredAny>()?.is_some() {}
                Ok(Leaf(None))
            }
        }
        deserializer.deserialize_any(LeafVisitor)
    }
}
