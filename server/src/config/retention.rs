//! How long history is kept, as people write it.

use std::{str::FromStr, time::Duration};

/// A time such as `30d`; for ever if there is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Keep(pub(crate) Option<Duration>);

impl FromStr for Keep {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text.eq_ignore_ascii_case("off") {
            return Ok(Self(None));
        }
        let number_ends = text.trim_end_matches(|letter: char| letter.is_ascii_alphabetic());
        let unit_seconds: u64 = match &text[number_ends.len()..] {
            "m" => 60,
            "h" => 60 * 60,
            "d" => 24 * 60 * 60,
            "w" => 7 * 24 * 60 * 60,
            "y" => 365 * 24 * 60 * 60,
            _ => 0,
        };
        let number = number_ends.parse::<u64>().ok();
        number
            .and_then(|number| number.checked_mul(unit_seconds))
            .filter(|seconds| *seconds > 0)
            .map(|seconds| Self(Some(Duration::from_secs(seconds))))
            .ok_or_else(|| {
                "it must be a whole number and a unit, m, h, d, w or y, such as 30d; or off"
                    .to_owned()
            })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_a_number_with_a_unit() {
        let seconds = |seconds| Ok(Keep(Some(Duration::from_secs(seconds))));
        assert_eq!("30d".parse(), seconds(30 * 86_400));
        assert_eq!("90m".parse(), seconds(5_400));
        assert_eq!("2y".parse(), seconds(730 * 86_400));
        assert_eq!("off".parse(), Ok(Keep(None)));
        for wrong in [
            "",
            "30",
            "d",
            "0d",
            "-1d",
            "1.5d",
            "1D",
            "99999999999999999y",
            "ü",
        ] {
            assert!(wrong.parse::<Keep>().is_err(), "{wrong}");
        }
    }
}
