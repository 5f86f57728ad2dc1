//! `GET /api/queues/length`.

use super::health;
use crate::error::FlowerError;
use crate::request::Seen;
use axum::Json;
use serde::Serialize;

/// Flower's answer.
#[derive(Serialize)]
pub(crate) struct Lengths {
    active_queues: Vec<Length>,
}

#[derive(Serialize)]
struct Length {
    name: String,
    messages: u64,
}

/// Returns the messages waiting in each queue.
///
/// While the broker cannot be asked there are no true numbers, so there are
/// none at all; Flower fails with status 500 then.
pub(crate) async fn lengths(Seen(monitor): Seen) -> Result<Json<Lengths>, FlowerError> {
    if let Some(trouble) = health::trouble(&monitor.pulse()) {
        return Err(FlowerError::unavailable(trouble));
    }
    let queues = monitor.queues();
    if queues.polled.is_none() {
        return Err(FlowerError::unavailable("The queues were not counted yet"));
    }
    let active_queues = queues
        .rows
        .into_iter()
        .map(|queue| Length {
            name: queue.name.to_string(),
            messages: queue.ready,
        })
        .collect();
    Ok(Json(Lengths { active_queues }))
}
