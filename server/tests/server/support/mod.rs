//! What tests stand on: a Redis, a dashboard, events, a worker that answers.

pub(crate) mod binary;
pub(crate) mod celery;
pub(crate) mod dashboard;
pub(crate) mod events;
pub(crate) mod redis;
pub(crate) mod worker;

use std::time::{Duration, Instant};

/// How long anything may take before a test gives up.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// Asks again until there is an answer.
pub(crate) fn wait_for<T>(what: &str, mut ask: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(answer) = ask() {
            return answer;
        }
        assert!(Instant::now() < deadline, "waited in vain for {what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}
