//! One type for a point in time.

use serde::{Deserialize, Serialize};

/// Microseconds since the Unix epoch, UTC.
///
/// Celery's event timestamps are true UTC seconds whatever `utcoffset` says,
/// so no zone is ever applied here; the screens do that.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Timestamp(pub i64);

impl Timestamp {
    /// Converts seconds since the epoch; not-a-number and values outside
    /// the years 1970 to 9999 give `None`.
    pub fn from_seconds(seconds: f64) -> Option<Self> {
        const YEAR_10000: f64 = 253_402_300_800.0;
        (0.0..YEAR_10000).contains(&seconds).then(|| {
            // In range by the check above, so the cast cannot saturate.
            Self((seconds * 1e6).round() as i64)
        })
    }

    /// Returns seconds since the epoch, as Celery and Flower write them.
    pub fn as_seconds(self) -> f64 {
        self.0 as f64 / 1e6
    }

    /// Returns the seconds from `earlier` to `self`; negative if it is later.
    pub fn seconds_since(self, earlier: Self) -> f64 {
        self.0.saturating_sub(earlier.0) as f64 / 1e6
    }

    /// Returns this time moved by `seconds`.
    #[must_use]
    pub fn plus_seconds(self, seconds: f64) -> Self {
        Self(self.0.saturating_add((seconds * 1e6) as i64))
    }
}
