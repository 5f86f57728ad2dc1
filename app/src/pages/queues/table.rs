//! The table of queues.

use super::{
    acts::QueueMenu,
    address::{Address, QueueSort},
};
use crate::{
    components::{
        card::Tag,
        data_table::SortHead,
        empty::{StaleRow, stale},
        priority_bar::PriorityBar,
        sparkline::{Sparkline, Tone},
    },
    format,
    live::{Live, Rows},
};
use leptos::prelude::*;
use model::{QueueList, QueueName, QueueSummary};

/// Polls of an hour.
const POLLS: usize = 360;
/// Polls that tell what is usual: those of ten minutes.
const FEWEST_POLLS: usize = 60;

/// The table.
#[component]
pub(super) fn QueueTable(
    /// What the page shows.
    list: Signal<QueueList>,
    /// What the address says.
    address: Memo<Address>,
    /// The queue whose depth is drawn below.
    chosen: Memo<Option<QueueName>>,
) -> impl IntoView {
    let rows = list.with_untracked(|list| Rows::new(&list.rows));
    let order = Memo::new(move |_| address.with(|address| address.order));
    let arrange = move || list.with(|list| order.get().arrange(&list.rows));
    let shown = RwSignal::new(untrack(arrange));
    Effect::new(move || {
        // Rows first: the order must not name a row that is not there yet.
        list.with(|list| rows.sync(&list.rows));
        let keys = arrange();
        if shown.with_untracked(|shown| *shown != keys) {
            shown.set(keys);
        }
    });
    let stale = stale();
    let head = move |label, class, sort| {
        let sorted = Signal::derive(move || {
            let order = order.get();
            (order.sort == sort).then_some(order.is_descending)
        });
        let href = Signal::derive(move || address.with(|address| address.sorted_by(sort).href()));
        view! { <SortHead label class sorted href /> }.into_any()
    };
    view! {
        <div class="card table-card" class:is-stale=move || stale.get().is_some()>
            <StaleRow />
            <table class="table queue-table">
                <caption class="visually-hidden">"Queues"</caption>
                <thead>
                    <tr>
                        {head("Queue", "col-queue", QueueSort::Name)}
                        {head("Ready", "is-number col-ready", QueueSort::Ready)}
                        <th scope="col" class="col-steps">"By priority"</th>
                        {head("Unacked", "is-number col-unacked", QueueSort::Unacked)}
                        {head("Workers", "is-number col-workers", QueueSort::Workers)}
                        {head("Oldest", "is-number col-oldest", QueueSort::Oldest)}
                        {head("In/s", "is-number col-sent", QueueSort::Sent)}
                        {head("Out/s", "is-number col-taken", QueueSort::Taken)}
                        <th scope="col" class="col-depth">"Depth, 1 h"</th>
                        <th scope="col" class="col-menu with-script">
                            <span class="visually-hidden">"Acts"</span>
                        </th>
                    </tr>
                </thead>
                <tbody>
                    <For
                        each=move || shown.get()
                        key=Clone::clone
                        children=move |key| {
                            rows.get(&key).map(|queue| view! { <QueueRow queue address chosen /> })
                        }
                    />
                </tbody>
            </table>
        </div>
    }
    .into_any()
}

/// A number of a cell that may not be known.
fn or_unknown(known: Option<String>) -> AnyView {
    match known {
        Some(text) => text.into_any(),
        None => view! { <span class="quiet">"unknown"</span> }.into_any(),
    }
}

#[component]
fn QueueRow(
    queue: ArcRwSignal<QueueSummary>,
    address: Memo<Address>,
    chosen: Memo<Option<QueueName>>,
) -> impl IntoView {
    let queue = RwSignal::from(queue);
    let name = queue.with_untracked(|queue| queue.name.clone());
    let ready = Memo::new(move |_| queue.with(|queue| queue.ready));
    let steps = Memo::new(move |_| queue.with(|queue| queue.steps.clone()));
    let depth = Memo::new(move |_| {
        queue.with(|queue| {
            queue
                .depth
                .iter()
                .map(|n| Some(*n as f64))
                .collect::<Vec<_>>()
        })
    });
    let tone = Memo::new(move |_| queue.with(tone));
    let unacked = Memo::new(move |_| queue.with(|queue| queue.unacked));
    let rate = move |read: fn(&QueueSummary) -> Option<f64>| {
        let rate = Memo::new(move |_| queue.with(read).map(format::rate_value));
        move || or_unknown(rate.get())
    };
    let is_paused = Memo::new(move |_| queue.with(|queue| !queue.paused.is_empty()));
    let is_chosen = Memo::new({
        let name = name.clone();
        move |_| chosen.with(|chosen| chosen.as_ref() == Some(&name))
    });
    let href = {
        let name = name.clone();
        move || address.with(|address| address.with_queue(&name).href())
    };
    view! {
        <tr class:is-current=move || is_chosen.get()>
            <th scope="row" class="col-queue">
                <span class="name-and-tags">
                    <a
                        class="cut-name"
                        href=href
                        data-row=""
                        data-noscroll=""
                        aria-current=move || is_chosen.get().then_some("true")
                        title=name.to_string()
                    >
                        {name.to_string()}
                    </a>
                    <Show when=move || is_paused.get()>
                        <PausedTag queue />
                    </Show>
                </span>
            </th>
            <td class=move || {
                let zero = if ready.get() == 0 { "quiet" } else { "" };
                format!("is-number col-ready {} {zero}", tone.get().class())
            }>{move || format::thousands(ready.get())}</td>
            <td class="col-steps">
                <PriorityBar steps />
            </td>
            <td class="is-number col-unacked" class:is-zero=move || unacked.get() == Some(0)>
                {move || or_unknown(unacked.get().map(format::thousands))}
            </td>
            <Workers queue />
            <Oldest queue tone />
            <td class="is-number col-sent">{rate(|queue| queue.sent_per_second)}</td>
            <td class="is-number col-taken">{rate(|queue| queue.taken_per_second)}</td>
            <td class="col-depth">
                <Sparkline
                    values=depth
                    slots=POLLS
                    label=format!("{name}: messages ready, last hour")
                    tone=tone
                />
            </td>
            <td class="col-menu with-script">
                <QueueMenu queue address />
            </td>
        </tr>
    }
    .into_any()
}

