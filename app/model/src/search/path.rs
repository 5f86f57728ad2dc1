//! Looking into Python's repr of containers, such as `{'user': {'email': 'x'}}`,
//! without building a tree. A repr that was cut is searched as far as it goes.

use super::{Needle, Range, SearchField};
use std::borrow::Cow;

/// What the value at a key must be.
#[derive(Clone, Debug, PartialEq)]
pub enum ValueTest {
    /// It contains the text.
    Contains(Needle),
    /// It is the text: a string's content, or the repr of anything else.
    Equals(Needle),
    /// It is a number, or a string that holds one, within the range.
    Number(Range<f64>),
}

/// A condition on one value inside arguments or result, `kwargs.user.email:x`.
#[derive(Clone, Debug, PartialEq)]
pub struct PathTerm {
    /// Where to look: args, kwargs or result.
    field: SearchField,
    /// Keys joined by dots, folded to lower case. Keys may have dots themselves.
    path: Needle,
    test: ValueTest,
    /// The path is one key, of a dict, and `None` counts as an empty text.
    is_flower: bool,
}

impl PathTerm {
    pub(super) fn new(field: SearchField, path: &str, test: ValueTest) -> Self {
        Self {
            field,
            path: Needle::new(path),
            test,
            is_flower: false,
        }
    }

    /// Builds Flower's `kwargs:key=value` (`_kwargs_pairs` in `flower/utils/search.py`).
    pub(super) fn flower(key: &str, value: &str) -> Self {
        Self {
            field: SearchField::Kwargs,
            path: Needle::new(key),
            test: ValueTest::Equals(Needle::new(value)),
            is_flower: true,
        }
    }

    /// Returns the field that is looked into: args, kwargs or result.
    pub fn field(&self) -> SearchField {
        self.field
    }

    /// Returns the keys, joined by dots, in lower case.
    pub fn path(&self) -> &str {
        self.path.as_str()
    }

    /// Returns what the value must be.
    pub fn test(&self) -> &ValueTest {
        &self.test
    }

    /// Returns a text that every matching repr contains, if there is one.
    /// It can be looked for first, which is much cheaper than [`Self::is_in`].
    pub fn prefilter(&self) -> Option<&Needle> {
        let (ValueTest::Contains(needle) | ValueTest::Equals(needle)) = &self.test else {
            return None;
        };
        // Quotes and backslashes are written with a backslash in a repr.
        let text = needle.as_str();
        let is_plain = !text.is_empty() && !text.contains(['\'', '"', '\\']);
        is_plain.then_some(needle)
    }

    /// Tells whether a repr has such a value.
    pub fn is_in(&self, repr: &str) -> bool {
        self.find(repr, self.path.as_str())
    }

    /// Looks for the value at `path`. Each call consumes a key of the path.
    fn find(&self, repr: &str, path: &str) -> bool {
        let repr = repr.trim_start();
        let Some(open) = repr.chars().next() else {
            return false;
        };
        // Brackets are one byte wide.
        let inside = repr.get(1..).unwrap_or_default();
        match open {
            '{' => Pairs(Some(inside)).any(|(key, value)| match self.step(key, path) {
                Step::End => self.is_value(value),
                Step::Rest(rest) => self.find(value, rest),
                Step::Elsewhere => false,
            }),
            '[' | '(' if !self.is_flower => {
                let (index, rest) = match path.split_once('.') {
                    Some((index, rest)) => (index, Some(rest)),
                    None => (path, None),
                };
                let item = index
                    .parse()
                    .ok()
                    .and_then(|index| Items(Some(inside)).nth(index));
                match (item, rest) {
                    (Some(item), Some(rest)) => self.find(item, rest),
                    (Some(item), None) => self.is_value(item),
                    (None, _) => false,
                }
            }
            _ => false,
        }
    }

    /// Compares a dict's key with the beginning of the path.
    fn step<'p>(&self, key: &str, path: &'p str) -> Step<'p> {
        let key = content(key);
        if self.is_flower {
            return if self.path.equals(&key) {
                Step::End
            } else {
                Step::Elsewhere
            };
        }
        match self.path.rest_after(path, &key) {
            Some("") => Step::End,
            Some(rest) => match rest.strip_prefix('.') {
                Some(rest) => Step::Rest(rest),
                None => Step::Elsewhere,
            },
            None => Step::Elsewhere,
        }
    }

    fn is_value(&self, item: &str) -> bool {
        let item = item.trim();
        match &self.test {
            ValueTest::Equals(needle) => {
                // Flower folds None to an empty text.
                if item == "None" && needle.as_str().is_empty() {
                    return true;
                }
                needle.equals(&content(item)) && !(self.is_flower && item == "None")
            }
            ValueTest::Contains(needle) => needle.is_in(&content(item)),
            ValueTest::Number(range) => {
                let text = content(item);
                let is_number = text.bytes().next_back().is_some_and(|b| b.is_ascii_digit());
                is_number && text.parse().is_ok_and(|number| range.contains(number))
            }
        }
    }
}

