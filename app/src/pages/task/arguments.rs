//! Arguments and result as Celery sent them: Python's `repr`, taken apart for
//! the eyes and never evaluated.

use crate::components::{
    card::Card,
    copy::CopyButton,
    tree::{Node, Tree},
};
use leptos::prelude::*;
use model::{
    TaskDetail, TaskState,
    repr::{Repr, parse},
};

/// Where Celery cut a text, it wrote this (celery/utils/saferepr.py; the limit
/// is `resultrepr_maxsize` and `argsrepr_maxsize` of celery/app/amqp.py).
const CUT: &str = "...";

/// A text of Python's as a tree with the text itself one click away; a text
/// that is nothing to take apart stays what it is.
#[component]
fn Code(
    /// The text.
    text: Signal<Option<String>>,
    /// What is written if there is none.
    absent: &'static str,
) -> impl IntoView {
    move || match text.get() {
        Some(text) => {
            let parsed = parse(&text);
            if !has_parts(&parsed.root) {
                return plain(text.clone()).into_any();
            }
            let tree = Node::from(&parsed.root);
            view! {
                <Tree value=tree />
                <details class="code-raw">
                    <summary>"As text"</summary>
                    {plain(text.clone())}
                </details>
            }
            .into_any()
        }
        None => view! { <p class="code-absent">{absent}</p> }.into_any(),
    }
}

/// Tells whether a tree shows more than the text does.
fn has_parts(value: &Repr<'_>) -> bool {
    match value {
        Repr::List(items) | Repr::Tuple(items) | Repr::Set(items) => !items.is_empty(),
        Repr::Dict(entries) => !entries.is_empty(),
        Repr::Call { arguments, .. } => !arguments.is_empty(),
        _ => false,
    }
}

fn plain(text: String) -> impl IntoView {
    let is_cut = text.contains(CUT);
    view! {
        <pre class="code" tabindex="0">
            {text}
        </pre>
        {is_cut
            .then(|| {
                view! {
                    <p class="cut-note">
                        "Cut at about 1,024 characters by the worker, where “...” stands."
                    </p>
                }
            })}
    }
}

/// The arguments.
#[component]
pub(super) fn Arguments(task: Signal<TaskDetail>) -> impl IntoView {
    let args: Signal<Option<String>> =
        Memo::new(move |_| task.with(|task| task.args.clone())).into();
    let kwargs: Signal<Option<String>> =
        Memo::new(move |_| task.with(|task| task.kwargs.clone())).into();
    let both = Signal::derive(move || {
        let (args, kwargs) = (args.get(), kwargs.get());
        format!(
            "{}\n{}",
            args.unwrap_or_default(),
            kwargs.unwrap_or_default()
        )
    });
    view! {
        <Card
            title="Arguments"
            caption="as the worker wrote them"
            actions=Box::new(move || {
                view! { <CopyButton text=both label="Copy" is_labelled=true /> }.into_any()
            })
        >
            <div class="code-part">
                <h3>"args"</h3>
                <Code text=args absent="unknown" />
            </div>
            <div class="code-part">
                <h3>"kwargs"</h3>
                <Code text=kwargs absent="unknown" />
            </div>
        </Card>
    }
    .into_any()
}

/// The result, for a task that has one.
#[component]
pub(super) fn TaskResult(task: Signal<TaskDetail>) -> impl IntoView {
    let result: Signal<Option<String>> =
        Memo::new(move |_| task.with(|task| task.result.clone())).into();
    let is_shown = Memo::new(move |_| {
        task.with(|task| task.result.is_some() || task.summary.state == TaskState::Success)
    });
    let copied = Signal::derive(move || result.get().unwrap_or_default());
    view! {
        <Show when=move || is_shown.get()>
            <Card
                title="Result"
                caption="as the worker wrote it"
                actions=Box::new(move || {
                    view! { <CopyButton text=copied label="Copy" is_labelled=true /> }.into_any()
                })
            >
                <div class="code-part">
                    <Code text=result absent="unknown" />
                </div>
            </Card>
        </Show>
    }
    .into_any()
}
