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

    fn equals_chars(&self, hay: impl Iterator<Item = char>) -> bool {
        if self.folded.is_ascii() {
            return hay
                .map(|letter| letter.to_ascii_lowercase())
                .eq(self.folded.chars());
        }
        hay.flat_map(char::to_lowercase).eq(self.folded.chars())
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

/// Tells whether Python's repr of a dict, such as `{'user': 'ann', 'n': 7}`,
/// has the pair. A repr that was cut is searched as far as it goes.
pub(super) fn has_pair(repr: &str, key: &Needle, value: &Needle) -> bool {
    let Some(mut rest) = repr.trim_start().strip_prefix('{') else {
        return false;
    };
    loop {
        let Some((found_key, after)) = split_item(rest, ':') else {
            return false;
        };
        let (found_value, next) = match split_item(after, ',') {
            Some((found, next)) => (found, Some(next)),
            None => (last_item(after), None),
        };
        if item_equals(key, found_key) && item_equals(value, found_value) {
            return true;
        }
        match next {
            Some(next) => rest = next,
            None => return false,
        }
    }
}

/// Splits at the first `mark` that is in no quotes and no brackets.
fn split_item(text: &str, mark: char) -> Option<(&str, &str)> {
    let at = end_of_item(text, |letter, depth| depth == 0 && letter == mark)?;
    Some((text.get(..at)?, text.get(at + 1..)?))
}

/// Returns what is before the bracket that closes the dict, or everything.
fn last_item(text: &str) -> &str {
    end_of_item(text, |letter, depth| depth == 0 && letter == '}')
        .and_then(|at| text.get(..at))
        .unwrap_or(text)
}

fn end_of_item(text: &str, is_end: impl Fn(char, usize) -> bool) -> Option<usize> {
    let mut depth = 0_usize;
    let mut quote = None;
    let mut is_escaped = false;
    for (at, letter) in text.char_indices() {
        if let Some(open) = quote {
            if is_escaped {
                is_escaped = false;
            } else if letter == '\\' {
                is_escaped = true;
            } else if letter == open {
                quote = None;
            }
            continue;
        }
        if is_end(letter, depth) {
            return Some(at);
        }
        match letter {
            '\'' | '"' => quote = Some(letter),
            '(' | '[' | '{' => depth += 1,
            ')' | ']' | '}' => depth = depth.checked_sub(1)?,
            _ => {}
        }
    }
    None
}

/// Compares with a text's content, or with the repr of anything else.
fn item_equals(needle: &Needle, repr: &str) -> bool {
    let repr = repr.trim();
    for quote in ['\'', '"'] {
        let content = repr
            .strip_prefix(quote)
            .and_then(|rest| rest.strip_suffix(quote));
        if let Some(content) = content {
            return needle.equals_chars(Unescaped(content.chars()));
        }
    }
    needle.equals(repr)
}

/// The characters of a quoted text; a backslash before a quote or backslash is dropped.
struct Unescaped<'a>(std::str::Chars<'a>);

impl Iterator for Unescaped<'_> {
    type Item = char;
    fn next(&mut self) -> Option<char> {
        let letter = self.0.next()?;
        let mut ahead = self.0.clone();
        match (letter, ahead.next()) {
            ('\\', Some(next @ ('\'' | '"' | '\\'))) => {
                self.0 = ahead;
                Some(next)
            }
            _ => Some(letter),
        }
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
    fn pairs_of_a_repr_are_told_apart() {
        let repr = r#"{'user': 'Ann', 'n': 7, 'list': [1, {'n': 8}], "it's": 'a, b: c', 'q': 'it\'s', 'none': None}"#;
        let has = |key: &str, value: &str| has_pair(repr, &Needle::new(key), &Needle::new(value));
        assert!(has("user", "ann"));
        assert!(has("n", "7"));
        assert!(has("list", "[1, {'n': 8}]"));
        assert!(has("it's", "a, b: c"));
        assert!(has("q", "it's"));
        assert!(has("none", "none"));
        assert!(!has("n", "8"));
        assert!(!has("user", "an"));
        assert!(!has("ser", "ann"));
        for odd in ["", "{", "{}", "(1,)", "{'a", "{'a': ", "{'a': 'b", "}"] {
            assert!(
                !has_pair(odd, &Needle::new("x"), &Needle::new("y")),
                "{odd}"
            );
        }
        assert!(has_pair(
            "{'a': 1, 'b': ...}",
            &Needle::new("a"),
            &Needle::new("1")
        ));
    }
}
