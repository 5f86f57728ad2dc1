//! Values as a folding tree: JSON as it is, and what Python wrote of arguments
//! and results. Folding is the browser's own (`details`), so it works without
//! JavaScript and with the keyboard.

use leptos::prelude::*;
use model::{
    JsonText,
    repr::{Argument, Entry, Quoted, Repr},
};
use serde::{
    Deserialize, Deserializer,
    de::{MapAccess, Visitor},
};
use serde_json::{Value, value::RawValue};
use std::fmt;

/// Deeper than this, values are written on one line: foreign values may nest without end.
const DEEPEST: usize = 12;
/// A node with more items than this starts folded.
const MOST_OPEN: usize = 12;
/// Items of a node that are shown at most.
const MOST_ITEMS: usize = 2_000;
/// Characters of a folded node's first items.
const HINT: usize = 48;
/// A call no longer than this is written on one line, such as `Decimal('1.10')`.
const SHORT_CALL: usize = 80;

/// A value with its name, as the tree shows it.
#[derive(Clone, Debug, PartialEq)]
pub struct Node {
    name: Option<String>,
    value: Shown,
}

#[derive(Clone, Debug, PartialEq)]
enum Shown {
    /// On one line; the class colours it.
    Leaf { text: String, class: &'static str },
    /// Something that the worker left out, in words.
    Cut(String),
    /// With items of its own below it.
    Branch {
        /// What it is, and of how many items: `{4}`, `[2]`.
        count: String,
        /// Its first items.
        hint: String,
        items: Vec<Node>,
        /// How many items are not shown.
        left_out: usize,
    },
}

/// A value as a tree. What it holds stands at the left edge.
#[component]
pub fn Tree(
    /// The value.
    #[prop(into)]
    value: Node,
) -> impl IntoView {
    let rows = match value.value {
        Shown::Branch {
            items, left_out, ..
        } => (
            items.into_iter().map(|item| row(item, 0)).collect_view(),
            more(left_out),
        )
            .into_any(),
        leaf => row(
            Node {
                name: value.name,
                value: leaf,
            },
            0,
        ),
    };
    view! { <div class="tree">{rows}</div> }.into_any()
}

fn row(node: Node, depth: usize) -> AnyView {
    let name = node.name.map(|name| {
        view! {
            <span class="tree-key">{name}</span>
            ": "
        }
    });
    match node.value {
        Shown::Leaf { text, class } => view! {
            <div class="tree-leaf">
                {name} <span class=class>{text}</span>
            </div>
        }
        .into_any(),
        Shown::Cut(words) => view! {
            <div class="tree-leaf">
                {name} <span class="tree-cut">{words}</span>
            </div>
        }
        .into_any(),
        Shown::Branch {
            count,
            hint,
            items,
            left_out,
        } => {
            let is_open = items.len() <= MOST_OPEN && depth < 2;
            let items = items.into_iter().map(|item| row(item, depth + 1));
            view! {
                <details class="tree-node" open=is_open>
                    <summary>
                        {name} <span class="tree-count">{count}</span>
                        <span class="tree-hint">{hint}</span>
                    </summary>
                    <div class="tree-items">{items.collect_view()} {more(left_out)}</div>
                </details>
            }
            .into_any()
        }
    }
}

fn more(left_out: usize) -> Option<AnyView> {
    (left_out > 0).then(|| {
        view! { <div class="tree-leaf tree-left-out">{format!("{left_out} more")}</div> }.into_any()
    })
}

impl Shown {
    fn leaf(text: impl Into<String>, class: &'static str) -> Self {
        Self::Leaf {
            text: text.into(),
            class,
        }
    }

