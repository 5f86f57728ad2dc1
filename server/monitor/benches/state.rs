//! What the engine costs without Redis: applying events, memory, pages and
//! searches over a million tasks. Prints CPU time and, for events, the ratio to
//! parsing the same messages with `serde_json` into its generic value.
//!
//! `cargo bench -p monitor --bench state [-- TASKS]`

use model::{TaskQuery, TaskSort, TaskState, Timestamp};
use monitor::replay::Replay;
use std::{fmt::Write as _, hint::black_box, time::Duration};

const START: i64 = 1_800_000_000_000_000;
const WORKERS: usize = 20;
const TYPES: usize = 40;

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
        for payload in messages(first, count) {
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

    let sample = messages(0, 100_000.min(tasks));
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

fn report(what: &str, figure: f64, unit: &str) {
    use std::io::Write;
    writeln!(std::io::stdout(), "{what:45} {figure:12.2} {unit}").expect("standard output is open");
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

/// Four events a task: sent alone, the others in lists of three tasks.
fn messages(first: usize, count: usize) -> Vec<Vec<u8>> {
    let mut out = Vec::new();
    let mut list = Vec::new();
    for number in first..first + count {
        let at = START + number as i64 * 1000;
        let [sent, rest @ ..] = life(number, at);
        out.push(envelope(&sent, "task.sent"));
        list.extend(rest);
        if list.len() >= 9 {
            out.push(envelope(&format!("[{}]", list.join(", ")), "task.multi"));
            list.clear();
        }
    }
    if !list.is_empty() {
        out.push(envelope(&format!("[{}]", list.join(", ")), "task.multi"));
    }
    out
}

fn life(number: usize, at: i64) -> [String; 4] {
    let worker = number % WORKERS;
    let kind = number * 7 % TYPES;
    let mix = (number as u128).wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835);
    let hex = format!("{mix:032x}");
    let id = format!(
        "{}-{}-{}-{}-{}",
        &hex[..8],
        &hex[8..12],
        &hex[12..16],
        &hex[16..20],
        &hex[20..]
    );
    let seconds = |offset: i64| (at + offset) as f64 / 1e6;
    let common = |offset: i64| {
        format!(
            r#""hostname": "celery@worker-{worker}", "utcoffset": 0.0, "pid": {}, "clock": {number}, "uuid": "{id}", "timestamp": {}"#,
            4000 + worker,
            seconds(offset)
        )
    };
    let described = format!(
        r#""name": "shop.module{kind}.tasks.do_something_useful_{kind}", "args": "('user{number}@example.org', {number}, 'welcome/v7')", "kwargs": "{{'order_id': {number}, 'locale': 'de_DE', 'context': {{'first_name': 'Lena', 'trial_days': 14}}}}", "root_id": "{id}", "parent_id": null, "retries": 0, "eta": null, "expires": null"#
    );
    let ended = if number.is_multiple_of(20) {
        format!(
            r#"{{{}, "exception": "ConnectionError('refused {number}')", "traceback": "Traceback (most recent call last):\n  File \"tasks.py\", line 8\nConnectionError: refused", "type": "task-failed"}}"#,
            common(90_000)
        )
    } else {
        format!(
            r#"{{{}, "result": "{number}", "runtime": 0.0{:02}, "type": "task-succeeded"}}"#,
            common(90_000),
            number % 100
        )
    };
    [
        format!(
            r#"{{"hostname": "gen{}@web-1", "utcoffset": 0.0, "pid": 99, "clock": 1, "uuid": "{id}", "timestamp": {}, {described}, "queue": "queue{}", "exchange": "", "routing_key": "queue{}", "type": "task-sent"}}"#,
            number % 50,
            seconds(0),
            kind % 8,
            kind % 8
        ),
        format!(
            r#"{{{}, {described}, "type": "task-received"}}"#,
            common(1000)
        ),
        format!(r#"{{{}, "type": "task-started"}}"#, common(2000)),
        ended,
    ]
}

fn envelope(body: &str, routing_key: &str) -> Vec<u8> {
    let mut out = String::with_capacity(body.len() * 3 / 2 + 400);
    out.push_str(r#"{"body": ""#);
    encode(body.as_bytes(), &mut out);
    write!(
        out,
        r#"", "content-encoding": "utf-8", "content-type": "application/json", "headers": {{"hostname": "w"}}, "properties": {{"delivery_mode": 1, "delivery_info": {{"exchange": "celeryev", "routing_key": "{routing_key}"}}, "priority": 0, "body_encoding": "base64", "delivery_tag": "855bc2c0-70fe-4b1f-9145-8e035a9ae7f7"}}}}"#
    )
    .expect("strings take everything");
    out.into_bytes()
}

const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

fn encode(bytes: &[u8], out: &mut String) {
    for three in bytes.chunks(3) {
        let word = (0..3).fold(0u32, |word, place| {
            word << 8 | u32::from(three.get(place).copied().unwrap_or(0))
        });
        for place in 0..4 {
            let is_padding = place > three.len();
            let digit = ALPHABET[(word >> (18 - 6 * place)) as usize & 63];
            out.push(if is_padding { '=' } else { char::from(digit) });
        }
    }
}

/// Time on the processor: what else the machine does leaves it alone.
fn cpu_time() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
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
