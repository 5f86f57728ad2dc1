//! Purging a queue, and taking that back.
//!
//! A purge renames the queue's lists, in one script: however long they are,
//! workers find the queue empty at once and no message is lost on the way. The
//! messages stay in Redis until they can no longer be taken back, so that a
//! restart of the dashboard does not lose them.

use super::{counted, refused};
use crate::{
    broker::{discovery, purges},
    clock,
    control::Control,
    state::queues::QueueNews,
};
use model::{
    Caller, ErrorKind, Outcome, OutcomeStatus, PurgeId, PurgedQueue, QueueName, Undo, WireError,
};
use redis::aio::MultiplexedConnection;

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
        let purge = purges::Purge {
            id,
            queue: queue.as_str(),
            by: &caller.name,
            at: now.0,
            until: until.0,
            seconds: UNDO_SECONDS,
        };
        let done = purges::put_aside(&mut connection, &self.parts.keyspace, &purge).await;
        let purged = match done {
            Ok(purged) => purged,
            // Redis said why it did not.
            Err(error) if error.code().is_some() => {
                return Err(refused("purge the queue", &error, "Nothing was purged."));
            }
            Err(error) => match self.written_down(PurgeId(id)).await {
                Some(purge) => purge.purged,
                None => {
                    self.learn_of_queues(QueueNews::PurgeUnclear(PurgeId(id), until))
                        .await;
                    let message = "It may have been purged: if so, it can be taken back \
                                   here once Redis tells of it.";
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

    /// Returns what is written down of a purge; `None` if it did not happen, is
    /// over, or cannot be told.
    async fn written_down(&self, purge: PurgeId) -> Option<PurgedQueue> {
        let found = async {
            let mut connection = self.parts.target.connect(false).await?;
            discovery::purge(&mut connection, &self.parts.keyspace, purge).await
        };
        found.await.unwrap_or_else(|error| {
            tracing::debug!(cause = error.chain(), "could not look for a purge");
            None
        })
    }

    /// Ends the oldest purges if there are more than may be kept.
    async fn end_oldest(&self, connection: &mut MultiplexedConnection) {
        let over: Vec<PurgeId> = {
            let state = self.parts.reader.read();
            let purges = state.queues().purges().iter();
            purges.skip(MAX_PURGES).map(|purge| purge.purge).collect()
        };
        for purge in over {
            let now = clock::now().0;
            match purges::let_go(connection, &self.parts.keyspace, purge.0, now).await {
                Ok(false) => {}
                Ok(true) => self.learn_of_queues(QueueNews::PurgeOver(purge)).await,
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
        let keyspace = &self.parts.keyspace;
        // What is left of it, if this breaks, can be taken back for as long again.
        let until = clock::now().plus_seconds(UNDO_SECONDS as f64);
        let is_kept =
            purges::begin_back(&mut connection, keyspace, purge.0, until.0, UNDO_SECONDS).await;
        let is_kept = is_kept.map_err(|error| {
            refused(
                "put the messages back",
                &error,
                "None had been put back; it can be tried again.",
            )
        })?;
        if !is_kept {
            self.learn_of_queues(QueueNews::PurgeOver(purge)).await;
            return Err(over());
        }
        let known = PurgedQueue { until, ..known };
        self.learn_of_queues(QueueNews::Purged(known.clone())).await;
        let mut done = 0;
        let queue = known.queue.as_str();
        let put = purges::put_back(&mut connection, keyspace, purge.0, queue, &mut done).await;
        match put {
            Ok(counts) => {
                self.learn_of_queues(QueueNews::PurgeOver(purge)).await;
                Ok(put_back(&known, counts, done))
            }
            Err(error) => {
                let so_far = format!(
                    "{} had been put back; to try again puts back the rest, each once.",
                    counted(done, "message")
                );
                let kept = known.kept.saturating_sub(done);
                let rest = self.written_down(purge).await;
                let rest = rest.unwrap_or(PurgedQueue { kept, ..known });
                self.learn_of_queues(QueueNews::Purged(rest)).await;
                Err(refused("put the messages back", &error, &so_far))
            }
        }
    }
}

/// Says what came of taking a purge back. `counts` are the messages it took
/// and those put back by all tries, if that is known; `done` by this one.
fn put_back(purge: &PurgedQueue, counts: Option<(u64, u64)>, done: u64) -> Outcome {
    let queue = &purge.queue;
    let (purged, back) = counts.unwrap_or((purge.kept, done));
    let mut outcome = Outcome::done(match done {
        _ if back < purged => {
            let rest = match counts {
                Some(_) => "the rest is no longer in Redis",
                None => "somebody else put back the rest, or it is no longer in Redis",
            };
            let of = counted(purged, "message");
            format!("Put {back} of {of} back into {queue}; {rest}")
        }
        0 => format!("Everything had been put back into {queue} already"),
        done => format!("Put {} back into {queue}", counted(done, "message")),
    });
    if back < purged {
        outcome.status = OutcomeStatus::Partial;
    }
    outcome.count = Some(done);
    outcome
}

fn none_waited(queue: &QueueName) -> Outcome {
    let mut outcome = Outcome::done(format!("No message waited in {queue}"));
    outcome.count = Some(0);
    outcome
}
