//! From expression back to text.

use super::{
    Moment, Range, SearchExpression, SearchTerm, ValueTest, lex::Kind, time::write_moment,
};
use std::{
    fmt::{self, Display, Formatter},
    ops::Bound,
};

/// Writes the search so that it parses to the same, in lower case: an
/// expression that came from `parse`, unless quotes make it too long.
impl Display for SearchExpression {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        self.write(f, Kind::End)
    }
}

impl SearchExpression {
    /// Writes what stands within an operator, with parentheses if it needs them.
    fn write(&self, f: &mut Formatter<'_>, outer: Kind) -> fmt::Result {
        let (parts, kind, between) = match self {
            Self::All => return Ok(()),
            Self::Term(term) => return term.fmt(f),
            Self::Not(inner) => {
                f.write_str("-")?;
                return inner.write(f, Kind::Not);
            }
            Self::And(parts) => (parts, Kind::And, " "),
            Self::Or(parts) => (parts, Kind::Or, " OR "),
        };
        let is_tighter = outer == Kind::End || (outer == Kind::Or && kind == Kind::And);
        f.write_str(if is_tighter { "" } else { "(" })?;
        for (index, part) in parts.iter().enumerate() {
            f.write_str(if index == 0 { "" } else { between })?;
            part.write(f, kind)?;
        }
        f.write_str(if is_tighter { "" } else { ")" })
    }
}

impl Display for SearchTerm {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Any { needle, .. } => write!(f, "{}", Quoted(needle.as_str())),
            Self::Contains(field, needle) => {
                write!(f, "{}:{}", field.as_str(), Quoted(needle.as_str()))
            }
            Self::Equals(field, needle) => {
                let sign = if field.is_name() { "=" } else { "" };
                write!(f, "{}:{sign}{}", field.as_str(), Quoted(needle.as_str()))
            }
            Self::Path(term) => {
                let field = term.field().as_str();
                match term.path() {
                    // Only Flower's form can ask for an empty key.
                    "" => write!(f, "{field}:")?,
                    path => write!(f, "{field}.{}:", Quoted(path))?,
                }
                match term.test() {
                    ValueTest::Contains(needle) => write!(f, "{}", Quoted(needle.as_str())),
                    ValueTest::Equals(needle) => write!(f, "={}", Quoted(needle.as_str())),
                    ValueTest::Number(range) => write_range(f, range, |f, n| write!(f, "{n}")),
                }
            }
            Self::Number(super::NumberField::Retries, range) => {
                f.write_str("retries:")?;
                write_range(f, range, |f, number| write!(f, "{number}"))
            }
            Self::Number(field, range) => {
                write!(f, "{}:", field.as_str())?;
                write_range(f, range, |f, seconds| write!(f, "{seconds}s"))
            }
            Self::Time(field, range) => {
                write!(f, "{}:", field.as_str())?;
                write_range(f, range, |f, moment: Moment| write_moment(f, moment))
            }
        }
    }
}

fn write_range<T: Copy>(
    f: &mut Formatter<'_>,
    range: &Range<T>,
    write: impl Fn(&mut Formatter<'_>, T) -> fmt::Result,
) -> fmt::Result {
    let start = match range.from {
        Bound::Included(from) => Some((">=", from)),
        Bound::Excluded(from) => Some((">", from)),
        Bound::Unbounded => None,
    };
    let end = match range.to {
        Bound::Included(to) => Some(("<=", "", to)),
        Bound::Excluded(to) => Some(("<", "<", to)),
        Bound::Unbounded => None,
    };
    match (start, end) {
        (None, None) => f.write_str(".."),
        (Some((operator, from)), None) => {
            f.write_str(operator)?;
            write(f, from)
        }
        (None, Some((operator, _, to))) => {
            f.write_str(operator)?;
            write(f, to)
        }
        (Some((_, from)), Some((_, open, to))) => {
            write(f, from)?;
            write!(f, "..{open}")?;
            write(f, to)
        }
    }
}

/// A text as one word of a search, in quotes if it needs them.
#[derive(Clone, Copy, Debug)]
pub struct Quoted<'a>(pub &'a str);

impl Display for Quoted<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let Self(text) = self;
        let is_plain = !text.is_empty()
            && !text.starts_with(['-', '=', '<', '>'])
            && !matches!(*text, "AND" | "OR" | "NOT")
            && !text.contains(|letter: char| {
                letter.is_whitespace() || matches!(letter, '(' | ')' | '"' | '\\' | ':')
            });
        if is_plain {
            return f.write_str(text);
        }
        f.write_str("\"")?;
        for letter in text.chars() {
            if matches!(letter, '"' | '\\') {
                f.write_str("\\")?;
            }
            write!(f, "{letter}")?;
        }
        f.write_str("\"")
    }
}
