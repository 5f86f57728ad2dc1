//! YAML to JSON text, with the meaning that `yaml.safe_load` of `PyYAML` gives it,
//! which reads YAML 1.1 (`yaml/resolver.py`).

use super::writer::{Span, Writer};
use crate::DecodeErrorKind;
use saphyr_parser::{Event, Parser, ScalarStyle, Tag};
use std::{borrow::Cow, collections::HashMap};

/// The longest YAML that is read, bytes: scanning it costs up to a microsecond
/// a byte, and whoever reads events has no time to lose.
const MAX_YAML_BYTES: usize = 256 << 10;

/// Containers nested deeper than this end the reading, for the same reason.
const MAX_YAML_DEPTH: usize = 200;

/// Returns the first document of `text` as JSON text.
pub(super) fn to_json(text: &str) -> Result<String, DecodeErrorKind> {
    if text.len() > MAX_YAML_BYTES {
        return Err(DecodeErrorKind::TooLarge);
    }
    let mut writer = Writer::default();
    // Where the value of an anchor was written; absent while it is open.
    let mut anchors: HashMap<usize, Span> = HashMap::new();
    let mut open: Vec<(usize, usize)> = Vec::new();
    let mut has_value = false;
    for event in Parser::new_from_str(text) {
        let (event, _) = event.map_err(|error| DecodeErrorKind::NotJson(error.to_string()))?;
        match event {
            Event::SequenceStart(anchor, _) | Event::MappingStart(anchor, _) => {
                if open.len() >= MAX_YAML_DEPTH {
                    return Err(DecodeErrorKind::TooLarge);
                }
                let start = writer.begin(matches!(event, Event::MappingStart(..)))?;
                open.push((anchor, start));
            }
            Event::SequenceEnd | Event::MappingEnd => {
                let (anchor, start) = open.pop().unwrap_or_default();
                let end = writer.end();
                if anchor > 0 {
                    anchors.insert(anchor, (start, end));
                }
            }
            Event::Scalar(text, style, anchor, tag) => {
                let span = scalar(&mut writer, &text, style, tag.as_deref())?;
                if anchor > 0 {
                    anchors.insert(anchor, span);
                }
            }
            // A value within itself, or an anchor that is not there: Python
            // reads the first and refuses the second.
            Event::Alias(anchor) => match anchors.get(&anchor) {
                Some(span) => drop(writer.repeat(*span)?),
                None => drop(writer.text("…")?),
            },
            Event::DocumentEnd => break,
            Event::Nothing | Event::StreamStart | Event::StreamEnd | Event::DocumentStart(_) => {
                continue;
            }
        }
        has_value = true;
    }
    if has_value {
        writer.finish()
    } else {
        Err(DecodeErrorKind::NotJson("it is empty".to_owned()))
    }
}

/// Writes a scalar; returns where it stands.
fn scalar(
    writer: &mut Writer,
    text: &str,
    style: ScalarStyle,
    tag: Option<&Tag>,
) -> Result<Span, DecodeErrorKind> {
    let tag = tag
        .filter(|tag| tag.is_yaml_core_schema())
        .map(|tag| tag.suffix.as_str());
    match tag {
        Some("binary") => {
            let digits: Vec<u8> = text.bytes().filter(|b| !b.is_ascii_whitespace()).collect();
            match base64_simd::STANDARD.decode_to_vec(&digits) {
                Ok(bytes) => writer.bytes(&bytes),
                Err(_) => Err(DecodeErrorKind::NotBase64),
            }
        }
        Some("str") => writer.text(text),
        None if style != ScalarStyle::Plain => writer.text(text),
        _ => match resolve(text) {
            Plain::Json(json) => writer.scalar(&json),
            Plain::Float(value) => writer.float(value),
            Plain::Typed(name, value) => writer.typed(name, &value),
            Plain::Text => writer.text(text),
        },
    }
}

