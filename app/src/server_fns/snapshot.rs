//! The picture of a topic: from the engine on the server, over HTTP in the browser.

use leptos::{
    prelude::{FromServerFnError, ServerFnErrorErr, server},
    server_fn::codec::{GetUrl, Json, JsonEncoding},
};
use model::{ErrorKind, Topic, WireError};
use serde::{Deserialize, Serialize};
use std::fmt;

/// Why a picture could not be had.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct FetchError(pub WireError);

impl fmt::Display for FetchError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

impl std::error::Error for FetchError {}

impl FromServerFnError for FetchError {
    type Encoder = JsonEncoding;

    fn from_server_fn_error(error: ServerFnErrorErr) -> Self {
        let kind = match error {
            ServerFnErrorErr::Request(_) => ErrorKind::Unavailable,
            ServerFnErrorErr::Args(_) | ServerFnErrorErr::MissingArg(_) => ErrorKind::Invalid,
            _ => ErrorKind::Internal,
        };
        Self(WireError::new(kind, error.to_string()))
    }
}

/// Returns the picture of the topic with this query string.
#[server(prefix = "/api/ui", endpoint = "snapshot", input = GetUrl, output = Json)]
pub async fn snapshot(topic: String) -> Result<model::Snapshot, FetchError> {
    let topic = Topic::from_query_string(&topic)
        .map_err(|error| WireError::new(ErrorKind::Invalid, error.to_string()));
    topic
        .and_then(|topic| first_snapshot(&topic))
        .map_err(super::failed)
}

/// Returns the picture with which a page is rendered on the server.
#[cfg(feature = "ssr")]
pub fn first_snapshot(topic: &Topic) -> Result<model::Snapshot, WireError> {
    super::monitor()?.snapshot(topic)
}

/// Has nothing to tell: in the browser the first picture comes with the page.
#[cfg(not(feature = "ssr"))]
pub fn first_snapshot(_topic: &Topic) -> Result<model::Snapshot, WireError> {
    Err(WireError::new(
        ErrorKind::Unavailable,
        "the page came without its first picture",
    ))
}
