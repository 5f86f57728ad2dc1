//! A small note above what it is about: something here is not as it seems.

use super::icon::{Glyph, Icon};
use leptos::prelude::*;

/// One line on amber with a warning sign.
#[component]
pub fn Note(
    /// Further classes.
    #[prop(optional)]
    class: &'static str,
    /// The words.
    children: Children,
) -> impl IntoView {
    view! {
        <p class=format!("note {class}")>
            <Icon glyph=Glyph::Warning />
            <span>{children()}</span>
        </p>
    }
    .into_any()
}
