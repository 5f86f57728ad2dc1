//! Live views that several watch, and watchers that fall behind.

use crate::support::{Redis, is_up};
use ::redis::Commands;
use model::{Frame, Topic, View};
use monitor::Subscription;

/// Publishes `task-sent` of a task that nobody has heard of.
fn send_task(connection: &mut ::redis::Connection, number: u32) {
    let event = format!(
        r#"{{"type": "task-sent", "uuid": "task {number}", "name": "shop.mail", "timestamp": {number}}}"#
    );
    let body = event.replace('"', "\\\"");
    let payload = format!(
        r#"{{"body": "{body}", "content-type": "application/json", "properties": {{"body_encoding": "utf-8"}}}}"#
    );
    let _: u64 = connection
        .publish("/0.celeryev/task.sent", payload)
        .expect("Redis takes messages");
}

/// Follows a view until it shows so many tasks; gives how many whole pictures came.
async fn follow(subscription: &mut Subscription, tasks: u64) -> (View, u32) {
    let mut view = None;
    let mut pictures = 0;
    loop {
        let frame = subscription.next().await.expect("the engine runs");
        match (&*frame, &mut view) {
            (Frame::Snapshot(snapshot), view) => {
                pictures += 1;
                *view = Some(snapshot.view.clone());
            }
            (Frame::Delta { change, .. }, Some(view)) => {
                if let Some(change) = change {
                    assert!(view.apply(change), "a change of another topic");
                }
            }
            (Frame::Delta { .. }, None) => panic!("a change before the first picture"),
        }
        match &view {
            Some(View::Tasks(page)) if page.total == Some(tasks) => break,
            _ => {}
        }
    }
    (view.expect("it has seen one"), pictures)
}

#[tokio::test(flavor = "multi_thread")]
async fn all_who_watch_a_topic_see_the_same_whenever_they_came() {
    let redis = Redis::start();
    let monitor = redis.monitor(|_| {});
    is_up(&monitor).await;
    let mut connection = redis.connection();
    let topic = Topic::Tasks(Box::default());
    let mut early = monitor.subscribe(topic.clone()).expect("a good query");
    for number in 1..=20 {
        send_task(&mut connection, number);
    }
    let (_, pictures) = follow(&mut early, 20).await;
    assert_eq!(pictures, 1);
    let mut late = monitor.subscribe(topic.clone()).expect("a good query");
    let (of_late, _) = follow(&mut late, 20).await;
    let fresh = monitor.snapshot(&topic).expect("a picture");
    assert_eq!(of_late, fresh.view);
    monitor.shutdown().await;
    assert!(early.next().await.is_none());
    assert!(late.next().await.is_none());
    let mut after = monitor.subscribe(topic).expect("a good query");
    assert!(after.next().await.is_none(), "nothing begins after the end");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_watcher_that_falls_behind_gets_a_whole_picture_again() {
    let redis = Redis::start();
    let monitor = redis.monitor(|_| {});
    is_up(&monitor).await;
    let mut connection = redis.connection();
    let topic = Topic::Tasks(Box::default());
    let mut slow = monitor.subscribe(topic.clone()).expect("a good query");
    let mut quick = monitor.subscribe(topic).expect("a good query");
    let first = slow.next().await.expect("the engine runs");
    assert!(matches!(*first, Frame::Snapshot(_)));
    // Each of these leads to a frame of its own, more than the slow one may miss.
    const FRAMES: u32 = 40;
    for number in 1..=FRAMES {
        send_task(&mut connection, number);
        follow_one(&mut quick, u64::from(number)).await;
    }
    let (view, pictures) = follow(&mut slow, u64::from(FRAMES)).await;
    assert_eq!(pictures, 1, "it was told anew, once");
    let View::Tasks(page) = view else {
        panic!("the topic stays");
    };
    assert_eq!(page.rows.len(), FRAMES as usize);
    monitor.shutdown().await;
}

/// Waits until a view that is followed closely tells of so many tasks.
async fn follow_one(subscription: &mut Subscription, tasks: u64) {
    loop {
        let frame = subscription.next().await.expect("the engine runs");
        let total = match &*frame {
            Frame::Snapshot(snapshot) => match &snapshot.view {
                View::Tasks(page) => page.total,
                _ => None,
            },
            Frame::Delta { change, .. } => match change.as_deref() {
                Some(model::Change::Tasks(change)) => change.total,
                _ => None,
            },
        };
        if total == Some(tasks) {
            return;
        }
    }
}
