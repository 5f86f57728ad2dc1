//! The messages of one page as rows. The one that has the focus is shown below.

use super::Peek;
use crate::{
    components::{
        icon::{Glyph, Icon},
        selection::{SelectCell, SelectHead},
        task_name::TaskName,
    },
    format::{short_id, thousands, whole_seconds},
    live::Live,
    steer::may,
};
use leptos::prelude::*;
use model::{CommandKind, WaitingMessage};

/// Characters of a task's name that fit.
const NAME_BUDGET: usize = 21;

/// The table.
#[component]
pub(super) fn MessageTable(peek: Peek, offset: Memo<u64>) -> impl IntoView {
    let messages = Memo::new(move |_| {
        peek.seen.with(|seen| match seen {
            Some(Ok(peek)) => peek.messages.clone(),
            _ => Vec::new(),
        })
    });
    let is_movable = may(CommandKind::MoveMessages);
    let selection = peek.selection;
    view! {
        <div class="drawer-list" tabindex="-1">
            <table class="table message-table">
                <caption class="visually-hidden">"Messages, the next to run first"</caption>
                <thead>
                    <tr>
                        {is_movable.then(|| view! { <SelectHead selection /> })}
                        <th scope="col" class="is-number col-place">"#"</th>
                        <th scope="col" class="col-task">"Task"</th>
                        <th scope="col" class="col-id">"Id"</th>
                        <th scope="col" class="is-number col-age">"Waits"</th>
                    </tr>
                </thead>
                <tbody>
                    <For
                        each=move || messages.get().into_iter().enumerate()
                        key=|(index, message)| (*index, message.tag.clone(), message.id.clone())
                        children=move |(index, message)| {
                            view! { <MessageRow peek offset index message is_movable /> }
                        }
                    />
                </tbody>
            </table>
        </div>
    }
    .into_any()
}

#[component]
fn MessageRow(
    peek: Peek,
    offset: Memo<u64>,
    index: usize,
    message: WaitingMessage,
    is_movable: bool,
) -> impl IntoView {
    let live = Live::of_page();
    let is_current = Memo::new(move |_| peek.current.get() == index);
    let show = move || peek.current.set(index);
    let place = move || thousands(offset.get().saturating_add(index as u64 + 1));
    let name = message.name.clone();
    let (since, is_exact) = (message.since, message.is_since_exact);
    let age = Memo::new(move |_| Some(whole_seconds(live.now.get().seconds_since(since?))));
    let (id, whole) = match &message.id {
        Some(id) => (short_id(id.as_str()), id.to_string()),
        None => ("unknown".to_owned(), "no id could be read".to_owned()),
    };
    let select = is_movable.then(|| match message.tag.clone() {
        Some(key) => {
            let name = format!("message {whole}");
            view! { <SelectCell selection=peek.selection key name /> }.into_any()
        }
        // What has no tag cannot be named in a command.
        None => view! { <td class="col-select with-script"></td> }.into_any(),
    });
    let has_problem = message.problem.is_some();
    let is_unreadable = has_problem && message.name.is_none();
    view! {
        <tr class:is-current=move || is_current.get() on:click=move |_| show()>
            {select}
            <td class="is-number col-place">{place}</td>
            <th scope="row" class="col-task">
                <span class="name-and-tags">
                    <button
                        class="message-open"
                        type="button"
                        data-row=""
                        aria-pressed=move || is_current.get().to_string()
                        on:focus=move |_| show()
                    >
                        {if is_unreadable {
                            "unreadable".into_any()
                        } else {
                            view! { <TaskName name=Signal::stored(name) budget=NAME_BUDGET /> }
                                .into_any()
                        }}
                    </button>
                    {has_problem
                        .then(|| mark(Glyph::Warning, "It, or its body, cannot be read"))}
                    {message
                        .is_redelivered
                        .then(|| {
                            mark(
                                Glyph::Retry,
                                "Redelivered: a worker took it before and did not acknowledge it",
                            )
                        })}
                </span>
            </th>
            <td class="col-id" title=whole>
                {id}
            </td>
            <td class="is-number col-age">
                {move || match age.get() {
                    Some(age) if is_exact => age.into_any(),
                    Some(age) => {
                        view! {
                            <span aria-hidden="true">"≥ "</span>
                            <span class="visually-hidden">"at least "</span>
                            {age}
                        }
                            .into_any()
                    }
                    None => view! { <span class="quiet">"unknown"</span> }.into_any(),
                }}
            </td>
        </tr>
    }
    .into_any()
}

/// A sign beside the name of a task, and what it means.
fn mark(glyph: Glyph, words: &'static str) -> AnyView {
    view! {
        <span class="message-mark" title=words>
            <Icon glyph />
            <span class="visually-hidden">{words}</span>
        </span>
    }
    .into_any()
}