#[component]
fn PausedTag(queue: RwSignal<QueueSummary>) -> impl IntoView {
    let title = move || {
        queue.with(|queue| {
            let names: Vec<&str> = queue.paused.iter().map(|name| name.as_str()).collect();
            format!("Told here to stop consuming it: {}", names.join(", "))
        })
    };
    view! {
        <span class="paused-tag" title=title>
            <Tag kind="warn">"paused"</Tag>
        </span>
    }
    .into_any()
}

/// How many workers consume it, and who.
#[component]
fn Workers(queue: RwSignal<QueueSummary>) -> impl IntoView {
    let words = Memo::new(move |_| {
        queue.with(|queue| match queue.consumers.len() {
            0 if queue.are_consumers_known => "none".to_owned(),
            0 => "unknown".to_owned(),
            count => format::thousands(count as u64),
        })
    });
    let class = Memo::new(move |_| {
        queue.with(|queue| {
            let is_none = queue.consumers.is_empty();
            // Nobody takes what waits, and nobody wanted it so.
            let is_abandoned = is_none && queue.are_consumers_known && queue.paused.is_empty();
            match (is_none, queue.ready) {
                (true, 1..) if is_abandoned => "is-number col-workers tone-bad",
                (true, _) => "is-number col-workers quiet",
                (false, _) => "is-number col-workers",
            }
        })
    });
    let title = move || {
        queue.with(|queue| {
            let names: Vec<&str> = queue.consumers.iter().map(|name| name.as_str()).collect();
            names.join(", ")
        })
    };
    view! {
        <td class=class title=title>
            {words}
        </td>
    }
    .into_any()
}

/// How long the message waits that is next to run.
#[component]
fn Oldest(queue: RwSignal<QueueSummary>, tone: Memo<Tone>) -> impl IntoView {
    let live = Live::of_page();
    let since = Memo::new(move |_| queue.with(|queue| queue.oldest_since));
    let is_exact = Memo::new(move |_| queue.with(|queue| queue.is_oldest_exact));
    let is_empty = Memo::new(move |_| queue.with(|queue| queue.ready == 0));
    let is_abandoned = Memo::new(move |_| {
        queue.with(|queue| queue.are_consumers_known && queue.consumers.is_empty())
    });
    let age = Memo::new(move |_| {
        let since = since.get()?;
        // While the broker is silent nobody knows whether it still waits.
        let age = live.now.get().seconds_since(since);
        live.is_broker_up().then(|| format::whole_seconds(age))
    });
    let class = move || {
        let is_trouble = tone.get() != Tone::Quiet || is_abandoned.get();
        match (is_empty.get(), is_trouble) {
            (false, true) => "is-number col-oldest is-long",
            _ => "is-number col-oldest",
        }
    };
    let title = move || {
        (!is_empty.get() && since.get().is_some()).then(|| {
            if is_exact.get() {
                "The message that is next to run was sent so long ago"
            } else {
                "The message that is next to run waits at least so long: its time of sending is not known, only when it was first seen"
            }
        })
    };
    view! {
        <td class=class title=title>
            {move || match (is_empty.get(), age.get()) {
                (true, _) => view! { <span class="quiet">"empty"</span> }.into_any(),
                (false, None) => view! { <span class="quiet">"unknown"</span> }.into_any(),
                (false, Some(age)) if is_exact.get() => age.into_any(),
                (false, Some(age)) => {
                    view! {
                        <span aria-hidden="true">"≥ "</span>
                        <span class="visually-hidden">"at least "</span>
                        {age}
                    }
                        .into_any()
                }
            }}
        </td>
    }
    .into_any()
}

/// A queue is to be watched if it holds more than twice what is usual in the
/// hour, and by more than a handful.
fn tone(queue: &QueueSummary) -> Tone {
    const HANDFUL: u64 = 20;
    let mut depth = queue.depth.clone();
    depth.sort_unstable();
    match depth.get(depth.len() / 2) {
        Some(usual) if depth.len() >= FEWEST_POLLS => {
            let much = usual.saturating_mul(2).saturating_add(HANDFUL);
            if queue.ready > much {
                Tone::Warn
            } else {
                Tone::Quiet
            }
        }
        _ => Tone::Quiet,
    }
}

#[cfg(test)]
mod tests {
    use super::{super::tests::queue, *};

    #[test]
    fn only_a_queue_that_outgrew_its_hour_is_to_be_watched() {
        let mut mail = queue("mail", 500);
        mail.depth = vec![100; 59];
        assert_eq!(tone(&mail), Tone::Quiet, "too short a time to know");
        mail.depth.push(100);
        assert_eq!(tone(&mail), Tone::Warn);
        mail.depth[..31].fill(400);
        assert_eq!(tone(&mail), Tone::Quiet);
    }
}
