//! Our state beside Celery's own: the same captures go through
//! `celery.events.state.State` and through the engine, and every task of every
//! capture must come out the same, except where we differ on purpose.

mod differences;

use differences::DIFFERENCES;
use model::{Attempt, TaskDetail, TaskId, TaskState, Timestamp};
use monitor::replay::Replay;
use serde_json::Value;
use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
    process::Command,
};

/// Fields of a task by name; what is not known is absent.
type Fields = BTreeMap<&'static str, String>;

/// The ways an attempt can end, as Celery's state names their times.
const ENDS: [(&str, TaskState); 5] = [
    ("succeeded", TaskState::Success),
    ("failed", TaskState::Failure),
    ("retried", TaskState::Retry),
    ("revoked", TaskState::Revoked),
    ("rejected", TaskState::Rejected),
];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn captures() -> Vec<PathBuf> {
    let folder = root().join("server/protocol/tests/golden");
    let entries = fs::read_dir(folder).expect("the captures are there");
    let mut files: Vec<PathBuf> = entries
        .map(|entry| entry.expect("a folder's entry").path())
        .filter(|path| path.extension().is_some_and(|suffix| suffix == "jsonl"))
        .collect();
    files.sort();
    files
}

/// Returns what Celery's state makes of the captures, each message applied so
/// many times: tasks by capture and id.
fn theirs(files: &[PathBuf], times: usize) -> BTreeMap<String, BTreeMap<String, Fields>> {
    let python = root().join("end2end/.venv/bin/python");
    assert!(
        python.exists(),
        "Celery is not installed: `make test` does that"
    );
    let output = Command::new(python)
        .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/oracle/replay.py"))
        .arg(times.to_string())
        .args(files)
        .output()
        .expect("Python runs");
    let trouble = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{trouble}");
    let all: BTreeMap<String, BTreeMap<String, Value>> =
        serde_json::from_slice(&output.stdout).expect("the script prints JSON");
    all.into_iter()
        .map(|(capture, tasks)| {
            let tasks = tasks.into_iter().map(|(id, task)| (id, read(&task)));
            (capture, tasks.collect())
        })
        .collect()
}

fn read(task: &Value) -> Fields {
    let mut fields = Fields::new();
    for name in ["state", "worker", "exception", "name", "result"] {
        if let Some(text) = task[name].as_str() {
            fields.insert(name, text.to_owned());
        }
    }
    let times = ["sent", "received", "started"];
    for name in times.into_iter().chain(ENDS.map(|(name, _)| name)) {
        if let Some(time) = task[name].as_f64().and_then(Timestamp::from_seconds) {
            fields.insert(name, time.0.to_string());
        }
    }
    // A task whose events tell no retries has had none.
    let retries = task["retries"].as_u64().unwrap_or(0);
    fields.insert("retries", retries.to_string());
    if let Some(seconds) = task["runtime"].as_f64() {
        fields.insert("runtime", shown(seconds));
    }
    fields
}

/// Run times are kept as single-precision floats.
fn shown(seconds: f64) -> String {
    format!("{seconds:.4}")
}

/// Returns what the engine makes of a capture.
fn ours(file: &Path, times: usize, ids: impl Iterator<Item = String>) -> BTreeMap<String, Fields> {
    let text = fs::read_to_string(file).expect("the capture is there");
    let mut replay = Replay::new(100_000, Timestamp(0));
    for line in text.lines() {
        let line: Value = serde_json::from_str(line).expect("a line is JSON");
        let channel = line["channel"].as_str().unwrap_or_default();
        if line["kind"] != "pubsub" || !(channel.contains("celeryev") || channel.contains("myev")) {
            continue;
        }
        let now = line["t"].as_f64().and_then(Timestamp::from_seconds);
        let payload = line["payload"].as_str().expect("events are text");
        for _ in 0..times {
            replay.apply(payload.as_bytes(), now.expect("a time"));
        }
    }
    ids.filter_map(|id| {
        let task = replay.task(&TaskId::from(id.as_str()))?;
        Some((id, described(&task)))
    })
    .collect()
}

