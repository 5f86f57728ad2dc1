//! Task ids as SQLite stores them: 16 bytes for a UUID, text for any other.

use crate::history::id_bytes;
use model::TaskId;
use rusqlite::types::{ToSql, ToSqlOutput, ValueRef};
use sha2::{Digest, Sha256};

/// An id on its way in.
#[derive(Clone, Copy, Debug)]
pub(super) enum StoredId<'t> {
    Uuid([u8; 16]),
    Text(&'t str),
}

impl<'t> StoredId<'t> {
    pub(super) fn new(id: &'t TaskId) -> Self {
        id_bytes(id).map_or_else(|| Self::Text(id.as_str()), Self::Uuid)
    }

    /// Returns the number that the index is by; few ids share one, also of
    /// those that are counted up or share their beginning.
    pub(super) fn hash(&self) -> i64 {
        match self {
            Self::Uuid(bytes) => {
                let number = u128::from_be_bytes(*bytes);
                // The halves of a random id are random; an odd factor keeps
                // ids apart whose halves grow together.
                let high = ((number >> 64) as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15);
                (high ^ number as u64).cast_signed()
            }
            Self::Text(text) => hash(text),
        }
    }
}

impl ToSql for StoredId<'_> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(match self {
            Self::Uuid(bytes) => ValueRef::Blob(bytes),
            Self::Text(text) => ValueRef::Text(text.as_bytes()),
        }))
    }
}

/// Reads a stored id; `None` for what is none.
pub(super) fn read(value: ValueRef<'_>) -> Option<TaskId> {
    match value {
        ValueRef::Blob(bytes) => {
            let number = uuid::Uuid::from_slice(bytes).ok()?;
            let mut buffer = [0; uuid::fmt::Hyphenated::LENGTH];
            Some(TaskId::from(
                &*number.hyphenated().encode_lower(&mut buffer),
            ))
        }
        ValueRef::Text(text) => Some(TaskId::from(std::str::from_utf8(text).ok()?)),
        _ => None,
    }
}

/// Returns the first 64 bits of a text's SHA-256.
pub(super) fn hash(text: &str) -> i64 {
    Sha256::digest(text.as_bytes())
        .first_chunk::<8>()
        .map_or(0, |eight| i64::from_be_bytes(*eight))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn ids_that_are_counted_up_have_numbers_of_their_own() {
        let ids = (0..1_000_u64).flat_map(|n| {
            [
                format!("8f14e45f-ceea-467f-a1b2-{n:012x}"),
                format!("{n:08x}-ceea-467f-a1b2-c3d4e5f60718"),
                format!("{n:08x}-0000-4000-8000-{n:012x}"),
                format!("order-{n}"),
            ]
        });
        let hashes: BTreeSet<i64> = ids
            .map(|id| StoredId::new(&id.as_str().into()).hash())
            .collect();
        assert_eq!(hashes.len(), 4_000);
    }
}
