//! Reading numbers and durations.

use super::range::{Point, Range, Trouble, parse_range};
use std::ops::Bound;

/// The longest duration, seconds: some 270 years, which microseconds hold.
const MAX_SECONDS: f64 = 86_400.0 * 100_000.0;

const UNITS: &str = "Expected a unit: ms, s, m, h or d";

/// Reads a range of whole numbers.
pub(super) fn whole_numbers(text: &str) -> Result<Range<f64>, Trouble> {
    parse_range(text, whole_number, |a, b| a > b, "")
}

fn whole_number(text: &str) -> Result<Point<f64>, Trouble> {
    let expected = "Expected a whole number, such as 2, >2 or 1..3";
    if let Some(at) = text.find(|letter: char| !letter.is_ascii_digit()) {
        return Err(Trouble::new(at, expected));
    }
    // Retries are 32 bits wide.
    let number: u32 = text.parse().map_err(|_| Trouble::new(0, expected))?;
    Ok(exactly(f64::from(number)))
}

/// Reads `>5`, `>=5`, `<5` or `<=5` with any number.
pub(super) fn comparison(text: &str) -> Result<Range<f64>, Trouble> {
    let read = |text: &str| {
        let is_number = text
            .bytes()
            .all(|byte| matches!(byte, b'0'..=b'9' | b'.' | b'-' | b'+' | b'e' | b'E'));
        text.parse()
            .ok()
            .filter(|number: &f64| is_number && number.is_finite())
            .map(exactly)
            .ok_or_else(|| Trouble::new(0, "Expected a number, such as >5 or <=0.25"))
    };
    parse_range(text, read, |a, b| a > b, "")
}

fn exactly(number: f64) -> Point<f64> {
    Point {
        first: number,
        last: Bound::Included(number),
        alone: Some(Range {
            from: Bound::Included(number),
            to: Bound::Included(number),
        }),
    }
}

/// Reads a range of durations, in seconds.
pub(super) fn durations(text: &str) -> Result<Range<f64>, Trouble> {
    let read = |text: &str| {
        let duration = duration(text)?;
        Ok(Point {
            first: duration.seconds,
            last: Bound::Included(duration.seconds),
            alone: Some(Range {
                from: Bound::Included(duration.seconds),
                to: Bound::Excluded(duration.seconds + duration.step),
            }),
        })
    };
    parse_range(text, read, |a, b| a > b, "")
}

/// A duration as written.
#[derive(Clone, Copy, Debug)]
pub(super) struct Duration {
    pub(super) seconds: f64,
    /// One more in the last place that was written, seconds.
    step: f64,
}

/// Reads `250ms`, `1.5s`, `1h30m` or, in seconds, `90`.
pub(super) fn duration(text: &str) -> Result<Duration, Trouble> {
    let mut total = Duration {
        seconds: 0.0,
        step: 1.0,
    };
    let mut rest = text;
    loop {
        let at = text.len() - rest.len();
        let digits = rest
            .find(|letter: char| !letter.is_ascii_digit() && letter != '.')
            .unwrap_or(rest.len());
        let (number, after) = rest.split_at(digits);
        let amount: f64 = number
            .parse()
            .map_err(|_| Trouble::new(at, "Expected a duration, such as 5s, 200ms or 1h30m"))?;
        let letters = after
            .find(|letter: char| letter.is_ascii_digit() || letter == '.')
            .unwrap_or(after.len());
        let (unit, next) = after.split_at(letters);
        let decimals = number.split_once('.').map_or(0, |(_, part)| part.len());
        let place = 10_f64.powi(i32::try_from(decimals).unwrap_or(i32::MAX));
        // Dividing keeps 200ms the double that is nearest to 0.2.
        let seconds = |amount: f64| match unit.to_ascii_lowercase().as_str() {
            "ms" => Some(amount / 1e3),
            "s" => Some(amount),
            "m" => Some(amount * 60.0),
            "h" => Some(amount * 3_600.0),
            "d" => Some(amount * 86_400.0),
            // A bare number stands alone.
            "" if at == 0 => Some(amount),
            _ => None,
        };
        let (Some(part), Some(step)) = (seconds(amount), seconds(1.0 / place)) else {
            return Err(Trouble::new(at + digits, UNITS));
        };
        total.seconds += part;
        total.step = step;
        if total.seconds > MAX_SECONDS {
            return Err(Trouble::new(at, "Expected at most 100000 days"));
        }
        if next.is_empty() {
            return Ok(total);
        }
        rest = next;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_have_units() {
        for (text, seconds) in [
            ("90", 90.0),
            ("0.25", 0.25),
            ("200ms", 0.2),
            ("1.5s", 1.5),
            ("2m", 120.0),
            ("1h30m", 5_400.0),
            ("1D12H", 129_600.0),
            ("1m500ms", 60.5),
            ("0", 0.0),
        ] {
            assert_eq!(
                duration(text).expect("a duration").seconds,
                seconds,
                "{text}"
            );
        }
        for (text, at) in [
            ("", 0),
            ("s", 0),
            ("5x", 1),
            ("5 s", 1),
            ("1h30", 4),
            ("1h30x", 4),
            ("-5s", 0),
            ("1..5", 0),
            ("5é", 1),
            ("100001d", 0),
            ("1e5s", 1),
        ] {
            assert_eq!(duration(text).expect_err("an error").at, at, "{text}");
        }
    }

    #[test]
    fn a_duration_alone_stands_for_its_last_place() {
        let limits = |text| {
            let range = durations(text).expect("a range");
            (
                range.contains(2.0),
                range.contains(2.4),
                range.contains(3.0),
            )
        };
        assert_eq!(limits("2s"), (true, true, false));
        assert_eq!(limits("2.4s"), (false, true, false));
        assert_eq!(limits("2000ms"), (true, false, false));
        assert_eq!(limits("..2.4"), (true, true, false));
        assert_eq!(limits("2..<2.4"), (true, false, false));
    }
}
