//! Headers that every answer carries.

use axum::{
    extract::Request,
    http::{HeaderName, HeaderValue, header},
    middleware::Next,
    response::Response,
};

const DEFAULTS: [(HeaderName, &str); 5] = [
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::REFERRER_POLICY, "same-origin"),
    // Nobody needs task arguments in a frame of another site …
    (header::X_FRAME_OPTIONS, "DENY"),
    // … nor as an image or script there.
    (
        HeaderName::from_static("cross-origin-resource-policy"),
        "same-origin",
    ),
    // What is shown changes all the time; a copy is only good after asking.
    (header::CACHE_CONTROL, "no-cache"),
];

/// Adds the headers that the handler has not set itself.
pub(crate) async fn add_headers(request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    for (name, value) in DEFAULTS {
        headers
            .entry(name)
            .or_insert(HeaderValue::from_static(value));
    }
    response
}

/// Returns the policy of a page whose own inline scripts carry `nonce`.
///
/// Scripts: those, the bundle, and the compilation of its WebAssembly. Styles:
/// the stylesheet, and `style` attributes, by which the app draws bars and
/// reserves the height of long tables.
pub(crate) fn content_security_policy(nonce: &str) -> String {
    format!(
        "default-src 'none'; script-src 'self' 'nonce-{nonce}' 'wasm-unsafe-eval'; \
         style-src 'self'; style-src-attr 'unsafe-inline'; img-src 'self' data:; \
         font-src 'self'; connect-src 'self'; manifest-src 'self'; base-uri 'none'; \
         form-action 'self'; frame-ancestors 'none'"
    )
}
