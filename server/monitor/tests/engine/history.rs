//! What outlives the dashboard: a restart, and a death in the middle of work.

use crate::support::{PATIENCE, Process, Redis, eventually, eventually_of, golden_events, is_up};
use ::redis::Commands;
use model::{
    Caller, Command, Destination, Door, GapCause, HistoryState, Role, TaskDetail, TaskId,
    TaskQuery, TaskState,
};
use monitor::{
    Monitor, MonitorConfig,
    history::{Store, StoreConfig},
};
use protocol::RedisUrl;
use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    process::{Command as Program, Stdio},
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

/// Kills of a dashboard at work; `make test` has time for few.
const KILLS_VARIABLE: &str = "CELERIAC_KILLS";

/// Seconds before a kill from which on everything must have been saved, which
/// can be asked of a machine that does nothing else. It is one second there.
const LOSS_VARIABLE: &str = "CELERIAC_KILL_LOSS_SECONDS";

/// Tells the child's test which broker and which file are its own.
const CHILD_VARIABLE: &str = "CELERIAC_KILL_CHILD";

fn number(variable: &str, default: u64) -> u64 {
    let text = std::env::var(variable);
    text.map_or(default, |text| text.parse().expect("it is a number"))
}

fn folder() -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().expect("a folder for the store");
    let file = folder.path().join("history.db");
    (folder, file)
}

fn tasks(monitor: &Monitor) -> BTreeMap<TaskId, TaskDetail> {
    let query = TaskQuery {
        limit: 1_000,
        ..TaskQuery::default()
    };
    let page = monitor.tasks(&query).expect("a query without search");
    let ids = page.rows.into_iter().map(|row| row.id);
    ids.map(|id| (id.clone(), monitor.task(&id).expect("it is known")))
        .collect()
}

fn admin() -> Caller {
    Caller {
        name: "anna".to_owned(),
        role: Role::Admin,
        from: None,
        door: Door::Api,
    }
}

