//! What other sources tell, merged with what events tell before and after.

use super::{metrics, overview, publish, state, task};
use crate::state::{
    Input, State,
    tasks::repair::{Fact, News},
};
use model::{GapCause, Source, TaskState, Timestamp, WorkerStatus};
use proptest::prelude::*;
use serde_json::{Value, json};

const START: i64 = 1_800_000_000_000_000;
const ID: &str = "00000000-0000-4000-8000-000000000001";

fn at(seconds: f64) -> Timestamp {
    Timestamp(START).plus_seconds(seconds)
}

fn event(kind: &str, seconds: f64, more: Value) -> Value {
    let mut event = json!({
        "type": kind,
        "uuid": ID,
        "hostname": "w@host",
        "pid": 7,
        "timestamp": at(seconds).as_seconds(),
    });
    if let (Some(event), Some(more)) = (event.as_object_mut(), more.as_object()) {
        event.extend(more.clone());
    }
    event
}

fn tell(state: &mut State, kind: &str, seconds: f64) {
    let more = match kind {
        "task-received" => json!({"name": "shop.mail", "args": "(1,)", "kwargs": "{}",
            "retries": 0, "eta": null, "expires": null}),
        "task-succeeded" => json!({"result": "'sent'", "runtime": 1.5}),
        "task-failed" => json!({"exception": "E('x')", "traceback": "T"}),
        _ => json!({}),
    };
    publish(state, &event(kind, seconds, more), at(seconds));
}

fn beat(state: &mut State, seconds: f64, processed: u64, active: u64) {
    let more = json!({"processed": processed, "active": active, "freq": 2.0});
    publish(
        state,
        &event("worker-heartbeat", seconds, more),
        at(seconds),
    );
}

fn learn(state: &mut State, source: Source, news: News, seconds: f64) {
    let mut fact = Fact::new(ID.into(), source, news);
    fact.name = Some("shop.mail".into());
    fact.worker = Some("w@host".into());
    fact.pid = Some(7);
    fact.result = Some("'stored'".to_owned());
    state.apply_input(Input::Facts(vec![fact]), at(seconds));
}

fn ended(state: TaskState, seconds: f64) -> News {
    News::Ended(state, at(seconds))
}

#[test]
fn a_stored_result_ends_a_task_whose_end_was_missed() {
    let mut state = state(100);
    tell(&mut state, "task-received", 0.0);
    tell(&mut state, "task-started", 1.0);
    learn(
        &mut state,
        Source::Result,
        ended(TaskState::Success, 5.0),
        9.0,
    );
    let found = task(&state, ID);
    assert_eq!(found.summary.state, TaskState::Success);
    assert_eq!(found.summary.finished, Some(at(5.0)));
    assert_eq!(found.summary.runtime_seconds, Some(4.0));
    assert_eq!(found.result.as_deref(), Some("'stored'"));
    assert_eq!(found.sources, [Source::Event, Source::Result]);
    assert!(found.summary.is_repaired);
}

#[test]
fn the_event_that_comes_after_all_is_believed_and_counts_once() {
    let mut state = state(100);
    tell(&mut state, "task-received", 0.0);
    tell(&mut state, "task-started", 1.0);
    learn(
        &mut state,
        Source::Result,
        ended(TaskState::Success, 5.0),
        9.0,
    );
    tell(&mut state, "task-succeeded", 5.2);
    let found = task(&state, ID);
    assert_eq!(found.summary.finished, Some(at(5.2)));
    assert_eq!(found.summary.runtime_seconds, Some(1.5));
    assert_eq!(found.result.as_deref(), Some("'sent'"));
    assert!(!found.summary.is_repaired);
    state.tick(at(20.0));
    let outcomes = overview(&state, at(20.0)).outcomes;
    let succeeded: u32 = outcomes.iter().map(|stretch| stretch.succeeded).sum();
    assert_eq!(succeeded, 1);
}

#[test]
fn a_result_of_an_earlier_run_ends_nothing() {
    let mut state = state(100);
    tell(&mut state, "task-received", 100.0);
    tell(&mut state, "task-started", 101.0);
    learn(
        &mut state,
        Source::Result,
        ended(TaskState::Failure, 50.0),
        102.0,
    );
    assert_eq!(task(&state, ID).summary.state, TaskState::Started);
}

