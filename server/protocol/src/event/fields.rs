//! An event's JSON object to its fields.

use super::{EventKind, EventRef, scalar::Scalar};
use serde::{
    Deserialize, Deserializer,
    de::{self, IgnoredAny, MapAccess, Visitor},
};
use std::fmt;

/// The visitor's result: an event whose `raw` is still to be set.
pub(super) struct Fields<'a>(pub(super) EventRef<'a>);

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
                Name::NameOfTask => event.name = map.next_value::<Scalar<'de>>()?.text(),
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

/// A key, told apart without being copied.
struct Key(Name);

enum Name {
    Type,
    Hostname,
    Pid,
    Clock,
    Timestamp,
    Uuid,
    NameOfTask,
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
                    "name" => Name::NameOfTask,
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
