//! The one door: every kind of command, asked for by every role.

use crate::{
    steer::{audit, caller},
    support::{Redis, eventually, is_up},
};
use model::{
    AuditResult, BulkAct, BulkId, BulkTarget, Command, CommandKind, Destination, ErrorKind,
    LeftoverKind, PurgeId, Role, ScheduleKey, ScheduleSource, Signal,
};
use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
    time::Duration,
};

/// A command of a kind, and the least role that may give it. A kind without a
/// row does not compile.
pub(crate) fn row(kind: CommandKind) -> (Role, Command) {
    use Role::{Admin, Operator, Viewer};
    let workers = Destination::All;
    let one = || vec!["8f0e3b9c-6f5f-4c58-9f0b-1f2d7f6f0a01".into()];
    let queue = || "lab".into();
    match kind {
        CommandKind::Revoke => (Operator, Command::Revoke { tasks: one() }),
        CommandKind::Terminate => {
            let signal = Signal::Term;
            (
                Operator,
                Command::Terminate {
                    tasks: one(),
                    signal,
                },
            )
        }
        CommandKind::RevokeByStampedHeaders => {
            let headers = BTreeMap::from([("batch".to_owned(), vec!["7".to_owned()])]);
            let terminate = None;
            (
                Operator,
                Command::RevokeByStampedHeaders { headers, terminate },
            )
        }
        CommandKind::Abort => (Operator, Command::Abort { task: "x".into() }),
        CommandKind::Retry => {
            let source = None;
            (
                Operator,
                Command::Retry {
                    task: "x".into(),
                    source,
                },
            )
        }
        CommandKind::Send => {
            let task = serde_json::from_str(r#"{"name": "lab.add", "queue": "lab"}"#);
            (
                Operator,
                Command::Send {
                    task: task.expect("a draft"),
                },
            )
        }
        CommandKind::Bulk => {
            let (act, tasks) = (BulkAct::Revoke, BulkTarget::Tasks(one()));
            let expected = None;
            (
                Operator,
                Command::Bulk {
                    act,
                    tasks,
                    expected,
                },
            )
        }
        CommandKind::StopBulk => (Operator, Command::StopBulk { bulk: BulkId(1) }),
        CommandKind::Ping => (Viewer, Command::Ping { workers }),
        CommandKind::Shutdown => (Admin, Command::Shutdown { workers }),
        CommandKind::PoolRestart => (Operator, Command::PoolRestart { workers }),
        CommandKind::PoolGrow => (Operator, Command::PoolGrow { workers, n: 1 }),
        CommandKind::PoolShrink => (Operator, Command::PoolShrink { workers, n: 1 }),
        CommandKind::Autoscale => {
            let (min, max) = (1, 2);
            (Operator, Command::Autoscale { workers, min, max })
        }
        CommandKind::AddConsumer => {
            let queue = queue();
            (Operator, Command::AddConsumer { workers, queue })
        }
        CommandKind::CancelConsumer => {
            let queue = queue();
            (Operator, Command::CancelConsumer { workers, queue })
        }
        CommandKind::RateLimit => {
            let (task, rate_limit) = ("lab.add".into(), "1/m".to_owned());
            (
                Operator,
                Command::RateLimit {
                    workers,
                    task,
                    rate_limit,
                },
            )
        }
        CommandKind::TimeLimit => {
            let (task, soft, hard) = ("lab.add".into(), None, Some(1.0));
            (
                Operator,
                Command::TimeLimit {
                    workers,
                    task,
                    soft,
                    hard,
                },
            )
        }
        CommandKind::EnableEvents => (Operator, Command::EnableEvents { workers }),
        CommandKind::DisableEvents => (Operator, Command::DisableEvents { workers }),
        CommandKind::DeleteMessage => {
            let (queue, tag) = (queue(), "7".to_owned());
            (Operator, Command::DeleteMessage { queue, tag })
        }
        CommandKind::MoveMessages => {
            let (queue, to, tags) = (queue(), "other".into(), None);
            (Operator, Command::MoveMessages { queue, to, tags })
        }
        CommandKind::Purge => {
            let (queue, confirm) = (queue(), "lab".to_owned());
            (Admin, Command::Purge { queue, confirm })
        }
        CommandKind::UndoPurge => (Operator, Command::UndoPurge { purge: PurgeId(1) }),
        CommandKind::PauseQueue => (Operator, Command::PauseQueue { queue: queue() }),
        CommandKind::ResumeQueue => (Operator, Command::ResumeQueue { queue: queue() }),
        CommandKind::CleanUp => {
            let (kind, keys) = (LeftoverKind::ALL[0], None);
            (Admin, Command::CleanUp { kind, keys })
        }
        CommandKind::RunEntry => {
            let (source, name) = (ScheduleSource::Configuration, "nightly".to_owned());
            let entry = ScheduleKey { source, name };
            (Operator, Command::RunEntry { entry })
        }
    }
}

/// What clients of Redis have done so far that changes something, by command.
fn changes(connection: &mut ::redis::Connection) -> u64 {
    const CHANGING: [&str; 14] = [
        "lpush", "rpush", "lrem", "ltrim", "lmove", "rpop", "del", "unlink", "set", "hset", "zadd",
        "eval", "evalsha", "sadd",
    ];
    let text: String = ::redis::cmd("INFO")
        .arg("commandstats")
        .query(connection)
        .expect("Redis tells its statistics");
    let calls = |line: &str| {
        let (name, rest) = line.strip_prefix("cmdstat_")?.split_once(":calls=")?;
        let is_change = CHANGING.contains(&name);
        is_change.then(|| rest.split(',').next()?.parse::<u64>().ok())?
    };
    text.lines().filter_map(calls).sum()
}

/// Collects the methods of requests to workers.
fn listen(redis: &Redis) -> Arc<Mutex<Vec<String>>> {
    let methods = Arc::new(Mutex::new(Vec::new()));
    let mut connection = redis.connection();
    let heard = Arc::clone(&methods);
    let (ready, is_ready) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        let mut channel = connection.as_pubsub();
        channel.subscribe("/0.celery.pidbox").expect("a SUBSCRIBE");
        ready.send(()).expect("the test waits");
        // Ends when the test's Redis does.
        while let Ok(message) = channel.get_message() {
            let payload: Vec<u8> = message.get_payload().expect("bytes");
            let mut text = Vec::new();
            protocol::extract_body(&payload, &mut text).expect("an envelope");
            let body: serde_json::Value = serde_json::from_slice(&text).expect("JSON");
            let method = body["method"].as_str().expect("a method").to_owned();
            heard.lock().expect("nobody panicked").push(method);
        }
    });
    is_ready.recv().expect("it subscribes");
    methods
}

