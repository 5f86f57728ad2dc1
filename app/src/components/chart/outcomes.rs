//! Tasks by outcome: what succeeded as an area, everything else below it as
//! bars on a scale of its own, for three percent vanish under ninety-seven.

use super::{
    columns::{Column, columns, gaps, split},
    frame::{self, EndLabel, Hatch, HatchKind},
    scale::{Window, round_top},
};
use crate::{
    components::{
        gaps::{lost, recovered, touches},
        state_badge::StateGlyph,
    },
    format,
    prefs::Prefs,
};
use leptos::prelude::*;
use model::{Gap, Outcomes, TaskState, Timestamp};

/// Heights of the panels, pixels; `chart.css` says the same.
const HEIGHT: f64 = 72.0;
/// What the chart shows, seconds.
const SPAN_SECONDS: f64 = 3_600.0;
/// A point of the area, seconds.
const POINT_SECONDS: i64 = 30;
/// A bar, seconds.
const BAR_SECONDS: i64 = 60;

/// Everything the chart is drawn from.
#[derive(Clone, Debug, PartialEq)]
struct Picture {
    window: Window,
    points: Vec<Column>,
    bars: Vec<Column>,
    hatches: Vec<Hatch>,
    /// What is known of gaps in this hour, oldest first.
    known: Vec<Gap>,
    has_revoked: bool,
}

/// The chart of the last hour.
#[component]
pub fn OutcomeChart(
    /// Start of the first stretch.
    #[prop(into)]
    start: Signal<Timestamp>,
    /// Stretches of ten seconds, oldest first.
    #[prop(into)]
    outcomes: Signal<Vec<Outcomes>>,
    /// Known gaps, for what was missed in them.
    #[prop(into)]
    gaps: Signal<Vec<Gap>>,
) -> impl IntoView {
    let picture = Memo::new(move |_| {
        outcomes.with(|outcomes| gaps.with(|known| Picture::new(start.get(), outcomes, known)))
    });
    let pointed = RwSignal::new(None::<usize>);
    let plot = NodeRef::<leptos::html::Div>::new();
    let point = move |event: leptos::ev::PointerEvent| {
        let Some(area) = plot.get_untracked() else {
            return;
        };
        let area = area.get_bounding_client_rect();
        let share = (f64::from(event.client_x()) - area.left()) / area.width().max(1.0);
        pointed.set(picture.with_untracked(|picture| picture.bar_at(share)));
    };
    view! {
        <figure class="chart">
            <div
                class="chart-stack"
                aria-hidden="true"
                node_ref=plot
                on:pointermove=point
                on:pointerleave=move |_| pointed.set(None)
            >
                <p class="chart-caption">"succeeded"</p>
                <div class="chart-panel">{move || picture.with(succeeded)}</div>
                <p class="chart-caption">{move || picture.with(Picture::trouble_caption)}</p>
                <div class="chart-panel">{move || picture.with(trouble)}</div>
                {move || {
                    let bar = pointed.get()?;
                    picture.with(|picture| Some(tooltip(picture, bar)))
                }}
            </div>
            <div class="chart-times" aria-hidden="true">
                {move || frame::time_axis(picture.with(|picture| picture.window))}
            </div>
            <table class="visually-hidden">
                <caption>"Tasks per second by outcome, by minute"</caption>
                <thead>
                    <tr>
                        <th scope="col">"Time"</th>
                        <th scope="col">"Succeeded"</th>
                        <th scope="col">"Failed"</th>
                        <th scope="col">"Retried"</th>
                        <th scope="col">"Revoked"</th>
                    </tr>
                </thead>
                <tbody>{move || picture.with(figures)}</tbody>
            </table>
        </figure>
    }
    .into_any()
}

