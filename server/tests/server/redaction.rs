//! A secret that real workers tell in every way, and that nothing gives away.

use crate::support::{
    PATIENCE,
    binary::{Running, celeriac, folder},
    celery::{Worker, python},
    redis::Redis,
    wait_for,
};
use model::{BulkAct, BulkTarget, Command, TaskQuery};
use serde_json::Value;
use tempfile::TempDir;

/// Found in no other text.
const SECRET: &str = "zQ9secretQ9z";

fn json(running: &Running, path: &str) -> Value {
    let (status, text) = running.get(path);
    assert_eq!(status, 200, "{path}: {text}");
    let body = text.split_once("\r\n\r\n").expect("a body").1;
    // The answer may come in chunks.
    let start = body.find('{').expect("an object");
    let end = body.rfind('}').expect("an object");
    serde_json::from_str(&body[start..=end]).unwrap_or_else(|error| panic!("{path}: {error}"))
}

fn state(running: &Running, id: &str) -> Option<String> {
    let tasks = json(running, "/api/tasks");
    tasks[id]["state"].as_str().map(str::to_owned)
}

#[test]
fn a_secret_that_workers_tell_in_every_way_is_given_away_nowhere() {
    let redis = Redis::start();
    let folder = folder();
    let mut command = celeriac(&folder);
    let store = format!("sqlite://{}/kept.db", folder.path().display());
    command.args([
        "--store",
        &store,
        "--broker",
        &redis.url(),
        "--result-backend",
        &redis.url(),
        "--port=0",
        "--log=debug",
        "--log-format=json",
        "--poll-interval=0.2",
    ]);
    let running = Running::start(&mut command);
    wait_for("the connection", || {
        (running.get("/healthcheck").0 == 200).then_some(())
    });
    let environment = [("SECRET", SECRET)];
    let _worker = Worker::start(&redis, "vault", &environment);
    wait_for("the worker", || {
        let workers = json(&running, "/api/workers?status=1");
        workers["w@test"].as_bool()
    });
    let sent = python(&redis, &environment).arg("vault.py").output();
    let sent = sent.expect("Python runs");
    assert!(
        sent.status.success(),
        "{}",
        String::from_utf8_lossy(&sent.stderr)
    );
    let ids = String::from_utf8(sent.stdout).expect("text");
    let ids: Vec<&str> = ids.lines().collect();
    let [failed, succeeded, same, held, waiting] = ids.as_slice() else {
        panic!("five ids: {ids:?}");
    };
    for (id, wanted) in [
        (failed, "FAILURE"),
        (succeeded, "SUCCESS"),
        (same, "SUCCESS"),
        (held, "RECEIVED"),
        (waiting, "PENDING"),
    ] {
        wait_for(wanted, || (state(&running, id)? == wanted).then_some(()));
    }
    // The worker tells what it holds and how it is configured.
    let worker = json(&running, "/api/workers?refresh=1&workername=w%40test");
    assert_eq!(
        worker["w@test"]["scheduled"].as_array().map(Vec::len),
        Some(1)
    );
    // A search of an operator may hold it, and is written down.
    let search = format!("kwargs:password={SECRET}");
    let query = TaskQuery {
        search,
        ..TaskQuery::default()
    };
    let revoke = Command::Bulk {
        act: BulkAct::Revoke,
        tasks: BulkTarget::Query(Box::new(query)),
        expected: None,
    };
    let revoke = serde_json::to_string(&revoke).expect("JSON");
    let (status, answer) = running.post("/api/v1/commands", &revoke);
    // Nothing is left that it could find.
    assert_eq!(status, 409, "{answer}");

    let mut paths: Vec<String> = [
        "/",
        "/tasks",
        "/tasks?state=FAILURE",
        "/queues",
        "/queues?queue=unread",
        "/schedule",
        "/audit",
        "/undecodable",
        "/workers",
        "/worker/w%40test",
        "/metrics",
        "/api/tasks",
        "/api/workers?refresh=1&workername=w%40test",
        "/api/v1/snapshot?topic=overview",
        "/api/v1/snapshot?topic=tasks",
        "/api/v1/snapshot?topic=worker&name=w%40test",
        "/api/v1/snapshot?topic=undecodable",
        "/api/v1/queues/unread/messages",
        "/api/v1/workers/w%40test/report",
        "/api/v1/audit",
        "/api/v1/schedule",
        "/api/v1/search/suggestions?text=kwargs.password:",
        "/api/v1/search/suggestions?text=result.api_token:",
    ]
    .map(str::to_owned)
    .into();
    for id in &ids {
        paths.extend([
            format!("/task/{id}"),
            format!("/api/task/info/{id}"),
            format!("/api/task/result/{id}"),
            format!("/api/v1/snapshot?topic=task&id={id}"),
            format!("/api/v1/tasks/{id}/retry-plan"),
        ]);
    }
    for path in &paths {
        let (status, text) = running.get(path);
        assert!(status == 200 || status == 404, "{path}: {status} {text}");
        assert!(!text.contains(SECRET), "{path}: {text}");
    }
    // It was there, and what stands in its place is.
    let info = json(&running, &format!("/api/task/info/{failed}"));
    for field in ["args", "kwargs", "exception", "traceback"] {
        let text = info[field].as_str().unwrap_or_default();
        assert!(text.contains("[redacted]"), "{field}: {info}");
    }
    let result = json(&running, &format!("/api/task/info/{succeeded}"));
    assert_eq!(
        result["result"],
        "{'user': 'x', 'api_token': '[redacted]', 'nested': [{'cookie': '[redacted]'}]}"
    );
    // Nobody finds it by searching.
    let found = json(&running, &format!("/api/tasks?search={SECRET}"));
    assert_eq!(found.as_object().map(serde_json::Map::len), Some(0));

    a_retry_sends_what_was_there(&running, same);

    running.signal("-TERM");
    let mut lines = 0;
    while let Ok(line) = running.log.recv_timeout(PATIENCE) {
        assert!(!line.contains(SECRET), "{line}");
        lines += 1;
    }
    assert!(lines > 0);
    nothing_is_in_the_store(&folder, failed);
}

