//! Acting by HTTP: Flower's paths held against answers that Flower 2.2 gave,
//! our own paths, and who is refused.

use crate::support::{
    dashboard::{Answer, Dashboard},
    redis::Redis,
    wait_for, worker,
};
use axum::http::{Method, StatusCode};
use redis::Commands;
use serde_json::{Value, json};

const TEXT: &str = "text/plain; charset=utf-8";

/// A dashboard that knows one worker.
async fn with_worker(redis: &Redis, options: &[&str]) -> Dashboard {
    let dashboard = Dashboard::with_options(redis, options).await;
    worker::start(redis, "w2@vm");
    dashboard
        .until("/api/workers?status=1", |answer| {
            answer.json()["w2@vm"] == true
        })
        .await;
    dashboard
}

fn assert_text(answer: &Answer, status: StatusCode, text: &str, context: &str) {
    assert_eq!(answer.status, status, "{context}: {}", answer.text());
    assert_eq!(answer.header("content-type"), TEXT, "{context}");
    assert!(answer.text().contains(text), "{context}: {}", answer.text());
}

#[tokio::test(flavor = "multi_thread")]
async fn workers_are_steered_on_flowers_paths_in_flowers_words() {
    let redis = Redis::start();
    let dashboard = with_worker(&redis, &[]).await;
    for (path, form, message) in [
        (
            "/api/worker/pool/grow/w2@vm?n=1",
            "",
            "Growing 'w2@vm' worker's pool by 1",
        ),
        (
            "/api/worker/pool/grow/w2%40vm",
            "n=3",
            "Growing 'w2@vm' worker's pool by 3",
        ),
        (
            "/api/worker/pool/shrink/w2@vm",
            "",
            "Shrinking 'w2@vm' worker's pool by 1",
        ),
        (
            "/api/worker/queue/add-consumer/w2@vm?queue=extra",
            "",
            "add consumer extra",
        ),
        (
            "/api/worker/queue/cancel-consumer/w2@vm",
            "queue=extra",
            "no longer consuming from extra",
        ),
        (
            "/api/task/rate-limit/shop.mail",
            "ratelimit=200&workername=w2@vm",
            "new rate limit set successfully",
        ),
        (
            "/api/task/timeout/shop.mail",
            "workername=w2@vm&soft=3.5&hard=10",
            "time limits set successfully",
        ),
        ("/api/worker/shutdown/w2@vm", "", "Shutting down!"),
        (
            "/api/task/revoke/7b6d5242-3f97-415b-ae93-55309d7b67ea",
            "",
            "Revoked '7b6d5242-3f97-415b-ae93-55309d7b67ea'",
        ),
        (
            "/api/task/revoke/x?terminate=True&signal=SIGKILL",
            "",
            "Revoked 'x'",
        ),
    ] {
        let answer = dashboard.post(path, form).await;
        assert_eq!(answer.status, StatusCode::OK, "{path}: {}", answer.text());
        assert_eq!(answer.json(), json!({"message": message}), "{path}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_flower_refuses_is_refused_with_its_statuses() {
    let redis = Redis::start();
    let dashboard = with_worker(&redis, &[]).await;
    let (bad, forbidden) = (StatusCode::BAD_REQUEST, StatusCode::FORBIDDEN);
    let unknown = StatusCode::NOT_FOUND;
    for (path, status, text) in [
        (
            "/api/worker/pool/grow/w2@vm?n=x",
            bad,
            "Invalid argument 'x' of type 'int'",
        ),
        ("/api/worker/pool/grow/w2@vm?n=0", bad, "`n` must be 1 to"),
        (
            "/api/worker/pool/autoscale/w2@vm?min=1",
            bad,
            "Missing argument max",
        ),
        (
            "/api/worker/queue/add-consumer/w2@vm",
            bad,
            "Missing argument queue",
        ),
        (
            "/api/task/rate-limit/shop.mail?ratelimit=1",
            bad,
            "Missing argument workername",
        ),
        (
            "/api/task/rate-limit/shop.mail?workername=w2@vm&ratelimit=often",
            bad,
            "`rate_limit` must be",
        ),
        ("/api/task/revoke/x?terminate=maybe", bad, "of type 'bool'"),
        (
            "/api/task/revoke/x?terminate=1&signal=SIGFOO",
            bad,
            "SIGFOO",
        ),
        (
            "/api/worker/pool/autoscale/w2@vm?min=1&max=5",
            forbidden,
            "Failed to autoscale 'w2@vm' worker: ValueError('Autoscale not enabled')",
        ),
        (
            "/api/worker/pool/restart/w2@vm",
            forbidden,
            "Failed to restart the 'w2@vm' pool: ValueError('Pool restarts not enabled')",
        ),
        (
            "/api/worker/pool/grow/nope",
            unknown,
            "Unknown worker 'nope'",
        ),
        (
            "/api/worker/shutdown/nope",
            unknown,
            "Unknown worker 'nope'",
        ),
        (
            "/api/task/timeout/no.such?workername=w2@vm",
            unknown,
            "Unknown task 'no.such'",
        ),
        // No result backend is configured here.
        (
            "/api/task/abort/x",
            StatusCode::SERVICE_UNAVAILABLE,
            "No result backend",
        ),
        (
            "/api/task/apply/shop.mail",
            StatusCode::SERVICE_UNAVAILABLE,
            "No result backend",
        ),
    ] {
        let answer = dashboard.post(path, "").await;
        assert_text(&answer, status, text, path);
    }
    for (body, text) in [
        ("{\"args\": {}}", "args must be an array"),
        ("{\"kwargs\": []}", "kwargs must be an object"),
        ("{\"args\": [1,]}", "line 1 column"),
        ("[]", "Invalid options"),
    ] {
        let answer = dashboard
            .post_json("/api/task/send-task/shop.mail", body)
            .await;
        assert_text(&answer, bad, text, body);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_aborted_task_finds_its_state_in_the_result_backend() {
    let redis = Redis::start();
    let dashboard = Dashboard::start(&redis).await;
    let answer = dashboard.post("/api/task/abort/t1", "").await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text());
    assert_eq!(answer.json(), json!({"message": "Aborted 't1'"}));
    let result = dashboard.get("/api/task/result/t1").await.json();
    assert_eq!(result["state"], "ABORTED");
}

#[tokio::test(flavor = "multi_thread")]
async fn any_command_is_json_and_so_is_its_outcome() {
    let redis = Redis::start();
    let dashboard = with_worker(&redis, &[]).await;
    let path = "/api/v1/commands";
    let answer = dashboard
        .post_json(path, r#"{"pool_grow": {"workers": ["w2@vm"], "n": 2}}"#)
        .await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text());
    assert_eq!(
        answer.json(),
        json!({
            "status": "done",
            "message": "w2@vm will grow the pool by 2.",
            "replies": [{"worker": "w2@vm", "is_ok": true, "text": "pool will grow"}],
            "silent": [], "notes": [], "task": null, "bulk": null, "count": null, "undo": null,
        })
    );
    let answer = dashboard
        .post_json(path, r#"{"ping": {"workers": ["gone@vm", "w2@vm"]}}"#)
        .await;
    let outcome = answer.json();
    assert_eq!(outcome["status"], "partial");
    assert_eq!(outcome["silent"], json!(["gone@vm"]));

    for (body, status, part) in [
        (
            "{\"pool_grow\":\n {\"n\": 2}}",
            StatusCode::BAD_REQUEST,
            "line 2 column",
        ),
        ("{\"fly\": {}}", StatusCode::BAD_REQUEST, "unknown variant"),
        ("", StatusCode::BAD_REQUEST, "EOF"),
        (
            "{\"pool_grow\": {\"workers\": [], \"n\": 2}}",
            StatusCode::BAD_REQUEST,
            "invalid length 0",
        ),
        (
            "{\"pool_grow\": {\"workers\": \"all\", \"n\": 0}}",
            StatusCode::BAD_REQUEST,
            "`n` must be",
        ),
    ] {
        let answer = dashboard.post_json(path, body).await;
        assert_eq!(answer.status, status, "{body}");
        let error = answer.json()["error"]["message"].to_string();
        assert!(error.contains(part), "{body}: {error}");
    }
    let large = format!(
        "{{\"ping\": {{\"workers\": [\"{}\"]}}}}",
        "x".repeat(1 << 20)
    );
    let answer = dashboard.post_json(path, &large).await;
    assert_eq!(answer.status, StatusCode::PAYLOAD_TOO_LARGE);
    assert_eq!(answer.json()["error"]["kind"], "invalid");
    let answer = dashboard.request(Method::GET, path, &[]).await;
    assert_eq!(answer.status, StatusCode::METHOD_NOT_ALLOWED);

    let none = dashboard.get("/api/v1/bulk").await;
    assert_eq!(none.json(), serde_json::json!([]));
    let unknown = dashboard.get("/api/v1/bulk/77").await;
    assert_eq!(unknown.status, StatusCode::NOT_FOUND);
    let report = dashboard.get("/api/v1/workers/w2@vm/report").await;
    assert_eq!(report.text(), "software -> celery:5.7.0");
    let nobody = dashboard.get("/api/v1/workers/nobody/report").await;
    assert_eq!(nobody.status, StatusCode::NOT_FOUND);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_asked_for_is_in_the_log() {
    let redis = Redis::start();
    let dashboard = with_worker(&redis, &[]).await;
    let body = r#"{"add_consumer": {"workers": "all", "queue": "extra"}}"#;
    dashboard.post_json("/api/v1/commands", body).await;
    dashboard
        .post("/api/worker/pool/autoscale/w2@vm?min=1&max=5", "")
        .await;
    let log = dashboard
        .until("/api/v1/audit", |answer| {
            let log = &answer.json()["view"]["of"];
            log["total"] == 2 && log["entries"][0]["result"] == "refused"
        })
        .await
        .json();
    let entries = &log["view"]["of"]["entries"];
    let shape = |entry: &Value| {
        [
            "number", "caller", "role", "door", "command", "target", "result",
        ]
        .map(|key| entry[key].clone())
    };
    let expected = json!([2, "local", "admin", "api", "autoscale", "w2@vm", "refused"]);
    assert_eq!(json!(shape(&entries[0])), expected);
    let expected = json!([
        1,
        "local",
        "admin",
        "api",
        "add_consumer",
        "extra on all workers",
        "done"
    ]);
    assert_eq!(json!(shape(&entries[1])), expected);
    assert!(entries[0]["seconds"].is_f64());
}

#[tokio::test(flavor = "multi_thread")]
async fn who_may_only_look_is_told_so_everywhere() {
    let redis = Redis::start();
    let dashboard = with_worker(&redis, &["--read-only"]).await;
    for path in [
        "/api/worker/shutdown/w2@vm",
        "/api/worker/pool/restart/w2@vm",
        "/api/worker/pool/grow/w2@vm",
        "/api/worker/pool/shrink/w2@vm",
        "/api/worker/pool/autoscale/w2@vm?min=1&max=2",
        "/api/worker/queue/add-consumer/w2@vm?queue=x",
        "/api/worker/queue/cancel-consumer/w2@vm?queue=x",
        "/api/task/revoke/x",
        "/api/task/abort/x",
        "/api/task/timeout/shop.mail?workername=w2@vm",
        "/api/task/rate-limit/shop.mail?workername=w2@vm&ratelimit=1",
        "/api/task/async-apply/shop.mail",
        "/api/task/send-task/shop.mail",
    ] {
        let answer = dashboard.post(path, "").await;
        assert_text(
            &answer,
            StatusCode::FORBIDDEN,
            "Read only mode is enabled",
            path,
        );
    }
    let command = r#"{"pool_grow": {"workers": "all", "n": 1}}"#;
    let answer = dashboard.post_json("/api/v1/commands", command).await;
    assert_eq!(answer.status, StatusCode::FORBIDDEN);
    assert_eq!(answer.json()["error"]["kind"], "forbidden");
    let stop = dashboard
        .request(Method::DELETE, "/api/v1/bulk/1", &[])
        .await;
    assert_eq!(stop.status, StatusCode::FORBIDDEN);
    // No header makes a role.
    let headers = [
        ("content-type", "application/json"),
        ("x-role", "admin"),
        ("x-forwarded-for", "127.0.0.1"),
        ("x-remote-user", "admin"),
    ];
    let answer = dashboard
        .send_body(Method::POST, "/api/v1/commands", &headers, command)
        .await;
    assert_eq!(answer.status, StatusCode::FORBIDDEN);
    // To ask whether somebody is there is to look.
    let ping = r#"{"ping": {"workers": "all"}}"#;
    let answer = dashboard.post_json("/api/v1/commands", ping).await;
    assert_eq!(answer.status, StatusCode::OK);
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_of_other_sites_cannot_act() {
    let redis = Redis::start();
    let dashboard = with_worker(&redis, &["--hosts=dash.example.org"]).await;
    let ping = r#"{"ping": {"workers": "all"}}"#;
    let ours = [
        ("host", "localhost:5555"),
        ("sec-fetch-site", "same-origin"),
    ];
    let proxied = [
        ("host", "dash.example.org"),
        ("origin", "https://dash.example.org"),
    ];
    for headers in [&ours[..], &proxied[..], &[]] {
        let answer = dashboard
            .send_body(Method::POST, "/api/v1/commands", headers, ping)
            .await;
        assert_eq!(
            answer.status,
            StatusCode::OK,
            "{headers:?}: {}",
            answer.text()
        );
    }
    let cross = [("host", "localhost:5555"), ("sec-fetch-site", "cross-site")];
    let other_port = [
        ("host", "localhost:5555"),
        ("origin", "http://localhost:3000"),
    ];
    let rebound = [("host", "evil.example"), ("origin", "http://evil.example")];
    for headers in [&cross[..], &other_port[..], &rebound[..]] {
        for path in [
            "/api/v1/commands",
            "/api/ui/command",
            "/api/worker/shutdown/w2@vm",
        ] {
            let answer = dashboard.send_body(Method::POST, path, headers, ping).await;
            assert_eq!(answer.status, StatusCode::FORBIDDEN, "{path} {headers:?}");
            assert!(answer.text().contains("Refused: "), "{path} {headers:?}");
        }
        let answer = dashboard
            .request(Method::DELETE, "/api/v1/bulk/1", headers)
            .await;
        assert_eq!(answer.status, StatusCode::FORBIDDEN, "{headers:?}");
        // A page of another site cannot read what it asks for, so that is left
        // alone; one under a name that was made to mean this host could.
        let answer = dashboard
            .request(Method::GET, "/api/workers", headers)
            .await;
        let expected = match headers == rebound {
            true => StatusCode::FORBIDDEN,
            false => StatusCode::OK,
        };
        assert_eq!(answer.status, expected, "{headers:?}");
        let answer = dashboard
            .request(Method::GET, "/healthcheck", headers)
            .await;
        assert_eq!(answer.status, StatusCode::OK, "{headers:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn without_redis_every_act_is_503_and_says_that_nothing_was_sent() {
    let mut redis = Redis::start();
    let dashboard = with_worker(&redis, &[]).await;
    redis.stop();
    for path in [
        "/api/worker/pool/grow/w2@vm",
        "/api/task/revoke/x",
        "/api/worker/shutdown/w2@vm",
    ] {
        let answer = dashboard.post(path, "").await;
        assert_text(
            &answer,
            StatusCode::SERVICE_UNAVAILABLE,
            "nothing was sent",
            path,
        );
    }
    let body = r#"{"ping": {"workers": "all"}}"#;
    let answer = dashboard.post_json("/api/v1/commands", body).await;
    assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(answer.json()["error"]["kind"], "unavailable");
}

#[tokio::test(flavor = "multi_thread")]
async fn tasks_are_sent_and_waited_for_as_in_flower() {
    let redis = Redis::start();
    let results = format!("--result-backend={}", redis.url());
    let dashboard = with_worker(&redis, &[&results]).await;
    let body = r#"{"args": [1, 2], "countdown": 1, "queue": "celery"}"#;
    for path in [
        "/api/task/send-task/no.such",
        "/api/task/async-apply/shop.mail",
    ] {
        let answer = dashboard.post_json(path, body).await;
        assert_eq!(answer.status, StatusCode::OK, "{path}: {}", answer.text());
        let sent = answer.json();
        assert_eq!(sent["state"], "PENDING", "{path}");
        assert!(sent["task-id"].is_string(), "{path}");
        assert_eq!(
            sent.as_object().map(serde_json::Map::len),
            Some(2),
            "{path}"
        );
    }
    let answer = dashboard
        .post_json("/api/task/async-apply/no.such", body)
        .await;
    assert_text(
        &answer,
        StatusCode::NOT_FOUND,
        "Unknown task 'no.such'",
        body,
    );
    let mut connection = redis.connection();
    let waiting: u64 = connection.llen("celery").expect("an LLEN");
    assert_eq!(waiting, 2, "what was refused was not sent");

    // Whoever runs the third one stores its result.
    let worker = std::thread::spawn(move || {
        let message = wait_for("the task", || {
            let newest: Option<String> = connection.lindex("celery", 0).expect("an LINDEX");
            let message: Value = serde_json::from_str(&newest?).expect("a message");
            message["headers"]["eta"].is_null().then_some(message)
        });
        let id = message["headers"]["id"].as_str().expect("an id").to_owned();
        let result = json!({"status": "SUCCESS", "result": 3, "traceback": null,
            "children": [], "date_done": null, "task_id": id});
        let key = format!("celery-task-meta-{id}");
        let _: () = connection.set(key, result.to_string()).expect("a SET");
        id
    });
    let body = r#"{"args": [1, 2], "queue": "celery", "timeout": 20}"#;
    let answer = dashboard.post_json("/api/task/apply/shop.mail", body).await;
    let id = worker.join().expect("it ends");
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text());
    let expected = json!({"task-id": id, "state": "SUCCESS", "result": 3});
    assert_eq!(answer.json(), expected);
}
