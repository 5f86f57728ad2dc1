//! What stands behind a key in a text of any kind: Python's repr, whole or cut
//! off, `key=value`, headers, JSON within other text, lines of source code.
//!
//! Nothing here needs the text to be well formed. Each word that is part of a
//! key is looked at by itself, and its value is taken out up to where it ends
//! for certain: `celery/utils/saferepr.py` escapes quotes but no backslashes,
//! so a quote ends a text only if something follows that can follow a text,
//! and a value without an end goes up to the end.

use super::{
    MARK,
    json::Rewritten,
    words::{Hit, SCHEME_END, Words},
};
use std::{borrow::Cow, ops::Range};

/// Longest rest of a key beside the word, bytes.
const MAX_REST: usize = 64;

/// Length of a sign in a query string, such as `%3D`.
const ENCODED: usize = 3;

/// How often each byte may be part of a value, on average: keys within values
/// are looked at, too. Beyond that the rest is taken out.
const MAX_WORK: usize = 8;

/// A part to take out, and what is written around the mark.
#[derive(Clone, Debug)]
pub(super) struct Cut<'t> {
    pub(super) place: Range<usize>,
    /// The quote with its backslashes; empty for bare text.
    pub(super) quote: &'t str,
    /// It goes up to the end of its line, as nothing else ends it.
    pub(super) is_line: bool,
}

/// Takes out what stands behind keys that hold one of the words, and the
/// passwords of URLs.
pub(super) fn redacted<'t>(words: &Words, text: &'t str) -> Cow<'t, str> {
    let scan = Scan {
        text,
        bytes: text.as_bytes(),
    };
    let mut cuts: Vec<Cut<'t>> = Vec::new();
    let mut work = 0;
    for hit in words.hits(text) {
        let Some(mut cut) = scan.behind(hit) else {
            continue;
        };
        work += cut.place.len();
        if work > MAX_WORK * (text.len() + MAX_REST) {
            cut.place.end = text.len();
        }
        // A value may seem to end behind the next key, and that key's value later still.
        match cuts.last_mut() {
            Some(last) if cut.place.start < last.place.end => {
                // Up to the end of the line is a guess that nothing within a value needs.
                if !cut.is_line {
                    last.place.end = last.place.end.max(cut.place.end);
                }
            }
            _ => cuts.push(cut),
        }
        if work > MAX_WORK * (text.len() + MAX_REST) {
            break;
        }
    }
    scan.logins(&mut cuts);
    if cuts.is_empty() {
        return Cow::Borrowed(text);
    }
    let mut rewritten = Rewritten::new(text);
    for cut in cuts {
        let quote = cut.quote;
        rewritten.put(cut.place, &format!("{quote}{MARK}{quote}"));
    }
    rewritten.finish()
}

/// What a value stands in, which decides where it ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Setting<'t> {
    /// Behind a key in quotes, which are given with their backslashes.
    Quoted(&'t str),
    /// `key=value`
    Assigned,
    /// `key: value` or `key = value`: up to the end of the line.
    Line,
}

#[derive(Clone, Copy)]
pub(super) struct Scan<'t> {
    pub(super) text: &'t str,
    pub(super) bytes: &'t [u8],
}

impl<'t> Scan<'t> {
    pub(super) fn at(self, at: usize) -> Option<u8> {
        self.bytes.get(at).copied()
    }

