//! The store in a PostgreSQL database, which several dashboards may share.
//!
//! Connections are made when they are needed and made anew when they broke, so
//! that a database which comes back is used again. The crate is synchronous:
//! everything here runs apart from the runtime, see [`apart`].

mod aside;
mod id;
mod lock;
mod page;
mod prune;
mod read;
mod schema;
mod tls;
mod url;
mod words;
mod write;

pub use url::{PostgresUrl, PostgresUrlError};

use super::{
    Batch, CounterValues, Cursor, HistoryError, HistoryQuery, Links, PastPage, PastQuery,
    TaskRecord,
};
use model::{AuditEntry, Gap, TaskId, TaskState, Timestamp};
use parking_lot::Mutex;
use postgres::{Client, error::SqlState};
use std::{borrow::Cow, sync::OnceLock};
use words::Texts;
use write::Writer;

/// Connections for reading that are kept open.
const MAX_READERS: usize = 4;

/// A store in a PostgreSQL database.
#[derive(Debug)]
pub struct PostgresStore {
    url: PostgresUrl,
    writer: Mutex<Option<Writer>>,
    readers: Mutex<Vec<Reader>>,
    /// What this dashboard is called among those that share the store.
    dashboard: OnceLock<String>,
}

/// A connection that reads.
struct Reader {
    client: Client,
    texts: Texts,
}

impl PostgresStore {
    /// Opens a store for writing, making its schema if it is not there.
    pub fn open(url: &PostgresUrl) -> Result<Self, HistoryError> {
        let writer = apart(|| {
            let mut client = connect(url, Purpose::Write)?;
            schema::migrate(&mut client, url)?;
            Writer::new(client, url, None)
        })?;
        Ok(Self {
            url: url.clone(),
            dashboard: OnceLock::from(writer.dashboard.clone()),
            writer: Mutex::new(Some(writer)),
            readers: Mutex::default(),
        })
    }

    /// Opens a store that is there for reading.
    pub fn open_to_read(url: &PostgresUrl) -> Result<Self, HistoryError> {
        let store = Self {
            url: url.clone(),
            writer: Mutex::default(),
            readers: Mutex::default(),
            dashboard: OnceLock::new(),
        };
        store.read(|reader| schema::check(&mut reader.client, url))?;
        Ok(store)
    }

    /// Returns where it is.
    pub fn url(&self) -> &PostgresUrl {
        &self.url
    }

    pub(super) fn write(&self, batch: &Batch) -> Result<(), HistoryError> {
        self.with_writer(|writer| writer.write(batch))
    }

    pub(super) fn task(&self, id: &TaskId) -> Result<Option<TaskRecord>, HistoryError> {
        self.read(|reader| reader.task(id))
    }

    pub(super) fn tasks(
        &self,
        query: &HistoryQuery,
    ) -> Result<Vec<(Cursor, TaskRecord)>, HistoryError> {
        self.read(|reader| reader.tasks(query))
    }

    pub(super) fn unfinished(
        &self,
        limit: usize,
    ) -> Result<Vec<(Cursor, TaskRecord)>, HistoryError> {
        self.read(|reader| reader.unfinished(limit))
    }

    pub(super) fn counters(&self) -> Result<CounterValues, HistoryError> {
        let dashboard = self.dashboard()?;
        self.read(|reader| reader.counters(&dashboard))
    }

    pub(super) fn gaps(&self, limit: usize) -> Result<Vec<Gap>, HistoryError> {
        let dashboard = self.dashboard()?;
        self.read(|reader| reader.gaps(&dashboard, limit))
    }

    pub(super) fn audit(&self, limit: usize) -> Result<Vec<AuditEntry>, HistoryError> {
        let dashboard = self.dashboard()?;
        self.read(|reader| reader.audit(&dashboard, limit))
    }

    pub(super) fn number(&self, sql: &str) -> Result<i64, HistoryError> {
        self.read(|reader| reader.number(sql))
    }

    pub(super) fn remove_before(
        &self,
        states: &[TaskState],
        before: Timestamp,
        most: usize,
    ) -> Result<u64, HistoryError> {
        self.with_writer(|writer| writer.remove_before(states, before, most))
    }

    pub(super) fn remove_oldest(&self, most: usize) -> Result<u64, HistoryError> {
        self.with_writer(|writer| writer.remove_oldest(most))
    }

    pub(super) fn remove_notes(
        &self,
        gaps: Timestamp,
        audit: Timestamp,
    ) -> Result<(), HistoryError> {
        self.with_writer(|writer| writer.remove_notes(gaps, audit))
    }

    pub(super) fn remove_unused(&self, after: i64, most: usize) -> Result<i64, HistoryError> {
        self.with_writer(|writer| writer.remove_unused(after, most))
    }

