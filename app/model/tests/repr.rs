//! Texts that Celery and Python wrote, and texts that nobody wrote, as trees.

use model::repr::{Parsed, Quoted, Repr, parse};
use proptest::prelude::*;
use serde_json::{Value, json};
use std::sync::LazyLock;

/// What `tests/repr/make_reprs.py` wrote: each text, and the tree it should
/// become, unless it was cut.
static FIXTURES: LazyLock<Vec<(String, Option<Value>)>> = LazyLock::new(|| {
    include_str!("repr/reprs.jsonl")
        .lines()
        .map(|line| {
            let line: Value = serde_json::from_str(line).expect("a line is JSON");
            let text = line["text"].as_str().expect("a text").to_owned();
            let tree = &line["tree"];
            (text, (!tree.is_null()).then(|| tree.clone()))
        })
        .collect()
});

/// Describes a tree as the fixtures do.
fn described(repr: &Repr<'_>) -> Value {
    let all = |items: &[Repr<'_>]| items.iter().map(described).collect::<Vec<_>>();
    match repr {
        Repr::None => json!(["none", null]),
        Repr::Bool(value) => json!(["bool", value]),
        Repr::Int(text) => json!(["int", text]),
        Repr::Float(text) => json!(["float", text]),
        Repr::Str(quoted) => json!(["str", quoted.unescaped()]),
        Repr::Bytes(quoted) => json!(["bytes", quoted.text]),
        Repr::List(items) => json!(["list", all(items)]),
        Repr::Tuple(items) => json!(["tuple", all(items)]),
        Repr::Set(items) => json!(["set", all(items)]),
        Repr::Dict(entries) => {
            let entries: Vec<_> = entries
                .iter()
                .map(|entry| json!([described(&entry.key), entry.value.as_ref().map(described)]))
                .collect();
            json!(["dict", entries])
        }
        Repr::Call { name, .. } => json!(["call", name]),
        Repr::Opaque(text) => json!(["opaque", text]),
        Repr::Ellipsis(_) | Repr::Hidden(_) => json!(["cut", null]),
        Repr::Missing => json!(["missing", null]),
    }
}

/// Calls `look` with the text of each leaf, in order.
fn leaves<'a>(repr: &Repr<'a>, look: &mut impl FnMut(&'a str)) {
    match repr {
        Repr::None | Repr::Bool(_) | Repr::Missing => {}
        Repr::Int(text)
        | Repr::Float(text)
        | Repr::Ellipsis(text)
        | Repr::Hidden(text)
        | Repr::Opaque(text)
        | Repr::Str(Quoted { text, .. })
        | Repr::Bytes(Quoted { text, .. }) => look(text),
        Repr::List(items) | Repr::Tuple(items) | Repr::Set(items) => {
            for item in items {
                leaves(item, look);
            }
        }
        Repr::Dict(entries) => {
            for entry in entries {
                leaves(&entry.key, look);
                if let Some(value) = &entry.value {
                    leaves(value, look);
                }
            }
        }
        Repr::Call { name, arguments } => {
            look(name);
            for argument in arguments {
                if let Some(keyword) = argument.keyword {
                    look(keyword);
                }
                leaves(&argument.value, look);
            }
        }
    }
}

/// Asserts that the leaves are parts of the text, one after the other.
fn assert_from(text: &str, parsed: &Parsed<'_>) {
    let mut end = 0;
    leaves(&parsed.root, &mut |leaf| {
        let start = leaf.as_ptr() as usize - text.as_ptr() as usize;
        assert!(start >= end && start + leaf.len() <= text.len(), "{text:?}");
        end = start + leaf.len();
    });
}

#[test]
fn every_whole_value_is_read_back() {
    let mut count = 0;
    for (text, tree) in FIXTURES.iter() {
        let parsed = parse(text);
        assert_from(text, &parsed);
        if let Some(tree) = tree {
            assert_eq!(described(&parsed.root), *tree, "{text:?}");
            assert!(!parsed.is_truncated, "{text:?}");
            assert_eq!(parsed.root.to_string(), *text);
            count += 1;
        }
    }
    assert!(count > 400, "{count}");
}

#[test]
fn every_cut_value_keeps_its_shape_and_says_so() {
    let mut count = 0;
    for (text, tree) in FIXTURES.iter() {
        if tree.is_some() || !text.contains("...") {
            continue;
        }
        let parsed = parse(text);
        assert!(parsed.is_truncated, "{text:?}");
        // Nothing but a value that was cut itself is opaque as a whole.
        if text.starts_with(['[', '(', '{']) {
            assert!(!matches!(parsed.root, Repr::Opaque(_)), "{text:?}");
        }
        count += 1;
    }
    assert!(count > 300, "{count}");
}

#[test]
fn what_is_no_repr_is_one_opaque_text() {
    for text in [
        "hello world, and more",
        "[1, 2) x",
        "1, 2",
        "{1: 2, 3}",
        "'a' 'b'",
        "]",
        "f(x) y",
    ] {
        let parsed = parse(text);
        assert_eq!(parsed.root, Repr::Opaque(text));
        assert!(!parsed.is_truncated, "{text}");
    }
    assert!(parse("what is left...").is_truncated);
}

#[test]
fn a_text_that_ends_too_early_is_truncated() {
    for (text, shown) in [
        ("", ""),
        ("[1, 2", "[1, 2]"),
        ("[1, ", "[1]"),
        ("{'a': ", "{'a': }"),
        ("'abc", "'abc"),
        ("f(x=1, y", "f(x=1, y)"),
        ("[f(1..., ...]", "[f(1..., ...)]"),
    ] {
        let parsed = parse(text);
        assert!(parsed.is_truncated, "{text}");
        assert_eq!(parsed.root.to_string(), shown, "{text}");
    }
}

#[test]
fn a_backslash_before_a_quote_is_understood_from_what_follows() {
    let strings = |text: &str| {
        let mut found = Vec::new();
        leaves(&parse(text).root, &mut |leaf| found.push(leaf.to_owned()));
        found
    };
    assert_eq!(strings(r"('C:\', 'x')"), [r"C:\", "x"]);
    assert_eq!(strings(r"('it\'s', 'x')"), [r"it\'s", "x"]);
    assert_eq!(strings(r"['\', \'', 1]"), [r"\', \'", "1"]);
    assert_eq!(strings(r#"["it's", 'a\\']"#), ["it's", r"a\\"]);
    assert_eq!(strings("(b'it's', 2)"), ["it's", "2"]);
}

#[test]
fn hexadecimal_bytes_are_told_from_text_where_that_is_possible() {
    let quoted = |text: &'static str| match parse(text).root {
        Repr::Bytes(quoted) => quoted,
        other => panic!("{other:?}"),
    };
    assert!(quoted("b'fffe00'").may_be_hex());
    assert!(quoted("b'fffe...'").may_be_hex());
    // These digits would be UTF-8, and that is never written as digits.
    assert!(!quoted("b'616263'").may_be_hex());
    for text in ["b''", "b'fff'", "b'text'", "b'FFFE'"] {
        assert!(!quoted(text).may_be_hex(), "{text}");
    }
}

#[test]
fn calls_have_names_and_keywords() {
    let text = "datetime.datetime(2026, 11, tzinfo=datetime.timezone.utc)";
    let Repr::Call { name, arguments } = parse(text).root else {
        panic!("a call");
    };
    assert_eq!((name, arguments.len()), ("datetime.datetime", 3));
    assert_eq!(arguments[2].keyword, Some("tzinfo"));
    assert_eq!(arguments[2].value, Repr::Opaque("datetime.timezone.utc"));
    assert_eq!(parse("f(a==b)").root.to_string(), "f(a==b)");
}

#[test]
fn odd_white_space_is_part_of_a_text() {
    let shown = parse("[50,\u{b},\u{b}]").root.to_string();
    assert_eq!(shown, "[50, \u{b}, \u{b}]");
    assert_eq!(parse(&shown).root.to_string(), shown);
}

#[test]
fn depth_and_length_do_no_harm() {
    const MANY: usize = 200_000;
    for text in [
        "[".repeat(MANY),
        "{1:".repeat(MANY),
        "f(".repeat(MANY),
        "<".repeat(MANY),
        "'\\', ".repeat(MANY),
        "'\\', \\'x".repeat(MANY),
        "[<a, ".repeat(MANY),
        format!("[{}]", "'\\', b'".repeat(MANY)),
        format!("{}{}", "[".repeat(MANY), "]".repeat(MANY)),
        format!("[{}", "a'b, ".repeat(MANY)),
        format!("[{}", " 'a, ".repeat(MANY)),
        ",".repeat(MANY),
    ] {
        let parsed = parse(&text);
        assert_from(&text, &parsed);
    }
    let deep = format!("{}1{}", "[".repeat(60), "]".repeat(60));
    assert_eq!(parse(&deep).root.to_string(), deep);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn leaves_are_parts_of_any_text(text in "\\PC{0,60}") {
        assert_from(&text, &parse(&text));
    }

    #[test]
    fn leaves_are_parts_of_any_text_that_looks_like_a_repr(
        text in "([\\[\\](){}<>'\"\\\\,:=. ab1é-]|\\.\\.\\.|None|b'|f\\(|\\\\'|datetime\\.){0,40}"
    ) {
        assert_from(&text, &parse(&text));
    }

    #[test]
    fn damaged_texts_of_celery_do_no_harm(
        which in any::<prop::sample::Index>(),
        at in any::<prop::sample::Index>(),
        letter in prop::sample::select(vec!['\'', '\\', '(', ')', '[', ']', '{', '}', ',', ':', '.', 'é']),
        is_cut in any::<bool>(),
    ) {
        let mut text = which.get(FIXTURES.as_slice()).0.clone();
        let places: Vec<usize> = text.char_indices().map(|(place, _)| place).collect();
        if !places.is_empty() {
            let place = *at.get(&places);
            if is_cut {
                text.truncate(place);
            } else {
                text.insert(place, letter);
            }
        }
        assert_from(&text, &parse(&text));
    }
}
