//! From stretches of ten seconds to the columns of a chart.

use chrono::DateTime;
use model::{Outcomes, Overview, Timestamp};

/// Stretches of ten seconds in one column.
const PER_COLUMN: usize = 6;

/// Columns of an hour.
pub(crate) const COLUMNS: usize = 60;

/// Tasks per second in one minute; absent where it is not known.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Column {
    /// `HH:MM` of its start, UTC.
    pub(crate) label: String,
    /// Succeeded, failed and retried per second.
    pub(crate) rates: Option<[f64; 3]>,
}

/// Returns the last hour's minutes, oldest first. Minutes before the
/// dashboard was started, and those in which events were missed, have no rates.
pub(crate) fn columns(overview: &Overview, now: Timestamp) -> Vec<Column> {
    let minute = (PER_COLUMN * 10) as i64 * 1_000_000;
    let last = now.0.div_euclid(minute);
    (0..COLUMNS as i64)
        .map(|column| {
            let start = (last - COLUMNS as i64 + column) * minute;
            let offset = (start - overview.outcomes_start.0) / 10_000_000;
            let stretches = usize::try_from(offset)
                .ok()
                .and_then(|first| overview.outcomes.get(first..first + PER_COLUMN));
            Column {
                label: DateTime::from_timestamp_micros(start)
                    .map(|time| time.format("%H:%M").to_string())
                    .unwrap_or_default(),
                rates: stretches.and_then(rates),
            }
        })
        .collect()
}

fn rates(stretches: &[Outcomes]) -> Option<[f64; 3]> {
    if stretches.iter().any(|stretch| stretch.is_gap) {
        return None;
    }
    let seconds = stretches.len() as f64 * 10.0;
    let sum = |of: fn(&Outcomes) -> u32| stretches.iter().map(|s| f64::from(of(s))).sum::<f64>();
    Some([
        sum(|s| s.succeeded) / seconds,
        sum(|s| s.failed) / seconds,
        sum(|s| s.retried) / seconds,
    ])
}
