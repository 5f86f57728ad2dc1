//! What the store is given, and what a start makes of it.

use super::{golden, state, tasks};
use crate::{
    history::{Batch, Loaded, Store, StoreConfig, TaskRecord, load},
    state::{HistoryNews, Input, Saved, State},
};
use model::{HistoryState, TaskDetail, TaskId, TaskState, Timestamp};
use serde_json::json;
use std::collections::BTreeMap;

fn take_all(state: &State) -> Vec<TaskRecord> {
    let (mut from, mut records) = (0, Vec::new());
    // A few at a time, so that segments are taken in parts.
    while state.take_unsaved(&mut from, records.len() + 7, &mut records) {}
    records
}

/// Writes tasks to a file and reads them again.
fn stored(tasks: Vec<TaskRecord>) -> Vec<TaskRecord> {
    let directory = tempfile::tempdir().expect("there is room for a directory");
    let config = StoreConfig::Sqlite(directory.path().join("history.db"));
    let store = Store::open(&config).expect("the file can be made");
    let batch = Batch {
        tasks,
        ..Batch::default()
    };
    store.write(&batch).expect("it can be written");
    load(&store, 100_000).expect("it can be read").tasks
}

fn by_id(state: &State) -> BTreeMap<TaskId, TaskDetail> {
    let tasks = tasks(state).into_iter();
    tasks.map(|task| (task.summary.id.clone(), task)).collect()
}

fn restored(tasks: Vec<TaskRecord>) -> State {
    let mut state = state(10_000);
    let loaded = Loaded {
        older: None,
        tasks,
        ..Loaded::default()
    };
    state.restore(loaded, None);
    state
}

fn send(state: &mut State, id: &str, second: i64) {
    let now = Timestamp(1_800_000_000_000_000 + second * 1_000_000);
    let event = json!({
        "type": "task-sent", "uuid": id, "name": "shop.pay", "args": "(1,)", "kwargs": "{}",
        "queue": "pay", "hostname": "gen1@web", "pid": 7, "clock": second,
        "timestamp": now.as_seconds(), "utcoffset": 0,
    });
    super::publish(state, &event, now);
}

#[test]
fn a_start_begins_with_the_very_tasks_that_were_saved() {
    let mut count = 0;
    for file in golden::captures() {
        let before = golden::replay(&file);
        let records = take_all(&before);
        let expected = by_id(&before);
        count += expected.len();
        assert_eq!(records.len(), expected.len(), "{file}: every task, once");
        let after = restored(stored(records));
        assert_eq!(by_id(&after), expected, "{file}");
        assert_eq!(after.states(), before.states(), "{file}");
        assert_eq!(after.unsaved(), 0, "{file}: they are saved already");
    }
    assert!(count > 200, "{count} tasks are few");
}

#[test]
fn a_task_is_handed_over_again_when_it_changes() {
    let mut state = state(10_000);
    send(&mut state, "one", 1);
    send(&mut state, "two", 2);
    assert_eq!((state.unsaved(), take_all(&state).len()), (2, 2));
    assert_eq!(take_all(&state).len(), 0);
    state.apply_input(
        Input::Vanished {
            ids: vec!["two".into()],
            asked: Timestamp(1_900_000_000_000_000),
            reason: "it is nowhere",
        },
        Timestamp(1_900_000_000_000_000),
    );
    let records = take_all(&state);
    assert_eq!(records.len(), 1);
    assert_eq!(records[0].task.summary.state, TaskState::Unknown);
}

#[test]
fn what_is_forgotten_unsaved_is_counted() {
    let mut state = state(100);
    state.restore(Loaded::default(), None);
    for number in 0..100 {
        send(&mut state, &format!("saved{number}"), number);
    }
    let evicted = |state: &State| super::metrics(state, Timestamp(0)).tasks_evicted_total;
    let lost = |state: &State| state.pulse(Timestamp(0)).history.lost_total;
    take_all(&state);
    assert_eq!(state.unsaved(), 0);
    let (before, lost_before) = (evicted(&state), lost(&state));
    for number in 0..300 {
        send(&mut state, &format!("new{number}"), number);
    }
    let all = evicted(&state) - before;
    let kept_of_saved = tasks(&state)
        .iter()
        .filter(|task| task.summary.id.as_str().starts_with("saved"))
        .count();
    assert_eq!(kept_of_saved, 0);
    let saved_and_gone = 100 - before;
    assert_eq!(lost(&state) - lost_before, all - saved_and_gone);
    assert!(lost(&state) > lost_before);
}

