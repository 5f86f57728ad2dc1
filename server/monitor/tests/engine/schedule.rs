//! What is to run at a time: beat's entries, `RedBeat`'s keys, tasks with an ETA.

use crate::{
    celery::{Worker, command, ended, online, send},
    support::{PATIENCE, Process, Redis, eventually, is_up, root},
};
use model::{
    Caller, Door, ErrorKind, Outcome, Role, Schedule, ScheduleEntry, ScheduleKey, ScheduleSource,
    TaskState, Timestamp, Topic, View, WireError,
};
use monitor::Monitor;
use std::{os::unix::process::CommandExt, process::Stdio};

fn entry<'s>(schedule: &'s Schedule, name: &str) -> Option<&'s ScheduleEntry> {
    schedule.entries.iter().find(|entry| entry.key.name == name)
}

fn now() -> Timestamp {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    Timestamp::from_seconds(since.expect("after 1970").as_secs_f64()).expect("a time")
}

/// Asks the workers, as a page does, until they told their entries.
async fn told(monitor: &Monitor) -> Schedule {
    let deadline = std::time::Instant::now() + PATIENCE;
    loop {
        monitor.inspect(None).await.expect("workers are asked");
        let schedule = monitor.schedule();
        if !schedule.entries.is_empty() {
            return schedule;
        }
        assert!(std::time::Instant::now() < deadline, "nobody told");
    }
}

/// Sends the task of an entry of the configuration.
async fn run(monitor: &Monitor, name: &str) -> Result<Outcome, WireError> {
    let caller = Caller {
        name: "tester".to_owned(),
        role: Role::Operator,
        from: None,
        door: Door::Page,
    };
    let entry = ScheduleKey {
        source: ScheduleSource::Configuration,
        name: name.to_owned(),
    };
    monitor
        .run(&caller, model::Command::RunEntry { entry })
        .await
}