    /// Returns what this dashboard is called among those that share the store.
    fn dashboard(&self) -> Result<String, HistoryError> {
        match self.dashboard.get() {
            Some(name) => Ok(name.clone()),
            None => self.with_writer(|writer| Ok(writer.dashboard.clone())),
        }
    }

    pub(super) fn page(&self, query: &PastQuery) -> Result<PastPage, HistoryError> {
        self.read(|reader| reader.page(query))
    }

    pub(super) fn links(&self, id: &TaskId, limit: usize) -> Result<Links, HistoryError> {
        self.read(|reader| reader.links(id, limit))
    }

    /// Uses the connection that writes, making it anew if it is broken.
    fn with_writer<T: Send>(
        &self,
        work: impl FnOnce(&mut Writer) -> Result<T, HistoryError> + Send,
    ) -> Result<T, HistoryError> {
        apart(|| {
            let mut slot = self.writer.lock();
            let mut writer = match slot.take() {
                Some(writer) => writer,
                None => {
                    let mut client = connect(&self.url, Purpose::Write)?;
                    schema::check(&mut client, &self.url)?;
                    Writer::new(client, &self.url, self.dashboard.get().cloned())?
                }
            };
            let result = work(&mut writer).map_err(|error| error.of(&self.url));
            if !writer.is_closed() {
                *slot = Some(writer);
            }
            result
        })
    }

    /// Reads by a connection that nobody else uses meanwhile. One that broke
    /// while it was not used is replaced.
    fn read<T: Send>(
        &self,
        read: impl Fn(&mut Reader) -> Result<T, HistoryError> + Send + Sync,
    ) -> Result<T, HistoryError> {
        apart(|| {
            loop {
                let spare = self.readers.lock().pop();
                let is_new = spare.is_none();
                let mut reader = match spare {
                    Some(reader) => reader,
                    None => Reader {
                        client: connect(&self.url, Purpose::Read)?,
                        texts: Texts::default(),
                    },
                };
                let result = read(&mut reader).map_err(|error| error.of(&self.url));
                if !reader.client.is_closed() {
                    let mut readers = self.readers.lock();
                    if readers.len() < MAX_READERS {
                        readers.push(reader);
                    }
                } else if result.is_err() && !is_new {
                    continue;
                }
                return result;
            }
        })
    }
}

impl Drop for PostgresStore {
    fn drop(&mut self) {
        let (writer, readers) = (
            self.writer.get_mut().take(),
            std::mem::take(self.readers.get_mut()),
        );
        apart(|| drop((writer, readers)));
    }
}

impl std::fmt::Debug for Reader {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Reader").finish_non_exhaustive()
    }
}

/// What a connection is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Purpose {
    Write,
    Read,
}

fn connect(url: &PostgresUrl, purpose: Purpose) -> Result<Client, HistoryError> {
    let unreachable = |source| HistoryError::Unreachable {
        store: url.to_string(),
        source,
    };
    let mut client = url
        .config()
        .connect(tls::connector(&url.tls)?)
        .map_err(unreachable)?;
    let settings = match purpose {
        // A power failure may cost the last moments, as with SQLite. What waits
        // too long for others is tried again.
        Purpose::Write => "SET synchronous_commit = off; SET lock_timeout = '10s'",
        // Plans made for any value pass over what is known of this one.
        Purpose::Read => {
            "SET default_transaction_read_only = on; SET statement_timeout = '30s';
             SET plan_cache_mode = force_custom_plan"
        }
    };
    client
        .batch_execute(&format!("SET search_path = {}; {settings}", url.schema))
        .map_err(unreachable)?;
    Ok(client)
}

/// Runs work where the thread may block: the crate refuses to work, and even to
/// hang up, on a thread of an asynchronous runtime.
fn apart<T: Send>(work: impl FnOnce() -> T + Send) -> T {
    if tokio::runtime::Handle::try_current().is_err() {
        return work();
    }
    let done = std::thread::scope(|scope| scope.spawn(work).join());
    done.unwrap_or_else(|panic| std::panic::resume_unwind(panic))
}

/// Replaces what PostgreSQL's texts cannot hold.
fn clean(text: &str) -> Cow<'_, str> {
    if memchr::memchr(0, text.as_bytes()).is_none() {
        return Cow::Borrowed(text);
    }
    Cow::Owned(text.replace('\0', "\u{fffd}"))
}

/// Names the operation that failed.
fn failed(operation: &'static str) -> impl FnOnce(postgres::Error) -> HistoryError {
    move |source| HistoryError::Postgres { operation, source }
}

impl HistoryError {
    /// Says what kind of failure it is, where the database's code tells.
    fn of(self, url: &PostgresUrl) -> Self {
        let Self::Postgres { source, .. } = &self else {
            return self;
        };
        if source.code() == Some(&SqlState::DISK_FULL) {
            return Self::Full {
                store: url.to_string(),
            };
        }
        self
    }
}

#[cfg(test)]
mod tests;