    /// Makes a branch; `total` counts the items before those beyond the bound were left out.
    fn branch(count: String, words: &[String], items: Vec<Node>, total: usize) -> Self {
        Self::Branch {
            count,
            hint: hint(words),
            left_out: total.saturating_sub(items.len()),
            items,
        }
    }
}

impl From<Value> for Node {
    fn from(value: Value) -> Self {
        Self {
            name: None,
            value: of_json(&value, 0),
        }
    }
}

fn of_json(value: &Value, depth: usize) -> Shown {
    let child = |name: Option<&String>, value: &Value| Node {
        name: name.cloned(),
        value: of_json(value, depth + 1),
    };
    match value {
        Value::Object(fields) if !fields.is_empty() && depth < DEEPEST => {
            let items = fields.iter().take(MOST_ITEMS);
            let items = items.map(|(key, value)| child(Some(key), value)).collect();
            let words: Vec<String> = fields.keys().take(8).cloned().collect();
            Shown::branch(format!("{{{}}}", fields.len()), &words, items, fields.len())
        }
        Value::Array(values) if !values.is_empty() && depth < DEEPEST => {
            let items = values.iter().take(MOST_ITEMS);
            let items = items.map(|value| child(None, value)).collect();
            let words: Vec<String> = values.iter().take(8).map(Value::to_string).collect();
            Shown::branch(format!("[{}]", values.len()), &words, items, values.len())
        }
        Value::String(_) => Shown::leaf(hide_passwords(&value.to_string()), "tree-string"),
        Value::Number(_) => Shown::leaf(value.to_string(), "tree-number"),
        _ => Shown::leaf(hide_passwords(&value.to_string()), "tree-other"),
    }
}

impl From<&JsonText> for Node {
    fn from(json: &JsonText) -> Self {
        Self {
            name: None,
            value: of_text(json.as_str(), 0),
        }
    }
}

/// The fields of an object in their order, each value as it was written.
struct Fields<'a>(Vec<(String, &'a RawValue)>);

impl<'de> Deserialize<'de> for Fields<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Pairs;
        impl<'de> Visitor<'de> for Pairs {
            type Value = Fields<'de>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut fields = Vec::new();
                while let Some(field) = map.next_entry()? {
                    fields.push(field);
                }
                Ok(Fields(fields))
            }
        }
        deserializer.deserialize_map(Pairs)
    }
}

/// JSON whose numbers are shown digit by digit: as `Value` the long ones would be rounded.
fn of_text(json: &str, depth: usize) -> Shown {
    let json = json.trim();
    if depth < DEEPEST {
        if let Ok(Fields(fields)) = serde_json::from_str::<Fields<'_>>(json)
            && !fields.is_empty()
        {
            let words: Vec<String> = fields
                .iter()
                .take(8)
                .map(|(name, _)| name.clone())
                .collect();
            let total = fields.len();
            let items = fields
                .into_iter()
                .take(MOST_ITEMS)
                .map(|(name, value)| Node {
                    name: Some(name),
                    value: of_text(value.get(), depth + 1),
                });
            return Shown::branch(format!("{{{total}}}"), &words, items.collect(), total);
        }
        if json.starts_with('[')
            && let Ok(values) = serde_json::from_str::<Vec<&RawValue>>(json)
            && !values.is_empty()
        {
            let words: Vec<String> = values.iter().take(8).map(|v| v.get().to_owned()).collect();
            let items = values.iter().take(MOST_ITEMS).map(|value| Node {
                name: None,
                value: of_text(value.get(), depth + 1),
            });
            let count = format!("[{}]", values.len());
            return Shown::branch(count, &words, items.collect(), values.len());
        }
    }
    match json.bytes().next() {
        Some(b'"') => {
            // Text is shown readable, unless it holds half a character.
            let read = serde_json::from_str::<String>(json);
            let shown =
                read.map_or_else(|_| json.to_owned(), |text| Value::String(text).to_string());
            Shown::leaf(shown, "tree-string")
        }
        Some(b'-' | b'0'..=b'9') => Shown::leaf(json, "tree-number"),
        _ => Shown::leaf(json, "tree-other"),
    }
}

impl From<&Repr<'_>> for Node {
    fn from(value: &Repr<'_>) -> Self {
        Self {
            name: None,
            value: of_repr(value, 0),
        }
    }
}

