//! What the worker holds: tasks it runs, has taken, keeps for later, and refuses.

use super::{
    inspection::{self, Request},
    told,
};
use crate::{
    components::{
        card::Card,
        task_name::TaskName,
        time::{Precision, Time},
    },
    format, links,
    pages::task::terminate,
    steer::{Act, Steering, may},
};
use leptos::prelude::*;
use model::{Command, CommandKind, Inspection, TaskId, TaskName, Timestamp};
use serde_json::Value;

/// Rows of one list that are drawn: a worker remembers up to 50,000 revoked ids.
const MOST_ROWS: usize = 500;

/// The tab of tasks.
#[component]
pub(super) fn TasksTab(
    /// What the worker answered.
    inspection: Memo<Inspection>,
) -> impl IntoView {
    move || {
        inspection.with(|inspection| {
            let asked = inspection.asked;
            view! {
                <div class="stack">
                    {section(
                        "Active",
                        "running",
                        &inspection.active,
                        move |answer| {
                            let tasks = inspection::requests(answer);
                            let rows = tasks.iter().take(MOST_ROWS).map(|task| active_row(task, asked));
                            table("Active tasks", "For", tasks.len(), rows.collect())
                        },
                    )}
                    {section(
                        "Reserved",
                        "taken from the queue, not started",
                        &inspection.reserved,
                        |answer| {
                            let tasks = inspection::requests(answer);
                            let rows = tasks.iter().take(MOST_ROWS).map(reserved_row);
                            table("Reserved tasks", "Delivery", tasks.len(), rows.collect())
                        },
                    )}
                    {section(
                        "Scheduled",
                        "waiting for their ETA, soonest first",
                        &inspection.scheduled,
                        |answer| {
                            let tasks = inspection::scheduled(answer);
                            let rows = tasks
                                .iter()
                                .take(MOST_ROWS)
                                .map(|task| {
                                    let eta = match task.eta {
                                        Some(at) => {
                                            view! {
                                                <Time at=Some(at) precision=Precision::Seconds />
                                            }
                                                .into_any()
                                        }
                                        None => task.eta_text.clone().into_any(),
                                    };
                                    row(&task.request, eta, revoke(&task.request))
                                });
                            table("Scheduled tasks", "ETA", tasks.len(), rows.collect())
                        },
                    )}
                    {section(
                        "Revoked",
                        "ids the worker would not run",
                        &inspection.revoked,
                        |answer| revoked(&inspection::revoked(answer)),
                    )}
                </div>
            }
        })
    }
}

fn section(
    title: &'static str,
    caption: &'static str,
    answer: &Option<Value>,
    content: impl FnOnce(&Value) -> AnyView,
) -> AnyView {
    let count = inspection::length(answer);
    let title = match count {
        Some(count) => format!("{title} {}", format::thousands(count as u64)),
        None => title.to_owned(),
    };
    let content = told(answer).map_or_else(|why| why, content);
    view! {
        <Card title=title caption=caption class="table-card">
            {content}
        </Card>
    }
    .into_any()
}

fn table(caption: &'static str, last: &'static str, count: usize, rows: Vec<AnyView>) -> AnyView {
    if rows.is_empty() {
        return view! { <p class="card-note">"None when asked."</p> }.into_any();
    }
    let more = count.saturating_sub(rows.len());
    view! {
        <table class="table held-table">
            <caption class="visually-hidden">{caption}</caption>
            <thead>
                <tr>
                    <th scope="col" class="col-name">"Task"</th>
                    <th scope="col" class="col-id">"Id"</th>
                    <th scope="col" class="col-args">"Arguments"</th>
                    <th scope="col" class="col-queue">"Routing key"</th>
                    <th scope="col" class="is-number col-last">{last}</th>
                    {may(CommandKind::Revoke)
                        .then(|| {
                            view! {
                                <th scope="col" class="col-acts with-script">
                                    <span class="visually-hidden">"Acts"</span>
                                </th>
                            }
                        })}
                </tr>
            </thead>
            <tbody>{rows}</tbody>
        </table>
        {left_out(more)}
    }
    .into_any()
}

fn left_out(more: usize) -> Option<impl IntoView> {
    (more > 0).then(|| {
        let more = format::thousands(more as u64);
        view! { <p class="card-note">{format!("{more} more are not listed.")}</p> }
    })
}

fn active_row(task: &Request, asked: Option<Timestamp>) -> AnyView {
    let elapsed = asked.zip(task.started);
    let elapsed = elapsed.map(|(asked, started)| asked.seconds_since(started).max(0.0));
    let end = may(CommandKind::Terminate).then(|| {
        view! { <TerminateButton id=task.id.clone() name=task.name.clone() /> }.into_any()
    });
    row(task, elapsed.map(format::duration).into_any(), end)
}

fn reserved_row(task: &Request) -> AnyView {
    let delivery = if task.is_redelivered {
        "again"
    } else {
        "first"
    };
    row(task, delivery.into_any(), revoke(task))
}

fn revoke(task: &Request) -> Option<AnyView> {
    may(CommandKind::Revoke).then(|| view! { <RevokeButton id=task.id.clone() /> }.into_any())
}

#[component]
fn RevokeButton(id: TaskId) -> impl IntoView {
    let act = Act::new();
    let label = format!("Revoke {id}");
    let send = move |_| {
        act.run(Command::Revoke {
            tasks: vec![id.clone()],
        });
    };
    view! {
        <button
            class="button is-row"
            type="button"
            aria-label=label
            disabled=move || act.is_busy()
            on:click=send
        >
            "Revoke"
        </button>
    }
    .into_any()
}

#[component]
fn TerminateButton(id: TaskId, name: TaskName) -> impl IntoView {
    let steering = Steering::of_page();
    let label = format!("Terminate {id}");
    let ask = move |_| {
        let name = format::fit_name(name.as_str(), 40).function;
        steering.ask(terminate(id.clone(), &name));
    };
    view! {
        <button class="button is-row is-danger" type="button" aria-label=label on:click=ask>
            "Terminate…"
        </button>
    }
    .into_any()
}

fn row(task: &Request, last: AnyView, act: Option<AnyView>) -> AnyView {
    view! {
        <tr>
            <td class="col-name">
                <a href=links::task(&task.id) data-row="">
                    <TaskName name=Some(task.name.clone()) />
                </a>
            </td>
            <td class="col-id mono" title=task.id.to_string()>
                {format::short_id(task.id.as_str())}
            </td>
            <td class="col-args mono" title=task.args.clone()>
                {task.args.clone()}
            </td>
            <td class="col-queue">{task.routing_key.clone()}</td>
            <td class="is-number col-last">{last}</td>
            {act.map(|act| view! { <td class="col-acts with-script">{act}</td> })}
        </tr>
    }
    .into_any()
}

fn revoked(ids: &[TaskId]) -> AnyView {
    if ids.is_empty() {
        return view! { <p class="card-note">"None when asked."</p> }.into_any();
    }
    let more = ids.len().saturating_sub(MOST_ROWS);
    let rows = ids
        .iter()
        .take(MOST_ROWS)
        .map(|id| {
            view! {
                <li>
                    <a class="mono" href=links::task(id)>
                        {id.to_string()}
                    </a>
                </li>
            }
        })
        .collect_view();
    view! {
        <ul class="id-list">{rows}</ul>
        {left_out(more)}
    }
    .into_any()
}
