//! The one error that crosses the wire.

use serde::{Deserialize, Serialize};

/// What kind of failure it is; the only place that knows HTTP statuses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ErrorKind {
    /// The request is malformed; it will fail again.
    Invalid,
    /// The caller may not.
    Forbidden,
    /// The thing asked for is not known.
    NotFound,
    /// It cannot be done as things stand; the message says what stands in the way.
    Conflict,
    /// The broker does not answer; trying again may help.
    Unavailable,
    /// A defect of the dashboard.
    Internal,
}

impl ErrorKind {
    /// Returns the HTTP status that stands for this kind.
    pub fn status(self) -> u16 {
        match self {
            Self::Invalid => 400,
            Self::Forbidden => 403,
            Self::NotFound => 404,
            Self::Conflict => 409,
            Self::Unavailable => 503,
            Self::Internal => 500,
        }
    }
}

/// An error as browsers and API clients receive it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("{message}")]
pub struct WireError {
    /// The kind, which decides the HTTP status.
    pub kind: ErrorKind,
    /// One plain sentence for a person.
    pub message: String,
}

impl WireError {
    /// Builds an error from its kind and sentence.
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self {
            kind,
            message: message.into(),
        }
    }
}
