//! What ended when, and how long it took: the last hour, in memory.

use super::{histogram::Histogram, tasks::Ended};
use hashbrown::HashMap;
use model::{Outcomes, Timestamp};
use std::collections::VecDeque;

/// Length of one stretch of [`Outcomes`], microseconds.
const STRETCH: i64 = 10_000_000;
const STRETCHES: usize = 360;
const MINUTE: i64 = 60_000_000;
const MINUTES: usize = 60;
/// Minutes over which task types are compared.
const TYPE_MINUTES: usize = 5;
/// Run times of a type from which its usual time is told.
const USUAL_COUNT: u64 = 20;
/// Run times of a type after which the older ones begin to count less.
const USUAL_MEMORY: u64 = 1_000;
/// Most task types that are compared; a cluster has hundreds.
const MAX_TYPES: usize = 5_000;

/// One minute's durations.
#[derive(Clone, Debug, Default)]
struct Minute {
    run: Histogram,
    wait: Histogram,
}

/// A ring of equal stretches of time that ends at the present.
#[derive(Clone, Debug)]
struct Ring<T> {
    length: i64,
    size: usize,
    /// Number of the newest stretch since the epoch.
    newest: i64,
    items: VecDeque<T>,
}

impl<T: Default> Ring<T> {
    fn new(length: i64, size: usize) -> Self {
        Self {
            length,
            size,
            newest: 0,
            items: VecDeque::new(),
        }
    }

    /// Moves on to the present stretch and returns it.
    fn at(&mut self, now: Timestamp) -> &mut T {
        self.advance(now);
        if self.items.is_empty() {
            self.items.push_back(T::default());
        }
        let last = self.items.len() - 1;
        &mut self.items[last]
    }

    /// Returns the stretch of a time in the past, if it is still kept.
    fn past(&mut self, at: Timestamp) -> Option<&mut T> {
        let back = usize::try_from(self.newest - at.0.div_euclid(self.length)).ok()?;
        let place = self.items.len().checked_sub(back + 1)?;
        self.items.get_mut(place)
    }

    fn advance(&mut self, now: Timestamp) {
        let present = now.0.div_euclid(self.length);
        if self.items.is_empty() {
            self.newest = present;
            self.items.push_back(T::default());
        }
        let steps = usize::try_from(present - self.newest).unwrap_or(0);
        for _ in 0..steps.min(self.size + 1) {
            self.items.push_back(T::default());
        }
        while self.items.len() > self.size + 1 {
            self.items.pop_front();
        }
        self.newest = self.newest.max(present);
    }

    /// Returns the whole stretches, oldest first: all but the present one.
    fn whole(&self) -> impl ExactSizeIterator<Item = &T> {
        let whole = self.items.len().saturating_sub(1);
        self.items.iter().take(whole)
    }

    /// Returns the newest stretches, the present one included.
    fn last(&self, count: usize) -> impl Iterator<Item = &T> {
        let skip = self.items.len().saturating_sub(count);
        self.items.iter().skip(skip)
    }

    fn start(&self) -> Timestamp {
        Timestamp((self.newest - self.items.len() as i64 + 1) * self.length)
    }
}

trait Count {
    fn of(&mut self, ended: Ended) -> &mut u32;

    fn count(&mut self, ended: Ended) {
        *self.of(ended) += 1;
    }

    fn uncount(&mut self, ended: Ended) {
        let count = self.of(ended);
        *count = count.saturating_sub(1);
    }
}

impl Count for Outcomes {
    fn of(&mut self, ended: Ended) -> &mut u32 {
        match ended {
            Ended::Succeeded => &mut self.succeeded,
            Ended::Failed => &mut self.failed,
            Ended::Retried => &mut self.retried,
            Ended::Revoked | Ended::Rejected => &mut self.revoked,
        }
    }
}

/// A task type's minute.
#[derive(Clone, Debug, Default)]
struct TypeMinute {
    succeeded: u32,
    failed: u32,
    run: Histogram,
}

