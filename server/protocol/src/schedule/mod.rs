//! Schedules: the entries that workers tell of their configuration and those
//! that `RedBeat` keeps in Redis, when each is due next, and what that is in words.

mod crontab;
mod redbeat;
mod words;

pub use crontab::Crontab;
pub use redbeat::{RedBeatEntry, redbeat_entry};

use chrono::{DateTime, Duration, LocalResult, NaiveDateTime, TimeZone};
pub use chrono_tz::Tz as Zone;
use chrono_tz::Tz;
use model::{JsonText, QueueName, TaskName, Timestamp};
use serde_json::Value;

/// When an entry is due.
#[derive(Clone, Debug, PartialEq)]
pub enum Timing {
    /// Again and again after so many seconds; whether they are exact, or
    /// rounded as `<freq: 1.33 hours>` is.
    Every(f64, bool),
    /// By the calendar.
    Crontab(Box<Crontab>),
    /// By the sun, a calendar rule, or something else that is not computed here.
    Other,
}

/// An entry of a schedule.
#[derive(Clone, Debug, PartialEq)]
pub struct BeatEntry {
    /// The name.
    pub name: String,
    /// The task type.
    pub task: TaskName,
    /// The positional arguments.
    pub args: JsonText,
    /// The keyword arguments.
    pub kwargs: JsonText,
    /// The queue it names.
    pub queue: Option<QueueName>,
    /// The priority it names.
    pub priority: Option<u8>,
    /// Whether `args` and `kwargs` are what is sent, each.
    pub are_told: (bool, bool),
    /// Other options that it has, by name.
    pub other_options: Vec<String>,
    /// Why it cannot be sent as its scheduler would, a sentence without a full stop.
    pub obstacle: Option<String>,
    /// When it is due.
    pub timing: Timing,
    /// The schedule as it is written.
    pub written: String,
    /// Why something about it cannot be read or computed.
    pub problem: Option<String>,
}

impl BeatEntry {
    /// Returns the schedule in words.
    pub fn words(&self) -> String {
        match &self.timing {
            Timing::Every(seconds, _) => words::every(*seconds),
            Timing::Crontab(crontab) => words::crontab(crontab),
            Timing::Other => self.written.clone(),
        }
    }

    fn new(name: &str, fields: &Value) -> Option<Self> {
        let field = |key: &str| fields.get(key).filter(|value| !value.is_null());
        let json =
            |key: &str| field(key).and_then(|value| JsonText::parse(&value.to_string()).ok());
        let args = json("args").filter(JsonText::is_list);
        let kwargs = json("kwargs").filter(JsonText::is_object);
        let are_told = (
            args.is_some() || field("args").is_none(),
            kwargs.is_some() || field("kwargs").is_none(),
        );
        let option = |key: &str| field("options")?.get(key).filter(|value| !value.is_null());
        let queue = option("queue").and_then(Value::as_str);
        let priority = option("priority")
            .and_then(Value::as_u64)
            .and_then(|priority| priority.try_into().ok());
        let other_options = field("options").and_then(Value::as_object).into_iter();
        let other_options = other_options
            .flatten()
            .filter(|(name, value)| match name.as_str() {
                "queue" => false,
                "priority" => priority.is_none() && !value.is_null(),
                _ => !value.is_null(),
            })
            .map(|(name, _)| name.clone())
            .collect();
        let are_options_read = field("options").is_none_or(Value::is_object);
        let is_queue_read = option("queue").is_none() || queue.is_some();
        let obstacle = match (are_told, are_options_read && is_queue_read) {
            ((true, true), true) => None,
            ((true, true), false) => Some("its options cannot be read"),
            _ => Some("its arguments cannot be read"),
        };
        Some(Self {
            name: name.to_owned(),
            task: fields.get("task")?.as_str()?.into(),
            args: args.unwrap_or_else(JsonText::empty_list),
            kwargs: kwargs.unwrap_or_else(JsonText::empty_object),
            queue: queue.map(QueueName::from),
            priority,
            are_told,
            other_options,
            obstacle: obstacle.map(cannot_be_run),
            timing: Timing::Other,
            written: String::new(),
            problem: None,
        })
    }

    /// Notes what `conf` replies do not tell as it is.
    ///
    /// Celery hides values by their keys, at any depth of mappings
    /// (`celery/app/utils.py filter_hidden_settings`), and what JSON does not
    /// know becomes its repr (`celery/worker/control.py conf`, `safe_repr`).
    fn look_for_hidden(&mut self, fields: &Value) {
        let is_hidden = |key: &str| fields.get(key).is_some_and(has_hidden);
        self.are_told.0 &= !is_hidden("args");
        self.are_told.1 &= !is_hidden("kwargs");
        let is_queue_object = |queue: &QueueName| queue.as_str().starts_with('<');
        if ["args", "kwargs", "options"].into_iter().any(is_hidden) {
            self.obstacle = Some(cannot_be_run("Celery hides part of its arguments"));
        } else if self.queue.as_ref().is_some_and(is_queue_object) {
            self.obstacle = Some(cannot_be_run("workers tell its queue as an object only"));
        }
    }

