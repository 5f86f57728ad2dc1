//! Trees to texts and to the values that texts stand for.

use super::{Argument, Entry, Quoted, Repr};
use std::{
    borrow::Cow,
    fmt::{self, Display, Formatter, Write},
};

impl Quoted<'_> {
    /// Returns the text with the one escape undone that Celery writes, `\'`.
    /// Other backslashes are usually the text's own.
    pub fn unescaped(&self) -> Cow<'_, str> {
        let escaped = format!("\\{}", self.quote);
        if self.text.contains(&escaped) {
            Cow::Owned(
                self.text
                    .replace(&escaped, self.quote.encode_utf8(&mut [0; 4])),
            )
        } else {
            Cow::Borrowed(self.text)
        }
    }

    /// Tells whether bytes written so may have been hexadecimal digits made of
    /// bytes that are no UTF-8 (`_repr_binary_bytes`). They may also be a text
    /// that looks so: nothing in it tells.
    pub fn may_be_hex(&self) -> bool {
        let digits = self.text.strip_suffix("...").unwrap_or(self.text);
        let is_hex = |digit: u8| matches!(digit, b'0'..=b'9' | b'a'..=b'f');
        if digits.is_empty() || digits.len() % 2 == 1 || !digits.bytes().all(is_hex) {
            return false;
        }
        let bytes: Option<Vec<u8>> = (0..digits.len() / 2)
            .map(|at| u8::from_str_radix(digits.get(at * 2..at * 2 + 2)?, 16).ok())
            .collect();
        // UTF-8 would have been written as text.
        bytes.is_some_and(|bytes| std::str::from_utf8(&bytes).is_err())
    }
}

/// Writes the value as Python does, with one space after commas and colons.
impl Display for Repr<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::None => f.write_str("None"),
            Self::Bool(true) => f.write_str("True"),
            Self::Bool(false) => f.write_str("False"),
            Self::Int(text)
            | Self::Float(text)
            | Self::Ellipsis(text)
            | Self::Hidden(text)
            | Self::Opaque(text) => f.write_str(text),
            Self::Str(quoted) => quoted.fmt(f),
            Self::Bytes(quoted) => write!(f, "b{quoted}"),
            Self::List(items) => list(f, "[", items, "]"),
            Self::Tuple(items) if items.len() == 1 => list(f, "(", items, ",)"),
            Self::Tuple(items) => list(f, "(", items, ")"),
            Self::Set(items) => list(f, "{", items, "}"),
            Self::Dict(entries) => list(f, "{", entries, "}"),
            Self::Call { name, arguments } => {
                f.write_str(name)?;
                list(f, "(", arguments, ")")
            }
            Self::Missing => Ok(()),
        }
    }
}

impl Display for Quoted<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_char(self.quote)?;
        f.write_str(self.text)?;
        if self.is_closed {
            f.write_char(self.quote)?;
        }
        Ok(())
    }
}

impl Display for Entry<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        self.key.fmt(f)?;
        match &self.value {
            Some(value) => write!(f, ": {value}"),
            None => Ok(()),
        }
    }
}

impl Display for Argument<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        if let Some(keyword) = self.keyword {
            write!(f, "{keyword}=")?;
        }
        self.value.fmt(f)
    }
}

fn list(f: &mut Formatter<'_>, open: &str, items: &[impl Display], close: &str) -> fmt::Result {
    f.write_str(open)?;
    for (place, item) in items.iter().enumerate() {
        if place > 0 {
            f.write_str(", ")?;
        }
        item.fmt(f)?;
    }
    f.write_str(close)
}
