//! What the search box could be filled with, and what the searches find that it names.

use crate::support::{
    dashboard::{Answer, Dashboard},
    events::publish,
    redis::Redis,
};
use axum::http::StatusCode;
use serde_json::{Value, json};

/// 2026-11-20 08:15:00 UTC.
const START: f64 = 1_795_162_500.0;

/// Tasks of a shop: one still waits, one failed, two succeeded.
async fn shop(redis: &Redis) -> Dashboard {
    let dashboard = Dashboard::start(redis).await;
    let mut connection = redis.connection();
    for (id, name, worker, kwargs) in [
        (
            "one",
            "shop.mail.send",
            "mail-1@vm",
            "{'user': {'email': 'ann@example.org'}}",
        ),
        (
            "two",
            "shop.mail.send",
            "mail-2@vm",
            "{'user': {'email': 'bob lee'}, 'n': 2}",
        ),
        ("three", "shop.report", "mail-2@vm", "{'user': None}"),
        ("four", "shop.sendmail", "web@vm", "{'odd key': 1}"),
    ] {
        let mut event = json!({
            "uuid": id, "name": name, "hostname": worker, "pid": 7, "clock": 1, "utcoffset": 0,
            "args": format!("('{id}', [1])"), "kwargs": kwargs, "retries": 0, "timestamp": START,
            "queue": "mail bulk", "root_id": id, "parent_id": null,
        });
        publish(&mut connection, "task-sent", event.clone());
        event["timestamp"] = json!(START + 1.0);
        publish(&mut connection, "task-received", event.clone());
        if id == "four" {
            continue;
        }
        event["timestamp"] = json!(START + 1.25);
        publish(&mut connection, "task-started", event.clone());
        event["timestamp"] = json!(START + 3.0);
        let end = if id == "three" {
            event["exception"] = json!("OutOfStock('sku-7')");
            event["traceback"] =
                json!("Traceback (most recent call last):\n  File \"/app/stock.py\"");
            "task-failed"
        } else {
            event["runtime"] = json!(1.5);
            event["result"] = json!("{'sent': True}");
            "task-succeeded"
        };
        publish(&mut connection, end, event);
    }
    let is_received =
        |answer: &Answer| answer.status == StatusCode::OK && answer.json()["state"] == "RECEIVED";
    dashboard.until("/api/task/info/four", is_received).await;
    dashboard
}

fn query(pairs: &[(&str, &str)]) -> String {
    form_urlencoded::Serializer::new(String::new())
        .extend_pairs(pairs)
        .finish()
}

async fn suggest(dashboard: &Dashboard, marked: &str) -> Value {
    let cursor = marked.chars().position(|letter| letter == '|');
    let text = marked.replacen('|', "", 1);
    let cursor = cursor.unwrap_or(text.chars().count()).to_string();
    let query = query(&[("text", text.as_str()), ("cursor", cursor.as_str())]);
    let answer = dashboard
        .get(&format!("/api/v1/search/suggestions?{query}"))
        .await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text());
    answer.json()
}

