//! One worker in the table.

use super::{
    fleet::Fleet,
    steer::{Key, RowMenu},
};
use crate::{
    components::{
        card::Tag,
        gaps::GapMark,
        meter::Meter,
        selection::{SelectCell, Selection},
        sparkline::{Sparkline, Tone},
        worker_badge::{WorkerBadge, is_there},
    },
    format, links,
    live::Live,
};
use leptos::prelude::*;
use model::{WorkerName, WorkerStatus, WorkerSummary};

/// A share of failures or retries from which on a count is coloured.
const NOTABLE_SHARE: f64 = 0.05;

/// A row. Every cell follows the worker's signal; heartbeat and uptime also the clock.
#[component]
pub(super) fn WorkerRow(
    /// The worker.
    worker: ArcRwSignal<WorkerSummary>,
    /// What is usual among all workers.
    fleet: Memo<Fleet>,
) -> impl IntoView {
    let live = Live::of_page();
    let worker = RwSignal::from(worker);
    let part = move |read: fn(&WorkerSummary) -> String| Memo::new(move |_| worker.with(read));
    let name = worker.with_untracked(|worker| worker.name.clone());
    let pid = worker.with_untracked(|worker| worker.pid);
    let is_namesake = Memo::new({
        let name = name.clone();
        move |_| fleet.with(|fleet| fleet.namesakes.contains(&name))
    });
    let is_shared = Memo::new({
        let name = name.clone();
        move |_| {
            let is_there = worker.with(|worker| is_there(worker.status));
            is_there && fleet.with(|fleet| fleet.shared.contains(&name))
        }
    });
    let tells_no_tasks = Memo::new(move |_| {
        worker.with(|worker| is_there(worker.status) && worker.task_events == Some(false))
    });
    let status = Memo::new(move |_| worker.with(|worker| worker.status));
    let active = Memo::new(move |_| worker.with(active_now));
    let slots = Memo::new(move |_| worker.with(|worker| worker.slots));
    let trend = Memo::new(move |_| {
        worker.with(|worker| {
            worker
                .trend
                .iter()
                .map(|n| Some(f64::from(*n)))
                .collect::<Vec<_>>()
        })
    });
    let failed = Memo::new(move |_| worker.with(|worker| worker.events.failed));
    let retried = Memo::new(move |_| worker.with(|worker| worker.events.retried));
    let failed_tone = Memo::new(move |_| worker.with(failed_tone));
    let retried_tone = Memo::new(move |_| worker.with(retried_tone));
    let version = part(|worker| {
        let missing = unknown_if_expected(worker.status);
        worker.version.clone().unwrap_or_else(|| missing.to_owned())
    });
    let is_odd_version = Memo::new(move |_| fleet.with(|fleet| fleet.is_odd(&version.get())));
    let uptime = Memo::new(move |_| {
        worker.with(|worker| match (worker.status, worker.started) {
            (WorkerStatus::Offline, _) => String::new(),
            // While the broker is silent nobody knows whether it still runs.
            (status, Some(started)) if is_there(status) && live.is_broker_up() => {
                format::whole_seconds(live.now.get().seconds_since(started))
            }
            _ => "unknown".to_owned(),
        })
    });
    let heartbeat = Memo::new(move |_| {
        worker.with(|worker| match worker.last_heartbeat {
            Some(at) => format::whole_seconds(live.now.get().seconds_since(at)),
            None if is_there(worker.status) => "by ping".to_owned(),
            None => "never".to_owned(),
        })
    });
    let heartbeat_title = Memo::new(move |_| {
        worker.with(|worker| match (worker.status, worker.last_heartbeat) {
            (WorkerStatus::Busy, _) => Some("A solo worker is silent while it runs a task"),
            (status, None) if is_there(status) => {
                Some("It sends no heartbeats: known by its answers to pings")
            }
            _ => None,
        })
    });
    let load = move || {
        worker.with(|worker| {
            match worker
                .load
                .filter(|_| matches!(worker.status, WorkerStatus::Online | WorkerStatus::Stopping))
            {
                Some([one, five, fifteen]) => {
                    let [one, five, fifteen] =
                        [one, five, fifteen].map(|load| format!("{load:.2}"));
                    view! {
                        {one}
                        " "
                        <span class="quiet">{five} " " {fifteen}</span>
                    }
                    .into_any()
                }
                None => view! { <span class="quiet">{unknown_if_expected(worker.status)}</span> }
                    .into_any(),
            }
        })
    };
    let queues = part(|worker| {
        let names: Vec<&str> = worker.queues.iter().map(|queue| queue.as_str()).collect();
        names.join(", ")
    });
    let missed = Memo::new(move |_| worker.with(missed_words));
    let selection = use_context::<Selection<Key>>();
    let key = (name.clone(), pid);
    let is_selected = Memo::new({
        let key = key.clone();
        move |_| selection.is_some_and(|selection| selection.has(&key))
    });
    // Nobody hears what is told to a process that is gone.
    let is_told = Memo::new(move |_| is_there(status.get()));
    let select = selection.map(|selection| {
        let name = name.to_string();
        view! {
            <Show
                when=move || is_told.get()
                fallback=|| view! { <td class="col-select with-script"></td> }
            >
                <SelectCell selection key=key.clone() name=name.clone() />
            </Show>
        }
    });
    // Without task events nothing was counted: that is not the same as none.
    let told = move |count: Memo<u64>| {
        move || {
            if tells_no_tasks.get() && count.get() == 0 {
                view! { <span class="quiet">"unknown"</span> }.into_any()
            } else {
                format::thousands(count.get()).into_any()
            }
        }
    };
    let trend_label = format!("{name}: tasks a minute, last hour");
    let meter_label = format!("{name}: tasks running");
    view! {
        <tr class="worker-row" class:is-selected=move || is_selected.get()>
            {select}
            <th scope="row" class="col-worker">
                <a href=worker_href(&name) rel=worker_rel(&name) title=name.to_string()>
                    {worker_name(&name)}
                </a>
                <Show when=move || is_namesake.get()>
                    <span class="quiet">{format!(" pid {pid}")}</span>
                </Show>
                <Show when=move || is_shared.get()>
                    <span
                        class="worker-mark"
                        title="Another process bears this name too: control commands reach both"
                    >
                        <Tag kind="warn">"shared name"</Tag>
                    </span>
                </Show>
                <Show when=move || tells_no_tasks.get()>
                    <span
                        class="worker-mark"
                        title="It sends no task events: what it fails or retries is not counted"
                    >
                        <Tag kind="warn">"events off"</Tag>
                    </span>
                </Show>
            </th>
            <td class="col-status">
                <WorkerBadge status />
            </td>
            <td class="col-active">
                <Show when=move || active.with(Option::is_some)>
                    <Meter value=active most=slots label=meter_label.clone() />
                </Show>
                {move || active_words(active.get(), slots.get(), status.get())}
            </td>
            <td class="col-trend">
                <Sparkline values=trend slots=60 label=trend_label tone=failed_tone />
            </td>
            <td class="is-number col-processed">
                {part(|worker| worker.processed.map(format::thousands).unwrap_or_default())}
            </td>
            <td class=move || format!("is-number col-failed {}", failed_tone.get().class())>
                <GapMark why=missed />
                {told(failed)}
            </td>
            <td class=move || format!("is-number col-retried {}", retried_tone.get().class())>
                <GapMark why=missed />
                {told(retried)}
            </td>
            <td class="is-number col-load">{load}</td>
            <td class="col-queues" title=queues>
                {queues}
            </td>
            <td
                class="col-version"
                class:tone-warn=move || is_odd_version.get()
                title=move || is_odd_version.get().then_some("Not the version of most workers")
            >
                {version}
            </td>
            <td class="is-number col-uptime">{uptime}</td>
            <td
                class="is-number col-heartbeat"
                class:tone-bad=move || status.get() == WorkerStatus::Lost
                title=heartbeat_title
            >
                {heartbeat}
            </td>
            <RowMenu name=name.clone() pid is_told />
        </tr>
    }
    .into_any()
}

