//! Gaps in words, the same on every screen, and the mark on figures that a gap
//! makes too low.

use super::icon::{Glyph, Icon};
use crate::{
    format::{count, thousands},
    links,
    live::Live,
};
use leptos::prelude::*;
use model::{Gap, GapCause, Pulse, Timestamp};

/// Returns what was missed, counted in its unit: `1,312 messages missed`.
pub fn lost(gap: &Gap) -> String {
    match (gap.missed, gap.cause) {
        (Some(missed), GapCause::EventsMissed) => {
            format!("{} missed", count(missed, "task start"))
        }
        (Some(missed), _) => format!("{} missed", count(missed, "message")),
        (None, _) => "Events missed".to_owned(),
    }
}

/// Returns why, as a sentence.
pub fn cause(gap: &Gap) -> String {
    match gap.cause {
        GapCause::BrokerDown => "The broker was unreachable.".to_owned(),
        GapCause::ConnectionLost => "The connection to the broker was cut.".to_owned(),
        GapCause::DashboardDown => "The dashboard was not running.".to_owned(),
        GapCause::Overload => "Events came faster than the dashboard could take them.".to_owned(),
        GapCause::EventsMissed => match &gap.worker {
            Some(worker) => {
                format!("Heartbeats of {worker} count more started tasks than its events told of.")
            }
            None => "Heartbeats count more started tasks than events told of.".to_owned(),
        },
    }
}

/// Returns what other sources have told of since.
pub fn recovered(gap: &Gap) -> Option<String> {
    match (gap.recovered, gap.missed) {
        (0, _) => None,
        (recovered, Some(missed)) if recovered >= missed => {
            Some("All of it was recovered from other sources.".to_owned())
        }
        (recovered, Some(_)) => Some(format!(
            "{} of them recovered from other sources.",
            thousands(recovered)
        )),
        (recovered, None) => Some(format!(
            "{} recovered from other sources.",
            count(recovered, "task")
        )),
    }
}

/// Tells whether everything that was missed is known by now.
pub fn is_mended(gap: &Gap) -> bool {
    gap.missed.is_some_and(|missed| gap.recovered >= missed)
}

/// Tells whether a gap touches the time from `start` to `end`.
pub fn touches(gap: &Gap, start: Timestamp, end: Timestamp) -> bool {
    gap.start < end && gap.end.is_none_or(|gap_end| gap_end >= start)
}

/// Returns what several gaps amount to: `1,312 messages missed, 12 task starts missed`.
pub fn sum(gaps: &[&Gap]) -> String {
    let total = |is_meant: fn(&Gap) -> bool| -> u64 {
        let meant = gaps.iter().filter(|gap| is_meant(gap));
        meant.filter_map(|gap| gap.missed).sum()
    };
    let starts = total(|gap| gap.cause == GapCause::EventsMissed);
    let messages = total(|gap| gap.cause != GapCause::EventsMissed);
    let uncounted = gaps.iter().filter(|gap| gap.missed.is_none()).count();
    let recovered: u64 = gaps.iter().map(|gap| gap.recovered).sum();
    let mut parts = Vec::new();
    if messages > 0 {
        parts.push(format!("{} missed", count(messages, "message")));
    }
    if starts > 0 {
        parts.push(format!("{} missed", count(starts, "task start")));
    }
    if recovered > 0 {
        parts.push(format!("{} recovered", count(recovered, "task")));
    }
    if uncounted > 0 {
        let times = match uncounted {
            1 => "once".to_owned(),
            times => format!("{} times", thousands(times as u64)),
        };
        parts.push(format!(
            "the connection lost {times} with nobody to count what was missed"
        ));
    }
    parts.join(", ")
}

/// Returns, in words, what was missed of the events of the last `seconds`;
/// nothing if nothing is known to be missing.
pub fn missing_within(pulse: &Pulse, seconds: f64) -> Option<String> {
    let start = pulse.now.plus_seconds(-seconds);
    let touching: Vec<&Gap> = pulse
        .gaps
        .iter()
        .filter(|gap| touches(gap, start, pulse.now) && !is_mended(gap))
        .collect();
    match touching.as_slice() {
        [] => None,
        [gap] => Some(format!("Incomplete: {}. {}", lost(gap), cause(gap))),
        gaps => Some(format!("Incomplete: {}", sum(gaps))),
    }
}

/// The same as a signal: what figures over the last `seconds` lack.
pub fn missing_signal(seconds: f64) -> Memo<Option<String>> {
    let live = Live::of_page();
    Memo::new(move |_| {
        live.pulse
            .with(|pulse| missing_within(pulse.as_ref()?, seconds))
    })
}

/// The mark on a figure that is too low, with the reason when pointed at.
#[component]
pub fn GapMark(
    /// Why it is; no mark if there is no reason.
    #[prop(into)]
    why: Signal<Option<String>>,
) -> impl IntoView {
    move || {
        why.get().map(|why| {
            view! {
                <span class="gap-mark" role="img" aria-label=why.clone() title=why>
                    <Icon glyph=Glyph::Gap />
                </span>
            }
        })
    }
}

/// What was missed since the start, as links to the pages that tell more;
/// nothing while nothing was.
#[component]
pub fn LossSum(
    /// Further classes.
    #[prop(optional)]
    class: &'static str,
) -> impl IntoView {
    let live = Live::of_page();
    let losses = Memo::new(move |_| {
        live.pulse
            .with(|pulse| pulse.as_ref().map(all_losses).unwrap_or_default())
    });
    move || {
        let losses = losses.get();
        (!losses.is_empty()).then(|| {
            let links = losses
                .into_iter()
                .enumerate()
                .map(|(index, (words, href))| {
                    view! {
                        {(index > 0).then_some(", ")}
                        <a href=href>{words}</a>
                    }
                });
            view! {
                <p class=format!("loss-sum {class}")>
                    <Icon glyph=Glyph::Gap />
                    <span>"So far: " {links.collect_view()} "."</span>
                </p>
            }
        })
    }
}

