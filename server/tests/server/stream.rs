//! The live stream and the snapshot.

use crate::support::{
    PATIENCE,
    dashboard::{Answer, Dashboard},
    events::publish,
    redis::Redis,
};
use axum::{
    body::{Body, BodyDataStream},
    http::{Request, StatusCode},
};
use futures::StreamExt;
use model::{Frame, Snapshot, TaskState, View};
use serde_json::json;
use tokio::time::timeout;

/// Reads an event stream.
struct Events {
    body: BodyDataStream,
    text: String,
}

impl Events {
    async fn open(dashboard: &Dashboard, path: &str) -> Self {
        let request = Request::get(path).header("accept-encoding", "gzip, br");
        let response = dashboard
            .send(request.body(Body::empty()).expect("a request"))
            .await;
        assert_eq!(response.status(), StatusCode::OK);
        let header = |name| response.headers().get(name).map(|value| value.as_bytes());
        assert_eq!(header("content-type"), Some(&b"text/event-stream"[..]));
        assert_eq!(header("x-accel-buffering"), Some(&b"no"[..]));
        assert_eq!(
            header("content-encoding"),
            None,
            "a compressed stream is a late one"
        );
        Self {
            body: response.into_body().into_data_stream(),
            text: String::new(),
        }
    }

    /// Returns the next event's id and frame; none at the end of the stream.
    async fn next(&mut self) -> Option<(u64, Frame)> {
        loop {
            if let Some((event, rest)) = self.text.split_once("\n\n") {
                let line = |start| event.lines().find_map(|line| line.strip_prefix(start));
                let found = line("data: ").map(|data| {
                    let id = line("id: ").expect("an id").parse().expect("a number");
                    (id, serde_json::from_str(data).expect("a frame"))
                });
                self.text = rest.to_owned();
                match found {
                    Some(found) => return Some(found),
                    // A comment that keeps the connection alive.
                    None => continue,
                }
            }
            let chunk = timeout(PATIENCE, self.body.next())
                .await
                .expect("a chunk in time")?;
            self.text
                .push_str(std::str::from_utf8(&chunk.expect("a chunk")).expect("text"));
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_begins_with_the_picture_and_goes_on_with_changes() {
    let redis = Redis::start();
    let dashboard = Dashboard::start(&redis).await;
    let mut events = Events::open(&dashboard, "/api/v1/stream?topic=tasks").await;
    let Some((id, Frame::Snapshot(snapshot))) = events.next().await else {
        panic!("the first frame is no snapshot");
    };
    assert_eq!(id, snapshot.revision);
    let Snapshot {
        mut revision,
        mut view,
        ..
    } = *snapshot;
    assert!(matches!(&view, View::Tasks(page) if page.rows.is_empty()));

    let event = json!({
        "uuid": "one", "name": "shop.mail", "hostname": "w1@vm", "pid": 7, "clock": 1,
        "args": "()", "kwargs": "{}", "retries": 0, "timestamp": 1_795_162_500.5,
    });
    publish(&mut redis.connection(), "task-received", event);
    let row = loop {
        let Some((
            id,
            Frame::Delta {
                from,
                revision: to,
                change,
                ..
            },
        )) = events.next().await
        else {
            panic!("no delta follows");
        };
        assert_eq!(from, revision, "a frame is missing");
        assert_eq!(id, to);
        revision = to;
        if let Some(change) = change {
            assert!(view.apply(&change));
        }
        match &view {
            View::Tasks(page) if !page.rows.is_empty() => break page.rows[0].clone(),
            _ => {}
        }
    };
    assert_eq!(row.id.as_str(), "one");
    assert_eq!(row.state, TaskState::Received);
}

#[tokio::test(flavor = "multi_thread")]
async fn streams_end_when_the_process_is_to_end() {
    let redis = Redis::start();
    let dashboard = Dashboard::start(&redis).await;
    let mut events = Events::open(&dashboard, "/api/v1/stream?topic=overview").await;
    assert!(events.next().await.is_some());
    dashboard.stop();
    while events.next().await.is_some() {}
}

#[tokio::test(flavor = "multi_thread")]
async fn a_snapshot_is_the_picture_alone() {
    let redis = Redis::start();
    let dashboard = Dashboard::start(&redis).await;
    for (topic, view) in [
        ("overview", "overview"),
        ("tasks&limit=5", "tasks"),
        ("task&id=nope", "task"),
        ("workers", "workers"),
        ("worker&name=nope", "worker"),
        ("queues", "queues"),
    ] {
        let answer = dashboard
            .get(&format!("/api/v1/snapshot?topic={topic}"))
            .await;
        assert_eq!(answer.status, StatusCode::OK, "{topic}");
        let snapshot: Snapshot = serde_json::from_slice(&answer.body).expect("a snapshot");
        assert!(snapshot.pulse.broker_url.starts_with("redis://127.0.0.1:"));
        assert_eq!(answer.json()["view"]["view"], view);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_topic_that_makes_no_sense_is_refused_as_json() {
    let redis = Redis::start();
    let dashboard = Dashboard::start(&redis).await;
    for path in ["/api/v1/stream", "/api/v1/snapshot"] {
        for (query, part) in [
            ("", "topic is missing"),
            ("?topic=x", "topic is none of"),
            ("?topic=task", "id is missing"),
            ("?topic=tasks&limit=100000", "limit is larger"),
            ("?topic=tasks&search=%28", "search"),
        ] {
            let answer: Answer = dashboard.get(&format!("{path}{query}")).await;
            assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{path}{query}");
            let error = &answer.json()["error"];
            assert_eq!(error["kind"], "invalid");
            let message = error["message"].as_str().expect("text");
            assert!(message.contains(part), "{part:?} is not in {message:?}");
        }
    }
}
