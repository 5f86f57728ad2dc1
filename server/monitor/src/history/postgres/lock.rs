//! Locks that dashboards agree on: PostgreSQL's advisory locks.

use super::{HistoryError, failed};
use postgres::{Client, GenericClient, Transaction};
use sha2::{Digest, Sha256};

/// Returns the number of a lock, which the whole database shares.
pub(super) fn number(purpose: &str, schema: &str) -> i64 {
    let digest = Sha256::digest(format!("celeriac/{purpose}/{schema}").as_bytes());
    digest
        .first_chunk::<8>()
        .map_or(0, |eight| i64::from_be_bytes(*eight))
}

/// Waits until nobody holds the lock, and holds it until the transaction ends.
pub(super) fn exclusive(
    transaction: &mut Transaction<'_>,
    number: i64,
) -> Result<(), HistoryError> {
    transaction
        .execute("SELECT pg_advisory_xact_lock($1)", &[&number])
        .map(|_| ())
        .map_err(failed("wait for other dashboards"))
}

/// Takes the lock if nobody holds it; it is held as long as the connection.
fn is_taken(client: &mut Client, number: i64) -> Result<bool, HistoryError> {
    client
        .query_one("SELECT pg_try_advisory_lock($1)", &[&number])
        .map(|row| row.get(0))
        .map_err(failed("claim a name for this dashboard"))
}

/// Finds a name for this dashboard that no other has now: `wanted`, or that
/// with a number behind it. Counters and audit entries are stored under it.
pub(super) fn claim_name(
    client: &mut Client,
    schema: &str,
    wanted: &str,
) -> Result<String, HistoryError> {
    /// More dashboards of one name than anybody runs.
    const MOST: u32 = 100;
    for place in 1..=MOST {
        let name = match place {
            1 => wanted.to_owned(),
            _ => format!("{wanted} ({place})"),
        };
        if is_taken(client, number(&format!("dashboard/{name}"), schema))? {
            return Ok(name);
        }
    }
    Err(HistoryError::Missing(
        "name for this dashboard that is free",
    ))
}

/// Claims a name again that is this dashboard's already. Its old connection may
/// hold it still, as the database may notice later that this one broke.
pub(super) fn hold_name(client: &mut Client, schema: &str, name: &str) -> Result<(), HistoryError> {
    is_taken(client, number(&format!("dashboard/{name}"), schema)).map(|_| ())
}

/// Keeps those who remove what nobody uses from removing what is about to be used.
pub(super) fn shared(client: &mut impl GenericClient, number: i64) -> Result<(), HistoryError> {
    client
        .execute("SELECT pg_advisory_xact_lock_shared($1)", &[&number])
        .map(|_| ())
        .map_err(failed("wait for other dashboards"))
}
