//! Asking the workers: who is there, what they hold, and that they send events.

use crate::{
    broker::pidbox::Pidbox,
    cell::StateReader,
    error::BrokerError,
    intake::Intake,
    state::{Input, workers::Errands},
};
use model::{Inspection, WorkerName};
use protocol::inspect;
use serde_json::{Value, json};
use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

/// How often everybody is asked whether he is there. Workers without events
/// are known by their answers alone.
const PING_INTERVAL: Duration = Duration::from_secs(10);

/// How often every worker's statistics and queues are read again.
const REFRESH_INTERVAL: Duration = Duration::from_secs(60);

/// How often a worker is asked for what it holds while somebody looks at it.
const WATCHED_INTERVAL: Duration = Duration::from_secs(5);

/// What is asked of a worker when it is first seen: enough for the lists.
const BRIEF: [&str; 2] = ["stats", "active_queues"];

/// What is asked when somebody looks at it.
const FULL: [&str; 8] = [
    "stats",
    "active_queues",
    "registered",
    "active",
    "reserved",
    "scheduled",
    "revoked",
    "conf",
];

/// Asks workers and hands their answers to the state.
#[derive(Clone, Debug)]
pub(crate) struct Control {
    pub(crate) pidbox: Pidbox,
    pub(crate) intake: Intake,
    pub(crate) reader: StateReader,
    pub(crate) timeout: Duration,
    pub(crate) watched: crate::feed::Watched,
}

impl Control {
    /// Runs errands and asks regularly, until cancelled.
    pub(crate) async fn run(
        self,
        mut errands: mpsc::UnboundedReceiver<Errands>,
        cancel: CancellationToken,
    ) {
        let mut ping = tokio::time::interval(PING_INTERVAL);
        let mut refresh = tokio::time::interval(REFRESH_INTERVAL);
        let mut watched = tokio::time::interval(WATCHED_INTERVAL);
        for interval in [&mut ping, &mut refresh, &mut watched] {
            interval.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        }
        loop {
            let result = tokio::select! {
                () = cancel.cancelled() => return,
                errand = errands.recv() => match errand {
                    Some(errand) => self.do_errands(errand).await,
                    None => return,
                },
                _ = ping.tick() => self.ping(None).await,
                _ = refresh.tick() => self.inspect(&BRIEF, None).await,
                _ = watched.tick() => self.inspect_watched().await,
                () = self.watched.changed() => self.inspect_watched().await,
            };
            // The event reader says in the log and on the screen that the broker is away.
            if let Err(error) = result {
                tracing::debug!(cause = error.chain(), "could not ask the workers");
            }
        }
    }

    async fn do_errands(&self, errands: Errands) -> Result<(), BrokerError> {
        if !errands.enable_events.is_empty() {
            let workers: Vec<&str> = errands.enable_events.iter().map(|w| w.as_str()).collect();
            tracing::info!(?workers, "telling workers to send task events");
            self.pidbox
                .cast("enable_events", &errands.enable_events)
                .await?;
        }
        if !errands.ping.is_empty() {
            self.ping(Some(&errands.ping)).await?;
        }
        if !errands.inspect.is_empty() {
            self.inspect(&BRIEF, Some(&errands.inspect)).await?;
        }
        Ok(())
    }

    async fn ping(&self, destination: Option<&BTreeSet<WorkerName>>) -> Result<(), BrokerError> {
        let replies = self
            .pidbox
            .ask("ping", json!({}), destination, self.timeout)
            .await?;
        if replies.is_empty() && destination.is_none() {
            self.intake.push_input(Input::Unanswered);
        }
        for reply in replies {
            // celery 5.7's beat answers as `celerybeat@host`, to ping only; it is no worker.
            if !reply.worker.as_str().starts_with("celerybeat@") {
                self.intake.push_input(Input::Answered(reply.worker));
            }
        }
        Ok(())
    }

    async fn inspect_watched(&self) -> Result<(), BrokerError> {
        let online: BTreeSet<WorkerName> =
            self.reader.read().online_workers().into_iter().collect();
        let workers: BTreeSet<WorkerName> = self
            .watched
            .take_names()
            .intersection(&online)
            .cloned()
            .collect();
        if workers.is_empty() {
            return Ok(());
        }
        self.inspect(&FULL, Some(&workers)).await
    }

    /// Asks workers everything a page or an API client may want, and waits for it.
    pub(crate) async fn inspect_all(
        &self,
        destination: Option<&BTreeSet<WorkerName>>,
    ) -> Result<(), BrokerError> {
        self.inspect(&FULL, destination).await
    }

    async fn inspect(
        &self,
        commands: &[&'static str],
        destination: Option<&BTreeSet<WorkerName>>,
    ) -> Result<(), BrokerError> {
        let mut answers: BTreeMap<WorkerName, Inspection> = BTreeMap::new();
        let asked = commands.iter().map(|command| async {
            let replies = self
                .pidbox
                .ask(command, json!({}), destination, self.timeout)
                .await;
            (*command, replies)
        });
        // All at once, so that a silent worker costs one deadline, not eight.
        for (command, answer) in futures_util::future::join_all(asked).await {
            for reply in answer? {
                if inspect::error(&reply.value).is_none() {
                    let inspection = answers.entry(reply.worker).or_default();
                    *part_of(inspection, command) = Some(reply.value);
                }
            }
        }
        for (worker, inspection) in answers {
            self.intake
                .push_input(Input::Inspected(worker, Box::new(inspection)));
        }
        Ok(())
    }
}

fn part_of<'i>(inspection: &'i mut Inspection, command: &str) -> &'i mut Option<Value> {
    match command {
        "stats" => &mut inspection.stats,
        "active_queues" => &mut inspection.active_queues,
        "registered" => &mut inspection.registered,
        "active" => &mut inspection.active,
        "reserved" => &mut inspection.reserved,
        "scheduled" => &mut inspection.scheduled,
        "revoked" => &mut inspection.revoked,
        _ => &mut inspection.conf,
    }
}
