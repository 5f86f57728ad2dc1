//! One worker: its pool, its tasks, its queues and settings.

mod inspection;
mod limits;
mod pool;
mod settings;
mod steer;
mod tasks;

pub(crate) use steer::{restart_pool, shut_down};

use crate::{
    components::{
        empty::{Empty, Skeleton, StaleRow, when_ready},
        facts::{Fact, Facts},
        gaps::GapMark,
        icon::{Glyph, Icon},
        note::Note,
        tabs::{Tab, Tabs},
        time::Ago,
        worker_badge::{WorkerBadge, caveats, is_there},
    },
    format, links,
    live::{Live, picture_of},
    pages::workers::{active_now, missed_words, worker_name},
    server_fns,
};
use leptos::prelude::*;
use leptos_meta::Title;
use leptos_router::hooks::{use_params_map, use_query_map};
use model::{Inspection, Topic, View, WorkerDetail, WorkerName, WorkerStatus, WorkerSummary};

/// A part of the page.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Part {
    #[default]
    Pool,
    Tasks,
    Queues,
    Limits,
    Config,
    Broker,
    System,
}

impl Part {
    const ALL: [(Self, &'static str, &'static str); 7] = [
        (Self::Pool, "pool", "Pool"),
        (Self::Tasks, "tasks", "Tasks"),
        (Self::Queues, "queues", "Queues"),
        (Self::Limits, "limits", "Limits"),
        (Self::Config, "config", "Config"),
        (Self::Broker, "broker", "Broker"),
        (Self::System, "system", "System"),
    ];

    fn from_name(name: Option<&str>) -> Self {
        let known = Self::ALL.into_iter().find(|(_, n, _)| Some(*n) == name);
        known.map(|(part, ..)| part).unwrap_or_default()
    }

    /// How many things are behind the tab, if the worker told.
    fn count(self, inspection: &Inspection) -> Option<usize> {
        match self {
            Self::Tasks => {
                let lists = [
                    &inspection.active,
                    &inspection.reserved,
                    &inspection.scheduled,
                ];
                lists
                    .into_iter()
                    .filter_map(inspection::length)
                    .reduce(|a, b| a + b)
            }
            Self::Queues => inspection::length(&inspection.active_queues),
            Self::Limits => inspection::length(&inspection.registered),
            Self::Pool | Self::Config | Self::Broker | Self::System => None,
        }
    }
}

/// A worker's page.
#[component]
pub fn WorkerPage() -> impl IntoView {
    let params = use_params_map();
    let name = Memo::new(move |_| {
        let name = params.with(|params| params.get_str("name").unwrap_or_default().to_owned());
        WorkerName::from(name)
    });
    let topic = Signal::derive(move || Topic::Worker(name.get()));
    let picture = picture_of(topic, |topic, view| match (topic, view) {
        (Topic::Worker(name), View::Worker(worker)) => Some(Shown {
            name: name.clone(),
            worker: worker.clone(),
        }),
        _ => None,
    });
    view! {
        <Title text=move || name.get().to_string() />
        <nav class="breadcrumb" aria-label="Path">
            <a href="/workers">"Workers"</a>
            <Icon glyph=Glyph::ChevronRight />
            <span class="mono">{move || name.get().to_string()}</span>
        </nav>
        {when_ready(picture, move |shown| content(name, shown))}
    }
    .into_any()
}

/// A worker, unless it is not known, and the name that was asked for.
#[derive(Clone, Debug, PartialEq)]
struct Shown {
    name: WorkerName,
    worker: Option<Box<WorkerDetail>>,
}

fn content(name: Memo<WorkerName>, shown: Signal<Shown>) -> impl IntoView {
    // Whether the picture is of the worker in the address, and whether there is one.
    let form =
        Memo::new(move |_| shown.with(|shown| (shown.name == name.get(), shown.worker.is_some())));
    move || match (
        form.get(),
        shown.with_untracked(|shown| shown.worker.clone()),
    ) {
        ((false, _), _) => view! { <Skeleton /> }.into_any(),
        ((true, _), Some(first)) => {
            let newest = move |_: Option<&Box<WorkerDetail>>| {
                let worker = shown.with(|shown| shown.worker.clone());
                worker.unwrap_or_else(|| first.clone())
            };
            known(name, Memo::new(newest)).into_any()
        }
        ((true, _), None) => {
            server_fns::set_status(404);
            unknown(name).into_any()
        }
    }
}

fn unknown(name: Memo<WorkerName>) -> impl IntoView {
    view! {
        <div class="page-head">
            <h1>{move || worker_name(&name.get())}</h1>
        </div>
        <div class="card">
            <Empty title=Signal::derive(move || format!("No worker is called {}", name.get()))>
                <p>
                    "Celeriac has seen no heartbeat and no answer of it since it started. A worker appears within seconds of its start."
                </p>
                <div class="empty-acts">
                    <a class="button" href="/workers">
                        "All workers"
                    </a>
                </div>
            </Empty>
        </div>
    }
    .into_any()
}

