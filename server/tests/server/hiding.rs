//! What viewers see of a dashboard that hides arguments from them.

use crate::support::{dashboard::Dashboard, events::publish, redis::Redis};
use axum::http::StatusCode;
use serde_json::{Value, json};

/// Found in no other text.
const HIDDEN: &str = "xQ7hiddenQ7x";
const ID: &str = "11111111-0000-4000-8000-000000000000";

fn task(redis: &Redis) {
    let mut connection = redis.connection();
    let mut send = |kind: &str, more: Value| {
        let mut event = json!({
            "uuid": ID, "hostname": "w@h", "pid": 7, "clock": 1, "utcoffset": 0,
            "timestamp": 1_900_000_000.0,
        });
        let fields = event.as_object_mut().expect("an object");
        fields.extend(more.as_object().expect("an object").clone());
        publish(&mut connection, kind, event);
    };
    let described = json!({
        "name": "shop.mail", "args": format!("('{HIDDEN}',)"), "kwargs": format!("{{'a': '{HIDDEN}'}}"),
        "retries": 0, "queue": "mail", "exchange": "", "routing_key": "mail",
    });
    send("task-sent", described.clone());
    send("task-received", described);
    send("task-started", json!({}));
    send("task-progress", json!({"note": HIDDEN}));
    let failed = json!({"exception": format!("ValueError('{HIDDEN}')"), "traceback": HIDDEN});
    send("task-failed", failed);
}

async fn dashboard(redis: &Redis, options: &[&str]) -> Dashboard {
    let dashboard = Dashboard::with_options(redis, options).await;
    task(redis);
    let path = format!("/api/task/info/{ID}");
    dashboard
        .until(&path, |answer| {
            answer.status == StatusCode::OK && answer.json()["state"] == "FAILURE"
        })
        .await;
    dashboard
}

#[tokio::test]
async fn viewers_find_no_argument_anywhere() {
    let redis = Redis::start();
    let dashboard = dashboard(&redis, &["--hide-args", "--read-only"]).await;
    let every_column = "columns=id,args,kwargs,result,exception,traceback";
    for path in [
        "/",
        "/tasks",
        &format!("/task/{ID}"),
        "/audit",
        "/undecodable",
        "/api/tasks",
        &format!("/api/task/info/{ID}"),
        "/api/v1/snapshot?topic=overview",
        "/api/v1/snapshot?topic=tasks",
        &format!("/api/v1/snapshot?topic=task&id={ID}"),
        &format!("/api/ui/snapshot?topic=topic%3Dtask%26id%3D{ID}"),
        &format!("/api/v1/tasks/export?{every_column}"),
        &format!("/api/v1/tasks/export?format=json&{every_column}"),
        "/api/v1/search/suggestions?text=kwargs.a:",
        "/api/v1/search/suggestions?text=args.0:",
        "/api/v1/queues/mail/messages",
    ] {
        let answer = dashboard.get(path).await;
        let text = String::from_utf8_lossy(&answer.body);
        assert!(!text.contains(HIDDEN), "{path}: {text}");
        let is_there = answer.status == StatusCode::OK || path.contains("/queues/");
        assert!(is_there, "{path}: {}", answer.status);
    }
    let info = dashboard.get(&format!("/api/task/info/{ID}")).await.json();
    assert_eq!(info["args"], "(hidden)");
    assert_eq!(info["exception"], "ValueError");
    assert_eq!(info["name"], "shop.mail");
}

#[tokio::test]
async fn viewers_cannot_find_out_by_searching() {
    let redis = Redis::start();
    let dashboard = dashboard(&redis, &["--hide-args", "--read-only"]).await;
    for search in [
        "args:x",
        "kwargs.a:x",
        "-result:1",
        "exception:Q7",
        "traceback:Q7",
    ] {
        for path in [
            "/api/v1/snapshot?topic=tasks&",
            "/api/v1/stream?topic=tasks&",
            "/api/v1/tasks/export?",
        ] {
            let answer = dashboard.get(&format!("{path}search={search}")).await;
            assert_eq!(answer.status, StatusCode::FORBIDDEN, "{path} {search}");
            assert!(
                answer.text().contains("hides from viewers"),
                "{}",
                answer.text()
            );
        }
    }
    let total = async |search: &str| {
        let path = format!("/api/v1/snapshot?topic=tasks&search={search}");
        dashboard.get(&path).await.json()["view"]["of"]["total"].clone()
    };
    assert_eq!(total(HIDDEN).await, 0);
    assert_eq!(total(&format!("-{HIDDEN}")).await, 1);
    assert_eq!(total("shop.mail").await, 1);
    let found = dashboard.get(&format!("/api/tasks?search={HIDDEN}")).await;
    assert_eq!(found.json(), json!({}));
    let count = json!({"query": {
        "states": [], "name": null, "worker": null, "queue": null, "search": HIDDEN,
        "received_start": null, "received_end": null, "sort": "received", "is_descending": true,
        "offset": 0, "limit": 100, "newest": null,
    }});
    for (path, body) in [("/api/v1/bulk/count", count.to_string())] {
        let answer = dashboard.post_json(path, &body).await;
        assert_eq!(answer.status, StatusCode::FORBIDDEN, "{}", answer.text());
    }
    let plan = dashboard
        .get(&format!("/api/v1/tasks/{ID}/retry-plan"))
        .await;
    assert_eq!(plan.status, StatusCode::FORBIDDEN);
}

#[tokio::test]
async fn operators_see_what_viewers_do_not() {
    let redis = Redis::start();
    let dashboard = dashboard(&redis, &["--hide-args"]).await;
    let info = dashboard.get(&format!("/api/task/info/{ID}")).await.json();
    assert_eq!(info["args"], format!("('{HIDDEN}',)"));
    let found = dashboard
        .get("/api/v1/snapshot?topic=tasks&search=args:Q7")
        .await;
    assert_eq!(found.json()["view"]["of"]["total"], 1);
}
