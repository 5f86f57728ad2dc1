//! JSON taken apart without being read, so that it can be put together again
//! with every digit and every escape as the sender wrote it, in Python's
//! dialect too.
//!
//! What is shown and edited as JSON is strict JSON: there `NaN` is
//! `{"__type__": "float", "__value__": "NaN"}`, which kombu itself never
//! writes, and which becomes `NaN` again on its way out.

use crate::json::{skip_space, skip_string, skip_value};
use std::borrow::Cow;

/// Typed values are no longer than this, bytes, unless they are typed texts.
const SMALL: usize = 160;

/// The numbers that JSON does not know, as Python writes them.
const NO_NUMBERS: [&str; 3] = ["NaN", "Infinity", "-Infinity"];

/// Returns the members of an object in their order, values as they stand;
/// `None` if the text is no object.
pub(crate) fn members(text: &str) -> Option<Vec<(Cow<'_, str>, &str)>> {
    let bytes = text.as_bytes();
    let mut at = skip_space(bytes, 0);
    if bytes.get(at) != Some(&b'{') {
        return None;
    }
    let mut members = Vec::new();
    at = skip_space(bytes, at + 1);
    if bytes.get(at) == Some(&b'}') {
        return is_end(bytes, at + 1).then_some(members);
    }
    loop {
        if bytes.get(at) != Some(&b'"') {
            return None;
        }
        let key_end = skip_string(bytes, at)?;
        let key = text.get(at..key_end)?;
        at = skip_space(bytes, key_end);
        if bytes.get(at) != Some(&b':') {
            return None;
        }
        let start = skip_space(bytes, at + 1);
        let end = skip_value(bytes, start)?;
        members.push((unquoted(key), text.get(start..end)?));
        at = skip_space(bytes, end);
        match bytes.get(at)? {
            b',' => at = skip_space(bytes, at + 1),
            b'}' => return is_end(bytes, at + 1).then_some(members),
            _ => return None,
        }
    }
}

/// Returns the items of a list as they stand; `None` if the text is no list.
pub(crate) fn items(text: &str) -> Option<Vec<&str>> {
    let bytes = text.as_bytes();
    let mut at = skip_space(bytes, 0);
    if bytes.get(at) != Some(&b'[') {
        return None;
    }
    let mut items = Vec::new();
    at = skip_space(bytes, at + 1);
    if bytes.get(at) == Some(&b']') {
        return is_end(bytes, at + 1).then_some(items);
    }
    loop {
        let end = skip_value(bytes, at)?;
        items.push(text.get(at..end)?);
        at = skip_space(bytes, end);
        match bytes.get(at)? {
            b',' => at = skip_space(bytes, at + 1),
            b']' => return is_end(bytes, at + 1).then_some(items),
            _ => return None,
        }
    }
}

/// Returns the value of a member; of one that comes twice the last counts.
pub(crate) fn member<'t>(members: &[(Cow<'_, str>, &'t str)], name: &str) -> Option<&'t str> {
    let found = members.iter().rev().find(|(key, _)| key == name)?;
    Some(found.1)
}

/// Returns the text of a JSON string; `None` for any other value.
pub(crate) fn text_of(value: &str) -> Option<String> {
    value.starts_with('"').then(|| unquoted(value).into_owned())
}

/// Returns where the value at the start of `text` ends, if that is not far.
pub(crate) fn end_of_small(text: &str) -> Option<usize> {
    let bytes = text.as_bytes();
    skip_value(bytes.get(..SMALL).unwrap_or(bytes), 0)
}

/// Puts an object together.
pub(crate) fn object<'t>(members: impl IntoIterator<Item = (&'t str, &'t str)>) -> String {
    let mut out = String::from("{");
    for (place, (key, value)) in members.into_iter().enumerate() {
        if place > 0 {
            out.push_str(", ");
        }
        out.push_str(&quoted(key));
        out.push_str(": ");
        out.push_str(value);
    }
    out.push('}');
    out
}

/// Returns a text as a JSON string.
pub(crate) fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