impl Picture {
    fn new(start: Timestamp, outcomes: &[Outcomes], known: &[Gap]) -> Self {
        let (outcomes, mut partial) = split(start, outcomes, known);
        let bars = columns(start, &outcomes, BAR_SECONDS);
        let end = bars.last().map_or(start, |column| column.end);
        let window = Window::before(end, SPAN_SECONDS);
        let first = bars.first().map(|column| column.start);
        let mut hatches: Vec<Hatch> = Hatch::unwatched(window, first).into_iter().collect();
        let mut missed = gaps(start, &outcomes);
        // Words of several gaps would overlap: the newest gap has them.
        let newest = missed.iter().chain(&partial).map(|gap| gap.end).max();
        let hatch = |kind: HatchKind| {
            move |gap: Window| Hatch {
                window: gap,
                words: (Some(gap.end) == newest).then(|| missed_words(gap, end, known, kind)),
                kind,
            }
        };
        // Beside a gap that stands at the left there is no room for two.
        let is_near = |gap: &Window| {
            hatches.iter().any(|h| {
                window.percent(gap.start) > 80.0
                    && window.percent(gap.start) - window.percent(h.window.end) < 30.0
            })
        };
        if missed.iter().chain(&partial).any(is_near) {
            for hatch in &mut hatches {
                hatch.words = None;
            }
        }
        hatches.extend(partial.drain(..).map(hatch(HatchKind::Partial)));
        hatches.extend(missed.drain(..).map(hatch(HatchKind::Missed)));
        let in_window = known
            .iter()
            .filter(|gap| touches(gap, window.start, window.end));
        Self {
            window,
            points: columns(start, &outcomes, POINT_SECONDS),
            has_revoked: outcomes.iter().any(|stretch| stretch.revoked > 0),
            known: in_window.cloned().collect(),
            bars,
            hatches,
        }
    }

    fn trouble_caption(&self) -> &'static str {
        if self.has_revoked {
            "failed, retried and revoked, own scale"
        } else {
            "failed and retried, own scale"
        }
    }

    /// The bar at a share of the width.
    fn bar_at(&self, share: f64) -> Option<usize> {
        let time = self.window.start.plus_seconds(share * SPAN_SECONDS);
        self.bars
            .iter()
            .position(|bar| bar.start <= time && time < bar.end)
    }
}

/// What is written beside a gap.
fn missed_words(gap: Window, end: Timestamp, known: &[Gap], kind: HatchKind) -> String {
    let touching: Vec<&Gap> = known
        .iter()
        .filter(|known| touches(known, gap.start, gap.end))
        .collect();
    let is_over = !touching.is_empty() && touching.iter().all(|known| known.end.is_some());
    if gap.end == end && kind == HatchKind::Missed && !is_over {
        return "no events".to_owned();
    }
    match touching.as_slice() {
        [] => "events missed".to_owned(),
        [one] => lost(one).to_lowercase(),
        several => format::count(several.len() as u64, "gap"),
    }
}

fn succeeded(picture: &Picture) -> AnyView {
    let window = picture.window;
    // A column's rate holds from its start to its end.
    let first = picture.points.first().map(|column| (column.start, column));
    let points: Vec<(Timestamp, Option<f64>)> = first
        .into_iter()
        .chain(picture.points.iter().map(|column| (column.end, column)))
        .map(|(time, column)| (time, column.rates.map(|rates| rates.succeeded)))
        .collect();
    let top = round_top(points.iter().filter_map(|(_, v)| *v).fold(0.0, f64::max));
    let last = picture.bars.last().and_then(|column| column.rates);
    let labels: Vec<EndLabel> = last
        .map(|rates| EndLabel {
            text: format!("{} ok", format::rate_value(rates.succeeded)),
            class: "is-ok",
            share: rates.succeeded / top,
        })
        .into_iter()
        .collect();
    view! {
        {frame::value_axis(top, format::rate_value)}
        <svg class="chart-lines" viewBox="0 0 1000 100" preserveAspectRatio="none">
            <path class="chart-area is-ok" d=frame::line_path(&points, window, top, true) />
            <path
                class="chart-line is-ok"
                d=frame::line_path(&points, window, top, false)
                vector-effect="non-scaling-stroke"
            />
        </svg>
        {frame::hatches(&picture.hatches, window, true)}
        {frame::end_labels(&labels, HEIGHT)}
    }
    .into_any()
}

