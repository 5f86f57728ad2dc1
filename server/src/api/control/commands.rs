//! `POST /api/v1/commands`: any command as JSON, answered with its outcome.

use crate::{
    error::ApiError,
    request::{Asker, JsonBody},
};
use axum::{Json, extract::State};
use model::{Command, Outcome};
use monitor::Monitor;

pub(crate) async fn run(
    State(monitor): State<Monitor>,
    Asker(caller): Asker,
    JsonBody(command): JsonBody<Command>,
) -> Result<Json<Outcome>, ApiError> {
    Ok(Json(monitor.run(&caller, command).await?))
}
