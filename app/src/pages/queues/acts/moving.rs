//! Moving messages into another queue: those that were selected, or all that wait.

use super::{QueueActs, messages};
use crate::{
    components::{
        dialog::{Dialog, DialogError},
        form::TextField,
    },
    steer::Act,
};
use leptos::{ev::SubmitEvent, prelude::*};
use model::{Command, QueueList, QueueName};

/// The longest name of a queue that is accepted, bytes; AMQP's own limit.
const LONGEST_NAME: usize = 255;

/// What is about to be moved.
#[derive(Clone, Debug, PartialEq)]
pub(in super::super) struct Moving {
    /// From which queue.
    pub from: QueueName,
    /// Which messages; all that wait if absent.
    pub tags: Option<Vec<String>>,
}

/// The dialog; open while messages are about to be moved.
#[component]
pub(in super::super) fn MoveDialog(
    /// What the page shows.
    list: Signal<QueueList>,
) -> impl IntoView {
    let moving = QueueActs::of_page().moving;
    let title = Signal::derive(move || {
        moving.with(|moving| {
            let title = moving
                .as_ref()
                .map(|moving| format!("Move messages of {}", moving.from));
            title.unwrap_or_default()
        })
    });
    view! {
        <Dialog
            id="move-title"
            title
            is_open=Signal::derive(move || moving.with(Option::is_some))
            on_close=Callback::new(move |()| moving.set(None))
        >
            {moving.get_untracked().map(|moving| view! { <Body moving list /> })}
        </Dialog>
    }
    .into_any()
}

/// What is wrong with the name of a target.
fn wrong(from: &QueueName, to: &str) -> Option<String> {
    if to == from.as_str() {
        Some("They are in this queue already".to_owned())
    } else if to.len() > LONGEST_NAME {
        Some(format!("Longer than {LONGEST_NAME} characters"))
    } else {
        None
    }
}

/// What to know about the target before anything is put into it.
fn caveat(list: &QueueList, to: &str) -> Option<String> {
    let known = list.rows.iter().find(|queue| queue.name.as_str() == to);
    match known {
        _ if to.is_empty() => None,
        None => Some(format!(
            "No queue is called {to} so far. The messages wait there until a worker consumes it."
        )),
        Some(queue) if queue.are_consumers_known && queue.consumers.is_empty() => {
            Some(format!("No worker consumes {to} now."))
        }
        Some(_) => None,
    }
}

#[component]
fn Body(moving: Moving, list: Signal<QueueList>) -> impl IntoView {
    let acts = QueueActs::of_page();
    let act = Act::new();
    let Moving { from, tags } = moving;
    let selected = tags.as_ref().map(|tags| tags.len() as u64);
    let waiting = {
        let from = from.clone();
        Memo::new(move |_| {
            list.with(|list| {
                let queue = list.rows.iter().find(|queue| queue.name == from);
                queue.map(|queue| queue.ready)
            })
        })
    };
    let name = RwSignal::new(String::new());
    let to = Memo::new(move |_| name.with(|name| name.trim().to_owned()));
    let error = {
        let from = from.clone();
        Memo::new(move |_| to.with(|to| wrong(&from, to)))
    };
    let caveat = Memo::new(move |_| list.with(|list| to.with(|to| caveat(list, to))));
    let is_ready = Memo::new(move |_| error.with(Option::is_none) && !to.with(String::is_empty));
    let others = {
        let from = from.clone();
        Memo::new(move |_| {
            list.with(|list| {
                let others = list.rows.iter().map(|queue| queue.name.to_string());
                others
                    .filter(|name| name != from.as_str())
                    .collect::<Vec<_>>()
            })
        })
    };
    let what = {
        let from = from.clone();
        move || match (selected, waiting.get()) {
            (Some(number), _) => format!("Moves {} that you selected.", messages(number)),
            (None, Some(number)) => {
                format!(
                    "Moves all that wait in {from} when it begins, {} at the last reading.",
                    messages(number)
                )
            }
            (None, None) => format!("Moves all that wait in {from} when it begins."),
        }
    };
    let close = move || acts.moving.set(None);
    let submit = move |event: SubmitEvent| {
        event.prevent_default();
        if is_ready.get_untracked() {
            let command = Command::MoveMessages {
                queue: from.clone(),
                to: QueueName::from(to.get_untracked()),
                tags: tags.clone(),
            };
            act.run_in_dialog_then(command, move || acts.changed(), close);
        }
    };
    let act_words = move || {
        let what = match selected {
            Some(number) => messages(number),
            None => "all messages".to_owned(),
        };
        to.with(|to| match to.as_str() {
            "" => format!("Move {what}"),
            to => format!("Move {what} to {to}"),
        })
    };
    view! {
        <form class="dialog-form" on:submit=submit>
            <div class="dialog-body">
                <p>{what}</p>
                <p>
                    "Moved messages go behind what waits there already, in their order and with their priority. What a worker takes first is not moved."
                </p>
                <TextField
                    id="move-to"
                    label="Into queue"
                    value=name
                    error
                    list="move-queues"
                    is_first=true
                />
                <datalist id="move-queues">
                    {move || {
                        others
                            .get()
                            .into_iter()
                            .map(|name| view! { <option value=name></option> })
                            .collect_view()
                    }}
                </datalist>
                <p class="dialog-caveat" role="status">
                    {caveat}
                </p>
                <DialogError error=act.error />
            </div>
            <footer class="dialog-foot">
                <span class="dialog-note">"Recorded in the audit log"</span>
                <button class="button" type="button" on:click=move |_| close()>
                    "Cancel"
                </button>
                <button
                    class="button is-primary"
                    disabled=move || act.is_busy() || !is_ready.get()
                >
                    {move || act.is_busy().then(|| view! { <span class="spinner"></span> })}
                    {act_words}
                </button>
            </footer>
        </form>
    }
    .into_any()
}

#[cfg(test)]
mod tests {
    use super::{super::super::tests::queue, *};

    #[test]
    fn a_target_that_nobody_consumes_is_told_and_the_same_queue_refused() {
        let mut mail = queue("mail", 1);
        mail.consumers = vec!["celery@a".into()];
        let list = QueueList {
            rows: vec![mail, queue("lost", 0)],
            ..QueueList::default()
        };
        assert_eq!(caveat(&list, "mail"), None);
        assert_eq!(caveat(&list, ""), None);
        assert!(caveat(&list, "lost").is_some_and(|words| words.contains("No worker")));
        assert!(caveat(&list, "new").is_some_and(|words| words.contains("so far")));
        assert_eq!(wrong(&"mail".into(), "lost"), None);
        assert!(wrong(&"mail".into(), "mail").is_some());
        assert!(wrong(&"mail".into(), &"x".repeat(256)).is_some());
    }
}
