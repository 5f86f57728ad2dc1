//! The search language: its parser and its evaluation over any task.
//!
//! Words side by side, or joined by `AND`, must all match; `OR` and parentheses
//! do what they say; `"quotes"` keep a phrase together, `\"` and `\\` stand for
//! the characters. `name:`, `worker:`, `args:`, `kwargs:` and `result:` look
//! into one field, `state:` compares it, `kwargs:key=value` compares one
//! argument, and a bare word looks into all of them and the id. Case does not
//! matter. The grammar is Flower's (`flower/utils/search.py`, 2.2.0).

mod needle;
mod parse;

pub use needle::Needle;

use serde::{Deserialize, Serialize};

/// The longest search text, characters.
pub const MAX_CHARACTERS: usize = 2_048;
/// The most words, operators and parentheses.
pub const MAX_TOKENS: usize = 128;
/// The deepest nesting of parentheses.
pub const MAX_DEPTH: usize = 5;
/// The shortest word that Flower searches for, characters.
pub const FLOWER_MIN_CHARACTERS: usize = 3;

/// A search text that cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SearchError {
    /// Character offset of the trouble, from 0; absent if the text as a whole is the trouble.
    pub position: Option<usize>,
    /// What is wrong.
    pub message: String,
}

impl std::fmt::Display for SearchError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.position {
            Some(position) => write!(f, "{} at position {position}", self.message),
            None => f.write_str(&self.message),
        }
    }
}

impl std::error::Error for SearchError {}

/// A field that a search looks into.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SearchField {
    /// The id.
    Id,
    /// The task type.
    Name,
    /// The state.
    State,
    /// The worker.
    Worker,
    /// Python's repr of the positional arguments.
    Args,
    /// Python's repr of the keyword arguments.
    Kwargs,
    /// Python's repr of the result.
    Result,
}

impl SearchField {
    /// Every field, those that are cheap to look into first.
    pub const ALL: [Self; 7] = [
        Self::Name,
        Self::State,
        Self::Worker,
        Self::Id,
        Self::Args,
        Self::Kwargs,
        Self::Result,
    ];
}

/// A task as a search sees it.
pub trait SearchFields {
    /// Hands the field's text to `test` and returns its answer; `false` if the task has no such field.
    fn with(&self, field: SearchField, test: &mut dyn FnMut(&str) -> bool) -> bool;
}

/// One condition of a search.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SearchTerm {
    /// Some field contains the text.
    Any(Needle),
    /// One field contains the text.
    Contains(SearchField, Needle),
    /// The state is this one.
    State(Needle),
    /// The keyword argument `key` has this value.
    Kwarg {
        /// The argument's name.
        key: Needle,
        /// The value: a text's content, or the repr of anything else.
        value: Needle,
    },
}

/// A parsed search.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SearchExpression {
    /// Matches every task.
    All,
    /// One condition.
    Term(SearchTerm),
    /// All of them match.
    And(Vec<Self>),
    /// One of them matches.
    Or(Vec<Self>),
}

impl SearchExpression {
    /// Reads a search text; a blank one matches everything.
    pub fn parse(text: &str) -> Result<Self, SearchError> {
        parse::parse(text, 1)
    }

    /// Reads a search text under Flower's rules: words to look for have three
    /// characters or more, positions count from the first character that is no space.
    pub fn parse_flower(text: &str) -> Result<Self, SearchError> {
        parse::parse(text.trim(), FLOWER_MIN_CHARACTERS)
    }

    /// Tells whether everything matches because nothing is asked for.
    pub fn is_blank(&self) -> bool {
        *self == Self::All
    }

    /// Tells whether a task matches.
    pub fn matches(&self, task: &impl SearchFields) -> bool {
        // The nesting is bounded by MAX_DEPTH.
        match self {
            Self::All => true,
            Self::Term(term) => term.matches(task),
            Self::And(parts) => parts.iter().all(|part| part.matches(task)),
            Self::Or(parts) => parts.iter().any(|part| part.matches(task)),
        }
    }
}

impl SearchTerm {
    /// Tells whether a task meets the condition.
    pub fn matches(&self, task: &impl SearchFields) -> bool {
        match self {
            Self::Any(needle) => SearchField::ALL
                .into_iter()
                .any(|field| task.with(field, &mut |text| needle.is_in(text))),
            Self::Contains(field, needle) => task.with(*field, &mut |text| needle.is_in(text)),
            Self::State(needle) => task.with(SearchField::State, &mut |text| needle.equals(text)),
            Self::Kwarg { key, value } => task.with(SearchField::Kwargs, &mut |text| {
                needle::has_pair(text, key, value)
            }),
        }
    }
}
