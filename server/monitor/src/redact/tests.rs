//! What is taken out of texts, and that nothing of it is left whatever the
//! text is and wherever it was cut.

use super::*;
use proptest::prelude::*;

fn redactor() -> Redactor {
    Redactor::with_default_keys()
}

#[test]
fn values_behind_keys_are_taken_out_of_any_text() {
    for (text, expected) in [
        (
            "{'password': 'hunter2', 'x': 1}",
            "{'password': '[redacted]', 'x': 1}",
        ),
        (
            "{'apiToken': \"a'b\", 'y': 2}",
            "{'apiToken': \"[redacted]\", 'y': 2}",
        ),
        (
            "{'X-Authorization': b'zz'}",
            "{'X-Authorization': b'[redacted]'}",
        ),
        (
            "{'api-key': 5, 'APIKey': 1.5}",
            "{'api-key': '[redacted]', 'APIKey': '[redacted]'}",
        ),
        (
            "{'token': {'a': ['b}', 1]}, 'z': 3}",
            "{'token': '[redacted]', 'z': 3}",
        ),
        (
            "{'secret': Decimal('1.10'), 'z': 3}",
            "{'secret': '[redacted]', 'z': 3}",
        ),
        (
            "{'secret': <Token: a, b>, 'z': 3}",
            "{'secret': '[redacted]', 'z': 3}",
        ),
        (
            "{'token': None, 'secret': True}",
            "{'token': None, 'secret': True}",
        ),
        // saferepr escapes quotes, and no backslashes.
        (
            r"{'password': 'it\'s, x\\'y', 'z': 3}",
            "{'password': '[redacted]', 'z': 3}",
        ),
        ("{'password': 'cut off...", "{'password': '[redacted]'"),
        (
            "{'password': 'cut...', ...}",
            "{'password': '[redacted]', ...}",
        ),
        ("{'password': [1, 'x", "{'password': '[redacted]'"),
        ("{'password': 12", "{'password': '[redacted]'"),
        ("{'password': ", "{'password': "),
        ("('password', 'hunter2')", "('password', '[redacted]')"),
        (
            "[(b'authorization', b'Bearer x'), (b'a', b'b')]",
            "[(b'authorization', b'[redacted]'), (b'a', b'b')]",
        ),
        ("('token', 'x', 'y')", "('token', 'x', 'y')"),
        (
            "['mysql', '--password', 'pw', 'db']",
            "['mysql', '--password', '[redacted]', 'db']",
        ),
        (
            "Login(user='a', password='b c', n=1)",
            "Login(user='a', password='[redacted]', n=1)",
        ),
        ("GET /?token=abc&x=1", "GET /?token=[redacted]&x=1"),
        (
            "search=kwargs%3Apassword%3Dabc&x=1",
            "search=kwargs%3Apassword%3D[redacted]&x=1",
        ),
        (
            "Authorization: Bearer abc.def\nHost: x",
            "Authorization: [redacted]\nHost: x",
        ),
        ("auth=Bearer abc x=1", "auth=[redacted] x=1"),
        ("password = correct horse # no", "password = [redacted]"),
        (
            "run --token abc --user x",
            "run --token [redacted] --user x",
        ),
        (
            r#"ValueError('{"password": "x, y", "b": 1}')"#,
            r#"ValueError('{"password": "[redacted]", "b": 1}')"#,
        ),
        (
            r#"('{\"password\": \"x\", \"b\": 1}',)"#,
            r#"('{\"password\": \"[redacted]\", \"b\": 1}',)"#,
        ),
        (r"('a\npassword=x\nb',)", r"('a\npassword=[redacted]\nb',)"),
        (
            "headers['Authorization'] = 'x'",
            "headers['Authorization'] = '[redacted]'",
        ),
        (
            "redis://u:pw@h:6379/0 amqp://h:5672/a@b",
            "redis://u:[redacted]@h:6379/0 amqp://h:5672/a@b",
        ),
        (
            "{'url': 'postgres://u:p:w@h/d'}",
            "{'url': 'postgres://u:[redacted]@h/d'}",
        ),
    ] {
        let redactor = redactor();
        let redacted = redactor.text(text);
        assert_eq!(redacted, expected, "{text}");
        assert_eq!(redactor.text(&redacted), expected, "again: {text}");
    }
}

#[test]
fn what_only_looks_like_a_key_stays() {
    for text in [
        "{'author': 'x', 'tokens': 5, 'tokenize': 'y', 'compass': 1}",
        "('a token', 'the password is long', 3)",
        "auth::Token and token://x",
        "  File \"/app/auth.py\", line 3, in get_token",
        "https://example.org:8000/@me?a=b:c@d",
        "{'note': 'Invalid token.'}",
        "()",
        "",
    ] {
        assert_eq!(redactor().text(text), text);
    }
}

