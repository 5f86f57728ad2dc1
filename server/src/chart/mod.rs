//! Charts with an address of their own, for wikis and chat:
//! `GET /chart/outcomes.svg?theme=dark`. The pages draw their own, live.

mod draw;
mod series;

use crate::error::{ApiError, blocking};
use crate::request::Seen;
use axum::{
    extract::RawQuery,
    http::header,
    response::{IntoResponse, Response},
};
use model::{ErrorKind, Topic, View, WireError};

/// The colours of a chart, from `style/tokens.css`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Theme {
    Light,
    Dark,
}

/// Draws the tasks of the last hour by outcome.
pub(crate) async fn outcomes(
    Seen(monitor): Seen,
    RawQuery(query): RawQuery,
) -> Result<Response, ApiError> {
    let theme = theme(query.as_deref().unwrap_or_default())?;
    let svg = blocking(move || {
        let snapshot = monitor.snapshot(&Topic::Overview)?;
        let View::Overview(overview) = snapshot.view else {
            return Err(WireError::new(
                ErrorKind::Internal,
                "another view came back",
            ));
        };
        let columns = series::columns(&overview, snapshot.pulse.now);
        draw::outcomes(&columns, theme)
            .map_err(|error| WireError::new(ErrorKind::Internal, error.to_string()))
    })
    .await??;
    let headers = [
        (header::CONTENT_TYPE, "image/svg+xml"),
        (header::CACHE_CONTROL, "no-cache"),
    ];
    Ok((headers, svg).into_response())
}

fn theme(query: &str) -> Result<Theme, ApiError> {
    let value = form_urlencoded::parse(query.as_bytes()).find(|(key, _)| key == "theme");
    match value.as_ref().map(|(_, value)| &**value) {
        None | Some("light") => Ok(Theme::Light),
        Some("dark") => Ok(Theme::Dark),
        Some(_) => {
            let message = "theme is neither light nor dark";
            Err(WireError::new(ErrorKind::Invalid, message).into())
        }
    }
}
