//! Reading of enums whose tag stands first.
//!
//! serde's own reader takes the tag anywhere, so it keeps what comes before the
//! tag in a form of its own and holds code to read every type from that form
//! too: a tenth of what a browser loads, and twice the work for each frame. The
//! writer is serde's, which writes the tag first.

use serde::de::{Error, MapAccess};
use std::borrow::Cow;

/// Reads the first field, which must be `name`.
pub(crate) fn tag<'de, A: MapAccess<'de>>(
    map: &mut A,
    name: &'static str,
) -> Result<String, A::Error> {
    expect_key(map, name)?;
    map.next_value()
}

/// Reads the next field's name, which must be `name`.
pub(crate) fn expect_key<'de, A: MapAccess<'de>>(
    map: &mut A,
    name: &'static str,
) -> Result<(), A::Error> {
    match map.next_key::<Cow<'_, str>>()? {
        Some(key) if key == name => Ok(()),
        Some(key) => Err(A::Error::custom(format_args!(
            "`{key}` stands where `{name}` must"
        ))),
        None => Err(A::Error::missing_field(name)),
    }
}

/// Implements `Deserialize` for an enum whose variants hold one value each,
/// written as `{tag: "variant", content: value}` in this order.
macro_rules! tag_first {
    ($type:ident, $tag:literal, $content:literal, { $($name:literal => $variant:path),+ $(,)? }) => {
        impl<'de> serde::Deserialize<'de> for $type {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                struct TagFirst;
                impl<'de> serde::de::Visitor<'de> for TagFirst {
                    type Value = $type;
                    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                        f.write_str(concat!("a map that begins with `", $tag, "`"))
                    }
                    fn visit_map<A: serde::de::MapAccess<'de>>(
                        self,
                        mut map: A,
                    ) -> Result<$type, A::Error> {
                        let tag = crate::tagged::tag(&mut map, $tag)?;
                        crate::tagged::expect_key(&mut map, $content)?;
                        match &*tag {
                            $($name => map.next_value().map($variant),)+
                            _ => Err(serde::de::Error::unknown_variant(&tag, &[$($name),+])),
                        }
                    }
                }
                deserializer.deserialize_map(TagFirst)
            }
        }
    };
}
pub(crate) use tag_first;

#[cfg(test)]
mod tests {
    use crate::{Frame, View};

    #[test]
    fn a_tag_that_does_not_stand_first_is_refused() {
        let view = serde_json::from_str::<View>(r#"{"view":"task","of":null}"#);
        assert_eq!(view.ok(), Some(View::Task(None)));
        for text in [
            r#"{"of":null,"view":"task"}"#,
            r#"{"view":"task"}"#,
            r#"{"view":"nothing","of":null}"#,
            "{}",
        ] {
            assert!(serde_json::from_str::<View>(text).is_err(), "{text}");
        }
        let frame = serde_json::from_str::<Frame>(r#"{"from":1,"frame":"delta","revision":2}"#);
        assert!(frame.is_err());
    }
}
