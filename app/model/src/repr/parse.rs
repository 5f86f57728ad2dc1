//! Texts to trees.

use super::{
    Argument, Entry, Parsed, Repr,
    token::{NoRepr, Tokens, number},
};

/// Values nested deeper than this are not taken apart. Celery itself goes to
/// the third level (`task_repr_maxlevels`), but keys start anew.
const MAX_DEPTH: usize = 48;

/// Takes a text apart. Never fails: a text that is no `repr` becomes one
/// [`Repr::Opaque`]. The time is linear in the length.
pub fn parse(text: &str) -> Parsed<'_> {
    let mut parser = Parser {
        tokens: Tokens::new(text),
    };
    let root = parser.value(0, false);
    match root {
        Ok(root) if parser.tokens.peek_past_space().is_none() => Parsed {
            root,
            is_truncated: parser.tokens.is_truncated,
        },
        _ => Parsed {
            root: Repr::Opaque(text),
            is_truncated: text.contains("..."),
        },
    }
}

struct Parser<'a> {
    tokens: Tokens<'a>,
}

impl<'a> Parser<'a> {
    /// Reads a value; `in_braces` tells whether a colon may end it.
    fn value(&mut self, depth: usize, in_braces: bool) -> Result<Repr<'a>, NoRepr> {
        let Some(byte) = self.tokens.peek_past_space() else {
            self.tokens.is_truncated = true;
            return Ok(Repr::Missing);
        };
        let start = self.tokens.at;
        let rest = self.tokens.rest();
        match byte {
            b',' | b')' | b']' | b'}' | b':' => {
                self.tokens.is_truncated = true;
                return Ok(Repr::Missing);
            }
            b'[' | b'(' | b'{' if depth >= MAX_DEPTH => {
                return self.tokens.opaque(start, in_braces);
            }
            b'[' | b'(' | b'{' => {
                if let Some(hidden) = ["[...]", "(...)", "{...}"]
                    .into_iter()
                    .find(|hidden| rest.starts_with(hidden))
                {
                    self.tokens.at += hidden.len();
                    self.tokens.is_truncated = true;
                    return Ok(Repr::Hidden(self.tokens.since(start)));
                }
                self.tokens.at += 1;
                return match byte {
                    b'[' => Ok(Repr::List(self.items(b']', depth)?.0)),
                    b'(' => self.parenthesis(start, depth),
                    _ => self.braces(depth),
                };
            }
            b'\'' | b'"' => return self.tokens.quoted(false).map(Repr::Str),
            b'b' if rest.starts_with("b'") || rest.starts_with("b\"") => {
                self.tokens.at += 1;
                return self.tokens.quoted(true).map(Repr::Bytes);
            }
            b'<' => return self.tokens.angle(),
            b'.' if rest.starts_with("...") => {
                self.tokens.at += 3;
                self.tokens.is_truncated = true;
                return Ok(Repr::Ellipsis(self.tokens.since(start)));
            }
            _ => {}
        }
        if rest.starts_with(|first: char| first.is_alphabetic() || first == '_') {
            let name = self.tokens.name();
            if depth < MAX_DEPTH && self.tokens.take(b'(') {
                return self.call(name, depth);
            }
        }
        let token = self.tokens.opaque(start, in_braces)?;
        Ok(match token {
            Repr::Opaque("None") => Repr::None,
            Repr::Opaque("True") => Repr::Bool(true),
            Repr::Opaque("False") => Repr::Bool(false),
            Repr::Opaque(text) => number(text).unwrap_or(token),
            other => other,
        })
    }

    /// Reads values up to `close`; tells whether a comma stands before it.
    fn items(&mut self, close: u8, depth: usize) -> Result<(Vec<Repr<'a>>, bool), NoRepr> {
        let mut items = Vec::new();
        let mut has_comma = false;
        while !self.is_closed_by(close) {
            items.push(self.value(depth + 1, false)?);
            has_comma = self.comma(close)?;
        }
        Ok((items, has_comma))
    }

    /// Tells whether the container ends here, and passes over its end. A text
    /// that ends within a container was cut off, and so was the container if
    /// another one ends here: `[date(2026, 1..., ...]`.
    fn is_closed_by(&mut self, close: u8) -> bool {
        match self.tokens.peek_past_space() {
            None => {
                self.tokens.is_truncated = true;
                true
            }
            Some(b')' | b']' | b'}') if self.tokens.is_truncated => {
                self.tokens.take(close);
                true
            }
            Some(_) => self.tokens.take(close),
        }
    }

    /// Passes over a comma, or finds the end; tells which.
    fn comma(&mut self, close: u8) -> Result<bool, NoRepr> {
        match self.tokens.peek_past_space() {
            Some(b',') => {
                self.tokens.at += 1;
                Ok(true)
            }
            None => Ok(false),
            Some(byte) if byte == close => Ok(false),
            Some(b')' | b']' | b'}') if self.tokens.is_truncated => Ok(false),
            Some(_) => Err(NoRepr),
        }
    }

    /// Reads what began with `(` at `start`: one value without a comma is no tuple.
    fn parenthesis(&mut self, start: usize, depth: usize) -> Result<Repr<'a>, NoRepr> {
        let (items, has_comma) = self.items(b')', depth)?;
        Ok(match items.as_slice() {
            [_] if !has_comma && !self.tokens.is_truncated => self.tokens.opaque_since(start),
            _ => Repr::Tuple(items),
        })
    }

    /// Reads what began with `{`: with a colon it is a dict, without a set.
    fn braces(&mut self, depth: usize) -> Result<Repr<'a>, NoRepr> {
        let mut entries: Vec<Entry<'a>> = Vec::new();
        let mut colons = 0_usize;
        while !self.is_closed_by(b'}') {
            let key = self.value(depth + 1, true)?;
            self.tokens.peek_past_space();
            let value = if self.tokens.take(b':') {
                colons += 1;
                Some(self.value(depth + 1, false)?)
            } else {
                None
            };
            entries.push(Entry { key, value });
            self.comma(b'}')?;
        }
        if colons == 0 && !entries.is_empty() {
            return Ok(Repr::Set(
                entries.into_iter().map(|entry| entry.key).collect(),
            ));
        }
        // Only what a cut left behind has no colon in a dict.
        let is_odd = |entry: &Entry<'_>| {
            entry.value.is_none() && !matches!(entry.key, Repr::Ellipsis(_) | Repr::Missing)
        };
        if !self.tokens.is_truncated && entries.iter().any(is_odd) {
            return Err(NoRepr);
        }
        Ok(Repr::Dict(entries))
    }

    /// Reads what began with `name(`.
    fn call(&mut self, name: &'a str, depth: usize) -> Result<Repr<'a>, NoRepr> {
        let mut arguments = Vec::new();
        while !self.is_closed_by(b')') {
            let keyword = self.keyword();
            let value = self.value(depth + 1, false)?;
            arguments.push(Argument { keyword, value });
            self.comma(b')')?;
        }
        Ok(Repr::Call { name, arguments })
    }

    /// Reads `name=`, if that is here.
    fn keyword(&mut self) -> Option<&'a str> {
        let start = self.tokens.at;
        let is_name = |first: char| first.is_alphabetic() || first == '_';
        if self.tokens.rest().starts_with(is_name) {
            let name = self.tokens.name();
            if !name.contains('.') && self.tokens.take(b'=') && self.tokens.peek() != Some(b'=') {
                return Some(name);
            }
        }
        self.tokens.at = start;
        None
    }
}
