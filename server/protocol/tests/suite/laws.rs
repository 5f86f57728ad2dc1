//! What holds for any bytes: nothing panics, one bad event costs only itself,
//! and an event tells what a general parser finds in it, however it is written.

#![expect(clippy::unwrap_used, reason = "a test may end here")]

use crate::support::{all_lines, envelope, event_payloads, python_json, reference, scenarios};
use model::Timestamp;
use proptest::prelude::*;
use protocol::{
    DecodeError, DecodeErrorKind, Decoded, EventRef, MAX_KEPT_BYTES, Repeat, Scratch, arguments_of,
    decode, decode_arguments, decode_body, decode_message, decode_reply, decode_result,
    decode_unacked, inspect, looks_like_message, message_of_unacked, open_message, open_unacked,
};
use serde_json::{Value, json};
use std::sync::LazyLock;

/// Payloads of all captures to damage.
static PAYLOADS: LazyLock<Vec<Vec<u8>>> = LazyLock::new(|| {
    scenarios()
        .iter()
        .flat_map(|name| event_payloads(name).into_iter().take(12))
        .collect()
});

/// Replies, messages and results of all captures to damage.
static DOCUMENTS: LazyLock<Vec<Vec<u8>>> = LazyLock::new(|| {
    all_lines()
        .iter()
        .filter(|line| !line.is_event() && line.fields["payload"].is_string())
        .map(|line| line.payload())
        .filter(|payload| payload.len() < 4000)
        .collect()
});

/// Reads a payload; returns what came of it and each event as text without its raw JSON.
fn read(payload: &[u8]) -> (Decoded, Vec<String>) {
    let mut events = Vec::new();
    let decoded = decode(payload, &mut Scratch::default(), |event| {
        events.push(shown(event));
    });
    (decoded, events)
}

fn shown(event: &EventRef<'_>) -> String {
    format!("{:?}", EventRef { raw: "", ..*event })
}

fn read_everything(bytes: &[u8]) {
    let (decoded, events) = read(bytes);
    assert_eq!(decoded.events as usize, events.len());
    assert_eq!(
        decoded.bad,
        decoded
            .rejects
            .iter()
            .map(|reject| reject.count)
            .sum::<u32>()
    );
    decode_body(bytes, &mut Scratch::default(), |event| {
        assert!(event.json().len() >= 2);
    });
    for error in [
        decode_reply(bytes).err(),
        decode_message(bytes).err(),
        decode_unacked(bytes).err(),
        open_message(bytes).and_then(|message| message.body).err(),
        open_unacked(bytes).and_then(|message| message.body).err(),
        decode_result(bytes).err(),
        decode_arguments(bytes).err(),
        arguments_of(bytes).err(),
        message_of_unacked(bytes).err(),
        again(bytes).err(),
        decoded.error().cloned(),
    ]
    .into_iter()
    .flatten()
    {
        assert!(error.bytes.len() <= MAX_KEPT_BYTES, "{error:?}");
    }
    looks_like_message(bytes);
    inspect::queried_tasks(&String::from_utf8_lossy(bytes));
}

/// Sends a message once more; what came out must be one that can be read.
fn again(bytes: &[u8]) -> Result<(), DecodeError> {
    let repeat = Repeat {
        id: &"again".into(),
        delivery_tag: "fresh",
        queue: None,
        now: Timestamp(0),
    };
    let message = repeat.encode(bytes)?;
    if decode_message(bytes).is_ok_and(|task| task.protocol == 2) {
        assert_eq!(decode_message(&message)?.id.as_str(), "again");
    }
    Ok(())
}

/// Changes, inserts, deletes and cuts.
fn damaged(source: &'static LazyLock<Vec<Vec<u8>>>) -> impl Strategy<Value = Vec<u8>> {
    let damage = prop::collection::vec((any::<prop::sample::Index>(), 0..5, any::<u8>()), 1..6);
    (any::<prop::sample::Index>(), damage).prop_map(|(which, damage)| {
        let mut bytes = which.get(source.as_slice()).clone();
        for (at, how, byte) in damage {
            if bytes.is_empty() {
                break;
            }
            let at = at.index(bytes.len());
            match how {
                0 => bytes[at] = byte,
                1 => bytes.insert(at, byte),
                2 => drop(bytes.remove(at)),
                3 => bytes.insert(at, b"\"\\{}[],:"[usize::from(byte) % 8]),
                _ => bytes.truncate(at),
            }
        }
        bytes
    })
}

