//! What is wrong with the broker's keys, and purges that can be taken back.

use crate::{
    components::{
        card::{Card, Tag},
        icon::{Glyph, Icon},
        time::Ago,
    },
    format::{self, count, thousands},
    live::Live,
    steer::{Act, Question, Steering, may},
};
use leptos::prelude::*;
use model::{BrokerHealth, Command, CommandKind, LeftoverKind, Leftovers, PurgedQueue, QueueList};

/// What is said of unacknowledged messages that are overdue; nothing while none is.
#[component]
pub(super) fn OverdueNote(health: Memo<BrokerHealth>) -> impl IntoView {
    let live = Live::of_page();
    let overdue = Memo::new(move |_| health.with(|health| health.unacked_overdue));
    let oldest = Memo::new(move |_| {
        let since = health.with(|health| health.unacked_oldest)?;
        Some(format::whole_seconds(live.now.get().seconds_since(since)))
    });
    view! {
        <Show when=move || { overdue.get() > 0 }>
            <p class="card-note redis-note">
                <Icon glyph=Glyph::Warning />
                <span>
                    {move || {
                        let held = oldest
                            .get()
                            .map(|age| format!(", the oldest for {age}"))
                            .unwrap_or_default();
                        let (are, they) = match overdue.get() {
                            1 => ("is", "it is"),
                            _ => ("are", "they are"),
                        };
                        format!(
                            "{} {are} held without acknowledgement for longer than the visibility timeout{held}: {they} delivered again, so a task that still runs runs twice.",
                            count(overdue.get(), "message"),
                        )
                    }}
                </span>
            </p>
        </Show>
    }
    .into_any()
}

/// Keys that their owners left behind; nothing while there are none.
#[component]
pub(super) fn LeftoverCard(
    /// What the page shows.
    list: Signal<QueueList>,
) -> impl IntoView {
    let health = Memo::new(move |_| list.with(|list| list.health.clone()));
    let kinds = Memo::new(move |_| {
        health.with(|health| {
            let kinds = health.leftovers.iter().filter(|left| left.keys > 0);
            kinds.cloned().collect::<Vec<_>>()
        })
    });
    let looked = Memo::new(move |_| health.with(|health| health.looked));
    let is_partial = Memo::new(move |_| health.with(|health| !health.is_complete));
    view! {
        <Show when=move || kinds.with(|kinds| !kinds.is_empty())>
            <Card
                title="Left behind in Redis"
                caption="keys whose owners are gone"
                class="wrapping-head"
                actions=Box::new(move || {
                    view! {
                        <span class="card-caption">
                            {move || looked.get().map(|at| view! { "looked through " <Ago at /> })}
                        </span>
                        <Show when=move || is_partial.get()>
                            <Tag>"not all keys looked at"</Tag>
                        </Show>
                    }
                        .into_any()
                })
            >
                <ul class="leftovers">
                    <For
                        each=move || kinds.get()
                        key=|left| (left.kind, left.keys, left.bytes)
                        children=|left| view! { <LeftoverRow left /> }
                    />
                </ul>
            </Card>
        </Show>
    }
    .into_any()
}

/// What these keys are.
fn meaning(kind: LeftoverKind) -> &'static str {
    match kind {
        LeftoverKind::ReplyLists => {
            "Answers to remote control that nobody reads any more; Celery never deletes them."
        }
        LeftoverKind::EventQueues => {
            "Events queued for receivers that are gone; they grow as long as workers send events."
        }
        LeftoverKind::Mailboxes => "Mailboxes of workers that are gone.",
    }
}

fn named(left: &Leftovers) -> String {
    let (one, many) = match left.kind {
        LeftoverKind::ReplyLists => ("reply list", "reply lists"),
        LeftoverKind::EventQueues => ("event queue", "event queues"),
        LeftoverKind::Mailboxes => ("mailbox", "mailboxes"),
    };
    match left.keys {
        1 => format!("1 {one}"),
        number => format!("{} {many}", thousands(number)),
    }
}

fn clean_up_question(left: &Leftovers) -> Question {
    let shown = left.examples.iter().take(3).cloned().collect::<Vec<_>>();
    let mut words = vec![format!(
        "Deletes {} with {}. {}",
        named(left),
        format::bytes(left.bytes),
        meaning(left.kind)
    )];
    if !shown.is_empty() {
        let more = left.keys.saturating_sub(shown.len() as u64);
        let rest = match more {
            0 => String::new(),
            more => format!(" and {} more", thousands(more)),
        };
        words.push(format!("{}{rest}.", shown.join(", ")));
    }
    words.push(
        "Each key is looked at once more before it goes: one that has an owner again stays. What is deleted can’t be taken back."
            .to_owned(),
    );
    Question {
        title: format!("Clean up {}", left.kind.as_str()),
        words,
        typed: None,
        act: format!("Delete {}", named(left)),
        is_dangerous: true,
        command: Command::CleanUp {
            kind: left.kind,
            keys: None,
        },
    }
}

