//! What happened to this task? Every field, every attempt, to scale.

mod acts;
mod arguments;
mod attempts;
mod events;
mod summary;
mod timeline;
mod traceback;
mod workflow;

use crate::{
    components::{
        copy::CopyButton,
        empty::{Empty, ErrorNote, Skeleton, StaleRow},
        icon::{Glyph, Icon},
        note::Note,
        repaired::{RepairedMark, repair_words},
        state_badge::StateBadge,
        task_name::TaskName,
    },
    format, links,
    live::{Live, picture_of, topic_at},
    server_fns::set_status,
};
pub(crate) use acts::terminate;
use leptos::prelude::*;
use leptos_meta::Title;
use leptos_router::hooks::use_location;
use model::{TaskDetail, TaskId, TaskState, Timestamp, Topic, View};

/// A task's name is whole on its own page, unless it is absurd.
const WHOLE_NAME: usize = 200;

/// The answer for one id: the task, unless it is not known.
#[derive(Clone, Debug, PartialEq)]
struct Shown {
    id: TaskId,
    detail: Option<Box<TaskDetail>>,
}

/// A task.
#[component]
pub fn TaskPage() -> impl IntoView {
    let location = use_location();
    let id = Memo::new(move |before: Option<&TaskId>| match topic_at(&location) {
        Topic::Task(id) => id,
        // On the way to another page the address is that page's already.
        _ => before.cloned().unwrap_or_else(|| TaskId::from("")),
    });
    let topic = Memo::new(move |_| Topic::Task(id.get()));
    let picture = picture_of(topic.into(), |topic, view| match (topic, view) {
        (Topic::Task(id), View::Task(detail)) => Some(Shown {
            id: id.clone(),
            detail: detail.clone(),
        }),
        _ => None,
    });
    let data = picture.data;
    if data.with_untracked(|shown| matches!(shown, Some(Shown { detail: None, .. }))) {
        set_status(404);
    }
    // Which page is drawn; its content changes through signals.
    let form = Memo::new(move |_| {
        data.with(|shown| {
            let shown = shown.as_ref().filter(|shown| shown.id == id.get());
            shown.map(|shown| (shown.id.clone(), shown.detail.is_some()))
        })
    });
    let short = move || format::short_id(id.get().as_str());
    view! {
        <Title text=move || format!("Task {}", short()) />
        {move || match form.get() {
            Some((id, true)) => {
                let first = data.with_untracked(|shown| shown.as_ref()?.detail.clone());
                first.map(|first| view! { <Detail first id data /> }).into_any()
            }
            Some((id, false)) => view! { <Unknown id /> }.into_any(),
            None => match picture.error.get() {
                Some(error) => view! { <ErrorNote error /> }.into_any(),
                None => view! { <Skeleton /> }.into_any(),
            },
        }}
    }
    .into_any()
}

/// The page of a known task.
#[component]
fn Detail(first: Box<TaskDetail>, id: TaskId, data: RwSignal<Option<Shown>>) -> impl IntoView {
    // Keeps the last detail while the page changes into another one.
    let task: Signal<TaskDetail> = Memo::new(move |before: Option<&TaskDetail>| {
        data.with(|shown| {
            let shown = shown.as_ref().filter(|shown| shown.id == id);
            match shown.and_then(|shown| shown.detail.as_deref()) {
                Some(detail) => detail.clone(),
                None => before.unwrap_or(&first).clone(),
            }
        })
    })
    .into();
    view! {
        <Head task />
        <StaleRow />
        <Caveats task />
        <summary::Summary task />
        <timeline::Timeline task />
        <div class="task-columns">
            <div class="task-column">
                <traceback::Tracebacks task />
                <attempts::Attempts task />
                <events::Events task />
            </div>
            <div class="task-column">
                <workflow::Workflow task />
                <arguments::Arguments task />
                <arguments::TaskResult task />
                <summary::Fields task />
            </div>
        </div>
    }
    .into_any()
}

