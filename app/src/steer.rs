//! Acting from a page: what may be done, doing it, and the dialogs and notes that
//! every page shares. Nothing here guesses what an act changes: rows change
//! when Celery says so.

use crate::{
    server_fns::{self, FetchError},
    toasts::Toasts,
};
use leptos::prelude::*;
use model::{BulkId, Command, CommandKind, Outcome, TaskDraft, TaskId, WireError};

/// Tells whether the reader of the page may do this.
pub fn may(kind: CommandKind) -> bool {
    server_fns::role().may_run(kind)
}

/// What is asked before an act.
#[derive(Clone, Debug, PartialEq)]
pub struct Question {
    /// What would be done.
    pub title: String,
    /// What it means, one paragraph each.
    pub words: Vec<String>,
    /// What must be typed first, for the biggest acts.
    pub typed: Option<String>,
    /// The act, as the button names it.
    pub act: String,
    /// Whether something is lost by it.
    pub is_dangerous: bool,
    /// What is done.
    pub command: Command,
}

/// A form to send a task with.
#[derive(Clone, Debug, PartialEq)]
pub struct Form {
    /// What is sent.
    pub title: String,
    /// What a person should know before, such as which arguments are not known.
    pub notes: Vec<String>,
    /// What is filled in.
    pub draft: Option<TaskDraft>,
}

/// What may stand over a page. Found in the context of every page.
#[derive(Clone, Copy)]
pub struct Steering {
    /// The question that is asked now.
    pub question: RwSignal<Option<Question>>,
    /// The task whose retry is prepared now.
    pub retry: RwSignal<Option<TaskId>>,
    /// The form that is filled in now.
    pub form: RwSignal<Option<Form>>,
    /// The bulks that are watched, oldest first.
    pub bulks: RwSignal<Vec<BulkId>>,
    /// What came of acts.
    pub toasts: Toasts,
}

impl Steering {
    /// Puts it into the context.
    pub fn provide() -> Self {
        let steering = Self {
            question: RwSignal::new(None),
            retry: RwSignal::new(None),
            form: RwSignal::new(None),
            bulks: RwSignal::new(Vec::new()),
            toasts: Toasts::new(),
        };
        provide_context(steering);
        steering
    }

    /// Returns what stands over this page.
    pub fn of_page() -> Self {
        expect_context()
    }

    /// Asks before an act.
    pub fn ask(&self, question: Question) {
        self.question.set(Some(question));
    }

    /// Tells what came of an act: a bulk by a card that follows it, others by a toast.
    pub fn tell(&self, outcome: &Outcome) {
        match outcome.bulk {
            Some(bulk) => self.bulks.update(|bulks| {
                if !bulks.contains(&bulk) {
                    bulks.push(bulk);
                }
            }),
            None => self.toasts.tell(outcome),
        }
    }
}

/// One button's way to do something: it is busy until the answer is there.
#[derive(Clone, Copy)]
pub struct Act {
    steering: Steering,
    busy: RwSignal<bool>,
    /// Why the last try in a dialog came to nothing.
    pub error: RwSignal<Option<WireError>>,
}

impl Act {
    /// A way to act for the calling component.
    pub fn new() -> Self {
        Self {
            steering: Steering::of_page(),
            busy: RwSignal::new(false),
            error: RwSignal::new(None),
        }
    }

    /// Tells whether an answer is awaited, reactively.
    pub fn is_busy(&self) -> bool {
        self.busy.get()
    }

    /// Does it, and tells what came of it in a toast.
    pub fn run(&self, command: Command) {
        let act = *self;
        act.send(command, move |answer| match answer {
            Ok(outcome) => act.steering.tell(&outcome),
            Err(error) => act.steering.toasts.tell_error(&error),
        });
    }

    /// Does it from a dialog: `close` is called when it is done, if the dialog is still
    /// there; an error is left in `error`, for the dialog to show.
    pub fn run_in_dialog(&self, command: Command, close: impl FnOnce() + 'static) {
        self.run_in_dialog_then(command, || (), close);
    }

    /// Does it from a dialog; `done` is called when it is done even if the dialog
    /// has gone meanwhile, for what it changed elsewhere on the page.
    pub fn run_in_dialog_then(
        &self,
        command: Command,
        done: impl FnOnce() + 'static,
        close: impl FnOnce() + 'static,
    ) {
        let act = *self;
        act.error.set(None);
        act.send(command, move |answer| match answer {
            Ok(outcome) => {
                act.steering.tell(&outcome);
                done();
                // A late answer must not close what was opened since.
                if act.is_there() {
                    close();
                }
            }
            // The dialog may be gone by now.
            Err(error) => {
                if let Some(Some(error)) = act.error.try_set(Some(error)) {
                    act.steering.toasts.tell_error(&error);
                }
            }
        });
    }

    /// Tells whether what asked is still on the screen; whatever it knew of an error is over.
    fn is_there(&self) -> bool {
        self.error.try_set(None).is_none()
    }

    fn send(self, command: Command, done: impl FnOnce(Result<Outcome, WireError>) + 'static) {
        if self.busy.get_untracked() {
            self.steering.toasts.tell_waiting();
            return;
        }
        self.busy.set(true);
        leptos::task::spawn_local(async move {
            let answer = server_fns::run_command(command).await;
            // What asked may have left the screen.
            let _gone = self.busy.try_set(false);
            done(answer.map_err(|FetchError(error)| error));
        });
    }
}

impl Default for Act {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_act_knows_when_the_dialog_it_was_asked_from_has_gone() {
        let page = Owner::new();
        page.with(|| {
            Steering::provide();
            let dialog = page.child();
            let act = dialog.with(Act::new);
            act.error
                .set(Some(WireError::new(model::ErrorKind::Conflict, "no")));
            assert!(act.is_there());
            assert_eq!(act.error.get_untracked(), None);
            dialog.cleanup();
            assert!(!act.is_there());
        });
    }
}
