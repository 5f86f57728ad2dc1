//! What the tiles say about before: computed from the hour at hand, or left out.

use model::Outcomes;

/// Stretches of ten seconds in the five minutes that the failure rate covers.
const NOW_STRETCHES: usize = 30;
/// Minutes at the end of a trend that count as now.
const NOW_MINUTES: usize = 10;
/// Minutes with a value that a "before" rests on at least.
const FEWEST_MINUTES: usize = 5;
/// Polls of queue lengths in a minute.
const POLLS_A_MINUTE: usize = 6;

/// Where a value went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Direction {
    /// By a tenth or more.
    Up,
    /// By a tenth or more.
    Down,
    /// By less.
    Steady,
}

impl Direction {
    /// Compares two values.
    pub(super) fn of(before: f64, now: f64) -> Self {
        if now > before * 1.1 {
            Self::Up
        } else if now < before * 0.9 {
            Self::Down
        } else {
            Self::Steady
        }
    }
}

/// Returns the share of failures among what finished in the hour, apart from
/// the five minutes that the present share covers.
pub(super) fn failed_share_before(outcomes: &[Outcomes]) -> Option<f64> {
    let before = &outcomes[..outcomes.len().saturating_sub(NOW_STRETCHES)];
    let known = before.iter().filter(|o| !o.is_gap).count();
    (known >= FEWEST_MINUTES * 6).then(|| failed_share(before))?
}

/// Returns the share of failures in each minute, oldest first, counted back
/// from the newest stretch; absent where nothing finished or events were missed.
pub(super) fn failed_share_trend(outcomes: &[Outcomes]) -> Vec<Option<f64>> {
    outcomes
        .rchunks(6)
        .rev()
        .map(|minute| match minute.iter().any(|o| o.is_gap) {
            true => None,
            false => failed_share(minute),
        })
        .collect()
}

/// Returns the tasks finished per second in the first minute of a full hour.
pub(super) fn finished_an_hour_ago(outcomes: &[Outcomes]) -> Option<f64> {
    const HOUR: usize = 360;
    let minute = outcomes.get(..6).filter(|_| outcomes.len() >= HOUR)?;
    let is_whole = minute.iter().all(|o| !o.is_gap);
    let finished: u32 = minute.iter().map(|o| o.succeeded + o.failed).sum();
    is_whole.then(|| f64::from(finished) / 60.0)
}

/// Returns the median of a trend by minutes, apart from the last ten.
pub(super) fn median_before(trend: &[Option<f32>]) -> Option<f64> {
    let before = &trend[..trend.len().saturating_sub(NOW_MINUTES)];
    let mut values: Vec<f32> = before.iter().flatten().copied().collect();
    if values.len() < FEWEST_MINUTES {
        return None;
    }
    values.sort_by(f32::total_cmp);
    Some(f64::from(values[values.len() / 2]))
}

/// Returns by how many messages a second the queues grew over the last minute.
pub(super) fn growth_per_second(polls: &[u64]) -> Option<f64> {
    let newest = *polls.last()?;
    let before = *polls.iter().rev().nth(POLLS_A_MINUTE)?;
    Some((newest as f64 - before as f64) / 60.0)
}

fn failed_share(stretches: &[Outcomes]) -> Option<f64> {
    let known = stretches.iter().filter(|o| !o.is_gap);
    let (failed, finished) = known.fold((0u64, 0u64), |(failed, finished), o| {
        let failures = u64::from(o.failed);
        (
            failed + failures,
            finished + failures + u64::from(o.succeeded),
        )
    });
    (finished > 0).then(|| failed as f64 / finished as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stretch(succeeded: u32, failed: u32) -> Outcomes {
        Outcomes {
            succeeded,
            failed,
            ..Outcomes::default()
        }
    }

    #[test]
    fn the_share_before_leaves_out_the_present_five_minutes() {
        let mut outcomes = vec![stretch(99, 1); 60];
        outcomes.extend([stretch(0, 50); NOW_STRETCHES]);
        assert_eq!(failed_share_before(&outcomes), Some(0.01));
    }

    #[test]
    fn too_short_a_history_gives_no_before() {
        assert_eq!(failed_share_before(&[stretch(9, 1); 50]), None);
        assert_eq!(median_before(&[Some(1.0); 14]), None);
        assert_eq!(median_before(&[Some(1.0); 15]), Some(1.0));
        assert_eq!(finished_an_hour_ago(&[stretch(60, 0); 359]), None);
        assert_eq!(finished_an_hour_ago(&[stretch(60, 0); 360]), Some(6.0));
        assert_eq!(growth_per_second(&[1, 2, 3]), None);
    }

    #[test]
    fn growth_is_measured_over_a_minute() {
        assert_eq!(growth_per_second(&[900, 0, 0, 0, 0, 0, 0, 120]), Some(2.0));
        assert_eq!(growth_per_second(&[60, 0, 0, 0, 0, 0, 0]), Some(-1.0));
    }

    #[test]
    fn a_minute_with_missed_events_has_no_share() {
        let mut outcomes = vec![stretch(1, 1); 12];
        outcomes[7].is_gap = true;
        assert_eq!(failed_share_trend(&outcomes), [Some(0.5), None]);
        assert_eq!(failed_share_trend(&[stretch(0, 0); 6]), [None]);
    }
}
