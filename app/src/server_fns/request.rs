//! The request's cookies, who asks, and the response's status.

use model::Role;
#[cfg(feature = "ssr")]
use {
    super::FetchError,
    model::{Caller, ErrorKind, WireError},
    std::sync::Arc,
};

#[cfg(not(feature = "ssr"))]
use wasm_bindgen::JsCast;

/// Returns the cookies as `name=value; name=value`; empty if there are none.
#[cfg(feature = "ssr")]
pub fn cookies() -> String {
    leptos::prelude::use_context::<http::request::Parts>()
        .and_then(|parts| {
            let value = parts.headers.get(http::header::COOKIE)?;
            value.to_str().ok().map(str::to_owned)
        })
        .unwrap_or_default()
}

/// Returns the cookies as `name=value; name=value`; empty if there are none.
#[cfg(not(feature = "ssr"))]
pub fn cookies() -> String {
    leptos::prelude::document()
        .dyn_ref::<web_sys::HtmlDocument>()
        .and_then(|document| document.cookie().ok())
        .unwrap_or_default()
}

/// Sets the status of the page that is being rendered.
#[cfg(feature = "ssr")]
pub fn set_status(status: u16) {
    let response = leptos::prelude::use_context::<leptos_axum::ResponseOptions>();
    if let (Some(response), Ok(status)) = (response, http::StatusCode::from_u16(status)) {
        response.set_status(status);
    }
}

/// Does nothing: the browser has its response already.
#[cfg(not(feature = "ssr"))]
pub fn set_status(_status: u16) {}

/// Tells from a request who asks.
#[cfg(feature = "ssr")]
#[derive(Clone)]
pub struct WhoAsks(pub Arc<dyn Fn(&http::request::Parts) -> Caller + Send + Sync>);

#[cfg(feature = "ssr")]
impl std::fmt::Debug for WhoAsks {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("WhoAsks")
    }
}

/// Returns who asks.
#[cfg(feature = "ssr")]
pub(super) fn caller() -> Result<Caller, WireError> {
    let who = leptos::prelude::use_context::<WhoAsks>();
    let parts = leptos::prelude::use_context::<http::request::Parts>();
    match (who, parts) {
        (Some(who), Some(parts)) => Ok((who.0)(&parts)),
        _ => Err(WireError::new(
            ErrorKind::Internal,
            "nobody can tell who asks",
        )),
    }
}

/// Returns the engine as whoever asks may see it.
#[cfg(feature = "ssr")]
pub(super) fn monitor() -> Result<monitor::Monitor, WireError> {
    let monitor = leptos::prelude::use_context::<monitor::Monitor>()
        .ok_or_else(|| WireError::new(ErrorKind::Internal, "no monitor serves this page"))?;
    Ok(monitor.seen_by(role()))
}

/// Sets the status that an error stands for.
#[cfg(feature = "ssr")]
pub(super) fn failed(error: WireError) -> FetchError {
    set_status(error.kind.status());
    FetchError(error)
}

/// Returns what the user may do.
#[cfg(feature = "ssr")]
pub fn role() -> Role {
    caller().map_or(Role::Viewer, |caller| caller.role)
}

/// Returns what the user may do, as the page that the server sent says.
#[cfg(not(feature = "ssr"))]
pub fn role() -> Role {
    leptos::prelude::document()
        .document_element()
        .and_then(|root| root.get_attribute("data-role"))
        .and_then(|name| Role::from_name(&name))
        .unwrap_or(Role::Viewer)
}
