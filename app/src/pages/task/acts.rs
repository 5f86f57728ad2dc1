//! What can be done with a task as it stands.

use crate::{
    components::{
        icon::{Glyph, Icon},
        menu::{Menu, MenuItem},
        task_form::open_edit,
    },
    format,
    server_fns::{self, FetchError},
    steer::{Act, Question, Steering, may},
};
use leptos::prelude::*;
use model::{
    Command, CommandKind, Signal as ProcessSignal, TaskDetail, TaskId, TaskState, TaskSummary,
};

/// What applies to a task now.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Applicable {
    revoke: bool,
    terminate: bool,
    retry: bool,
}

impl Applicable {
    fn to(task: &TaskSummary) -> Self {
        let state = &task.state;
        let waits = matches!(
            state,
            TaskState::Pending | TaskState::Received | TaskState::Retry
        );
        Self {
            revoke: waits && !task.is_revoked,
            terminate: state.is_running(),
            retry: state.is_finished() || *state == TaskState::Orphaned,
        }
    }
}

/// The buttons of a task's page; a viewer has none.
#[component]
pub(super) fn Acts(task: Signal<TaskDetail>) -> impl IntoView {
    let steering = Steering::of_page();
    let act = Act::new();
    let applicable = Memo::new(move |_| task.with(|task| Applicable::to(&task.summary)));
    let id = task.with_untracked(|task| task.summary.id.clone());
    let name = move || {
        task.with_untracked(|task| match &task.summary.name {
            Some(name) => format::fit_name(name.as_str(), 40).function,
            None => format!("task {}", format::short_id(task.summary.id.as_str())),
        })
    };
    let id = StoredValue::new(id);
    let revoke = move |_| {
        act.run(Command::Revoke {
            tasks: vec![id.get_value()],
        });
    };
    let terminate = move |_| steering.ask(terminate(id.get_value(), &name()));
    let edit = move |_: ()| prepare_edit(steering, id.get_value());
    let may_revoke = may(CommandKind::Revoke);
    let may_terminate = may(CommandKind::Terminate);
    let may_retry = may(CommandKind::Retry);
    move || {
        let applicable = applicable.get();
        let revoke = (applicable.revoke && may_revoke).then(|| {
            view! {
                <button
                    class="button is-danger"
                    type="button"
                    disabled=move || act.is_busy()
                    on:click=revoke
                >
                    "Revoke"
                </button>
            }
        });
        let terminate = (applicable.terminate && may_terminate).then(|| {
            view! {
                <button class="button is-danger" type="button" on:click=terminate>
                    "Terminate…"
                </button>
            }
        });
        let retry = (applicable.retry && may_retry).then(|| {
            view! {
                <button
                    class="button is-primary"
                    type="button"
                    on:click=move |_| steering.retry.set(Some(id.get_value()))
                >
                    <Icon glyph=Glyph::Retry />
                    "Retry…"
                </button>
                <Menu id="task-acts".to_owned() label="More about this task">
                    <MenuItem label="Edit and retry…" on_press=Callback::new(edit) />
                </Menu>
            }
        });
        view! { <span class="acts with-script">{revoke} {terminate} {retry}</span> }
    }
}

/// Asks before a task is terminated.
pub(crate) fn terminate(task: TaskId, name: &str) -> Question {
    Question {
        title: format!("Terminate {name}"),
        words: vec![
            "Ends the process that runs it, whatever it is doing; a pool of threads or greenlets cannot end a single task and says so.".to_owned(),
            "What the task did so far stays as it is, and the worker starts a new process in place of the old one.".to_owned(),
        ],
        typed: None,
        act: "Terminate".to_owned(),
        is_dangerous: true,
        command: Command::Terminate {
            tasks: vec![task],
            signal: ProcessSignal::default(),
        },
    }
}

/// Opens the form with what is known of a task.
fn prepare_edit(steering: Steering, task: TaskId) {
    leptos::task::spawn_local(async move {
        match server_fns::retry_plan(task.clone()).await {
            Ok(plan) => {
                let mut notes = plan.problems.clone();
                if plan.chosen.is_none() {
                    notes.push(
                        "Its arguments are not known exactly: check what is filled in below."
                            .to_owned(),
                    );
                }
                notes.extend(plan.consequences);
                let mut draft = plan.draft;
                draft.retry_of = Some(task);
                open_edit(steering, draft, notes);
            }
            Err(FetchError(error)) => steering.toasts.tell_error(&error),
        }
    });
}

#[cfg(test)]
mod tests {
    use super::{
        super::timeline::tests::{attempt, task},
        *,
    };

    #[test]
    fn what_can_be_done_follows_the_state() {
        let of = |state: TaskState| {
            let mut detail = task(vec![attempt(0.0, state.clone())]);
            detail.summary.state = state;
            let Applicable {
                revoke,
                terminate,
                retry,
            } = Applicable::to(&detail.summary);
            [revoke, terminate, retry]
        };
        for state in [TaskState::Pending, TaskState::Received, TaskState::Retry] {
            assert_eq!(of(state), [true, false, false]);
        }
        for state in [TaskState::Started, TaskState::Custom("PROGRESS".into())] {
            assert_eq!(of(state), [false, true, false]);
        }
        for state in [
            TaskState::Success,
            TaskState::Failure,
            TaskState::Revoked,
            TaskState::Rejected,
            TaskState::Orphaned,
            TaskState::Unknown,
        ] {
            assert_eq!(of(state), [false, false, true]);
        }
    }

    #[test]
    fn a_task_that_is_revoked_is_not_revoked_again() {
        let mut detail = task(vec![attempt(0.0, TaskState::Received)]);
        detail.summary.state = TaskState::Received;
        detail.summary.is_revoked = true;
        assert_eq!(Applicable::to(&detail.summary), Applicable::default());
    }
}
