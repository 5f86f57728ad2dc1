//! All workers: who works, on what, how hard?

mod arrange;
mod first_steps;
mod fleet;
mod row;
mod steer;

pub(crate) use row::{active_now, missed_words, worker_name};

use crate::{
    components::{
        data_table::SortHead,
        empty::{Empty, StaleRow, stale, when_ready},
        icon::{Glyph, Icon},
        selection::{SelectHead, Selection},
        worker_badge::{WorkerBadge, is_there, name_of},
    },
    format,
    live::{Rows, picture},
};
use arrange::{Arrangement, STATUSES, WorkerSort};
use first_steps::FirstSteps;
use fleet::{Fleet, Totals};
use leptos::{html, prelude::*};
use leptos_meta::Title;
use leptos_router::{
    NavigateOptions,
    hooks::{use_navigate, use_query_map},
};
use model::{Topic, View, WorkerList, WorkerStatus, WorkerSummary};
use row::WorkerRow;
use steer::{Key, WorkersBar, may_select};

/// The list of workers.
#[component]
pub fn WorkersPage() -> impl IntoView {
    let picture = picture(Topic::Workers.into(), |view| match view {
        View::Workers(list) => Some(list.clone()),
        _ => None,
    });
    let caption = Memo::new(move |_| picture.data.with(|list| list.as_ref().map(caption)));
    view! {
        <Title text="Workers" />
        <div class="page-head">
            <h1>"Workers"</h1>
            <span class="page-caption">{caption}</span>
        </div>
        {when_ready(picture, content)}
    }
    .into_any()
}

fn content(list: Signal<WorkerList>) -> impl IntoView {
    let query = use_query_map();
    let arrangement =
        Memo::new(move |_| query.with(|query| Arrangement::from_query(|key| query.get_str(key))));
    let is_empty = Memo::new(move |_| list.with(|list| list.rows.is_empty()));
    view! {
        <Show when=move || !is_empty.get() fallback=move || view! { <FirstSteps list /> }>
            <Filters list arrangement />
            <Table list arrangement />
        </Show>
    }
    .into_any()
}

fn caption(list: &WorkerList) -> String {
    if list.rows.is_empty() {
        return "0 online".to_owned();
    }
    let count = |status: WorkerStatus| {
        let of_status = list.rows.iter().filter(|worker| worker.status == status);
        of_status.count() as u64
    };
    let there = list.rows.iter().filter(|worker| is_there(worker.status));
    let mut words = format!(
        "{} of {} online",
        format::thousands(there.clone().count() as u64),
        format::thousands(list.rows.len() as u64)
    );
    // Who is there and yet not as usual.
    let unusual = [WorkerStatus::Busy, WorkerStatus::Stopping]
        .map(|status| (status, count(status)))
        .into_iter()
        .filter(|(_, number)| *number > 0)
        .map(|(status, number)| format!("{} {}", format::thousands(number), name_of(status)));
    let unusual: Vec<String> = unusual.collect();
    if !unusual.is_empty() {
        words += &format!(" ({})", unusual.join(", "));
    }
    // A stopping worker still runs tasks, in slots that take no others.
    let (stopping, open): (Vec<&WorkerSummary>, Vec<&WorkerSummary>) =
        there.partition(|worker| worker.status == WorkerStatus::Stopping);
    let totals = Totals::of(open);
    let rest = match (totals.slots, stopping.is_empty()) {
        (Some(slots), true) => format!(
            "{} of {} slots in use",
            format::thousands(totals.active),
            format::thousands(slots)
        ),
        _ => {
            let running = totals.active + Totals::of(stopping).active;
            format!("{} running", format::thousands(running))
        }
    };
    format!("{words}, {rest}")
}

