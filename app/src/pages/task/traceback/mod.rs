//! The traceback of an attempt: own frames bright, library frames folded.

mod parse;

use super::attempts::number_of;
use crate::components::{
    card::Card,
    copy::CopyButton,
    icon::{Glyph, Icon},
};
use leptos::prelude::*;
use leptos_router::hooks::use_location;
use model::TaskDetail;
use parse::{Frame, Part, parse};

/// A traceback, and the attempt it is of.
#[derive(Clone, Debug, PartialEq)]
struct Raised {
    attempt: String,
    exception: Option<String>,
    traceback: Option<String>,
}

/// Returns what every attempt raised, oldest first.
fn raised(task: &TaskDetail) -> Vec<Raised> {
    let of_attempts = task.attempts.iter().map(|attempt| Raised {
        attempt: number_of(attempt),
        exception: attempt.exception.clone(),
        traceback: attempt.traceback.clone(),
    });
    let mut raised: Vec<Raised> = of_attempts
        .filter(|raised| raised.exception.is_some() || raised.traceback.is_some())
        .collect();
    let is_told = raised.iter().any(|raised| raised.traceback.is_some());
    if !is_told && (task.traceback.is_some() || (raised.is_empty() && task.exception.is_some())) {
        // Told of the task only: it is of the last attempt.
        let last = task.attempts.last();
        let last = last.map_or_else(|| (task.summary.retries + 1).to_string(), number_of);
        raised.retain(|raised| raised.attempt != last);
        raised.push(Raised {
            attempt: last,
            exception: task.exception.clone(),
            traceback: task.traceback.clone(),
        });
    }
    raised
}

/// The tracebacks, for a task that raised.
#[component]
pub(super) fn Tracebacks(task: Signal<TaskDetail>) -> impl IntoView {
    let location = use_location();
    let raised = Memo::new(move |_| task.with(raised));
    let module = Memo::new(move |_| {
        task.with(|task| {
            task.summary
                .name
                .as_ref()
                .map(|name| name.as_str().to_owned())
        })
    });
    // Which attempt is shown is in the address: `?attempt=2`.
    let asked = Memo::new(move |_| {
        let search = location.search.get();
        let mut pairs = form_urlencoded::parse(search.trim_start_matches('?').as_bytes());
        let asked = pairs.find(|(key, _)| key == "attempt");
        asked.map(|(_, value)| value.into_owned())
    });
    let chosen = Memo::new(move |_| {
        raised.with(|raised| {
            let asked = asked.get();
            let asked = raised
                .iter()
                .find(|raised| Some(&raised.attempt) == asked.as_ref());
            asked.or(raised.last()).cloned()
        })
    });
    let is_shown = Memo::new(move |_| chosen.with(Option::is_some));
    let number = Memo::new(move |_| chosen.with(|c| c.as_ref().map(|c| c.attempt.clone())));
    let caption = Signal::derive(move || {
        number
            .get()
            .map_or_else(String::new, |number| format!("attempt {number}"))
    });
    let text = Signal::derive(move || {
        chosen.with(|chosen| {
            let chosen = chosen.as_ref();
            let text = chosen.and_then(|c| c.traceback.clone().or(c.exception.clone()));
            text.unwrap_or_default()
        })
    });
    let choices = move || {
        let attempts: Vec<String> =
            raised.with(|raised| raised.iter().map(|raised| raised.attempt.clone()).collect());
        let choice = |attempt: String| {
            let (own, shown) = (attempt.clone(), attempt.clone());
            view! {
                <a
                    class="segment"
                    href=format!("?attempt={attempt}")
                    aria-label=format!("Attempt {attempt}")
                    aria-current=move || (number.get().as_ref() == Some(&own)).then_some("true")
                    data-noscroll=""
                >
                    {shown}
                </a>
            }
        };
        (attempts.len() > 1).then(|| {
            let choices = attempts.into_iter().map(choice).collect_view();
            view! { <div class="segments">{choices}</div> }
        })
    };
    let body = move || {
        chosen
            .get()
            .map(|chosen| draw(&chosen, module.get().as_deref()))
    };
    view! {
        <Show when=move || is_shown.get()>
            <Card
                title="Traceback"
                caption=caption
                class="traceback-card"
                actions=Box::new(move || {
                    view! {
                        {choices}
                        <CopyButton text=text label="Copy" is_labelled=true />
                    }
                        .into_any()
                })
            >
                {body}
            </Card>
        </Show>
    }
    .into_any()
}

fn draw(raised: &Raised, module: Option<&str>) -> AnyView {
    let parsed = parse(raised.traceback.as_deref().unwrap_or_default(), module);
    let (kind, message) = match (&parsed.exception, &raised.exception) {
        (Some((kind, message)), _) => (kind.clone(), message.clone()),
        (None, Some(exception)) => (exception.clone(), String::new()),
        (None, None) => ("unknown".to_owned(), String::new()),
    };
    let note = raised
        .traceback
        .is_none()
        .then(|| view! { <p class="traceback-note">"No traceback came with the event."</p> });
    let parts = parsed.parts.into_iter().map(part).collect_view();
    view! {
        <div class="traceback">
            <div class="traceback-head">
                <p class="traceback-kind">{kind}</p>
                {(!message.is_empty())
                    .then(|| view! { <p class="traceback-message">{message.clone()}</p> })}
            </div>
            {note}
            {parts}
        </div>
    }
    .into_any()
}

fn part(part: Part) -> AnyView {
    match part {
        Part::Own(frame) => {
            view! { <div class="frame-own">{frame_view(frame, true)}</div> }.into_any()
        }
        Part::Library { frames, told } => view! {
            <details class="frame-library">
                <summary>
                    <Icon glyph=Glyph::ChevronRight />
                    <span>{told}</span>
                </summary>
                {frames.into_iter().map(|frame| frame_view(frame, false)).collect_view()}
            </details>
        }
        .into_any(),
        Part::Text(text) => view! { <pre class="traceback-text">{text}</pre> }.into_any(),
    }
}

fn frame_view(frame: Frame, is_own: bool) -> impl IntoView {
    let code = frame.code.map(|code| {
        view! {
            <code class="frame-code" class:is-own=is_own>
                <span class="frame-line">{frame.line.clone()}</span>
                {code}
            </code>
        }
    });
    view! {
        <div class="stack-frame">
            <p class="frame-place" title=frame.path>
                <strong>{frame.file} ":" {frame.line}</strong>
                " in "
                {frame.function}
            </p>
            {code}
        </div>
    }
    .into_any()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pages::task::timeline::tests::{attempt, task};
    use model::TaskState;

    #[test]
    fn every_attempt_that_raised_is_there() {
        let mut first = attempt(0.0, TaskState::Retry);
        first.exception = Some("Retry".to_owned());
        let mut third = attempt(20.0, TaskState::Failure);
        third.retries = 2;
        third.traceback = Some("Traceback".to_owned());
        let task = task(vec![first, attempt(10.0, TaskState::Success), third]);
        let raised = raised(&task);
        let attempts: Vec<&str> = raised
            .iter()
            .map(|raised| raised.attempt.as_str())
            .collect();
        assert_eq!(attempts, ["1", "3"]);
    }

    #[test]
    fn a_traceback_of_the_task_alone_is_of_its_last_attempt() {
        let mut task = task(vec![attempt(0.0, TaskState::Failure)]);
        task.traceback = Some("Traceback".to_owned());
        let raised = raised(&task);
        assert_eq!(
            raised.first().map(|raised| raised.attempt.as_str()),
            Some("1")
        );
    }
}
