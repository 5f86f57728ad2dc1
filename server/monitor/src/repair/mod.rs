//! Finding out what events did not tell: what workers hold, what the result
//! backend kept, what waits in queues. It computes outside the state and hands
//! over what it found as facts, in bounded batches; nothing waits for it.

mod facts;
mod listen;

pub(crate) use listen::Listening;

use crate::{
    broker::{
        connect::Target,
        messages::{self, Messages},
        pidbox::Pidbox,
        results::{Results, Stored},
    },
    cell::StateReader,
    clock,
    error::BrokerError,
    intake::Intake,
    state::{Input, tasks::repair::Fact, workers::Errands},
};
use model::{TaskId, Timestamp, WorkerName};
use protocol::{Keyspace, inspect};
use serde_json::json;
use std::{
    collections::{BTreeMap, BTreeSet, HashMap, HashSet},
    time::{Duration, Instant},
};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

/// A worker is asked at most this often.
const COOLDOWN: Duration = Duration::from_secs(10);

/// Time for events that are on their way, before and between questions.
const SETTLE: Duration = Duration::from_secs(3);

/// What was heard of a task so shortly before a question proves nothing, seconds.
const FRESH_SECONDS: f64 = 2.0;

/// Facts handed over at once: applied under one lock.
const BATCH: usize = 100;

/// Most tasks sent and not received that are looked for.
const MAX_WAITING: usize = 10_000;

/// Finds out what events did not tell.
pub(crate) struct Repairer {
    pub(crate) pidbox: Pidbox,
    pub(crate) results: Option<Results>,
    pub(crate) target: Target,
    pub(crate) keyspace: Keyspace,
    pub(crate) intake: Intake,
    pub(crate) reader: StateReader,
    pub(crate) timeout: Duration,
}

/// What is to be done.
#[derive(Debug, Default)]
struct Due {
    all: bool,
    workers: BTreeSet<WorkerName>,
    orphans: BTreeSet<TaskId>,
}

/// What workers hold, by their own word.
#[derive(Debug, Default)]
struct Holdings {
    /// Workers that answered all three questions.
    answered: BTreeSet<WorkerName>,
    held: HashSet<TaskId>,
    facts: Vec<Fact>,
}

impl Due {
    fn add(&mut self, errands: Errands) {
        self.all |= errands.repair_all;
        self.workers.extend(errands.repair);
        self.orphans.extend(errands.orphans);
    }

    fn is_empty(&self) -> bool {
        !self.all && self.workers.is_empty() && self.orphans.is_empty()
    }
}

impl Repairer {
    /// Repairs what it is told to, one repair at a time, until cancelled.
    pub(crate) async fn run(
        self,
        mut errands: mpsc::UnboundedReceiver<Errands>,
        cancel: CancellationToken,
    ) {
        let mut due = Due::default();
        let mut last: HashMap<WorkerName, Instant> = HashMap::new();
        let mut last_all: Option<Instant> = None;
        loop {
            let pause = if due.is_empty() {
                Duration::MAX
            } else {
                Duration::from_secs(1)
            };
            tokio::select! {
                () = cancel.cancelled() => return,
                more = errands.recv() => match more {
                    Some(more) => due.add(more),
                    None => return,
                },
                () = tokio::time::sleep(pause) => {}
            }
            while let Ok(more) = errands.try_recv() {
                due.add(more);
            }
            last.retain(|_, at| at.elapsed() < COOLDOWN);
            let may_ask_all = last_all.is_none_or(|at| at.elapsed() >= COOLDOWN);
            let now_due = Due {
                all: may_ask_all && std::mem::take(&mut due.all),
                workers: due
                    .workers
                    .iter()
                    .filter(|worker| !last.contains_key(*worker))
                    .cloned()
                    .collect(),
                orphans: std::mem::take(&mut due.orphans),
            };
            due.workers.retain(|worker| last.contains_key(worker));
            if now_due.is_empty() {
                continue;
            }
            if now_due.all {
                last_all = Some(Instant::now());
            }
            let repaired = tokio::select! {
                () = cancel.cancelled() => return,
                repaired = self.repair(&now_due) => repaired,
            };
            match repaired {
                Ok(asked) => last.extend(asked.into_iter().map(|worker| (worker, Instant::now()))),
                Err(error) => {
                    // The event reader says in the log and on the screen that the broker is away.
                    tracing::debug!(cause = error.chain(), "could not repair");
                }
            }
            last.extend(now_due.workers.into_iter().map(|w| (w, Instant::now())));
        }
    }

