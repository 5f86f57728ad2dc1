//! How values read on the screen: durations, rates, sizes, times, names.
//! Pure functions of their arguments, so that the server and the browser write
//! the same text. Nothing here knows the present time or the user's zone.

use chrono::{DateTime, Datelike, Timelike, Utc};
use model::Timestamp;

const MONTHS: [&str; 12] = [
    "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
];

/// Returns a length of time with about three significant figures: `86 ms`, `1.82 s`, `3 m 12 s`.
pub fn duration(seconds: f64) -> String {
    if !seconds.is_finite() {
        return "unknown".to_owned();
    }
    if seconds < 0.0 {
        return format!("\u{2212}{}", duration(-seconds));
    }
    let milliseconds = seconds * 1_000.0;
    if seconds == 0.0 {
        "0 ms".to_owned()
    } else if milliseconds < 0.95 {
        format!("{:.1} ms", milliseconds.max(0.1))
    } else if milliseconds < 999.5 {
        format!("{milliseconds:.0} ms")
    } else if seconds < 9.995 {
        format!("{seconds:.2} s")
    } else if seconds < 59.95 {
        format!("{seconds:.1} s")
    } else {
        whole_seconds(seconds.round())
    }
}

/// Returns a length of time without fractions of a second: `4 s`, `3 m 12 s`, `2 d 1 h`.
pub fn whole_seconds(seconds: f64) -> String {
    if !seconds.is_finite() {
        return "unknown".to_owned();
    }
    // Floats saturate when cast, and a length of time is never negative here.
    let total = seconds.max(0.0) as u64;
    let (days, hours) = (total / 86_400, total / 3_600 % 24);
    let (minutes, seconds) = (total / 60 % 60, total % 60);
    if days > 0 {
        format!("{} d {hours} h", thousands(days))
    } else if hours > 0 {
        format!("{hours} h {minutes} m")
    } else if minutes > 0 {
        format!("{minutes} m {seconds} s")
    } else {
        format!("{seconds} s")
    }
}

/// Returns a length of time to the microsecond, for those who point at it.
pub fn exact_seconds(seconds: f64) -> String {
    let text = format!("{seconds:.6}");
    let text = text.trim_end_matches('0').trim_end_matches('.');
    format!("{text} seconds")
}

/// Returns a rate without its unit: `298`, `17.4`, `0.05`.
pub fn rate_value(per_second: f64) -> String {
    if per_second >= 999.5 {
        thousands(per_second.round() as u64)
    } else if per_second >= 99.95 {
        format!("{per_second:.0}")
    } else if per_second >= 0.095 || per_second <= 0.0 {
        let text = format!("{:.1}", per_second.max(0.0));
        if text == "0.0" { "0".to_owned() } else { text }
    } else {
        format!("{:.2}", per_second.max(0.01))
    }
}

/// Returns a rate: `298 /s`, `17.4 /s`.
pub fn rate(per_second: f64) -> String {
    format!("{} /s", rate_value(per_second))
}

