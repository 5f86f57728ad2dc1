//! Headers that every answer carries, and requests that no page of ours sent.

use crate::{Access, AppState, error::ApiError, request};
use axum::{
    body::{Body, HttpBody},
    extract::{Request, State},
    http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Uri, header, uri::Authority},
    middleware::Next,
    response::{IntoResponse, Response},
};
use model::{ErrorKind, WireError};
use std::net::IpAddr;

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

/// Paths that machines ask by whatever name; they tell nothing of tasks' arguments.
const FOR_MACHINES: [&str; 2] = ["/healthcheck", "/metrics"];

/// Refuses what changes something unless it was sent by one of our pages or by
/// a program, bodies that are too large, and everything that is asked under a
/// name that is not ours.
///
/// Nobody logs in, so a browser on the same host would lend its reach to any
/// page it shows: one of another site (`Sec-Fetch-Site`, `Origin`), which
/// could act though not read, or one whose name was made to mean this host
/// (DNS rebinding, told by `Host`), which could do both.
pub(crate) async fn guard(State(state): State<AppState>, request: Request, next: Next) -> Response {
    let is_safe = matches!(
        *request.method(),
        Method::GET | Method::HEAD | Method::OPTIONS
    );
    let path = request.uri().path();
    let checked = match is_safe {
        true if FOR_MACHINES.contains(&path) => Ok(()),
        true => name(host(request.headers(), request.uri()), &state.access),
        false => origin(request.headers(), request.uri(), &state.access),
    };
    if let Err(reason) = checked {
        let text = format!("Refused: {reason}.");
        tracing::warn!(
            path,
            reason,
            "refused a request that could be another site's"
        );
        return refuse(path, StatusCode::FORBIDDEN, ErrorKind::Forbidden, text);
    }
    if is_safe {
        return next.run(request).await;
    }
    let (parts, body) = request.into_parts();
    let is_large = body.size_hint().lower() > request::MAX_BODY_BYTES as u64;
    let bytes = if is_large {
        None
    } else {
        axum::body::to_bytes(body, request::MAX_BODY_BYTES)
            .await
            .ok()
    };
    let Some(bytes) = bytes else {
        let (status, text) = request::too_large();
        return refuse(parts.uri.path(), status, ErrorKind::Invalid, text);
    };
    next.run(Request::from_parts(parts, Body::from(bytes)))
        .await
}

fn refuse(path: &str, status: StatusCode, kind: ErrorKind, text: String) -> Response {
    if path.starts_with("/api/v1/") || path.starts_with("/api/ui/") {
        ApiError::with_status(status, WireError::new(kind, text)).into_response()
    } else {
        (status, text).into_response()
    }
}

/// Tells why a request may be another site's doing.
fn origin(headers: &HeaderMap, uri: &Uri, access: &Access) -> Result<(), &'static str> {
    // A browser says it itself; programs do not.
    let site = text(headers, HeaderName::from_static("sec-fetch-site"));
    if site.is_some_and(|site| !matches!(site, "same-origin" | "none")) {
        return Err("it comes from a page of another site");
    }
    let host = host(headers, uri);
    if let Some(origin) = text(headers, header::ORIGIN) {
        let from = origin.split_once("://").map(|(_, rest)| rest);
        let is_same = from
            .zip(host)
            .is_some_and(|(from, host)| from.eq_ignore_ascii_case(host));
        // A proxy may put another name into `Host` than the browser asked for.
        let is_named = from.is_some_and(|from| access.hosts.contains(&name_of(from)));
        if !is_same && !is_named {
            return Err("its origin is another than the dashboard's (see --hosts)");
        }
    }
    name(host, access)
}

/// Tells why a name may be one that was made to mean this host.
fn name(host: Option<&str>, access: &Access) -> Result<(), &'static str> {
    match host {
        Some(host) if !access.is_ours(host) => {
            Err("the dashboard is not known by this name (see --hosts)")
        }
        _ => Ok(()),
    }
}

fn host<'r>(headers: &'r HeaderMap, uri: &'r Uri) -> Option<&'r str> {
    // HTTP/2 has it in the address.
    text(headers, header::HOST).or_else(|| uri.authority().map(Authority::as_str))
}

fn text(headers: &HeaderMap, name: HeaderName) -> Option<&str> {
    Some(headers.get(name)?.to_str().unwrap_or("?"))
}

/// Returns the host without its port, in lower case.
pub(crate) fn name_of(host: &str) -> String {
    let name = match host.parse::<Authority>() {
        Ok(authority) => authority.host().to_owned(),
        Err(_) => host.to_owned(),
    };
    name.trim_end_matches('.').to_ascii_lowercase()
}

pub(crate) fn is_loopback(host: &str) -> bool {
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    host == "localhost"
        || host.ends_with(".localhost")
        || bare
            .parse()
            .is_ok_and(|address: IpAddr| address.is_loopback())
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

#[cfg(test)]
mod tests {
    use super::*;

    fn is_refused(access: &Access, pairs: &[(&'static str, &'static str)]) -> bool {
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            headers.insert(*name, HeaderValue::from_static(value));
        }
        origin(&headers, &Uri::from_static("/api/v1/commands"), access).is_err()
    }

    #[test]
    fn only_our_pages_and_programs_may_change_something() {
        let access = Access::new(false, true).with_hosts(&["Dash.example.org".to_owned()]);
        for (headers, expected) in [
            // Programs.
            (&[][..], false),
            (&[("host", "localhost:5555")], false),
            (&[("host", "127.0.0.1:5555")], false),
            (&[("host", "[::1]:5555")], false),
            (&[("host", "dash.example.org")], false),
            // Our pages.
            (
                &[
                    ("host", "localhost:5555"),
                    ("origin", "http://localhost:5555"),
                    ("sec-fetch-site", "same-origin"),
                ],
                false,
            ),
            (
                &[
                    ("host", "DASH.example.org:8080"),
                    ("origin", "https://dash.example.org:8080"),
                ],
                false,
            ),
            // Through a proxy that puts its own name into `Host`.
            (
                &[
                    ("host", "127.0.0.1:5555"),
                    ("origin", "https://dash.example.org"),
                ],
                false,
            ),
            // Pages of others.
            (
                &[("host", "localhost:5555"), ("sec-fetch-site", "cross-site")],
                true,
            ),
            (
                &[("host", "localhost:5555"), ("sec-fetch-site", "same-site")],
                true,
            ),
            (
                &[
                    ("host", "localhost:5555"),
                    ("origin", "http://localhost:8000"),
                ],
                true,
            ),
            (
                &[
                    ("host", "localhost:5555"),
                    ("origin", "http://evil.example"),
                ],
                true,
            ),
            (&[("host", "localhost:5555"), ("origin", "null")], true),
            (&[("origin", "http://evil.example")], true),
            // A name that was made to mean this host.
            (&[("host", "evil.example:5555")], true),
            (
                &[
                    ("host", "evil.example:5555"),
                    ("origin", "http://evil.example:5555"),
                    ("sec-fetch-site", "same-origin"),
                ],
                true,
            ),
            (&[("host", "localhost.evil.example")], true),
            (&[("host", "127.0.0.1.evil.example")], true),
        ] {
            assert_eq!(is_refused(&access, headers), expected, "{headers:?}");
        }
    }

    #[test]
    fn elsewhere_any_name_may_be_ours() {
        let access = Access::new(false, false);
        assert!(!is_refused(&access, &[("host", "dash.example.org")]));
        let foreign = [
            ("host", "dash.example.org"),
            ("origin", "http://evil.example"),
        ];
        assert!(is_refused(&access, &foreign));
    }
}
