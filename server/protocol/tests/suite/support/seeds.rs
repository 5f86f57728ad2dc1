//! Documents for the decoders to start from: what the captures hold, and what
//! fuzzing found worth keeping.

use super::{Line, all_lines, encodings, folder};
use protocol::{Scratch, decode, extract_body};
use std::{collections::BTreeSet, fs};

/// So many documents of the captures are taken for a decoder, spread evenly.
const MAX_SEEDS: usize = 250;

/// Returns the documents for the decoder of that name, each once.
pub(crate) fn of(name: &str) -> Vec<Vec<u8>> {
    let mut seeds = BTreeSet::new();
    for line in all_lines().into_iter().chain(encodings()) {
        seeds.extend(taken(name, &line));
    }
    let step = seeds.len().div_ceil(MAX_SEEDS).max(1);
    let mut seeds: Vec<Vec<u8>> = seeds.into_iter().step_by(step).collect();
    seeds.extend(found(name));
    seeds
}

/// Returns what fuzzing found, one document a line, as base64: what reaches far,
/// and what once broke a check.
fn found(name: &str) -> Vec<Vec<u8>> {
    let read = |file: String| {
        let file = folder().join("../corpus").join(file);
        fs::read_to_string(file).unwrap_or_default()
    };
    let text = read(format!("{name}.base64")) + &read(format!("{name}.crashes.base64"));
    text.lines()
        .map(|line| {
            base64_simd::STANDARD
                .decode_to_vec(line)
                .expect("a line is base64")
        })
        .collect()
}

fn taken(name: &str, line: &Line) -> Vec<Vec<u8>> {
    let key = line.text("key");
    let is_result = key.contains("-task-meta-") || line.text("channel").contains("-task-meta-");
    match name {
        "event" if line.is_event() => {
            let mut body = Vec::new();
            match extract_body(&line.payload(), &mut body) {
                Ok(()) => vec![body],
                Err(_) => Vec::new(),
            }
        }
        "envelope" if line.is_event() => vec![line.payload()],
        "result" if is_result => vec![line.payload()],
        "reply" if line.text("kind") == "reply" => {
            let mut body = Vec::new();
            let extracted = extract_body(&line.payload(), &mut body);
            let bodies = extracted.is_ok().then_some(body);
            bodies.into_iter().chain([line.payload()]).collect()
        }
        "message" if line.text("type") == "list" || line.text("type") == "hash" => {
            let values: Vec<_> = match &line.fields["payload"] {
                serde_json::Value::Array(values) => values.iter().collect(),
                serde_json::Value::Object(values) => values.values().collect(),
                _ => Vec::new(),
            };
            let texts = values.into_iter().filter_map(serde_json::Value::as_str);
            texts.flat_map(whole_and_body).collect()
        }
        "repr" if line.is_event() => {
            let mut texts = Vec::new();
            decode(&line.payload(), &mut Scratch::default(), |event| {
                let parts = [event.args, event.kwargs, event.result, event.exception];
                texts.extend(
                    parts
                        .into_iter()
                        .flatten()
                        .map(|text| text.as_bytes().to_vec()),
                );
            });
            texts
        }
        _ => Vec::new(),
    }
}

/// Returns a message, and its body after a byte for each encoding and compression.
fn whole_and_body(message: &str) -> Vec<Vec<u8>> {
    let mut seeds = vec![message.as_bytes().to_vec()];
    let mut body = Vec::new();
    if extract_body(message.as_bytes(), &mut body).is_ok() {
        let mut of = |choice: u8| {
            let mut seed = vec![choice];
            seed.extend_from_slice(&body);
            seeds.push(seed);
        };
        (0..36).step_by(6).for_each(&mut of);
        (1..3).for_each(&mut of);
    }
    seeds
}