#[test]
fn all_is_handed_over_again_when_the_store_begins_anew() {
    let mut state = state(10_000);
    for number in 0..700 {
        send(&mut state, &format!("t{number}"), number);
    }
    assert_eq!(take_all(&state).len(), 700);
    state.unsave_all();
    assert_eq!(take_all(&state).len(), 700);
}

#[test]
fn only_figures_that_changed_are_written() {
    let mut state = state(10_000);
    let now = Timestamp(1_800_000_000_000_000);
    let mut saved = Saved::default();
    let mut batch_at = |state: &State, second: f64| {
        let mut batch = Batch::default();
        let now = now.plus_seconds(second);
        state
            .figures(&saved)
            .into_batch(&mut saved, &mut batch, now);
        batch
    };
    send(&mut state, "one", 1);
    let first = batch_at(&state, 1.0).counters;
    assert_eq!(first.totals.get("events"), Some(&1));
    assert_eq!(first.events.len(), 1);
    assert!(batch_at(&state, 2.0).is_empty(), "nothing happened");
    let alive = batch_at(&state, 12.0);
    assert_eq!(alive.counters.totals.len(), 1, "a life sign alone");
    send(&mut state, "two", 2);
    let next = batch_at(&state, 13.0).counters;
    assert_eq!(next.events[0].count, 2);
    assert_eq!(next.totals.len(), 2, "{:?}", next.totals);
}

#[test]
fn counters_go_on_and_the_time_between_is_a_gap() {
    let mut before = state(10_000);
    for number in 0..5 {
        send(&mut before, &format!("t{number}"), number);
    }
    before.count_dropped(3, Timestamp(1_800_000_010_000_000));
    let mut batch = Batch::default();
    let end = Timestamp(1_800_000_020_000_000);
    before
        .figures(&Saved::default())
        .into_batch(&mut Saved::default(), &mut batch, end);
    let mut after = state(10_000);
    let loaded = Loaded {
        older: None,
        counters: batch.counters,
        gaps: batch.gaps.expect("there is a gap"),
        ..Loaded::default()
    };
    after.restore(loaded, None);
    send(&mut after, "six", 6);
    let begin = Timestamp(1_800_000_090_000_000);
    after.apply_input(Input::Connected, begin);
    let pulse = after.pulse(begin);
    assert_eq!((pulse.events_total, pulse.dropped_total), (6, 3));
    let gaps: Vec<_> = pulse.gaps.iter().map(|gap| (gap.cause, gap.end)).collect();
    assert_eq!(
        gaps,
        [
            (
                model::GapCause::Overload,
                Some(Timestamp(1_800_000_010_000_000))
            ),
            (model::GapCause::DashboardDown, Some(begin)),
        ]
    );
    assert_eq!(pulse.gaps[1].start, end);
    let metrics = super::metrics(&after, begin);
    assert_eq!(metrics.events[0].count, 6);
    assert_eq!(metrics.gaps_total.get("dashboard_down"), Some(&1));
}

#[test]
fn a_store_that_fails_is_told_since_when() {
    let mut state = state(100);
    state.restore(Loaded::default(), None);
    let mut hear = |news, second: i64| {
        let now = Timestamp(second * 1_000_000);
        state.apply_input(Input::OfHistory(news), now);
        state.pulse(now).history
    };
    hear(HistoryNews::Fails("no room".to_owned()), 1);
    let failing = hear(HistoryNews::Fails("no room at all".to_owned()), 2);
    let expected = HistoryState::Failing {
        since: Timestamp(1_000_000),
        cause: "no room at all".to_owned(),
    };
    assert_eq!(failing.state, expected);
    hear(HistoryNews::SetAside("/a.damaged".to_owned()), 3);
    let works = hear(HistoryNews::Works, 4);
    assert_eq!(works.state, HistoryState::Kept);
    assert_eq!(works.set_aside.as_deref(), Some("/a.damaged"));
}
