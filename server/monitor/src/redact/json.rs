//! Redaction of JSON, Python's dialect of it included: keys and strings are
//! read as what they mean, everything else stays as it is written.

use super::{MARK, Redactor};
use serde_json::Value;
use std::{borrow::Cow, ops::Range};

/// Containers nested deeper than this are not gone through.
pub(super) const MAX_DEPTH: usize = 200;

/// Where the walk is within a container.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    /// Before a key of an object.
    Key,
    /// Before the value of a key.
    Value,
    /// Before the item of a list with this number.
    Item(usize),
}

/// Returns the text without what nobody is to see; `None` if it is no JSON.
pub(super) fn redacted<'t>(redactor: &Redactor, text: &'t str) -> Option<Cow<'t, str>> {
    let mut walk = Walk {
        bytes: text.as_bytes(),
        at: 0,
    };
    let mut rewritten = Rewritten::new(text);
    let mut stack: Vec<Place> = Vec::new();
    // Whether the value that comes next is one that nobody is to see.
    let mut is_hidden = false;
    loop {
        walk.space();
        let byte = walk.peek()?;
        let start = walk.at;
        let is_key = stack.last() == Some(&Place::Key);
        match byte {
            b'}' | b']' => {
                stack.pop()?;
                walk.at += 1;
                is_hidden = false;
            }
            b'"' if is_key => {
                let end = walk.string()?;
                let key = unquoted(&text[start..end]);
                is_hidden = redactor.is_key(&key);
                // A pattern may be about what is used as a key.
                if let Cow::Owned(new) = redactor.without_patterns(Cow::Borrowed(&key)) {
                    rewritten.put(start..end, &quoted(&new));
                }
                walk.space();
                walk.expect(b':')?;
                *stack.last_mut()? = Place::Value;
                continue;
            }
            _ if is_key => return None,
            _ if is_hidden => {
                is_hidden = false;
                let end = walk.value()?;
                if !is_nothing(&text[start..end]) {
                    rewritten.put(start..end, &quoted(MARK));
                }
            }
            b'{' | b'[' => {
                if stack.len() >= MAX_DEPTH {
                    return None;
                }
                walk.at += 1;
                stack.push(if byte == b'{' {
                    Place::Key
                } else {
                    Place::Item(0)
                });
                continue;
            }
            b'"' => {
                let end = walk.string()?;
                let string = unquoted(&text[start..end]);
                if stack.last() == Some(&Place::Item(0)) && redactor.is_name(&string) {
                    is_hidden = walk.is_before_last();
                }
                if let Cow::Owned(new) = redactor.text(&string) {
                    rewritten.put(start..end, &quoted(&new));
                }
            }
            _ => {
                let end = walk.value()?;
                let scalar = Cow::Borrowed(&text[start..end]);
                if let Cow::Owned(_) = redactor.without_patterns(scalar) {
                    rewritten.put(start..end, &quoted(MARK));
                }
            }
        }
        // Behind a value.
        walk.space();
        let Some(place) = stack.last_mut() else {
            return walk.peek().is_none().then(|| rewritten.finish());
        };
        if walk.peek() == Some(b',') {
            walk.at += 1;
            *place = match *place {
                Place::Item(number) => Place::Item(number + 1),
                _ => Place::Key,
            };
        }
    }
}

/// A text of which parts are replaced, from its beginning to its end.
pub(super) struct Rewritten<'t> {
    text: &'t str,
    out: String,
    copied: usize,
}

impl<'t> Rewritten<'t> {
    pub(super) fn new(text: &'t str) -> Self {
        Self {
            text,
            out: String::new(),
            copied: 0,
        }
    }

    /// Puts something in place of a part that lies behind those before.
    pub(super) fn put(&mut self, place: Range<usize>, with: &str) {
        let kept = self.text.get(self.copied..place.start);
        self.out.push_str(kept.unwrap_or_default());
        self.out.push_str(with);
        self.copied = place.end;
    }

    pub(super) fn finish(mut self) -> Cow<'t, str> {
        if self.copied == 0 {
            return Cow::Borrowed(self.text);
        }
        let rest = self.text.get(self.copied..);
        self.out.push_str(rest.unwrap_or_default());
        Cow::Owned(self.out)
    }
}

pub(super) struct Walk<'t> {
    pub(super) bytes: &'t [u8],
    pub(super) at: usize,
}

