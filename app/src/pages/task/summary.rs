//! The task's fields: the ones asked for most in a strip, the others in a card.

use crate::{
    components::{
        card::Card,
        facts::{Fact, FactList, Facts},
        repaired::source_names,
        time::Time,
    },
    format::{short_id, thousands},
    links,
};
use leptos::prelude::*;
use model::{TaskDetail, TaskId};

/// A value that should exist and was in no event.
fn unknown() -> AnyView {
    view! { <span class="is-unknown">"unknown"</span> }.into_any()
}

/// A value that this task does not have.
fn absent(word: &'static str) -> AnyView {
    view! { <span class="is-absent">{word}</span> }.into_any()
}

fn text(value: Option<String>) -> AnyView {
    match value {
        Some(value) => value.into_any(),
        None => unknown(),
    }
}

fn task_link(id: &TaskId) -> AnyView {
    view! {
        <a class="mono" href=links::task(id) title=id.to_string()>
            {short_id(id.as_str())}
        </a>
    }
    .into_any()
}

/// The fields asked for most.
#[component]
pub(super) fn Summary(task: Signal<TaskDetail>) -> impl IntoView {
    let worker = Memo::new(move |_| task.with(|task| task.summary.worker.clone()));
    let queue = Memo::new(move |_| task.with(|task| task.summary.queue.clone()));
    let retries = Memo::new(move |_| task.with(|task| task.summary.retries));
    let routing_key = Memo::new(move |_| task.with(|task| task.routing_key.clone()));
    let client = Memo::new(move |_| task.with(|task| task.client.clone()));
    let root =
        Memo::new(move |_| task.with(|task| (task.summary.id.clone(), task.root_id.clone())));
    let expires = Memo::new(move |_| task.with(|task| task.expires));
    let worker = move || match worker.get() {
        Some(worker) => {
            view! { <a href=links::worker(&worker)>{worker.to_string()}</a> }.into_any()
        }
        // Some worker ran it, or none ever did; events did not tell.
        None if task.with(|task| task.summary.state.is_finished()) => unknown(),
        None => absent("none yet"),
    };
    let queue = move || match queue.get() {
        Some(queue) => {
            view! { <a href=links::tasks_of_queue(&queue)>{queue.to_string()}</a> }.into_any()
        }
        None => unknown(),
    };
    let root = move || match root.get() {
        (id, Some(root)) if id == root => absent("this task"),
        (_, Some(root)) => task_link(&root),
        (_, None) => unknown(),
    };
    let expires = move || match expires.get() {
        Some(at) => view! { <Time at=Some(at) /> }.into_any(),
        None => absent("never"),
    };
    view! {
        <Facts>
            <Fact label="Worker">{worker}</Fact>
            <Fact label="Queue">{queue}</Fact>
            <Fact label="Retries">{move || retries.get()}</Fact>
            <Fact label="Routing key">{move || text(routing_key.get())}</Fact>
            <Fact label="Sent by">{move || text(client.get())}</Fact>
            <Fact label="Root">{root}</Fact>
            <Fact label="Expires">{expires}</Fact>
        </Facts>
    }
    .into_any()
}

/// The other fields.
#[component]
pub(super) fn Fields(task: Signal<TaskDetail>) -> impl IntoView {
    let row = move |pick: fn(&TaskDetail) -> Option<model::Timestamp>| {
        let at = Memo::new(move |_| task.with(pick));
        move || match at.get() {
            Some(at) => view! { <Time at=Some(at) /> }.into_any(),
            None if task.with(|task| task.summary.is_repaired) => unknown(),
            None => absent("none"),
        }
    };
    // Every task was sent; only its event may be missing.
    let sent_at = Memo::new(move |_| task.with(|task| task.summary.sent));
    let sent = move || match sent_at.get() {
        Some(at) => view! { <Time at=Some(at) /> }.into_any(),
        None => unknown(),
    };
    let name = move || task.with(|task| text(task.summary.name.as_ref().map(ToString::to_string)));
    // An empty name is AMQP's default exchange, which Celery's Redis transport also writes.
    let exchange = move || match task.with(|task| task.exchange.clone()) {
        Some(exchange) if exchange.is_empty() => absent("default"),
        exchange => text(exchange),
    };
    let parent = move || {
        task.with(|task| match &task.parent_id {
            // On a retry Celery sends the task's own id as its parent (celery/app/task.py, `signature_from_request`).
            Some(parent) if *parent == task.summary.id => absent("itself, by a retry"),
            Some(parent) => task_link(parent),
            None => absent("none"),
        })
    };
    let clock = move || {
        task.with(|task| match task.clock {
            Some(clock) => thousands(clock).into_any(),
            None => unknown(),
        })
    };
    let sources = move || {
        task.with(|task| match task.sources.as_slice() {
            [] => unknown(),
            sources => source_names(sources).into_any(),
        })
    };
    view! {
        <Card title="Fields">
            <FactList>
                <Fact label="Task type">{name}</Fact>
                <Fact label="Sent">{sent}</Fact>
                <Fact label="Received">{row(|task| task.summary.received)}</Fact>
                <Fact label="Started">{row(|task| task.summary.started)}</Fact>
                <Fact label="Finished">{row(|task| task.summary.finished)}</Fact>
                <Fact label="ETA">{row(|task| task.summary.eta)}</Fact>
                <Fact label="Exchange">{exchange}</Fact>
                <Fact label="Parent">{parent}</Fact>
                <Fact label="Last event">{row(|task| task.timestamp)}</Fact>
                <Fact label="Logical clock">{clock}</Fact>
                <Fact label="Known from">{sources}</Fact>
            </FactList>
        </Card>
    }
    .into_any()
}
