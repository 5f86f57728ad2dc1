//! A stored row as a search sees it: only the columns that the search asks
//! for are read, and texts are looked into where they lie.

use super::{HistoryError, failed, id, words::Texts};
use crate::history::{
    Past,
    narrow::Numbers,
    row::{FIRST_CUSTOM, flag},
};
use model::{
    SearchExpression, TaskState, Timestamp,
    search::{NumberField, SearchField, SearchFields, SearchTerm, TimeField},
};
use rusqlite::{Connection, Row, types::ValueRef};
use std::{cell::RefCell, fmt::Write as _};

/// Times of a search are resolved before it comes here.
const RESOLVED: Timestamp = Timestamp(0);

/// Columns that every list reads, in this order.
const ALWAYS: [&str; 7] = [
    "key", "time", "state", "name", "worker", "queue", "received",
];

/// Their places.
mod place {
    pub(super) const STATE: usize = 2;
    pub(super) const NAME: usize = 3;
    pub(super) const WORKER: usize = 4;
    pub(super) const QUEUE: usize = 5;
    pub(super) const RECEIVED: usize = 6;
}

/// Columns that only some searches need.
const SOMETIMES: [&str; 17] = [
    "id",
    "flags",
    "root",
    "parent",
    "args",
    "kwargs",
    "result",
    "exception",
    "past",
    "retries",
    "runtime",
    "sent",
    "started",
    "finished",
    "eta",
    "traceback",
    "reason",
];

/// Which columns a list reads.
#[derive(Debug)]
pub(super) struct Columns {
    /// Those of [`SOMETIMES`] that are read.
    more: Vec<&'static str>,
}

impl Columns {
    /// Returns what a search needs.
    pub(super) fn of(search: &SearchExpression) -> Self {
        let mut columns = Self { more: Vec::new() };
        columns.add(search);
        columns
    }

    fn add(&mut self, search: &SearchExpression) {
        match search {
            SearchExpression::All => {}
            SearchExpression::Not(inner) => self.add(inner),
            SearchExpression::And(parts) | SearchExpression::Or(parts) => {
                for part in parts {
                    self.add(part);
                }
            }
            SearchExpression::Term(term) => match term {
                SearchTerm::Any { fields, .. } => {
                    for field in *fields {
                        self.add_field(*field);
                    }
                }
                SearchTerm::Contains(field, _) | SearchTerm::Equals(field, _) => {
                    self.add_field(*field);
                }
                SearchTerm::Path(path) => self.add_field(path.field()),
                SearchTerm::Number(field, _) => match field {
                    NumberField::Retries => self.need(&["retries"]),
                    NumberField::Runtime => self.need(&["runtime"]),
                    NumberField::Wait => self.need(&["started", "eta"]),
                },
                SearchTerm::Time(field, _) => match field {
                    TimeField::Sent => self.need(&["sent"]),
                    TimeField::Received => {}
                    TimeField::Started => self.need(&["started"]),
                    TimeField::Finished => self.need(&["finished"]),
                    TimeField::Eta => self.need(&["eta"]),
                },
            },
        }
    }

    fn add_field(&mut self, field: SearchField) {
        match field {
            SearchField::Name | SearchField::State | SearchField::Worker | SearchField::Queue => {}
            SearchField::Id => self.need(&["id"]),
            SearchField::Root => self.need(&["id", "flags", "root"]),
            SearchField::Parent => self.need(&["id", "flags", "parent"]),
            SearchField::Args => self.need(&["args"]),
            SearchField::Kwargs => self.need(&["kwargs"]),
            SearchField::Result => self.need(&["result"]),
            SearchField::Exception => self.need(&["exception", "past"]),
            SearchField::Traceback => self.need(&["traceback", "past"]),
        }
    }

    fn need(&mut self, columns: &[&str]) {
        for known in SOMETIMES {
            if columns.contains(&known) && !self.more.contains(&known) {
                self.more.push(known);
            }
        }
    }

    /// Returns how many there are.
    pub(super) fn len(&self) -> usize {
        ALWAYS.len() + self.more.len()
    }

    /// Returns them as SQL lists them.
    pub(super) fn sql(&self) -> String {
        let mut sql = ALWAYS.join(", ");
        for column in &self.more {
            write!(sql, ", {column}").expect("strings take everything");
        }
        sql
    }

    fn place(&self, column: &str) -> Option<usize> {
        let place = self.more.iter().position(|known| *known == column)?;
        Some(ALWAYS.len() + place)
    }
}

/// A row of a list.
pub(super) struct SearchedRow<'r, 't> {
    row: &'r Row<'r>,
    columns: &'r Columns,
    connection: &'r Connection,
    texts: &'r RefCell<&'t mut Texts>,
    /// What went wrong while a search looked into the row.
    trouble: RefCell<Option<HistoryError>>,
}

impl<'r, 't> SearchedRow<'r, 't> {
    pub(super) fn new(
        row: &'r Row<'r>,
        columns: &'r Columns,
        connection: &'r Connection,
        texts: &'r RefCell<&'t mut Texts>,
    ) -> Self {
        Self {
            row,
            columns,
            connection,
            texts,
            trouble: RefCell::new(None),
        }
    }

    /// Tells whether a search finds the row.
    pub(super) fn matches(&self, search: &SearchExpression) -> Result<bool, HistoryError> {
        let is_match = search.matches(self, RESOLVED);
        match self.trouble.take() {
            Some(trouble) => Err(trouble),
            None => Ok(is_match),
        }
    }

    /// Returns the numbers that filters are by.
    pub(super) fn numbers(&self) -> Result<Numbers, HistoryError> {
        Ok(Numbers {
            state: self.whole(place::STATE)?,
            name: self.whole(place::NAME)?,
            worker: self.whole(place::WORKER)?,
            queue: self.whole(place::QUEUE)?,
            received: self.whole(place::RECEIVED)?,
        })
    }

