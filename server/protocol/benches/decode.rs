//! What reading events costs without Redis and without a state: processor time
//! an event, from the bytes of a PUBLISH to borrowed fields, beside a general
//! parser on the same messages. The few thousand tasks that are the default
//! stay in the processor's caches, as a message does that was just received.
//!
//! `cargo bench -p protocol --bench decode [-- TASKS]`

use protocol::{EventRef, Scratch, decode, decode_body, extract_body};
use serde::Deserialize;
use std::{borrow::Cow, hint::black_box, time::Duration};

/// Each figure is the best of so many runs over all messages.
const RUNS: usize = 25;

fn main() {
    let tasks = std::env::args()
        .skip(1)
        .find_map(|argument| argument.parse().ok())
        .unwrap_or(2_000);
    let messages = messages(tasks);
    let mut scratch = Scratch::default();
    let events: u32 = messages
        .iter()
        .map(|payload| decode(payload, &mut scratch, |_| ()).events)
        .sum();
    let bytes: usize = messages.iter().map(Vec::len).sum();
    let bodies: Vec<Vec<u8>> = messages
        .iter()
        .map(|payload| {
            let mut body = Vec::new();
            extract_body(payload, &mut body).expect("a body");
            body
        })
        .collect();
    report("messages", messages.len() as f64, "");
    report(
        "events a message",
        f64::from(events) / messages.len() as f64,
        "",
    );
    report("bytes an event", bytes as f64 / f64::from(events), "bytes");

    let each = |run: &mut dyn FnMut()| nanos(run) / f64::from(events);
    let generic = each(&mut || {
        for payload in &messages {
            black_box(by_value(payload));
        }
    });
    let structs = each(&mut || {
        for payload in &messages {
            black_box(by_structs(payload));
        }
    });
    let mut body = Vec::new();
    let extracted = each(&mut || {
        for payload in &messages {
            body.clear();
            extract_body(payload, &mut body).expect("a body");
            black_box(&body);
        }
    });
    let scanned = each(&mut || {
        for body in &bodies {
            decode_body(body, &mut scratch, look);
        }
    });
    let whole = each(&mut || {
        for payload in &messages {
            decode(payload, &mut scratch, look);
        }
    });
    let per_message = f64::from(events) / messages.len() as f64;
    report("general parser, generic values", generic, "ns/event");
    report("general parser, borrowed structs", structs, "ns/event");
    report("extract_body", extracted, "ns/event");
    report("extract_body", extracted * per_message, "ns/message");
    report("decode_body", scanned, "ns/event");
    report("decode, both together", whole, "ns/event");
    report("generic values to decode", generic / whole, "x");
    report("borrowed structs to decode", structs / whole, "x");
}

fn look(event: &EventRef<'_>) {
    black_box(event);
}

fn report(what: &str, figure: f64, unit: &str) {
    use std::io::Write;
    writeln!(std::io::stdout(), "{what:34} {figure:12.2} {unit}").expect("standard output is open");
}

/// Returns the processor time of the fastest run.
fn nanos(run: &mut dyn FnMut()) -> f64 {
    (0..RUNS)
        .map(|_| {
            let started = cpu_time();
            run();
            (cpu_time() - started).as_nanos() as f64
        })
        .fold(f64::INFINITY, f64::min)
}

/// Time on the processor: what else the machine does leaves it alone.
fn cpu_time() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}

/// The plainest way: everything becomes a generic value.
fn by_value(payload: &[u8]) -> serde_json::Value {
    let envelope: serde_json::Value = serde_json::from_slice(payload).expect("JSON");
    let body = envelope["body"].as_str().expect("a body");
    let body = base64_simd::STANDARD.decode_to_vec(body).expect("base64");
    serde_json::from_slice(&body).expect("JSON")
}

/// The careful way with a general parser: one struct, borrowed texts.
fn by_structs(payload: &[u8]) -> usize {
    let envelope: Envelope<'_> = serde_json::from_slice(payload).expect("JSON");
    let body = base64_simd::STANDARD
        .decode_to_vec(envelope.body)
        .expect("base64");
    if body.starts_with(b"[") {
        let events: Vec<Event<'_>> = serde_json::from_slice(&body).expect("JSON");
        black_box(&events).len()
    } else {
        let event: Event<'_> = serde_json::from_slice(&body).expect("JSON");
        black_box(&event);
        1
    }
}