#[test]
fn a_result_does_not_change_what_events_told() {
    let mut state = state(100);
    for (kind, seconds) in [
        ("task-received", 0.0),
        ("task-started", 1.0),
        ("task-failed", 2.0),
    ] {
        tell(&mut state, kind, seconds);
    }
    let before = task(&state, ID);
    learn(
        &mut state,
        Source::Result,
        ended(TaskState::Success, 30.0),
        31.0,
    );
    let after = task(&state, ID);
    assert_eq!(after.summary, before.summary);
}

#[test]
fn a_task_that_no_event_told_of_appears_as_a_worker_tells_it() {
    let mut state = state(100);
    learn(&mut state, Source::Inspect, News::Running(at(3.0)), 60.0);
    let found = task(&state, ID);
    assert_eq!(found.summary.state, TaskState::Started);
    assert_eq!(found.summary.started, Some(at(3.0)));
    assert_eq!(found.summary.worker, Some("w@host".into()));
    assert_eq!(found.sources, [Source::Inspect]);
    assert!(found.summary.is_repaired);
    // Its own start, a moment later by the event's clock, is the same one.
    tell(&mut state, "task-started", 3.1);
    tell(&mut state, "task-succeeded", 4.6);
    let found = task(&state, ID);
    assert_eq!(found.attempts.len(), 1);
    assert_eq!(found.summary.started, Some(at(3.1)));
    assert!(!found.summary.is_repaired);
}

#[test]
fn a_worker_that_tells_of_what_has_ended_meanwhile_is_not_believed() {
    let mut state = state(100);
    for (kind, seconds) in [
        ("task-received", 0.0),
        ("task-started", 1.0),
        ("task-succeeded", 3.0),
    ] {
        tell(&mut state, kind, seconds);
    }
    learn(&mut state, Source::Inspect, News::Running(at(0.99)), 3.1);
    learn(&mut state, Source::Inspect, News::Held(at(2.0)), 3.1);
    let found = task(&state, ID);
    assert_eq!(found.summary.state, TaskState::Success);
    assert_eq!(found.attempts.len(), 1);
}

#[test]
fn a_run_after_the_end_is_another_attempt() {
    let mut state = state(100);
    for (kind, seconds) in [
        ("task-received", 0.0),
        ("task-started", 1.0),
        ("task-retried", 3.0),
    ] {
        tell(&mut state, kind, seconds);
    }
    learn(&mut state, Source::Inspect, News::Held(at(9.0)), 9.1);
    let found = task(&state, ID);
    assert_eq!(
        (found.summary.state, found.summary.retries),
        (TaskState::Retry, 1)
    );
    learn(&mut state, Source::Inspect, News::Running(at(10.0)), 12.0);
    let found = task(&state, ID);
    assert_eq!(found.summary.state, TaskState::Started);
    let states: Vec<_> = found.attempts.iter().map(|a| a.state.clone()).collect();
    assert_eq!(states, [TaskState::Retry, TaskState::Started]);
}

#[test]
fn a_second_delivery_elsewhere_does_not_stop_what_runs() {
    let mut state = state(100);
    tell(&mut state, "task-received", 0.0);
    tell(&mut state, "task-started", 1.0);
    let mut fact = Fact::new(ID.into(), Source::Inspect, News::Held(at(4_000.0)));
    fact.worker = Some("x@host".into());
    state.apply_input(Input::Facts(vec![fact]), at(4_000.0));
    let found = task(&state, ID);
    assert_eq!(found.summary.state, TaskState::Started);
    assert_eq!(found.attempts.len(), 1);
}

#[test]
fn an_orphan_stays_one_until_its_message_is_back_in_a_queue() {
    let mut state = state(100);
    tell(&mut state, "task-received", 1.0);
    tell(&mut state, "task-started", 2.0);
    for second in 3..40 {
        state.tick(at(f64::from(second)));
    }
    let orphaned = Input::Orphaned(vec![(ID.into(), Some(true))]);
    state.apply_input(orphaned, at(60.0));
    learn(&mut state, Source::Message, News::Taken, 61.0);
    assert_eq!(task(&state, ID).summary.state, TaskState::Orphaned);
    learn(&mut state, Source::Message, News::Waiting, 62.0);
    let found = task(&state, ID);
    assert_eq!(found.summary.state, TaskState::Pending);
    let states: Vec<_> = found
        .attempts
        .iter()
        .map(|a| (a.state.clone(), a.delivery))
        .collect();
    assert_eq!(states, [(TaskState::Orphaned, 1), (TaskState::Pending, 2)]);
}

