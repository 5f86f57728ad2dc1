//! The schema as an ordered list of steps; `PRAGMA user_version` tells how many are done.

use super::{HistoryError, failed};
use rusqlite::Connection;
use std::path::Path;

/// Each step leads from the version of its place to the next one. Steps that
/// were released are never changed.
pub(super) const STEPS: &[&str] = &[include_str!("schema/1.sql")];

/// Brings a database up to date, each step in a transaction of its own.
pub(super) fn migrate(connection: &mut Connection, path: &Path) -> Result<(), HistoryError> {
    let version = version(connection)?;
    refuse_newer(version, path)?;
    for (step, sql) in (1_i64..).zip(STEPS) {
        if step <= version {
            continue;
        }
        let transaction = connection
            .transaction()
            .map_err(failed("begin a migration"))?;
        transaction
            .execute_batch(sql)
            .map_err(failed("change the schema"))?;
        transaction
            .pragma_update(None, "user_version", step)
            .map_err(failed("note the schema's version"))?;
        transaction.commit().map_err(failed("commit a migration"))?;
        if version > 0 {
            tracing::info!(path = %path.display(), version = step, "brought the history's schema up to date");
        }
    }
    Ok(())
}

/// Refuses a schema that a newer release has changed, and a file that has none.
pub(super) fn check(connection: &Connection, path: &Path) -> Result<(), HistoryError> {
    let version = version(connection)?;
    if version == 0 {
        return Err(HistoryError::NoHistory {
            store: path.display().to_string(),
        });
    }
    refuse_newer(version, path)
}

fn refuse_newer(version: i64, path: &Path) -> Result<(), HistoryError> {
    let known = STEPS.len() as i64;
    if version > known {
        return Err(HistoryError::NewerSchema {
            store: path.display().to_string(),
            found: version,
            known,
        });
    }
    Ok(())
}

/// Returns how many steps are done.
pub(super) fn version(connection: &Connection) -> Result<i64, HistoryError> {
    connection
        .pragma_query_value(None, "user_version", |row| row.get(0))
        .map_err(failed("read the schema's version"))
}
