//! Texts that repeat, as numbers that all dashboards share.

use super::{HistoryError, clean, failed};
use crate::history::row::Kind;
use postgres::{GenericClient, Transaction};
use sha2::{Digest, Sha256};
use std::{
    collections::{BTreeSet, HashMap},
    sync::Arc,
};

/// Most texts remembered; beyond that the memory begins anew.
const MOST: usize = 200_000;

/// Numbers by text, for the writer.
#[derive(Debug, Default)]
pub(super) struct Numbers {
    known: HashMap<Kind, HashMap<Box<str>, i64>>,
    count: usize,
    /// How often words had been removed when these were read.
    removed: i64,
}

impl Numbers {
    /// Forgets everything: what was numbered in a transaction that failed is not there.
    pub(super) fn clear(&mut self) {
        *self = Self {
            removed: self.removed,
            ..Self::default()
        };
    }

    /// Forgets everything if words were removed since.
    pub(super) fn keep_up(&mut self, removed: i64) {
        if removed != self.removed || self.count >= MOST {
            self.removed = removed;
            self.clear();
        }
    }

    /// Returns the number of a text that [`Numbers::learn`] was given.
    pub(super) fn get(&self, kind: Kind, text: &str) -> Option<i64> {
        self.known.get(&kind)?.get(text).copied()
    }

    /// Gives a number to each text that has none.
    pub(super) fn learn<'t>(
        &mut self,
        transaction: &mut Transaction<'_>,
        texts: impl Iterator<Item = (Kind, &'t str)>,
    ) -> Result<(), HistoryError> {
        // In order, so that two who number the same texts wait for each other
        // and not in a ring.
        let new: BTreeSet<_> = texts
            .filter(|(kind, text)| self.get(*kind, text).is_none())
            .collect();
        if new.is_empty() {
            return Ok(());
        }
        let kinds: Vec<i16> = new.iter().map(|(kind, _)| *kind as i16).collect();
        let digests: Vec<_> = new.iter().map(|(_, text)| digest(text)).collect();
        let cleaned: Vec<_> = new.iter().map(|(_, text)| clean(text)).collect();
        let find = "SELECT kind, digest, id FROM words WHERE (kind, digest) IN
            (SELECT * FROM unnest($1::smallint[], $2::bytea[]))";
        let mut found = HashMap::new();
        for has_inserted in [false, true] {
            for row in transaction
                .query(find, &[&kinds, &digests])
                .map_err(failed("look for names"))?
            {
                let key: (i16, Vec<u8>) = (row.get(0), row.get(1));
                found.insert(key, i64::from(row.get::<_, i32>(2)));
            }
            if found.len() == new.len() {
                break;
            }
            if !has_inserted {
                transaction
                    .execute(
                        "INSERT INTO words (kind, digest, text)
                         SELECT * FROM unnest($1::smallint[], $2::bytea[], $3::text[])
                         ON CONFLICT DO NOTHING",
                        &[&kinds, &digests, &cleaned],
                    )
                    .map_err(failed("store names"))?;
            }
        }
        for (kind, text) in new {
            let key = (kind as i16, digest(text));
            let number = found.get(&key).ok_or(HistoryError::Missing("name"))?;
            self.known
                .entry(kind)
                .or_default()
                .insert(text.into(), *number);
            self.count += 1;
        }
        Ok(())
    }
}

/// Returns the number of a text, if it has one.
pub(super) fn find(
    client: &mut impl GenericClient,
    kind: Kind,
    text: &str,
) -> Result<Option<i64>, HistoryError> {
    let sql = "SELECT id FROM words WHERE kind = $1 AND digest = $2";
    let row = client
        .query_opt(sql, &[&(kind as i16), &digest(text)])
        .map_err(failed("look for a name"))?;
    Ok(row.map(|row| i64::from(row.get::<_, i32>(0))))
}

/// Texts by number, for readers.
#[derive(Debug, Default)]
pub(super) struct Texts(HashMap<i32, Arc<str>>);

impl Texts {
    /// Reads the texts of numbers that are not known yet.
    pub(super) fn learn(
        &mut self,
        client: &mut impl GenericClient,
        numbers: impl Iterator<Item = i32>,
    ) -> Result<(), HistoryError> {
        if self.0.len() >= MOST {
            self.0.clear();
        }
        let new: BTreeSet<_> = numbers.filter(|n| !self.0.contains_key(n)).collect();
        if new.is_empty() {
            return Ok(());
        }
        let new: Vec<_> = new.into_iter().collect();
        let rows = client
            .query("SELECT id, text FROM words WHERE id = ANY($1)", &[&new])
            .map_err(failed("read names"))?;
        for row in rows {
            self.0.insert(row.get(0), row.get::<_, &str>(1).into());
        }
        Ok(())
    }

    /// Returns the text of a number that was learnt.
    pub(super) fn get(&self, number: i32) -> Result<Arc<str>, HistoryError> {
        let text = self.0.get(&number).ok_or(HistoryError::Missing("name"))?;
        Ok(Arc::clone(text))
    }
}

fn digest(text: &str) -> Vec<u8> {
    Sha256::digest(text.as_bytes())
        .first_chunk::<16>()
        .map_or_else(Vec::new, |half| half.to_vec())
}
