//! Every attempt in a table: where it ran, how long, how it ended.

use crate::{
    components::{
        card::Card,
        state_badge::StateBadge,
        time::{Duration, Time},
    },
    format::{count, short_worker},
    links,
};
use leptos::prelude::*;
use model::{Attempt, TaskDetail};

/// The table of attempts.
#[component]
pub(super) fn Attempts(task: Signal<TaskDetail>) -> impl IntoView {
    let attempts = Memo::new(move |_| task.with(|task| task.attempts.clone()));
    let dropped = Memo::new(move |_| task.with(|task| u64::from(task.attempts_dropped)));
    let caption = Memo::new(move |_| match dropped.get() {
        0 => String::new(),
        dropped => format!("{} not kept", count(dropped, "earlier attempt")),
    });
    let rows = move || attempts.get().into_iter().map(row).collect_view();
    view! {
        <Card title="Attempts" caption=caption class="attempts-card">
            <table class="table attempts">
                <thead>
                    <tr>
                        <th scope="col" class="col-number is-number">"No."</th>
                        <th scope="col" class="col-state">"State"</th>
                        <th scope="col" class="col-worker">"Worker"</th>
                        <th scope="col" class="col-received is-number">"Received"</th>
                        <th scope="col" class="col-wait is-number">"Wait"</th>
                        <th scope="col" class="col-run is-number">"Run"</th>
                    </tr>
                </thead>
                <tbody>{rows}</tbody>
            </table>
        </Card>
    }
    .into_any()
}

/// Returns how an attempt is called: `1` for the first, `2` for the first retry,
/// `2-3` for the third delivery of that. Attempts that are not known keep their numbers.
pub(super) fn number_of(attempt: &Attempt) -> String {
    let number = attempt.retries.saturating_add(1);
    match attempt.delivery {
        0 | 1 => number.to_string(),
        delivery => format!("{number}-{delivery}"),
    }
}

fn row(attempt: Attempt) -> impl IntoView {
    let number = number_of(&attempt);
    let wait = attempt
        .started
        .zip(attempt.received)
        .map(|(started, received)| started.seconds_since(received).max(0.0));
    let delivery = (attempt.delivery > 1).then(|| {
        format!(
            "delivered again by the broker, for the {} time",
            ordinal(attempt.delivery)
        )
    });
    let pid = attempt.pid.map(|pid| format!("process {pid}"));
    let why = attempt.reason.or(attempt.exception);
    let note: Vec<String> = [why, delivery, pid].into_iter().flatten().collect();
    let worker = attempt.worker.map(|worker| {
        let short = short_worker(worker.as_str()).to_owned();
        view! {
            <a href=links::worker(&worker) title=worker.to_string()>
                {short}
            </a>
        }
    });
    view! {
        <tr>
            <td class="col-number is-number">{number}</td>
            <td class="col-state">
                <StateBadge state=attempt.state />
            </td>
            <td class="col-worker">{worker}</td>
            <td class="col-received is-number">
                <Time at=attempt.received.or(attempt.sent) />
            </td>
            <td class="col-wait is-number">
                <Duration seconds=wait />
            </td>
            <td class="col-run is-number">
                <Duration seconds=attempt.runtime_seconds />
            </td>
        </tr>
        <tr class="attempt-note">
            <td></td>
            <td colspan="5">{note.join(" · ")}</td>
        </tr>
    }
    .into_any()
}

fn ordinal(number: u32) -> String {
    let ending = match (number % 10, number % 100) {
        (1, rest) if rest != 11 => "st",
        (2, rest) if rest != 12 => "nd",
        (3, rest) if rest != 13 => "rd",
        _ => "th",
    };
    format!("{number}{ending}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ordinals_end_as_spoken() {
        let spoken = [2, 3, 4, 11, 12, 21, 112].map(ordinal);
        assert_eq!(
            spoken,
            ["2nd", "3rd", "4th", "11th", "12th", "21st", "112th"]
        );
    }
}