/// Returns a whole number with separators: `7,846`.
pub fn thousands(number: u64) -> String {
    let digits = number.to_string();
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// Returns a share of one as percent without the sign: `3.1`, `100`.
pub fn percent_value(share: f64) -> String {
    let percent = share * 100.0;
    if !percent.is_finite() {
        "unknown".to_owned()
    } else if percent >= 99.95 {
        format!("{percent:.0}")
    } else {
        format!("{percent:.1}")
    }
}

/// Returns a share of one as percent: `3.1 %`.
pub fn percent(share: f64) -> String {
    format!("{} %", percent_value(share))
}

/// Returns a size: `312 B`, `1.3 KiB`, `3.1 GiB`.
pub fn bytes(bytes: u64) -> String {
    const UNITS: [&str; 5] = ["KiB", "MiB", "GiB", "TiB", "PiB"];
    if bytes < 1024 {
        return format!("{bytes} B");
    }
    let mut value = bytes as f64 / 1024.0;
    let mut unit = UNITS[0];
    for next in &UNITS[1..] {
        if value < 1023.95 {
            break;
        }
        value /= 1024.0;
        unit = next;
    }
    if value < 99.95 {
        format!("{value:.1} {unit}")
    } else {
        format!("{value:.0} {unit}")
    }
}

/// Returns `1 task`, `2 tasks`.
pub fn count(number: u64, singular: &str) -> String {
    let plural = if number == 1 { "" } else { "s" };
    format!("{} {singular}{plural}", thousands(number))
}

fn in_zone(time: Timestamp, offset_seconds: i32) -> Option<DateTime<Utc>> {
    let moved = time.0.checked_add(i64::from(offset_seconds) * 1_000_000)?;
    DateTime::from_timestamp_micros(moved)
}

/// Returns `02:16:39.499`, with the date in front unless it is the day of `now`.
/// `offset_seconds` is what the reader's zone is ahead of UTC.
pub fn clock(time: Timestamp, now: Timestamp, offset_seconds: i32) -> String {
    let Some(at) = in_zone(time, offset_seconds) else {
        return "unknown".to_owned();
    };
    let milliseconds = at.timestamp_subsec_millis();
    format!("{}.{milliseconds:03}", clock_of(at, now, offset_seconds))
}

/// Returns `02:16:39`, with the date in front unless it is the day of `now`.
pub fn clock_seconds(time: Timestamp, now: Timestamp, offset_seconds: i32) -> String {
    match in_zone(time, offset_seconds) {
        Some(at) => clock_of(at, now, offset_seconds),
        None => "unknown".to_owned(),
    }
}

fn clock_of(at: DateTime<Utc>, now: Timestamp, offset_seconds: i32) -> String {
    let (hour, minute, second) = (at.hour(), at.minute(), at.second());
    let today = in_zone(now, offset_seconds);
    let time = format!("{hour:02}:{minute:02}:{second:02}");
    if today.is_some_and(|today| today.date_naive() == at.date_naive()) {
        return time;
    }
    let date = day(at);
    if today.is_some_and(|today| today.year() == at.year()) {
        format!("{date} {time}")
    } else {
        format!("{date} {} {time}", at.year())
    }
}

fn day(at: DateTime<Utc>) -> String {
    let month = MONTHS.get(at.month0() as usize).copied().unwrap_or("");
    format!("{} {month}", at.day())
}

/// Returns `02:16`, for axes and spans.
pub fn clock_minutes(time: Timestamp, offset_seconds: i32) -> String {
    match in_zone(time, offset_seconds) {
        Some(at) => format!("{:02}:{:02}", at.hour(), at.minute()),
        None => "unknown".to_owned(),
    }
}

/// Returns `Fri 20 Nov`.
pub fn date(time: Timestamp, offset_seconds: i32) -> String {
    match in_zone(time, offset_seconds) {
        Some(at) => format!("{} {}", at.weekday(), day(at)),
        None => "unknown".to_owned(),
    }
}

/// Returns the time as machines read it: `2026-11-20T02:16:39.499123Z`.
pub fn iso(time: Timestamp) -> String {
    let Some(at) = in_zone(time, 0) else {
        return String::new();
    };
    format!(
        "{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:06}Z",
        at.year(),
        at.month(),
        at.day(),
        at.hour(),
        at.minute(),
        at.second(),
        at.timestamp_subsec_micros()
    )
}

/// Returns how long ago or ahead a time is: `12 s ago`, `in 3 m 4 s`, `now`.
pub fn relative(time: Timestamp, now: Timestamp) -> String {
    let ago = now.seconds_since(time);
    if ago >= 1.0 {
        format!("{} ago", whole_seconds(ago))
    } else if ago <= -1.0 {
        format!("in {}", whole_seconds(-ago))
    } else {
        "now".to_owned()
    }
}

/// Returns a task id short in the middle: `2571353f…27d`. Ends tell ids apart,
/// since clients that count put the counter last.
pub fn short_id(id: &str) -> String {
    let letters: Vec<char> = id.chars().collect();
    if letters.len() <= 14 {
        return id.to_owned();
    }
    middle(&letters, 8, 3)
}

/// Returns a worker's name without Celery's default node name: `mail-1` for `celery@mail-1`.
/// Other node names stay, for two of them may share a host.
pub fn short_worker(name: &str) -> &str {
    match name.strip_prefix("celery@") {
        Some(host) if !host.is_empty() => host,
        _ => name,
    }
}

fn middle(letters: &[char], head: usize, tail: usize) -> String {
    let start = letters.iter().take(head);
    let end = letters.iter().skip(letters.len().saturating_sub(tail));
    start.chain(std::iter::once(&'…')).chain(end).collect()
}

/// A task type's name, split for display.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FittedName {
    /// The module with its trailing dot, shortened or empty.
    pub module: String,
    /// The function, whole or shortened in the middle.
    pub function: String,
}

