//! Which runs of a schedule are seen, and which count as missed.

use crate::state::{
    Names,
    schedule::{ScheduleNews, Schedules},
};
use model::{ScheduleEntry, Timestamp, WorkerName};
use serde_json::json;

const START: i64 = 1_795_160_000;

fn at(seconds: f64) -> Timestamp {
    Timestamp(START * 1_000_000).plus_seconds(seconds)
}

struct Lab {
    schedules: Schedules,
    names: Names,
}

impl Lab {
    /// An application with an interval of 100 s, and a crontab that is due
    /// each hour at minute 40: first 400 s after the start, at 07:33:20.
    fn new() -> Self {
        let mut lab = Self {
            schedules: Schedules::default(),
            names: Names::new(),
        };
        lab.configure();
        lab
    }

    fn configure(&mut self) {
        let conf = json!({"beat_schedule": {
            "often": {"task": "t.often", "schedule": 100.0, "args": [1, "x"], "kwargs": {"a": 1}},
            "hourly": {"task": "t.hourly", "schedule": "<crontab: 40 * * * * (m/h/dM/MY/d)>"},
        }});
        let worker = WorkerName::from("w@h");
        self.schedules
            .configured(&worker, &conf, &mut self.names, at(0.0));
    }

    fn sent(&mut self, name: &str, id: &str, args: &str, kwargs: &str, time: f64) -> bool {
        let body = json!({
            "type": "task-sent", "uuid": id, "name": name, "args": args, "kwargs": kwargs,
            "retries": 0, "parent_id": null, "root_id": id, "hostname": "gen1@h",
            "timestamp": at(time).as_seconds(),
        })
        .to_string();
        let mut changed = false;
        let mut scratch = protocol::Scratch::default();
        protocol::decode_body(body.as_bytes(), &mut scratch, |event| {
            let task = self.names.tasks.intern(event.name.unwrap_or_default());
            changed = self.schedules.heard(task, event, at(time));
        });
        changed
    }

    fn tick_until(&mut self, from: f64, to: f64) {
        let mut time = from;
        while time < to {
            self.schedules.tick(at(time), |_| true);
            time += 0.5;
        }
    }

    fn entry(&self, name: &str, time: f64) -> ScheduleEntry {
        let entries = self.schedules.entries(&self.names, at(time));
        let mut found = entries.into_iter().filter(|entry| entry.key.name == name);
        found.next().expect("an entry")
    }
}

#[test]
fn runs_are_told_by_their_task_arguments_and_time() {
    let mut lab = Lab::new();
    assert_eq!(lab.entry("hourly", 0.0).next_run, Some(at(400.0)));
    for (args, kwargs) in [
        ("[1, 'y']", "{'a': 1}"),
        ("(1, 'x')", "{}"),
        ("()", "{'a': 1}"),
    ] {
        assert!(
            !lab.sent("t.often", "other", args, kwargs, 10.0),
            "{args} {kwargs}"
        );
    }
    assert!(lab.sent("t.often", "one", "[1, 'x']", "{'a': 1}", 20.0));
    // `task-received` tells of the same run.
    assert!(!lab.sent("t.often", "one", "(1, 'x')", "{'a': 1}", 20.2));
    assert!(!lab.sent("t.often", "soon", "(1, 'x')", "{'a': 1}", 40.0));
    let often = lab.entry("often", 40.0);
    assert_eq!(often.last_run, Some(at(20.0)));
    assert_eq!(often.last_task, Some("one".into()));
    assert_eq!(often.next_run, Some(at(120.0)));
    // By hand, long before it is due.
    assert!(!lab.sent("t.hourly", "early", "()", "{}", 100.0));
    assert!(lab.sent("t.hourly", "due", "[]", "{}", 400.3));
    let hourly = lab.entry("hourly", 401.0);
    assert_eq!(hourly.last_task, Some("due".into()));
    assert_eq!(hourly.next_run, Some(at(4_000.0)));
}

#[test]
fn runs_that_nobody_saw_are_missed_only_while_somebody_watched() {
    let mut lab = Lab::new();
    lab.tick_until(0.0, 399.0);
    assert!(lab.sent("t.hourly", "one", "[]", "{}", 400.0));
    lab.tick_until(399.0, 3_000.0);
    assert_eq!(lab.entry("hourly", 3_000.0).missed, 0);
    lab.tick_until(3_000.0, 4_059.0);
    assert_eq!(lab.entry("hourly", 4_059.0).missed, 0);
    lab.tick_until(4_059.0, 5_000.0);
    assert_eq!(lab.entry("hourly", 5_000.0).missed, 1);
    // The interval never ran: one run each 100 s.
    let missed = lab.entry("often", 5_000.0).missed;
    assert!((48..=50).contains(&missed), "{missed}");
    // Events were missed when the next was due: nothing is known of it.
    lab.tick_until(5_000.0, 7_590.0);
    lab.schedules.missed_events();
    lab.tick_until(7_601.0, 10_000.0);
    assert_eq!(lab.entry("hourly", 10_000.0).missed, 1);
    // Nobody would have told.
    lab.schedules.tick(at(12_000.0), |_| false);
    assert_eq!(lab.entry("hourly", 12_000.0).missed, 1);
    // The same configuration once more changes nothing.
    lab.configure();
    assert_eq!(lab.entry("hourly", 12_000.0).missed, 1);
}

#[test]
fn a_run_by_hand_is_none_of_the_schedules() {
    let mut lab = Lab::new();
    assert!(lab.sent("t.often", "one", "[1, 'x']", "{'a': 1}", 20.0));
    assert!(lab.sent("t.often", "hand", "[1, 'x']", "{'a': 1}", 90.0));
    let Lab { schedules, names } = &mut lab;
    let news = ScheduleNews::RanByHand("hand".into());
    schedules.learn(news, names, at(91.0));
    assert_eq!(lab.entry("often", 91.0).last_task, Some("one".into()));
    assert!(!lab.sent("t.often", "hand", "(1, 'x')", "{'a': 1}", 92.0));
    assert_eq!(lab.entry("often", 92.0).next_run, Some(at(120.0)));
}
