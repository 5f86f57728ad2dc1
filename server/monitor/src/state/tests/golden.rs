//! Replays of real captures: what each scenario must show.

use super::{State, state, tasks};
use model::{Attempt, TaskDetail, TaskState, Timestamp, WorkerStatus};
use protocol::Scratch;
use std::path::{Path, PathBuf};

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../protocol/tests/golden")
}

/// Applies every event message of a capture.
pub(super) fn replay(file: &str) -> State {
    let mut state = state(10_000);
    for (now, payload) in messages(file) {
        let decoded = state.apply_payload(&payload, &mut Scratch::default(), now);
        assert_eq!(decoded.bad, 0, "{file}: {:?}", decoded.error());
    }
    state
}

/// Returns the names of all captures.
pub(super) fn captures() -> Vec<String> {
    let mut files: Vec<String> = std::fs::read_dir(folder())
        .expect("the captures are there")
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
        .filter(|name| name.ends_with(".jsonl"))
        .collect();
    files.sort();
    files
}

fn messages(file: &str) -> Vec<(Timestamp, Vec<u8>)> {
    let text = std::fs::read_to_string(folder().join(file)).expect("the capture is there");
    text.lines()
        .filter_map(|line| {
            let line: serde_json::Value = serde_json::from_str(line).expect("a line is JSON");
            let is_event = line["kind"] == "pubsub"
                && line["encoding"].is_null()
                && ["celeryev", "myev"]
                    .iter()
                    .any(|exchange| line["channel"].as_str().unwrap_or("").contains(exchange));
            let now = Timestamp::from_seconds(line["t"].as_f64()?)?;
            is_event.then_some((now, line["payload"].as_str()?.as_bytes().to_vec()))
        })
        .collect()
}

/// `name state`, then `retries/delivery state` of every attempt.
fn story(task: &TaskDetail) -> String {
    let name = task.summary.name.as_ref().map_or("?", |name| name.as_str());
    let attempts: Vec<String> = task
        .attempts
        .iter()
        .map(|a| {
            let reason = a
                .reason
                .as_ref()
                .map(|r| format!(" ({r})"))
                .unwrap_or_default();
            format!("{}/{} {}{reason}", a.retries, a.delivery, a.state)
        })
        .collect();
    format!("{name} {}: {}", task.summary.state, attempts.join(", "))
}

/// Checks a scenario in every version it was captured with.
fn assert_stories(scenario: &str, versions: &[&str], expected: &[&str]) {
    for version in versions {
        let state = replay(&format!("{version}.{scenario}.jsonl"));
        let stories: Vec<String> = tasks(&state).iter().map(story).collect();
        assert_eq!(stories, expected, "{version}.{scenario}");
    }
}

const ALL: [&str; 4] = ["c447", "c527", "c540", "c570"];

#[test]
fn a_task_that_succeeds() {
    assert_stories("ok", &ALL, &["lab.add SUCCESS: 0/1 SUCCESS"; 2]);
    let state = replay("c570.ok.jsonl");
    let task = &tasks(&state)[0];
    assert_eq!(task.args.as_deref(), Some("(2, 3)"));
    assert_eq!(task.kwargs.as_deref(), Some("{}"));
    assert_eq!(task.result.as_deref(), Some("5"));
    assert_eq!(
        task.summary.queue.as_ref().map(|q| q.as_str()),
        Some("celery")
    );
    assert_eq!(
        task.summary.worker.as_ref().map(|w| w.as_str()),
        Some("w1@lab")
    );
    assert_eq!(task.root_id.as_ref(), Some(&task.summary.id));
    assert!(task.client.as_deref().is_some_and(|c| c.starts_with("gen")));
    let row = &task.summary;
    assert!(row.sent.is_some() && row.received <= row.started && row.started <= row.finished);
}