/// Name, state, age, and the way back.
#[component]
fn Head(task: Signal<TaskDetail>) -> impl IntoView {
    let live = Live::of_page();
    let id = task.with_untracked(|task| task.summary.id.clone());
    let (copied, shown) = (id.to_string(), id.to_string());
    let name = Memo::new(move |_| task.with(|task| task.summary.name.clone()));
    let state = Memo::new(move |_| task.with(|task| task.summary.state.clone()));
    let is_repaired = Memo::new(move |_| task.with(|task| task.summary.is_repaired));
    let is_long =
        Memo::new(move |_| task.with(|task| task.summary.usual_runtime_seconds.is_some()));
    let age = Memo::new(move |_| task.with(|task| age(task, live.now.get())));
    let address = Signal::derive(|| window().location().href().unwrap_or_default());
    view! {
        <nav class="breadcrumb" aria-label="Breadcrumb">
            <a href="/tasks">"Tasks"</a>
            <Icon glyph=Glyph::ChevronRight />
            <span class="mono">{shown}</span>
            <CopyButton text=copied label="Copy id" />
        </nav>
        <div class="page-head task-head">
            <h1 class="task-title">
                <TaskName name=name budget=WHOLE_NAME />
            </h1>
            <StateBadge state=state />
            <RepairedMark is_repaired />
            <span class="page-caption">
                {move || is_repaired.get().then(|| task.with(|task| repair_words(&task.sources)))}
            </span>
            <span class="page-caption" class:tone-warn=move || is_long.get()>
                {move || age.get()}
            </span>
            <div class="page-actions">
                <CopyButton text=address label="Copy link" is_labelled=true />
                {move || {
                    name.get()
                        .map(|name| {
                            view! {
                                <a class="button" href=links::tasks_of_type(&name)>
                                    "Find similar"
                                </a>
                            }
                        })
                }}
                <acts::Acts task />
            </div>
        </div>
        <Retries task />
    }
    .into_any()
}

/// The task that this one repeats, and the ones that repeat it.
#[component]
fn Retries(task: Signal<TaskDetail>) -> impl IntoView {
    let links =
        Memo::new(move |_| task.with(|task| (task.retry_of.clone(), task.retried_as.clone())));
    let link = |id: TaskId| {
        view! {
            " "
            <a class="mono" href=links::task(&id) title=id.to_string()>
                {format::short_id(id.as_str())}
            </a>
        }
    };
    move || {
        let (of, by) = links.get();
        let of = of.map(|id| view! { <p>"Retry of" {link(id)}</p> });
        let by = (!by.is_empty()).then(|| {
            let by = by.into_iter().map(link).collect_view();
            view! { <p>"Retried as" {by}</p> }
        });
        (of.is_some() || by.is_some()).then(|| view! { <div class="task-retries">{of} {by}</div> })
    }
}

/// What is unusual about how the task ended, or how it is known.
#[component]
fn Caveats(task: Signal<TaskDetail>) -> impl IntoView {
    let caveats = Memo::new(move |_| task.with(caveats));
    move || {
        let caveats = caveats.get().into_iter();
        caveats
            .map(|words| view! { <Note class="task-note">{words}</Note> })
            .collect_view()
    }
}

fn caveats(task: &TaskDetail) -> Vec<String> {
    let mut caveats = Vec::new();
    if task.summary.is_revoked {
        caveats.push(match task.summary.eta {
            Some(_) => "Revoked: will be dropped at its ETA.".to_owned(),
            None => "Revoked: will be dropped when its turn comes.".to_owned(),
        });
    }
    let reason = task.attempts.last().and_then(|last| last.reason.as_deref());
    match task.summary.state {
        TaskState::Orphaned => {
            caveats.push(match reason {
                Some(reason) => format!("The worker process that ran it is gone: {reason}."),
                None => "The worker process that ran it is gone. It runs again if the broker delivers its message again (acks_late), else it is lost.".to_owned(),
            });
        }
        TaskState::Unknown => caveats.push(format!(
            "It ended unseen: {}. Whether it succeeded nobody can tell.",
            reason.unwrap_or("its worker does not have it any more, and no result is kept")
        )),
        _ => {}
    }
    caveats
}

