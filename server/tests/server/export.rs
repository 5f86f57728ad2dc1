//! Lists as files: what is in them, and what becomes of the work when nobody reads.

use crate::support::{
    dashboard::{Answer, Dashboard},
    events::publish,
    redis::Redis,
};
use axum::{
    body::Body,
    http::{Request, StatusCode},
};
use futures::StreamExt;
use serde_json::{Map, Value, json};

/// Texts that are hard to write into a file.
const ODD: [&str; 6] = [
    "('plain', 1)",
    "('a \"quote\", a comma',)",
    "('two\nlines\r\n', 'ü — 漢字 🦀')",
    "=HYPERLINK(\"http://x\")",
    "@SUM(A1)",
    "-1+1",
];

/// Publishes tasks that ended, half of them failed.
fn tasks(redis: &Redis, count: usize, args: impl Fn(usize) -> String) {
    let mut connection = redis.connection();
    for number in 0..count {
        let id = format!("{number:08x}-0000-4000-8000-000000000000");
        let at = 1_900_000_000.0 + number as f64;
        let common = json!({
            "uuid": id, "hostname": "w@h", "pid": 7, "clock": number, "utcoffset": 0, "timestamp": at,
        });
        let with = |more: Value| {
            let mut event = common.clone();
            let (event_map, more) = (event.as_object_mut(), more);
            event_map
                .expect("an object")
                .extend(more.as_object().expect("an object").clone());
            event
        };
        publish(
            &mut connection,
            "task-received",
            with(json!({"name": "shop.mail", "args": args(number), "kwargs": "{}", "retries": 0})),
        );
        publish(&mut connection, "task-started", with(json!({})));
        if number % 2 == 0 {
            let end = json!({"result": "'=1'", "runtime": 0.25});
            publish(&mut connection, "task-succeeded", with(end));
        } else {
            let end = json!({"exception": "ValueError('x')", "traceback": "T\n  at \"x\", 5"});
            publish(&mut connection, "task-failed", with(end));
        }
    }
}

async fn with_tasks(redis: &Redis, count: usize, args: impl Fn(usize) -> String) -> Dashboard {
    let dashboard = Dashboard::start(redis).await;
    tasks(redis, count, args);
    let path = "/api/v1/snapshot?topic=tasks&limit=1&state=SUCCESS&state=FAILURE";
    dashboard
        .until(path, |answer| answer.json()["view"]["of"]["total"] == count)
        .await;
    dashboard
}

/// Reads CSV as objects.
fn rows(answer: &Answer) -> Vec<Map<String, Value>> {
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text());
    let mut reader = csv::Reader::from_reader(&*answer.body);
    let names = reader.headers().expect("a head").clone();
    reader
        .records()
        .map(|record| {
            let record = record.expect("a row");
            let cell = |text: &str| Value::from(text);
            names
                .iter()
                .map(str::to_owned)
                .zip(record.iter().map(cell))
                .collect()
        })
        .collect()
}

#[tokio::test]
async fn a_csv_file_tells_what_the_api_tells() {
    let redis = Redis::start();
    let dashboard = with_tasks(&redis, 120, |n| ODD[n % ODD.len()].to_owned()).await;
    let columns = "id,name,state,worker,args,kwargs,result,exception,traceback,retries,received,runtime_seconds";
    let answer = dashboard
        .get(&format!("/api/v1/tasks/export?columns={columns}"))
        .await;
    assert_eq!(
        answer.header("content-type"),
        "text/csv; charset=utf-8; header=present"
    );
    let disposition = answer.header("content-disposition");
    assert!(
        disposition.starts_with("attachment; filename=\"celeriac-tasks-20")
            && disposition.contains("Z.csv\"; filename*=UTF-8''celeriac-tasks-20"),
        "{disposition}"
    );
    assert!(
        answer.text().starts_with("id,name,state"),
        "no mark unless asked for"
    );
    let rows = rows(&answer);
    assert_eq!(rows.len(), 120);
    let api = dashboard.get("/api/tasks").await.json();
    for row in &rows {
        let task = &api[row["id"].as_str().expect("an id")];
        for column in [
            "name",
            "state",
            "worker",
            "args",
            "kwargs",
            "result",
            "exception",
            "traceback",
        ] {
            let told = task[column].as_str().unwrap_or_default();
            let written = row[column].as_str().expect("text");
            if told.starts_with(['=', '@', '-', '+']) {
                assert_eq!(written, format!("'{told}"), "{column}");
            } else {
                assert_eq!(written, told, "{column}");
            }
        }
        assert_eq!(row["retries"], "0");
        let received = row["received"].as_str().expect("a time");
        assert!(
            received.starts_with("2030-03-17T17:") && received.ends_with('Z'),
            "{received}"
        );
        let is_success = task["state"] == "SUCCESS";
        assert_eq!(
            row["runtime_seconds"],
            if is_success { "0.25" } else { "0" }
        );
    }
}

