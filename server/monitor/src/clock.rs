//! The only place of the engine that reads the clock.

use model::Timestamp;
use std::time::{SystemTime, UNIX_EPOCH};

/// Returns the present time.
pub(crate) fn now() -> Timestamp {
    let since_epoch = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    Timestamp(i64::try_from(since_epoch.as_micros()).unwrap_or(i64::MAX))
}