    fn set(&mut self, written: String, timing: Result<Timing, String>) {
        self.written = written;
        match timing {
            Ok(timing) => self.timing = timing,
            Err(problem) => self.problem = Some(problem),
        }
    }
}

/// Returns the entries of a `conf` reply.
pub fn conf_entries(conf: &Value) -> Vec<BeatEntry> {
    let schedule = setting(conf, "beat_schedule", "CELERYBEAT_SCHEDULE");
    let schedule = schedule.and_then(Value::as_object);
    schedule
        .into_iter()
        .flatten()
        .filter_map(|(name, fields)| {
            let mut entry = BeatEntry::new(name, fields)?;
            entry.look_for_hidden(fields);
            let (written, timing) = read_schedule(fields.get("schedule").unwrap_or(&Value::Null));
            entry.set(written, timing);
            Some(entry)
        })
        .collect()
}

/// What stands in place of a hidden value. Of a URL under a key with `backend`
/// or `broker_url` only the password is hidden.
const HIDDEN: &str = "********";

fn has_hidden(value: &Value) -> bool {
    match value {
        Value::String(text) => text.contains(HIDDEN),
        Value::Array(values) => values.iter().any(has_hidden),
        Value::Object(fields) => fields.values().any(has_hidden),
        _ => false,
    }
}

fn cannot_be_run(reason: &str) -> String {
    format!("It cannot be run from here: {reason}")
}

/// Returns the zone in which the schedules of a `conf` reply count; `None` if
/// it is that of the worker's machine, or not known here.
///
/// `timezone` or Django's `TIME_ZONE` (`celery/app/utils.py Settings.timezone`),
/// else UTC unless `enable_utc` is off (`celery/app/base.py Celery.timezone`).
pub fn conf_zone(conf: &Value) -> Option<Tz> {
    let zone = setting(conf, "timezone", "CELERY_TIMEZONE").and_then(Value::as_str);
    let zone = zone.or_else(|| conf.get("TIME_ZONE")?.as_str());
    let is_utc = setting(conf, "enable_utc", "CELERY_ENABLE_UTC").and_then(Value::as_bool);
    match zone {
        Some(name) => name.parse().ok(),
        None if is_utc == Some(false) => None,
        None => Some(Tz::UTC),
    }
}

/// Returns a setting of a `conf` reply, under whichever name the application
/// gave it: its own, the `old` one of Celery 3, or its own in capitals behind a
/// namespace, as in Django projects (`config_from_object(…, namespace="CELERY")`).
/// The namespace is told by the schedule's own key.
pub(crate) fn setting<'a>(conf: &'a Value, name: &str, old: &str) -> Option<&'a Value> {
    let settings = conf.as_object()?;
    let namespace = settings
        .keys()
        .find_map(|key| key.strip_suffix("_BEAT_SCHEDULE"))
        .unwrap_or("CELERY");
    let capitals = format!("{namespace}_{}", name.to_ascii_uppercase());
    let named = settings.get(name).or_else(|| settings.get(&capitals));
    named.or_else(|| settings.get(old))
}

/// Reads a schedule as `conf` replies write it: a number of seconds, a
/// `timedelta` as text, or the repr of a schedule.
fn read_schedule(value: &Value) -> (String, Result<Timing, String>) {
    if let Some(seconds) = value.as_f64() {
        return (value.to_string(), every(seconds, true));
    }
    let Some(text) = value.as_str() else {
        return (value.to_string(), Err("It has no schedule".to_owned()));
    };
    let part = |kind: &str| text.strip_prefix(kind)?.strip_suffix('>');
    if let Some(inner) = part("<crontab: ") {
        return (inner.to_owned(), Crontab::from_repr(inner).map(timing_of));
    }
    if let Some(inner) = part("<freq: ") {
        return (inner.to_owned(), frequency(inner));
    }
    if let Some(inner) = part("<solar: ") {
        let problem = "When the sun does that is not computed here".to_owned();
        return (inner.to_owned(), Err(problem));
    }
    match timedelta(text) {
        Some(seconds) => (text.to_owned(), every(seconds, true)),
        None => (
            text.to_owned(),
            Err("The schedule is of its own kind".to_owned()),
        ),
    }
}

