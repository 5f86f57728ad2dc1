//! ISO 8601 times as Python's `datetime.isoformat` writes them.

use model::Timestamp;

/// Reads a time such as `2026-11-20T08:19:11.985384+00:00`.
///
/// A time without offset is UTC: Celery up to 5.2 writes `date_done` so
/// (`celery/backends/base.py _get_result_meta`). Times before 1970 and texts
/// of any other form give `None`.
pub(crate) fn parse(text: &str) -> Option<Timestamp> {
    let (date, rest) = text.split_at_checked(10)?;
    let mut parts = date.splitn(3, '-');
    let year = digits(parts.next()?, 4)?;
    let month = digits(parts.next()?, 2)?;
    let day = digits(parts.next()?, 2)?;
    if !(1..=12).contains(&month) || !(1..=days_in_month(year, month)).contains(&day) {
        return None;
    }
    let midnight = days_since_epoch(year, month, day) * 86_400;
    let micros = if rest.is_empty() {
        midnight * 1_000_000
    } else {
        let rest = rest.strip_prefix(['T', ' '])?;
        let zone = rest.find(['Z', '+', '-']).unwrap_or(rest.len());
        let (time, zone) = rest.split_at_checked(zone)?;
        (midnight - offset_seconds(zone)?) * 1_000_000 + time_micros(time)?
    };
    (micros >= 0).then_some(Timestamp(micros))
}

/// Writes a time as Celery's clients write theirs, in UTC.
pub(crate) fn write(time: Timestamp) -> String {
    let (days, micros) = (
        time.0.div_euclid(86_400_000_000),
        time.0.rem_euclid(86_400_000_000),
    );
    let (year, month, day) = date_of(days);
    let (seconds, fraction) = (micros / 1_000_000, micros % 1_000_000);
    let (hour, minute, second) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    let fraction = match fraction {
        0 => String::new(),
        fraction => format!(".{fraction:06}"),
    };
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}{fraction}+00:00")
}

/// Returns the date that is so many days after 1970-01-01, in the Gregorian
/// calendar; the inverse of [`days_since_epoch`].
fn date_of(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let era = days.div_euclid(146_097);
    let day_of_era = days.rem_euclid(146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = (month_from_march + 2) % 12 + 1;
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    (year, month, day)
}

/// Reads `HH:MM[:SS[.ffffff]]` as microseconds since midnight.
fn time_micros(text: &str) -> Option<i64> {
    let (clock, fraction) = text.split_once('.').unwrap_or((text, ""));
    let mut parts = clock.splitn(3, ':');
    let hour = digits(parts.next()?, 2)?;
    let minute = digits(parts.next()?, 2)?;
    let second = parts.next().map_or(Some(0), |s| digits(s, 2))?;
    if hour > 23 || minute > 59 || second > 60 {
        return None;
    }
    let mut micros = 0;
    let mut unit = 100_000;
    for byte in fraction.bytes() {
        let digit = (byte as char).to_digit(10)?;
        micros += i64::from(digit) * unit;
        unit /= 10;
    }
    Some((hour * 3600 + minute * 60 + second) * 1_000_000 + micros)
}

/// Reads nothing, `Z`, `+HH:MM`, `+HHMM`, `+HH` or `+HH:MM:SS`.
fn offset_seconds(text: &str) -> Option<i64> {
    if text.is_empty() || text == "Z" {
        return Some(0);
    }
    let (sign, text) = match text.strip_prefix('-') {
        Some(text) => (-1, text),
        None => (1, text.strip_prefix('+')?),
    };
    let mut text: String = text.chars().filter(|c| *c != ':').collect();
    if !text.is_ascii() || !matches!(text.len(), 2 | 4 | 6) {
        return None;
    }
    text.push_str("0000");
    let part = |start: usize| digits(text.get(start..start + 2)?, 2);
    Some(sign * (part(0)? * 3600 + part(2)? * 60 + part(4)?))
}

fn digits(text: &str, count: usize) -> Option<i64> {
    (text.len() == count && text.bytes().all(|b| b.is_ascii_digit()))
        .then(|| text.parse().ok())
        .flatten()
}

fn days_in_month(year: i64, month: i64) -> i64 {
    match month {
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Days from 1970-01-01 in the Gregorian calendar, counting years from March
/// so that the leap day is the last of its year.
fn days_since_epoch(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let month_from_march = (month + 9) % 12;
    let day_of_year = (153 * month_from_march + 2) / 5 + day - 1;
    year * 365 + year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400) + day_of_year
        - 719_468
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_forms_that_python_writes_are_read() {
        let micros = |text| parse(text).map(|t| t.0);
        assert_eq!(micros("1970-01-01T00:00:00+00:00"), Some(0));
        assert_eq!(
            micros("2026-11-20T08:19:11.985384+00:00"),
            Some(1_795_162_751_985_384)
        );
        assert_eq!(
            micros("2026-11-20T08:19:11.985384"),
            Some(1_795_162_751_985_384)
        );
        assert_eq!(micros("2026-11-20T08:19:11Z"), Some(1_795_162_751_000_000));
        assert_eq!(
            micros("2026-11-20 17:19:11.5+09:00"),
            Some(1_795_162_751_500_000)
        );
        assert_eq!(
            micros("2026-11-20T03:49:11-04:30"),
            Some(1_795_162_751_000_000)
        );
        assert_eq!(micros("2024-02-29"), Some(1_709_164_800_000_000));
        assert_eq!(micros("2000-03-01T00:00"), Some(951_868_800_000_000));
    }

    #[test]
    fn what_is_written_is_read_again() {
        assert_eq!(
            write(Timestamp(1_795_162_751_985_384)),
            "2026-11-20T08:19:11.985384+00:00"
        );
        assert_eq!(write(Timestamp(0)), "1970-01-01T00:00:00+00:00");
        for day in (0..80_000).step_by(13) {
            let time = Timestamp(day * 86_400_000_000 + day);
            assert_eq!(parse(&write(time)), Some(time));
        }
    }

    #[test]
    fn what_is_no_time_is_none() {
        for text in [
            "",
            "soon",
            "2026-13-01",
            "2026-02-29",
            "2026-00-01",
            "2026-11-20X08:19:11",
            "2026-11-20T25:00:00",
            "2026-11-20T08:19:11.9x",
            "2026-11-20T08:19:11+1",
            "2026-11-20T08:19:11+ab:cd",
            "1969-12-31T23:59:59",
            "–––––––––––––––––––",
            "2026-11-2é",
        ] {
            assert_eq!(parse(text), None, "{text}");
        }
    }
}