fn of_repr(value: &Repr<'_>, depth: usize) -> Shown {
    let many = |items: &[Repr<'_>], open: char, close: char| {
        let shown = items.iter().take(MOST_ITEMS).map(|item| Node {
            name: None,
            value: of_repr(item, depth + 1),
        });
        let words: Vec<String> = items.iter().take(8).map(Repr::to_string).collect();
        let known = known(items.iter());
        Shown::branch(
            format!("{open}{known}{close}"),
            &words,
            shown.collect(),
            items.len(),
        )
    };
    match value {
        Repr::Missing | Repr::Ellipsis(_) => {
            Shown::Cut("cut by the worker at about 1,024 characters".to_owned())
        }
        Repr::Hidden(text) => Shown::Cut(format!("{text} left out by the worker: nested too deep")),
        Repr::None | Repr::Bool(_) | Repr::Opaque(_) => {
            Shown::leaf(value.to_string(), "tree-other")
        }
        Repr::Int(text) | Repr::Float(text) => Shown::leaf(*text, "tree-number"),
        Repr::Str(quoted) | Repr::Bytes(quoted) => text(value, quoted),
        _ if depth >= DEEPEST => Shown::leaf(value.to_string(), "tree-other"),
        Repr::List(items) if !items.is_empty() => many(items, '[', ']'),
        Repr::Tuple(items) if !items.is_empty() => many(items, '(', ')'),
        Repr::Set(items) if !items.is_empty() => many(items, '{', '}'),
        Repr::Dict(entries) if !entries.is_empty() => dict(entries, depth),
        Repr::Call { name, arguments } => call(value, name, arguments, depth),
        Repr::List(_) | Repr::Tuple(_) | Repr::Set(_) | Repr::Dict(_) => {
            Shown::leaf(value.to_string(), "tree-other")
        }
    }
}

/// How many values a container has: `4`, or `4 or more` where it was cut.
fn known<'a, 'b: 'a>(items: impl Iterator<Item = &'a Repr<'b>>) -> String {
    let (mut known, mut is_cut) = (0_usize, false);
    for item in items {
        match item {
            Repr::Missing | Repr::Ellipsis(_) => is_cut = true,
            _ => known += 1,
        }
    }
    if is_cut {
        format!("{known} or more")
    } else {
        known.to_string()
    }
}

fn text(value: &Repr<'_>, quoted: &Quoted<'_>) -> Shown {
    if quoted.is_closed {
        Shown::leaf(value.to_string(), "tree-string")
    } else {
        Shown::leaf(
            format!("{value} (cut here by the worker)"),
            "tree-string tree-cut",
        )
    }
}

fn dict(entries: &[Entry<'_>], depth: usize) -> Shown {
    let items = entries
        .iter()
        .take(MOST_ITEMS)
        .map(|entry| match &entry.value {
            Some(value) => Node {
                name: Some(entry.key.to_string()),
                value: of_repr(value, depth + 1),
            },
            None => Node {
                name: None,
                value: of_repr(&entry.key, depth + 1),
            },
        });
    let keys = entries.iter().map(|entry| &entry.key);
    let words: Vec<String> = keys.clone().take(8).map(Repr::to_string).collect();
    let count = format!("{{{}}}", known(keys));
    Shown::branch(count, &words, items.collect(), entries.len())
}

fn call(value: &Repr<'_>, name: &str, arguments: &[Argument<'_>], depth: usize) -> Shown {
    let line = value.to_string();
    if arguments.is_empty() || line.len() <= SHORT_CALL {
        return Shown::leaf(line, "tree-other");
    }
    let items = arguments.iter().take(MOST_ITEMS).map(|argument| Node {
        name: argument.keyword.map(str::to_owned),
        value: of_repr(&argument.value, depth + 1),
    });
    let words: Vec<String> = arguments.iter().take(8).map(Argument::to_string).collect();
    let known = known(arguments.iter().map(|argument| &argument.value));
    let count = format!("{name}({known})");
    Shown::branch(count, &words, items.collect(), arguments.len())
}

/// Hides the password in every address within `text`. Celery masks its own
/// settings (`celery/app/utils.py`, `filter_hidden_settings`), but not the
/// addresses in those of extensions, such as `redbeat_redis_url`.
fn hide_passwords(text: &str) -> String {
    const MASK: &str = "********";
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("://") {
        out.push_str(before);
        out.push_str("://");
        let is_end =
            |letter: char| matches!(letter, '/' | '?' | '#' | '"') || letter.is_whitespace();
        let (authority, tail) = after.split_at(after.find(is_end).unwrap_or(after.len()));
        match authority.rsplit_once('@') {
            Some((user, host)) if user.contains(':') => {
                let user = user.split(':').next().unwrap_or_default();
                out.push_str(&format!("{user}:{MASK}@{host}"));
            }
            _ => out.push_str(authority),
        }
        rest = tail;
    }
    out.push_str(rest);
    out
}

