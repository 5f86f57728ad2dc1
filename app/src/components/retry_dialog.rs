//! The dialog before a retry: where the arguments can be had and why not, what
//! exactly will be sent and where, and what a retry does not bring back.

use super::{
    dialog::{Dialog, DialogError},
    icon::{Glyph, Icon},
    task_form::open_edit,
    time::Time,
    tree::{Node, Tree},
};
use crate::{
    format,
    server_fns::{self, FetchError},
    steer::{Act, Steering},
};
use leptos::{ev::SubmitEvent, prelude::*};
use model::{
    ArgumentSource, Command, JsonText, RetryPlan, SourceReport, TaskDraft, TaskId, WireError,
};

/// The retry that is prepared now.
#[component]
pub fn RetryDialog() -> impl IntoView {
    let steering = Steering::of_page();
    let retry = steering.retry;
    let plan: RwSignal<Option<Result<RetryPlan, WireError>>> = RwSignal::new(None);
    Effect::new(move || {
        plan.set(None);
        if let Some(task) = retry.get() {
            leptos::task::spawn_local(async move {
                let answer = server_fns::retry_plan(task.clone()).await;
                // Another task may be prepared by now.
                if retry.with_untracked(|now| now.as_ref() == Some(&task)) {
                    plan.set(Some(answer.map_err(|FetchError(error)| error)));
                }
            });
        }
    });
    let title = move || {
        plan.with(|plan| match plan {
            Some(Ok(plan)) => {
                let name = format::fit_name(plan.draft.name.as_str(), 48);
                format!("Retry {}", name.function)
            }
            _ => "Retry".to_owned(),
        })
    };
    let body = move || match (retry.get(), plan.get()) {
        (Some(task), Some(Ok(plan))) => view! { <Plan task plan /> }.into_any(),
        (_, Some(Err(error))) => view! { <NoPlan error /> }.into_any(),
        (Some(_), None) => view! {
            <div class="dialog-body" role="status">
                <p class="quiet">"Looking for the arguments…"</p>
            </div>
        }
        .into_any(),
        (None, _) => ().into_any(),
    };
    view! {
        <Dialog
            id="retry-title"
            title=Signal::derive(title)
            caption="Sends a new task with a new id. The old one stays as it is."
            is_open=Signal::derive(move || retry.with(Option::is_some))
            on_close=Callback::new(move |()| retry.set(None))
            is_wide=true
        >
            {body}
        </Dialog>
    }
    .into_any()
}

#[component]
fn NoPlan(error: WireError) -> impl IntoView {
    let steering = Steering::of_page();
    view! {
        <div class="dialog-body">
            <DialogError error=Some(error) />
        </div>
        <div class="dialog-foot">
            <button
                class="button"
                type="button"
                autofocus=true
                on:click=move |_| steering.retry.set(None)
            >
                "Close"
            </button>
        </div>
    }
    .into_any()
}

/// Returns what a source is called.
fn name_of(source: ArgumentSource) -> &'static str {
    match source {
        ArgumentSource::Message => "Original message",
        ArgumentSource::Worker => "The worker that holds it",
        ArgumentSource::Result => "Extended result",
        ArgumentSource::Seen => "Message seen earlier",
        ArgumentSource::Text => "Argument text of the event",
    }
}

/// Returns the draft with the arguments of a source.
fn with_source(plan: &RetryPlan, source: Option<ArgumentSource>) -> TaskDraft {
    let report = plan
        .sources
        .iter()
        .find(|report| Some(report.source) == source);
    let mut draft = plan.draft.clone();
    if let Some(SourceReport { args, kwargs, .. }) = report {
        draft.args = args.clone().unwrap_or(draft.args);
        draft.kwargs = kwargs.clone().unwrap_or(draft.kwargs);
    }
    draft
}

