//! Schedules in words.

use super::crontab::{Crontab, Field};

const DAYS: [&str; 7] = [
    "Sunday",
    "Monday",
    "Tuesday",
    "Wednesday",
    "Thursday",
    "Friday",
    "Saturday",
];
const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];

/// Times of a day that are written out one by one.
const MAX_TIMES: usize = 4;

/// Returns an interval in words.
pub(super) fn every(seconds: f64) -> String {
    let units = [
        (86_400.0, "day", "d"),
        (3_600.0, "hour", "h"),
        (60.0, "minute", "min"),
        (1.0, "second", "s"),
    ];
    for (unit, name, short) in units {
        let count = seconds / unit;
        if count.to_bits() == 1.0_f64.to_bits() {
            return format!("every {name}");
        }
        // Up to a tenth of the unit, if that is exact.
        let tenths = (count * 10.0).round() / 10.0;
        if count >= 1.0
            && (tenths * unit - seconds).abs() < 1e-6
            && (unit < 3_600.0 || count.fract() == 0.0)
        {
            return format!("every {tenths} {short}");
        }
    }
    format!("every {seconds} s")
}

/// Returns a crontab in words.
pub(super) fn crontab(crontab: &Crontab) -> String {
    let days = days(crontab);
    match times(crontab) {
        (times, true) if days == "every day" => times,
        (times, true) => format!("{times}, {days}"),
        (times, false) => format!("{times} {days}"),
    }
}

/// Returns the times of a day, and whether they are several each hour or day,
/// so that "every day" need not be said.
fn times(crontab: &Crontab) -> (String, bool) {
    let (minute, hour) = (&crontab.minute, &crontab.hour);
    if let [minute] = minute.numbers.as_slice() {
        if hour.is_star() {
            return match minute {
                0 => ("every hour".to_owned(), true),
                minute => (format!("at minute {minute} of every hour"), true),
            };
        }
        if let Some(step) = step(hour) {
            let text = match minute {
                0 => format!("every {step} hours"),
                minute => format!("at minute {minute} of every {step}. hour"),
            };
            return (text, true);
        }
        if hour.numbers.len() <= MAX_TIMES {
            let times: Vec<String> = hour
                .numbers
                .iter()
                .map(|hour| format!("{hour:02}:{minute:02}"))
                .collect();
            return (format!("at {}", times.join(", ")), false);
        }
    }
    let minutes = match step(minute) {
        _ if minute.is_star() => "every minute".to_owned(),
        Some(step) => format!("every {step} minutes"),
        None => format!("at minutes {}", ranges(minute, |n| n.to_string())),
    };
    if hour.is_star() {
        return (minutes, true);
    }
    let hours = ranges(hour, |n| n.to_string());
    let noun = if hour.numbers.len() == 1 {
        "hour"
    } else {
        "hours"
    };
    (format!("{minutes} of {noun} {hours}"), true)
}

/// Returns the step of `*/n`.
fn step(field: &Field) -> Option<&str> {
    field.text.strip_prefix("*/").filter(|step| *step != "1")
}

fn days(crontab: &Crontab) -> String {
    let name = |names: &'static [&'static str], from: u32| {
        move |number: u32| {
            let place = number.saturating_sub(from) as usize;
            names.get(place).copied().unwrap_or_default().to_owned()
        }
    };
    let mut parts = Vec::new();
    if crontab.day_of_week.numbers.len() < 7 {
        let days = ranges(&crontab.day_of_week, name(&DAYS, 0));
        parts.push(format!("on {days}"));
    }
    if crontab.day_of_month.numbers.len() < 31 {
        let days = ranges(&crontab.day_of_month, |n| n.to_string());
        parts.push(match parts.is_empty() {
            true => format!("on day {days} of the month"),
            // Both must be so.
            false => format!("if it is day {days} of the month"),
        });
    }
    if crontab.month_of_year.numbers.len() < 12 {
        let months = ranges(&crontab.month_of_year, name(&MONTHS, 1));
        if parts.is_empty() {
            parts.push("every day".to_owned());
        }
        parts.push(format!("in {months}"));
    }
    if parts.is_empty() {
        return "every day".to_owned();
    }
    parts.join(" ")
}

/// Writes numbers with runs of three or more as ranges.
fn ranges(field: &Field, name: impl Fn(u32) -> String) -> String {
    let runs = field.numbers.chunk_by(|a, b| *a + 1 == *b);
    let mut texts = Vec::new();
    for run in runs {
        match run {
            [first, _, .., last] => texts.push(format!("{} to {}", name(*first), name(*last))),
            few => texts.extend(few.iter().map(|number| name(*number))),
        }
    }
    texts.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn crontabs_read_like_sentences() {
        for (fields, words) in [
            ("* * * * *", "every minute"),
            ("*/5 * * * *", "every 5 minutes"),
            ("0 * * * *", "every hour"),
            ("15 * * * *", "at minute 15 of every hour"),
            ("0 */6 * * *", "every 6 hours"),
            ("30 3 * * *", "at 03:30 every day"),
            ("0 9,17 * * mon-fri", "at 09:00, 17:00 on Monday to Friday"),
            ("0 0 1 * *", "at 00:00 on day 1 of the month"),
            (
                "0 0 1-7 * sun",
                "at 00:00 on Sunday if it is day 1 to 7 of the month",
            ),
            (
                "0 8 * 12,1,2 *",
                "at 08:00 every day in January, February, December",
            ),
            ("*/15 9-17 * * *", "every 15 minutes of hours 9 to 17"),
            ("1,2 * * * sat,sun", "at minutes 1, 2, on Sunday, Saturday"),
        ] {
            let read = Crontab::from_repr(&format!("{fields} (m/h/dM/MY/d)"));
            assert_eq!(crontab(&read.expect(fields)), words);
        }
    }

    #[test]
    fn intervals_read_like_sentences() {
        for (seconds, words) in [
            (1.0, "every second"),
            (0.5, "every 0.5 s"),
            (30.0, "every 30 s"),
            (60.0, "every minute"),
            (90.0, "every 1.5 min"),
            (3600.0, "every hour"),
            (7200.0, "every 2 h"),
            (86_400.0, "every day"),
            (86_402.5, "every 86402.5 s"),
            (100.0, "every 100 s"),
        ] {
            assert_eq!(every(seconds), words);
        }
    }
}
