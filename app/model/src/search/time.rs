//! Reading and writing times of a search, without a clock and without zones:
//! an offset is written with the time, or it is UTC.

use super::number::duration;
use super::range::{Moment, Point, Range, Trouble, parse_range};
use crate::Timestamp;
use std::{fmt, ops::Bound};

const SECOND: i64 = 1_000_000;
const MINUTE: i64 = 60 * SECOND;
const DAY: i64 = 86_400 * SECOND;

const EXPECTED: &str = "Expected a date such as 2026-11-20, a time such as 2026-11-20T08:00, \
                        or a time from now such as -1h";

/// Reads a range of times.
pub(super) fn times(text: &str) -> Result<Range<Moment>, Trouble> {
    let mut day = None;
    let is_backwards = |from: Moment, to: Moment| match (from, to) {
        (Moment::At(from), Moment::At(to)) => from > to,
        (Moment::FromNow(from), Moment::FromNow(to)) => from > to,
        // Depends on when it is asked for.
        _ => false,
    };
    parse_range(
        text,
        |text| point(text, &mut day),
        is_backwards,
        "A time from now needs > or <, such as >-1h",
    )
}

/// The day of the range's start, for an end that is only a time of day.
#[derive(Clone, Copy)]
struct Day {
    /// Microseconds since the epoch at its midnight, as if it were UTC.
    midnight: i64,
    /// The zone's distance from UTC, microseconds.
    offset: i64,
}

fn point(text: &str, day: &mut Option<Day>) -> Result<Point<Moment>, Trouble> {
    if text.eq_ignore_ascii_case("now") {
        return Ok(from_now(0));
    }
    for (sign, factor) in [('-', -1.0), ('+', 1.0)] {
        if let Some(distance) = text.strip_prefix(sign) {
            let distance = duration(distance).map_err(|trouble| trouble.after(1))?;
            // At most 100,000 days, so the cast is exact enough and cannot saturate.
            return Ok(from_now((distance.seconds * factor * 1e6).round() as i64));
        }
    }
    let mut reader = Reader { text, at: 0 };
    let known_day = match *day {
        Some(day) if text.as_bytes().get(2) == Some(&b':') => Some(day),
        _ => None,
    };
    let (midnight, has_time) = match known_day {
        Some(day) => (day.midnight, true),
        None => {
            let midnight = reader.date()?;
            (midnight, reader.takes_any(b"Tt "))
        }
    };
    let (time, step) = if has_time {
        reader.time_of_day()?
    } else {
        (0, DAY)
    };
    let offset = if has_time { reader.offset()? } else { None };
    let offset = offset.unwrap_or_else(|| known_day.map_or(0, |day| day.offset));
    if reader.at < text.len() {
        return Err(reader.expected(if has_time {
            "Expected nothing more, or an offset from UTC such as Z or +02:00"
        } else {
            "Expected T and a time of day, such as T08:00"
        }));
    }
    *day = Some(Day { midnight, offset });
    let start = midnight + time - offset;
    if start < 0 {
        return Err(Trouble::new(0, "Expected a time after 1970"));
    }
    let at = |time| Moment::At(Timestamp(time));
    Ok(Point {
        first: at(start),
        last: if has_time {
            Bound::Included(at(start))
        } else {
            Bound::Excluded(at(start + DAY))
        },
        alone: Some(Range {
            from: Bound::Included(at(start)),
            to: Bound::Excluded(at(start + step)),
        }),
    })
}

fn from_now(offset: i64) -> Point<Moment> {
    let moment = Moment::FromNow(offset);
    Point {
        first: moment,
        last: Bound::Included(moment),
        alone: None,
    }
}

/// Reads from left to right.
struct Reader<'a> {
    text: &'a str,
    at: usize,
}

