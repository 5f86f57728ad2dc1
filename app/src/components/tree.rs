//! JSON as a folding tree. Folding is the browser's own (`details`), so it
//! works without JavaScript and with the keyboard.

use leptos::prelude::*;
use serde_json::Value;

/// Deeper than this, values are written on one line: foreign JSON may nest without end.
const DEEPEST: usize = 12;
/// A node with more items than this starts folded.
const MOST_OPEN: usize = 12;
/// Items of a node that are shown at most.
const MOST_ITEMS: usize = 2_000;
/// Characters of a folded node's first items.
const HINT: usize = 48;

/// A JSON value with its name.
#[component]
pub fn Tree(
    /// The value.
    value: Value,
) -> impl IntoView {
    let rows = match &value {
        Value::Object(fields) => fields
            .iter()
            .map(|(key, value)| node(Some(key.clone()), value, 0))
            .collect_view(),
        other => vec![node(None, other, 0)].into_iter().collect_view(),
    };
    view! { <div class="tree">{rows}</div> }
}

fn node(key: Option<String>, value: &Value, depth: usize) -> AnyView {
    let name = key.map(|key| {
        view! {
            <span class="tree-key">{key}</span>
            ": "
        }
    });
    let items: Vec<(Option<String>, &Value)> = match value {
        Value::Object(fields) => fields
            .iter()
            .map(|(key, value)| (Some(key.clone()), value))
            .collect(),
        Value::Array(items) => items.iter().map(|item| (None, item)).collect(),
        _ => Vec::new(),
    };
    if items.is_empty() || depth >= DEEPEST {
        return view! {
            <div class="tree-leaf">
                {name} <span class=scalar_class(value)>{hide_passwords(&value.to_string())}</span>
            </div>
        }
        .into_any();
    }
    let count = match value {
        Value::Object(_) => format!("{{{}}}", items.len()),
        _ => format!("[{}]", items.len()),
    };
    let is_open = items.len() <= MOST_OPEN && depth < 2;
    let left_out = items.len().saturating_sub(MOST_ITEMS);
    let children = items
        .into_iter()
        .take(MOST_ITEMS)
        .map(|(key, value)| node(key, value, depth + 1))
        .collect_view();
    view! {
        <details class="tree-node" open=is_open>
            <summary>
                {name} <span class="tree-count">{count}</span>
                <span class="tree-hint">{hint(value)}</span>
            </summary>
            <div class="tree-items">
                {children}
                {(left_out > 0)
                    .then(|| {
                        view! {
                            <div class="tree-leaf tree-left-out">{format!("{left_out} more")}</div>
                        }
                    })}
            </div>
        </details>
    }
    .into_any()
}

fn scalar_class(value: &Value) -> &'static str {
    match value {
        Value::String(_) => "tree-string",
        Value::Number(_) => "tree-number",
        _ => "tree-other",
    }
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
fn hint(value: &Value) -> String {
    let words: Vec<String> = match value {
        Value::Object(fields) => fields.keys().take(8).cloned().collect(),
        Value::Array(items) => items.iter().take(8).map(Value::to_string).collect(),
        _ => Vec::new(),
    };
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
        assert_eq!(hint(&json!({"a": 1, "b": [2]})), "a, b");
        assert_eq!(hint(&json!(["ü", 4])), "\"ü\", 4");
        let long = hint(&json!(["ü".repeat(80)]));
        assert_eq!(long.chars().count(), HINT + 1);
        assert!(long.ends_with('…'));
    }
}
