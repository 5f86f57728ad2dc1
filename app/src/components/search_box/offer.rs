//! What is offered to complete a search: when it is asked for, which one the
//! keys are at, and what it does to the text.

use crate::server_fns::suggestions;
use leptos::{html, prelude::*};
use model::search::{Place, Suggestion, Suggestions};
use std::time::Duration;
use web_sys::{HtmlInputElement, KeyboardEvent};

/// From the last letter to the question.
const PAUSE: Duration = Duration::from_millis(80);

/// Suggestions for the text they were asked for.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Offered {
    pub(super) suggestions: Suggestions,
    /// What was typed before the cursor, to show what matches.
    pub(super) typed: String,
    /// The number of the question that they answer.
    question: u64,
}

/// What is offered to complete the search in an input.
#[derive(Clone, Copy)]
pub(super) struct Offer {
    input: NodeRef<html::Input>,
    /// What is offered; closed if there is nothing.
    pub(super) offered: RwSignal<Option<Offered>>,
    /// Which one the keys are at.
    pub(super) active: RwSignal<Option<usize>>,
    /// The number of the newest question. Answers to older ones are dropped.
    asked: StoredValue<u64>,
    /// The question whose first answer is to be put into the text as soon as it comes.
    awaited: StoredValue<Option<u64>>,
    /// Called when a suggestion changed the text.
    on_change: Callback<()>,
}

impl Offer {
    pub(super) fn new(input: NodeRef<html::Input>, on_change: Callback<()>) -> Self {
        Self {
            input,
            offered: RwSignal::new(None),
            active: RwSignal::new(None),
            asked: StoredValue::new(0),
            awaited: StoredValue::new(None),
            on_change,
        }
    }

    /// Asks once nothing was typed for a moment. Until then a list that is
    /// there stays, so that it does not flicker, but nothing is taken from it.
    pub(super) fn ask_soon(self) {
        let question = self.new_question();
        self.active.set(None);
        set_timeout(move || self.ask(question), PAUSE);
    }

    fn ask_now(self) {
        let question = self.new_question();
        self.ask(question);
    }

    fn new_question(self) -> u64 {
        self.asked
            .try_update_value(|asked| {
                *asked += 1;
                *asked
            })
            .unwrap_or_default()
    }

    fn is_newest(self, question: u64) -> bool {
        self.asked.try_get_value() == Some(question)
    }

    fn ask(self, question: u64) {
        let Some(input) = self
            .input
            .get_untracked()
            .filter(|_| self.is_newest(question))
        else {
            return;
        };
        let text = input.value();
        let cursor = cursor_of(&input, &text);
        leptos::task::spawn_local(async move {
            let answer = suggestions(&text, cursor).await;
            // What was typed since then has a question of its own.
            if !self.is_newest(question) {
                return;
            }
            match answer {
                Ok(suggestions) => {
                    let typed = Place::at(&text, cursor).typed;
                    self.show(Offered {
                        suggestions,
                        typed,
                        question,
                    });
                    if self.awaited.try_get_value() == Some(Some(question)) {
                        self.accept(self.active.get_untracked().unwrap_or(0));
                    }
                }
                Err(error) => {
                    // Without suggestions the box works as before.
                    leptos::logging::warn!("no suggestions: {error:?}");
                    self.close();
                }
            }
        });
    }

    fn show(self, offered: Offered) {
        // What is there already needs no list.
        let is_done = |item: &Suggestion| !item.is_open && item.label == offered.typed;
        let is_worth_it = match offered.suggestions.items.as_slice() {
            [] => false,
            [only] => !is_done(only),
            _ => true,
        };
        // Whoever chose one before the answer came keeps it if it is still there.
        let chosen = self.active.get_untracked().and_then(|index| {
            let before = self.offered.get_untracked()?;
            let chosen = before.suggestions.items.into_iter().nth(index)?;
            let items = &offered.suggestions.items;
            items.iter().position(|item| item.insert == chosen.insert)
        });
        self.active.set(chosen.filter(|_| is_worth_it));
        self.offered.set(is_worth_it.then_some(offered));
    }

    /// Takes the list away; an answer that is still to come will not bring it back.
    pub(super) fn close(self) {
        self.new_question();
        self.active.set(None);
        self.offered.set(None);
    }

