//! `GET /api/v1/snapshot`.

use crate::error::{ApiError, blocking};
use crate::request::Seen;
use axum::{Json, extract::RawQuery};
use model::{Snapshot, Topic};

/// Returns one picture of a topic, the same as the first frame of its stream.
pub(crate) async fn snapshot(
    Seen(monitor): Seen,
    RawQuery(query): RawQuery,
) -> Result<Json<Snapshot>, ApiError> {
    let topic = Topic::from_query_string(query.as_deref().unwrap_or_default())?;
    Ok(Json(blocking(move || monitor.snapshot(&topic)).await??))
}
