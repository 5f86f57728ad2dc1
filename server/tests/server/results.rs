//! `/api/task/result/<id>`, held against Flower's answers.

use crate::support::{dashboard::Dashboard, redis::Redis};
use axum::http::StatusCode;
use redis::{Commands, Connection};
use serde_json::json;

fn store(redis: &mut Connection, id: &str, document: serde_json::Value) {
    let key = format!("celery-task-meta-{id}");
    let _: () = redis.set(key, document.to_string()).expect("a SET");
}

#[tokio::test(flavor = "multi_thread")]
async fn results_have_flowers_shape() {
    let redis = Redis::start();
    let dashboard = Dashboard::start(&redis).await;
    let mut connection = redis.connection();
    let ok =
        json!({"status": "SUCCESS", "result": {"total": 6}, "traceback": null, "task_id": "ok"});
    store(&mut connection, "ok", ok);
    let failed = json!({"status": "FAILURE", "traceback": "Traceback…", "task_id": "failed",
        "result": {"exc_type": "ValueError", "exc_message": ["no data"], "exc_module": "builtins"}});
    store(&mut connection, "failed", failed);

    let answer = dashboard.get("/api/task/result/ok").await;
    let expected = json!({"task-id": "ok", "state": "SUCCESS", "result": {"total": 6}});
    assert_eq!(answer.json(), expected);

    let answer = dashboard.get("/api/task/result/failed").await.json();
    assert_eq!(answer["state"], "FAILURE");
    assert_eq!(answer["traceback"], "Traceback…");
    let exception = answer["result"].as_str().expect("a text");
    assert!(exception.contains("ValueError") && exception.contains("no data"));

    let answer = dashboard.get("/api/task/result/nobody").await.json();
    assert_eq!(answer, json!({"task-id": "nobody", "state": "PENDING"}));

    let answer = dashboard.get("/api/task/result/ok?timeout=x").await;
    assert_eq!(answer.status, StatusCode::BAD_REQUEST);
    assert_eq!(answer.text(), "Invalid argument 'x' of type 'float'");

    let _: () = connection
        .set("celery-task-meta-pickled", b"\x80\x04garbage")
        .expect("a SET");
    let answer = dashboard.get("/api/task/result/pickled").await;
    assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE);
    assert!(answer.text().contains("pickle"), "{}", answer.text());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_may_wait_for_a_result() {
    let redis = Redis::start();
    let dashboard = Dashboard::start(&redis).await;
    let mut connection = redis.connection();
    let started = json!({"status": "STARTED", "result": null, "task_id": "slow"});
    store(&mut connection, "slow", started);
    let waiting = dashboard.get("/api/task/result/slow?timeout=60");
    let finish = async {
        let ended = json!({"status": "SUCCESS", "result": 1, "task_id": "slow"});
        store(&mut connection, "slow", ended);
    };
    let (answer, ()) = tokio::join!(waiting, finish);
    assert_eq!(answer.json()["state"], "SUCCESS");
}
