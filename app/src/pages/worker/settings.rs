//! How the worker is set up: queues, limits, configuration, broker, system.

use super::{
    answered, inspection,
    limits::LimitsDialog,
    steer::{AddConsumer, CancelConsumer},
};
use crate::{
    components::{
        card::Card,
        empty::Empty,
        facts::{Fact, FactList},
        task_name::TaskName,
        tree::Tree,
    },
    format, links,
    steer::may,
};
use leptos::prelude::*;
use model::{CommandKind, Inspection, WorkerName, WorkerSummary};
use serde_json::Value;

/// The queues that the worker consumes.
#[component]
pub(super) fn QueuesTab(
    /// The worker.
    name: Memo<WorkerName>,
    /// What the worker answered.
    inspection: Memo<Inspection>,
) -> impl IntoView {
    let may_cancel = may(CommandKind::CancelConsumer);
    // A queue's button keeps what it waits for while answers come.
    let answer = Memo::new(move |_| inspection.with(|i| i.active_queues.clone()));
    let table = move || {
        answer.with(|answer| {
            answered(answer, |answer| {
                let queues = inspection::queues(answer);
                if queues.is_empty() {
                    return view! {
                        <div class="card">
                            <Empty title="It consumes no queue">
                                "Every consumer was cancelled; the worker gets no tasks until one is added."
                            </Empty>
                        </div>
                    }
                    .into_any();
                }
                let rows = queues.iter().map(|queue| {
                    let durable = match queue.is_durable {
                        Some(true) => "durable",
                        Some(false) => "transient",
                        None => "",
                    };
                    view! {
                        <tr>
                            <th scope="row" class="col-name">
                                <a href=links::tasks_of_queue(&queue.name) data-row="">
                                    {queue.name.to_string()}
                                </a>
                            </th>
                            <td>{queue.exchange.clone()}</td>
                            <td>{queue.exchange_kind.clone()}</td>
                            <td>{queue.routing_key.clone()}</td>
                            <td>{durable}</td>
                            {may_cancel
                                .then(|| {
                                    let queue = queue.name.clone();
                                    view! {
                                        <td class="col-acts with-script">
                                            <CancelConsumer name queue />
                                        </td>
                                    }
                                })}
                        </tr>
                    }
                });
                view! {
                    <div class="card table-card">
                        <table class="table consumed-table">
                            <caption class="visually-hidden">"Queues it consumes"</caption>
                            <thead>
                                <tr>
                                    <th scope="col" class="col-name">"Queue"</th>
                                    <th scope="col">"Exchange"</th>
                                    <th scope="col">"Type"</th>
                                    <th scope="col">"Routing key"</th>
                                    <th scope="col">"Kept"</th>
                                    {may_cancel
                                        .then(|| {
                                            view! {
                                                <th scope="col" class="col-acts with-script">
                                                    <span class="visually-hidden">"Acts"</span>
                                                </th>
                                            }
                                        })}
                                </tr>
                            </thead>
                            <tbody>{rows.collect_view()}</tbody>
                        </table>
                    </div>
                }
                .into_any()
            })
        })
    };
    view! {
        <div class="stack">
            {table}
            {may(CommandKind::AddConsumer).then(|| view! { <AddConsumer name /> })}
        </div>
    }
    .into_any()
}

