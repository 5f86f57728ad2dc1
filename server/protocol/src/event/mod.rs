//! Events: from the bytes of a PUBLISH to borrowed fields, one call per event.
//!
//! Strict JSON is read in place and nothing is copied but strings that hold
//! escapes. An event that is no strict JSON is rewritten (see `json`) and read
//! again; one that cannot be read even so costs only itself.

mod decode;
mod fields;
mod kind;
mod scalar;

pub use decode::{Decoded, Scratch, decode, decode_body};
pub use kind::EventKind;

use crate::Text;
use model::Timestamp;

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