impl Reader<'_> {
    fn expected(&self, message: &str) -> Trouble {
        Trouble::new(self.at, message)
    }

    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    /// Passes over one of these ASCII characters.
    fn takes_any(&mut self, any: &[u8]) -> bool {
        let is_there = self.peek().is_some_and(|byte| any.contains(&byte));
        self.at += usize::from(is_there);
        is_there
    }

    /// Reads exactly so many digits, a number between two bounds.
    fn number(&mut self, digits: usize, least: i64, most: i64) -> Option<i64> {
        let part = self.text.get(self.at..self.at + digits)?;
        if !part.bytes().all(|byte| byte.is_ascii_digit()) {
            return None;
        }
        let number = part.parse().ok()?;
        if !(least..=most).contains(&number) {
            return None;
        }
        self.at += digits;
        Some(number)
    }

    /// Reads `2026-11-20` as microseconds since the epoch.
    fn date(&mut self) -> Result<i64, Trouble> {
        let year = self.number(4, 1970, 9999);
        let Some(year) = year.filter(|_| self.takes_any(b"-")) else {
            return Err(self.expected(EXPECTED));
        };
        let month = self.number(2, 1, 12);
        let Some(month) = month.filter(|_| self.takes_any(b"-")) else {
            return Err(self.expected("Expected a month from 01 to 12 and a day, such as 11-20"));
        };
        let last = days_in(year, month);
        let Some(day) = self.number(2, 1, last) else {
            return Err(self.expected(&format!("Expected a day from 01 to {last}")));
        };
        Ok(days_since_epoch(year, month, day) * DAY)
    }

    /// Reads `08:00`, `08:00:30` or `08:00:30.25`, and how much the last place is.
    fn time_of_day(&mut self) -> Result<(i64, i64), Trouble> {
        let Some(hour) = self.number(2, 0, 23) else {
            return Err(self.expected("Expected an hour from 00 to 23, such as 08:00"));
        };
        let minute = if self.takes_any(b":") {
            self.number(2, 0, 59)
        } else {
            None
        };
        let Some(minute) = minute else {
            return Err(self.expected("Expected minutes from 00 to 59, such as 08:00"));
        };
        let mut time = (hour * 60 + minute) * MINUTE;
        if !self.takes_any(b":") {
            return Ok((time, MINUTE));
        }
        let Some(second) = self.number(2, 0, 59) else {
            return Err(self.expected("Expected seconds from 00 to 59"));
        };
        time += second * SECOND;
        let mut step = SECOND;
        if self.takes_any(b".,") {
            while let Some(digit) = self.number(1, 0, 9) {
                step /= 10;
                time += digit * step;
                if step == 0 {
                    return Err(self.expected("Expected at most six digits after the second"));
                }
            }
            if step == SECOND {
                return Err(self.expected("Expected digits after the second"));
            }
        }
        Ok((time, step))
    }

    /// Reads `Z`, `+02:00`, `+0200` or `+02`; `None` if there is none.
    fn offset(&mut self) -> Result<Option<i64>, Trouble> {
        if self.takes_any(b"Zz") {
            return Ok(Some(0));
        }
        let sign = match self.peek() {
            Some(b'+') => 1,
            Some(b'-') => -1,
            _ => return Ok(None),
        };
        self.at += 1;
        let trouble = "Expected an offset from UTC, such as +02:00";
        let Some(hours) = self.number(2, 0, 23) else {
            return Err(self.expected(trouble));
        };
        let has_minutes = self.takes_any(b":") || self.peek().is_some();
        let minutes = if has_minutes {
            self.number(2, 0, 59)
        } else {
            Some(0)
        };
        let Some(minutes) = minutes else {
            return Err(self.expected(trouble));
        };
        Ok(Some(sign * (hours * 60 + minutes) * MINUTE))
    }
}

fn days_in(year: i64, month: i64) -> i64 {
    let is_leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    match month {
        4 | 6 | 9 | 11 => 30,
        2 if is_leap => 29,
        2 => 28,
        _ => 31,
    }
}

/// Counts days of the Gregorian calendar in years that begin in March, so
/// that the leap day is the last one. For years from 1 on.
fn days_since_epoch(year: i64, month: i64, day: i64) -> i64 {
    let (year, month) = if month < 3 {
        (year - 1, month + 9)
    } else {
        (year, month - 3)
    };
    let days_before_month = (153 * month + 2) / 5;
    year * 365 + year / 4 - year / 100 + year / 400 + days_before_month + day - 1 - 719_468
}

/// The reverse of `days_since_epoch`: year, month and day.
fn date_of(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    // 146,097 days are 400 years.
    let (era, day_of_era) = (days.div_euclid(146_097), days.rem_euclid(146_097));
    let year_of_era =
        (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month + 2) / 5 + 1;
    let year = era * 400 + year_of_era;
    if month < 10 {
        (year, month + 3, day)
    } else {
        (year + 1, month - 9, day)
    }
}

/// Writes the date of a time in UTC, such as `2026-11-20`.
pub fn utc_date(time: Timestamp) -> String {
    let (year, month, day) = date_of(time.0.div_euclid(DAY));
    format!("{year:04}-{month:02}-{day:02}")
}

/// Writes a moment so that it is read back as the same.
pub(super) fn write_moment(f: &mut fmt::Formatter<'_>, moment: Moment) -> fmt::Result {
    match moment {
        Moment::FromNow(0) => f.write_str("now"),
        Moment::FromNow(offset) => {
            let sign = if offset < 0 { '-' } else { '+' };
            let offset = offset.unsigned_abs();
            let unit = [
                (86_400_000_000, "d"),
                (3_600_000_000, "h"),
                (60_000_000, "m"),
            ]
            .into_iter()
            .find(|(unit, _)| offset % unit == 0);
            match unit {
                Some((unit, name)) => write!(f, "{sign}{}{name}", offset / unit),
                None => {
                    let (seconds, rest) = (offset / 1_000_000, offset % 1_000_000);
                    write!(f, "{sign}{}s", Fraction(seconds, rest))
                }
            }
        }
        Moment::At(time) => {
            let (days, time) = (time.0.div_euclid(DAY), time.0.rem_euclid(DAY));
            let (year, month, day) = date_of(days);
            let (minutes, rest) = (time / MINUTE, time % MINUTE);
            write!(
                f,
                "{year:04}-{month:02}-{day:02}T{:02}:{:02}",
                minutes / 60,
                minutes % 60
            )?;
            if rest != 0 {
                let (seconds, rest) = (
                    rest.unsigned_abs() / 1_000_000,
                    rest.unsigned_abs() % 1_000_000,
                );
                let zero = if seconds < 10 { "0" } else { "" };
                write!(f, ":{zero}{}", Fraction(seconds, rest))?;
            }
            f.write_str("Z")
        }
    }
}