/// Returns how long ago the task came into its state, and how long that took.
fn age(task: &TaskDetail, now: Timestamp) -> String {
    let row = &task.summary;
    let since = |time: Timestamp| format::whole_seconds(now.seconds_since(time));
    match &row.state {
        TaskState::Pending => match row.sent {
            Some(sent) => format!("sent {}", format::relative(sent, now)),
            None => String::new(),
        },
        TaskState::Received => match (row.eta, row.received) {
            (Some(eta), _) if eta > now => format!("due {}", format::relative(eta, now)),
            (_, Some(received)) => format!("waiting in the worker for {}", since(received)),
            _ => String::new(),
        },
        state if state.is_running() => match (row.started, row.usual_runtime_seconds) {
            (Some(started), Some(usual)) => format!(
                "running for {}, usually under {}",
                since(started),
                format::duration(usual)
            ),
            (Some(started), None) => format!("running for {}", since(started)),
            (None, _) => String::new(),
        },
        _ => {
            let Some(ended) = row.finished.or(task.timestamp) else {
                return String::new();
            };
            let ago = format::relative(ended, now);
            let begins = task.attempts.iter();
            let sent = begins.clone().filter_map(|attempt| attempt.sent).min();
            let received = begins.filter_map(|attempt| attempt.received).min();
            let took = |begin: Timestamp| format::duration(ended.seconds_since(begin).max(0.0));
            match (sent, received) {
                (Some(sent), _) => format!("{ago}, {} after it was sent", took(sent)),
                (None, Some(received)) => {
                    format!("{ago}, {} after a worker took it", took(received))
                }
                (None, None) => ago,
            }
        }
    }
}

/// The page for an id that is not in memory.
#[component]
fn Unknown(id: TaskId) -> impl IntoView {
    let search = links::tasks(&model::TaskQuery {
        // A phrase: the id may hold what the search language gives a meaning.
        search: format!("{:?}", id.as_str()),
        ..Default::default()
    });
    view! {
        <nav class="breadcrumb" aria-label="Breadcrumb">
            <a href="/tasks">"Tasks"</a>
            <Icon glyph=Glyph::ChevronRight />
            <span class="mono">{id.to_string()}</span>
        </nav>
        <div class="page-head">
            <h1>"This task is not in memory"</h1>
        </div>
        <div class="card">
            <Empty title="No event about this id was seen, or the task was forgotten since">
                <ul class="reasons">
                    <li>
                        "Celeriac knows what workers report while it runs: a task that ended before is unknown to it."
                    </li>
                    <li>
                        "Workers report only with events on: "
                        <code>"celery -A app worker -E"</code>
                        "; clients report what they send with "
                        <code>"task_send_sent_event = True"</code>
                        "."
                    </li>
                    <li>
                        "When more tasks came than "
                        <code>"--max-tasks"</code>
                        " allows, the oldest are forgotten."
                    </li>
                    <li>"The id may be cut or misspelt."</li>
                </ul>
                <p>"If an event about it comes, this page shows it at once."</p>
                <div class="empty-acts">
                    <a class="button" href=search>
                        "Search for this id"
                    </a>
                    <a class="button" href="/tasks">
                        "Show all tasks"
                    </a>
                </div>
            </Empty>
        </div>
    }
    .into_any()
}

#[cfg(test)]
mod tests {
    use super::{
        timeline::tests::{attempt, task},
        *,
    };

    #[test]
    fn a_task_that_runs_for_long_says_what_is_usual() {
        let mut detail = task(vec![attempt(0.0, TaskState::Started)]);
        detail.summary.started = Some(Timestamp(0));
        let now = Timestamp(243_000_000);
        assert_eq!(age(&detail, now), "running for 4 m 3 s");
        detail.summary.usual_runtime_seconds = Some(12.0);
        assert_eq!(
            age(&detail, now),
            "running for 4 m 3 s, usually under 12.0 s"
        );
    }

    #[test]
    fn an_orphan_says_what_becomes_of_it() {
        let mut orphan = attempt(0.0, TaskState::Orphaned);
        orphan.reason = Some("redelivery expected".to_owned());
        let mut detail = task(vec![orphan]);
        detail.summary.state = TaskState::Orphaned;
        assert_eq!(
            caveats(&detail),
            ["The worker process that ran it is gone: redelivery expected."]
        );
    }
}
