//! The surface that holds one subject: a head with title, caption and actions, then the content.

use leptos::prelude::*;

/// A card. Its title is a heading of the second level.
#[component]
pub fn Card(
    /// What the card shows.
    #[prop(into)]
    title: Signal<String>,
    /// What the figures mean: unit, span, source.
    #[prop(into, optional)]
    caption: Signal<String>,
    /// Further classes.
    #[prop(optional)]
    class: &'static str,
    /// What stands at the right end of the head.
    #[prop(optional)]
    actions: Option<Children>,
    /// The content.
    children: Children,
) -> impl IntoView {
    view! {
        <section class=format!("card {class}")>
            <header class="card-head">
                <h2 class="card-title">{title}</h2>
                <Show when=move || caption.with(|caption| !caption.is_empty())>
                    <span class="card-caption">{caption}</span>
                </Show>
                {actions.map(|actions| view! { <div class="card-actions">{actions()}</div> })}
            </header>
            {children()}
        </section>
    }
    .into_any()
}

/// A short word that marks something, such as `near limit`.
#[component]
pub fn Tag(
    /// `neutral`, `warn`, `bad`, `ok` or `accent`.
    #[prop(default = "neutral")]
    kind: &'static str,
    /// The words.
    children: Children,
) -> impl IntoView {
    view! { <span class=format!("tag tag-{kind}")>{children()}</span> }.into_any()
}
