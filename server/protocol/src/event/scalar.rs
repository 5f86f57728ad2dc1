//! Values of any JSON type, and what they mean to a field that expects one.

use crate::{Text, iso};
use model::Timestamp;
use serde::{
    Deserialize, Deserializer,
    de::{self, IgnoredAny, MapAccess, SeqAccess, Visitor},
};
use std::fmt;

/// A field's value, whatever its type; what it means is decided by who asks.
pub(super) enum Scalar<'a> {
    Nothing,
    Bool(bool),
    Int(i64),
    UInt(u64),
    Float(f64),
    Text(Text<'a>),
    Loads([f64; 3]),
}

impl<'a> Scalar<'a> {
    pub(super) fn text(self) -> Option<Text<'a>> {
        match self {
            Self::Text(text) => Some(text),
            Self::Bool(value) => Some(Text::owned(value.to_string())),
            Self::Int(value) => Some(Text::owned(value.to_string())),
            Self::UInt(value) => Some(Text::owned(value.to_string())),
            Self::Float(value) => Some(Text::owned(value.to_string())),
            Self::Nothing | Self::Loads(_) => None,
        }
    }

    pub(super) fn u64(self) -> Option<u64> {
        match self {
            Self::UInt(value) => Some(value),
            Self::Float(value) => {
                // 2^64 as f64 is exact; the cast below cannot saturate.
                ((0.0..18_446_744_073_709_551_616.0).contains(&value) && value.fract() == 0.0)
                    .then_some(value as u64)
            }
            Self::Text(text) => text.trim().parse().ok(),
            _ => None,
        }
    }

    pub(super) fn u32(self) -> Option<u32> {
        self.u64().and_then(|value| value.try_into().ok())
    }

    pub(super) fn f64(self) -> Option<f64> {
        match self {
            Self::Int(value) => Some(value as f64),
            Self::UInt(value) => Some(value as f64),
            Self::Float(value) => Some(value),
            Self::Text(text) => text.trim().parse().ok().filter(|n: &f64| n.is_finite()),
            _ => None,
        }
    }

    pub(super) fn bool(self) -> Option<bool> {
        match self {
            Self::Bool(value) => Some(value),
            Self::UInt(0) => Some(false),
            Self::UInt(1) => Some(true),
            _ => None,
        }
    }

    /// Reads seconds since the epoch or an ISO 8601 time.
    pub(super) fn time(self) -> Option<Timestamp> {
        match self {
            Self::Text(text) => {
                iso::parse(&text).or_else(|| Timestamp::from_seconds(text.trim().parse().ok()?))
            }
            number => number.f64().and_then(Timestamp::from_seconds),
        }
    }

    pub(super) fn loads(self) -> Option<[f64; 3]> {
        match self {
            Self::Loads(loads) => Some(loads),
            _ => None,
        }
    }
}

impl<'de> Deserialize<'de> for Scalar<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ScalarVisitor)
    }
}

struct ScalarVisitor;

impl<'de> Visitor<'de> for ScalarVisitor {
    type Value = Scalar<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any value")
    }

    fn visit_unit<E: de::Error>(self) -> Result<Self::Value, E> {
        Ok(Scalar::Nothing)
    }

    fn visit_bool<E: de::Error>(self, value: bool) -> Result<Self::Value, E> {
        Ok(Scalar::Bool(value))
    }

    fn visit_i64<E: de::Error>(self, value: i64) -> Result<Self::Value, E> {
        Ok(Scalar::Int(value))
    }

    fn visit_u64<E: de::Error>(self, value: u64) -> Result<Self::Value, E> {
        Ok(Scalar::UInt(value))
    }

    fn visit_f64<E: de::Error>(self, value: f64) -> Result<Self::Value, E> {
        Ok(Scalar::Float(value))
    }

    fn visit_borrowed_str<E: de::Error>(self, text: &'de str) -> Result<Self::Value, E> {
        Ok(Scalar::Text(Text::borrowed(text)))
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Self::Value, E> {
        Ok(Scalar::Text(Text::owned(text.to_owned())))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(Scalar::Nothing)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
        let mut loads = [0.0; 3];
        let mut is_loads = true;
        for load in &mut loads {
            match seq.next_element::<Leaf>()? {
                Some(Leaf(Some(value))) => *load = value,
                _ => {
                    is_loads = false;
                    break;
                }
            }
        }
        while seq.next_element::<IgnoredAny>()?.is_some() {
            is_loads = false;
        }
        Ok(if is_loads {
            Scalar::Loads(loads)
        } else {
            Scalar::Nothing
        })
    }
}

/// An element of `loadavg`: a number, or anything, which is passed over.
struct Leaf(Option<f64>);

impl<'de> Deserialize<'de> for Leaf {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct LeafVisitor;
        impl<'de> Visitor<'de> for LeafVisitor {
            type Value = Leaf;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("any value")
            }
            fn visit_unit<E: de::Error>(self) -> Result<Leaf, E> {
                Ok(Leaf(None))
            }
            fn visit_bool<E: de::Error>(self, _: bool) -> Result<Leaf, E> {
                Ok(Leaf(None))
            }
            fn visit_i64<E: de::Error>(self, value: i64) -> Result<Leaf, E> {
                Ok(Leaf(Some(value as f64)))
            }
            fn visit_u64<E: de::Error>(self, value: u64) -> Result<Leaf, E> {
                Ok(Leaf(Some(value as f64)))
            }
            fn visit_f64<E: de::Error>(self, value: f64) -> Result<Leaf, E> {
                Ok(Leaf(Some(value)))
            }
            fn visit_str<E: de::Error>(self, _: &str) -> Result<Leaf, E> {
                Ok(Leaf(None))
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Leaf, A::Error> {
                while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
                Ok(Leaf(None))
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Leaf, A::Error> {
                while seq.next_element::<IgnoredAny>()?.is_some() {}
                Ok(Leaf(None))
            }
        }
        deserializer.deserialize_any(LeafVisitor)
    }
}
