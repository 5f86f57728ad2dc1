//! Bodies in whatever encoding they come, to JSON text.
//!
//! Content types are kombu's (`kombu/serialization.py`). Pickle runs code when
//! it is loaded and is only named; so are signed messages, whose signature
//! nobody here could check.

mod compression;
mod msgpack;
mod writer;
mod yaml;

pub(crate) use compression::undo as decompress;

use crate::DecodeErrorKind;
use std::borrow::Cow;

/// The largest body that is read, bytes, both unpacked and as JSON: a few
/// bytes can be unpacked to any size.
pub const MAX_BODY_BYTES: usize = 16 << 20;

/// How a body is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Encoding<'a> {
    Json,
    Yaml,
    Msgpack,
    Pickle,
    /// By Celery's serializer `auth` (`celery/security/serialization.py`).
    Signed,
    Text,
    /// One that this program does not read.
    Other(&'a str),
}

impl<'a> Encoding<'a> {
    /// Returns the encoding that an envelope names.
    pub(crate) fn named(content_type: &'a str, content_encoding: &str) -> Self {
        match content_type {
            "" | "application/json" => Self::Json,
            "application/x-yaml" => Self::Yaml,
            "application/x-msgpack" => Self::Msgpack,
            "application/x-python-serialize" => Self::Pickle,
            // Raw bytes have the same type, but another encoding.
            "application/data" if content_encoding == "utf-8" => Self::Signed,
            "text/plain" => Self::Text,
            other => Self::Other(other),
        }
    }

    /// Returns the encoding that a document starts like, where nothing names it.
    pub(crate) fn guessed(bytes: &[u8]) -> Self {
        match bytes.trim_ascii_start() {
            // Protocols 2 to 5 of pickle start with this byte and their number;
            // as msgpack it would be an empty map.
            [0x80, 2..=5, ..] => Self::Pickle,
            // A map or a list of up to 15, 65,535 or more items.
            [0x80..=0x9f | 0xdc..=0xdf, ..] => Self::Msgpack,
            // Block style, as PyYAML writes it: a key or an item of a list.
            [b'-', b' ', ..] => Self::Yaml,
            [b'a'..=b'z' | b'A'..=b'Z' | b'_', rest @ ..]
                if memchr::memmem::find(rest.get(..64).unwrap_or(rest), b":").is_some() =>
            {
                Self::Yaml
            }
            _ => Self::Json,
        }
    }

    /// Returns the body as JSON text, in Python's dialect if it is JSON already.
    pub(crate) fn to_json(self, body: &[u8]) -> Result<Cow<'_, str>, DecodeErrorKind> {
        let unsupported =
            |name: &str| Err(DecodeErrorKind::UnsupportedContentType(name.to_owned()));
        match self {
            Self::Json => Ok(String::from_utf8_lossy(body)),
            Self::Yaml => yaml::to_json(&String::from_utf8_lossy(body)).map(Cow::Owned),
            Self::Msgpack => msgpack::to_json(body).map(Cow::Owned),
            Self::Pickle => unsupported("pickle"),
            Self::Signed => unsupported("auth, signed by the sender"),
            Self::Text => {
                let text = String::from_utf8_lossy(body);
                Ok(Cow::Owned(serde_json::Value::from(text).to_string()))
            }
            Self::Other(name) => unsupported(name),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn documents_are_known_by_how_they_start() {
        for (bytes, expected) in [
            (&b"{}"[..], Encoding::Json),
            (b" [1]", Encoding::Json),
            (b"", Encoding::Json),
            (b"nonsense", Encoding::Json),
            (b"NaN", Encoding::Json),
            (b"\x80\x04\x95", Encoding::Pickle),
            (b"\x81\xa1a\x01", Encoding::Msgpack),
            (b"\x93\x01\x02\x03", Encoding::Msgpack),
            (b"\xdc\x00\x01\xc0", Encoding::Msgpack),
            (b"status: SUCCESS\n", Encoding::Yaml),
            (b"- 1\n", Encoding::Yaml),
            (b"-1", Encoding::Json),
        ] {
            assert_eq!(Encoding::guessed(bytes), expected, "{bytes:?}");
        }
    }

    #[test]
    fn raw_bytes_are_not_signed() {
        assert_eq!(
            Encoding::named("application/data", "binary"),
            Encoding::Other("application/data")
        );
        assert_eq!(
            Encoding::named("application/data", "utf-8"),
            Encoding::Signed
        );
        assert_eq!(Encoding::Text.to_json(b"a\"b").as_deref(), Ok("\"a\\\"b\""));
    }
}
