//! Writes JSON text from a stream of values, whatever their nesting.

use super::MAX_BODY_BYTES;
use crate::{DecodeErrorKind, json::MAX_DEPTH};
use serde_json::{Value, json};

/// Containers nested deeper than this end the reading: each level costs memory.
const MAX_OPEN: usize = 10_000;

/// Where a value starts and ends.
pub(super) type Span = (usize, usize);

/// Writes JSON text.
///
/// Containers nested deeper than [`MAX_DEPTH`] become `"…"`, as where JSON is
/// rewritten; keys that are no text become text; the size is bounded.
#[derive(Debug, Default)]
pub(super) struct Writer {
    out: String,
    open: Vec<Container>,
    /// How many of the open containers are hidden behind one `"…"`.
    hidden: usize,
}

#[derive(Debug)]
struct Container {
    is_map: bool,
    /// Whether a key was written whose value comes next.
    has_key: bool,
    is_empty: bool,
}

impl Writer {
    /// Opens a list or a map; returns where it starts.
    pub(super) fn begin(&mut self, is_map: bool) -> Result<usize, DecodeErrorKind> {
        if self.is_at_key() {
            return Err(DecodeErrorKind::Unexpected("keys that are no containers"));
        }
        if self.open.len() >= MAX_OPEN {
            return Err(DecodeErrorKind::TooLarge);
        }
        if self.open.len() >= MAX_DEPTH {
            if self.hidden == 0 {
                self.put("\"…\"")?;
            }
            self.hidden += 1;
        } else {
            self.put(if is_map { "{" } else { "[" })?;
        }
        self.open.push(Container {
            is_map,
            has_key: false,
            is_empty: true,
        });
        Ok(self.out.len().saturating_sub(1))
    }

    /// Closes the innermost list or map; returns where it ends.
    pub(super) fn end(&mut self) -> usize {
        let Some(container) = self.open.pop() else {
            return self.out.len();
        };
        if self.hidden > 0 {
            self.hidden -= 1;
        } else {
            self.out.push(if container.is_map { '}' } else { ']' });
        }
        self.after_value()
    }

    /// Writes a text.
    pub(super) fn text(&mut self, text: &str) -> Result<Span, DecodeErrorKind> {
        self.scalar(&Value::from(text).to_string())
    }

    /// Writes JSON of a scalar: a number, `true`, `false`, `null` or a string.
    pub(super) fn scalar(&mut self, json: &str) -> Result<Span, DecodeErrorKind> {
        if self.is_at_key() && !json.starts_with('"') {
            self.copy(&Value::from(json).to_string())
        } else {
            self.copy(json)
        }
    }

    /// Writes a float; what is no number of JSON as a typed value.
    pub(super) fn float(&mut self, value: f64) -> Result<Span, DecodeErrorKind> {
        match value {
            _ if value.is_nan() => self.typed("float", "NaN"),
            f64::INFINITY => self.typed("float", "Infinity"),
            f64::NEG_INFINITY => self.typed("float", "-Infinity"),
            _ => self.scalar(&Value::from(value).to_string()),
        }
    }

    /// Writes a value that JSON has no form for, as kombu's JSON does.
    pub(super) fn typed(&mut self, name: &str, value: &str) -> Result<Span, DecodeErrorKind> {
        if self.is_at_key() {
            return self.text(value);
        }
        self.copy(&json!({"__type__": name, "__value__": value}).to_string())
    }

    /// Writes bytes as kombu's JSON does (`kombu/utils/json.py`).
    pub(super) fn bytes(&mut self, bytes: &[u8]) -> Result<Span, DecodeErrorKind> {
        match std::str::from_utf8(bytes) {
            Ok(text) => self.typed("bytes", text),
            Err(_) => self.typed("base64", &base64_simd::STANDARD.encode_to_string(bytes)),
        }
    }

    /// Writes a value again that was written there before.
    pub(super) fn repeat(&mut self, (start, end): Span) -> Result<Span, DecodeErrorKind> {
        if self.out.len() + (end - start) > MAX_BODY_BYTES {
            return Err(DecodeErrorKind::TooLarge);
        }
        let json = self.out.get(start..end).unwrap_or("null").to_owned();
        if json.starts_with(['[', '{']) {
            if self.is_at_key() {
                return Err(DecodeErrorKind::Unexpected("keys that are no containers"));
            }
            return self.copy(&json);
        }
        self.scalar(&json)
    }

    /// Returns the text; everything must be closed.
    pub(super) fn finish(self) -> Result<String, DecodeErrorKind> {
        if self.open.is_empty() {
            Ok(self.out)
        } else {
            Err(DecodeErrorKind::NotJson("it is cut off".to_owned()))
        }
    }

    fn copy(&mut self, json: &str) -> Result<Span, DecodeErrorKind> {
        let start = self.put(json)?;
        let end = self.after_value();
        Ok((start, end))
    }

    fn is_at_key(&self) -> bool {
        self.open
            .last()
            .is_some_and(|container| container.is_map && !container.has_key)
    }

    /// Writes the separator, if this is a key or an item of a list, and the text.
    fn put(&mut self, json: &str) -> Result<usize, DecodeErrorKind> {
        if self.hidden > 0 {
            return Ok(self.out.len());
        }
        if let Some(container) = self.open.last()
            && !container.has_key
            && !container.is_empty
        {
            self.out.push_str(", ");
        }
        if self.out.len() + json.len() > MAX_BODY_BYTES {
            return Err(DecodeErrorKind::TooLarge);
        }
        self.out.push_str(json);
        Ok(self.out.len() - json.len())
    }

    /// Returns where the value ends, then writes the colon if it was a key.
    fn after_value(&mut self) -> usize {
        let end = self.out.len();
        if let Some(container) = self.open.last_mut() {
            container.is_empty = false;
            if container.is_map {
                container.has_key = !container.has_key;
                if container.has_key && self.hidden == 0 {
                    self.out.push_str(": ");
                }
            }
        }
        end
    }
}
