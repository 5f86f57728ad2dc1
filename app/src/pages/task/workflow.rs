//! The tasks around this one: the first of its workflow, the one that sent it,
//! the ones it sent.

use crate::{
    components::{card::Card, state_badge::StateGlyph, task_name::TaskName, time::Duration},
    format::{count, short_id},
    links,
};
use leptos::prelude::*;
use model::{TaskDetail, TaskId, TaskSummary};

/// The workflow, for a task that has one.
#[component]
pub(super) fn Workflow(task: Signal<TaskDetail>) -> impl IntoView {
    let ancestors = Memo::new(move |_| task.with(ancestors));
    let children = Memo::new(move |_| task.with(|task| task.children.clone()));
    let caption = Memo::new(move |_| {
        children.with(|children| match children.len() {
            0 => String::new(),
            100 => "sent at least 100 tasks".to_owned(),
            number => format!("sent {}", count(number as u64, "task")),
        })
    });
    let is_shown = move || ancestors.with(|a| !a.is_empty()) || children.with(|c| !c.is_empty());
    view! {
        <Show when=is_shown>
            <Card title="Workflow" caption=caption>
                <ul class="workflow">
                    {move || ancestors.get().into_iter().map(ancestor).collect_view()}
                    <For
                        each=move || children.get()
                        key=|child| (child.id.clone(), child.state.clone())
                        children=child
                    />
                </ul>
            </Card>
        </Show>
    }
    .into_any()
}

/// Returns the root and the parent, each with its word, where they are other tasks.
fn ancestors(task: &TaskDetail) -> Vec<(&'static str, TaskId)> {
    let own = &task.summary.id;
    // A retry names the task itself as parent and keeps the root.
    let parent = task.parent_id.as_ref().filter(|parent| *parent != own);
    let root = task.root_id.as_ref().filter(|root| *root != own);
    match (root, parent) {
        (Some(root), Some(parent)) if root == parent => vec![("root, parent", root.clone())],
        (root, parent) => {
            let root = root.map(|root| ("root", root.clone()));
            let parent = parent.map(|parent| ("parent", parent.clone()));
            root.into_iter().chain(parent).collect()
        }
    }
}

fn ancestor((role, id): (&'static str, TaskId)) -> impl IntoView {
    view! {
        <li>
            <span class="workflow-role">{role}</span>
            <a class="mono" href=links::task(&id) title=id.to_string() data-row>
                {short_id(id.as_str())}
            </a>
        </li>
    }
    .into_any()
}

fn child(child: TaskSummary) -> impl IntoView {
    let label = child.state.label().into_owned();
    let spoken = label.clone();
    view! {
        <li>
            <span class="workflow-role">"child"</span>
            <span title=label>
                <StateGlyph state=child.state />
                <span class="visually-hidden">{spoken}</span>
            </span>
            <a href=links::task(&child.id) data-row>
                <TaskName name=child.name budget=36_usize />
            </a>
            <span class="workflow-run">
                <Duration seconds=child.runtime_seconds />
            </span>
        </li>
    }
    .into_any()
}