fn audit_numbers(monitor: &Monitor) -> Vec<u64> {
    let snapshot = monitor.snapshot(&model::Topic::Audit);
    match snapshot.expect("the log can be read").view {
        model::View::Audit(log) => log.entries.iter().map(|entry| entry.number).collect(),
        other => panic!("no audit log: {other:?}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restart_keeps_tasks_with_their_attempts_the_audit_log_gaps_and_counters() {
    let redis = Redis::start();
    let (_folder, file) = folder();
    let start = || redis.monitor(|config| config.store = Some(StoreConfig::Sqlite(file.clone())));
    let first = start();
    is_up(&first).await;
    let mut connection = redis.connection();
    for file in ["c570.retried.jsonl", "c570.failed.jsonl"] {
        for (_, channel, payload) in golden_events(file) {
            let _: u64 = connection.publish(channel, payload).expect("it is sent");
        }
    }
    eventually("the ends of all tasks", || {
        let tasks = tasks(&first);
        let is_over = tasks.values().all(|task| task.summary.state.is_finished());
        (tasks.len() == 7 && is_over).then_some(())
    })
    .await;
    // Nobody answers, which is an end as well.
    let ping = Command::Ping {
        workers: Destination::All,
    };
    first.run(&admin(), ping.clone()).await.ok();
    assert_eq!(audit_numbers(&first), [1]);
    first.shutdown().await;
    let (before, pulse) = (tasks(&first), first.pulse());
    assert!(before.values().any(|task| task.attempts.len() == 3));
    assert!(before.values().any(|task| task.traceback.is_some()));
    drop(first);

    let second = start();
    assert_eq!(tasks(&second), before);
    assert_eq!(audit_numbers(&second), [1]);
    is_up(&second).await;
    second.run(&admin(), ping).await.ok();
    assert_eq!(audit_numbers(&second), [2, 1]);
    let after = second.pulse();
    assert!(pulse.events_total > 0);
    assert_eq!(after.events_total, pulse.events_total);
    let [gap] = after.gaps.as_slice() else {
        panic!("one absence is one gap: {:?}", after.gaps);
    };
    assert_eq!(gap.cause, GapCause::DashboardDown);
    assert!(gap.end.is_some(), "it is over");
    second.shutdown().await;
}

/// Returns how many events a message holds.
fn count(payload: &[u8]) -> u64 {
    let message: serde_json::Value = serde_json::from_slice(payload).expect("JSON");
    let body = message["body"].as_str().expect("a text");
    let body = match message["properties"]["body_encoding"].as_str() {
        Some("base64") => {
            let bytes = base64_simd::STANDARD.decode_to_vec(body).expect("base64");
            String::from_utf8(bytes).expect("UTF-8")
        }
        _ => body.to_owned(),
    };
    let events: serde_json::Value = serde_json::from_str(&body).expect("JSON");
    events.as_array().map_or(1, |events| events.len() as u64)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_task_that_ran_before_a_restart_ends_after_it() {
    let redis = Redis::start();
    let (_folder, file) = folder();
    let start = || redis.monitor(|config| config.store = Some(StoreConfig::Sqlite(file.clone())));
    let events = golden_events("c570.ok.jsonl");
    let first = start();
    is_up(&first).await;
    let mut connection = redis.connection();
    let (before, after) = events.split_at(events.len() / 2);
    for (_, channel, payload) in before {
        let _: u64 = connection.publish(channel, payload).expect("it is sent");
    }
    let sent: u64 = before.iter().map(|(_, _, payload)| count(payload)).sum();
    eventually("all of the events", || {
        (first.pulse().events_total == sent).then_some(())
    })
    .await;
    first.shutdown().await;
    drop(first);
    let second = start();
    is_up(&second).await;
    for (_, channel, payload) in after {
        let _: u64 = connection.publish(channel, payload).expect("it is sent");
    }
    let find = || {
        let tasks = tasks(&second);
        let is_whole = |task: &TaskDetail| {
            task.summary.state == TaskState::Success && task.args.as_deref().is_some()
        };
        let is_found = tasks.len() == 2 && tasks.values().all(is_whole);
        is_found.then_some(()).ok_or(tasks)
    };
    eventually_of(find, |tasks| {
        format!("two tasks that succeeded, with what was told before: {tasks:?}")
    })
    .await;
    second.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_dashboard_begins_without_history_only_where_nobody_named_the_file() {
    let redis = Redis::start();
    let (_folder, file) = folder();
    let named = StoreConfig::Sqlite(file);
    let first = redis.monitor(|config| config.store = Some(named.clone()));
    let second = redis.monitor(|config| {
        config.store = Some(named.clone());
        config.is_store_optional = true;
    });
    let HistoryState::Unavailable { cause } = second.pulse().history.state else {
        panic!("it does not say so: {:?}", second.pulse().history);
    };
    assert!(cause.contains("already writes"), "{cause}");
    is_up(&second).await;
    let mut config = MonitorConfig::new(RedisUrl::parse(&redis.url()).expect("a URL"));
    config.store = Some(named);
    let error = Monitor::start(config).expect_err("it is in use");
    assert!(
        matches!(
            error,
            monitor::StartError::History(monitor::history::HistoryError::InUse { .. })
        ),
        "{error:?}"
    );
    assert_eq!(first.pulse().history.state, HistoryState::Kept);
    first.shutdown().await;
    second.shutdown().await;
}

/// The process that is killed: this very test binary, which runs this alone.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "a part that a child process of another test plays"]
async fn a_dashboard_to_be_killed() {
    let Ok(text) = std::env::var(CHILD_VARIABLE) else {
        return;
    };
    let (url, file) = text.split_once(' ').expect("a URL and a path");
    let mut config = MonitorConfig::new(RedisUrl::parse(url).expect("a URL"));
    config.store = Some(StoreConfig::Sqlite(file.into()));
    let _monitor = Monitor::start(config).expect("the engine starts");
    std::future::pending::<()>().await;
}

fn child(redis: &Redis, file: &Path) -> Process {
    let test = "history::a_dashboard_to_be_killed";
    let child = Program::new(std::env::current_exe().expect("this binary"))
        .args(["--ignored", "--exact", test])
        .env(
            CHILD_VARIABLE,
            format!("{} {}", redis.url(), file.display()),
        )
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn();
    Process(child.expect("it starts"))
}

fn id_of(number: u64) -> TaskId {
    format!("8f14e45f-ceea-467f-a1b2-{number:012x}")
        .as_str()
        .into()
}

/// One message with the start of many tasks.
fn message(numbers: std::ops::Range<u64>) -> String {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    let now = now.expect("it is after 1970").as_secs_f64();
    let events: Vec<serde_json::Value> = numbers
        .flat_map(|number| {
            let event = |kind: &str, more: serde_json::Value| {
                let mut event = serde_json::json!({
                    "type": kind, "uuid": id_of(number).as_str(), "hostname": "celery@pay-1",
                    "pid": 77, "clock": number, "timestamp": now, "utcoffset": 0,
                });
                if let (Some(event), Some(more)) = (event.as_object_mut(), more.as_object()) {
                    event.extend(more.clone());
                }
                event
            };
            let received = serde_json::json!({
                "name": "shop.pay", "args": format!("({number}, 'anna{number}@example.org')"),
                "kwargs": "{}", "retries": 0, "root_id": id_of(number).as_str(),
            });
            let succeeded = serde_json::json!({"result": "'paid'", "runtime": 0.01});
            [
                event("task-received", received),
                event("task-started", serde_json::json!({})),
                event("task-succeeded", succeeded),
            ]
        })
        .collect();
    serde_json::json!({
        "body": serde_json::Value::from(events).to_string(),
        "content-type": "application/json", "content-encoding": "utf-8",
        "headers": {}, "properties": {"body_encoding": "utf-8"},
    })
    .to_string()
}

/// Sends 5,000 events a second for a while that differs from kill to kill, until
/// `is_saving`; returns when each of them was sent.
fn flood(
    redis: &Redis,
    first: u64,
    length: Duration,
    is_saving: impl Fn() -> bool,
) -> Vec<Instant> {
    const AT_ONCE: u64 = 16;
    let mut connection = redis.connection();
    let begun = Instant::now();
    let mut sent = Vec::new();
    while begun.elapsed() < length || !is_saving() {
        assert!(begun.elapsed() < PATIENCE, "it never saves");
        let next = first + sent.len() as u64;
        let message = message(next..next + AT_ONCE);
        let listeners: u64 = connection
            .publish("/0.celeryev/task.multi", message)
            .expect("it is sent");
        assert_eq!(listeners, 1);
        sent.extend([Instant::now(); AT_ONCE as usize]);
        // Three events each.
        let due = begun + Duration::from_secs_f64(sent.len() as f64 * 3.0 / 5_000.0);
        std::thread::sleep(due.saturating_duration_since(Instant::now()));
    }
    sent
}

#[test]
fn a_kill_under_load_costs_the_last_moments_and_never_the_file() {
    let redis = Redis::start();
    let (_folder, file) = folder();
    let config = StoreConfig::Sqlite(file.clone());
    let is_timed = std::env::var(LOSS_VARIABLE).is_ok();
    let loss = Duration::from_secs(number(LOSS_VARIABLE, 0));
    let mut first = 0;
    let mut lost_most = 0;
    for kill in 0..number(KILLS_VARIABLE, 2) {
        let mut dashboard = child(&redis, &file);
        let listens = |connection: &mut ::redis::Connection| {
            let count: u64 = ::redis::cmd("PUBSUB")
                .arg("NUMPAT")
                .query(connection)
                .expect("Redis counts patterns");
            // Both spellings of the channel.
            count == 2
        };
        let deadline = Instant::now() + PATIENCE;
        while !listens(&mut redis.connection()) {
            assert!(Instant::now() < deadline, "it never listens");
            std::thread::sleep(Duration::from_millis(20));
        }
        let length = loss + Duration::from_millis(500 + kill * 377 % 1_000);
        let is_saving = || {
            let store = Store::open_to_read(&config).expect("it can be read meanwhile");
            let found = store.task(&id_of(first)).expect("it can be read");
            found.is_some()
        };
        let sent = flood(&redis, first, length, is_saving);
        let killed = Instant::now();
        dashboard.kill();
        let store = Store::open(&config).expect("the file is whole");
        assert_eq!(store.set_aside(), None, "kill {kill} damaged the file");
        let is_lost = |at: &u64| {
            let found = store.task(&id_of(first + at)).expect("it can be read");
            found.is_none()
        };
        let lost_places: Vec<u64> = (0..sent.len() as u64).filter(is_lost).collect();
        let lost = lost_places.len() as u64;
        let oldest = lost_places.first().map(|at| killed - sent[*at as usize]);
        assert!(
            !is_timed || oldest.is_none_or(|age| age <= loss),
            "kill {kill} lost {lost} of {}, from {:?} to {:?}, the oldest sent {oldest:?} before",
            sent.len(),
            lost_places.first(),
            lost_places.last(),
        );
        assert!(lost < sent.len() as u64, "kill {kill}: nothing was saved");
        lost_most = lost_most.max(lost);
        first += sent.len() as u64;
    }
    eprintln!("at most {lost_most} tasks were lost at a kill, of 1,667 a second");
}