fn trouble(picture: &Picture) -> AnyView {
    let window = picture.window;
    let rates = picture.bars.iter().filter_map(|column| column.rates);
    let top = round_top(rates.map(|rates| rates.trouble()).fold(0.0, f64::max));
    let bars: Vec<_> = picture
        .bars
        .iter()
        .filter_map(|column| Some((column, column.rates?)))
        .filter(|(_, rates)| rates.trouble() > 0.0)
        .map(|(column, rates)| bar(column, rates, window, top))
        .collect();
    let last = picture.bars.last().and_then(|column| column.rates);
    let mut labels = Vec::new();
    if let Some(rates) = last {
        let mut base = 0.0;
        for (value, word, class) in [
            (rates.failed, "failed", "is-failed"),
            (rates.retried, "retried", "is-retried"),
            (rates.revoked, "revoked", "is-revoked"),
        ] {
            if class == "is-revoked" && !picture.has_revoked {
                continue;
            }
            labels.push(EndLabel {
                text: format!("{} {word}", format::rate_value(value)),
                class,
                share: (base + value / 2.0) / top,
            });
            base += value;
        }
    }
    view! {
        {frame::value_axis(top, format::rate_value)}
        {bars}
        {frame::hatches(&picture.hatches, window, false)}
        {frame::end_labels(&labels, HEIGHT)}
    }
    .into_any()
}

fn bar(column: &Column, rates: super::Rates, window: Window, top: f64) -> AnyView {
    let left = window.percent(column.start);
    let right = window.percent(column.end);
    let height = rates.trouble() / top * 100.0;
    let parts: Vec<_> = [
        (rates.revoked, "is-revoked"),
        (rates.retried, "is-retried"),
        (rates.failed, "is-failed"),
    ]
    .into_iter()
    .filter(|(value, _)| *value > 0.0)
    .map(|(value, class)| {
        let share = value / rates.trouble() * 100.0;
        view! { <i class=class style=format!("height:{share:.2}%")></i> }
    })
    .collect();
    view! {
        <span
            class="chart-bar"
            style=format!("left:{left:.2}%;width:{:.2}%;height:{height:.2}%", right - left)
        >
            {parts}
        </span>
    }
    .into_any()
}

fn tooltip(picture: &Picture, bar: usize) -> Option<impl IntoView + use<>> {
    let column = picture.bars.get(bar)?;
    let offset = Prefs::of_page().offset_seconds(column.end);
    let place = picture.window.percent(column.start);
    let side = if place > 50.0 { "is-left" } else { "is-right" };
    let clock = |time| format::clock_seconds(time, picture.window.end, offset);
    let heading = format!("{} to {}", clock(column.start), clock(column.end));
    let rows = column.rates.map(|rates| {
        let mut rows = vec![
            (TaskState::Success, "succeeded", rates.succeeded),
            (TaskState::Retry, "retried", rates.retried),
            (TaskState::Failure, "failed", rates.failed),
        ];
        if picture.has_revoked {
            rows.push((TaskState::Revoked, "revoked", rates.revoked));
        }
        rows.into_iter()
            .map(|(state, word, value)| {
                view! {
                    <span class="chart-tip-row">
                        <StateGlyph state=state />
                        {word}
                        <b>{format::rate(value)}</b>
                    </span>
                }
            })
            .collect_view()
    });
    let told: Vec<String> = picture
        .known
        .iter()
        .filter(|gap| touches(gap, column.start, column.end))
        .map(told)
        .collect();
    let missed = match (told.is_empty(), column.rates) {
        (true, None) => vec!["Events missed".to_owned()],
        _ => told,
    };
    let missed = missed
        .into_iter()
        .map(|words| view! { <span class="chart-tip-gap">{words}</span> })
        .collect_view();
    Some(view! {
        <span class="chart-cross" style=format!("left:{place:.2}%")>
            <span class=format!("chart-tip {side}")>
                <b>{heading}</b>
                {rows}
                {missed}
            </span>
        </span>
    })
}

/// What a gap is in a tooltip: `12 task starts missed, celery@mail-1. 3 of them recovered …`.
fn told(gap: &Gap) -> String {
    let mut words = lost(gap);
    if let Some(worker) = &gap.worker {
        words = format!("{words}, {worker}");
    }
    match recovered(gap) {
        Some(back) => format!("{words}. {back}"),
        None => words,
    }
}

