//! Places in a list of stored tasks, and their text form: what pages go on from.

use model::{QueryError, TaskCursor, TaskQuery, TaskSort};
use std::fmt::Write as _;

/// The order of a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Order {
    /// What it is by.
    pub sort: TaskSort,
    /// Largest first.
    pub is_descending: bool,
}

impl Order {
    /// Returns the order of a query.
    pub fn of(query: &TaskQuery) -> Self {
        Self {
            sort: query.sort,
            is_descending: query.is_descending,
        }
    }
}

/// What a list is sorted by, of one task. Tasks without a value come last.
#[derive(Clone, Debug, PartialEq)]
pub enum SortValue {
    /// The task has no such value.
    None,
    /// Microseconds, or a count.
    Whole(i64),
    /// Seconds.
    Real(f64),
    /// A name.
    Text(String),
}

/// A place in a list of stored tasks.
#[derive(Clone, Debug, PartialEq)]
pub struct Place {
    /// No task of a later time ([`super::TaskRecord::time`], microseconds)
    /// belongs to the list: it was in memory when the list was begun.
    pub bound: i64,
    /// The task before this place, by its value and the store's own number;
    /// absent at the start.
    pub after: Option<(SortValue, i64)>,
}

impl Place {
    /// Returns the start of a list of tasks up to a time, microseconds.
    pub fn start(bound: i64) -> Self {
        Self { bound, after: None }
    }

    /// Returns the text form, which names the order it belongs to.
    pub fn cursor(&self, order: Order) -> TaskCursor {
        let direction = if order.is_descending { "d" } else { "a" };
        let mut text = format!("{}.{direction}.{}", order.sort.as_str(), self.bound);
        if let Some((value, key)) = &self.after {
            let value = match value {
                SortValue::None => "n".to_owned(),
                SortValue::Whole(number) => format!("i{number}"),
                SortValue::Real(number) => format!("r{:x}", number.to_bits()),
                SortValue::Text(name) => name.bytes().fold("t".to_owned(), |mut hex, byte| {
                    write!(hex, "{byte:02x}").expect("strings take everything");
                    hex
                }),
            };
            write!(text, ".{value}.{key}").expect("strings take everything");
        }
        text.into()
    }

    /// Reads the text form; it must be of a list in this order.
    pub fn read(cursor: &TaskCursor, order: Order) -> Result<Self, QueryError> {
        let unreadable = || QueryError::new("after", "is no place that this dashboard gave");
        let mut parts = cursor.as_str().split('.');
        let mut part = || parts.next().ok_or_else(unreadable);
        let (sort, direction) = (part()?, part()?);
        let number = |text: &str| text.parse::<i64>().map_err(|_| unreadable());
        let bound = number(part()?)?;
        let after = match parts.next() {
            None => None,
            Some(value) => {
                let value = read_value(value).ok_or_else(unreadable)?;
                Some((value, number(parts.next().ok_or_else(unreadable)?)?))
            }
        };
        if parts.next().is_some() {
            return Err(unreadable());
        }
        let is_its = TaskSort::from_name(sort) == Some(order.sort)
            && direction == if order.is_descending { "d" } else { "a" };
        if !is_its {
            return Err(QueryError::new(
                "after",
                "belongs to a list in another order",
            ));
        }
        Ok(Self { bound, after })
    }
}

fn read_value(text: &str) -> Option<SortValue> {
    let kind = text.chars().next()?;
    let rest = text.get(kind.len_utf8()..)?;
    match kind {
        'n' if rest.is_empty() => Some(SortValue::None),
        'i' => rest.parse().ok().map(SortValue::Whole),
        'r' => u64::from_str_radix(rest, 16)
            .ok()
            .map(f64::from_bits)
            .filter(|number| !number.is_nan())
            .map(SortValue::Real),
        't' => {
            let bytes = rest.as_bytes().chunks(2).map(|pair| {
                let digits = std::str::from_utf8(pair).ok()?;
                u8::from_str_radix(digits, 16).ok()
            });
            let bytes: Vec<u8> = bytes.collect::<Option<_>>()?;
            String::from_utf8(bytes).ok().map(SortValue::Text)
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BY_NAME: Order = Order {
        sort: TaskSort::Name,
        is_descending: true,
    };

    #[test]
    fn places_survive_their_text() {
        let values = [
            None,
            Some((SortValue::None, 1)),
            Some((SortValue::Whole(-5), i64::MAX)),
            Some((SortValue::Real(0.1), 7)),
            Some((SortValue::Text("größe. a&b".to_owned()), 7)),
            Some((SortValue::Text(String::new()), 7)),
        ];
        for after in values {
            let place = Place {
                bound: 1_800_000_000_000_000,
                after,
            };
            let cursor = place.cursor(BY_NAME);
            let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-');
            assert!(cursor.as_str().chars().all(is_plain), "{cursor}");
            assert_eq!(Place::read(&cursor, BY_NAME), Ok(place), "{cursor}");
        }
    }

    #[test]
    fn a_place_of_another_order_is_refused() {
        let cursor = Place::start(5).cursor(BY_NAME);
        let upwards = Order {
            is_descending: false,
            ..BY_NAME
        };
        let error = Place::read(&cursor, upwards).expect_err("it is another list");
        assert!(error.to_string().contains("another order"), "{error}");
        for text in [
            "",
            "name",
            "name.d.x",
            "name.d.5.i1",
            "name.d.5.x1.1",
            "name.d.5.tzz.1",
            "name.d.5.n.1.1",
            "é",
        ] {
            Place::read(&text.into(), BY_NAME).expect_err(text);
        }
    }
}
