//! The dialog that sets the limits of one task type on one worker.

use super::inspection::Registered;
use crate::{
    components::{
        dialog::{Dialog, DialogError},
        form::{TextField, parse_seconds},
    },
    format,
    steer::Act,
};
use leptos::{ev::SubmitEvent, prelude::*};
use model::{Command, Destination, TaskName, WorkerName};

/// Sets the limits of one task type.
#[component]
pub(super) fn LimitsDialog(
    name: Memo<WorkerName>,
    /// The task type whose limits are set now.
    task: RwSignal<Option<Registered>>,
) -> impl IntoView {
    let title = move || {
        task.with(|task| match task {
            Some(task) => {
                let name = format::fit_name(task.name.as_str(), 48);
                format!("Limits of {}", name.function)
            }
            None => String::new(),
        })
    };
    let caption = move || format!("On {}, until it restarts.", name.get());
    // Not of the content, which has gone by the time a late answer comes.
    let close = Callback::new(move |()| task.set(None));
    view! {
        <Dialog
            id="limits-title"
            title=Signal::derive(title)
            caption=Signal::derive(caption)
            is_open=Signal::derive(move || task.with(Option::is_some))
            on_close=close
        >
            {task
                .get_untracked()
                .map(|limits| {
                    let (rate, times) = (Input::new(), Input::new());
                    view! {
                        <div class="dialog-scroll">
                            <RateLimit name limits=limits.clone() own=rate other=times close />
                            <TimeLimits name limits own=times other=rate close />
                        </div>
                    }
                })}
        </Dialog>
    }
    .into_any()
}

/// What is typed into one of the two forms, and what of it was set already.
#[derive(Clone, Copy)]
struct Input {
    typed: RwSignal<Vec<String>>,
    set: RwSignal<Vec<String>>,
}

impl Input {
    fn new() -> Self {
        Self {
            typed: RwSignal::new(Vec::new()),
            set: RwSignal::new(Vec::new()),
        }
    }

    /// Follows the fields of the form, which hold what is set now.
    fn follow<const N: usize>(&self, fields: [RwSignal<String>; N]) {
        let input = *self;
        let read = move || fields.map(|field| field.with(|text| text.trim().to_owned()));
        let now = untrack(read).to_vec();
        input.typed.set(now.clone());
        input.set.set(now);
        Effect::new(move || input.typed.set(read().to_vec()));
    }

    /// Tells whether closing the dialog would lose something.
    fn is_unsent(&self) -> bool {
        self.typed.get_untracked() != self.set.get_untracked()
    }

    /// Takes note of what was set; the dialog may close unless the other form is half done.
    fn was_set(&self, texts: Vec<String>, other: Self, close: Callback<()>) {
        self.set.set(texts);
        if !self.is_unsent() && !other.is_unsent() {
            close.run(());
        }
    }
}

/// Reads a rate limit in Celery's notation (`celery/utils/time.py`, `rate`).
fn parse_rate(text: &str) -> Result<String, String> {
    let text = text.trim();
    if text.is_empty() {
        return Ok("0".to_owned());
    }
    let number = text
        .strip_suffix("/s")
        .or_else(|| text.strip_suffix("/m"))
        .or_else(|| text.strip_suffix("/h"))
        .unwrap_or(text);
    let is_number = number
        .parse::<f64>()
        .is_ok_and(|n| n.is_finite() && n >= 0.0)
        && number.chars().all(|c| c.is_ascii_digit() || c == '.');
    match is_number {
        true => Ok(text.to_owned()),
        false => Err("Must be a number a second, or such as 10/m or 600/h".to_owned()),
    }
}

#[component]
fn RateLimit(
    name: Memo<WorkerName>,
    limits: Registered,
    own: Input,
    other: Input,
    close: Callback<()>,
) -> impl IntoView {
    let act = Act::new();
    let task: TaskName = limits.name;
    let rate = RwSignal::new(limits.rate_limit.unwrap_or_default());
    own.follow([rate]);
    let read = Memo::new(move |_| rate.with(|text| parse_rate(text)));
    let error = Signal::derive(move || read.with(|read| read.clone().err()));
    let send = move |event: SubmitEvent| {
        event.prevent_default();
        if let Ok(rate_limit) = read.get_untracked() {
            let command = Command::RateLimit {
                workers: Destination::one(name.get_untracked()),
                task: task.clone(),
                rate_limit,
            };
            let sent = own.typed.get_untracked();
            act.run_in_dialog(command, move || own.was_set(sent, other, close));
        }
    };
    view! {
        <form class="dialog-body limit-form" on:submit=send>
            <TextField
                id="limit-rate"
                label="Rate limit"
                value=rate
                error
                placeholder="none"
                is_first=true
            />
            <p class="quiet">"Tasks of this type that may start a second (s), minute or hour, on this worker alone."</p>
            <DialogError error=act.error />
            <button
                class="button is-primary"
                disabled=move || act.is_busy() || read.with(Result::is_err)
            >
                "Set rate limit"
            </button>
        </form>
    }
    .into_any()
}

