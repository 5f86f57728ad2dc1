//! Steering: every command against real workers, what they answer, and who may.

use crate::{
    celery::{Celery, Worker, client, ended, online, send, send_to},
    door::row,
    support::{PATIENCE, Redis, eventually, is_up},
};
use ::redis::Commands;
use model::{
    AuditLog, AuditResult, Caller, Command, CommandKind, Destination, Door, ErrorKind, Outcome,
    OutcomeStatus, Role, Signal, TaskId, TaskState, Topic, View, WireError, WorkerName,
    WorkerStatus,
};
use monitor::Monitor;
use protocol::inspect;
use std::{collections::BTreeMap, time::Duration};

pub(crate) fn caller(role: Role) -> Caller {
    Caller {
        name: "tess".to_owned(),
        role,
        from: Some("127.0.0.1".to_owned()),
        door: Door::Api,
    }
}

async fn run(monitor: &Monitor, command: Command) -> Outcome {
    let outcome = monitor.run(&caller(Role::Admin), command.clone()).await;
    outcome.unwrap_or_else(|error| panic!("{command:?}: {error}"))
}

fn all() -> Destination {
    Destination::All
}

fn only(name: &str) -> Destination {
    Destination::one(name.into())
}

pub(crate) fn audit(monitor: &Monitor) -> AuditLog {
    match monitor.snapshot(&Topic::Audit).expect("a picture").view {
        View::Audit(log) => log,
        other => panic!("no audit log: {other:?}"),
    }
}