/// Returns Python's JSON as strict JSON that means the same and can be edited:
/// only what is no number there becomes a typed value.
pub(crate) fn to_editable(text: &str) -> Cow<'_, str> {
    if !NO_NUMBERS.iter().any(|name| text.contains(name)) {
        return Cow::Borrowed(text);
    }
    let bytes = text.as_bytes();
    let mut out = String::with_capacity(text.len() + 64);
    let (mut at, mut copied) = (0, 0);
    while let Some(&byte) = bytes.get(at) {
        match byte {
            b'"' => match skip_string(bytes, at) {
                Some(end) => at = end,
                None => break,
            },
            b'N' | b'I' | b'-' => {
                let rest = &bytes[at..];
                let name = NO_NUMBERS
                    .into_iter()
                    .find(|n| rest.starts_with(n.as_bytes()));
                let Some(name) = name else {
                    at += 1;
                    continue;
                };
                out.push_str(&text[copied..at]);
                out.push_str("{\"__type__\": \"float\", \"__value__\": \"");
                out.push_str(name);
                out.push_str("\"}");
                at += name.len();
                copied = at;
            }
            _ => at += 1,
        }
    }
    out.push_str(text.get(copied..).unwrap_or_default());
    Cow::Owned(out)
}

/// Undoes [`to_editable`].
pub(crate) fn to_wire(text: &str) -> Cow<'_, str> {
    if !text.contains("\"float\"") {
        return Cow::Borrowed(text);
    }
    let bytes = text.as_bytes();
    let mut out = String::with_capacity(text.len());
    let (mut at, mut copied) = (0, 0);
    while let Some(&byte) = bytes.get(at) {
        match byte {
            b'"' => match skip_string(bytes, at) {
                Some(end) => at = end,
                None => break,
            },
            b'{' => match no_number(&text[at..]) {
                Some((name, length)) => {
                    out.push_str(&text[copied..at]);
                    out.push_str(name);
                    at += length;
                    copied = at;
                }
                None => at += 1,
            },
            _ => at += 1,
        }
    }
    out.push_str(text.get(copied..).unwrap_or_default());
    Cow::Owned(out)
}

/// Reads what stands for a number that JSON does not know; returns its name and length.
fn no_number(text: &str) -> Option<(&'static str, usize)> {
    let end = end_of_small(text)?;
    let members = members(text.get(..end)?)?;
    if members.len() != 2 || text_of(member(&members, "__type__")?)? != "float" {
        return None;
    }
    let value = text_of(member(&members, "__value__")?)?;
    let name = NO_NUMBERS.into_iter().find(|name| *name == value)?;
    Some((name, end))
}

fn is_end(bytes: &[u8], at: usize) -> bool {
    skip_space(bytes, at) == bytes.len()
}

fn unquoted(literal: &str) -> Cow<'_, str> {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_and_items_stay_as_they_are() {
        let text = r#" {"a": NaN, "b\u0041": [1.50, {"c": "}"}], "a": "\ud800"} "#;
        let found = members(text).expect("an object");
        assert_eq!(found[1], ("bA".into(), r#"[1.50, {"c": "}"}]"#));
        assert_eq!(member(&found, "a"), Some(r#""\ud800""#));
        assert_eq!(items(found[1].1), Some(vec!["1.50", r#"{"c": "}"}"#]));
        assert_eq!(items("[]"), Some(Vec::new()));
        assert_eq!(members("{ }"), Some(Vec::new()));
        let again = object([("x\"y", "1"), ("z", "[]")]);
        assert_eq!(again, r#"{"x\"y": 1, "z": []}"#);
    }

    #[test]
    fn what_is_broken_is_nothing() {
        for text in [
            "",
            "{",
            "{\"a\"}",
            "{\"a\": }",
            "{\"a\": 1,}",
            "{} x",
            "[1]",
            "5",
            "{a: 1}",
        ] {
            assert_eq!(members(text), None, "{text}");
        }
        for text in ["", "[", "[1", "[1,]", "[1 2]", "[] x", "{}", "5"] {
            assert_eq!(items(text), None, "{text}");
        }
    }

    #[test]
    fn numbers_that_json_lacks_go_there_and_back() {
        for text in [
            "[NaN, -Infinity, {\"a\": Infinity}]",
            "[\"NaN\", \"\\\"NaN\", -1, \"\\ud800\", 1e999]",
            "{\"Infinity\": 1180591620717411303424}",
        ] {
            let editable = to_editable(text);
            let is_json = serde_json::from_str::<&serde_json::value::RawValue>(&editable);
            assert!(is_json.is_ok(), "{editable}");
            assert_eq!(to_wire(&editable), text);
        }
        let edited =
            r#"[{"__value__":"NaN","__type__":"float"}, {"__type__": "float", "__value__": 5}]"#;
        assert_eq!(
            to_wire(edited),
            r#"[NaN, {"__type__": "float", "__value__": 5}]"#
        );
    }
}
