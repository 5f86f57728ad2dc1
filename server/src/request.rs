//! What handlers take out of a request: who asks, and bounded bodies.

use crate::{
    AppState,
    error::{ApiError, FlowerError},
};
use axum::{
    body::Bytes,
    extract::{FromRequest, FromRequestParts, Request},
    http::{StatusCode, header, request::Parts},
};
use model::{Caller, Door, ErrorKind, WireError};
use monitor::Monitor;
use serde::de::DeserializeOwned;
use std::convert::Infallible;

/// Largest body that is read.
pub(crate) const MAX_BODY_BYTES: usize = 1 << 20;

/// Who asks through the API.
pub(crate) struct Asker(pub(crate) Caller);

impl FromRequestParts<AppState> for Asker {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, state: &AppState) -> Result<Self, Infallible> {
        Ok(Self(state.access.caller(parts, Door::Api)))
    }
}

/// The engine as whoever asks may see it. Handlers have no other way to it.
pub(crate) struct Seen(pub(crate) Monitor);

impl FromRequestParts<AppState> for Seen {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, state: &AppState) -> Result<Self, Infallible> {
        let caller = state.access.caller(parts, Door::Api);
        Ok(Self(state.monitor.seen_by(caller.role)))
    }
}

/// A body of JSON on one of our own paths, whatever its type is said to be.
pub(crate) struct JsonBody<T>(pub(crate) T);

impl<T: DeserializeOwned> FromRequest<AppState> for JsonBody<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, state: &AppState) -> Result<Self, ApiError> {
        let body = Bytes::from_request(request, state).await.map_err(|error| {
            let wire = WireError::new(ErrorKind::Invalid, error.body_text());
            ApiError::with_status(error.status(), wire)
        })?;
        // The error names line and column.
        serde_json::from_slice(&body).map(Self).map_err(|error| {
            WireError::new(
                ErrorKind::Invalid,
                format!("The body cannot be read: {error}."),
            )
            .into()
        })
    }
}

/// The body of a request to one of Flower's paths that send tasks.
pub(crate) struct FlowerBody(pub(crate) Bytes);

impl FromRequest<AppState> for FlowerBody {
    type Rejection = FlowerError;

    async fn from_request(request: Request, state: &AppState) -> Result<Self, FlowerError> {
        let body = Bytes::from_request(request, state).await;
        body.map(Self)
            .map_err(|error| FlowerError::with_status(error.status(), error.body_text()))
    }
}

/// Flower's arguments: of the query and of a form in the body
/// (`tornado.web.RequestHandler.get_argument`).
#[derive(Debug, Default)]
pub(crate) struct Arguments(Vec<(String, String)>);

impl FromRequest<AppState> for Arguments {
    type Rejection = FlowerError;

    async fn from_request(request: Request, state: &AppState) -> Result<Self, FlowerError> {
        let query = request.uri().query().unwrap_or_default().to_owned();
        let is_form = request
            .headers()
            .get(header::CONTENT_TYPE)
            .and_then(|kind| kind.to_str().ok())
            .is_some_and(|kind| kind.starts_with("application/x-www-form-urlencoded"));
        let FlowerBody(body) = FlowerBody::from_request(request, state).await?;
        let mut arguments = Self::parse(query.as_bytes());
        if is_form {
            arguments.0.extend(Self::parse(&body).0);
        }
        Ok(arguments)
    }
}

impl Arguments {
    fn parse(text: &[u8]) -> Self {
        let pairs = form_urlencoded::parse(text);
        Self(
            pairs
                .map(|(k, v)| (k.into_owned(), v.trim().to_owned()))
                .collect(),
        )
    }

    /// Returns an argument, if it is there; the last one counts.
    pub(crate) fn text(&self, name: &str) -> Option<&str> {
        let pair = self.0.iter().rev().find(|(key, _)| key == name)?;
        Some(&pair.1)
    }

    /// Returns an argument that must be there.
    pub(crate) fn required(&self, name: &str) -> Result<&str, FlowerError> {
        let text = self.text(name).filter(|text| !text.is_empty());
        text.ok_or_else(|| FlowerError::invalid(format!("Missing argument {name}")))
    }

    /// Returns a number, if it is there.
    pub(crate) fn number<T: std::str::FromStr>(
        &self,
        name: &str,
        kind: &str,
    ) -> Result<Option<T>, FlowerError> {
        let parse = |text: &str| {
            text.parse().map_err(|_| {
                FlowerError::invalid(format!("Invalid argument '{text}' of type '{kind}'"))
            })
        };
        self.text(name).map(parse).transpose()
    }

    /// Returns a truth value; `false` if it is not there.
    pub(crate) fn flag(&self, name: &str) -> Result<bool, FlowerError> {
        self.text(name)
            .map_or(Ok(false), crate::api::flower::parse_bool)
    }
}

/// The answer to a body that is too large, or that does not come whole.
pub(crate) fn too_large() -> (StatusCode, String) {
    let text = format!("A body may have at most {MAX_BODY_BYTES} bytes.");
    (StatusCode::PAYLOAD_TOO_LARGE, text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments_are_read_as_flower_does() {
        let arguments = Arguments::parse(b"n=1&n=+2+&queue=a%2Fb&empty=&terminate=True");
        assert_eq!(arguments.number::<u32>("n", "int").ok(), Some(Some(2)));
        assert_eq!(arguments.required("queue").ok(), Some("a/b"));
        assert!(arguments.required("empty").is_err());
        assert!(arguments.required("nothing").is_err());
        assert!(arguments.number::<u32>("queue", "int").is_err());
        assert_eq!(arguments.flag("terminate").ok(), Some(true));
        assert_eq!(arguments.flag("nothing").ok(), Some(false));
    }
}
