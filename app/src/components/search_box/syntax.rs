//! The help on the search language: one line for each thing it can say.

use crate::links;
use leptos::{html, prelude::*};
use model::TaskQuery;
use wasm_bindgen::JsCast;
use web_sys::{FocusEvent, KeyboardEvent, Node};

/// An example, and what it finds.
const LINES: [(&str, &str); 15] = [
    (
        "timeout",
        "the word anywhere: id, name, worker, arguments, result, exception…",
    ),
    ("\"card declined\"", "the phrase"),
    (
        "name:mail state:failure",
        "both; also worker: queue: args: kwargs: result: id: root: parent:",
    ),
    ("queue:=mail", "the queue is called mail, not mail-bulk"),
    (
        "state:retry OR state:failure",
        "one of them; parentheses group",
    ),
    (
        "exception:Timeout -name:report",
        "the first, but not the second; NOT is the same as -",
    ),
    ("traceback:stock.py", "the traceback contains it"),
    (
        "kwargs.user.email:example.org",
        "a value inside the arguments contains it; also args.0: result.id:",
    ),
    (
        "kwargs:order_id=17",
        "an argument is exactly this; also kwargs.order_id:=17",
    ),
    ("kwargs.amount:>100", "an argument is a number over 100"),
    ("runtime:>5s", "it ran longer; units ms s m h d, and 1h30m"),
    ("wait:200ms..2s", "from the first to the second"),
    ("retries:>2", "it was retried more often"),
    (
        "received:>-1h",
        "in the last hour; also started: finished: sent: eta:",
    ),
    (
        "received:2026-11-20T08:00..09:00",
        "between two times in UTC; with +02:00 in that zone; a date alone is its day",
    ),
];

/// A button that shows the help on the search language. It needs no scripts.
#[component]
pub(super) fn SyntaxHelp() -> impl IntoView {
    let menu: NodeRef<html::Details> = NodeRef::new();
    let close = move || {
        if let Some(menu) = menu.get_untracked() {
            menu.set_open(false);
        }
    };
    let press = move |event: KeyboardEvent| {
        let Some(menu) = menu.get_untracked().filter(|menu| menu.open()) else {
            return;
        };
        if event.key() != "Escape" {
            return;
        }
        event.prevent_default();
        menu.set_open(false);
        let summary = menu.query_selector("summary").ok().flatten();
        let summary = summary.and_then(|summary| summary.dyn_into().ok());
        let focused = summary.map(|summary: web_sys::HtmlElement| summary.focus());
        if !matches!(focused, Some(Ok(()))) {
            leptos::logging::warn!("the help's button can't take the focus");
        }
    };
    let leave = move |event: FocusEvent| {
        let Some(menu) = menu.get_untracked() else {
            return;
        };
        let next = event.related_target();
        let next: Option<Node> = next.and_then(|next| next.dyn_into().ok());
        // Clicks on what can't be focused, as the help's own text, stay inside.
        if next.is_some_and(|next| !menu.contains(Some(&next))) {
            menu.set_open(false);
        }
    };
    let lines = LINES.map(|(example, meaning)| {
        let href = links::tasks(&TaskQuery {
            search: example.to_owned(),
            ..TaskQuery::default()
        });
        view! {
            <div class="syntax-line">
                <dt>
                    <a href=href on:click=move |_| close()>
                        <code>{example}</code>
                    </a>
                </dt>
                <dd>{meaning}</dd>
            </div>
        }
    });
    view! {
        <details class="menu syntax" node_ref=menu on:keydown=press on:focusout=leave>
            <summary class="button is-ghost is-icon" aria-label="Search syntax" title="Search syntax">
                "?"
            </summary>
            <div class="float menu-body syntax-body">
                <h2>"Search syntax"</h2>
                <dl>{lines.collect_view()}</dl>
                <p class="quiet">
                    "Case does not matter. A task without the number or time does not match: -finished:>-1h finds what still runs, too."
                </p>
            </div>
        </details>
    }
    .into_any()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_example_can_be_read() {
        for (example, _) in LINES {
            let parsed = model::SearchExpression::parse(example);
            assert!(parsed.is_ok(), "{example}: {parsed:?}");
        }
    }
}
