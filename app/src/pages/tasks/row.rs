//! One task as a row; on small screens as a card of two lines.

use crate::{
    components::{
        card::Tag,
        icon::{Glyph, Icon},
        repaired::RepairedMark,
        selection::{SelectCell, Selection},
        state_badge::{StateBadge, StateWord},
        task_name::{DEFAULT_BUDGET, TaskName},
        time::{Duration, Elapsed, Precision, Time},
    },
    format::{duration, short_id, short_worker},
    links,
};
use leptos::{ev, prelude::*};
use leptos_router::hooks::use_navigate;
use model::{TaskId, TaskState, TaskSummary};
use wasm_bindgen::JsCast;

/// A wait this long is worth a colour, seconds.
const LONG_WAIT_SECONDS: f64 = 5.0;

/// Pixels that a letter of a task's name takes on average, rounded up.
const LETTER_PIXELS: f64 = 7.3;

/// How many characters of a task's name fit into its column.
#[derive(Clone, Copy)]
pub(super) struct NameBudget(RwSignal<usize>);

impl NameBudget {
    /// Measures the column whenever the window changes, and puts the budget into the context.
    pub(super) fn provide() {
        let budget = RwSignal::new(DEFAULT_BUDGET);
        provide_context(Self(budget));
        let measure = move || {
            // A card shows the name beside the run time; a row shows it in a column.
            let wide = pixels("th.col-task");
            let room = wide.or_else(|| Some(pixels(".tasks-table")? - 136.0));
            if let Some(room) = room {
                // Casting saturates; a column is some hundred pixels wide.
                let letters = ((room - 16.0) / LETTER_PIXELS).max(8.0) as usize;
                if budget.get_untracked() != letters {
                    budget.set(letters);
                }
            }
        };
        Effect::new(move || {
            measure();
            let listener = window_event_listener(ev::resize, move |_| measure());
            on_cleanup(move || listener.remove());
        });
    }
}

fn pixels(selector: &str) -> Option<f64> {
    let found = document().query_selector(selector).ok().flatten()?;
    Some(found.get_bounding_client_rect().width()).filter(|width| *width > 0.0)
}

/// A row of the list.
#[component]
pub(super) fn TaskRow(row: ArcRwSignal<TaskSummary>) -> impl IntoView {
    let row: RwSignal<TaskSummary> = row.into();
    let budget = use_context::<NameBudget>().map_or(RwSignal::new(DEFAULT_BUDGET), |b| b.0);
    let id = row.with_untracked(|row| row.id.clone());
    let href = links::task(&id);
    let (whole_id, id_text) = (id.to_string(), short_id(id.as_str()));
    let card_id = id_text.clone();

    let is_repaired = Memo::new(move |_| row.with(|row| row.is_repaired));
    let state = Memo::new(move |_| row.with(|row| row.state.clone()));
    let name = Memo::new(move |_| row.with(|row| row.name.clone()));
    let queue = Memo::new(move |_| row.with(|row| row.queue.clone()));
    let worker = Memo::new(move |_| row.with(|row| row.worker.clone()));
    let retries = Memo::new(move |_| row.with(|row| row.retries));
    let received = Memo::new(move |_| row.with(|row| row.received.or(row.sent)));
    let wait = Memo::new(move |_| row.with(TaskSummary::wait_seconds));
    // A task with an ETA waits because it was asked to.
    let is_long_wait = Memo::new(move |_| {
        row.with(|row| {
            row.eta.is_none()
                && row
                    .wait_seconds()
                    .is_some_and(|wait| wait >= LONG_WAIT_SECONDS)
        })
    });
    let queue_text = move || queue.get().map(|queue| queue.to_string());
    let worker_text = move || {
        let worker = worker.get()?;
        Some(short_worker(worker.as_str()).to_owned())
    };

    let navigate = use_navigate();
    let open = href.clone();
    let click = move |event: ev::MouseEvent| {
        let on_link = event
            .target()
            .and_then(|target| target.dyn_into::<web_sys::Element>().ok())
            .is_some_and(|target| target.closest("a, label").is_ok_and(|link| link.is_some()));
        if !on_link && !event.default_prevented() {
            navigate(&open, Default::default());
        }
    };
    let glow = Glow::on(row);
    let selection = use_context::<Selection<TaskId>>();
    let own = id.clone();
    let is_selected = Memo::new(move |_| selection.is_some_and(|selection| selection.has(&own)));
    let is_revoked = Memo::new(move |_| row.with(|row| row.is_revoked));
    let select = selection.map(|selection| {
        let name = row.with_untracked(|row| {
            let name = row.name.as_ref().map(ToString::to_string);
            format!("{} {}", name.unwrap_or_default(), short_id(row.id.as_str()))
        });
        view! { <SelectCell selection key=id.clone() name /> }
    });
    view! {
        <tr
            class="task-row"
            class:glow-a=move || glow.is_a()
            class:glow-b=move || glow.is_b()
            class:is-selected=move || is_selected.get()
            on:click=click
        >
            {select}
            <td class="col-state">
                <StateBadge state=state />
            </td>
            <td class="col-task">
                <a href=href data-row>
                    <TaskName name=name budget=budget />
                </a>
                <RepairedMark is_repaired />
                <Show when=move || is_revoked.get()>
                    <span
                        class="row-mark"
                        title="Workers were told to drop it; they do when its turn comes, or its ETA"
                    >
                        <Tag>"revoked"</Tag>
                    </span>
                </Show>
            </td>
            <td class="col-id">
                <span title=whole_id>{id_text}</span>
            </td>
            <td class="col-queue" title=queue_text>
                {queue_text}
            </td>
            <td
                class="col-worker"
                title=move || worker.get().map(|worker| worker.to_string())
            >
                {worker_text}
            </td>
            <td class="col-retries is-number" class:is-zero=move || retries.get() == 0>
                {move || retries.get()}
            </td>
            <td class="col-received is-number">
                <Time at=received />
            </td>
            <td
                class="col-wait is-number"
                class:is-long=move || is_long_wait.get()
            >
                <Duration seconds=wait />
            </td>
            <td class="col-run is-number">
                <Run row=row state=state />
            </td>
            <td class="card-meta">
                <span class="card-line">
                    <StateWord state=state />
                    <span>{queue_text}</span>
                    <span>{worker_text}</span>
                    <span class="mono">{card_id}</span>
                </span>
                <Time at=received precision=Precision::Seconds />
            </td>
        </tr>
    }
    .into_any()
}

