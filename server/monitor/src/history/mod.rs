//! The durable past: what is kept of tasks beyond a restart and beyond memory.
//!
//! [`Store`] is the face of all stores; it is synchronous, and whoever calls it
//! from asynchronous code does so on a blocking thread. `record` holds what is
//! common to them. Only the history writer's thread writes.

mod error;
mod merge;
mod postgres;
mod record;
mod row;
mod sqlite;

pub use error::HistoryError;
pub use postgres::{PostgresStore, PostgresUrl, PostgresUrlError};
pub use record::{Cursor, HistoryQuery, TaskRecord};
pub(crate) use record::{Past, id_bytes};
pub use sqlite::SqliteStore;

use model::TaskId;
use std::path::PathBuf;

/// Which store to use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StoreConfig {
    /// A file of SQLite, which is made if it is not there.
    Sqlite(PathBuf),
    /// A PostgreSQL database, which several dashboards may share.
    Postgres(PostgresUrl),
}

/// What is written at once.
#[derive(Clone, Debug, Default)]
pub struct Batch {
    /// Tasks, each at most once.
    pub tasks: Vec<TaskRecord>,
}

/// The store of the past.
#[derive(Debug)]
pub enum Store {
    /// A file of SQLite.
    Sqlite(SqliteStore),
    /// A PostgreSQL database.
    Postgres(PostgresStore),
}

impl Store {
    /// Opens a store for writing, bringing its schema up to date.
    pub fn open(config: &StoreConfig) -> Result<Self, HistoryError> {
        match config {
            StoreConfig::Sqlite(path) => SqliteStore::open(path).map(Self::Sqlite),
            StoreConfig::Postgres(url) => PostgresStore::open(url).map(Self::Postgres),
        }
    }

    /// Writes all of a batch or nothing of it.
    ///
    /// A task that is stored already is replaced unless what is stored is
    /// further ([`TaskRecord::progress`]); what the new record leaves out stays.
    pub fn write(&self, batch: &Batch) -> Result<(), HistoryError> {
        match self {
            Self::Sqlite(store) => store.write(batch),
            Self::Postgres(store) => store.write(batch),
        }
    }

    /// Returns a task; `None` if it is not stored.
    pub fn task(&self, id: &TaskId) -> Result<Option<TaskRecord>, HistoryError> {
        match self {
            Self::Sqlite(store) => store.task(id),
            Self::Postgres(store) => store.task(id),
        }
    }

    /// Returns tasks that match, newest first, each with its place in the order.
    pub fn tasks(&self, query: &HistoryQuery) -> Result<Vec<(Cursor, TaskRecord)>, HistoryError> {
        match self {
            Self::Sqlite(store) => store.tasks(query),
            Self::Postgres(store) => store.tasks(query),
        }
    }
}

#[cfg(test)]
pub(crate) mod tests;
