//! The engine on a real Redis: subscription, loss of the connection, queues, live views.

use crate::support::{Redis, eventually, golden_events, is_up};
use ::redis::Commands;
use model::{BrokerState, Frame, GapCause, QueueName, TaskQuery, TaskState, Topic, View};
use monitor::Monitor;

fn publish(redis: &Redis, file: &str) {
    let mut connection = redis.connection();
    for (_, channel, payload) in golden_events(file) {
        let listeners: u64 = connection
            .publish(channel, payload)
            .expect("Redis takes messages");
        assert_eq!(listeners, 1, "exactly one subscription listens");
    }
}

fn stored(monitor: &Monitor) -> u64 {
    let page = monitor.tasks(&TaskQuery::default());
    page.expect("a query without search").stored
}

#[tokio::test(flavor = "multi_thread")]
async fn events_become_tasks() {
    let redis = Redis::start();
    let monitor = redis.monitor(|_| {});
    is_up(&monitor).await;
    publish(&redis, "c570.retried.jsonl");
    let page = eventually("three finished tasks", || {
        let page = monitor.tasks(&TaskQuery::default()).expect("a query");
        let finished = page.rows.iter().filter(|row| row.state.is_finished());
        (finished.count() == 3).then_some(page)
    })
    .await;
    let retried = page.rows.iter().find(|row| row.retries == 2);
    let task = monitor.task(&retried.expect("one had two retries").id);
    assert_eq!(task.expect("it is known").attempts.len(), 3);
    assert!(monitor.pulse().events_total > 10);
    assert_eq!(monitor.pulse().undecodable_total, 0);
    monitor.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn channels_follow_the_options_of_the_transport() {
    let redis = Redis::start();
    for (file, change) in [
        ("c570.opt_keyprefix.jsonl", 0),
        ("c570.opt_nofanoutprefix.jsonl", 1),
    ] {
        let monitor = redis.monitor(|config| match change {
            0 => config.keyspace.prefix = "pfx:".to_owned(),
            _ => {
                config.keyspace.fanout_prefix = protocol::FanoutPrefix::None;
                config.keyspace.fanout_patterns = false;
            }
        });
        is_up(&monitor).await;
        publish(&redis, file);
        eventually("the tasks", || (stored(&monitor) == 8).then_some(())).await;
        monitor.shutdown().await;
        // The reader's connection may linger: a new engine must be the only listener.
        eventually("no listener", || {
            let count: u64 = ::redis::cmd("PUBSUB")
                .arg("NUMPAT")
                .query(&mut redis.connection())
                .expect("Redis counts patterns");
            (count == 0).then_some(())
        })
        .await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_connection_is_a_gap_and_comes_back() {
    let mut redis = Redis::start();
    let monitor = redis.monitor(|_| {});
    is_up(&monitor).await;
    publish(&redis, "c570.ok.jsonl");
    eventually("the tasks", || (stored(&monitor) == 2).then_some(())).await;
    redis.stop();
    eventually("the loss", || {
        matches!(monitor.pulse().broker, BrokerState::Down { .. }).then_some(())
    })
    .await;
    let gaps = monitor.pulse().gaps;
    assert_eq!(gaps.len(), 1);
    assert_eq!(gaps[0].end, None, "it lasts");
    redis.start_again();
    is_up(&monitor).await;
    let gaps = monitor.pulse().gaps;
    assert_eq!(gaps.len(), 1, "one loss, one gap");
    assert!(gaps[0].end.is_some_and(|end| end > gaps[0].start));
    assert!(matches!(
        gaps[0].cause,
        GapCause::BrokerDown | GapCause::ConnectionLost
    ));
    publish(&redis, "c570.failed.jsonl");
    eventually("new tasks", || (stored(&monitor) == 6).then_some(())).await;
    monitor.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broker_that_comes_late_is_connected_to_and_nothing_counts_as_missed() {
    let mut redis = Redis::start();
    redis.stop();
    let monitor = redis.monitor(|_| {});
    let cause = eventually("the refusal", || match monitor.pulse().broker {
        BrokerState::Down { cause, .. } => Some(cause),
        _ => None,
    })
    .await;
    assert!(cause.contains("refused"), "{cause}");
    redis.start_again();
    is_up(&monitor).await;
    assert!(monitor.pulse().gaps.is_empty());
    monitor.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_that_may_use_one_pattern_only_still_sees_events() {
    let redis = Redis::start();
    let rules = "ACL SETUSER viewer on >secret ~* resetchannels &/0.celeryev/* +@all";
    let mut command = ::redis::Cmd::new();
    for word in rules.split(' ') {
        command.arg(word);
    }
    let _: () = command.query(&mut redis.connection()).expect("an account");
    let monitor = redis.monitor(|config| {
        let url = format!("redis://viewer:secret@127.0.0.1:{}/0", redis.port);
        config.broker = protocol::RedisUrl::parse(&url).expect("a URL");
    });
    is_up(&monitor).await;
    publish(&redis, "c570.ok.jsonl");
    eventually("the tasks", || (stored(&monitor) == 2).then_some(())).await;
    monitor.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unreadable_message_costs_only_itself() {
    let redis = Redis::start();
    let monitor = redis.monitor(|_| {});
    is_up(&monitor).await;
    let mut connection = redis.connection();
    for garbage in ["", "{", "[]", "null", "{\"body\": 5}", "\u{0}"] {
        let _: u64 = connection
            .publish("/0.celeryev/task.multi", garbage)
            .expect("Redis takes messages");
    }
    publish(&redis, "c570.ok.jsonl");
    eventually("the tasks", || (stored(&monitor) == 2).then_some(())).await;
    assert_eq!(monitor.pulse().undecodable_total, 6);
    monitor.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_that_is_too_long_is_passed_over_and_counted() {
    let redis = Redis::start();
    let mut connection = redis.connection();
    // By default Redis itself would rather drop the subscriber.
    let _: () = ::redis::cmd("CONFIG")
        .arg("SET")
        .arg("client-output-buffer-limit")
        .arg("pubsub 0 0 0")
        .query(&mut connection)
        .expect("Redis takes the setting");
    let monitor = redis.monitor(|_| {});
    is_up(&monitor).await;
    let long = "x".repeat(65 << 20);
    let _: u64 = connection
        .publish("/0.celeryev/task.multi", long)
        .expect("Redis takes messages");
    publish(&redis, "c570.ok.jsonl");
    eventually("the tasks", || (stored(&monitor) == 2).then_some(())).await;
    assert_eq!(monitor.pulse().dropped_total, 1);
    let gaps = monitor.pulse().gaps;
    assert_eq!(gaps.len(), 1);
    assert_eq!(
        (gaps[0].cause, gaps[0].missed),
        (GapCause::Overload, Some(1))
    );
    monitor.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn queues_are_found_and_counted_over_all_priorities() {
    let redis = Redis::start();
    let mut connection = redis.connection();
    let message = r#"{"body": "W10=", "headers": {"id": "1", "task": "t"}, "properties":
        {"delivery_info": {"exchange": "", "routing_key": "mail"}, "delivery_tag": "a", "body_encoding": "base64"},
        "content-type": "application/json", "content-encoding": "utf-8"}"#;
    // A queue that only its messages tell of, in two priorities, and a bound empty one.
    let _: u64 = connection.lpush("mail", message).expect("a message");
    for _ in 0..2 {
        let _: u64 = connection
            .lpush("mail\u{6}\u{16}3", message)
            .expect("a message");
    }
    let _: u64 = connection
        .sadd(
            "_kombu.binding.images",
            "images\u{6}\u{16}\u{6}\u{16}images",
        )
        .expect("a binding");
    let _: u64 = connection
        .lpush("not-a-queue", "just text")
        .expect("a list");
    let _: u64 = connection
        .hset("unacked", "tag", "[]")
        .expect("an unacked message");
    let monitor = redis.monitor(|_| {});
    let list = eventually("the queues", || {
        let list = monitor.queues();
        (list.rows.len() == 2).then_some(list)
    })
    .await;
    let rows: Vec<_> = list
        .rows
        .iter()
        .map(|row| (row.name.as_str(), row.ready, row.steps.clone()))
        .collect();
    assert_eq!(
        rows,
        [
            ("images", 0, vec![(0, 0), (3, 0), (6, 0), (9, 0)]),
            ("mail", 3, vec![(0, 1), (3, 2), (6, 0), (9, 0)]),
        ]
    );
    assert_eq!(list.unacked, 1);
    assert!(
        list.redis
            .is_some_and(|r| r.version.starts_with(char::is_numeric))
    );
    let _: () = connection.del("mail").expect("deleted");
    eventually("the new length", || {
        let list = monitor.queues();
        let mail = list
            .rows
            .iter()
            .find(|row| row.name == QueueName::from("mail"))?;
        (mail.ready == 2).then_some(())
    })
    .await;
    monitor.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_live_view_follows_the_state() {
    let redis = Redis::start();
    let monitor = redis.monitor(|_| {});
    is_up(&monitor).await;
    let failures = TaskQuery {
        states: vec![TaskState::Failure],
        ..TaskQuery::default()
    };
    let topic = Topic::Tasks(Box::new(failures));
    let mut subscription = monitor.subscribe(topic.clone()).expect("a good query");
    let first = subscription.next().await.expect("the engine runs");
    let Frame::Snapshot(first) = &*first else {
        panic!("the first frame is the whole picture");
    };
    let (mut view, mut revision) = (first.view.clone(), first.revision);
    publish(&redis, "c570.failed.jsonl");
    publish(&redis, "c570.ok.jsonl");
    loop {
        let frame = subscription.next().await.expect("the engine runs");
        let Frame::Delta {
            from,
            revision: to,
            change,
            ..
        } = &*frame
        else {
            panic!("only changes follow");
        };
        assert_eq!(*from, revision, "no frame is missing");
        revision = *to;
        if let Some(change) = change {
            assert!(view.apply(change));
        }
        let View::Tasks(page) = &view else {
            panic!("the topic stays");
        };
        if page.total == Some(4) && page.stored == 6 {
            break;
        }
    }
    let fresh = monitor.snapshot(&topic).expect("a picture");
    assert_eq!(view, fresh.view);
    monitor.shutdown().await;
    assert!(
        subscription.next().await.is_none(),
        "a shutdown ends the view"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_query_that_cannot_be_read_is_refused_at_once() {
    let redis = Redis::start();
    let monitor = redis.monitor(|_| {});
    let query = TaskQuery {
        search: "(open".to_owned(),
        ..TaskQuery::default()
    };
    let refused = monitor.subscribe(Topic::Tasks(Box::new(query.clone())));
    assert!(refused.is_err());
    let error = monitor.tasks(&query).expect_err("it is malformed");
    assert!(error.message.contains("position"), "{error}");
    monitor.shutdown().await;
}