#[tokio::test]
async fn every_format_has_the_same_rows_as_the_table_in_its_order() {
    let redis = Redis::start();
    let dashboard = with_tasks(&redis, 90, |n| format!("({n},)")).await;
    for query in [
        "",
        "&state=FAILURE",
        "&state=FAILURE&sort=received&rows=7",
        "&search=args.0:%3E80&sort=-name",
        "&name=nothing",
    ] {
        let get = async |format: &str| {
            let path = format!("/api/v1/tasks/export?format={format}{query}");
            dashboard.get(&path).await
        };
        let csv = rows(&get("csv").await);
        let json: Vec<Value> = serde_json::from_slice(&get("json").await.body).expect("a list");
        let ndjson = get("ndjson").await;
        let lines: Vec<Value> = ndjson
            .text()
            .lines()
            .map(|line| serde_json::from_str(line).expect("an object"))
            .collect();
        assert_eq!(json, lines, "{query}");
        let limit = if query.contains("rows=7") { 7 } else { 500 };
        let path = format!("/api/v1/snapshot?topic=tasks&limit={limit}{query}");
        let table = dashboard.get(&path).await.json();
        let table = table["view"]["of"]["rows"]
            .as_array()
            .expect("rows")
            .clone();
        let ids = |rows: &[Value]| rows.iter().map(|row| row["id"].clone()).collect::<Vec<_>>();
        assert_eq!(ids(&json), ids(&table), "{query}");
        assert_eq!(csv.len(), json.len(), "{query}");
        for (row, object) in csv.iter().zip(&json) {
            let names: Vec<&String> = row.keys().collect();
            assert_eq!(names.len(), object.as_object().expect("an object").len());
            assert_eq!(row["id"], object["id"]);
            assert_eq!(
                object["runtime_seconds"].as_f64().is_some(),
                row["runtime_seconds"] != ""
            );
        }
    }
    let failed = dashboard
        .get("/api/v1/tasks/export?state=FAILURE&format=ndjson&bom=1")
        .await;
    let disposition = failed.header("content-disposition");
    assert!(
        disposition.contains("celeriac-tasks-failure-20"),
        "{disposition}"
    );
    let marked = dashboard.get("/api/v1/tasks/export?bom=1&rows=1").await;
    assert!(marked.text().starts_with('\u{feff}'));
}

#[tokio::test]
async fn the_audit_log_is_exported_as_it_is_narrowed() {
    let redis = Redis::start();
    let dashboard = Dashboard::start(&redis).await;
    for worker in ["=a@h", "b@h"] {
        let command = json!({"ping": {"workers": [worker]}}).to_string();
        dashboard.post_json("/api/v1/commands", &command).await;
    }
    let all = dashboard
        .until("/api/v1/audit/export", |answer| {
            rows(answer).iter().all(|row| row["result"] != "running") && rows(answer).len() == 2
        })
        .await;
    let all = rows(&all);
    assert_eq!(all[0]["target"], "b@h");
    assert_eq!(all[1]["target"], "'=a@h");
    assert_eq!(all[1]["command"], "ping");
    let narrowed = dashboard
        .get("/api/v1/audit/export?q=b@h&columns=number,caller&format=json")
        .await;
    assert_eq!(narrowed.json(), json!([{"number": 2, "caller": "local"}]));
}

#[tokio::test]
async fn what_cannot_be_exported_is_refused_before_the_file_begins() {
    let redis = Redis::start();
    let dashboard = Dashboard::start(&redis).await;
    for (query, part) in [
        ("format=xls", "csv, ndjson, json"),
        ("columns=id,nothing", "nothing"),
        ("rows=-1", "rows"),
        ("search=(", "search"),
        ("sort=nothing", "sort"),
    ] {
        let answer = dashboard
            .get(&format!("/api/v1/tasks/export?{query}"))
            .await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{query}");
        assert!(answer.text().contains(part), "{}", answer.text());
    }
}

#[tokio::test]
async fn the_work_ends_when_the_client_goes_away() {
    let redis = Redis::start();
    // Far more than may wait for a client.
    let dashboard = with_tasks(&redis, 1_500, |_| format!("('{}',)", "x".repeat(1_000))).await;
    let path = "/api/v1/tasks/export?columns=args,traceback";
    let request = || {
        Request::get(path)
            .header("host", "localhost")
            .body(Body::empty())
            .expect("a request")
    };
    let mut open = Vec::new();
    for _ in 0..4 {
        let response = dashboard.send(request()).await;
        assert_eq!(response.status(), StatusCode::OK);
        let mut body = response.into_body().into_data_stream();
        let first = body.next().await.expect("a chunk").expect("it is read");
        assert!(first.starts_with(b"args,traceback\r\n"));
        open.push(body);
    }
    let refused = dashboard.send(request()).await;
    assert_eq!(refused.status(), StatusCode::SERVICE_UNAVAILABLE);
    drop(open);
    // Each gives its place back once it notices.
    let whole = dashboard
        .until(path, |answer| answer.status == StatusCode::OK)
        .await;
    assert_eq!(rows(&whole).len(), 1_500);
}
