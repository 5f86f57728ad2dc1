//! What a worker can be told: its head's buttons, its pool's size, its queues.

use super::inspection::{self, Pool};
use crate::{
    components::{
        card::Card,
        form::{TextField, parse_whole},
        menu::{Menu, MenuItem},
    },
    format,
    server_fns::{self, Known},
    steer::{Act, Question, Steering, may},
};
use leptos::{ev::SubmitEvent, prelude::*};
use model::{Command, CommandKind, Destination, Inspection, QueueName, WorkerName};
use std::collections::BTreeSet;

/// So many workers of a question are named.
const MOST_NAMES: usize = 10;

/// Asks before workers are shut down; their name, or the number of them, is typed.
pub(crate) fn shut_down(names: &BTreeSet<WorkerName>) -> Question {
    let (who, typed) = whom(names);
    let mut words = vec![
        "It finishes the tasks that run, takes no others, and ends. What it holds reserved goes back to the queues.".to_owned(),
        "Celeriac can’t start it again: whatever started it must.".to_owned(),
    ];
    words.extend(listed(names));
    Question {
        title: format!("Shut down {who}"),
        words,
        typed: Some(typed),
        act: format!("Shut down {who}"),
        is_dangerous: true,
        command: Command::Shutdown {
            workers: Destination::Workers(names.clone()),
        },
    }
}

/// Asks before the processes of pools are replaced.
pub(crate) fn restart_pool(names: &BTreeSet<WorkerName>) -> Question {
    let (who, _) = whom(names);
    let mut words = vec![
        "Its processes are replaced; tasks that run in them are ended.".to_owned(),
        "Only workers with worker_pool_restarts = True do so; others refuse and say it.".to_owned(),
    ];
    words.extend(listed(names));
    Question {
        title: format!("Restart the pool of {who}"),
        words,
        typed: None,
        act: "Restart the pool".to_owned(),
        is_dangerous: true,
        command: Command::PoolRestart {
            workers: Destination::Workers(names.clone()),
        },
    }
}

/// Returns which workers are meant, where the title tells only how many.
fn listed(names: &BTreeSet<WorkerName>) -> Option<String> {
    if names.len() < 2 {
        return None;
    }
    let first: Vec<&str> = names
        .iter()
        .take(MOST_NAMES)
        .map(|name| name.as_str())
        .collect();
    let more = match names.len().saturating_sub(MOST_NAMES) {
        0 => String::new(),
        more => format!(" and {} more", format::thousands(more as u64)),
    };
    Some(format!("{}{more}.", first.join(", ")))
}

/// Returns how workers are called, and what is typed to confirm that they are meant.
fn whom(names: &BTreeSet<WorkerName>) -> (String, String) {
    match names.first() {
        Some(one) if names.len() == 1 => (one.to_string(), one.to_string()),
        _ => (
            format::count(names.len() as u64, "worker"),
            names.len().to_string(),
        ),
    }
}

/// The buttons of a worker's page.
#[component]
pub(super) fn HeadActs(name: Memo<WorkerName>) -> impl IntoView {
    let steering = Steering::of_page();
    let act = Act::new();
    let to = move || Destination::one(name.get_untracked());
    let one = move || BTreeSet::from([name.get_untracked()]);
    let can_steer = may(CommandKind::PoolRestart);
    view! {
        <div class="page-actions with-script">
            <button
                class="button is-ghost"
                type="button"
                disabled=move || act.is_busy()
                on:click=move |_| act.run(Command::Ping { workers: to() })
            >
                "Ping"
            </button>
            {can_steer
                .then(|| {
                    view! {
                        <button
                            class="button"
                            type="button"
                            on:click=move |_| steering.ask(restart_pool(&one()))
                        >
                            "Restart pool…"
                        </button>
                    }
                })}
            {may(CommandKind::Shutdown)
                .then(|| {
                    view! {
                        <button
                            class="button is-danger"
                            type="button"
                            on:click=move |_| steering.ask(shut_down(&one()))
                        >
                            "Shut down…"
                        </button>
                    }
                })}
            {can_steer
                .then(|| {
                    view! {
                        <Menu id="worker-acts".to_owned() label="More about this worker">
                            <MenuItem
                                label="Turn task events on"
                                on_press=Callback::new(move |()| {
                                    act.run(Command::EnableEvents { workers: to() });
                                })
                            />
                            <MenuItem
                                label="Turn task events off"
                                on_press=Callback::new(move |()| {
                                    act.run(Command::DisableEvents { workers: to() });
                                })
                            />
                        </Menu>
                    }
                })}
        </div>
    }
    .into_any()
}