/// Statistics of a task type over the last minutes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct TypeFigures {
    pub(crate) name: u32,
    pub(crate) finished: u64,
    pub(crate) failed: u64,
    pub(crate) runtime_p95: Option<f64>,
    /// Seconds the figures are of.
    pub(crate) seconds: f64,
}

/// The last hour.
#[derive(Debug)]
pub(crate) struct Throughput {
    since: Timestamp,
    outcomes: Ring<Outcomes>,
    minutes: Ring<Minute>,
    types: HashMap<u32, Ring<TypeMinute>>,
    /// Run times by type, the older the less they count.
    usual: HashMap<u32, Histogram, foldhash::fast::RandomState>,
}

impl Throughput {
    pub(crate) fn new(since: Timestamp) -> Self {
        Self {
            since,
            outcomes: Ring::new(STRETCH, STRETCHES),
            minutes: Ring::new(MINUTE, MINUTES),
            types: HashMap::new(),
            usual: HashMap::default(),
        }
    }

    pub(crate) fn ended(&mut self, name: u32, ended: Ended, runtime: Option<f64>, now: Timestamp) {
        self.outcomes.at(now).count(ended);
        if !matches!(ended, Ended::Succeeded | Ended::Failed) {
            return;
        }
        if let Some(runtime) = runtime {
            self.minutes.at(now).run.add(runtime);
        }
        if name == 0 || (self.types.len() >= MAX_TYPES && !self.types.contains_key(&name)) {
            return;
        }
        let minute = self
            .types
            .entry(name)
            .or_insert_with(|| Ring::new(MINUTE, TYPE_MINUTES))
            .at(now);
        match ended {
            Ended::Failed => minute.failed += 1,
            _ => minute.succeeded += 1,
        }
        if let Some(runtime) = runtime {
            minute.run.add(runtime);
            if self.usual.len() < MAX_TYPES || self.usual.contains_key(&name) {
                let usual = self.usual.entry(name).or_default();
                usual.add(runtime);
                if usual.total() > USUAL_MEMORY {
                    usual.halve();
                }
            }
        }
    }

    /// Returns the 95th percentile of a type's run times, seconds, once
    /// enough of them are known.
    pub(crate) fn usual_runtime(&self, name: u32) -> Option<f64> {
        let usual = self.usual.get(&name)?;
        (usual.total() >= USUAL_COUNT)
            .then(|| usual.quantile(0.95))
            .flatten()
    }

    /// Takes back an end that is about to be counted anew.
    pub(crate) fn take_back(&mut self, ended: Ended, at: Timestamp) {
        if let Some(outcomes) = self.outcomes.past(at) {
            outcomes.uncount(ended);
        }
    }

    pub(crate) fn waited(&mut self, seconds: f64, now: Timestamp) {
        self.minutes.at(now).wait.add(seconds);
    }

    /// Marks the present stretch as incomplete.
    pub(crate) fn mark_gap(&mut self, now: Timestamp) {
        self.outcomes.at(now).is_gap = true;
    }

    /// Marks every stretch between two times as incomplete.
    pub(crate) fn mark_gap_between(&mut self, start: Timestamp, end: Timestamp) {
        let kept = STRETCH * STRETCHES as i64;
        let mut at = start.0.max(end.0.saturating_sub(kept));
        while at < end.0 {
            if let Some(outcomes) = self.outcomes.past(Timestamp(at)) {
                outcomes.is_gap = true;
            }
            at = (at.div_euclid(STRETCH) + 1) * STRETCH;
        }
        if let Some(outcomes) = self.outcomes.past(end) {
            outcomes.is_gap = true;
        }
    }

    /// Counts an end that is heard of afterwards in the stretch in which it was.
    pub(crate) fn ended_at(&mut self, ended: Ended, at: Timestamp, now: Timestamp) {
        self.outcomes.at(now);
        if let Some(outcomes) = self.outcomes.past(at) {
            outcomes.count(ended);
        }
    }

