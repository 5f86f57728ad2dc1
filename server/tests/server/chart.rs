//! Charts with an address of their own.

use crate::support::{dashboard::Dashboard, redis::Redis};
use axum::http::StatusCode;

#[tokio::test(flavor = "multi_thread")]
async fn the_chart_of_outcomes_is_a_picture_in_either_theme() {
    let redis = Redis::start();
    let dashboard = Dashboard::start(&redis).await;
    for (path, surface) in [
        ("/chart/outcomes.svg", "#FFFFFF"),
        ("/chart/outcomes.svg?theme=dark", "#171816"),
    ] {
        let answer = dashboard.get(path).await;
        assert_eq!(answer.status, StatusCode::OK);
        assert_eq!(answer.header("content-type"), "image/svg+xml");
        assert!(answer.text().starts_with("<svg") && answer.text().contains(surface));
    }
    let answer = dashboard.get("/chart/outcomes.svg?theme=pink").await;
    assert_eq!(answer.status, StatusCode::BAD_REQUEST);
}