/// Looks into every file of the store for the secret, and for what must be there.
fn nothing_is_in_the_store(folder: &TempDir, id: &str) {
    let holds = |bytes: &[u8], text: &str| {
        bytes
            .windows(text.len())
            .any(|window| window == text.as_bytes())
    };
    let (mut is_kept, mut files) = (false, 0);
    for file in std::fs::read_dir(folder.path()).expect("the folder") {
        let path = file.expect("a file").path();
        let bytes = std::fs::read(&path).expect("its content");
        assert!(!holds(&bytes, SECRET), "{path:?}");
        is_kept |= holds(&bytes, "[redacted]") && holds(&bytes, "vault.login");
        files += 1;
    }
    assert!(is_kept, "the store has {id}, in one of {files} files");
}

/// Edits a task whose password is a mark, sends it, and sees that it came whole.
fn a_retry_sends_what_was_there(running: &Running, id: &str) {
    let plan = json(running, &format!("/api/v1/tasks/{id}/retry-plan"));
    assert_eq!(plan["draft"]["kwargs"]["password"], "[redacted]", "{plan}");
    let mut draft = plan["draft"].clone();
    draft["kwargs"]["user"] = "bob".into();
    let send = |draft: &Value| {
        let command = serde_json::json!({"send": {"task": draft}});
        running.post("/api/v1/commands", &command.to_string())
    };
    let (status, answer) = send(&draft);
    assert_eq!(status, 200, "{answer}");
    assert!(!answer.contains(SECRET), "{answer}");
    let start = answer.find("\r\n\r\n").expect("a body") + 4;
    let outcome: Value = serde_json::from_str(&answer[start..]).expect("an outcome");
    let id = outcome["task"].as_str().expect("the new task");
    wait_for("the retry", || {
        (state(running, id)? == "SUCCESS").then_some(())
    });
    let info = json(running, &format!("/api/task/info/{id}"));
    assert_eq!(info["result"], "'bob True'", "{info}");
    let kwargs = info["kwargs"].as_str().unwrap_or_default();
    assert!(kwargs.contains("'[redacted]'"), "{kwargs}");

    // A mark for which nothing is known is sent to nobody.
    draft["kwargs"]["other"] = "[redacted]".into();
    let (status, answer) = send(&draft);
    assert_eq!(status, 409, "{answer}");
    assert!(answer.contains("kwargs.other"), "{answer}");
    draft["retry_of"] = Value::Null;
    assert_eq!(send(&draft).0, 409);
}