#[component]
fn Plan(task: TaskId, plan: RetryPlan) -> impl IntoView {
    let steering = Steering::of_page();
    let act = Act::new();
    let chosen = RwSignal::new(plan.chosen);
    let plan = StoredValue::new(plan);
    let draft = Memo::new(move |_| plan.with_value(|plan| with_source(plan, chosen.get())));
    let problems = plan.with_value(|plan| plan.problems.clone());
    let has_problems = !problems.is_empty();
    let consequences = plan.with_value(|plan| plan.consequences.clone());
    let close = move || steering.retry.set(None);
    let submit = move |event: SubmitEvent| {
        event.prevent_default();
        let source = chosen.get_untracked();
        if source.is_some() && !has_problems {
            let task = task.clone();
            act.run_in_dialog(Command::Retry { task, source }, close);
        }
    };
    let edit = move |_| {
        let mut notes = Vec::new();
        if chosen.get_untracked().is_none() {
            notes.push("Its arguments are not known exactly. What is filled in below is not what it ran with unless you make it so.".to_owned());
        }
        let mut draft = draft.get_untracked();
        draft.retry_of = plan.with_value(|plan| Some(plan.task.clone()));
        close();
        open_edit(steering, draft, notes);
    };
    let send = move || {
        let queue = draft.with(|draft| draft.queue.as_ref().map(ToString::to_string));
        match queue {
            Some(queue) => format!("Send 1 task to {queue}"),
            None => "Send 1 task".to_owned(),
        }
    };
    let sources = plan.with_value(|plan| {
        let sources = plan.sources.iter().cloned();
        sources
            .map(|report| view! { <Source report chosen /> })
            .collect_view()
    });
    view! {
        <form class="dialog-form" on:submit=submit>
            <div class="dialog-scroll">
                <div class="retry-columns">
                    <div class="retry-from">
                        <fieldset>
                            <legend>"Arguments from"</legend>
                            {sources}
                        </fieldset>
                        <h3>"Send to"</h3>
                        {plan.with_value(|plan| view! { <SendTo plan=plan.clone() /> })}
                    </div>
                    <div class="retry-what">
                        <div class="retry-head">
                            <h3>"What will be sent"</h3>
                            <button class="button is-ghost" type="button" on:click=edit>
                                "Edit…"
                            </button>
                        </div>
                        {move || {
                            if chosen.get().is_none() {
                                return view! {
                                    <p class="quiet">
                                        "The arguments cannot be had. Edit fills in what is known."
                                    </p>
                                }
                                    .into_any();
                            }
                            draft.with(|draft| view! { <Sent draft=draft.clone() /> }).into_any()
                        }}
                    </div>
                </div>
                <ul class="retry-notes">
                    {problems
                        .into_iter()
                        .map(|words| view! { <Consequence words is_problem=true /> })
                        .collect_view()}
                    {consequences
                        .into_iter()
                        .map(|words| view! { <Consequence words /> })
                        .collect_view()}
                </ul>
                <DialogError error=act.error />
            </div>
            <div class="dialog-foot">
                <span class="dialog-note">"Recorded in the audit log"</span>
                <button class="button" type="button" on:click=move |_| close()>
                    "Cancel"
                </button>
                <button
                    class="button is-primary"
                    autofocus=true
                    disabled=move || act.is_busy() || has_problems || chosen.get().is_none()
                >
                    {move || {
                        if act.is_busy() {
                            view! { <span class="spinner"></span> }.into_any()
                        } else {
                            view! { <Icon glyph=Glyph::Retry /> }.into_any()
                        }
                    }}
                    {send}
                </button>
            </div>
        </form>
    }
    .into_any()
}

#[component]
fn Source(report: SourceReport, chosen: RwSignal<Option<ArgumentSource>>) -> impl IntoView {
    let source = report.source;
    let is_usable = report.is_usable;
    view! {
        <label class="retry-source" class:is-off=!is_usable>
            <input
                type="radio"
                name="retry-source"
                disabled=!is_usable
                prop:checked=move || chosen.get() == Some(source)
                on:change=move |_| chosen.set(Some(source))
            />
            <span>
                <span class="retry-source-name">{name_of(source)}</span>
                <span class="retry-reason">{report.reason}</span>
            </span>
        </label>
    }
    .into_any()
}

