//! Flower's paths, held against answers that Flower 2.2 gave to real requests.

use crate::support::{
    dashboard::{Answer, Dashboard},
    events::{envelope, publish, replay},
    redis::Redis,
    worker,
};
use axum::http::StatusCode;
use redis::Commands;
use serde_json::{Value, json};

/// A task as Flower showed it that succeeded after retries.
const SUCCEEDED: &str = r#"{"uuid": "", "name": "", "state": "SUCCESS", "received": 1.5,
    "sent": 1.5, "started": 1.5, "rejected": null, "succeeded": 1.5, "failed": null, "retried": 1.5,
    "revoked": null, "args": "(6,)", "kwargs": "{}", "eta": "2026-11-20T08:15:05.924187+00:00",
    "expires": null, "retries": 5, "worker": "w1@vm", "result": "6", "exception": "", "timestamp": 1.5,
    "runtime": 0.003, "traceback": "", "exchange": "", "routing_key": "celery", "clock": 464,
    "client": "gen9856@vm", "root": "", "root_id": "", "parent": "", "parent_id": "", "children": []}"#;

/// A task as Flower showed it that failed at once.
const FAILED: &str = r#"{"uuid": "", "name": "", "state": "FAILURE", "received": 1.5, "sent": 1.5,
    "started": 1.5, "rejected": null, "succeeded": null, "failed": 1.5, "retried": null, "revoked": null,
    "args": "(2,)", "kwargs": "{'period': 'weekly'}", "eta": null, "expires": null, "retries": 0,
    "worker": "w2@vm", "result": null, "exception": "", "timestamp": 1.5, "runtime": null,
    "traceback": "", "exchange": "", "routing_key": "reports", "clock": 388, "client": "gen9850@vm",
    "root": "", "root_id": "", "parent": null, "parent_id": null, "children": []}"#;

const RETRIED_ID: &str = "85b3cdd7-12f2-4446-8105-9b07d21d7e17";
const FAILED_ID: &str = "841d50f1-4e7d-4f7e-ac2e-ac428a79646b";

/// Asserts the same keys, each with a value of the same type.
fn assert_same_shape(ours: &Value, flower: &str) {
    fn kind(value: &Value) -> &'static str {
        match value {
            Value::Null => "null",
            Value::Bool(_) => "bool",
            Value::Number(number) if number.is_f64() => "float",
            Value::Number(_) => "int",
            Value::String(_) => "string",
            Value::Array(_) => "list",
            Value::Object(_) => "object",
        }
    }
    let shape = |value: &Value| {
        let object = value.as_object().expect("an object");
        let mut shape: Vec<(String, &str)> = object
            .iter()
            .map(|(key, value)| (key.clone(), kind(value)))
            .collect();
        shape.sort();
        shape
    };
    let flower: Value = serde_json::from_str(flower).expect("JSON");
    assert_eq!(shape(ours), shape(&flower));
}

fn state_is(state: &'static str) -> impl Fn(&Answer) -> bool {
    move |answer| answer.status == StatusCode::OK && answer.json()["state"] == state
}

