//! Parts of a page behind links: the chosen part is in the address, so it can
//! be sent to a colleague and works without JavaScript.

use leptos::prelude::*;

/// One tab.
#[derive(Clone, Debug, PartialEq)]
pub struct Tab {
    /// What it is called.
    pub label: &'static str,
    /// How many things are behind it, if that is known and worth knowing.
    pub count: Option<usize>,
    /// Its address.
    pub href: String,
    /// Whether it is the chosen one.
    pub is_current: bool,
}

/// A row of tabs.
#[component]
pub fn Tabs(
    /// What the tabs divide, for screen readers.
    #[prop(into)]
    label: String,
    /// The tabs.
    #[prop(into)]
    tabs: Signal<Vec<Tab>>,
) -> impl IntoView {
    view! {
        <nav class="tabs" aria-label=label>
            {move || {
                tabs.get()
                    .into_iter()
                    .map(|tab| {
                        view! {
                            <a
                                class="tab"
                                href=tab.href
                                aria-current=tab.is_current.then_some("page")
                                data-noscroll=""
                            >
                                {tab.label}
                                {tab
                                    .count
                                    .map(|count| {
                                        view! {
                                            <span class="tab-count">
                                                {crate::format::thousands(count as u64)}
                                            </span>
                                        }
                                    })}
                            </a>
                        }
                    })
                    .collect_view()
            }}
        </nav>
    }
    .into_any()
}

/// One choice of a [`Switch`].
#[derive(Clone, Debug, PartialEq)]
pub struct Choice {
    /// What it is called.
    pub label: &'static str,
    /// Its address.
    pub href: String,
    /// Whether it is the chosen one.
    pub is_current: bool,
}

/// A small switch between ways to see the same thing.
#[component]
pub fn Switch(
    /// What is chosen, for screen readers.
    label: &'static str,
    /// The choices.
    #[prop(into)]
    choices: Signal<Vec<Choice>>,
) -> impl IntoView {
    view! {
        <nav class="segments" aria-label=label>
            {move || {
                choices
                    .get()
                    .into_iter()
                    .map(|choice| {
                        view! {
                            <a
                                class="segment"
                                href=choice.href
                                aria-current=choice.is_current.then_some("true")
                                data-noscroll=""
                            >
                                {choice.label}
                            </a>
                        }
                    })
                    .collect_view()
            }}
        </nav>
    }
    .into_any()
}
