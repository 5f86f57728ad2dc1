//! The durable past: what is kept of tasks beyond a restart and beyond memory.
//!
//! [`Store`] is the face of all stores; it is synchronous, and whoever calls it
//! from asynchronous code does so on a blocking thread. `record` holds what is
//! common to them. Only the history writer's thread writes.

mod check;
mod counters;
mod error;
mod load;
mod location;
mod merge;
mod migrate;
mod narrow;
mod page;
mod place;
mod postgres;
mod record;
mod retention;
mod row;
mod sqlite;
mod text;
mod writer;

pub use check::Report;
pub(crate) use counters::total;
pub use counters::{CounterValues, Loaded};
pub use error::HistoryError;
pub(crate) use load::load;
pub use location::{StoreConfig, StoreUrlError, file_name};
pub use migrate::{Migrated, migrate};
pub use page::{Links, PastPage, PastQuery};
pub use place::{Order, Place, SortValue};
pub use postgres::{PostgresStore, PostgresUrl, PostgresUrlError};
pub use record::{Cursor, HistoryQuery, TaskRecord};
pub(crate) use record::{Past, id_bytes};
pub use retention::{FAILURES, OTHER_ENDS, Pruner, Retention};
pub use sqlite::SqliteStore;
pub(crate) use writer::{Writer, WriterHandle};

use model::{AuditEntry, Gap, TaskId, TaskState, Timestamp};
use std::path::PathBuf;

/// What is written at once.
#[derive(Clone, Debug, Default)]
pub struct Batch {
    /// Tasks, each at most once.
    pub tasks: Vec<TaskRecord>,
    /// Counters that changed, with their present values.
    pub counters: CounterValues,
    /// All gaps that are kept in memory, if any of them changed; older ones stay as they are.
    pub gaps: Option<Vec<Gap>>,
    /// Audit entries that are new or changed.
    pub audit: Vec<AuditEntry>,
}

impl Batch {
    /// Tells whether there is nothing to write.
    pub fn is_empty(&self) -> bool {
        self.tasks.is_empty()
            && self.counters.is_empty()
            && self.gaps.is_none()
            && self.audit.is_empty()
    }
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

    /// Opens a store that is there for reading alone, also while a dashboard writes to it.
    pub fn open_to_read(config: &StoreConfig) -> Result<Self, HistoryError> {
        match config {
            StoreConfig::Sqlite(path) => SqliteStore::open_to_read(path).map(Self::Sqlite),
            StoreConfig::Postgres(url) => PostgresStore::open_to_read(url).map(Self::Postgres),
        }
    }

    /// Returns the one number that a statement asks for.
    fn number(&self, sql: &str) -> Result<i64, HistoryError> {
        match self {
            Self::Sqlite(store) => store.number(sql),
            Self::Postgres(store) => store.number(sql),
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

    /// Returns the newest tasks that have not ended, newest first, at most `limit`.
    pub fn unfinished(&self, limit: usize) -> Result<Vec<(Cursor, TaskRecord)>, HistoryError> {
        match self {
            Self::Sqlite(store) => store.unfinished(limit),
            Self::Postgres(store) => store.unfinished(limit),
        }
    }

    /// Returns every counter.
    pub fn counters(&self) -> Result<CounterValues, HistoryError> {
        match self {
            Self::Sqlite(store) => store.counters(),
            Self::Postgres(store) => store.counters(),
        }
    }

    /// Returns the newest gaps, oldest first, at most `limit`.
    pub fn gaps(&self, limit: usize) -> Result<Vec<Gap>, HistoryError> {
        match self {
            Self::Sqlite(store) => store.gaps(limit),
            Self::Postgres(store) => store.gaps(limit),
        }
    }

    /// Returns the newest audit entries, oldest first, at most `limit`.
    pub fn audit(&self, limit: usize) -> Result<Vec<AuditEntry>, HistoryError> {
        match self {
            Self::Sqlite(store) => store.audit(limit),
            Self::Postgres(store) => store.audit(limit),
        }
    }

    /// Returns how many tasks are stored; with millions it takes a moment.
    pub fn count(&self) -> Result<u64, HistoryError> {
        let count = self.number("SELECT count(*) FROM tasks")?;
        Ok(count.unsigned_abs())
    }

    /// Removes up to `most` tasks that ended before, in one of these states,
    /// oldest first; returns how many.
    pub fn remove_before(
        &self,
        states: &[TaskState],
        before: Timestamp,
        most: usize,
    ) -> Result<u64, HistoryError> {
        match self {
            Self::Sqlite(store) => store.remove_before(states, before, most),
            Self::Postgres(store) => store.remove_before(states, before, most),
        }
    }

    /// Removes up to `most` of the oldest tasks that have ended; returns how many.
    pub fn remove_oldest(&self, most: usize) -> Result<u64, HistoryError> {
        match self {
            Self::Sqlite(store) => store.remove_oldest(most),
            Self::Postgres(store) => store.remove_oldest(most),
        }
    }

    /// Removes gaps and audit entries from before.
    pub(crate) fn remove_notes(
        &self,
        gaps: Timestamp,
        audit: Timestamp,
    ) -> Result<(), HistoryError> {
        match self {
            Self::Sqlite(store) => store.remove_notes(gaps, audit),
            Self::Postgres(store) => store.remove_notes(gaps, audit),
        }
    }

    /// Removes those of the `most` tracebacks behind a number that no task has;
    /// returns where to go on.
    pub(crate) fn remove_unused(&self, after: i64, most: usize) -> Result<i64, HistoryError> {
        match self {
            Self::Sqlite(store) => store.remove_unused(after, most),
            Self::Postgres(store) => store.remove_unused(after, most),
        }
    }

    /// Returns where a damaged store was set aside when this one was opened.
    pub fn set_aside(&self) -> Option<PathBuf> {
        match self {
            Self::Sqlite(store) => store.set_aside(),
            Self::Postgres(_) => None,
        }
    }

    /// Sets a store aside that an operation found to be damaged, and begins a
    /// new one; returns the name it is kept under, or nothing if this kind of
    /// store is mended elsewhere.
    pub(crate) fn set_damaged_aside(
        &self,
        found: &HistoryError,
    ) -> Result<Option<PathBuf>, HistoryError> {
        match self {
            Self::Sqlite(store) => store.set_damaged_aside(found).map(Some),
            Self::Postgres(_) => Ok(None),
        }
    }

    /// Returns a page of a list, of what a search finds, until its deadline.
    pub fn page(&self, query: &PastQuery) -> Result<PastPage, HistoryError> {
        match self {
            Self::Sqlite(store) => store.page(query),
            Self::Postgres(store) => store.page(query),
        }
    }

    /// Returns what stored tasks tell of another one, of each at most `limit`.
    pub fn links(&self, id: &TaskId, limit: usize) -> Result<Links, HistoryError> {
        match self {
            Self::Sqlite(store) => store.links(id, limit),
            Self::Postgres(store) => store.links(id, limit),
        }
    }
}

#[cfg(test)]
pub(crate) mod tests;
