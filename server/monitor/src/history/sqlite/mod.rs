//! The store in one file of SQLite: a connection that writes, and a few that read.
//!
//! The file is in WAL mode, so that readers and the writer never wait for each
//! other, and what was committed outlives the process however it ends.

mod aside;
mod damage;
mod id;
mod page;
mod prune;
mod read;
mod row;
mod schema;
mod words;
mod write;

use super::{
    Batch, CounterValues, Cursor, HistoryError, HistoryQuery, Links, PastPage, PastQuery,
    TaskRecord,
};
use model::{AuditEntry, Gap, TaskId, TaskState, Timestamp};
use parking_lot::Mutex;
use rusqlite::{Connection, ErrorCode, OpenFlags};
use std::{
    fs::{File, OpenOptions, TryLockError},
    path::{Path, PathBuf},
    time::Duration,
};
use words::{Numbers, Texts};

/// Connections for reading that are kept open.
const MAX_READERS: usize = 4;

/// How long to wait for another process that holds the file, such as a backup.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

/// A store in a file of SQLite.
#[derive(Debug)]
pub struct SqliteStore {
    path: PathBuf,
    writer: Mutex<Writer>,
    readers: Mutex<Readers>,
    set_aside: Mutex<Option<PathBuf>>,
    /// Held as long as the store is open: one dashboard writes to a file.
    _lock: Option<File>,
}

#[derive(Debug)]
struct Writer {
    connection: Connection,
    numbers: Numbers,
    updates: write::Updates,
}

/// Connections that nobody uses now.
#[derive(Debug, Default)]
struct Readers {
    spare: Vec<Reader>,
    /// Counts the files: a connection to one that was set aside is of no use.
    file: u64,
}

#[derive(Debug)]
struct Reader {
    connection: Connection,
    texts: Texts,
}

impl SqliteStore {
    /// Opens a file for writing, making it if it is not there.
    pub fn open(path: &Path) -> Result<Self, HistoryError> {
        let lock = lock(path)?;
        let (connection, set_aside) = match begin(path) {
            Err(HistoryError::Damaged { problem, .. }) => {
                let kept = damage::set_aside(path, &problem)?;
                (begin(path)?, Some(kept))
            }
            begun => (begun?, None),
        };
        Ok(Self {
            path: path.to_owned(),
            writer: Mutex::new(Writer {
                connection,
                numbers: Numbers::default(),
                updates: write::Updates::default(),
            }),
            readers: Mutex::default(),
            set_aside: Mutex::new(set_aside),
            _lock: Some(lock),
        })
    }

    /// Opens a file that is there for reading alone.
    pub fn open_to_read(path: &Path) -> Result<Self, HistoryError> {
        if !path.exists() {
            return Err(HistoryError::NoHistory {
                store: path.display().to_string(),
            });
        }
        let connection = connect(path, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
        schema::check(&connection, path).map_err(|error| error.at(path))?;
        Ok(Self {
            path: path.to_owned(),
            // A connection that only reads refuses what a writer would do.
            writer: Mutex::new(Writer {
                connection,
                numbers: Numbers::default(),
                updates: write::Updates::default(),
            }),
            readers: Mutex::default(),
            set_aside: Mutex::default(),
            _lock: None,
        })
    }

    /// Returns the file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    pub(super) fn write(&self, batch: &Batch) -> Result<(), HistoryError> {
        let mut writer = self.writer.lock();
        writer.write(batch).map_err(|error| error.at(&self.path))
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
        self.read(|reader| reader.counters())
    }

    pub(super) fn gaps(&self, limit: usize) -> Result<Vec<Gap>, HistoryError> {
        self.read(|reader| reader.gaps(limit))
    }

