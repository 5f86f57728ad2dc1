//! From text to words, operators and parentheses.

use super::{MAX_TOKENS, SearchError};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Open,
    Close,
    And,
    Or,
    /// `NOT`, or a minus sign that stands before a word or parenthesis.
    Not,
    Word,
    End,
}

/// A character of a word.
#[derive(Clone, Copy, Debug)]
pub(super) struct Letter {
    pub(super) letter: char,
    /// Its place in the search text, characters.
    pub(super) at: usize,
    /// It is within quotes or behind a backslash.
    pub(super) is_quoted: bool,
}

#[derive(Clone, Debug)]
pub(super) struct Token {
    pub(super) kind: Kind,
    pub(super) letters: Vec<Letter>,
    pub(super) position: usize,
}

impl Token {
    pub(super) fn text(&self) -> String {
        text_of(&self.letters)
    }
}

pub(super) fn text_of(letters: &[Letter]) -> String {
    letters.iter().map(|letter| letter.letter).collect()
}

/// Splits the text; the last token is always `End`. Flower refuses negation.
pub(super) fn tokens(text: &str, is_flower: bool) -> Result<Vec<Token>, SearchError> {
    let letters: Vec<char> = text.chars().collect();
    let mut tokens = Vec::new();
    let mut at = 0;
    while let Some(&letter) = letters.get(at) {
        if letter.is_whitespace() {
            at += 1;
            continue;
        }
        let position = at;
        let sign = match letter {
            '(' => Some(Kind::Open),
            ')' => Some(Kind::Close),
            '-' if !is_flower => Some(Kind::Not),
            _ => None,
        };
        let (kind, letters) = match sign {
            Some(kind) => {
                at += 1;
                if kind == Kind::Not {
                    check_minus(letters.get(at).copied(), position)?;
                }
                let letter = Letter {
                    letter,
                    at: position,
                    is_quoted: false,
                };
                (kind, vec![letter])
            }
            None => word(&letters, &mut at)?,
        };
        let kind = match kind {
            Kind::Not if is_flower => {
                return Err(SearchError::at(position, "NOT is not supported"));
            }
            kind => kind,
        };
        tokens.push(Token {
            kind,
            letters,
            position,
        });
        if tokens.len() > MAX_TOKENS {
            return Err(SearchError::of_all(format!(
                "Query exceeds {MAX_TOKENS} tokens"
            )));
        }
    }
    tokens.push(Token {
        kind: Kind::End,
        letters: Vec::new(),
        position: letters.len(),
    });
    Ok(tokens)
}

/// Tells whether a minus sign can be meant to negate what comes next.
fn check_minus(next: Option<char>, position: usize) -> Result<(), SearchError> {
    let message = match next {
        Some('-') => "Two minus signs are no search; put a text that begins with them in quotes",
        Some(letter) if letter != ')' && !letter.is_whitespace() => return Ok(()),
        _ => "- must be followed directly by a search term",
    };
    Err(SearchError::at(position, message))
}

/// Reads a word up to a space or parenthesis outside quotes.
fn word(letters: &[char], at: &mut usize) -> Result<(Kind, Vec<Letter>), SearchError> {
    let position = *at;
    let mut word = Vec::new();
    let (mut has_quotes, mut is_open) = (false, false);
    while let Some(&letter) = letters.get(*at) {
        let mut push = |letter, is_quoted| {
            word.push(Letter {
                letter,
                at: *at,
                is_quoted,
            });
        };
        match (letter, letters.get(*at + 1)) {
            ('\\', Some(&next @ ('"' | '\\'))) => {
                push(next, true);
                *at += 1;
            }
            ('"', _) => {
                has_quotes = true;
                is_open = !is_open;
            }
            _ if !is_open && (letter.is_whitespace() || matches!(letter, '(' | ')')) => break,
            _ => push(letter, is_open),
        }
        *at += 1;
    }
    if is_open {
        return Err(SearchError::at(position, "Unterminated quoted phrase"));
    }
    if word.is_empty() {
        return Err(SearchError::at(position, "Empty search term"));
    }
    let kind = match text_of(&word).as_str() {
        _ if has_quotes => Kind::Word,
        "AND" => Kind::And,
        "OR" => Kind::Or,
        "NOT" => Kind::Not,
        _ => Kind::Word,
    };
    Ok((kind, word))
}
