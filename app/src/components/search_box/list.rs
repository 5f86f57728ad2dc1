//! The list of suggestions under the search box.

use super::offer::{Offer, Offered};
use crate::{
    components::{
        icon::{Glyph, Icon},
        state_badge::StateGlyph,
    },
    format::count,
};
use leptos::prelude::*;
use model::{
    TaskState,
    search::{Suggestion, SuggestionKind},
};

/// The element that the box controls.
pub(super) const LIST_ID: &str = "search-suggestions";

/// Returns the id of a suggestion's element.
pub(super) fn option_id(index: usize) -> String {
    format!("search-suggestion-{index}")
}

/// The list of suggestions, if there are any.
#[component]
pub(super) fn SuggestionList(
    /// What is offered.
    offer: Offer,
) -> impl IntoView {
    let said = move || {
        offer.offered.with(|offered| {
            let items = &offered.as_ref()?.suggestions.items;
            Some(count(items.len() as u64, "suggestion"))
        })
    };
    view! {
        <span class="visually-hidden" role="status">
            {said}
        </span>
        {move || offer.offered.get().map(|offered| view! { <List offer offered /> })}
    }
    .into_any()
}

#[component]
fn List(offer: Offer, offered: Offered) -> impl IntoView {
    let Offered {
        suggestions, typed, ..
    } = offered;
    let mut groups: Vec<(SuggestionKind, Vec<(usize, Suggestion)>)> = Vec::new();
    for (index, item) in suggestions.items.into_iter().enumerate() {
        match groups.last_mut() {
            Some((kind, items)) if *kind == item.kind => items.push((index, item)),
            _ => groups.push((item.kind, vec![(index, item)])),
        }
    }
    let groups = groups.into_iter().map(|(kind, items)| {
        let title = title_of(kind, typed.is_empty());
        let typed = typed.clone();
        let options = items
            .into_iter()
            .map(move |(index, item)| {
                view! { <SuggestionOption offer index item typed=typed.clone() /> }
            })
            .collect_view();
        view! {
            <div role="group" aria-label=title>
                <div class="suggestion-title" aria-hidden="true">
                    {title}
                </div>
                {options}
            </div>
        }
    });
    // Under what it replaces, as far as there is room; one letter is one `ch`.
    let place = suggestions.start.to_string();
    view! {
        <div
            class="float suggestions"
            style=("--place", place)
            // The input keeps the focus.
            on:mousedown=move |event| event.prevent_default()
        >
            <div id=LIST_ID role="listbox" aria-label="Suggestions">
                {groups.collect_view()}
            </div>
            <div class="suggestion-keys" aria-hidden="true">
                <span>
                    <kbd>"↑"</kbd>
                    <kbd>"↓"</kbd>
                    "move"
                </span>
                <span>
                    <kbd>"Tab"</kbd>
                    "complete"
                </span>
                <span>
                    <kbd>"Enter"</kbd>
                    {move || if offer.active.get().is_some() { "complete" } else { "search" }}
                </span>
                <span>
                    <kbd>"Esc"</kbd>
                    "close"
                </span>
            </div>
        </div>
    }
    .into_any()
}

#[component]
fn SuggestionOption(offer: Offer, index: usize, item: Suggestion, typed: String) -> impl IntoView {
    let is_active = Memo::new(move |_| offer.active.get() == Some(index));
    let sign = match item.kind {
        SuggestionKind::State => {
            let state = TaskState::from_name(&item.label);
            view! { <StateGlyph state=state /> }.into_any()
        }
        kind => glyph_of(kind)
            .map(|glyph| view! { <Icon glyph /> })
            .into_any(),
    };
    let is_code = !matches!(
        item.kind,
        SuggestionKind::State
            | SuggestionKind::Name
            | SuggestionKind::Worker
            | SuggestionKind::Queue
    );
    let is_key = item.kind == SuggestionKind::Key;
    let is_field = is_key || item.kind == SuggestionKind::Field;
    let (before, hit, after) = split_at(&item.label, &typed);
    let title = item.label.clone();
    view! {
        <div
            id=option_id(index)
            class="suggestion"
            role="option"
            aria-selected=move || is_active.get().to_string()
            on:click=move |_| offer.accept(index)
        >
            {sign}
            <span class="suggestion-label" class:is-code=is_code class:is-field=is_field title=title>
                {before}
                <b>{hit}</b>
                {after}
            </span>
            <span class="suggestion-note" class:is-code=is_key>
                {item.note}
            </span>
            <span class="suggestion-count">{item.tasks.map(|tasks| count(tasks, "task"))}</span>
        </div>
    }
    .into_any()
}

fn title_of(kind: SuggestionKind, is_first: bool) -> &'static str {
    match kind {
        SuggestionKind::Field if is_first => "Narrow by",
        SuggestionKind::Field => "Fields",
        SuggestionKind::State => "States",
        SuggestionKind::Name => "Task types",
        SuggestionKind::Worker => "Workers",
        SuggestionKind::Queue => "Queues",
        SuggestionKind::Exception => "Exceptions of the newest failures",
        SuggestionKind::Key => "Keys of the newest tasks",
        SuggestionKind::Value => "Values of the newest tasks",
        SuggestionKind::Example => "For example",
    }
}

fn glyph_of(kind: SuggestionKind) -> Option<Glyph> {
    match kind {
        SuggestionKind::Name => Some(Glyph::Tasks),
        SuggestionKind::Worker => Some(Glyph::Workers),
        SuggestionKind::Queue => Some(Glyph::Queues),
        SuggestionKind::Exception => Some(Glyph::Warning),
        SuggestionKind::State
        | SuggestionKind::Field
        | SuggestionKind::Key
        | SuggestionKind::Value
        | SuggestionKind::Example => None,
    }
}

/// Splits a label around what matches what was typed, in any case.
fn split_at(label: &str, typed: &str) -> (String, String, String) {
    let letters: Vec<char> = label.chars().collect();
    let fold = |letter: &char| letter.to_lowercase().collect::<String>();
    let wanted: Vec<String> = typed.chars().map(|letter| fold(&letter)).collect();
    let folded: Vec<String> = letters.iter().map(fold).collect();
    let start = if wanted.is_empty() {
        None
    } else {
        folded.windows(wanted.len()).position(|part| part == wanted)
    };
    let start = start.unwrap_or(letters.len());
    let end = start.saturating_add(wanted.len()).min(letters.len());
    let text = |part: Option<&[char]>| part.unwrap_or_default().iter().collect();
    (
        text(letters.get(..start)),
        text(letters.get(start..end)),
        text(letters.get(end..)),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_label_is_split_around_what_matches() {
        let split = |label, typed| {
            let (before, hit, after) = split_at(label, typed);
            format!("{before}[{hit}]{after}")
        };
        assert_eq!(split("shop.Mail.send", "mail"), "shop.[Mail].send");
        assert_eq!(split("GRÖSSE", "rö"), "G[RÖ]SSE");
        assert_eq!(split("mail", ""), "mail[]");
        assert_eq!(split("mail", "web"), "mail[]");
        assert_eq!(split("a", "longer"), "a[]");
    }
}
