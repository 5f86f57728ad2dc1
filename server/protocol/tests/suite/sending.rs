//! Messages that are sent from here, and originals that are sent once more.

#![expect(clippy::unwrap_used, reason = "a test may end here")]

use crate::support::{all_lines, encodings, python_json};
use model::{TaskId, Timestamp};
use proptest::prelude::*;
use protocol::{
    NewTask, RETRY_HEADER, Repeat, arguments_of, decode_arguments, message_of_unacked,
    open_message, open_unacked, render,
};
use serde_json::{Value, json};

const NOW: Timestamp = Timestamp(1_795_162_751_000_000);

fn task(args: &str, kwargs: &str) -> NewTask {
    NewTask {
        id: "new".into(),
        name: "shop.mail".into(),
        args: args.to_owned(),
        kwargs: kwargs.to_owned(),
        callbacks: None,
        errbacks: None,
        chain: None,
        queue: "mail".into(),
        priority: 0,
        eta: None,
        expires: None,
        root_id: None,
        parent_id: None,
        retry_of: None,
        origin: "celeriac1@host".to_owned(),
        delivery_tag: "tag".to_owned(),
    }
}

fn envelope(message: &[u8]) -> Value {
    serde_json::from_slice(message).unwrap()
}

fn body(message: &[u8]) -> Vec<u8> {
    let envelope = envelope(message);
    base64_simd::STANDARD
        .decode_to_vec(envelope["body"].as_str().unwrap())
        .unwrap()
}

fn json_value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        ".{0,12}".prop_map(Value::from),
        Just(json!({"__type__": "float", "__value__": "NaN"})),
        Just(json!({"__type__": "float", "__value__": "-Infinity"})),
        Just(json!({"__type__": "uuid", "__value__": {"hex": "0".repeat(32)}})),
    ];
    leaf.prop_recursive(5, 40, 5, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
            prop::collection::btree_map(".{0,6}", inner, 0..5)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn what_is_sent_is_read_again(
        args in prop::collection::vec(json_value(), 0..5),
        kwargs in prop::collection::btree_map("[a-z_]{1,8}", json_value(), 0..4),
        name in ".{1,20}",
        queue in ".{1,20}",
        priority in 0..10_u8,
        times in prop::array::uniform2(prop::option::of(0..4_000_000_000_000_000_i64)),
        ids in prop::array::uniform3(prop::option::of(".{1,10}")),
        chain in prop::option::of(Just("[{\"task\": \"a.b\", \"args\": [1.50]}]".to_owned())),
    ) {
        let [eta, expires] = times.map(|time| time.map(Timestamp));
        let [root_id, parent_id, retry_of] = ids.map(|id| id.map(TaskId::from));
        let sent = NewTask {
            name: name.into(),
            queue: queue.into(),
            priority,
            eta,
            expires,
            root_id,
            parent_id,
            retry_of,
            chain,
            ..task(&python_json(&Value::from(args)), &python_json(&json!(kwargs)))
        };
        let message = sent.encode();
        let read = open_message(&message).unwrap();
        prop_assert_eq!(&read.task.id, &sent.id);
        prop_assert_eq!(&read.task.name, &sent.name);
        prop_assert_eq!(read.task.routing_key.as_deref(), Some(sent.queue.as_str()));
        prop_assert_eq!(read.task.exchange.as_deref(), Some(""));
        prop_assert_eq!(read.task.priority, Some(u64::from(priority)));
        prop_assert_eq!((read.task.eta, read.task.expires), (eta, expires));
        prop_assert_eq!(read.task.root_id.as_ref(), Some(sent.root_id.as_ref().unwrap_or(&sent.id)));
        prop_assert_eq!(&read.task.parent_id, &sent.parent_id);
        prop_assert_eq!(read.task.delivery_tag.as_deref(), Some("tag"));
        prop_assert_eq!((read.task.retries, read.task.redelivered), (0, false));
        let header = &envelope(&message)["headers"][RETRY_HEADER];
        prop_assert_eq!(header.as_str(), sent.retry_of.as_ref().map(TaskId::as_str));
        prop_assert_eq!(&read.body.unwrap().chain, &sent.chain);
        prop_assert_eq!(arguments_of(&message).unwrap(), (sent.args, sent.kwargs));
        // Python has no type of ours: it would refuse the task.
        prop_assert!(!String::from_utf8(body(&message)).unwrap().contains("\"float\""));
    }
}