/// What a worker is to answer: whether it obeys, and some of its words.
type Answer = (bool, &'static str);

/// The pools under test: prefork, threads, and prefork that sizes itself.
const WORKERS: [&str; 3] = ["pre@lab", "thr@lab", "auto@lab"];

const fn yes(words: &'static str) -> [Answer; 3] {
    [(true, words); 3]
}

const fn no(words: &'static str) -> [Answer; 3] {
    [(false, words); 3]
}

/// Commands to all three workers, in order, with what each answers in either version of Celery.
fn table() -> Vec<(Command, [Answer; 3])> {
    const RESIZE: &str = "is not supported with autoscale";
    let limit = |rate_limit: &str| Command::RateLimit {
        workers: all(),
        task: "lab.add".into(),
        rate_limit: rate_limit.to_owned(),
    };
    let time = |task: &str, soft, hard| Command::TimeLimit {
        workers: all(),
        task: task.into(),
        soft,
        hard,
    };
    vec![
        (Command::Ping { workers: all() }, yes("pong")),
        (
            Command::PoolGrow {
                workers: all(),
                n: 2,
            },
            [
                (true, "pool will grow"),
                (false, "has no attribute 'grow'"),
                (false, RESIZE),
            ],
        ),
        (
            Command::PoolShrink {
                workers: all(),
                n: 1,
            },
            [
                (true, "pool will shrink"),
                (false, "has no attribute 'shrink'"),
                (false, RESIZE),
            ],
        ),
        (
            Command::Autoscale {
                workers: all(),
                min: 2,
                max: 3,
            },
            [
                (false, "Autoscale not enabled"),
                (false, "Autoscale not enabled"),
                (true, "autoscale now max=3 min=2"),
            ],
        ),
        (
            Command::PoolRestart { workers: all() },
            [
                (true, "reload started"),
                (false, "Pool restarts not enabled"),
                (false, "Pool restarts not enabled"),
            ],
        ),
        (
            Command::AddConsumer {
                workers: all(),
                queue: "extra".into(),
            },
            yes("add consumer extra"),
        ),
        (
            Command::CancelConsumer {
                workers: all(),
                queue: "never".into(),
            },
            yes("no longer consuming from never"),
        ),
        (limit("10/m"), yes("new rate limit set successfully")),
        (
            Command::RateLimit {
                workers: all(),
                task: "lab.unheard".into(),
                rate_limit: "1".to_owned(),
            },
            no("unknown task"),
        ),
        (
            time("lab.add", Some(5.0), Some(10.5)),
            yes("time limits set successfully"),
        ),
        (time("lab.unheard", None, Some(1.0)), no("unknown task")),
        (
            Command::EnableEvents { workers: all() },
            yes("task events enabled"),
        ),
        (
            Command::EnableEvents { workers: all() },
            yes("task events already enabled"),
        ),
        (
            Command::DisableEvents { workers: all() },
            yes("task events disabled"),
        ),
        (
            Command::EnableEvents { workers: all() },
            yes("task events enabled"),
        ),
    ]
}

fn assert_answers(outcome: &Outcome, answers: &[Answer; 3], command: &Command) {
    let context = format!("{command:?}: {outcome:?}");
    assert!(outcome.silent.is_empty(), "{context}");
    assert_eq!(outcome.replies.len(), WORKERS.len(), "{context}");
    let mut willing = 0;
    for (worker, (is_ok, words)) in WORKERS.iter().zip(answers) {
        let reply = outcome
            .replies
            .iter()
            .find(|r| r.worker.as_str() == *worker);
        let reply = reply.unwrap_or_else(|| panic!("{worker} is silent, {context}"));
        assert_eq!(reply.is_ok, *is_ok, "{worker}, {context}");
        assert!(reply.text.contains(words), "{worker}, {context}");
        willing += usize::from(*is_ok);
    }
    let status = match willing {
        0 => OutcomeStatus::Refused,
        3 => OutcomeStatus::Done,
        _ => OutcomeStatus::Partial,
    };
    assert_eq!(outcome.status, status, "{context}");
}

/// Three workers of one version, steered through everything.
async fn every_command_is_answered(celery: Celery) {
    let redis = Redis::start();
    let monitor = redis.monitor(|config| {
        config.enable_events = false;
        config.inspect_timeout = Duration::from_secs(10);
        let url = format!("redis://127.0.0.1:{}/1", redis.port);
        config.result_backend = Some(protocol::RedisUrl::parse(&url).expect("a URL"));
    });
    is_up(&monitor).await;
    let mut pre = Worker::of(
        celery,
        &redis,
        "pre@lab",
        &["-Q", "pre"],
        &[("LAB_POOL_RESTARTS", "1")],
    );
    let _thr = Worker::of(
        celery,
        &redis,
        "thr@lab",
        &["-Q", "thr", "-P", "threads"],
        &[],
    );
    let _auto = Worker::of(
        celery,
        &redis,
        "auto@lab",
        &["-Q", "auto", "--autoscale", "4,1"],
        &[],
    );
    for worker in WORKERS {
        online(&monitor, worker).await;
    }

    all_listen(&monitor).await;
    // Now it is known what each consumes.
    monitor.inspect(None).await.expect("they answer");
    let before = audit(&monitor).total;

    for (command, answers) in table() {
        let outcome = run(&monitor, command.clone()).await;
        assert_answers(&outcome, &answers, &command);
        match command {
            Command::PoolGrow { .. } | Command::PoolShrink { .. } => {
                let note = "The pool of thr@lab cannot change its size while the worker runs.";
                assert_eq!(outcome.notes, [note]);
            }
            Command::CancelConsumer { .. } => {
                let note = "auto@lab, pre@lab and thr@lab did not consume it.";
                assert_eq!(outcome.notes, [note]);
            }
            _ => {}
        }
    }
    pages_follow(&monitor).await;
    let log = audit(&monitor);
    assert_eq!(log.total - before, table().len() as u64 + 2);
    assert!(
        log.entries
            .iter()
            .all(|entry| entry.result != AuditResult::Running)
    );

    tasks_are_revoked_and_terminated(&monitor, &redis, celery).await;
    silent_workers_are_named(&monitor, &mut pre).await;

    let report = monitor.report(&"thr@lab".into()).await.expect("a report");
    assert!(report.contains(celery.version()), "{report}");
    let nobody = monitor.report(&"nobody@lab".into()).await;
    assert_eq!(
        nobody.expect_err("nobody answers").kind,
        ErrorKind::NotFound
    );

    let outcome = run(
        &monitor,
        Command::Shutdown {
            workers: only("thr@lab"),
        },
    )
    .await;
    assert_eq!(outcome.status, OutcomeStatus::Done, "{outcome:?}");
    assert_eq!(outcome.message, "thr@lab will shut down.");
    eventually("its end", || {
        let worker = monitor.worker(&"thr@lab".into())?.summary;
        (worker.status == WorkerStatus::Offline).then_some(())
    })
    .await;
    monitor.shutdown().await;
}

/// What the table changed is told by the workers and shown without asking for it.
async fn pages_follow(monitor: &Monitor) {
    let worker = |name: &str| monitor.worker(&WorkerName::from(name));
    eventually("the pools", || {
        let slots = |name| worker(name)?.summary.slots;
        // Two at first, two more, one less; restarted with as many.
        (slots("pre@lab")? == 3 && slots("auto@lab")? >= 2).then_some(())
    })
    .await;
    for name in WORKERS {
        eventually("the new queue", || {
            let queues = worker(name)?.summary.queues;
            queues
                .iter()
                .any(|queue| queue.as_str() == "extra")
                .then_some(())
        })
        .await;
        eventually("the limits", || {
            let registered = worker(name)?.inspection.registered?;
            let tasks = inspect::registered_tasks(&registered);
            let add = tasks
                .into_iter()
                .find(|task| task.name.as_str() == "lab.add")?;
            let is_told = add.rate_limit.as_deref() == Some("10/m")
                && add.soft_time_limit == Some(5.0)
                && add.time_limit == Some(10.5);
            is_told.then_some(())
        })
        .await;
    }
    let lift = Command::TimeLimit {
        workers: only("pre@lab"),
        task: "lab.add".into(),
        soft: None,
        hard: None,
    };
    assert_eq!(run(monitor, lift).await.status, OutcomeStatus::Done);
    eventually("no limits", || {
        let registered = worker("pre@lab")?.inspection.registered?;
        let tasks = inspect::registered_tasks(&registered);
        let add = tasks
            .into_iter()
            .find(|task| task.name.as_str() == "lab.add")?;
        (add.soft_time_limit.is_none() && add.time_limit.is_none()).then_some(())
    })
    .await;
    let stop = Command::CancelConsumer {
        workers: only("pre@lab"),
        queue: "extra".into(),
    };
    let outcome = run(monitor, stop).await;
    assert_eq!(
        (outcome.status, outcome.notes.len()),
        (OutcomeStatus::Done, 0)
    );
    eventually("one queue less", || {
        let queues = worker("pre@lab")?.summary.queues;
        (!queues.iter().any(|queue| queue.as_str() == "extra")).then_some(())
    })
    .await;
}

/// Waits until every worker has opened its mailbox, which it does after it has
/// said that it is online (`celery/worker/consumer/control.py`).
async fn all_listen(monitor: &Monitor) {
    let deadline = tokio::time::Instant::now() + PATIENCE;
    loop {
        let outcome = run(monitor, Command::Ping { workers: all() }).await;
        if outcome.replies.len() == WORKERS.len() {
            return;
        }
        assert!(tokio::time::Instant::now() < deadline, "{outcome:?}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

async fn in_state(monitor: &Monitor, id: &TaskId, state: TaskState) {
    ended(monitor, id, state).await;
}

async fn tasks_are_revoked_and_terminated(monitor: &Monitor, redis: &Redis, celery: Celery) {
    let waiting = send(
        redis,
        "add.apply_async((1, 2), countdown=3600, queue='pre')",
    );
    in_state(monitor, &waiting, TaskState::Received).await;
    let revoke = |id: &TaskId| Command::Revoke {
        tasks: vec![id.clone()],
    };
    let outcome = run(monitor, revoke(&waiting)).await;
    assert_eq!(outcome.status, OutcomeStatus::Done, "{outcome:?}");
    assert_eq!(
        (outcome.count, outcome.notes.len()),
        (Some(1), 0),
        "{outcome:?}"
    );
    assert!(
        outcome
            .replies
            .iter()
            .all(|reply| reply.text.contains("flagged as revoked"))
    );
    eventually("the mark", || {
        let task = monitor.task(&waiting)?.summary;
        (task.is_revoked && task.state == TaskState::Received).then_some(())
    })
    .await;

    // Somebody else revokes one: the workers tell it when they are asked.
    let other = send(
        redis,
        "add.apply_async((3, 4), countdown=3600, queue='pre')",
    );
    in_state(monitor, &other, TaskState::Received).await;
    client(redis, &format!("lab.app.control.revoke('{other}')"));
    let deadline = tokio::time::Instant::now() + PATIENCE;
    while !monitor
        .task(&other)
        .is_some_and(|task| task.summary.is_revoked)
    {
        assert!(tokio::time::Instant::now() < deadline, "never heard of it");
        let asked = monitor.inspect(Some(&"pre@lab".into())).await;
        asked.expect("Redis answers");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }

    let outcome = run(monitor, revoke(&"nobody knows me".into())).await;
    assert_eq!(outcome.status, OutcomeStatus::Done);
    assert!(
        outcome
            .notes
            .iter()
            .any(|note| note.contains("is not known here")),
        "{outcome:?}"
    );

    let terminate = |id: &TaskId, signal| Command::Terminate {
        tasks: vec![id.clone()],
        signal,
    };
    let running = send_to(redis, "sleep", "(600,)", "pre");
    in_state(monitor, &running, TaskState::Started).await;
    let outcome = run(monitor, revoke(&running)).await;
    assert!(
        outcome
            .notes
            .iter()
            .any(|note| note.contains("runs already")),
        "{outcome:?}"
    );
    let outcome = run(monitor, terminate(&running, Signal::Kill)).await;
    assert_eq!(outcome.status, OutcomeStatus::Done, "{outcome:?}");
    assert_eq!(outcome.count, Some(1));
    assert_eq!(outcome.message, "The task was ended by SIGKILL.");
    let task = ended(monitor, &running, TaskState::Revoked).await;
    assert!(!task.summary.is_revoked, "it has come to its end");

    let threaded = send_to(redis, "sleep", "(5,)", "thr");
    in_state(monitor, &threaded, TaskState::Started).await;
    let outcome = run(monitor, terminate(&threaded, Signal::Term)).await;
    assert_eq!(outcome.status, OutcomeStatus::Partial, "{outcome:?}");
    let refusal = outcome
        .replies
        .iter()
        .find(|reply| !reply.is_ok)
        .expect("a refusal");
    assert_eq!(refusal.worker.as_str(), "thr@lab");
    assert!(refusal.text.contains("NotImplementedError"), "{refusal:?}");
    assert!(
        outcome
            .notes
            .iter()
            .any(|note| note.contains("cannot end a single task"))
    );

    let gone = run(monitor, terminate(&"gone".into(), Signal::Term)).await;
    assert_eq!(
        (gone.status, gone.count),
        (OutcomeStatus::Partial, Some(0)),
        "{gone:?}"
    );

    let stamped = Command::RevokeByStampedHeaders {
        headers: BTreeMap::from([("batch".to_owned(), vec!["7".to_owned()])]),
        terminate: None,
    };
    let outcome = run(monitor, stamped).await;
    match celery {
        Celery::Newest => {
            assert_eq!(outcome.status, OutcomeStatus::Done, "{outcome:?}");
            assert!(outcome.replies[0].text.contains("flagged as revoked"));
        }
        Celery::Oldest => {
            assert_eq!(outcome.status, OutcomeStatus::Refused, "{outcome:?}");
            assert!(
                outcome.notes[0].contains("came with Celery 5.3"),
                "{outcome:?}"
            );
        }
    }

    let patient = send_to(redis, "patient", "()", "pre");
    in_state(monitor, &patient, TaskState::Started).await;
    let abort = Command::Abort {
        task: patient.clone(),
    };
    let outcome = run(monitor, abort.clone()).await;
    assert_eq!(outcome.status, OutcomeStatus::Done, "{outcome:?}");
    let task = ended(monitor, &patient, TaskState::Success).await;
    assert_eq!(task.result.as_deref(), Some("'aborted'"));
    let late = loop {
        // The result is stored a moment before or after the event.
        let stored = monitor.result(&patient).await.expect("it answers");
        if stored.is_some_and(|result| result.state == TaskState::Success) {
            break monitor.run(&caller(Role::Admin), abort).await;
        }
    };
    assert_eq!(late.expect_err("it has ended").kind, ErrorKind::Conflict);
}

async fn silent_workers_are_named(monitor: &Monitor, pre: &mut Worker) {
    let outcome = run(
        monitor,
        Command::Ping {
            workers: only("nobody@lab"),
        },
    )
    .await;
    assert_eq!(outcome.status, OutcomeStatus::Silent);
    assert_eq!(
        outcome.message,
        "No worker of this name answered: nobody@lab."
    );
    assert_eq!(outcome.silent, [WorkerName::from("nobody@lab")]);
    pre.signal("STOP");
    let outcome = run(monitor, Command::Ping { workers: all() }).await;
    assert_eq!(outcome.status, OutcomeStatus::Partial, "{outcome:?}");
    assert_eq!(outcome.silent, [WorkerName::from("pre@lab")]);
    assert_eq!(outcome.replies.len(), 2);
    let outcome = run(
        monitor,
        Command::PoolGrow {
            workers: only("pre@lab"),
            n: 1,
        },
    )
    .await;
    assert_eq!(outcome.status, OutcomeStatus::Silent);
    assert!(
        outcome
            .message
            .starts_with("pre@lab did not answer within 10 s"),
        "{outcome:?}"
    );
    pre.signal("CONT");
}

#[tokio::test(flavor = "multi_thread")]
async fn workers_of_the_newest_celery_do_as_they_are_told() {
    every_command_is_answered(Celery::Newest).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn workers_of_the_oldest_celery_do_as_they_are_told() {
    every_command_is_answered(Celery::Oldest).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_that_was_started_with_events_cannot_be_silenced_and_says_so() {
    let redis = Redis::start();
    let monitor = redis.monitor(|_| {});
    is_up(&monitor).await;
    let _loud = Worker::start(&redis, "loud@lab", &["-E", "-Q", "loud"]);
    let _mild = Worker::start(&redis, "mild@lab", &["-Q", "mild"]);
    for worker in ["loud@lab", "mild@lab"] {
        online(&monitor, worker).await;
        eventually("its events", || {
            let worker = monitor.worker(&worker.into())?.summary;
            (worker.task_events == Some(true)).then_some(())
        })
        .await;
    }
    let outcome = run(&monitor, Command::DisableEvents { workers: all() }).await;
    assert_eq!(outcome.status, OutcomeStatus::Partial, "{outcome:?}");
    let refused: Vec<_> = outcome
        .replies
        .iter()
        .filter(|reply| !reply.is_ok)
        .collect();
    assert_eq!(refused.len(), 1, "{outcome:?}");
    assert_eq!(refused[0].worker.as_str(), "loud@lab");
    assert!(
        outcome.notes[0].starts_with("loud@lab sends task events since"),
        "{outcome:?}"
    );
    eventually("silence", || {
        let worker = monitor.worker(&"mild@lab".into())?.summary;
        (worker.task_events == Some(false)).then_some(())
    })
    .await;
    let outcome = run(
        &monitor,
        Command::EnableEvents {
            workers: only("mild@lab"),
        },
    )
    .await;
    // Nobody else has switched them on since.
    assert_eq!(outcome.replies[0].text, "task events enabled");
    monitor.shutdown().await;
}

async fn in_three_seconds(monitor: &Monitor, command: Command) -> WireError {
    let admin = caller(Role::Admin);
    let run = monitor.run(&admin, command.clone());
    let result = tokio::time::timeout(Duration::from_secs(3), run).await;
    let result = result.unwrap_or_else(|_| panic!("too late: {command:?}"));
    result.expect_err("Redis is away")
}

#[tokio::test(flavor = "multi_thread")]
async fn without_redis_a_command_fails_at_once_and_nothing_is_sent() {
    let mut redis = Redis::start();
    let monitor = redis.monitor(|_| {});
    is_up(&monitor).await;
    // A Redis that hangs: the connection stands, and nothing answers.
    redis.signal("STOP");
    for kind in [CommandKind::PoolGrow, CommandKind::Send, CommandKind::Purge] {
        let error = in_three_seconds(&monitor, row(kind).1).await;
        assert_eq!(error.kind, ErrorKind::Unavailable, "{kind}: {error}");
        assert!(
            error.message.contains("nothing was sent"),
            "{kind}: {error}"
        );
    }
    redis.signal("CONT");
    redis.stop();
    for kind in CommandKind::ALL {
        let error = in_three_seconds(&monitor, row(*kind).1).await;
        // There is no such bulk, whether Redis is there or not.
        let expected = match kind {
            CommandKind::StopBulk => ErrorKind::NotFound,
            _ => ErrorKind::Unavailable,
        };
        assert_eq!(error.kind, expected, "{kind}: {error}");
    }
    let given = 3 + CommandKind::ALL.len() as u64;
    let log = eventually("all of them in the log", || {
        let log = audit(&monitor);
        let failed = |entry: &model::AuditEntry| entry.result == AuditResult::Failed;
        (log.total == given && log.entries.iter().all(failed)).then_some(log)
    })
    .await;
    assert!(log.entries.iter().all(|entry| entry.seconds.is_some()));
    redis.start_again();
    let outcome = loop {
        // The connection comes back by itself.
        let ping = Command::Ping { workers: all() };
        if let Ok(outcome) = monitor.run(&caller(Role::Admin), ping).await {
            break outcome;
        }
    };
    assert_eq!(outcome.status, OutcomeStatus::Silent);
    assert_eq!(outcome.message, "No worker listens, so nobody was told.");
    let keys: Vec<String> = redis.connection().keys("*").expect("Redis lists keys");
    assert!(keys.is_empty(), "{keys:?}");
    monitor.shutdown().await;
}
