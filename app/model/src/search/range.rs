//! Ranges of numbers and times.

use crate::Timestamp;
use std::ops::Bound;

/// A range with a start, an end, or both.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Range<T> {
    /// The smallest value.
    pub from: Bound<T>,
    /// The largest value.
    pub to: Bound<T>,
}

impl Range<f64> {
    /// Returns the smallest and the largest number that is inside, infinite
    /// where the range is open. If the first is larger, nothing is inside.
    pub fn limits(&self) -> (f64, f64) {
        let low = match self.from {
            Bound::Included(low) => low,
            Bound::Excluded(low) => low.next_up(),
            Bound::Unbounded => f64::NEG_INFINITY,
        };
        let high = match self.to {
            Bound::Included(high) => high,
            Bound::Excluded(high) => high.next_down(),
            Bound::Unbounded => f64::INFINITY,
        };
        (low, high)
    }

    /// Tells whether a number is inside.
    pub fn contains(&self, number: f64) -> bool {
        let (low, high) = self.limits();
        low <= number && number <= high
    }
}

/// A point in time that may depend on when it is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Moment {
    /// This time.
    At(Timestamp),
    /// So many microseconds after the time of asking; negative for before.
    FromNow(i64),
}

impl Moment {
    /// Returns the time that is meant when it is `now`.
    pub fn at(self, now: Timestamp) -> Timestamp {
        match self {
            Self::At(time) => time,
            Self::FromNow(offset) => Timestamp(now.0.saturating_add(offset)),
        }
    }
}

impl Range<Moment> {
    /// Returns the first and the last time that is inside when it is `now`.
    /// If the first is later, nothing is inside.
    pub fn limits(&self, now: Timestamp) -> (Timestamp, Timestamp) {
        // Times are whole microseconds.
        let first = match self.from {
            Bound::Included(moment) => moment.at(now).0,
            Bound::Excluded(moment) => moment.at(now).0.saturating_add(1),
            Bound::Unbounded => i64::MIN,
        };
        let last = match self.to {
            Bound::Included(moment) => moment.at(now).0,
            Bound::Excluded(moment) => moment.at(now).0.saturating_sub(1),
            Bound::Unbounded => i64::MAX,
        };
        (Timestamp(first), Timestamp(last))
    }

    /// Tells whether a time is inside when it is `now`.
    pub fn contains(&self, time: Timestamp, now: Timestamp) -> bool {
        let (first, last) = self.limits(now);
        first <= time && time <= last
    }

    /// Returns the range with times instead of distances from `now`.
    #[must_use]
    pub fn resolve(&self, now: Timestamp) -> Self {
        let fix = |moment: Moment| Moment::At(moment.at(now));
        Self {
            from: self.from.map(fix),
            to: self.to.map(fix),
        }
    }

    /// Tells whether an end depends on when it is asked for.
    pub fn depends_on_now(&self) -> bool {
        [self.from, self.to].into_iter().any(|bound| {
            matches!(
                bound,
                Bound::Included(Moment::FromNow(_)) | Bound::Excluded(Moment::FromNow(_))
            )
        })
    }
}

/// What was written as one value: `5s`, `2026-11-20`, `-1h`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Point<T> {
    /// Where it begins.
    pub(super) first: T,
    /// Its end as the end of a range: a date ends with its day.
    pub(super) last: Bound<T>,
    /// What it means without `>`, `<` or `..`; `None` if it needs one of them.
    pub(super) alone: Option<Range<T>>,
}

/// A value that can't be read: where, in bytes from its start, and why.
#[derive(Debug)]
pub(super) struct Trouble {
    pub(super) at: usize,
    pub(super) message: String,
}

impl Trouble {
    pub(super) fn new(at: usize, message: impl Into<String>) -> Self {
        Self {
            at,
            message: message.into(),
        }
    }

    /// Moves the place by what stands before the part that was read.
    pub(super) fn after(mut self, bytes: usize) -> Self {
        self.at += bytes;
        self
    }
}

/// Reads `>a`, `>=a`, `<a`, `<=a`, `a..b`, `a..<b`, `a..`, `..b` or `a`.
///
/// `read` reads one value, `is_backwards` tells of two that are in the wrong
/// order, `alone` says what to write instead of a value that needs an operator.
pub(super) fn parse_range<T: Copy>(
    text: &str,
    mut read: impl FnMut(&str) -> Result<Point<T>, Trouble>,
    is_backwards: impl Fn(T, T) -> bool,
    alone: &str,
) -> Result<Range<T>, Trouble> {
    for operator in [">=", "<=", ">", "<"] {
        let Some(value) = text.strip_prefix(operator) else {
            continue;
        };
        let point = read(value).map_err(|trouble| trouble.after(operator.len()))?;
        let (from, to) = match operator {
            ">=" => (Bound::Included(point.first), Bound::Unbounded),
            "<=" => (Bound::Unbounded, point.last),
            ">" => (beyond(point.last), Bound::Unbounded),
            _ => (Bound::Unbounded, Bound::Excluded(point.first)),
        };
        return Ok(Range { from, to });
    }
    let Some((start, end)) = text.split_once("..") else {
        let point = read(text)?;
        return point.alone.ok_or_else(|| Trouble::new(0, alone));
    };
    let (end, is_open) = match end.strip_prefix('<') {
        Some(end) => (end, true),
        None => (end, false),
    };
    let end_at = text.len() - end.len();
    if start.is_empty() && end.is_empty() {
        return Err(Trouble::new(0, "Expected a value before or after .."));
    }
    let from = match start {
        "" => None,
        start => Some(read(start)?),
    };
    let to = match end {
        "" if is_open => return Err(Trouble::new(end_at, "Expected a value after ..<")),
        "" => None,
        end => Some(read(end).map_err(|trouble| trouble.after(end_at))?),
    };
    if let (Some(from), Some(to)) = (&from, &to)
        && is_backwards(from.first, to.first)
    {
        return Err(Trouble::new(end_at, "The range ends before it starts"));
    }
    Ok(Range {
        from: from.map_or(Bound::Unbounded, |point| Bound::Included(point.first)),
        to: match to {
            None => Bound::Unbounded,
            Some(point) if is_open => Bound::Excluded(point.first),
            Some(point) => point.last,
        },
    })
}

/// Returns the start of what comes after an end.
fn beyond<T>(last: Bound<T>) -> Bound<T> {
    match last {
        Bound::Included(last) => Bound::Excluded(last),
        Bound::Excluded(next) => Bound::Included(next),
        Bound::Unbounded => Bound::Unbounded,
    }
}