#[test]
fn a_task_that_vanished_is_unknown_until_something_is_heard_of_it() {
    let mut state = state(100);
    tell(&mut state, "task-received", 0.0);
    tell(&mut state, "task-started", 1.0);
    let vanish = |state: &mut State, asked: f64| {
        let input = Input::Vanished {
            ids: vec![ID.into()],
            asked: at(asked),
            reason: "nowhere",
        };
        state.apply_input(input, at(20.0));
    };
    vanish(&mut state, 0.5);
    let summary = task(&state, ID).summary;
    assert_eq!(summary.state, TaskState::Started, "it was heard of since");
    vanish(&mut state, 10.0);
    let found = task(&state, ID);
    assert_eq!(found.summary.state, TaskState::Unknown);
    assert_eq!(found.attempts[0].reason.as_deref(), Some("nowhere"));
    tell(&mut state, "task-succeeded", 30.0);
    let found = task(&state, ID);
    assert_eq!(found.summary.state, TaskState::Success);
    assert_eq!(found.attempts[0].reason, None);
    assert!(!found.summary.is_repaired);
}

#[test]
fn a_started_task_without_its_worker_is_orphaned_and_runs_again() {
    for (is_unacked, part) in [
        (Some(true), "deliver it again"),
        (Some(false), "it is lost"),
        (None, "its worker is gone"),
    ] {
        let mut state = state(100);
        beat(&mut state, 0.0, 0, 0);
        tell(&mut state, "task-received", 1.0);
        tell(&mut state, "task-started", 2.0);
        state.apply_input(Input::Connected, at(2.0));
        state.apply_input(Input::Orphaned(vec![(ID.into(), is_unacked)]), at(3.0));
        let summary = task(&state, ID).summary;
        assert_eq!(summary.state, TaskState::Started, "its worker is there");

        let mut found = Vec::new();
        for second in 3..40 {
            found.extend(state.tick(at(f64::from(second))).orphans);
        }
        assert_eq!(found[0].as_str(), ID);
        state.apply_input(Input::Orphaned(vec![(ID.into(), is_unacked)]), at(41.0));
        let orphan = task(&state, ID);
        assert_eq!(orphan.summary.state, TaskState::Orphaned);
        let reason = orphan.attempts[0].reason.clone().expect("a reason");
        assert!(reason.contains(part), "{reason}");
        assert_eq!(
            overview(&state, at(41.0)).attention[1].title,
            "1 task without its worker"
        );

        // The broker delivers it to another one.
        let elsewhere = json!({"hostname": "x@host", "pid": 9, "retries": 0, "name": "shop.mail"});
        for (kind, seconds) in [
            ("task-received", 50.0),
            ("task-started", 51.0),
            ("task-succeeded", 52.0),
        ] {
            publish(
                &mut state,
                &event(kind, seconds, elsewhere.clone()),
                at(seconds),
            );
        }
        let run = task(&state, ID);
        assert_eq!(run.summary.state, TaskState::Success);
        let states: Vec<_> = run
            .attempts
            .iter()
            .map(|a| (a.state.clone(), a.delivery))
            .collect();
        assert_eq!(states, [(TaskState::Orphaned, 1), (TaskState::Success, 2)]);
    }
}

#[test]
fn an_orphan_whose_end_comes_late_has_ended() {
    let mut state = state(100);
    tell(&mut state, "task-received", 1.0);
    tell(&mut state, "task-started", 2.0);
    for second in 3..40 {
        state.tick(at(f64::from(second)));
    }
    state.apply_input(Input::Orphaned(vec![(ID.into(), None)]), at(60.0));
    assert_eq!(task(&state, ID).summary.state, TaskState::Orphaned);
    tell(&mut state, "task-succeeded", 61.0);
    let found = task(&state, ID);
    assert_eq!(found.summary.state, TaskState::Success);
    assert_eq!(found.attempts.len(), 1);
    assert_eq!(found.attempts[0].reason, None);
}

#[test]
fn a_restart_under_the_same_name_and_pid_orphans_what_ran_before() {
    let mut state = state(100);
    state.apply_input(Input::Connected, at(0.0));
    tell(&mut state, "task-received", 0.1);
    beat(&mut state, 0.2, 5, 0);
    tell(&mut state, "task-started", 2.0);
    beat(&mut state, 2.5, 6, 1);
    let online = json!({"processed": 0, "active": 0, "freq": 2.0});
    publish(&mut state, &event("worker-online", 4.0, online), at(4.0));
    let mut orphans = Vec::new();
    for second in 5..20 {
        let now = f64::from(second);
        beat(&mut state, now, 0, 0);
        orphans.extend(state.tick(at(now)).orphans);
    }
    assert_eq!(orphans.first().map(|id| id.as_str()), Some(ID));
    state.apply_input(Input::Orphaned(vec![(ID.into(), Some(false))]), at(21.0));
    assert_eq!(task(&state, ID).summary.state, TaskState::Orphaned);
}

