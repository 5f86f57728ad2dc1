//! From what workers answered to an outcome: who did it, who refused, who
//! stayed silent, in a sentence.

use model::{Outcome, OutcomeStatus, WorkerName, WorkerReply};
use std::time::Duration;

/// Most characters of a worker's words; some list every id they were given.
const MAX_WORDS: usize = 500;

/// Most names in a sentence; beyond that they are counted.
const MAX_NAMES: usize = 3;

/// What a command asks of workers, as the end of sentences.
#[derive(Clone, Debug)]
pub(super) enum Act {
    /// Something to do, such as `grow the pool by 2`.
    Do(String),
    /// To answer, and nothing else.
    Answer,
}

/// What came back.
#[derive(Clone, Debug, Default)]
pub(super) struct Heard {
    /// By name.
    pub(super) replies: Vec<WorkerReply>,
    /// Who was asked by name, or is there, and did not answer.
    pub(super) silent: Vec<WorkerName>,
    /// Those of `silent` that nothing is known of.
    pub(super) strangers: Vec<WorkerName>,
    /// Mailboxes that the command reached.
    pub(super) listeners: u64,
    /// Whether every one of them has answered, so that who is silent did not hear it.
    pub(super) is_complete: bool,
    /// How long was waited at most.
    pub(super) timeout: Duration,
    /// Why it is not certain that it was sent.
    pub(super) unclear: Option<String>,
    /// Why replies may have been lost.
    pub(super) lost: Option<String>,
    /// What a person should know besides.
    pub(super) notes: Vec<String>,
}

impl Heard {
    /// Returns those who did as asked.
    pub(super) fn willing(&self) -> Vec<&WorkerName> {
        let replies = self.replies.iter().filter(|reply| reply.is_ok);
        replies.map(|reply| &reply.worker).collect()
    }

    /// Returns whether a worker did as asked, if it answered.
    pub(super) fn says(&self, worker: &WorkerName) -> Option<bool> {
        let mut replies = self.replies.iter();
        let reply = replies.find(|reply| reply.worker == *worker);
        reply.map(|reply| reply.is_ok)
    }

    /// Says what came of it.
    pub(super) fn into_outcome(mut self, act: &Act) -> Outcome {
        let refused: Vec<&WorkerReply> = self.replies.iter().filter(|r| !r.is_ok).collect();
        let willing = self.willing();
        let status = match (willing.len(), refused.len(), self.silent.len()) {
            (0, 0, _) => OutcomeStatus::Silent,
            (0, _, _) => OutcomeStatus::Refused,
            (_, 0, 0) => OutcomeStatus::Done,
            _ => OutcomeStatus::Partial,
        };
        let will = match act {
            Act::Do(deed) => format!("will {deed}"),
            Act::Answer => "answered".to_owned(),
        };
        let to = match act {
            Act::Do(deed) => deed.clone(),
            Act::Answer => "answer".to_owned(),
        };
        let message = match status {
            OutcomeStatus::Done => format!("{} {will}.", who(&willing)),
            OutcomeStatus::Partial => {
                let asked = self.replies.len() + self.silent.len();
                let mut parts = vec![format!("{} of {asked} workers {will}", willing.len())];
                if !refused.is_empty() {
                    let names: Vec<_> = refused.iter().map(|reply| &reply.worker).collect();
                    parts.push(format!("{} refused", who(&names)));
                }
                if !self.silent.is_empty() {
                    let names: Vec<_> = self.silent.iter().collect();
                    let what = if self.is_complete {
                        "hear it"
                    } else {
                        "answer"
                    };
                    parts.push(format!("{} did not {what}", who(&names)));
                }
                format!("{}.", parts.join("; "))
            }
            OutcomeStatus::Refused => match refused.as_slice() {
                [one] => format!("{} refused to {to}: {}.", one.worker, one.text),
                many => format!("{} workers refused to {to}.", many.len()),
            },
            OutcomeStatus::Silent => self.silence(act),
        };
        if self.is_complete && !self.silent.is_empty() {
            self.notes.push(
                "All who listen have answered: a worker that starts, ends or has lost its connection does not listen."
                    .to_owned(),
            );
        }
        for stranger in self
            .strangers
            .iter()
            .filter(|_| status != OutcomeStatus::Silent)
        {
            self.notes.push(format!(
                "No worker named {stranger} answered, and none is known."
            ));
        }
        if let Some(cause) = &self.lost {
            self.notes.push(format!(
                "Answers may have been lost on their way: {cause}. What the workers do shows the truth."
            ));
        }
        for reply in &mut self.replies {
            reply.text = clip(&reply.text);
        }
        Outcome {
            status,
            replies: self.replies,
            silent: self.silent,
            notes: self.notes,
            ..Outcome::done(message)
        }
    }

