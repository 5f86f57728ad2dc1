//! Redaction at the door: what nobody is to see is taken out of texts before
//! they are stored, searched, shown, exported or logged.
//!
//! A [`Redactor`] knows keys, such as `password`, and patterns. What stands
//! behind a key that holds one of the words is replaced by [`MARK`], whether
//! the text is a Python repr that was cut somewhere, JSON, a header or a line
//! of a traceback; so are passwords in URLs and what the patterns match. Where
//! it is not certain where a value ends, more is taken out rather than less.
//!
//! `words` finds the words fast, `text` knows what stands behind a key in any
//! text and `ends` where it ends, `json` goes through JSON, `restore` puts back what an operator left
//! untouched in a form, `apply` does it to what comes from the broker.

mod apply;
mod ends;
mod json;
mod restore;
#[cfg(test)]
mod tests;
mod text;
mod words;

pub(crate) use restore::Lost;

use regex::{Regex, RegexBuilder};
use std::borrow::Cow;
use words::Words;

/// What stands where something was taken out.
pub const MARK: &str = "[redacted]";

/// The words that keys are looked through for unless others are given.
pub const DEFAULT_KEYS: [&str; 20] = [
    "password",
    "passwords",
    "passwd",
    "pwd",
    "passphrase",
    "passcode",
    "secret",
    "secrets",
    "token",
    "auth",
    "authorization",
    "credential",
    "credentials",
    "cookie",
    "cookies",
    "api_key",
    "access_key",
    "private_key",
    "session_id",
    "jwt",
];

/// Longest word, bytes.
const MAX_WORD_BYTES: usize = 64;

/// Most words, and most patterns.
const MAX_WORDS: usize = 200;
const MAX_PATTERNS: usize = 50;

/// Most bytes that a compiled pattern may take, and its cache while it runs.
const PATTERN_BYTES: usize = 1 << 20;

/// Why texts cannot be redacted as was asked.
#[derive(Debug, thiserror::Error)]
pub enum RedactError {
    /// There are too many words, or one is too long.
    #[error("{0}")]
    Keys(String),
    /// A pattern cannot be read, or would take too much memory.
    #[error("cannot use the pattern {pattern:?}: {reason}")]
    Pattern {
        /// As it was given.
        pattern: String,
        /// One line.
        reason: String,
    },
    /// There are too many patterns.
    #[error("more than {MAX_PATTERNS} patterns were given")]
    TooManyPatterns,
}

/// Takes out of texts what nobody is to see.
#[derive(Clone, Debug, Default)]
pub struct Redactor {
    words: Option<Words>,
    patterns: Vec<Regex>,
}

impl Redactor {
    /// Makes one of words and patterns. Without either it leaves texts as they are.
    ///
    /// A word of several parts, such as `api_key`, also stands for `apiKey`,
    /// `api-key`, `API KEY` and `apikey`.
    pub fn new<K: AsRef<str>, P: AsRef<str>>(
        keys: &[K],
        patterns: &[P],
    ) -> Result<Self, RedactError> {
        let keys: Vec<&str> = keys
            .iter()
            .map(|key| key.as_ref().trim())
            .filter(|key| !key.is_empty())
            .collect();
        if keys.len() > MAX_WORDS {
            let message = format!("more than {MAX_WORDS} words were given");
            return Err(RedactError::Keys(message));
        }
        if patterns.len() > MAX_PATTERNS {
            return Err(RedactError::TooManyPatterns);
        }
        let words = match keys.is_empty() {
            true => None,
            false => Some(Words::new(&keys).map_err(RedactError::Keys)?),
        };
        let patterns = patterns
            .iter()
            .map(|pattern| compiled(pattern.as_ref()))
            .collect::<Result<_, _>>()?;
        Ok(Self { words, patterns })
    }

    /// Makes one of [`DEFAULT_KEYS`].
    pub fn with_default_keys() -> Self {
        let none: [&str; 0] = [];
        Self::new(&DEFAULT_KEYS, &none).expect("the default words are short letters")
    }

    /// Tells whether it leaves every text as it is.
    pub fn is_off(&self) -> bool {
        self.words.is_none() && self.patterns.is_empty()
    }

    /// Returns a text of any kind without what nobody is to see.
    pub fn text<'t>(&self, text: &'t str) -> Cow<'t, str> {
        let known = match &self.words {
            Some(words) if words.may_be_in(text) => text::redacted(words, text),
            _ => Cow::Borrowed(text),
        };
        self.without_patterns(known)
    }

    /// Returns JSON, Python's dialect of it included, without what nobody is
    /// to see; a text that is none is taken for any text.
    pub fn json<'t>(&self, json: &'t str) -> Cow<'t, str> {
        if !self.may_concern(json) {
            return Cow::Borrowed(json);
        }
        match json::redacted(self, json) {
            Some(redacted) => redacted,
            None => self.text(json),
        }
    }

    /// Tells whether a key is one whose value nobody is to see.
    pub(crate) fn is_key(&self, key: &str) -> bool {
        self.words.as_ref().is_some_and(|words| words.are_in(key))
    }

    /// Tells whether a text is a name such as keys have, and is one whose value nobody is to see.
    fn is_name(&self, text: &str) -> bool {
        text.bytes().all(text::is_key) && self.is_key(text)
    }

    /// Tells whether there may be anything to take out; it is fast, and may be wrong.
    fn may_concern(&self, text: &str) -> bool {
        self.words
            .as_ref()
            .is_some_and(|words| words.may_be_in(text) || text.contains('\\'))
            || !self.patterns.is_empty()
    }

    fn without_patterns<'t>(&self, mut text: Cow<'t, str>) -> Cow<'t, str> {
        for pattern in &self.patterns {
            let replaced = match pattern.captures_len() {
                1 => pattern.replace_all(&text, regex::NoExpand(MARK)),
                // Only what the first group matched, if it did.
                _ => pattern.replace_all(&text, |found: &regex::Captures<'_>| {
                    let (Some(whole), Some(part)) = (found.get(0), found.get(1)) else {
                        return MARK.to_owned();
                    };
                    let (before, after) =
                        (part.start() - whole.start(), part.end() - whole.start());
                    let whole = whole.as_str();
                    format!("{}{MARK}{}", &whole[..before], &whole[after..])
                }),
            };
            if let Cow::Owned(replaced) = replaced {
                text = Cow::Owned(replaced);
            }
        }
        text
    }
}

fn compiled(pattern: &str) -> Result<Regex, RedactError> {
    let failed = |reason: String| RedactError::Pattern {
        pattern: pattern.to_owned(),
        reason,
    };
    let regex = RegexBuilder::new(pattern)
        .size_limit(PATTERN_BYTES)
        .dfa_size_limit(PATTERN_BYTES)
        .build()
        .map_err(|error| {
            // The crate draws where the trouble is over several lines; the last says what.
            let text = error.to_string();
            let line = text.lines().next_back().unwrap_or_default();
            failed(line.trim_start_matches("error: ").to_owned())
        })?;
    // One that finds something in nothing would put the mark between all letters.
    if regex.is_match("") {
        return Err(failed("it matches the empty text".to_owned()));
    }
    Ok(regex)
}