fn figures(picture: &Picture) -> AnyView {
    let offset = Prefs::of_page().offset_seconds(picture.window.end);
    picture
        .bars
        .iter()
        .map(|column| {
            let write = |value: fn(&super::Rates) -> f64| {
                let rates = column.rates.as_ref().map(value);
                rates.map_or_else(|| "events missed".to_owned(), format::rate)
            };
            view! {
                <tr>
                    <th scope="row">{format::clock_minutes(column.start, offset)}</th>
                    <td>{write(|rates| rates.succeeded)}</td>
                    <td>{write(|rates| rates.failed)}</td>
                    <td>{write(|rates| rates.retried)}</td>
                    <td>{write(|rates| rates.revoked)}</td>
                </tr>
            }
        })
        .collect_view()
        .into_any()
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::GapCause;

    fn hour() -> Vec<Outcomes> {
        vec![
            Outcomes {
                succeeded: 10,
                ..Outcomes::default()
            };
            360
        ]
    }

    #[test]
    fn a_short_history_is_hatched_where_nobody_watched() {
        let picture = Picture::new(Timestamp(0), &hour()[..60], &[]);
        assert_eq!(picture.hatches.len(), 1);
        assert_eq!(picture.hatches[0].window.end, Timestamp(0));
        assert!(Picture::new(Timestamp(0), &hour(), &[]).hatches.is_empty());
    }

    #[test]
    fn a_gap_says_how_many_events_were_missed_if_that_is_known() {
        let mut outcomes = hour();
        outcomes[100].is_gap = true;
        let picture = Picture::new(Timestamp(0), &outcomes, &[]);
        assert_eq!(picture.hatches[0].words.as_deref(), Some("events missed"));
        let known = Gap {
            start: Timestamp(1_001_000_000),
            end: Some(Timestamp(1_002_000_000)),
            cause: GapCause::Overload,
            worker: None,
            missed: Some(1312),
            recovered: 0,
        };
        let picture = Picture::new(Timestamp(0), &outcomes, &[known]);
        let words = picture.hatches[0].words.as_deref();
        assert_eq!(words, Some("1,312 messages missed"));
    }

    fn missed_by(worker: &str, start: i64, end: i64) -> Gap {
        Gap {
            start: Timestamp(start * 1_000_000),
            end: Some(Timestamp(end * 1_000_000)),
            cause: GapCause::EventsMissed,
            worker: Some(worker.into()),
            missed: Some(12),
            recovered: 3,
        }
    }

    #[test]
    fn what_one_worker_lost_is_hatched_over_what_the_others_told() {
        let mut outcomes = hour();
        for stretch in &mut outcomes[100..111] {
            stretch.is_gap = true;
        }
        let one = missed_by("celery@a", 1_000, 1_100);
        let picture = Picture::new(Timestamp(0), &outcomes, std::slice::from_ref(&one));
        let hatch = &picture.hatches[0];
        assert_eq!(hatch.kind, HatchKind::Partial);
        assert_eq!(
            (hatch.window.start, hatch.window.end),
            (one.start, Timestamp(1_110_000_000))
        );
        assert_eq!(hatch.words.as_deref(), Some("12 task starts missed"));
        assert!(picture.points.iter().all(|column| column.rates.is_some()));
        assert_eq!(
            told(&one),
            "12 task starts missed, celery@a. 3 of them recovered from other sources."
        );
        let both = [one, missed_by("celery@b", 1_050, 1_100)];
        let picture = Picture::new(Timestamp(0), &outcomes, &both);
        assert_eq!(picture.hatches.len(), 1);
        assert_eq!(picture.hatches[0].words.as_deref(), Some("2 gaps"));
    }

    #[test]
    fn a_gap_that_is_over_does_not_say_that_no_events_come() {
        let mut outcomes = hour();
        outcomes[359].is_gap = true;
        let over = Gap {
            cause: GapCause::ConnectionLost,
            missed: None,
            ..missed_by("celery@a", 3_591, 3_592)
        };
        let picture = Picture::new(Timestamp(0), &outcomes, &[over]);
        assert_eq!(picture.hatches[0].words.as_deref(), Some("events missed"));
    }

    #[test]
    fn a_gap_that_lasts_says_that_no_events_come() {
        let mut outcomes = hour();
        outcomes[359].is_gap = true;
        let lasting = Gap {
            end: None,
            cause: GapCause::BrokerDown,
            missed: None,
            ..missed_by("celery@a", 3_592, 0)
        };
        let picture = Picture::new(Timestamp(0), &outcomes, &[lasting]);
        assert_eq!(picture.hatches[0].words.as_deref(), Some("no events"));
    }

    #[test]
    fn pointing_finds_the_bar_under_the_pointer() {
        let picture = Picture::new(Timestamp(0), &hour(), &[]);
        assert_eq!(picture.bar_at(0.0), Some(0));
        assert_eq!(picture.bar_at(0.999), Some(59));
        assert_eq!(picture.bar_at(1.5), None);
    }
}