fn timing_of(crontab: Crontab) -> Timing {
    Timing::Crontab(Box::new(crontab))
}

fn every(seconds: f64, is_exact: bool) -> Result<Timing, String> {
    // Longer than a century is no interval, and not-a-number none either.
    if (0.0..3.2e9).contains(&seconds) {
        Ok(Timing::Every(seconds, is_exact))
    } else {
        Err("The interval makes no sense".to_owned())
    }
}

/// Reads `1.00 hour`, as `celery/utils/time.py humanize_seconds` writes it.
fn frequency(text: &str) -> Result<Timing, String> {
    let unknown = || format!("The interval {text:?} cannot be read");
    let (number, unit) = text.split_once(' ').ok_or_else(unknown)?;
    let number: f64 = number.parse().map_err(|_| unknown())?;
    let unit = match unit.trim_end_matches('s') {
        "day" => 86_400.0,
        "hour" => 3_600.0,
        "minute" => 60.0,
        "second" => 1.0,
        _ => return Err(unknown()),
    };
    every(number * unit, unit <= 1.0 || number.fract() == 0.0)
}

/// Reads `str(timedelta)`: `1 day, 2:03:04.500000`.
fn timedelta(text: &str) -> Option<f64> {
    let (days, clock) = match text.split_once(", ") {
        Some((days, clock)) => {
            let days: f64 = days.split(' ').next()?.parse().ok()?;
            (days, clock)
        }
        None => (0.0, text),
    };
    let mut parts = clock.splitn(3, ':').map(str::parse::<f64>);
    let mut part = || parts.next()?.ok();
    let (hours, minutes, seconds) = (part()?, part()?, part()?);
    Some(days * 86_400.0 + hours * 3_600.0 + minutes * 60.0 + seconds)
}

/// Returns a time as clocks in a zone show it.
fn local(zone: Tz, at: Timestamp) -> Option<NaiveDateTime> {
    let utc = DateTime::from_timestamp_micros(at.0)?;
    Some(utc.with_timezone(&zone).naive_local())
}

