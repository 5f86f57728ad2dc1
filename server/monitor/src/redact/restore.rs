//! Putting back what an operator left untouched: a form shows arguments with
//! [`MARK`] in them, and a task must be sent with what was there before.

use super::{
    MARK, Redactor,
    json::{MAX_DEPTH, Rewritten, Walk, unquoted},
};
use std::{borrow::Cow, ops::Range};

/// Where a mark stands for which nothing can be put back, such as `user.password`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Lost(pub(crate) String);

impl Redactor {
    /// Tells whether JSON holds the mark anywhere.
    pub(crate) fn is_marked(&self, json: &str) -> bool {
        !self.is_off() && json.contains(MARK)
    }

    /// Returns `edited` with the originals in place of the marks that stand
    /// where `original`, as it is shown, has them.
    ///
    /// A member of an object is known by its key, an item of a list by its
    /// place, as long as the list has as many items as before.
    pub(crate) fn restored(&self, edited: &str, original: &str) -> Result<String, Lost> {
        let lost = || Lost(String::new());
        let shown = self.json(original);
        let tree = |text| Tree::read(text).ok_or_else(lost);
        let (edited_tree, shown_tree, original_tree) =
            (tree(edited)?, tree(&shown)?, tree(original)?);
        let mut rewritten = Rewritten::new(edited);
        let both = Both {
            shown: (&shown, &shown_tree),
            original: (original, &original_tree),
        };
        fill(
            (edited, &edited_tree),
            Some(both),
            &mut Vec::new(),
            &mut rewritten,
        )?;
        Ok(rewritten.finish().into_owned())
    }
}

/// A value and where it stands.
struct Tree<'t> {
    place: Range<usize>,
    kind: Kind<'t>,
}

enum Kind<'t> {
    Scalar,
    List(Vec<Tree<'t>>),
    Object(Vec<(Cow<'t, str>, Tree<'t>)>),
}

