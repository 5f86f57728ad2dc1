//! A position in a JSON text, and the few steps that reading events needs.
//!
//! The text is gone through once, nothing is copied but strings that hold
//! escapes, and nothing recurses. What Python's `json` module writes beyond
//! JSON is taken as it comes: `NaN`, integers of any size, lone surrogates,
//! raw control characters, any depth.

use super::value::{self, Value};
use crate::json;
use model::Timestamp;

/// A text cannot be read on. The cursor stands there and knows what it
/// expected: results without contents are returned in registers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Broken;

/// Goes through a text.
///
/// Reading a field costs some ten nanoseconds, so values are put where they
/// belong as soon as they are known, instead of being handed on in an enum.
pub(super) struct Cursor<'a> {
    text: &'a str,
    pub(super) at: usize,
    /// What was missing where reading stopped.
    pub(super) expected: &'static str,
    /// Where strings are put whose escapes are undone. As long as the text:
    /// no escape is shorter than what it stands for, and each string is read once.
    spare: &'a mut [u8],
}

impl<'a> Cursor<'a> {
    /// Starts at the beginning of `text`; `spare` should be as long as the text.
    pub(super) fn new(text: &'a str, spare: &'a mut [u8]) -> Self {
        Self {
            text,
            at: 0,
            expected: "",
            spare,
        }
    }

    /// Returns the byte at this position.
    #[inline]
    pub(super) fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    /// Passes over white space, then returns the byte there.
    #[inline]
    pub(super) fn peek_past_space(&mut self) -> Option<u8> {
        // Python writes one space after a colon or comma and none elsewhere.
        let mut byte = self.peek();
        if byte == Some(b' ') {
            self.at += 1;
            byte = self.peek();
        }
        match byte {
            Some(b' ' | b'\n' | b'\r' | b'\t') => {
                self.at = json::skip_space(self.text.as_bytes(), self.at);
                self.peek()
            }
            _ => byte,
        }
    }

    /// Passes over white space and then over `byte`, which must be there.
    #[inline]
    pub(super) fn expect(&mut self, byte: u8, name: &'static str) -> Result<(), Broken> {
        if self.peek_past_space() == Some(byte) {
            self.at += 1;
            Ok(())
        } else {
            Err(self.broken(name))
        }
    }

    /// Returns the text from `start` to this position.
    pub(super) fn since(&self, start: usize) -> &'a str {
        self.text.get(start..self.at).unwrap_or_default()
    }

    /// Returns the text from this position to the end.
    pub(super) fn rest(&self) -> &'a str {
        self.text.get(self.at..).unwrap_or_default()
    }

    /// Says what is missing here.
    #[cold]
    pub(super) fn broken(&mut self, expected: &'static str) -> Broken {
        self.expected = expected;
        Broken
    }

    /// Reads a value that should be text.
    #[inline]
    pub(super) fn text(&mut self, field: &mut Option<&'a str>) -> Result<(), Broken> {
        *field = match self.peek_past_space() {
            Some(b'"') => Some(self.string()?),
            _ => self.value()?.text(),
        };
        Ok(())
    }

    /// Reads a value that should be a whole number.
    #[inline]
    pub(super) fn whole(&mut self) -> Result<Option<u64>, Broken> {
        /// As many digits surely fit.
        const MAX_DIGITS: usize = 18;
        self.peek_past_space();
        let digits = self.text.as_bytes().get(self.at..).unwrap_or_default();
        let mut number = 0_u64;
        for (count, byte) in digits.iter().take(MAX_DIGITS + 1).enumerate() {
            match byte {
                b'0'..=b'9' => number = number.wrapping_mul(10) + u64::from(byte - b'0'),
                b',' | b'}' if count > 0 => {
                    self.at += count;
                    return Ok(Some(number));
                }
                _ => break,
            }
        }
        Ok(self.value()?.u64())
    }

    /// Reads a value that should be seconds since the epoch.
    #[inline]
    pub(super) fn seconds(&mut self) -> Result<Option<Timestamp>, Broken> {
        self.peek_past_space();
        let rest = self.text.as_bytes().get(self.at..).unwrap_or_default();
        if let Some((time, length)) = value::seconds(rest)
            && let Some(b',' | b'}') = rest.get(length)
        {
            self.at += length;
            return Ok(Some(time));
        }
        Ok(self.value()?.time())
    }

    /// Reads the string whose opening quote is here.
    #[inline(always)]
    pub(super) fn string(&mut self) -> Result<&'a str, Broken> {
        let bytes = self.text.as_bytes();
        let start = self.at + 1;
        let end = find_special(bytes, start).ok_or_else(|| self.broken("the end of a string"))?;
        if bytes.get(end) == Some(&b'"') {
            self.at = end + 1;
            return Ok(self.text.get(start..end).unwrap_or_default());
        }
        self.escaped_string(start)
    }

    /// Reads the string that starts at `start` and holds an escape.
    #[cold]
    fn escaped_string(&mut self, start: usize) -> Result<&'a str, Broken> {
        let bytes = self.text.as_bytes();
        let end =
            json::skip_string(bytes, self.at).ok_or_else(|| self.broken("the end of a string"))?;
        let escaped = self.text.get(start..end - 1).unwrap_or_default();
        let Some((room, rest)) =
            std::mem::take(&mut self.spare).split_at_mut_checked(escaped.len())
        else {
            return Err(self.broken("less text"));
        };
        self.spare = rest;
        self.at = end;
        let length = json::unescape(escaped, room);
        let room: &'a [u8] = room;
        let unescaped = room.get(..length).unwrap_or_default();
        simdutf8::basic::from_utf8(unescaped).map_err(|_| self.broken("text"))
    }

    /// Reads a value of any type; a list or object is only passed over.
    pub(super) fn value(&mut self) -> Result<Value<'a>, Broken> {
        match self.peek_past_space() {
            Some(b'"') => self.string().map(Value::Text),
            Some(b'-' | b'0'..=b'9') => self.number(),
            Some(b'n') => self.word("null", Value::Nothing),
            Some(b't') => self.word("true", Value::Bool(true)),
            Some(b'f') => self.word("false", Value::Bool(false)),
            Some(b'[' | b'{') => {
                let start = self.at;
                self.at = json::skip_value(self.text.as_bytes(), start)
                    .ok_or_else(|| self.broken("the end of a list or an object"))?;
                Ok(Value::Container(self.since(start)))
            }
            // What Python writes for numbers that are none tells nothing.
            Some(b'N') => self.word("NaN", Value::Nothing),
            Some(b'I') => self.word("Infinity", Value::Nothing),
            _ => Err(self.broken("a value")),
        }
    }

    fn word(&mut self, word: &'static str, value: Value<'a>) -> Result<Value<'a>, Broken> {
        if self.rest().starts_with(word) {
            self.at += word.len();
            Ok(value)
        } else {
            Err(self.broken("a value"))
        }
    }

    #[inline]
    fn number(&mut self) -> Result<Value<'a>, Broken> {
        let start = self.at;
        if self.peek() == Some(b'-') {
            self.at += 1;
            if self.peek() == Some(b'I') {
                return self.word("Infinity", Value::Nothing);
            }
        }
        self.digits()?;
        if self.peek() == Some(b'.') {
            self.at += 1;
            self.digits()?;
        }
        if let Some(b'e' | b'E') = self.peek() {
            self.at += 1;
            if let Some(b'+' | b'-') = self.peek() {
                self.at += 1;
            }
            self.digits()?;
        }
        Ok(Value::Number(self.since(start)))
    }

    #[inline]
    fn digits(&mut self) -> Result<(), Broken> {
        let start = self.at;
        while let Some(b'0'..=b'9') = self.peek() {
            self.at += 1;
        }
        if self.at > start {
            Ok(())
        } else {
            Err(self.broken("a digit"))
        }
    }
}

