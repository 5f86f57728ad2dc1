//! What came of acts, told at the lower right until it was read: what was done
//! goes by itself, what was not stays until somebody closes it.

use crate::format::count;
use leptos::prelude::*;
use model::{Outcome, OutcomeStatus, TaskId, Undo, WireError, WorkerReply};
use std::{collections::BTreeMap, time::Duration};

/// How long a toast stays that tells of nothing to do.
const STAY: Duration = Duration::from_secs(6);

/// How much longer one stays on which the pointer rests.
const LINGER: Duration = Duration::from_secs(2);

/// Replies told one by one; more are told by what they say.
const MOST_REPLIES: usize = 4;

/// Toasts on the screen at most; the oldest gives way.
const MOST: usize = 4;

/// How it went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tone {
    /// As asked.
    Done,
    /// In part, or nobody knows.
    Partial,
    /// Not at all.
    Refused,
    /// Not sent: the act before it has no answer yet.
    Waiting,
}

/// What came of one act.
#[derive(Clone, Debug, PartialEq)]
pub struct Toast {
    /// Counted from 1.
    pub id: u64,
    /// How it went.
    pub tone: Tone,
    /// In a sentence.
    pub title: String,
    /// The workers' own words, who was silent, and what to know besides.
    pub lines: Vec<String>,
    /// The task that was sent.
    pub task: Option<TaskId>,
    /// How to take it back.
    pub undo: Option<Undo>,
}

impl Toast {
    fn of_outcome(outcome: &Outcome) -> Self {
        let mut lines = words_of(&outcome.replies);
        lines.extend(silence_of(outcome));
        lines.extend(outcome.notes.iter().cloned());
        Self {
            id: 0,
            tone: match outcome.status {
                OutcomeStatus::Done => Tone::Done,
                OutcomeStatus::Partial | OutcomeStatus::Silent => Tone::Partial,
                OutcomeStatus::Refused => Tone::Refused,
            },
            title: outcome.message.clone(),
            lines,
            task: outcome.task.clone(),
            undo: outcome.undo.clone(),
        }
    }

    fn of_words(tone: Tone, title: String) -> Self {
        Self {
            id: 0,
            tone,
            title,
            lines: Vec::new(),
            task: None,
            undo: None,
        }
    }

    fn stays(&self) -> bool {
        !matches!(self.tone, Tone::Done | Tone::Waiting) || self.undo.is_some()
    }
}

/// The workers' words: each one's own, or how many said the same.
fn words_of(replies: &[WorkerReply]) -> Vec<String> {
    let told = replies.iter().filter(|reply| !reply.text.is_empty());
    if replies.len() <= MOST_REPLIES {
        return told
            .map(|reply| format!("{}: “{}”", reply.worker, reply.text))
            .collect();
    }
    let mut by_text: BTreeMap<(bool, &str), Vec<&str>> = BTreeMap::new();
    for reply in told {
        let who = by_text.entry((reply.is_ok, &reply.text)).or_default();
        who.push(reply.worker.as_str());
    }
    by_text
        .into_iter()
        .map(|((_, text), who)| match who.as_slice() {
            // Few are worth their names: they differ from the others.
            few if few.len() <= MOST_REPLIES => format!("{}: “{text}”", few.join(", ")),
            many => format!("{}: “{text}”", count(many.len() as u64, "worker")),
        })
        .collect()
}

fn silence_of(outcome: &Outcome) -> Option<String> {
    let names: Vec<&str> = outcome.silent.iter().map(|name| name.as_str()).collect();
    match names.as_slice() {
        [] => None,
        few if few.len() <= MOST_REPLIES => Some(format!(
            "{} did not answer in time and may still do it.",
            few.join(", ")
        )),
        [first, second, rest @ ..] => Some(format!(
            "{first}, {second} and {} more did not answer in time and may still do it.",
            rest.len()
        )),
        [one] => Some(format!("{one} did not answer in time and may still do it.")),
    }
}

/// The toasts on the screen.
#[derive(Clone, Copy)]
pub struct Toasts {
    /// Oldest first.
    pub list: RwSignal<Vec<Toast>>,
    /// The one that the pointer or the focus rests on.
    pub held: RwSignal<Option<u64>>,
    last: StoredValue<u64>,
}

impl Toasts {
    pub(crate) fn new() -> Self {
        Self {
            list: RwSignal::new(Vec::new()),
            held: RwSignal::new(None),
            last: StoredValue::new(0),
        }
    }

    /// Tells what came of an act.
    pub fn tell(&self, outcome: &Outcome) {
        self.show(Toast::of_outcome(outcome));
    }

    /// Tells why an act came to nothing.
    pub fn tell_error(&self, error: &WireError) {
        self.show(Toast::of_words(Tone::Refused, error.message.clone()));
    }

    /// Tells once that an act was not sent, because the one before it has no answer yet.
    pub fn tell_waiting(&self) {
        let is_told = |list: &Vec<Toast>| list.iter().any(|toast| toast.tone == Tone::Waiting);
        if !self.list.with_untracked(is_told) {
            let title = "Not sent: still waiting for the last answer.".to_owned();
            self.show(Toast::of_words(Tone::Waiting, title));
        }
    }

    /// Takes a toast away.
    pub fn close(&self, id: u64) {
        self.list.update(|list| list.retain(|toast| toast.id != id));
    }

    fn show(&self, toast: Toast) {
        let id = self.last.try_update_value(|last| {
            *last += 1;
            *last
        });
        let toast = Toast {
            id: id.unwrap_or_default(),
            ..toast
        };
        if !toast.stays() {
            self.close_after(toast.id, STAY);
        }
        self.list.update(|list| {
            list.push(toast);
            let surplus = list.len().saturating_sub(MOST);
            list.drain(..surplus);
        });
    }

    fn close_after(self, id: u64, wait: Duration) {
        set_timeout(
            move || {
                if self.held.get_untracked() == Some(id) {
                    self.close_after(id, LINGER);
                } else {
                    self.close(id);
                }
            },
            wait,
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reply(worker: &str, is_ok: bool, text: &str) -> WorkerReply {
        WorkerReply {
            worker: worker.into(),
            is_ok,
            text: text.to_owned(),
        }
    }

    #[test]
    fn few_workers_are_quoted_by_name_and_the_silent_are_named() {
        let outcome = Outcome {
            status: OutcomeStatus::Partial,
            replies: vec![
                reply("a@x", true, "ok"),
                reply("b@x", false, "no such pool"),
            ],
            silent: vec!["c@x".into()],
            ..Outcome::done("Pool grown on 1 of 3 workers")
        };
        let toast = Toast::of_outcome(&outcome);
        assert_eq!(
            toast.lines,
            [
                "a@x: “ok”",
                "b@x: “no such pool”",
                "c@x did not answer in time and may still do it."
            ]
        );
        assert!(toast.stays());
        assert!(!Toast::of_outcome(&Outcome::done("Done")).stays());
        assert!(!Toast::of_words(Tone::Waiting, String::new()).stays());
        assert!(Toast::of_words(Tone::Refused, String::new()).stays());
    }

    #[test]
    fn many_workers_are_told_by_what_they_say_and_the_odd_one_by_name() {
        let mut replies: Vec<WorkerReply> = (0..9)
            .map(|n| reply(&format!("w{n}@x"), true, "ok"))
            .collect();
        replies.push(reply("odd@x", false, "refused"));
        assert_eq!(words_of(&replies), ["odd@x: “refused”", "9 workers: “ok”"]);
    }
}