impl Walk<'_> {
    pub(super) fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    pub(super) fn space(&mut self) {
        while let Some(b' ' | b'\n' | b'\r' | b'\t') = self.peek() {
            self.at += 1;
        }
    }

    pub(super) fn expect(&mut self, byte: u8) -> Option<()> {
        (self.peek()? == byte).then(|| self.at += 1)
    }

    /// Goes past the string here.
    pub(super) fn string(&mut self) -> Option<usize> {
        self.at = end_of_string(self.bytes, self.at)?;
        Some(self.at)
    }

    /// Goes past the value here.
    pub(super) fn value(&mut self) -> Option<usize> {
        let mut depth = 0_usize;
        loop {
            match self.peek()? {
                b'"' => {
                    self.string()?;
                }
                b'{' | b'[' => {
                    depth += 1;
                    self.at += 1;
                }
                b'}' | b']' => {
                    depth = depth.checked_sub(1)?;
                    self.at += 1;
                }
                _ if depth > 0 => self.at += 1,
                _ => {
                    let is_end =
                        |b: &u8| matches!(b, b',' | b'}' | b']' | b':') || b.is_ascii_whitespace();
                    let rest = &self.bytes[self.at..];
                    let length = rest.iter().position(is_end).unwrap_or(rest.len());
                    self.at += length;
                    return (length > 0).then_some(self.at);
                }
            }
            if depth == 0 {
                return Some(self.at);
            }
        }
    }

    /// Tells whether one more value follows here before the list ends.
    fn is_before_last(&self) -> bool {
        let mut ahead = Walk {
            bytes: self.bytes,
            at: self.at,
        };
        ahead.space();
        let second = ahead.expect(b',').and_then(|()| {
            ahead.space();
            ahead.value()
        });
        ahead.space();
        second.is_some() && ahead.peek() == Some(b']')
    }
}

/// Returns the end of the string that begins at `start`.
fn end_of_string(bytes: &[u8], start: usize) -> Option<usize> {
    let mut at = start + 1;
    loop {
        at += memchr::memchr2(b'"', b'\\', bytes.get(at..)?)?;
        match bytes.get(at)? {
            b'"' => return Some(at + 1),
            _ => at += 2,
        }
    }
}

/// Tells whether a value tells nothing.
pub(super) fn is_nothing(value: &str) -> bool {
    matches!(value, "null" | "true" | "false")
}

pub(super) fn quoted(text: &str) -> String {
    Value::from(text).to_string()
}

pub(super) fn unquoted(literal: &str) -> Cow<'_, str> {
    let inner = literal
        .get(1..literal.len().saturating_sub(1))
        .unwrap_or_default();
    if !inner.contains('\\') {
        return Cow::Borrowed(inner);
    }
    match serde_json::from_str(literal) {
        Ok(text) => Cow::Owned(text),
        // A lone surrogate; then the escapes stay.
        Err(_) => Cow::Borrowed(inner),
    }
}

impl Redactor {
    /// Takes out of a value that was read from JSON what nobody is to see.
    pub(crate) fn value(&self, value: &mut Value) {
        if !self.is_off() {
            self.walk(value);
        }
    }

    fn walk(&self, value: &mut Value) {
        match value {
            Value::String(text) => {
                if let Cow::Owned(new) = self.text(text) {
                    *text = new;
                }
            }
            Value::Array(items) => {
                let is_pair =
                    matches!(items.as_slice(), [Value::String(key), _] if self.is_name(key));
                if is_pair && let Some(second) = items.last_mut() {
                    hide(second);
                }
                for item in items {
                    self.walk(item);
                }
            }
            Value::Object(members) => {
                for (key, member) in members.iter_mut() {
                    if self.is_key(key) {
                        hide(member);
                    } else {
                        self.walk(member);
                    }
                }
            }
            Value::Number(number) if !self.patterns.is_empty() => {
                let digits = number.to_string();
                if let Cow::Owned(_) = self.without_patterns(Cow::Borrowed(&digits)) {
                    *value = Value::from(MARK);
                }
            }
            Value::Number(_) | Value::Bool(_) | Value::Null => {}
        }
    }
}

fn hide(value: &mut Value) {
    if !matches!(value, Value::Null | Value::Bool(_)) {
        *value = Value::from(MARK);
    }
}
