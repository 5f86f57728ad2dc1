//! The events of a task, newest first: what its attempts tell, and events of
//! the application's own.

use crate::{
    components::{card::Card, time::Time},
    format,
    live::Live,
    prefs::Prefs,
};
use leptos::prelude::*;
use model::{Attempt, TaskDetail, TaskState, Timestamp};

/// One event as a line.
#[derive(Clone, Debug, PartialEq)]
struct Line {
    at: Timestamp,
    kind: String,
    told: String,
    /// Seconds since the event before.
    after: Option<f64>,
}

/// The list of events.
#[component]
pub(super) fn Events(task: Signal<TaskDetail>) -> impl IntoView {
    let (live, prefs) = (Live::of_page(), Prefs::of_page());
    let lines = Memo::new(move |_| {
        let clock =
            |at| format::clock_seconds(at, live.now.get_untracked(), prefs.offset_seconds(at));
        task.with(|task| lines(task, &clock))
    });
    let caption = Memo::new(move |_| {
        // Times of repaired steps stand here too, so that the story is whole.
        let source = match task.with(|task| task.summary.is_repaired) {
            true => "sender’s clock, some steps not from events",
            false => "sender’s clock",
        };
        lines.with(|lines| format!("{}, newest first, {source}", lines.len()))
    });
    let line = |line: Line| {
        view! {
            <li>
                <Time at=Some(line.at) />
                <span class="event-kind">{line.kind}</span>
                <span class="event-told" title=line.told.clone()>
                    {(!line.told.is_empty()).then(|| line.told.clone())}
                </span>
                <span class="event-after">
                    {line.after.map(|after| format!("+{}", format::duration(after)))}
                </span>
            </li>
        }
    };
    view! {
        <Card title="Events" caption=caption>
            <ol class="events">
                {move || lines.get().into_iter().map(line).collect_view()}
            </ol>
        </Card>
    }
    .into_any()
}

/// Returns the events; `clock` writes a point in time.
fn lines(task: &TaskDetail, clock: &dyn Fn(Timestamp) -> String) -> Vec<Line> {
    let attempts = task.attempts.iter();
    let mut lines: Vec<Line> = attempts
        .flat_map(|attempt| of_attempt(attempt, clock))
        .collect();
    lines.extend(task.custom_events.iter().map(|event| Line {
        at: event.timestamp,
        kind: event.kind.clone(),
        told: event.fields.clone(),
        after: None,
    }));
    // Stable, so events of one microsecond keep the order of a task's life.
    lines.sort_by_key(|line| line.at);
    let times: Vec<Timestamp> = lines.iter().map(|line| line.at).collect();
    for (line, before) in lines.iter_mut().skip(1).zip(times) {
        line.after = Some(line.at.seconds_since(before));
    }
    lines.reverse();
    lines
}

fn of_attempt(attempt: &Attempt, clock: &dyn Fn(Timestamp) -> String) -> Vec<Line> {
    let place = || {
        let worker = attempt.worker.as_ref().map(ToString::to_string);
        let pid = attempt.pid.map(|pid| format!("pid {pid}"));
        worker.into_iter().chain(pid).collect::<Vec<_>>().join(", ")
    };
    let retries = (attempt.retries > 0).then(|| format!("retries {}", attempt.retries));
    let eta = attempt.eta.map(|eta| format!("eta {}", clock(eta)));
    let with = |first: String, more: [Option<String>; 2]| {
        let parts = std::iter::once(first).chain(more.into_iter().flatten());
        parts
            .filter(|part| !part.is_empty())
            .collect::<Vec<_>>()
            .join(", ")
    };
    let ran = attempt
        .runtime_seconds
        .map(|seconds| format!("ran {}", format::duration(seconds)));
    let error = || attempt.exception.clone().unwrap_or_default();
    let end = match &attempt.state {
        TaskState::Success => Some(("task-succeeded", ran.unwrap_or_default())),
        TaskState::Failure => Some(("task-failed", error())),
        TaskState::Retry => Some(("task-retried", error())),
        TaskState::Revoked => Some(("task-revoked", attempt.reason.clone().unwrap_or_default())),
        TaskState::Rejected => Some(("task-rejected", place())),
        _ => None,
    };
    let events = [
        attempt.sent.map(|at| {
            (
                at,
                "task-sent",
                with(String::new(), [retries.clone(), None]),
            )
        }),
        attempt
            .received
            .map(|at| (at, "task-received", with(place(), [eta, retries]))),
        attempt.started.map(|at| (at, "task-started", place())),
        attempt
            .finished
            .zip(end)
            .map(|(at, (kind, told))| (at, kind, told)),
    ];
    events
        .into_iter()
        .flatten()
        .map(|(at, kind, told)| Line {
            at,
            kind: kind.to_owned(),
            told,
            after: None,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pages::task::timeline::tests::{attempt, task};

    #[test]
    fn events_are_newest_first_and_tell_the_time_between() {
        let mut failed = attempt(0.0, TaskState::Failure);
        failed.exception = Some("ValueError('x')".to_owned());
        let lines = lines(&task(vec![failed]), &format::iso);
        let told: Vec<(&str, Option<f64>)> = lines
            .iter()
            .map(|line| (line.kind.as_str(), line.after))
            .collect();
        assert_eq!(
            told,
            [
                ("task-failed", Some(2.0)),
                ("task-started", Some(5.0)),
                ("task-received", Some(1.0)),
                ("task-sent", None),
            ]
        );
        assert_eq!(
            lines.first().map(|line| line.told.as_str()),
            Some("ValueError('x')")
        );
    }

    #[test]
    fn a_running_attempt_has_no_end() {
        let mut running = attempt(0.0, TaskState::Started);
        running.finished = None;
        let lines = lines(&task(vec![running]), &format::iso);
        assert_eq!(
            lines.first().map(|line| line.kind.as_str()),
            Some("task-started")
        );
    }
}