#[tokio::test(flavor = "multi_thread")]
async fn every_role_may_do_what_it_may_and_nothing_else_reaches_redis() {
    let redis = Redis::start();
    let monitor = redis.monitor(|config| {
        config.enable_events = false;
        config.inspect_timeout = Duration::from_millis(50);
        let url = format!("redis://127.0.0.1:{}/1", redis.port);
        config.result_backend = Some(protocol::RedisUrl::parse(&url).expect("a URL"));
    });
    is_up(&monitor).await;
    let methods = listen(&redis);
    let mut connection = redis.connection();
    let heard = |name: &str| {
        let methods = methods.lock().expect("nobody panicked");
        methods.iter().filter(|method| *method == name).count()
    };

    let mut expected = Vec::new();
    for role in Role::ALL {
        for kind in CommandKind::ALL {
            let (least, command) = row(*kind);
            assert_eq!(command.kind(), *kind);
            if role >= least {
                continue;
            }
            let before = changes(&mut connection);
            let refused = monitor.run(&caller(role), command).await;
            let error = refused.expect_err("the door is closed");
            assert_eq!(error.kind, ErrorKind::Forbidden, "{role} {kind}: {error}");
            assert_eq!(changes(&mut connection), before, "{role} {kind}");
            expected.push((role, *kind));
        }
    }
    // What nobody was allowed is not even whispered to the workers.
    let asked = ["ping", "stats", "active_queues", "conf"];
    let methods_heard = methods.lock().expect("nobody panicked").clone();
    assert!(
        methods_heard
            .iter()
            .all(|method| asked.contains(&method.as_str())),
        "{methods_heard:?}"
    );
    let log = eventually("every refusal in the log", || {
        let log = audit(&monitor);
        (log.total == expected.len() as u64).then_some(log)
    })
    .await;
    let logged: Vec<_> = log
        .entries
        .iter()
        .rev()
        .map(|e| (e.role, e.command))
        .collect();
    assert_eq!(logged, expected);
    for entry in &log.entries {
        assert_eq!(entry.result, AuditResult::Forbidden);
        assert_eq!(
            (entry.caller.as_str(), entry.from.as_deref()),
            ("tess", Some("127.0.0.1"))
        );
    }

    // The same door, the same commands: those who may are let through.
    let mut given = expected.len() as u64;
    for role in Role::ALL {
        for kind in CommandKind::ALL {
            let (least, command) = row(*kind);
            if role < least {
                continue;
            }
            given += 1;
            if let Err(error) = monitor.run(&caller(role), command).await {
                assert_ne!(error.kind, ErrorKind::Forbidden, "{role} {kind}: {error}");
                assert_ne!(error.kind, ErrorKind::Invalid, "{role} {kind}: {error}");
            }
        }
    }
    for method in [
        "revoke",
        "revoke_by_stamped_headers",
        "shutdown",
        "pool_restart",
        "pool_grow",
        "pool_shrink",
        "autoscale",
        "add_consumer",
        "cancel_consumer",
        "rate_limit",
        "time_limit",
        "enable_events",
        "disable_events",
    ] {
        eventually(method, || (heard(method) > 0).then_some(())).await;
    }
    eventually("every command in the log", || {
        let log = audit(&monitor);
        let is_over = log
            .entries
            .iter()
            .all(|entry| entry.result != AuditResult::Running);
        (log.total == given && is_over).then_some(())
    })
    .await;
    monitor.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_asks_at_the_same_time_shares_one_inspection() {
    let redis = Redis::start();
    let monitor = redis.monitor(|config| config.inspect_timeout = Duration::from_millis(50));
    is_up(&monitor).await;
    let methods = listen(&redis);
    let (first, second, third) = tokio::join!(
        monitor.inspect(None),
        monitor.inspect(None),
        monitor.inspect(None)
    );
    for asked in [
        first,
        second,
        third,
        monitor.inspect(Some(&"w1@lab".into())).await,
    ] {
        asked.expect("Redis answers");
    }
    let asked = methods.lock().expect("nobody panicked").clone();
    // Nothing but a whole inspection asks for this here.
    let whole = asked.iter().filter(|method| *method == "revoked").count();
    assert_eq!(whole, 1, "{asked:?}");
    monitor.shutdown().await;
}
