//! The seven figures: how much, how well, how fast, how full.

use super::trends::{self, Direction};
use crate::{
    components::{
        sparkline::Tone,
        tile_strip::{Face, Tile, TileStrip},
    },
    format, links,
};
use leptos::prelude::*;
use model::{Overview, Severity, TaskQuery, TaskSort, TaskState};

/// A share of failures from which on the tile is red.
const BAD_FAILED_SHARE: f64 = 0.02;
/// A wait from which on the tile is amber, seconds.
const LONG_WAIT_SECONDS: f64 = 5.0;
/// Messages from which on the tile is amber.
const MANY_QUEUED: u64 = 1_000;
/// Growth of the queues from which on the tile is amber, messages a second.
const FAST_GROWTH: f64 = 1.0;
/// What the rate of finished tasks covers, seconds.
const MINUTE_SECONDS: f64 = 60.0;
/// What shares and percentiles cover, seconds.
const NOW_SECONDS: f64 = 300.0;
/// Polls of an hour.
const POLLS: usize = 360;

/// The strip.
#[component]
pub(super) fn Tiles(
    /// What the page shows.
    overview: Signal<Overview>,
) -> impl IntoView {
    let face = move |write: fn(&Overview) -> Face| Memo::new(move |_| overview.with(write));
    let sorted = |sort: TaskSort, states: &[TaskState]| {
        links::tasks(&TaskQuery {
            states: states.to_vec(),
            sort,
            ..TaskQuery::default()
        })
    };
    let ended = [TaskState::Success, TaskState::Failure];
    view! {
        <TileStrip>
            <Tile
                label="Finished"
                title="Succeeded or failed, a second over the last minute"
                href=sorted(TaskSort::Finished, &ended)
                rests_on=MINUTE_SECONDS
                face=face(finished)
            />
            <Tile
                label="Failure rate"
                title="Failures among what finished in the last 5 min, and in the hour before that"
                href=links::tasks_in_state(TaskState::Failure)
                rests_on=NOW_SECONDS
                face=face(failure_rate)
            />
            <Tile
                label="Run time p95"
                title="95 of 100 tasks of the last 5 min ran no longer; before: median of the minutes up to 10 min ago"
                href=sorted(TaskSort::Runtime, &[])
                rests_on=NOW_SECONDS
                face=face(runtime)
            />
            <Tile
                label="Wait p95"
                title="Received to started: 95 of 100 tasks of the last 5 min waited no longer; before: median of the minutes up to 10 min ago"
                href=sorted(TaskSort::Wait, &[])
                rests_on=NOW_SECONDS
                face=face(wait)
            />
            <Tile
                label="Queued"
                title="Messages ready in all queues, and their growth over the last minute"
                href="/broker"
                slots=POLLS
                face=face(queued)
            />
            <Tile
                label="Running"
                title="Tasks that run now, by the workers' heartbeats"
                href=links::tasks_in_state(TaskState::Started)
                face=face(running)
            />
            <Tile
                label="Workers online"
                title="Workers that are there (online, busy or stopping), of all known"
                href="/workers"
                face=face(workers)
            />
        </TileStrip>
    }
    .into_any()
}

fn finished(overview: &Overview) -> Face {
    let before = trends::finished_an_hour_ago(&overview.outcomes);
    Face {
        value: format::rate_value(overview.finished_per_second),
        unit: "/s".to_owned(),
        note: before
            .map(|rate| format!("{} an hour ago", format::rate_value(rate)))
            .unwrap_or_default(),
        ..Face::default()
    }
}

fn failure_rate(overview: &Overview) -> Face {
    let trend = trends::failed_share_trend(&overview.outcomes);
    let Some(now) = overview.failed_share else {
        return Face {
            value: "none".to_owned(),
            note: "nothing finished".to_owned(),
            trend,
            ..Face::default()
        };
    };
    let before = trends::failed_share_before(&overview.outcomes);
    Face {
        value: format::percent_value(now),
        unit: "%".to_owned(),
        note: before
            .map(|before| compare(before, now, format::percent))
            .unwrap_or_default(),
        tone: if now >= BAD_FAILED_SHARE {
            Tone::Bad
        } else {
            Tone::Quiet
        },
        trend,
    }
}

fn runtime(overview: &Overview) -> Face {
    length(overview.runtime_p95, &overview.runtime_trend, |_| {
        Tone::Quiet
    })
}

fn wait(overview: &Overview) -> Face {
    length(overview.wait_p95, &overview.wait_trend, |seconds| {
        if seconds >= LONG_WAIT_SECONDS {
            Tone::Warn
        } else {
            Tone::Quiet
        }
    })
}

