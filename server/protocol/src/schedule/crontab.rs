//! Crontabs as Celery reads and runs them (`celery/schedules.py`, 5.7): a day
//! must be in all three of its fields, ranges may wrap around, and names of
//! days and months may be written out.

use super::{instant, local};
use chrono::{Datelike, Duration, NaiveDate, NaiveDateTime, Timelike};
use chrono_tz::Tz;
use model::Timestamp;
use serde_json::Value;

/// Names of days, Sunday first.
const DAYS: [&str; 7] = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"];
const MONTHS: [&str; 12] = [
    "jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec",
];

/// Most months that are looked through for a day (`crontab._delta_to_next`).
const MAX_ROLLS: usize = 2_000;

/// One field: what is written, and the numbers it means in ascending order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Field {
    pub(super) text: String,
    pub(super) numbers: Vec<u32>,
}

impl Field {
    pub(super) fn is_star(&self) -> bool {
        self.text == "*"
    }

    fn has(&self, number: u32) -> bool {
        self.numbers.contains(&number)
    }

    fn after(&self, number: u32) -> Option<u32> {
        self.numbers.iter().copied().find(|next| *next > number)
    }

    fn first(&self) -> u32 {
        self.numbers.first().copied().unwrap_or(0)
    }

    fn last(&self) -> u32 {
        self.numbers.last().copied().unwrap_or(0)
    }
}

/// A crontab.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Crontab {
    pub(super) minute: Field,
    pub(super) hour: Field,
    pub(super) day_of_month: Field,
    pub(super) month_of_year: Field,
    /// Sunday is 0.
    pub(super) day_of_week: Field,
}

impl Crontab {
    /// Reads `30 3 * * * (m/h/dM/MY/d)`, where the legend tells the order of
    /// the fields: it changed between Celery 5.2 and 5.7.
    pub fn from_repr(text: &str) -> Result<Self, String> {
        let unknown = || format!("The crontab {text:?} cannot be read");
        let (fields, legend) = text.rsplit_once(" (").ok_or_else(unknown)?;
        let legend = legend.strip_suffix(')').ok_or_else(unknown)?;
        let fields = split(fields);
        let names: Vec<&str> = legend.split('/').collect();
        if fields.len() != names.len() {
            return Err(unknown());
        }
        let field = |name: &str| {
            let place = names.iter().position(|other| *other == name)?;
            fields.get(place).map(String::as_str)
        };
        let get = |name| field(name).ok_or_else(unknown);
        Self::new(get("m")?, get("h")?, get("d")?, get("dM")?, get("MY")?)
    }

    /// Reads the fields in the order of Celery's own constructor.
    pub fn new(
        minute: &str,
        hour: &str,
        day_of_week: &str,
        day_of_month: &str,
        month_of_year: &str,
    ) -> Result<Self, String> {
        Ok(Self {
            minute: read(minute, 0, 59)?,
            hour: read(hour, 0, 23)?,
            day_of_week: read(day_of_week, 0, 6)?,
            day_of_month: read(day_of_month, 1, 31)?,
            month_of_year: read(month_of_year, 1, 12)?,
        })
    }

    /// Reads an object of fields, as `RedBeat` keeps them.
    pub(super) fn from_object(object: &Value) -> Result<Self, String> {
        let field = |name: &str| match object.get(name) {
            None | Some(Value::Null) => "*".to_owned(),
            Some(Value::String(text)) => text.clone(),
            Some(other) => other.to_string(),
        };
        Self::new(
            &field("minute"),
            &field("hour"),
            &field("day_of_week"),
            &field("day_of_month"),
            &field("month_of_year"),
        )
    }

    /// Returns how Celery 5.7 writes it.
    pub fn written(&self) -> String {
        format!(
            "{} {} {} {} {} (m/h/dM/MY/d)",
            self.minute.text,
            self.hour.text,
            self.day_of_month.text,
            self.month_of_year.text,
            self.day_of_week.text
        )
    }

