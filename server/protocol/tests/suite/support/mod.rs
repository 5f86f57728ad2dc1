//! Reads the golden captures.

pub(crate) mod counts;
pub(crate) mod reference;
pub(crate) mod seeds;

use serde_json::Value;
use std::{
    fmt::Write as _,
    fs,
    path::{Path, PathBuf},
};

/// One line of a capture.
#[derive(Clone, Debug)]
pub(crate) struct Line {
    /// The scenario, such as `c570.ok`.
    pub(crate) scenario: String,
    /// The line.
    pub(crate) fields: Value,
}

impl Line {
    /// Returns a field that is text, or nothing.
    pub(crate) fn text(&self, name: &str) -> &str {
        self.fields[name].as_str().unwrap_or_default()
    }

    /// Returns the payload's bytes; of a list, set or hash there is none.
    pub(crate) fn payload(&self) -> Vec<u8> {
        let text = self.text("payload");
        if self.text("encoding") == "base64" {
            return base64_simd::STANDARD
                .decode_to_vec(text)
                .expect("base64 where the line says so");
        }
        text.as_bytes().to_vec()
    }

    /// Tells whether this is a message of the event exchange, whatever its name.
    pub(crate) fn is_event(&self) -> bool {
        let channel = self.text("channel");
        self.text("kind") == "pubsub" && (channel.contains("celeryev") || channel.contains("myev"))
    }
}

/// Returns the names of all captures, in order.
pub(crate) fn scenarios() -> Vec<String> {
    let mut names: Vec<String> = fs::read_dir(folder())
        .expect("the folder of captures")
        .filter_map(|entry| {
            let name = entry.expect("a folder entry").file_name();
            Some(name.to_str()?.strip_suffix(".jsonl")?.to_owned())
        })
        .collect();
    names.sort();
    names
}

/// Returns the lines of a capture.
pub(crate) fn lines(scenario: &str) -> Vec<Line> {
    read(&folder().join(format!("{scenario}.jsonl")), scenario)
}

/// Returns the lines of the capture of every encoding that Celery knows.
pub(crate) fn encodings() -> Vec<Line> {
    let file = folder().join("../encodings/c570.bodies.jsonl");
    read(&file, "c570.bodies")
}

fn read(file: &Path, scenario: &str) -> Vec<Line> {
    let text = fs::read_to_string(file).expect("a capture of that name");
    text.lines()
        .map(|line| Line {
            scenario: scenario.to_owned(),
            fields: serde_json::from_str(line).expect("a line is JSON"),
        })
        .collect()
}

/// Returns the lines of all captures.
pub(crate) fn all_lines() -> Vec<Line> {
    scenarios().iter().flat_map(|name| lines(name)).collect()
}

/// Returns the payloads of a capture's events, in the order they came.
pub(crate) fn event_payloads(scenario: &str) -> Vec<Vec<u8>> {
    let lines = lines(scenario);
    let events = lines.iter().filter(|line| line.is_event());
    events.map(Line::payload).collect()
}

/// Wraps a body as kombu does.
pub(crate) fn envelope(body: &[u8]) -> Vec<u8> {
    let body = base64_simd::STANDARD.encode_to_string(body);
    format!(
        r#"{{"body": "{body}", "content-encoding": "utf-8", "content-type": "application/json", "headers": {{"hostname": "w1@lab"}}, "properties": {{"delivery_mode": 1, "delivery_info": {{"exchange": "celeryev", "routing_key": "task.multi"}}, "priority": 0, "body_encoding": "base64", "delivery_tag": "1"}}}}"#
    )
    .into_bytes()
}

/// Writes a value as Python's `json.dumps` does: a space after commas and
/// colons, everything but ASCII escaped.
pub(crate) fn python_json(value: &Value) -> String {
    let string = |text: &str| {
        let mut out = String::new();
        for letter in Value::from(text).to_string().chars() {
            if letter.is_ascii() {
                out.push(letter);
            } else {
                for unit in letter.encode_utf16(&mut [0; 2]) {
                    write!(out, "\\u{unit:04x}").expect("a string takes everything");
                }
            }
        }
        out
    };
    match value {
        Value::Array(items) => {
            let items: Vec<_> = items.iter().map(python_json).collect();
            format!("[{}]", items.join(", "))
        }
        Value::Object(fields) => {
            let fields: Vec<_> = fields
                .iter()
                .map(|(key, value)| format!("{}: {}", string(key), python_json(value)))
                .collect();
            format!("{{{}}}", fields.join(", "))
        }
        Value::String(text) => string(text),
        other => other.to_string(),
    }
}

/// The fuzz targets' crate lies below this one and uses this file too.
fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .ancestors()
        .map(|folder| folder.join("tests/golden"))
        .find(|folder| folder.is_dir())
        .expect("the captures are part of the crate")
}
