//! The page while no worker is known: what to do, and what was checked.

use crate::{
    components::{
        copy::CopyButton,
        icon::{Glyph, Icon},
        state_badge::StateGlyph,
    },
    format,
    live::Live,
    prefs::Prefs,
};
use leptos::prelude::*;
use model::{BrokerState, Pulse, TaskState, Timestamp, WorkerList};

const COMMAND: &str = "celery -A your_app worker -E --loglevel=INFO";

/// Something that was checked.
#[derive(Clone, Debug, PartialEq)]
struct Check {
    glyph: TaskState,
    what: String,
    evidence: String,
}

/// What to do when there is no worker.
#[component]
pub(super) fn FirstSteps(
    /// What the page shows.
    list: Signal<WorkerList>,
) -> impl IntoView {
    let (live, prefs) = (Live::of_page(), Prefs::of_page());
    let checks = Memo::new(move |_| {
        let clock =
            |at: Timestamp| format::clock_seconds(at, live.now.get(), prefs.offset_seconds(at));
        let unanswered = list.with(|list| list.unanswered_pings);
        live.pulse.with(|pulse| match pulse {
            Some(pulse) => vec![
                broker(pulse, clock),
                ping(unanswered),
                events(pulse, live.now.get()),
                queues(pulse),
            ],
            None => Vec::new(),
        })
    });
    view! {
        <div class="card">
            <div class="first-steps">
                <Icon glyph=Glyph::Workers />
                <h2>"No workers yet"</h2>
                <p>
                    "Start one with events on. It appears here within seconds; Celeriac needs no restart."
                </p>
                <div class="command">
                    <code>{COMMAND}</code>
                    <CopyButton text=COMMAND.to_owned() label="Copy" is_labelled=true />
                </div>
                <h3>"What Celeriac checked"</h3>
                <ul class="checks">
                    {move || checks.get().into_iter().map(check_row).collect_view()}
                </ul>
                <h3>"If a worker is running and still not here"</h3>
                <p>
                    "It may use another broker or database: compare "
                    <code>"celery -A your_app report"</code> " with the address above."
                </p>
                <p>
                    "It may have remote control off: set "
                    <code>"worker_enable_remote_control = True"</code> "."
                </p>
                <p>
                    "Its virtual host or " <code>"global_keyprefix"</code>
                    " may differ from the one Celeriac was started with."
                </p>
            </div>
        </div>
    }
    .into_any()
}

fn check_row(check: Check) -> impl IntoView {
    view! {
        <li>
            <StateGlyph state=check.glyph />
            <span>{check.what}</span>
            <span>{check.evidence}</span>
        </li>
    }
    .into_any()
}

fn check(glyph: TaskState, what: impl Into<String>, evidence: impl Into<String>) -> Check {
    Check {
        glyph,
        what: what.into(),
        evidence: evidence.into(),
    }
}

fn broker(pulse: &Pulse, clock: impl Fn(Timestamp) -> String) -> Check {
    let url = &pulse.broker_url;
    match &pulse.broker {
        BrokerState::Up { since } => check(
            TaskState::Success,
            "Broker answers",
            format!("{url}, connected since {}", clock(*since)),
        ),
        BrokerState::Connecting { since } => check(
            TaskState::Pending,
            "Broker is being asked",
            format!("{url}, since {}", clock(*since)),
        ),
        BrokerState::Down { since, cause, .. } => check(
            TaskState::Failure,
            "Broker does not answer",
            format!("{url}, since {}: {cause}", clock(*since)),
        ),
    }
}

fn ping(unanswered: u64) -> Check {
    if unanswered == 0 {
        check(
            TaskState::Pending,
            "No ping is overdue",
            "the first answer is awaited",
        )
    } else {
        let times = format::count(unanswered, "time");
        check(
            TaskState::Failure,
            "No worker replied",
            format!("ping sent {times} without an answer"),
        )
    }
}

fn events(pulse: &Pulse, now: Timestamp) -> Check {
    if pulse.events_total > 0 {
        return check(
            TaskState::Success,
            "Events have arrived",
            format!(
                "{}, none from a worker",
                format::count(pulse.events_total, "event")
            ),
        );
    }
    let listening = match pulse.broker {
        BrokerState::Up { since } => {
            let length = format::whole_seconds(now.seconds_since(since));
            format!("listening for {length}; ")
        }
        BrokerState::Connecting { .. } | BrokerState::Down { .. } => String::new(),
    };
    check(
        TaskState::Pending,
        "No event has arrived",
        format!(
            "{listening}a worker without -E sends no task events, but would still reply to ping"
        ),
    )
}

fn queues(pulse: &Pulse) -> Check {
    match pulse.queued {
        Some(0) => check(
            TaskState::Pending,
            "Queues are empty",
            "no task waits in this database",
        ),
        Some(queued) => check(
            TaskState::Retry,
            format!("Queues hold {}", format::count(queued, "message")),
            "a producer uses this broker, so the address is probably right",
        ),
        None => check(
            TaskState::Pending,
            "Queues were not counted yet",
            "they are read every few seconds",
        ),
    }
}
