//! Changing what waits in queues, on a real Redis, while others take and send messages.

use crate::{
    celery::{Worker, command, online},
    support::{LossyProxy, Redis, eventually, is_up},
};
use model::{
    Caller, Command, Door, ErrorKind, LeftoverKind, Outcome, OutcomeStatus, QueueName, Role,
    WireError, WorkerStatus,
};
use monitor::Monitor;
use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread::JoinHandle,
    time::Duration,
};

const STEPS: [u8; 4] = [0, 3, 6, 9];

fn key(queue: &str, step: u8) -> String {
    match step {
        0 => queue.to_owned(),
        step => format!("{queue}\u{6}\u{16}{step}"),
    }
}

/// A message as kombu writes it; `id` names the task and its delivery.
fn message(id: &str, queue: &str, step: u8) -> String {
    let body = base64_simd::STANDARD.encode_to_string(
        r#"[[1, 9007199254740993], {"x": 1.50}, {"callbacks": null, "errbacks": null, "chain": null, "chord": null}]"#,
    );
    format!(
        r#"{{"body": "{body}", "content-encoding": "utf-8", "content-type": "application/json", "headers": {{"lang": "py", "task": "lab.add", "id": "{id}", "retries": 0, "argsrepr": "(1, 9007199254740993)", "kwargsrepr": "{{'x': 1.5}}", "origin": "gen1@h"}}, "properties": {{"correlation_id": "{id}", "delivery_mode": 2, "delivery_info": {{"exchange": "shop", "routing_key": "{queue}"}}, "priority": {step}, "body_encoding": "base64", "delivery_tag": "tag-{id}"}}}}"#
    )
}

/// Sends messages with these numbers, a quarter with each priority.
fn fill(redis: &Redis, queue: &str, numbers: std::ops::Range<u32>) {
    let mut connection = redis.connection();
    for part in numbers.collect::<Vec<_>>().chunks(1_000) {
        let mut pipeline = ::redis::pipe();
        for number in part {
            let step = STEPS[*number as usize % 4];
            let text = message(&format!("{number}"), queue, step);
            pipeline.lpush(key(queue, step), text).ignore();
        }
        pipeline
            .query::<()>(&mut connection)
            .expect("Redis takes messages");
    }
}

/// The numbers of messages in a list, the next to run first.
fn numbers(elements: &[Vec<u8>]) -> Vec<u32> {
    let number = |element: &Vec<u8>| {
        let message = protocol::decode_message(element).expect("a message");
        message.id.as_str().parse().expect("a number")
    };
    elements.iter().rev().map(number).collect()
}

fn list(redis: &Redis, queue: &str, step: u8) -> Vec<Vec<u8>> {
    ::redis::cmd("LRANGE")
        .arg(key(queue, step))
        .arg(0)
        .arg(-1)
        .query(&mut redis.connection())
        .expect("a list")
}

fn waiting(redis: &Redis, queue: &str) -> Vec<u32> {
    STEPS
        .iter()
        .flat_map(|step| numbers(&list(redis, queue, *step)))
        .collect()
}

/// Takes messages as a worker does until told to stop, and returns them.
fn consume(redis: &Redis, queue: &'static str, stop: &Arc<AtomicBool>) -> JoinHandle<Vec<u32>> {
    let (mut connection, stop) = (redis.connection(), Arc::clone(stop));
    std::thread::spawn(move || {
        let mut taken = Vec::new();
        while !stop.load(Ordering::Relaxed) {
            let popped: Option<(Vec<u8>, Vec<u8>)> = ::redis::cmd("BRPOP")
                .arg(STEPS.map(|step| key(queue, step)).as_slice())
                .arg(0.05)
                .query(&mut connection)
                .expect("Redis answers");
            if let Some((_, element)) = popped {
                taken.extend(numbers(&[element]));
            }
        }
        taken
    })
}

fn admin() -> Caller {
    Caller {
        name: "tester".to_owned(),
        role: Role::Admin,
        from: None,
        door: Door::Api,
    }
}

async fn run(monitor: &Monitor, command: Command) -> Result<Outcome, WireError> {
    monitor.run(&admin(), command).await
}

fn move_all(from: &str, to: &str) -> Command {
    Command::MoveMessages {
        queue: from.into(),
        to: to.into(),
        tags: None,
    }
}

fn purge(queue: &str) -> Command {
    Command::Purge {
        queue: queue.into(),
        confirm: queue.to_owned(),
    }
}

fn assert_each_once(mut all: Vec<u32>, expected: u32) {
    all.sort_unstable();
    assert_eq!(all, (0..expected).collect::<Vec<_>>());
}

