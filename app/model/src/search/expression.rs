//! What a search means, and whether a task matches it.

use super::{Moment, Needle, NumberField, PathTerm, Range, SearchField, SearchFields, TimeField};
use crate::Timestamp;

/// One condition of a search.
#[derive(Clone, Debug, PartialEq)]
pub enum SearchTerm {
    /// One of the fields contains the text.
    Any {
        /// Where to look, those that are cheap to look into first.
        fields: &'static [SearchField],
        /// What to look for.
        needle: Needle,
    },
    /// The field contains the text.
    Contains(SearchField, Needle),
    /// The field is the text.
    Equals(SearchField, Needle),
    /// A value inside arguments or result is or contains something.
    Path(PathTerm),
    /// The number is in the range; seconds for durations.
    Number(NumberField, Range<f64>),
    /// The time is in the range.
    Time(TimeField, Range<Moment>),
}

/// A parsed search.
#[derive(Clone, Debug, PartialEq)]
pub enum SearchExpression {
    /// Matches every task.
    All,
    /// One condition.
    Term(SearchTerm),
    /// It does not match. A comparison with a number or time that the task
    /// does not have does not match either, so its negation does.
    Not(Box<Self>),
    /// All of them match.
    And(Vec<Self>),
    /// One of them matches.
    Or(Vec<Self>),
}

impl SearchExpression {
    /// Tells whether everything matches because nothing is asked for.
    pub fn is_blank(&self) -> bool {
        *self == Self::All
    }

    /// Tells whether a task matches when it is `now`.
    pub fn matches(&self, task: &impl SearchFields, now: Timestamp) -> bool {
        // The parser bounds the nesting by MAX_DEPTH.
        match self {
            Self::All => true,
            Self::Term(term) => term.matches(task, now),
            Self::Not(inner) => !inner.matches(task, now),
            Self::And(parts) => parts.iter().all(|part| part.matches(task, now)),
            Self::Or(parts) => parts.iter().any(|part| part.matches(task, now)),
        }
    }

    /// Tells whether it asks for times from now, so that tasks come to match
    /// and cease to match while nothing happens to them.
    pub fn depends_on_now(&self) -> bool {
        match self {
            Self::All => false,
            Self::Term(term) => match term {
                SearchTerm::Time(_, range) => range.depends_on_now(),
                _ => false,
            },
            Self::Not(inner) => inner.depends_on_now(),
            Self::And(parts) | Self::Or(parts) => parts.iter().any(Self::depends_on_now),
        }
    }

    /// Returns the search with times instead of distances from `now`.
    #[must_use]
    pub fn resolve(self, now: Timestamp) -> Self {
        let all = |parts: Vec<Self>| parts.into_iter().map(|part| part.resolve(now)).collect();
        match self {
            Self::Term(SearchTerm::Time(field, range)) => {
                Self::Term(SearchTerm::Time(field, range.resolve(now)))
            }
            Self::All | Self::Term(_) => self,
            Self::Not(inner) => Self::Not(Box::new(inner.resolve(now))),
            Self::And(parts) => Self::And(all(parts)),
            Self::Or(parts) => Self::Or(all(parts)),
        }
    }
}

impl SearchTerm {
    /// Tells whether a task meets the condition when it is `now`.
    pub fn matches(&self, task: &impl SearchFields, now: Timestamp) -> bool {
        match self {
            Self::Any { fields, needle } => fields
                .iter()
                .any(|field| task.with(*field, &mut |text| needle.is_in(text))),
            Self::Contains(field, needle) => task.with(*field, &mut |text| needle.is_in(text)),
            Self::Equals(field, needle) => task.with(*field, &mut |text| needle.equals(text)),
            Self::Path(path) => task.with(path.field(), &mut |text| path.is_in(text)),
            Self::Number(field, range) => task
                .number(*field)
                .is_some_and(|value| range.contains(value)),
            Self::Time(field, range) => task
                .time(*field)
                .is_some_and(|time| range.contains(time, now)),
        }
    }
}
