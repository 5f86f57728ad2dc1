//! Toasts: what came of acts.

use super::icon::{Glyph, Icon};
use crate::{
    links,
    steer::{Act, Steering},
    toasts::{Toast, Tone},
};
use leptos::prelude::*;
use model::{Command, Undo};

/// The toasts, oldest at the top.
#[component]
pub fn ToastStack() -> impl IntoView {
    let toasts = Steering::of_page().toasts;
    view! {
        <div class="toasts" role="status" aria-label="What was done">
            <For
                each=move || toasts.list.get()
                key=|toast| toast.id
                children=|toast| view! { <ToastCard toast /> }
            />
        </div>
    }
    .into_any()
}

#[component]
fn ToastCard(toast: Toast) -> impl IntoView {
    let toasts = Steering::of_page().toasts;
    let id = toast.id;
    let (class, glyph, word) = match toast.tone {
        Tone::Done => ("is-done", Glyph::Check, "Done"),
        Tone::Partial => ("is-partial", Glyph::Warning, "In part"),
        Tone::Refused => ("is-refused", Glyph::Close, "Not done"),
        Tone::Waiting => ("is-waiting", Glyph::Clock, "Wait"),
    };
    let hold = move || toasts.held.set(Some(id));
    let release = move || toasts.held.set(None);
    let lines = toast.lines.into_iter().map(|line| view! { <p>{line}</p> });
    let link = toast.task.map(|task| {
        view! {
            <a href=links::task(&task) on:click=move |_| toasts.close(id)>
                "Open the new task"
            </a>
        }
    });
    view! {
        <div
            class=format!("float toast {class}")
            on:mouseenter=move |_| hold()
            on:mouseleave=move |_| release()
            on:focusin=move |_| hold()
            on:focusout=move |_| release()
        >
            <Icon glyph />
            <div class="toast-text">
                <p class="toast-title">
                    <span class="visually-hidden">{word} ": "</span>
                    {toast.title}
                </p>
                {lines.collect_view()}
                {link}
                {toast.undo.map(|undo| view! { <UndoButton undo toast=id /> })}
            </div>
            <button
                class="button is-ghost is-icon"
                type="button"
                aria-label="Close"
                on:click=move |_| toasts.close(id)
            >
                <Icon glyph=Glyph::Close />
            </button>
        </div>
    }
    .into_any()
}

#[component]
fn UndoButton(undo: Undo, toast: u64) -> impl IntoView {
    let (act, toasts) = (Act::new(), Steering::of_page().toasts);
    let purge = undo.purge;
    // What cannot be taken back any more is not offered.
    let live = crate::live::Live::of_page();
    let is_open = Memo::new(move |_| live.now.get() < undo.until);
    let press = move |_| {
        act.run_in_dialog(Command::UndoPurge { purge }, move || toasts.close(toast));
    };
    view! {
        <Show when=move || is_open.get()>
            <button class="button" type="button" disabled=move || act.is_busy() on:click=press>
                {format!("Put {} back", crate::format::count(undo.kept, "message"))}
            </button>
        </Show>
        {move || act.error.get().map(|error| view! { <p>{error.message}</p> })}
    }
    .into_any()
}
