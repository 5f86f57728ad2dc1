//! Random searches: their meaning and their text.

use super::task::{NOW, Task, letters, seconds, time};
use proptest::prelude::*;

const DAY: i64 = 86_400_000_000;

const TEXTS: [&str; 11] = [
    "name",
    "worker",
    "queue",
    "args",
    "kwargs",
    "result",
    "exception",
    "traceback",
    "id",
    "root",
    "parent",
];
const WORDS: [&str; 10] = [
    "id",
    "name",
    "state",
    "worker",
    "queue",
    "args",
    "kwargs",
    "result",
    "exception",
    "traceback",
];
const NAMES: [&str; 6] = ["id", "name", "worker", "queue", "root", "parent"];

/// What is compared with a number or time.
#[derive(Clone, Debug)]
pub(crate) enum Compare<T> {
    Above(T),
    AtLeast(T),
    Below(T),
    AtMost(T),
    /// Both ends are inside.
    Between(T, T),
    /// The end is not.
    Before(T, T),
}

impl<T> Compare<T> {
    fn text(&self, write: impl Fn(&T) -> String) -> String {
        match self {
            Self::Above(a) => format!(">{}", write(a)),
            Self::AtLeast(a) => format!(">={}", write(a)),
            Self::Below(a) => format!("<{}", write(a)),
            Self::AtMost(a) => format!("<={}", write(a)),
            Self::Between(a, b) => format!("{}..{}", write(a), write(b)),
            Self::Before(a, b) => format!("{}..<{}", write(a), write(b)),
        }
    }

    /// Tells whether it holds, from how the value stands to each end.
    fn holds(&self, order: impl Fn(&T) -> std::cmp::Ordering) -> bool {
        match self {
            Self::Above(a) => order(a).is_gt(),
            Self::AtLeast(a) => order(a).is_ge(),
            Self::Below(a) => order(a).is_lt(),
            Self::AtMost(a) => order(a).is_le(),
            Self::Between(a, b) => order(a).is_ge() && order(b).is_le(),
            Self::Before(a, b) => order(a).is_ge() && order(b).is_lt(),
        }
    }
}

/// A time as somebody writes it.
#[derive(Clone, Copy, Debug)]
pub(crate) enum When {
    /// Microseconds since the epoch.
    At(i64),
    /// Days since the epoch.
    Day(i64),
    /// Seconds from now.
    FromNow(i64),
}

impl When {
    fn text(&self) -> String {
        match *self {
            Self::At(micros) => {
                let second = micros.rem_euclid(DAY) / 1_000_000;
                format!(
                    "{}T{:02}:{:02}:{:02}.{:06}Z",
                    date(micros.div_euclid(DAY)),
                    second / 3_600,
                    second / 60 % 60,
                    second % 60,
                    micros.rem_euclid(1_000_000),
                )
            }
            Self::Day(day) => date(day),
            Self::FromNow(seconds) if seconds % 60 == 0 => format!("{:+}m", seconds / 60),
            Self::FromNow(seconds) => format!("{seconds:+}s"),
        }
    }

    /// How a time stands to it; a date is its whole day.
    fn order(&self, time: i64) -> std::cmp::Ordering {
        match *self {
            Self::At(micros) => time.cmp(&micros),
            Self::Day(day) => time.div_euclid(DAY).cmp(&day),
            Self::FromNow(seconds) => time.cmp(&(NOW + seconds * 1_000_000)),
        }
    }
}

/// Counts up from 2026-01-01, which is day 20,454.
fn date(day: i64) -> String {
    let mut rest = day - 20_454;
    assert!((0..365).contains(&rest), "days of 2026 only");
    for (index, length) in [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31]
        .iter()
        .enumerate()
    {
        if rest < *length {
            return format!("2026-{:02}-{:02}", index + 1, rest + 1);
        }
        rest -= length;
    }
    unreachable!("a year has 365 days");
}

/// What a value inside arguments or result must be.
#[derive(Clone, Debug)]
pub(crate) enum ValueWant {
    Contains(String),
    Equals(String),
    Number(Compare<f64>),
}

