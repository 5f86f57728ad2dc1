//! The dashboard within the test's process, asked without a network.

use super::{PATIENCE, redis::Redis};
use axum::{
    Router,
    body::{Body, to_bytes},
    http::{HeaderMap, Method, Request, StatusCode},
    response::Response,
};
use monitor::Monitor;
use serde_json::Value;
use server::{Access, AppState, Config, assets::Assets, router};
use std::{ffi::OsString, time::Duration};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;

/// A dashboard of one test.
pub(crate) struct Dashboard {
    router: Router,
    stop: CancellationToken,
}

/// What it answered.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Vec<u8>,
}

impl Dashboard {
    /// Starts a dashboard that is connected to this Redis.
    pub(crate) async fn start(redis: &Redis) -> Self {
        let dashboard = Self::with_assets(redis, Assets::load());
        dashboard
            .until("/healthcheck", |answer| answer.status == StatusCode::OK)
            .await;
        dashboard
    }

    /// Starts a dashboard with more options that is connected to this Redis.
    pub(crate) async fn with_options(redis: &Redis, options: &[&str]) -> Self {
        let dashboard = Self::build(redis, Assets::load(), options);
        dashboard
            .until("/healthcheck", |answer| answer.status == StatusCode::OK)
            .await;
        dashboard
    }

    /// Starts a dashboard that serves these files; it may not be connected yet.
    pub(crate) fn with_assets(redis: &Redis, assets: Assets) -> Self {
        let results = format!("--result-backend={}", redis.url());
        Self::build(redis, assets, &[&results])
    }

    fn build(redis: &Redis, assets: Assets, options: &[&str]) -> Self {
        let broker = format!("--broker={}", redis.url());
        let args = [
            "celeriac",
            &broker,
            "--poll-interval=0.1",
            "--inspect-timeout=500",
            "--store=none",
        ];
        let args = args.iter().chain(options).map(OsString::from);
        let config = Config::load(args).expect("a configuration");
        let monitor = Monitor::start(config.monitor).expect("an engine");
        let stop = CancellationToken::new();
        let state = AppState::new(
            monitor,
            Access::new(config.is_read_only, true).with_hosts(&config.hosts),
            config.leptos,
            assets,
            stop.clone(),
        );
        Self {
            router: router(state),
            stop,
        }
    }

    /// Tells the dashboard to end, as a signal would.
    pub(crate) fn stop(&self) {
        self.stop.cancel();
    }

    /// Sends a request and returns the answer before its body is read.
    pub(crate) async fn send(&self, request: Request<Body>) -> Response {
        let Ok(response) = self.router.clone().oneshot(request).await;
        response
    }

    /// Sends a request without body.
    pub(crate) async fn request(
        &self,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
    ) -> Answer {
        self.send_body(method, path, headers, Body::empty()).await
    }

    /// Sends a request with a body.
    pub(crate) async fn send_body(
        &self,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: impl Into<Body>,
    ) -> Answer {
        let mut request = Request::builder().method(method).uri(path);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(body.into()).expect("a request");
        let (parts, body) = self.send(request).await.into_parts();
        Answer {
            status: parts.status,
            headers: parts.headers,
            body: to_bytes(body, usize::MAX).await.expect("a body").into(),
        }
    }

    /// Sends a form, as `curl -d` does.
    pub(crate) async fn post(&self, path: &str, form: &str) -> Answer {
        let headers = [("content-type", "application/x-www-form-urlencoded")];
        self.send_body(Method::POST, path, &headers, form.to_owned())
            .await
    }

    /// Sends JSON.
    pub(crate) async fn post_json(&self, path: &str, json: &str) -> Answer {
        let headers = [("content-type", "application/json")];
        self.send_body(Method::POST, path, &headers, json.to_owned())
            .await
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.request(Method::GET, path, &[]).await
    }

    /// Asks again until the answer is right.
    pub(crate) async fn until(&self, path: &str, is_right: impl Fn(&Answer) -> bool) -> Answer {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let answer = self.get(path).await;
            if is_right(&answer) {
                return answer;
            }
            assert!(
                Instant::now() < deadline,
                "{path} stays at {}: {}",
                answer.status,
                answer.text()
            );
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }
}

impl Answer {
    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.body).expect("text")
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| {
            panic!(
                "no JSON ({error}): {:?}",
                String::from_utf8_lossy(&self.body)
            )
        })
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers
            .get(name)
            .unwrap_or_else(|| panic!("no header {name} in {:?}", self.headers))
            .to_str()
            .expect("text")
    }
}
