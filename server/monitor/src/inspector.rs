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
pub(crate) struct Inspector {
    pub(crate) pidbox: Pidbox,
    pub(crate) intake: Intake,
    pub(crate) reader: StateReader,
    pub(crate) timeout: Duration,
    pub(crate) watched: crate::feed::Watched,
    /// Who finds out what events did not tell.
    pub(crate) repairs: mpsc::UnboundedSender<Errands>,
}

impl Inspector {
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

    async fn do_errands(&self, mut errands: Errands) -> Result<(), BrokerError> {
        if errands.has_repairs() {
            let repairs = errands.take_repairs();
            // It takes a while and must not hold up the pings.
            if self.repairs.send(repairs).is_err() {
                tracing::debug!("nobody repairs any more");
            }
        }
        if !errands.enable_events.is_empty() {
            let workers: Vec<&str> = errands.enable_events.iter().map(|w| w.as_str()).collect();
            tracing::info!(?workers, "telling workers to send task events");
            let answers = self
                .pidbox
                .ask(
                    "enable_events",
                    json!({}),
                    Some(&errands.enable_events),
                    self.timeout,
                )
                .await?;
            for reply in answers.replies {
                // "task events enabled" or "task events already enabled"
                // (`celery/worker/control.py enable_events`).
                if let Some(said) = inspect::ok(&reply.value) {
                    self.intake.push_input(Input::EventsAreOn {
                        worker: reply.worker,
                        were_on: said.contains("already"),
                    });
                }
            }
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
        let answers = self
            .pidbox
            .ask("ping", json!({}), destination, self.timeout)
            .await?;
        let all = answers.replies.len() as u64;
        // celery 5.7's beat answers as `celerybeat@host`, to ping only; it is no worker.
        let workers: Vec<WorkerName> = answers
            .replies
            .into_iter()
            .map(|reply| reply.worker)
            .filter(|worker| !worker.as_str().starts_with("celerybeat@"))
            .collect();
        if destination.is_none() {
            self.intake.push_input(Input::PingedAll {
                answered: workers.len() as u64,
                silent: answers.listeners.saturating_sub(all),
            });
        }
        let mut answers: BTreeMap<WorkerName, usize> = BTreeMap::new();
        for worker in workers {
            *answers.entry(worker.clone()).or_default() += 1;
            self.intake.push_input(Input::Answered(worker));
        }
        // Two processes may share a name; only their statistics tell them apart.
        answers.retain(|_, count| *count > 1);
        let has_unknown_twin = {
            let state = self.reader.read();
            answers
                .iter()
                .any(|(worker, count)| state.namesakes(worker) < *count)
        };
        if has_unknown_twin {
            // Everybody is asked: of one name one answer would be waited for.
            self.inspect(&BRIEF, None).await?;
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

    /// Asks workers for what the lists show, and waits for it.
    pub(crate) async fn inspect_brief(
        &self,
        destination: &BTreeSet<WorkerName>,
    ) -> Result<(), BrokerError> {
        self.inspect(&BRIEF, Some(destination)).await
    }

    async fn inspect(
        &self,
        commands: &[&'static str],
        destination: Option<&BTreeSet<WorkerName>>,
    ) -> Result<(), BrokerError> {
        // Two processes may share a name: then each question has two answers.
        let mut answers: BTreeMap<WorkerName, Vec<Inspection>> = BTreeMap::new();
        let asked = commands.iter().map(|command| async {
            let replies = self
                .pidbox
                .ask(command, json!({}), destination, self.timeout)
                .await;
            (*command, replies)
        });
        // All at once, so that a silent worker costs one deadline, not eight.
        for (command, answer) in futures_util::future::join_all(asked).await {
            for reply in answer?.replies {
                if inspect::error(&reply.value).is_some() {
                    continue;
                }
                let inspections = answers.entry(reply.worker).or_default();
                let place = inspections
                    .iter_mut()
                    .position(|inspection| part_of(inspection, command).is_none());
                let place = place.unwrap_or_else(|| {
                    inspections.push(Inspection::default());
                    inspections.len() - 1
                });
                *part_of(&mut inspections[place], command) = Some(reply.value);
            }
        }
        for (worker, inspections) in answers {
            for inspection in inspections {
                self.intake
                    .push_input(Input::Inspected(worker.clone(), Box::new(inspection)));
            }
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
