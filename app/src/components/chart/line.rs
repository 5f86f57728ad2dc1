//! One value over time, with an area under it where it is an amount.

use super::{
    columns::STRETCH_SECONDS,
    frame::{self, EndLabel, Hatch, HatchKind},
    scale::{Window, round_top},
};
use crate::{format, prefs::Prefs};
use leptos::prelude::*;
use model::Timestamp;

/// Height of the plot, pixels; `chart.css` says the same.
const HEIGHT: f64 = 108.0;

/// What a line of polls covers, seconds.
const HOUR_SECONDS: f64 = 3_600.0;

/// What a [`LineChart`] draws.
#[derive(Clone, Debug, PartialEq)]
pub struct Line {
    /// The time axis.
    pub window: Window,
    /// The values; a missing one interrupts the line.
    pub points: Vec<(Timestamp, Option<f64>)>,
    /// Stretches in which events were missed.
    pub gaps: Vec<Window>,
    /// What stands before the last value at the right end, such as `p95`.
    pub name: String,
}

impl Line {
    /// Returns counts that were noted every ten seconds, followed by the one
    /// that was read at `end`. When exactly they were noted is not known, so
    /// points may stand up to ten seconds too early: less than a pixel or two.
    pub fn of_polls(noted: &[u64], newest: Option<u64>, end: Timestamp) -> Self {
        let counts = newest.iter().chain(noted.iter().rev());
        let points = counts.enumerate().map(|(ago, count)| {
            let time = end.plus_seconds(-(ago as f64) * STRETCH_SECONDS);
            (time, Some(*count as f64))
        });
        let mut points: Vec<(Timestamp, Option<f64>)> = points.collect();
        points.reverse();
        Self {
            window: Window::before(end, HOUR_SECONDS),
            points,
            // Counts are read, not summed up from events: a gap in events is none here.
            gaps: Vec::new(),
            name: String::new(),
        }
    }
}

/// Writes a count; half of an axis may fall between whole ones.
pub fn whole(value: f64) -> String {
    if value.fract() == 0.0 {
        // Floats saturate when cast, and counts are never negative.
        format::thousands(value as u64)
    } else {
        format!("{value:.1}")
    }
}

/// A chart of one line.
#[component]
pub fn LineChart(
    /// The line.
    #[prop(into)]
    line: Signal<Line>,
    /// What is shown, for screen readers: the heading of the table of figures.
    #[prop(into)]
    label: String,
    /// How a value is written.
    write: fn(f64) -> String,
    /// Whether the area under the line is filled.
    #[prop(optional)]
    is_area: bool,
) -> impl IntoView {
    let picture = Memo::new(move |_| line.get());
    view! {
        <figure class="chart">
            <div class="chart-panel chart-panel-line" aria-hidden="true">
                {move || picture.with(|line| plot(line, write, is_area))}
            </div>
            <div class="chart-times" aria-hidden="true">
                {move || frame::time_axis(picture.with(|line| line.window))}
            </div>
            <table class="visually-hidden">
                <caption>{label}</caption>
                <thead>
                    <tr>
                        <th scope="col">"Time"</th>
                        <th scope="col">"Value"</th>
                    </tr>
                </thead>
                <tbody>{move || picture.with(|line| figures(line, write))}</tbody>
            </table>
        </figure>
    }
    .into_any()
}

fn plot(line: &Line, write: fn(f64) -> String, is_area: bool) -> AnyView {
    let most = line.points.iter().filter_map(|(_, value)| *value);
    let top = round_top(most.fold(0.0, f64::max));
    // While nothing comes, the last value is not the present one.
    let has_ended = line
        .gaps
        .last()
        .is_some_and(|gap| gap.end >= line.window.end);
    let last = line.points.last().and_then(|(_, value)| *value);
    let last = last.filter(|_| !has_ended);
    let labels: Vec<EndLabel> = last
        .map(|value| EndLabel {
            text: format!("{} {}", line.name, write(value)).trim().to_owned(),
            class: "is-accent",
            share: value / top,
        })
        .into_iter()
        .collect();
    let first = line.points.first().map(|(time, _)| *time);
    let gaps = line.gaps.iter().map(|window| Hatch {
        window: *window,
        words: None,
        kind: HatchKind::Missed,
    });
    let hatches: Vec<Hatch> = Hatch::unwatched(line.window, first)
        .into_iter()
        .chain(gaps)
        .collect();
    let area = is_area.then(|| frame::line_path(&line.points, line.window, top, true));
    let path = frame::line_path(&line.points, line.window, top, false);
    view! {
        {frame::value_axis(top, write)}
        <svg class="chart-lines" viewBox="0 0 1000 100" preserveAspectRatio="none">
            {area.map(|area| view! { <path class="chart-area is-accent" d=area /> })}
            <path class="chart-line is-accent" d=path vector-effect="non-scaling-stroke" />
        </svg>
        {frame::hatches(&hatches, line.window, true)}
        {frame::end_labels(&labels, HEIGHT)}
    }
    .into_any()
}

/// The figures of a chart, thinned to a row every five minutes or so.
fn figures(line: &Line, write: fn(f64) -> String) -> AnyView {
    let offset = Prefs::of_page().offset_seconds(line.window.end);
    let step = line.points.len().div_ceil(12).max(1);
    line.points
        .rchunks(step)
        .rev()
        .filter_map(<[_]>::last)
        .map(|(time, value)| {
            view! {
                <tr>
                    <th scope="row">{format::clock_minutes(*time, offset)}</th>
                    <td>{value.map_or_else(|| "unknown".to_owned(), write)}</td>
                </tr>
            }
        })
        .collect_view()
        .into_any()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_count_stands_at_the_end() {
        let end = Timestamp(7_200_000_000);
        let line = Line::of_polls(&[3], Some(5), end);
        let expected = [(Timestamp(7_190_000_000), Some(3.0)), (end, Some(5.0))];
        assert_eq!(line.points, expected);
        assert_eq!(line.window.start, Timestamp(3_600_000_000));
    }

    #[test]
    fn counts_are_whole_unless_an_axis_is_halved() {
        assert_eq!(whole(7_846.0), "7,846");
        assert_eq!(whole(0.5), "0.5");
    }
}