/// Changes the size of the pool.
#[component]
pub(super) fn PoolSize(name: Memo<WorkerName>, inspection: Memo<Inspection>) -> impl IntoView {
    let pool = Memo::new(move |_| inspection.with(inspection::pool));
    let is_told = Memo::new(move |_| inspection.with(|inspection| inspection.stats.is_some()));
    let scale = Memo::new(move |_| pool.with(|pool| pool.autoscale));
    let is_autoscaled = Memo::new(move |_| scale.get().is_some());
    view! {
        <Show when=move || is_told.get() && may(CommandKind::PoolGrow)>
            <Show
                when=move || is_autoscaled.get()
                fallback=move || view! { <Grow name pool /> <NoAutoscale pool /> }
            >
                <Autoscale name scale />
            </Show>
        </Show>
    }
    .into_any()
}

fn size(pool: &Pool) -> Option<u64> {
    match pool.processes.len() {
        0 => pool.configured,
        processes => Some(processes as u64),
    }
}

#[component]
fn Grow(name: Memo<WorkerName>, pool: Memo<Pool>) -> impl IntoView {
    let (grow, shrink) = (Act::new(), Act::new());
    let number = RwSignal::new("1".to_owned());
    let read = Memo::new(move |_| number.with(|text| parse_whole(text, 1)));
    let error = Signal::derive(move || read.with(|read| read.clone().err()));
    let is_off = move || grow.is_busy() || shrink.is_busy() || read.with(Result::is_err);
    let words = move |verb: &str| match read.get() {
        Ok(n) => format!("{verb} by {n}"),
        Err(_) => verb.to_owned(),
    };
    let now = Signal::derive(move || {
        pool.with(size).map_or_else(String::new, |size| {
            format!("now {}", format::thousands(size))
        })
    });
    let workers = move || Destination::one(name.get_untracked());
    let send_grow = move |_| {
        if let Ok(n) = read.get_untracked() {
            grow.run(Command::PoolGrow {
                workers: workers(),
                n,
            });
        }
    };
    let send_shrink = move |_| {
        if let Ok(n) = read.get_untracked() {
            shrink.run(Command::PoolShrink {
                workers: workers(),
                n,
            });
        }
    };
    view! {
        <Card title="Grow or shrink" caption=now class="with-script">
            <div class="inline-form">
                <TextField id="pool-by" label="By" value=number error is_number=true />
                <button class="button" type="button" disabled=is_off on:click=send_shrink>
                    {move || words("Shrink")}
                </button>
                <button class="button is-primary" type="button" disabled=is_off on:click=send_grow>
                    {move || words("Grow")}
                </button>
            </div>
        </Card>
    }
    .into_any()
}

#[component]
fn NoAutoscale(pool: Memo<Pool>) -> impl IntoView {
    let example = move || {
        let size = pool.with(size).unwrap_or(4).max(1);
        format!("--autoscale={},{}", size.saturating_mul(4), size)
    };
    view! {
        <Card title="Autoscale" caption="off">
            <p class="card-note">
                "This worker was started without it, so its bounds can’t be set. Start it with "
                <code>{example}</code> "."
            </p>
        </Card>
    }
    .into_any()
}

