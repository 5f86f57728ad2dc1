//! Where values end in texts that may be cut off and whose quotes cannot be
//! trusted, and where the passwords of URLs stand. In doubt a value goes on.

use super::{
    MARK,
    text::{Cut, Scan, Setting, is_space},
    words::SCHEME_END,
};
use memchr::memmem;
use std::ops::Range;

/// Longest login of a URL, bytes.
const MAX_LOGIN: usize = 1_024;

impl<'t> Scan<'t> {
    /// Returns the end of a text that began with `quote`, past its closing
    /// quote; of one that does not end, the end of everything.
    pub(super) fn end_of_quoted(self, start: usize, quote: &str, setting: Setting<'_>) -> usize {
        let (Some(sign), slashes) = (quote.bytes().next_back(), quote.len() - 1) else {
            return self.bytes.len();
        };
        let mut at = start;
        while let Some(found) = memchr::memchr(sign, self.bytes.get(at..).unwrap_or_default()) {
            let place = at + found;
            at = place + 1;
            let mut begun = place;
            while begun > start && self.at(begun - 1) == Some(b'\\') {
                begun -= 1;
            }
            let before = place - begun;
            if before < slashes {
                // The text around it ends.
                if self.may_follow_text(at, setting) {
                    return begun;
                }
            } else if before == slashes && self.may_follow_text(at, setting) {
                return at;
            }
        }
        self.bytes.len()
    }

    /// Tells whether what stands at `at` can follow a text in quotes.
    pub(super) fn may_follow_text(self, at: usize, setting: Setting<'_>) -> bool {
        let is_in_line = !matches!(setting, Setting::Quoted(_));
        let next = self.skip(at, is_space);
        match self.at(next) {
            None | Some(b',' | b')' | b']' | b'}' | b'\\' | b'\'' | b'"') => true,
            Some(b'.' | b';' | b':' | b'&' | b'>' | b'!' | b'?' | b'/' | b'#') => is_in_line,
            Some(_) => is_in_line && next > at,
        }
    }

    /// Returns the end of what began with a bracket at `at`.
    pub(super) fn end_of_bracket(self, mut at: usize) -> usize {
        let mut depth = 0_usize;
        while let Some(byte) = self.at(at) {
            match byte {
                b'[' | b'(' | b'{' => depth += 1,
                b']' | b')' | b'}' => {
                    depth = depth.saturating_sub(1);
                    if depth == 0 {
                        return at + 1;
                    }
                }
                b'\'' | b'"' | b'\\' => {
                    at = self.past_quoted(at);
                    continue;
                }
                _ => {}
            }
            at += 1;
        }
        self.bytes.len()
    }

    /// Goes past the text that is quoted at `at`, or past a backslash.
    pub(super) fn past_quoted(self, at: usize) -> usize {
        let Some(quote) = self.quote(at) else {
            return at + 1;
        };
        let start = at + quote.len();
        // Within brackets a colon follows a key.
        let end = self.end_of_quoted(start, quote, Setting::Assigned);
        // Behind a backslash a quote may belong to the text or end it. Whoever
        // takes one for the other is wrong about all that follows.
        let inner = self.part(start..end.saturating_sub(quote.len()));
        let is_doubtful = match quote.len() {
            1 => inner.ends_with('\\') || inner.contains(['\'', '"']) && inner.contains('\\'),
            _ => inner.contains("\\\\"),
        };
        if is_doubtful { self.bytes.len() } else { end }
    }

    /// Returns the end of `<…>` at `at`.
    pub(super) fn end_of_angle(self, at: usize) -> usize {
        let mut depth = 0_usize;
        for (place, byte) in self.bytes.iter().enumerate().skip(at) {
            match byte {
                b'<' => depth += 1,
                b'>' => depth = depth.saturating_sub(1),
                _ => continue,
            }
            let may_follow = || self.may_follow_text(place + 1, Setting::Quoted(""));
            if depth == 0 && may_follow() {
                return place + 1;
            }
        }
        self.bytes.len()
    }

    /// Returns the end of an item of a container: the comma or bracket behind it.
    pub(super) fn end_of_item(self, mut at: usize) -> usize {
        while let Some(byte) = self.at(at) {
            at = match byte {
                b',' | b')' | b']' | b'}' => return at,
                b'(' | b'[' | b'{' => self.end_of_bracket(at),
                b'<' => self.end_of_angle(at),
                b'\'' | b'"' | b'\\' => self.past_quoted(at),
                _ => at + 1,
            };
        }
        self.bytes.len()
    }