/// The node name with its part before the host quiet.
pub(crate) fn worker_name(name: &WorkerName) -> AnyView {
    let (node, host) = match name.as_str().split_once('@') {
        Some((node, host)) => (format!("{node}@"), host.to_owned()),
        None => (String::new(), name.to_string()),
    };
    view! {
        <span class="worker-name">
            <span class="worker-node">{node}</span>
            {host}
        </span>
    }
    .into_any()
}

fn worker_href(name: &WorkerName) -> String {
    links::worker(name)
}

/// The router in the browser decodes an address twice, so a name with a percent
/// sign is left to the server (`leptos_router`, `location::handle_anchor_click`).
fn worker_rel(name: &WorkerName) -> Option<&'static str> {
    name.as_str().contains('%').then_some("external")
}

/// A worker that is not there runs nothing that anybody knows of. One that is
/// silent because it runs a task said so before: a zero of then is no longer true.
pub(crate) fn active_now(worker: &WorkerSummary) -> Option<u64> {
    worker.active.filter(|active| match worker.status {
        WorkerStatus::Online | WorkerStatus::Stopping => true,
        WorkerStatus::Busy => *active > 0,
        WorkerStatus::Lost | WorkerStatus::Offline => false,
    })
}

/// Why counts of a worker's events are too low; nothing if they are not.
pub(crate) fn missed_words(worker: &WorkerSummary) -> Option<String> {
    (worker.missed > 0).then(|| {
        format!(
            "Too low: {} of it missed, by its heartbeats",
            format::count(worker.missed, "task start")
        )
    })
}

fn unknown_if_expected(status: WorkerStatus) -> &'static str {
    match status {
        WorkerStatus::Offline => "",
        _ => "unknown",
    }
}

fn active_words(active: Option<u64>, slots: Option<u64>, status: WorkerStatus) -> AnyView {
    // Its slots take nothing any more; what counts is how many tasks are left.
    if let (WorkerStatus::Stopping, Some(active)) = (status, active) {
        let left = match active {
            0 => "none left".to_owned(),
            active => format!("{} left", format::thousands(active)),
        };
        return view! { <span class="active-words">{left}</span> }.into_any();
    }
    match (active, slots) {
        (Some(active), Some(slots)) => view! {
            <span class="active-words">
                {format::thousands(active)}
                <span class="quiet">{format!(" of {}", format::thousands(slots))}</span>
            </span>
        }
        .into_any(),
        (Some(active), None) => {
            view! { <span class="active-words">{format::thousands(active)}</span> }.into_any()
        }
        (None, _) => {
            view! { <span class="active-words quiet">{unknown_if_expected(status)}</span> }
                .into_any()
        }
    }
}

fn failed_tone(worker: &WorkerSummary) -> Tone {
    let ended = worker.events.succeeded + worker.events.failed;
    tone(worker.events.failed, ended, Tone::Bad)
}

fn retried_tone(worker: &WorkerSummary) -> Tone {
    tone(worker.events.retried, worker.events.started, Tone::Warn)
}

fn tone(part: u64, whole: u64, notable: Tone) -> Tone {
    if part > 0 && part as f64 >= whole as f64 * NOTABLE_SHARE {
        notable
    } else {
        Tone::Quiet
    }
}
