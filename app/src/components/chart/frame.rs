//! What panels share: the value axis, the time axis, hatched gaps, labels at the right end.

use super::scale::{Window, push_apart};
use crate::{format, prefs::Prefs};
use leptos::prelude::*;
use model::Timestamp;
use std::fmt::Write as _;

/// Least distance between the labels at the right end, pixels.
const LABEL_DISTANCE: f64 = 13.0;

/// Words at the right end of a line or a bar.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct EndLabel {
    /// The words.
    pub(super) text: String,
    /// The class that colours them.
    pub(super) class: &'static str,
    /// The height of what they name, as a share of the panel, 0 at the base.
    pub(super) share: f64,
}

/// A stretch without data and what to write beside it.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Hatch {
    /// The stretch.
    pub(super) window: Window,
    /// Words, if there is room for them.
    pub(super) words: Option<String>,
    /// What kind of stretch it is.
    pub(super) kind: HatchKind,
}

/// Why a stretch is hatched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum HatchKind {
    /// Nobody watched then, which is no fault.
    Unwatched,
    /// Nothing came then: there is nothing to draw.
    Missed,
    /// Something is missing in what is drawn.
    Partial,
}

impl Hatch {
    /// Returns the stretch up to `first`, before which nobody watched. What is
    /// shorter than two minutes is not worth a word.
    pub(super) fn unwatched(window: Window, first: Option<Timestamp>) -> Option<Self> {
        let end = first.unwrap_or(window.end);
        (end.seconds_since(window.start) > 120.0).then(|| Self {
            window: Window {
                start: window.start,
                end,
            },
            words: (window.percent(end) > 30.0).then(|| "not watched yet".to_owned()),
            kind: HatchKind::Unwatched,
        })
    }
}

/// The path of a line over `points` in a box 1,000 wide and 100 high; a missing
/// value interrupts it. With `is_area` each piece is closed down to the base.
pub(super) fn line_path(
    points: &[(Timestamp, Option<f64>)],
    window: Window,
    top: f64,
    is_area: bool,
) -> String {
    let mut path = String::new();
    // Where the piece being drawn began, and where it is.
    let mut piece: Option<(f64, f64)> = None;
    let close = |path: &mut String, piece: Option<(f64, f64)>| {
        if let (true, Some((start, end))) = (is_area, piece) {
            // Writing to a String cannot fail.
            let _ = write!(path, "L{end:.1} 100L{start:.1} 100Z");
        }
    };
    for (time, value) in points {
        let Some(value) = value.filter(|_| *time >= window.start && *time <= window.end) else {
            close(&mut path, piece.take());
            continue;
        };
        let x = window.percent(*time) * 10.0;
        let y = 100.0 - (value / top * 100.0).clamp(0.0, 100.0);
        let command = if piece.is_some() { 'L' } else { 'M' };
        let _ = write!(path, "{command}{x:.1} {y:.2}");
        if piece.is_none() {
            // A lone value is a dot: a line of no length with round ends.
            path.push_str("h0");
        }
        piece = Some((piece.map_or(x, |(start, _)| start), x));
    }
    close(&mut path, piece);
    path
}

/// The value axis: `top`, its half and 0, with lines across the plot.
pub(super) fn value_axis(top: f64, write: fn(f64) -> String) -> impl IntoView {
    [(0.0, top), (50.0, top / 2.0), (100.0, 0.0)]
        .into_iter()
        .map(|(place, value)| {
            view! {
                <span class="chart-value" style=format!("top:{place}%")>
                    {tick(value, write)}
                </span>
                <span class="chart-grid" style=format!("top:{place}%")></span>
            }
        })
        .collect_view()
}

/// Writes a value of the axis: round numbers need no zeros behind the point,
/// and nothing needs no unit.
fn tick(value: f64, write: fn(f64) -> String) -> String {
    if value == 0.0 {
        return "0".to_owned();
    }
    let text = write(value);
    let (number, unit) = match text.split_once(' ') {
        Some((number, unit)) => (number, Some(unit)),
        None => (text.as_str(), None),
    };
    let number = match number.contains('.') {
        true => number.trim_end_matches('0').trim_end_matches('.'),
        false => number,
    };
    match unit {
        Some(unit) => format!("{number} {unit}"),
        None => number.to_owned(),
    }
}