#[tokio::test(flavor = "multi_thread")]
async fn a_task_that_succeeded_after_retries_looks_as_in_flower() {
    let redis = Redis::start();
    let dashboard = Dashboard::start(&redis).await;
    replay(&mut redis.connection(), "retried");

    let path = format!("/api/task/info/{RETRIED_ID}");
    let task = dashboard.until(&path, state_is("SUCCESS")).await.json();
    assert_same_shape(&task, SUCCEEDED);
    assert_eq!(task["uuid"], RETRIED_ID);
    assert_eq!(task["name"], "lab.retry_ok");
    assert_eq!(task["retries"], 2);
    assert_eq!(task["result"], "'ok after 2'");
    assert_eq!(task["worker"], "w1@lab");
    assert_eq!(task["parent_id"], RETRIED_ID);
    // Written with all the digits that Celery sent; the last retry's time.
    assert_eq!(task["retried"], json!(1_795_162_755.912_032));
    assert_eq!(task["succeeded"], task["timestamp"]);
    assert!(task["exception"].as_str().expect("text").contains("try 1"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_task_that_failed_looks_as_in_flower() {
    let redis = Redis::start();
    let dashboard = Dashboard::start(&redis).await;
    replay(&mut redis.connection(), "failed");

    let path = format!("/api/task/info/{FAILED_ID}");
    let task = dashboard.until(&path, state_is("FAILURE")).await.json();
    assert_same_shape(&task, FAILED);
    assert!(
        task["traceback"]
            .as_str()
            .expect("text")
            .starts_with("Traceback")
    );
    assert_eq!(task["failed"], task["timestamp"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unknown_task_is_a_line_of_text() {
    let redis = Redis::start();
    let dashboard = Dashboard::start(&redis).await;
    let answer = dashboard.get("/api/task/info/a%2Fb").await;
    assert_eq!(answer.status, StatusCode::NOT_FOUND);
    assert_eq!(answer.text(), "Unknown task 'a/b'");
    assert_eq!(answer.header("content-type"), "text/plain; charset=utf-8");
}

/// Three tasks: two types, two workers, two states.
async fn three_tasks(redis: &Redis) -> Dashboard {
    let dashboard = Dashboard::start(redis).await;
    let mut connection = redis.connection();
    // 2026-11-20 08:15:00 UTC and the two minutes after it.
    for (id, name, worker, time) in [
        ("one", "shop.mail", "w1@vm", 1_795_162_500.5),
        ("two", "shop.report", "w2@vm", 1_795_162_560.5),
        ("three", "shop.mail", "w2@vm", 1_795_162_620.5),
    ] {
        let event = json!({
            "uuid": id, "name": name, "hostname": worker, "pid": 7, "clock": 1, "utcoffset": 0,
            "args": format!("('{id}',)"), "kwargs": "{}", "retries": 0, "timestamp": time,
        });
        publish(&mut connection, "task-received", event);
    }
    let failure = json!({
        "uuid": "one", "hostname": "w1@vm", "pid": 7, "clock": 2, "utcoffset": 0,
        "exception": "ValueError('x')", "traceback": "Traceback", "timestamp": 1_795_162_700.5,
    });
    publish(&mut connection, "task-failed", failure);
    dashboard
        .until("/api/task/info/one", state_is("FAILURE"))
        .await;
    dashboard
}

#[tokio::test(flavor = "multi_thread")]
async fn the_list_of_tasks_takes_flowers_parameters() {
    let redis = Redis::start();
    let dashboard = three_tasks(&redis).await;
    for (query, expected) in [
        ("", &["one", "three", "two"][..]),
        ("?limit=2", &["one", "three"]),
        ("?limit=2&offset=1", &["three", "two"]),
        ("?limit=0", &[]),
        ("?offset=7", &[]),
        ("?sort_by=received", &["one", "two", "three"]),
        ("?sort_by=-received", &["three", "two", "one"]),
        ("?sort_by=-name&limit=1", &["two"]),
        ("?workername=w2@vm", &["three", "two"]),
        ("?taskname=shop.mail", &["one", "three"]),
        ("?state=FAILURE", &["one"]),
        (
            "?state=All&taskname=All&workername=All",
            &["one", "three", "two"],
        ),
        ("?received_start=2026-11-20+08:16", &["three", "two"]),
        ("?received_end=2026-11-20+08:16", &["one"]),
        ("?search=name:mail+state:RECEIVED", &["three"]),
        ("?search=report", &["two"]),
    ] {
        let answer = dashboard.get(&format!("/api/tasks{query}")).await;
        assert_eq!(answer.status, StatusCode::OK, "{query}: {}", answer.text());
        assert_eq!(answer.header("content-type"), "application/json");
        // The order of the keys is part of the answer, and a parsed map may lose it.
        let text = answer.text();
        let tasks = answer.json();
        let mut ids: Vec<&String> = tasks.as_object().expect("an object").keys().collect();
        ids.sort_by_key(|id| text.find(&format!("\"{id}\": {{")));
        assert_eq!(ids, expected, "{query}");
    }
    let tasks = dashboard.get("/api/tasks").await.json();
    let task = dashboard.get("/api/task/info/one").await.json();
    assert_eq!(tasks["one"], task);
    let types = dashboard.get("/api/task/types").await.json();
    assert_eq!(types, json!({"task-types": ["shop.mail", "shop.report"]}));
}

#[tokio::test(flavor = "multi_thread")]
async fn parameters_that_make_no_sense_are_answered_as_in_flower() {
    let redis = Redis::start();
    let dashboard = Dashboard::start(&redis).await;
    for (path, expected) in [
        (
            "/api/tasks?sort_by=runtime",
            "Invalid sort_by 'runtime', expected one of name, received, started, state",
        ),
        ("/api/tasks?limit=x", "Invalid argument 'x' of type 'int'"),
        (
            "/api/tasks?received_start=x",
            "Invalid received_start or received_end, expected format 'YYYY-MM-DD HH:MM'",
        ),
        (
            "/api/workers?refresh=x",
            "Invalid argument 'x' of type 'bool'",
        ),
    ] {
        let answer = dashboard.get(path).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{path}");
        assert_eq!(answer.header("content-type"), "text/plain; charset=utf-8");
        assert_eq!(answer.text(), expected);
    }
    let answer = dashboard.get("/api/tasks?search=ab").await;
    assert_eq!(answer.status, StatusCode::BAD_REQUEST);
    let message = "Substring search terms must contain at least 3 characters at position 0.";
    assert_eq!(answer.json(), json!({"error": message}));
}

#[tokio::test(flavor = "multi_thread")]
async fn more_tasks_than_one_batch_are_one_object() {
    let redis = Redis::start();
    let dashboard = Dashboard::start(&redis).await;
    let mut connection = redis.connection();
    for number in 0..600 {
        let event = json!({
            "uuid": format!("t{number}"), "name": "a", "hostname": "w@vm", "pid": 7, "clock": 1,
            "args": "()", "kwargs": "{}", "retries": 0, "timestamp": 1_795_162_500.0 + f64::from(number),
        });
        publish(&mut connection, "task-received", event);
    }
    let all = |answer: &Answer| {
        answer
            .json()
            .as_object()
            .is_some_and(|tasks| tasks.len() == 600)
    };
    dashboard.until("/api/tasks", all).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn workers_are_shown_as_they_answered() {
    let redis = Redis::start();
    let dashboard = Dashboard::start(&redis).await;
    worker::start(&redis, "w1@vm");
    let status = |answer: &Answer| answer.json() == json!({"w1@vm": true});
    dashboard.until("/api/workers?status=1", status).await;

    let answer = dashboard.get("/api/workers?refresh=true").await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text());
    let workers = answer.json();
    let keys = |worker: &Value| {
        let mut keys: Vec<String> = worker
            .as_object()
            .expect("an object")
            .keys()
            .cloned()
            .collect();
        keys.sort();
        keys
    };
    let brief = ["active_queues", "conf", "registered", "stats", "timestamp"];
    assert_eq!(keys(&workers["w1@vm"]), brief);
    assert_eq!(workers["w1@vm"]["stats"]["pool"]["max-concurrency"], 2);
    assert_eq!(
        workers["w1@vm"]["registered"],
        json!(["shop.mail", "shop.report"])
    );
    assert!(workers["w1@vm"]["timestamp"].is_f64());

    let worker = dashboard.get("/api/workers?workername=w1@vm").await.json();
    let whole = [
        "active",
        "active_queues",
        "conf",
        "registered",
        "reserved",
        "revoked",
        "scheduled",
        "stats",
        "timestamp",
    ];
    assert_eq!(keys(&worker["w1@vm"]), whole);

    let answer = dashboard.get("/api/workers?workername=nope").await;
    assert_eq!(answer.status, StatusCode::NOT_FOUND);
    assert_eq!(answer.text(), "Unknown worker 'nope'");
}

#[tokio::test(flavor = "multi_thread")]
async fn queue_lengths_are_counted_and_unknown_while_the_broker_is_away() {
    let mut redis = Redis::start();
    let mut connection = redis.connection();
    // Bound as Celery binds it; one message of each of two priorities.
    let _: () = connection
        .sadd(
            "_kombu.binding.celery",
            "celery\u{6}\u{16}\u{6}\u{16}celery",
        )
        .expect("an SADD");
    let message = envelope(
        "",
        "celery",
        &json!({"task": "a", "id": "1"}),
        &json!([[], {}, {}]),
    );
    for key in ["celery", "celery\u{6}\u{16}3"] {
        let _: () = connection.lpush(key, &message).expect("an LPUSH");
    }
    let dashboard = Dashboard::start(&redis).await;
    let counted = json!({"active_queues": [{"name": "celery", "messages": 2}]});
    let is_counted = |answer: &Answer| answer.status == StatusCode::OK && answer.json() == counted;
    dashboard.until("/api/queues/length", is_counted).await;
    let metrics = dashboard.get("/metrics").await;
    assert!(
        metrics
            .text()
            .contains("celeriac_queue_messages{queue=\"celery\"} 2\n")
    );

    redis.stop();
    let is_unknown = |answer: &Answer| answer.status == StatusCode::SERVICE_UNAVAILABLE;
    let answer = dashboard.until("/api/queues/length", is_unknown).await;
    assert!(
        answer
            .text()
            .starts_with("No connection to the broker redis://127.0.0.1:")
    );
    let metrics = dashboard.get("/metrics").await;
    assert!(metrics.text().contains("celeriac_broker_up 0\n"));
    assert!(!metrics.text().contains("celeriac_queue_messages{"));

    assert!(redis.launch());
    dashboard
        .until("/healthcheck", |answer| answer.text() == "OK")
        .await;
}

/// Reads Prometheus' text format strictly: every sample belongs to the family
/// announced before it.
fn parse_metrics(text: &str) -> Vec<(String, String, f64)> {
    let mut family = String::new();
    let mut samples = Vec::new();
    for line in text.lines() {
        if let Some(rest) = line.strip_prefix("# TYPE ") {
            let (name, kind) = rest.split_once(' ').expect("name and type");
            assert!(["counter", "gauge", "histogram"].contains(&kind), "{line}");
            name.clone_into(&mut family);
        } else if !line.starts_with("# HELP ") {
            let (series, value) = line.rsplit_once(' ').expect("series and value");
            let (name, labels) = series.split_once('{').unwrap_or((series, "}"));
            let labels = labels.strip_suffix('}').expect("closed labels");
            let ends = ["", "_bucket", "_count", "_sum"];
            assert!(
                ends.iter()
                    .any(|end| name.strip_suffix(end) == Some(&family)),
                "{name} does not belong to {family}"
            );
            let value = value.parse().unwrap_or_else(|_| panic!("{line}"));
            samples.push((name.to_owned(), labels.to_owned(), value));
        }
    }
    samples
}

#[tokio::test(flavor = "multi_thread")]
async fn metrics_have_flowers_names_and_true_numbers() {
    let redis = Redis::start();
    let dashboard = Dashboard::start(&redis).await;
    replay(&mut redis.connection(), "ok");
    worker::heartbeat(&mut redis.connection(), "w\"1\"@vm");
    let path = "/api/tasks?state=SUCCESS";
    let both = |answer: &Answer| {
        answer
            .json()
            .as_object()
            .is_some_and(|tasks| tasks.len() == 2)
    };
    dashboard.until(path, both).await;
    let status = |answer: &Answer| answer.json()["w\"1\"@vm"] == true;
    dashboard.until("/api/workers?status=1", status).await;

    let answer = dashboard.get("/metrics").await;
    assert!(
        answer
            .header("content-type")
            .starts_with("text/plain; version=0.0.4")
    );
    let samples = parse_metrics(answer.text());
    let value = |name: &str, labels: &str| {
        let is_it = |(n, l, _): &&(String, String, f64)| n == name && l == labels;
        let found = samples.iter().find(is_it);
        found
            .unwrap_or_else(|| panic!("no {name}{{{labels}}} in {}", answer.text()))
            .2
    };
    let series = "task=\"lab.add\",worker=\"w1@lab\"";
    let succeeded = "task=\"lab.add\",type=\"task-succeeded\",worker=\"w1@lab\"";
    assert_eq!(value("flower_events_total", succeeded), 2.0);
    let histogram = "flower_task_runtime_seconds";
    let bucket = |bound: &str| {
        value(
            &format!("{histogram}_bucket"),
            &format!("le=\"{bound}\",{series}"),
        )
    };
    assert_eq!(bucket("+Inf"), 2.0);
    assert_eq!(bucket("10.0"), 2.0);
    assert_eq!(bucket("1.0"), 2.0);
    assert!(bucket("0.005") <= bucket("0.1"));
    assert_eq!(value(&format!("{histogram}_count"), series), 2.0);
    assert!(value(&format!("{histogram}_sum"), series) > 0.0);
    value("flower_task_prefetch_time_seconds", series);
    let worker = "worker=\"w\\\"1\\\"@vm\"";
    assert_eq!(value("flower_worker_online", worker), 1.0);
    let executing = "flower_worker_number_of_currently_executing_tasks";
    assert_eq!(value(executing, worker), 3.0);
    assert_eq!(value("celeriac_tasks", ""), 2.0);
    assert_eq!(value("celeriac_broker_up", ""), 1.0);
    for name in [
        "celeriac_events_dropped_total",
        "celeriac_messages_undecodable_total",
        "celeriac_result_announcements_dropped_total",
    ] {
        assert_eq!(value(name, ""), 0.0, "{name}");
    }
    for cause in [
        "broker_down",
        "connection_lost",
        "events_missed",
        "overload",
    ] {
        let labels = format!("cause=\"{cause}\"");
        assert_eq!(value("celeriac_gaps_total", &labels), 0.0, "{cause}");
    }
    for name in [
        "process_resident_memory_bytes",
        "process_cpu_seconds_total",
        "process_start_time_seconds",
    ] {
        assert!(value(name, "") > 0.0, "{name}");
    }
    assert!(
        answer
            .text()
            .contains("# TYPE flower_worker_prefetched_tasks gauge\n")
    );
}
