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
    view! {
        <Dialog
            id="limits-title"
            title=Signal::derive(title)
            caption=Signal::derive(caption)
            is_open=Signal::derive(move || task.with(Option::is_some))
            on_close=Callback::new(move |()| task.set(None))
        >
            {task
                .get_untracked()
                .map(|limits| {
                    let close = Callback::new(move |()| task.set(None));
                    view! {
                        <div class="dialog-scroll">
                            <RateLimit name limits=limits.clone() close />
                            <TimeLimits name limits close />
                        </div>
                    }
                })}
        </Dialog>
    }
    .into_any()
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
fn RateLimit(name: Memo<WorkerName>, limits: Registered, close: Callback<()>) -> impl IntoView {
    let act = Act::new();
    let task: TaskName = limits.name;
    let rate = RwSignal::new(limits.rate_limit.unwrap_or_default());
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
            act.run_in_dialog(command, move || close.run(()));
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
fn TimeLimits(name: Memo<WorkerName>, limits: Registered, close: Callback<()>) -> impl IntoView {
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
            act.run_in_dialog(command, move || close.run(()));
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
