//! What the benchmarks share: messages as Celery sends them, the processor's
//! clock and a line of the report.

use std::{fmt::Write as _, time::Duration};

/// When the first task is sent, microseconds.
pub(crate) const START: i64 = 1_800_000_000_000_000;
const WORKERS: usize = 20;
pub(crate) const TYPES: usize = 40;

/// What a task of a benchmark is about.
pub(crate) struct Work {
    pub args: String,
    pub kwargs: String,
    /// The result's text, or exception and traceback.
    pub end: Result<String, (String, String)>,
}

/// Prints a figure.
pub(crate) fn report(what: &str, figure: f64, unit: &str) {
    use std::io::Write;
    writeln!(std::io::stdout(), "{what:45} {figure:12.2} {unit}").expect("standard output is open");
}

/// Four events a task: sent alone, the others in lists of three tasks. A second
/// has a thousand tasks.
pub(crate) fn messages(first: usize, count: usize, work: impl Fn(usize) -> Work) -> Vec<Vec<u8>> {
    let mut out = Vec::new();
    let mut list = Vec::new();
    for number in first..first + count {
        let at = START + number as i64 * 1000;
        let [sent, rest @ ..] = life(number, at, &work(number));
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

fn life(number: usize, at: i64, work: &Work) -> [String; 4] {
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
    let json = |text: &str| serde_json::Value::from(text).to_string();
    let described = format!(
        r#""name": "shop.module{kind}.tasks.do_something_useful_{kind}", "args": {}, "kwargs": {}, "root_id": "{id}", "parent_id": null, "retries": 0, "eta": null, "expires": null"#,
        json(&work.args),
        json(&work.kwargs)
    );
    let ended = match &work.end {
        Ok(result) => format!(
            r#"{{{}, "result": {}, "runtime": 0.0{:02}, "type": "task-succeeded"}}"#,
            common(90_000),
            json(result),
            number % 100
        ),
        Err((exception, traceback)) => format!(
            r#"{{{}, "exception": {}, "traceback": {}, "type": "task-failed"}}"#,
            common(90_000),
            json(exception),
            json(traceback)
        ),
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
pub(crate) fn cpu_time() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}