fn described(task: &TaskDetail) -> Fields {
    let mut fields = Fields::new();
    let mut put = |name, value: Option<String>| {
        if let Some(value) = value {
            fields.insert(name, value);
        }
    };
    let row = &task.summary;
    put("state", Some(row.state.to_string()));
    put("worker", row.worker.as_ref().map(ToString::to_string));
    put("exception", task.exception.clone());
    put("name", row.name.as_ref().map(ToString::to_string));
    put("result", task.result.clone());
    put("retries", Some(row.retries.to_string()));
    put("runtime", row.runtime_seconds.map(shown));
    let micros = |time: Timestamp| time.0.to_string();
    // Celery keeps one time of each kind, the last; we keep them by attempt.
    let last = |time: fn(&Attempt) -> Option<Timestamp>| task.attempts.iter().rev().find_map(time);
    put("sent", last(|attempt| attempt.sent).map(micros));
    put("received", last(|attempt| attempt.received).map(micros));
    put("started", last(|attempt| attempt.started).map(micros));
    for (name, state) in ENDS {
        let ended = task
            .attempts
            .iter()
            .rev()
            .find(|attempt| attempt.state == state);
        put(name, ended.and_then(|attempt| attempt.finished).map(micros));
    }
    fields
}

/// Tells whether two values are the same; times may differ by a microsecond,
/// which binary fractions of seconds cannot tell.
fn is_same(name: &str, theirs: Option<&String>, ours: Option<&String>) -> bool {
    let is_time = !["state", "worker", "exception", "name", "result", "retries"].contains(&name);
    match (theirs, ours) {
        (Some(theirs), Some(ours)) if is_time => {
            match (theirs.parse::<i64>(), ours.parse::<i64>()) {
                (Ok(theirs), Ok(ours)) => theirs.abs_diff(ours) <= 1,
                _ => theirs == ours,
            }
        }
        (theirs, ours) => theirs == ours,
    }
}

#[test]
fn every_task_of_every_capture_comes_out_as_in_celery() {
    compare(1);
}

/// As with a broker that delivers twice, or two subscriptions.
#[test]
fn messages_that_come_twice_make_no_difference_to_either() {
    compare(2);
}

fn compare(times: usize) {
    let files = captures();
    let theirs = theirs(&files, times);
    let mut met = [0; DIFFERENCES.len()];
    let mut unexplained = Vec::new();
    let (mut tasks, mut fields) = (0, 0);
    for file in &files {
        let capture = file.file_stem().and_then(|name| name.to_str());
        let capture = capture.expect("captures have names");
        let wanted = &theirs[capture];
        let found = ours(file, times, wanted.keys().cloned());
        for (id, wanted) in wanted {
            let Some(found) = found.get(id) else {
                unexplained.push(format!("{capture} {id} is not there"));
                continue;
            };
            tasks += 1;
            let names: BTreeSet<&str> = wanted.keys().chain(found.keys()).copied().collect();
            fields += names.len();
            for name in names {
                let (wanted, found) = (wanted.get(name), found.get(name));
                if is_same(name, wanted, found) {
                    continue;
                }
                let place = DIFFERENCES
                    .iter()
                    .position(|difference| difference.explains(capture, name, wanted, found));
                match place {
                    Some(place) => met[place] += 1,
                    None => unexplained.push(format!(
                        "{capture} {id} {name}: Celery has {wanted:?}, we have {found:?}"
                    )),
                }
            }
        }
    }
    assert!(unexplained.is_empty(), "{}", unexplained.join("\n"));
    for (difference, met) in DIFFERENCES.iter().zip(met) {
        assert_eq!(
            met, difference.tasks,
            "{} of {}: {}",
            difference.field, difference.capture, difference.reason
        );
    }
    assert!(tasks > 200 && fields > 2_000, "{tasks} {fields}");
}
