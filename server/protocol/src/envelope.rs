//! What kombu wraps around events, control messages and task messages alike:
//! `{"body": …, "content-type": …, "headers": {…}, "properties": {…}}`.

use crate::{
    DecodeError, DecodeErrorKind,
    encoding::{self, Encoding},
    json::{self, skip_space, skip_string, skip_value},
};
use serde_json::{Map, Value};
use std::borrow::Cow;

/// Finds the body of `payload` and appends it to `out` as the sender's
/// serializer wrote it, base64 and JSON escapes undone.
///
/// Only the envelope up to the body is looked at, so that a reader thread can
/// do it for every message.
pub fn extract_body(payload: &[u8], out: &mut Vec<u8>) -> Result<(), DecodeError> {
    // As kombu writes it: the body first, base64 and so without escapes.
    if let Some(rest) = payload.strip_prefix(b"{\"body\": \"")
        && let Some(end) = memchr::memchr2(b'"', b'\\', rest)
        && rest.get(end) == Some(&b'"')
        && !is_plain(&rest[..end])
    {
        return append_base64(&rest[..end], out);
    }
    let (start, end) = find_body(payload).map_err(|kind| kind.at(payload))?;
    let value = &payload[start..end];
    let Some(text) = value
        .strip_prefix(b"\"")
        .and_then(|rest| rest.strip_suffix(b"\""))
    else {
        // No kombu writes the body as JSON within JSON, but the meaning is clear.
        return if value.starts_with(b"{") || value.starts_with(b"[") {
            out.extend_from_slice(value);
            Ok(())
        } else {
            Err(DecodeErrorKind::NoBody.at(payload))
        };
    };
    if memchr::memchr(b'\\', text).is_none() && !is_plain(text) {
        return append_base64(text, out);
    }
    // `body_encoding` is another one than base64: the body is an escaped string.
    let text = match json::parse_value(value).map_err(|kind| kind.at(payload))? {
        Value::String(text) => text,
        _ => return Err(DecodeErrorKind::NoBody.at(payload)),
    };
    if is_plain(text.as_bytes()) {
        out.extend_from_slice(text.as_bytes());
        Ok(())
    } else {
        append_base64(text.as_bytes(), out)
    }
}

/// Tells whether a body is JSON itself: no list or object starts like base64.
fn is_plain(text: &[u8]) -> bool {
    matches!(text.get(skip_space(text, 0)), Some(b'{' | b'['))
}

fn append_base64(text: &[u8], out: &mut Vec<u8>) -> Result<(), DecodeError> {
    let before = out.len();
    if base64_simd::STANDARD.decode_append(text, out).is_err() {
        out.truncate(before);
        return Err(DecodeErrorKind::NotBase64.at(text));
    }
    Ok(())
}

/// Returns where the value of the outermost `body` starts and ends.
fn find_body(payload: &[u8]) -> Result<(usize, usize), DecodeErrorKind> {
    let mut at = skip_space(payload, 0);
    if payload.get(at) != Some(&b'{') {
        return Err(DecodeErrorKind::NotAnEnvelope);
    }
    at = skip_space(payload, at + 1);
    while payload.get(at) == Some(&b'"') {
        let key_end = skip_string(payload, at).ok_or(DecodeErrorKind::NotAnEnvelope)?;
        let is_body = &payload[at..key_end] == b"\"body\"";
        at = skip_space(payload, key_end);
        if payload.get(at) != Some(&b':') {
            return Err(DecodeErrorKind::NotAnEnvelope);
        }
        let start = skip_space(payload, at + 1);
        let end = skip_value(payload, start).ok_or(DecodeErrorKind::NotAnEnvelope)?;
        if is_body {
            return Ok((start, end));
        }
        at = skip_space(payload, end);
        if payload.get(at) != Some(&b',') {
            break;
        }
        at = skip_space(payload, at + 1);
    }
    Err(DecodeErrorKind::NoBody)
}

/// A whole envelope, for messages that are read one at a time.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Envelope {
    pub(crate) content_type: String,
    pub(crate) content_encoding: String,
    pub(crate) headers: Map<String, Value>,
    pub(crate) properties: Map<String, Value>,
    /// The body as the sender's serializer wrote it; compression is not undone.
    pub(crate) body: Vec<u8>,
}

impl Envelope {
    /// Reads an envelope.
    pub(crate) fn decode(payload: &[u8]) -> Result<Self, DecodeError> {
        json::parse_value(payload)
            .map_err(|_| DecodeErrorKind::NotAnEnvelope.at(payload))
            .and_then(|value| Self::from_value(value, payload))
    }

    /// Reads an envelope that is already parsed; `payload` is quoted in errors.
    pub(crate) fn from_value(value: Value, payload: &[u8]) -> Result<Self, DecodeError> {
        let Value::Object(mut fields) = value else {
            return Err(DecodeErrorKind::NotAnEnvelope.at(payload));
        };
        let mut object = |name: &str| match fields.remove(name) {
            Some(Value::Object(map)) => map,
            _ => Map::new(),
        };
        let (headers, properties) = (object("headers"), object("properties"));
        let is_base64 = properties.get("body_encoding").and_then(Value::as_str) == Some("base64");
        let body = match fields.remove("body") {
            Some(Value::String(text)) if is_base64 => {
                let mut body = Vec::new();
                append_base64(text.as_bytes(), &mut body)?;
                body
            }
            Some(Value::String(text)) => text.into_bytes(),
            _ => return Err(DecodeErrorKind::NoBody.at(payload)),
        };
        let mut name = |key: &str| match fields.remove(key) {
            Some(Value::String(name)) => name,
            _ => String::new(),
        };
        Ok(Self {
            content_type: name("content-type"),
            content_encoding: name("content-encoding"),
            headers,
            properties,
            body,
        })
    }

    /// Returns the trouble with the encoding of a message whose body makes
    /// trouble, if it is one that cannot be read at all.
    pub(crate) fn unsupported(payload: &[u8]) -> Option<DecodeErrorKind> {
        let envelope = json::parse_value(payload).ok()?;
        let name = |key: &str| {
            envelope
                .get(key)
                .and_then(Value::as_str)
                .unwrap_or_default()
        };
        let encoding = Encoding::named(name("content-type"), name("content-encoding"));
        match encoding.to_json(b"") {
            Err(kind @ DecodeErrorKind::UnsupportedContentType(_)) => Some(kind),
            _ => None,
        }
    }

    /// Returns the body as JSON text, in Python's dialect if it came as JSON;
    /// compression is undone.
    pub(crate) fn json_text(&self) -> Result<Cow<'_, str>, DecodeError> {
        let encoding = Encoding::named(&self.content_type, &self.content_encoding);
        let text = match self.headers.get("compression").and_then(Value::as_str) {
            None => encoding.to_json(&self.body),
            Some(name) => encoding::decompress(name, &self.body)
                .and_then(|body| Ok(Cow::Owned(encoding.to_json(&body)?.into_owned()))),
        };
        text.map_err(|kind| kind.at(&self.body))
    }

    /// Reads the body as a value.
    pub(crate) fn json_body(&self) -> Result<Value, DecodeError> {
        json::parse_value(self.json_text()?.as_bytes()).map_err(|kind| kind.at(&self.body))
    }
}