/// Returns the position of the first quote or backslash at or after `start`.
///
/// Most strings of events are short, so the first bytes are looked at eight at
/// a time; a call of `memchr2` pays only after that.
#[inline(always)]
fn find_special(bytes: &[u8], start: usize) -> Option<usize> {
    const LOW: u64 = 0x0101_0101_0101_0101;
    const HIGH: u64 = 0x8080_8080_8080_8080;
    const QUOTE: u64 = LOW * b'"' as u64;
    const BACKSLASH: u64 = LOW * b'\\' as u64;
    const ROUNDS: usize = 6;
    let mut at = start;
    for _ in 0..ROUNDS {
        let Some(eight) = bytes.get(at..).and_then(<[u8]>::first_chunk::<8>) else {
            break;
        };
        let word = u64::from_le_bytes(*eight);
        // A zero byte is the only one whose highest bit is set by this; a
        // borrow can add wrong ones, but only above the first true one.
        let zero = |x: u64| x.wrapping_sub(LOW) & !x & HIGH;
        let found = zero(word ^ QUOTE) | zero(word ^ BACKSLASH);
        if found != 0 {
            return Some(at + (found.trailing_zeros() / 8) as usize);
        }
        at += 8;
    }
    memchr::memchr2(b'"', b'\\', bytes.get(at..)?).map(|length| at + length)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_special_byte_is_found_at_any_distance() {
        for distance in 0..200 {
            for special in [b'"', b'\\'] {
                let mut bytes = vec![b'!'; distance];
                bytes.push(special);
                bytes.extend([b'#', b'"', b'[', b'\\']);
                assert_eq!(find_special(&bytes, 0), Some(distance));
                assert_eq!(find_special(&bytes, distance), Some(distance));
                assert_eq!(find_special(&bytes[..distance], 0), None);
            }
        }
        assert_eq!(find_special(b"", 5), None);
    }

    #[test]
    fn bytes_that_look_alike_are_told_apart() {
        // One off in each direction, and with the highest bit set.
        let near: Vec<u8> = [b'"', b'\\']
            .into_iter()
            .flat_map(|b| [b - 1, b + 1, b | 0x80, (b - 1) | 0x80])
            .chain([0, 0x7f, 0x80, 0xff])
            .collect();
        for first in &near {
            for second in &near {
                let mut bytes = [*first, *second].repeat(8);
                bytes.push(b'"');
                assert_eq!(find_special(&bytes, 0), Some(16));
            }
        }
    }

    #[test]
    fn a_string_without_room_is_broken_and_no_panic() {
        let mut cursor = Cursor::new(r#""a\nb""#, &mut []);
        assert!(cursor.string().is_err());
    }
}
