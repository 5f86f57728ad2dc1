//! What somebody is typing at a place of a search text, and what may be put there.

use super::{
    Qualifier, SearchField,
    lex::{Letter, text_of},
    parse::{Subject, subject},
};
use serde::{Deserialize, Serialize};

/// The most suggestions at a time.
pub const MAX_SUGGESTIONS: usize = 10;

/// What is being typed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Typing {
    /// A word without a colon, perhaps the name of a field.
    Word,
    /// The value of a field.
    Value(Qualifier),
    /// A key inside args, kwargs or result; `keys` are those before it, joined by dots.
    Key {
        /// Where the key is.
        field: SearchField,
        /// Those before it; empty at the top.
        keys: String,
    },
    /// The value at keys inside args, kwargs or result.
    ValueAt {
        /// Where the keys are.
        field: SearchField,
        /// The keys, joined by dots.
        keys: String,
    },
}

/// A place of a search text: what is typed there, and what a suggestion would replace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// What is being typed.
    pub typing: Typing,
    /// What there is of it before the cursor, without quotes.
    pub typed: String,
    /// Where it begins, characters.
    pub start: usize,
    /// Where it ends, characters.
    pub end: usize,
}

/// What stands for a kind of suggestion on the screen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SuggestionKind {
    /// A field.
    Field,
    /// A state.
    State,
    /// A task type.
    Name,
    /// A worker.
    Worker,
    /// A queue.
    Queue,
    /// A type of exception.
    Exception,
    /// A key of an argument or result.
    Key,
    /// A value of an argument or result.
    Value,
    /// A number, duration or time, to show how one is written.
    Example,
}

/// Something that could be put at a place of a search text.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Suggestion {
    /// What it is.
    pub kind: SuggestionKind,
    /// What to put there, quoted where it must be.
    pub insert: String,
    /// What to show.
    pub label: String,
    /// What it means, or an example; empty if there is nothing to say.
    pub note: String,
    /// How many tasks in memory have this value, where that is known.
    pub tasks: Option<u64>,
    /// The term is not complete with it: a value or key follows.
    pub is_open: bool,
}

/// What could be put at a place of a search text, best first.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Suggestions {
    /// Where what a suggestion replaces begins, characters.
    pub start: usize,
    /// Where it ends, characters.
    pub end: usize,
    /// At most [`MAX_SUGGESTIONS`].
    pub items: Vec<Suggestion>,
}

impl Place {
    /// Finds out what is typed before the cursor, which is `cursor` characters from the start.
    /// The text need not be a search that can be read.
    pub fn at(text: &str, cursor: usize) -> Self {
        let (word, from, end) = word_at(text, cursor);
        let typed: Vec<Letter> = word
            .into_iter()
            .filter(|letter| letter.at < cursor)
            .collect();
        let is_negated = typed
            .first()
            .is_some_and(|letter| letter.letter == '-' && !letter.is_quoted);
        let typed = typed.get(usize::from(is_negated)..).unwrap_or_default();
        let from = from + usize::from(is_negated);
        let behind = |letter: Option<&Letter>| letter.map_or(from, |letter| letter.at + 1);
        let value_place = |typing, before: usize, value: &[Letter]| {
            // `:=` asks for the whole value; suggestions bring their own sign.
            let start = behind(before.checked_sub(1).and_then(|at| typed.get(at)));
            let value = match value.split_first() {
                Some((sign, rest)) if sign.letter == '=' && !sign.is_quoted => rest,
                _ => value,
            };
            Self {
                typing,
                typed: text_of(value),
                start,
                end: end.max(start),
            }
        };
        match subject(typed) {
            Ok(Subject::Field(Qualifier::Text(SearchField::Kwargs), value)) => {
                let before = typed.len() - value.len();
                match value.iter().position(|letter| letter.letter == '=') {
                    Some(sign) if sign > 0 => {
                        let keys = text_of(&value[..sign]).trim().to_owned();
                        let field = SearchField::Kwargs;
                        // The sign stays; what follows it is replaced.
                        let rest = &value[sign + 1..];
                        Self {
                            typing: Typing::ValueAt { field, keys },
                            typed: text_of(rest),
                            start: behind(value.get(sign)),
                            end,
                        }
                    }
                    _ => value_place(
                        Typing::Value(Qualifier::Text(SearchField::Kwargs)),
                        before,
                        value,
                    ),
                }
            }
            Ok(Subject::Field(qualifier, value)) => {
                value_place(Typing::Value(qualifier), typed.len() - value.len(), value)
            }
            Ok(Subject::Path(field, keys, value)) => value_place(
                Typing::ValueAt { field, keys },
                typed.len() - value.len(),
                value,
            ),
            Ok(Subject::Word) | Err(_) => {
                let dot = |letter: &Letter| letter.letter == '.' && !letter.is_quoted;
                let first = typed.iter().position(dot);
                let field = first.and_then(|dot| Qualifier::from_name(&text_of(&typed[..dot])));
                match (first, typed.iter().rposition(dot), field) {
                    (Some(first), Some(last), Some(Qualifier::Text(field))) if field.has_keys() => {
                        let keys = typed.get(first + 1..last).unwrap_or_default();
                        Self {
                            typing: Typing::Key {
                                field,
                                keys: text_of(keys),
                            },
                            typed: text_of(&typed[last + 1..]),
                            start: behind(typed.get(last)),
                            end,
                        }
                    }
                    _ => Self {
                        typing: Typing::Word,
                        typed: text_of(typed),
                        start: from,
                        end: end.max(from),
                    },
                }
            }
        }
    }
}

