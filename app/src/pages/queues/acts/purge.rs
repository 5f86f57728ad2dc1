//! Purging a queue: how many messages it holds is read again every second while
//! the dialog is open, and the queue's name is typed.

use super::{QueueActs, messages};
use crate::{
    components::{
        dialog::{Dialog, DialogError},
        form::TextField,
        time::Ago,
    },
    server_fns::{self, FetchError},
    steer::Act,
};
use leptos::{ev::SubmitEvent, prelude::*};
use model::{Command, QueueName, Timestamp, WireError};
use send_wrapper::SendWrapper;
use std::time::Duration;

/// The dialog; open while a queue is about to be purged.
#[component]
pub(in super::super) fn PurgeDialog() -> impl IntoView {
    let purging = QueueActs::of_page().purging;
    let title = Signal::derive(move || {
        purging.with(|queue| {
            let queue = queue.as_ref().map(|queue| format!("Purge {queue}"));
            queue.unwrap_or_default()
        })
    });
    view! {
        <Dialog
            id="purge-title"
            title
            is_open=Signal::derive(move || purging.with(Option::is_some))
            on_close=Callback::new(move |()| purging.set(None))
        >
            {purging.get_untracked().map(|queue| view! { <Body queue /> })}
        </Dialog>
    }
    .into_any()
}

/// How many messages wait, and when that was read.
type Counted = Option<Result<(u64, Timestamp), WireError>>;

/// Reads the count now and then every second, as long as the caller is on the screen.
fn count_each_second(queue: QueueName) -> RwSignal<Counted> {
    let counted: RwSignal<Counted> = RwSignal::new(None);
    let is_asking = StoredValue::new(false);
    let ask = move || {
        if is_asking.try_get_value() != Some(false) {
            return;
        }
        is_asking.set_value(true);
        let queue = queue.clone();
        leptos::task::spawn_local(async move {
            let answer = server_fns::peek(queue, 0, 1).await;
            let answer = answer.map(|peek| (peek.total, peek.looked));
            // The dialog may be closed by now.
            let _gone = counted.try_set(Some(answer.map_err(|FetchError(error)| error)));
            let _gone = is_asking.try_set_value(false);
        });
    };
    Effect::new(move || {
        ask();
        match set_interval_with_handle(ask.clone(), Duration::from_secs(1)) {
            Ok(handle) => {
                let handle = SendWrapper::new(handle);
                on_cleanup(move || handle.clear());
            }
            Err(error) => leptos::logging::error!("the count is read once only: {error:?}"),
        }
    });
    counted
}

#[component]
fn Body(queue: QueueName) -> impl IntoView {
    let acts = QueueActs::of_page();
    let act = Act::new();
    let counted = count_each_second(queue.clone());
    let number = Memo::new(move |_| match counted.get() {
        Some(Ok((number, _))) => Some(number),
        _ => None,
    });
    let looked = Memo::new(move |_| match counted.get() {
        Some(Ok((_, looked))) => Some(looked),
        _ => None,
    });
    let failed = Memo::new(move |_| match counted.get() {
        Some(Err(error)) => Some(error),
        _ => None,
    });
    let typed = RwSignal::new(String::new());
    let name = queue.to_string();
    let label = format!("Type {name} to confirm");
    let confirmed = name.clone();
    let is_ready = Memo::new(move |_| {
        number.get().is_some_and(|number| number > 0)
            && typed.with(|typed| typed.trim() == confirmed)
    });
    let close = move || acts.purging.set(None);
    let submit = move |event: SubmitEvent| {
        event.prevent_default();
        if is_ready.get_untracked() {
            let command = Command::Purge {
                queue: queue.clone(),
                confirm: typed.with_untracked(|typed| typed.trim().to_owned()),
            };
            act.run_in_dialog_then(command, move || acts.changed(), close);
        }
    };
    let what = move || match (number.get(), failed.get()) {
        (Some(0), _) => {
            view! { <p>{format!("Nothing waits in {name}; there is nothing to purge.")}</p> }
                .into_any()
        }
        (Some(number), _) => view! {
            <p>
                "Deletes " <strong>{messages(number)}</strong>
                {format!(" that wait in {name}. Tasks that a worker took already still run.")}
            </p>
        }
        .into_any(),
        (None, None) => view! { <p>"Counting the messages…"</p> }.into_any(),
        (None, Some(_)) => view! { <p>"How many messages wait could not be read."</p> }.into_any(),
    };
    view! {
        <form class="dialog-form" on:submit=submit>
            <div class="dialog-body">
                {what}
                <p>
                    "All of them stay in Redis for 10 minutes, so that the purge can be taken back; until then they take its memory."
                </p>
                <TextField id="purge-typed" label value=typed is_first=true />
                <DialogError error=failed />
                <DialogError error=act.error />
            </div>
            <footer class="dialog-foot">
                <span class="dialog-note">
                    {move || looked.get().map(|at| view! { "Count read " <Ago at /> })}
                </span>
                <button class="button" type="button" on:click=move |_| close()>
                    "Cancel"
                </button>
                <button
                    class="button is-danger-primary"
                    disabled=move || act.is_busy() || !is_ready.get()
                >
                    {move || act.is_busy().then(|| view! { <span class="spinner"></span> })}
                    {move || match number.get() {
                        Some(number) => format!("Purge {}", messages(number)),
                        None => "Purge".to_owned(),
                    }}
                </button>
            </footer>
        </form>
    }
    .into_any()
}