    async fn repair(&self, due: &Due) -> Result<BTreeSet<WorkerName>, BrokerError> {
        if !due.orphans.is_empty() {
            self.look_into_orphans(&due.orphans).await?;
        }
        if !due.all && due.workers.is_empty() {
            return Ok(BTreeSet::new());
        }
        let asked = clock::now();
        let destination = (!due.all).then_some(&due.workers);
        let mut holdings = self.ask(destination, asked).await?;
        let count = holdings.facts.len();
        let facts = std::mem::take(&mut holdings.facts);
        self.tell(facts).await;
        let messages = if due.all {
            let messages = self.read_messages().await?;
            self.tell_messages(&messages, &holdings).await;
            Some(messages)
        } else {
            None
        };
        let missing = self.missing(&holdings, messages.as_ref(), asked);
        tracing::debug!(
            workers = holdings.answered.len(),
            held = count,
            missing = missing.len(),
            "asked workers what they hold"
        );
        let missing = self.look_up(missing).await?;
        if !missing.is_empty() {
            self.look_again(missing, destination, due.all, asked)
                .await?;
        }
        Ok(holdings.answered)
    }

    /// Asks workers what they hold.
    async fn ask(
        &self,
        destination: Option<&BTreeSet<WorkerName>>,
        asked: Timestamp,
    ) -> Result<Holdings, BrokerError> {
        let question = async |command: &'static str| {
            self.pidbox
                .ask(command, json!({}), destination, self.timeout)
                .await
        };
        // All at once, so that a silent worker costs one deadline.
        let (active, reserved, scheduled, stats) = futures_util::future::try_join4(
            question("active"),
            question("reserved"),
            question("scheduled"),
            question("stats"),
        )
        .await?;
        // Two processes under one name cannot be told apart by their answers.
        let mut pids: BTreeMap<WorkerName, Option<u32>> = BTreeMap::new();
        for reply in &stats.replies {
            let pid = inspect::stats_pid(&reply.value);
            pids.entry(reply.worker.clone())
                .and_modify(|known| *known = None)
                .or_insert(pid);
        }
        let mut answers: BTreeMap<WorkerName, u32> = BTreeMap::new();
        let mut holdings = Holdings::default();
        let all = [
            (&active, "active"),
            (&reserved, "reserved"),
            (&scheduled, "scheduled"),
        ];
        for (answer, command) in all {
            for reply in &answer.replies {
                if inspect::error(&reply.value).is_some() {
                    continue;
                }
                let (worker, value) = (&reply.worker, &reply.value);
                let pid = pids.get(worker).copied().flatten();
                *answers.entry(worker.clone()).or_default() += 1;
                match command {
                    "active" => {
                        let tasks = inspect::held_tasks(value);
                        holdings
                            .held
                            .extend(tasks.iter().map(|task| task.id.clone()));
                        let facts = tasks
                            .into_iter()
                            .filter_map(|task| facts::running(task, worker, pid));
                        holdings.facts.extend(facts);
                    }
                    "reserved" => {
                        let tasks = inspect::held_tasks(value);
                        let facts = tasks
                            .into_iter()
                            .map(|task| facts::held(task, worker, pid, asked));
                        holdings.facts.extend(facts);
                    }
                    _ => {
                        let tasks = inspect::scheduled_tasks(value);
                        let facts = tasks
                            .into_iter()
                            .map(|task| facts::scheduled(task, worker, pid, asked));
                        holdings.facts.extend(facts);
                    }
                }
            }
        }
        let ids = holdings.facts.iter().map(|fact| fact.id.clone());
        holdings.held.extend(ids);
        let state = self.reader.read();
        holdings.answered = answers
            .into_iter()
            .filter(|(worker, count)| *count == 3 && pids.get(worker).is_some_and(Option::is_some))
            .map(|(worker, _)| worker)
            // Of two processes under one name perhaps one has answered.
            .filter(|worker| state.namesakes(worker) <= 1)
            .collect();
        drop(state);
        Ok(holdings)
    }

    /// Hands facts over and waits until they are applied.
    async fn tell(&self, facts: Vec<Fact>) {
        let mut facts = facts.into_iter().peekable();
        while facts.peek().is_some() {
            let batch: Vec<Fact> = facts.by_ref().take(BATCH).collect();
            self.intake.push_input(Input::Facts(batch));
        }
        self.intake.drained().await;
    }

    async fn read_messages(&self) -> Result<Messages, BrokerError> {
        let queues: Vec<_> = {
            let state = self.reader.read();
            let mut queues = state.queues_heard_of();
            queues.extend(state.queue_list().rows.into_iter().map(|row| row.name));
            queues
        };
        let mut connection = self.target.connect(false).await?;
        // Those of queues that nobody named yet are found by looking for them.
        let found = crate::broker::discovery::discover(&mut connection, &self.keyspace).await?;
        let mut found = found.queues;
        found.extend(queues);
        let queues: Vec<_> = found.into_iter().collect();
        messages::read(&mut connection, &self.keyspace, &queues).await
    }

    /// Tells of messages: those in queues, and those that somebody took who
    /// did not say that he holds them.
    async fn tell_messages(&self, messages: &Messages, holdings: &Holdings) {
        let waiting = messages
            .waiting
            .iter()
            .map(|(queue, message)| facts::waiting(message.clone(), Some(queue.clone())));
        let unacked = messages
            .unacked
            .iter()
            .filter(|message| !holdings.held.contains(&message.id))
            .map(|message| facts::taken(message.clone()));
        self.tell(waiting.chain(unacked).collect()).await;
    }

    /// Returns the tasks that workers do not hold although the state says so,
    /// and with `messages` those that wait nowhere.
    fn missing(
        &self,
        holdings: &Holdings,
        messages: Option<&Messages>,
        asked: Timestamp,
    ) -> Vec<TaskId> {
        let limit = asked.plus_seconds(-FRESH_SECONDS);
        let mut missing: Vec<TaskId> = self
            .reader
            .open_tasks_of(&holdings.answered)
            .into_iter()
            .filter(|task| task.heard < limit && !holdings.held.contains(&task.id))
            .map(|task| task.id)
            .collect();
        if let Some(messages) = messages.filter(|m| m.are_all_waiting && m.are_all_unacked) {
            let there: HashSet<&TaskId> = messages
                .waiting
                .iter()
                .map(|(_, message)| &message.id)
                .chain(messages.unacked.iter().map(|message| &message.id))
                .collect();
            let waiting = self.reader.waiting_tasks(MAX_WAITING, limit);
            missing.extend(
                waiting
                    .into_iter()
                    .filter(|id| !there.contains(id) && !holdings.held.contains(id)),
            );
        }
        missing
    }

    /// Looks for the results of tasks; returns those that have none.
    async fn look_up(&self, ids: Vec<TaskId>) -> Result<Vec<TaskId>, BrokerError> {
        let Some(results) = &self.results else {
            return Ok(ids);
        };
        let now = clock::now();
        let facts: Vec<Fact> = results
            .read_many(&ids)
            .await?
            .into_iter()
            .filter_map(|(id, stored)| match stored {
                Stored::Whole(result) => facts::result(id, *result, None),
                Stored::Large { ends, bytes } => facts::large_result(id, &ends, bytes, None, now),
            })
            .collect();
        let found: HashSet<TaskId> = facts.iter().map(|fact| fact.id.clone()).collect();
        self.tell(facts).await;
        Ok(ids.into_iter().filter(|id| !found.contains(id)).collect())
    }

    /// Looks a second time for tasks that were nowhere: a moment may lie
    /// between two of a task's places. What is nowhere again has ended unseen.
    async fn look_again(
        &self,
        missing: Vec<TaskId>,
        destination: Option<&BTreeSet<WorkerName>>,
        is_all: bool,
        asked: Timestamp,
    ) -> Result<(), BrokerError> {
        tokio::time::sleep(SETTLE).await;
        let mut holdings = self.ask(destination, clock::now()).await?;
        let facts = std::mem::take(&mut holdings.facts);
        self.tell(facts).await;
        let messages = self.read_messages().await?;
        let again: HashSet<TaskId> = self
            .missing(&holdings, is_all.then_some(&messages), asked)
            .into_iter()
            .collect();
        let missing: Vec<TaskId> = missing
            .into_iter()
            .filter(|id| again.contains(id))
            .collect();
        let mut missing: HashSet<TaskId> = self.look_up(missing).await?.into_iter().collect();
        let mut located = Vec::new();
        for message in &messages.unacked {
            if missing.remove(&message.id) {
                located.push(facts::taken(message.clone()));
            }
        }
        for (queue, message) in &messages.waiting {
            if missing.remove(&message.id) {
                located.push(facts::waiting(message.clone(), Some(queue.clone())));
            }
        }
        self.tell(located).await;
        if missing.is_empty() || !messages.are_all_waiting || !messages.are_all_unacked {
            return Ok(());
        }
        let reason = if self.results.is_some() {
            "no worker has it any more, and no result of it is kept"
        } else {
            "no worker has it any more; whether a result is kept is not known"
        };
        self.intake.push_input(Input::Vanished {
            ids: missing.into_iter().collect(),
            asked,
            reason,
        });
        Ok(())
    }

    /// Finds out what became of tasks whose worker process is gone.
    async fn look_into_orphans(&self, ids: &BTreeSet<TaskId>) -> Result<(), BrokerError> {
        let orphans = self.look_up(ids.iter().cloned().collect()).await?;
        if orphans.is_empty() {
            return Ok(());
        }
        let messages = self.read_messages().await?;
        let there: HashSet<&TaskId> = messages
            .unacked
            .iter()
            .chain(messages.waiting.iter().map(|(_, message)| message))
            .map(|message| &message.id)
            .collect();
        let are_all = messages.are_all_unacked && messages.are_all_waiting;
        let orphans = orphans
            .into_iter()
            .map(|id| {
                let is_there = there.contains(&id);
                (id, (is_there || are_all).then_some(is_there))
            })
            .collect();
        self.intake.push_input(Input::Orphaned(orphans));
        Ok(())
    }
}
