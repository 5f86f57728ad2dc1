//! States as glyph and word. Neither may be dropped: colours alone do not tell
//! states apart for everyone.

use leptos::prelude::*;
use model::TaskState;

/// The glyph of a state, 14 px in a box of 16, in the state's colour.
#[component]
pub fn StateGlyph(
    /// The state.
    #[prop(into)]
    state: Signal<TaskState>,
) -> impl IntoView {
    let class = move || format!("glyph state-{}", state.with(class_of));
    view! {
        <svg class=class viewBox="0 0 16 16" width="16" height="16" aria-hidden="true">
            {move || shapes(&state.get())}
        </svg>
    }
    .into_any()
}

/// The glyph and word of a state.
#[component]
pub fn StateBadge(
    /// The state.
    #[prop(into)]
    state: Signal<TaskState>,
) -> impl IntoView {
    let class = move || format!("state-badge state-{}", state.with(class_of));
    view! {
        <span class=class title=move || state.with(explain)>
            <StateGlyph state=state />
            <span class="state-word">{move || state.with(|s| s.label().into_owned())}</span>
        </span>
    }
    .into_any()
}

/// The word of a state in its colour, where its glyph stands elsewhere.
#[component]
pub fn StateWord(
    /// The state.
    #[prop(into)]
    state: Signal<TaskState>,
) -> impl IntoView {
    let class = move || format!("state-badge state-{}", state.with(class_of));
    view! {
        <span class=class>
            <span class="state-word">{move || state.with(|s| s.label().into_owned())}</span>
        </span>
    }
    .into_any()
}

/// Returns what a state means that Celery does not have.
fn explain(state: &TaskState) -> Option<&'static str> {
    match state {
        TaskState::Orphaned => Some(
            "Its worker process is gone: it runs again if the broker delivers it again, else it is lost",
        ),
        TaskState::Unknown => {
            Some("It ended unseen: its worker does not have it any more, and no result is kept")
        }
        _ => None,
    }
}

/// Returns the ending of the class that colours a state, such as `failure` of `state-failure`.
pub fn class_of(state: &TaskState) -> &'static str {
    match state {
        TaskState::Pending => "pending",
        TaskState::Received => "received",
        TaskState::Started => "started",
        TaskState::Success => "success",
        TaskState::Failure => "failure",
        TaskState::Retry => "retry",
        TaskState::Revoked => "revoked",
        TaskState::Rejected => "rejected",
        TaskState::Orphaned => "orphaned",
        TaskState::Unknown => "unknown",
        TaskState::Custom(_) => "custom",
    }
}

fn ring(radius: &'static str) -> impl IntoView {
    view! { <circle cx="8" cy="8" r=radius fill="none" stroke="currentColor" stroke-width="1.5" /> }
        .into_any()
}

fn shapes(state: &TaskState) -> AnyView {
    let stroke = |d: &'static str, width: &'static str| {
        view! {
            <path d=d fill="none" stroke="currentColor" stroke-width=width stroke-linecap="round" stroke-linejoin="round" />
        }
    };
    let fill = |d: &'static str| view! { <path d=d fill="currentColor" /> };
    match state {
        TaskState::Pending => ring("5").into_any(),
        TaskState::Received => (ring("5"), fill("M8 8V3a5 5 0 0 1 5 5z")).into_any(),
        TaskState::Started => (ring("5"), fill("M8 3a5 5 0 0 1 0 10z")).into_any(),
        TaskState::Success => {
            view! { <circle cx="8" cy="8" r="5.5" fill="currentColor" /> }.into_any()
        }
        TaskState::Failure => stroke("M4 4l8 8M12 4l-8 8", "2.25").into_any(),
        TaskState::Retry => (
            stroke("M12.6 9.2A4.9 4.9 0 1 1 11.9 5", "1.75"),
            fill("M13.4 2.2v4.2H9.2z"),
        )
            .into_any(),
        TaskState::Revoked => (ring("5.25"), stroke("M4.3 11.7l7.4-7.4", "1.5")).into_any(),
        TaskState::Rejected => (ring("5.25"), stroke("M5.2 8h5.6", "1.75")).into_any(),
        TaskState::Orphaned => (
            stroke("M8 2.5l6 10.8H2z", "1.5"),
            stroke("M8 6.4v3.2M8 11.4v.01", "1.6"),
        )
            .into_any(),
        TaskState::Unknown => (
            stroke("M5.2 5.9a2.8 2.8 0 1 1 4 2.6c-.8.4-1.2.9-1.2 1.8", "1.75"),
            stroke("M8 13.1v.01", "2"),
        )
            .into_any(),
        // A state of the application's own: the task runs, so the ring of Started,
        // with a mark of its own inside.
        TaskState::Custom(_) => (ring("5"), stroke("M5.9 8h4.2", "2")).into_any(),
    }
}