/// Seconds and microseconds, without zeros at the end.
struct Fraction(u64, u64);

impl fmt::Display for Fraction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(seconds, micros) = *self;
        if micros == 0 {
            return write!(f, "{seconds}");
        }
        let text = format!("{micros:06}");
        write!(f, "{seconds}.{}", text.trim_end_matches('0'))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limits(text: &str) -> (i64, i64) {
        let now = Timestamp(10 * DAY);
        let (first, last) = times(text).expect("a range").limits(now);
        (first.0, last.0)
    }

    #[test]
    fn dates_and_times_are_utc_unless_they_say_otherwise() {
        // 2026-11-20T00:00:00Z.
        let day = 1_795_132_800 * SECOND;
        let hour = 60 * MINUTE;
        let end = i64::MAX;
        for (text, expected) in [
            ("2026-11-20", (day, day + DAY - 1)),
            (">2026-11-20", (day + DAY, end)),
            (">=2026-11-20", (day, end)),
            ("<2026-11-20", (i64::MIN, day - 1)),
            ("<=2026-11-20", (i64::MIN, day + DAY - 1)),
            ("2026-11-19..2026-11-20", (day - DAY, day + DAY - 1)),
            ("2026-11-19..<2026-11-20", (day - DAY, day - 1)),
            (
                "2026-11-20T08:00",
                (day + 8 * hour, day + 8 * hour + MINUTE - 1),
            ),
            (
                "2026-11-20 08:00:30",
                (
                    day + 8 * hour + 30 * SECOND,
                    day + 8 * hour + 31 * SECOND - 1,
                ),
            ),
            ("2026-11-20T08:00..09:00", (day + 8 * hour, day + 9 * hour)),
            (
                "2026-11-20T08:00+02:00..09:00",
                (day + 6 * hour, day + 7 * hour),
            ),
            (
                "2026-11-20T08:00-0230..",
                (day + 10 * hour + 30 * MINUTE, end),
            ),
            (
                "2026-11-20T08:00+01..09:00Z",
                (day + 7 * hour, day + 9 * hour),
            ),
            (">2026-11-20T08:00:00.25Z", (day + 8 * hour + 250_001, end)),
            ("..1970-01-01", (i64::MIN, DAY - 1)),
            (">-1h", (10 * DAY - hour + 1, end)),
            ("<=now", (i64::MIN, 10 * DAY)),
            ("-2h..-30m", (10 * DAY - 2 * hour, 10 * DAY - 30 * MINUTE)),
            (">=+1d", (11 * DAY, end)),
        ] {
            assert_eq!(limits(text), expected, "{text}");
        }
    }

    #[test]
    fn errors_tell_where() {
        for (text, at) in [
            ("yesterday", 0),
            ("", 0),
            (">", 1),
            ("..", 0),
            ("-1h", 0),
            ("now", 0),
            (">1h", 1),
            (">-1x", 3),
            ("08:00", 0),
            ("2026-13-01", 5),
            ("2026-02-29", 8),
            ("2026-11-20x", 10),
            ("2026-11-20T", 11),
            ("2026-11-20T24:00", 11),
            ("2026-11-20T08", 13),
            ("2026-11-20T08:60", 14),
            ("2026-11-20T08:00x", 16),
            ("2026-11-20T08:00+", 17),
            ("2026-11-20T08:00..07:00", 18),
            ("2026-11-20..2026-11-19", 12),
            ("2026-11-20T08:00:00.1234567", 27),
            ("1970-01-01T00:00+01:00", 0),
            ("1969-12-31", 0),
            ("2026-11-20..é", 12),
            ("2026-11-2é", 8),
        ] {
            let trouble = times(text).expect_err("an error");
            assert_eq!(trouble.at, at, "{text}: {}", trouble.message);
        }
    }

    #[test]
    fn every_day_is_counted_once() {
        let mut date = (1970, 1, 1);
        for days in 0..200_000 {
            assert_eq!(date_of(days), date);
            assert_eq!(days_since_epoch(date.0, date.1, date.2), days);
            let (year, month, day) = date;
            date = if day < days_in(year, month) {
                (year, month, day + 1)
            } else if month < 12 {
                (year, month + 1, 1)
            } else {
                (year + 1, 1, 1)
            };
        }
    }
}
