//! What Celery and kombu say on Redis, as types: keys and channels, URLs,
//! events, control messages and their replies, task messages and results.
//!
//! Bytes in, values out, and back; this crate does no I/O and reads no clock.
//! Whatever the bytes are, nothing here panics or recurses without bound.

mod encoding;
pub mod envelope;
pub mod error;
pub mod event;
pub mod inspect;
mod iso;
mod json;
pub mod keys;
pub mod message;
pub mod pidbox;
pub mod render;
pub mod reroute;
pub mod result;
pub mod schedule;
pub mod url;
mod verbatim;

pub use encoding::MAX_BODY_BYTES;
pub use envelope::extract_body;
pub use error::{DecodeError, DecodeErrorKind, MAX_KEPT_BYTES};
pub use event::{Decoded, EventKind, EventRef, Reject, Scratch, decode, decode_body};
pub use keys::{Binding, FanoutPrefix, Keyspace};
pub use message::{
    NewTask, OpenMessage, RETRY_HEADER, Repeat, TaskBody, TaskMessage, arguments_of,
    decode_message, decode_unacked, looks_like_message, message_of_unacked, open_message,
    open_unacked, unacked_route,
};
pub use pidbox::{Reply, Request, RequestError, decode_reply};
pub use reroute::{delivery_tag, reroute};
pub use result::{StoredArguments, TaskResult, decode_arguments, decode_result};
pub use url::{Endpoint, RedisUrl, Secret, Tls, UrlError};
