//! Events as Celery's workers publish them.

use base64::{Engine, prelude::BASE64_STANDARD};
use redis::{Commands, Connection};
use serde_json::{Value, json};
use std::{fs, path::Path};

/// Publishes what a real worker of Celery 5.7 published in a scenario.
pub(crate) fn replay(redis: &mut Connection, scenario: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("protocol/tests/golden")
        .join(format!("c570.{scenario}.jsonl"));
    let text = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path:?}: {error}"));
    for line in text.lines() {
        let line: Value = serde_json::from_str(line).expect("a line of JSON");
        let (channel, payload) = (line["channel"].as_str(), line["payload"].as_str());
        if let (Some(channel), Some(payload)) = (channel, payload)
            && channel.starts_with("/0.celeryev/")
        {
            let listeners: u32 = redis.publish(channel, payload).expect("a PUBLISH");
            assert_ne!(listeners, 0, "nobody listens to {channel}");
        }
    }
}

/// Publishes one event of a type such as `task-received`.
pub(crate) fn publish(redis: &mut Connection, kind: &str, mut event: Value) {
    event["type"] = json!(kind);
    let routing_key = kind.replacen('-', ".", 1);
    let channel = format!("/0.celeryev/{routing_key}");
    let payload = envelope("celeryev", &routing_key, &json!({}), &event);
    let listeners: u32 = redis.publish(&channel, payload).expect("a PUBLISH");
    assert_ne!(listeners, 0, "nobody listens to {channel}");
}

/// Wraps a message as kombu does.
pub(crate) fn envelope(
    exchange: &str,
    routing_key: &str,
    headers: &Value,
    content: &Value,
) -> String {
    json!({
        "body": BASE64_STANDARD.encode(content.to_string()),
        "content-encoding": "utf-8",
        "content-type": "application/json",
        "headers": headers,
        "properties": {
            "delivery_mode": 1,
            "delivery_info": {"exchange": exchange, "routing_key": routing_key},
            "priority": 0,
            "body_encoding": "base64",
            "delivery_tag": "7c5e5a5c-6d4c-4a8e-9a3e-0d2b8a8f1b11",
        },
    })
    .to_string()
}