    fn whole(&self, place: usize) -> Result<Option<i64>, HistoryError> {
        self.row.get(place).map_err(failed("read a task"))
    }

    /// Returns a value, noting what goes wrong.
    fn get<T>(&self, read: rusqlite::Result<T>) -> Option<T> {
        match read {
            Ok(value) => Some(value),
            Err(error) => {
                self.note(failed("read a task")(error));
                None
            }
        }
    }

    fn note(&self, error: HistoryError) {
        self.trouble.borrow_mut().get_or_insert(error);
    }

    fn value(&self, column: &str) -> ValueRef<'_> {
        let place = self.columns.place(column);
        let value = place.map(|place| self.row.get_ref(place));
        value
            .and_then(|value| self.get(value))
            .unwrap_or(ValueRef::Null)
    }

    fn number_in(&self, column: &str) -> Option<i64> {
        match self.value(column) {
            ValueRef::Integer(number) => Some(number),
            _ => None,
        }
    }

    fn text(&self, value: ValueRef<'_>, test: &mut dyn FnMut(&str) -> bool) -> bool {
        match value {
            ValueRef::Text(bytes) => test(&String::from_utf8_lossy(bytes)),
            _ => false,
        }
    }

    fn word(&self, place: usize, test: &mut dyn FnMut(&str) -> bool) -> bool {
        let number = self.get(self.row.get::<_, Option<i64>>(place)).flatten();
        number.is_some_and(|number| self.test_word(number, test))
    }

    fn test_word(&self, number: i64, test: &mut dyn FnMut(&str) -> bool) -> bool {
        let text = self.texts.borrow_mut().text(self.connection, number);
        self.get(text).is_some_and(|text| test(&text))
    }

    fn id(&self, column: &str, own: i64, test: &mut dyn FnMut(&str) -> bool) -> bool {
        let is_own = self.number_in("flags").unwrap_or(0) & own != 0;
        let value = self.value(if is_own { "id" } else { column });
        id::read(value).is_some_and(|id| test(id.as_str()))
    }

    /// Asks the earlier attempts, newest first, for a text.
    fn earlier(
        &self,
        pick: fn(&model::Attempt) -> Option<&str>,
        test: &mut dyn FnMut(&str) -> bool,
    ) -> bool {
        let ValueRef::Text(past) = self.value("past") else {
            return false;
        };
        match serde_json::from_slice::<Past>(past) {
            Ok(past) => past.attempts.iter().rev().find_map(pick).is_some_and(test),
            Err(source) => {
                let what = "attempts";
                self.note(HistoryError::Content { what, source });
                false
            }
        }
    }
}

impl SearchFields for SearchedRow<'_, '_> {
    fn with(&self, field: SearchField, test: &mut dyn FnMut(&str) -> bool) -> bool {
        match field {
            SearchField::Name => self.word(place::NAME, test),
            SearchField::Worker => self.word(place::WORKER, test),
            SearchField::Queue => self.word(place::QUEUE, test),
            SearchField::State => {
                let Some(state) = self.get(self.row.get::<_, i64>(place::STATE)) else {
                    return false;
                };
                let built_in = usize::try_from(state).ok();
                match built_in.and_then(|place| TaskState::BUILT_IN.get(place)) {
                    Some(state) => test(state.as_str()),
                    None => self.test_word(state - FIRST_CUSTOM, test),
                }
            }
            SearchField::Id => id::read(self.value("id")).is_some_and(|id| test(id.as_str())),
            SearchField::Root => self.id("root", flag::IS_ROOT, test),
            SearchField::Parent => self.id("parent", flag::IS_PARENT, test),
            SearchField::Args => self.text(self.value("args"), test),
            SearchField::Kwargs => self.text(self.value("kwargs"), test),
            SearchField::Result => self.text(self.value("result"), test),
            SearchField::Exception => match self.value("exception") {
                ValueRef::Null => self.earlier(|attempt| attempt.exception.as_deref(), test),
                text => self.text(text, test),
            },
            SearchField::Traceback => match self.number_in("traceback") {
                None => self.earlier(|attempt| attempt.traceback.as_deref(), test),
                Some(number) => {
                    let text = self
                        .connection
                        .prepare_cached("SELECT text FROM tracebacks WHERE id = ?1")
                        .and_then(|mut select| {
                            select.query_row([number], |row| Ok(self.text(row.get_ref(0)?, test)))
                        });
                    self.get(text).unwrap_or(false)
                }
            },
        }
    }

    fn number(&self, field: NumberField) -> Option<f64> {
        match field {
            NumberField::Retries => self.number_in("retries").map(|retries| retries as f64),
            NumberField::Runtime => match self.value("runtime") {
                ValueRef::Real(seconds) => Some(seconds),
                _ => None,
            },
            NumberField::Wait => {
                let received = self.get(self.row.get::<_, Option<i64>>(place::RECEIVED))??;
                let ready = self
                    .number_in("eta")
                    .map_or(received, |eta| eta.max(received));
                let started = self.number_in("started")?;
                Some(Timestamp(started).seconds_since(Timestamp(ready)).max(0.0))
            }
        }
    }

    fn time(&self, field: TimeField) -> Option<Timestamp> {
        let time = match field {
            TimeField::Received => self.get(self.row.get(place::RECEIVED)).flatten(),
            TimeField::Sent => self.number_in("sent"),
            TimeField::Started => self.number_in("started"),
            TimeField::Finished => self.number_in("finished"),
            TimeField::Eta => self.number_in("eta"),
        };
        time.map(Timestamp)
    }
}