/// Text and status to narrow the list to.
#[component]
fn Filters(list: Signal<WorkerList>, arrangement: Memo<Arrangement>) -> impl IntoView {
    let input: NodeRef<html::Input> = NodeRef::new();
    let navigate = use_navigate();
    let search = Memo::new(move |_| arrangement.with(|a| a.search.clone()));
    let narrow = move || {
        let Some(input) = input.get_untracked() else {
            return;
        };
        let wanted = Arrangement {
            search: input.value().trim().to_owned(),
            ..arrangement.get_untracked()
        };
        if wanted != arrangement.get_untracked() {
            // Every letter is a new address, none worth going back to.
            let options = NavigateOptions {
                replace: true,
                scroll: false,
                ..NavigateOptions::default()
            };
            navigate(&wanted.href(), options);
        }
    };
    let narrow_on_submit = {
        let narrow = narrow.clone();
        move |event: leptos::ev::SubmitEvent| {
            event.prevent_default();
            narrow();
        }
    };
    let kept = move || {
        arrangement
            .with(Arrangement::to_pairs)
            .into_iter()
            .filter(|(name, _)| *name != "search")
            .map(|(name, value)| view! { <input type="hidden" name=name value=value /> })
            .collect_view()
    };
    view! {
        <div class="filters worker-filters">
            <search>
                <form class="search-box" action="/workers" method="get" on:submit=narrow_on_submit>
                    <Icon glyph=Glyph::Search />
                    <input
                        node_ref=input
                        type="search"
                        name="search"
                        data-search
                        aria-label="Narrow workers"
                        placeholder="name, queue or version"
                        autocomplete="off"
                        autocapitalize="off"
                        spellcheck="false"
                        value=search.get_untracked()
                        prop:value=move || search.get()
                        on:input=move |_| narrow()
                    />
                    {kept}
                    <kbd class="search-key with-script">"/"</kbd>
                </form>
            </search>
            <div class="chips">
                <StatusChip list arrangement status=None />
                {STATUSES
                    .map(|status| view! { <StatusChip list arrangement status=Some(status) /> })
                    .collect_view()}
            </div>
            <p class="filters-note">
                "Failed and retried: since Celeriac sees the worker. Processed: since it started."
            </p>
        </div>
    }
    .into_any()
}

/// A status with its count; a link that narrows the list to it.
#[component]
fn StatusChip(
    list: Signal<WorkerList>,
    arrangement: Memo<Arrangement>,
    status: Option<WorkerStatus>,
) -> impl IntoView {
    let count = Memo::new(move |_| {
        let wanted = Arrangement {
            status,
            ..arrangement.get()
        };
        list.with(|list| list.rows.iter().filter(|w| wanted.shows(w)).count())
    });
    let is_on = Memo::new(move |_| arrangement.with(|a| a.status == status));
    let href = move || {
        let wanted = Arrangement {
            status,
            ..arrangement.get()
        };
        wanted.href()
    };
    let word = match status {
        Some(status) => view! { <WorkerBadge status /> }.into_any(),
        None => view! { <span class="chip-word">"All"</span> }.into_any(),
    };
    view! {
        <a
            class="chip"
            class:is-on=move || is_on.get()
            class:is-zero=move || count.get() == 0
            aria-current=move || is_on.get().then_some("true")
            href=href
            data-noscroll=""
        >
            {word}
            <span class="chip-count">{move || format::thousands(count.get() as u64)}</span>
        </a>
    }
    .into_any()
}

#[component]
fn Table(list: Signal<WorkerList>, arrangement: Memo<Arrangement>) -> impl IntoView {
    let rows = list.with_untracked(|list| Rows::new(&list.rows));
    let arrange = move || arrangement.with(|a| list.with(|list| a.arrange(&list.rows)));
    let shown = RwSignal::new(untrack(arrange));
    Effect::new(move || {
        // Rows first: the order must not name a row that is not there yet.
        list.with(|list| rows.sync(&list.rows));
        let order = arrange();
        if shown.with_untracked(|shown| *shown != order) {
            shown.set(order);
        }
    });
    let selection = may_select().then(|| {
        // What is gone or out of sight must not be told anything.
        let told = Memo::new(move |_| arrangement.with(|a| list.with(|list| a.told(&list.rows))));
        let selection: Selection<Key> = Selection::new(told.into());
        Effect::new(move || selection.keep_known());
        provide_context(selection);
        selection
    });
    let fleet = Memo::new(move |_| list.with(|list| Fleet::of(&list.rows)));
    let totals = Memo::new(move |_| {
        arrangement.with(|a| list.with(|list| Totals::of(list.rows.iter().filter(|w| a.shows(w)))))
    });
    let is_empty = Memo::new(move |_| shown.with(Vec::is_empty));
    let stale = stale();
    let head = move |label, class, sort: WorkerSort| {
        let sorted = Signal::derive(move || {
            arrangement.with(|a| (a.sort == sort).then_some(a.is_descending))
        });
        let href = Signal::derive(move || arrangement.with(|a| a.sorted_by(sort).href()));
        view! { <SortHead label class sorted href /> }.into_any()
    };
    let heads = move || {
        view! {
            <tr>
                {selection.map(|selection| view! { <SelectHead selection /> })}
                {head("Worker", "col-worker", WorkerSort::Name)}
                {head("Status", "col-status", WorkerSort::Status)}
                {head("Active of slots", "col-active", WorkerSort::Active)}
                {head("Tasks/min, 1 h", "col-trend", WorkerSort::Trend)}
                {head("Processed", "is-number col-processed", WorkerSort::Processed)}
                {head("Failed", "is-number col-failed", WorkerSort::Failed)}
                {head("Retried", "is-number col-retried", WorkerSort::Retried)}
                {head("Load 1, 5, 15 m", "is-number col-load", WorkerSort::Load)}
                <th scope="col" class="col-queues">"Queues"</th>
                {head("Celery", "col-version", WorkerSort::Version)}
                {head("Uptime", "is-number col-uptime", WorkerSort::Uptime)}
                {head("Heartbeat", "is-number col-heartbeat", WorkerSort::Heartbeat)}
                <th scope="col" class="col-menu with-script">
                    <span class="visually-hidden">"Acts"</span>
                </th>
            </tr>
        }
        .into_any()
    };
    let grid = move || {
        view! {
            <table class="table worker-table">
                <caption class="visually-hidden">"Workers"</caption>
                <thead>
                    {heads()}
                </thead>
                <tbody>
                    <For
                        each=move || shown.get()
                        key=Clone::clone
                        children=move |key| {
                            rows.get(&key).map(|worker| view! { <WorkerRow worker fleet /> })
                        }
                    />
                </tbody>
                <tfoot>
                    <TotalsRow totals />
                </tfoot>
            </table>
        }
        .into_any()
    };
    let all = move || {
        let wanted = arrangement.with(|a| Arrangement {
            status: None,
            search: String::new(),
            ..a.clone()
        });
        wanted.href()
    };
    let what = move || {
        arrangement.with(|a| match (a.status, a.search.as_str()) {
            (Some(status), "") => format!("No worker is {}", name_of(status)),
            (Some(status), text) => {
                format!("No worker that is {} matches {text}", name_of(status))
            }
            (None, text) => format!("No worker matches {text}"),
        })
    };
    view! {
        <div class="card table-card workers" class:is-stale=move || stale.get().is_some()>
            <StaleRow />
            <Show
                when=move || !is_empty.get()
                fallback=move || {
                    view! {
                        <Empty title=Signal::derive(what)>
                            <div class="empty-acts">
                                <a class="button" href=all>
                                    "Show all workers"
                                </a>
                            </div>
                        </Empty>
                    }
                }
            >
                {grid()}
            </Show>
        </div>
        {selection.map(|selection| view! { <WorkersBar selection /> })}
    }
    .into_any()
}

