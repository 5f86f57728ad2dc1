//! What Celery writes of arguments and results, as a tree to display.
//!
//! Events carry Python's `repr`, or rather `celery/utils/saferepr.py`'s idea of
//! it, which cannot be read back with certainty: backslashes and newlines are
//! not escaped, bytes that are no UTF-8 are written as hexadecimal digits,
//! containers below the third level become `[...]`, and everything ends after
//! some 1,024 characters with `...` and closing brackets. So a tree is for the
//! eyes only; nothing may be called again with values taken from it.

mod parse;
mod show;
mod token;

pub use parse::parse;

/// A text and what it seems to mean.
#[derive(Clone, Debug, PartialEq)]
pub struct Parsed<'a> {
    /// The value.
    pub root: Repr<'a>,
    /// Whether something seems to be left out. It may be wrong: `'...'` is also
    /// a string, and `[...]` a list that holds Python's `Ellipsis`.
    pub is_truncated: bool,
}

/// A value. Texts are parts of the text that was parsed.
#[derive(Clone, Debug, PartialEq)]
pub enum Repr<'a> {
    /// `None`.
    None,
    /// `True` or `False`.
    Bool(bool),
    /// A whole number of any size, as its digits.
    Int(&'a str),
    /// Any other real number, `inf` and `nan` included.
    Float(&'a str),
    /// A string.
    Str(Quoted<'a>),
    /// Bytes.
    Bytes(Quoted<'a>),
    /// `[…]`.
    List(Vec<Repr<'a>>),
    /// `(…)`.
    Tuple(Vec<Repr<'a>>),
    /// `{…}` without colons.
    Set(Vec<Repr<'a>>),
    /// `{…: …}`.
    Dict(Vec<Entry<'a>>),
    /// `name(…)`, such as `datetime.datetime(2026, 11, 20)` or `Decimal('1.10')`.
    Call {
        /// What stands before the parenthesis.
        name: &'a str,
        /// What stands within.
        arguments: Vec<Argument<'a>>,
    },
    /// `...`: what follows was left out.
    Ellipsis(&'a str),
    /// `[...]`, `(...)` or `{...}`: the contents were left out.
    Hidden(&'a str),
    /// Nothing where a value was expected, which happens before `...`.
    Missing,
    /// Anything else, such as `<User: 5>`.
    Opaque(&'a str),
}

/// What stands between quotes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Quoted<'a> {
    /// The text as it is written.
    pub text: &'a str,
    /// The quote it begins with, `'` or `"`.
    pub quote: char,
    /// Whether the closing quote is there.
    pub is_closed: bool,
}

/// A part of a `{…: …}`.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry<'a> {
    /// What stands before the colon.
    pub key: Repr<'a>,
    /// What stands after it; absent if there is no colon, as after a cut.
    pub value: Option<Repr<'a>>,
}

/// A part of a `name(…)`.
#[derive(Clone, Debug, PartialEq)]
pub struct Argument<'a> {
    /// What stands before `=`.
    pub keyword: Option<&'a str>,
    /// The value.
    pub value: Repr<'a>,
}
