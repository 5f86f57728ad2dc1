//! What can be done with a queue: its menu, and the dialogs that ask first.

mod moving;
mod purge;

pub(super) use moving::{MoveDialog, Moving};
pub(super) use purge::PurgeDialog;

use super::address::Address;
use crate::{
    components::menu::{Menu, MenuItem},
    format::{self, count},
    steer::{Act, Question, Steering, may},
};
use leptos::prelude::*;
use leptos_router::hooks::use_navigate;
use model::{Command, CommandKind, QueueName, QueueSummary};

/// What is asked on this page besides the questions that all pages share.
/// Found in the context of the page.
#[derive(Clone, Copy)]
pub(super) struct QueueActs {
    /// The queue that is about to be purged.
    pub purging: RwSignal<Option<QueueName>>,
    /// The messages that are about to be moved.
    pub moving: RwSignal<Option<Moving>>,
    /// Counts what may have changed the messages that the drawer shows.
    pub changes: RwSignal<u64>,
}

impl QueueActs {
    pub(super) fn provide() -> Self {
        let acts = Self {
            purging: RwSignal::new(None),
            moving: RwSignal::new(None),
            changes: RwSignal::new(0),
        };
        provide_context(acts);
        acts
    }

    pub(super) fn of_page() -> Self {
        expect_context()
    }

    /// Has the drawer look again.
    pub(super) fn changed(&self) {
        // An answer may come when the page has gone.
        let _gone = self.changes.try_update(|changes| *changes += 1);
    }
}

/// The acts on one queue. Those that the reader may not do are not there.
#[component]
pub(super) fn QueueMenu(queue: RwSignal<QueueSummary>, address: Memo<Address>) -> impl IntoView {
    let acts = QueueActs::of_page();
    let name = StoredValue::new(queue.with_untracked(|queue| queue.name.clone()));
    let navigate = use_navigate();
    let look = Callback::new(move |()| {
        let href = address.with_untracked(|a| a.looking_at(&name.get_value(), 0).href());
        navigate(
            &href,
            leptos_router::NavigateOptions {
                scroll: false,
                ..Default::default()
            },
        );
    });
    let purge = Callback::new(move |()| acts.purging.set(Some(name.get_value())));
    let move_all = Callback::new(move |()| {
        acts.moving.set(Some(Moving {
            from: name.get_value(),
            tags: None,
        }));
    });
    let id = format!("queue-menu-{}", name.get_value());
    let label = format!("Acts on {}", name.get_value());
    view! {
        <Menu id label>
            <MenuItem label="Peek" on_press=look />
            <PauseItem queue />
            {may(CommandKind::MoveMessages)
                .then(|| view! { <MenuItem label="Move messages…" on_press=move_all /> })}
            {may(CommandKind::Purge)
                .then(|| {
                    view! { <MenuItem label="Purge…" is_dangerous=true on_press=purge /> }
                })}
        </Menu>
    }
    .into_any()
}

/// Pauses a queue that is consumed, and resumes one that was paused here.
#[component]
fn PauseItem(queue: RwSignal<QueueSummary>) -> impl IntoView {
    let act = Act::new();
    let steering = Steering::of_page();
    let is_paused = Memo::new(move |_| queue.with(|queue| !queue.paused.is_empty()));
    let is_consumed = Memo::new(move |_| queue.with(|queue| !queue.consumers.is_empty()));
    let resume = Callback::new(move |()| {
        let queue = queue.with_untracked(|queue| queue.name.clone());
        act.run(Command::ResumeQueue { queue });
    });
    let pause = Callback::new(move |()| steering.ask(queue.with_untracked(pause_question)));
    view! {
        <Show when=move || is_paused.get() && may(CommandKind::ResumeQueue)>
            <MenuItem label="Resume" on_press=resume />
        </Show>
        <Show when=move || is_consumed.get() && may(CommandKind::PauseQueue)>
            <MenuItem label="Pause…" on_press=pause />
        </Show>
    }
    .into_any()
}

fn pause_question(queue: &QueueSummary) -> Question {
    let name = &queue.name;
    let workers = count(queue.consumers.len() as u64, "worker");
    let stop = match queue.consumers.len() {
        1 => "stops",
        _ => "stop",
    };
    Question {
        title: format!("Pause {name}"),
        words: vec![
            format!("{workers} {stop} taking messages from {name} until it is resumed."),
            "Tasks they took already still run. A worker that is started meanwhile consumes the queue all the same."
                .to_owned(),
        ],
        typed: None,
        act: format!("Pause {name}"),
        is_dangerous: false,
        command: Command::PauseQueue {
            queue: name.clone(),
        },
    }
}

/// How many messages, for buttons.
fn messages(number: u64) -> String {
    format!(
        "{} {}",
        format::thousands(number),
        if number == 1 { "message" } else { "messages" }
    )
}

#[cfg(test)]
mod tests {
    use super::{super::tests::queue, *};

    #[test]
    fn pausing_says_how_many_workers_stop() {
        let mut mail = queue("mail", 3);
        mail.consumers = vec!["celery@a".into()];
        let question = pause_question(&mail);
        assert_eq!(
            question.words[0],
            "1 worker stops taking messages from mail until it is resumed."
        );
        mail.consumers.push("celery@b".into());
        assert!(pause_question(&mail).words[0].starts_with("2 workers stop taking"));
    }
}
