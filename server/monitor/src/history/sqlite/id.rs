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

    /// Returns the number that the index is by; few ids share one.
    pub(super) fn high(&self) -> i64 {
        match self {
            Self::Uuid(bytes) => first_eight(bytes),
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
    first_eight(&Sha256::digest(text.as_bytes()))
}

fn first_eight(bytes: &[u8]) -> i64 {
    bytes
        .first_chunk::<8>()
        .map_or(0, |eight| i64::from_be_bytes(*eight))
}
