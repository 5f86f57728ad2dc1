//! What is read in steps, between which the lock is let go, is what one look
//! at the whole finds.

use super::{publish, state};
use crate::{
    cell::{self, Haste, StateReader},
    state::{Input, State},
};
use model::{Inspection, SearchExpression, TaskCount, TaskId, TaskQuery, TaskSort, Timestamp};
use serde_json::json;

fn at(seconds: i64) -> Timestamp {
    Timestamp(1_760_000_000_000_000 + seconds * 1_000_000)
}

/// Publishes that a worker received a task, with what else is told of it.
fn receive(state: &mut State, id: &str, second: i64, more: &serde_json::Value) {
    let mut event = json!({
        "type": "task-received",
        "uuid": id,
        "name": "shop.pack",
        "hostname": "w@a",
        "pid": 7,
        "timestamp": at(second).0 as f64 / 1e6,
    });
    let fields = event.as_object_mut().expect("an object");
    fields.extend(more.as_object().expect("an object").clone());
    publish(state, &event, at(second));
}

/// The reader of a state that is not changed any more.
fn read(state: State) -> StateReader {
    cell::split(state).1
}

#[test]
fn a_tasks_children_are_found_in_all_segments_and_the_oldest_come_first() {
    let mut state = state(200);
    receive(&mut state, "parent", 0, &json!({}));
    let mut children = Vec::new();
    for number in 0..150 {
        let id = format!("task-{number}");
        let parent = if number % 3 == 0 { "parent" } else { "another" };
        receive(&mut state, &id, 1, &json!({"parent_id": parent}));
        if number % 3 == 0 {
            children.push(id);
        }
    }
    let parent = TaskId::from("parent");
    let at_once = state.task(&parent).expect("it is known");
    let reader = read(state);
    let task = reader.task(&parent).expect("it is known");
    let found: Vec<&str> = task.children.iter().map(|row| row.id.as_str()).collect();
    assert_eq!(found, children);
    assert_eq!(task, at_once);
    assert_eq!(reader.task(&"nobody".into()), None);
}

#[test]
fn what_is_to_run_comes_from_events_and_from_workers_each_once_and_in_order() {
    let mut state = state(2_000);
    let eta = |second: i64| {
        let time = at(second).0 / 1_000_000;
        json!({"eta": format!("{}Z", utc(time))})
    };
    for number in 0..1_100 {
        let id = format!("task-{number}");
        receive(&mut state, &id, 0, &eta(2_000 - number));
    }
    // One has begun, and one has no time of its own.
    let started = json!({
        "type": "task-started",
        "uuid": "task-1099",
        "hostname": "w@a",
        "pid": 7,
        "timestamp": at(1).0 as f64 / 1e6,
    });
    publish(&mut state, &started, at(1));
    receive(&mut state, "at-once", 1, &json!({}));
    let held = |id: &str, second: i64| {
        json!({
            "eta": format!("{}+00:00", utc(at(second).0 / 1_000_000)),
            "priority": 6,
            "request": {"id": id, "name": "shop.pack", "type": "shop.pack", "args": [], "kwargs": {}},
        })
    };
    let inspection = Inspection {
        scheduled: Some(json!([
            held("only-held", 500),
            held("task-7", 500),
            held("passed", 1),
        ])),
        ..Inspection::default()
    };
    publish(
        &mut state,
        &json!({
            "type": "worker-online",
            "hostname": "w@a",
            "pid": 7,
            "timestamp": at(1).0 as f64 / 1e6,
            "freq": 2.0,
        }),
        at(1),
    );
    state.apply_input(Input::Inspected("w@a".into(), Box::new(inspection)), at(2));
    let schedule = read(state).schedule(at(3));
    assert_eq!(schedule.tasks_total, 1_100);
    assert_eq!(schedule.tasks.len(), 1_000);
    assert_eq!(schedule.tasks[0].id.as_str(), "only-held");
    assert_eq!(schedule.tasks[0].eta, at(500));
    let next: Vec<&str> = schedule.tasks[1..4].iter().map(|t| t.id.as_str()).collect();
    assert_eq!(next, ["task-1098", "task-1097", "task-1096"]);
    assert!(schedule.tasks.is_sorted_by_key(|task| task.eta));
}

/// Writes a time as Celery does, without a zone.
fn utc(seconds: i64) -> String {
    let day = seconds.div_euclid(86_400);
    let rest = seconds.rem_euclid(86_400);
    // 2025-10-09 is day 20,370; the times of these tests are all of it.
    assert_eq!(day, 20_370);
    format!(
        "2025-10-09T{:02}:{:02}:{:02}",
        rest / 3600,
        rest / 60 % 60,
        rest % 60
    )
}

#[test]
fn a_search_on_all_cores_finds_what_one_core_finds() {
    let mut state = state(100_000);
    for number in 0..52_000 {
        let args = json!({"args": format!("('parcel {}',)", number % 1_000)});
        receive(&mut state, &format!("task-{number}"), number / 1_000, &args);
        // Some of the segments stay the writer's own.
        if number == 40_000 {
            state.tasks.settle();
        }
    }
    let reader = read(state);
    for (text, found) in [("parcel", 52_000), ("parcel 477'", 52), ("nothing", 0)] {
        let search = SearchExpression::parse(text).expect("a search");
        for sort in [TaskSort::Received, TaskSort::Name] {
            let query = TaskQuery {
                limit: 20,
                offset: 10,
                sort,
                ..TaskQuery::default()
            };
            let page = reader.task_page(&query, &search, Haste::Now);
            assert_eq!(page.total, Some(found), "{text}");
            assert_eq!(page, reader.task_page(&query, &search, Haste::Patient));
            let query = TaskQuery {
                count: TaskCount::None,
                ..query
            };
            let uncounted = reader.task_page(&query, &search, Haste::Now);
            assert_eq!(uncounted.rows, page.rows, "{text}");
        }
    }
}