#[component]
fn LeftoverRow(left: Leftovers) -> impl IntoView {
    let steering = Steering::of_page();
    let size = format::bytes(left.bytes);
    let shown = left.examples.len() as u64;
    let examples = left
        .examples
        .iter()
        .map(|key| view! { <li>{key.clone()}</li> })
        .collect_view();
    let fold = (shown > 0).then(|| {
        let words = if shown < left.keys {
            format!("The {} largest", thousands(shown))
        } else {
            "Their names".to_owned()
        };
        view! {
            <details class="leftover-keys">
                <summary>{words}</summary>
                <ul class="mono">{examples}</ul>
            </details>
        }
    });
    let (name, means) = (named(&left), meaning(left.kind));
    let question = clean_up_question(&left);
    view! {
        <li class="leftover">
            <div class="leftover-words">
                <p>
                    <strong>{name}</strong>
                    <span class="quiet">" " {size}</span>
                </p>
                <p class="leftover-meaning">{means}</p>
                {fold}
            </div>
            {may(CommandKind::CleanUp)
                .then(|| {
                    view! {
                        <button
                            class="button with-script"
                            type="button"
                            on:click=move |_| steering.ask(question.clone())
                        >
                            "Clean up…"
                        </button>
                    }
                })}
        </li>
    }
    .into_any()
}

/// Purges that can be taken back; nothing while there are none.
#[component]
pub(super) fn PurgedCard(
    /// What the page shows.
    list: Signal<QueueList>,
) -> impl IntoView {
    let live = Live::of_page();
    let purged = Memo::new(move |_| {
        let now = live.now.get();
        list.with(|list| {
            let open = list.purged.iter().filter(|purged| now < purged.until);
            open.cloned().collect::<Vec<_>>()
        })
    });
    view! {
        <Show when=move || purged.with(|purged| !purged.is_empty())>
            <Card title="Purges that can be taken back">
                <ul class="leftovers">
                    <For
                        each=move || purged.get()
                        key=|purged| purged.purge
                        children=|purged| view! { <PurgedRow purged /> }
                    />
                </ul>
            </Card>
        </Show>
    }
    .into_any()
}

#[component]
fn PurgedRow(purged: PurgedQueue) -> impl IntoView {
    let act = Act::new();
    let purge = purged.purge;
    let kept = if purged.kept < purged.purged {
        format!("; the first {} were kept", thousands(purged.kept))
    } else {
        String::new()
    };
    let words = format!(
        "{} by {}{kept}.",
        count(purged.purged, "message"),
        purged.by
    );
    let live = Live::of_page();
    let until = purged.until;
    let left = Memo::new(move |_| {
        let left = until.seconds_since(live.now.get());
        format!(
            " It can be taken back for another {}.",
            format::whole_seconds(left)
        )
    });
    view! {
        <li class="leftover">
            <div class="leftover-words">
                <p>
                    <strong>{purged.queue.to_string()}</strong>
                    <span class="quiet">" purged " <Ago at=purged.at /></span>
                </p>
                <p class="leftover-meaning">
                    {words} {left}
                </p>
            </div>
            {may(CommandKind::UndoPurge)
                .then(|| {
                    view! {
                        <button
                            class="button with-script"
                            type="button"
                            disabled=move || act.is_busy()
                            on:click=move |_| act.run(Command::UndoPurge { purge })
                        >
                            {format!("Put {} back", count(purged.kept, "message"))}
                        </button>
                    }
                })}
        </li>
    }
    .into_any()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clean_up_says_what_is_deleted_and_how_much() {
        let left = Leftovers {
            kind: LeftoverKind::ReplyLists,
            keys: 1_204,
            bytes: 2_048,
            examples: vec!["a.reply".to_owned(), "b.reply".to_owned()],
        };
        let question = clean_up_question(&left);
        assert_eq!(question.act, "Delete 1,204 reply lists");
        assert!(question.words[0].starts_with("Deletes 1,204 reply lists with 2.0 KiB."));
        assert_eq!(question.words[1], "a.reply, b.reply and 1,202 more.");
        let one = Leftovers {
            keys: 1,
            examples: vec!["a.reply".to_owned()],
            ..left
        };
        assert_eq!(clean_up_question(&one).words[1], "a.reply.");
    }
}