/// The place of a row that was not fetched yet.
#[component]
pub(super) fn BlankRow() -> impl IntoView {
    let is_selectable = use_context::<Selection<TaskId>>().is_some();
    let cells = [
        "col-state",
        "col-task",
        "col-id",
        "col-queue",
        "col-worker",
        "col-retries",
        "col-received",
        "col-wait",
        "col-run",
    ];
    let cells = cells.map(|class| {
        view! {
            <td class=class>
                <span class="blank-bar"></span>
            </td>
        }
    });
    view! {
        <tr class="task-row blank-row" aria-hidden="true">
            {is_selectable.then(|| view! { <td class="col-select with-script"></td> })}
            {cells.collect_view()}
        </tr>
    }
    .into_any()
}

/// How long a task ran, or runs by now.
#[component]
fn Run(row: RwSignal<TaskSummary>, state: Memo<TaskState>) -> impl IntoView {
    let running =
        Memo::new(move |_| row.with(|row| row.started.filter(|_| row.state.is_running())));
    let ran = Memo::new(move |_| row.with(|row| row.runtime_seconds));
    let usual = Memo::new(move |_| row.with(|row| row.usual_runtime_seconds));
    let is_failure = move || state.with(|state| *state == TaskState::Failure);
    let is_waiting = move || state.with(|state| *state == TaskState::Received);
    move || match running.get() {
        Some(since) => view! {
            <span
                class="run-live"
                class:is-long=move || usual.get().is_some()
                title=move || usual.get().map(usually)
            >
                {move || {
                    usual
                        .get()
                        .map(|seconds| {
                            view! {
                                <Icon glyph=Glyph::Clock />
                                <span class="visually-hidden">{usually(seconds)} ": "</span>
                            }
                        })
                }}
                <Elapsed since=since />
            </span>
        }
        .into_any(),
        None if is_waiting() => view! { <span class="run-waiting">"waiting"</span> }.into_any(),
        None => view! {
            <span class="run-done" class:is-failure=is_failure>
                <Duration seconds=ran />
            </span>
        }
        .into_any(),
    }
}

/// What a task that runs for long is measured by.
fn usually(seconds: f64) -> String {
    format!("Usually under {}", duration(seconds))
}

/// Marks a row that changed. Two classes with the same look take turns, since
/// an animation starts again only when its name changes.
#[derive(Clone, Copy)]
struct Glow(RwSignal<u32>);

impl Glow {
    fn on(row: RwSignal<TaskSummary>) -> Self {
        let changes = RwSignal::new(0_u32);
        Effect::new(move |seen: Option<()>| {
            row.track();
            if seen.is_some() {
                changes.update(|changes| *changes = changes.wrapping_add(1));
            }
        });
        Self(changes)
    }

    fn is_a(self) -> bool {
        self.0.get() % 2 == 1
    }

    fn is_b(self) -> bool {
        let changes = self.0.get();
        changes > 0 && changes.is_multiple_of(2)
    }
}
