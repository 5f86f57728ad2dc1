//! Where everything of the timeline stands, in percent of its width.

use crate::{
    format::{duration, short_worker, whole_seconds},
    pages::task::attempts::number_of,
};
use model::{Attempt, TaskDetail, TaskState, Timestamp};

/// A stretch of the axis in percent of its width.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Bar {
    pub(super) left: f64,
    pub(super) width: f64,
}

impl Bar {
    pub(super) fn end(self) -> f64 {
        self.left + self.width
    }
}

/// The time until an attempt may run: it was sent with a countdown or an ETA.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Hold {
    pub(super) bar: Bar,
    pub(super) label: String,
    /// Whether it begins where the attempt before ended.
    pub(super) is_elbow: bool,
}

/// One attempt.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Lane {
    pub(super) number: String,
    pub(super) state: TaskState,
    /// When it was sent, in percent.
    pub(super) sent: Option<f64>,
    /// In the queue, from sent to received.
    pub(super) queued: Option<(Bar, String)>,
    pub(super) hold: Option<Hold>,
    pub(super) wait: Option<(Bar, String)>,
    pub(super) run: Option<(Bar, String)>,
    pub(super) outcome: String,
}

/// The drawing.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Drawing {
    pub(super) start: Timestamp,
    /// Marks in percent, with their words.
    pub(super) ticks: Vec<(f64, String)>,
    pub(super) lanes: Vec<Lane>,
}

/// Returns the drawing, unless no time is known.
pub(super) fn draw(task: &TaskDetail, now: Timestamp) -> Option<Drawing> {
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
            let queued = attempt
                .sent
                .zip(attempt.received)
                .and_then(|(sent, received)| {
                    let label = format!("in the queue {}", duration(received.seconds_since(sent)));
                    (received > sent).then(|| (bar(sent, received), label))
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
                queued,
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
pub(super) fn is_open(attempt: &Attempt) -> bool {
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
        let text = whole_seconds(seconds);
        text.trim_end_matches(" 0 s")
            .trim_end_matches(" 0 m")
            .to_owned()
    } else if seconds >= 1.0 {
        format!("{} s", (seconds * 10.0).round() / 10.0)
    } else {
        format!("{} ms", (seconds * 10_000.0).round() / 10.0)
    }
}

#[cfg(test)]
pub(in crate::pages::task) mod tests {
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
                is_repaired: false,
                usual_runtime_seconds: None,
                is_revoked: false,
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
            sources: Vec::new(),
            retry_of: None,
            retried_as: Vec::new(),
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
