//! Filters at a glance: states to switch on and off, and tags to take away.

use crate::{
    components::{
        icon::{Glyph, Icon},
        state_badge::StateGlyph,
    },
    format::thousands,
};
use leptos::prelude::*;
use model::TaskState;

/// A state with its count; a link that switches it on or off.
#[component]
pub fn StateChip(
    /// The state; none for all of them.
    state: Option<TaskState>,
    /// How many tasks are in it; unknown until the first picture came.
    #[prop(into)]
    count: Signal<Option<u64>>,
    /// Whether the list is narrowed to it.
    #[prop(into)]
    is_on: Signal<bool>,
    /// The list with this state switched.
    #[prop(into)]
    href: Signal<String>,
) -> impl IntoView {
    let word = state
        .as_ref()
        .map_or_else(|| "All".to_owned(), |state| state.label().into_owned());
    let glyph = state.map(|state| view! { <StateGlyph state /> });
    view! {
        <a
            class="chip"
            class:is-on=move || is_on.get()
            class:is-zero=move || count.get() == Some(0)
            aria-current=move || is_on.get().then_some("true")
            href=move || href.get()
        >
            {glyph}
            <span class="chip-word">{word}</span>
            <span class="chip-count">{move || count.get().map(thousands)}</span>
        </a>
    }
    .into_any()
}

/// A filter that is set; a link that takes it away.
#[component]
pub fn FilterTag(
    /// What is filtered, such as `queue`.
    name: &'static str,
    /// The value.
    #[prop(into)]
    value: String,
    /// The list without it.
    #[prop(into)]
    href: String,
) -> impl IntoView {
    let label = format!("Remove the filter {name} {value}");
    view! {
        <a class="filter-tag" href=href aria-label=label>
            <span class="filter-name">{name}</span>
            <span class="filter-value">{value}</span>
            <Icon glyph=Glyph::Close />
        </a>
    }
    .into_any()
}
