//! Tasks that workers hold until they are due.

use super::Distance;
use crate::{
    components::{
        card::Tag,
        data_table::{OnScreen, PLAIN_ROWS, WindowedTable, whole_list},
        task_name::TaskName,
        time::{Precision, Time},
    },
    format::{short_id, short_worker, thousands},
    links,
    steer::{Act, may},
};
use leptos::prelude::*;
use model::{Command, CommandKind, EtaTask};

/// Characters of a task's name that fit beside everything else at 1,440 px.
const NAME_BUDGET: usize = 40;

/// The table.
#[component]
pub(super) fn WaitingTable(
    /// The tasks, the next first.
    tasks: Memo<Vec<EtaTask>>,
) -> impl IntoView {
    let (rows, loaded) = whole_list(tasks);
    let on_screen = RwSignal::new(OnScreen::START);
    let has_focus = RwSignal::new(false);
    let is_cut = Memo::new(move |_| tasks.with(|tasks| tasks.len() > PLAIN_ROWS));
    let head = view! {
        <tr>
            <th scope="col" class="col-due" aria-sort="ascending">"Due"</th>
            <th scope="col" class="col-task">"Task"</th>
            <th scope="col" class="col-id">"Id"</th>
            <th scope="col" class="col-why">"Why"</th>
            <th scope="col" class="col-queue">"Queue"</th>
            <th scope="col" class="col-worker">"Held by"</th>
            {may(CommandKind::Revoke)
                .then(|| {
                    view! {
                        <th scope="col" class="col-run with-script">
                            <span class="visually-hidden">"Act"</span>
                        </th>
                    }
                })}
        </tr>
    }
    .into_any();
    view! {
        <WindowedTable
            rows
            loaded
            row=|row| view! { <WaitingRow row /> }.into_any()
            caption="Tasks that wait for their time, the next first"
            blank=|| view! { <tr class="waiting-row"><td colspan="7"></td></tr> }.into_any()
            on_screen
            has_focus
            head
        />
        <Show when=move || is_cut.get()>
            <p class="card-note without-script">
                {format!("The next {} are shown; the others need JavaScript.", thousands(PLAIN_ROWS as u64))}
            </p>
        </Show>
    }
    .into_any()
}

#[component]
fn WaitingRow(row: ArcRwSignal<EtaTask>) -> impl IntoView {
    let task: RwSignal<EtaTask> = row.into();
    let id = task.with_untracked(|task| task.id.clone());
    let href = links::task(&id);
    let name = Memo::new(move |_| task.with(|task| task.name.clone()));
    let eta = Memo::new(move |_| task.with(|task| task.eta));
    let worker = Memo::new(move |_| task.with(|task| task.worker.clone()));
    let queue = Memo::new(move |_| task.with(|task| task.queue.clone()));
    let is_revoked = Memo::new(move |_| task.with(|task| task.is_revoked));
    let why = Memo::new(move |_| match task.with(|task| task.retries) {
        0 => "eta".to_owned(),
        retries => format!("retry {}", thousands(u64::from(retries))),
    });
    view! {
        <tr class="waiting-row">
            <td class="col-due">
                <Time at=Signal::derive(move || Some(eta.get())) precision=Precision::Seconds />
                <Distance at=eta.into() />
            </td>
            <td class="col-task">
                <a href=href data-row="">
                    <TaskName name budget=NAME_BUDGET />
                </a>
            </td>
            <td class="col-id">
                <span title=id.to_string()>{short_id(id.as_str())}</span>
            </td>
            <td class="col-why">
                {move || {
                    if is_revoked.get() {
                        view! {
                            <span title="Revoked: its worker drops it at its time">
                                <Tag>"revoked"</Tag>
                            </span>
                        }
                            .into_any()
                    } else {
                        why.get().into_any()
                    }
                }}
            </td>
            <td class="col-queue">{move || queue.get().map(|queue| queue.to_string())}</td>
            <td
                class="col-worker"
                title=move || worker.get().map(|worker| worker.to_string())
            >
                {move || {
                    worker.get().map(|worker| short_worker(worker.as_str()).to_owned())
                }}
            </td>
            {may(CommandKind::Revoke).then(|| view! { <RevokeCell task /> })}
        </tr>
    }
    .into_any()
}

#[component]
fn RevokeCell(task: RwSignal<EtaTask>) -> impl IntoView {
    let act = Act::new();
    let is_revoked = Memo::new(move |_| task.with(|task| task.is_revoked));
    let revoke = move |_| {
        act.run(Command::Revoke {
            tasks: vec![task.with_untracked(|task| task.id.clone())],
        });
    };
    view! {
        <td class="col-run with-script">
            <Show when=move || !is_revoked.get()>
                <button
                    class="button is-ghost"
                    type="button"
                    disabled=move || act.is_busy()
                    on:click=revoke
                >
                    "Revoke"
                </button>
            </Show>
        </td>
    }
    .into_any()
}
