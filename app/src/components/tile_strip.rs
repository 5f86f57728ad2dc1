//! The strip of figures at the top of a page. Each leads to what is behind it.

use super::{
    empty::{Stale, stale},
    gaps::{GapMark, missing_signal},
    sparkline::{Sparkline, Tone},
};
use crate::{format, live::Live, prefs::Prefs};
use leptos::prelude::*;

/// What a tile shows.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Face {
    /// The figure.
    pub value: String,
    /// What it is counted in, or of how many.
    pub unit: String,
    /// How it was before, or what it means.
    pub note: String,
    /// Coloured only past a threshold.
    pub tone: Tone,
    /// The hour, oldest first; nothing draws nothing.
    pub trend: Vec<Option<f64>>,
}

/// One card of tiles divided by lines.
#[component]
pub fn TileStrip(
    /// The tiles.
    children: Children,
) -> impl IntoView {
    let stale = stale();
    view! {
        <ul class="tile-strip" class:is-stale=move || stale.get().is_some()>
            {children()}
        </ul>
    }
    .into_any()
}

/// A figure with its trend, within a [`TileStrip`].
#[component]
pub fn Tile(
    /// What the figure is.
    label: &'static str,
    /// What the note and the trend mean, when pointed at.
    title: &'static str,
    /// The address of what is behind it.
    #[prop(into)]
    href: String,
    /// How many values a full trend has.
    #[prop(default = 60)]
    slots: usize,
    /// For a figure that rests on events: of how many seconds. A gap in them marks it.
    #[prop(default = 0.0)]
    rests_on: f64,
    /// The figure.
    #[prop(into)]
    face: Signal<Face>,
) -> impl IntoView {
    let (live, prefs) = (Live::of_page(), Prefs::of_page());
    let stale = stale();
    let missing = (rests_on > 0.0).then(|| {
        let why = missing_signal(rests_on);
        view! { <GapMark why /> }
    });
    // What was past a threshold when the broker went is not known to be so now.
    let tone = Memo::new(move |_| match stale.get() {
        Some(_) => Tone::Quiet,
        None => face.with(|face| face.tone),
    });
    let note = Memo::new(move |_| match stale.get() {
        Some(Stale { since, .. }) => {
            let offset = prefs.offset_seconds(since);
            format!(
                "as of {}",
                format::clock_seconds(since, live.now.get(), offset)
            )
        }
        None => face.with(|face| face.note.clone()),
    });
    let has_trend = Memo::new(move |_| face.with(|face| face.trend.iter().any(Option::is_some)));
    let trend = Memo::new(move |_| face.with(|face| face.trend.clone()));
    view! {
        <li>
            <a class=move || format!("tile {}", tone.get().class()) href=href title=title>
                <span class="tile-label">{label}</span>
                <span class="tile-value">
                    {move || face.with(|face| face.value.clone())}
                    <span class="tile-unit">
                        " " {move || face.with(|face| face.unit.clone())}
                    </span>
                    {missing}
                </span>
                <span class="tile-foot">
                    <span class="tile-note">{note}</span>
                    <Show when=move || has_trend.get()>
                        <Sparkline
                            values=trend
                            slots=slots
                            label=format!("{label}, last hour")
                            tone=tone
                        />
                    </Show>
                </span>
            </a>
        </li>
    }
    .into_any()
}
