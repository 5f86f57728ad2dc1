//! JSON as Python would show it, so that what is learned from replies and
//! results, and what is sent from here, reads like what Celery's clients write,
//! and is found by the same searches.
//!
//! Celery hides what is nested deeper than three levels; nothing is hidden here.

use crate::verbatim::{self, members};
use serde_json::value::RawValue;

/// Longest text made, bytes; Celery cuts its own at about 1,024 characters
/// (`celery/utils/saferepr.py`).
const MAX_BYTES: usize = 1_024;

/// Returns JSON as Python's repr of the same value; `None` if it is no JSON.
///
/// Digits stay as they are, however many. It is cut like Celery cuts.
pub fn value(json: &str) -> Option<String> {
    let mut out = String::new();
    let rest = write_value(json.trim_start(), &mut out, 0)?;
    rest.trim().is_empty().then(|| cut(out))
}

/// Returns a JSON list as Python's repr of a tuple, as positional arguments are shown.
pub fn arguments(json: &str) -> Option<String> {
    let list = value(json)?;
    let Some(inner) = list.strip_prefix('[') else {
        return Some(list);
    };
    let inner = inner.strip_suffix(']').unwrap_or(inner);
    let is_single = serde_json::from_str::<Vec<&RawValue>>(json).is_ok_and(|l| l.len() == 1);
    let comma = if is_single { "," } else { "" };
    Some(format!("({inner}{comma})"))
}

/// Returns the exception of a stored failure as Python's repr, such as `ValueError('always')`.
pub fn exception(json: &str) -> Option<String> {
    #[derive(serde::Deserialize)]
    struct Failure<'a> {
        exc_type: String,
        #[serde(borrow)]
        exc_message: Option<&'a RawValue>,
    }
    let failure: Failure<'_> = serde_json::from_str(json).ok()?;
    let message = match failure.exc_message.map(|raw| value(raw.get())) {
        Some(Some(message)) if message == "None" => String::new(),
        Some(Some(message)) => match message.strip_prefix('[') {
            Some(inner) => inner.strip_suffix(']').unwrap_or(inner).to_owned(),
            None => message,
        },
        _ => String::new(),
    };
    Some(cut(format!("{}({message})", failure.exc_type)))
}

fn cut(mut text: String) -> String {
    if text.len() > MAX_BYTES {
        let mut end = MAX_BYTES;
        while !text.is_char_boundary(end) {
            end -= 1;
        }
        text.truncate(end);
        text.push_str("...");
    }
    text
}

/// Deeper than anybody reads; beyond it Celery too shows `...`.
const MAX_DEPTH: usize = 32;

/// Writes the value at the start of `json`; returns what follows it.
fn write_value<'j>(json: &'j str, out: &mut String, depth: usize) -> Option<&'j str> {
    if depth > MAX_DEPTH {
        return None;
    }
    match json.bytes().next()? {
        b'"' => write_string(json, out),
        b'[' => write_items(json, out, b']', depth),
        b'{' => match write_typed(json, out) {
            Some(rest) => Some(rest),
            None => write_items(json, out, b'}', depth),
        },
        _ => {
            let end = json
                .find(|c: char| matches!(c, ',' | ']' | '}') || c.is_ascii_whitespace())
                .unwrap_or(json.len());
            let (word, rest) = json.split_at(end);
            out.push_str(match word {
                "true" => "True",
                "false" => "False",
                "null" => "None",
                "NaN" => "nan",
                "Infinity" => "inf",
                "-Infinity" => "-inf",
                number if number.bytes().any(|b| b.is_ascii_digit()) => number,
                _ => return None,
            });
            Some(rest)
        }
    }
}

/// Writes a typed value as kombu encodes it (`kombu/utils/json.py`), if one is
/// at the start of `json` and Python's way to show it is known here.
fn write_typed<'j>(json: &'j str, out: &mut String) -> Option<&'j str> {
    let end = verbatim::end_of_small(json)?;
    let (object, rest) = json.split_at_checked(end)?;
    let members = members(object)?;
    let [(kind, kind_text), (value, value_text)] = members.as_slice() else {
        return None;
    };
    if kind != "__type__" || value != "__value__" {
        return None;
    }
    let text = || serde_json::from_str::<String>(value_text).ok();
    let shown = match *kind_text {
        "\"float\"" => match text()?.as_str() {
            "NaN" => "nan".to_owned(),
            "Infinity" => "inf".to_owned(),
            "-Infinity" => "-inf".to_owned(),
            _ => return None,
        },
        "\"decimal\"" => format!("Decimal('{}')", text()?),
        "\"uuid\"" => {
            let hex: String =
                serde_json::from_str(verbatim::member(&verbatim::members(value_text)?, "hex")?)
                    .ok()?;
            let part = |range: std::ops::Range<usize>| hex.get(range);
            if hex.len() != 32 {
                return None;
            }
            format!(
                "UUID('{}-{}-{}-{}-{}')",
                part(0..8)?,
                part(8..12)?,
                part(12..16)?,
                part(16..20)?,
                part(20..32)?
            )
        }
        "\"bytes\"" => format!("b'{}'", text()?),
        "\"date\"" => format!("datetime.date({})", numbers(&text()?)?),
        "\"datetime\"" => {
            let text = text()?;
            match text.strip_suffix("+00:00") {
                Some(naive) => format!(
                    "datetime.datetime({}, tzinfo=datetime.timezone.utc)",
                    numbers(naive)?
                ),
                None => format!("datetime.datetime({})", numbers(&text)?),
            }
        }
        _ => return None,
    };
    out.push_str(&shown);
    Some(rest)
}

