//! Durations in logarithmic buckets: small, mergeable, exact to 3 %.

/// Buckets in each doubling of the duration.
const PER_OCTAVE: f64 = 16.0;

/// Shortest duration told apart, seconds.
const FLOOR: f64 = 0.000_1;

/// Doublings covered: from 0.1 ms to more than a day.
const BUCKETS: usize = 30 * PER_OCTAVE as usize;

/// How many durations fell into which bucket.
#[derive(Clone, Debug, Default)]
pub(crate) struct Histogram {
    /// Made when the first duration comes; most histograms stay empty.
    counts: Vec<u32>,
    total: u64,
}

impl Histogram {
    pub(crate) fn add(&mut self, seconds: f64) {
        if self.counts.is_empty() {
            self.counts = vec![0; BUCKETS];
        }
        let place = ((seconds / FLOOR).max(1.0).log2() * PER_OCTAVE) as usize;
        self.counts[place.min(BUCKETS - 1)] += 1;
        self.total += 1;
    }

    /// Returns how many durations there are.
    pub(crate) fn total(&self) -> u64 {
        self.total
    }

    /// Lets every duration count half, so that new ones count more.
    pub(crate) fn halve(&mut self) {
        for count in &mut self.counts {
            // Rounded up: what happened at least once stays known.
            *count = count.div_ceil(2);
        }
        self.total = self.counts.iter().map(|count| u64::from(*count)).sum();
    }

    pub(crate) fn merge(&mut self, other: &Self) {
        if other.total == 0 {
            return;
        }
        if self.counts.is_empty() {
            self.counts = vec![0; BUCKETS];
        }
        for (mine, theirs) in self.counts.iter_mut().zip(&other.counts) {
            *mine += theirs;
        }
        self.total += other.total;
    }

    /// Returns the duration that a share of all durations does not exceed, in seconds.
    pub(crate) fn quantile(&self, share: f64) -> Option<f64> {
        if self.total == 0 {
            return None;
        }
        let wanted = (self.total as f64 * share).ceil().max(1.0) as u64;
        let mut seen = 0;
        let place = self.counts.iter().position(|count| {
            seen += u64::from(*count);
            seen >= wanted
        })?;
        // The middle of the bucket, on its own logarithmic scale.
        Some(FLOOR * ((place as f64 + 0.5) / PER_OCTAVE).exp2())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_within_three_percent() {
        let mut histogram = Histogram::default();
        for millis in 1..=10_000 {
            histogram.add(f64::from(millis) / 1000.0);
        }
        for (share, exact) in [(0.5, 5.0), (0.95, 9.5), (0.99, 9.9)] {
            let found = histogram.quantile(share).expect("it is not empty");
            assert!((found / exact - 1.0).abs() < 0.03, "{share}: {found}");
        }
    }

    #[test]
    fn halved_durations_keep_their_shape_and_weigh_less() {
        let mut histogram = Histogram::default();
        for _ in 0..1_000 {
            histogram.add(1.0);
        }
        let before = histogram.quantile(0.95);
        histogram.halve();
        assert_eq!((histogram.total(), histogram.quantile(0.95)), (500, before));
        for _ in 0..600 {
            histogram.add(8.0);
        }
        let median = histogram.quantile(0.5).expect("it is not empty");
        assert!(median > 7.0, "{median}");
    }

    #[test]
    fn extreme_durations_do_not_panic() {
        let mut histogram = Histogram::default();
        for seconds in [0.0, -1.0, f64::NAN, f64::INFINITY, 1e12, 1e-12] {
            histogram.add(seconds);
        }
        assert!(histogram.quantile(0.5).is_some());
        assert_eq!(Histogram::default().quantile(0.5), None);
    }
}
