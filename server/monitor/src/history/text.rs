//! Values as columns hold them, in every store.

use super::HistoryError;
use serde::{Serialize, de::DeserializeOwned};

/// Returns a count as a column holds it; none comes near 63 bits.
pub(super) fn number(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

pub(super) fn json(value: &impl Serialize, what: &'static str) -> Result<String, HistoryError> {
    serde_json::to_string(value).map_err(|source| HistoryError::Content { what, source })
}

pub(super) fn from_json<T: DeserializeOwned>(
    text: &str,
    what: &'static str,
) -> Result<T, HistoryError> {
    serde_json::from_str(text).map_err(|source| HistoryError::Content { what, source })
}