/// The task types that the worker can run, with their rate limits.
#[component]
pub(super) fn LimitsTab(
    /// The worker.
    name: Memo<WorkerName>,
    /// What the worker answered.
    inspection: Memo<Inspection>,
) -> impl IntoView {
    let may_set = may(CommandKind::RateLimit);
    let edited: RwSignal<Option<inspection::Registered>> = RwSignal::new(None);
    // Drawn anew only when a limit is another one, so that the focus stays.
    let shown =
        Memo::new(move |_| inspection.with(|i| (i.registered.clone(), inspection::pool(i))));
    let table = move || {
        shown.with(|(answer, pool)| {
            answered(answer, |answer| {
                let limit = |seconds: Option<f64>| match seconds {
                    Some(seconds) => format::duration(seconds),
                    None => "none".to_owned(),
                };
                let note = format!(
                    "The pool’s soft limit is {}, its hard limit {}; a message may set its own. A rate limit is per worker. Changes last until this worker restarts.",
                    limit(pool.soft_limit),
                    limit(pool.hard_limit)
                );
                let tasks = inspection::registered(answer);
                let rows = tasks.iter().map(|task| {
                    let quiet = |words| view! { <span class="quiet">{words}</span> }.into_any();
                    let rate = match &task.rate_limit {
                        Some(rate) => rate.clone().into_any(),
                        None => quiet("none"),
                    };
                    let seconds = |seconds: Option<f64>| match seconds {
                        Some(seconds) => format::duration(seconds).into_any(),
                        None => quiet("as the pool’s"),
                    };
                    let edit = may_set.then(|| {
                        let limits = task.clone();
                        let label = format!("Set limits of {}", task.name);
                        view! {
                            <td class="col-acts with-script">
                                <button
                                    class="button is-row"
                                    type="button"
                                    aria-label=label
                                    on:click=move |_| edited.set(Some(limits.clone()))
                                >
                                    "Set…"
                                </button>
                            </td>
                        }
                    });
                    view! {
                        <tr>
                            <th scope="row" class="col-name">
                                <a href=links::tasks_of_type(&task.name) data-row="">
                                    <TaskName name=Some(task.name.clone()) budget=72 />
                                </a>
                            </th>
                            <td class="col-rate">{rate}</td>
                            <td class="is-number col-limit">{seconds(task.soft_limit)}</td>
                            <td class="is-number col-limit">{seconds(task.hard_limit)}</td>
                            {edit}
                        </tr>
                    }
                });
                view! {
                    <div class="card table-card">
                        <table class="table limit-table">
                            <caption class="visually-hidden">
                                "Task types it can run and their limits"
                            </caption>
                            <thead>
                                <tr>
                                    <th scope="col" class="col-name">"Task"</th>
                                    <th scope="col" class="col-rate">"Rate limit"</th>
                                    <th scope="col" class="is-number col-limit">"Soft limit"</th>
                                    <th scope="col" class="is-number col-limit">"Hard limit"</th>
                                    {may_set
                                        .then(|| {
                                            view! {
                                                <th scope="col" class="col-acts with-script">
                                                    <span class="visually-hidden">"Acts"</span>
                                                </th>
                                            }
                                        })}
                                </tr>
                            </thead>
                            <tbody>{rows.collect_view()}</tbody>
                        </table>
                        <p class="card-note">{note}</p>
                    </div>
                }
            })
        })
    };
    view! {
        {table}
        {may_set.then(|| view! { <LimitsDialog name task=edited /> })}
    }
    .into_any()
}

/// The settings that differ from Celery's defaults.
#[component]
pub(super) fn ConfigTab(
    /// What the worker answered.
    inspection: Memo<Inspection>,
) -> impl IntoView {
    move || {
        inspection.with(|inspection| {
            answered(&inspection.conf, |answer| {
                let answer = answer.clone();
                view! {
                    <Card title="Configuration" caption="what differs from Celery's defaults">
                        <Tree value=answer />
                    </Card>
                }
            })
        })
    }
}

/// The connection to the broker, as the worker sees it.
#[component]
pub(super) fn BrokerTab(
    /// What the worker answered.
    inspection: Memo<Inspection>,
) -> impl IntoView {
    const LABELS: [(&str, &str); 12] = [
        ("transport", "Transport"),
        ("hostname", "Host"),
        ("port", "Port"),
        ("virtual_host", "Virtual host"),
        ("userid", "User"),
        ("ssl", "TLS"),
        ("uri_prefix", "URI prefix"),
        ("connect_timeout", "Connect timeout, s"),
        ("heartbeat", "Heartbeat, s"),
        ("login_method", "Login method"),
        ("failover_strategy", "Failover"),
        ("alternates", "Alternates"),
    ];
    move || {
        inspection.with(|inspection| {
            let broker = inspection
                .stats
                .as_ref()
                .and_then(|stats| stats.get("broker"));
            answered(&broker.cloned(), |broker| {
                let facts = LABELS.into_iter().filter_map(|(key, label)| {
                    let value = broker.get(key)?;
                    let value = scalar(value);
                    Some(view! { <Fact label>{value}</Fact> })
                });
                let facts: Vec<_> = facts.collect();
                let options = broker
                    .get("transport_options")
                    .filter(|options| options.as_object().is_some_and(|o| !o.is_empty()))
                    .cloned();
                view! {
                    <div class="stack">
                        <Card title="Broker" caption="as the worker sees it">
                            <FactList>{facts}</FactList>
                        </Card>
                        {options
                            .map(|options| {
                                view! {
                                    <Card title="Transport options">
                                        <Tree value=options />
                                    </Card>
                                }
                            })}
                    </div>
                }
            })
        })
    }
}

