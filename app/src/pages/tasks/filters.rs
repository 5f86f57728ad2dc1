//! What narrows the list: states as chips, everything else as tags that can be
//! taken away, and a form to set them. All are links and GET forms.

use crate::{
    components::{
        chip::{FilterTag, StateChip},
        icon::{Glyph, Icon},
    },
    format, links,
    live::Live,
    prefs::Prefs,
};
use leptos::{ev::SubmitEvent, html, prelude::*};
use model::{TaskQuery, TaskSort, TaskState};

/// A chip for every state, with its count.
#[component]
pub(super) fn StateChips(
    query: Memo<TaskQuery>,
    states: Memo<Option<Vec<(TaskState, u64)>>>,
) -> impl IntoView {
    let all = Signal::derive(move || {
        states.with(|states| Some(states.as_ref()?.iter().map(|(_, count)| count).sum()))
    });
    let no_state = Signal::derive(move || query.with(|query| query.states.is_empty()));
    let without = Signal::derive(move || {
        links::tasks(&TaskQuery {
            states: Vec::new(),
            ..query.get()
        })
    });
    let chip = move |state: TaskState| {
        let counted = state.clone();
        let count = Signal::derive(move || {
            states.with(|states| {
                let found = states.as_ref()?.iter().find(|(state, _)| *state == counted);
                Some(found.map_or(0, |(_, count)| *count))
            })
        });
        let held = state.clone();
        let is_on = Signal::derive(move || query.with(|query| query.states.contains(&held)));
        let switched = state.clone();
        let href = Signal::derive(move || {
            let mut query = query.get();
            if query.states.contains(&switched) {
                query.states.retain(|state| *state != switched);
            } else {
                query.states.push(switched.clone());
            }
            links::tasks(&query)
        });
        view! { <StateChip state=Some(state) count is_on href /> }
    };
    // States that the filter names stay in sight even when no task has them.
    let shown = Memo::new(move |_| {
        let known = states
            .get()
            .map(|states| states.into_iter().map(|(state, _)| state));
        let mut shown: Vec<TaskState> =
            known.map_or_else(|| TaskState::BUILT_IN.to_vec(), Iterator::collect);
        query.with(|query| {
            for state in &query.states {
                if !shown.contains(state) {
                    shown.push(state.clone());
                }
            }
        });
        shown
    });
    view! {
        <nav class="chips" aria-label="States">
            <StateChip state=None count=all is_on=no_state href=without />
            <For each=move || shown.get() key=TaskState::clone children=chip />
        </nav>
    }
    .into_any()
}

/// The filters that are set.
#[component]
pub(super) fn FilterTags(query: Memo<TaskQuery>) -> impl IntoView {
    let (live, prefs) = (Live::of_page(), Prefs::of_page());
    let tags = move || {
        let query = query.get();
        let clock = |at| {
            let now = live.now.get_untracked();
            format::clock_seconds(at, now, prefs.offset_seconds(at))
        };
        let set = [
            ("task", query.name.as_ref().map(ToString::to_string)),
            ("worker", query.worker.as_ref().map(ToString::to_string)),
            ("queue", query.queue.as_ref().map(ToString::to_string)),
            ("received from", query.received_start.map(clock)),
            ("received until", query.received_end.map(clock)),
        ];
        set.into_iter()
            .filter_map(|(name, value)| {
                let value = value?;
                let mut without = query.clone();
                match name {
                    "task" => without.name = None,
                    "worker" => without.worker = None,
                    "queue" => without.queue = None,
                    "received from" => without.received_start = None,
                    _ => without.received_end = None,
                }
                let href = links::tasks(&without);
                Some(view! { <FilterTag name value href /> })
            })
            .collect_view()
    };
    view! { <div class="filter-tags">{tags}</div> }.into_any()
}

/// The orders offered by name; the heads of the table offer the others.
const ORDERS: [(&str, TaskSort, bool); 6] = [
    ("Newest", TaskSort::Received, true),
    ("Oldest", TaskSort::Received, false),
    ("Longest run", TaskSort::Runtime, true),
    ("Longest wait", TaskSort::Wait, true),
    ("Most retries", TaskSort::Retries, true),
    ("Task type", TaskSort::Name, false),
];

