//! A line without axes for a cell: the shape of the last hour, scaled from 0.

use leptos::prelude::*;
use std::fmt::Write as _;

/// Height of the drawing in its own units; the width is `slots`.
const HEIGHT: f64 = 20.0;
/// Room above and below, so that the stroke of the highest value is not cut.
const MARGIN: f64 = 1.5;
/// More points than this cannot be told apart at 72 px.
const MOST_POINTS: usize = 72;

/// How a small figure is coloured: only a row in trouble is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Tone {
    /// Nothing to say.
    #[default]
    Quiet,
    /// To be watched.
    Warn,
    /// Failing.
    Bad,
}

impl Tone {
    /// Returns the class that carries the tone, such as `tone-warn`.
    pub fn class(self) -> &'static str {
        match self {
            Self::Quiet => "tone-quiet",
            Self::Warn => "tone-warn",
            Self::Bad => "tone-bad",
        }
    }
}

/// A line of `slots` places; values fill them from the right, so that a short
/// history stands at the right end instead of being stretched over the hour.
/// A missing value interrupts the line.
#[component]
pub fn Sparkline(
    /// The values, oldest first.
    #[prop(into)]
    values: Signal<Vec<Option<f64>>>,
    /// How many values a full line has.
    slots: usize,
    /// What the line shows, for those who cannot see it.
    #[prop(into)]
    label: Signal<String>,
    /// The colour.
    #[prop(into, default = Tone::Quiet.into())]
    tone: Signal<Tone>,
) -> impl IntoView {
    let path = Memo::new(move |_| values.with(|values| spark_path(values, slots)));
    view! {
        <svg
            class=move || format!("sparkline {}", tone.get().class())
            viewBox=format!("0 0 {} {HEIGHT}", width(slots))
            preserveAspectRatio="none"
            role="img"
            aria-label=label
        >
            <path d=path vector-effect="non-scaling-stroke" />
        </svg>
    }
    .into_any()
}

/// How many neighbouring values become one point.
fn step(slots: usize) -> usize {
    slots.div_ceil(MOST_POINTS).max(1)
}

fn width(slots: usize) -> usize {
    slots.max(1).div_ceil(step(slots)).max(2) - 1
}

/// Returns the path of the line; pieces between missing values are separate,
/// and a lone value is a dot (a line of no length with round ends).
fn spark_path(values: &[Option<f64>], slots: usize) -> String {
    let slots = slots.max(1);
    let newest = &values[values.len().saturating_sub(slots)..];
    let mut places: Vec<Option<f64>> = vec![None; slots - newest.len()];
    places.extend_from_slice(newest);
    let places = thin(&places, step(slots));
    let top = places.iter().flatten().copied().fold(0.0, f64::max);
    let scale = if top > 0.0 {
        (HEIGHT - 2.0 * MARGIN) / top
    } else {
        0.0
    };
    let mut path = String::new();
    let mut is_drawing = false;
    for (x, value) in places.iter().enumerate() {
        let Some(value) = value else {
            is_drawing = false;
            continue;
        };
        let y = HEIGHT - MARGIN - value.max(0.0) * scale;
        let is_alone = !is_drawing && places.get(x + 1).is_none_or(Option::is_none);
        let command = if is_drawing { 'L' } else { 'M' };
        // Writing to a String cannot fail.
        let _ = write!(path, "{command}{x} {y:.1}");
        if is_alone {
            path.push_str("h0");
        }
        is_drawing = true;
    }
    path
}

/// Takes the largest of each `step` neighbours: a short peak must not vanish.
fn thin(places: &[Option<f64>], step: usize) -> Vec<Option<f64>> {
    places
        .rchunks(step)
        .rev()
        .map(|chunk| chunk.iter().flatten().copied().reduce(f64::max))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_short_history_stands_at_the_right_end() {
        let path = spark_path(&[Some(1.0), Some(2.0)], 4);
        assert_eq!(path, "M2 10.0L3 1.5");
    }

    #[test]
    fn a_missing_value_interrupts_the_line() {
        let path = spark_path(&[Some(1.0), Some(1.0), None, Some(1.0)], 4);
        assert_eq!(path, "M0 1.5L1 1.5M3 1.5h0");
    }

    #[test]
    fn nothing_but_zeros_is_a_flat_line_at_the_bottom() {
        assert_eq!(spark_path(&[Some(0.0), Some(0.0)], 2), "M0 18.5L1 18.5");
        assert_eq!(spark_path(&[], 3), "");
    }

    #[test]
    fn a_short_peak_survives_thinning() {
        let mut values = vec![Some(0.0); 360];
        values[123] = Some(9.0);
        let thinned = thin(&values, step(360));
        assert_eq!(thinned.len(), width(360) + 1);
        assert!(thinned.contains(&Some(9.0)));
    }
}