fn length(now: Option<f64>, trend: &[Option<f32>], tone: fn(f64) -> Tone) -> Face {
    let before = trends::median_before(trend);
    let trend = trend.iter().map(|value| value.map(f64::from)).collect();
    let Some(now) = now else {
        return Face {
            value: "none".to_owned(),
            note: "nothing ran".to_owned(),
            trend,
            ..Face::default()
        };
    };
    // `1.84 s` and `86 ms` have one unit, `3 m 12 s` has two and stays whole.
    let written = format::duration(now);
    let (value, unit) = match written.split_once(' ') {
        Some((value, unit)) if !unit.contains(' ') => (value.to_owned(), unit.to_owned()),
        _ => (written, String::new()),
    };
    Face {
        value,
        unit,
        note: before
            .map(|before| compare(before, now, format::duration))
            .unwrap_or_default(),
        tone: tone(now),
        trend,
    }
}

fn queued(overview: &Overview) -> Face {
    let growth = trends::growth_per_second(&overview.queued_trend);
    let trend = overview
        .queued_trend
        .iter()
        .map(|count| Some(*count as f64))
        .collect();
    let Some(now) = overview.queued else {
        return Face {
            value: "unknown".to_owned(),
            note: "not counted yet".to_owned(),
            trend,
            ..Face::default()
        };
    };
    let is_growing = growth.is_some_and(|growth| growth >= FAST_GROWTH);
    Face {
        value: format::thousands(now),
        note: growth.map(growth_words).unwrap_or_default(),
        tone: if now >= MANY_QUEUED || is_growing {
            Tone::Warn
        } else {
            Tone::Quiet
        },
        trend,
        ..Face::default()
    }
}

fn growth_words(growth: f64) -> String {
    if growth.abs() < 0.05 {
        "steady".to_owned()
    } else if growth > 0.0 {
        format!("+{}", format::rate(growth))
    } else {
        format!("\u{2212}{}", format::rate(-growth))
    }
}

fn running(overview: &Overview) -> Face {
    let (unit, note) = match overview.slots {
        Some(slots) if slots > 0 => {
            let share = overview.running as f64 / slots as f64 * 100.0;
            (
                format!("of {}", format::thousands(slots)),
                format!("{share:.0} % of slots"),
            )
        }
        Some(_) => ("of 0".to_owned(), "no slots".to_owned()),
        None => (String::new(), "slots unknown".to_owned()),
    };
    Face {
        value: format::thousands(overview.running),
        unit,
        note,
        ..Face::default()
    }
}

fn workers(overview: &Overview) -> Face {
    let missing = overview
        .workers_total
        .saturating_sub(overview.workers_online);
    Face {
        value: format::thousands(overview.workers_online),
        unit: format!("of {}", format::thousands(overview.workers_total)),
        note: match (missing, overview.workers_total) {
            (_, 0) => "none seen yet".to_owned(),
            (0, _) => "all".to_owned(),
            _ => format!("{} not online", format::thousands(missing)),
        },
        // A worker that said goodbye is nothing to worry about; one that needs
        // a person is in the list.
        tone: if overview
            .attention
            .iter()
            .any(|item| item.severity == Severity::Failing && item.href.starts_with("/worker/"))
        {
            Tone::Bad
        } else {
            Tone::Quiet
        },
        ..Face::default()
    }
}

fn compare(before: f64, now: f64, write: fn(f64) -> String) -> String {
    let (before_words, now_words) = (write(before), write(now));
    match Direction::of(before, now) {
        // What reads the same did not change.
        _ if before_words == now_words => "steady".to_owned(),
        Direction::Up => format!("↑ from {before_words}"),
        Direction::Down => format!("↓ from {before_words}"),
        Direction::Steady => "steady".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_note_tells_the_direction_only_if_the_text_differs() {
        assert_eq!(compare(0.003, 0.031, format::percent), "↑ from 0.3 %");
        assert_eq!(compare(5.4, 0.5, format::duration), "↓ from 5.40 s");
        assert_eq!(compare(1.0, 1.05, format::duration), "steady");
        assert_eq!(compare(0.0, 0.0004, format::percent), "steady");
    }

    #[test]
    fn lengths_of_time_keep_their_unit_apart_where_there_is_one() {
        let face = length(Some(1.84), &[], |_| Tone::Quiet);
        assert_eq!((face.value.as_str(), face.unit.as_str()), ("1.84", "s"));
        let face = length(Some(192.0), &[], |_| Tone::Quiet);
        assert_eq!((face.value.as_str(), face.unit.as_str()), ("3 m 12 s", ""));
        assert_eq!(length(None, &[], |_| Tone::Warn).tone, Tone::Quiet);
    }

    #[test]
    fn growth_has_a_sign() {
        assert_eq!(growth_words(21.0), "+21.0 /s");
        assert_eq!(growth_words(-3.2), "−3.2 /s");
        assert_eq!(growth_words(0.01), "steady");
    }
}