#[test]
fn tasks_that_fail() {
    let stories = [
        "lab.fail FAILURE: 0/1 FAILURE",
        "lab.fail_chained FAILURE: 0/1 FAILURE",
        "lab.not_registered FAILURE: 0/1 FAILURE",
        "lab.add FAILURE: 0/1 FAILURE",
    ];
    assert_stories("failed", &ALL, &stories);
    let tasks = tasks(&replay("c570.failed.jsonl"));
    assert_eq!(
        tasks[0].exception.as_deref(),
        Some("DomainError('boom', {'code': 42})")
    );
    let traceback = tasks[1].traceback.as_deref().expect("it has one");
    assert!(traceback.contains("💥") && traceback.contains("Traceback (most recent call last)"));
    assert_eq!(tasks[2].summary.started, None, "it was never registered");
}

#[test]
fn retries_are_attempts_with_their_own_exceptions() {
    let stories = [
        "lab.retry_ok SUCCESS: 0/1 RETRY, 1/1 RETRY, 2/1 SUCCESS",
        "lab.retry_exhaust FAILURE: 0/1 RETRY, 1/1 FAILURE",
        "lab.auto FAILURE: 0/1 RETRY, 1/1 FAILURE",
    ];
    assert_stories("retried", &ALL, &stories);
    let task = tasks(&replay("c570.retried.jsonl")).remove(0);
    let exceptions: Vec<_> = task
        .attempts
        .iter()
        .map(|a| a.exception.as_deref())
        .collect();
    let expected = [
        Some("DomainError('try 0')"),
        Some("DomainError('try 1')"),
        None,
    ];
    assert_eq!(exceptions, expected);
    let is_whole =
        |a: &Attempt| a.sent.is_some() && a.received <= a.started && a.started <= a.finished;
    assert!(task.attempts.iter().all(is_whole));
    assert!(task.attempts[1].eta.is_some(), "a retry has a countdown");
    assert_eq!(task.result.as_deref(), Some("'ok after 2'"));
}

#[test]
fn revoked_tasks_say_why() {
    let stories = [
        "lab.add REVOKED: 0/1 REVOKED (revoked)",
        "lab.add REVOKED: 0/1 REVOKED (expired)",
        "lab.sleep REVOKED: 0/1 REVOKED (terminated by signal 9)",
        "lab.sleep REVOKED: 0/1 REVOKED (terminated by signal 15)",
    ];
    assert_stories("revoked", &ALL, &stories);
}

#[test]
fn rejected_tasks_run_again_or_fail_as_the_version_has_it() {
    let requeued =
        "lab.reject_requeue SUCCESS: 0/1 REJECTED (rejected, back to the queue), 0/2 SUCCESS";
    let old = ["lab.reject REJECTED: 0/1 REJECTED (rejected)", requeued];
    assert_stories("rejected", &["c527", "c540"], &old);
    // 4.4 told once more of a task that was terminated before.
    let late = "? REVOKED: 0/1 REVOKED (terminated by signal 15)";
    assert_stories("rejected", &["c447"], &[old[0], old[1], late]);
    // 5.7 says failed first and rejected after it: the failure stands.
    assert_stories(
        "rejected",
        &["c570"],
        &["lab.reject FAILURE: 0/1 FAILURE", requeued],
    );
}

#[test]
fn a_replaced_task_goes_on_as_a_second_delivery() {
    let stories = [
        "lab.add SUCCESS: 0/1 STARTED, 0/2 SUCCESS",
        "lab.spawn SUCCESS: 0/1 SUCCESS",
        "lab.add SUCCESS: 0/1 SUCCESS",
        "lab.add SUCCESS: 0/1 SUCCESS",
    ];
    assert_stories("replace", &ALL, &stories);
    let tasks = tasks(&replay("c570.replace.jsonl"));
    let parent = &tasks[1].summary.id;
    assert!(
        tasks[2..]
            .iter()
            .all(|t| t.parent_id.as_ref() == Some(parent))
    );
}

#[test]
fn a_redelivered_task_is_a_second_delivery() {
    assert_stories(
        "redelivery",
        &["c570"],
        &[
            "lab.sleep_late SUCCESS: 0/1 SUCCESS",
            "lab.sleep_late RECEIVED: 0/1 STARTED, 0/2 RECEIVED",
        ],
    );
}