    /// Returns when it is due after a run at `last`, in a zone; `None` if
    /// never within the next centuries.
    ///
    /// As Celery reckons by the clock on the wall, that may be before `last`
    /// in the hour that clocks show twice.
    pub fn next(&self, zone: Tz, last: Timestamp) -> Option<Timestamp> {
        instant(zone, self.next_wall(local(zone, last)?)?)
    }

    /// `crontab.remaining_delta` and `ffwd.__radd__`.
    fn next_wall(&self, last: NaiveDateTime) -> Option<NaiveDateTime> {
        let weekday = last.weekday().num_days_from_sunday();
        let is_this_day = self.month_of_year.has(last.month())
            && self.day_of_month.has(last.day())
            && self.day_of_week.has(weekday);
        let is_this_hour = is_this_day && self.hour.has(last.hour());
        if is_this_hour && let Some(minute) = self.minute.after(last.minute()) {
            return last.date().and_hms_opt(last.hour(), minute, 0);
        }
        let minute = self.minute.first();
        if is_this_day && last.hour() < self.hour.last() {
            let hour = self.hour.after(last.hour())?;
            return last.date().and_hms_opt(hour, minute, 0);
        }
        let hour = self.hour.first();
        let date = if self.day_of_month.is_star() && self.month_of_year.is_star() {
            let next = self
                .day_of_week
                .after(weekday)
                .unwrap_or(self.day_of_week.first());
            let days = match (7 + next - weekday) % 7 {
                0 => 7,
                days => days,
            };
            last.date()
                .checked_add_signed(Duration::days(i64::from(days)))?
        } else {
            self.next_date(last, hour, minute)?
        };
        date.and_hms_opt(hour, minute, 0)
    }

    /// `crontab._delta_to_next`.
    fn next_date(&self, last: NaiveDateTime, hour: u32, minute: u32) -> Option<NaiveDate> {
        let days = &self.day_of_month.numbers;
        let months = &self.month_of_year.numbers;
        let mut year = last.year();
        let (mut day, mut month) = if months.contains(&last.month()) {
            (
                days.partition_point(|day| *day <= last.day()),
                months.partition_point(|month| *month < last.month()),
            )
        } else {
            let month = months.partition_point(|month| *month <= last.month());
            (0, if month == months.len() { 0 } else { month })
        };
        let mut rolls = 0;
        loop {
            let date = days
                .get(day)
                .and_then(|day| NaiveDate::from_ymd_opt(year, *months.get(month)?, *day));
            let is_past = |date: NaiveDate| {
                date.and_hms_opt(hour, minute, 0)
                    .is_none_or(|time| time < last)
            };
            match date {
                Some(date) if !is_past(date) => {
                    if self.day_of_week.has(date.weekday().num_days_from_sunday()) {
                        return Some(date);
                    }
                    day += 1;
                }
                _ => {
                    rolls += 1;
                    if rolls > MAX_ROLLS {
                        return None;
                    }
                    day = 0;
                    month += 1;
                    if month == months.len() {
                        month = 0;
                        year += 1;
                    }
                }
            }
        }
    }
}

/// Splits fields at spaces; those within brackets belong to a field.
fn split(text: &str) -> Vec<String> {
    let mut fields = vec![String::new()];
    let mut depth = 0_usize;
    for letter in text.chars() {
        match letter {
            '(' | '[' | '{' => depth += 1,
            ')' | ']' | '}' => depth = depth.saturating_sub(1),
            _ => {}
        }
        match fields.last_mut() {
            Some(_) if letter == ' ' && depth == 0 => fields.push(String::new()),
            Some(field) => field.push(letter),
            None => {}
        }
    }
    fields
}