#[component]
fn Autoscale(name: Memo<WorkerName>, scale: Memo<Option<(u64, u64)>>) -> impl IntoView {
    let act = Act::new();
    let (low, high) = scale.get_untracked().unwrap_or((0, 1));
    let (min, max) = (
        RwSignal::new(low.to_string()),
        RwSignal::new(high.to_string()),
    );
    let read_min = Memo::new(move |_| min.with(|text| parse_whole(text, 0)));
    let read_max = Memo::new(move |_| {
        let max = max.with(|text| parse_whole(text, 1))?;
        match read_min.get() {
            Ok(min) if min > max => Err(format!("Must be at least {min}")),
            _ => Ok(max),
        }
    });
    let caption = Signal::derive(move || {
        let (min, max) = scale.get().unwrap_or_default();
        format!("now {min} to {max}")
    });
    let send = move |event: SubmitEvent| {
        event.prevent_default();
        if let (Ok(min), Ok(max)) = (read_min.get_untracked(), read_max.get_untracked()) {
            act.run(Command::Autoscale {
                workers: Destination::one(name.get_untracked()),
                min,
                max,
            });
        }
    };
    let error = |read: Memo<Result<u32, String>>| {
        Signal::derive(move || read.with(|read| read.clone().err()))
    };
    let is_off =
        move || act.is_busy() || read_min.with(Result::is_err) || read_max.with(Result::is_err);
    view! {
        <Card title="Autoscale" caption class="with-script">
            <form class="inline-form" on:submit=send>
                <TextField
                    id="scale-min"
                    label="Fewest"
                    value=min
                    error=error(read_min)
                    is_number=true
                />
                <TextField
                    id="scale-max"
                    label="Most"
                    value=max
                    error=error(read_max)
                    is_number=true
                />
                <button class="button is-primary" disabled=is_off>
                    "Set"
                </button>
            </form>
            <p class="card-note">
                "The autoscaler sizes this pool itself, so it can’t be grown or shrunk by hand."
            </p>
        </Card>
    }
    .into_any()
}

/// Has the worker consume another queue.
#[component]
pub(super) fn AddConsumer(name: Memo<WorkerName>) -> impl IntoView {
    let act = Act::new();
    let queue = RwSignal::new(String::new());
    let known: RwSignal<Known> = RwSignal::new(Known::default());
    Effect::new(move || {
        leptos::task::spawn_local(async move {
            // Without suggestions the form works as well.
            if let Ok(answer) = server_fns::known().await {
                let _gone = known.try_set(answer);
            }
        });
    });
    let wanted = move || queue.with(|queue| queue.trim().to_owned());
    let send = move |event: SubmitEvent| {
        event.prevent_default();
        let queue = untrack(wanted);
        if !queue.is_empty() {
            act.run(Command::AddConsumer {
                workers: Destination::one(name.get_untracked()),
                queue: QueueName::from(queue),
            });
        }
    };
    let options = move || {
        let names = known.with(|known| known.queues.clone());
        let options = names
            .into_iter()
            .map(|name| view! { <option value=name></option> });
        options.collect_view()
    };
    view! {
        <Card title="Add a consumer" class="with-script">
            <form class="inline-form" on:submit=send>
                <TextField id="consume-queue" label="Queue" value=queue list="consumable" />
                <datalist id="consumable">{options}</datalist>
                <button
                    class="button is-primary"
                    disabled=move || act.is_busy() || wanted().is_empty()
                >
                    "Consume it"
                </button>
            </form>
            <p class="card-note">"It lasts until this worker restarts."</p>
        </Card>
    }
    .into_any()
}

/// Stops consuming a queue.
#[component]
pub(super) fn CancelConsumer(name: Memo<WorkerName>, queue: QueueName) -> impl IntoView {
    let act = Act::new();
    let label = format!("Stop consuming {queue}");
    let send = move |_| {
        act.run(Command::CancelConsumer {
            workers: Destination::one(name.get_untracked()),
            queue: queue.clone(),
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
            "Stop consuming"
        </button>
    }
    .into_any()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_worker_is_confirmed_by_name_and_many_by_their_number() {
        let names = |names: &[&str]| names.iter().map(|name| WorkerName::from(*name)).collect();
        let one = shut_down(&names(&["a@x"]));
        assert_eq!(one.typed.as_deref(), Some("a@x"));
        let two = shut_down(&names(&["a@x", "b@x"]));
        assert_eq!(two.typed.as_deref(), Some("2"));
        assert_eq!(two.act, "Shut down 2 workers");
    }

    #[test]
    fn a_question_about_several_workers_names_them() {
        let names = |number: usize| (0..number).map(|n| format!("w{n:02}@x").into()).collect();
        let last = |question: Question| question.words.last().cloned();
        assert_eq!(
            last(restart_pool(&names(2))).as_deref(),
            Some("w00@x, w01@x.")
        );
        let many = last(shut_down(&names(13))).unwrap_or_default();
        assert!(many.starts_with("w00@x, "), "{many}");
        assert!(many.ends_with("w09@x and 3 more."), "{many}");
        assert_eq!(shut_down(&names(1)).words.len(), 2);
    }
}
