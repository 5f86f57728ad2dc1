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

/// How a check ended.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Mark {
    Good,
    Bad,
    Open,
    Waiting,
}

/// Something that was checked.
#[derive(Clone, Debug, PartialEq)]
struct Check {
    mark: Mark,
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
            {match check.mark {
                Mark::Good => view! { <StateGlyph state=TaskState::Success /> }.into_any(),
                Mark::Bad => view! { <StateGlyph state=TaskState::Failure /> }.into_any(),
                Mark::Open => view! { <StateGlyph state=TaskState::Pending /> }.into_any(),
                Mark::Waiting => view! { <Icon glyph=Glyph::Queues /> }.into_any(),
            }}
            <span>{check.what}</span>
            <span>{check.evidence}</span>
        </li>
    }
    .into_any()
}

fn check(mark: Mark, what: impl Into<String>, evidence: impl Into<String>) -> Check {
    Check {
        mark,
        what: what.into(),
        evidence: evidence.into(),
    }
}

fn broker(pulse: &Pulse, clock: impl Fn(Timestamp) -> String) -> Check {
    let url = &pulse.broker_url;
    match &pulse.broker {
        BrokerState::Up { since } => check(
            Mark::Good,
            "Broker answers",
            format!("{url}, connected since {}", clock(*since)),
        ),
        BrokerState::Connecting { since } => check(
            Mark::Open,
            "Broker is being asked",
            format!("{url}, since {}", clock(*since)),
        ),
        BrokerState::Down { since, cause, .. } => check(
            Mark::Bad,
            "Broker does not answer",
            format!("{url}, since {}: {cause}", clock(*since)),
        ),
    }
}

fn ping(unanswered: u64) -> Check {
    if unanswered == 0 {
        check(
            Mark::Open,
            "No ping is overdue",
            "the first answer is awaited",
        )
    } else {
        let times = format::count(unanswered, "time");
        check(
            Mark::Bad,
            "No worker replied",
            format!("ping sent {times} without an answer"),
        )
    }
}

fn events(pulse: &Pulse, now: Timestamp) -> Check {
    if pulse.events_total > 0 {
        return check(
            Mark::Good,
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
        Mark::Open,
        "No event has arrived",
        format!(
            "{listening}a worker without -E sends no task events, but would still reply to ping"
        ),
    )
}

fn queues(pulse: &Pulse) -> Check {
    match pulse.queued {
        Some(0) => check(
            Mark::Open,
            "Queues are empty",
            "no task waits in this database",
        ),
        Some(queued) => check(
            Mark::Waiting,
            format!("Queues hold {}", format::count(queued, "message")),
            "a producer uses this broker, so the address is probably right",
        ),
        None => check(
            Mark::Open,
            "Queues were not counted yet",
            "they are read every few seconds",
        ),
    }
}