#[test]
fn a_new_message_has_every_field_that_celerys_own_has() {
    let theirs = all_lines()
        .into_iter()
        .find(|line| line.scenario == "c570.keys_waiting" && line.text("type") == "list")
        .unwrap();
    let theirs: Value =
        serde_json::from_str(theirs.fields["payload"][0].as_str().unwrap()).unwrap();
    let sent = NewTask {
        eta: Some(NOW),
        ..task("[2, \"it's\"]", "{\"y\": [true, null]}")
    };
    let ours = envelope(&sent.encode());
    let keys = |value: &Value| -> Vec<String> {
        let keys = value.as_object().unwrap().keys();
        keys.filter(|key| *key != "compression").cloned().collect()
    };
    assert_eq!(keys(&ours), keys(&theirs));
    for part in ["headers", "properties"] {
        assert_eq!(keys(&ours[part]), keys(&theirs[part]), "{part}");
    }
    assert_eq!(ours["headers"]["argsrepr"], r"(2, 'it\'s')");
    assert_eq!(ours["headers"]["kwargsrepr"], "{'y': [True, None]}");
    assert_eq!(ours["headers"]["eta"], "2026-11-20T08:19:11+00:00");
    assert_eq!(
        body(&sent.encode()),
        br#"[[2, "it's"], {"y": [true, null]}, {"callbacks": null, "errbacks": null, "chain": null, "chord": null}]"#
    );
}

/// Returns every task message of protocol 2 in the captures.
fn originals() -> Vec<Vec<u8>> {
    let mut originals = Vec::new();
    for line in all_lines().into_iter().chain(encodings()) {
        let payload = &line.fields["payload"];
        let is_list = line.text("type") == "list" && !line.text("key").ends_with(".pidbox");
        if is_list {
            let elements = payload.as_array().unwrap().iter();
            originals.extend(elements.map(|e| e.as_str().unwrap().as_bytes().to_vec()));
        } else if line.text("type") == "hash" && line.text("key").ends_with("unacked") {
            for value in payload.as_object().unwrap().values() {
                let value = value.as_str().unwrap().as_bytes();
                let message = message_of_unacked(value).unwrap();
                assert_eq!(
                    open_message(message).map(|open| open.task),
                    open_unacked(value).map(|open| open.task)
                );
                originals.push(message.to_vec());
            }
        }
    }
    originals.retain(|message| open_message(message).is_ok_and(|open| open.task.protocol == 2));
    originals
}

#[test]
fn an_original_is_sent_again_with_the_same_body() {
    let originals = originals();
    let mut serializers = std::collections::BTreeSet::new();
    for original in &originals {
        let before = open_message(original).unwrap();
        let repeat = Repeat {
            id: &"again".into(),
            delivery_tag: "fresh",
            queue: None,
            now: NOW,
        };
        let again = repeat.encode(original).unwrap();
        let after = open_message(&again).unwrap();
        serializers.insert((
            before.task.content_type.clone(),
            before.task.compression.clone(),
        ));
        let had_chord = before.body.as_ref().is_ok_and(|body| body.chord.is_some());
        if !had_chord {
            assert_eq!(body(&again), body(original));
        }
        assert_eq!(after.task.id.as_str(), "again");
        assert_eq!(after.task.parent_id.as_ref(), Some(&before.task.id));
        let root = before.task.root_id.as_ref().unwrap_or(&before.task.id);
        assert_eq!(after.task.root_id.as_ref(), Some(root));
        assert_eq!((after.task.retries, after.task.redelivered), (0, false));
        assert_eq!((after.task.group_id, after.task.group_index), (None, None));
        assert_eq!(after.task.delivery_tag.as_deref(), Some("fresh"));
        assert_eq!(after.task.eta, before.task.eta.filter(|eta| *eta > NOW));
        let expires = before.task.expires.filter(|expires| *expires > NOW);
        assert_eq!(after.task.expires, expires);
        // What is the task's own stays, also what nobody here knows.
        let (old, new) = (envelope(original), envelope(&again));
        for key in ["content-type", "content-encoding"] {
            assert_eq!(old[key], new[key]);
        }
        let changed = [
            "id",
            "root_id",
            "parent_id",
            "retries",
            "group",
            "group_index",
            "eta",
            "expires",
            "redelivered",
        ];
        for (key, value) in old["headers"].as_object().unwrap() {
            if !changed.contains(&key.as_str()) {
                assert_eq!(*value, new["headers"][key], "{key}");
            }
        }
        assert_eq!(new["headers"][RETRY_HEADER], old["headers"]["id"]);
        for key in ["priority", "reply_to", "delivery_mode", "body_encoding"] {
            assert_eq!(old["properties"][key], new["properties"][key], "{key}");
        }
        assert_eq!(new["properties"]["correlation_id"], "again");
    }
    assert!(originals.len() > 50, "{}", originals.len());
    assert!(serializers.len() > 6, "{serializers:?}");
    let pickle = "application/x-python-serialize";
    assert!(serializers.iter().any(|(name, _)| name == pickle));
}

