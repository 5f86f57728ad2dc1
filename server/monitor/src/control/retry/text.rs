//! Argument text read back as JSON, where it can mean one thing only.
//!
//! `celery/utils/saferepr.py` writes text for the eyes: what it leaves out or
//! escapes badly is refused here, and so is everything that JSON cannot carry.

use crate::redact::MARK;
use model::repr::{Parsed, Repr, parse};

/// Why text cannot be used.
pub(super) type Doubt = &'static str;

/// Reads the text of positional and of keyword arguments as JSON.
pub(super) fn read(args: &str, kwargs: &str) -> Result<(String, String), Doubt> {
    Ok((read_args(args)?, read_kwargs(kwargs)?))
}

/// Reads the text of positional arguments; a list, as beat sends it, or a tuple.
pub(super) fn read_args(text: &str) -> Result<String, Doubt> {
    let parsed = doubtless(text)?;
    match &parsed.root {
        Repr::Tuple(items) | Repr::List(items) => list(items),
        _ => Err("its text is no list of arguments"),
    }
}

/// Reads the text of keyword arguments.
pub(super) fn read_kwargs(text: &str) -> Result<String, Doubt> {
    let parsed = doubtless(text)?;
    match &parsed.root {
        Repr::Dict(_) => json(&parsed.root),
        // `{}` has no entry that could tell it from a set.
        Repr::Set(items) if items.is_empty() => Ok("{}".to_owned()),
        _ => Err("its text is no dict of arguments"),
    }
}

fn doubtless(text: &str) -> Result<Parsed<'_>, Doubt> {
    if text.contains("...") {
        return Err("its text was cut, or hides what is nested deeply");
    }
    if text.contains(MARK) {
        return Err("its text holds a value that is redacted");
    }
    if text.contains('\\') {
        return Err("its text holds a backslash, which may stand for itself or for an escape");
    }
    let parsed = parse(text);
    if parsed.is_truncated || parsed.root.to_string() != text {
        return Err("its text cannot be read back for certain");
    }
    Ok(parsed)
}

fn list(items: &[Repr<'_>]) -> Result<String, Doubt> {
    let items: Vec<String> = items.iter().map(json).collect::<Result<_, _>>()?;
    Ok(format!("[{}]", items.join(", ")))
}

fn json(value: &Repr<'_>) -> Result<String, Doubt> {
    Ok(match value {
        Repr::None => "null".to_owned(),
        Repr::Bool(value) => value.to_string(),
        Repr::Int(digits) if is_integer(digits) => (*digits).to_owned(),
        Repr::Float(digits) if is_float(digits) => (*digits).to_owned(),
        Repr::Str(quoted) if quoted.is_closed => string(quoted.text),
        Repr::List(items) | Repr::Tuple(items) => list(items)?,
        Repr::Dict(entries) => {
            let mut parts = Vec::with_capacity(entries.len());
            for entry in entries {
                let (Repr::Str(key), Some(value)) = (&entry.key, &entry.value) else {
                    return Err("it holds a dict with keys that are no text");
                };
                parts.push(format!("{}: {}", string(key.text), json(value)?));
            }
            format!("{{{}}}", parts.join(", "))
        }
        _ => return Err("it holds a value that text does not carry, such as an object or bytes"),
    })
}

fn string(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

fn is_integer(text: &str) -> bool {
    let digits = text.strip_prefix('-').unwrap_or(text);
    let is_canonical = digits == "0" || !digits.starts_with('0');
    !digits.is_empty() && is_canonical && digits.bytes().all(|b| b.is_ascii_digit())
}

fn is_float(text: &str) -> bool {
    let is_json = serde_json::from_str::<f64>(text).is_ok();
    is_json && text.bytes().any(|b| matches!(b, b'.' | b'e' | b'E'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_can_mean_one_thing_only_is_read() {
        for (text, expected) in [
            ("()", "[]"),
            ("(1,)", "[1]"),
            ("[1, 1]", "[1, 1]"),
            (
                "(-5, 1.5, 1e+16, True, None)",
                "[-5, 1.5, 1e+16, true, null]",
            ),
            ("('a, b', \"x\", 'ü\n')", r#"["a, b", "x", "ü\n"]"#),
            ("({'a': [1, (2, 3)]},)", r#"[{"a": [1, [2, 3]]}]"#),
            ("(1180591620717411303424,)", "[1180591620717411303424]"),
        ] {
            assert_eq!(read_args(text).as_deref(), Ok(expected), "{text}");
        }
        assert_eq!(read_kwargs("{}").as_deref(), Ok("{}"));
        assert_eq!(
            read_kwargs("{'y': 'a', 'x': {}}").as_deref(),
            Ok(r#"{"y": "a", "x": {}}"#)
        );
    }

    #[test]
    fn whatever_is_in_doubt_is_refused() {
        for text in [
            "",
            "5",
            "(1, ...)",
            "('abc...',)",
            "([...],)",
            r"('it\'s',)",
            r"('C:\new',)",
            "(b'text',)",
            "({1, 2},)",
            "({1: 2},)",
            "(nan,)",
            "(-inf,)",
            "(UUID('12345678-1234-5678-1234-567812345678'),)",
            "(<User: 5>,)",
            "(<hidden>,)",
            "({'token': '[redacted]'},)",
            "(1, 2",
            "(1)",
            "{'a': 1}",
            "(1,) x",
            "(007,)",
            "('a' 'b',)",
        ] {
            assert!(read_args(text).is_err(), "{text}");
        }
        for text in ["", "(1,)", "{1}", "{'a'}", "{1: 2}", "{'a': ...}", "None"] {
            assert!(read_kwargs(text).is_err(), "{text}");
        }
    }
}