/// A value of any JSON type, numbers within 64 bits and exact.
fn any_value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        (-4_000_000_i32..4_000_000).prop_map(|n| Value::from(f64::from(n) / 4.0)),
        "\\PC{0,8}".prop_map(Value::from),
        "[\\x00-\\x7f]{0,6}".prop_map(Value::from),
        Just(json!("2026-11-20T08:19:11.985384+00:00")),
        Just(json!([5.97, 2.82, 1.16])),
    ];
    leaf.prop_recursive(3, 12, 3, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map("[a-z]{0,3}", inner, 0..3)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

const FIELDS: [&str; 34] = [
    "hostname",
    "pid",
    "clock",
    "timestamp",
    "uuid",
    "name",
    "args",
    "kwargs",
    "root_id",
    "parent_id",
    "retries",
    "eta",
    "expires",
    "queue",
    "exchange",
    "routing_key",
    "result",
    "exception",
    "traceback",
    "runtime",
    "terminated",
    "expired",
    "requeue",
    "signum",
    "freq",
    "active",
    "processed",
    "loadavg",
    "sw_ident",
    "sw_ver",
    "sw_sys",
    "utcoffset",
    "other",
    "",
];

/// An event with a type and any fields of any type.
fn any_event() -> impl Strategy<Value = Value> {
    let fields =
        prop::collection::btree_map(prop::sample::select(FIELDS.to_vec()), any_value(), 0..8);
    ("[a-z-]{1,12}", fields).prop_map(|(name, fields)| {
        let mut event: serde_json::Map<String, Value> = fields
            .into_iter()
            .map(|(key, value)| (key.to_owned(), value))
            .collect();
        event.insert("type".to_owned(), name.into());
        Value::Object(event)
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn no_bytes_make_a_decoder_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        read_everything(&bytes);
        read_everything(&envelope(&bytes));
    }

    #[test]
    fn no_json_like_text_makes_a_decoder_panic(text in "([{}\\[\\]\":,\\\\u0-9eE+. -]|type|body|NaN|-Infinity|d83d){0,60}") {
        read_everything(text.as_bytes());
        read_everything(&envelope(text.as_bytes()));
    }

    #[test]
    fn no_damaged_message_makes_a_decoder_panic(bytes in damaged(&PAYLOADS), document in damaged(&DOCUMENTS)) {
        read_everything(&bytes);
        read_everything(&document);
    }

    #[test]
    fn no_damaged_body_makes_a_decoder_panic(bytes in damaged(&PAYLOADS), seed in any::<prop::sample::Index>()) {
        let mut body = Vec::new();
        let payload: &Vec<u8> = seed.get(PAYLOADS.as_slice());
        protocol::extract_body(payload, &mut body).unwrap();
        let at = seed.index(body.len());
        body.splice(at..at, bytes.into_iter().take(3));
        read_everything(&envelope(&body));
    }

    #[test]
    fn an_event_tells_what_a_general_parser_finds(event in any_event()) {
        let compact = event.to_string();
        let pretty = serde_json::to_string_pretty(&event).unwrap();
        let python = python_json(&event);
        // A field that nobody reads and that strict JSON does not know changes nothing.
        let dialect = python.replacen('{', "{\"unread\": [NaN, -Infinity, {\"\\ud800\": 1}], ", 1);
        let (_, expected) = read(&envelope(compact.as_bytes()));
        for text in [compact, pretty, python, dialect] {
            let mut seen = 0;
            let decoded = decode_body(text.as_bytes(), &mut Scratch::default(), |found| {
                reference::assert_same(found, &event);
                assert_eq!([shown(found)], expected[..]);
                seen += 1;
            });
            prop_assert_eq!((decoded.events, decoded.bad, seen), (1, 0, 1));
        }
    }

    #[test]
    fn a_list_is_read_like_its_events(events in prop::collection::vec(any_event(), 0..5)) {
        let single: Vec<String> = events
            .iter()
            .flat_map(|event| read(&envelope(event.to_string().as_bytes())).1)
            .collect();
        let list = Value::from(events.clone()).to_string();
        let (decoded, together) = read(&envelope(list.as_bytes()));
        prop_assert_eq!(decoded, Decoded { events: events.len() as u32, ..Decoded::default() });
        prop_assert_eq!(single, together);
    }

    #[test]
    fn the_encoding_of_the_body_does_not_matter(event in any_event()) {
        let event = event.to_string();
        let plain = json!({"content-type": "application/json", "body": event}).to_string();
        prop_assert_eq!(read(plain.as_bytes()), read(&envelope(event.as_bytes())));
    }

    #[test]
    fn one_bad_event_costs_only_itself(
        good in prop::collection::vec(any_event(), 0..5),
        at in any::<prop::sample::Index>(),
        bad in prop::sample::select(vec!["1", "\"x\"", "null", "[1, {}]", "{}", "{\"type\": 5x}", "{\"type\" 1}", "{\"type\": null}", "nonsense"]),
    ) {
        let (_, expected) = read(&envelope(Value::from(good.clone()).to_string().as_bytes()));
        let mut parts: Vec<String> = good.iter().map(Value::to_string).collect();
        parts.insert(at.index(good.len() + 1), bad.to_owned());
        let (decoded, events) = read(&envelope(format!("[{}]", parts.join(", ")).as_bytes()));
        prop_assert_eq!(decoded.bad, 1);
        prop_assert_eq!(decoded.events as usize, good.len());
        prop_assert_eq!(events, expected);
        prop_assert_eq!(decoded.error().unwrap().excerpt(), bad);
    }
}

/// Reads one body that holds one event.
fn one(body: &str, look: impl FnMut(&EventRef<'_>)) {
    let decoded = decode(&envelope(body.as_bytes()), &mut Scratch::default(), look);
    assert_eq!(
        (decoded.events, decoded.bad, decoded.error()),
        (1, 0, None),
        "{body}"
    );
}

#[test]
fn a_million_levels_do_not_end_the_process() {
    let open = "[".repeat(1_000_000);
    let close = "]".repeat(1_000_000);
    // In a field that is read and in one that is not, closed and open.
    for field in ["args", "loadavg", "other"] {
        one(
            &format!("{{\"type\": \"task-x\", \"{field}\": {open}{close}, \"pid\": 1}}"),
            |event| {
                assert_eq!(
                    (event.pid, &event.args, event.loadavg),
                    (Some(1), &None, None)
                );
            },
        );
        one(
            &format!(
                "{{\"type\": \"task-x\", \"n\": NaN, \"{field}\": {open}{close}, \"pid\": 1}}"
            ),
            |event| {
                assert_eq!(event.pid, Some(1));
            },
        );
        let (decoded, _) = read(&envelope(
            format!("{{\"type\": \"task-x\", \"{field}\": {open}").as_bytes(),
        ));
        assert_eq!((decoded.events, decoded.bad), (0, 1));
    }
}

/// Recursion would exhaust a test thread's stack of 2 MiB at a twentieth of this.
#[test]
fn no_depth_anywhere_ends_the_process() {
    const LEVELS: usize = 100_000;
    let open = "[".repeat(LEVELS);
    let close = "]".repeat(LEVELS);
    for text in [
        open.clone(),
        format!("{open}{close}"),
        "{\"a\":".repeat(LEVELS),
    ] {
        read_everything(text.as_bytes());
        read_everything(&envelope(text.as_bytes()));
        read_everything(format!("{{\"body\": \"e30=\", \"properties\": {text}").as_bytes());
        read_everything(format!("{{\"status\": \"SUCCESS\", \"result\": {text}}}").as_bytes());
    }
}

#[test]
fn of_a_key_that_comes_twice_the_last_counts() {
    for start in ["", "\"x\": NaN, "] {
        one(
            &format!(
                "{{{start}\"type\": \"task-sent\", \"pid\": 1, \"type\": \"task-started\", \"pid\": 2, \"name\": \"a\", \"name\": null}}"
            ),
            |event| {
                assert_eq!(event.kind, protocol::EventKind::TaskStarted);
                assert_eq!((event.pid, &event.name), (Some(2), &None));
            },
        );
    }
}

#[test]
fn numbers_of_any_kind_are_taken_or_left() {
    one(
        r#"{"type": "t", "pid": 1.0, "clock": 1180591620717411303424, "retries": "3", "active": -1, "processed": 1e30, "runtime": 5, "freq": "2.5", "timestamp": "1.5", "signum": 9}"#,
        |event| {
            assert_eq!(
                (event.pid, event.clock, event.retries),
                (Some(1), None, Some(3))
            );
            assert_eq!((event.active, event.processed), (None, None));
            assert_eq!((event.runtime, event.freq), (Some(5.0), Some(2.5)));
            assert_eq!(event.timestamp.unwrap().0, 1_500_000);
            assert_eq!(event.signum, Some("9"));
        },
    );
    one(
        r#"{"type": "t", "pid": 4294967296, "clock": 18446744073709551615, "timestamp": -5, "runtime": NaN, "signum": "SIGTERM", "loadavg": [1, 2, "x"], "terminated": 1, "expired": "yes"}"#,
        |event| {
            assert_eq!((event.pid, event.clock), (None, Some(u64::MAX)));
            assert_eq!(
                (event.timestamp, event.runtime, event.loadavg),
                (None, None, None)
            );
            assert_eq!(event.signum, Some("SIGTERM"));
            assert_eq!((event.terminated, event.expired), (Some(true), None));
        },
    );
    let digits = "9".repeat(400);
    one(
        &format!("{{\"type\": \"t\", \"clock\": {digits}, \"other\": {digits}}}"),
        |event| {
            assert_eq!(event.clock, None);
        },
    );
}

#[test]
fn invalid_utf8_costs_nothing_but_the_character() {
    let mut body = b"{\"type\": \"task-x\", \"name\": \"a".to_vec();
    body.extend_from_slice(b"\xff\", \"pid\": 7}");
    let mut names = Vec::new();
    let decoded = decode(&envelope(&body), &mut Scratch::default(), |event| {
        names.push(format!("{} {:?}", event.name.unwrap(), event.pid));
    });
    assert_eq!((decoded.events, decoded.bad), (1, 0));
    assert_eq!(names, ["a\u{fffd} Some(7)"]);
}

#[test]
fn the_trouble_with_a_whole_message_is_named() {
    let kind = |payload: &[u8]| {
        let (decoded, _) = read(payload);
        assert_eq!((decoded.events, decoded.bad), (0, 1));
        decoded.error().unwrap().kind.clone()
    };
    assert_eq!(kind(b""), DecodeErrorKind::NotAnEnvelope);
    assert_eq!(kind(b"[]"), DecodeErrorKind::NotAnEnvelope);
    assert_eq!(kind(b"{}"), DecodeErrorKind::NoBody);
    assert_eq!(kind(br#"{"body": null}"#), DecodeErrorKind::NoBody);
    assert_eq!(kind(br#"{"body": "***"}"#), DecodeErrorKind::NotBase64);
    assert_eq!(kind(&envelope(b"{}")), DecodeErrorKind::Missing("type"));
    assert_eq!(
        kind(&envelope(b"5")),
        DecodeErrorKind::Unexpected("an object")
    );
    assert!(matches!(
        kind(&envelope(b"{\"type\"")),
        DecodeErrorKind::NotJson(_)
    ));
    let other = |name: &str| {
        String::from_utf8(envelope(b"\x80\x04\x95"))
            .unwrap()
            .replace("application/json", name)
    };
    for name in ["application/x-python-serialize", "application/json"] {
        assert_eq!(
            kind(other(name).as_bytes()),
            DecodeErrorKind::UnsupportedContentType("pickle".to_owned()),
            "{name}"
        );
    }
    assert_eq!(
        kind(other("application/x-own").as_bytes()),
        DecodeErrorKind::UnsupportedContentType("application/x-own".to_owned())
    );
}

#[test]
fn bad_events_are_counted_by_kind_and_the_first_of_each_is_kept() {
    let long = "x".repeat(10_000);
    let body =
        format!(r#"[1, {{"type": "a"}}, {{"n": 2}}, "{long}", {{"n": "{long}"}}, {{"a" 1}}]"#);
    let (decoded, events) = read(&envelope(body.as_bytes()));
    assert_eq!((decoded.events, decoded.bad, events.len()), (1, 5, 1));
    let rejects: Vec<_> = decoded
        .rejects
        .iter()
        .map(|reject| {
            let first = &reject.first;
            (
                first.kind.name(),
                reject.count,
                first.excerpt().into_owned(),
            )
        })
        .collect();
    let rejects: Vec<_> = rejects
        .iter()
        .map(|(name, count, text)| (*name, *count, text.as_str()))
        .collect();
    assert_eq!(
        rejects,
        [
            ("unexpected_type", 2, "1"),
            ("missing_field", 2, r#"{"n": 2}"#),
            ("not_json", 1, r#"{"a" 1}"#),
        ]
    );
    let (decoded, _) = read(&envelope(format!(r#"["{long}"]"#).as_bytes()));
    assert_eq!(decoded.rejects[0].first.bytes.len(), MAX_KEPT_BYTES);
}

#[test]
fn a_body_of_nothing_but_escapes_is_read() {
    let text = r"\u00e9\ud83d\ude00\n\ud800".repeat(100_000);
    one(
        &format!(r#"{{"type": "task-x", "args": "{text}", "kwargs": "{text}", "name": "\u0061"}}"#),
        |event| {
            let expected = "é😀\n\u{fffd}".repeat(100_000);
            assert!(event.args == Some(&expected) && event.kwargs == Some(&expected));
            assert_eq!(event.name, Some("a"));
        },
    );
}

#[test]
fn names_of_fields_may_be_escaped() {
    one(r#"{"\u0074ype": "task-x", "p\u0069d": 4}"#, |event| {
        assert_eq!((event.type_name, event.pid), ("task-x", Some(4)));
    });
}

#[test]
fn json_that_only_python_writes_is_made_valid() {
    one(
        "{\"type\": \"task-x\", \"a\": [NaN, \"\\ud800\", 123456789012345678901234567890]}",
        |event| {
            let json: Value = serde_json::from_str(&event.json()).unwrap();
            assert_eq!(json["a"][0]["__value__"], "NaN");
            assert_eq!(json["a"][1], "\u{fffd}");
            assert!(event.json().contains(" 123456789012345678901234567890]"));
        },
    );
}

#[test]
fn what_follows_the_events_is_reported() {
    for body in [
        "{\"type\": \"a\"} {\"type\": \"b\"}",
        "[{\"type\": \"a\"}] x",
        "[{\"type\": \"a\"}",
        "[{\"type\": \"a\"},",
        "[{\"type\": \"a\"},]",
    ] {
        let (decoded, events) = read(&envelope(body.as_bytes()));
        assert_eq!((decoded.events, decoded.bad), (1, 1), "{body}");
        assert!(decoded.error().is_some() && events.len() == 1);
    }
    assert_eq!(read(&envelope(b"[]")).0, Decoded::default());
}

#[test]
fn the_body_is_found_wherever_it_stands() {
    for payload in [
        r#" { "properties" : {"body": "wrong", "x": ["}"]}, "headers": {}, "body" : "eyJ0eXBlIjogImEifQ==" } "#,
        r#"{"body": {"type": "a"}}"#,
        r#"{"body": [{"type": "a"}]}"#,
        r#"{"body": "[{\"type\": \"\u0061\"}]"}"#,
    ] {
        let (decoded, events) = read(payload.as_bytes());
        assert_eq!((decoded.events, decoded.bad), (1, 0), "{payload}");
        assert!(events[0].contains("type_name: \"a\""), "{events:?}");
    }
}
