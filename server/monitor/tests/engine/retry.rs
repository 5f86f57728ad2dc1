//! Tasks sent again, by real Celery workers' own account of what came.

use crate::{
    celery::{Worker, command, ended, online},
    steer::audit,
    support::{PATIENCE, Redis, eventually, is_up},
};
use model::{
    ArgumentSource, AuditResult, BulkAct, BulkProgress, BulkTarget, Caller, Command, CommandKind,
    Door, ErrorKind, JsonText, Outcome, RetryPlan, Role, Source, TaskDraft, TaskId, TaskQuery,
    TaskState, Timestamp, WireError,
};
use monitor::{Monitor, MonitorConfig};
use serde_json::Value;
use std::{
    collections::BTreeMap,
    process::Stdio,
    time::{Duration, Instant},
};

fn caller() -> Caller {
    Caller {
        name: "ann".to_owned(),
        role: Role::Operator,
        from: None,
        door: Door::Api,
    }
}

async fn run(monitor: &Monitor, command: Command) -> Result<Outcome, WireError> {
    monitor.run(&caller(), command).await
}

async fn retry(
    monitor: &Monitor,
    task: &TaskId,
    source: Option<ArgumentSource>,
) -> Result<Outcome, WireError> {
    let task = task.clone();
    run(monitor, Command::Retry { task, source }).await
}

fn backend(redis: &Redis) -> String {
    format!("redis://127.0.0.1:{}/1", redis.port)
}

fn with_backend(redis: &Redis, seen_bytes: usize) -> impl FnOnce(&mut MonitorConfig) + use<> {
    let url = protocol::RedisUrl::parse(&backend(redis)).expect("a URL");
    move |config| {
        config.result_backend = Some(url);
        config.seen_bytes = seen_bytes;
    }
}

/// Runs a client's program, which prints a name and an id a line, as `tell` does.
fn clients_tasks(redis: &Redis, program: &str) -> BTreeMap<String, TaskId> {
    let program = format!(
        "import datetime, decimal, lab, os, sys, uuid\n\
         from celery import chain, chord, group\n\
         utc = datetime.timezone.utc\n\
         def tell(name, result): print(name, result.id, sep='\\t')\n\
         {program}\nsys.stdout.flush()\nos._exit(0)"
    );
    let output = command(redis)
        .args(["-c", &program])
        .stdout(Stdio::piped())
        .stderr(Stdio::inherit())
        .output()
        .expect("the client runs");
    assert!(output.status.success(), "the client failed");
    String::from_utf8_lossy(&output.stdout)
        .lines()
        .map(|line| {
            let (name, id) = line.split_once('\t').expect("a name and an id");
            (name.to_owned(), TaskId::from(id))
        })
        .collect()
}

/// Arguments of every kind that JSON carries, and what JSON alone does not.
const EVERY_KIND: &str = r#"
for name, args, kwargs, options in [
    ("unicode", ["ü\n'\"\\ \x00 \U0001f600", "日本"], {"schlüssel": "wert"}, {}),
    ("surrogate", ["\ud800", "a\udfffb"], {}, {}),
    ("floats", [float("nan"), float("inf"), float("-inf"), 1.5, 1e-300, -0.0, 1e999], {"x": float("nan")}, {}),
    ("huge", [2**70, -2**200, 2**63, 2**64 - 1], {}, {}),
    ("typed", [b"\xff\xfe", b"text", datetime.datetime(2026, 11, 20, 8, 19, 11, 985384, tzinfo=utc),
               datetime.datetime(2026, 11, 20), datetime.date(2026, 11, 20), datetime.time(8, 5),
               uuid.UUID(int=7), decimal.Decimal("1.10")], {"when": datetime.date(2026, 1, 2)}, {}),
    ("nested", [{"a": [{"b": [{"c": [1, [2, [3, {"d": None}]]]}]}]}], {"e": [[[[[[]]]]]]}, {}),
    ("big", ["x" * 20_000, list(range(500))], {"y": {str(n): n for n in range(300)}}, {}),
    ("kwargs", [], {"z": 1, "a": True, "m": None}, {}),
    ("priority", [1], {}, {"priority": 6}),
    ("queue", [2], {}, {"queue": "second"}),
    ("eta", [3], {}, {"countdown": 0.2}),
    ("expires", [4], {}, {"expires": 3600}),
    ("stamped", [5], {}, {"headers": {"mine": "kept"}}),
    ("limited", [6], {}, {"time_limit": 60, "soft_time_limit": 50}),
]:
    tell(name, lab.record.apply_async(args, kwargs, **options))
