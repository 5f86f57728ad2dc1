//! The status of a worker as glyph and word, and what it means.

use leptos::prelude::*;
use model::{WorkerStatus, WorkerSummary};

/// The glyph and word of a worker's status; pointed at, it explains itself.
#[component]
pub fn WorkerBadge(
    /// The status.
    #[prop(into)]
    status: Signal<WorkerStatus>,
) -> impl IntoView {
    let class = move || format!("state-badge worker-{}", name_of(status.get()));
    view! {
        <span class=class title=move || explain(status.get())>
            <svg class="glyph" viewBox="0 0 16 16" width="16" height="16" aria-hidden="true">
                {move || shapes(status.get())}
            </svg>
            <span class="state-word">{move || word_of(status.get())}</span>
        </span>
    }
    .into_any()
}

/// Returns the name of a status in addresses and classes.
pub fn name_of(status: WorkerStatus) -> &'static str {
    match status {
        WorkerStatus::Online => "online",
        WorkerStatus::Busy => "busy",
        WorkerStatus::Stopping => "stopping",
        WorkerStatus::Lost => "lost",
        WorkerStatus::Offline => "offline",
    }
}

fn word_of(status: WorkerStatus) -> &'static str {
    match status {
        WorkerStatus::Online => "Online",
        WorkerStatus::Busy => "Busy",
        WorkerStatus::Stopping => "Stopping",
        WorkerStatus::Lost => "Lost",
        WorkerStatus::Offline => "Offline",
    }
}

/// Returns what a status rests on.
pub fn explain(status: WorkerStatus) -> &'static str {
    match status {
        WorkerStatus::Online => "Its heartbeats arrive, or it answered a ping",
        WorkerStatus::Busy => {
            "Silent while its solo pool runs a task: until the task ends such a worker sends no heartbeat and answers nothing"
        }
        WorkerStatus::Stopping => "Said goodbye and finishes its tasks; it takes no new ones",
        WorkerStatus::Lost => "Three heartbeats are missing and it does not answer a ping",
        WorkerStatus::Offline => "Said goodbye",
    }
}

/// Tells whether the process is there, as far as anybody can know.
pub fn is_there(status: WorkerStatus) -> bool {
    match status {
        WorkerStatus::Online | WorkerStatus::Busy | WorkerStatus::Stopping => true,
        WorkerStatus::Lost | WorkerStatus::Offline => false,
    }
}

/// Returns what is unusual about how a worker is known, for its own page.
pub fn caveats(worker: &WorkerSummary) -> Vec<String> {
    let mut caveats = Vec::new();
    let mut say = |words: &str| caveats.push(words.to_owned());
    match worker.status {
        WorkerStatus::Busy => say(
            "Silent while its solo pool runs a task. Until the task ends it sends no heartbeat and answers nothing; the figures are from before.",
        ),
        WorkerStatus::Stopping => say(
            "It said goodbye and finishes its tasks. It takes no new ones and goes offline when the last one ends.",
        ),
        WorkerStatus::Online | WorkerStatus::Lost | WorkerStatus::Offline => {}
    }
    if is_there(worker.status) && worker.last_heartbeat.is_none() {
        say(
            "It sends no heartbeats (started with --without-heartbeat?): known by its answers to pings only, so what it runs is known when it is asked.",
        );
    }
    if is_there(worker.status) && worker.task_events == Some(false) {
        say(
            "It sends no task events: its tasks appear only as far as clients, results and inspections tell of them, and what it failed or retried is not counted.",
        );
    }
    if !worker.silent_types.is_empty() {
        let types: Vec<&str> = worker
            .silent_types
            .iter()
            .map(|name| name.as_str())
            .collect();
        caveats.push(format!(
            "It runs task types that send no events (send_events=False) and are not shown: {}.",
            types.join(", ")
        ));
    }
    caveats
}

fn shapes(status: WorkerStatus) -> AnyView {
    let line = |d: &'static str, width: &'static str| {
        view! {
            <path
                d=d
                fill="none"
                stroke="currentColor"
                stroke-width=width
                stroke-linecap="round"
                stroke-linejoin="round"
            />
        }
    };
    let ring = || {
        view! { <circle cx="8" cy="8" r="5.25" fill="none" stroke="currentColor" stroke-width="1.5" /> }
    };
    match status {
        WorkerStatus::Online => {
            view! { <circle cx="8" cy="8" r="5.5" fill="currentColor" /> }.into_any()
        }
        // An hourglass: nothing can be heard of it until the sand has run.
        WorkerStatus::Busy => (
            line("M4 2.75h8M4 13.25h8M5 2.75c0 2.9 3 3.6 3 5.25s-3 2.35-3 5.25M11 2.75c0 2.9-3 3.6-3 5.25s3 2.35 3 5.25", "1.5"),
            view! { <path d="M5.8 13.25c.3-1.6 1.3-2.2 2.2-3 .9.8 1.9 1.4 2.2 3z" fill="currentColor" /> },
        )
            .into_any(),
        WorkerStatus::Stopping => (
            ring(),
            view! { <path d="M6 6h4v4H6z" fill="currentColor" /> },
        )
            .into_any(),
        WorkerStatus::Lost => (
            line("M8 2.5l6 10.8H2z", "1.5"),
            line("M8 6.4v3.2M8 11.4v.01", "1.6"),
        )
            .into_any(),
        WorkerStatus::Offline => ring().into_any(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pages::workers::tests::worker;
    use model::Timestamp;

    #[test]
    fn what_is_unusual_about_a_worker_is_told_one_by_one() {
        let mut worker = worker("celery@a");
        worker.last_heartbeat = Some(Timestamp(0));
        assert!(caveats(&worker).is_empty());
        worker.status = WorkerStatus::Busy;
        worker.task_events = Some(false);
        worker.silent_types = vec!["shop.tick".into(), "shop.tock".into()];
        let told = caveats(&worker);
        assert_eq!(told.len(), 3);
        assert!(told[0].starts_with("Silent while its solo pool runs a task."));
        assert!(told[1].starts_with("It sends no task events"));
        assert!(told[2].ends_with("not shown: shop.tick, shop.tock."));
        // What is gone is not unusual any more.
        worker.status = WorkerStatus::Lost;
        worker.silent_types.clear();
        assert!(caveats(&worker).is_empty());
    }
}
