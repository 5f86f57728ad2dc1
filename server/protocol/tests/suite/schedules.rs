//! When crontabs are due, beside Celery's own answers (`tests/schedule/make_runs.py`).

use model::Timestamp;
use protocol::schedule::{Crontab, Zone};

type Line = (String, [String; 5], Vec<(f64, Option<f64>)>);

#[test]
fn crontabs_are_due_when_celery_says() {
    let mut compared = 0;
    for line in include_str!("../schedule/runs.jsonl").lines() {
        let (zone, fields, runs): Line = serde_json::from_str(line).expect("a line of runs");
        let zone: Zone = zone.parse().expect("a zone");
        let [minute, hour, weekday, day, month] = &fields;
        let crontab = Crontab::new(minute, hour, weekday, day, month).expect("a crontab");
        for (now, next) in runs {
            let now = Timestamp::from_seconds(now).expect("a time");
            let next = next.map(|next| Timestamp::from_seconds(next).expect("a time"));
            assert_eq!(
                crontab.next(zone, now),
                next,
                "{fields:?} in {zone} after {now:?}"
            );
            compared += 1;
        }
    }
    assert_eq!(compared, 7_200);
}