/// A field of Celery's answer, its label, and how its value is written.
type Figure = (&'static str, &'static str, fn(&Value) -> String);

/// The process and what it used.
#[component]
pub(super) fn SystemTab(
    /// The worker.
    summary: Memo<WorkerSummary>,
    /// What the worker answered.
    inspection: Memo<Inspection>,
) -> impl IntoView {
    // `getrusage(2)` of the main process; memory in KiB on Linux.
    const USAGE: [Figure; 9] = [
        ("maxrss", "Most memory resident", kibibytes),
        ("utime", "CPU time in user mode", seconds),
        ("stime", "CPU time in the kernel", seconds),
        ("nvcsw", "Context switches, voluntary", number),
        ("nivcsw", "Context switches, forced", number),
        ("minflt", "Page faults without I/O", number),
        ("majflt", "Page faults with I/O", number),
        ("inblock", "Blocks read", number),
        ("oublock", "Blocks written", number),
    ];
    let process = move || {
        summary.with(|worker| {
            let known = |text: Option<String>| text.unwrap_or_else(|| "unknown".to_owned());
            let pid = (worker.pid > 0).then(|| worker.pid.to_string());
            let heartbeat = match worker.freq_seconds {
                whole if whole.fract() == 0.0 => format::whole_seconds(whole),
                other => format::duration(other),
            };
            let events = worker
                .task_events
                .map(|is_on| if is_on { "on" } else { "off" });
            [
                ("Process id", known(pid)),
                ("Operating system", known(worker.system.clone())),
                ("Celery", known(worker.version.clone())),
                ("Pool", known(worker.pool.clone())),
                ("Heartbeat every", heartbeat),
                ("Task events", known(events.map(str::to_owned))),
            ]
            .into_iter()
            .map(|(label, value)| view! { <Fact label>{value}</Fact> })
            .collect_view()
        })
    };
    let counts = move || {
        summary.with(|worker| {
            let events = worker.events;
            [
                ("task-received", events.received),
                ("task-started", events.started),
                ("task-succeeded", events.succeeded),
                ("task-failed", events.failed),
                ("task-retried", events.retried),
                ("task-revoked", events.revoked),
                ("task-rejected", events.rejected),
                ("worker-heartbeat", events.heartbeats),
            ]
            .into_iter()
            .map(|(label, count)| view! { <Fact label>{format::thousands(count)}</Fact> })
            .collect_view()
        })
    };
    view! {
        <div class="worker-system">
            <Card title="Process">
                <FactList>{process}</FactList>
            </Card>
            <Card title="Events" caption="since Celeriac sees the worker">
                <FactList>{counts}</FactList>
            </Card>
            <Card title="Resources" caption="main process, since it started">
                {move || {
                    inspection
                        .with(|inspection| match inspection::stats_part(inspection, "rusage") {
                            Some(usage) => {
                                let facts: Vec<_> = USAGE
                                    .into_iter()
                                    .filter_map(|(key, label, write)| {
                                        let value = write(usage.get(key)?);
                                        Some(view! { <Fact label>{value}</Fact> })
                                    })
                                    .collect();
                                view! { <FactList>{facts}</FactList> }.into_any()
                            }
                            None => {
                                view! {
                                    <Empty title="The worker did not tell this">
                                        "Windows has no such figures; others tell them when asked for statistics."
                                    </Empty>
                                }
                                    .into_any()
                            }
                        })
                }}
            </Card>
        </div>
    }
    .into_any()
}

fn scalar(value: &Value) -> AnyView {
    let text = match value {
        Value::Null => "none".to_owned(),
        Value::Bool(true) => "on".to_owned(),
        Value::Bool(false) => "off".to_owned(),
        Value::Array(items) if items.is_empty() => "none".to_owned(),
        other => inspection::text(Some(other)),
    };
    if text == "none" {
        view! { <span class="quiet">{text}</span> }.into_any()
    } else {
        text.into_any()
    }
}

fn kibibytes(value: &Value) -> String {
    let known = value
        .as_u64()
        .map(|kib| format::bytes(kib.saturating_mul(1024)));
    known.unwrap_or_else(|| inspection::text(Some(value)))
}

fn seconds(value: &Value) -> String {
    let known = value.as_f64().map(format::duration);
    known.unwrap_or_else(|| inspection::text(Some(value)))
}

fn number(value: &Value) -> String {
    let known = value.as_u64().map(format::thousands);
    known.unwrap_or_else(|| inspection::text(Some(value)))
}