    fn count(self) -> usize {
        self.offered.with_untracked(|offered| {
            offered
                .as_ref()
                .map_or(0, |offered| offered.suggestions.items.len())
        })
    }

    /// Moves to the next suggestion or the one before; past either end none is chosen.
    fn step(self, is_down: bool) {
        let count = self.count();
        self.active.update(|active| {
            *active = match (*active, is_down) {
                (None, true) => Some(0),
                (None, false) => count.checked_sub(1),
                (Some(at), true) => Some(at + 1).filter(|next| *next < count),
                (Some(at), false) => at.checked_sub(1),
            };
        });
    }

    /// Puts a suggestion into the text, if the list is one for this text.
    pub(super) fn accept(self, index: usize) {
        let chosen = self.offered.with_untracked(|offered| {
            let offered = offered.as_ref()?;
            let suggestions = &offered.suggestions;
            if !self.is_newest(offered.question) {
                return None;
            }
            let item = suggestions.items.get(index)?.clone();
            Some((suggestions.start, suggestions.end, item))
        });
        let (Some((start, end, item)), Some(input)) = (chosen, self.input.get_untracked()) else {
            return;
        };
        let text = input.value();
        let mut new: String = text.chars().take(start).collect();
        new.push_str(&item.insert);
        let rest: String = text.chars().skip(end).collect();
        if !item.is_open && rest.is_empty() {
            new.push(' ');
        }
        let cursor = u32::try_from(new.encode_utf16().count()).unwrap_or(u32::MAX);
        new.push_str(&rest);
        input.set_value(&new);
        if input.set_selection_range(cursor, cursor).is_err() {
            leptos::logging::warn!("the cursor can't be placed");
        }
        self.close();
        self.on_change.run(());
        if item.is_open {
            self.ask_now();
        }
    }

    fn has_typed(self) -> bool {
        self.input.get_untracked().is_some_and(|input| {
            let text = input.value();
            !Place::at(&text, cursor_of(&input, &text)).typed.is_empty()
        })
    }

    /// Puts a suggestion into the text; while the list is still that for an
    /// earlier text, once the answer has come, and the first one if it is not there.
    fn accept_when_answered(self, index: usize) {
        let shown = self
            .offered
            .with_untracked(|offered| offered.as_ref().map(|offered| offered.question));
        match shown {
            Some(question) if self.is_newest(question) => self.accept(index),
            _ => self.awaited.set_value(self.asked.try_get_value()),
        }
    }

    /// Does what a key means while a list is shown, or opens it.
    pub(super) fn press(self, event: &KeyboardEvent) {
        let is_command = event.ctrl_key() || event.meta_key() || event.alt_key();
        if is_command || event.is_composing() {
            return;
        }
        let is_shown = self.offered.with_untracked(Option::is_some);
        let active = self.active.get_untracked();
        let taken = match event.key().as_str() {
            "ArrowDown" | "ArrowUp" if !is_shown => {
                self.ask_now();
                true
            }
            key @ ("ArrowDown" | "ArrowUp") => {
                self.step(key == "ArrowDown");
                true
            }
            "Enter" => match active {
                Some(index) => {
                    self.accept_when_answered(index);
                    true
                }
                None => {
                    self.close();
                    false
                }
            },
            "Tab" if is_shown && !event.shift_key() => {
                // With nothing typed and nothing chosen, Tab leads on as everywhere.
                let is_meant = active.is_some() || self.has_typed();
                if is_meant {
                    self.accept_when_answered(active.unwrap_or(0));
                }
                is_meant
            }
            "Escape" if is_shown => {
                self.close();
                true
            }
            "ArrowLeft" | "ArrowRight" | "Home" | "End" if is_shown => {
                // The cursor moves after this event.
                self.ask_soon();
                false
            }
            _ => false,
        };
        if taken {
            event.prevent_default();
        }
    }
}

/// Returns how many characters are before the cursor; the browser counts UTF-16 units.
fn cursor_of(input: &HtmlInputElement, text: &str) -> usize {
    let units = input.selection_start().ok().flatten();
    let Some(units) = units.and_then(|units| usize::try_from(units).ok()) else {
        return text.chars().count();
    };
    let ends = text.chars().scan(0, |at, letter| {
        *at += letter.len_utf16();
        Some(*at)
    });
    ends.take_while(|end| *end <= units).count()
}
