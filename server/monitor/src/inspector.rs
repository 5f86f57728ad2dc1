//! Asking the workers: who is there, what they hold, and that they send events.

use crate::{
    broker::pidbox::Pidbox,
    cell::StateReader,
    error::BrokerError,
    intake::Intake,
    state::{Input, schedule::ScheduleNews, workers::Errands},
};
use model::{ErrorKind, Inspection, TaskId, WireError, WorkerName};
use parking_lot::Mutex;
use protocol::inspect;
use serde_json::{Value, json};
use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::Arc,
    time::Duration,
};
use tokio::{sync::mpsc, time::Instant};
use tokio_util::sync::CancellationToken;

/// How often everybody is asked whether he is there. Workers without events
/// are known by their answers alone.
const PING_INTERVAL: Duration = Duration::from_secs(10);

/// How often every worker's statistics and queues are read again.
const REFRESH_INTERVAL: Duration = Duration::from_secs(60);

/// How often a worker is asked for what it holds while somebody looks at it.
const WATCHED_INTERVAL: Duration = Duration::from_secs(5);

/// Answers so young are not asked for again.
const FRESH: Duration = Duration::from_secs(2);

/// Workers do some of what they are told after they say so (`call_soon` in
/// `celery/worker/control.py`), busy ones seconds later, so they are looked at
/// again after each of these pauses.
const LOOKS: [Duration; 4] = [
    Duration::ZERO,
    Duration::from_secs(1),
    Duration::from_secs(3),
    Duration::from_secs(10),
];

/// Most revoked ids handed to the state at a time: one hold of its lock.
const REVOKED_AT_ONCE: usize = 1_000;

/// A part of what workers tell when asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    Stats,
    ActiveQueues,
    Registered,
    Active,
    Reserved,
    Scheduled,
    Revoked,
    Conf,
}

impl Part {
    /// The command that asks for it.
    fn command(self) -> &'static str {
        match self {
            Self::Stats => "stats",
            Self::ActiveQueues => "active_queues",
            Self::Registered => "registered",
            Self::Active => "active",
            Self::Reserved => "reserved",
            Self::Scheduled => "scheduled",
            Self::Revoked => "revoked",
            Self::Conf => "conf",
        }
    }

    fn arguments(self) -> Value {
        match self {
            // Workers tell the rate limit unasked, but not the time limits.
            Self::Registered => {
                json!({"taskinfoitems": ["rate_limit", "time_limit", "soft_time_limit"]})
            }
            _ => json!({}),
        }
    }

    fn of(self, inspection: &mut Inspection) -> &mut Option<Value> {
        match self {
            Self::Stats => &mut inspection.stats,
            Self::ActiveQueues => &mut inspection.active_queues,
            Self::Registered => &mut inspection.registered,
            Self::Active => &mut inspection.active,
            Self::Reserved => &mut inspection.reserved,
            Self::Scheduled => &mut inspection.scheduled,
            Self::Revoked => &mut inspection.revoked,
            Self::Conf => &mut inspection.conf,
        }
    }
}

/// What is asked of a worker when it is first seen: enough for the lists.
const BRIEF: [Part; 2] = [Part::Stats, Part::ActiveQueues];

/// What is asked of every worker now and then.
///
/// Not their ETA tasks: there may be many thousands, and workers write each of them out.
const REGULAR: [Part; 3] = [Part::Stats, Part::ActiveQueues, Part::Conf];

/// What is asked of every worker while somebody looks at the schedule.
const SCHEDULE: [Part; 2] = [Part::Conf, Part::Scheduled];

/// What is asked when somebody looks at it.
const FULL: [Part; 8] = [
    Part::Stats,
    Part::ActiveQueues,
    Part::Registered,
    Part::Active,
    Part::Reserved,
    Part::Scheduled,
    Part::Revoked,
    Part::Conf,
];

/// Where rate and time limits are told.
pub(crate) const LIMITS: [Part; 1] = [Part::Registered];

