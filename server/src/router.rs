//! Every route on one page.

use crate::{
    api, api::control as act, assets, chart, error::ApiError, metrics, security, state::AppState,
    stream, ui,
};
use axum::{
    Router,
    extract::Request,
    http::{Method, StatusCode, Uri},
    middleware,
    response::{IntoResponse, Response},
    routing::{get, post},
};
use model::{ErrorKind, WireError};
use tower_http::{CompressionLevel, compression::CompressionLayer, trace::TraceLayer};

/// Returns the whole dashboard as one service.
pub fn router(state: AppState) -> Router {
    // Flower's paths, in Flower's shapes.
    let flower = Router::new()
        .route("/api/tasks", get(api::tasks::list))
        .route("/api/task/info/{id}", get(api::tasks::info))
        .route("/api/task/result/{id}", get(api::results::result))
        .route("/api/task/types", get(api::tasks::types))
        .route("/api/workers", get(api::workers::list))
        .route("/api/queues/length", get(api::queues::lengths))
        .route("/api/worker/shutdown/{name}", post(act::workers::shutdown))
        .route(
            "/api/worker/pool/restart/{name}",
            post(act::workers::pool_restart),
        )
        .route(
            "/api/worker/pool/grow/{name}",
            post(act::workers::pool_grow),
        )
        .route(
            "/api/worker/pool/shrink/{name}",
            post(act::workers::pool_shrink),
        )
        .route(
            "/api/worker/pool/autoscale/{name}",
            post(act::workers::pool_autoscale),
        )
        .route(
            "/api/worker/queue/add-consumer/{name}",
            post(act::workers::add_consumer),
        )
        .route(
            "/api/worker/queue/cancel-consumer/{name}",
            post(act::workers::cancel_consumer),
        )
        .route("/api/task/revoke/{id}", post(act::tasks::revoke))
        .route("/api/task/abort/{id}", post(act::tasks::abort))
        .route("/api/task/timeout/{name}", post(act::tasks::timeout))
        .route("/api/task/rate-limit/{name}", post(act::tasks::rate_limit))
        .route("/api/task/apply/{name}", post(act::send::apply))
        .route("/api/task/async-apply/{name}", post(act::send::async_apply))
        .route("/api/task/send-task/{name}", post(act::send::send_task))
        .route("/healthcheck", get(api::health::check))
        .route("/metrics", get(metrics::metrics));

    // Our own.
    let ours = Router::new()
        .route("/api/v1/snapshot", get(api::snapshot::snapshot))
        .route("/api/v1/stream", get(stream::stream))
        .route(
            "/api/v1/search/suggestions",
            get(api::suggestions::suggestions),
        )
        .route("/api/v1/commands", post(act::commands::run))
        .route("/api/v1/bulk", get(act::bulk::list))
        .route("/api/v1/bulk/count", post(act::bulk::count))
        .route(
            "/api/v1/bulk/{id}",
            get(act::bulk::progress).delete(act::bulk::stop),
        )
        .route("/api/v1/tasks", get(api::tasks::page))
        .route("/api/v1/tasks/{id}", get(api::tasks::detail))
        .route("/api/v1/tasks/{id}/retry-plan", get(act::look::retry_plan))
        .route("/api/v1/queues/{name}/messages", get(act::look::messages))
        .route("/api/v1/workers/{name}/report", get(act::look::report))
        .route("/api/v1/tasks/export", get(api::export::tasks))
        .route("/api/v1/audit/export", get(api::export::audit))
        .route("/api/v1/audit", get(act::look::audit))
        .route("/api/v1/schedule", get(act::look::schedule))
        .route("/chart/outcomes.svg", get(chart::outcomes));

    let router = ui::routes(flower.merge(ours), &state)
        .route("/api/{*path}", axum::routing::any(unknown_api_path))
        .fallback(ui::fallback)
        .method_not_allowed_fallback(wrong_method)
        // Event streams, pictures and what is compressed already pass as they are.
        .layer(CompressionLayer::new().quality(CompressionLevel::Fastest));

    // The bundle is compressed once, when it is built.
    let folder = state.bundle_folder();
    router
        .route(
            &format!("/{folder}/{{hash}}/{{*path}}"),
            get(assets::bundle),
        )
        .layer(middleware::from_fn_with_state(
            state.clone(),
            security::guard,
        ))
        .layer(middleware::from_fn(security::add_headers))
        .layer(TraceLayer::new_for_http().make_span_with(span))
        .with_state(state)
}

/// Names a request in the log by its path alone: queries may hold what people
/// look for in arguments and results.
fn span(request: &Request) -> tracing::Span {
    tracing::debug_span!("request", method = %request.method(), path = request.uri().path())
}

async fn unknown_api_path(uri: Uri) -> ApiError {
    WireError::new(
        ErrorKind::NotFound,
        format!("There is nothing at {}.", uri.path()),
    )
    .into()
}

async fn wrong_method(method: Method, uri: Uri) -> Response {
    let message = format!("{} does not take {method}.", uri.path());
    if uri.path().starts_with("/api/v1/") {
        let error = WireError::new(ErrorKind::Invalid, message);
        ApiError::with_status(StatusCode::METHOD_NOT_ALLOWED, error).into_response()
    } else {
        (StatusCode::METHOD_NOT_ALLOWED, message).into_response()
    }
}