fn known(name: Memo<WorkerName>, worker: Memo<Box<WorkerDetail>>) -> impl IntoView {
    let query = use_query_map();
    let part = Memo::new(move |_| query.with(|query| Part::from_name(query.get_str("tab"))));
    let inspection = Memo::new(move |_| worker.with(|worker| worker.inspection.clone()));
    let summary = Memo::new(move |_| worker.with(|worker| worker.summary.clone()));
    let tabs = Memo::new(move |_| {
        let path = links::worker(&name.get());
        let current = part.get();
        inspection.with(|inspection| {
            Part::ALL
                .into_iter()
                .map(|(part, key, label)| Tab {
                    label,
                    count: part.count(inspection),
                    href: match part {
                        Part::Pool => path.clone(),
                        _ => format!("{path}?tab={key}"),
                    },
                    is_current: part == current,
                })
                .collect::<Vec<_>>()
        })
    });
    view! {
        <Head name summary inspection />
        <Caveats summary />
        <Namesakes worker />
        <Figures summary inspection />
        <Tabs label="Parts of the worker" tabs />
        <div class="worker-part">
            <StaleRow />
            {move || match part.get() {
                Part::Pool => view! { <pool::PoolTab name inspection /> }.into_any(),
                Part::Tasks => view! { <tasks::TasksTab inspection /> }.into_any(),
                Part::Queues => view! { <settings::QueuesTab name inspection /> }.into_any(),
                Part::Limits => view! { <settings::LimitsTab name inspection /> }.into_any(),
                Part::Config => view! { <settings::ConfigTab inspection /> }.into_any(),
                Part::Broker => view! { <settings::BrokerTab inspection /> }.into_any(),
                Part::System => view! { <settings::SystemTab summary inspection /> }.into_any(),
            }}
        </div>
    }
    .into_any()
}

#[component]
fn Head(
    name: Memo<WorkerName>,
    summary: Memo<WorkerSummary>,
    inspection: Memo<Inspection>,
) -> impl IntoView {
    let is_there = Memo::new(move |_| summary.with(|worker| is_there(worker.status)));
    let status = Memo::new(move |_| summary.with(|worker| worker.status));
    let heartbeat = Memo::new(move |_| summary.with(|worker| worker.last_heartbeat));
    let asked = Memo::new(move |_| inspection.with(|inspection| inspection.asked));
    let pid = move || match summary.with(|worker| worker.pid) {
        0 => String::new(),
        pid => format!("pid {pid}, "),
    };
    view! {
        <div class="page-head">
            <h1>{move || summary.with(|worker| worker_name(&worker.name))}</h1>
            <WorkerBadge status />
            <span class="page-caption">
                {pid} {move || match heartbeat.get() {
                    Some(at) => view! { "heartbeat " <Ago at /> }.into_any(),
                    None => "no heartbeat seen".into_any(),
                }}
                ", "
                {move || match asked.get() {
                    Some(at) => view! { "answered " <Ago at /> }.into_any(),
                    None => "has not answered yet".into_any(),
                }}
            </span>
            <Show when=move || is_there.get()>
                <steer::HeadActs name />
            </Show>
        </div>
    }
    .into_any()
}

/// What is unusual about how this worker is known.
#[component]
fn Caveats(summary: Memo<WorkerSummary>) -> impl IntoView {
    let caveats = Memo::new(move |_| summary.with(caveats));
    move || {
        let caveats = caveats.get().into_iter();
        caveats
            .map(|words| view! { <Note class="worker-note">{words}</Note> })
            .collect_view()
    }
}

/// Two processes under one name are a fault that nothing else on the page would show.
#[component]
fn Namesakes(worker: Memo<Box<WorkerDetail>>) -> impl IntoView {
    let words = Memo::new(move |_| {
        worker.with(|worker| {
            let pids: Vec<String> = worker
                .namesakes
                .iter()
                .filter(|other| is_there(other.status))
                .map(|other| other.pid.to_string())
                .collect();
            (is_there(worker.summary.status) && !pids.is_empty()).then(|| {
                format!(
                    "Another process bears this name (pid {}). Control commands reach both; give each a name of its own with -n.",
                    pids.join(", ")
                )
            })
        })
    });
    view! {
        {move || {
            words
                .get()
                .map(|words| view! { <Note class="worker-note">{words}</Note> })
        }}
    }
    .into_any()
}