fn order_value(sort: TaskSort, is_descending: bool) -> String {
    let sign = if is_descending { "-" } else { "" };
    format!("{sign}{}", sort.as_str())
}

/// A form that sets filters and order.
#[component]
pub(super) fn FilterMenu(query: Memo<TaskQuery>, go: Callback<TaskQuery>) -> impl IntoView {
    let menu: NodeRef<html::Details> = NodeRef::new();
    let order: NodeRef<html::Select> = NodeRef::new();
    let (name, worker, queue): (
        NodeRef<html::Input>,
        NodeRef<html::Input>,
        NodeRef<html::Input>,
    ) = (NodeRef::new(), NodeRef::new(), NodeRef::new());
    let text = |input: NodeRef<html::Input>| {
        let value = input.get_untracked().map(|input| input.value());
        value
            .map(|value| value.trim().to_owned())
            .filter(|value| !value.is_empty())
    };
    let submit = move |event: SubmitEvent| {
        event.prevent_default();
        let mut new = TaskQuery {
            name: text(name).map(Into::into),
            worker: text(worker).map(Into::into),
            queue: text(queue).map(Into::into),
            ..query.get_untracked()
        };
        let chosen = order.get_untracked().map(|order| order.value());
        let known = ORDERS
            .iter()
            .find(|(_, sort, down)| chosen.as_deref() == Some(&order_value(*sort, *down)));
        if let Some((_, sort, is_descending)) = known {
            (new.sort, new.is_descending) = (*sort, *is_descending);
        }
        if let Some(menu) = menu.get_untracked() {
            menu.set_open(false);
        }
        go.run(new);
    };
    let field = move |label: &'static str,
                      key: &'static str,
                      example: &'static str,
                      node: NodeRef<html::Input>,
                      value: Signal<String>| {
        view! {
            <label class="field">
                <span>{label}</span>
                <input
                    node_ref=node
                    type="text"
                    name=key
                    placeholder=example
                    autocomplete="off"
                    spellcheck="false"
                    value=value.get_untracked()
                    prop:value=move || value.get()
                />
            </label>
        }
    };
    let of_query = move |pick: fn(&TaskQuery) -> Option<String>| {
        Signal::derive(move || query.with(pick).unwrap_or_default())
    };
    let kept = move || {
        let kept = TaskQuery {
            name: None,
            worker: None,
            queue: None,
            sort: TaskSort::default(),
            is_descending: true,
            ..super::window::without_window(&query.get())
        };
        let field = |(name, value)| view! { <input type="hidden" name=name value=value /> };
        kept.to_pairs().into_iter().map(field).collect_view()
    };
    let orders = move || {
        let (sort, down) = query.with(|query| (query.sort, query.is_descending));
        let by_head = (!ORDERS
            .iter()
            .any(|order| (order.1, order.2) == (sort, down)))
        .then(|| view! { <option value=order_value(sort, down) selected>"By a column"</option> });
        let offered = ORDERS.map(|(label, by, is_descending)| {
            view! {
                <option
                    value=order_value(by, is_descending)
                    selected=(by, is_descending) == (sort, down)
                >
                    {label}
                </option>
            }
        });
        (by_head, offered.collect_view())
    };
    view! {
        <details class="menu" node_ref=menu>
            <summary class="button">
                <Icon glyph=Glyph::Filter />
                "Filter and sort"
            </summary>
            <form class="float menu-body" action="/tasks" method="get" on:submit=submit>
                {field(
                    "Task type",
                    "name",
                    "shop.mail.tasks.send_receipt",
                    name,
                    of_query(|query| query.name.as_ref().map(ToString::to_string)),
                )}
                {field(
                    "Worker",
                    "worker",
                    "celery@mail-1",
                    worker,
                    of_query(|query| query.worker.as_ref().map(ToString::to_string)),
                )}
                {field(
                    "Queue",
                    "queue",
                    "mail",
                    queue,
                    of_query(|query| query.queue.as_ref().map(ToString::to_string)),
                )}
                <label class="field">
                    <span>"Order"</span>
                    <select name="sort" node_ref=order>
                        {orders}
                    </select>
                </label>
                {kept}
                <button class="button is-primary">"Apply"</button>
            </form>
        </details>
    }
    .into_any()
}
