//! How errors leave the house: as JSON on our own paths, as text on Flower's.

use axum::{
    Json,
    http::StatusCode,
    response::{IntoResponse, Response},
};
use model::{ErrorKind, QueryError, WireError};
use serde::Serialize;

/// An error on one of our own paths: `{"error": {"kind": …, "message": …}}`.
#[derive(Debug)]
pub struct ApiError {
    status: StatusCode,
    error: WireError,
}

impl ApiError {
    /// An error whose status its kind does not tell.
    pub(crate) fn with_status(status: StatusCode, error: WireError) -> Self {
        Self { status, error }
    }
}

impl From<WireError> for ApiError {
    fn from(error: WireError) -> Self {
        Self {
            status: status(error.kind),
            error,
        }
    }
}

impl From<QueryError> for ApiError {
    fn from(error: QueryError) -> Self {
        WireError::new(ErrorKind::Invalid, error.to_string()).into()
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        #[derive(Serialize)]
        struct Envelope {
            error: WireError,
        }
        (self.status, Json(Envelope { error: self.error })).into_response()
    }
}

/// An error on one of Flower's paths: a line of text, as Flower answers
/// (`flower/api/__init__.py`, `BaseApiHandler.write_error`).
#[derive(Debug)]
pub struct FlowerError {
    status: StatusCode,
    message: String,
}

impl FlowerError {
    /// The request is malformed.
    pub(crate) fn invalid(message: impl Into<String>) -> Self {
        WireError::new(ErrorKind::Invalid, message).into()
    }

    /// An error whose status its kind does not tell.
    pub(crate) fn with_status(status: StatusCode, message: impl Into<String>) -> Self {
        Self {
            status,
            message: message.into(),
        }
    }

    /// A worker refuses.
    pub(crate) fn forbidden(message: impl Into<String>) -> Self {
        WireError::new(ErrorKind::Forbidden, message).into()
    }

    /// Returns the line of text.
    pub(crate) fn message(&self) -> &str {
        &self.message
    }

    /// Tells whether it has the status of this kind.
    pub(crate) fn is(&self, kind: ErrorKind) -> bool {
        self.status == status(kind)
    }

    /// The thing asked for is not known.
    pub(crate) fn not_found(message: impl Into<String>) -> Self {
        WireError::new(ErrorKind::NotFound, message).into()
    }

    /// The broker does not answer.
    pub(crate) fn unavailable(message: impl Into<String>) -> Self {
        WireError::new(ErrorKind::Unavailable, message).into()
    }
}

impl From<WireError> for FlowerError {
    fn from(error: WireError) -> Self {
        Self {
            status: status(error.kind),
            message: error.message,
        }
    }
}

impl IntoResponse for FlowerError {
    fn into_response(self) -> Response {
        (self.status, self.message).into_response()
    }
}

fn status(kind: ErrorKind) -> StatusCode {
    StatusCode::from_u16(kind.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
}

/// Runs a read of the engine's state where it may take a while.
pub(crate) async fn blocking<T, F>(read: F) -> Result<T, WireError>
where
    T: Send + 'static,
    F: FnOnce() -> T + Send + 'static,
{
    tokio::task::spawn_blocking(read).await.map_err(|error| {
        tracing::error!(%error, "a read of the state did not come back");
        WireError::new(
            ErrorKind::Internal,
            "The dashboard failed to answer; its log says why.",
        )
    })
}
