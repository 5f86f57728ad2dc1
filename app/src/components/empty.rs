//! The forms of a table or page that has nothing new to show: loading, empty,
//! error, stale.

use super::{
    icon::{Glyph, Icon},
    note::Note,
};
use crate::{
    format,
    live::{LinkState, Live, Picture},
    prefs::Prefs,
    server_fns,
};
use leptos::prelude::*;
use model::{BrokerState, ErrorKind, Timestamp, WireError};

/// What the page shows is not of now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stale {
    /// Of when it is.
    pub since: Timestamp,
    /// Who does not answer.
    pub silent: &'static str,
}

/// Returns whether the numbers on the page have stopped, and since when.
pub fn stale() -> Memo<Option<Stale>> {
    let live = Live::of_page();
    Memo::new(move |_| {
        if let LinkState::Lost { since } = live.link.get() {
            return Some(Stale {
                since,
                silent: "dashboard",
            });
        }
        live.pulse.with(|pulse| match pulse.as_ref()?.broker {
            BrokerState::Down { since, .. } => Some(Stale {
                since,
                silent: "broker",
            }),
            BrokerState::Up { .. } | BrokerState::Connecting { .. } => None,
        })
    })
}

/// A row above stale rows, told once; nothing while numbers are fresh.
#[component]
pub fn StaleRow() -> impl IntoView {
    let (live, prefs) = (Live::of_page(), Prefs::of_page());
    let stale = stale();
    let words = Memo::new(move |_| {
        let Stale { since, silent } = stale.get()?;
        let clock = format::clock_seconds(since, live.now.get(), prefs.offset_seconds(since));
        Some(format!("As of {clock}, {silent} unreachable"))
    });
    view! {
        {move || {
            words
                .get()
                .map(|words| view! { <Note class="stale-row">{words}</Note> })
        }}
    }
    .into_any()
}

/// Says what is missing, with the next step as its content.
#[component]
pub fn Empty(
    /// What is missing.
    #[prop(into)]
    title: Signal<String>,
    /// What changes it.
    children: Children,
) -> impl IntoView {
    view! {
        <div class="empty">
            <p class="empty-title">{title}</p>
            <div class="empty-text">{children()}</div>
        </div>
    }
    .into_any()
}

/// Says what went wrong, why, and what happens now.
#[component]
pub fn ErrorNote(
    /// The error.
    error: WireError,
) -> impl IntoView {
    let title = match error.kind {
        ErrorKind::Invalid => "This address can't be read",
        ErrorKind::NotFound => "Not found",
        ErrorKind::Forbidden => "You may not see this",
        ErrorKind::Conflict => "It can't be done as things stand",
        ErrorKind::Unavailable => "The dashboard has no answer",
        ErrorKind::Internal => "The dashboard has a defect",
    };
    let next = match error.kind {
        ErrorKind::Unavailable => "It is asked again every few seconds.",
        ErrorKind::Invalid | ErrorKind::NotFound => {
            "Change the address or choose a page at the left."
        }
        ErrorKind::Forbidden => "Whoever runs the dashboard decides who may.",
        ErrorKind::Conflict => "Look again: it may have changed meanwhile.",
        ErrorKind::Internal => "Its log says more.",
    };
    view! {
        <div class="card error-note" role="alert">
            <Icon glyph=Glyph::Close />
            <h2>{title}</h2>
            <p>{error.message}</p>
            <p>{next}</p>
        </div>
    }
    .into_any()
}

/// Grey bars in the place of rows, for the first load only.
#[component]
pub fn Skeleton(
    /// How many rows.
    #[prop(default = 8)]
    rows: usize,
) -> impl IntoView {
    let rows = (0..rows)
        .map(|_| {
            view! {
                <div class="loading-row">
                    <i></i>
                    <i></i>
                    <i></i>
                </div>
            }
        })
        .collect_view();
    view! {
        <div class="card loading" role="status" aria-label="Loading">
            {rows}
        </div>
    }
    .into_any()
}

/// Shows `content` as soon as there is a picture; until then the skeleton, or
/// the error if there is one. The signal that `content` gets never goes back to nothing.
pub fn when_ready<T, V>(
    picture: Picture<T>,
    content: impl Fn(Signal<T>) -> V + Send + 'static,
) -> impl IntoView
where
    T: Clone + PartialEq + Send + Sync + 'static,
    V: IntoView + 'static,
{
    let is_ready = Memo::new(move |_| picture.data.with(Option::is_some));
    move || {
        let first = is_ready
            .get()
            .then(|| picture.data.get_untracked())
            .flatten();
        if let Some(first) = first {
            let newest = move |_: Option<&T>| picture.data.get().unwrap_or_else(|| first.clone());
            return content(Memo::new(newest).into()).into_any();
        }
        match picture.error.get() {
            Some(error) => {
                server_fns::set_status(error.kind.status());
                view! { <ErrorNote error /> }.into_any()
            }
            None => view! { <Skeleton /> }.into_any(),
        }
    }
}