    /// Says that nobody answered, and what is known of why.
    fn silence(&self, act: &Act) -> String {
        if let Some(cause) = &self.unclear {
            return format!(
                "Redis did not confirm the command, which may have been sent all the same: {cause}."
            );
        }
        if self.listeners == 0 {
            return "No worker listens, so nobody was told.".to_owned();
        }
        let is_strange = !self.strangers.is_empty() && self.strangers.len() == self.silent.len();
        if is_strange {
            let names: Vec<_> = self.strangers.iter().collect();
            return match names.as_slice() {
                [one] => format!("No worker of this name answered: {one}."),
                many => format!("No worker of these names answered: {}.", who(many)),
            };
        }
        let seconds = self.timeout.as_secs_f64();
        let names: Vec<_> = self.silent.iter().collect();
        let subject = if names.is_empty() {
            "No worker answered".to_owned()
        } else {
            format!("{} did not answer", who(&names))
        };
        match act {
            _ if self.is_complete => {
                format!("{} did not hear it.", who(&names))
            }
            Act::Answer => format!("{subject} within {seconds} s."),
            Act::Do(_) => format!("{subject} within {seconds} s, but may still do it."),
        }
    }
}

/// Names a few, counts many.
pub(super) fn who(names: &[&WorkerName]) -> String {
    let texts: Vec<&str> = names.iter().map(|name| name.as_str()).collect();
    match texts.as_slice() {
        [] => "nobody".to_owned(),
        [one] => (*one).to_owned(),
        [first @ .., last] if texts.len() <= MAX_NAMES => {
            format!("{} and {last}", first.join(", "))
        }
        many => format!("{} workers", many.len()),
    }
}

fn clip(text: &str) -> String {
    match text.char_indices().nth(MAX_WORDS) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
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

    fn heard(replies: Vec<WorkerReply>, silent: &[&str]) -> Heard {
        Heard {
            replies,
            silent: silent.iter().map(|name| (*name).into()).collect(),
            listeners: 9,
            timeout: Duration::from_secs(1),
            ..Heard::default()
        }
    }

    fn grow(heard: Heard) -> (OutcomeStatus, String) {
        let outcome = heard.into_outcome(&Act::Do("grow the pool by 2".to_owned()));
        (outcome.status, outcome.message)
    }

    #[test]
    fn the_sentence_says_who_did_it_who_refused_and_who_was_silent() {
        let ok = |worker| reply(worker, true, "pool will grow");
        let no = |worker| reply(worker, false, "ValueError('no')");
        for (heard, status, message) in [
            (
                heard(vec![ok("a@h")], &[]),
                OutcomeStatus::Done,
                "a@h will grow the pool by 2.",
            ),
            (
                heard(vec![ok("a@h"), ok("b@h"), ok("c@h")], &[]),
                OutcomeStatus::Done,
                "a@h, b@h and c@h will grow the pool by 2.",
            ),
            (
                heard(vec![ok("a@h"), ok("b@h"), ok("c@h"), ok("d@h")], &[]),
                OutcomeStatus::Done,
                "4 workers will grow the pool by 2.",
            ),
            (
                heard(vec![ok("a@h"), no("b@h")], &["c@h"]),
                OutcomeStatus::Partial,
                "1 of 3 workers will grow the pool by 2; b@h refused; c@h did not answer.",
            ),
            (
                heard(vec![no("b@h")], &["c@h"]),
                OutcomeStatus::Refused,
                "b@h refused to grow the pool by 2: ValueError('no').",
            ),
            (
                heard(vec![], &["c@h"]),
                OutcomeStatus::Silent,
                "c@h did not answer within 1 s, but may still do it.",
            ),
            (
                heard(vec![], &[]),
                OutcomeStatus::Silent,
                "No worker answered within 1 s, but may still do it.",
            ),
        ] {
            assert_eq!(grow(heard), (status, message.to_owned()));
        }
    }

    #[test]
    fn silence_is_told_apart() {
        let mut nobody = heard(vec![], &[]);
        nobody.listeners = 0;
        assert_eq!(grow(nobody).1, "No worker listens, so nobody was told.");
        let mut stranger = heard(vec![], &["x@h"]);
        stranger.strangers = vec!["x@h".into()];
        assert_eq!(grow(stranger).1, "No worker of this name answered: x@h.");
        let mut unclear = heard(vec![], &["x@h"]);
        unclear.unclear = Some("broken pipe".to_owned());
        assert!(
            grow(unclear)
                .1
                .contains("may have been sent all the same: broken pipe")
        );
        let mut deaf = heard(vec![], &["x@h"]);
        deaf.is_complete = true;
        assert_eq!(grow(deaf).1, "x@h did not hear it.");
        let mut lost = heard(vec![], &["x@h"]);
        lost.lost = Some("connection reset".to_owned());
        let outcome = lost.into_outcome(&Act::Answer);
        assert_eq!(outcome.message, "x@h did not answer within 1 s.");
        assert!(
            outcome
                .notes
                .iter()
                .any(|note| note.contains("connection reset"))
        );
    }
}
