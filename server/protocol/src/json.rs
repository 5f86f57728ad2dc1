//! JSON as Python writes it: `NaN`, `Infinity`, integers of any size, lone
//! surrogates, raw control characters, any depth.
//!
//! Strict JSON is read by `serde_json`; only what it refuses is rewritten
//! here first. Nothing in this module recurses, so no depth can exhaust the stack.

use crate::DecodeErrorKind;
use serde_json::Value;
use std::borrow::Cow;

/// Containers nested deeper than this are replaced by `"…"` when a text is
/// rewritten; `serde_json` refuses values of more than 127 levels.
pub(crate) const MAX_DEPTH: usize = 100;

/// Reads a value, first as JSON, then as Python's dialect of it.
pub(crate) fn parse_value(bytes: &[u8]) -> Result<Value, DecodeErrorKind> {
    if !has_long_integer(bytes)
        && let Ok(value) = serde_json::from_slice(bytes)
    {
        return Ok(value);
    }
    let mut clean = String::new();
    sanitize(&String::from_utf8_lossy(bytes), Odd::Replaced, &mut clean);
    serde_json::from_str(&clean).map_err(|error| DecodeErrorKind::NotJson(error.to_string()))
}

/// Tells whether there may be an integer of more than 64 bits, which `Value`
/// would turn into a float and so lose digits.
fn has_long_integer(bytes: &[u8]) -> bool {
    const SHORTEST: usize = 19;
    bytes
        .chunk_by(|a, b| a.is_ascii_digit() && b.is_ascii_digit())
        .any(|run| run.len() >= SHORTEST)
}

/// Returns the position of the first byte at or after `at` that is no white space.
pub(crate) fn skip_space(bytes: &[u8], mut at: usize) -> usize {
    while let Some(b' ' | b'\n' | b'\r' | b'\t') = bytes.get(at) {
        at += 1;
    }
    at
}

/// Returns the end of the string whose opening quote is at `start`, past the closing quote.
pub(crate) fn skip_string(bytes: &[u8], start: usize) -> Option<usize> {
    let mut at = start + 1;
    loop {
        at += memchr::memchr2(b'"', b'\\', bytes.get(at..)?)?;
        match bytes.get(at)? {
            b'"' => return Some(at + 1),
            _ => at += 2,
        }
    }
}

/// Returns the end of the value that starts at `start`: brackets are counted
/// outside strings, anything else ends at the next delimiter. `None` if there
/// is no value or no end.
pub(crate) fn skip_value(bytes: &[u8], start: usize) -> Option<usize> {
    let mut depth = 0_usize;
    let mut at = start;
    loop {
        match bytes.get(at)? {
            b'"' => at = skip_string(bytes, at)?,
            b'{' | b'[' => {
                depth += 1;
                at += 1;
            }
            b'}' | b']' => {
                depth = depth.checked_sub(1)?;
                at += 1;
            }
            b',' | b':' if depth == 0 => return None,
            _ if depth > 0 => at += 1,
            _ => {
                let rest = bytes.get(at..)?;
                return Some(
                    rest.iter()
                        .position(|b| is_delimiter(*b))
                        .map_or(bytes.len(), |length| at + length),
                );
            }
        }
        if depth == 0 {
            return Some(at);
        }
    }
}

fn is_delimiter(byte: u8) -> bool {
    matches!(
        byte,
        b' ' | b'\n' | b'\r' | b'\t' | b',' | b':' | b'{' | b'}' | b'[' | b']' | b'"'
    )
}

/// What becomes of numbers that JSON or our types cannot hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Odd {
    /// For reading: `null` for what is no number, a string for the digits of an
    /// integer beyond 64 bits.
    Replaced,
    /// For showing: integers keep their digits, what is no number becomes a
    /// typed value as kombu writes them, such as `{"__type__": "float", "__value__": "NaN"}`.
    Shown,
}

/// Returns the text as JSON that anybody can parse, unchanged if it is that already.
pub(crate) fn to_strict(text: &str) -> Cow<'_, str> {
    // As raw text `serde_json` would let lone surrogates and any depth pass.
    if serde_json::from_str::<Value>(text).is_ok() {
        return Cow::Borrowed(text);
    }
    let mut clean = String::new();
    sanitize(text, Odd::Shown, &mut clean);
    Cow::Owned(clean)
}