#[component]
fn TotalsRow(totals: Memo<Totals>) -> impl IntoView {
    let number = move |read: fn(&Totals) -> u64| move || format::thousands(totals.with(read));
    view! {
        <tr class="worker-totals">
            {may_select().then(|| view! { <td class="col-select with-script"></td> })}
            <th scope="row" class="col-worker">
                {move || format::count(totals.with(|t| t.workers as u64), "worker")}
            </th>
            <td class="col-status"></td>
            <td class="col-active">
                {number(|t| t.active)}
                <span class="quiet">
                    {move || {
                        totals
                            .with(|t| t.slots)
                            .map(|slots| format!(" of {}", format::thousands(slots)))
                    }}
                </span>
            </td>
            <td class="col-trend"></td>
            <td class="is-number col-processed">{number(|t| t.processed)}</td>
            <td class="is-number col-failed">{number(|t| t.failed)}</td>
            <td class="is-number col-retried">{number(|t| t.retried)}</td>
            <td class="col-load"></td>
            <td class="col-queues"></td>
            <td class="col-version"></td>
            <td class="col-uptime"></td>
            <td class="col-heartbeat"></td>
            <td class="col-menu with-script"></td>
        </tr>
    }
    .into_any()
}

#[cfg(test)]
pub(crate) mod tests {
    pub(crate) use super::arrange::tests::worker;
    use super::*;

    fn list(workers: &[(WorkerStatus, u64)]) -> WorkerList {
        let rows = workers.iter().map(|(status, active)| WorkerSummary {
            status: *status,
            active: Some(*active),
            slots: Some(4),
            ..worker("w")
        });
        WorkerList {
            rows: rows.collect(),
            unanswered_pings: 0,
        }
    }

    #[test]
    fn the_caption_tells_the_busy_and_the_stopping_apart() {
        use WorkerStatus::{Busy, Lost, Online, Stopping};
        assert_eq!(caption(&list(&[])), "0 online");
        assert_eq!(
            caption(&list(&[(Online, 3), (Lost, 2)])),
            "1 of 2 online, 3 of 4 slots in use"
        );
        assert_eq!(
            caption(&list(&[(Online, 3), (Busy, 1)])),
            "2 of 2 online (1 busy), 4 of 8 slots in use"
        );
        // What a stopping worker runs is in none of the slots that are counted.
        assert_eq!(
            caption(&list(&[(Online, 3), (Stopping, 2)])),
            "2 of 2 online (1 stopping), 5 running"
        );
    }
}