#[tokio::test(flavor = "multi_thread")]
async fn moved_messages_keep_their_order_and_are_each_somewhere_once() {
    let redis = Redis::start();
    let monitor = redis.monitor(|_| {});
    fill(&redis, "from", 0..8_000);
    let stop = Arc::new(AtomicBool::new(false));
    let consumers = [
        consume(&redis, "from", &stop),
        consume(&redis, "from", &stop),
        consume(&redis, "to", &stop),
    ];
    let outcome = run(&monitor, move_all("from", "to"))
        .await
        .expect("it moves");
    assert!(outcome.count.is_some_and(|count| count > 0), "{outcome:?}");
    stop.store(true, Ordering::Relaxed);
    let mut all: Vec<u32> = Vec::new();
    for consumer in consumers {
        all.extend(consumer.join().expect("a consumer"));
    }
    assert!(waiting(&redis, "from").is_empty());
    for step in STEPS {
        let elements = list(&redis, "to", step);
        let left = numbers(&elements);
        assert!(left.is_sorted(), "the order of step {step} is kept");
        assert!(left.iter().all(|n| STEPS[*n as usize % 4] == step));
        for element in &elements {
            let moved = protocol::open_message(element).expect("a message");
            assert_eq!(moved.task.routing_key.as_deref(), Some("to"));
            assert_eq!(moved.task.exchange.as_deref(), Some(""));
            let body = moved.body.expect("its body");
            assert_eq!(body.args, "[1, 9007199254740993]");
            assert_eq!(body.kwargs, "{\"x\": 1.50}");
        }
        all.extend(left);
    }
    assert_each_once(all, 8_000);
    monitor.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_move_ends_with_what_waited_when_it_began() {
    let redis = Redis::start();
    let monitor = redis.monitor(|_| {});
    fill(&redis, "from", 0..4_000);
    let stop = Arc::new(AtomicBool::new(false));
    let sender = {
        let (mut connection, stop) = (redis.connection(), Arc::clone(&stop));
        std::thread::spawn(move || {
            let mut sent = 4_000;
            while !stop.load(Ordering::Relaxed) {
                let text = message(&sent.to_string(), "from", 0);
                let _: u64 = ::redis::cmd("LPUSH")
                    .arg("from")
                    .arg(text)
                    .query(&mut connection)
                    .expect("Redis takes it");
                sent += 1;
            }
            sent
        })
    };
    let outcome = run(&monitor, move_all("from", "to"))
        .await
        .expect("it moves");
    stop.store(true, Ordering::Relaxed);
    let sent = sender.join().expect("the sender");
    let moved = waiting(&redis, "to");
    assert_eq!(outcome.count, Some(moved.len() as u64));
    assert!((0..4_000).all(|number| moved.contains(&number)));
    let mut all = waiting(&redis, "from");
    all.extend(moved);
    assert_each_once(all, sent);
    monitor.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_connection_loses_and_doubles_nothing() {
    let redis = Redis::start();
    let monitor = redis.monitor(|_| {});
    fill(&redis, "from", 0..30_000);
    let stop = Arc::new(AtomicBool::new(false));
    let killer = {
        let (mut connection, stop) = (redis.connection(), Arc::clone(&stop));
        std::thread::spawn(move || {
            while !stop.load(Ordering::Relaxed) {
                std::thread::sleep(Duration::from_millis(15));
                let _: u64 = ::redis::cmd("CLIENT")
                    .arg("KILL")
                    .arg("TYPE")
                    .arg("normal")
                    .arg("SKIPME")
                    .arg("yes")
                    .query(&mut connection)
                    .expect("Redis closes connections");
            }
        })
    };
    let mut failures = Vec::new();
    let mut moved = 0;
    for _ in 0..20 {
        match run(&monitor, move_all("from", "to")).await {
            Ok(outcome) => moved += outcome.count.unwrap_or(0),
            Err(error) => failures.push(error),
        }
        if waiting_count(&redis, "from") == 0 {
            break;
        }
    }
    stop.store(true, Ordering::Relaxed);
    killer.join().expect("the killer");
    assert!(!failures.is_empty(), "no connection broke in the middle");
    for failure in &failures {
        assert_eq!(failure.kind, ErrorKind::Unavailable, "{failure}");
    }
    // What is left moves now, and all in all every message did once.
    moved += run(&monitor, move_all("from", "to"))
        .await
        .expect("it moves")
        .count
        .unwrap_or(0);
    assert!(moved <= 30_000);
    let all = waiting(&redis, "to");
    assert!(
        STEPS
            .iter()
            .all(|step| numbers(&list(&redis, "to", *step)).is_sorted())
    );
    assert_each_once(all, 30_000);
    monitor.shutdown().await;
}

/// How many messages wait; asks again as long as connections are closed.
fn waiting_count(redis: &Redis, queue: &str) -> u64 {
    let client = ::redis::Client::open(redis.url()).expect("a URL");
    loop {
        let mut pipeline = ::redis::pipe();
        for step in STEPS {
            pipeline.llen(key(queue, step));
        }
        let counts = client
            .get_connection()
            .and_then(|mut connection| pipeline.query::<Vec<u64>>(&mut connection));
        if let Ok(counts) = counts {
            return counts.iter().sum();
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn single_messages_are_moved_and_deleted_by_tag() {
    let redis = Redis::start();
    let monitor = redis.monitor(|_| {});
    fill(&redis, "from", 0..3_000);
    let tags = ["tag-17", "tag-2998", "tag-3", "tag-0", "tag-99999"];
    let outcome = run(
        &monitor,
        Command::MoveMessages {
            queue: "from".into(),
            to: "to".into(),
            tags: Some(tags.map(str::to_owned).to_vec()),
        },
    )
    .await
    .expect("four move");
    assert_eq!(
        (outcome.count, outcome.status),
        (Some(4), OutcomeStatus::Partial)
    );
    let mut moved = waiting(&redis, "to");
    moved.sort_unstable();
    assert_eq!(moved, [0, 3, 17, 2998]);
    assert_eq!(waiting(&redis, "from").len(), 2_996);

    let delete = |tag: &str| Command::DeleteMessage {
        queue: "from".into(),
        tag: tag.to_owned(),
    };
    let outcome = run(&monitor, delete("tag-1500"))
        .await
        .expect("it is deleted");
    assert_eq!(outcome.count, Some(1));
    assert!(!waiting(&redis, "from").contains(&1500));
    let again = run(&monitor, delete("tag-1500"))
        .await
        .expect_err("it is gone");
    assert_eq!(again.kind, ErrorKind::Conflict);
    let nowhere = Command::DeleteMessage {
        queue: "nowhere".into(),
        tag: "x".to_owned(),
    };
    let error = run(&monitor, nowhere).await.expect_err("no such queue");
    assert_eq!(error.kind, ErrorKind::NotFound);
    for to in ["from", "", "unacked", "_kombu.binding.x", "x\u{6}\u{16}3"] {
        let error = run(&monitor, move_all("from", to)).await.expect_err(to);
        assert_eq!(error.kind, ErrorKind::Invalid, "{to:?}");
    }
    assert_eq!(waiting(&redis, "from").len(), 2_995);
    monitor.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_purge_is_taken_back_whole_while_others_take_and_send() {
    let redis = Redis::start();
    let monitor = redis.monitor(|_| {});
    fill(&redis, "q", 0..6_000);
    let wrong = Command::Purge {
        queue: "q".into(),
        confirm: "Q".to_owned(),
    };
    let error = run(&monitor, wrong).await.expect_err("another name");
    assert_eq!(error.kind, ErrorKind::Invalid);

    let stop = Arc::new(AtomicBool::new(false));
    let consumers = [consume(&redis, "q", &stop), consume(&redis, "q", &stop)];
    let purged = run(&monitor, purge("q")).await.expect("it is purged");
    let undo = purged.undo.clone().expect("it can be taken back");
    assert_eq!(purged.count, Some(undo.kept));
    let shown = monitor.queues().purged;
    assert_eq!(shown.len(), 1);
    assert_eq!((shown[0].purge, shown[0].purged), (undo.purge, undo.kept));
    assert_eq!(shown[0].by, "tester");
    fill(&redis, "q", 6_000..7_000);
    let back = Command::UndoPurge { purge: undo.purge };
    let outcome = run(&monitor, back.clone()).await.expect("it is taken back");
    assert_eq!(outcome.count, Some(undo.kept));
    stop.store(true, Ordering::Relaxed);
    let mut all = Vec::new();
    for consumer in consumers {
        all.extend(consumer.join().expect("a consumer"));
    }
    // Only now nobody takes one that was counted as waiting.
    all.extend(waiting(&redis, "q"));
    assert_each_once(all, 7_000);
    let again = run(&monitor, back).await.expect_err("once is enough");
    assert_eq!(again.kind, ErrorKind::NotFound);
    assert!(monitor.queues().purged.is_empty());
    let left: Vec<String> = ::redis::cmd("KEYS")
        .arg("celeriac.*")
        .query(&mut redis.connection())
        .expect("Redis lists keys");
    assert!(left.is_empty(), "{left:?}");
    monitor.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn purged_messages_run_before_what_came_since_and_outlive_a_restart() {
    let redis = Redis::start();
    let monitor = redis.monitor(|_| {});
    fill(&redis, "q", 0..400);
    let purged = run(&monitor, purge("q")).await.expect("it is purged");
    let undo = purged.undo.expect("it can be taken back");
    assert_eq!(undo.kept, 400);
    assert!(waiting(&redis, "q").is_empty());
    monitor.shutdown().await;

    fill(&redis, "q", 400..500);
    let monitor = redis.monitor(|_| {});
    let found = eventually("the purge", || monitor.queues().purged.first().cloned()).await;
    assert_eq!((found.purge, found.queue.as_str()), (undo.purge, "q"));
    // The list of the purge is shown as no queue.
    assert_eq!(monitor.queues().rows.len(), 1);
    let back = Command::UndoPurge { purge: undo.purge };
    run(&monitor, back).await.expect("it is taken back");
    for step in STEPS {
        let order = numbers(&list(&redis, "q", step));
        assert_eq!(order.len(), 125);
        assert!(order.is_sorted(), "{order:?}");
        let ttl: i64 = ::redis::cmd("TTL")
            .arg(key("q", step))
            .query(&mut redis.connection())
            .expect("a time");
        assert_eq!(ttl, -1, "a queue has no end");
    }
    monitor.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_long_purge_goes_back_before_a_long_queue() {
    let redis = Redis::start();
    let monitor = redis.monitor(|_| {});
    fill(&redis, "q", 0..90_000);
    let undo = run(&monitor, purge("q")).await.expect("it is purged").undo;
    fill(&redis, "q", 90_000..180_000);
    let back = Command::UndoPurge {
        purge: undo.expect("it can be taken back").purge,
    };
    let outcome = run(&monitor, back).await.expect("it is taken back");
    assert_eq!(outcome.count, Some(90_000));
    for step in STEPS {
        let order = numbers(&list(&redis, "q", step));
        assert_eq!(order.len(), 45_000);
        assert!(order.is_sorted(), "the order of step {step} is kept");
    }
    monitor.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn messages_are_looked_at_in_the_order_workers_take_them() {
    let redis = Redis::start();
    let monitor = redis.monitor(|_| {});
    fill(&redis, "q", 0..100);
    let pickled = message("100", "q", 9)
        .replace("application/json", "application/x-python-serialize")
        .replace("\"body\": \"", "\"body\": \"gASV");
    let mut connection = redis.connection();
    ::redis::pipe()
        .lpush(key("q", 9), pickled)
        .ignore()
        .lpush(key("q", 9), "nonsense")
        .ignore()
        .query::<()>(&mut connection)
        .expect("Redis takes them");
    let queue = QueueName::from("q");
    let peek = monitor.peek(&queue, 20, 30).await.expect("messages");
    assert_eq!(
        (peek.total, peek.offset, peek.messages.len()),
        (102, 20, 30)
    );
    let shown: Vec<(u8, &str)> = peek
        .messages
        .iter()
        .map(|m| (m.step, m.id.as_ref().expect("an id").as_str()))
        .collect();
    let expected: Vec<(u8, String)> = waiting(&redis_without_odd(), "q")
        .into_iter()
        .skip(20)
        .take(30)
        .map(|number| (STEPS[number as usize % 4], number.to_string()))
        .collect();
    let expected: Vec<(u8, &str)> = expected.iter().map(|(s, n)| (*s, n.as_str())).collect();
    assert_eq!(shown, expected);
    let first = &peek.messages[0];
    assert_eq!(first.args.as_deref(), Some("[1, 9007199254740993]"));
    assert_eq!(first.kwargs.as_deref(), Some("{\"x\": 1.50}"));
    assert!(!first.is_text && first.problem.is_none());
    assert_eq!(first.tag.as_deref(), Some("tag-80"));

    let end = monitor.peek(&queue, 100, 100).await.expect("messages");
    let [pickled, nonsense] = end.messages.as_slice() else {
        panic!("two are left: {end:?}");
    };
    assert!(pickled.is_text);
    assert_eq!(pickled.args.as_deref(), Some("(1, 9007199254740993)"));
    let problem = pickled.problem.as_deref().expect("a problem");
    assert!(problem.contains("pickle"), "{problem}");
    assert!(nonsense.id.is_none() && nonsense.problem.is_some());
    let error = monitor.peek(&queue, 0, 101).await.expect_err("too many");
    assert_eq!(error.kind, ErrorKind::Invalid);
    let error = monitor
        .peek(&"no".into(), 0, 1)
        .await
        .expect_err("no queue");
    assert_eq!(error.kind, ErrorKind::NotFound);
    monitor.shutdown().await;
}

/// Another Redis with the messages that the test's first hundred are.
fn redis_without_odd() -> Redis {
    let redis = Redis::start();
    fill(&redis, "q", 0..100);
    redis
}

#[tokio::test(flavor = "multi_thread")]
async fn the_list_of_queues_tells_who_holds_what_and_since_when() {
    let redis = Redis::start();
    let monitor = redis.monitor(|_| {});
    let mut connection = redis.connection();
    let unacked = |id: &str, exchange: &str, route: &str| {
        format!(r#"[{}, "{exchange}", "{route}"]"#, message(id, route, 0))
    };
    ::redis::pipe()
        .lpush("q", message("1", "q", 0))
        .hset("unacked", "a", unacked("2", "", "q"))
        .hset("unacked", "b", unacked("3", "shop", "bought"))
        .sadd("_kombu.binding.shop", "bought\u{6}\u{16}\u{6}\u{16}q")
        .zadd("unacked_index", "a", 1_000_000)
        .zadd("unacked_index", "b", 32_503_680_000_u64)
        .query::<()>(&mut connection)
        .expect("Redis takes them");
    let list = eventually("what workers hold", || {
        let list = monitor.queues();
        let row = list.rows.iter().find(|row| row.name.as_str() == "q")?;
        (row.unacked == Some(2) && row.oldest_since.is_some()).then_some(list)
    })
    .await;
    let since = list.rows[0].oldest_since.expect("a time");
    assert!(
        !list.rows[0].is_oldest_exact,
        "nobody told when it was sent"
    );
    assert_eq!(list.health.unacked_overdue, 1);
    let oldest = list.health.unacked_oldest.expect("a time");
    assert!((oldest.as_seconds() - 1e6).abs() < 1.0);
    // The next look finds the same message, which has waited as long.
    let polled = list.polled;
    let later = eventually("another look", || {
        let later = monitor.queues();
        (later.polled != polled).then_some(later)
    })
    .await;
    assert_eq!(later.rows[0].oldest_since, Some(since));
    let overdue = eventually("what needs a person", || {
        let snapshot = monitor.snapshot(&model::Topic::Overview).ok()?;
        let model::View::Overview(overview) = snapshot.view else {
            return None;
        };
        let found = overview.attention.into_iter();
        found
            .map(|attention| attention.title)
            .find(|title| title.contains("unacknowledged"))
    })
    .await;
    assert_eq!(overdue, "1 message unacknowledged too long");
    monitor.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn only_what_nobody_touches_is_cleaned_up() {
    let redis = Redis::start();
    let monitor = redis.monitor(|_| {});
    let mut connection = redis.connection();
    let restore = |key: &str, ttl: u64, idle: u64, connection: &mut ::redis::Connection| {
        let dump: Vec<u8> = ::redis::pipe()
            .rpush("source", "x".repeat(2_000))
            .ignore()
            .cmd("DUMP")
            .arg("source")
            .query::<(Vec<u8>,)>(connection)
            .expect("a dump")
            .0;
        ::redis::cmd("RESTORE")
            .arg(key)
            .arg(ttl)
            .arg(dump)
            .arg("IDLETIME")
            .arg(idle)
            .query::<()>(connection)
            .expect("it is restored");
    };
    let dead = "dead.reply.celery.pidbox";
    restore(dead, 0, 1_000, &mut connection);
    restore("live.reply.celery.pidbox", 0, 0, &mut connection);
    restore(
        "ending.reply.celery.pidbox",
        900_000,
        1_000,
        &mut connection,
    );
    restore("w9@h.celery.pidbox", 0, 1_000, &mut connection);
    restore("celeryev.dead", 0, 1_000, &mut connection);
    restore("other", 0, 1_000, &mut connection);
    let health = eventually("what was left behind", || {
        let health = monitor.queues().health;
        (health.leftovers.len() == 3).then_some(health)
    })
    .await;
    assert!(health.is_complete);
    assert_eq!(health.leftovers[0].kind, LeftoverKind::ReplyLists);
    assert_eq!(health.leftovers[0].keys, 1);
    assert!(health.leftovers[0].bytes > 2_000);
    assert_eq!(health.leftovers[0].examples, [dead]);

    let clean = |keys: Option<&str>| Command::CleanUp {
        kind: LeftoverKind::ReplyLists,
        keys: keys.map(|key| vec![key.to_owned()]),
    };
    for key in ["other", "w9@h.celery.pidbox", "unacked"] {
        let error = run(&monitor, clean(Some(key))).await.expect_err(key);
        assert_eq!(error.kind, ErrorKind::Invalid);
    }
    let live = run(&monitor, clean(Some("live.reply.celery.pidbox"))).await;
    let live = live.expect("it is asked for");
    assert_eq!((live.count, live.status), (Some(0), OutcomeStatus::Refused));
    let outcome = run(&monitor, clean(None)).await.expect("it is cleaned up");
    assert_eq!(outcome.count, Some(1), "{outcome:?}");
    let mut left: Vec<String> = ::redis::cmd("KEYS")
        .arg("*")
        .query(&mut connection)
        .expect("Redis lists keys");
    left.retain(|key| !key.starts_with("_kombu") && !key.contains('-'));
    left.sort();
    assert_eq!(
        left,
        [
            "celeryev.dead",
            "ending.reply.celery.pidbox",
            "live.reply.celery.pidbox",
            "other",
            "source",
            "w9@h.celery.pidbox"
        ]
    );
    let kinds = monitor.queues().health.leftovers;
    assert_eq!(kinds.len(), 2, "{kinds:?}");
    monitor.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_redis_does_not_allow_is_said() {
    let mut redis = Redis::start();
    fill(&redis, "q", 0..10);
    let rules = "on >secret ~* &* +@all -eval";
    let _: () = ::redis::cmd("ACL")
        .arg("SETUSER")
        .arg("half")
        .arg(rules.split(' ').collect::<Vec<_>>())
        .query(&mut redis.connection())
        .expect("a user");
    let url = format!("redis://half:secret@127.0.0.1:{}/0", redis.port);
    let monitor = redis.monitor(|config| {
        config.broker = protocol::RedisUrl::parse(&url).expect("a URL");
    });
    for command in [move_all("q", "r"), purge("q")] {
        let error = run(&monitor, command).await.expect_err("no scripts");
        assert_eq!(error.kind, ErrorKind::Conflict);
        assert!(error.message.contains("+eval"), "{error}");
    }
    assert_eq!(waiting(&redis, "q").len(), 10);
    redis.stop();
    let error = run(&monitor, purge("q")).await.expect_err("no Redis");
    assert_eq!(error.kind, ErrorKind::Unavailable);
    monitor.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_paused_queue_waits_and_a_resumed_one_runs() {
    let redis = Redis::start();
    let monitor = redis.monitor(|_| {});
    is_up(&monitor).await;
    let _one = Worker::start(
        &redis,
        "w1@lab",
        &["-E", "-P", "threads", "-Q", "lab,other"],
    );
    let _two = Worker::start(&redis, "w2@lab", &["-E", "-P", "threads", "-Q", "lab"]);
    online(&monitor, "w1@lab").await;
    online(&monitor, "w2@lab").await;
    let row = |monitor: &Monitor| {
        let rows = monitor.queues().rows;
        rows.into_iter().find(|row| row.name.as_str() == "lab")
    };
    eventually("both consumers", || {
        (row(&monitor)?.consumers.len() == 2).then_some(())
    })
    .await;
    let queue = QueueName::from("lab");
    let resume = Command::ResumeQueue {
        queue: queue.clone(),
    };
    let error = run(&monitor, resume.clone()).await.expect_err("not paused");
    assert_eq!(error.kind, ErrorKind::Conflict);
    let pause = Command::PauseQueue { queue };
    let paused = run(&monitor, pause).await.expect("it is paused");
    assert_eq!(paused.status, OutcomeStatus::Done, "{paused:?}");
    let workers: Vec<_> = paused.replies.iter().map(|r| r.worker.as_str()).collect();
    assert_eq!(workers, ["w1@lab", "w2@lab"]);
    eventually("nobody consuming", || {
        let row = row(&monitor)?;
        (row.consumers.is_empty() && row.paused.len() == 2).then_some(())
    })
    .await;
    let sent = command(&redis)
        .args(["-c", "import lab; [lab.add.delay(1, n) for n in range(20)]"])
        .status();
    assert!(sent.expect("the client runs").success());
    eventually("twenty waiting", || {
        (row(&monitor)?.ready == 20).then_some(())
    })
    .await;
    // A worker that was just waiting for messages gives the one it got back
    // (`kombu/transport/virtual/base.py Transport._deliver`), so any may be the next.
    let deadline = std::time::Instant::now() + crate::support::PATIENCE;
    let peek = loop {
        let peek = monitor.peek(&"lab".into(), 0, 100).await.expect("messages");
        let oldest = row(&monitor).expect("the queue").oldest_since;
        let is_same = peek.messages.first().map(|next| next.since) == Some(oldest);
        if peek.total == 20 && oldest.is_some() && is_same {
            break peek;
        }
        assert!(std::time::Instant::now() < deadline, "{peek:?}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    };
    let mut args: Vec<_> = peek.messages.iter().map(|m| m.args.clone()).collect();
    args.sort();
    let mut sent: Vec<_> = (0..20).map(|n| Some(format!("[1, {n}]"))).collect();
    sent.sort();
    assert_eq!(args, sent);
    let dated = peek.messages.iter().filter(|m| m.is_since_exact).count();
    assert!(dated >= 18, "clients told when they sent them: {peek:?}");

    let resumed = run(&monitor, resume).await.expect("it is resumed");
    assert_eq!(resumed.status, OutcomeStatus::Done, "{resumed:?}");
    let finished = |monitor: &Monitor| -> BTreeMap<String, u64> {
        let page = monitor.tasks(&model::TaskQuery::default());
        let states = page.expect("a query").states.into_iter();
        states.map(|(state, n)| (state.to_string(), n)).collect()
    };
    eventually("all tasks", || {
        (finished(&monitor).get("SUCCESS") == Some(&20)).then_some(())
    })
    .await;
    eventually("both consumers again", || {
        let row = row(&monitor)?;
        let is_taken = row.taken_per_second.is_some_and(|rate| rate > 0.0);
        (row.consumers.len() == 2 && row.paused.is_empty() && is_taken).then_some(())
    })
    .await;
    monitor.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn real_workers_run_each_task_once_whatever_is_moved_and_purged_meanwhile() {
    const TASKS: u64 = 1_200;
    let redis = Redis::start();
    let monitor = redis.monitor(|_| {});
    is_up(&monitor).await;
    let _one = Worker::start(&redis, "w1@lab", &["-P", "threads", "-Q", "lab"]);
    let _two = Worker::start(&redis, "w2@lab", &["-P", "threads", "-Q", "second"]);
    online(&monitor, "w1@lab").await;
    online(&monitor, "w2@lab").await;
    let calls = format!(
        "import lab\nfor n in range({TASKS}): lab.add.apply_async((1, n), priority=n % 10)"
    );
    let mut client = command(&redis)
        .args(["-c", &calls])
        .spawn()
        .expect("the client starts");
    let (mut moved, mut purged) = (0, 0);
    loop {
        let is_last = client.try_wait().expect("the client runs").is_some();
        for step in [move_all("lab", "second"), purge("second"), purge("lab")] {
            // Before its first message the queue is not known.
            let Ok(outcome) = run(&monitor, step).await else {
                continue;
            };
            if let Some(undo) = outcome.undo {
                let back = Command::UndoPurge { purge: undo.purge };
                let outcome = run(&monitor, back).await.expect("it is taken back");
                assert_eq!(outcome.count, Some(undo.kept));
                purged += undo.kept;
            } else {
                moved += outcome.count.unwrap_or(0);
            }
        }
        if is_last {
            break;
        }
    }
    assert!(client.wait().expect("the client ends").success());
    assert!(moved > 0 && purged > 0, "{moved} moved, {purged} purged");
    let taken = |monitor: &Monitor| {
        let totals = ["w1@lab", "w2@lab"].map(|name| {
            let stats = monitor.worker(&name.into())?.inspection.stats?;
            stats.get("total")?.get("lab.add")?.as_u64()
        });
        totals.iter().map(|total| total.unwrap_or(0)).sum::<u64>()
    };
    let deadline = std::time::Instant::now() + crate::support::PATIENCE;
    while taken(&monitor) < TASKS {
        assert!(std::time::Instant::now() < deadline, "{}", taken(&monitor));
        monitor.inspect(None).await.expect("workers answer");
    }
    assert_eq!(
        waiting_count(&redis, "lab") + waiting_count(&redis, "second"),
        0
    );
    monitor.inspect(None).await.expect("workers answer");
    assert_eq!(taken(&monitor), TASKS, "none ran twice");
    monitor.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_move_ends_when_others_took_what_waited_when_it_began() {
    let redis = Redis::start();
    let monitor = redis.monitor(|_| {});
    fill(&redis, "from", 0..80_000);
    // Once the move is under way somebody empties the list and sends others.
    let other = {
        let mut connection = redis.connection();
        let later: Vec<String> = (80_000..81_000)
            .map(|number| message(&number.to_string(), "from", 0))
            .collect();
        std::thread::spawn(move || {
            loop {
                let moved: u64 = ::redis::cmd("LLEN")
                    .arg("to")
                    .query(&mut connection)
                    .expect("a length");
                if moved > 0 {
                    break;
                }
            }
            let (left, _, _): (u64, u64, u64) = ::redis::pipe()
                .atomic()
                .llen("from")
                .del("from")
                .lpush("from", later)
                .query(&mut connection)
                .expect("Redis takes them");
            left
        })
    };
    let outcome = run(&monitor, move_all("from", "to"))
        .await
        .expect("it moves");
    let left = other.join().expect("the other one");
    assert!(left > 0, "the move was over before somebody came between");
    assert_eq!(outcome.count, Some(80_000 - left));
    let moved = numbers(&list(&redis, "to", 0));
    assert!(moved.iter().all(|number| *number < 80_000));
    let stayed = numbers(&list(&redis, "from", 0));
    assert_eq!(stayed, (80_000..81_000).collect::<Vec<_>>());
    monitor.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_purge_that_lost_messages_says_how_many_came_back() {
    let redis = Redis::start();
    let monitor = redis.monitor(|_| {});
    fill(&redis, "q", 0..400);
    let undo = run(&monitor, purge("q")).await.expect("it is purged").undo;
    let purge = undo.expect("it can be taken back").purge;
    let lost: u64 = ::redis::cmd("DEL")
        .arg(format!("celeriac.purged.{}.3", purge.0))
        .query(&mut redis.connection())
        .expect("a count");
    assert_eq!(lost, 1);
    let outcome = run(&monitor, Command::UndoPurge { purge })
        .await
        .expect("the rest is put back");
    assert_eq!(
        (outcome.status, outcome.count),
        (OutcomeStatus::Partial, Some(300))
    );
    assert_eq!(
        outcome.message,
        "Put 300 of 400 messages back into q; the rest is no longer in Redis"
    );
    assert_eq!(waiting(&redis, "q").len(), 300);
    assert!(monitor.queues().purged.is_empty());
    monitor.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_purge_does_not_end_while_it_is_taken_back() {
    let redis = Redis::start();
    let monitor = redis.monitor(|_| {});
    fill(&redis, "q", 0..400);
    let undo = run(&monitor, purge("q")).await.expect("it is purged").undo;
    let purge = undo.expect("it can be taken back").purge;
    monitor.shutdown().await;
    // As another dashboard leaves it in the middle of taking it back.
    let key = format!("celeriac.purged.{}", purge.0);
    let mut connection = redis.connection();
    ::redis::pipe()
        .hset(&key, "undo", 32_503_680_000_000_000_u64)
        .hset(&key, "until", 1_000_000)
        .query::<()>(&mut connection)
        .expect("Redis takes it");
    let monitor = redis.monitor(|_| {});
    eventually("the purge", || monitor.queues().purged.first().cloned()).await;
    for _ in 0..3 {
        let polled = monitor.queues().polled;
        eventually("another look", || {
            (monitor.queues().polled != polled).then_some(())
        })
        .await;
    }
    let kept = |connection: &mut ::redis::Connection| -> u64 {
        let keys = ["", ".0", ".3", ".6", ".9"].map(|step| format!("{key}{step}"));
        let found = ::redis::cmd("EXISTS").arg(&keys).query(connection);
        found.expect("a count")
    };
    assert_eq!(kept(&mut connection), 5, "its lists are left alone");
    assert_eq!(monitor.queues().purged.len(), 1);
    let _: u64 = ::redis::cmd("HSET")
        .arg(&key)
        .arg("undo")
        .arg(1_000_000)
        .query(&mut connection)
        .expect("Redis takes it");
    eventually("its end", || {
        (kept(&mut connection) == 0 && monitor.queues().purged.is_empty()).then_some(())
    })
    .await;
    monitor.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_purge_without_an_answer_can_be_taken_back_once_it_is_found() {
    let redis = Redis::start();
    // Puts its lists aside, and nothing else does.
    let proxy = LossyProxy::start(redis.port, b"redis.call('HSET', KEYS[1], 'purged'");
    let url = format!("redis://127.0.0.1:{}/0", proxy.port());
    let monitor = redis.monitor(|config| {
        config.broker = protocol::RedisUrl::parse(&url).expect("a URL");
    });
    fill(&redis, "q", 0..400);
    eventually("the queue", || monitor.queues().polled).await;
    let error = run(&monitor, purge("q")).await.expect_err("no answer");
    assert_eq!(error.kind, ErrorKind::Unavailable);
    assert!(error.message.contains("It may have been purged"), "{error}");
    assert!(waiting(&redis, "q").is_empty(), "it was purged");
    assert!(monitor.queues().purged.is_empty(), "nobody knows yet");
    proxy.mend();
    let found = eventually("the purge", || monitor.queues().purged.first().cloned()).await;
    assert_eq!((found.queue.as_str(), found.kept), ("q", 400));
    let back = Command::UndoPurge { purge: found.purge };
    let outcome = run(&monitor, back).await.expect("it is taken back");
    assert_eq!(
        (outcome.status, outcome.count),
        (OutcomeStatus::Done, Some(400))
    );
    assert_each_once(waiting(&redis, "q"), 400);
    monitor.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_queue_is_paused_no_more_once_its_workers_consume_it_or_are_gone() {
    let redis = Redis::start();
    let monitor = redis.monitor(|_| {});
    is_up(&monitor).await;
    let _one = Worker::start(&redis, "w1@lab", &["-P", "threads", "-Q", "lab"]);
    let two = Worker::start(&redis, "w2@lab", &["-P", "threads", "-Q", "lab"]);
    online(&monitor, "w1@lab").await;
    online(&monitor, "w2@lab").await;
    eventually("both consumers", || {
        let rows = monitor.queues().rows;
        let row = rows.into_iter().find(|row| row.name.as_str() == "lab")?;
        (row.consumers.len() == 2).then_some(())
    })
    .await;
    let paused = |monitor: &Monitor| -> Option<Vec<String>> {
        let rows = monitor.queues().rows;
        let row = rows.into_iter().find(|row| row.name.as_str() == "lab")?;
        Some(row.paused.iter().map(ToString::to_string).collect())
    };
    let pause = Command::PauseQueue {
        queue: "lab".into(),
    };
    let outcome = run(&monitor, pause).await.expect("it is paused");
    assert_eq!(outcome.status, OutcomeStatus::Done, "{outcome:?}");
    eventually("both paused", || {
        (paused(&monitor)? == ["w1@lab", "w2@lab"]).then_some(())
    })
    .await;
    let add = Command::AddConsumer {
        queue: "lab".into(),
        workers: model::Destination::one("w1@lab".into()),
    };
    let outcome = run(&monitor, add).await.expect("it is added");
    assert_eq!(outcome.status, OutcomeStatus::Done, "{outcome:?}");
    eventually("one paused", || {
        (paused(&monitor)? == ["w2@lab"]).then_some(())
    })
    .await;
    drop(two);
    eventually("one gone", || {
        let status = monitor.worker(&"w2@lab".into())?.summary.status;
        matches!(status, WorkerStatus::Lost | WorkerStatus::Offline).then_some(())
    })
    .await;
    let resume = Command::ResumeQueue {
        queue: "lab".into(),
    };
    let outcome = run(&monitor, resume.clone()).await.expect("it is resumed");
    assert_eq!(outcome.status, OutcomeStatus::Done, "{outcome:?}");
    assert!(
        outcome.notes.iter().any(|note| note
            == "Not online: w2@lab; they consume it by themselves when they start again"),
        "{outcome:?}"
    );
    assert_eq!(paused(&monitor), Some(Vec::new()));
    let error = run(&monitor, resume).await.expect_err("not paused");
    assert_eq!(error.kind, ErrorKind::Conflict);
    monitor.shutdown().await;
}
