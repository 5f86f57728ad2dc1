//! Comparing without regard to case and without copying what is searched.

/// A text to look for, folded to lower case once.
///
/// A needle of ASCII letters finds ASCII letters only; others are compared by
/// Unicode's lower case, letter by letter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Needle {
    folded: String,
    /// Position of the byte to scan for: the rarest one. Used for ASCII needles.
    anchor: Option<usize>,
}

impl Needle {
    /// Folds a text.
    pub fn new(text: &str) -> Self {
        let folded = if text.is_ascii() {
            text.to_ascii_lowercase()
        } else {
            text.chars().flat_map(char::to_lowercase).collect()
        };
        let anchor = folded
            .is_ascii()
            .then(|| {
                folded
                    .bytes()
                    .enumerate()
                    .min_by_key(|(_, byte)| commonness(*byte))
            })
            .flatten()
            .map(|(at, _)| at);
        Self { folded, anchor }
    }

    /// Tells whether some UUID, as 36 characters, contains the text.
    pub fn may_be_in_uuid(&self) -> bool {
        const LENGTH: usize = 36;
        let needle = self.folded.as_bytes();
        let fits = |start: usize| {
            needle.iter().enumerate().all(|(at, byte)| {
                if matches!(start + at, 8 | 13 | 18 | 23) {
                    *byte == b'-'
                } else {
                    byte.is_ascii_hexdigit()
                }
            })
        };
        needle.len() <= LENGTH && (0..=LENGTH - needle.len()).any(fits)
    }

    /// Returns the text in lower case.
    pub fn as_str(&self) -> &str {
        &self.folded
    }

    /// Tells whether the text is somewhere in `hay`.
    pub fn is_in(&self, hay: &str) -> bool {
        match self.anchor {
            Some(anchor) => self.is_in_ascii(hay.as_bytes(), anchor),
            None => {
                self.folded.is_empty()
                    || hay
                        .char_indices()
                        .any(|(at, _)| self.starts(hay.get(at..).unwrap_or_default()))
            }
        }
    }

    /// Tells whether `hay` is the text.
    pub fn equals(&self, hay: &str) -> bool {
        self.equals_chars(hay.chars())
    }

    pub(super) fn equals_chars(&self, hay: impl Iterator<Item = char>) -> bool {
        if self.folded.is_ascii() {
            return hay
                .map(|letter| letter.to_ascii_lowercase())
                .eq(self.folded.chars());
        }
        hay.flat_map(char::to_lowercase).eq(self.folded.chars())
    }

    /// Takes `text` off the front of `part`, which is the end of this needle's own
    /// text; `None` if it does not begin with it.
    pub(super) fn rest_after<'p>(&self, part: &'p str, text: &str) -> Option<&'p str> {
        let mut rest = part.chars();
        let is_ascii = self.folded.is_ascii();
        let is_start = text.chars().all(|letter| {
            if is_ascii {
                rest.next() == Some(letter.to_ascii_lowercase())
            } else {
                letter
                    .to_lowercase()
                    .all(|letter| rest.next() == Some(letter))
            }
        });
        is_start.then_some(rest.as_str())
    }

    fn starts(&self, hay: &str) -> bool {
        let mut hay = hay.chars().flat_map(char::to_lowercase);
        self.folded.chars().all(|letter| hay.next() == Some(letter))
    }

    /// Scans for the rarest byte in both cases and compares around each hit.
    fn is_in_ascii(&self, hay: &[u8], anchor: usize) -> bool {
        let needle = self.folded.as_bytes();
        let Some(&byte) = needle.get(anchor) else {
            return false;
        };
        let fits = |hit: usize| {
            hit.checked_sub(anchor)
                .and_then(|start| hay.get(start..start.checked_add(needle.len())?))
                .is_some_and(|part| part.eq_ignore_ascii_case(needle))
        };
        let upper = byte.to_ascii_uppercase();
        if upper == byte {
            memchr::memchr_iter(byte, hay).any(fits)
        } else {
            memchr::memchr2_iter(byte, upper, hay).any(fits)
        }
    }
}

/// How common a byte is in arguments, results and names, roughly: the higher the commoner.
fn commonness(byte: u8) -> u8 {
    match byte {
        b' ' | b'e' | b'\'' | b',' => 9,
        b'a' | b'i' | b'n' | b'o' | b'r' | b's' | b't' | b'0' | b'1' => 8,
        b'c' | b'd' | b'l' | b'm' | b'u' | b'.' | b'_' | b'2'..=b'9' => 6,
        b'a'..=b'z' | b'-' | b':' | b'(' | b')' | b'{' | b'}' | b'[' | b']' => 4,
        _ => 2,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn case_does_not_matter() {
        assert!(Needle::new("SEND").is_in("shop.send_email"));
        assert!(Needle::new("send").is_in("Shop.SEND"));
        assert!(Needle::new("GRÖSSE").is_in("die größe, die Grösse"));
        assert!(!Needle::new("send").is_in("sen d"));
        assert!(Needle::new("x").is_in("öX"));
        assert!(Needle::new("Ö").is_in("xö"));
        assert!(Needle::new("success").equals("SUCCESS"));
        assert!(!Needle::new("succes").equals("SUCCESS"));
        assert!(Needle::new("").is_in(""));
    }

    #[test]
    fn parts_of_a_uuid_are_known() {
        for text in [
            "8f14e45f-ceea-467f-a1b2-0123456789ab",
            "8F14",
            "f-ce",
            "-",
            "ceea-467f",
            "",
        ] {
            assert!(Needle::new(text).may_be_in_uuid(), "{text}");
        }
        for text in [
            "8f14e45f-ceea-467f-a1b2-0123456789abc",
            "--",
            "8f14e45f0",
            "a-bc-d",
            "xyz",
            "ä",
            "send",
        ] {
            let is_hex_only = text == "8f14e45f0";
            assert_eq!(Needle::new(text).may_be_in_uuid(), is_hex_only, "{text}");
        }
    }
}
