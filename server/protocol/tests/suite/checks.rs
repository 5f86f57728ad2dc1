//! What must hold for every decoder whatever bytes it gets.
//!
//! One function a decoder, called with arbitrary bytes by the fuzz targets
//! (`fuzz/`) and with a corpus and its mutations by the tests. Each panics if
//! something does not hold.

use model::repr::{Repr, parse};
use protocol::{
    DecodeError, EventRef, MAX_BODY_BYTES, MAX_KEPT_BYTES, OpenMessage, Scratch, decode,
    decode_body, decode_message, decode_reply, decode_result, decode_unacked, extract_body,
    inspect, looks_like_message, open_message, open_unacked,
};
use serde_json::{Value, value::RawValue};

/// Checks a decoder with some bytes.
pub(crate) type Check = fn(&[u8]);

/// The decoders, by the names of their fuzz targets.
pub(crate) const CHECKS: [(&str, Check); 6] = [
    ("event", event),
    ("envelope", envelope),
    ("message", message),
    ("result", result),
    ("repr", repr),
    ("reply", reply),
];

/// The body of an event message.
pub(crate) fn event(bytes: &[u8]) {
    let mut seen = 0;
    let mut scratch = Scratch::default();
    let decoded = decode_body(bytes, &mut scratch, |event| {
        seen += 1;
        read_event(event);
    });
    assert_eq!(decoded.events, seen);
    let rejected: u32 = decoded.rejects.iter().map(|reject| reject.count).sum();
    assert_eq!(decoded.bad, rejected);
    for reject in &decoded.rejects {
        read_error(&reject.first);
    }
    // The buffers that are used again hold nothing of the message before.
    let again = decode_body(bytes, &mut scratch, |_| ());
    assert_eq!(again, decoded);
    // An event that a general parser accepts is accepted.
    let is_event = |value: &Value| value["type"].is_string();
    match serde_json::from_slice::<Value>(bytes) {
        Ok(Value::Object(fields)) if is_event(&Value::Object(fields.clone())) => {
            assert_eq!((decoded.events, decoded.bad), (1, 0));
        }
        Ok(Value::Array(events)) if events.iter().all(is_event) => {
            assert_eq!((decoded.events as usize, decoded.bad), (events.len(), 0));
        }
        _ => {}
    }
}

fn read_event(event: &EventRef<'_>) {
    assert!(!event.raw.is_empty());
    assert!(event.timestamp.is_none_or(|time| time.0 >= 0));
    assert!(event.runtime.is_none_or(f64::is_finite));
    assert!(event.json().len() >= 2);
}

fn read_error(error: &DecodeError) {
    assert!(error.bytes.len() <= MAX_KEPT_BYTES);
    assert!(!error.kind.name().is_empty() && !error.to_string().is_empty());
}

/// The payload of an event message.
pub(crate) fn envelope(bytes: &[u8]) {
    let mut body = b"before".to_vec();
    match extract_body(bytes, &mut body) {
        // A byte that is no text becomes a replacement of three.
        Ok(()) => assert!(body.starts_with(b"before") && body.len() <= bytes.len() * 3 + 6),
        Err(error) => {
            assert_eq!(body, b"before");
            read_error(&error);
        }
    }
    let mut seen = 0;
    let decoded = decode(bytes, &mut Scratch::default(), |_| seen += 1);
    assert_eq!(decoded.events, seen);
    looks_like_message(bytes);
}

/// An element of a queue, a value of the hash of held messages, and a body in
/// the encoding and compression that the first byte chooses.
pub(crate) fn message(bytes: &[u8]) {
    for (opened, decoded) in [
        (open_message(bytes), decode_message(bytes)),
        (open_unacked(bytes), decode_unacked(bytes)),
    ] {
        assert_eq!(opened.is_ok(), decoded.is_ok());
        match opened {
            Ok(message) => read_message(&message),
            Err(error) => read_error(&error),
        }
    }
    let Some((choice, body)) = bytes.split_first() else {
        return;
    };
    let content_types = [
        "application/json",
        "application/x-yaml",
        "application/x-msgpack",
        "application/x-python-serialize",
        "text/plain",
        "",
    ];
    let compressions = [
        None,
        Some("zlib"),
        Some("bzip2"),
        Some("lzma"),
        Some("brotli"),
        Some("zstd"),
    ];
    let choice = usize::from(*choice);
    let content_type = content_types[choice % content_types.len()];
    let compression = compressions[choice / content_types.len() % compressions.len()];
    let mut headers = serde_json::json!({"id": "1", "task": "t"});
    if let Some(name) = compression {
        headers["compression"] = name.into();
    }
    let message = open_message(&wrapped(content_type, &headers, body));
    read_message(&message.expect("the envelope is whole"));
}