    /// Returns the end of a bare word, with the one behind it if it only says
    /// what that is: `Bearer …`.
    pub(super) fn end_of_word(self, start: usize) -> usize {
        let end = self.end_of_bare(start);
        let schemes = ["bearer", "basic", "digest", "token", "negotiate", "apikey"];
        let is_scheme = schemes
            .iter()
            .any(|scheme| self.part(start..end).eq_ignore_ascii_case(scheme));
        match self.at(end) {
            Some(b' ') if is_scheme => self.end_of_bare(end + 1),
            _ => end,
        }
    }

    pub(super) fn end_of_bare(self, mut at: usize) -> usize {
        while let Some(byte) = self.at(at) {
            at = match byte {
                b',' | b')' | b']' | b'}' | b'&' | b';' | b'|' => return at,
                _ if is_space(byte) => return at,
                b'(' | b'[' | b'{' => self.end_of_bracket(at),
                b'\'' | b'"' if self.may_follow_text(at + 1, Setting::Line) => return at,
                b'\\' if self.is_end_of_line(at) => return at,
                _ => at + 1,
            };
        }
        at
    }

    pub(super) fn end_of_line(self, mut at: usize) -> usize {
        while let Some(byte) = self.at(at) {
            match byte {
                b'\n' | b'\r' => return at,
                b'\\' if self.is_end_of_line(at) => return at,
                // The text around it ends.
                b'\'' | b'"' if self.may_follow_text(at + 1, Setting::Quoted("")) => {
                    let mut begun = at;
                    while self.at(begun - 1) == Some(b'\\') {
                        begun -= 1;
                    }
                    return begun;
                }
                _ => at += 1,
            }
        }
        at
    }

    /// Tells whether an escaped end of a line stands at `at`.
    pub(super) fn is_end_of_line(self, at: usize) -> bool {
        let end = self.skip(at, |byte| byte == b'\\');
        matches!(self.at(end), Some(b'n' | b'r'))
    }

    /// Adds the passwords of URLs that no cut takes out yet.
    pub(super) fn logins(self, cuts: &mut Vec<Cut<'t>>) {
        let known = cuts.len();
        for found in memmem::find_iter(self.bytes, SCHEME_END) {
            let start = found + SCHEME_END.len();
            let Some(place) = self.password_of_url(start) else {
                continue;
            };
            let is_known = cuts[..known]
                .iter()
                .any(|cut| cut.place.start < place.end && place.start < cut.place.end);
            let is_told = cuts
                .last()
                .is_some_and(|last| cuts.len() > known && place.start < last.place.end);
            if !is_known && !is_told && self.part(place.clone()) != MARK {
                cuts.push(Cut {
                    place,
                    quote: "",
                    is_line: false,
                });
            }
        }
        if cuts.len() > known {
            cuts.sort_by_key(|cut| cut.place.start);
        }
    }

    /// Returns where the password of a URL stands whose scheme ends at `start`.
    pub(super) fn password_of_url(self, start: usize) -> Option<Range<usize>> {
        let is_end = |byte: &u8| {
            is_space(*byte) || matches!(byte, b'\'' | b'"' | b'<' | b'>' | b'\\' | b'|')
        };
        let rest = self.bytes.get(start..)?;
        let rest = rest.get(..MAX_LOGIN).unwrap_or(rest);
        let rest = rest.split(is_end).next()?;
        let rest = match memmem::find(rest, SCHEME_END.as_bytes()) {
            Some(next) => &rest[..next],
            None => rest,
        };
        let at = memchr::memrchr(b'@', rest)?;
        let colon = memchr::memchr(b':', &rest[..at])?;
        let password = &rest[colon + 1..at];
        // `https://host:8000/@name`: a port, and a path.
        let digits = password.iter().take_while(|b| b.is_ascii_digit()).count();
        let is_port = digits > 0 && matches!(password.get(digits), Some(b'/' | b'?' | b'#'));
        // `https://host/a:b@c`: the login stands before the first slash.
        let is_path = memchr::memchr3(b'/', b'?', b'#', &rest[..colon]).is_some();
        (!password.is_empty() && !is_port && !is_path).then(|| start + colon + 1..start + at)
    }
}