#[test]
fn chains_keep_their_root_and_stop_at_a_failure() {
    let stories = [
        "lab.add SUCCESS: 0/1 SUCCESS",
        "lab.add SUCCESS: 0/1 SUCCESS",
        "lab.add SUCCESS: 0/1 SUCCESS",
        "lab.add SUCCESS: 0/1 SUCCESS",
        "lab.fail FAILURE: 0/1 FAILURE",
    ];
    assert_stories("chain", &ALL, &stories);
    let state = replay("c570.chain.jsonl");
    let tasks = tasks(&state);
    let root = &tasks[0].summary.id;
    assert!(tasks[..3].iter().all(|t| t.root_id.as_ref() == Some(root)));
    let first = state.task(root).expect("it is known");
    let children: Vec<_> = first.children.iter().map(|c| &c.id).collect();
    assert_eq!(children, [&tasks[1].summary.id]);
}

#[test]
fn custom_states_are_kept_while_the_task_runs() {
    let stories = [
        "lab.progress SUCCESS: 0/1 SUCCESS",
        // `Ignore` ends a task without any event.
        "lab.ignore STARTED: 0/1 STARTED",
    ];
    assert_stories("progress", &ALL, &stories);
    let mut state = state(1000);
    let mut seen = Vec::new();
    for (now, payload) in messages("c570.progress.jsonl") {
        state.apply_payload(&payload, &mut Scratch::default(), now);
        let now_is = tasks(&state).first().map(|t| t.summary.state.clone());
        if seen.last() != now_is.as_ref() {
            seen.extend(now_is);
        }
    }
    let progress = TaskState::Custom("PROGRESS".into());
    assert!(seen.contains(&progress), "{seen:?}");
    assert_eq!(seen.last(), Some(&TaskState::Success));
    let task = tasks(&state).remove(0);
    assert_eq!(task.custom_events.len(), 3);
    assert_eq!(task.custom_events[0].kind, "task-progress");
    assert!(task.custom_events[2].fields.contains("\"current\": 2"));
    let row = &state.worker_list().rows;
    assert_eq!(row.len(), 1, "the pool's child is no worker");
}

#[test]
fn time_limits_and_lost_processes_fail_once() {
    let stories = [
        "lab.soft FAILURE: 0/1 FAILURE",
        "lab.hard FAILURE: 0/1 FAILURE",
    ];
    // 5.7 reports a hard limit twice.
    assert_stories("timelimit", &["c447", "c527", "c570"], &stories);
    let lost = ["lab.die FAILURE: 0/1 FAILURE"];
    assert_stories("workerlost", &["c447", "c527", "c570"], &lost);
    let (_, outcomes) = {
        let mut state = replay("c570.timelimit.jsonl");
        let later = messages("c570.timelimit.jsonl")
            .last()
            .expect("there is one")
            .0;
        state.tick(later.plus_seconds(20.0));
        state.throughput.outcomes()
    };
    assert_eq!(outcomes.iter().map(|o| o.failed).sum::<u32>(), 2);
}

#[test]
fn ids_and_names_need_no_grammar() {
    let stories = [
        "pretty-name SUCCESS: 0/1 SUCCESS",
        "lab.add SUCCESS: 0/1 SUCCESS",
        "lab.add SUCCESS: 0/1 SUCCESS",
    ];
    assert_stories("shadow", &["c447", "c527", "c570"], &stories);
    let state = replay("c570.shadow.jsonl");
    let odd = "custom id with spaces/and:colons".into();
    let task = state.task(&odd).expect("it is found by its odd id");
    assert_eq!(task.summary.id, odd);
    assert_eq!(task.root_id, Some(odd));
}

#[test]
fn every_option_of_the_transport_leads_to_the_same_tasks() {
    for option in ["opt_keyprefix", "opt_nofanoutprefix", "opt_names"] {
        let state = replay(&format!("c570.{option}.jsonl"));
        let tasks = tasks(&state);
        let done = tasks
            .iter()
            .filter(|t| t.summary.state == TaskState::Success);
        assert_eq!(done.count(), 7, "{option}");
        let parked: Vec<_> = tasks
            .iter()
            .filter(|t| t.summary.state == TaskState::Pending)
            .collect();
        assert_eq!(parked.len(), 1, "{option}: nobody consumes that queue");
        assert_eq!(parked[0].summary.worker, None);
    }
}

