//! The search language: its parser and its evaluation over any task.
//!
//! Words side by side, or joined by `AND`, must all match; `OR` and parentheses
//! do what they say; `-` or `NOT` in front says what must not match. `"quotes"`
//! keep a phrase together, `\"` and `\\` stand for the characters. Case does not
//! matter.
//!
//! | Form | Meaning |
//! |---|---|
//! | `word` | id, name, state, worker, queue, args, kwargs, result, exception or traceback contains it |
//! | `name:word` | the field contains it: `name` `worker` `queue` `args` `kwargs` `result` `exception` `traceback` `id` `root` `parent` |
//! | `state:failure` | the state is this one |
//! | `name:=shop.mail` | the field is this: `name` `worker` `queue` `id` `root` `parent` |
//! | `kwargs:user=ann`, `kwargs.user:=ann` | the keyword argument has this value |
//! | `kwargs.user.email:ann`, `args.0:x`, `result.items.1:x` | the value at these keys contains it |
//! | `kwargs.count:>5` | the value at these keys is such a number |
//! | `retries:>2` `retries:2` `retries:1..3` | the number is in the range |
//! | `runtime:>5s` `runtime:200ms..2s` `wait:>1h30m` | the duration is in the range; without a unit, seconds |
//! | `received:2026-11-20` `received:2026-11-20T08:00..09:00` `received:>-1h` | the time is in the range; also `started` `finished` `sent` `eta` |
//!
//! Ranges are `>a`, `>=a`, `<a`, `<=a`, `a..b` with both ends, `a..<b` without the
//! last, and `a..`, `..b`. A date stands for its whole day. A time or duration
//! alone stands for what its last place leaves open: `08:00` for the minute,
//! `2s` for everything from 2 s to 3 s; as an end of a range it is that
//! instant. Times are UTC unless they have an offset such as `+02:00`; `-1h`,
//! `+1h` and `now` are counted from the time of asking; the end of a range may
//! be a time of the same day. A task that does not have the number or time
//! does not match, so that `-finished:>-1h` finds those that have not ended, too.
//!
//! All of it is an extension of Flower's grammar (`flower/utils/search.py`,
//! 2.2.0), which [`SearchExpression::parse_flower`] reads to the letter. What
//! Flower takes for a plain word, such as `foo:bar`, is one here, with these
//! exceptions: the fields and operators above, and a minus sign in front.

mod expression;
mod field;
mod lex;
mod needle;
mod number;
mod of_task;
mod parse;
mod path;
mod range;
mod text;
mod time;
mod typing;

pub use expression::{SearchExpression, SearchTerm};
pub use field::{NumberField, Qualifier, SearchField, SearchFields, TimeField};
pub use needle::{CaseByte, Needle};
pub use path::{PathTerm, ValueTest, visit_items, visit_values};
pub use range::{Moment, Range};
pub use text::Quoted;
pub use time::utc_date;
pub use typing::{MAX_SUGGESTIONS, Place, Suggestion, SuggestionKind, Suggestions, Typing};

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

impl SearchError {
    fn at(position: usize, message: impl Into<String>) -> Self {
        Self {
            position: Some(position),
            message: message.into(),
        }
    }

    fn of_all(message: String) -> Self {
        Self {
            position: None,
            message,
        }
    }
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
