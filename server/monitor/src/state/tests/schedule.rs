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
    /// Whether nothing waits in any queue.
    is_empty: bool,
}

impl Lab {
    /// An application with an interval of 100 s, and a crontab that is due
    /// each hour at minute 40: first 400 s after the start, at 07:33:20.
    fn new() -> Self {
        let mut lab = Self {
            schedules: Schedules::default(),
            names: Names::new(),
            is_empty: true,
        };
        lab.configure();
        lab
    }

    fn configure(&mut self) {
        let conf = json!({"beat_schedule": {
            "often": {"task": "t.often", "schedule": 100.0, "args": [1, "x"], "kwargs": {"a": 1}},
            "hourly": {"task": "t.hourly", "schedule": "<crontab: 40 * * * * (m/h/dM/MY/d)>"},
            "hidden": {"task": "t.hidden", "schedule": 100.0, "args": [1],
                       "kwargs": {"password": "********"}},
        }});
        let worker = WorkerName::from("w@h");
        self.schedules
            .configured(&worker, &conf, &mut self.names, at(0.0));
    }

    fn sent(&mut self, name: &str, id: &str, args: &str, kwargs: &str, time: f64) -> bool {
        self.told("task-sent", name, id, [args, kwargs], time)
    }

    fn received(&mut self, name: &str, id: &str, time: f64) -> bool {
        self.told("task-received", name, id, ["()", "{}"], time)
    }

    fn told(&mut self, kind: &str, name: &str, id: &str, arguments: [&str; 2], time: f64) -> bool {
        let [args, kwargs] = arguments;
        let body = json!({
            "type": kind, "uuid": id, "name": name, "args": args, "kwargs": kwargs,
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
            self.schedules
                .tick(at(time), |_| true, |_, _| self.is_empty);
            time += 0.5;
        }
    }

    fn by_hand(&mut self, id: &str, time: f64) {
        let news = ScheduleNews::RanByHand(id.into());
        self.schedules.learn(news, &mut self.names, at(time));
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
    lab.schedules.tick(at(12_000.0), |_| false, |_, _| true);
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
    lab.by_hand("hand", 91.0);
    assert_eq!(lab.entry("often", 91.0).last_task, Some("one".into()));
    assert!(!lab.sent("t.often", "hand", "(1, 'x')", "{'a': 1}", 92.0));
    assert_eq!(lab.entry("often", 92.0).next_run, Some(at(120.0)));
}

#[test]
fn a_first_run_by_hand_leaves_the_schedule_due() {
    let mut lab = Lab::new();
    assert!(lab.received("t.hourly", "hand", 399.0));
    lab.by_hand("hand", 399.5);
    assert_eq!(lab.entry("hourly", 399.5).last_run, None);
    lab.tick_until(399.5, 500.0);
    assert_eq!(lab.entry("hourly", 500.0).missed, 0, "not watched before");
    let mut lab = Lab::new();
    lab.tick_until(0.0, 90.0);
    assert!(lab.sent("t.often", "hand", "[1, 'x']", "{'a': 1}", 90.0));
    lab.by_hand("hand", 90.5);
    lab.tick_until(90.0, 245.0);
    assert_eq!(lab.entry("often", 245.0).missed, 1);
}

#[test]
fn nothing_is_missed_while_a_run_may_wait_in_a_queue() {
    let mut lab = Lab::new();
    lab.is_empty = false;
    lab.tick_until(0.0, 1_000.0);
    assert_eq!(lab.entry("hourly", 1_000.0).missed, 0);
    // Only the worker tells of it, at last.
    assert!(lab.received("t.hourly", "late", 1_000.0));
    lab.is_empty = true;
    lab.tick_until(1_000.0, 3_900.0);
    let hourly = lab.entry("hourly", 3_900.0);
    assert_eq!((hourly.missed, hourly.last_task), (0, Some("late".into())));
    assert_eq!(hourly.next_run, Some(at(4_000.0)));
    lab.tick_until(3_900.0, 5_000.0);
    assert_eq!(lab.entry("hourly", 5_000.0).missed, 1);
    // Where `task-sent` is heard no queue needs to be empty.
    let mut lab = Lab::new();
    lab.is_empty = false;
    lab.tick_until(0.0, 399.0);
    assert!(lab.sent("t.hourly", "one", "[]", "{}", 400.0));
    lab.tick_until(399.0, 4_100.0);
    assert_eq!(lab.entry("hourly", 4_100.0).missed, 1);
}

#[test]
fn a_late_event_takes_a_miss_back() {
    let mut lab = Lab::new();
    lab.tick_until(0.0, 500.0);
    assert_eq!(lab.entry("hourly", 500.0).missed, 1);
    assert!(lab.received("t.hourly", "late", 600.0));
    let hourly = lab.entry("hourly", 600.0);
    assert_eq!((hourly.missed, hourly.last_run), (0, Some(at(600.0))));
    // A run by hand does not.
    lab.by_hand("late", 601.0);
    let hourly = lab.entry("hourly", 601.0);
    assert_eq!((hourly.missed, hourly.last_run), (1, None));
    // Where it is told when a task was sent, that has to fit.
    assert!(!lab.sent("t.hourly", "other", "[]", "{}", 700.0));
    assert!(lab.sent("t.hourly", "delayed", "[]", "{}", 401.0));
    assert_eq!(lab.entry("hourly", 701.0).missed, 0);
    lab.tick_until(701.0, 4_100.0);
    assert_eq!(lab.entry("hourly", 4_100.0).missed, 1);
}

#[test]
fn runs_with_hidden_arguments_are_told_by_the_others() {
    let mut lab = Lab::new();
    let kwargs = "{'password': 'secret'}";
    assert!(!lab.sent("t.hidden", "other", "[2]", kwargs, 100.0));
    assert!(lab.sent("t.hidden", "one", "[1]", kwargs, 100.0));
}
