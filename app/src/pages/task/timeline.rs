//! Sent, received, started, finished, to scale: one lane an attempt. Waits and
//! runs are bars, a countdown is a dotted elbow from one lane to the next.

use super::attempts::number_of;
use crate::{
    components::{card::Card, state_badge::class_of},
    format::{clock_seconds, duration, short_worker},
    live::Live,
    prefs::Prefs,
};
use leptos::prelude::*;
use model::{Attempt, TaskDetail, TaskState, Timestamp};

/// A stretch of the axis in percent of its width.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Bar {
    left: f64,
    width: f64,
}

impl Bar {
    fn end(self) -> f64 {
        self.left + self.width
    }
}

/// The time until an attempt may run: it was sent with a countdown or an ETA.
#[derive(Clone, Debug, PartialEq)]
struct Hold {
    bar: Bar,
    label: String,
    /// Whether it begins where the attempt before ended.
    is_elbow: bool,
}

/// One attempt.
#[derive(Clone, Debug, PartialEq)]
struct Lane {
    number: String,
    state: TaskState,
    /// When it was sent, in percent.
    sent: Option<f64>,
    hold: Option<Hold>,
    wait: Option<(Bar, String)>,
    run: Option<(Bar, String)>,
    outcome: String,
}

/// The drawing.
#[derive(Clone, Debug, PartialEq)]
struct Drawing {
    start: Timestamp,
    /// Marks in percent, with their words.
    ticks: Vec<(f64, String)>,
    lanes: Vec<Lane>,
}

/// Returns the drawing, unless no time is known.
fn draw(task: &TaskDetail, now: Timestamp) -> Option<Drawing> {
    let known = task.attempts.iter().flat_map(|attempt| {
        [
            attempt.sent,
            attempt.received,
            attempt.started,
            attempt.finished,
        ]
    });
    let known: Vec<Timestamp> = known.flatten().collect();
    let start = known.iter().min().copied()?;
    let is_live = task.attempts.last().is_some_and(is_open);
    let last = known.iter().max().copied()?;
    let end = if is_live { last.max(now) } else { last };
    // A task that took no measurable time still has a width.
    let span = end.seconds_since(start).max(0.001);
    let percent = |at: Timestamp| at.seconds_since(start) / span * 100.0;
    let bar = |from: Timestamp, to: Timestamp| Bar {
        left: percent(from),
        width: (percent(to) - percent(from)).max(0.0),
    };
    let before = std::iter::once(None).chain(task.attempts.iter().map(Some));
    let lanes = task
        .attempts
        .iter()
        .zip(before)
        .map(|(attempt, before)| {
            let end = attempt.finished.or(is_open(attempt).then_some(end));
            let begun = attempt.started.or(end);
            // A worker holds a task from its receipt until its ETA, then waits for a free process.
            let due = attempt
                .received
                .zip(begun)
                .zip(attempt.eta)
                .map(|((received, begun), eta)| eta.clamp(received, begun.max(received)));
            let hold = attempt.received.zip(due).and_then(|(received, due)| {
                // Celery sends a retry before it reports the attempt that asked for it
                // (celery/app/task.py, `Task.retry`), so the clocks decide which came first.
                let ended = before.and_then(|before| before.finished);
                let from = ended.filter(|ended| *ended < due).unwrap_or(received);
                let seconds = attempt.eta?.seconds_since(from);
                (due > from).then(|| Hold {
                    bar: bar(from, due),
                    label: format!("countdown {}", duration(seconds)),
                    is_elbow: ended.is_some(),
                })
            });
            let wait = attempt.received.zip(begun).and_then(|(received, begun)| {
                let from = due.unwrap_or(received);
                let label = format!("waited {}", duration(begun.seconds_since(from).max(0.0)));
                (begun > from).then(|| (bar(from, begun), label))
            });
            let run = attempt.started.and_then(|from| {
                let to = end?;
                let seconds = attempt
                    .runtime_seconds
                    .unwrap_or_else(|| to.seconds_since(from).max(0.0));
                let verb = if is_open(attempt) { "runs" } else { "ran" };
                Some((bar(from, to), format!("{verb} {}", duration(seconds))))
            });
            let outcome = match &attempt.worker {
                Some(worker) => {
                    format!(
                        "{} on {}",
                        attempt.state.label(),
                        short_worker(worker.as_str())
                    )
                }
                None => attempt.state.label().into_owned(),
            };
            Lane {
                number: number_of(attempt),
                state: attempt.state.clone(),
                sent: attempt.sent.map(percent),
                hold,
                wait,
                run,
                outcome,
            }
        })
        .collect();
    Some(Drawing {
        start,
        ticks: ticks(span),
        lanes,
    })
}

/// Tells whether an attempt still waits or runs.
fn is_open(attempt: &Attempt) -> bool {
    attempt.finished.is_none()
        && (attempt.state.is_running() || attempt.state == TaskState::Received)
}

/// Returns four to eight marks at round distances, after the start.
fn ticks(span: f64) -> Vec<(f64, String)> {
    const STEPS: [f64; 22] = [
        0.0002, 0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0,
        30.0, 60.0, 300.0, 600.0, 1_800.0, 3_600.0, 21_600.0,
    ];
    let fitting = STEPS.into_iter().find(|step| span / step <= 6.0);
    let step = fitting.unwrap_or_else(|| (span / 5.0 / 86_400.0).ceil() * 86_400.0);
    (1_u32..=8)
        .map(|number| f64::from(number) * step)
        // The last mark keeps its distance from the end, where its words would not fit.
        .take_while(|at| *at <= span * 0.96)
        .map(|at| (at / span * 100.0, format!("+{}", round(at))))
        .collect()
}