#[test]
fn a_received_task_of_a_dead_worker_waits_again() {
    let mut state = state(100);
    tell(&mut state, "task-received", 1.0);
    for second in 3..40 {
        state.tick(at(f64::from(second)));
    }
    state.apply_input(Input::Orphaned(vec![(ID.into(), Some(true))]), at(60.0));
    let found = task(&state, ID);
    assert_eq!(found.summary.state, TaskState::Pending);
    assert!(
        found.attempts[0]
            .reason
            .as_ref()
            .is_some_and(|r| r.contains("delivered again"))
    );
}

#[test]
fn fewer_active_than_events_tell_is_looked_into() {
    let mut state = state(100);
    state.apply_input(Input::Connected, at(0.0));
    beat(&mut state, 0.0, 0, 0);
    state.tick(at(0.5));
    tell(&mut state, "task-received", 1.0);
    tell(&mut state, "task-started", 1.1);
    let mut repair = Vec::new();
    for step in 1..10 {
        let now = f64::from(step) * 2.0;
        beat(&mut state, now, 1, u64::from(step < 4));
        repair.push(!state.tick(at(now + 0.1)).repair.is_empty());
    }
    assert!(!repair[..4].contains(&true), "{repair:?}");
    assert!(repair[4..].contains(&true), "{repair:?}");
}

#[test]
fn what_waits_is_looked_for_now_and_then() {
    let mut state = state(100);
    state.apply_input(Input::Connected, at(0.0));
    assert!(state.tick(at(0.1)).repair_all, "nothing is known yet");
    let audits = |state: &mut State, from: i32| -> usize {
        (from..from + 700)
            .filter(|second| state.tick(at(f64::from(*second))).repair_all)
            .count()
    };
    assert_eq!(audits(&mut state, 1), 0, "there is nothing to look for");
    learn(&mut state, Source::Message, News::Waiting, 700.0);
    assert_eq!(audits(&mut state, 701), 3);
}

#[test]
fn starts_missed_in_a_gap_are_counted_marked_and_looked_for() {
    let mut state = state(100);
    state.apply_input(Input::Connected, at(0.0));
    tell(&mut state, "task-received", 0.1);
    tell(&mut state, "task-started", 0.2);
    tell(&mut state, "task-succeeded", 0.3);
    beat(&mut state, 2.0, 1, 0);
    beat(&mut state, 4.0, 1, 0);
    state.tick(at(4.1));
    let lost = Input::Disconnected {
        cause: "EOF".to_owned(),
        was_refused: false,
        last_message: at(4.0),
        next_try: at(6.0),
    };
    state.apply_input(lost, at(5.0));
    state.apply_input(Input::Connected, at(20.0));
    assert!(state.tick(at(20.1)).repair_all);
    beat(&mut state, 21.0, 8, 0);
    assert_eq!(state.pulse(at(21.0)).missed_total, 0, "it may trail");
    beat(&mut state, 23.0, 8, 0);
    let pulse = state.pulse(at(23.0));
    assert_eq!(pulse.missed_total, 7);
    let gap = pulse.gaps.last().expect("a gap");
    assert_eq!(gap.cause, GapCause::EventsMissed);
    assert_eq!(
        (gap.missed, gap.worker.clone()),
        (Some(7), Some("w@host".into()))
    );
    assert_eq!((gap.start, gap.end), (at(4.0), Some(at(21.0))));
    assert_eq!(state.worker_list().rows[0].missed, 7);
    assert_eq!(metrics(&state, at(23.0)).missed["w@host"], 7);
    assert!(state.tick(at(23.5)).repair.contains("w@host"));
    state.tick(at(40.0));
    let overview = overview(&state, at(40.0));
    assert!(
        overview
            .outcomes
            .iter()
            .take(3)
            .all(|stretch| stretch.is_gap)
    );
    let title = "7 started tasks went unseen in the last hour";
    assert!(overview.attention.iter().any(|a| a.title == title));
    // One of them is found.
    let mut fact = Fact::new(
        "found".into(),
        Source::Result,
        ended(TaskState::Success, 10.0),
    );
    fact.worker = Some("w@host".into());
    state.apply_input(Input::Facts(vec![fact]), at(41.0));
    let gaps = state.pulse(at(41.0)).gaps;
    let recovered: Vec<_> = gaps.iter().map(|gap| gap.recovered).collect();
    assert_eq!(
        recovered,
        [1, 1],
        "in the lost connection and of the worker"
    );
}