fn wrapped(content_type: &str, headers: &Value, body: &[u8]) -> Vec<u8> {
    let envelope = serde_json::json!({
        "body": base64_simd::STANDARD.encode_to_string(body),
        "content-type": content_type,
        "content-encoding": "utf-8",
        "headers": headers,
        "properties": {"body_encoding": "base64", "delivery_info": {}},
    });
    envelope.to_string().into_bytes()
}

fn read_message(message: &OpenMessage) {
    let body = match &message.body {
        Ok(body) => body,
        Err(error) => return read_error(error),
    };
    let parts = [&body.callbacks, &body.errbacks, &body.chain, &body.chord];
    for json in [&body.args, &body.kwargs]
        .into_iter()
        .chain(parts.into_iter().flatten())
    {
        read_json(json);
    }
    body.chain_tasks();
}

fn read_json(json: &str) {
    assert!(json.len() <= 2 * MAX_BODY_BYTES);
    let parsed = serde_json::from_str::<&RawValue>(json);
    assert!(parsed.is_ok(), "{json}");
}

/// A result document.
pub(crate) fn result(bytes: &[u8]) {
    match decode_result(bytes) {
        Ok(result) => {
            for json in [&result.result, &result.args, &result.kwargs]
                .into_iter()
                .flatten()
            {
                read_json(json);
            }
        }
        Err(error) => read_error(&error),
    }
}

/// The text of arguments or a result.
pub(crate) fn repr(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let parsed = parse(&text);
    let mut end = 0;
    read_repr(&parsed.root, &mut |part| {
        let start = part.as_ptr() as usize - text.as_ptr() as usize;
        assert!(start >= end && start + part.len() <= text.len(), "{text:?}");
        end = start + part.len();
    });
    // Cuts aside, a tree reads as it is written.
    let shown = parsed.root.to_string();
    if !parsed.is_truncated {
        assert_eq!(parse(&shown).root.to_string(), shown, "{text:?}");
    }
}

/// Calls `look` with every part of the text, in order.
fn read_repr<'a>(repr: &Repr<'a>, look: &mut dyn FnMut(&'a str)) {
    match repr {
        Repr::None | Repr::Bool(_) | Repr::Missing => {}
        Repr::Int(text)
        | Repr::Float(text)
        | Repr::Ellipsis(text)
        | Repr::Hidden(text)
        | Repr::Opaque(text) => look(text),
        Repr::Str(quoted) | Repr::Bytes(quoted) => {
            assert!(quoted.unescaped().len() <= quoted.text.len());
            quoted.may_be_hex();
            look(quoted.text);
        }
        Repr::List(items) | Repr::Tuple(items) | Repr::Set(items) => {
            items.iter().for_each(|item| read_repr(item, look));
        }
        Repr::Dict(entries) => {
            for entry in entries {
                read_repr(&entry.key, look);
                entry.value.iter().for_each(|value| read_repr(value, look));
            }
        }
        Repr::Call { name, arguments } => {
            look(name);
            for argument in arguments {
                argument.keyword.into_iter().for_each(&mut *look);
                read_repr(&argument.value, look);
            }
        }
    }
}

/// An element of the list of replies, and the body of one.
pub(crate) fn reply(bytes: &[u8]) {
    read_reply(bytes);
    read_reply(&wrapped(
        "application/json",
        &serde_json::json!({"ticket": "t"}),
        bytes,
    ));
}

fn read_reply(bytes: &[u8]) {
    let reply = match decode_reply(bytes) {
        Ok(reply) => reply,
        Err(error) => return read_error(&error),
    };
    let value = &reply.value;
    inspect::error(value);
    inspect::ok(value);
    inspect::stats_pid(value);
    assert!(inspect::stats_uptime_seconds(value).is_none_or(f64::is_finite));
    inspect::stats_pool(value);
    inspect::stats_slots(value);
    inspect::stats_prefetch_count(value);
    inspect::stats_totals(value);
    inspect::stats_autoscaler(value);
    inspect::stats_broker(value);
    inspect::stats_resource_usage(value);
    inspect::queue_names(value);
    inspect::registered_tasks(value);
    inspect::held_tasks(value);
    inspect::scheduled_tasks(value);
    inspect::revoked_ids(value);
}