/// Hands every key, as its content, and every value, as its repr, of what lies
/// at `keys` of a repr to `visit`; at the top if `keys` is empty. Keys of a
/// list are numbers.
pub fn visit_items(repr: &str, keys: &str, visit: &mut dyn FnMut(&str, &str)) {
    let repr = repr.trim_start();
    let inside = repr.get(1..).unwrap_or_default();
    let path = Needle::new(keys);
    let mut pass = |key: &str, value: &str| {
        if keys.is_empty() {
            visit(key, value.trim());
            return;
        }
        match path.rest_after(path.as_str(), key) {
            Some("") => visit_items(value, "", visit),
            Some(rest) => {
                if let Some(rest) = rest.strip_prefix('.') {
                    visit_items(value, rest, visit);
                }
            }
            None => {}
        }
    };
    match repr.chars().next() {
        Some('{') => Pairs(Some(inside)).for_each(|(key, value)| pass(&content(key), value)),
        Some('[' | '(') => Items(Some(inside))
            .enumerate()
            .for_each(|(index, value)| pass(&index.to_string(), value)),
        _ => {}
    }
}

/// Hands every value at `keys` of a repr to `visit`, strings as their content.
pub fn visit_values(repr: &str, keys: &str, visit: &mut dyn FnMut(&str)) {
    // The last key may have dots itself.
    let mut at = Some(0);
    while let Some(start) = at {
        let (parents, key) = match start {
            0 => ("", keys),
            start => (&keys[..start - 1], &keys[start..]),
        };
        visit_items(repr, parents, &mut |found, value| {
            if Needle::new(key).equals(found) {
                visit(&content(value));
            }
        });
        at = keys[start..].find('.').map(|dot| start + dot + 1);
    }
}

enum Step<'p> {
    /// The key is the whole path.
    End,
    /// The key is the beginning of the path; this is what follows its dot.
    Rest(&'p str),
    /// The key is another one.
    Elsewhere,
}

/// Keys and values of a dict, from behind its opening bracket.
struct Pairs<'a>(Option<&'a str>);

impl<'a> Iterator for Pairs<'a> {
    type Item = (&'a str, &'a str);
    fn next(&mut self) -> Option<Self::Item> {
        let (key, after) = split_item(self.0?, ':')?;
        let (value, rest) = first_item(after);
        self.0 = rest;
        Some((key, value))
    }
}

/// Items of a list or tuple, from behind its opening bracket.
struct Items<'a>(Option<&'a str>);

impl<'a> Iterator for Items<'a> {
    type Item = &'a str;
    fn next(&mut self) -> Option<&'a str> {
        let (item, rest) = first_item(self.0?);
        self.0 = rest;
        (rest.is_some() || !item.trim().is_empty()).then_some(item)
    }
}

/// Splits what is before the first comma from what follows; the last item ends
/// with the bracket that closes its container, or with the text.
fn first_item(text: &str) -> (&str, Option<&str>) {
    match split_item(text, ',') {
        Some((item, rest)) => (item, Some(rest)),
        None => {
            let end = end_of_item(text, |letter, depth| {
                depth == 0 && matches!(letter, '}' | ']' | ')')
            });
            (end.and_then(|end| text.get(..end)).unwrap_or(text), None)
        }
    }
}

/// Splits at the first `mark` that is in no quotes and no brackets.
fn split_item(text: &str, mark: char) -> Option<(&str, &str)> {
    let at = end_of_item(text, |letter, depth| depth == 0 && letter == mark)?;
    Some((text.get(..at)?, text.get(at + 1..)?))
}

/// Finds a character outside quotes, within the container that `text` begins in.
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

/// Returns a string's content, or the repr of anything else. Copies only a
/// string in which a quote or a backslash is written with a backslash. A
/// string whose end was cut off keeps what is there.
fn content(repr: &str) -> Cow<'_, str> {
    let repr = repr.trim();
    let Some(quote) = repr.chars().next().filter(|c| matches!(c, '\'' | '"')) else {
        return Cow::Borrowed(repr);
    };
    let inside = repr.get(1..).unwrap_or_default();
    let inside = inside.strip_suffix(quote).unwrap_or(inside);
    if inside.contains('\\') {
        Cow::Owned(unescape(inside))
    } else {
        Cow::Borrowed(inside)
    }
}