/// Returns the word that the cursor is in or behind, where it begins and ends.
/// Quotes that are not closed reach to the end.
fn word_at(text: &str, cursor: usize) -> (Vec<Letter>, usize, usize) {
    let mut word: Vec<Letter> = Vec::new();
    let (mut from, mut at) = (0, 0);
    let mut is_open = false;
    let mut letters = text.chars().peekable();
    while let Some(letter) = letters.next() {
        let is_border = !is_open && (letter.is_whitespace() || matches!(letter, '(' | ')'));
        if is_border {
            if at >= cursor {
                return (word, from, at);
            }
            word.clear();
            from = at + 1;
        } else if letter == '"' {
            is_open = !is_open;
        } else {
            let next = letters.next_if(|next| letter == '\\' && matches!(next, '"' | '\\'));
            word.push(Letter {
                letter: next.unwrap_or(letter),
                at,
                is_quoted: is_open || next.is_some(),
            });
            at += usize::from(next.is_some());
        }
        at += 1;
    }
    (word, from, at)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::search::{NumberField, TimeField};

    /// Returns the place of `|` in the text.
    fn place(marked: &str) -> Place {
        let cursor = marked.chars().take_while(|letter| *letter != '|').count();
        Place::at(&marked.replacen('|', "", 1), cursor)
    }

    fn at(typing: Typing, typed: &str, start: usize, end: usize) -> Place {
        Place {
            typing,
            typed: typed.to_owned(),
            start,
            end,
        }
    }

    #[test]
    fn words_and_values_are_told_apart() {
        let name = || Typing::Value(Qualifier::Text(SearchField::Name));
        let queue = || Typing::Value(Qualifier::Text(SearchField::Queue));
        let runtime = || Typing::Value(Qualifier::Number(NumberField::Runtime));
        let received = || Typing::Value(Qualifier::Time(TimeField::Received));
        for (marked, expected) in [
            ("|", at(Typing::Word, "", 0, 0)),
            ("sta|", at(Typing::Word, "sta", 0, 3)),
            ("st|ate", at(Typing::Word, "st", 0, 5)),
            ("a |", at(Typing::Word, "", 2, 2)),
            ("a sta| b", at(Typing::Word, "sta", 2, 5)),
            ("(ä OR -que|)", at(Typing::Word, "que", 7, 10)),
            ("name:|", at(name(), "", 5, 5)),
            ("a NAME:ma|il b", at(name(), "ma", 7, 11)),
            ("-queue:=ma|", at(queue(), "ma", 7, 10)),
            ("name:\"a b|", at(name(), "a b", 5, 9)),
            ("name:\"a b|\" c", at(name(), "a b", 5, 10)),
            ("runtime:>|", at(runtime(), ">", 8, 9)),
            ("received:|", at(received(), "", 9, 9)),
            ("foo:ba|", at(Typing::Word, "foo:ba", 0, 6)),
            ("|name:x", at(Typing::Word, "", 0, 6)),
        ] {
            assert_eq!(place(marked), expected, "{marked}");
        }
        assert_eq!(Place::at("ab", 99), at(Typing::Word, "ab", 0, 2));
    }

    #[test]
    fn keys_and_their_values_are_told_apart() {
        let key = |keys: &str| Typing::Key {
            field: SearchField::Kwargs,
            keys: keys.to_owned(),
        };
        let value = |keys: &str| Typing::ValueAt {
            field: SearchField::Kwargs,
            keys: keys.to_owned(),
        };
        for (marked, expected) in [
            ("kwargs.|", at(key(""), "", 7, 7)),
            ("a -kwargs.us|", at(key(""), "us", 10, 12)),
            ("kwargs.user.em|", at(key("user"), "em", 12, 14)),
            ("kwargs.user.email:|", at(value("user.email"), "", 18, 18)),
            ("kwargs.user:=an|", at(value("user"), "an", 12, 15)),
            ("kwargs:user=an|", at(value("user"), "an", 12, 14)),
            (
                "kwargs:us|",
                at(
                    Typing::Value(Qualifier::Text(SearchField::Kwargs)),
                    "us",
                    7,
                    9,
                ),
            ),
            ("shop.ma|", at(Typing::Word, "shop.ma", 0, 7)),
        ] {
            assert_eq!(place(marked), expected, "{marked}");
        }
    }
}