/// Fits a task type's name into `budget` characters. First the leading segments
/// become initials, as Python's loggers do, then the module goes, then the
/// function loses its middle. Its end stays: ends tell names apart.
pub fn fit_name(name: &str, budget: usize) -> FittedName {
    let (module, function) = match name.rsplit_once('.') {
        Some((module, function)) if !function.is_empty() => (module, function),
        _ => ("", name),
    };
    let length = |text: &str| text.chars().count();
    let mut segments: Vec<String> = module
        .split('.')
        .filter(|segment| !segment.is_empty())
        .map(str::to_owned)
        .collect();
    let written = |segments: &[String]| {
        let mut text = segments.join(".");
        if !text.is_empty() {
            text.push('.');
        }
        text
    };
    let mut index = 0;
    while length(&written(&segments)) + length(function) > budget {
        let Some(segment) = segments.get_mut(index) else {
            segments.clear();
            break;
        };
        *segment = segment.chars().take(1).collect();
        index += 1;
    }
    let letters: Vec<char> = function.chars().collect();
    let function = if letters.len() <= budget || budget < 5 {
        function.to_owned()
    } else {
        let kept = budget - 1;
        middle(&letters, kept - kept / 2, kept / 2)
    };
    FittedName {
        module: written(&segments),
        function,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp(1_763_605_000_123_456); // 2025-11-20 02:16:40.123456 UTC

    #[test]
    fn durations_have_three_significant_figures() {
        let cases = [
            (0.0, "0 ms"),
            (0.000_01, "0.1 ms"),
            (0.0004, "0.4 ms"),
            (0.086, "86 ms"),
            (0.9994, "999 ms"),
            (0.9996, "1.00 s"),
            (1.82, "1.82 s"),
            (9.996, "10.0 s"),
            (12.71, "12.7 s"),
            (59.96, "1 m 0 s"),
            (192.0, "3 m 12 s"),
            (3_660.0, "1 h 1 m"),
            (176_400.0, "2 d 1 h"),
            (-1.5, "\u{2212}1.50 s"),
            (f64::NAN, "unknown"),
        ];
        for (seconds, text) in cases {
            assert_eq!(duration(seconds), text);
        }
    }

    #[test]
    fn rates_keep_what_matters() {
        let cases = [
            (0.0, "0 /s"),
            (0.004, "0.01 /s"),
            (0.05, "0.05 /s"),
            (8.1, "8.1 /s"),
            (17.44, "17.4 /s"),
            (99.97, "100 /s"),
            (298.2, "298 /s"),
            (1204.4, "1,204 /s"),
        ];
        for (per_second, text) in cases {
            assert_eq!(rate(per_second), text);
        }
    }

    #[test]
    fn thousands_are_separated() {
        assert_eq!(thousands(0), "0");
        assert_eq!(thousands(999), "999");
        assert_eq!(thousands(7_846), "7,846");
        assert_eq!(thousands(1_071_482), "1,071,482");
    }

    #[test]
    fn percents_have_one_decimal_below_a_hundred() {
        assert_eq!(percent(0.0), "0.0 %");
        assert_eq!(percent(0.031), "3.1 %");
        assert_eq!(percent(0.999_6), "100 %");
    }

    #[test]
    fn sizes_step_by_1024() {
        assert_eq!(bytes(0), "0 B");
        assert_eq!(bytes(1_331), "1.3 KiB");
        assert_eq!(bytes(1_048_575), "1.0 MiB");
        assert_eq!(bytes(3_328_599_654), "3.1 GiB");
        assert_eq!(bytes(u64::MAX), "16384 PiB");
    }

    #[test]
    fn times_have_a_date_only_on_another_day() {
        let before = |seconds: f64| NOW.plus_seconds(-seconds);
        assert_eq!(clock(NOW, NOW, 0), "02:16:40.123");
        assert_eq!(clock_seconds(before(3_600.0), NOW, 0), "01:16:40");
        assert_eq!(clock_seconds(before(10_800.0), NOW, 0), "19 Nov 23:16:40");
        assert_eq!(clock_seconds(before(10_800.0), NOW, 7_200), "01:16:40");
        assert_eq!(
            clock(before(86_400.0 * 365.0), NOW, 0),
            "20 Nov 2024 02:16:40.123"
        );
        assert_eq!(clock(Timestamp(i64::MAX), NOW, 3_600), "unknown");
        assert_eq!(date(NOW, 0), "Thu 20 Nov");
        assert_eq!(iso(NOW), "2025-11-20T02:16:40.123456Z");
    }

    #[test]
    fn relative_times_look_both_ways() {
        assert_eq!(relative(NOW, NOW), "now");
        assert_eq!(relative(NOW.plus_seconds(-170.0), NOW), "2 m 50 s ago");
        assert_eq!(relative(NOW.plus_seconds(12.0), NOW), "in 12 s");
    }

    #[test]
    fn ids_lose_their_middle() {
        assert_eq!(
            short_id("2571353f-8c1e-4d0a-9f63-b1c0a77e927d"),
            "2571353f…27d"
        );
        assert_eq!(short_id("order-4127"), "order-4127");
        assert_eq!(
            short_id("日本語の長い識別子はここで切れます"),
            "日本語の長い識別…れます"
        );
    }

    #[test]
    fn only_the_default_node_name_is_left_out() {
        assert_eq!(short_worker("celery@mail-1"), "mail-1");
        assert_eq!(short_worker("bulk@mail-1"), "bulk@mail-1");
        assert_eq!(short_worker("celery@"), "celery@");
    }

    #[test]
    fn names_give_way_from_the_front_and_keep_their_end() {
        let fit = |name, budget| {
            let fitted = fit_name(name, budget);
            fitted.module + &fitted.function
        };
        let name = "shop.mail.tasks.send_welcome_email";
        assert_eq!(fit(name, 40), name);
        assert_eq!(fit(name, 32), "s.mail.tasks.send_welcome_email");
        assert_eq!(fit(name, 25), "s.m.t.send_welcome_email");
        assert_eq!(fit(name, 20), "send_welcome_email");
        assert_eq!(
            fit("email_report_to_all_enterprise_account_owners", 41),
            "email_report_to_all_…prise_account_owners"
        );
        assert_eq!(fit("", 10), "");
        assert_eq!(fit("trailing.", 20), "trailing.");
    }
}