/// What a plain scalar means.
#[derive(Debug, PartialEq)]
enum Plain<'a> {
    Json(Cow<'a, str>),
    Float(f64),
    /// A type that JSON lacks, as kombu's JSON names it.
    Typed(&'static str, String),
    Text,
}

/// Resolves a scalar that has neither quotes nor a tag.
fn resolve(text: &str) -> Plain<'_> {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => return Plain::Json("null".into()),
        "yes" | "Yes" | "YES" | "true" | "True" | "TRUE" | "on" | "On" | "ON" => {
            return Plain::Json("true".into());
        }
        "no" | "No" | "NO" | "false" | "False" | "FALSE" | "off" | "Off" | "OFF" => {
            return Plain::Json("false".into());
        }
        _ => {}
    }
    if !text.starts_with(|first: char| first.is_ascii_digit() || "+-.".contains(first)) {
        return Plain::Text;
    }
    if let Some(number) = number(text) {
        return number;
    }
    match date(text) {
        Some(value) if text.len() == "2026-11-20".len() => Plain::Typed("date", value),
        Some(value) => Plain::Typed("datetime", value),
        None => Plain::Text,
    }
}

/// Reads integers and floats in all of YAML 1.1's ways but sexagesimal ones,
/// which are shown as they are written.
fn number(text: &str) -> Option<Plain<'static>> {
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    let sign = if text.starts_with('-') { "-" } else { "" };
    let float = |value: f64| Some(Plain::Float(if sign.is_empty() { value } else { -value }));
    match unsigned {
        ".inf" | ".Inf" | ".INF" => return float(f64::INFINITY),
        ".nan" | ".NaN" | ".NAN" => return float(f64::NAN),
        _ => {}
    }
    let clean = unsigned.replace('_', "");
    let whole = |digits: &str, base: u32| {
        let value = u128::from_str_radix(digits, base).ok()?;
        Some(Plain::Json(format!("{sign}{value}").into()))
    };
    if let Some(digits) = clean.strip_prefix("0b") {
        return whole(digits, 2);
    }
    if let Some(digits) = clean.strip_prefix("0x") {
        return whole(digits, 16);
    }
    if clean.bytes().all(|b| b.is_ascii_digit()) && !unsigned.starts_with('_') {
        let is_octal = clean.len() > 1 && clean.starts_with('0');
        if is_octal {
            return whole(&clean, 8);
        }
        return (!clean.is_empty()).then(|| Plain::Json(format!("{sign}{clean}").into()));
    }
    // A float needs its point, and its exponent needs a sign.
    let (mantissa, exponent) = match clean.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, Some(exponent)),
        None => (clean.as_str(), None),
    };
    let (before, after) = mantissa.split_once('.')?;
    let is_digits = |part: &str| part.bytes().all(|b| b.is_ascii_digit());
    let has_sign = exponent.is_none_or(|exponent| {
        exponent
            .strip_prefix(['+', '-'])
            .is_some_and(|digits| !digits.is_empty() && is_digits(digits))
    });
    if !is_digits(before) || !is_digits(after) || !has_sign || (before.len() + after.len() == 0) {
        return None;
    }
    float(clean.parse().ok()?)
}

