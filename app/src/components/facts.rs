//! Facts: small labels over values, side by side in one card or below each other as rows.

use leptos::prelude::*;

/// One card of cells divided by lines.
#[component]
pub fn Facts(
    /// The facts.
    children: Children,
) -> impl IntoView {
    view! { <dl class="facts">{children()}</dl> }.into_any()
}

/// A label and its value, within [`Facts`] or [`FactList`].
#[component]
pub fn Fact(
    /// What it is.
    label: &'static str,
    /// The value.
    children: Children,
) -> impl IntoView {
    view! {
        <div class="fact">
            <dt>{label}</dt>
            <dd>{children()}</dd>
        </div>
    }
    .into_any()
}

/// Rows with the label at the left and the value at the right, for a card.
#[component]
pub fn FactList(
    /// The facts.
    children: Children,
) -> impl IntoView {
    view! { <dl class="fact-list">{children()}</dl> }.into_any()
}
