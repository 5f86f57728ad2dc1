//! From a message to calls, one per event.

use super::{
    EventRef,
    cursor::Cursor,
    fields::{self, Trouble},
};
use crate::{
    DecodeError, DecodeErrorKind,
    encoding::Encoding,
    envelope::{self, Envelope},
    json::skip_value,
};
use std::borrow::Cow;

/// Buffers above this size, bytes, are given back after the message that needed them.
const MAX_KEPT_BYTES: usize = 1 << 20;

/// Buffers that are used again for the next message.
#[derive(Clone, Debug, Default)]
pub struct Scratch {
    body: Vec<u8>,
    /// Strings whose escapes are undone.
    unescaped: Vec<u8>,
}

/// What became of a message.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Decoded {
    /// Events handed on.
    pub events: u32,
    /// Events, or whole messages, that could not be read: the sum of `rejects`.
    pub bad: u32,
    /// What could not be read, by kind, in the order of the first of each.
    pub rejects: Vec<Reject>,
}

/// Parts of one message that could not be read for the same kind of reason.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reject {
    /// How many.
    pub count: u32,
    /// The first of them: the trouble, and up to 4,096 bytes of that event or
    /// message alone.
    pub first: DecodeError,
}

impl Decoded {
    /// Returns the first trouble.
    pub fn error(&self) -> Option<&DecodeError> {
        self.rejects.first().map(|reject| &reject.first)
    }

    #[cold]
    fn reject(&mut self, kind: DecodeErrorKind, bytes: &[u8]) {
        self.bad = self.bad.saturating_add(1);
        let alike = |reject: &&mut Reject| reject.first.kind.name() == kind.name();
        match self.rejects.iter_mut().find(alike) {
            Some(reject) => reject.count = reject.count.saturating_add(1),
            None => self.rejects.push(Reject {
                count: 1,
                first: kind.at(bytes),
            }),
        }
    }
}

/// Reads the payload of a PUBLISH on an event channel and hands each event to `apply`.
pub fn decode(payload: &[u8], scratch: &mut Scratch, apply: impl FnMut(&EventRef<'_>)) -> Decoded {
    let Scratch { body, unescaped } = scratch;
    body.clear();
    let mut decoded = Decoded::default();
    match envelope::extract_body(payload, body) {
        Ok(()) => decoded = decode_events(body, unescaped, apply),
        Err(error) => decoded.reject(error.kind, payload),
    }
    if decoded.events == 0 && decoded.bad > 0 {
        // `event_serializer` may be one that nobody here reads; then the envelope says so.
        if let Some(kind) = Envelope::unsupported(payload) {
            decoded = Decoded::default();
            decoded.reject(kind, payload);
        }
    }
    give_back(body);
    decoded
}

/// Reads a body that [`crate::extract_body`] found and hands each event to `apply`.
///
/// A body that is no JSON is recognised as YAML or msgpack by how it starts.
pub fn decode_body(
    body: &[u8],
    scratch: &mut Scratch,
    apply: impl FnMut(&EventRef<'_>),
) -> Decoded {
    decode_events(body, &mut scratch.unescaped, apply)
}

fn give_back(buffer: &mut Vec<u8>) {
    if buffer.capacity() > MAX_KEPT_BYTES {
        *buffer = Vec::new();
    }
}

fn decode_events(
    body: &[u8],
    unescaped: &mut Vec<u8>,
    apply: impl FnMut(&EventRef<'_>),
) -> Decoded {
    let encoding = match body.first() {
        Some(b'{' | b'[') => Encoding::Json,
        _ => Encoding::guessed(body),
    };
    let text = match encoding {
        Encoding::Json => match simdutf8::basic::from_utf8(body) {
            Ok(text) => Cow::Borrowed(text),
            Err(_) => String::from_utf8_lossy(body),
        },
        other => match other.to_json(body) {
            Ok(text) => text,
            Err(kind) => {
                let mut decoded = Decoded::default();
                decoded.reject(kind, body);
                return decoded;
            }
        },
    };
    if unescaped.len() < text.len() {
        unescaped.resize(text.len(), 0);
    }
    let decoded = walk(Cursor::new(&text, unescaped), apply);
    give_back(unescaped);
    decoded
}

/// Goes through one event or a list of events.
///
/// Whether it is a list depends on the JSON, not on the channel: workers with
/// an event loop send lists on `task.multi` (`celery/events/dispatcher.py flush`).
fn walk<'a>(mut cursor: Cursor<'a>, mut apply: impl FnMut(&EventRef<'_>)) -> Decoded {
    let mut decoded = Decoded::default();
    let is_list = cursor.peek_past_space() == Some(b'[');
    if is_list {
        cursor.at += 1;
    }
    let mut event = EventRef::empty();
    let mut is_open = !is_list || cursor.peek_past_space() != Some(b']');
    while is_open {
        let start = cursor.at;
        match fields::read(&mut cursor, &mut event) {
            Ok(()) => {
                apply(&event);
                decoded.events += 1;
            }
            Err(trouble) => {
                if !pass_over(&mut cursor, start, trouble, &mut decoded) {
                    return decoded;
                }
            }
        }
        is_open = is_list && cursor.peek_past_space() == Some(b',');
        if is_open {
            cursor.at += 1;
            cursor.peek_past_space();
            event = EventRef::empty();
        }
    }
    if is_list && cursor.expect(b']', "the end of the list").is_err() {
        let kind = DecodeErrorKind::NotJson("the list does not end".to_owned());
        decoded.reject(kind, cursor.rest().as_bytes());
    } else if cursor.peek_past_space().is_some() {
        decoded.reject(DecodeErrorKind::TrailingData, cursor.rest().as_bytes());
    }
    decoded
}

/// Counts the bad event that began at `start` and goes to its end; tells
/// whether there is one.
#[cold]
fn pass_over(
    cursor: &mut Cursor<'_>,
    start: usize,
    trouble: Trouble,
    decoded: &mut Decoded,
) -> bool {
    let stopped = cursor.at.saturating_sub(start);
    cursor.at = start;
    let rest = cursor.rest().as_bytes();
    let Some(length) = skip_value(rest, 0) else {
        let kind = DecodeErrorKind::NotJson("it is cut off".to_owned());
        decoded.reject(kind, rest);
        return false;
    };
    cursor.at = start + length;
    let kind = match trouble {
        Trouble::NotAnObject => DecodeErrorKind::Unexpected("an object"),
        Trouble::NoType => DecodeErrorKind::Missing("type"),
        Trouble::Broken => {
            DecodeErrorKind::NotJson(format!("expected {} at byte {stopped}", cursor.expected))
        }
    };
    decoded.reject(kind, cursor.since(start).as_bytes());
    true
}