/// A search.
#[derive(Clone, Debug)]
pub(crate) enum Want {
    Word(String),
    Field(&'static str, String),
    State(String),
    Exactly(&'static str, String),
    /// Field, keys with dots between, value.
    Path(&'static str, String, ValueWant),
    /// Flower's `kwargs:key=value`.
    Pair(String, String),
    Number(&'static str, Compare<f64>),
    Time(&'static str, Compare<When>),
    /// The whole of a day.
    On(&'static str, i64),
    Not(Box<Want>),
    And(Vec<Want>),
    Or(Vec<Want>),
}

impl Want {
    /// Writes it as somebody could type it.
    pub(crate) fn text(&self) -> String {
        let seconds = |field: &str, value: &f64| match field {
            "retries" => value.to_string(),
            _ if value.fract() != 0.0 => format!("{}ms", value * 1_000.0),
            _ if *value >= 60.0 && value % 60.0 == 0.0 => format!("{}m", value / 60.0),
            _ if *value >= 60.0 => format!("{}m{}s", (value / 60.0).floor(), value % 60.0),
            _ => value.to_string(),
        };
        let join = |parts: &[Self], between: &str| {
            let parts: Vec<String> = parts.iter().map(Self::inner_text).collect();
            parts.join(between)
        };
        match self {
            Self::Word(word) => quoted(word),
            Self::Field(field, word) => format!("{field}:{}", quoted(word)),
            Self::State(state) => format!("state:{state}"),
            Self::Exactly(field, name) => format!("{field}:={}", quoted(name)),
            Self::Path(field, path, test) => {
                let test = match test {
                    ValueWant::Contains(word) => quoted(word),
                    ValueWant::Equals(word) => format!("={}", quoted(word)),
                    ValueWant::Number(compare) => compare.text(f64::to_string),
                };
                format!("{field}.{}:{test}", quoted(path))
            }
            Self::Pair(key, value) => format!("kwargs:{}={}", quoted(key), quoted(value)),
            Self::Number(field, compare) => {
                format!("{field}:{}", compare.text(|value| seconds(field, value)))
            }
            Self::Time(field, compare) => format!("{field}:{}", compare.text(When::text)),
            Self::On(field, day) => format!("{field}:{}", date(*day)),
            Self::Not(inner) => match &**inner {
                Self::Not(_) => format!("NOT {}", inner.text()),
                inner => format!("-{}", inner.inner_text()),
            },
            Self::And(parts) if parts.len() % 2 == 0 => join(parts, " "),
            Self::And(parts) => join(parts, " AND "),
            Self::Or(parts) => join(parts, " OR "),
        }
    }

    fn inner_text(&self) -> String {
        match self {
            Self::And(_) | Self::Or(_) => format!("({})", self.text()),
            _ => self.text(),
        }
    }

    /// Tells whether a task matches at `NOW`.
    pub(crate) fn holds(&self, task: &Task) -> bool {
        let lower = |field: &str| task.text(field).map(|text| text.to_lowercase());
        let contains = |field: &str, word: &str| {
            lower(field).is_some_and(|text| text.contains(&word.to_lowercase()))
        };
        let number = |compare: &Compare<f64>, value: f64| {
            compare.holds(|end| value.partial_cmp(end).expect("no NaN is generated"))
        };
        match self {
            Self::Word(word) => WORDS.iter().any(|field| contains(field, word)),
            Self::Field(field, word) => contains(field, word),
            Self::State(state) => lower("state") == Some(state.to_lowercase()),
            Self::Exactly(field, name) => lower(field) == Some(name.to_lowercase()),
            Self::Path(field, path, test) => task.value(field).is_some_and(|value| {
                let found = value.at(&path.to_lowercase());
                found.into_iter().any(|value| match test {
                    ValueWant::Contains(word) => value.content().contains(&word.to_lowercase()),
                    ValueWant::Equals(word) => value.content() == word.to_lowercase(),
                    ValueWant::Number(compare) => {
                        value.number().is_some_and(|value| number(compare, value))
                    }
                })
            }),
            Self::Pair(key, wanted) => task.kwargs.as_ref().is_some_and(|kwargs| {
                let found = kwargs.at(&key.to_lowercase());
                found
                    .iter()
                    .any(|value| value.content() == wanted.to_lowercase())
            }),
            Self::Number(field, compare) => task
                .number(field)
                .is_some_and(|value| number(compare, value)),
            Self::Time(field, compare) => {
                let time = task.time(field);
                time.is_some_and(|time| compare.holds(|end| end.order(time)))
            }
            Self::On(field, day) => task.time(field).is_some_and(|t| t.div_euclid(DAY) == *day),
            Self::Not(inner) => !inner.holds(task),
            Self::And(parts) => parts.iter().all(|part| part.holds(task)),
            Self::Or(parts) => parts.iter().any(|part| part.holds(task)),
        }
    }
}

/// Puts quotes around everything but plain letters.
fn quoted(text: &str) -> String {
    if !text.is_empty()
        && text
            .chars()
            .all(|c| c.is_alphanumeric() || matches!(c, '_' | '.'))
    {
        return text.to_owned();
    }
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}

fn compare<T: Clone + std::fmt::Debug>(
    value: impl Strategy<Value = T> + Clone,
    is_ordered: fn(&T, &T) -> bool,
) -> impl Strategy<Value = Compare<T>> {
    (0_u8..6, value.clone(), value).prop_map(move |(kind, a, b)| {
        let (a, b) = if is_ordered(&a, &b) { (a, b) } else { (b, a) };
        match kind {
            0 => Compare::Above(a),
            1 => Compare::AtLeast(a),
            2 => Compare::Below(a),
            3 => Compare::AtMost(a),
            4 => Compare::Between(a, b),
            _ => Compare::Before(a, b),
        }
    })
}

fn when() -> impl Strategy<Value = Compare<When>> {
    let when = prop_oneof![
        time().prop_map(When::At),
        (-3_i64..3).prop_map(|day| When::Day(NOW / DAY + day)),
        prop_oneof![-5_i64..5, -200_000_i64..200_000].prop_map(When::FromNow),
    ];
    // Where each begins; two that begin together are in order either way.
    let start = |when: &When| match *when {
        When::At(micros) => micros,
        When::Day(day) => day * DAY,
        When::FromNow(seconds) => NOW + seconds * 1_000_000,
    };
    (compare(when.boxed(), |_, _| true)).prop_map(move |compare| match compare {
        Compare::Between(a, b) if start(&a) > start(&b) => Compare::Between(b, a),
        Compare::Before(a, b) if start(&a) > start(&b) => Compare::Before(b, a),
        compare => compare,
    })
}

fn word() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => "[abABäÄ]{1,2}",
        2 => letters(),
        1 => "[0-9a]{1,2}-?",
        1 => "[ab'\"\\\\ :,.={}()<>-]{0,3}[ab':-]",
    ]
}

fn path() -> impl Strategy<Value = String> {
    prop_oneof![4 => "[abA01](\\.[abA01]){0,2}", 1 => "[ab'\" .]{1,3}"]
}

fn condition() -> impl Strategy<Value = Want> {
    let by_name = |a: &f64, b: &f64| a <= b;
    let quarters = (-24_i32..24).prop_map(|quarters| f64::from(quarters) / 4.0);
    let test = prop_oneof![
        word().prop_map(ValueWant::Contains),
        prop_oneof![
            word(),
            (-5_i32..5).prop_map(|n| n.to_string()),
            Just("None".to_owned())
        ]
        .prop_map(ValueWant::Equals),
        compare(quarters, by_name).prop_filter_map("comparisons only", |compare| match compare {
            // A value is compared with one number; `1..2` is a text there.
            Compare::Between(..) | Compare::Before(..) => None,
            compare => Some(ValueWant::Number(compare)),
        }),
    ];
    let times = vec!["sent", "received", "started", "finished", "eta"];
    let whole = (0_u32..4).prop_map(f64::from);
    prop_oneof![
        3 => word().prop_map(Want::Word),
        3 => (prop::sample::select(TEXTS.to_vec()), word()).prop_map(|(field, word)| {
            // With an equals sign it would be a pair.
            Want::Field(field, if field == "kwargs" { word.replace('=', "b") } else { word })
        }),
        1 => prop::sample::select(vec!["success", "Failure", "STARTED", "ä", "b"])
            .prop_map(|state| Want::State(state.to_owned())),
        1 => (prop::sample::select(NAMES.to_vec()), letters())
            .prop_map(|(field, name)| Want::Exactly(field, name)),
        3 => (prop::sample::select(vec!["args", "kwargs", "kwargs", "result"]), path(), test)
            .prop_map(|(field, path, test)| Want::Path(field, path, test)),
        1 => ("[abAB](\\.[ab])?", letters()).prop_map(|(key, value)| Want::Pair(key, value)),
        1 => compare(whole, by_name).prop_map(|compare| Want::Number("retries", compare)),
        2 => (prop::sample::select(vec!["runtime", "wait"]), compare(seconds().boxed(), by_name))
            .prop_map(|(field, compare)| Want::Number(field, compare)),
        3 => (prop::sample::select(times.clone()), when())
            .prop_map(|(field, compare)| Want::Time(field, compare)),
        1 => (prop::sample::select(times), -3_i64..3)
            .prop_map(|(field, day)| Want::On(field, NOW / DAY + day)),
    ]
}

/// Searches of all kinds, most of them short, nested at most four deep.
pub(crate) fn want() -> impl Strategy<Value = Want> {
    condition().prop_recursive(3, 12, 3, |inner| {
        prop_oneof![
            2 => inner.clone().prop_map(|inner| Want::Not(Box::new(inner))),
            2 => prop::collection::vec(inner.clone(), 2..4).prop_map(Want::And),
            2 => prop::collection::vec(inner, 2..4).prop_map(Want::Or),
        ]
    })
}