    /// Moves on, so that quiet stretches count as such.
    pub(crate) fn advance(&mut self, now: Timestamp) {
        self.outcomes.advance(now);
        self.minutes.advance(now);
        self.types.retain(|_, ring| {
            ring.advance(now);
            ring.items
                .iter()
                .any(|minute| minute.succeeded + minute.failed > 0)
        });
    }

    /// Returns the whole stretches of the last hour and when the first began.
    pub(crate) fn outcomes(&self) -> (Timestamp, Vec<Outcomes>) {
        (
            self.outcomes.start(),
            self.outcomes.whole().copied().collect(),
        )
    }

    /// Returns tasks finished per second over the last minute (or since the start).
    pub(crate) fn finished_per_second(&self, now: Timestamp) -> f64 {
        let finished: u32 = self
            .outcomes
            .last(7)
            .map(|stretch| stretch.succeeded + stretch.failed)
            .sum();
        // Six whole stretches and the part of the present one.
        let present = Timestamp(now.0.div_euclid(STRETCH) * STRETCH);
        let seconds = now.seconds_since(present) + 60.0;
        f64::from(finished) / seconds.min(now.seconds_since(self.since)).max(1.0)
    }

    /// Returns the share of failures over the last five minutes.
    pub(crate) fn failed_share(&self) -> Option<f64> {
        let (mut finished, mut failed) = (0, 0);
        for stretch in self.outcomes.last(30) {
            finished += stretch.succeeded + stretch.failed;
            failed += stretch.failed;
        }
        (finished > 0).then(|| f64::from(failed) / f64::from(finished))
    }

    /// Returns the 95th percentiles of run time and wait over the last five minutes.
    pub(crate) fn p95(&self) -> (Option<f64>, Option<f64>) {
        let mut sum = Minute::default();
        for minute in self.minutes.last(TYPE_MINUTES) {
            sum.run.merge(&minute.run);
            sum.wait.merge(&minute.wait);
        }
        (sum.run.quantile(0.95), sum.wait.quantile(0.95))
    }

    /// Returns the same for each whole minute of the last hour.
    pub(crate) fn p95_trends(&self) -> (Vec<Option<f32>>, Vec<Option<f32>>) {
        let p95 = |histogram: &Histogram| histogram.quantile(0.95).map(|seconds| seconds as f32);
        self.minutes
            .whole()
            .map(|minute| (p95(&minute.run), p95(&minute.wait)))
            .unzip()
    }

    /// Returns every task type's figures over the last five minutes.
    pub(crate) fn types(&self, now: Timestamp) -> Vec<TypeFigures> {
        let present = Timestamp(now.0.div_euclid(MINUTE) * MINUTE);
        let whole = MINUTE as f64 / 1e6 * (TYPE_MINUTES - 1) as f64;
        let seconds = (now.seconds_since(present) + whole)
            .min(now.seconds_since(self.since))
            .max(1.0);
        self.types
            .iter()
            .map(|(name, ring)| {
                let mut run = Histogram::default();
                let (mut finished, mut failed) = (0, 0);
                for minute in ring.last(TYPE_MINUTES) {
                    finished += u64::from(minute.succeeded + minute.failed);
                    failed += u64::from(minute.failed);
                    run.merge(&minute.run);
                }
                TypeFigures {
                    name: *name,
                    finished,
                    failed,
                    runtime_p95: run.quantile(0.95),
                    seconds,
                }
            })
            .filter(|figures| figures.finished > 0)
            .collect()
    }
}

/// Started tasks of one worker in each of the last 60 minutes.
#[derive(Debug)]
pub(crate) struct MinuteCounts(Ring<u32>);

impl MinuteCounts {
    pub(crate) fn new() -> Self {
        Self(Ring::new(MINUTE, MINUTES))
    }

    pub(crate) fn add(&mut self, now: Timestamp) {
        *self.0.at(now) += 1;
    }

    pub(crate) fn advance(&mut self, now: Timestamp) {
        self.0.advance(now);
    }

    pub(crate) fn whole(&self) -> Vec<u32> {
        self.0.whole().copied().collect()
    }
}

