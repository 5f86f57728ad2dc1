//! From a message to calls, one per event.

use super::{EventRef, fields::InPlace};
use crate::{
    DecodeError, DecodeErrorKind,
    envelope::{self, Envelope},
    json::{self, skip_space},
};
use serde::de::{DeserializeSeed, IgnoredAny};
use std::borrow::Cow;

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
    let mut is_open = !is_list || bytes.get(at) != Some(&b']');
    while is_open {
        let rest = text.get(at..).unwrap_or_default();
        let mut event = EventRef::empty();
        let length = if let Ok(length) = strict(rest, &mut event) {
            apply(&event);
            decoded.events += 1;
            length
        } else {
            let Some(raw) = json::skip_value(rest.as_bytes(), 0).and_then(|end| rest.get(..end))
            else {
                let kind = DecodeErrorKind::NotJson("it is cut off".to_owned());
                decoded.reject(kind.at(rest.as_bytes()));
                return decoded;
            };
            json::sanitize(raw, clean);
            let mut event = EventRef::empty();
            match strict(clean, &mut event) {
                Ok(_) => {
                    apply(&event);
                    decoded.events += 1;
                }
                Err(kind) => decoded.reject(kind.at(raw.as_bytes())),
            }
            raw.len()
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

/// Reads the event at the start of `text` as strict JSON into `event`; returns its length.
fn strict<'a>(text: &'a str, event: &mut EventRef<'a>) -> Result<usize, DecodeErrorKind> {
    if !text.starts_with('{') {
        return Err(DecodeErrorKind::Unexpected("an object"));
    }
    let mut json = serde_json::Deserializer::from_str(text);
    // In place: the fields are many and would be moved several times otherwise.
    match InPlace(event).deserialize(&mut json) {
        Ok(()) => {
            let length = json.into_iter::<IgnoredAny>().byte_offset();
            event.raw = text.get(..length).unwrap_or_default();
            Ok(length)
        }
        Err(error) if error.is_data() => Err(DecodeErrorKind::Missing("type")),
        Err(error) => Err(DecodeErrorKind::NotJson(error.to_string())),
    }
}
