//! Messages, events and results in every encoding and compression, as Celery
//! 5.7 wrote them (`tests/encodings/make_bodies.py`).

#![expect(clippy::unwrap_used, reason = "a test may end here")]

use crate::support::{Line, encodings};
use model::TaskState;
use protocol::{
    DecodeErrorKind, EventKind, OpenMessage, Scratch, TaskBody, decode, decode_body, decode_result,
    extract_body, open_message,
};
use serde_json::{Value, json};

/// Returns the message of a serializer and a compression, if any.
fn message(serializer: &str, compression: Option<&str>) -> OpenMessage {
    let lines = encodings();
    let line = lines.iter().find(|line| line.text("key") == "parked");
    let elements = line.unwrap().fields["payload"].as_array().unwrap();
    let mut messages = elements
        .iter()
        .map(|element| open_message(element.as_str().unwrap().as_bytes()).unwrap())
        .filter(|message| {
            message.task.compression.as_deref() == compression
                && message.task.content_type == serializer
                && message.task.shadow.is_none()
        });
    let found = messages.next_back().unwrap();
    assert_eq!(found.task.name.as_str(), "lab.add");
    found
}

fn args(body: &TaskBody) -> Vec<Value> {
    serde_json::from_str(&body.args).unwrap()
}

/// What all serializers can write.
fn plain() -> Vec<Value> {
    let Value::Array(values) = json!([
        "ü\n'\"", 1, -2.5, null, true, [1, [2, {"k": "v"}]], "", "yes", "0x1f", "12:30", "~",
        "1_000", 9_007_199_254_740_992_u64
    ]) else {
        unreachable!("it is written so");
    };
    values
}

fn typed(name: &str, value: Value) -> Value {
    json!({"__type__": name, "__value__": value})
}

fn assert_args(body: &TaskBody, more: &[Value]) {
    let args = args(body);
    let plain = plain();
    assert_eq!(args[..plain.len()], plain);
    assert_eq!(args[plain.len()..], *more);
}

#[test]
fn arguments_are_shown_in_json_yaml_and_msgpack() {
    let at = typed("datetime", json!("2026-11-20T08:19:11.985384+00:00"));
    let day = typed("date", json!("2026-11-20"));
    let bytes = typed("base64", json!("//4="));
    let body = message("application/json", None).body.unwrap();
    // Its digits are there, though no number of ours can hold them.
    assert!(
        body.args.contains(", 1180591620717411303424,"),
        "{}",
        body.args
    );
    let found = args(&body);
    let more = &found[plain().len()..];
    assert_eq!(more[..2], [at.clone(), day.clone()]);
    assert_eq!(more[2], typed("decimal", json!("1.10")));
    assert_eq!(more[3]["__type__"], "uuid");
    assert_eq!(more[4..6], [bytes.clone(), typed("bytes", json!("text"))]);
    assert_eq!(
        more[7..],
        [
            typed("float", json!("NaN")),
            typed("float", json!("-Infinity"))
        ]
    );

    let body = message("application/x-yaml", None).body.unwrap();
    assert!(
        body.args.contains(", 1180591620717411303424,"),
        "{}",
        body.args
    );
    let found = args(&body);
    let more = &found[plain().len()..];
    assert_eq!(more[..3], [at, day, bytes.clone()]);
    assert_eq!(more[4..], [typed("float", json!("Infinity"))]);

    let body = message("application/x-msgpack", None).body.unwrap();
    assert_args(
        &body,
        &[
            bytes,
            json!(9_223_372_036_854_775_808_u64),
            json!(i64::MIN),
            typed("float", json!("NaN")),
        ],
    );
    for (serializer, name) in [
        ("application/json", "json"),
        ("application/x-yaml", "yaml"),
        ("application/x-msgpack", "msgpack"),
    ] {
        let body = message(serializer, None).body.unwrap();
        let kwargs: Value = serde_json::from_str(&body.kwargs).unwrap();
        assert_eq!(
            kwargs,
            json!({"user": {"email": "a@example.org"}, "serializer": name})
        );
    }
}

#[test]
fn what_follows_a_task_is_shown() {
    for serializer in ["application/json", "application/x-msgpack"] {
        let body = message(serializer, None).body.unwrap();
        for (part, number) in [(body.callbacks, 10), (body.errbacks, 11)] {
            let part: Value = serde_json::from_str(&part.unwrap()).unwrap();
            assert_eq!(part[0]["task"], "lab.add");
            assert_eq!(part[0]["args"], json!([number]));
        }
        assert_eq!((body.chain, body.chord), (None, None));
    }
    let lines = encodings();
    let elements = lines[0].fields["payload"].as_array().unwrap();
    let chain = open_message(elements[0].as_str().unwrap().as_bytes()).unwrap();
    let chain = chain.body.unwrap();
    assert_eq!(chain.args, "[1]");
    let names: Vec<String> = chain
        .chain_tasks()
        .iter()
        .map(ToString::to_string)
        .collect();
    assert_eq!(names, ["lab.add", "lab.add"]);
}