fn all(suggestions: &Value, field: &str) -> Vec<Value> {
    let items = suggestions["items"].as_array().expect("a list");
    items.iter().map(|item| item[field].clone()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn fields_states_and_names_are_suggested_with_true_numbers() {
    let redis = Redis::start();
    let dashboard = shop(&redis).await;

    let fields = suggest(&dashboard, "a -re|").await;
    let expected = [
        "result:",
        "retries:",
        "received:",
        "Received",
        "shop.report",
    ];
    assert_eq!(all(&fields, "label"), expected);
    assert_eq!((&fields["start"], &fields["end"]), (&json!(3), &json!(5)));
    assert_eq!(all(&fields, "is_open"), [true, true, true, false, false]);

    let states = suggest(&dashboard, "state:re").await;
    assert_eq!(
        all(&states, "insert"),
        ["received", "retry", "revoked", "rejected"]
    );
    assert_eq!(all(&states, "tasks"), [1, 0, 0, 0]);
    let states = suggest(&dashboard, "state:").await;
    assert_eq!(
        all(&states, "insert")[..3],
        ["received", "success", "failure"]
    );

    // What begins so comes first, then what has a part that does.
    let names = suggest(&dashboard, "name:SEND| state:success").await;
    assert_eq!(all(&names, "label"), ["shop.mail.send", "shop.sendmail"]);
    assert_eq!(all(&names, "insert"), ["=shop.mail.send", "=shop.sendmail"]);
    assert_eq!(all(&names, "tasks"), [2, 1]);
    assert_eq!((&names["start"], &names["end"]), (&json!(5), &json!(9)));

    let workers = suggest(&dashboard, "worker:=mail").await;
    assert_eq!(all(&workers, "label"), ["mail-2@vm", "mail-1@vm"]);
    assert_eq!(workers["start"], 7);

    let queues = suggest(&dashboard, "queue:").await;
    assert_eq!(all(&queues, "insert"), ["=\"mail bulk\""]);
    assert_eq!(all(&queues, "tasks"), [4]);

    let words = suggest(&dashboard, "mail").await;
    let expected = [
        "name:=shop.mail.send",
        "name:=shop.sendmail",
        "worker:=mail-2@vm",
        "worker:=mail-1@vm",
        "queue:=\"mail bulk\"",
    ];
    assert_eq!(all(&words, "insert"), expected);

    assert!(all(&suggest(&dashboard, "name:nothing").await, "label").is_empty());
    assert!(all(&suggest(&dashboard, "\"").await, "label").len() <= 10);
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_values_and_exceptions_come_from_the_newest_tasks() {
    let redis = Redis::start();
    let dashboard = shop(&redis).await;

    let keys = suggest(&dashboard, "kwargs.").await;
    assert_eq!(all(&keys, "label"), ["user", "n", "odd key"]);
    assert_eq!(all(&keys, "insert"), ["user:", "n:", "\"odd key\":"]);
    assert_eq!(all(&keys, "note")[1], "2");
    let keys = suggest(&dashboard, "kwargs:od").await;
    assert_eq!(all(&keys, "insert"), ["\"odd key\"="]);
    let keys = suggest(&dashboard, "kwargs.user.").await;
    assert_eq!(all(&keys, "label"), ["email"]);
    let values = suggest(&dashboard, "kwargs.user.email:b").await;
    assert_eq!(all(&values, "insert"), ["\"bob lee\""]);
    let keys = suggest(&dashboard, "args.").await;
    assert_eq!(all(&keys, "label"), ["0", "1"]);
    let exceptions = suggest(&dashboard, "exception:").await;
    assert_eq!(all(&exceptions, "label"), ["OutOfStock"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_cursor_must_be_a_number_and_may_be_left_out() {
    let redis = Redis::start();
    let dashboard = Dashboard::start(&redis).await;
    let path = "/api/v1/search/suggestions";
    let answer = dashboard.get(&format!("{path}?text=a&cursor=x")).await;
    assert_eq!(answer.status, StatusCode::BAD_REQUEST);
    let error = &answer.json()["error"];
    assert_eq!(error["kind"], "invalid");
    assert_eq!(error["message"], "cursor is not a whole number: \"x\"");
    let answer = dashboard.get(&format!("{path}?text=sta")).await;
    assert_eq!(all(&answer.json(), "label"), ["state:", "started:"]);
    let answer = dashboard.get(path).await;
    assert_eq!(all(&answer.json(), "label")[0], "name:");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_live_list_understands_the_whole_language() {
    let redis = Redis::start();
    let dashboard = shop(&redis).await;
    for (search, expected) in [
        ("exception:outofstock", &["three"][..]),
        ("traceback:stock.py", &["three"]),
        ("stock.py", &["three"]),
        ("-state:success", &["four", "three"]),
        (
            "queue:=\"mail bulk\" -queue:=mail name:=shop.report",
            &["three"],
        ),
        ("id:two OR root:three", &["three", "two"]),
        ("runtime:>1s", &["one", "three", "two"]),
        ("runtime:1.5 wait:200ms..250ms", &["one", "two"]),
        ("-runtime:>0", &["four"]),
        ("retries:>0", &[]),
        (
            "received:2026-11-20T08:15..08:16",
            &["four", "one", "three", "two"],
        ),
        (
            "sent:>2026-11-20T08:15 OR finished:<-1h",
            &["one", "three", "two"],
        ),
        ("received:>now", &[]),
        ("kwargs.user.email:ann", &["one"]),
        ("kwargs.user.email:=\"bob lee\"", &["two"]),
        ("kwargs.n:>1", &["two"]),
        ("kwargs:\"odd key\"=1", &["four"]),
        ("args.0:=two", &["two"]),
        ("result.sent:true -args.0:two", &["one"]),
    ] {
        let query = query(&[("topic", "tasks"), ("search", search)]);
        let answer = dashboard.get(&format!("/api/v1/snapshot?{query}")).await;
        assert_eq!(answer.status, StatusCode::OK, "{search}: {}", answer.text());
        let rows = answer.json()["view"]["of"]["rows"].clone();
        let rows = rows.as_array().expect("a list");
        let mut ids: Vec<&str> = rows.iter().filter_map(|row| row["id"].as_str()).collect();
        ids.sort_unstable();
        assert_eq!(ids, expected, "{search}");
    }
    let query = query(&[("topic", "tasks"), ("search", "runtime:>5x")]);
    let answer = dashboard.get(&format!("/api/v1/snapshot?{query}")).await;
    assert_eq!(answer.status, StatusCode::BAD_REQUEST);
    assert_eq!(
        answer.json()["error"]["message"],
        "search can't be read: Expected a unit: ms, s, m, h or d at position 10"
    );
    // Flower's path stays with Flower's fields.
    let answer = dashboard.get("/api/tasks?search=outofstock").await;
    assert_eq!(answer.json(), json!({}));
}