/// When everything was asked last, by worker; of all workers under `None`.
/// Who asks at the same time waits for the same answers.
type Fresh = Arc<Mutex<HashMap<Option<WorkerName>, Arc<tokio::sync::Mutex<Option<Instant>>>>>>;

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
    pub(crate) fresh: Fresh,
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
                _ = refresh.tick() => self.inspect(&REGULAR, None).await,
                _ = watched.tick() => self.look_for_watchers().await,
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
            tracing::debug!(?workers, "telling workers to send task events");
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
        let is_beat = |worker: &WorkerName| worker.as_str().starts_with("celerybeat@");
        if answers.replies.iter().any(|reply| is_beat(&reply.worker)) {
            let news = Box::new(ScheduleNews::BeatAnswered);
            self.intake.push_input(Input::OfSchedule(news));
        }
        let workers: Vec<WorkerName> = answers
            .replies
            .into_iter()
            .map(|reply| reply.worker)
            .filter(|worker| !is_beat(worker))
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

    async fn look_for_watchers(&self) -> Result<(), BrokerError> {
        if self.watched.take_schedule() {
            self.inspect(&SCHEDULE, None).await?;
        }
        self.inspect_watched().await
    }

    async fn inspect_watched(&self) -> Result<(), BrokerError> {
        let online: BTreeSet<WorkerName> =
            self.reader.read().online_workers().into_iter().collect();
        let is_all_fresh = self.is_fresh(None);
        let workers: BTreeSet<WorkerName> = self
            .watched
            .take_names()
            .intersection(&online)
            .filter(|name| !is_all_fresh && !self.is_fresh(Some(name)))
            .cloned()
            .collect();
        if workers.is_empty() {
            return Ok(());
        }
        let now = Instant::now();
        self.inspect(&FULL, Some(&workers)).await?;
        for worker in &workers {
            // Whoever holds it is asking just now and will note it.
            if let Ok(mut asked) = self.entry(Some(worker)).try_lock() {
                *asked = Some(now);
            }
        }
        Ok(())
    }

    /// Asks a worker, or all of them, everything a page or an API client may
    /// want, and waits for it. Who asks within [`FRESH`] of another is served
    /// by that one's answers.
    pub(crate) async fn inspect_fully(
        &self,
        worker: Option<&WorkerName>,
    ) -> Result<(), BrokerError> {
        if worker.is_some() && self.is_fresh(None) {
            return Ok(());
        }
        let asked = self.entry(worker);
        let mut asked = asked.lock().await;
        if asked.is_some_and(|at| at.elapsed() < FRESH) {
            return Ok(());
        }
        let now = Instant::now();
        let destination = worker.map(|name| BTreeSet::from([name.clone()]));
        self.inspect(&FULL, destination.as_ref()).await?;
        *asked = Some(now);
        Ok(())
    }

    fn is_fresh(&self, worker: Option<&WorkerName>) -> bool {
        let entry = self.fresh.lock().get(&worker.cloned()).cloned();
        // Whoever holds it is asking just now: then one asks for oneself.
        entry.is_some_and(|asked| {
            asked
                .try_lock()
                .is_ok_and(|asked| asked.is_some_and(|at| at.elapsed() < FRESH))
        })
    }

    fn entry(&self, worker: Option<&WorkerName>) -> Arc<tokio::sync::Mutex<Option<Instant>>> {
        let mut fresh = self.fresh.lock();
        // Names come from outside: what is not fresh any more is not kept.
        fresh.retain(|_, asked| {
            Arc::strong_count(asked) > 1
                || asked
                    .try_lock()
                    .is_ok_and(|asked| asked.is_some_and(|at| at.elapsed() < FRESH))
        });
        Arc::clone(fresh.entry(worker.cloned()).or_default())
    }

    /// Reads again what a command changes, at once and some moments later, so
    /// that pages follow. Does not wait for it.
    pub(crate) fn follow(&self, parts: &'static [Part], workers: BTreeSet<WorkerName>) {
        let inspector = self.clone();
        tokio::spawn(async move {
            for pause in LOOKS {
                tokio::time::sleep(pause).await;
                if let Err(error) = inspector.inspect(parts, Some(&workers)).await {
                    tracing::debug!(cause = error.chain(), "could not look at what changed");
                }
            }
        });
    }

    /// Asks a worker for its report, a text about its software and settings.
    pub(crate) async fn report(&self, worker: &WorkerName) -> Result<String, WireError> {
        let destination = BTreeSet::from([worker.clone()]);
        let answers = self
            .pidbox
            .ask("report", json!({}), Some(&destination), self.timeout)
            .await?;
        let Some(reply) = answers.replies.into_iter().next() else {
            let is_known = self.reader.read().knows_worker(worker);
            let (kind, message) = if is_known {
                let seconds = self.timeout.as_secs_f64();
                let message = format!("{worker} did not answer within {seconds} s.");
                (ErrorKind::Unavailable, message)
            } else {
                let message = format!("No worker of this name answered: {worker}.");
                (ErrorKind::NotFound, message)
            };
            return Err(WireError::new(kind, message));
        };
        match (inspect::ok(&reply.value), inspect::error(&reply.value)) {
            (Some(text), _) => Ok(text.trim().to_owned()),
            (None, error) => Err(WireError::new(
                ErrorKind::Conflict,
                format!(
                    "{worker} refused: {}.",
                    error.unwrap_or("it gave no report")
                ),
            )),
        }
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
        parts: &[Part],
        destination: Option<&BTreeSet<WorkerName>>,
    ) -> Result<(), BrokerError> {
        // Two processes may share a name: then each question has two answers.
        let mut answers: BTreeMap<WorkerName, Vec<Inspection>> = BTreeMap::new();
        let asked = parts.iter().map(|part| async {
            let replies = self
                .pidbox
                .ask(part.command(), part.arguments(), destination, self.timeout)
                .await;
            (*part, replies)
        });
        // All at once, so that a silent worker costs one deadline, not eight.
        for (part, answer) in futures_util::future::join_all(asked).await {
            for reply in answer?.replies {
                if inspect::error(&reply.value).is_some() {
                    continue;
                }
                let inspections = answers.entry(reply.worker).or_default();
                let place = inspections
                    .iter_mut()
                    .position(|inspection| part.of(inspection).is_none());
                let place = place.unwrap_or_else(|| {
                    inspections.push(Inspection::default());
                    inspections.len() - 1
                });
                *part.of(&mut inspections[place]) = Some(reply.value);
            }
        }
        for (worker, inspections) in answers {
            for inspection in inspections {
                let revoked = inspection.revoked.as_ref().and_then(Value::as_array);
                for ids in revoked
                    .into_iter()
                    .flat_map(|ids| ids.chunks(REVOKED_AT_ONCE))
                {
                    let ids = ids.iter().filter_map(Value::as_str).map(TaskId::from);
                    self.intake.push_input(Input::Revoked(ids.collect()));
                }
                self.intake
                    .push_input(Input::Inspected(worker.clone(), Box::new(inspection)));
            }
        }
        Ok(())
    }
}