/// The first items of a node, for when it is folded.
fn hint(words: &[String]) -> String {
    let words = hide_passwords(&words.join(", "));
    match words.char_indices().nth(HINT) {
        Some((end, _)) => format!("{}…", &words[..end]),
        None => words,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn no_password_of_an_address_is_shown() {
        for (text, shown) in [
            (
                "redis://:geheim@host:6379/0",
                "redis://:********@host:6379/0",
            ),
            (
                "a redis://u:p@h, b amqp://u:p@i//",
                "a redis://u:********@h, b amqp://u:********@i//",
            ),
            ("redis://u:p@ss@h", "redis://u:********@h"),
            ("redis://user@host/1", "redis://user@host/1"),
            ("https://example.org/a:b@c", "https://example.org/a:b@c"),
            ("no address", "no address"),
        ] {
            assert_eq!(hide_passwords(text), shown);
        }
    }

    #[test]
    fn a_hint_names_the_first_items_and_is_cut_between_characters() {
        let hint_of = |value: Value| match of_json(&value, 0) {
            Shown::Branch { hint, .. } => hint,
            other => panic!("no branch: {other:?}"),
        };
        assert_eq!(hint_of(json!({"a": 1, "b": [2]})), "a, b");
        assert_eq!(hint_of(json!(["ü", 4])), "\"ü\", 4");
        let long = hint_of(json!(["ü".repeat(80)]));
        assert_eq!(long.chars().count(), HINT + 1);
        assert!(long.ends_with('…'));
    }

    fn draw(node: &Node, depth: usize, lines: &mut Vec<String>) {
        let name = node.name.as_ref().map(|name| format!("{name}: "));
        let (words, items) = match &node.value {
            Shown::Leaf { text, .. } => (text.clone(), [].as_slice()),
            Shown::Cut(words) => (format!("!{words}"), [].as_slice()),
            Shown::Branch { count, items, .. } => (count.clone(), items.as_slice()),
        };
        let indent = " ".repeat(depth);
        lines.push(format!("{indent}{}{words}", name.unwrap_or_default()));
        for item in items {
            draw(item, depth + 1, lines);
        }
    }

    /// The tree as indented lines.
    fn drawn(text: &str) -> Vec<String> {
        let mut lines = Vec::new();
        draw(&Node::from(&model::repr::parse(text).root), 0, &mut lines);
        lines
    }

    #[test]
    fn json_keeps_its_order_and_every_digit() {
        let json = JsonText::parse(
            r#"{"b": 12345678901234567890123, "a": ["\u00fc", {}, 1.10], "half": "\ud800"}"#,
        );
        let mut lines = Vec::new();
        draw(&Node::from(&json.expect("it is JSON")), 0, &mut lines);
        assert_eq!(
            lines,
            [
                "{3}",
                " b: 12345678901234567890123",
                " a: [3]",
                "  \"ü\"",
                "  {}",
                "  1.10",
                " half: \"\\ud800\"",
            ]
        );
    }

    #[test]
    fn what_python_wrote_becomes_a_tree() {
        assert_eq!(
            drawn("{'to': 'a@b', 'lines': [(1, 2.5), None], 'at': datetime.date(2026, 11, 20)}"),
            [
                "{3}",
                " 'to': 'a@b'",
                " 'lines': [2]",
                "  (2)",
                "   1",
                "   2.5",
                "  None",
                " 'at': datetime.date(2026, 11, 20)",
            ]
        );
        assert_eq!(drawn("()"), ["()"]);
    }

    #[test]
    fn what_the_worker_left_out_is_told_and_not_counted() {
        assert_eq!(
            drawn("('a', [...], ...)"),
            [
                "(2 or more)",
                " 'a'",
                " ![...] left out by the worker: nested too deep",
                " !cut by the worker at about 1,024 characters",
            ]
        );
    }
}
