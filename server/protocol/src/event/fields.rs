//! An event's JSON object to its fields.

use super::{EventKind, EventRef, scalar::Scalar};
use serde::{
    Deserialize, Deserializer,
    de::{self, DeserializeSeed, IgnoredAny, MapAccess, Visitor},
};
use std::fmt;

/// Puts the fields of an object into an event.
pub(super) struct InPlace<'e, 'a>(pub(super) &'e mut EventRef<'a>);

impl<'de> DeserializeSeed<'de> for InPlace<'_, 'de> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for InPlace<'_, 'de> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an event")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let event = self.0;
        let mut has_type = false;
        // A key that comes twice overwrites, as in Python.
        while let Some(Key(key)) = map.next_key()? {
            match key {
                Field::Type => {
                    if let Some(name) = map.next_value::<Scalar<'de>>()?.text() {
                        event.kind = EventKind::from_type(&name);
                        event.type_name = name;
                        has_type = true;
                    }
                }
                Field::Hostname => event.hostname = map.next_value::<Scalar<'de>>()?.text(),
                Field::Pid => event.pid = map.next_value::<Scalar<'de>>()?.u32(),
                Field::Clock => event.clock = map.next_value::<Scalar<'de>>()?.u64(),
                Field::Timestamp => event.timestamp = map.next_value::<Scalar<'de>>()?.time(),
                Field::Uuid => event.uuid = map.next_value::<Scalar<'de>>()?.text(),
                Field::Name => event.name = map.next_value::<Scalar<'de>>()?.text(),
                Field::Args => event.args = map.next_value::<Scalar<'de>>()?.text(),
                Field::Kwargs => event.kwargs = map.next_value::<Scalar<'de>>()?.text(),
                Field::RootId => event.root_id = map.next_value::<Scalar<'de>>()?.text(),
                Field::ParentId => event.parent_id = map.next_value::<Scalar<'de>>()?.text(),
                Field::Retries => event.retries = map.next_value::<Scalar<'de>>()?.u32(),
                Field::Eta => event.eta = map.next_value::<Scalar<'de>>()?.time(),
                Field::Expires => event.expires = map.next_value::<Scalar<'de>>()?.time(),
                Field::Queue => event.queue = map.next_value::<Scalar<'de>>()?.text(),
                Field::Exchange => event.exchange = map.next_value::<Scalar<'de>>()?.text(),
                Field::RoutingKey => event.routing_key = map.next_value::<Scalar<'de>>()?.text(),
                Field::Result => event.result = map.next_value::<Scalar<'de>>()?.text(),
                Field::Exception => event.exception = map.next_value::<Scalar<'de>>()?.text(),
                Field::Traceback => event.traceback = map.next_value::<Scalar<'de>>()?.text(),
                Field::Runtime => event.runtime = map.next_value::<Scalar<'de>>()?.f64(),
                Field::Terminated => event.terminated = map.next_value::<Scalar<'de>>()?.bool(),
                Field::Expired => event.expired = map.next_value::<Scalar<'de>>()?.bool(),
                Field::Requeue => event.requeue = map.next_value::<Scalar<'de>>()?.bool(),
                Field::Signum => event.signum = map.next_value::<Scalar<'de>>()?.text(),
                Field::Freq => event.freq = map.next_value::<Scalar<'de>>()?.f64(),
                Field::Active => event.active = map.next_value::<Scalar<'de>>()?.u64(),
                Field::Processed => event.processed = map.next_value::<Scalar<'de>>()?.u64(),
                Field::Loadavg => event.loadavg = map.next_value::<Scalar<'de>>()?.loads(),
                Field::SwIdent => event.sw_ident = map.next_value::<Scalar<'de>>()?.text(),
                Field::SwVer => event.sw_ver = map.next_value::<Scalar<'de>>()?.text(),
                Field::SwSys => event.sw_sys = map.next_value::<Scalar<'de>>()?.text(),
                Field::Unknown => {
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
        if !has_type {
            return Err(de::Error::missing_field("type"));
        }
        Ok(())
    }
}

/// A key, told apart without being copied.
struct Key(Field);

enum Field {
    Type,
    Hostname,
    Pid,
    Clock,
    Timestamp,
    Uuid,
    Name,
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
                    "type" => Field::Type,
                    "hostname" => Field::Hostname,
                    "pid" => Field::Pid,
                    "clock" => Field::Clock,
                    "timestamp" => Field::Timestamp,
                    "uuid" => Field::Uuid,
                    "name" => Field::Name,
                    "args" => Field::Args,
                    "kwargs" => Field::Kwargs,
                    "root_id" => Field::RootId,
                    "parent_id" => Field::ParentId,
                    "retries" => Field::Retries,
                    "eta" => Field::Eta,
                    "expires" => Field::Expires,
                    "queue" => Field::Queue,
                    "exchange" => Field::Exchange,
                    "routing_key" => Field::RoutingKey,
                    "result" => Field::Result,
                    "exception" => Field::Exception,
                    "traceback" => Field::Traceback,
                    "runtime" => Field::Runtime,
                    "terminated" => Field::Terminated,
                    "expired" => Field::Expired,
                    "requeue" => Field::Requeue,
                    "signum" => Field::Signum,
                    "freq" => Field::Freq,
                    "active" => Field::Active,
                    "processed" => Field::Processed,
                    "loadavg" => Field::Loadavg,
                    "sw_ident" => Field::SwIdent,
                    "sw_ver" => Field::SwVer,
                    "sw_sys" => Field::SwSys,
                    _ => Field::Unknown,
                }))
            }
        }
        deserializer.deserialize_identifier(KeyVisitor)
    }
}
