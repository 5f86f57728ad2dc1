//! Comparing without regard to case and without copying what is searched.

use std::{collections::HashMap, sync::LazyLock};

/// A byte in either case: another byte fits if it is `byte` once the bits of `mask` are set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CaseByte {
    /// The bits in which the cases differ.
    pub mask: u8,
    /// The byte with these bits set.
    pub byte: u8,
}

impl CaseByte {
    /// Tells whether the byte fits.
    #[inline]
    pub fn fits(self, byte: u8) -> bool {
        byte | self.mask == self.byte
    }
}

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

    /// Returns bytes that stand side by side wherever the text is, whatever the case.
    ///
    /// For a text of ASCII letters it is the text: where the bytes are, the text
    /// is. For others it is a part of it, and empty if no part has the same
    /// length in both cases.
    pub fn outline(&self) -> Vec<CaseByte> {
        if self.folded.is_ascii() {
            let bytes = self.folded.bytes();
            return bytes
                .map(|byte| CaseByte {
                    mask: (byte ^ byte.to_ascii_uppercase()) & 0x20,
                    byte,
                })
                .collect();
        }
        let (mut longest, mut run) = (Vec::new(), Vec::new());
        for letter in self.folded.chars() {
            match outline_of(letter) {
                Some(bytes) => run.extend(bytes),
                None => run.clear(),
            }
            if run.len() > longest.len() {
                longest.clone_from(&run);
            }
        }
        longest
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

/// What is folded to a lower-case letter.
#[derive(Debug, Default)]
struct Origins {
    letters: Vec<char>,
    /// It is also a part of what one other letter is folded to.
    is_part: bool,
}

/// Letters that others are folded to, as the Kelvin sign to `k`.
static ORIGINS: LazyLock<HashMap<char, Origins>> = LazyLock::new(|| {
    let mut origins: HashMap<char, Origins> = HashMap::new();
    for letter in char::MIN..=char::MAX {
        let folded = letter.to_lowercase();
        match folded.len() {
            1 => {
                for lower in folded.filter(|lower| *lower != letter) {
                    origins.entry(lower).or_default().letters.push(letter);
                }
            }
            _ => {
                for part in folded {
                    origins.entry(part).or_default().is_part = true;
                }
            }
        }
    }
    origins
});

/// Returns the bytes of a folded letter, if they are as many in any case.
fn outline_of(letter: char) -> Option<Vec<CaseByte>> {
    let mut buffer = [0; 4];
    let bytes = letter.encode_utf8(&mut buffer).bytes();
    let mut outline: Vec<CaseByte> = bytes.map(|byte| CaseByte { mask: 0, byte }).collect();
    if let Some(origins) = ORIGINS.get(&letter) {
        for origin in &origins.letters {
            let mut buffer = [0; 4];
            let other = origin.encode_utf8(&mut buffer).as_bytes();
            if origins.is_part || other.len() != outline.len() {
                return None;
            }
            for (here, other) in outline.iter_mut().zip(other) {
                here.mask |= (here.byte ^ other) & !here.mask;
                here.byte |= here.mask;
            }
        }
        if origins.is_part {
            return None;
        }
    }
    Some(outline)
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
    fn an_outline_stands_wherever_the_text_does() {
        let alphabet: Vec<char> = "aAkK\u{212a}iIİ\u{307}ßẞüÜåÅ\u{212b}рРпПωΩ\u{2126}Džž1-"
            .chars()
            .collect();
        // Every text of two letters, in every other one.
        let pairs: Vec<String> = alphabet
            .iter()
            .flat_map(|a| alphabet.iter().map(move |b| format!("{a}{b}")))
            .collect();
        let hays: Vec<String> = pairs.iter().map(|pair| format!("ä{pair}i")).collect();
        let mut matches = 0;
        for pair in &pairs {
            let needle = Needle::new(pair);
            let outline = needle.outline();
            for hay in hays.iter().filter(|hay| needle.is_in(hay)) {
                matches += 1;
                let is_there = outline.is_empty()
                    || hay
                        .as_bytes()
                        .windows(outline.len())
                        .any(|part| outline.iter().zip(part).all(|(case, b)| case.fits(*b)));
                assert!(is_there, "{pair} in {hay}: {outline:?}");
            }
        }
        assert!(matches > 1_000);
        assert_eq!(Needle::new("größer").outline().len(), 4);
        assert_eq!(Needle::new("привет").outline().len(), 12);
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
