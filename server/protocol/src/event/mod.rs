//! Events: from the bytes of a PUBLISH to borrowed fields, one call per event.
//!
//! A body is gone through once by a scanner of its own (`cursor`), which takes
//! JSON and Python's dialect of it alike: a general parser costs twice as much
//! and refuses what Python writes. A bad event costs only itself.

mod cursor;
mod decode;
mod fields;
mod kind;
mod value;

pub use decode::{Decoded, Reject, Scratch, decode, decode_body};
pub use kind::EventKind;

use crate::json;
use model::Timestamp;
use std::borrow::Cow;

/// One event. A field is absent if the sender left it out, wrote `null`, or
/// wrote something of a type that makes no sense there.
///
/// Texts lie in the body or, if they had escapes, in [`Scratch`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct EventRef<'a> {
    /// What it tells.
    pub kind: EventKind,
    /// `type` as it was written.
    pub type_name: &'a str,
    /// The node name; `gen<pid>@<host>` for clients and beat.
    pub hostname: Option<&'a str>,
    /// The process that sent it.
    pub pid: Option<u32>,
    /// The sender's Lamport clock.
    pub clock: Option<u64>,
    /// When it was sent, true UTC whatever `utcoffset` says.
    pub timestamp: Option<Timestamp>,
    /// The task's id.
    pub uuid: Option<&'a str>,
    /// The task's name, or its shadow name in `task-received`.
    pub name: Option<&'a str>,
    /// Python's repr of the positional arguments.
    pub args: Option<&'a str>,
    /// Python's repr of the keyword arguments.
    pub kwargs: Option<&'a str>,
    /// The first task of the workflow.
    pub root_id: Option<&'a str>,
    /// The task that sent this one.
    pub parent_id: Option<&'a str>,
    /// How often it was retried before.
    pub retries: Option<u32>,
    /// When it is to run.
    pub eta: Option<Timestamp>,
    /// When it expires.
    pub expires: Option<Timestamp>,
    /// The queue it was sent to.
    pub queue: Option<&'a str>,
    /// The exchange it was sent to.
    pub exchange: Option<&'a str>,
    /// The routing key it was sent with.
    pub routing_key: Option<&'a str>,
    /// Python's repr of the result.
    pub result: Option<&'a str>,
    /// Python's repr of the exception.
    pub exception: Option<&'a str>,
    /// The traceback.
    pub traceback: Option<&'a str>,
    /// Run time, seconds.
    pub runtime: Option<f64>,
    /// Revoked: its process was ended.
    pub terminated: Option<bool>,
    /// Revoked: it had expired.
    pub expired: Option<bool>,
    /// Rejected: it went back to the queue.
    pub requeue: Option<bool>,
    /// Revoked: the signal; a number, or a name before Celery 5.
    pub signum: Option<&'a str>,
    /// Seconds between heartbeats.
    pub freq: Option<f64>,
    /// Tasks running.
    pub active: Option<u64>,
    /// Tasks accepted since the worker started.
    pub processed: Option<u64>,
    /// Load averages over 1, 5 and 15 minutes.
    pub loadavg: Option<[f64; 3]>,
    /// The software, `py-celery`.
    pub sw_ident: Option<&'a str>,
    /// Its version.
    pub sw_ver: Option<&'a str>,
    /// The operating system.
    pub sw_sys: Option<&'a str>,
    /// The event as it was written, in Python's dialect of JSON; see [`EventRef::json`].
    pub raw: &'a str,
}

impl<'a> EventRef<'a> {
    /// Returns an event that tells nothing, for tests and builders.
    pub fn empty() -> Self {
        Self {
            kind: EventKind::Other,
            type_name: "",
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

    /// Returns the event as JSON: as it was written, or rewritten if that is
    /// only Python's dialect. Nothing makes JSON of brackets that do not match.
    pub fn json(&self) -> Cow<'a, str> {
        json::to_strict(self.raw)
    }
}