/// Writes `text` to `out` with everything replaced that Python's `json` module
/// writes and JSON does not know: `NaN`, `Infinity` and `-Infinity` (and
/// integers beyond 64 bits) as [`Odd`] says, lone surrogates become U+FFFD, raw
/// control characters become escapes, too deep containers become `"…"`. What is
/// broken otherwise stays broken.
pub(crate) fn sanitize(text: &str, odd: Odd, out: &mut String) {
    out.clear();
    out.reserve(text.len());
    let bytes = text.as_bytes();
    let mut depth = 0_usize;
    let mut at = 0;
    while let Some(&byte) = bytes.get(at) {
        match byte {
            b'"' => at = copy_string(text, at, out),
            b'{' | b'[' if depth >= MAX_DEPTH => {
                let Some(end) = skip_value(bytes, at) else {
                    return;
                };
                out.push_str("\"…\"");
                at = end;
            }
            b'{' | b'[' => {
                depth += 1;
                out.push(char::from(byte));
                at += 1;
            }
            b'}' | b']' => {
                depth = depth.saturating_sub(1);
                out.push(char::from(byte));
                at += 1;
            }
            _ if is_delimiter(byte) => {
                out.push(char::from(byte));
                at += 1;
            }
            _ => {
                let rest = &bytes[at..];
                let length = rest
                    .iter()
                    .position(|b| is_delimiter(*b))
                    .unwrap_or(rest.len());
                copy_scalar(text.get(at..at + length).unwrap_or_default(), odd, out);
                at += length;
            }
        }
    }
}

/// Copies a number or a name.
fn copy_scalar(token: &str, odd: Odd, out: &mut String) {
    let digits = token.strip_prefix('-').unwrap_or(token);
    let is_number = digits.starts_with(|first: char| first.is_ascii_digit());
    let is_integer = is_number && digits.bytes().all(|b| b.is_ascii_digit());
    let fits = || token.parse::<i64>().is_ok() || token.parse::<u64>().is_ok();
    // `1e999`: Python reads it as `inf`.
    let is_infinite =
        || is_number && !is_integer && token.parse::<f64>().is_ok_and(f64::is_infinite);
    let not_a_number = match token {
        "NaN" | "Infinity" | "-Infinity" => Some(token),
        _ if is_infinite() && token == digits => Some("Infinity"),
        _ if is_infinite() => Some("-Infinity"),
        _ => None,
    };
    match (not_a_number, odd) {
        (Some(name), Odd::Shown) => {
            out.push_str("{\"__type__\": \"float\", \"__value__\": \"");
            out.push_str(name);
            out.push_str("\"}");
        }
        (Some(_), Odd::Replaced) => out.push_str("null"),
        (None, Odd::Replaced) if is_integer && !fits() => {
            out.push('"');
            out.push_str(token);
            out.push('"');
        }
        (None, _) => out.push_str(token),
    }
}

/// Copies the string whose opening quote is at `start`; returns where it ends.
fn copy_string(text: &str, start: usize, out: &mut String) -> usize {
    let bytes = text.as_bytes();
    out.push('"');
    let mut at = start + 1;
    let mut copied = at;
    while let Some(&byte) = bytes.get(at) {
        match byte {
            b'"' => {
                out.push_str(&text[copied..=at]);
                return at + 1;
            }
            b'\\' => {
                out.push_str(&text[copied..at]);
                at += copy_escape(bytes, at, out);
                copied = at;
            }
            0x00..=0x1f => {
                out.push_str(&text[copied..at]);
                push_unicode_escape(u16::from(byte), out);
                at += 1;
                copied = at;
            }
            _ => at += 1,
        }
    }
    out.push_str(text.get(copied..).unwrap_or_default());
    bytes.len()
}