/// Returns a round length of time without needless figures: `10 s`, `5 ms`, `1 m`.
fn round(seconds: f64) -> String {
    if seconds >= 60.0 {
        let text = crate::format::whole_seconds(seconds);
        text.trim_end_matches(" 0 s")
            .trim_end_matches(" 0 m")
            .to_owned()
    } else if seconds >= 1.0 {
        format!("{} s", (seconds * 10.0).round() / 10.0)
    } else {
        format!("{} ms", (seconds * 10_000.0).round() / 10.0)
    }
}

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
            <div class="timeline-track">{hold} {sent} {wait} {run} {labels}</div>
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

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use model::TaskSummary;

    const START: Timestamp = Timestamp(1_763_605_000_000_000);

    /// Sent at `offset`, received 1 s later, started 5 s later, ended 2 s later.
    pub(in crate::pages::task) fn attempt(offset: f64, state: TaskState) -> Attempt {
        let at = |seconds: f64| Some(START.plus_seconds(offset + seconds));
        Attempt {
            retries: 0,
            delivery: 1,
            state,
            worker: Some("celery@mail-1".into()),
            pid: Some(4127),
            sent: at(0.0),
            received: at(1.0),
            started: at(6.0),
            finished: at(8.0),
            runtime_seconds: Some(2.0),
            eta: None,
            exception: None,
            traceback: None,
            reason: None,
        }
    }

    pub(in crate::pages::task) fn task(attempts: Vec<Attempt>) -> TaskDetail {
        TaskDetail {
            summary: TaskSummary {
                id: "id".into(),
                name: None,
                state: TaskState::Started,
                worker: None,
                queue: None,
                retries: 0,
                sent: None,
                received: None,
                started: None,
                finished: None,
                runtime_seconds: None,
                eta: None,
                exception: None,
            },
            args: None,
            kwargs: None,
            result: None,
            exception: None,
            traceback: None,
            expires: None,
            exchange: None,
            routing_key: None,
            root_id: None,
            parent_id: None,
            children: Vec::new(),
            client: None,
            clock: None,
            timestamp: None,
            attempts,
            attempts_dropped: 0,
            custom_events: Vec::new(),
        }
    }

    #[test]
    fn bars_are_to_scale() {
        // Sent and received while the first attempt ends, held until its ETA, then waited for 2 s.
        let mut second = attempt(7.0, TaskState::Failure);
        second.retries = 1;
        second.eta = Some(START.plus_seconds(16.0));
        second.started = Some(START.plus_seconds(18.0));
        second.finished = Some(START.plus_seconds(20.0));
        let drawing = draw(&task(vec![attempt(0.0, TaskState::Retry), second]), START);
        let lanes = drawing.map(|drawing| drawing.lanes).unwrap_or_default();
        let [first, second] = lanes.as_slice() else {
            panic!("two lanes expected");
        };
        let bar = |left, width| Bar { left, width };
        assert_eq!(
            first.wait,
            Some((bar(5.0, 25.0), "waited 5.00 s".to_owned()))
        );
        assert_eq!(first.run, Some((bar(30.0, 10.0), "ran 2.00 s".to_owned())));
        let hold = Hold {
            bar: bar(40.0, 40.0),
            label: "countdown 8.00 s".to_owned(),
            is_elbow: true,
        };
        assert_eq!(second.hold, Some(hold));
        assert_eq!(
            second.wait,
            Some((bar(80.0, 10.0), "waited 2.00 s".to_owned()))
        );
        assert_eq!(second.outcome, "Failure on mail-1");
        assert_eq!((first.number.as_str(), second.number.as_str()), ("1", "2"));
    }

    #[test]
    fn a_first_attempt_with_an_eta_is_held_without_an_elbow() {
        let mut held = attempt(0.0, TaskState::Success);
        held.eta = Some(START.plus_seconds(5.0));
        let drawing = draw(&task(vec![held]), START);
        let lane = drawing.and_then(|drawing| drawing.lanes.first().cloned());
        let hold = lane.and_then(|lane| lane.hold);
        let told = hold.map(|hold| (hold.label, hold.is_elbow));
        assert_eq!(told, Some(("countdown 4.00 s".to_owned(), false)));
    }

    #[test]
    fn an_attempt_that_runs_reaches_the_present() {
        let mut running = attempt(0.0, TaskState::Started);
        (running.finished, running.runtime_seconds) = (None, None);
        let drawing = draw(&task(vec![running]), START.plus_seconds(12.0));
        let lane = drawing.and_then(|drawing| drawing.lanes.first().cloned());
        let run = lane.and_then(|lane| lane.run);
        let bar = Bar {
            left: 50.0,
            width: 50.0,
        };
        assert_eq!(run, Some((bar, "runs 6.00 s".to_owned())));
    }

    #[test]
    fn a_task_without_times_has_no_drawing() {
        assert_eq!(draw(&task(Vec::new()), START), None);
    }

    #[test]
    fn marks_stand_at_round_distances() {
        let words = |span| -> Vec<String> { ticks(span).into_iter().map(|tick| tick.1).collect() };
        assert_eq!(words(52.0), ["+10 s", "+20 s", "+30 s", "+40 s"]);
        assert_eq!(
            words(0.0012),
            ["+0.2 ms", "+0.4 ms", "+0.6 ms", "+0.8 ms", "+1 ms"]
        );
        assert_eq!(words(200.0), ["+1 m", "+2 m", "+3 m"]);
        assert!(!words(40.0 * 86_400.0).is_empty());
    }
}