#[test]
fn json_is_redacted_by_what_its_keys_mean() {
    for (json, expected) in [
        (
            r#"{"password": "a\"b", "n": 12345678901234567890123, "l": [1, {"API_KEY": [1, 2]}]}"#,
            r#"{"password": "[redacted]", "n": 12345678901234567890123, "l": [1, {"API_KEY": "[redacted]"}]}"#,
        ),
        (
            r#"{"pass\u0077ord": 5}"#,
            r#"{"pass\u0077ord": "[redacted]"}"#,
        ),
        (
            r#"[["Authorization", "x"], ["token", 1, 2]]"#,
            r#"[["Authorization", "[redacted]"], ["token", 1, 2]]"#,
        ),
        (
            r#"["{'token': 'x'}", NaN]"#,
            r#"["{'token': '[redacted]'}", NaN]"#,
        ),
        (
            r#"{"token": null, "secret": true}"#,
            r#"{"token": null, "secret": true}"#,
        ),
        (r#"{"token": "cut"#, r#"{"token": "[redacted]""#),
        (r#""redis:\/\/u:p@h""#, r#""redis://u:[redacted]@h""#),
    ] {
        assert_eq!(redactor().json(json), expected);
        if let Ok(mut value) = serde_json::from_str::<serde_json::Value>(json) {
            redactor().value(&mut value);
            let same: serde_json::Value = serde_json::from_str(expected).expect("JSON");
            assert_eq!(value, same);
        }
    }
}

#[test]
fn patterns_take_out_what_they_match_or_their_first_group() {
    let keys: [&str; 0] = [];
    let redactor = Redactor::new(&keys, &[r"\b\d{16}\b", r"id=(\w+)"]).expect("patterns");
    assert_eq!(
        redactor.text("card 4111111111111111, id=abc; token='x'"),
        "card [redacted], id=[redacted]; token='x'"
    );
    assert_eq!(
        redactor.json(r#"{"n": 4111111111111111, "id=a": ["id=b"]}"#),
        r#"{"n": "[redacted]", "id=[redacted]": ["id=[redacted]"]}"#
    );
}

#[test]
fn what_cannot_be_used_is_refused_in_one_line() {
    let none: [&str; 0] = [];
    for pattern in ["(", "a{1000}{1000}{1000}", "x*", "(?<n>"] {
        let error = Redactor::new(&none, &[pattern])
            .expect_err(pattern)
            .to_string();
        assert!(
            error.contains("pattern") && !error.contains('\n'),
            "{error}"
        );
    }
    for word in ["___", "a_b_c_d", &"x".repeat(65)] {
        assert!(Redactor::new(&[word], &none).is_err(), "{word}");
    }
    assert!(Redactor::new(&["", " "], &none).expect("no words").is_off());
    assert_eq!(Redactor::default().text("password=x"), "password=x");
}

#[test]
fn samples_show_nothing_behind_a_word_even_if_it_is_encoded() {
    let encoded =
        base64_simd::STANDARD.encode_to_string(br#"{"kwargs": "{'password': 'hunter2'}"}"#);
    let envelope = format!(r#"{{"body": "{encoded}", "n": 1}}"#);
    assert_eq!(
        redactor().sample(envelope.as_bytes()),
        r#"{"body": "[redacted]", "n": 1}"#
    );
    let cut = &envelope.as_bytes()[..envelope.len() - 12];
    assert_eq!(redactor().sample(cut), r#"{"body": "[redacted]"#);
    let msgpack = b"\x82\xa4user\xa1x\xa8password\xa7hunter2";
    assert!(!redactor().sample(msgpack).contains("hunter2"));
    let harmless = br#"{"body": "aGVsbG8gd29ybGQgaGVsbG8gd29ybGQ="}"#;
    assert_eq!(redactor().sample(harmless).as_bytes(), harmless);
}

/// What must never be seen.
const SECRET: &str = "Zq7SecretZq7";

/// A Python value, as `celery/utils/saferepr.py` and Python's own `repr` write it.
#[derive(Clone, Debug)]
enum Py {
    Text(String),
    Bytes(String),
    Number(i64),
    List(Vec<Py>),
    Tuple(Vec<Py>),
    Dict(Vec<(String, Py)>),
    Call(String, Vec<(String, Py)>),
}

impl Py {
    fn saferepr(&self, out: &mut String, is_saferepr: bool) {
        let mut all = |items: &[Py], open: char, close: char| {
            out.push(open);
            for item in items {
                item.saferepr(out, is_saferepr);
                out.push_str(", ");
            }
            out.push(close);
        };
        match self {
            Self::Text(text) => {
                let escaped = match is_saferepr {
                    true => text.replace('\'', "\\'"),
                    false => text
                        .replace('\\', "\\\\")
                        .replace('\'', "\\'")
                        .replace('\n', "\\n"),
                };
                out.push_str(&format!("'{escaped}'"));
            }
            Self::Bytes(text) => out.push_str(&format!("b'{text}'")),
            Self::Number(number) => out.push_str(&number.to_string()),
            Self::List(items) => all(items, '[', ']'),
            Self::Tuple(items) => all(items, '(', ')'),
            Self::Dict(entries) => {
                out.push('{');
                for (key, value) in entries {
                    out.push_str(&format!("'{key}': "));
                    value.saferepr(out, is_saferepr);
                    out.push_str(", ");
                }
                out.push('}');
            }
            Self::Call(name, arguments) => {
                out.push_str(&format!("{name}("));
                for (key, value) in arguments {
                    out.push_str(&format!("{key}="));
                    value.saferepr(out, is_saferepr);
                    out.push_str(", ");
                }
                out.push(')');
            }
        }
    }
}

fn harmless_key() -> impl Strategy<Value = String> {
    prop::sample::select(vec!["user", "order_id", "tokens", "note", "x"]).prop_map(str::to_owned)
}

fn secret_key() -> impl Strategy<Value = String> {
    let keys = vec![
        "password",
        "api_token",
        "accessToken",
        "secretKey",
        "token2",
        "db.password",
        "APIKey",
    ];
    prop::sample::select(keys).prop_map(str::to_owned)
}

/// Texts that try to end early.
fn around() -> impl Strategy<Value = String> {
    prop::collection::vec(
        prop::sample::select(vec![
            "'", "\"", "\\", "\\'", ", ", ")", "}", "]", ": ", "=", "\n", "...", "ä", " ", "<",
            "(", "{", "a", "://", "@", "://u:p@",
        ]),
        0..6,
    )
    .prop_map(|parts| parts.concat())
}

fn harmless() -> impl Strategy<Value = Py> {
    prop_oneof![
        around().prop_map(Py::Text),
        any::<i64>().prop_map(Py::Number),
        "[a-z ]{0,8}".prop_map(Py::Bytes),
    ]
}

/// What stands behind a key: the secret somewhere in it.
fn hidden() -> impl Strategy<Value = Py> {
    let text = (around(), around()).prop_map(|(a, b)| Py::Text(format!("{a}{SECRET}{b}")));
    let bytes = "[a-z ]{0,4}".prop_map(|a| Py::Bytes(format!("{a}{SECRET}")));
    let leaf = prop_oneof![3 => text, 1 => bytes];
    leaf.prop_recursive(2, 8, 3, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 1..3).prop_map(Py::List),
            prop::collection::vec(inner.clone(), 1..3).prop_map(Py::Tuple),
            prop::collection::vec((harmless_key(), inner.clone()), 1..3).prop_map(Py::Dict),
            prop::collection::vec((harmless_key(), inner), 1..3)
                .prop_map(|arguments| Py::Call("Some.Name".to_owned(), arguments)),
        ]
    })
}

/// A value with secrets behind keys that tell.
fn value() -> impl Strategy<Value = Py> {
    let pair = || (secret_key(), hidden());
    let told = prop_oneof![
        prop::collection::vec(pair(), 1..3).prop_map(Py::Dict),
        prop::collection::vec(pair(), 1..3)
            .prop_map(|arguments| Py::Call("Login".to_owned(), arguments)),
        pair().prop_map(|(key, value)| Py::Tuple(vec![Py::Text(key), value])),
        harmless(),
    ];
    told.prop_recursive(3, 16, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Py::List),
            prop::collection::vec(inner.clone(), 0..4).prop_map(Py::Tuple),
            prop::collection::vec((harmless_key(), inner), 0..4).prop_map(Py::Dict),
        ]
    })
}

