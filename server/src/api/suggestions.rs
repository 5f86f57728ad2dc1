//! `GET /api/v1/search/suggestions`.

use crate::error::{ApiError, blocking};
use crate::request::Seen;
use axum::{Json, extract::RawQuery};
use model::{QueryError, search::Suggestions};

/// Returns what could be put at a place of a search: `text` is the search so
/// far, `cursor` the place, characters from its start; without it, the end.
pub(crate) async fn suggestions(
    Seen(monitor): Seen,
    RawQuery(query): RawQuery,
) -> Result<Json<Suggestions>, ApiError> {
    let (mut text, mut cursor) = (String::new(), usize::MAX);
    for (key, value) in form_urlencoded::parse(query.as_deref().unwrap_or_default().as_bytes()) {
        match &*key {
            "text" => text = value.into_owned(),
            "cursor" => {
                cursor = value.parse().map_err(|_| {
                    QueryError::new("cursor", format!("is not a whole number: {value:?}"))
                })?;
            }
            _ => {}
        }
    }
    Ok(Json(
        blocking(move || monitor.suggest(&text, cursor)).await?,
    ))
}
