//! Where strings, names, numbers and everything unknown end.

use super::{Quoted, Repr};

/// How often each byte may be looked at, on average. Guesses about where a
/// string ends can be wrong and are then made again, but not for ever.
const LOOKS: usize = 16;

/// What may stand between values. Python's `repr` writes spaces, and of arrays
/// newlines; other white space is part of a text.
const SPACE: [char; 4] = [' ', '\n', '\r', '\t'];

/// The text is no `repr` that can be taken apart.
#[derive(Clone, Copy, Debug)]
pub(super) struct NoRepr;

/// Goes through a text.
#[derive(Debug)]
pub(super) struct Tokens<'a> {
    pub(super) text: &'a str,
    pub(super) at: usize,
    pub(super) is_truncated: bool,
    looks_left: usize,
}

impl<'a> Tokens<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        Self {
            text,
            at: 0,
            is_truncated: false,
            looks_left: text.len().saturating_mul(LOOKS) + 64,
        }
    }

    pub(super) fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    pub(super) fn rest(&self) -> &'a str {
        self.text.get(self.at..).unwrap_or_default()
    }

    /// Returns the text from `start` to here.
    pub(super) fn since(&self, start: usize) -> &'a str {
        self.text.get(start..self.at).unwrap_or_default()
    }

    /// Passes over white space, then returns the byte there.
    pub(super) fn peek_past_space(&mut self) -> Option<u8> {
        while let Some(b' ' | b'\n' | b'\r' | b'\t') = self.peek() {
            self.at += 1;
        }
        self.peek()
    }

    /// Passes over `byte`, if it is here.
    pub(super) fn take(&mut self, byte: u8) -> bool {
        let is_here = self.peek() == Some(byte);
        self.at += usize::from(is_here);
        is_here
    }

    fn look(&mut self, count: usize) -> Result<(), NoRepr> {
        self.looks_left = self.looks_left.checked_sub(count + 1).ok_or(NoRepr)?;
        Ok(())
    }

    /// Reads a dotted name.
    pub(super) fn name(&mut self) -> &'a str {
        let start = self.at;
        let length = self
            .rest()
            .find(|letter: char| !(letter.is_alphanumeric() || letter == '_' || letter == '.'))
            .unwrap_or(self.rest().len());
        self.at += length;
        // `...` is a mark of its own.
        let name = self.since(start);
        if let Some(place) = name.find("...") {
            self.at = start + place;
        }
        self.since(start)
    }

    /// Reads what stands between quotes, the first of which is here.
    ///
    /// A quote without backslash ends it. A quote after a backslash is part of
    /// the text, or ends a text that itself ends with a backslash: if the first
    /// reading leads to something that cannot follow a string, it was the second.
    pub(super) fn quoted(&mut self, is_bytes: bool) -> Result<Quoted<'a>, NoRepr> {
        let bytes = self.text.as_bytes();
        let quote = self.peek().ok_or(NoRepr)?;
        let start = self.at + 1;
        let mut backslashes = 0_usize;
        let mut second_guess = None;
        let mut end = None;
        let mut place = start;
        while let Some(&byte) = bytes.get(place) {
            match byte {
                b'\\' => backslashes += 1,
                _ if byte == quote => {
                    let is_plausible = self.may_follow(place + 1);
                    if backslashes % 2 == 1 {
                        if is_plausible && second_guess.is_none() {
                            second_guess = Some(place);
                        }
                    } else if is_plausible {
                        end = Some(place);
                        break;
                    } else if !is_bytes {
                        // Of bytes not even quotes are escaped.
                        break;
                    }
                    backslashes = 0;
                }
                _ => backslashes = 0,
            }
            place += 1;
        }
        self.look(place - start)?;
        let end = end.or(second_guess);
        // A string that is followed by what cannot follow is still a string if
        // nothing better is known; what follows then makes the whole opaque.
        let (end, is_closed) = match end {
            Some(end) => (end, true),
            None => (place, place < bytes.len()),
        };
        let text = self.text.get(start..end).ok_or(NoRepr)?;
        self.at = if is_closed { end + 1 } else { end };
        self.is_truncated |= !is_closed || text.ends_with("...");
        Ok(Quoted {
            text,
            quote: char::from(quote),
            is_closed,
        })
    }

    /// Tells whether a value may end before `at`.
    fn may_follow(&self, at: usize) -> bool {
        let rest = self.text.get(at..).unwrap_or_default();
        rest.trim_start_matches(' ')
            .chars()
            .next()
            .is_none_or(|next| matches!(next, ',' | ')' | ']' | '}' | ':' | '.'))
    }

    /// Reads `<…>`, in which anything may stand.
    pub(super) fn angle(&mut self) -> Result<Repr<'a>, NoRepr> {
        let start = self.at;
        let mut depth = 0_usize;
        let bytes = self.text.as_bytes();
        let mut end = None;
        for (place, byte) in bytes.iter().enumerate().skip(start) {
            match byte {
                b'<' => depth += 1,
                b'>' => {
                    depth = depth.saturating_sub(1);
                    if depth == 0 && self.may_follow(place + 1) {
                        end = Some(place + 1);
                        break;
                    }
                }
                _ => {}
            }
        }
        let end = end.unwrap_or(bytes.len());
        self.look(end - start)?;
        self.at = end;
        Ok(self.opaque_since(start))
    }

    /// Reads from `start` to where the next value could begin: brackets are
    /// matched, a colon ends it only between braces.
    pub(super) fn opaque(&mut self, start: usize, in_braces: bool) -> Result<Repr<'a>, NoRepr> {
        let bytes = self.text.as_bytes();
        self.at = start;
        let mut depth = 0_usize;
        let mut before = b' ';
        while let Some(byte) = self.peek() {
            match byte {
                b'(' | b'[' | b'{' => depth += 1,
                b')' | b']' | b'}' if depth == 0 => break,
                b')' | b']' | b'}' => depth -= 1,
                b',' if depth == 0 => break,
                b':' if depth == 0 && in_braces && bytes.get(self.at + 1) == Some(&b' ') => break,
                // Not the apostrophe of a word.
                b'\'' | b'"' if !before.is_ascii_alphanumeric() => {
                    self.quoted(false)?;
                    before = byte;
                    continue;
                }
                _ => {}
            }
            before = byte;
            self.at += 1;
        }
        self.look(self.at - start)?;
        // Brackets that are never closed were cut off.
        self.is_truncated |= depth > 0;
        Ok(self.opaque_since(start))
    }

    /// Returns the text from `start` to here as something unknown.
    pub(super) fn opaque_since(&mut self, start: usize) -> Repr<'a> {
        let text = self.since(start).trim_end_matches(SPACE);
        self.is_truncated |= text.contains("...");
        Repr::Opaque(text)
    }
}

/// Returns the number that a whole text is.
pub(super) fn number(text: &str) -> Option<Repr<'_>> {
    let digits = text.strip_prefix(['-', '+']).unwrap_or(text);
    if matches!(digits, "inf" | "nan") {
        return Some(Repr::Float(text));
    }
    if !digits.starts_with(|first: char| first.is_ascii_digit() || first == '.') {
        return None;
    }
    if digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Some(Repr::Int(text));
    }
    // Rust reads the same forms of floats as Python writes.
    digits.parse::<f64>().is_ok().then_some(Repr::Float(text))
}
