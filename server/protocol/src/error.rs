//! What can be wrong with bytes from the broker.

/// How many bytes of the trouble an error keeps.
const EXCERPT_BYTES: usize = 200;

/// Bytes that could not be read, and why.
///
/// `Display` tells the kind only: the excerpt may hold a task's arguments and
/// belongs in places where those may be shown.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{kind}")]
pub struct DecodeError {
    /// What is wrong.
    pub kind: DecodeErrorKind,
    /// The first bytes of what could not be read, at most 200; bytes that are no text are replaced.
    pub excerpt: String,
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
}

impl DecodeErrorKind {
    /// Adds the first bytes of what could not be read.
    pub(crate) fn at(self, bytes: &[u8]) -> DecodeError {
        let head = bytes.get(..EXCERPT_BYTES).unwrap_or(bytes);
        let mut excerpt = String::from_utf8_lossy(head).into_owned();
        // A replacement character is three bytes long where the byte was one.
        let mut end = excerpt.len().min(EXCERPT_BYTES);
        while !excerpt.is_char_boundary(end) {
            end -= 1;
        }
        excerpt.truncate(end);
        DecodeError {
            kind: self,
            excerpt,
        }
    }
}
