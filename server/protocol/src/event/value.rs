//! Values of any JSON type, and what they mean to a field that expects one.

use crate::iso;
use model::Timestamp;

/// A field's value, whatever its type; what it means is decided by who asks.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Value<'a> {
    /// `null`, or what Python writes for numbers that are none.
    Nothing,
    Bool(bool),
    /// A number as it was written.
    Number(&'a str),
    Text(&'a str),
    /// A list or an object, from bracket to bracket.
    Container(&'a str),
}

impl<'a> Value<'a> {
    pub(super) fn text(self) -> Option<&'a str> {
        match self {
            Self::Text(text) | Self::Number(text) => Some(text),
            Self::Bool(true) => Some("true"),
            Self::Bool(false) => Some("false"),
            Self::Nothing | Self::Container(_) => None,
        }
    }

    pub(super) fn u64(self) -> Option<u64> {
        match self {
            Self::Number(digits) => digits.parse().ok().or_else(|| whole(digits)),
            Self::Text(text) => text.trim().parse().ok(),
            _ => None,
        }
    }

    pub(super) fn f64(self) -> Option<f64> {
        let number: Option<f64> = match self {
            Self::Number(digits) => digits.parse().ok(),
            Self::Text(text) => text.trim().parse().ok(),
            _ => None,
        };
        number.filter(|number| number.is_finite())
    }

    pub(super) fn bool(self) -> Option<bool> {
        match self {
            Self::Bool(value) => Some(value),
            Self::Number("0") => Some(false),
            Self::Number("1") => Some(true),
            _ => None,
        }
    }

    /// Reads seconds since the epoch or an ISO 8601 time.
    pub(super) fn time(self) -> Option<Timestamp> {
        match self {
            Self::Number(digits) => time(digits),
            Self::Text(text) => iso::parse(text).or_else(|| time(text.trim())),
            _ => None,
        }
    }

    /// Reads a list of three numbers.
    pub(super) fn loads(self) -> Option<[f64; 3]> {
        let Self::Container(list) = self else {
            return None;
        };
        let mut parts = list.strip_prefix('[')?.strip_suffix(']')?.split(',');
        let mut loads = [0.0; 3];
        for load in &mut loads {
            let digits = parts.next()?.trim_ascii();
            // Rust would read names of infinity as numbers.
            let is_number = digits.ends_with(|last: char| last.is_ascii_digit());
            *load = digits
                .parse()
                .ok()
                .filter(|n: &f64| is_number && n.is_finite())?;
        }
        parts.next().is_none().then_some(loads)
    }
}

/// Reads a number such as `1.0` or `3e2` that is whole after all.
#[cold]
fn whole(digits: &str) -> Option<u64> {
    // 2^64 is exact in this type, so the cast below cannot saturate.
    const END: f64 = 18_446_744_073_709_551_616.0;
    if !digits.contains(['.', 'e', 'E']) {
        return None;
    }
    let value: f64 = digits.parse().ok()?;
    ((0.0..END).contains(&value) && value.fract() == 0.0).then_some(value as u64)
}

/// Reads the seconds at the start of `bytes` as microseconds, rounded to the
/// nearest as they are written; returns how many bytes they are. `None` if
/// this is no such number, is out of range, or is written in another way.
///
/// Decimal digits are taken as they are: a detour over binary fractions of
/// seconds costs time and up to a microsecond.
#[inline]
pub(super) fn seconds(bytes: &[u8]) -> Option<(Timestamp, usize)> {
    /// More digits than any second of the years that [`Timestamp`] knows has.
    const MAX_WHOLE: usize = 12;
    const PLACES: usize = 6;
    let digit = |at: usize| match bytes.get(at) {
        Some(&byte @ b'0'..=b'9') => Some(i64::from(byte - b'0')),
        _ => None,
    };
    let mut at = 0;
    let mut whole = 0;
    while let Some(value) = digit(at) {
        whole = whole * 10 + value;
        at += 1;
        if at > MAX_WHOLE {
            return None;
        }
    }
    if at == 0 {
        return None;
    }
    let mut micros = 0;
    if bytes.get(at) == Some(&b'.') {
        at += 1;
        let point = at;
        for place in 0..PLACES {
            micros *= 10;
            if let Some(value) = digit(point + place)
                && at == point + place
            {
                micros += value;
                at += 1;
            }
        }
        if at == point {
            return None;
        }
        if at == point + PLACES
            && let Some(next) = digit(at)
        {
            micros += i64::from(next >= 5);
            while digit(at).is_some() {
                at += 1;
            }
        }
    }
    // The bounds are the type's own.
    Timestamp::from_seconds(whole as f64)?;
    Some((Timestamp(whole * 1_000_000 + micros), at))
}

/// Reads a whole text as seconds.
fn time(text: &str) -> Option<Timestamp> {
    match seconds(text.as_bytes()) {
        Some((time, length)) if length == text.len() => Some(time),
        _ => text.parse().ok().and_then(Timestamp::from_seconds),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seconds_are_rounded_as_they_are_written() {
        let micros = |text| time(text).map(|time| time.0);
        for (text, expected) in [
            ("0", Some(0)),
            ("1795162751", Some(1_795_162_751_000_000)),
            ("1795162751.5", Some(1_795_162_751_500_000)),
            ("1795162751.985384", Some(1_795_162_751_985_384)),
            ("1795162751.9853844", Some(1_795_162_751_985_384)),
            ("1795162751.9853845", Some(1_795_162_751_985_385)),
            ("1795162751.99999999999", Some(1_795_162_752_000_000)),
            ("1795162751.00000049", Some(1_795_162_751_000_000)),
            ("253402300799.999999", Some(253_402_300_799_999_999)),
            ("253402300800", None),
            ("9999999999999999", None),
            ("1.795162751e9", Some(1_795_162_751_000_000)),
            ("-1", None),
            ("-0.0", Some(0)),
            ("1.", Some(1_000_000)),
            ("", None),
            (".", None),
            ("1x", None),
            ("soon", None),
            ("nan", None),
            ("inf", None),
        ] {
            assert_eq!(micros(text), expected, "{text}");
        }
    }

    #[test]
    fn three_numbers_are_loads() {
        let loads = |text| Value::Container(text).loads();
        assert_eq!(loads("[0.5, 1, 2e1]"), Some([0.5, 1.0, 20.0]));
        for text in [
            "[]",
            "[1, 2]",
            "[1, 2, 3, 4]",
            "[1, 2, \"3\"]",
            "[1, 2, NaN]",
            "[1, 2, inf]",
            "[1, 2, Infinity]",
            "[1, [2], 3]",
            "{1, 2, 3}",
            "[1, 2, 1e999]",
        ] {
            assert_eq!(loads(text), None, "{text}");
        }
    }
}