/// Returns the numbers of a date, or of a date and time, as the arguments that
/// Python shows: `2026-11-20T08:05` as `2026, 11, 20, 8, 5`.
fn numbers(text: &str) -> Option<String> {
    let parts: Vec<u32> = text
        .split(['-', 'T', ':', '.'])
        .map(|part| part.parse().ok())
        .collect::<Option<_>>()?;
    // Seconds and their fraction are left out where they are zero.
    let shown = match parts.as_slice() {
        [_, _, _, _, _, 0] => parts.get(..5)?,
        _ => parts.as_slice(),
    };
    let shown: Vec<String> = shown.iter().map(u32::to_string).collect();
    Some(shown.join(", "))
}

fn write_items<'j>(json: &'j str, out: &mut String, close: u8, depth: usize) -> Option<&'j str> {
    out.push_str(&json[..1]);
    let mut rest = json[1..].trim_start();
    let mut is_first = true;
    loop {
        if rest.bytes().next()? == close {
            out.push_str(&rest[..1]);
            return Some(&rest[1..]);
        }
        if !is_first {
            rest = rest.strip_prefix(',')?.trim_start();
            out.push_str(", ");
        }
        is_first = false;
        if close == b'}' {
            rest = write_string(rest, out)?.trim_start();
            rest = rest.strip_prefix(':')?.trim_start();
            out.push_str(": ");
        }
        rest = write_value(rest, out, depth + 1)?.trim_start();
    }
}

fn write_string<'j>(json: &'j str, out: &mut String) -> Option<&'j str> {
    let bytes = json.as_bytes();
    if bytes.first() != Some(&b'"') {
        return None;
    }
    let mut end = 1;
    while *bytes.get(end)? != b'"' {
        end += if bytes[end] == b'\\' { 2 } else { 1 };
    }
    let literal = json.get(..=end)?;
    // A lone surrogate is legal in Python's JSON only; then the escapes stay.
    let text = serde_json::from_str::<String>(literal)
        .unwrap_or_else(|_| literal.trim_matches('"').to_owned());
    out.push('\'');
    out.push_str(&text.replace('\'', "\\'"));
    out.push('\'');
    json.get(end + 1..)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_read_like_python() {
        for (json, python) in [
            ("5", "5"),
            ("\"done\"", "'done'"),
            (
                r#"{"a": [true, null, -1.5e3]}"#,
                "{'a': [True, None, -1.5e3]}",
            ),
            (
                "123456789012345678901234567890",
                "123456789012345678901234567890",
            ),
            ("[NaN,Infinity,-Infinity]", "[nan, inf, -inf]"),
            (r#""it's""#, r"'it\'s'"),
            (r#""\u00e4""#, "'ä'"),
            ("[]", "[]"),
            (
                r#"[{"__type__": "uuid", "__value__": {"hex": "12345678123456781234567812345678"}}]"#,
                "[UUID('12345678-1234-5678-1234-567812345678')]",
            ),
            (
                r#"{"a": {"__type__": "decimal", "__value__": "1.10"}}"#,
                "{'a': Decimal('1.10')}",
            ),
            (r#"{"__type__": "float", "__value__": "NaN"}"#, "nan"),
            (r#"{"__type__": "bytes", "__value__": "text"}"#, "b'text'"),
            (
                r#"{"__type__": "datetime", "__value__": "2026-11-20T08:19:11.985384+00:00"}"#,
                "datetime.datetime(2026, 11, 20, 8, 19, 11, 985384, tzinfo=datetime.timezone.utc)",
            ),
            (
                r#"{"__type__": "datetime", "__value__": "2026-11-20T08:05:00"}"#,
                "datetime.datetime(2026, 11, 20, 8, 5)",
            ),
            (
                r#"{"__type__": "date", "__value__": "2026-11-02"}"#,
                "datetime.date(2026, 11, 2)",
            ),
            (
                r#"{"__type__": "odd", "__value__": 1}"#,
                "{'__type__': 'odd', '__value__': 1}",
            ),
            (r#""a\"b""#, "'a\"b'"),
        ] {
            assert_eq!(value(json).as_deref(), Some(python), "{json}");
        }
    }

    #[test]
    fn positional_arguments_are_a_tuple() {
        assert_eq!(arguments("[2, 3]").as_deref(), Some("(2, 3)"));
        assert_eq!(arguments("[[1]]").as_deref(), Some("([1],)"));
        assert_eq!(arguments("[]").as_deref(), Some("()"));
        assert_eq!(arguments("[\"a, b\"]").as_deref(), Some("('a, b',)"));
    }

    #[test]
    fn exceptions_read_like_python() {
        for (json, python) in [
            (
                r#"{"exc_type": "ValueError", "exc_message": ["always"], "exc_module": "builtins"}"#,
                "ValueError('always')",
            ),
            (r#"{"exc_type": "E", "exc_message": ["a", 1]}"#, "E('a', 1)"),
            (r#"{"exc_type": "E", "exc_message": "text"}"#, "E('text')"),
            (r#"{"exc_type": "E", "exc_message": null}"#, "E()"),
            (r#"{"exc_type": "E"}"#, "E()"),
        ] {
            assert_eq!(exception(json).as_deref(), Some(python), "{json}");
        }
    }

    #[test]
    fn what_is_no_json_is_nothing_and_length_is_bounded() {
        for text in ["", "[1", "{\"a\"", "\"a", "nonsense", "[1 2]", "\"\\"] {
            assert_eq!(value(text), None, "{text}");
        }
        let deep = "[".repeat(10_000);
        assert_eq!(value(&deep), None);
        let long = format!("\"{}\"", "ä".repeat(5_000));
        let shown = value(&long).expect("it is JSON");
        assert!(shown.len() <= MAX_BYTES + 3 && shown.ends_with("..."));
    }
}
