//! What the engine says of real workers when events are missing.

use crate::{
    celery::{Worker, command, ended, online, send},
    support::{Redis, eventually, eventually_of},
};
use model::{
    BrokerState, GapCause, Source, TaskDetail, TaskId, TaskQuery, TaskState, TaskSummary,
    WorkerStatus,
};
use monitor::{Monitor, MonitorConfig};
use std::{process::Stdio, time::Duration};

fn with_backend(redis: &Redis) -> impl FnOnce(&mut MonitorConfig) {
    let url = format!("redis://127.0.0.1:{}/1", redis.port);
    move |config| {
        config.result_backend = Some(protocol::RedisUrl::parse(&url).expect("a URL"));
        config.orphan_grace = Duration::from_secs(1);
    }
}

/// Runs a client's program and returns what it prints, a line each.
fn run(redis: &Redis, program: &str) -> Vec<String> {
    // Clients whose connections were killed complain at their end.
    let program = format!("import lab, os, sys\n{program}\nsys.stdout.flush()\nos._exit(0)");
    let output = command(redis)
        .args(["-c", &program])
        .stdout(Stdio::piped())
        .stderr(Stdio::inherit())
        .output()
        .expect("the client runs");
    assert!(output.status.success(), "the client failed");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    text.lines().map(str::to_owned).collect()
}

fn rows(monitor: &Monitor) -> Vec<TaskSummary> {
    let query = TaskQuery {
        limit: 1_000,
        ..TaskQuery::default()
    };
    monitor.tasks(&query).expect("a query").rows
}

async fn status(monitor: &Monitor, name: &str, status: WorkerStatus) {
    eventually(&format!("{status:?} of {name}"), || {
        let worker = monitor.worker(&name.into())?.summary;
        (worker.status == status).then_some(())
    })
    .await;
}

fn subscriptions(redis: &Redis) -> i64 {
    ::redis::cmd("CLIENT")
        .arg("KILL")
        .arg("TYPE")
        .arg("pubsub")
        .query(&mut redis.connection())
        .expect("Redis closes connections")
}

