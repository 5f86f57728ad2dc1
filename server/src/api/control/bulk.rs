//! `/api/v1/bulk…`: following and stopping what is done with many tasks.

use crate::{
    error::{ApiError, blocking},
    request::{Asker, JsonBody, Seen},
};
use axum::{
    Json,
    extract::{Path, RawQuery},
};
use model::{
    BulkCount, BulkId, BulkProgress, BulkTarget, Command, ErrorKind, MAX_BULK_TASKS, Outcome,
    WireError,
};

/// Results of single tasks that are told unless more are asked for.
const DEFAULT_RESULTS: u64 = 100;

/// Tells how far all bulks are that are still known, oldest first.
pub(crate) async fn list(Seen(monitor): Seen) -> Json<Vec<BulkProgress>> {
    Json(monitor.bulks())
}

/// Tells how far a bulk is, with `results` results of single tasks.
pub(crate) async fn progress(
    Seen(monitor): Seen,
    Path(id): Path<u64>,
    RawQuery(query): RawQuery,
) -> Result<Json<BulkProgress>, ApiError> {
    let query = query.unwrap_or_default();
    let results = super::look::number(&query, "results", DEFAULT_RESULTS)?;
    let results = usize::try_from(results.min(MAX_BULK_TASKS)).unwrap_or(usize::MAX);
    let progress = monitor.bulk(BulkId(id), results).ok_or_else(|| {
        WireError::new(
            ErrorKind::NotFound,
            format!("There is no bulk {id} any more."),
        )
    })?;
    Ok(Json(progress))
}

/// Stops a bulk.
pub(crate) async fn stop(
    Seen(monitor): Seen,
    Asker(caller): Asker,
    Path(id): Path<u64>,
) -> Result<Json<Outcome>, ApiError> {
    let bulk = BulkId(id);
    Ok(Json(
        monitor.run(&caller, Command::StopBulk { bulk }).await?,
    ))
}

/// Counts the tasks that a bulk would be for.
pub(crate) async fn count(
    Seen(monitor): Seen,
    JsonBody(target): JsonBody<BulkTarget>,
) -> Result<Json<BulkCount>, ApiError> {
    Ok(Json(blocking(move || monitor.bulk_count(&target)).await??))
}
