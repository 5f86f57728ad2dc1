//! A worker that only answers questions, in Celery's words.

use super::{
    events::{envelope, publish},
    redis::Redis,
};
use base64::{Engine, prelude::BASE64_STANDARD};
use redis::{Commands, Connection};
use serde_json::{Value, json};
use std::time::{SystemTime, UNIX_EPOCH};

/// Begins to answer requests to the worker of this name, and says so with a heartbeat.
pub(crate) fn start(redis: &Redis, name: &'static str) {
    let mut listener = redis.connection();
    let mut speaker = redis.connection();
    let mut publisher = redis.connection();
    let (ready, is_ready) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        let mut channel = listener.as_pubsub();
        channel.subscribe("/0.celery.pidbox").expect("a SUBSCRIBE");
        ready.send(()).expect("the test waits");
        // Ends when the test's Redis does.
        while let Ok(message) = channel.get_message() {
            let payload: String = message.get_payload().expect("text");
            reply(&mut speaker, name, &payload);
        }
    });
    is_ready.recv().expect("it subscribes");
    heartbeat(&mut publisher, name);
}

/// Publishes a heartbeat of now.
pub(crate) fn heartbeat(redis: &mut Connection, name: &str) {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("now");
    publish(
        redis,
        "worker-heartbeat",
        json!({
            "hostname": name, "utcoffset": 0, "pid": 4242, "clock": 7, "freq": 2.0,
            "active": 3, "processed": 30, "loadavg": [0.5, 0.4, 0.3], "sw_ident": "py-celery",
            "sw_ver": "5.7.0", "sw_sys": "Linux", "timestamp": now.as_secs_f64(),
        }),
    );
}

fn reply(redis: &mut Connection, name: &str, payload: &str) {
    let message: Value = serde_json::from_str(payload).expect("an envelope");
    let body = BASE64_STANDARD
        .decode(message["body"].as_str().expect("a body"))
        .expect("base64");
    let request: Value = serde_json::from_slice(&body).expect("a request");
    let Some(routing_key) = request["reply_to"]["routing_key"].as_str() else {
        return;
    };
    let is_for_me = match request["destination"].as_array() {
        Some(names) => names.iter().any(|destination| destination == name),
        None => true,
    };
    if !is_for_me {
        return;
    }
    let exchange = request["reply_to"]["exchange"].as_str().unwrap_or_default();
    let key = match exchange {
        // The anonymous exchange puts the message into the queue named so.
        "" => routing_key.to_owned(),
        _ => format!("{routing_key}.{exchange}"),
    };
    let method = request["method"].as_str().unwrap_or_default();
    if method == "shutdown" {
        return;
    }
    let answer = answer(method, &request);
    let headers = json!({"ticket": request["ticket"], "clock": 8});
    let text = envelope(exchange, routing_key, &headers, &json!({name: answer}));
    let _: () = redis.lpush(key, text).expect("an LPUSH");
}

fn answer(method: &str, request: &Value) -> Value {
    let text = |name: &str| request["arguments"][name].as_str().unwrap_or_default();
    match method {
        "ping" => json!({"ok": "pong"}),
        "stats" => json!({
            "total": {"shop.mail": 30}, "pid": 4242, "clock": "9", "uptime": 58,
            "pool": {
                "implementation": "celery.concurrency.prefork:TaskPool",
                "max-concurrency": 2, "processes": [4243, 4244],
            },
            "broker": {"hostname": "127.0.0.1", "transport": "redis"},
            "prefetch_count": 8, "rusage": {"utime": 0.8},
        }),
        "active_queues" => json!([{
            "name": "celery", "exchange": {"name": "celery", "type": "direct"},
            "routing_key": "celery", "max_priority": null,
        }]),
        "registered" | "dump_tasks" => json!(["shop.mail", "shop.report"]),
        "conf" | "dump_conf" => json!({"timezone": "UTC"}),
        "active" | "dump_active" | "reserved" | "dump_reserved" | "scheduled" | "dump_schedule"
        | "revoked" | "dump_revoked" => json!([]),
        "enable_events" => json!({"ok": "task events enabled"}),
        "pool_grow" => json!({"ok": "pool will grow"}),
        "pool_shrink" => json!({"ok": "pool will shrink"}),
        "pool_restart" => json!({"error": "ValueError('Pool restarts not enabled')"}),
        "autoscale" => json!({"error": "ValueError('Autoscale not enabled')"}),
        "add_consumer" => json!({"ok": format!("add consumer {}", text("queue"))}),
        "cancel_consumer" => json!({"ok": format!("no longer consuming from {}", text("queue"))}),
        "rate_limit" | "time_limit" if text("task_name") != "shop.mail" => {
            json!({"error": "unknown task"})
        }
        "rate_limit" => json!({"ok": "new rate limit set successfully"}),
        "time_limit" => json!({"ok": "time limits set successfully"}),
        "revoke" if request["arguments"]["terminate"] == true => {
            json!({"ok": "terminate: tasks unknown"})
        }
        "revoke" => json!({"ok": "tasks {'…'} flagged as revoked"}),
        "report" => json!({"ok": "\nsoftware -> celery:5.7.0\n"}),
        other => json!({"error": format!("KeyError('{other}')")}),
    }
}
