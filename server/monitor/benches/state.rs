//! What the engine costs without Redis: applying events, memory, pages and
//! searches over a million tasks. Prints CPU time and, for events, the ratio to
//! parsing the same messages with `serde_json` into its generic value.
//!
//! `cargo bench -p monitor --bench state [-- TASKS]`

mod support;

use model::{TaskQuery, TaskSort, TaskState, Timestamp};
use monitor::replay::Replay;
use std::{hint::black_box, time::Duration};
use support::{START, Work, cpu_time, report};

fn main() {
    let tasks = std::env::args()
        .skip(1)
        .find_map(|argument| argument.parse().ok())
        .unwrap_or(1_000_000);
    // Memory first, while the process has none to use again.
    let before = resident_bytes();
    let mut replay = Replay::new(tasks, Timestamp(START));
    let mut first = 0;
    while first < tasks {
        let count = 2_000.min(tasks - first);
        for payload in support::messages(first, count, work) {
            replay.apply(&payload, Timestamp(START + first as i64 * 1000));
        }
        first += count;
    }
    let all = replay.page(&TaskQuery::default()).expect("a query");
    report("tasks stored", all.stored as f64, "");
    let bytes = (resident_bytes() - before) as f64 / all.stored as f64;
    report("memory per finished task", bytes, "bytes");
    queries(&replay);
    drop(replay);

    let sample = support::messages(0, 100_000.min(tasks), work);
    report("messages in the sample", sample.len() as f64, "");
    let value = parse_generic(&sample);
    let decoded = decode(&sample);
    let events = apply(&sample);
    report("serde_json value, per event", value.as_nanos() as f64, "ns");
    report("decode, per event", decoded.as_nanos() as f64, "ns");
    report(
        "decode and apply, per event",
        events.as_nanos() as f64,
        "ns",
    );
    let ratio = value.as_secs_f64() / events.as_secs_f64();
    report("ratio, generic parse to decode and apply", ratio, "x");
}

fn work(number: usize) -> Work {
    Work {
        args: format!("('user{number}@example.org', {number}, 'welcome/v7')"),
        kwargs: format!(
            "{{'order_id': {number}, 'locale': 'de_DE', 'context': {{'first_name': 'Lena', 'trial_days': 14}}}}"
        ),
        end: if number.is_multiple_of(20) {
            Err((
                format!("ConnectionError('refused {number}')"),
                "Traceback (most recent call last):\n  File \"tasks.py\", line 8\nConnectionError: refused".to_owned(),
            ))
        } else {
            Ok(number.to_string())
        },
    }
}

fn queries(replay: &Replay) {
    let base = TaskQuery {
        limit: 50,
        ..TaskQuery::default()
    };
    let cases = [
        ("first page", base.clone()),
        (
            "state FAILURE",
            TaskQuery {
                states: vec![TaskState::Failure],
                ..base.clone()
            },
        ),
        (
            "one type",
            TaskQuery {
                name: Some("shop.module7.tasks.do_something_useful_7".into()),
                ..base.clone()
            },
        ),
        (
            "sorted by run time",
            TaskQuery {
                sort: TaskSort::Runtime,
                ..base.clone()
            },
        ),
        (
            "sorted by name, offset 500,000",
            TaskQuery {
                sort: TaskSort::Name,
                offset: 500_000,
                ..base.clone()
            },
        ),
        (
            "substring, 10 hits or so",
            TaskQuery {
                search: "user77777@".to_owned(),
                ..base.clone()
            },
        ),
        (
            "substring, no hit",
            TaskQuery {
                search: "zzzzqqqq".to_owned(),
                ..base
            },
        ),
    ];
    for (name, query) in cases {
        let mut times: Vec<Duration> = (0..20)
            .map(|_| {
                let started = cpu_time();
                black_box(replay.page(&query)).expect("a query");
                cpu_time() - started
            })
            .collect();
        times.sort();
        report(&format!("{name}, p95"), times[18].as_secs_f64() * 1e3, "ms");
    }
}

fn parse_generic(messages: &[Vec<u8>]) -> Duration {
    let mut events = 0;
    let started = cpu_time();
    for payload in messages {
        let envelope: serde_json::Value = serde_json::from_slice(payload).expect("JSON");
        let body = envelope["body"].as_str().expect("a body");
        let body = base64_simd::STANDARD.decode_to_vec(body).expect("base64");
        let body: serde_json::Value = serde_json::from_slice(&body).expect("JSON");
        events += body.as_array().map_or(1, Vec::len) as u32;
        black_box(body);
    }
    (cpu_time() - started) / events
}

fn decode(messages: &[Vec<u8>]) -> Duration {
    let mut scratch = protocol::Scratch::default();
    let mut events = 0;
    let started = cpu_time();
    for payload in messages {
        events += protocol::decode(payload, &mut scratch, |event| {
            black_box(event);
        })
        .events;
    }
    (cpu_time() - started) / events
}

fn apply(messages: &[Vec<u8>]) -> Duration {
    let mut replay = Replay::new(1_000_000, Timestamp(START));
    let mut events = 0;
    let started = cpu_time();
    for payload in messages {
        events += replay.apply(payload, Timestamp(START));
    }
    (cpu_time() - started) / events
}

fn resident_bytes() -> usize {
    let statm = std::fs::read_to_string("/proc/self/statm").expect("this is Linux");
    let pages: usize = statm
        .split_whitespace()
        .nth(1)
        .and_then(|pages| pages.parse().ok())
        .expect("the second field is the resident set");
    pages * 4096
}
