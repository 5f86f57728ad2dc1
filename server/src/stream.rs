//! The live stream: frames of one subscription as server-sent events.

use crate::{
    error::{ApiError, blocking},
    request::Seen,
    state::AppState,
};
use axum::{
    extract::{RawQuery, State},
    http::HeaderName,
    response::{
        IntoResponse, Response,
        sse::{Event, KeepAlive, Sse},
    },
};
use futures::{StreamExt, stream};
use model::{Frame, Topic};
use monitor::SharedFrame;
use std::time::Duration;

/// Proxies close connections that are silent for long, mostly after a minute.
const KEEP_ALIVE: Duration = Duration::from_secs(15);

/// `GET /api/v1/stream?<topic>`: a snapshot, then what changes.
///
/// Every event's data is a [`Frame`] as JSON and its id the revision.
pub(crate) async fn stream(
    State(state): State<AppState>,
    Seen(monitor): Seen,
    RawQuery(query): RawQuery,
) -> Result<Response, ApiError> {
    let topic = Topic::from_query_string(query.as_deref().unwrap_or_default())?;
    let subscription = blocking(move || monitor.subscribe(topic)).await??;
    let frames = stream::unfold(subscription, |mut subscription| async {
        let frame = subscription.next().await?;
        Some((to_event(&frame), subscription))
    });
    let events = frames.fuse().take_until(state.stop.cancelled_owned());
    let sse = Sse::new(events).keep_alive(KeepAlive::new().interval(KEEP_ALIVE));
    // nginx would otherwise hold events back until a buffer is full.
    let headers = [(HeaderName::from_static("x-accel-buffering"), "no")];
    Ok((headers, sse).into_response())
}

fn to_event(frame: &SharedFrame) -> Result<Event, axum::Error> {
    let revision = match &**frame {
        Frame::Snapshot(snapshot) => snapshot.revision,
        Frame::Delta { revision, .. } => *revision,
    };
    let json = frame
        .json()
        .map_err(|problem| axum::Error::new(problem.to_owned()))?;
    Ok(Event::default().id(revision.to_string()).data(json))
}
