//! What can be wrong with bytes from the broker.

use std::borrow::Cow;

/// How many bytes of the trouble an error keeps.
pub const MAX_KEPT_BYTES: usize = 4096;

/// Bytes that could not be read, and why.
///
/// `Display` tells the kind only: the bytes may hold a task's arguments and
/// belong in places where those may be shown.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{kind}")]
pub struct DecodeError {
    /// What is wrong.
    pub kind: DecodeErrorKind,
    /// The first bytes of what could not be read, at most [`MAX_KEPT_BYTES`].
    pub bytes: Box<[u8]>,
    /// How many bytes there were.
    pub size: usize,
}

impl DecodeError {
    /// Returns the kept bytes as text; those that are none are replaced.
    pub fn excerpt(&self) -> Cow<'_, str> {
        String::from_utf8_lossy(&self.bytes)
    }
}

/// What is wrong with the bytes.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DecodeErrorKind {
    /// It is not the JSON object that kombu wraps around everything.
    #[error("not a kombu message")]
    NotAnEnvelope,
    /// The wrapper has no body.
    #[error("the message has no body")]
    NoBody,
    /// The body should be base64 and is not.
    #[error("the body is not base64")]
    NotBase64,
    /// The body is not JSON, not even as Python writes it.
    #[error("the body is not JSON: {0}")]
    NotJson(String),
    /// The JSON is of another type than expected.
    #[error("expected {0}")]
    Unexpected(&'static str),
    /// A field without which the rest means nothing is not there.
    #[error("the field `{0}` is missing")]
    Missing(&'static str),
    /// JSON is followed by something.
    #[error("there is more after the JSON value")]
    TrailingData,
    /// It is encoded in a way that this program does not read, such as `pickle`.
    #[error("encoded as {0}, which is not supported")]
    UnsupportedContentType(String),
    /// It is compressed in a way that this program does not read.
    #[error("compressed as {0}, which is not supported")]
    UnsupportedCompression(String),
    /// It cannot be unpacked.
    #[error("the compressed data is damaged: {0}")]
    Corrupt(String),
    /// It is larger than [`crate::MAX_BODY_BYTES`], or nested too deeply.
    #[error("too large or too deeply nested to be shown")]
    TooLarge,
}

impl DecodeErrorKind {
    /// Returns a short name without variable parts, to count by.
    pub fn name(&self) -> &'static str {
        match self {
            Self::NotAnEnvelope => "not_an_envelope",
            Self::NoBody => "no_body",
            Self::NotBase64 => "not_base64",
            Self::NotJson(_) => "not_json",
            Self::Unexpected(_) => "unexpected_type",
            Self::Missing(_) => "missing_field",
            Self::TrailingData => "trailing_data",
            Self::UnsupportedContentType(_) => "unsupported_content_type",
            Self::UnsupportedCompression(_) => "unsupported_compression",
            Self::Corrupt(_) => "corrupt",
            Self::TooLarge => "too_large",
        }
    }

    /// Adds the first bytes of what could not be read.
    pub(crate) fn at(self, bytes: &[u8]) -> DecodeError {
        DecodeError {
            kind: self,
            bytes: bytes.get(..MAX_KEPT_BYTES).unwrap_or(bytes).into(),
            size: bytes.len(),
        }
    }
}