/// Reads a date, or a date and time, and writes it as Python's `isoformat` does.
fn date(text: &str) -> Option<String> {
    let is_shaped = |text: &str, shape: &str| {
        text.len() == shape.len()
            && text
                .bytes()
                .zip(shape.bytes())
                .all(|(found, wanted)| match wanted {
                    b'0' => found.is_ascii_digit(),
                    wanted => found == wanted,
                })
    };
    let (day, rest) = text.split_at_checked("2026-11-20".len())?;
    if !is_shaped(day, "0000-00-00") {
        return None;
    }
    if rest.is_empty() {
        return Some(day.to_owned());
    }
    let rest = rest.strip_prefix([' ', 'T', 't'])?;
    let (time, more) = rest.split_at_checked("08:19:11".len())?;
    let is_rest = more
        .bytes()
        .all(|b| b.is_ascii_digit() || matches!(b, b'.' | b'+' | b'-' | b':' | b'Z' | b' '));
    (is_shaped(time, "00:00:00") && is_rest).then(|| format!("{day}T{rest}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scalars_mean_what_they_mean_to_python() {
        for (yaml, json) in [
            ("~", "null"),
            ("yes", "true"),
            ("'yes'", "\"yes\""),
            ("Off", "false"),
            ("y", "\"y\""),
            ("12", "12"),
            ("-12", "-12"),
            ("+1_000", "1000"),
            ("0x1f", "31"),
            ("-0b11", "-3"),
            ("010", "8"),
            ("08", "\"08\""),
            ("12:30", "\"12:30\""),
            ("1180591620717411303424", "1180591620717411303424"),
            ("1.5", "1.5"),
            ("-.5", "-0.5"),
            ("1e3", "\"1e3\""),
            ("1.0e+3", "1000.0"),
            ("1.0e3", "\"1.0e3\""),
            ("-.inf", r#"{"__type__":"float","__value__":"-Infinity"}"#),
            ("1.2.3", "\"1.2.3\""),
            ("-", "[null]"),
            ("- -", "[[null]]"),
            (
                "2026-11-20",
                r#"{"__type__":"date","__value__":"2026-11-20"}"#,
            ),
            (
                "2026-11-20 08:19:11.985384+00:00",
                r#"{"__type__":"datetime","__value__":"2026-11-20T08:19:11.985384+00:00"}"#,
            ),
            ("2026-11-2x", "\"2026-11-2x\""),
            (
                "!!binary //4=",
                r#"{"__type__":"base64","__value__":"//4="}"#,
            ),
            ("!!str 5", "\"5\""),
            ("!!python/object/apply:os.system [ls]", "[\"ls\"]"),
            ("\"\\xFC\\n\"", "\"ü\\n\""),
            (
                "{a: 1, 2: [x, y], 2026-11-20: z}",
                r#"{"a": 1, "2": ["x", "y"], "2026-11-20": "z"}"#,
            ),
        ] {
            let text = to_json(yaml).expect(yaml);
            assert_eq!(text, json, "{yaml}");
            serde_json::from_str::<serde_json::Value>(&text).expect("valid JSON");
        }
        for yaml in ["", "{", "[1", "{[a]: 1}", "\"a", "!!binary '?'"] {
            assert!(to_json(yaml).is_err(), "{yaml}");
        }
    }

    #[test]
    fn aliases_are_written_out() {
        assert_eq!(
            to_json("- &a [1, {b: 2}]\n- &s x\n- [*a, *s]\n- {*s : *a}\n- &d 2026-11-20\n- *d")
                .as_deref(),
            Ok(
                r#"[[1, {"b": 2}], "x", [[1, {"b": 2}], "x"], {"x": [1, {"b": 2}]}, {"__type__":"date","__value__":"2026-11-20"}, {"__type__":"date","__value__":"2026-11-20"}]"#
            )
        );
        assert_eq!(to_json("&a [1, *a]").as_deref(), Ok("[1, \"…\"]"));
    }

    #[test]
    fn a_bomb_of_aliases_is_stopped_at_the_bound() {
        let mut yaml = "- &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
        for level in 1..12 {
            let aliases = vec![format!("*a{}", level - 1); 10].join(", ");
            yaml.push_str(&format!("- &a{level} [{aliases}]\n"));
        }
        assert_eq!(to_json(&yaml), Err(DecodeErrorKind::TooLarge));
    }

    #[test]
    fn depth_is_bounded() {
        let deep =
            |levels: usize| to_json(&format!("{}{}", "[".repeat(levels), "]".repeat(levels)));
        assert!(deep(150).is_ok());
        assert!(deep(500_000).is_err());
        assert!(to_json(&"- ".repeat(500_000)).is_err());
        assert!(to_json(&"? ".repeat(100_000)).is_err());
    }
}
