//! Purging a queue, and taking that back.
//!
//! A purge renames the queue's lists, in one script: however long they are,
//! workers find the queue empty at once and no message is lost on the way. The
//! messages stay in Redis until they can no longer be taken back, so that a
//! restart of the dashboard does not lose them.

use super::{counted, refused};
use crate::{
    broker::{discovery, surgery},
    clock,
    control::Control,
    state::queues::QueueNews,
};
use model::{Caller, ErrorKind, Outcome, PurgeId, PurgedQueue, QueueName, Undo, WireError};
use redis::{AsyncCommands, aio::MultiplexedConnection};
use std::collections::HashMap;

/// How long a purge can be taken back.
const UNDO_SECONDS: u64 = 600;

/// Most purges that are kept at a time; an older one ends with the next.
const MAX_PURGES: usize = 50;

impl Control {
    /// Throws away what waits, so that it can be taken back for a while.
    pub(super) async fn purge(
        &self,
        caller: &Caller,
        queue: &QueueName,
        confirm: &str,
    ) -> Result<Outcome, WireError> {
        if confirm != queue.as_str() {
            return Err(WireError::new(
                ErrorKind::Invalid,
                "The name that was typed is not the queue's",
            ));
        }
        let mut connection = self.queue_connection().await?;
        self.check_queue(&mut connection, queue).await?;
        let now = clock::now();
        let until = now.plus_seconds(UNDO_SECONDS as f64);
        // Two purges at one moment would be one.
        let id = u64::try_from(now.0).unwrap_or(0);
        let purge = surgery::Purge {
            id,
            queue: queue.as_str(),
            by: &caller.name,
            at: now.0,
            until: until.0,
            seconds: UNDO_SECONDS,
        };
        let done = surgery::put_aside(&mut connection, &self.parts.keyspace, &purge).await;
        let purged = match done {
            Ok(purged) => purged,
            Err(error) => match self.written_down(id).await {
                Some(purged) => purged,
                None => {
                    let message = "Nothing was purged, as far as can be told.";
                    return Err(refused("purge the queue", &error, message));
                }
            },
        };
        if purged == 0 {
            return Ok(none_waited(queue));
        }
        self.learn_of_queues(QueueNews::Purged(PurgedQueue {
            purge: PurgeId(id),
            queue: queue.clone(),
            at: now,
            until,
            purged,
            kept: purged,
            by: caller.name.clone(),
        }))
        .await;
        self.end_oldest(&mut connection).await;
        let count = counted(purged, "message");
        let mut outcome = Outcome::done(format!("Purged {count} from {queue}"));
        outcome.count = Some(purged);
        outcome.undo = Some(Undo {
            purge: PurgeId(id),
            until,
            kept: purged,
        });
        outcome.notes.push(format!(
            "They stay in Redis for {} minutes, so that it can be taken back",
            UNDO_SECONDS / 60
        ));
        Ok(outcome)
    }

    /// Returns how many messages a purge took of which no answer came; `None`
    /// if it did not happen or cannot be told.
    async fn written_down(&self, id: u64) -> Option<u64> {
        let mut connection = self.parts.target.connect(false).await.ok()?;
        let key = self.parts.keyspace.purge(id);
        let fields: HashMap<String, String> = connection.hgetall(key).await.ok()?;
        discovery::read_purge(&fields).map(|purge| purge.purged)
    }

    /// Ends the oldest purges if there are more than may be kept.
    async fn end_oldest(&self, connection: &mut MultiplexedConnection) {
        let over: Vec<PurgeId> = {
            let state = self.parts.reader.read();
            let purges = state.queues().purges().iter();
            purges.skip(MAX_PURGES).map(|purge| purge.purge).collect()
        };
        for purge in over {
            match surgery::let_go(connection, &self.parts.keyspace, purge.0).await {
                Ok(()) => self.learn_of_queues(QueueNews::PurgeOver(purge)).await,
                // Redis deletes it when its time is over.
                Err(error) => tracing::warn!(%error, "could not end an old purge"),
            }
        }
    }

    /// Puts back what a purge took: it runs before what came since.
    pub(super) async fn undo_purge(&self, purge: PurgeId) -> Result<Outcome, WireError> {
        let known = {
            let state = self.parts.reader.read();
            let mut purges = state.queues().purges().iter();
            purges.find(|known| known.purge == purge).cloned()
        };
        let over = || {
            WireError::new(
                ErrorKind::NotFound,
                "Nothing is kept of this purge: it was taken back already, or its time is over",
            )
        };
        let known = known.ok_or_else(over)?;
        if clock::now() >= known.until {
            return Err(over());
        }
        let mut connection = self.queue_connection().await?;
        let mut done = 0;
        let put = surgery::put_back(
            &mut connection,
            &self.parts.keyspace,
            purge.0,
            known.queue.as_str(),
            &mut done,
        )
        .await;
        put.map_err(|error| {
            let so_far = format!(
                "{} had been put back; to try again puts back the rest, each once.",
                counted(done, "message")
            );
            refused("put the messages back", &error, &so_far)
        })?;
        self.learn_of_queues(QueueNews::PurgeOver(purge)).await;
        let queue = &known.queue;
        let mut outcome = Outcome::done(match done {
            0 => format!("Everything had been put back into {queue} already"),
            done => format!("Put {} back into {queue}", counted(done, "message")),
        });
        outcome.count = Some(done);
        Ok(outcome)
    }
}

fn none_waited(queue: &QueueName) -> Outcome {
    let mut outcome = Outcome::done(format!("No message waited in {queue}"));
    outcome.count = Some(0);
    outcome
}