"#;

/// What only the whole message carries.
const WITH_CANVAS: &str = r#"
tell("pickle", lab.record.apply_async([{1, 2}, (3, object)], {"x": 1j}, serializer="pickle"))
tell("packed", lab.record.apply_async(["y" * 100], compression="gzip"))
step = chain(lab.record.s(7), lab.record.si("next").set(task_id="the-next"))()
tell("chain", step.parent)
members = chord([lab.record.s(8), lab.add.s(1, 1)])(lab.add.si(2, 2))
tell("chord", members.parent.children[0])
tell("group", group([lab.record.s(9), lab.add.s(1, 1)])().children[0])
"#;

/// What clients before Celery 4 send.
const OF_OLD_CLIENTS: &str = r#"
lab.app.conf.task_protocol = 1
tell("protocol 1", lab.record.apply_async([float("nan"), "\ud800", 2**70], {"b": 1, "a": b"x"}))
"#;

/// Returns what a task was told when it ran, by its own account.
fn told(redis: &Redis, id: &TaskId) -> Option<Value> {
    let client = ::redis::Client::open(backend(redis)).expect("a URL");
    let mut connection = client.get_connection().expect("Redis answers");
    let text: Option<String> = ::redis::cmd("GET")
        .arg(format!("told-{id}"))
        .query(&mut connection)
        .expect("Redis answers");
    text.map(|text| serde_json::from_str(&text).expect("it is JSON"))
}

async fn plan(monitor: &Monitor, id: &TaskId) -> RetryPlan {
    monitor.retry_plan(id).await.expect("a plan")
}

fn is_usable(plan: &RetryPlan, source: ArgumentSource) -> bool {
    plan.sources
        .iter()
        .any(|report| report.source == source && report.is_usable)
}