/// Returns the losses of events, and the tasks that history lacks.
fn all_losses(pulse: &Pulse) -> Vec<(String, &'static str)> {
    let mut all = losses(pulse);
    let lost = pulse.history.lost_total;
    if lost > 0 {
        let words = format!("{} not saved", count(lost, "task"));
        all.push((words, links::GAPS));
    }
    all
}

/// Returns in words what was missed since the start; nothing if nothing was.
pub fn what_was_missed(pulse: &Pulse) -> Option<String> {
    let counted = losses(pulse)
        .into_iter()
        .filter(|(_, href)| *href == links::GAPS);
    let words: Vec<String> = counted.map(|(words, _)| words).collect();
    match (words.is_empty(), pulse.gaps.is_empty()) {
        (false, _) => Some(words.join(", ")),
        (true, false) => Some("events missed".to_owned()),
        (true, true) => None,
    }
}

/// Returns each kind of loss since the start with the page that tells of it.
fn losses(pulse: &Pulse) -> Vec<(String, &'static str)> {
    let all = [
        (pulse.missed_total, "task start", "missed", links::GAPS),
        (pulse.dropped_total, "message", "dropped", links::GAPS),
        (
            pulse.undecodable_total,
            "message",
            "unreadable",
            links::UNDECODABLE,
        ),
    ];
    all.into_iter()
        .filter(|(number, ..)| *number > 0)
        .map(|(number, noun, fate, href)| (format!("{} {fate}", count(number, noun)), href))
        .collect()
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use model::BrokerState;

    pub(crate) const NOW: Timestamp = Timestamp(1_763_605_000_000_000);

    /// A gap that began `age_seconds` ago and lasted a minute.
    pub(crate) fn gap(age_seconds: f64, cause: GapCause) -> Gap {
        Gap {
            start: NOW.plus_seconds(-age_seconds),
            end: Some(NOW.plus_seconds(-age_seconds + 60.0)),
            cause,
            worker: None,
            missed: None,
            recovered: 0,
        }
    }

    pub(crate) fn pulse(gaps: Vec<Gap>) -> Pulse {
        Pulse {
            now: NOW,
            broker_url: String::new(),
            broker: BrokerState::Up { since: NOW },
            events_per_second: 0.0,
            events_total: 0,
            dropped_total: 0,
            undecodable_total: 0,
            missed_total: 0,
            gaps,
            failures: 0,
            workers_online: 0,
            workers_total: 0,
            queued: None,
            version: String::new(),
            history: model::HistoryHealth::default(),
        }
    }

    fn counted(cause: GapCause, missed: u64, recovered: u64) -> Gap {
        Gap {
            missed: Some(missed),
            recovered,
            ..gap(600.0, cause)
        }
    }

    #[test]
    fn losses_are_counted_in_their_own_unit() {
        let told = |gap: Gap| (lost(&gap), recovered(&gap));
        assert_eq!(
            told(counted(GapCause::Overload, 1_312, 0)),
            ("1,312 messages missed".to_owned(), None)
        );
        let (words, back) = told(counted(GapCause::EventsMissed, 12, 3));
        assert_eq!(words, "12 task starts missed");
        assert_eq!(
            back.as_deref(),
            Some("3 of them recovered from other sources.")
        );
        let (words, back) = told(counted(GapCause::EventsMissed, 1, 1));
        assert_eq!(words, "1 task start missed");
        assert_eq!(
            back.as_deref(),
            Some("All of it was recovered from other sources.")
        );
        assert_eq!(
            told(gap(60.0, GapCause::ConnectionLost)),
            ("Events missed".to_owned(), None)
        );
    }

    #[test]
    fn several_gaps_are_summed_by_unit() {
        let gaps = [
            gap(900.0, GapCause::BrokerDown),
            counted(GapCause::Overload, 1_000, 0),
            counted(GapCause::Overload, 312, 0),
            counted(GapCause::EventsMissed, 12, 3),
        ];
        assert_eq!(
            sum(&gaps.iter().collect::<Vec<_>>()),
            "1,312 messages missed, 12 task starts missed, 3 tasks recovered, \
             the connection lost once with nobody to count what was missed"
        );
    }

    #[test]
    fn a_figure_is_marked_while_a_gap_is_in_its_time() {
        let of = |gap: Gap, seconds: f64| missing_within(&pulse(vec![gap]), seconds);
        // It ended nine minutes ago.
        let cut = || gap(600.0, GapCause::ConnectionLost);
        assert_eq!(of(cut(), 300.0), None);
        assert_eq!(
            of(cut(), 3_600.0).as_deref(),
            Some("Incomplete: Events missed. The connection to the broker was cut.")
        );
        let open = Gap { end: None, ..cut() };
        assert!(of(open, 60.0).is_some());
        assert_eq!(of(counted(GapCause::EventsMissed, 4, 4), 3_600.0), None);
    }

    #[test]
    fn only_kinds_of_loss_that_happened_are_told() {
        let mut pulse = pulse(Vec::new());
        assert!(losses(&pulse).is_empty());
        pulse.missed_total = 12;
        pulse.undecodable_total = 1;
        let told = losses(&pulse);
        assert_eq!(
            told,
            [
                ("12 task starts missed".to_owned(), links::GAPS),
                ("1 message unreadable".to_owned(), links::UNDECODABLE),
            ]
        );
    }
}
