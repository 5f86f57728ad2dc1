//! What the fields of an event are, said once more with a general parser and
//! without care for speed.

use model::Timestamp;
use protocol::EventRef;
use serde_json::Value;

/// Asserts that `event` tells what its JSON says.
pub(crate) fn assert_same(event: &EventRef<'_>, json: &Value) {
    let owned = |value: Option<&str>| value.map(str::to_owned);
    for (name, found) in [
        ("type", Some(event.type_name)),
        ("hostname", event.hostname),
        ("uuid", event.uuid),
        ("name", event.name),
        ("args", event.args),
        ("kwargs", event.kwargs),
        ("root_id", event.root_id),
        ("parent_id", event.parent_id),
        ("queue", event.queue),
        ("exchange", event.exchange),
        ("routing_key", event.routing_key),
        ("result", event.result),
        ("exception", event.exception),
        ("traceback", event.traceback),
        ("signum", event.signum),
        ("sw_ident", event.sw_ident),
        ("sw_ver", event.sw_ver),
        ("sw_sys", event.sw_sys),
    ] {
        assert_eq!(owned(found), text(&json[name]), "{name} of {json}");
    }
    for (name, found) in [
        ("clock", event.clock),
        ("active", event.active),
        ("processed", event.processed),
    ] {
        assert_eq!(found, whole(&json[name]), "{name} of {json}");
    }
    for (name, found) in [("pid", event.pid), ("retries", event.retries)] {
        let expected = whole(&json[name]).and_then(|n| u32::try_from(n).ok());
        assert_eq!(found, expected, "{name} of {json}");
    }
    for (name, found) in [("runtime", event.runtime), ("freq", event.freq)] {
        assert!(is_near(found, number(&json[name])), "{name} of {json}");
    }
    for (name, found) in [
        ("terminated", event.terminated),
        ("expired", event.expired),
        ("requeue", event.requeue),
    ] {
        let expected = match &json[name] {
            Value::Bool(value) => Some(*value),
            Value::Number(n) => n.as_u64().filter(|n| *n < 2).map(|n| n == 1),
            _ => None,
        };
        assert_eq!(found, expected, "{name} of {json}");
    }
    for (name, found) in [
        ("timestamp", event.timestamp),
        ("eta", event.eta),
        ("expires", event.expires),
    ] {
        // The one text in these tests that is a time and no number.
        let expected = match json[name].as_str() {
            Some("2026-11-20T08:19:11.985384+00:00") => Some(Timestamp(1_795_162_751_985_384)),
            _ => number(&json[name]).and_then(Timestamp::from_seconds),
        };
        // Binary fractions of seconds are off by up to a microsecond.
        let is_near = match (found, expected) {
            (Some(a), Some(b)) => a.0.abs_diff(b.0) <= 1,
            (a, b) => a == b,
        };
        assert!(is_near, "{name} of {json}: {found:?} and {expected:?}");
    }
    let loads: Option<Vec<f64>> = json["loadavg"]
        .as_array()
        .filter(|list| list.len() == 3)
        .and_then(|list| list.iter().map(Value::as_f64).collect());
    assert_eq!(event.loadavg.map(Vec::from), loads, "loadavg of {json}");
}

/// Compares floats but for the last digit, which `serde_json` rounds in its own
/// way unless it is told to take its time.
pub(crate) fn is_near(found: Option<f64>, expected: Option<f64>) -> bool {
    match (found, expected) {
        (Some(a), Some(b)) => (a - b).abs() <= b.abs() * 1e-15,
        (a, b) => a == b,
    }
}

fn text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Bool(_) | Value::Number(_) => Some(value.to_string()),
        _ => None,
    }
}

fn number(value: &Value) -> Option<f64> {
    match value {
        Value::Number(number) => number.as_f64(),
        Value::String(text) => text.trim().parse().ok().filter(|n: &f64| n.is_finite()),
        _ => None,
    }
}

fn whole(value: &Value) -> Option<u64> {
    match value {
        Value::Number(number) => number.as_u64().or_else(|| {
            let float = number.as_f64().filter(|n| n.fract() == 0.0)?;
            let is_float = number.is_f64() && (0.0..18_446_744_073_709_551_616.0).contains(&float);
            is_float.then_some(float as u64)
        }),
        Value::String(text) => text.trim().parse().ok(),
        _ => None,
    }
}