#[test]
fn every_compression_is_undone() {
    for compression in [
        "application/x-gzip",
        "application/x-bz2",
        "application/x-lzma",
        "application/x-brotli",
        "application/zstd",
    ] {
        let message = message("application/json", Some(compression));
        assert_eq!(
            args(&message.body.unwrap())[..plain().len()],
            plain(),
            "{compression}"
        );
    }
    for (serializer, compression) in [
        ("application/x-yaml", "application/zstd"),
        ("application/x-msgpack", "application/x-lzma"),
    ] {
        let message = message(serializer, Some(compression));
        assert_eq!(args(&message.body.unwrap())[..plain().len()], plain());
    }
}

#[test]
fn pickle_and_signed_messages_are_named_and_stay_shut() {
    for (serializer, compression, name) in [
        ("application/x-python-serialize", None, "pickle"),
        (
            "application/x-python-serialize",
            Some("application/x-brotli"),
            "pickle",
        ),
        ("application/data", None, "auth, signed by the sender"),
    ] {
        let message = message(serializer, compression);
        assert_eq!(
            message.body.unwrap_err().kind,
            DecodeErrorKind::UnsupportedContentType(name.to_owned())
        );
        assert!(message.task.argsrepr.is_some());
    }
}

#[test]
fn events_in_other_encodings_are_read() {
    let lines = encodings();
    let events: Vec<&Line> = lines.iter().filter(|line| line.is_event()).collect();
    assert_eq!(events.len(), 4);
    for line in &events[..3] {
        let mut body = Vec::new();
        extract_body(&line.payload(), &mut body).unwrap();
        let mut seen = 0;
        let mut look = |event: &protocol::EventRef<'_>| {
            assert_eq!(event.kind, EventKind::TaskReceived);
            assert_eq!(event.args, Some("('ü',)"));
            assert_eq!((event.uuid, event.retries), (Some("u1"), Some(0)));
            assert!(event.timestamp.is_some() && event.clock.is_some());
            seen += 1;
        };
        let whole = decode(&line.payload(), &mut Scratch::default(), &mut look);
        let alone = decode_body(&body, &mut Scratch::default(), &mut look);
        assert_eq!((whole.events, whole.bad, alone.bad, seen), (1, 0, 0, 2));
    }
    let decoded = decode(&events[3].payload(), &mut Scratch::default(), |_| {
        panic!("pickle must not be read");
    });
    assert_eq!(decoded.bad, 1);
    assert_eq!(
        decoded.error().unwrap().kind,
        DecodeErrorKind::UnsupportedContentType("pickle".to_owned())
    );
}

#[test]
fn results_in_every_encoding_are_read_or_named() {
    let lines = encodings();
    let documents: Vec<&Line> = lines
        .iter()
        .filter(|line| line.text("key").starts_with("celery-task-meta-"))
        .collect();
    let mut refused = Vec::new();
    for (place, line) in documents.iter().enumerate() {
        match decode_result(&line.payload()) {
            Ok(result) => {
                assert_eq!(result.state, TaskState::Success);
                assert!(line.text("key").ends_with(result.id.unwrap().as_str()));
                assert!(result.date_done.is_some());
                let values: Vec<Value> = serde_json::from_str(&result.result.unwrap()).unwrap();
                assert_eq!(values[..plain().len()], plain(), "document {place}");
            }
            Err(error) => {
                refused.push(place);
                assert_eq!(
                    error.kind,
                    DecodeErrorKind::UnsupportedContentType("pickle".to_owned())
                );
            }
        }
    }
    // Pickle as it is, and pickle that is compressed.
    assert_eq!((documents.len(), refused), (11, vec![3, 10]));
}

#[test]
fn every_header_is_read() {
    let lines = encodings();
    let elements = lines[0].fields["payload"].as_array().unwrap();
    let message = open_message(elements[1].as_str().unwrap().as_bytes()).unwrap();
    let task = message.task;
    assert_eq!(task.shadow.as_deref(), Some("seen"));
    assert_eq!(task.group_id.as_deref(), Some("g1"));
    assert_eq!(task.group_index, Some(3));
    assert_eq!(
        (task.time_limit, task.soft_time_limit),
        (Some(30.0), Some(2.5))
    );
    assert!(task.ignore_result);
    assert_eq!(task.periodic_task_name.as_deref(), Some("every minute"));
    let stamps: Value = serde_json::from_str(&task.stamps.unwrap()).unwrap();
    assert_eq!(stamps, json!({"customer": "acme"}));
    assert!(task.delivery_tag.is_some());
    assert_eq!(task.routing_key.as_deref(), Some("parked"));
    assert_eq!(message.body.unwrap().args, "[\"everything\"]");
}
