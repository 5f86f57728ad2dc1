//! Reads the queues at a steady pace and looks for new ones now and then.

use crate::{
    broker::{
        connect::Target,
        discovery::{self, Discovery},
        purges, queues, redbeat, unacked,
    },
    cell::StateReader,
    clock,
    error::BrokerError,
    intake::Intake,
    state::{Input, queues::QueueNews, schedule::ScheduleNews},
};
use protocol::Keyspace;
use redis::aio::MultiplexedConnection;
use std::time::{Duration, Instant};
use tokio_util::sync::CancellationToken;

/// How often bindings and lists are looked through for queues.
const DISCOVERY_INTERVAL: Duration = Duration::from_secs(10);

/// A look that took long is repeated after this many times its length, so
/// that it never takes more than a small share of Redis's time.
const DISCOVERY_SHARE: u32 = 50;

/// Seconds after which a message that a worker holds is given to another one,
/// unless workers tell otherwise (`kombu/transport/redis.py Channel.visibility_timeout`).
const VISIBILITY_TIMEOUT: f64 = 3600.0;

/// Reads the queues.
pub(crate) struct Poller {
    pub(crate) target: Target,
    pub(crate) keyspace: Keyspace,
    pub(crate) interval: Duration,
    pub(crate) intake: Intake,
    pub(crate) reader: StateReader,
    /// Seconds after which a message that a worker holds is given to another
    /// one; as workers tell if absent.
    pub(crate) visibility_timeout: Option<f64>,
    /// `redbeat_key_prefix`
    pub(crate) redbeat_prefix: String,
}

/// What is kept between two readings.
#[derive(Default)]
struct Kept {
    found: Discovery,
    /// When to look through Redis again.
    next: Option<Instant>,
    turns: queues::Turns,
    /// Whether purges of an earlier process were looked for.
    are_purges_known: bool,
    /// Whether `RedBeat` was ever seen.
    has_redbeat: bool,
}

impl Poller {
    /// Runs until cancelled.
    pub(crate) async fn run(self, cancel: CancellationToken) {
        let mut ticks = tokio::time::interval(self.interval);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let mut connection = None;
        let mut kept = Kept::default();
        loop {
            tokio::select! {
                () = cancel.cancelled() => return,
                _ = ticks.tick() => {}
            }
            let polled = tokio::select! {
                () = cancel.cancelled() => return,
                polled = self.poll(&mut connection, &mut kept) => polled,
            };
            // The event reader says in the log and on the screen that the broker is away.
            if let Err(error) = polled {
                connection = None;
                tracing::debug!(cause = error.chain(), "could not read the queues");
            }
        }
    }

    async fn poll(
        &self,
        connection: &mut Option<MultiplexedConnection>,
        kept: &mut Kept,
    ) -> Result<(), BrokerError> {
        let connection = match connection {
            Some(connection) => connection,
            empty => empty.insert(self.target.connect(false).await?),
        };
        let is_look_due = kept.next.is_none_or(|next| next <= Instant::now());
        let started = Instant::now();
        if is_look_due {
            kept.found = discovery::discover(connection, &self.keyspace).await?;
        }
        let (mut all, visibility) = {
            let state = self.reader.read();
            (state.queues_heard_of(), state.visibility_timeout())
        };
        all.extend(kept.found.queues.iter().cloned());
        let visibility = self
            .visibility_timeout
            .or(visibility)
            .unwrap_or(VISIBILITY_TIMEOUT);
        let reading = queues::read(
            connection,
            &self.keyspace,
            &all.into_iter().collect(),
            clock::now().plus_seconds(-visibility),
            &mut kept.turns,
        )
        .await?;
        self.intake.push_input(Input::Queues(Box::new(reading)));
        if is_look_due {
            let looked = self.look(connection, kept).await;
            let pause = DISCOVERY_INTERVAL.max(started.elapsed() * DISCOVERY_SHARE);
            kept.next = Some(Instant::now() + pause);
            looked?;
        }
        self.find_unclear(connection).await?;
        self.end_purges(connection).await
    }

    /// Looks at what takes longer, at a slower pace.
    async fn look(
        &self,
        connection: &mut MultiplexedConnection,
        kept: &mut Kept,
    ) -> Result<(), BrokerError> {
        let counts = unacked::count(connection, &self.keyspace, &kept.found.routes).await;
        if let Some(counts) = allowed(counts)? {
            self.tell(QueueNews::Unacked(counts));
        }
        let weighed = discovery::weigh(connection, &kept.found.suspects).await;
        if let Some((leftovers, are_all)) = allowed(weighed)? {
            let is_complete = are_all && kept.found.is_complete;
            self.tell(QueueNews::Leftovers(leftovers, is_complete));
        }
        let redbeat = redbeat::read(connection, &self.redbeat_prefix).await;
        if let Some((entries, is_locked)) = allowed(redbeat)?
            && (is_locked || !entries.is_empty() || kept.has_redbeat)
        {
            kept.has_redbeat = true;
            let news = ScheduleNews::RedBeat { entries, is_locked };
            self.intake.push_input(Input::OfSchedule(Box::new(news)));
        }
        if !kept.are_purges_known {
            let purges = discovery::purges(connection, &self.keyspace).await;
            for purge in allowed(purges)?.into_iter().flatten() {
                self.tell(QueueNews::Purged(purge));
            }
            kept.are_purges_known = true;
        }
        Ok(())
    }

    /// Looks whether purges happened of which no answer came.
    async fn find_unclear(
        &self,
        connection: &mut MultiplexedConnection,
    ) -> Result<(), BrokerError> {
        let now = clock::now();
        let unclear = self.reader.read().queues().unclear_purges().to_vec();
        for (purge, until) in unclear {
            if let Some(found) = discovery::purge(connection, &self.keyspace, purge).await? {
                self.tell(QueueNews::Purged(found));
            } else if until <= now {
                self.tell(QueueNews::PurgeOver(purge));
            }
        }
        Ok(())
    }

    /// Deletes what was purged and can no longer be taken back.
    async fn end_purges(&self, connection: &mut MultiplexedConnection) -> Result<(), BrokerError> {
        let now = clock::now();
        let over: Vec<_> = {
            let state = self.reader.read();
            let purges = state.queues().purges().iter();
            purges
                .filter(|purge| purge.until <= now)
                .map(|purge| purge.purge)
                .collect()
        };
        for purge in over {
            let is_over = purges::let_go(connection, &self.keyspace, purge.0, now.0)
                .await
                .map_err(|source| BrokerError::Command {
                    operation: "delete what was purged",
                    source,
                })?;
            if is_over {
                self.tell(QueueNews::PurgeOver(purge));
            }
        }
        Ok(())
    }

    fn tell(&self, news: QueueNews) {
        self.intake.push_input(Input::OfQueues(Box::new(news)));
    }
}

/// Passes over what Redis refuses, since a user that may only read some keys
/// still sees the rest.
fn allowed<T>(result: Result<T, BrokerError>) -> Result<Option<T>, BrokerError> {
    match result {
        Ok(found) => Ok(Some(found)),
        Err(BrokerError::Command { operation, source }) if source.code().is_some() => {
            tracing::debug!(%source, operation, "Redis refused a part of the look");
            Ok(None)
        }
        Err(error) => Err(error),
    }
}
