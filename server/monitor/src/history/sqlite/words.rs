//! Texts that repeat, as numbers: a table with a memory of what was asked for.

use super::{HistoryError, failed};
use crate::history::row::Kind;
use rusqlite::{Connection, OptionalExtension};
use std::{collections::HashMap, sync::Arc};

/// Most texts remembered; beyond that the memory begins anew.
const MOST: usize = 200_000;

/// Numbers by text, for the writer.
#[derive(Debug, Default)]
pub(super) struct Numbers {
    kinds: [HashMap<Box<str>, i64>; 8],
    count: usize,
}

impl Numbers {
    /// Forgets everything: what was numbered in a transaction that failed is not there.
    pub(super) fn clear(&mut self) {
        *self = Self::default();
    }

    /// Returns the number of a text, giving it one if it has none.
    pub(super) fn number(
        &mut self,
        connection: &Connection,
        kind: Kind,
        text: &str,
    ) -> Result<i64, HistoryError> {
        if let Some(number) = self.kinds[kind as usize].get(text) {
            return Ok(*number);
        }
        let number = match find(connection, kind, text)? {
            Some(number) => number,
            None => connection
                .prepare_cached("INSERT INTO words (kind, text) VALUES (?1, ?2) RETURNING id")
                .and_then(|mut insert| insert.query_row((kind as i64, text), |row| row.get(0)))
                .map_err(failed("store a name"))?,
        };
        if self.count >= MOST {
            self.clear();
        }
        self.count += 1;
        self.kinds[kind as usize].insert(text.into(), number);
        Ok(number)
    }
}

/// Returns the number of a text, if it has one.
pub(super) fn find(
    connection: &Connection,
    kind: Kind,
    text: &str,
) -> Result<Option<i64>, HistoryError> {
    connection
        .prepare_cached("SELECT id FROM words WHERE kind = ?1 AND text = ?2")
        .and_then(|mut select| {
            select
                .query_row((kind as i64, text), |row| row.get(0))
                .optional()
        })
        .map_err(failed("look for a name"))
}

/// Texts by number, for readers.
#[derive(Debug, Default)]
pub(super) struct Texts(HashMap<i64, Arc<str>>);

impl Texts {
    /// Returns the text of a number.
    pub(super) fn text(
        &mut self,
        connection: &Connection,
        number: i64,
    ) -> rusqlite::Result<Arc<str>> {
        if let Some(text) = self.0.get(&number) {
            return Ok(Arc::clone(text));
        }
        let text: Arc<str> = connection
            .prepare_cached("SELECT text FROM words WHERE id = ?1")?
            .query_row([number], |row| row.get(0))?;
        if self.0.len() >= MOST {
            self.0.clear();
        }
        self.0.insert(number, Arc::clone(&text));
        Ok(text)
    }
}
