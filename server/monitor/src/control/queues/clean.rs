//! Deleting keys that their owners left behind.

use super::{counted, refused};
use crate::{
    broker::{discovery, surgery},
    control::Control,
    error::BrokerError,
    state::queues::QueueNews,
};
use model::{ErrorKind, LeftoverKind, Outcome, OutcomeStatus, WireError};
use redis::aio::MultiplexedConnection;

/// Keys of one script.
const BATCH: usize = 50;

/// Most keys of one command.
const MAX_KEYS: usize = 10_000;

impl Control {
    /// Deletes lists of a kind that nobody touched for a while. The script
    /// looks at each again, so that none is deleted that came into use.
    pub(super) async fn clean_up(
        &self,
        kind: LeftoverKind,
        keys: Option<Vec<String>>,
    ) -> Result<Outcome, WireError> {
        let keyspace = &self.parts.keyspace;
        let mut connection = self.queue_connection().await?;
        let are_named = keys.is_some();
        let keys = match keys {
            Some(keys) => {
                let wrong = keys
                    .iter()
                    .find(|key| keyspace.leftover_kind(key) != Some(kind));
                if let Some(wrong) = wrong {
                    return Err(WireError::new(
                        ErrorKind::Invalid,
                        format!("{wrong:?} is none of the {}", kind.as_str()),
                    ));
                }
                keys
            }
            None => {
                let found = discovery::discover(&mut connection, keyspace).await?;
                let of_kind = found.suspects.into_iter().filter(|(of, _)| *of == kind);
                of_kind.map(|(_, key)| key).take(MAX_KEYS).collect()
            }
        };
        if keys.len() > MAX_KEYS {
            return Err(WireError::new(
                ErrorKind::Invalid,
                format!("Name at most {MAX_KEYS} keys"),
            ));
        }
        let (mut deleted, mut bytes) = (0, 0);
        for part in keys.chunks(BATCH) {
            let (count, size) = surgery::sweep(&mut connection, part, discovery::IDLE_SECONDS)
                .await
                .map_err(|error| {
                    let so_far = format!("{} had been deleted.", counted(deleted, "key"));
                    refused("delete what was left behind", &error, &so_far)
                })?;
            deleted += count;
            bytes += size;
        }
        let mut outcome = Outcome::done(format!(
            "Deleted {} of {}, about {bytes} bytes",
            counted(deleted, "key"),
            kind.as_str()
        ));
        outcome.count = Some(deleted);
        let kept = (keys.len() as u64).saturating_sub(deleted);
        if kept > 0 {
            outcome.notes.push(format!(
                "{} left alone: gone by now, or touched within the last {} minutes",
                counted(kept, "key"),
                discovery::IDLE_SECONDS / 60
            ));
        }
        if are_named && kept > 0 {
            outcome.status = match deleted {
                0 => OutcomeStatus::Refused,
                _ => OutcomeStatus::Partial,
            };
        }
        if let Err(error) = self.look_again(&mut connection).await {
            tracing::debug!(cause = error.chain(), "could not look for leftovers again");
        }
        Ok(outcome)
    }

    async fn look_again(&self, connection: &mut MultiplexedConnection) -> Result<(), BrokerError> {
        let found = discovery::discover(connection, &self.parts.keyspace).await?;
        let (leftovers, are_all) = discovery::weigh(connection, &found.suspects).await?;
        let is_complete = are_all && found.is_complete;
        self.learn_of_queues(QueueNews::Leftovers(leftovers, is_complete))
            .await;
        Ok(())
    }
}
