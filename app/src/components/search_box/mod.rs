//! The search over tasks. A search that cannot be read is told under the box,
//! and the rows stay as they were. While somebody types, the list under the box
//! offers what could come next; without scripts it is a plain form.

mod list;
mod offer;
mod syntax;
mod unreadable;

use crate::components::{
    icon::{Glyph, Icon},
    keys::{Keys, focus_search},
};
use leptos::{ev::SubmitEvent, html, prelude::*};
use list::{LIST_ID, SuggestionList, option_id};
use model::{SearchError, SearchExpression};
use offer::Offer;
use syntax::SyntaxHelp;
use unreadable::Unreadable;

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
    // Once told, an error is checked again with every letter, so that it goes when it is mended.
    let retype = move || {
        if error.with_untracked(Option::is_some)
            && let Some(text) = typed()
        {
            check(text);
        }
    };
    let offer = Offer::new(input, Callback::new(move |()| retype()));
    let submit = move |event: SubmitEvent| {
        event.prevent_default();
        offer.close();
        if let Some(text) = typed().and_then(check) {
            on_search.run(text.trim().to_owned());
        }
    };
    let keys = Keys::of_page();
    // Only scripts make it a combobox.
    let is_scripted = RwSignal::new(false);
    Effect::new(move || {
        is_scripted.set(true);
        // The box exists before it is in the document, where alone it can be focused.
        if input.get().is_some() && keys.take_search_wish() {
            request_animation_frame(|| {
                focus_search();
            });
        }
    });
    let if_scripted = move |value: &'static str| is_scripted.get().then_some(value);
    let is_open = Memo::new(move |_| offer.offered.with(Option::is_some));
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
                    role=move || if_scripted("combobox")
                    aria-label="Search tasks"
                    aria-autocomplete=move || if_scripted("list")
                    aria-expanded=move || is_scripted.get().then(|| is_open.get().to_string())
                    aria-controls=move || is_open.get().then_some(LIST_ID)
                    aria-activedescendant=move || offer.active.get().map(option_id)
                    aria-invalid=move || error.with(|error| error.is_some().to_string())
                    aria-describedby="search-error"
                    placeholder="words, or name:send_email kwargs:order_id=17 runtime:>5s"
                    autocomplete="off"
                    autocapitalize="off"
                    spellcheck="false"
                    enterkeyhint="search"
                    value=search.get_untracked()
                    prop:value=move || search.get()
                    on:input=move |_| {
                        retype();
                        offer.ask_soon();
                    }
                    on:keydown=move |event| offer.press(&event)
                    on:click=move |_| {
                        if is_open.get_untracked() {
                            offer.ask_soon();
                        }
                    }
                    on:blur=move |_| offer.close()
                />
                {hidden}
                <span class="search-note">{move || note.get()}</span>
                <SyntaxHelp />
                <kbd class="search-key with-script">"/"</kbd>
                <SuggestionList offer />
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