/// Copies the escape whose backslash is at `at`; returns its length.
fn copy_escape(bytes: &[u8], at: usize, out: &mut String) -> usize {
    match bytes.get(at + 1) {
        Some(&(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't')) => {
            out.push('\\');
            out.push(char::from(bytes[at + 1]));
            2
        }
        Some(b'u') => match hex_unit(bytes, at) {
            Some(high @ 0xd800..=0xdbff) => match hex_unit(bytes, at + 6) {
                Some(low @ 0xdc00..=0xdfff) => {
                    push_unicode_escape(high, out);
                    push_unicode_escape(low, out);
                    12
                }
                _ => {
                    out.push('\u{fffd}');
                    6
                }
            },
            Some(0xdc00..=0xdfff) => {
                out.push('\u{fffd}');
                6
            }
            Some(unit) => {
                push_unicode_escape(unit, out);
                6
            }
            None => {
                out.push_str("\\\\");
                1
            }
        },
        // No escape of JSON: keep the backslash as a character.
        _ => {
            out.push_str("\\\\");
            1
        }
    }
}

/// Undoes the escapes of what stands between two quotes: writes UTF-8 to the
/// start of `out` and returns its length, which is at most that of `text`.
///
/// A lone surrogate becomes U+FFFD; a backslash that starts no escape stays.
pub(crate) fn unescape(text: &str, out: &mut [u8]) -> usize {
    let bytes = text.as_bytes();
    let mut at = 0;
    let mut length = 0;
    let mut put = |part: &[u8]| {
        if let Some(room) = out.get_mut(length..length + part.len()) {
            room.copy_from_slice(part);
            length += part.len();
        }
    };
    while let Some(rest) = bytes.get(at..) {
        let Some(plain) = memchr::memchr(b'\\', rest) else {
            put(rest);
            break;
        };
        put(&rest[..plain]);
        at += plain;
        let short = match bytes.get(at + 1) {
            Some(&byte @ (b'"' | b'\\' | b'/')) => byte,
            Some(b'b') => 0x08,
            Some(b'f') => 0x0c,
            Some(b'n') => b'\n',
            Some(b'r') => b'\r',
            Some(b't') => b'\t',
            _ => {
                let (letter, width) = match hex_unit(bytes, at) {
                    Some(unit) => unicode_escape(bytes, at, unit),
                    None => ('\\', 1),
                };
                put(letter.encode_utf8(&mut [0; 4]).as_bytes());
                at += width;
                continue;
            }
        };
        put(&[short]);
        at += 2;
    }
    length
}

/// Returns the character of the `\uXXXX` at `at`, whose unit is `unit`, and the
/// length of the one or two escapes it is written with.
fn unicode_escape(bytes: &[u8], at: usize, unit: u16) -> (char, usize) {
    let low = match unit {
        0xd800..=0xdbff => hex_unit(bytes, at + 6),
        _ => None,
    };
    let pair = low.and_then(|low| char::decode_utf16([unit, low]).next()?.ok());
    match pair {
        Some(letter) => (letter, 12),
        // A surrogate alone is no character.
        None => (char::from_u32(u32::from(unit)).unwrap_or('\u{fffd}'), 6),
    }
}

/// Reads the UTF-16 unit of the `\uXXXX` at `at`.
fn hex_unit(bytes: &[u8], at: usize) -> Option<u16> {
    let escape = bytes.get(at..at + 6)?;
    let digits = escape.strip_prefix(b"\\u")?;
    digits.iter().try_fold(0, |unit: u16, digit| {
        let digit = char::from(*digit).to_digit(16)?;
        Some((unit << 4) | u16::try_from(digit).ok()?)
    })
}

