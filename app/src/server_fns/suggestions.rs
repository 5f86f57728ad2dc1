//! What could be put into the search box: asked of the API, as any program may.

use model::search::Suggestions;
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;
use web_sys::Response;

/// Asks what could be put at a place of a search text, `cursor` characters from its start.
pub async fn suggestions(text: &str, cursor: usize) -> Result<Suggestions, JsValue> {
    let query = form_urlencoded::Serializer::new(String::new())
        .append_pair("text", text)
        .append_pair("cursor", &cursor.to_string())
        .finish();
    let address = format!("/api/v1/search/suggestions?{query}");
    let answer = JsFuture::from(leptos::prelude::window().fetch_with_str(&address)).await?;
    let answer: Response = answer.dyn_into()?;
    let body = JsFuture::from(answer.text()?).await?;
    let body = body.as_string().unwrap_or_default();
    if !answer.ok() {
        return Err(JsValue::from_str(&body));
    }
    serde_json::from_str(&body).map_err(|error| JsValue::from_str(&error.to_string()))
}