/// Something counted over the last minute, in stretches of ten seconds.
#[derive(Debug)]
pub(crate) struct MinuteRate(Ring<u32>, Timestamp);

impl MinuteRate {
    pub(crate) fn new(now: Timestamp) -> Self {
        Self(Ring::new(STRETCH, 6), now)
    }

    pub(crate) fn add(&mut self, now: Timestamp) {
        *self.0.at(now) += 1;
    }

    pub(crate) fn per_second(&mut self, now: Timestamp) -> f64 {
        self.0.advance(now);
        let count: u32 = self.0.last(7).sum();
        let present = Timestamp(now.0.div_euclid(STRETCH) * STRETCH);
        let seconds = (now.seconds_since(present) + 60.0).min(now.seconds_since(self.1));
        f64::from(count) / seconds.max(1.0)
    }
}

/// Events in each of the last seconds.
#[derive(Debug)]
pub(crate) struct SecondCounts(Ring<u32>);

impl SecondCounts {
    pub(crate) fn new() -> Self {
        Self(Ring::new(1_000_000, 5))
    }

    pub(crate) fn add(&mut self, count: u32, now: Timestamp) {
        *self.0.at(now) += count;
    }

    /// Returns the rate over the last five whole seconds.
    pub(crate) fn per_second(&mut self, now: Timestamp) -> f64 {
        self.0.advance(now);
        let whole = self.0.whole();
        let seconds = whole.len().max(1) as f64;
        f64::from(whole.sum::<u32>()) / seconds
    }
}

impl Minute {
    #[cfg(test)]
    fn is_empty(&self) -> bool {
        self.run.quantile(0.5).is_none() && self.wait.quantile(0.5).is_none()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp(1_800_000_000_000_000 + seconds * 1_000_000)
    }

    #[test]
    fn quiet_stretches_are_zero_and_the_present_one_is_left_out() {
        let mut throughput = Throughput::new(at(0));
        throughput.ended(1, Ended::Succeeded, Some(1.0), at(0));
        throughput.ended(1, Ended::Failed, Some(1.0), at(35));
        throughput.advance(at(40));
        let (start, outcomes) = throughput.outcomes();
        assert_eq!(start, at(0));
        let pairs: Vec<_> = outcomes.iter().map(|o| (o.succeeded, o.failed)).collect();
        assert_eq!(pairs, [(1, 0), (0, 0), (0, 0), (0, 1)]);
    }

    #[test]
    fn what_is_heard_of_afterwards_counts_in_its_own_stretch() {
        let mut throughput = Throughput::new(at(0));
        throughput.ended(1, Ended::Succeeded, None, at(0));
        throughput.ended_at(Ended::Failed, at(12), at(35));
        throughput.ended_at(Ended::Failed, at(-5_000), at(35));
        throughput.mark_gap_between(at(9), at(25));
        throughput.advance(at(40));
        let (_, outcomes) = throughput.outcomes();
        let marks: Vec<_> = outcomes.iter().map(|o| (o.failed, o.is_gap)).collect();
        assert_eq!(marks, [(0, true), (1, true), (0, true), (0, false)]);
    }

    #[test]
    fn an_hour_later_nothing_is_left() {
        let mut throughput = Throughput::new(at(0));
        throughput.ended(1, Ended::Failed, Some(1.0), at(0));
        throughput.waited(1.0, at(0));
        throughput.advance(at(4000));
        assert_eq!(throughput.failed_share(), None);
        assert_eq!(throughput.p95(), (None, None));
        assert!(throughput.types(at(4000)).is_empty());
        assert!(throughput.minutes.items.iter().all(Minute::is_empty));
        assert_eq!(throughput.outcomes().1.len(), STRETCHES);
    }

    #[test]
    fn rates_do_not_count_time_before_the_start() {
        let mut throughput = Throughput::new(at(0));
        for _ in 0..20 {
            throughput.ended(1, Ended::Succeeded, None, at(1));
        }
        assert!((throughput.finished_per_second(at(10)) - 2.0).abs() < 0.01);
    }
}
