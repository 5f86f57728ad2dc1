//! The entries that `RedBeat` keeps in Redis: hashes of two JSON texts.

use super::{BeatEntry, Crontab, Timing, every, instant, timing_of};
use crate::json;
use chrono::NaiveDate;
use chrono_tz::Tz;
use model::Timestamp;
use serde_json::Value;

/// An entry of `RedBeat`.
#[derive(Clone, Debug, PartialEq)]
pub struct RedBeatEntry {
    /// The entry.
    pub entry: BeatEntry,
    /// Whether it is switched on.
    pub is_enabled: bool,
    /// When it ran last; absent if it never did.
    pub last_run: Option<Timestamp>,
}

/// Reads the fields `definition` and `meta` of an entry's hash; `None` if they are not of an entry.
pub fn redbeat_entry(definition: &[u8], meta: Option<&[u8]>) -> Option<RedBeatEntry> {
    let definition = json::parse_value(definition).ok()?;
    let mut entry = BeatEntry::new(definition.get("name")?.as_str()?, &definition)?;
    let (written, timing) = read_schedule(definition.get("schedule").unwrap_or(&Value::Null));
    entry.set(written, timing);
    let meta = meta.and_then(|meta| json::parse_value(meta).ok());
    // RedBeat writes a time down for an entry that is new.
    let has_run = |meta: &Value| {
        let count = meta.get("total_run_count").and_then(Value::as_u64);
        count.is_some_and(|count| count > 0)
    };
    Some(RedBeatEntry {
        entry,
        is_enabled: definition.get("enabled").and_then(Value::as_bool) != Some(false),
        last_run: meta
            .filter(has_run)
            .and_then(|meta| time(meta.get("last_run_at")?)),
    })
}

/// Reads a schedule as `RedBeat` writes it (`redbeat/decoder.py RedBeatJSONEncoder`).
fn read_schedule(value: &Value) -> (String, Result<Timing, String>) {
    match value.get("__type__").and_then(Value::as_str) {
        Some("crontab") => match Crontab::from_object(value) {
            Ok(crontab) => (crontab.written(), Ok(timing_of(crontab))),
            Err(problem) => (value.to_string(), Err(problem)),
        },
        Some("interval") => {
            let seconds = value.get("every").and_then(Value::as_f64);
            let seconds = seconds.unwrap_or(f64::NAN);
            (format!("{seconds} s"), every(seconds, true))
        }
        Some("rrule") => (
            value.to_string(),
            Err("Calendar rules are computed by RedBeat alone".to_owned()),
        ),
        _ => (
            value.to_string(),
            Err("The schedule is of its own kind".to_owned()),
        ),
    }
}

/// Reads a time: parts of a date, and the zone by name or as an offset in seconds.
fn time(value: &Value) -> Option<Timestamp> {
    let part = |name: &str| value.get(name)?.as_i64();
    let small = |name: &str| part(name).and_then(|number| u32::try_from(number).ok());
    let year = i32::try_from(part("year")?).ok()?;
    let wall = NaiveDate::from_ymd_opt(year, small("month")?, small("day")?)?.and_hms_micro_opt(
        small("hour").unwrap_or(0),
        small("minute").unwrap_or(0),
        small("second").unwrap_or(0),
        small("microsecond").unwrap_or(0),
    )?;
    match value.get("timezone") {
        Some(Value::Number(offset)) => {
            let utc = instant(Tz::UTC, wall)?;
            Some(utc.plus_seconds(-offset.as_f64()?))
        }
        Some(Value::String(name)) => instant(name.parse().ok()?, wall),
        _ => instant(Tz::UTC, wall),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json::parse_value;

    fn captured() -> Vec<RedBeatEntry> {
        include_str!("../../tests/golden/c570.redbeat.jsonl")
            .lines()
            .filter_map(|line| {
                let line = parse_value(line.as_bytes()).expect("a line is JSON");
                let payload = line.get("payload")?;
                let definition = payload.get("definition")?.as_str()?;
                let meta = payload.get("meta").and_then(Value::as_str);
                redbeat_entry(definition.as_bytes(), meta.map(str::as_bytes))
            })
            .collect()
    }

    #[test]
    fn captured_entries_are_read() {
        let entries = captured();
        let shown: Vec<_> = entries
            .iter()
            .map(|read| (read.entry.name.as_str(), read.entry.words()))
            .collect();
        assert_eq!(
            shown,
            [
                ("crontab-nightly", "at 03:30 every day".to_owned()),
                ("solar", "every hour".to_owned()),
                ("tick-every-2s", "every 2 s".to_owned())
            ]
        );
        assert!(entries.iter().all(|read| read.is_enabled));
        assert_eq!(entries[0].entry.queue, Some("low".into()));
        assert_eq!(entries[0].last_run, None, "it never ran");
        assert_eq!(entries[1].entry.kwargs.as_str(), r#"{"x":1,"y":2}"#);
        let ran = entries[2].last_run.expect("it ran twice");
        assert_eq!(ran, Timestamp(1_795_163_651_616_942));
    }

    #[test]
    fn other_hashes_are_no_entries() {
        for text in [
            "",
            "5",
            "{}",
            r#"{"name": 5, "task": "x"}"#,
            r#"{"name": "x"}"#,
        ] {
            assert_eq!(redbeat_entry(text.as_bytes(), None), None, "{text}");
        }
        let odd = r#"{"name": "x", "task": "t", "args": 5, "schedule": {"__type__": "rrule"}, "enabled": false}"#;
        let read = redbeat_entry(odd.as_bytes(), Some(b"nonsense")).expect("an entry");
        assert!(!read.is_enabled && read.entry.problem.is_some());
        assert_eq!(read.entry.args.as_str(), "[]");
        let zones = |zone: &str| {
            let text = format!(
                r#"{{"year": 2026, "month": 7, "day": 1, "hour": 12, "timezone": {zone}}}"#
            );
            time(&parse_value(text.as_bytes()).expect("JSON"))
        };
        assert_eq!(zones("\"Europe/Berlin\""), zones("7200.0"));
        assert_eq!(zones("\"Mars\""), None);
    }
}