#[test]
fn a_task_that_runs_far_longer_than_its_type_is_flagged() {
    let mut state = state(100);
    state.apply_input(Input::Connected, at(0.0));
    for number in 0..25 {
        let id = format!("short {number}");
        for (kind, seconds) in [
            ("task-received", 0.0),
            ("task-started", 0.0),
            ("task-succeeded", 1.0),
        ] {
            let more = json!({"uuid": id, "name": "shop.mail", "runtime": 1.0});
            publish(&mut state, &event(kind, seconds, more), at(seconds));
        }
    }
    tell(&mut state, "task-received", 2.0);
    tell(&mut state, "task-started", 2.0);
    for second in 3..11 {
        beat(&mut state, f64::from(second), 26, 1);
        state.tick(at(f64::from(second)));
    }
    assert_eq!(task(&state, ID).summary.usual_runtime_seconds, None);
    let before = state.revisions().tasks;
    for second in 11..19 {
        beat(&mut state, f64::from(second), 26, 1);
        state.tick(at(f64::from(second)));
    }
    let usual = task(&state, ID)
        .summary
        .usual_runtime_seconds
        .expect("it is slow");
    assert!((usual - 1.0).abs() < 0.05, "{usual}");
    assert!(state.revisions().tasks > before, "watchers are told");
    let attention = overview(&state, at(19.0)).attention;
    assert!(
        attention
            .iter()
            .any(|a| a.title == "1 task runs far longer than usual")
    );
    tell(&mut state, "task-succeeded", 20.0);
    assert_eq!(task(&state, ID).summary.usual_runtime_seconds, None);
}

#[test]
fn what_cannot_be_read_is_kept_by_kind() {
    let mut state = state(100);
    state.apply_message(
        crate::intake::Message::Envelope(b"nonsense"),
        &mut protocol::Scratch::default(),
        at(1.0),
    );
    let list = state.undecodable();
    assert_eq!(list.total, 1);
    assert_eq!(list.kinds[0].kind, "not an envelope");
    assert_eq!(list.kinds[0].samples[0].text, "nonsense");
    assert_eq!(state.pulse(at(1.0)).undecodable_total, 1);
}

#[test]
fn a_silent_solo_worker_is_busy_until_no_mailbox_is_silent() {
    let mut state = state(100);
    state.apply_input(Input::Connected, at(0.0));
    beat(&mut state, 0.0, 0, 0);
    let stats = json!({"pid": 7, "total": {}, "pool": {"implementation": "celery.concurrency.solo:TaskPool"}});
    let inspection = model::Inspection {
        stats: Some(stats),
        ..model::Inspection::default()
    };
    state.apply_input(
        Input::Inspected("w@host".into(), Box::new(inspection)),
        at(0.1),
    );
    let status = |state: &State| state.worker_list().rows[0].status;
    state.tick(at(5.0));
    assert_eq!(status(&state), WorkerStatus::Online);
    state.tick(at(7.0));
    assert_eq!(status(&state), WorkerStatus::Busy);
    state.apply_input(
        Input::PingedAll {
            answered: 0,
            silent: 1,
        },
        at(10.0),
    );
    state.tick(at(11.0));
    assert_eq!(status(&state), WorkerStatus::Busy);
    assert_eq!(state.pulse(at(11.0)).workers_online, 1);
    beat(&mut state, 12.0, 1, 0);
    assert_eq!(status(&state), WorkerStatus::Online);
    state.tick(at(20.0));
    assert_eq!(status(&state), WorkerStatus::Busy);
    state.apply_input(
        Input::PingedAll {
            answered: 0,
            silent: 0,
        },
        at(21.0),
    );
    state.tick(at(21.5));
    assert_eq!(status(&state), WorkerStatus::Lost);
}

#[test]
fn a_warm_shutdown_is_stopping_until_what_runs_has_ended() {
    let mut state = state(100);
    beat(&mut state, 0.0, 0, 0);
    tell(&mut state, "task-received", 0.1);
    tell(&mut state, "task-started", 0.2);
    let goodbye = json!({"processed": 1, "active": 1, "freq": 2.0});
    publish(&mut state, &event("worker-offline", 1.0, goodbye), at(1.0));
    let status = |state: &State| state.worker_list().rows[0].status;
    assert_eq!(status(&state), WorkerStatus::Stopping);
    state.tick(at(60.0));
    assert_eq!(status(&state), WorkerStatus::Stopping);
    assert_eq!(task(&state, ID).summary.state, TaskState::Started);
    tell(&mut state, "task-succeeded", 61.0);
    assert_eq!(status(&state), WorkerStatus::Offline);
}

