//! Outcomes of ten seconds gathered into columns of a minute or so.

use super::scale::Window;
use crate::components::gaps::{is_mended, touches};
use model::{Gap, GapCause, Outcomes, Timestamp};

/// Length of one element of `Overview::outcomes`.
pub const STRETCH_SECONDS: f64 = 10.0;

const STRETCH_MICROS: i64 = 10_000_000;

/// Rates over the part of a column in which no event was missed.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Column {
    /// Start of its first stretch.
    pub start: Timestamp,
    /// End of its last stretch.
    pub end: Timestamp,
    /// Tasks per second; absent if events were missed in all of it.
    pub rates: Option<Rates>,
}

/// Tasks per second by outcome.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Rates {
    /// Succeeded.
    pub succeeded: f64,
    /// Failed.
    pub failed: f64,
    /// Retried.
    pub retried: f64,
    /// Revoked or rejected.
    pub revoked: f64,
}

impl Rates {
    /// Returns everything that is not success.
    pub fn trouble(&self) -> f64 {
        self.failed + self.retried + self.revoked
    }
}

/// Gathers stretches into columns of `seconds` that begin at round times, so
/// that a column keeps its stretches while the window moves on. The first and
/// the last column may be shorter.
pub fn columns(start: Timestamp, outcomes: &[Outcomes], seconds: i64) -> Vec<Column> {
    let width = seconds.max(1).saturating_mul(1_000_000);
    let mut columns: Vec<(i64, Column, Outcomes, u32)> = Vec::new();
    for (index, stretch) in outcomes.iter().enumerate() {
        let begin = start.0.saturating_add(index as i64 * STRETCH_MICROS);
        let number = begin.div_euclid(width);
        let end = Timestamp(begin.saturating_add(STRETCH_MICROS));
        if columns.last().is_none_or(|(last, ..)| *last != number) {
            let column = Column {
                start: Timestamp(begin),
                end,
                rates: None,
            };
            columns.push((number, column, Outcomes::default(), 0));
        }
        if let Some((_, column, sum, known)) = columns.last_mut() {
            column.end = end;
            if !stretch.is_gap {
                sum.succeeded += stretch.succeeded;
                sum.failed += stretch.failed;
                sum.retried += stretch.retried;
                sum.revoked += stretch.revoked;
                *known += 1;
            }
        }
    }
    columns
        .into_iter()
        .map(|(_, column, sum, known)| {
            let per_second = |count: u32| f64::from(count) / (f64::from(known) * STRETCH_SECONDS);
            let rates = (known > 0).then(|| Rates {
                succeeded: per_second(sum.succeeded),
                failed: per_second(sum.failed),
                retried: per_second(sum.retried),
                revoked: per_second(sum.revoked),
            });
            Column { rates, ..column }
        })
        .collect()
}

/// Tells stretches in which nothing can be drawn from those in which only
/// something is missing: single workers lost events there while the others
/// were heard. Returns the outcomes with gaps of the first kind only, and the
/// stretches of the second kind.
pub fn split(
    start: Timestamp,
    outcomes: &[Outcomes],
    known: &[Gap],
) -> (Vec<Outcomes>, Vec<Window>) {
    let mut partial = vec![Outcomes::default(); outcomes.len()];
    let mut whole = outcomes.to_vec();
    for (index, (stretch, partial)) in whole.iter_mut().zip(&mut partial).enumerate() {
        if !stretch.is_gap {
            continue;
        }
        let begin = Timestamp(start.0.saturating_add(index as i64 * STRETCH_MICROS));
        let end = Timestamp(begin.0.saturating_add(STRETCH_MICROS));
        let mut touching = known
            .iter()
            .filter(|gap| touches(gap, begin, end))
            .peekable();
        let is_partial = match touching.peek() {
            // Its gap is too old to be told; what came speaks for itself.
            None => stretch.succeeded + stretch.failed + stretch.retried + stretch.revoked > 0,
            Some(_) => {
                let mut causes = touching.clone().map(|gap| gap.cause);
                causes.all(|cause| cause == GapCause::EventsMissed)
            }
        };
        stretch.is_gap = !is_partial;
        let is_mended = touching.peek().is_some() && touching.all(is_mended);
        partial.is_gap = is_partial && !is_mended;
    }
    (whole, gaps(start, &partial))
}