#[component]
fn Figures(summary: Memo<WorkerSummary>, inspection: Memo<Inspection>) -> impl IntoView {
    let live = Live::of_page();
    let active = move || {
        let known = summary.with(active_now);
        known.map_or_else(|| "unknown".to_owned(), format::thousands)
    };
    let slots = move || {
        let (slots, status) = summary.with(|worker| (worker.slots, worker.status));
        let slots = format::thousands(slots?);
        Some(match status {
            WorkerStatus::Stopping => " left".to_owned(),
            _ => format!(" of {slots}"),
        })
    };
    let reserved = move || {
        let reserved = inspection.with(|inspection| inspection::length(&inspection.reserved));
        reserved.map_or_else(|| "unknown".to_owned(), |n| format::thousands(n as u64))
    };
    let prefetch = move || match inspection.with(inspection::prefetch_limit)? {
        0 => Some(" prefetch unlimited".to_owned()),
        limit => Some(format!(" prefetch {}", format::thousands(limit))),
    };
    let processed = move || {
        let processed = summary.with(|worker| worker.processed);
        processed.map_or_else(|| "unknown".to_owned(), format::thousands)
    };
    let failed = move || format::thousands(summary.with(|worker| worker.events.failed));
    let retried = move || {
        let retried = summary.with(|worker| worker.events.retried);
        (retried > 0).then(|| format!(" {} retried", format::thousands(retried)))
    };
    let load = move || {
        summary.with(|worker| match worker.load {
            Some([one, five, fifteen]) => (format!("{one:.2}"), format!(" {five:.2} {fifteen:.2}")),
            None => ("unknown".to_owned(), String::new()),
        })
    };
    let missed = Memo::new(move |_| summary.with(missed_words));
    let queues = Memo::new(move |_| summary.with(|worker| worker.queues.clone()));
    let software = move || {
        summary.with(|worker| match &worker.version {
            Some(version) => format!("celery {version}"),
            None => "unknown".to_owned(),
        })
    };
    let system = move || {
        summary
            .with(|worker| worker.system.clone())
            .map(|s| format!(" {s}"))
    };
    let uptime = Memo::new(move |_| {
        summary.with(|worker| match (worker.status, worker.started) {
            (WorkerStatus::Offline, _) => "stopped".to_owned(),
            // While the broker is silent nobody knows whether it still runs.
            (status, Some(started)) if is_there(status) && live.is_broker_up() => {
                format::whole_seconds(live.now.get().seconds_since(started))
            }
            _ => "unknown".to_owned(),
        })
    });
    view! {
        <Facts>
            <Fact label="Active">
                {active} <span class="quiet">{slots}</span>
            </Fact>
            <Fact label="Reserved">
                {reserved} <span class="quiet">{prefetch}</span>
            </Fact>
            <Fact label="Processed">{processed}</Fact>
            <Fact label="Failed, since seen">
                {failed} <span class="quiet">{retried}</span>
                <GapMark why=missed />
            </Fact>
            <Fact label="Load">
                {move || load().0} <span class="quiet">{move || load().1}</span>
            </Fact>
            <Fact label="Queues">
                {move || {
                    let queues = queues.get();
                    if queues.is_empty() {
                        return "unknown".into_any();
                    }
                    queues
                        .into_iter()
                        .enumerate()
                        .map(|(index, queue)| {
                            view! {
                                {(index > 0).then_some(", ")}
                                <a href=links::tasks_of_queue(&queue)>{queue.to_string()}</a>
                            }
                        })
                        .collect_view()
                        .into_any()
                }}
            </Fact>
            <Fact label="Software">
                {software} <span class="quiet">{system}</span>
            </Fact>
            <Fact label="Uptime">{uptime}</Fact>
        </Facts>
    }
    .into_any()
}

/// Returns the task types that an answer to `registered` names.
#[cfg(feature = "ssr")]
pub(crate) fn registered_names(answer: &serde_json::Value) -> Vec<String> {
    let tasks = inspection::registered(answer).into_iter();
    tasks.map(|task| task.name.to_string()).collect()
}

/// Shows `content` of an answer, or a card that says why there is none.
fn answered<V: IntoView + 'static>(
    answer: &Option<serde_json::Value>,
    content: impl FnOnce(&serde_json::Value) -> V,
) -> AnyView {
    match told(answer) {
        Ok(answer) => content(answer).into_any(),
        Err(why) => view! { <div class="card">{why}</div> }.into_any(),
    }
}

/// Returns an answer, or the words in its place.
fn told(answer: &Option<serde_json::Value>) -> Result<&serde_json::Value, AnyView> {
    let Some(answer) = answer else {
        return Err(view! {
            <Empty title="No answer yet">
                "A worker is asked for this while its page is open. One with remote control off, a busy solo worker or one that shuts down does not answer."
            </Empty>
        }
        .into_any());
    };
    match inspection::refusal(answer) {
        Some(words) => {
            let words = words.to_owned();
            Err(view! {
                <Empty title="The worker refused">"It answered: " <code>{words}</code></Empty>
            }
            .into_any())
        }
        None => Ok(answer),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn an_unknown_tab_is_the_first_one() {
        assert_eq!(Part::from_name(Some("limits")), Part::Limits);
        assert_eq!(Part::from_name(Some("nothing")), Part::Pool);
        assert_eq!(Part::from_name(None), Part::Pool);
    }

    #[test]
    fn tabs_count_only_what_the_worker_told() {
        let inspection = Inspection {
            active: Some(json!([1, 2])),
            scheduled: Some(json!([3])),
            registered: Some(json!({"error": "x"})),
            ..Inspection::default()
        };
        assert_eq!(Part::Tasks.count(&inspection), Some(3));
        assert_eq!(Part::Limits.count(&inspection), None);
        assert_eq!(Part::Tasks.count(&Inspection::default()), None);
    }
}