/// Waits until a source of a task can be used.
async fn usable(monitor: &Monitor, id: &TaskId, source: ArgumentSource) {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let is_known = monitor.task(id).is_some();
        if is_known && is_usable(&plan(monitor, id).await, source) {
            return;
        }
        assert!(Instant::now() < deadline, "{source:?} never had {id}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

/// Retries a task that failed, and checks what its repetition says of itself.
async fn runs_as_before(
    redis: &Redis,
    monitor: &Monitor,
    what: &str,
    old: &TaskId,
    source: ArgumentSource,
) -> (TaskId, Outcome) {
    ended(monitor, old, TaskState::Failure).await;
    let planned = plan(monitor, old).await;
    assert_eq!(planned.chosen, Some(source), "{what}: {planned:?}");
    assert!(planned.problems.is_empty(), "{what}: {planned:?}");
    let outcome = retry(monitor, old, None).await.expect("it is sent");
    let new = outcome.task.clone().expect("it has an id");
    // It is there at once, before any worker speaks of it.
    let sent = monitor.task(&new).expect("it is known");
    assert!(sent.sources.contains(&Source::Dashboard), "{what}");
    assert_eq!(sent.retry_of.as_ref(), Some(old), "{what}");
    let done = ended(monitor, &new, TaskState::Success).await;
    assert!(!done.summary.is_repaired, "{what}: nothing was missed");
    let first = monitor.task(old).expect("it is known");
    assert_eq!(first.retried_as, std::slice::from_ref(&new), "{what}");
    let (before, after) = (
        told(redis, old).expect("it ran"),
        told(redis, &new).expect("it ran"),
    );
    assert_eq!(before["args"], after["args"], "{what}");
    assert_eq!(before["kwargs"], after["kwargs"], "{what}");
    assert_eq!(after["parent_id"], old.as_str(), "{what}");
    // Protocol 1 has no roots.
    let root = before["root_id"].as_str().unwrap_or(old.as_str());
    assert_eq!(after["root_id"], root, "{what}");
    assert_eq!(after["retries"], 0, "{what}");
    assert_eq!(after["headers"]["celeriac_retry_of"], old.as_str());
    assert!(
        after["group"].is_null() && after["chord"].is_null(),
        "{what}"
    );
    for key in ["exchange", "routing_key"] {
        let part = |told: &Value| told["delivery_info"][key].clone();
        assert_eq!(part(&before), part(&after), "{what}");
    }
    assert_eq!(done.summary.queue, first.summary.queue, "{what}");
    (new, outcome)
}

#[tokio::test(flavor = "multi_thread")]
async fn messages_that_were_seen_run_again_as_they_were() {
    let redis = Redis::start();
    let monitor = redis.monitor(with_backend(&redis, 64 << 20));
    let mut tasks = clients_tasks(&redis, &format!("{EVERY_KIND}{WITH_CANVAS}"));
    tasks.extend(clients_tasks(&redis, OF_OLD_CLIENTS));
    assert_eq!(tasks.len(), 20);
    for id in tasks.values() {
        usable(&monitor, id, ArgumentSource::Seen).await;
        // While it waits, its message is the better source; but it must not be sent again.
        let waiting = plan(&monitor, id).await;
        assert_eq!(waiting.chosen, Some(ArgumentSource::Message));
        assert!(waiting.is_original && !waiting.problems.is_empty());
        let error = retry(&monitor, id, None).await.expect_err("it waits");
        assert_eq!(error.kind, ErrorKind::Conflict);
    }
    let _worker = Worker::start(&redis, "w1@lab", &["-E", "-Q", "lab,second"]);
    for (what, old) in &tasks {
        let planned = {
            ended(&monitor, old, TaskState::Failure).await;
            plan(&monitor, old).await
        };
        let (new, _) = runs_as_before(&redis, &monitor, what, old, ArgumentSource::Seen).await;
        let after = told(&redis, &new).expect("it ran");
        let says = |words: &str| planned.consequences.iter().any(|said| said.contains(words));
        match what.as_str() {
            "priority" => assert_eq!(after["delivery_info"]["priority"], 6),
            "queue" => assert_eq!(after["delivery_info"]["routing_key"], "second"),
            "stamped" => assert_eq!(after["headers"]["mine"], "kept"),
            "eta" => assert!(says("its ETA") || says("an ETA"), "{planned:?}"),
            "expires" => assert!(says("It expires as before."), "{planned:?}"),
            "chain" => {
                assert!(says("The rest of its chain (1 task) is sent with it."));
                eventually("the next of the chain", || told(&redis, &"the-next".into())).await;
            }
            "chord" => assert!(says("Its chord will not continue."), "{planned:?}"),
            "group" => assert!(says("no member of its group"), "{planned:?}"),
            "pickle" => {
                assert!(says("pickle") && says("cannot be edited"), "{planned:?}");
                assert!(planned.sources.iter().all(|report| report.args.is_none()));
            }
            _ => assert!(planned.consequences.is_empty(), "{what}: {planned:?}"),
        }
    }
    monitor.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn arguments_of_extended_results_run_again_as_they_were() {
    let redis = Redis::start();
    let monitor = redis.monitor(with_backend(&redis, 0));
    let mut worker = command(&redis);
    worker.env("RESULT_EXTENDED", "1");
    let _worker = Worker::start_as(worker, "w1@lab", &["-E", "-Q", "lab,second"]);
    online(&monitor, "w1@lab").await;
    let tasks = clients_tasks(&redis, EVERY_KIND);
    for (what, old) in &tasks {
        runs_as_before(&redis, &monitor, what, old, ArgumentSource::Result).await;
    }
    // Edited, but not changed: there and back through the form.
    for what in ["floats", "surrogate", "huge", "typed"] {
        let old = &tasks[what];
        let mut draft = plan(&monitor, old).await.draft;
        let wire = serde_json::to_string(&draft).expect("it is JSON");
        draft = serde_json::from_str(&wire).expect("it is a draft");
        let task = Box::new(draft);
        let outcome = run(&monitor, Command::Send { task })
            .await
            .expect("it is sent");
        let new = outcome.task.expect("it has an id");
        ended(&monitor, &new, TaskState::Success).await;
        let (before, after) = (told(&redis, old), told(&redis, &new));
        let part = |told: &Option<Value>, key: &str| told.as_ref().map(|told| told[key].clone());
        assert_eq!(part(&before, "args"), part(&after, "args"), "{what}");
        assert_eq!(part(&before, "kwargs"), part(&after, "kwargs"), "{what}");
    }
    monitor.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_orphans_message_is_sent_again_while_the_broker_still_has_it() {
    let redis = Redis::start();
    let monitor = redis.monitor(|config| {
        with_backend(&redis, 0)(config);
        config.orphan_grace = Duration::from_secs(1);
    });
    let mut first = Worker::start(&redis, "w1@lab", &["-E"]);
    online(&monitor, "w1@lab").await;
    let tasks = clients_tasks(
        &redis,
        "tell('held', lab.held.delay(float('nan'), '\\ud800', 2**70))",
    );
    let old = &tasks["held"];
    ended(&monitor, old, TaskState::Started).await;
    first.kill();
    ended(&monitor, old, TaskState::Orphaned).await;
    let planned = plan(&monitor, old).await;
    assert_eq!(planned.chosen, Some(ArgumentSource::Message));
    let is_said = |words: &str| planned.consequences.iter().any(|said| said.contains(words));
    assert!(is_said("may deliver it again"), "{planned:?}");
    let _second = Worker::start(&redis, "w2@lab", &["-E"]);
    online(&monitor, "w2@lab").await;
    let outcome = retry(&monitor, old, None).await.expect("it is sent");
    let new = outcome.task.expect("it has an id");
    let done = ended(&monitor, &new, TaskState::Success).await;
    let result = r"'(nan, \'\ud800\', 1180591620717411303424)'";
    assert_eq!(done.result.as_deref(), Some(result));
    monitor.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_worker_that_holds_a_revoked_task_tells_its_arguments() {
    let redis = Redis::start();
    let monitor = redis.monitor(|config| {
        with_backend(&redis, 0)(config);
        config.result_stream = true;
    });
    let _worker = Worker::start(&redis, "w1@lab", &["-E"]);
    online(&monitor, "w1@lab").await;
    // Both slots are held, so that the third task stays with the worker.
    let tasks = clients_tasks(
        &redis,
        "tell('first', lab.sleep.delay(600))\n\
         tell('second', lab.sleep.delay(600))\n\
         tell('third', lab.record.apply_async((float('nan'), '\\ud800', 2**70), priority=3))",
    );
    for running in ["first", "second"] {
        ended(&monitor, &tasks[running], TaskState::Started).await;
    }
    let old = &tasks["third"];
    ended(&monitor, old, TaskState::Received).await;
    clients_tasks(&redis, &format!("lab.app.control.revoke('{old}')"));
    ended(&monitor, old, TaskState::Revoked).await;
    let planned = plan(&monitor, old).await;
    assert!(is_usable(&planned, ArgumentSource::Message), "{planned:?}");
    assert!(is_usable(&planned, ArgumentSource::Worker), "{planned:?}");
    let outcome = retry(&monitor, old, Some(ArgumentSource::Worker)).await;
    let new = outcome.expect("it is sent").task.expect("it has an id");
    let stop = format!("lab.app.control.terminate('{}')", tasks["first"]);
    clients_tasks(&redis, &stop);
    ended(&monitor, &new, TaskState::Success).await;
    let after = told(&redis, &new).expect("it ran");
    assert_eq!(after["args"], r"(nan, '\ud800', 1180591620717411303424)");
    assert_eq!(after["delivery_info"]["priority"], 3);
    assert!(told(&redis, old).is_none(), "the revoked one did not run");
    monitor.shutdown().await;
}

fn draft(name: &str, args: &str, kwargs: &str) -> TaskDraft {
    TaskDraft {
        name: name.into(),
        args: JsonText::parse(args).expect("it is JSON"),
        kwargs: JsonText::parse(kwargs).expect("it is JSON"),
        queue: None,
        priority: None,
        eta: None,
        countdown_seconds: None,
        expires: None,
        retry_of: None,
        is_unchecked: false,
    }
}

async fn refused(monitor: &Monitor, draft: TaskDraft, kind: ErrorKind, word: &str) {
    let task = Box::new(draft);
    let error = run(monitor, Command::Send { task }).await;
    let error = error.expect_err("it is refused");
    assert_eq!(error.kind, kind, "{error}");
    assert!(error.message.contains(word), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn without_certain_arguments_a_person_must_look() {
    let redis = Redis::start();
    let monitor = redis.monitor(with_backend(&redis, 0));
    let mut worker = Worker::start(&redis, "w1@lab", &["-E"]);
    online(&monitor, "w1@lab").await;
    let tasks = clients_tasks(
        &redis,
        "tell('plain', lab.record.delay(1, 'two', x=[3.5, None]))\n\
         tell('deep', lab.record.delay([[[[1]]]], \"it's\"))\n\
         tell('running', lab.sleep.delay(600))",
    );
    ended(&monitor, &tasks["running"], TaskState::Started).await;
    let error = retry(&monitor, &tasks["running"], None).await;
    let error = error.expect_err("it runs");
    assert_eq!(error.kind, ErrorKind::Conflict);
    assert!(error.message.contains("running"), "{error}");

    // Nothing but text is left of it; it is used only when it is asked for.
    let plain = &tasks["plain"];
    ended(&monitor, plain, TaskState::Failure).await;
    let planned = plan(&monitor, plain).await;
    assert_eq!(planned.chosen, None);
    assert!(is_usable(&planned, ArgumentSource::Text));
    assert_eq!(planned.draft.args.as_str(), r#"[1, "two"]"#);
    assert_eq!(planned.draft.kwargs.as_str(), r#"{"x": [3.5, null]}"#);
    let error = retry(&monitor, plain, None).await.expect_err("no source");
    assert_eq!(error.kind, ErrorKind::Conflict);
    assert!(error.message.contains("Edit and retry"), "{error}");
    let outcome = retry(&monitor, plain, Some(ArgumentSource::Text)).await;
    let outcome = outcome.expect("it is sent");
    assert!(outcome.notes.iter().any(|note| note.contains("text")));
    let new = outcome.task.expect("it has an id");
    ended(&monitor, &new, TaskState::Success).await;
    let part = |id: &TaskId, key: &str| told(&redis, id).map(|told| told[key].clone());
    assert_eq!(part(plain, "args"), part(&new, "args"));
    assert_eq!(part(plain, "kwargs"), part(&new, "kwargs"));

    // Not even the text can be trusted: a person writes the arguments.
    let deep = &tasks["deep"];
    ended(&monitor, deep, TaskState::Failure).await;
    let planned = plan(&monitor, deep).await;
    assert!(
        planned.sources.iter().all(|report| !report.is_usable),
        "{planned:?}"
    );
    let error = retry(&monitor, deep, Some(ArgumentSource::Text)).await;
    assert_eq!(error.expect_err("no source").kind, ErrorKind::Conflict);
    let edited = TaskDraft {
        args: JsonText::parse(r#"[[[[[1]]]], "it's"]"#).expect("it is JSON"),
        ..planned.draft
    };
    let task = Box::new(edited);
    let outcome = run(&monitor, Command::Send { task })
        .await
        .expect("it is sent");
    let new = outcome.task.expect("it has an id");
    let done = ended(&monitor, &new, TaskState::Success).await;
    assert_eq!(part(deep, "args"), part(&new, "args"));
    assert_eq!(done.retry_of.as_ref(), Some(deep));
    assert_eq!(part(&new, "parent_id"), Some(deep.as_str().into()));

    // A new task, at a time and a priority of its own.
    let new = TaskDraft {
        countdown_seconds: Some(0.3),
        priority: Some(3),
        ..draft("lab.add", "[2, 3]", "{}")
    };
    let task = Box::new(new);
    let outcome = run(&monitor, Command::Send { task })
        .await
        .expect("it is sent");
    let added = ended(&monitor, &outcome.task.expect("an id"), TaskState::Success).await;
    assert_eq!(added.result.as_deref(), Some("5"));
    assert_eq!(added.args.as_deref(), Some("(2, 3)"));
    assert!(added.summary.eta.is_some());

    let invalid = ErrorKind::Invalid;
    let base = || draft("lab.add", "[1, 2]", "{}");
    refused(&monitor, draft(" ", "[]", "{}"), invalid, "name").await;
    refused(&monitor, draft("lab.add", "{}", "{}"), invalid, "args").await;
    refused(&monitor, draft("lab.add", "[]", "[]"), invalid, "kwargs").await;
    let eta = Some(Timestamp(4_000_000_000_000_000));
    for (wrong, word) in [
        (
            TaskDraft {
                priority: Some(10),
                ..base()
            },
            "priority",
        ),
        (
            TaskDraft {
                eta,
                countdown_seconds: Some(1.0),
                ..base()
            },
            "eta",
        ),
        (
            TaskDraft {
                countdown_seconds: Some(-1.0),
                ..base()
            },
            "countdown",
        ),
        (
            TaskDraft {
                countdown_seconds: Some(f64::NAN),
                ..base()
            },
            "countdown",
        ),
        (
            TaskDraft {
                expires: Some(Timestamp(1)),
                ..base()
            },
            "expires",
        ),
        (
            TaskDraft {
                eta,
                expires: eta,
                ..base()
            },
            "expires",
        ),
        (
            TaskDraft {
                queue: Some("".into()),
                ..base()
            },
            "queue",
        ),
    ] {
        refused(&monitor, wrong, invalid, word).await;
    }
    refused(
        &monitor,
        draft("lab.nope", "[]", "{}"),
        ErrorKind::Conflict,
        "lab.nope",
    )
    .await;
    let of_running = TaskDraft {
        retry_of: Some(tasks["running"].clone()),
        ..base()
    };
    refused(&monitor, of_running, ErrorKind::Conflict, "running").await;
    let error = retry(&monitor, &"nothing".into(), None).await;
    assert_eq!(error.expect_err("unknown").kind, ErrorKind::NotFound);

    // Whoever insists may send what nobody knows; it waits where nobody consumes.
    worker.kill();
    let unchecked = TaskDraft {
        queue: Some("nobody".into()),
        is_unchecked: true,
        ..draft("lab.nope", "[NaN]".replace("NaN", "1").as_str(), "{}")
    };
    let task = Box::new(unchecked);
    let outcome = run(&monitor, Command::Send { task })
        .await
        .expect("it is sent");
    assert!(
        outcome.notes.iter().any(|note| note.contains("nobody")),
        "{outcome:?}"
    );
    let waiting: i64 = ::redis::cmd("LLEN")
        .arg("nobody")
        .query(&mut redis.connection())
        .expect("Redis answers");
    assert_eq!(waiting, 1);
    monitor.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broker_that_is_gone_is_said_within_three_seconds() {
    let mut redis = Redis::start();
    let monitor = redis.monitor(|_| {});
    let send = |id: u32| Command::Send {
        task: Box::new(TaskDraft {
            is_unchecked: true,
            ..draft("lab.add", &format!("[{id}, 1]"), "{}")
        }),
    };
    run(&monitor, send(1)).await.expect("it is sent");
    redis.stop();
    let error = run(&monitor, send(2)).await.expect_err("Redis is gone");
    assert_eq!(error.kind, ErrorKind::Unavailable);
    assert!(error.message.contains("nothing was sent"), "{error}");
    redis.start_again();
    let outcome = run(&monitor, send(3)).await.expect("it is sent");
    let waiting: Vec<Vec<u8>> = ::redis::cmd("LRANGE")
        .arg(&["celery", "0", "-1"])
        .query(&mut redis.connection())
        .expect("Redis answers");
    let ids: Vec<TaskId> = waiting
        .iter()
        .map(|message| protocol::decode_message(message).expect("a message").id)
        .collect();
    assert_eq!(ids, [outcome.task.expect("it has an id")]);
    monitor.shutdown().await;
}

async fn bulk_ends(monitor: &Monitor, outcome: &Outcome) -> BulkProgress {
    let id = outcome.bulk.expect("it has a number");
    eventually("the end of the bulk", || {
        let progress = monitor.bulk(id, usize::MAX).expect("it is known");
        progress.finished.is_some().then_some(progress)
    })
    .await
}

/// Returns how often each number ran.
fn runs(redis: &Redis) -> BTreeMap<u64, u64> {
    let client = ::redis::Client::open(backend(redis)).expect("a URL");
    let mut connection = client.get_connection().expect("Redis answers");
    let query = ::redis::cmd("HGETALL").arg("runs").query(&mut connection);
    query.expect("Redis answers")
}

fn all_of(state: TaskState) -> BulkTarget {
    BulkTarget::Query(Box::new(TaskQuery {
        states: vec![state],
        name: Some("lab.count".into()),
        ..TaskQuery::default()
    }))
}

fn retry_all(state: TaskState, expected: Option<u64>) -> Command {
    Command::Bulk {
        act: BulkAct::Retry {
            worst: None,
            queue: None,
        },
        tasks: all_of(state),
        expected,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bulk_loses_and_doubles_nothing() {
    const TASKS: u64 = 1_500;
    let mut redis = Redis::start();
    let monitor = redis.monitor(with_backend(&redis, 0));
    let worker = || {
        let mut worker = command(&redis);
        worker.env("RESULT_EXTENDED", "1");
        worker
    };
    let _first = Worker::start_as(worker(), "w1@lab", &["-E", "-P", "threads"]);
    let _second = Worker::start_as(worker(), "w2@lab", &["-E", "-P", "threads"]);
    online(&monitor, "w1@lab").await;
    online(&monitor, "w2@lab").await;
    clients_tasks(
        &redis,
        &format!("for n in range({TASKS}): lab.count.delay(n)"),
    );
    let counted = |state: TaskState| monitor.bulk_count(&all_of(state)).expect("a count");
    eventually("all failures", || {
        (counted(TaskState::Failure).total == TASKS).then_some(())
    })
    .await;
    let failures = counted(TaskState::Failure);
    assert_eq!((failures.retriable, failures.running), (TASKS, 0));

    let error = run(&monitor, retry_all(TaskState::Failure, Some(TASKS - 1))).await;
    let error = error.expect_err("there are more");
    assert_eq!(error.kind, ErrorKind::Conflict);
    let outcome = run(&monitor, retry_all(TaskState::Failure, Some(TASKS))).await;
    let outcome = outcome.expect("it begins");
    assert_eq!(outcome.count, Some(TASKS));
    let progress = bulk_ends(&monitor, &outcome).await;
    assert_eq!(
        (progress.done, progress.skipped, progress.failed),
        (TASKS, 0, 0),
        "{:?}",
        progress.problem
    );
    assert!(
        progress
            .results
            .iter()
            .all(|result| result.is_ok && result.new.is_some())
    );
    eventually("all successes", || {
        (counted(TaskState::Success).total == TASKS).then_some(())
    })
    .await;
    let found = runs(&redis);
    assert_eq!(found.len() as u64, TASKS);
    assert!(found.values().all(|count| *count == 2), "each ran twice");

    // Those that wait or run by now are passed over; stopped, it leaves the rest alone.
    let outcome = run(&monitor, retry_all(TaskState::Success, None)).await;
    let outcome = outcome.expect("it begins");
    let bulk = outcome.bulk.expect("it has a number");
    let newest = monitor.bulks().pop().expect("bulks are listed");
    assert_eq!((newest.id, newest.finished), (bulk, None));
    run(&monitor, Command::StopBulk { bulk })
        .await
        .expect("it runs");
    let progress = bulk_ends(&monitor, &outcome).await;
    let left = TASKS - progress.done - progress.skipped - progress.failed;
    assert!(progress.is_stopped && left > 0, "{progress:?}");
    let error = run(&monitor, Command::StopBulk { bulk }).await;
    assert_eq!(error.expect_err("it has ended").kind, ErrorKind::Conflict);
    eventually("what it did", || {
        let sum: u64 = runs(&redis).values().sum();
        (sum == 2 * TASKS + progress.done).then_some(())
    })
    .await;

    // What was sent again before is passed over.
    let outcome = run(&monitor, retry_all(TaskState::Failure, None)).await;
    let progress = bulk_ends(&monitor, &outcome.expect("it begins")).await;
    assert_eq!((progress.done, progress.skipped), (0, TASKS));
    let text = &progress.results[0].text;
    assert!(text.starts_with("It was sent again before, as "), "{text}");

    // The broker goes away in the middle.
    let outcome = run(&monitor, retry_all(TaskState::Success, None)).await;
    let outcome = outcome.expect("it begins");
    redis.stop();
    let progress = bulk_ends(&monitor, &outcome).await;
    let told = progress.done + progress.skipped + progress.failed;
    assert_eq!(told, progress.results.len() as u64);
    let total = progress.total;
    assert!(told < total, "{told} of {total} before it went away");
    let problem = progress.problem.expect("it says why");
    let left = format!("{} tasks were left alone", total - told);
    assert!(problem.contains(&left), "{problem}");
    monitor.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bulk_revokes_what_waits_and_its_end_is_written_down() {
    let redis = Redis::start();
    let monitor = redis.monitor(with_backend(&redis, 0));
    let _worker = Worker::start(&redis, "w1@lab", &["-E", "-Q", "second"]);
    online(&monitor, "w1@lab").await;
    let done = &clients_tasks(
        &redis,
        "tell('done', lab.add.apply_async((1, 1), queue='second'))",
    )["done"];
    ended(&monitor, done, TaskState::Success).await;
    clients_tasks(&redis, "for n in range(600): lab.count.delay(n)");
    eventually("all tasks", || {
        let count = monitor
            .bulk_count(&all_of(TaskState::Pending))
            .expect("a count");
        (count.revocable == 600).then_some(())
    })
    .await;
    let page = TaskQuery {
        states: vec![TaskState::Pending],
        limit: 600,
        ..TaskQuery::default()
    };
    let rows = monitor.tasks(&page).expect("a query").rows;
    let mut tasks: Vec<TaskId> = rows.into_iter().map(|row| row.id).collect();
    tasks.extend([done.clone(), "nothing".into(), done.clone()]);
    let command = Command::Bulk {
        act: BulkAct::Revoke,
        tasks: BulkTarget::Tasks(tasks.clone()),
        expected: Some(602),
    };
    let outcome = run(&monitor, command).await.expect("it begins");
    let progress = bulk_ends(&monitor, &outcome).await;
    assert_eq!(
        (progress.done, progress.skipped, progress.failed),
        (600, 2, 0),
        "{:?}",
        progress.problem
    );
    let entry = eventually("its entry", || {
        let log = audit(&monitor);
        let entry = log
            .entries
            .into_iter()
            .find(|entry| entry.command == CommandKind::Bulk)?;
        (entry.result != AuditResult::Running).then_some(entry)
    })
    .await;
    assert_eq!(entry.message, "Revoked 600 of 602 tasks, 2 passed over.");
    assert_eq!(entry.result, AuditResult::Partial);
    // Whoever consumes them now drops them.
    let _other = Worker::start(&redis, "w2@lab", &["-E", "-Q", "lab"]);
    eventually("all revoked", || {
        let count = monitor
            .bulk_count(&all_of(TaskState::Revoked))
            .expect("a count");
        (count.total == 600).then_some(())
    })
    .await;
    assert_eq!(runs(&redis).len(), 0, "none of them ran");
    monitor.shutdown().await;
}

/// Publishes what a worker says of tasks that failed, and stores their results.
fn failed_tasks(redis: &Redis, ids: &[String]) {
    let mut events = ::redis::pipe();
    let mut results = ::redis::pipe();
    for (number, id) in ids.iter().enumerate() {
        let event = |kind: &str| {
            serde_json::json!({
                "type": kind, "uuid": id, "hostname": "w@lab", "pid": 7, "clock": number,
                "timestamp": 1_795_162_751.5, "utcoffset": 0, "name": "lab.count",
                "args": format!("({number},)"), "kwargs": "{}", "retries": 0,
                "exception": "ValueError('as asked')", "traceback": "",
            })
        };
        let body = serde_json::json!([event("task-received"), event("task-failed")]);
        let message = serde_json::json!({
            "body": body.to_string(), "content-type": "application/json",
            "headers": {}, "properties": {},
        });
        events.publish("/0.celeryev/task.multi", message.to_string());
        let document = serde_json::json!({
            "status": "FAILURE", "task_id": id, "name": "lab.count", "args": [number],
            "kwargs": {}, "queue": "lab", "result": {"exc_type": "ValueError"},
            "traceback": null, "children": [], "date_done": "2026-11-20T08:19:11+00:00",
        });
        results.set(format!("celery-task-meta-{id}"), document.to_string());
    }
    let client = ::redis::Client::open(backend(redis)).expect("a URL");
    let mut connection = client.get_connection().expect("Redis answers");
    results.exec(&mut connection).expect("Redis stores results");
    events
        .exec(&mut redis.connection())
        .expect("Redis publishes");
}

#[tokio::test(flavor = "multi_thread")]
#[expect(clippy::print_stdout, reason = "it is run for what it prints")]
#[ignore = "a measurement: prints how long 10,000 retries take, and what others wait meanwhile"]
async fn ten_thousand_retries_are_timed() {
    const TASKS: usize = 10_000;
    let redis = Redis::start();
    let monitor = redis.monitor(with_backend(&redis, 0));
    is_up(&monitor).await;
    let ids: Vec<String> = (0..TASKS)
        .map(|n| format!("00000000-0000-4000-8000-{n:012x}"))
        .collect();
    failed_tasks(&redis, &ids);
    eventually("all failures", || {
        let count = monitor
            .bulk_count(&all_of(TaskState::Failure))
            .expect("a count");
        (count.total == TASKS as u64).then_some(())
    })
    .await;
    let began = Instant::now();
    let outcome = run(&monitor, retry_all(TaskState::Failure, None)).await;
    let bulk = outcome.expect("it begins").bulk.expect("it has a number");
    let (mut others, mut longest) = (0, Duration::ZERO);
    let progress = loop {
        let task = Box::new(TaskDraft {
            queue: Some("lab".into()),
            ..draft("lab.add", "[1, 2]", "{}")
        });
        let asked = Instant::now();
        run(&monitor, Command::Send { task })
            .await
            .expect("it is sent");
        longest = longest.max(asked.elapsed());
        others += 1;
        let progress = monitor.bulk(bulk, usize::MAX).expect("it is known");
        if progress.finished.is_some() {
            break progress;
        }
    };
    println!(
        "{TASKS} retries in {:?}; {others} other commands meanwhile, the slowest in {longest:?}",
        began.elapsed()
    );
    assert_eq!((progress.done, progress.failed), (TASKS as u64, 0));
    let messages: Vec<Vec<u8>> = ::redis::cmd("LRANGE")
        .arg(&["lab", "0", "-1"])
        .query(&mut redis.connection())
        .expect("Redis answers");
    let mut olds = BTreeMap::new();
    for message in &messages {
        let task = protocol::decode_message(message).expect("a message");
        if let Some(old) = task.parent_id {
            *olds.entry(old.to_string()).or_insert(0) += 1;
        }
    }
    let once: BTreeMap<String, i32> = ids.into_iter().map(|id| (id, 1)).collect();
    assert_eq!(olds, once, "each was sent once");
    monitor.shutdown().await;
}
