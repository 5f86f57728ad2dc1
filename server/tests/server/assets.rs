//! Files for browsers.

use crate::support::{
    dashboard::{Answer, Dashboard},
    redis::Redis,
};
use axum::{
    body::Bytes,
    http::{Method, StatusCode},
};
use flate2::{Compression, write::GzEncoder};
use server::assets::Assets;
use std::io::Write;

const SCRIPT: &str = "export function hydrate() {} // and more, and more, and more";

fn gzip(text: &str) -> Bytes {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(text.as_bytes()).expect("gzip");
    encoder.finish().expect("gzip").into()
}

fn files(script: &'static str) -> Assets {
    let text = |text: &'static str| Bytes::from_static(text.as_bytes());
    Assets::from_files([
        ("pkg/app.js".to_owned(), text(script)),
        ("pkg/app.js.gz".to_owned(), gzip(script)),
        ("pkg/app.js.br".to_owned(), text("stands for brotli")),
        ("pkg/app_bg.wasm".to_owned(), Bytes::from_static(b"\0asm")),
        ("pkg/app.css".to_owned(), text("a {}")),
        (
            "favicon.svg".to_owned(),
            text("<svg xmlns=\"http://www.w3.org/2000/svg\"/>"),
        ),
        ("robots.txt".to_owned(), text("User-agent: *")),
    ])
}

async fn get(dashboard: &Dashboard, path: &str, headers: &[(&str, &str)]) -> Answer {
    dashboard.request(Method::GET, path, headers).await
}

#[tokio::test(flavor = "multi_thread")]
async fn the_bundle_is_kept_for_ever_under_the_hash_of_its_content() {
    let assets = files(SCRIPT);
    let hash = assets.hash().to_owned();
    assert_eq!(hash.len(), 16);
    assert_ne!(hash, files("other").hash());
    assert_eq!(hash, files(SCRIPT).hash());

    let dashboard = Dashboard::with_assets(&Redis::absent(), assets);
    for (file, content_type) in [
        ("app.js", "text/javascript; charset=utf-8"),
        ("app_bg.wasm", "application/wasm"),
        ("app.css", "text/css; charset=utf-8"),
    ] {
        let answer = get(&dashboard, &format!("/pkg/{hash}/{file}"), &[]).await;
        assert_eq!(answer.status, StatusCode::OK, "{file}");
        assert_eq!(answer.header("content-type"), content_type);
        assert_eq!(
            answer.header("cache-control"),
            "public, max-age=31536000, immutable"
        );
        assert_eq!(answer.header("vary"), "accept-encoding");
    }
    let page = dashboard.get("/").await;
    for file in ["app.js", "app_bg.wasm", "app.css"] {
        assert!(
            page.text().contains(&format!("/pkg/{hash}/{file}")),
            "{file}"
        );
    }
    for path in [
        format!("/pkg/{hash}/nope.js"),
        "/pkg/0000000000000000/app.js".to_owned(),
        format!("/pkg/{hash}/app.js.gz"),
    ] {
        let answer = dashboard.get(&path).await;
        assert_eq!(answer.status, StatusCode::NOT_FOUND, "{path}");
        assert_eq!(answer.header("cache-control"), "no-cache", "{path}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_comes_in_the_encoding_the_client_prefers() {
    let assets = files(SCRIPT);
    let path = format!("/pkg/{}/app.js", assets.hash());
    let dashboard = Dashboard::with_assets(&Redis::absent(), assets);

    let plain = get(&dashboard, &path, &[]).await;
    assert_eq!(plain.text(), SCRIPT);
    assert!(plain.headers.get("content-encoding").is_none());

    let accept = [("accept-encoding", "gzip, deflate, br")];
    let brotli = get(&dashboard, &path, &accept).await;
    assert_eq!(brotli.header("content-encoding"), "br");
    assert_eq!(brotli.text(), "stands for brotli");

    let accept = [("accept-encoding", "br;q=0.1, gzip")];
    let zipped = get(&dashboard, &path, &accept).await;
    assert_eq!(zipped.header("content-encoding"), "gzip");
    assert_eq!(zipped.body, gzip(SCRIPT));

    let tags = [&plain, &brotli, &zipped].map(|answer| answer.header("etag").to_owned());
    assert!(tags[0] != tags[1] && tags[1] != tags[2] && tags[0] != tags[2]);

    let head = dashboard.request(Method::HEAD, &path, &[]).await;
    assert_eq!(head.header("content-length"), SCRIPT.len().to_string());
    assert!(head.body.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn public_files_are_asked_for_again_but_not_sent_again() {
    let dashboard = Dashboard::with_assets(&Redis::absent(), files(SCRIPT));
    for (path, content_type) in [
        ("/favicon.svg", "image/svg+xml; charset=utf-8"),
        ("/robots.txt", "text/plain; charset=utf-8"),
    ] {
        let answer = dashboard.get(path).await;
        assert_eq!(answer.status, StatusCode::OK, "{path}");
        assert_eq!(answer.header("content-type"), content_type);
        assert_eq!(answer.header("cache-control"), "no-cache");
        let tag = answer.header("etag");
        for known in [
            tag.to_owned(),
            format!("W/{tag}"),
            format!("\"x\", {tag}"),
            "*".to_owned(),
        ] {
            let again = get(&dashboard, path, &[("if-none-match", &known)]).await;
            assert_eq!(again.status, StatusCode::NOT_MODIFIED, "{known}");
            assert!(again.body.is_empty());
            assert_eq!(again.header("etag"), tag);
        }
        let other = get(&dashboard, path, &[("if-none-match", "\"x\"")]).await;
        assert_eq!(other.status, StatusCode::OK);
    }
    // The bundle has no address without a hash.
    assert_eq!(
        dashboard.get("/pkg/app.js").await.status,
        StatusCode::NOT_FOUND
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_bundle_pages_come_all_the_same() {
    let assets = Assets::from_files([]);
    assert!(!assets.has_bundle());
    let dashboard = Dashboard::with_assets(&Redis::absent(), assets);
    let answer = dashboard.get("/").await;
    assert_eq!(answer.status, StatusCode::OK);
    assert!(answer.text().contains("</html>"));
}