/// Where it goes, and when.
#[component]
fn SendTo(plan: RetryPlan) -> impl IntoView {
    let draft = plan.draft;
    let quiet = |words: &'static str| view! { <span class="quiet">{words}</span> }.into_any();
    let queue = match (draft.queue, plan.is_queue_known) {
        (Some(queue), true) => view! { {queue.to_string()} " " {quiet("as before")} }.into_any(),
        (Some(queue), false) => {
            view! { {queue.to_string()} " " {quiet("where its type went last")} }.into_any()
        }
        (None, _) => quiet("Celery’s default queue"),
    };
    let priority = match draft.priority {
        Some(priority) => priority.to_string().into_any(),
        None => quiet("as configured, was not recorded"),
    };
    let start = match (draft.eta, draft.countdown_seconds) {
        (Some(at), _) => view! { <Time at=Some(at) /> }.into_any(),
        (None, Some(seconds)) => format!("after {}", format::duration(seconds)).into_any(),
        (None, None) => quiet("at once"),
    };
    let expires = match draft.expires {
        Some(at) => view! { <Time at=Some(at) /> }.into_any(),
        None => quiet("never"),
    };
    view! {
        <dl class="retry-to">
            <dt>"Queue"</dt>
            <dd>{queue}</dd>
            <dt>"Priority"</dt>
            <dd>{priority}</dd>
            <dt>"Run"</dt>
            <dd>{start}</dd>
            <dt>"Expires"</dt>
            <dd>{expires}</dd>
        </dl>
    }
    .into_any()
}

/// Name and arguments as they go out.
#[component]
fn Sent(draft: TaskDraft) -> impl IntoView {
    let part = |name: &'static str, json: &JsonText| {
        let tree = Node::from(json);
        view! {
            <div class="retry-part">
                <h4>{name}</h4>
                <Tree value=tree />
            </div>
        }
    };
    view! {
        <p class="mono retry-name">{draft.name.to_string()}</p>
        {part("args", &draft.args)}
        {part("kwargs", &draft.kwargs)}
    }
    .into_any()
}

/// What a retry loses, its first sentence bold.
#[component]
fn Consequence(words: String, #[prop(optional)] is_problem: bool) -> impl IntoView {
    let (first, rest) = match words.split_once(". ") {
        Some((first, rest)) => (format!("{first}. "), rest.to_owned()),
        None => (words, String::new()),
    };
    view! {
        <li class:is-problem=is_problem>
            <Icon glyph=Glyph::Warning />
            <span>
                <strong>{first}</strong>
                {rest}
            </span>
        </li>
    }
    .into_any()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_source_brings_its_own_arguments() {
        let json = |text: &str| JsonText::parse(text).expect("it is JSON");
        let report = |source, args: Option<&str>| SourceReport {
            source,
            is_usable: args.is_some(),
            reason: String::new(),
            args: args.map(json),
            kwargs: None,
        };
        let plan = RetryPlan {
            task: "a".into(),
            sources: vec![
                report(ArgumentSource::Result, Some("[1]")),
                report(ArgumentSource::Text, Some("[2]")),
            ],
            chosen: Some(ArgumentSource::Result),
            draft: TaskDraft {
                name: "t".into(),
                args: json("[1]"),
                kwargs: json("{\"k\": 0}"),
                queue: None,
                priority: None,
                eta: None,
                countdown_seconds: None,
                expires: None,
                retry_of: None,
                is_unchecked: false,
            },
            is_queue_known: false,
            consequences: Vec::new(),
            problems: Vec::new(),
            is_original: false,
        };
        let draft = with_source(&plan, Some(ArgumentSource::Text));
        assert_eq!(
            (draft.args.as_str(), draft.kwargs.as_str()),
            ("[2]", "{\"k\": 0}")
        );
        assert_eq!(with_source(&plan, None).args.as_str(), "[1]");
    }
}