proptest! {
    #[test]
    fn no_secret_is_left_wherever_the_text_was_cut(value in value(), is_saferepr: bool) {
        let redactor = redactor();
        let mut text = String::new();
        value.saferepr(&mut text, is_saferepr);
        for end in 0..=text.len() {
            let Some(cut) = text.get(..end) else { continue };
            let shown = redactor.text(cut);
            prop_assert!(!shown.contains("Zq7"), "{cut}\n{shown}");
        }
    }

    #[test]
    fn the_fast_check_misses_nothing(text in "[a-zA-Z_ :/.-]{0,40}", before in 0_usize..3_000, word in prop::sample::select(DEFAULT_KEYS.to_vec())) {
        let redactor = redactor();
        let words = redactor.words.as_ref().expect("words");
        let padding = "x ".repeat(before / 2);
        let word = word.to_uppercase();
        let with_word = format!("{padding}{word}{text}");
        prop_assert!(words.may_be_in(&with_word), "{with_word}");
        let without = format!("{padding}{text}");
        let is_there = words.hits(&without).next().is_some();
        prop_assert!(!is_there || words.may_be_in(&without));
    }

    #[test]
    fn any_text_is_survived(text in any::<String>(), parts in around()) {
        let redactor = redactor();
        let text = format!("{text}token{parts}{text}password: {parts}");
        let once = redactor.text(&text).into_owned();
        redactor.json(&text);
        redactor.sample(text.as_bytes());
        prop_assert!(once.len() <= text.len() + 40 * MARK.len());
    }
}