#[tokio::test(flavor = "multi_thread")]
async fn the_runs_of_a_real_beat_are_seen_and_missed_ones_counted() {
    let redis = Redis::start();
    let monitor = redis.monitor(|_| {});
    is_up(&monitor).await;
    let folder = tempfile::tempdir().expect("a folder for beat");
    let _worker = Process(
        command(&redis)
            .env("BEAT", "1")
            .args(["-m", "celery", "-A", "lab", "worker", "-E", "-P", "threads"])
            .args(["-c", "2", "-n", "w1@lab"])
            .spawn()
            .expect("the worker starts"),
    );
    let mut beat = Process(
        command(&redis)
            .env("BEAT", "1")
            .args(["-m", "celery", "-A", "lab", "beat", "-s"])
            .arg(folder.path().join("schedule"))
            .arg("--pidfile=")
            .process_group(0)
            .stdin(Stdio::null())
            .spawn()
            .expect("beat starts"),
    );
    online(&monitor, "w1@lab").await;
    let told = told(&monitor).await;
    assert!(told.asked.is_some());
    let nightly = entry(&told, "nightly").expect("the worker tells of it");
    assert_eq!(nightly.key.source, ScheduleSource::Configuration);
    assert_eq!(nightly.schedule, "at 03:30 every day");
    assert_eq!(nightly.zone, "Europe/Berlin");
    assert_eq!(nightly.task.as_str(), "lab.fail");
    assert_eq!(nightly.queue.as_ref().map(|q| q.as_str()), Some("low"));
    let next = nightly.next_run.expect("it is due");
    let in_seconds = next.seconds_since(now());
    // A day is 25 hours long once a year.
    assert!((0.0..=25.0 * 3600.0).contains(&in_seconds), "{in_seconds}");
    let minute = next.0 / 60_000_000;
    assert_eq!((next.0 % 60_000_000, minute % 60), (0, 30));
    let tick = entry(&told, "tick").expect("the worker tells of it");
    assert_eq!(
        (tick.schedule.as_str(), tick.args.as_str()),
        ("every second", "[1,1]")
    );

    let seen = eventually("two runs", || {
        let schedule = monitor.schedule();
        let tick = entry(&schedule, "tick")?.clone();
        (tick.last_run? > now().plus_seconds(-3.0)).then_some(tick)
    })
    .await;
    let task = seen.last_task.clone().expect("its task");
    let task = eventually("its end", || {
        let task = monitor.task(&task)?;
        (task.summary.state == TaskState::Success).then_some(task)
    })
    .await;
    assert_eq!(task.args.as_deref(), Some("[1, 1]"));
    assert_eq!(task.summary.sent, seen.last_run);
    assert_eq!(
        seen.next_run,
        seen.last_run.map(|last| last.plus_seconds(1.0))
    );
    assert_eq!(seen.missed, 0);
    eventually("the answer of beat", || {
        (monitor.schedule().is_beat_alive == Some(true)).then_some(())
    })
    .await;

    let nightly = run(&monitor, "nightly").await.expect("it is sent");
    let peek = monitor.peek(&"low".into(), 0, 10).await.expect("messages");
    let [waiting] = peek.messages.as_slice() else {
        panic!("one waits: {peek:?}");
    };
    assert_eq!(waiting.id, nightly.task);
    assert_eq!((waiting.step, waiting.args.as_deref()), (9, Some("[]")));
    let by_hand = run(&monitor, "tick").await.expect("it is sent");
    let by_hand = by_hand.task.expect("its id");
    ended(&monitor, &by_hand, TaskState::Success).await;
    let last = entry(&monitor.schedule(), "tick").map(|tick| tick.last_task.clone());
    assert_ne!(
        last,
        Some(Some(by_hand)),
        "a run by hand is not the schedule's"
    );
    let told = monitor.schedule();
    let login = entry(&told, "login").expect("the worker tells of it");
    assert_eq!(login.kwargs.as_str(), r#"{"password":"[redacted]","x":1}"#);
    let hides = "It cannot be run from here: Celery hides part of its arguments";
    assert_eq!(login.problem.as_deref(), Some(hides));
    let refused = run(&monitor, "login").await.expect_err("it is not told");
    assert_eq!(
        (refused.kind, refused.message),
        (ErrorKind::Conflict, format!("{hides}."))
    );
    let bare = run(&monitor, "bare").await.expect("it is sent");
    assert_eq!(
        bare.notes.last().map(String::as_str),
        Some("Options of the entry that were not sent with it: expires, shadow.")
    );
    let unknown = run(&monitor, "weekly").await.expect_err("no such entry");
    assert_eq!(unknown.kind, ErrorKind::NotFound);

    beat.kill();
    eventually("runs that were missed", || {
        let schedule = monitor.schedule();
        (entry(&schedule, "tick")?.missed >= 2).then_some(())
    })
    .await;
    assert_eq!(
        entry(&monitor.schedule(), "nightly").map(|e| e.missed),
        Some(0)
    );
    eventually("the end of beat", || {
        (monitor.schedule().is_beat_alive == Some(false)).then_some(())
    })
    .await;
    monitor.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn tasks_with_an_eta_are_listed_by_their_time() {
    let redis = Redis::start();
    let monitor = redis.monitor(|_| {});
    is_up(&monitor).await;
    let _worker = Worker::start(&redis, "w1@lab", &["-E", "-P", "threads"]);
    online(&monitor, "w1@lab").await;
    let late = send(&redis, "add.apply_async((1, 2), countdown=7200)");
    let soon = send(&redis, "add.apply_async((1, 1), countdown=3600)");
    send(&redis, "add.delay(2, 2)");
    let tasks = eventually("both", || {
        let schedule = monitor.schedule();
        let are_held = schedule.tasks.iter().all(|task| task.worker.is_some());
        (schedule.tasks_total == 2 && are_held).then_some(schedule.tasks)
    })
    .await;
    assert_eq!([&tasks[0].id, &tasks[1].id], [&soon, &late]);
    assert_eq!(tasks[0].worker, Some("w1@lab".into()));
    assert_eq!(tasks[0].name, Some("lab.add".into()));
    assert_eq!(tasks[0].queue, Some("lab".into()));
    let in_seconds = tasks[0].eta.seconds_since(now());
    assert!((3000.0..=3600.0).contains(&in_seconds), "{in_seconds}");

    // Another dashboard that heard no event finds them by asking, when somebody looks.
    let other = redis.monitor(|_| {});
    let found = eventually("the same", || {
        let View::Schedule(shown) = other.snapshot(&Topic::Schedule).ok()?.view else {
            return None;
        };
        (shown.tasks.len() == 2).then_some(shown.tasks)
    })
    .await;
    let ids: Vec<_> = found.iter().map(|task| &task.id).collect();
    assert_eq!(ids, [&soon, &late]);
    monitor.shutdown().await;
    other.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_keys_of_redbeat_are_read_as_they_are() {
    let redis = Redis::start();
    let mut connection = redis.connection();
    let path = root().join("server/protocol/tests/golden/c570.redbeat.jsonl");
    let text = std::fs::read_to_string(path).expect("the capture is there");
    let due = now().plus_seconds(1_000.0).as_seconds().floor();
    for line in text.lines() {
        let line: serde_json::Value = serde_json::from_str(line).expect("a line is JSON");
        let key = line["key"]
            .as_str()
            .expect("a key")
            .replace("redbeat:", "rb:");
        let payload = &line["payload"];
        let command = match line["type"].as_str().expect("a type") {
            "hash" => {
                let mut command = ::redis::cmd("HSET");
                command.arg(&key);
                for (name, value) in payload.as_object().expect("fields") {
                    command.arg(name).arg(value.as_str().expect("a text"));
                }
                command
            }
            "zset" => {
                let mut command = ::redis::cmd("ZADD");
                command.arg(&key);
                for (place, member) in payload.as_array().expect("members").iter().enumerate() {
                    let name = member[0].as_str().expect("a name");
                    command.arg(due + place as f64);
                    command.arg(name.replace("redbeat:", "rb:"));
                }
                command
            }
            "string" => {
                let mut command = ::redis::cmd("SET");
                command.arg(&key).arg(payload.as_str().expect("a text"));
                command
            }
            _ => continue,
        };
        command
            .query::<()>(&mut connection)
            .expect("Redis takes it");
    }
    let monitor = redis.monitor(|config| config.redbeat_prefix = "rb:".to_owned());
    let schedule = eventually("three entries", || {
        let schedule = monitor.schedule();
        (schedule.entries.len() == 3).then_some(schedule)
    })
    .await;
    let names: Vec<_> = schedule
        .entries
        .iter()
        .map(|entry| (entry.key.name.as_str(), entry.next_run))
        .collect();
    let at = |seconds: f64| Timestamp::from_seconds(due + seconds);
    assert_eq!(
        names,
        [
            ("tick-every-2s", at(0.0)),
            ("solar", at(1.0)),
            ("crontab-nightly", at(2.0))
        ]
    );
    let tick = entry(&schedule, "tick-every-2s").expect("an entry");
    assert_eq!(tick.key.source, ScheduleSource::RedBeat);
    assert_eq!(tick.last_run, Some(Timestamp(1_795_163_651_616_942)));
    assert_eq!(schedule.is_beat_alive, Some(true));
    let queues = monitor.queues();
    assert!(queues.rows.is_empty(), "{:?}", queues.rows);

    let definition = r#"{"name": "solar", "task": "lab.add", "args": null, "kwargs": {}, "options": {}, "schedule": {"__type__": "interval", "every": 60.0, "relative": false}, "enabled": false}"#;
    ::redis::pipe()
        .hset("rb:solar", "definition", definition)
        .del("rb::lock")
        .query::<()>(&mut connection)
        .expect("Redis takes it");
    eventually("the change", || {
        let schedule = monitor.schedule();
        let solar = entry(&schedule, "solar")?;
        let is_off = !solar.is_enabled && solar.next_run.is_none();
        (is_off && solar.schedule == "every minute" && schedule.is_beat_alive == Some(false))
            .then_some(())
    })
    .await;
    monitor.shutdown().await;
}
