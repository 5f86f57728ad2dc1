//! A file that is no database any more is kept under another name, and a new
//! one is begun: history is worth less than the dashboard.

use super::{HistoryError, beside};
use chrono::{DateTime, Utc};
use rusqlite::Connection;
use std::{
    io::ErrorKind,
    path::{Path, PathBuf},
    time::SystemTime,
};

/// Files up to this size are checked as a whole when they are opened, bytes:
/// that takes a tenth of a second.
const CHECKED_AT_ONCE: u64 = 32 << 20;

/// Looks for damage as far as there is time at a start. What is found later
/// is found by whoever reads or writes it.
pub(super) fn check(connection: &Connection, path: &Path) -> Result<(), HistoryError> {
    let size = std::fs::metadata(path).map_or(0, |file| file.len());
    if size > CHECKED_AT_ONCE {
        return Ok(());
    }
    let found: String = connection
        .query_row("PRAGMA quick_check(1)", [], |row| row.get(0))
        .map_err(super::failed("check the history"))?;
    if found == "ok" {
        return Ok(());
    }
    Err(HistoryError::Damaged {
        path: path.to_owned(),
        problem: found,
    })
}

/// Gives the file, and what SQLite keeps beside it, another name; returns that.
pub(super) fn set_aside(path: &Path, problem: &str) -> Result<PathBuf, HistoryError> {
    let now = DateTime::<Utc>::from(SystemTime::now());
    let name = format!(".damaged-{}", now.format("%Y%m%dT%H%M%S%.3fZ"));
    let kept = beside(path, &name);
    for suffix in ["", "-wal", "-shm"] {
        let (from, to) = (beside(path, suffix), beside(&kept, suffix));
        match std::fs::rename(&from, &to) {
            Ok(()) => {}
            // The log is not always there.
            Err(error) if error.kind() == ErrorKind::NotFound && !suffix.is_empty() => {}
            Err(source) => return Err(HistoryError::Prepare { path: from, source }),
        }
    }
    tracing::error!(
        path = %path.display(),
        kept = %kept.display(),
        problem,
        "the history was damaged: it was set aside and a new one begun"
    );
    Ok(kept)
}
