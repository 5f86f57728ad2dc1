//! The request's cookies and the response's status.

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
