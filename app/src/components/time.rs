//! Points and lengths of time, in the reader's zone and by the server's clock.

use crate::{
    format,
    live::Live,
    prefs::{Prefs, Zone},
};
use leptos::prelude::*;
use model::Timestamp;

/// How much of a point in time is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Precision {
    /// `02:16:39.499`
    #[default]
    Milliseconds,
    /// `02:16:39`
    Seconds,
}

/// A point in time; blank if there is none.
#[component]
pub fn Time(
    /// When.
    #[prop(into)]
    at: Signal<Option<Timestamp>>,
    /// How precise.
    #[prop(optional)]
    precision: Precision,
) -> impl IntoView {
    let (live, prefs) = (Live::of_page(), Prefs::of_page());
    let text = move || {
        let at = at.get()?;
        let clock = match precision {
            Precision::Milliseconds => format::clock,
            Precision::Seconds => format::clock_seconds,
        };
        Some(match prefs.shown_zone() {
            Zone::Relative => format::relative(at, live.now.get()),
            Zone::Utc | Zone::Local => clock(at, live.now.get(), prefs.offset_seconds(at)),
        })
    };
    // A memo, so that the tick of the clock does not touch the document.
    let text = Memo::new(move |_| text());
    let machine = move || at.get().map(format::iso);
    view! {
        <time datetime=machine title=machine>
            {move || text.get()}
        </time>
    }
}

/// The distance of a point in time from now, whatever the zone: `12 s ago`.
#[component]
pub fn Ago(
    /// When.
    #[prop(into)]
    at: Signal<Timestamp>,
) -> impl IntoView {
    let live = Live::of_page();
    let text = Memo::new(move |_| format::relative(at.get(), live.now.get()));
    let machine = move || format::iso(at.get());
    view! {
        <time datetime=machine title=machine>
            {move || text.get()}
        </time>
    }
}

/// A length of time; blank if there is none, exact when pointed at.
#[component]
pub fn Duration(
    /// How long.
    #[prop(into)]
    seconds: Signal<Option<f64>>,
) -> impl IntoView {
    view! {
        <span class="duration" title=move || seconds.get().map(format::exact_seconds)>
            {move || seconds.get().map(format::duration)}
        </span>
    }
}

/// A length of time that still grows; `unknown` while the broker is down, since
/// what it counts may have ended.
#[component]
pub fn Elapsed(
    /// Since when.
    #[prop(into)]
    since: Signal<Timestamp>,
) -> impl IntoView {
    let live = Live::of_page();
    let text = Memo::new(move |_| {
        if live.is_broker_up() {
            format::whole_seconds(live.now.get().seconds_since(since.get()))
        } else {
            "unknown".to_owned()
        }
    });
    view! { <span class="elapsed">{move || text.get()}</span> }
}