async fn started(monitor: &Monitor, id: &TaskId) -> TaskDetail {
    ended(monitor, id, TaskState::Started).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_workers_task_is_orphaned_and_has_its_result_after_redelivery() {
    let redis = Redis::start();
    let monitor = redis.monitor(with_backend(&redis));
    let mut first = Worker::start(&redis, "w1@lab", &["-E"]);
    online(&monitor, "w1@lab").await;
    let careful = send(&redis, "careful.delay()");
    let lost = send(&redis, "sleep.delay(600)");
    started(&monitor, &careful).await;
    started(&monitor, &lost).await;
    first.kill();
    status(&monitor, "w1@lab", WorkerStatus::Lost).await;
    let orphan = ended(&monitor, &lost, TaskState::Orphaned).await;
    let reason = orphan.attempts[0].reason.as_deref();
    assert!(
        reason.is_some_and(|r| r.contains("it is lost")),
        "{reason:?}"
    );
    let orphan = ended(&monitor, &careful, TaskState::Orphaned).await;
    let reason = orphan.attempts[0].reason.as_deref();
    assert!(
        reason.is_some_and(|r| r.contains("deliver it again")),
        "{reason:?}"
    );

    // kombu gives it back after the visibility timeout; here it is done at once.
    run(
        &redis,
        "with lab.app.connection_for_write() as connection:\n    \
         channel = connection.default_channel\n    \
         for tag in channel.client.hkeys('unacked'):\n        \
         channel.qos.restore_by_tag(tag.decode(), channel.client)",
    );
    let _second = Worker::start(&redis, "w2@lab", &["-E"]);
    let run = ended(&monitor, &careful, TaskState::Success).await;
    let attempts: Vec<_> = run
        .attempts
        .iter()
        .map(|a| (a.state.clone(), a.delivery))
        .collect();
    assert_eq!(
        attempts,
        [(TaskState::Orphaned, 1), (TaskState::Success, 2)]
    );
    assert_eq!(run.result.as_deref(), Some("'done'"));
    monitor.shutdown().await;
}

/// A Redis account for the dashboard alone, from which channels can be taken away.
const ACCOUNT: &str = "dash";

fn acl(redis: &Redis, rules: &[&str]) {
    let _: String = ::redis::cmd("ACL")
        .arg("SETUSER")
        .arg(ACCOUNT)
        .arg(rules)
        .query(&mut redis.connection())
        .expect("Redis takes rules");
}

/// Runs tasks while the dashboard cannot hear events: one that it saw start,
/// and others from beginning to end. Returns the first and the others.
async fn blackout(redis: &Redis, monitor: &Monitor) -> (TaskId, Vec<TaskId>) {
    online(monitor, "w1@lab").await;
    let first = send(redis, "add.delay(1, 1)");
    ended(monitor, &first, TaskState::Success).await;
    let before = send(redis, "sleep.delay(8)");
    started(monitor, &before).await;
    eventually("a heartbeat that counts both", || {
        let worker = monitor.worker(&"w1@lab".into())?.summary;
        (worker.processed == Some(2)).then_some(())
    })
    .await;
    // Redis closes subscriptions that are not allowed any more.
    acl(redis, &["resetchannels"]);
    eventually("the dashboard to be deaf", || {
        (!matches!(monitor.pulse().broker, BrokerState::Up { .. })).then_some(())
    })
    .await;
    let program = format!(
        "results = [lab.add.delay(n, n) for n in range(20)] + [lab.fail.delay()]\n\
         for r in results + [lab.app.AsyncResult('{before}')]: r.get(propagate=False)\n\
         print(*[r.id for r in results], sep='\\n')"
    );
    let unseen = run(redis, &program).into_iter().map(TaskId::from).collect();
    acl(redis, &["allchannels"]);
    (before, unseen)
}

fn deaf_at_will(redis: &Redis) -> protocol::RedisUrl {
    acl(redis, &["on", ">pw", "~*", "&*", "+@all"]);
    let url = format!("redis://{ACCOUNT}:pw@127.0.0.1:{}/0", redis.port);
    protocol::RedisUrl::parse(&url).expect("a URL")
}

/// Waits for the gap of the worker that missed all of these.
async fn missed_gap(monitor: &Monitor, count: usize) -> model::Gap {
    let is_it =
        |gap: &model::Gap| gap.cause == GapCause::EventsMissed && gap.missed == Some(count as u64);
    let find = || {
        let gaps = monitor.pulse().gaps;
        gaps.iter().find(|gap| is_it(gap)).cloned().ok_or(gaps)
    };
    let gap = eventually_of(find, |gaps| {
        let worker = monitor.worker(&"w1@lab".into()).map(|w| w.summary);
        format!("a loss of {count}; there are {gaps:?} and {worker:?}")
    })
    .await;
    assert_eq!(gap.worker, Some("w1@lab".into()));
    assert_eq!(monitor.pulse().missed_total, count as u64);
    let worker = monitor.worker(&"w1@lab".into()).expect("it is known");
    assert_eq!(worker.summary.missed, count as u64);
    gap
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_lost_subscription_missed_is_counted_exactly_and_what_ran_is_repaired() {
    let redis = Redis::start();
    let monitor = redis.monitor(|config| {
        with_backend(&redis)(config);
        config.broker = deaf_at_will(&redis);
    });
    let _worker = Worker::start(&redis, "w1@lab", &["-E"]);
    let (before, unseen) = blackout(&redis, &monitor).await;
    missed_gap(&monitor, unseen.len()).await;
    // What was running then ended as the backend says.
    let found = ended(&monitor, &before, TaskState::Success).await;
    assert!(found.summary.is_repaired);
    assert!(found.sources.contains(&Source::Result));
    assert!(found.summary.runtime_seconds.is_some());
    // Of the others nothing but their number is known.
    assert!(unseen.iter().all(|id| monitor.task(id).is_none()));
    monitor.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_lost_subscription_missed_is_found_again_by_the_announcements() {
    let redis = Redis::start();
    let monitor = redis.monitor(|config| {
        with_backend(&redis)(config);
        config.broker = deaf_at_will(&redis);
        config.result_stream = true;
    });
    let _worker = Worker::start(&redis, "w1@lab", &["-E"]);
    let (before, unseen) = blackout(&redis, &monitor).await;
    missed_gap(&monitor, unseen.len()).await;
    for id in unseen.iter().chain([&before]) {
        let stored = monitor.result(id).await.expect("it answers");
        let stored = stored.expect("a result is kept");
        let found = ended(&monitor, id, stored.state).await;
        assert!(found.summary.is_repaired);
    }
    eventually("all to count as found", || {
        let gaps = monitor.pulse().gaps;
        let gap = gaps
            .iter()
            .find(|gap| gap.cause == GapCause::EventsMissed)?;
        (Some(gap.recovered) == gap.missed).then_some(())
    })
    .await;
    monitor.shutdown().await;
}

/// A message of events as a worker publishes it.
fn message(events: &serde_json::Value) -> String {
    serde_json::json!({
        "body": events.to_string(),
        "content-type": "application/json",
        "content-encoding": "utf-8",
        "headers": {},
        "properties": {"body_encoding": "utf-8"},
    })
    .to_string()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_flood_cost_is_counted_to_the_last_task() {
    const TASKS: u64 = 40_000;
    let redis = Redis::start();
    let monitor = redis.monitor(|config| {
        // Room for some hundred messages.
        config.buffer_bytes = 1 << 16;
        config.max_tasks = 1_000;
    });
    eventually("the subscription", || {
        matches!(monitor.pulse().broker, BrokerState::Up { .. }).then_some(())
    })
    .await;
    let event = |kind: &str, more: serde_json::Value| {
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
        let mut event = serde_json::json!({
            "type": kind, "hostname": "w@flood", "pid": 7,
            "timestamp": now.expect("a time after 1970").as_secs_f64(),
        });
        if let (Some(event), Some(more)) = (event.as_object_mut(), more.as_object()) {
            event.extend(more.clone());
        }
        event
    };
    let beat = |processed: u64| {
        let more = serde_json::json!({"processed": processed, "active": 0, "freq": 2.0});
        message(&event("worker-heartbeat", more))
    };
    let task = |number: u64| {
        let id = serde_json::json!({"uuid": format!("{number}"), "name": "flood.task"});
        let kinds = ["task-received", "task-started", "task-succeeded"];
        let events: Vec<_> = kinds.map(|kind| event(kind, id.clone())).into();
        message(&events.into())
    };
    let mut connection = redis.connection();
    let mut publish = |messages: Vec<String>| {
        let mut pipeline = ::redis::pipe();
        for message in messages {
            pipeline.publish("/0.celeryev/task.multi", message).ignore();
        }
        pipeline
            .query::<()>(&mut connection)
            .expect("Redis takes messages");
    };
    publish(vec![beat(0), task(0)]);
    eventually("the first task", || {
        monitor
            .worker(&"w@flood".into())?
            .summary
            .events
            .started
            .checked_sub(1)
    })
    .await;
    publish((1..TASKS).map(&task).collect());
    let worker = eventually("seen and missed to add up", || {
        std::thread::sleep(Duration::from_millis(200));
        publish(vec![beat(TASKS)]);
        let worker = monitor.worker(&"w@flood".into())?.summary;
        (worker.events.started + worker.missed == TASKS).then_some(worker)
    })
    .await;
    let pulse = monitor.pulse();
    assert!(pulse.dropped_total > 0, "the flood was too small");
    // A dropped message is a task here, or one of the heartbeats.
    assert!(worker.missed <= pulse.dropped_total);
    assert_eq!(pulse.missed_total, worker.missed);
    monitor.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn tasks_that_no_event_told_of_come_from_the_announcements_of_results() {
    let redis = Redis::start();
    let monitor = redis.monitor(|config| {
        with_backend(&redis)(config);
        config.result_stream = true;
        config.enable_events = false;
    });
    let _worker = Worker::start(&redis, "quiet@lab", &["-P", "threads"]);
    online(&monitor, "quiet@lab").await;
    let id = send(&redis, "fail.delay()");
    let failed = ended(&monitor, &id, TaskState::Failure).await;
    assert_eq!(failed.exception.as_deref(), Some("ValueError('always')"));
    assert!(failed.traceback.is_some_and(|text| text.contains("lab.py")));
    assert!(failed.summary.is_repaired);
    assert!(failed.sources.contains(&Source::Result));
    monitor.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_chain_that_fails_shows_the_failure_of_the_parts_that_never_ran() {
    let redis = Redis::start();
    let monitor = redis.monitor(|config| {
        with_backend(&redis)(config);
        config.result_stream = true;
    });
    let _worker = Worker::start(&redis, "w1@lab", &["-E"]);
    online(&monitor, "w1@lab").await;
    let program = "r = (lab.fail.si() | lab.add.si(1, 1) | lab.add.si(2, 2)).delay()\nprint(r.parent.parent.id, r.parent.id, r.id, sep='\\n')";
    let chain: Vec<TaskId> = run(&redis, program).into_iter().map(TaskId::from).collect();
    let first = ended(&monitor, &chain[0], TaskState::Failure).await;
    assert!(!first.summary.is_repaired, "its events told all of it");
    for id in &chain[1..] {
        let part = ended(&monitor, id, TaskState::Failure).await;
        assert_eq!(part.sources, [Source::Result]);
        assert_eq!(part.summary.started, None);
    }
    // Results come for every task; those that events told of stay what they are.
    let id = send(&redis, "add.delay(2, 3)");
    ended(&monitor, &id, TaskState::Success).await;
    tokio::time::sleep(Duration::from_secs(3)).await;
    let task = monitor.task(&id).expect("it is known");
    assert_eq!(task.sources, [Source::Event]);
    monitor.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dashboard_that_starts_late_shows_what_runs_is_reserved_scheduled_and_waits() {
    let redis = Redis::start();
    let early = redis.monitor(with_backend(&redis));
    let _worker = Worker::start(&redis, "w1@lab", &["-E", "-c", "1"]);
    online(&early, "w1@lab").await;
    let running = send(&redis, "sleep.delay(600)");
    started(&early, &running).await;
    let reserved = send(&redis, "add.delay(1, 2)");
    ended(&early, &reserved, TaskState::Received).await;
    let scheduled = send(&redis, "add.apply_async((3, 4), countdown=3600)");
    eventually("the scheduled one", || {
        early.task(&scheduled)?.summary.received
    })
    .await;
    early.shutdown().await;
    let waiting = send(
        &redis,
        "add.apply_async((5, 6), kwargs={}, queue='nobody', priority=9)",
    );

    let late = redis.monitor(with_backend(&redis));
    let find = async |id: &TaskId, state: TaskState| ended(&late, id, state).await;
    let task = find(&running, TaskState::Started).await;
    assert_eq!(task.args.as_deref(), Some("(600,)"));
    assert_eq!(task.summary.worker, Some("w1@lab".into()));
    assert!(task.summary.started.is_some());
    assert_eq!(task.summary.name, Some("lab.sleep".into()));
    let task = find(&reserved, TaskState::Received).await;
    assert_eq!(task.args.as_deref(), Some("(1, 2)"));
    assert_eq!(task.summary.queue, Some("lab".into()));
    let task = find(&scheduled, TaskState::Received).await;
    assert!(task.summary.eta.is_some());
    let task = find(&waiting, TaskState::Pending).await;
    assert_eq!(task.args.as_deref(), Some("(5, 6)"));
    assert_eq!(task.summary.queue, Some("nobody".into()));
    assert!(task.sources.contains(&Source::Message));
    assert_eq!(rows(&late).len(), 4);
    assert!(rows(&late).iter().all(|row| row.is_repaired));
    late.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_solo_worker_is_busy_while_it_runs_and_lost_when_it_is_killed() {
    let redis = Redis::start();
    let monitor = redis.monitor(with_backend(&redis));
    let mut worker = Worker::start(&redis, "solo@lab", &["-E", "-P", "solo"]);
    online(&monitor, "solo@lab").await;
    eventually("its pool", || {
        let pool = monitor.worker(&"solo@lab".into())?.summary.pool?;
        (pool == "solo").then_some(())
    })
    .await;
    let short = send(&redis, "sleep.delay(12)");
    status(&monitor, "solo@lab", WorkerStatus::Busy).await;
    ended(&monitor, &short, TaskState::Success).await;
    status(&monitor, "solo@lab", WorkerStatus::Online).await;
    send(&redis, "sleep.delay(600)");
    status(&monitor, "solo@lab", WorkerStatus::Busy).await;
    worker.kill();
    status(&monitor, "solo@lab", WorkerStatus::Lost).await;
    monitor.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_warm_shutdown_shows_as_stopping_and_then_offline() {
    let redis = Redis::start();
    let monitor = redis.monitor(with_backend(&redis));
    let worker = Worker::start(&redis, "w1@lab", &["-E"]);
    online(&monitor, "w1@lab").await;
    let id = send(&redis, "sleep.delay(6)");
    started(&monitor, &id).await;
    // The heartbeat after the start tells that a task is active.
    eventually("an active task", || {
        (monitor.worker(&"w1@lab".into())?.summary.active == Some(1)).then_some(())
    })
    .await;
    let pid = worker.0.0.id().to_string();
    let sent = std::process::Command::new("kill")
        .args(["-TERM", &pid])
        .status();
    assert!(sent.expect("kill runs").success());
    status(&monitor, "w1@lab", WorkerStatus::Stopping).await;
    ended(&monitor, &id, TaskState::Success).await;
    status(&monitor, "w1@lab", WorkerStatus::Offline).await;
    monitor.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn tasks_that_send_no_events_are_named_and_are_no_loss() {
    let redis = Redis::start();
    let monitor = redis.monitor(with_backend(&redis));
    let _worker = Worker::start(&redis, "w1@lab", &["-E"]);
    online(&monitor, "w1@lab").await;
    ended(
        &monitor,
        &send(&redis, "add.delay(1, 1)"),
        TaskState::Success,
    )
    .await;
    eventually("its first statistics", || {
        monitor.worker(&"w1@lab".into())?.summary.slots
    })
    .await;
    let worker = eventually("the type to be named", || {
        send(&redis, "silent.delay()");
        let worker = monitor.worker(&"w1@lab".into())?.summary;
        (!worker.silent_types.is_empty()).then_some(worker)
    })
    .await;
    assert_eq!(worker.silent_types, ["lab.silent".into()]);
    assert_eq!(worker.missed, 0);
    assert_eq!(monitor.pulse().missed_total, 0);
    monitor.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_workers_of_one_name_are_both_shown() {
    let redis = Redis::start();
    let monitor = redis.monitor(|_| {});
    let quiet = [
        "--without-heartbeat",
        "--without-gossip",
        "--without-mingle",
    ];
    let _one = Worker::start(&redis, "twin@lab", &quiet);
    let _two = Worker::start(&redis, "twin@lab", &quiet);
    eventually("both processes", || {
        let rows = monitor.workers().rows;
        let online = rows.iter().filter(|row| row.status == WorkerStatus::Online);
        let known = online.filter(|row| row.pid != 0).count();
        (known == 2).then_some(())
    })
    .await;
    monitor.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_closed_subscription_that_missed_nothing_is_a_gap_without_loss() {
    let redis = Redis::start();
    let monitor = redis.monitor(with_backend(&redis));
    let _worker = Worker::start(&redis, "w1@lab", &["-E"]);
    online(&monitor, "w1@lab").await;
    ended(
        &monitor,
        &send(&redis, "add.delay(1, 1)"),
        TaskState::Success,
    )
    .await;
    assert!(subscriptions(&redis) > 0);
    eventually("the gap", || {
        let gaps = monitor.pulse().gaps;
        gaps.into_iter().find(|gap| gap.end.is_some())
    })
    .await;
    ended(
        &monitor,
        &send(&redis, "add.delay(1, 1)"),
        TaskState::Success,
    )
    .await;
    eventually("two heartbeats", || {
        let worker = monitor.worker(&"w1@lab".into())?.summary;
        (worker.processed == Some(2) && worker.events.heartbeats > 4).then_some(())
    })
    .await;
    assert_eq!(monitor.pulse().missed_total, 0);
    monitor.shutdown().await;
}
