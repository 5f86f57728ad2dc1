//! Arithmetic of axes. No logarithms or powers: the server and the browser
//! must come to the very same digits, else hydration finds two pictures.

use model::Timestamp;

/// Returns the round number at or above `max` that ends an axis, such that its
/// half is round too; 1 for an axis without values.
pub(super) fn round_top(max: f64) -> f64 {
    const TOPS: [f64; 6] = [1.0, 2.0, 4.0, 6.0, 8.0, 10.0];
    if !(max > 0.0 && max.is_finite()) {
        return 1.0;
    }
    let mut unit = 1.0;
    while unit < max / 10.0 {
        unit *= 10.0;
    }
    // Below a millionth nothing on these charts is worth a finer scale.
    while unit > max && unit > 1e-6 {
        unit /= 10.0;
    }
    TOPS.iter()
        .map(|top| top * unit)
        .find(|top| *top >= max)
        .unwrap_or(10.0 * unit)
}

/// A stretch of time drawn from the left edge to the right one.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Window {
    /// The left edge.
    pub start: Timestamp,
    /// The right edge.
    pub end: Timestamp,
}

impl Window {
    /// Returns the stretch of `seconds` that ends at `end`.
    pub fn before(end: Timestamp, seconds: f64) -> Self {
        Self {
            start: end.plus_seconds(-seconds),
            end,
        }
    }

    /// Returns how far `time` is from the left edge, in percent of the width,
    /// held between the edges.
    pub(super) fn percent(&self, time: Timestamp) -> f64 {
        let whole = self.end.seconds_since(self.start);
        if whole <= 0.0 {
            return 0.0;
        }
        (time.seconds_since(self.start) / whole * 100.0).clamp(0.0, 100.0)
    }

    /// Returns the moments to label: at most four, at round minutes of the day
    /// shown, which is `zone_seconds` ahead of UTC.
    pub(super) fn ticks(&self, zone_seconds: i64) -> Vec<Timestamp> {
        const STEPS: [i64; 8] = [60, 120, 300, 600, 900, 1_800, 3_600, 10_800];
        let second = |time: Timestamp| time.0.div_euclid(1_000_000);
        let length = second(self.end) - second(self.start);
        let step = STEPS
            .into_iter()
            .find(|step| length / step <= 4)
            .unwrap_or(21_600);
        let first = second(self.start) + zone_seconds + step - 1;
        let first = first.div_euclid(step) * step - zone_seconds;
        (0..5)
            .map(|index| Timestamp((first + index * step).saturating_mul(1_000_000)))
            .filter(|time| *time > self.start && *time <= self.end)
            .collect()
    }
}

/// Moves label positions (pixels from the top, any order) apart until each is
/// at least `distance` from the next, and keeps them within `height`.
pub(super) fn push_apart(positions: &mut [f64], distance: f64, height: f64) {
    let mut order: Vec<usize> = (0..positions.len()).collect();
    order.sort_by(|a, b| positions[*a].total_cmp(&positions[*b]));
    let mut lowest = f64::NEG_INFINITY;
    for index in &order {
        positions[*index] = positions[*index].max(lowest);
        lowest = positions[*index] + distance;
    }
    let mut highest = height;
    for index in order.iter().rev() {
        positions[*index] = positions[*index].min(highest);
        highest = positions[*index] - distance;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_axis_ends_at_a_round_number_above_every_value() {
        for (max, top) in [
            (312.0, 400.0),
            (19.2, 20.0),
            (2.61, 4.0),
            (1.0, 1.0),
            (1.01, 2.0),
            (7846.0, 8000.0),
            (0.05, 0.06),
            (0.0, 1.0),
            (f64::NAN, 1.0),
        ] {
            let got = round_top(max);
            assert!((got - top).abs() < 1e-9, "{max} gave {got}");
        }
    }

    #[test]
    fn an_hour_has_four_round_quarters() {
        // 1970-01-01 01:16:40 to 02:16:40 UTC.
        let window = Window::before(Timestamp(8_200_000_000), 3_600.0);
        let minutes: Vec<i64> = window.ticks(0).iter().map(|t| t.0 / 60_000_000).collect();
        assert_eq!(minutes, [90, 105, 120, 135]);
        // In Nepal (UTC+5:45) the quarters are the same moments.
        assert_eq!(window.ticks(20_700), window.ticks(0));
        assert_eq!(window.percent(window.start), 0.0);
        assert_eq!(window.percent(window.end), 100.0);
    }

    #[test]
    fn labels_keep_their_distance_and_stay_inside() {
        let mut labels = [70.0, 66.0, 3.0];
        push_apart(&mut labels, 13.0, 72.0);
        assert_eq!(labels, [72.0, 59.0, 3.0]);
    }
}
