//! `POST /api/v1/commands`: any command as JSON, answered with its outcome.

use crate::{
    error::ApiError,
    request::{Asker, JsonBody, Seen},
};
use axum::Json;
use model::{Command, Outcome};

pub(crate) async fn run(
    Seen(monitor): Seen,
    Asker(caller): Asker,
    JsonBody(command): JsonBody<Command>,
) -> Result<Json<Outcome>, ApiError> {
    Ok(Json(monitor.run(&caller, command).await?))
}