/// Reads a field: `crontab_parser`, or the repr of a set, list or tuple of numbers.
fn read(text: &str, min: u32, max: u32) -> Result<Field, String> {
    let wrong = || format!("{text:?} is no field of a crontab");
    let mut numbers = Vec::new();
    let brackets = text
        .trim_start_matches("frozenset(")
        .trim_start_matches("set(");
    if brackets.starts_with(['{', '[', '(']) {
        for part in brackets.split(['{', '}', '[', ']', '(', ')', ',']) {
            let part = part.trim().trim_matches(['\'', '"']);
            if !part.is_empty() {
                numbers.push(part.parse().map_err(|_| wrong())?);
            }
        }
    } else {
        for part in text.split(',') {
            numbers.extend(expand(part, min, max).ok_or_else(wrong)?);
        }
    }
    numbers.sort_unstable();
    numbers.dedup();
    let is_in_range = numbers.iter().all(|n| (min..=max).contains(n));
    if numbers.is_empty() || !is_in_range {
        return Err(wrong());
    }
    Ok(Field {
        text: text.to_owned(),
        numbers,
    })
}

/// Reads one of the parts between commas.
fn expand(part: &str, min: u32, max: u32) -> Option<Vec<u32>> {
    let (range, step) = match part.split_once('/') {
        Some((range, step)) => (range, Some(step.parse::<usize>().ok().filter(|s| *s > 0)?)),
        None => (part, None),
    };
    let numbers: Vec<u32> = if range == "*" {
        (min..=max).collect()
    } else if let Some((from, to)) = range.split_once('-') {
        let (from, to) = (number(from, min, max)?, number(to, min, max)?);
        if to < from {
            (from..=max).chain(min..=to).collect()
        } else {
            (from..=to).collect()
        }
    } else if step.is_some() {
        // `5/10` is no range: the parser would take it for a name.
        return None;
    } else {
        vec![number(range, min, max)?]
    };
    Some(numbers.into_iter().step_by(step.unwrap_or(1)).collect())
}

/// Reads a number, or the first letters of a month or a day.
fn number(text: &str, min: u32, max: u32) -> Option<u32> {
    let named = || {
        let letters: String = text.chars().take(3).collect::<String>().to_lowercase();
        let place = |names: &[&str]| names.iter().position(|name| *name == letters);
        match place(&MONTHS) {
            Some(month) => u32::try_from(month + 1).ok(),
            None => place(&DAYS).and_then(|day| u32::try_from(day).ok()),
        }
    };
    let number = text.parse().ok().or_else(named)?;
    (min..=max).contains(&number).then_some(number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_legend_tells_the_order() {
        let old = Crontab::from_repr("30 3 1 15 6 (m/h/d/dM/MY)").expect("of 5.2");
        let new = Crontab::from_repr("30 3 15 6 1 (m/h/dM/MY/d)").expect("of 5.7");
        assert_eq!(old, new);
        assert_eq!(new.day_of_week.numbers, [1]);
        assert_eq!(new.written(), "30 3 15 6 1 (m/h/dM/MY/d)");
        let sets = Crontab::from_repr("{0, 30} [3, 4] * * mon-fri (m/h/dM/MY/d)").expect("sets");
        assert_eq!(sets.minute.numbers, [0, 30]);
        assert_eq!(sets.hour.numbers, [3, 4]);
        assert_eq!(sets.day_of_week.numbers, [1, 2, 3, 4, 5]);
    }

    #[test]
    fn what_is_no_crontab_is_an_error() {
        for text in [
            "",
            "* * * * *",
            "* * * * (m/h/dM/MY/d)",
            "* * * * * (m/h/dM/MY)",
            "60 * * * * (m/h/dM/MY/d)",
            "*/0 * * * * (m/h/dM/MY/d)",
            "*/ * * * * (m/h/dM/MY/d)",
            "1, * * * * (m/h/dM/MY/d)",
            "-1 * * * * (m/h/dM/MY/d)",
            "* * 0 * * (m/h/dM/MY/d)",
            "* * * * 7 (m/h/dM/MY/d)",
            "* * * * someday (m/h/dM/MY/d)",
            "{} * * * * (m/h/dM/MY/d)",
            "{'x'} * * * * (m/h/dM/MY/d)",
        ] {
            assert!(Crontab::from_repr(text).is_err(), "{text:?}");
        }
        let never = Crontab::new("0", "0", "*", "31", "2").expect("it can be read");
        assert_eq!(never.next(Tz::UTC, Timestamp(0)), None);
    }
}
