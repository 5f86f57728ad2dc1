//! The schema as an ordered list of steps; the table `versions` tells which are done.

use super::{HistoryError, PostgresUrl, failed, lock};
use postgres::{Client, GenericClient};

/// Each step leads from the version of its place to the next one. Steps that
/// were released are never changed.
const STEPS: &[&str] = &[include_str!("schema/1.sql")];

/// Brings the schema up to date. Of several dashboards that start at once one
/// does it and the others wait; it is all done or nothing of it.
pub(super) fn migrate(client: &mut Client, url: &PostgresUrl) -> Result<(), HistoryError> {
    let schema = &url.schema;
    let mut transaction = client.transaction().map_err(failed("begin a migration"))?;
    lock::exclusive(&mut transaction, lock::number("migration", schema))?;
    // Not CREATE … IF NOT EXISTS: that needs rights which are not needed if it is there.
    let is_there = transaction
        .query_opt("SELECT 1 FROM pg_namespace WHERE nspname = $1", &[schema])
        .map_err(failed("look for the schema"))?
        .is_some();
    if !is_there {
        transaction
            .batch_execute(&format!("CREATE SCHEMA {schema}"))
            .map_err(failed("create the schema"))?;
    }
    let version = version(&mut transaction)?;
    refuse_newer(version, url)?;
    if version == 0 {
        transaction
            .batch_execute(
                "CREATE TABLE versions (
                     version INTEGER PRIMARY KEY,
                     at TIMESTAMPTZ NOT NULL DEFAULT now()
                 )",
            )
            .map_err(failed("create the schema"))?;
    }
    for (step, sql) in (1_i32..).zip(STEPS) {
        if i64::from(step) <= version {
            continue;
        }
        transaction
            .batch_execute(sql)
            .and_then(|()| transaction.execute("INSERT INTO versions VALUES ($1)", &[&step]))
            .map_err(failed("change the schema"))?;
        if version > 0 {
            tracing::info!(store = %url, version = step, "brought the history's schema up to date");
        }
    }
    transaction.commit().map_err(failed("commit a migration"))
}

/// Refuses a schema that a newer release has changed, and one that is not there.
pub(super) fn check(client: &mut Client, url: &PostgresUrl) -> Result<(), HistoryError> {
    let version = version(client)?;
    if version == 0 {
        return Err(HistoryError::NoHistory {
            store: url.to_string(),
        });
    }
    refuse_newer(version, url)
}

fn refuse_newer(version: i64, url: &PostgresUrl) -> Result<(), HistoryError> {
    let known = STEPS.len() as i64;
    if version > known {
        return Err(HistoryError::NewerSchema {
            store: url.to_string(),
            found: version,
            known,
        });
    }
    Ok(())
}

/// Returns how many steps are done; 0 if there is no history yet.
pub(super) fn version(client: &mut impl GenericClient) -> Result<i64, HistoryError> {
    let unread = || failed("read the schema's version");
    let has_versions: bool = client
        .query_one("SELECT to_regclass('versions') IS NOT NULL", &[])
        .map_err(unread())?
        .get(0);
    if !has_versions {
        return Ok(0);
    }
    let newest = client
        .query_one("SELECT coalesce(max(version), 0) FROM versions", &[])
        .map_err(unread())?;
    Ok(i64::from(newest.get::<_, i32>(0)))
}