#[test]
fn a_reconnect_does_not_leave_the_worker_offline() {
    let mut state = state(100);
    beat(&mut state, 0.0, 3, 0);
    for (kind, active) in [
        ("worker-offline", 0),
        ("worker-online", 0),
        ("worker-offline", 1),
        ("worker-online", 1),
    ] {
        let more = json!({"processed": 3, "active": active, "freq": 2.0});
        publish(&mut state, &event(kind, 1.0, more), at(1.0));
    }
    let rows = state.worker_list().rows;
    assert_eq!(rows.len(), 1);
    assert_eq!(rows[0].status, WorkerStatus::Online);
}

#[test]
fn beat_is_no_worker() {
    let mut state = state(100);
    let more = json!({"hostname": "celerybeat@host", "processed": 0});
    publish(&mut state, &event("worker-heartbeat", 1.0, more), at(1.0));
    assert!(state.worker_list().rows.is_empty());
}

#[test]
fn two_processes_of_one_name_are_both_shown_though_nothing_but_answers_is_known() {
    let mut state = state(100);
    for pid in [7, 8] {
        let inspection = model::Inspection {
            stats: Some(json!({"pid": pid, "total": {}})),
            ..model::Inspection::default()
        };
        state.apply_input(Input::Answered("w@host".into()), at(1.0));
        state.apply_input(
            Input::Inspected("w@host".into(), Box::new(inspection)),
            at(1.0),
        );
    }
    let pids: Vec<u32> = state.worker_list().rows.iter().map(|row| row.pid).collect();
    assert_eq!(pids, [7, 8]);
}

#[test]
fn a_commanded_heartbeat_changes_no_frequency() {
    let mut state = state(100);
    beat(&mut state, 0.0, 3, 1);
    publish(
        &mut state,
        &event("worker-heartbeat", 1.0, json!({"freq": 5})),
        at(1.0),
    );
    let row = &state.worker_list().rows[0];
    assert_eq!(
        (row.freq_seconds, row.processed, row.active),
        (2.0, Some(3), Some(1))
    );
}

/// Something that can happen to a task.
fn any_step() -> impl Strategy<Value = (u8, u8)> {
    (0u8..12, 0u8..30)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    /// Whatever order events and other sources tell in, nothing breaks: counts
    /// agree with rows, and what ended by an event stays ended.
    #[test]
    fn facts_and_events_in_any_order_do_no_harm(steps in prop::collection::vec(any_step(), 0..40)) {
        let mut state = state(100);
        let mut has_succeeded = false;
        for (step, time) in steps {
            let seconds = f64::from(time);
            match step {
                0 => tell(&mut state, "task-received", seconds),
                1 => tell(&mut state, "task-started", seconds),
                2 => {
                    tell(&mut state, "task-succeeded", 100.0);
                    has_succeeded = true;
                }
                3 => tell(&mut state, "task-retried", seconds),
                4 => learn(&mut state, Source::Result, ended(TaskState::Failure, seconds), 50.0),
                5 => learn(&mut state, Source::Inspect, News::Running(at(seconds)), 50.0),
                6 => learn(&mut state, Source::Inspect, News::Held(at(seconds)), 50.0),
                7 => learn(&mut state, Source::Message, News::Waiting, 50.0),
                11 => learn(&mut state, Source::Message, News::Taken, 50.0),
                8 => state.apply_input(Input::Vanished {
                    ids: vec![ID.into()], asked: at(seconds), reason: "nowhere" }, at(50.0)),
                9 => state.apply_input(Input::Orphaned(vec![(ID.into(), Some(true))]), at(50.0)),
                _ => { state.tick(at(seconds * 10.0)); }
            }
            let page = state.task_page(&model::TaskQuery::default(), &model::SearchExpression::All);
            for (found, count) in &page.states {
                let rows = page.rows.iter().filter(|row| row.state == *found).count() as u64;
                prop_assert_eq!(rows, *count);
            }
        }
        if has_succeeded {
            let found = task(&state, ID);
            prop_assert!(found.attempts.iter().any(|a| a.state == TaskState::Success));
        }
    }
}
