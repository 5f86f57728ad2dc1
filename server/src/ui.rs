//! The screens: every page that the app knows, and the page for all others.

use crate::{
    assets::{self, Assets},
    security::content_security_policy,
    state::AppState,
};
use app::{App, server_fns::WhoAsks, shell};
use axum::{
    Router,
    body::Body,
    extract::{Request, State},
    http::{HeaderValue, Method, StatusCode, header},
    response::{IntoResponse, Response},
};
use leptos::{
    nonce::use_nonce,
    prelude::{provide_context, use_context},
};
use leptos_axum::{
    AxumRouteListing, LeptosRoutes, ResponseOptions,
    generate_route_list_with_exclusions_and_ssg_and_context, render_app_async_with_context,
};
use model::Door;
use std::sync::Arc;

/// Adds the app's pages and server functions.
pub(crate) fn routes(router: Router<AppState>, state: &AppState) -> Router<AppState> {
    let options = state.options.clone();
    router.leptos_routes_with_context(state, listings(state), context(state), move || {
        shell(options.clone())
    })
}

fn listings(state: &AppState) -> Vec<AxumRouteListing> {
    generate_route_list_with_exclusions_and_ssg_and_context(App, None, context(state)).0
}

/// Returns what provides the app's surroundings; pages, server functions and
/// the page for unknown paths all get the same.
fn context(state: &AppState) -> impl Fn() + Clone + Send + Sync + 'static {
    let state = state.clone();
    move || {
        provide_context(state.monitor.clone());
        provide_context(state.options.clone());
        let access = state.access.clone();
        provide_context(WhoAsks(Arc::new(move |parts| {
            access.caller(parts, Door::Page)
        })));
        // Leptos makes a nonce for pages, none for server functions.
        let policy = use_nonce()
            .and_then(|nonce| HeaderValue::from_str(&content_security_policy(&nonce)).ok());
        if let (Some(policy), Some(response)) = (policy, use_context::<ResponseOptions>()) {
            response.insert_header(header::CONTENT_SECURITY_POLICY, policy);
        }
    }
}

/// Answers every path that no route knows: a public file, or the app's page
/// that says so.
pub(crate) async fn fallback(
    State(state): State<AppState>,
    State(files): State<Arc<Assets>>,
    request: Request<Body>,
) -> Response {
    if !matches!(*request.method(), Method::GET | Method::HEAD) {
        return (StatusCode::NOT_FOUND, "Not found").into_response();
    }
    if let Some(file) = files.public(request.uri().path()) {
        return assets::answer(file, assets::REVALIDATE, request.headers());
    }
    let options = state.options.clone();
    let render = render_app_async_with_context(context(&state), move || shell(options.clone()));
    let mut response = render(request).await;
    if response.status() == StatusCode::OK {
        *response.status_mut() = StatusCode::NOT_FOUND;
    }
    response
}