#[test]
fn a_worker_that_says_goodbye_is_offline() {
    for version in ALL {
        let state = replay(&format!("{version}.worker_offline.jsonl"));
        let rows = state.worker_list().rows;
        assert_eq!(rows.len(), 1);
        assert_eq!(rows[0].status, WorkerStatus::Offline);
    }
}

#[test]
fn a_commanded_heartbeat_leaves_figures_alone() {
    let state = replay("c570.heartbeat_control.jsonl");
    let rows = state.worker_list().rows;
    assert!(!rows.is_empty());
    assert!(rows.iter().all(|w| w.status == WorkerStatus::Online));
}

#[test]
fn every_capture_replays_without_a_bad_event_and_twice_is_once() {
    let files = captures();
    assert!(files.len() > 60, "only {} captures", files.len());
    let mut with_tasks = 0;
    for file in files {
        let once = replay(&file);
        with_tasks += usize::from(once.tasks.len() > 0);
        // Each message told twice in a row changes no task.
        let mut twice = state(10_000);
        for (now, payload) in messages(&file) {
            twice.apply_payload(&payload, &mut Scratch::default(), now);
            twice.apply_payload(&payload, &mut Scratch::default(), now);
        }
        let strip = |state: &State| -> Vec<TaskDetail> {
            let mut tasks = tasks(state);
            for task in &mut tasks {
                // An event that Celery does not define is kept each time it comes.
                task.custom_events.clear();
            }
            tasks
        };
        assert_eq!(strip(&once), strip(&twice), "{file}");
    }
    assert!(with_tasks > 40, "only {with_tasks} captures have tasks");
}

/// How many `task-started` a message holds.
fn starts_in(payload: &[u8]) -> u64 {
    let mut starts = 0;
    protocol::decode(payload, &mut Scratch::default(), |event| {
        starts += u64::from(event.kind == protocol::EventKind::TaskStarted);
    });
    starts
}

#[test]
fn no_capture_looks_as_if_something_were_missing() {
    let files = std::fs::read_dir(folder()).expect("the captures are there");
    let mut heartbeats = 0;
    for file in files {
        let file = file.expect("it can be listed").file_name();
        let file = file.to_string_lossy();
        if !file.ends_with(".jsonl") {
            continue;
        }
        let mut state = state(10_000);
        for (now, payload) in messages(&file) {
            // Were something missing, it would be proved at once.
            state.apply_input(crate::state::Input::Connected, now);
            state.apply_payload(&payload, &mut Scratch::default(), now);
            assert_eq!(state.pulse(now).missed_total, 0, "{file}");
        }
        let rows = state.worker_list().rows;
        heartbeats += rows.iter().map(|row| row.events.heartbeats).sum::<u64>();
    }
    assert!(heartbeats > 0, "there is something to compare");
}

#[test]
fn whatever_is_left_out_of_a_capture_is_missed_to_the_last_start() {
    let messages = messages("c570.opt_nofanoutprefix.jsonl");
    let mut with_starts: Vec<usize> = (0..messages.len())
        .filter(|place| starts_in(&messages[*place].1) > 0)
        .collect();
    // Until a first task is heard of, nobody knows that the events are on.
    with_starts.remove(0);
    assert!(with_starts.len() >= 3);
    for chosen in 0..1u32 << with_starts.len() {
        let mut state = state(10_000);
        let mut left_out = 0;
        for (place, (now, payload)) in messages.iter().enumerate() {
            let number = with_starts.iter().position(|other| *other == place);
            if number.is_some_and(|number| chosen & 1 << number != 0) {
                left_out += starts_in(payload);
                state.count_dropped(1, *now);
            } else {
                state.apply_payload(payload, &mut Scratch::default(), *now);
            }
        }
        let (now, _) = messages.last().expect("there are some");
        // What the last heartbeat left open is settled when nothing more comes.
        for second in 1..20 {
            state.tick(now.plus_seconds(f64::from(second)));
        }
        assert_eq!(state.pulse(*now).missed_total, left_out, "{chosen:b}");
    }
}