/// Drops the backslash before a quote or backslash; others, as in `\n`, stay.
fn unescape(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut letters = text.chars().peekable();
    while let Some(letter) = letters.next() {
        let next = letters.next_if(|next| letter == '\\' && matches!(next, '\'' | '"' | '\\'));
        plain.push(next.unwrap_or(letter));
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    const REPR: &str = r#"{'user': {'Email': 'Ann@Example.org', 'tags': ['a', ('b', {'c.d': 'e'})]}, 'n': 7, 'price': -1.5, 'text': '19', "it's": 'a, b: c', 'q': 'it\'s', 'none': None, 'a.b': 1, 3: {'x': 'y'}, 'set': {1, 2}}"#;

    fn has(path: &str, test: ValueTest) -> bool {
        PathTerm::new(SearchField::Kwargs, path, test).is_in(REPR)
    }

    fn equals(path: &str, value: &str) -> bool {
        has(path, ValueTest::Equals(Needle::new(value)))
    }

    fn contains(path: &str, value: &str) -> bool {
        has(path, ValueTest::Contains(Needle::new(value)))
    }

    #[test]
    fn paths_lead_into_dicts_and_lists() {
        assert!(equals("user.email", "ann@example.ORG"));
        assert!(contains("USER.Email", "example"));
        assert!(!equals("user.email", "ann"));
        assert!(equals("user.tags.0", "a"));
        assert!(equals("user.tags.1.0", "b"));
        assert!(equals("user.tags.1.1.c.d", "e"));
        assert!(contains("user", "'tags': ['a'"));
        assert!(equals("a.b", "1"));
        assert!(equals("3.x", "y"));
        assert!(equals("n", "7"));
        assert!(equals("it's", "a, b: c"));
        assert!(equals("q", "it's"));
        assert!(contains("q", "t's"));
        assert!(equals("none", "none"));
        assert!(equals("none", ""));
        for path in [
            "email",
            "user.tags.2",
            "user.tags.x",
            "user.",
            "",
            "n.0",
            "set.0",
            "a",
            "sr",
        ] {
            assert!(!contains(path, "e") && !contains(path, "1"), "{path}");
        }
    }

    #[test]
    fn numbers_are_compared() {
        let within = |path, from: f64, to: f64| {
            let range = Range {
                from: std::ops::Bound::Included(from),
                to: std::ops::Bound::Excluded(to),
            };
            has(path, ValueTest::Number(range))
        };
        assert!(within("n", 7.0, 7.5));
        assert!(!within("n", 6.0, 7.0));
        assert!(within("price", -2.0, 0.0));
        assert!(within("text", 19.0, 20.0));
        assert!(!within("none", f64::MIN, f64::MAX));
        assert!(!within("user", f64::MIN, f64::MAX));
    }

    #[test]
    fn flowers_pairs_are_at_the_top_of_a_dict() {
        let has = |key, value| PathTerm::flower(key, value).is_in(REPR);
        assert!(has("N", "7"));
        assert!(has("a.b", "1"));
        assert!(has("none", ""));
        assert!(!has("none", "none"));
        assert!(!has("user.email", "ann@example.org"));
        assert!(!has("n", "8"));
        assert!(!PathTerm::flower("0", "1").is_in("(1,)"));
    }

    #[test]
    fn keys_and_values_can_be_listed() {
        let items = |repr: &str, keys: &str| {
            let mut items = Vec::new();
            visit_items(repr, keys, &mut |key, value| {
                items.push(format!("{key}={value}"))
            });
            items
        };
        assert_eq!(items("{'a': 1, 'b': 'x'}", ""), ["a=1", "b='x'"]);
        assert_eq!(items("(1, [2, 'x'])", "1"), ["0=2", "1='x'"]);
        assert_eq!(items(REPR, "USER.tags.1"), ["0='b'", "1={'c.d': 'e'}"]);
        assert_eq!(
            items("{'a.b': {'c': 1}, 'a': {'b': [2]}}", "a.b"),
            ["c=1", "0=2"]
        );
        assert!(items(REPR, "n").is_empty() && items("x", "").is_empty());
        let values = |keys: &str| {
            let mut values = Vec::new();
            visit_values(REPR, keys, &mut |value| values.push(value.to_owned()));
            values
        };
        assert_eq!(values("user.email"), ["Ann@Example.org"]);
        assert_eq!(values("user.tags.1.1.c.d"), ["e"]);
        assert_eq!(values("A.B"), ["1"]);
        assert_eq!(values("q"), ["it's"]);
        assert!(values("user.nothing").is_empty() && values("").is_empty());
    }

    #[test]
    fn what_was_cut_is_read_as_far_as_it_goes() {
        let has = |repr: &str, path, value| {
            PathTerm::new(
                SearchField::Args,
                path,
                ValueTest::Contains(Needle::new(value)),
            )
            .is_in(repr)
        };
        assert!(has("{'a': 1, 'b': ...}", "a", "1"));
        assert!(has("{'a': {'b': 'long te...", "a.b", "long te"));
        assert!(has("(1, [2, 'x', ...", "1.1", "x"));
        assert!(has("('a',)", "0", "a"));
        for odd in [
            "",
            "{",
            "{}",
            "(",
            "()",
            "(1,)",
            "{'x",
            "{'x': ",
            "}",
            "{'x' 'y'}",
            "{'é",
        ] {
            assert!(!has(odd, "x", "y") && !has(odd, "1", "y"), "{odd}");
        }
    }
}
