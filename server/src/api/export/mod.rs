//! `GET /api/v1/tasks/export` and `/api/v1/audit/export`: lists as files.

mod ask;
mod stream;
mod write;

use crate::{
    error::{ApiError, blocking},
    request::Seen,
    state::AppState,
};
pub(crate) use ask::Ask;
use axum::{
    extract::{RawQuery, State},
    response::Response,
};
use model::{
    AuditFilter, ErrorKind, TaskQuery, Topic, View, WireError,
    export::{AuditColumn, TaskColumn},
};
pub(crate) use write::Sheet;

/// Writes the tasks that match a query into a file.
///
/// Beside the parameters of a [`TaskQuery`] it takes `format`, `columns` (with
/// commas, or several times), `rows` (the most of them) and `bom=1`.
pub(crate) async fn tasks(
    State(state): State<AppState>,
    Seen(monitor): Seen,
    RawQuery(query): RawQuery,
) -> Result<Response, ApiError> {
    let text = query.unwrap_or_default();
    let ask: Ask<TaskColumn> = Ask::read(&text)?;
    let query = TaskQuery::from_query_string(&text)?;
    let what = query.states.iter().fold("tasks".to_owned(), |what, state| {
        format!("{what}-{}", state.as_str())
    });
    let permit = stream::permit(&state)?;
    let rows = ask.rows;
    let parts = blocking(move || monitor.export(&query, rows)).await??;
    Ok(stream::answer(ask, &what, parts, permit, state.stop))
}

/// Writes the audit log into a file, narrowed as the page is: `q`, `result`, `command`.
pub(crate) async fn audit(
    State(state): State<AppState>,
    Seen(monitor): Seen,
    RawQuery(query): RawQuery,
) -> Result<Response, ApiError> {
    let text = query.unwrap_or_default();
    let ask: Ask<AuditColumn> = Ask::read(&text)?;
    let pairs: Vec<_> = form_urlencoded::parse(text.as_bytes()).collect();
    let filter = AuditFilter::from_query(|key| {
        let found = pairs.iter().find(|(name, _)| name == key);
        found.map(|(_, value)| &**value)
    });
    let permit = stream::permit(&state)?;
    let snapshot = blocking(move || monitor.snapshot(&Topic::Audit)).await??;
    let View::Audit(log) = snapshot.view else {
        let message = "another view came back";
        return Err(WireError::new(ErrorKind::Internal, message).into());
    };
    let mut entries = log.entries;
    entries.retain(|entry| filter.shows(entry));
    entries.truncate(ask.rows.unwrap_or(usize::MAX));
    let parts = std::iter::once(entries);
    Ok(stream::answer(ask, "audit", parts, permit, state.stop))
}
