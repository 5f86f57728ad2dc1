//! The search over tasks. A search that cannot be read is told under the box,
//! and the rows stay as they were.

use crate::components::{
    icon::{Glyph, Icon},
    keys::{Keys, focus_search},
};
use leptos::{ev::SubmitEvent, html, prelude::*};
use model::{SearchError, SearchExpression};

/// A box for a search expression.
#[component]
pub fn SearchBox(
    /// The search of the list that is shown.
    #[prop(into)]
    search: Signal<String>,
    /// What stands at the right end, such as how many tasks match.
    #[prop(into)]
    note: Signal<String>,
    /// Parameters of the page that a search keeps, for browsers without scripts.
    #[prop(into)]
    kept: Signal<Vec<(&'static str, String)>>,
    /// Called with a search that can be read.
    on_search: Callback<String>,
) -> impl IntoView {
    let input: NodeRef<html::Input> = NodeRef::new();
    let error: RwSignal<Option<(String, SearchError)>> = RwSignal::new(None);
    let check = move |text: String| match SearchExpression::parse(&text) {
        Ok(_) => {
            error.set(None);
            Some(text)
        }
        Err(wrong) => {
            error.set(Some((text, wrong)));
            None
        }
    };
    let typed = move || input.get_untracked().map(|input| input.value());
    let submit = move |event: SubmitEvent| {
        event.prevent_default();
        if let Some(text) = typed().and_then(check) {
            on_search.run(text.trim().to_owned());
        }
    };
    // Once told, an error is checked again with every letter, so that it goes when it is mended.
    let retype = move |_| {
        if error.with_untracked(Option::is_some)
            && let Some(text) = typed()
        {
            check(text);
        }
    };
    let keys = Keys::of_page();
    Effect::new(move || {
        // The box exists before it is in the document, where alone it can be focused.
        if input.get().is_some() && keys.take_search_wish() {
            request_animation_frame(|| {
                focus_search();
            });
        }
    });
    let hidden = move || {
        let field = |(name, value)| view! { <input type="hidden" name=name value=value /> };
        kept.get().into_iter().map(field).collect_view()
    };
    view! {
        <search>
            <form class="search-box" action="/tasks" method="get" on:submit=submit>
                <Icon glyph=Glyph::Search />
                <input
                    node_ref=input
                    type="search"
                    name="search"
                    data-search
                    aria-label="Search tasks"
                    aria-invalid=move || error.with(|error| error.is_some().to_string())
                    aria-describedby="search-error"
                    placeholder="words, or name:send_email kwargs:order_id=17"
                    autocomplete="off"
                    autocapitalize="off"
                    spellcheck="false"
                    value=search.get_untracked()
                    prop:value=move || search.get()
                    on:input=retype
                />
                {hidden}
                <span class="search-note">{move || note.get()}</span>
                <kbd class="search-key with-script">"/"</kbd>
            </form>
            <div id="search-error" role="status">
                {move || {
                    error
                        .get()
                        .map(|(text, wrong)| view! { <Unreadable text wrong /> })
                }}
            </div>
        </search>
    }
    .into_any()
}

/// What cannot be read in a search, and where.
#[component]
pub fn Unreadable(
    /// The search.
    text: String,
    /// What is wrong with it.
    wrong: SearchError,
) -> impl IntoView {
    // A search that is wrong as a whole has no position.
    let position = wrong.position;
    let before: String = text.chars().take(position.unwrap_or(0)).collect();
    let after: String = text.chars().skip(position.unwrap_or(0)).collect();
    let after = if after.is_empty() {
        " ".to_owned()
    } else {
        after
    };
    let fact = match position {
        Some(position) => format!(
            "Search can’t be read at character {}",
            position.saturating_add(1)
        ),
        None => "Search can’t be read".to_owned(),
    };
    view! {
        <div class="search-error">
            <Icon glyph=Glyph::Close />
            <div>
                <p>
                    <strong>{fact}</strong>
                </p>
                <p class="search-error-text">
                    {before}
                    <mark>{after}</mark>
                </p>
                <p>{wrong.message} ". The rows show the last good search."</p>
            </div>
        </div>
    }
    .into_any()
}