#[test]
fn a_retry_keeps_what_follows_and_leaves_its_chord() {
    let mut first = envelope(&task("[NaN, \"x\"]", "{}").encode());
    let inner = r#"[[NaN, "\ud800"], {}, {"callbacks": [{"task": "c"}], "errbacks": null, "chain": [{"task": "d"}], "chord": {"task": "e", "options": {"x": 1e999}}}]"#;
    first["body"] = base64_simd::STANDARD.encode_to_string(inner).into();
    first["headers"]["group"] = "g".into();
    first["headers"]["redelivered"] = true.into();
    first["headers"]["mine"] = json!({"kept": [1]});
    first["properties"]["delivery_info"]["redelivered"] = true.into();
    first["properties"]["priority"] = 6.into();
    let repeat = Repeat {
        id: &"again".into(),
        delivery_tag: "fresh",
        queue: Some(&"other".into()),
        now: NOW,
    };
    let again = repeat.encode(first.to_string().as_bytes()).unwrap();
    assert_eq!(
        String::from_utf8(body(&again)).unwrap(),
        r#"[[NaN, "\ud800"], {}, {"callbacks": [{"task": "c"}], "errbacks": null, "chain": [{"task": "d"}], "chord": null}]"#
    );
    let open = open_message(&again).unwrap();
    assert_eq!(open.task.group_id, None);
    assert_eq!(open.task.routing_key.as_deref(), Some("other"));
    assert_eq!(
        (open.task.priority, open.task.redelivered),
        (Some(6), false)
    );
    assert_eq!(envelope(&again)["headers"]["mine"], json!({"kept": [1]}));
    let (args, _) = arguments_of(&again).unwrap();
    assert_eq!(
        args,
        r#"[{"__type__": "float", "__value__": "NaN"}, "\ud800"]"#
    );
}

#[test]
fn what_is_no_message_cannot_be_repeated() {
    let repeat = Repeat {
        id: &"again".into(),
        delivery_tag: "fresh",
        queue: None,
        now: NOW,
    };
    for bytes in [
        &b""[..],
        b"{}",
        b"[]",
        b"\xff",
        br#"{"headers": {}, "properties": {}}"#,
    ] {
        assert!(repeat.encode(bytes).is_err());
        assert!(message_of_unacked(bytes).is_err() || arguments_of(bytes).is_err());
    }
}

#[test]
fn extended_results_have_the_arguments_as_they_were() {
    let document = br#"{"status": "FAILURE", "result": null, "name": "a.b", "args": [NaN, 1180591620717411303424, "\ud800", 1.50], "kwargs": {"z": 1, "a": {"__type__": "decimal", "__value__": "1.10"}}, "queue": "q"}"#;
    let stored = decode_arguments(document).unwrap().unwrap();
    assert_eq!(
        stored.args,
        r#"[{"__type__": "float", "__value__": "NaN"}, 1180591620717411303424, "\ud800", 1.50]"#
    );
    assert_eq!(
        stored.kwargs,
        r#"{"z": 1, "a": {"__type__": "decimal", "__value__": "1.10"}}"#
    );
    assert_eq!(stored.queue, Some("q".into()));
    let without = |document: &[u8]| decode_arguments(document).unwrap();
    assert_eq!(without(br#"{"status": "SUCCESS", "result": 5}"#), None);
    assert_eq!(
        without(br#"{"status": "REVOKED", "name": null, "args": null}"#),
        None
    );
    assert_eq!(
        without(br#"{"name": "a", "args": "(1,)", "kwargs": "{}"}"#),
        None
    );
    assert!(decode_arguments(b"\x80\x04\x95").is_err());
    let mut found = 0;
    for line in all_lines() {
        if line.text("key").contains("celery-task-meta-") && line.text("type") == "string" {
            let Ok(Some(stored)) = decode_arguments(&line.payload()) else {
                continue;
            };
            found += 1;
            assert!(stored.name.as_str().starts_with("lab."));
            assert!(render::arguments(&stored.args).is_some());
        }
    }
    assert!(found > 10, "{found}");
}
