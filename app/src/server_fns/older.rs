//! Tasks that are not in memory any more: asked of the API, as any program may.

use leptos::prelude::window;
use model::{ErrorKind, TaskPage, TaskQuery, WireError};
use serde::Deserialize;
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;
use web_sys::Response;

/// What the API says when it cannot answer.
#[derive(Deserialize)]
struct Refusal {
    error: WireError,
}

/// Returns the page of stored tasks that begins at `query.after`.
pub async fn older_tasks(query: &TaskQuery) -> Result<TaskPage, WireError> {
    let address = format!("/api/v1/tasks?{}", query.to_query_string());
    let (is_ok, body) = fetch(&address).await.map_err(|_| {
        let message = "The dashboard’s server does not answer.";
        WireError::new(ErrorKind::Unavailable, message)
    })?;
    let unreadable = |error: serde_json::Error| {
        let message = format!("The answer cannot be read: {error}.");
        WireError::new(ErrorKind::Internal, message)
    };
    if is_ok {
        return serde_json::from_slice(body.as_bytes()).map_err(unreadable);
    }
    let refusal: Refusal = serde_json::from_slice(body.as_bytes()).map_err(unreadable)?;
    Err(refusal.error)
}

async fn fetch(address: &str) -> Result<(bool, String), JsValue> {
    let answer = JsFuture::from(window().fetch_with_str(address)).await?;
    let answer: Response = answer.dyn_into()?;
    let body = JsFuture::from(answer.text()?).await?;
    Ok((answer.ok(), body.as_string().unwrap_or_default()))
}