/// The time axis, in the reader's zone.
pub(super) fn time_axis(window: Window) -> impl IntoView {
    let offset = Prefs::of_page().offset_seconds(window.end);
    window
        .ticks(i64::from(offset))
        .into_iter()
        .map(|time| {
            let place = window.percent(time);
            // A label whose middle would leave the plot turns inward.
            let class = if place > 95.0 {
                "chart-time is-last"
            } else if place < 5.0 {
                "chart-time is-first"
            } else {
                "chart-time"
            };
            view! {
                <span class=class style=format!("left:{place:.2}%")>
                    {format::clock_minutes(time, offset)}
                </span>
            }
        })
        .collect_view()
}

/// Hatched stretches over the plot.
pub(super) fn hatches(hatches: &[Hatch], window: Window, with_words: bool) -> AnyView {
    hatches
        .iter()
        .map(|hatch| {
            let left = window.percent(hatch.window.start);
            let right = window.percent(hatch.window.end);
            let words = hatch.words.clone().filter(|_| with_words);
            let style = format!("left:{left:.2}%;width:{:.2}%", right - left);
            let side = match (hatch.kind, right > 80.0) {
                (HatchKind::Unwatched, _) => "is-inside",
                (_, true) => "is-left",
                (_, false) => "is-right",
            };
            let class = match hatch.kind {
                HatchKind::Unwatched => "chart-hatch is-unwatched",
                HatchKind::Missed => "chart-hatch",
                HatchKind::Partial => "chart-hatch is-partial",
            };
            view! {
                <span class=class style=style>
                    {words
                        .map(|words| {
                            view! { <span class=format!("chart-words {side}")>{words}</span> }
                        })}
                </span>
            }
        })
        .collect_view()
        .into_any()
}

/// Labels beside the right end, pushed apart where they would touch.
pub(super) fn end_labels(labels: &[EndLabel], height: f64) -> AnyView {
    let mut places: Vec<f64> = labels
        .iter()
        .map(|label| (1.0 - label.share.clamp(0.0, 1.0)) * height)
        .collect();
    push_apart(&mut places, LABEL_DISTANCE, height);
    labels
        .iter()
        .zip(places)
        .map(|(label, place)| {
            view! {
                <span class=format!("chart-end {}", label.class) style=format!("top:{place:.0}px")>
                    {label.text.clone()}
                </span>
            }
        })
        .collect_view()
        .into_any()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn axes_carry_no_needless_zeros() {
        assert_eq!(tick(20.0, crate::format::rate_value), "20");
        assert_eq!(tick(2.5, crate::format::rate_value), "2.5");
        assert_eq!(tick(2.0, crate::format::duration), "2 s");
        assert_eq!(tick(0.5, crate::format::duration), "500 ms");
        assert_eq!(tick(0.0, crate::format::duration), "0");
        assert_eq!(tick(10_000.0, |value| format!("{value}")), "10000");
    }

    #[test]
    fn lines_stop_at_missing_values_and_areas_close_each_piece() {
        let window = Window {
            start: Timestamp(0),
            end: Timestamp(10_000_000),
        };
        let points: Vec<(Timestamp, Option<f64>)> = [Some(1.0), Some(2.0), None, Some(4.0)]
            .into_iter()
            .enumerate()
            .map(|(second, value)| (Timestamp(second as i64 * 1_000_000), value))
            .collect();
        assert_eq!(
            line_path(&points, window, 4.0, false),
            "M0.0 75.00h0L100.0 50.00M300.0 0.00h0"
        );
        assert_eq!(
            line_path(&points[..2], window, 4.0, true),
            "M0.0 75.00h0L100.0 50.00L100.0 100L0.0 100Z"
        );
    }
}
