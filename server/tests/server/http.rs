//! What holds for every path: errors, methods, headers, compression, pages.

use crate::support::{dashboard::Dashboard, events::replay, redis::Redis};
use axum::http::{Method, StatusCode};

#[tokio::test(flavor = "multi_thread")]
async fn every_page_is_html_with_a_policy_for_its_own_scripts() {
    let redis = Redis::start();
    let dashboard = Dashboard::start(&redis).await;
    for path in ["/", "/tasks", "/workers", "/queues"] {
        let answer = dashboard.get(path).await;
        assert_eq!(answer.status, StatusCode::OK, "{path}");
        assert_eq!(answer.header("content-type"), "text/html; charset=utf-8");
        let policy = answer.header("content-security-policy");
        let (_, rest) = policy.split_once("'nonce-").expect("a nonce");
        let (nonce, _) = rest.split_once('\'').expect("its end");
        let html = answer.text();
        assert!(html.contains(&format!("nonce=\"{nonce}\"")), "{path}");
        // A script without the nonce would be blocked.
        for (at, _) in html.match_indices("<script") {
            let tag = &html[at..html[at..].find('>').map_or(html.len(), |end| at + end)];
            assert!(
                tag.contains("nonce=\"") || tag.contains("src=\""),
                "{path}: {tag}"
            );
        }
        assert!(
            !html.contains("<style"),
            "{path}: the policy blocks style elements"
        );
        for part in [
            "'wasm-unsafe-eval'",
            "frame-ancestors 'none'",
            "default-src 'none'",
        ] {
            assert!(policy.contains(part), "{part} is not in {policy}");
        }
        assert!(html.contains("/app.css"), "{path} has no stylesheet");
    }
    let nonce = |answer: crate::support::dashboard::Answer| {
        answer.header("content-security-policy").to_owned()
    };
    assert_ne!(
        nonce(dashboard.get("/").await),
        nonce(dashboard.get("/").await)
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unknown_address_is_a_page_that_says_so() {
    let redis = Redis::start();
    let dashboard = Dashboard::start(&redis).await;
    let answer = dashboard.get("/nope/never").await;
    assert_eq!(answer.status, StatusCode::NOT_FOUND);
    assert_eq!(answer.header("content-type"), "text/html; charset=utf-8");
    assert!(answer.header("content-security-policy").contains("'nonce-"));
    assert!(answer.text().contains("</html>"));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unknown_api_path_is_json() {
    let redis = Redis::start();
    let dashboard = Dashboard::start(&redis).await;
    for (method, path) in [
        (Method::GET, "/api/nope"),
        (Method::POST, "/api/v1/nope"),
        (Method::GET, "/api/task/nope"),
    ] {
        let answer = dashboard.request(method, path, &[]).await;
        assert_eq!(answer.status, StatusCode::NOT_FOUND, "{path}");
        assert_eq!(answer.json()["error"]["kind"], "not_found");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_wrong_method_is_told_which_ones_are_right() {
    let redis = Redis::start();
    let dashboard = Dashboard::start(&redis).await;
    for path in [
        "/api/tasks",
        "/api/workers",
        "/metrics",
        "/tasks",
        "/api/v1/snapshot",
    ] {
        let answer = dashboard.request(Method::DELETE, path, &[]).await;
        assert_eq!(answer.status, StatusCode::METHOD_NOT_ALLOWED, "{path}");
        assert_eq!(answer.header("allow"), "GET,HEAD", "{path}");
        let is_json = answer.header("content-type") == "application/json";
        assert_eq!(is_json, path.starts_with("/api/v1/"), "{path}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_answer_carries_the_protective_headers() {
    let redis = Redis::start();
    let dashboard = Dashboard::start(&redis).await;
    for path in [
        "/",
        "/nope",
        "/api/tasks",
        "/api/nope",
        "/healthcheck",
        "/pkg/0/app.js",
    ] {
        let answer = dashboard.get(path).await;
        assert_eq!(answer.header("x-content-type-options"), "nosniff", "{path}");
        assert_eq!(answer.header("x-frame-options"), "DENY", "{path}");
        assert_eq!(answer.header("referrer-policy"), "same-origin", "{path}");
        assert_eq!(
            answer.header("cross-origin-resource-policy"),
            "same-origin",
            "{path}"
        );
        assert_eq!(answer.header("cache-control"), "no-cache", "{path}");
        assert!(
            answer.headers.get("access-control-allow-origin").is_none(),
            "{path}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_and_json_are_compressed_for_those_who_ask() {
    let redis = Redis::start();
    let dashboard = Dashboard::start(&redis).await;
    replay(&mut redis.connection(), "retried");
    dashboard
        .until("/api/tasks", |answer| answer.text().contains("SUCCESS"))
        .await;
    for path in [
        "/",
        "/api/v1/snapshot?topic=overview",
        "/metrics",
        "/api/tasks",
    ] {
        let plain = dashboard.get(path).await;
        assert!(plain.headers.get("content-encoding").is_none(), "{path}");
        let headers = [("accept-encoding", "gzip, br")];
        let answer = dashboard.request(Method::GET, path, &headers).await;
        assert_eq!(answer.header("content-encoding"), "br", "{path}");
        let mut unpacked = Vec::new();
        brotli::BrotliDecompress(&mut &answer.body[..], &mut unpacked).expect("brotli");
        assert!(answer.body.len() < unpacked.len(), "{path}");
        assert!(
            std::str::from_utf8(&unpacked).is_ok_and(|text| !text.is_empty()),
            "{path}"
        );
    }
}
