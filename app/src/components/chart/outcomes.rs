//! Tasks by outcome: what succeeded as an area, everything else below it as
//! bars on a scale of its own, for three percent vanish under ninety-seven.

use super::{
    columns::{Column, columns, gaps},
    frame::{self, EndLabel, Hatch},
    scale::{Window, round_top},
};
use crate::{components::state_badge::StateGlyph, format, prefs::Prefs};
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
    /// Known gaps, for the number of events missed.
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
        let bars = columns(start, outcomes, BAR_SECONDS);
        let end = bars.last().map_or(start, |column| column.end);
        let window = Window::before(end, SPAN_SECONDS);
        let first = bars.first().map(|column| column.start);
        let mut hatches: Vec<Hatch> = Hatch::unwatched(window, first).into_iter().collect();
        let missed = gaps(start, outcomes);
        let newest = missed.len().saturating_sub(1);
        for (index, gap) in missed.into_iter().enumerate() {
            // Words of several gaps would overlap: the newest gap has them.
            let words = (index == newest).then(|| missed_words(gap, end, known));
            hatches.push(Hatch {
                window: gap,
                words,
                is_unwatched: false,
            });
        }
        Self {
            window,
            points: columns(start, outcomes, POINT_SECONDS),
            has_revoked: outcomes.iter().any(|stretch| stretch.revoked > 0),
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
fn missed_words(gap: Window, end: Timestamp, known: &[Gap]) -> String {
    if gap.end == end {
        return "no events".to_owned();
    }
    let counted = known.iter().rev().find(|known| {
        known.start < gap.end && known.end.is_none_or(|known_end| known_end > gap.start)
    });
    match counted.and_then(|known| known.missed) {
        Some(missed) => format!("{} missed", format::count(missed, "event")),
        None => "events missed".to_owned(),
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
    let missed = column.rates.is_none().then_some("events missed");
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
        assert_eq!(words, Some("1,312 events missed"));
    }

    #[test]
    fn a_gap_that_lasts_says_that_no_events_come() {
        let mut outcomes = hour();
        outcomes[359].is_gap = true;
        let picture = Picture::new(Timestamp(0), &outcomes, &[]);
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
