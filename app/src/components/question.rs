//! The dialog that asks before an act: what it does and to how many, what can be
//! chosen about it, and for the biggest ones a word to type.

use super::{
    dialog::{Dialog, DialogError},
    form::{SelectField, TextField},
};
use crate::steer::{Act, Question, Steering};
use leptos::{ev::SubmitEvent, prelude::*};
use model::{ArgumentSource, BulkAct, Command, QueueName, Signal as ProcessSignal};

/// The question that is asked now.
#[component]
pub fn QuestionDialog() -> impl IntoView {
    let steering = Steering::of_page();
    let question = steering.question;
    let title = move || question.with(|q| q.as_ref().map(|q| q.title.clone()).unwrap_or_default());
    view! {
        <Dialog
            id="question-title"
            title=Signal::derive(title)
            is_open=Signal::derive(move || question.with(Option::is_some))
            on_close=Callback::new(move |()| question.set(None))
        >
            {question.get_untracked().map(|question| view! { <Body question /> })}
        </Dialog>
    }
    .into_any()
}

/// What a person may still choose about a command.
#[derive(Clone, Copy)]
struct Choices {
    signal: RwSignal<String>,
    with_text: RwSignal<bool>,
    queue: RwSignal<String>,
}

impl Choices {
    fn new() -> Self {
        Self {
            signal: RwSignal::new(ProcessSignal::default().as_str().to_owned()),
            with_text: RwSignal::new(false),
            queue: RwSignal::new(String::new()),
        }
    }

    /// Returns the command as chosen.
    fn apply(&self, mut command: Command) -> Command {
        let chosen = self
            .signal
            .with_untracked(|name| ProcessSignal::from_name(name));
        match &mut command {
            Command::Terminate { signal, .. }
            | Command::Bulk {
                act: BulkAct::Terminate { signal },
                ..
            } => *signal = chosen.unwrap_or_default(),
            Command::Bulk {
                act: BulkAct::Retry { worst, queue },
                ..
            } => {
                let with_text = self.with_text.get_untracked();
                *worst = with_text.then_some(ArgumentSource::Text);
                let name = self.queue.with_untracked(|name| name.trim().to_owned());
                *queue = (!name.is_empty()).then(|| QueueName::from(name));
            }
            _ => {}
        }
        command
    }
}

/// What each signal does, for the list of them.
const SIGNALS: [(&str, &str); 5] = [
    ("SIGTERM", "SIGTERM: ask its process to end"),
    ("SIGKILL", "SIGKILL: end it at once"),
    ("SIGINT", "SIGINT: as Ctrl-C would"),
    ("SIGQUIT", "SIGQUIT: end it with a memory dump"),
    ("SIGUSR1", "SIGUSR1: raise SoftTimeLimitExceeded in it"),
];

#[component]
fn Body(question: Question) -> impl IntoView {
    let steering = Steering::of_page();
    let act = Act::new();
    let choices = Choices::new();
    let typed = RwSignal::new(String::new());
    let wanted = StoredValue::new(question.typed.clone());
    let is_ready = Memo::new(move |_| {
        wanted.with_value(|wanted| match wanted {
            Some(word) => typed.with(|typed| typed.trim() == word),
            None => true,
        })
    });
    let has_signal = matches!(
        question.command,
        Command::Terminate { .. }
            | Command::Bulk {
                act: BulkAct::Terminate { .. },
                ..
            }
    );
    let is_retry = matches!(
        question.command,
        Command::Bulk {
            act: BulkAct::Retry { .. },
            ..
        }
    );
    let command = StoredValue::new(question.command);
    let close = move || steering.question.set(None);
    let submit = move |event: SubmitEvent| {
        event.prevent_default();
        if is_ready.get_untracked() {
            act.run_in_dialog(choices.apply(command.get_value()), close);
        }
    };
    let words = question
        .words
        .into_iter()
        .map(|words| view! { <p>{words}</p> });
    let label = question.typed.as_ref().map(|word| {
        let word = word.clone();
        format!("Type {word} to confirm")
    });
    // Enter alone must not lose anything.
    let (is_dangerous, is_typed) = (question.is_dangerous, question.typed.is_some());
    let (act_class, act_words) = match is_dangerous {
        true => ("button is-danger-primary", question.act),
        false => ("button is-primary", question.act),
    };
    view! {
        <form class="dialog-form" on:submit=submit>
            <div class="dialog-body">
                {words.collect_view()}
                {has_signal
                    .then(|| {
                        view! {
                            <SelectField
                                id="question-signal"
                                label="Signal"
                                choices=SIGNALS.to_vec()
                                value=choices.signal
                            />
                        }
                    })}
                {is_retry
                    .then(|| {
                        view! {
                            <TextField
                                id="question-queue"
                                label="Queue"
                                placeholder="each task's own"
                                value=choices.queue
                            />
                            <label class="check">
                                <input
                                    type="checkbox"
                                    prop:checked=move || choices.with_text.get()
                                    on:change=move |event| {
                                        choices.with_text.set(event_target_checked(&event));
                                    }
                                />
                                <span>
                                    "Where nothing better is known, read the arguments from the text of events, if it is whole."
                                </span>
                            </label>
                        }
                    })}
                {label
                    .map(|label| {
                        view! { <TextField id="question-typed" label value=typed is_first=true /> }
                    })}
                <DialogError error=act.error />
            </div>
            <div class="dialog-foot">
                <span class="dialog-note">"Recorded in the audit log"</span>
                <button
                    class="button"
                    type="button"
                    autofocus=is_dangerous && !is_typed
                    on:click=move |_| close()
                >
                    "Cancel"
                </button>
                <button
                    class=act_class
                    autofocus=!is_dangerous && !is_typed
                    disabled=move || act.is_busy() || !is_ready.get()
                >
                    {move || act.is_busy().then(|| view! { <span class="spinner"></span> })}
                    {act_words}
                </button>
            </div>
        </form>
    }
    .into_any()
}