/// Returns when clocks in a zone show a time, as Python's `zoneinfo` has it:
/// of two such times the earlier; a time that clocks leave out as if they had
/// not been set yet (PEP 495, `fold=0`).
fn instant(zone: Tz, wall: NaiveDateTime) -> Option<Timestamp> {
    let micros = match zone.from_local_datetime(&wall) {
        LocalResult::Single(time) | LocalResult::Ambiguous(time, _) => time.timestamp_micros(),
        LocalResult::None => {
            // Clocks were set by at most a day.
            let before = (1..=25).find_map(|hours| {
                let earlier = wall.checked_sub_signed(Duration::hours(hours))?;
                let time = zone.from_local_datetime(&earlier).latest()?;
                Some((time, hours))
            });
            let (time, hours) = before?;
            time.timestamp_micros() + hours * 3_600_000_000
        }
    };
    (micros >= 0).then_some(Timestamp(micros))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn every_way_to_write_a_schedule_is_read() {
        let conf = json!({"beat_schedule": {
            "a": {"task": "t.a", "schedule": 2.0, "args": [1, 1]},
            "b": {"task": "t.b", "schedule": "<freq: 1.00 hour>", "kwargs": {"x": 1}},
            "c": {"task": "t.c", "schedule": "1 day, 0:00:02.500000"},
            "d": {"task": "t.d", "schedule": "<crontab: 30 3 * * * (m/h/dM/MY/d)>",
                  "options": {"queue": "low", "priority": 9}},
            "e": {"task": "t.e", "schedule": "<solar: sunset at latitude -37, longitude: 144>"},
            "f": {"task": "t.f", "schedule": "<freq: 1.33 hours>"},
            "g": {"task": "t.g", "schedule": "<freq: soon>"},
            "h": {"task": "t.h", "schedule": "<mine: 5>"},
            "i": {"schedule": 5},
        }});
        let entries = conf_entries(&conf);
        let shown: Vec<_> = entries
            .iter()
            .map(|entry| (entry.name.as_str(), entry.words(), entry.problem.is_some()))
            .collect();
        let expected = [
            ("a", "every 2 s", false),
            ("b", "every hour", false),
            ("c", "every 86402.5 s", false),
            ("d", "at 03:30 every day", false),
            ("e", "sunset at latitude -37, longitude: 144", true),
            ("f", "every 79.8 min", false),
            ("g", "soon", true),
            ("h", "<mine: 5>", true),
        ];
        let expected: Vec<_> = expected
            .iter()
            .map(|(name, words, is_bad)| (*name, (*words).to_owned(), *is_bad))
            .collect();
        assert_eq!(shown, expected);
        assert_eq!(entries[0].args.as_str(), "[1,1]");
        assert_eq!(entries[0].kwargs.as_str(), "{}");
        assert_eq!(entries[1].kwargs.as_str(), r#"{"x":1}"#);
        assert_eq!(entries[3].queue, Some("low".into()));
        assert_eq!(entries[3].priority, Some(9));
        assert_eq!(entries[5].timing, Timing::Every(1.33 * 3600.0, false));
        for nonsense in [json!(null), json!({"beat_schedule": [1]}), json!(5)] {
            assert_eq!(conf_entries(&nonsense), []);
        }
    }

    #[test]
    fn settings_are_found_under_the_names_of_django_and_of_old() {
        let schedule = json!({"tick": {"task": "t", "schedule": 10.0}});
        for name in [
            "beat_schedule",
            "CELERY_BEAT_SCHEDULE",
            "SHOP_BEAT_SCHEDULE",
            "CELERYBEAT_SCHEDULE",
        ] {
            let entries = conf_entries(&json!({"ADMINS": [], name: &schedule}));
            assert_eq!(entries.len(), 1, "{name}");
        }
        let zone = |conf: Value| conf_zone(&conf);
        let berlin = Some(Tz::Europe__Berlin);
        assert_eq!(zone(json!({"CELERY_TIMEZONE": "Europe/Berlin"})), berlin);
        assert_eq!(
            zone(json!({"SHOP_BEAT_SCHEDULE": {}, "SHOP_TIMEZONE": "Europe/Berlin"})),
            berlin
        );
        assert_eq!(zone(json!({"TIME_ZONE": "Europe/Berlin"})), berlin);
        // Celery's own setting is stronger than Django's.
        assert_eq!(
            zone(json!({"CELERY_TIMEZONE": "UTC", "TIME_ZONE": "Europe/Berlin"})),
            Some(Tz::UTC)
        );
        assert_eq!(zone(json!({"CELERY_ENABLE_UTC": false})), None);
    }

    #[test]
    fn what_celery_does_not_tell_as_it_is_cannot_be_sent() {
        let read = |fields: Value| {
            let mut fields = fields;
            fields["task"] = json!("t.a");
            let entries = conf_entries(&json!({"beat_schedule": {"a": fields}}));
            entries.into_iter().next().expect("an entry")
        };
        let hides = "It cannot be run from here: Celery hides part of its arguments";
        for (fields, are_told) in [
            (json!({"args": [1, "********"]}), (false, true)),
            (
                json!({"kwargs": {"to": {"api_token": "********"}}}),
                (true, false),
            ),
            (
                json!({"kwargs": {"backend": "redis://u:********@h/1"}}),
                (true, false),
            ),
            (
                json!({"options": {"routing_key": "********"}}),
                (true, true),
            ),
            (
                json!({"args": "********", "options": {"queue": "<Queue low>"}}),
                (false, true),
            ),
        ] {
            let entry = read(fields.clone());
            assert_eq!(entry.obstacle.as_deref(), Some(hides), "{fields}");
            assert_eq!(entry.are_told, are_told, "{fields}");
        }
        for (fields, are_told) in [
            (json!({"args": "{1, 2}"}), (false, true)),
            (json!({"kwargs": "<Lazy>"}), (true, false)),
            (json!({"options": {"queue": "<Queue low>"}}), (true, true)),
            (json!({"options": {"queue": ["low"]}}), (true, true)),
            (json!({"options": "<Options>"}), (true, true)),
        ] {
            let entry = read(fields.clone());
            assert!(entry.obstacle.is_some_and(|told| told != hides), "{fields}");
            assert_eq!(entry.are_told, are_told, "{fields}");
        }
        let options = json!({"queue": "low", "priority": 3, "expires": 9, "shadow": null,
            "headers": {"a": 1}});
        let entry = read(json!({"args": ["**"], "kwargs": null, "options": options}));
        assert_eq!((entry.obstacle, entry.are_told), (None, (true, true)));
        assert_eq!(entry.other_options, ["expires", "headers"]);
        assert_eq!(
            read(json!({"options": {"priority": "high"}})).other_options,
            ["priority"]
        );
    }

    #[test]
    fn the_zone_is_the_applications() {
        assert_eq!(conf_zone(&json!({})), Some(Tz::UTC));
        let berlin = json!({"timezone": "Europe/Berlin", "enable_utc": false});
        assert_eq!(conf_zone(&berlin), Some(Tz::Europe__Berlin));
        assert_eq!(conf_zone(&json!({"enable_utc": false})), None);
        assert_eq!(conf_zone(&json!({"timezone": "Mars"})), None);
    }
}
