//! Sent, received, started, finished, to scale: one lane an attempt. Waits and
//! runs are bars, a countdown is a dotted elbow from one lane to the next.

mod drawing;

#[cfg(test)]
pub(super) use drawing::tests;

use crate::{
    components::{card::Card, state_badge::class_of},
    format::clock_seconds,
    live::Live,
    prefs::Prefs,
};
use drawing::{Bar, Drawing, Lane, draw, is_open};
use leptos::prelude::*;
use model::{TaskDetail, TaskState, Timestamp};

/// The timeline.
#[component]
pub(super) fn Timeline(task: Signal<TaskDetail>) -> impl IntoView {
    let (live, prefs) = (Live::of_page(), Prefs::of_page());
    let is_open = Memo::new(move |_| task.with(|task| task.attempts.last().is_some_and(is_open)));
    let drawing = Memo::new(move |_| {
        // The clock moves the drawing only while something is going on.
        let now = if is_open.get() {
            live.now.get()
        } else {
            Timestamp(0)
        };
        task.with(|task| draw(task, now))
    });
    let start =
        move |at: Timestamp| clock_seconds(at, live.now.get_untracked(), prefs.offset_seconds(at));
    let caption = Signal::derive(move || format!("to scale, {}", prefs.zone_name()));
    let body = move || {
        drawing.get().map(|drawing| {
            let ticks = drawing.ticks.into_iter().map(tick).collect_view();
            let lanes = drawing.lanes.into_iter().map(lane).collect_view();
            view! {
                <div class="timeline">
                    <div class="timeline-axis" aria-hidden="true">
                        <div class="timeline-track">
                            <span class="timeline-tick" style="left:0">
                                {start(drawing.start)}
                            </span>
                            {ticks}
                        </div>
                    </div>
                    <ol class="timeline-lanes">{lanes}</ol>
                </div>
            }
        })
    };
    let is_known = Memo::new(move |_| drawing.with(Option::is_some));
    view! {
        <Show when=move || is_known.get()>
            <Card
                title="Timeline"
                caption=caption
                class="timeline-card"
                actions=Box::new(move || view! { <Legend drawing /> }.into_any())
            >
                {body}
            </Card>
        </Show>
    }
    .into_any()
}

/// What the colours of the bars mean, for those that are there.
#[component]
fn Legend(drawing: Memo<Option<Drawing>>) -> impl IntoView {
    let states = Memo::new(move |_| {
        let mut states: Vec<TaskState> = Vec::new();
        drawing.with(|drawing| {
            let lanes = drawing.iter().flat_map(|drawing| &drawing.lanes);
            for lane in lanes.filter(|lane| lane.run.is_some()) {
                if !states.contains(&lane.state) {
                    states.push(lane.state.clone());
                }
            }
        });
        states
    });
    let has_waited = Memo::new(move |_| {
        drawing.with(|drawing| {
            let mut lanes = drawing.iter().flat_map(|drawing| &drawing.lanes);
            lanes.any(|lane| lane.wait.is_some())
        })
    });
    let key = |state: TaskState| {
        let words = if state.is_running() {
            "running".to_owned()
        } else {
            format!("ran, then {}", state.label().to_lowercase())
        };
        view! {
            <span class="timeline-key">
                <i class=format!("is-run run-{}", class_of(&state))></i>
                {words}
            </span>
        }
    };
    view! {
        <span class="timeline-legend">
            {move || {
                has_waited
                    .get()
                    .then(|| {
                        view! {
                            <span class="timeline-key">
                                <i class="is-wait"></i>
                                "waiting in worker"
                            </span>
                        }
                    })
            }}
            {move || states.get().into_iter().map(key).collect_view()}
        </span>
    }
    .into_any()
}

fn tick((percent, words): (f64, String)) -> impl IntoView {
    view! {
        <span class="timeline-tick" style:left=format!("{percent:.3}%")>
            {words}
        </span>
    }
    .into_any()
}

fn place(bar: Bar) -> String {
    format!("left:{:.3}%;width:{:.3}%", bar.left, bar.width)
}

fn lane(lane: Lane) -> impl IntoView {
    let state = class_of(&lane.state);
    let sent = lane.sent.map(|at| {
        view! { <i class="timeline-sent" style:left=format!("{at:.3}%") title="sent"></i> }
    });
    let hold = lane.hold.map(|hold| {
        let words = (hold.bar.width >= 14.0).then(|| hold.label.clone());
        view! {
            <i
                class="timeline-hold"
                class:is-elbow=hold.is_elbow
                style=place(hold.bar)
                title=hold.label
            >
                {words}
            </i>
        }
    });
    let labels = labels(lane.wait.as_ref(), lane.run.as_ref());
    let queued = lane
        .queued
        .map(|(bar, label)| view! { <i class="timeline-queued" style=place(bar) title=label></i> });
    let wait = lane
        .wait
        .map(|(bar, label)| view! { <i class="timeline-wait" style=place(bar) title=label></i> });
    let run = lane.run.map(|(bar, label)| {
        let class = format!("timeline-run run-{state}");
        view! { <i class=class style=place(bar) title=label></i> }
    });
    view! {
        <li class="timeline-lane">
            <span class="timeline-name">"Attempt " {lane.number}</span>
            <div class="timeline-track">{hold} {queued} {sent} {wait} {run} {labels}</div>
            <span class=format!("timeline-outcome state-{state}")>{lane.outcome}</span>
        </li>
    }
    .into_any()
}

/// The words under the bars: they meet where the run starts, unless that is
/// too near an edge for one of them.
fn labels(wait: Option<&(Bar, String)>, run: Option<&(Bar, String)>) -> AnyView {
    const NEAR_LEFT: f64 = 18.0;
    const NEAR_RIGHT: f64 = 84.0;
    let at = |place: String, words: String| {
        view! {
            <span class="timeline-words" style=place>
                {words}
            </span>
        }
    };
    let from = |left: f64| format!("left:{left:.3}%");
    let until = |end: f64| format!("right:{:.3}%", (100.0 - end).max(0.0));
    match (wait, run) {
        (Some((_, waited)), Some((bar, ran))) if bar.left > NEAR_LEFT && bar.left < NEAR_RIGHT => {
            let waited = at(
                format!("{};padding-right:3px", until(bar.left)),
                waited.clone(),
            );
            let ran = at(format!("{};padding-left:3px", from(bar.left)), ran.clone());
            (waited, ran).into_any()
        }
        (Some((first, waited)), Some((last, ran))) => {
            let words = format!("{waited}, {ran}");
            if last.left <= NEAR_LEFT {
                at(from(first.left), words).into_any()
            } else {
                at(until(last.end()), words).into_any()
            }
        }
        (Some((bar, words)), None) | (None, Some((bar, words))) => {
            if bar.left <= NEAR_RIGHT {
                at(from(bar.left), words.clone()).into_any()
            } else {
                at(until(bar.end()), words.clone()).into_any()
            }
        }
        (None, None) => ().into_any(),
    }
}
