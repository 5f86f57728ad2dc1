//! Reads the queues at a steady pace and looks for new ones now and then.

use crate::{
    broker::{connect::Target, queues},
    cell::StateReader,
    error::BrokerError,
    intake::Intake,
    state::Input,
};
use model::QueueName;
use protocol::Keyspace;
use redis::aio::MultiplexedConnection;
use std::{
    collections::BTreeSet,
    time::{Duration, Instant},
};
use tokio_util::sync::CancellationToken;

/// How often bindings and lists are looked through for queues.
const DISCOVERY_INTERVAL: Duration = Duration::from_secs(10);

/// A look that took long is repeated after this many times its length, so
/// that it never takes more than a small share of Redis's time.
const DISCOVERY_SHARE: u32 = 50;

/// Reads the queues.
pub(crate) struct Poller {
    pub(crate) target: Target,
    pub(crate) keyspace: Keyspace,
    pub(crate) interval: Duration,
    pub(crate) intake: Intake,
    pub(crate) reader: StateReader,
}

/// What is found by looking through Redis, and when to look again.
#[derive(Default)]
struct Found {
    queues: BTreeSet<QueueName>,
    next: Option<Instant>,
}

impl Poller {
    /// Runs until cancelled.
    pub(crate) async fn run(self, cancel: CancellationToken) {
        let mut ticks = tokio::time::interval(self.interval);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let mut connection = None;
        let mut found = Found::default();
        loop {
            tokio::select! {
                () = cancel.cancelled() => return,
                _ = ticks.tick() => {}
            }
            let polled = tokio::select! {
                () = cancel.cancelled() => return,
                polled = self.poll(&mut connection, &mut found) => polled,
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
        found: &mut Found,
    ) -> Result<(), BrokerError> {
        let connection = match connection {
            Some(connection) => connection,
            empty => empty.insert(self.target.connect(false).await?),
        };
        if found.next.is_none_or(|next| next <= Instant::now()) {
            let started = Instant::now();
            found.queues = queues::discover(connection, &self.keyspace).await?;
            let pause = DISCOVERY_INTERVAL.max(started.elapsed() * DISCOVERY_SHARE);
            found.next = Some(Instant::now() + pause);
        }
        let mut all = found.queues.clone();
        all.extend(self.reader.read().queues_heard_of());
        let reading = queues::read(connection, &self.keyspace, &all).await?;
        self.intake.push_input(Input::Queues(Box::new(reading)));
        Ok(())
    }
}