    pub(super) fn audit(&self, limit: usize) -> Result<Vec<AuditEntry>, HistoryError> {
        self.read(|reader| reader.audit(limit))
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

    pub(super) fn set_aside(&self) -> Option<PathBuf> {
        self.set_aside.lock().clone()
    }

    /// Sets the file aside and begins a new one; returns the old one's new name.
    pub(super) fn set_damaged_aside(&self, found: &HistoryError) -> Result<PathBuf, HistoryError> {
        let mut writer = self.writer.lock();
        {
            let mut readers = self.readers.lock();
            readers.spare.clear();
            readers.file += 1;
        }
        // The damaged file is let go of before it is renamed.
        writer.connection = Connection::open_in_memory().map_err(failed("open the history"))?;
        writer.numbers.clear();
        let kept = damage::set_aside(&self.path, &found.chain())?;
        writer.connection = begin(&self.path)?;
        *self.set_aside.lock() = Some(kept.clone());
        Ok(kept)
    }

    pub(super) fn page(&self, query: &PastQuery) -> Result<PastPage, HistoryError> {
        self.read(|reader| reader.page(query))
    }

    pub(super) fn links(&self, id: &TaskId, limit: usize) -> Result<Links, HistoryError> {
        self.read(|reader| reader.links(id, limit))
    }

    fn with_writer<T>(
        &self,
        work: impl FnOnce(&mut Writer) -> Result<T, HistoryError>,
    ) -> Result<T, HistoryError> {
        work(&mut self.writer.lock()).map_err(|error| error.at(&self.path))
    }

    /// Reads by a connection that nobody else uses meanwhile.
    fn read<T>(
        &self,
        read: impl FnOnce(&mut Reader) -> Result<T, HistoryError>,
    ) -> Result<T, HistoryError> {
        let (spare, file) = {
            let mut readers = self.readers.lock();
            (readers.spare.pop(), readers.file)
        };
        let mut reader = match spare {
            Some(reader) => reader,
            None => Reader {
                connection: connect(&self.path, OpenFlags::SQLITE_OPEN_READ_ONLY)?,
                texts: Texts::default(),
            },
        };
        let result = read(&mut reader).map_err(|error| error.at(&self.path));
        let mut readers = self.readers.lock();
        if result.is_ok() && readers.file == file && readers.spare.len() < MAX_READERS {
            readers.spare.push(reader);
        }
        result
    }
}

/// Takes the right to write, which ends with the process however that ends.
fn lock(path: &Path) -> Result<File, HistoryError> {
    let unprepared = |path: &Path| {
        let path = path.to_owned();
        move |source| HistoryError::Prepare { path, source }
    };
    if let Some(directory) = path.parent().filter(|dir| !dir.as_os_str().is_empty()) {
        std::fs::create_dir_all(directory).map_err(unprepared(directory))?;
    }
    // Not on the file itself: to close it would end SQLite's own locks on it.
    let lock_path = beside(path, ".lock");
    let file = OpenOptions::new()
        .create(true)
        .truncate(false)
        .write(true)
        .open(&lock_path)
        .map_err(unprepared(&lock_path))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(HistoryError::InUse {
            path: path.to_owned(),
        }),
        Err(TryLockError::Error(source)) => Err(unprepared(&lock_path)(source)),
    }
}

/// Returns the path with something behind its name.
fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

fn connect(path: &Path, flags: OpenFlags) -> Result<Connection, HistoryError> {
    // Each connection is used by one thread at a time.
    let flags = flags | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection =
        Connection::open_with_flags(path, flags).map_err(failed("open the history"))?;
    connection
        .busy_timeout(BUSY_TIMEOUT)
        .map_err(failed("set up the history"))?;
    connection.set_prepared_statement_cache_capacity(64);
    Ok(connection)
}

/// Opens the file for writing, with the schema as it is now.
fn begin(path: &Path) -> Result<Connection, HistoryError> {
    let mut connection = connect(path, OpenFlags::default())?;
    prepare(&mut connection, path).map_err(|error| error.at(path))?;
    Ok(connection)
}

fn prepare(connection: &mut Connection, path: &Path) -> Result<(), HistoryError> {
    let is_new = schema::version(connection)? == 0;
    if is_new {
        // Must come before the first table; gives space back in small steps.
        connection
            .pragma_update(None, "auto_vacuum", "INCREMENTAL")
            .map_err(failed("set up the history"))?;
    }
    let set = |name: &str, value: &dyn rusqlite::ToSql| {
        connection
            .pragma_update(None, name, value)
            .map_err(failed("set up the history"))
    };
    set("journal_mode", &"WAL")?;
    // A power failure may cost the last moments, never the file.
    set("synchronous", &"NORMAL")?;
    // 32 MB of WAL between checkpoints: pages that change often are copied once.
    set("wal_autocheckpoint", &8192)?;
    set("journal_size_limit", &(64 << 20))?;
    set("cache_size", &-65_536)?;
    schema::migrate(connection, path)?;
    damage::check(connection, path)
}

/// Names the operation that failed.
fn failed(operation: &'static str) -> impl FnOnce(rusqlite::Error) -> HistoryError {
    move |source| HistoryError::Sqlite { operation, source }
}

impl HistoryError {
    /// Says what kind of failure it is, where SQLite's code tells.
    fn at(self, path: &Path) -> Self {
        let Self::Sqlite { source, .. } = &self else {
            return self;
        };
        match source.sqlite_error_code() {
            Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => Self::Damaged {
                path: path.to_owned(),
                problem: source.to_string(),
            },
            Some(ErrorCode::DiskFull) => Self::Full {
                store: path.display().to_string(),
            },
            _ => self,
        }
    }
}

#[cfg(test)]
mod tests;