fn push_unicode_escape(unit: u16, out: &mut String) {
    const DIGITS: [char; 16] = [
        '0', '1', '2', '3', '4', '5', '6', '7', '8', '9', 'a', 'b', 'c', 'd', 'e', 'f',
    ];
    out.push_str("\\u");
    for shift in [12, 8, 4, 0] {
        out.push(DIGITS[usize::from((unit >> shift) & 0xf)]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn sanitized(text: &str) -> String {
        let mut out = String::new();
        sanitize(text, Odd::Replaced, &mut out);
        out
    }

    #[test]
    fn what_only_python_writes_is_read() {
        let read = |text: &str| parse_value(text.as_bytes()).expect(text);
        assert_eq!(
            read("[NaN, Infinity, -Infinity, 1]"),
            json!([null, null, null, 1])
        );
        assert_eq!(
            read(r#"{"a": NaN, "NaN": "NaN"}"#),
            json!({"a": null, "NaN": "NaN"})
        );
        assert_eq!(
            read(r#"["\ud83d\ude00", "\ud83d", "\ude00x", "\ud83d\ud83d"]"#),
            json!(["😀", "\u{fffd}", "\u{fffd}x", "\u{fffd}\u{fffd}"])
        );
        assert_eq!(read("[\"a\nb\u{0}\"]"), json!(["a\nb\u{0}"]));
        assert_eq!(read(r#"[NaN, "\q\u12"]"#), json!([null, "\\q\\u12"]));
        assert_eq!(
            read(
                "[NaN, 1180591620717411303424, -1180591620717411303424, 18446744073709551615, -5, 1.5e3]"
            ),
            json!([
                null,
                "1180591620717411303424",
                "-1180591620717411303424",
                18_446_744_073_709_551_615_u64,
                -5,
                1500.0
            ])
        );
        assert_eq!(read("[1e999]"), json!([null]));
        assert_eq!(
            read("[1000000000000000000000000000000]"),
            json!(["1000000000000000000000000000000"])
        );
        let huge = "9".repeat(400);
        assert_eq!(read(&format!("[{huge}]")), json!([huge]));
        assert_eq!(read(r#"{"a": 1, "a": 2}"#), json!({"a": 2}));
    }

    #[test]
    fn what_is_shown_keeps_its_digits_and_its_kind() {
        let shown = |text| to_strict(text).into_owned();
        assert_eq!(
            shown("[NaN, -Infinity, 1180591620717411303424, 1.50, \"\\ud800\"]"),
            "[{\"__type__\": \"float\", \"__value__\": \"NaN\"}, \
             {\"__type__\": \"float\", \"__value__\": \"-Infinity\"}, 1180591620717411303424, 1.50, \"\u{fffd}\"]"
        );
        assert_eq!(
            shown("[-1e999, NaN]"),
            "[{\"__type__\": \"float\", \"__value__\": \"-Infinity\"}, \
             {\"__type__\": \"float\", \"__value__\": \"NaN\"}]"
        );
        for text in ["[1e5]", "{\"a\": -0.5}", "null"] {
            assert_eq!(shown(text), text);
        }
    }

    #[test]
    fn invalid_utf8_is_replaced() {
        assert_eq!(
            parse_value(b"[\"a\xff\"]").expect("text with a bad byte"),
            json!(["a\u{fffd}"])
        );
    }

    #[test]
    fn valid_json_is_not_changed() {
        let text = r#"{"a": [1, -2.5e-3, true, null, "x\"\\\/\b\f\n\r\té😀"], "": {}}"#;
        assert_eq!(sanitized(text), text);
    }

    #[test]
    fn a_value_nested_a_thousand_levels_keeps_its_outer_levels() {
        let text = format!(
            "{{\"a\": 1, \"b\": {}{}}}",
            "[".repeat(1000),
            "]".repeat(1000)
        );
        let value = parse_value(text.as_bytes()).expect("deep value");
        assert_eq!(value["a"], 1);
        assert!(value["b"].is_array());
    }

    #[test]
    fn a_million_levels_neither_overflow_nor_pass() {
        let open = "[".repeat(1_000_000);
        assert!(parse_value(open.as_bytes()).is_err());
        assert_eq!(skip_value(open.as_bytes(), 0), None);
        let closed = format!("{open}{}", "]".repeat(1_000_000));
        assert_eq!(skip_value(closed.as_bytes(), 0), Some(2_000_000));
        assert!(parse_value(closed.as_bytes()).is_ok());
    }

    #[test]
    fn the_end_of_a_value_is_found() {
        let end = |text: &str| skip_value(text.as_bytes(), 0);
        assert_eq!(end(r#"{"a": "}\"]"}, 1"#), Some(13));
        assert_eq!(end("NaN,"), Some(3));
        assert_eq!(end("12"), Some(2));
        assert_eq!(end(r#""a\\","#), Some(5));
        for text in ["", ",", "]", "{\"a\"", "\"a", "\"a\\"] {
            assert_eq!(end(text), None, "{text}");
        }
    }
}