#[component]
fn TimeLimits(
    name: Memo<WorkerName>,
    limits: Registered,
    own: Input,
    other: Input,
    close: Callback<()>,
) -> impl IntoView {
    let act = Act::new();
    let task: TaskName = limits.name;
    let text = |seconds: Option<f64>| {
        RwSignal::new(
            seconds
                .map(|seconds| seconds.to_string())
                .unwrap_or_default(),
        )
    };
    let (soft, hard) = (text(limits.soft_limit), text(limits.hard_limit));
    own.follow([soft, hard]);
    let read_soft = Memo::new(move |_| soft.with(|text| parse_seconds(text)));
    let read_hard = Memo::new(move |_| {
        let hard = hard.with(|text| parse_seconds(text))?;
        match (read_soft.get(), hard) {
            (Ok(Some(soft)), Some(hard)) if soft > hard => {
                Err("Must not be shorter than the soft limit".to_owned())
            }
            _ => Ok(hard),
        }
    });
    let error = |read: Memo<Result<Option<f64>, String>>| {
        Signal::derive(move || read.with(|read| read.clone().err()))
    };
    let send = move |event: SubmitEvent| {
        event.prevent_default();
        if let (Ok(soft), Ok(hard)) = (read_soft.get_untracked(), read_hard.get_untracked()) {
            let command = Command::TimeLimit {
                workers: Destination::one(name.get_untracked()),
                task: task.clone(),
                soft,
                hard,
            };
            let sent = own.typed.get_untracked();
            act.run_in_dialog(command, move || own.was_set(sent, other, close));
        }
    };
    let is_off =
        move || act.is_busy() || read_soft.with(Result::is_err) || read_hard.with(Result::is_err);
    view! {
        <form class="dialog-body limit-form" on:submit=send>
            <div class="field-columns">
                <TextField
                    id="limit-soft"
                    label="Soft limit, seconds"
                    value=soft
                    error=error(read_soft)
                    placeholder="none"
                    is_number=true
                />
                <TextField
                    id="limit-hard"
                    label="Hard limit, seconds"
                    value=hard
                    error=error(read_hard)
                    placeholder="none"
                    is_number=true
                />
            </div>
            <p class="quiet">
                "Both are set together. The soft limit raises an exception in the task, the hard one kills its process."
            </p>
            <DialogError error=act.error />
            <button class="button" disabled=is_off>
                "Set time limits"
            </button>
        </form>
    }
    .into_any()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_dialog_stays_open_while_one_of_its_forms_is_half_done() {
        let owner = Owner::new();
        owner.with(|| {
            let (rate, times) = (Input::new(), Input::new());
            let closed = RwSignal::new(0);
            let close = Callback::new(move |()| closed.update(|n| *n += 1));
            let text = |text: &str| vec![text.to_owned()];
            rate.typed.set(text("10/m"));
            times.typed.set(text("30"));
            rate.was_set(text("10/m"), times, close);
            assert_eq!(closed.get_untracked(), 0);
            // What was typed after the form was sent is unsent too.
            times.typed.set(text("40"));
            times.was_set(text("30"), rate, close);
            assert_eq!(closed.get_untracked(), 0);
            times.was_set(text("40"), rate, close);
            assert_eq!(closed.get_untracked(), 1);
        });
    }

    #[test]
    fn rate_limits_are_in_celerys_notation() {
        for good in ["10", "10/m", "0.5/s", "600/h", "0"] {
            assert_eq!(parse_rate(good), Ok(good.to_owned()));
        }
        assert_eq!(parse_rate(" "), Ok("0".to_owned()));
        for bad in ["300/mm", "-1", "1e3/s", "/m", "ten", "inf"] {
            assert!(parse_rate(bad).is_err(), "{bad}");
        }
    }
}