/// The same value as it is shown and as it is, each with the text it stands in.
#[derive(Clone, Copy)]
struct Both<'b, 't> {
    shown: (&'t str, &'b Tree<'t>),
    original: (&'t str, &'b Tree<'t>),
}

impl<'t> Tree<'t> {
    fn read(text: &'t str) -> Option<Self> {
        let mut walk = Walk {
            bytes: text.as_bytes(),
            at: 0,
        };
        walk.space();
        let tree = Self::value(text, &mut walk, 0)?;
        walk.space();
        walk.peek().is_none().then_some(tree)
    }

    fn value(text: &'t str, walk: &mut Walk<'t>, depth: usize) -> Option<Self> {
        let start = walk.at;
        let kind = match walk.peek()? {
            b'[' | b'{' if depth >= MAX_DEPTH => return None,
            b'[' => {
                let mut items = Vec::new();
                Self::members(walk, b']', |walk| {
                    items.push(Self::value(text, walk, depth + 1)?);
                    Some(())
                })?;
                Kind::List(items)
            }
            b'{' => {
                let mut members = Vec::new();
                Self::members(walk, b'}', |walk| {
                    let start = walk.at;
                    (walk.peek()? == b'"').then_some(())?;
                    let key = unquoted(text.get(start..walk.string()?)?);
                    walk.space();
                    walk.expect(b':')?;
                    walk.space();
                    members.push((key, Self::value(text, walk, depth + 1)?));
                    Some(())
                })?;
                Kind::Object(members)
            }
            _ => {
                walk.value()?;
                Kind::Scalar
            }
        };
        Some(Self {
            place: start..walk.at,
            kind,
        })
    }

    fn members(
        walk: &mut Walk<'t>,
        close: u8,
        mut read: impl FnMut(&mut Walk<'t>) -> Option<()>,
    ) -> Option<()> {
        walk.at += 1;
        walk.space();
        while walk.expect(close).is_none() {
            read(walk)?;
            walk.space();
            if walk.expect(b',').is_some() {
                walk.space();
            }
        }
        Some(())
    }
}

/// Goes through what was edited beside what it was.
fn fill<'e>(
    (text, edited): (&'e str, &Tree<'e>),
    both: Option<Both<'_, '_>>,
    path: &mut Vec<String>,
    out: &mut Rewritten<'e>,
) -> Result<(), Lost> {
    match &edited.kind {
        Kind::Scalar => {
            let own = &text[edited.place.clone()];
            if !own.contains(MARK) {
                return Ok(());
            }
            let Some(both) = both else {
                return Err(Lost(path.join(".")));
            };
            let (shown_text, shown) = both.shown;
            let (original_text, original) = both.original;
            let is_untouched = matches!(shown.kind, Kind::Scalar)
                && unquoted(&shown_text[shown.place.clone()]) == unquoted(own);
            if !is_untouched {
                return Err(Lost(path.join(".")));
            }
            out.put(edited.place.clone(), &original_text[original.place.clone()]);
        }
        Kind::List(items) => {
            for (place, item) in items.iter().enumerate() {
                let beside = both.and_then(|both| both.item(place, items.len()));
                path.push(place.to_string());
                fill((text, item), beside, path, out)?;
                path.pop();
            }
        }
        Kind::Object(members) => {
            for (key, member) in members {
                path.push(key.to_string());
                if key.contains(MARK) {
                    return Err(Lost(path.join(".")));
                }
                let beside = both.and_then(|both| both.member(key));
                fill((text, member), beside, path, out)?;
                path.pop();
            }
        }
    }
    Ok(())
}

impl<'b, 't> Both<'b, 't> {
    fn item(self, place: usize, count: usize) -> Option<Self> {
        let (Kind::List(shown), Kind::List(original)) = (&self.shown.1.kind, &self.original.1.kind)
        else {
            return None;
        };
        // Of a list that is longer or shorter now nobody knows which item is which.
        (shown.len() == count).then_some(())?;
        Some(Self {
            shown: (self.shown.0, shown.get(place)?),
            original: (self.original.0, original.get(place)?),
        })
    }

    fn member(self, key: &str) -> Option<Self> {
        let (Kind::Object(shown), Kind::Object(original)) =
            (&self.shown.1.kind, &self.original.1.kind)
        else {
            return None;
        };
        // Of a key that comes twice the last counts. Redaction changes no order.
        let place = shown.iter().rposition(|(name, _)| name == key)?;
        Some(Self {
            shown: (self.shown.0, &shown.get(place)?.1),
            original: (self.original.0, &original.get(place)?.1),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn untouched_marks_become_what_they_were() {
        let redactor = Redactor::with_default_keys();
        let original = r#"{"user": "x", "password": 12345678901234567890123, "deep": [{"token": {"a": [1.50]}}, "redis://u:pw@h"], "n": NaN}"#;
        let shown = redactor.json(original);
        assert!(!shown.contains("pw@") && !shown.contains("1.50"), "{shown}");
        assert_eq!(redactor.restored(&shown, original).as_deref(), Ok(original));
        // Members may move, come and go.
        let edited = r#"{"new": 1, "deep": [{"token": "[redacted]"}, 5], "user": "y"}"#;
        assert_eq!(
            redactor.restored(edited, original).as_deref(),
            Ok(r#"{"new": 1, "deep": [{"token": {"a": [1.50]}}, 5], "user": "y"}"#)
        );
        // What is written anew is sent as it is.
        let edited = r#"{"password": "fresh"}"#;
        assert_eq!(redactor.restored(edited, original).as_deref(), Ok(edited));
    }

    #[test]
    fn a_mark_that_stands_for_nothing_known_is_refused_with_its_place() {
        let redactor = Redactor::with_default_keys();
        let original = r#"{"password": "a", "list": [["token", "b"], 1], "url": "amqp://u:p@h"}"#;
        for (edited, place) in [
            (r#"{"user": "[redacted]"}"#, "user"),
            (r#"{"password": "[redacted] x"}"#, "password"),
            (r#"{"list": [["token", "[redacted]"]]}"#, "list.0.1"),
            (r#"{"url": "amqp://v:[redacted]@h"}"#, "url"),
            (r#"["[redacted]"]"#, "0"),
            (r#"{"[redacted]": 1}"#, "[redacted]"),
        ] {
            let lost = redactor.restored(edited, original);
            assert_eq!(lost, Err(Lost(place.to_owned())), "{edited}");
        }
    }
}