#[derive(Deserialize)]
struct Envelope<'a> {
    body: &'a str,
}

#[derive(Deserialize)]
#[expect(dead_code, reason = "only the cost of filling it counts")]
struct Event<'a> {
    #[serde(rename = "type")]
    kind: &'a str,
    hostname: &'a str,
    pid: u32,
    clock: u64,
    timestamp: f64,
    uuid: &'a str,
    #[serde(borrow)]
    name: Option<Cow<'a, str>>,
    #[serde(borrow)]
    args: Option<Cow<'a, str>>,
    #[serde(borrow)]
    kwargs: Option<Cow<'a, str>>,
    root_id: Option<&'a str>,
    parent_id: Option<&'a str>,
    retries: Option<u32>,
    eta: Option<&'a str>,
    expires: Option<&'a str>,
    queue: Option<&'a str>,
    result: Option<Cow<'a, str>>,
    exception: Option<Cow<'a, str>>,
    traceback: Option<Cow<'a, str>>,
    runtime: Option<f64>,
}

/// Four events a task: sent alone, the others in lists of three, every tenth
/// task fails with a traceback.
fn messages(tasks: usize) -> Vec<Vec<u8>> {
    let mut out = Vec::new();
    for number in 0..tasks {
        let (worker, kind) = (number % 20, number * 7 % 40);
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
        let at = 1_800_000_000.0 + number as f64 * 0.001_234_567;
        let common = |host: &str, late: f64, clock: usize| {
            format!(
                r#""hostname": "{host}", "utcoffset": 0.0, "pid": {}, "clock": {clock}, "uuid": "{id}""#,
                4000 + worker
            ) + &format!(r#", "timestamp": {}"#, at + late)
        };
        let described = format!(
            r#""name": "shop.module{kind}.tasks.do_something_useful_{kind}", "args": "('user{number}@example.org', {number}, 'welcome/v7')", "kwargs": "{{'order_id': {number}, 'locale': 'de_DE', 'context': {{'first_name': 'Lena', 'trial_days': 14}}}}", "root_id": "{id}", "parent_id": null, "retries": 0, "eta": null, "expires": null"#
        );
        let host = format!("celery@worker-{worker}");
        let ended = if number.is_multiple_of(10) {
            format!(
                r#"{{{}, "exception": "ConnectionError('refused {number}')", "traceback": "Traceback (most recent call last):\n  File \"tasks.py\", line 8, in send\n    raise ConnectionError\nConnectionError: refused {number}\n", "type": "task-failed"}}"#,
                common(&host, 0.09, number * 4 + 3)
            )
        } else {
            format!(
                r#"{{{}, "result": "{{'sent': {number}}}", "runtime": 0.0{:02}7423904, "type": "task-succeeded"}}"#,
                common(&host, 0.09, number * 4 + 3),
                number % 100
            )
        };
        let sent = format!(
            r#"{{{}, {described}, "queue": "queue{}", "exchange": "", "routing_key": "queue{}", "type": "task-sent"}}"#,
            common("gen4711@web-1", 0.0, number),
            kind % 8,
            kind % 8
        );
        let list = format!(
            r#"[{{{}, {described}, "type": "task-received"}}, {{{}, "type": "task-started"}}, {ended}]"#,
            common(&host, 0.001, number * 4 + 1),
            common(&host, 0.002, number * 4 + 2),
        );
        out.push(envelope(&sent, "task.sent"));
        out.push(envelope(&list, "task.multi"));
    }
    out
}

fn envelope(body: &str, routing_key: &str) -> Vec<u8> {
    let body = base64_simd::STANDARD.encode_to_string(body);
    format!(
        r#"{{"body": "{body}", "content-encoding": "utf-8", "content-type": "application/json", "headers": {{"hostname": "w"}}, "properties": {{"delivery_mode": 1, "delivery_info": {{"exchange": "celeryev", "routing_key": "{routing_key}"}}, "priority": 0, "body_encoding": "base64", "delivery_tag": "855bc2c0-70fe-4b1f-9145-8e035a9ae7f7"}}}}"#
    )
    .into_bytes()
}
