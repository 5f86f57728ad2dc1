//! What workers can be told from their list: one by its menu, several by a bar.

use crate::{
    components::{
        icon::{Glyph, Icon},
        menu::{Menu, MenuItem},
        selection::Selection,
    },
    format,
    pages::worker::{restart_pool, shut_down},
    steer::{Act, Steering, may},
};
use leptos::prelude::*;
use model::{Command, CommandKind, Destination, WorkerName};
use std::collections::BTreeSet;

/// A row's key: name and process.
pub(super) type Key = (WorkerName, u32);

/// Tells whether rows can be selected: a viewer could do nothing with them.
pub(super) fn may_select() -> bool {
    may(CommandKind::EnableEvents)
}

/// The menu of one worker; none while its process is not there.
#[component]
pub(super) fn RowMenu(name: WorkerName, pid: u32, is_told: Memo<bool>) -> impl IntoView {
    let steering = Steering::of_page();
    let act = Act::new();
    let (id, label) = (format!("acts-{name}-{pid}"), format!("Acts on {name}"));
    let name = StoredValue::new(name);
    let to = move || Destination::one(name.get_value());
    let one = move || BTreeSet::from([name.get_value()]);
    let run =
        move |command: fn(Destination) -> Command| Callback::new(move |()| act.run(command(to())));
    let item = move |label, command| view! { <MenuItem label on_press=run(command) /> };
    let items = move || {
        view! {
            {item("Ping", |workers| Command::Ping { workers })}
            {may(CommandKind::EnableEvents)
                .then(|| {
                    view! {
                        {item("Turn task events on", |workers| Command::EnableEvents { workers })}
                        {item(
                            "Turn task events off",
                            |workers| Command::DisableEvents { workers },
                        )}
                        <MenuItem
                            label="Restart pool…"
                            on_press=Callback::new(move |()| steering.ask(restart_pool(&one())))
                        />
                    }
                })}
            {may(CommandKind::Shutdown)
                .then(|| {
                    view! {
                        <MenuItem
                            label="Shut down…"
                            is_dangerous=true
                            on_press=Callback::new(move |()| steering.ask(shut_down(&one())))
                        />
                    }
                })}
        }
    };
    view! {
        <td class="col-menu with-script">
            <Show when=move || is_told.get()>
                <Menu id=id.clone() label=label.clone()>
                    {items()}
                </Menu>
            </Show>
        </td>
    }
    .into_any()
}

/// The bar for the selected workers.
#[component]
pub(super) fn WorkersBar(selection: Selection<Key>) -> impl IntoView {
    let is_shown = Memo::new(move |_| !selection.is_empty());
    view! {
        <Show when=move || is_shown.get()>
            <Bar selection />
        </Show>
    }
    .into_any()
}

#[component]
fn Bar(selection: Selection<Key>) -> impl IntoView {
    let steering = Steering::of_page();
    let act = Act::new();
    // Two processes of one name are one to Celery.
    let names = move || -> BTreeSet<WorkerName> {
        selection
            .keys
            .with(|keys| keys.iter().map(|(name, _)| name.clone()).collect())
    };
    let number = Memo::new(move |_| names().len() as u64);
    let button = move |label: &'static str, command: fn(Destination) -> Command| {
        view! {
            <button
                class="button"
                type="button"
                disabled=move || act.is_busy()
                on:click=move |_| act.run(command(Destination::Workers(untrack(names))))
            >
                {label}
            </button>
        }
    };
    view! {
        <section class="float bulk-bar" aria-label="Selected workers">
            <span class="bulk-selected" role="status">
                {move || format!("{} selected", format::count(number.get(), "worker"))}
            </span>
            <span class="bulk-buttons">
                {button("Ping", |workers| Command::Ping { workers })}
                {button("Events on", |workers| Command::EnableEvents { workers })}
                {button("Events off", |workers| Command::DisableEvents { workers })}
                <button
                    class="button"
                    type="button"
                    on:click=move |_| steering.ask(restart_pool(&untrack(names)))
                >
                    "Restart pools…"
                </button>
                {may(CommandKind::Shutdown)
                    .then(|| {
                        view! {
                            <button
                                class="button is-danger"
                                type="button"
                                on:click=move |_| steering.ask(shut_down(&untrack(names)))
                            >
                                "Shut down…"
                            </button>
                        }
                    })}
            </span>
            <button
                class="button is-ghost is-icon"
                type="button"
                aria-label="Select none"
                on:click=move |_| selection.clear()
            >
                <Icon glyph=Glyph::Close />
            </button>
        </section>
    }
    .into_any()
}