    pub(super) fn part(self, place: Range<usize>) -> &'t str {
        self.text.get(place).unwrap_or_default()
    }

    pub(super) fn skip(self, mut at: usize, is_passed: impl Fn(u8) -> bool) -> usize {
        while self.at(at).is_some_and(&is_passed) {
            at += 1;
        }
        at
    }

    /// Returns the quote at `at` with the backslashes before it.
    pub(super) fn quote(self, at: usize) -> Option<&'t str> {
        let end = self.skip(at, |byte| byte == b'\\');
        let quote = self.at(end)?;
        matches!(quote, b'\'' | b'"').then(|| self.part(at..end + 1))
    }

    /// Returns what to take out behind the word at `hit`, if it is part of a key.
    fn behind(self, hit: Hit) -> Option<Cut<'t>> {
        let start = self.start_of_key(hit);
        let mut at = self.skip(hit.end, is_key);
        if at - hit.end > MAX_REST {
            return None;
        }
        let opening = self.quote_before(start);
        let mut quote = self.quote(at);
        if quote.is_none() && opening.is_none() {
            // A key of several words: `'the token of it': …`
            let end = self.skip(at, |byte| byte == b' ' || is_key(byte));
            if end - at <= MAX_REST
                && let Some(found) = self.quote(end)
                && self.at(self.skip(end + found.len(), is_blank)) == Some(b':')
            {
                (at, quote) = (end, Some(found));
            }
        }
        if let Some(quote) = quote {
            at += quote.len();
        }
        if self.at(at) == Some(b']') {
            at += 1;
        }
        let sign = self.skip(at, is_blank);
        match self.at(sign) {
            Some(b':' | b'=') => {
                let rest = self.part(sign..self.bytes.len());
                // A path of names, or the scheme of a URL.
                if rest.starts_with("::") || rest.starts_with(SCHEME_END) {
                    return None;
                }
                let is_colon = rest.starts_with(':');
                let after = self.skip(sign, |byte| matches!(byte, b':' | b'=' | b'>'));
                // JSON may go on in the next line; a header does not.
                let value = match quote {
                    Some(_) => self.skip(after, is_space),
                    None => self.skip(after, is_blank),
                };
                let setting = match quote {
                    Some(quote) => Setting::Quoted(quote),
                    None if is_colon || value > after => Setting::Line,
                    None => Setting::Assigned,
                };
                self.value(value, setting)
            }
            Some(b',') => {
                let quote = quote?;
                let value = self.skip(sign + 1, is_space);
                let is_option = self.at(start) == Some(b'-');
                let is_first = self.is_first_of_pair(start, opening?);
                let cut = self.value(value, Setting::Quoted(quote))?;
                // Where a quote behind a backslash ended it, it may have ended earlier.
                let inner = self.part(cut.place.clone());
                let is_doubtful = inner.contains("\\'") || inner.contains("\\\"");
                let is_pair = is_first && (is_doubtful || self.is_last_of_pair(cut.place.end));
                (is_option || is_pair).then_some(cut)
            }
            // `?search=password%3Dhunter2`
            Some(b'%') if self.is_encoded_sign(sign) => {
                self.value(sign + ENCODED, Setting::Assigned)
            }
            // `--password hunter2`
            _ if quote.is_none() && sign > at && self.part(start..hit.end).starts_with("--") => {
                self.value(sign, Setting::Assigned)
            }
            _ => None,
        }
    }

    /// Tells whether a colon or an equals sign stands at `at` as in a query string.
    fn is_encoded_sign(self, at: usize) -> bool {
        let code = self.bytes.get(at..at + ENCODED).unwrap_or_default();
        code.eq_ignore_ascii_case(b"%3d") || code.eq_ignore_ascii_case(b"%3a")
    }

    fn start_of_key(self, hit: Hit) -> usize {
        let least = hit.start.saturating_sub(MAX_REST);
        let mut start = hit.start;
        while start > least && self.at(start - 1).is_some_and(is_key) {
            start -= 1;
        }
        start
    }

    /// Returns where the quote before a key begins.
    fn quote_before(self, start: usize) -> Option<usize> {
        let mut at = start.checked_sub(1)?;
        matches!(self.at(at), Some(b'\'' | b'"')).then_some(())?;
        while at > 0 && self.at(at - 1) == Some(b'\\') {
            at -= 1;
        }
        Some(at)
    }

    /// Tells whether the text that is quoted at `opening` is the first within
    /// a bracket: `('Authorization', 'Bearer …')`.
    fn is_first_of_pair(self, _start: usize, opening: usize) -> bool {
        let mut at = opening;
        while at > 0
            && let Some(before) = self.at(at - 1)
            && (is_space(before) || matches!(before, b'b' | b'u'))
        {
            at -= 1;
        }
        at > 0 && matches!(self.at(at - 1), Some(b'(' | b'['))
    }

    /// Tells whether a bracket closes at `end`, or the text was cut there.
    fn is_last_of_pair(self, end: usize) -> bool {
        let mut at = self.skip(end, is_space);
        if self.at(at) == Some(b',') {
            at = self.skip(at + 1, is_space);
        }
        let rest = self.part(at..self.bytes.len());
        rest.is_empty() || rest.starts_with([')', ']']) || rest.starts_with("...")
    }

    /// Returns the value at `at`; nothing if there is none, or it is none.
    fn value(self, at: usize, setting: Setting<'t>) -> Option<Cut<'t>> {
        let first = self.at(at)?;
        let own = match setting {
            Setting::Quoted(quote) => quote,
            _ => "",
        };
        // `b'…'`, `rb'…'`
        let prefix = self.skip(at, |byte| byte.is_ascii_alphabetic());
        let prefix = if prefix - at <= 2 { prefix } else { at };
        if let Some(quote) = self.quote(prefix) {
            let end = self.end_of_quoted(prefix + quote.len(), quote, setting);
            return Some(Cut {
                place: prefix..end,
                quote,
                is_line: false,
            });
        }
        let end = match first {
            b'[' | b'(' | b'{' => self.end_of_bracket(at),
            b'<' => self.end_of_angle(at),
            _ => match setting {
                Setting::Quoted(_) => self.end_of_item(at),
                Setting::Assigned => self.end_of_word(at),
                Setting::Line => self.end_of_line(at),
            },
        };
        let end = self.without_space(at, end);
        let value = self.part(at..end);
        let is_nothing = value.is_empty()
            || matches!(
                value,
                "None" | "null" | "True" | "False" | "true" | "false" | MARK
            );
        (!is_nothing).then_some(Cut {
            place: at..end,
            quote: own,
            is_line: setting == Setting::Line,
        })
    }

    fn without_space(self, start: usize, mut end: usize) -> usize {
        while end > start && self.at(end - 1).is_some_and(is_space) {
            end -= 1;
        }
        end
    }
}

pub(super) fn is_key(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.') || byte >= 0x80
}

fn is_blank(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t')
}

pub(super) fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\n' | b'\r')
}