/// Returns the stretches of time in which events were missed.
pub fn gaps(start: Timestamp, outcomes: &[Outcomes]) -> Vec<Window> {
    let mut gaps: Vec<Window> = Vec::new();
    for (index, stretch) in outcomes.iter().enumerate() {
        if !stretch.is_gap {
            continue;
        }
        let begin = Timestamp(start.0.saturating_add(index as i64 * STRETCH_MICROS));
        let end = Timestamp(begin.0.saturating_add(STRETCH_MICROS));
        match gaps.last_mut() {
            Some(last) if last.end == begin => last.end = end,
            _ => gaps.push(Window { start: begin, end }),
        }
    }
    gaps
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stretch(succeeded: u32, is_gap: bool) -> Outcomes {
        Outcomes {
            succeeded,
            failed: 1,
            is_gap,
            ..Outcomes::default()
        }
    }

    #[test]
    fn columns_begin_at_round_times_whatever_the_window() {
        let start = Timestamp(50_000_000);
        let columns = columns(start, &[stretch(10, false); 8], 60);
        let edges: Vec<(i64, i64)> = columns
            .iter()
            .map(|c| (c.start.0 / 1_000_000, c.end.0 / 1_000_000))
            .collect();
        assert_eq!(edges, [(50, 60), (60, 120), (120, 130)]);
        for column in &columns {
            let rates = column.rates.expect("no stretch is a gap");
            assert_eq!((rates.succeeded, rates.failed), (1.0, 0.1));
        }
    }

    #[test]
    fn stretches_with_missed_events_do_not_thin_the_rate() {
        let stretches = [stretch(10, false), stretch(0, true), stretch(30, false)];
        let columns = columns(Timestamp(0), &stretches, 60);
        assert_eq!(columns[0].rates.map(|r| r.succeeded), Some(2.0));
        let lost = super::columns(Timestamp(0), &[stretch(0, true)], 60);
        assert_eq!(lost[0].rates, None);
    }

    fn gap(cause: GapCause, start: i64, end: i64, recovered: u64) -> Gap {
        Gap {
            start: Timestamp(start * 1_000_000),
            end: Some(Timestamp(end * 1_000_000)),
            cause,
            worker: None,
            missed: Some(4),
            recovered,
        }
    }

    #[test]
    fn what_single_workers_lost_leaves_something_to_draw() {
        let stretches = [stretch(9, true); 6];
        let known = [
            gap(GapCause::EventsMissed, 0, 15, 0),
            gap(GapCause::ConnectionLost, 21, 25, 0),
            gap(GapCause::EventsMissed, 33, 38, 4),
        ];
        let (whole, partial) = split(Timestamp(0), &stretches, &known);
        let is_gap: Vec<bool> = whole.iter().map(|stretch| stretch.is_gap).collect();
        assert_eq!(is_gap, [false, false, true, false, false, false]);
        let partial: Vec<(i64, i64)> = partial
            .iter()
            .map(|w| (w.start.0 / 1_000_000, w.end.0 / 1_000_000))
            .collect();
        // The fourth was mended; of the last two no gap is told any more.
        assert_eq!(partial, [(0, 20), (40, 60)]);
        let silent = Outcomes {
            is_gap: true,
            ..Outcomes::default()
        };
        let (whole, partial) = split(Timestamp(0), &[silent], &[]);
        assert!(whole[0].is_gap && partial.is_empty());
    }

    #[test]
    fn neighbouring_gaps_are_one() {
        let stretches = [
            stretch(1, false),
            stretch(0, true),
            stretch(0, true),
            stretch(1, false),
            stretch(0, true),
        ];
        let gaps: Vec<(i64, i64)> = gaps(Timestamp(0), &stretches)
            .iter()
            .map(|g| (g.start.0 / 1_000_000, g.end.0 / 1_000_000))
            .collect();
        assert_eq!(gaps, [(10, 30), (40, 50)]);
    }
}
