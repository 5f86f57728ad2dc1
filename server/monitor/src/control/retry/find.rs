//! Looking for the arguments of tasks, everywhere they may be.

use super::super::Control;
use crate::{
    broker::{
        discovery,
        messages::{self, Place},
    },
    error::BrokerError,
};
use model::{QueueName, TaskId, WorkerName};
use protocol::{
    DecodeError, OpenMessage, StoredArguments, decode_arguments, decode_message,
    inspect::{QueriedTask, queried_tasks},
    open_message,
};
use serde_json::json;
use std::{
    collections::{BTreeSet, HashMap, HashSet},
    sync::Arc,
};

/// Ids asked for in one request to the workers.
const IDS_AT_ONCE: usize = 500;

/// A message as it stood in its queue.
#[derive(Clone, Debug)]
pub(crate) struct Original {
    pub(super) message: Arc<[u8]>,
    pub(super) open: OpenMessage,
    /// Where it is now; absent of one seen earlier.
    pub(super) place: Option<Place>,
}

impl Original {
    fn read(message: Arc<[u8]>, place: Option<Place>) -> Option<Self> {
        let open = open_message(&message).ok()?;
        Some(Self {
            message,
            open,
            place,
        })
    }

    /// Tells whether something follows the task that a retry with the bare
    /// arguments would lose.
    pub(super) fn has_more(&self) -> bool {
        self.open.body.as_ref().is_ok_and(|body| {
            body.chain_tasks().len() + usize::from(body.callbacks.is_some()) > 0
                || body.errbacks.is_some()
        })
    }
}

/// A task that a worker has.
pub(super) type Held = (WorkerName, QueriedTask);

/// What is stored for a task.
#[derive(Clone, Debug, Default)]
pub(crate) enum Stored {
    /// Nobody was asked: no result backend is configured.
    #[default]
    NotAsked,
    /// The backend did not answer.
    Failed(String),
    /// Nothing.
    Nothing,
    /// A result without arguments.
    NoArguments,
    /// A result that cannot be read.
    Unreadable(DecodeError),
    /// The arguments.
    Arguments(StoredArguments),
}

/// What was found of a task.
#[derive(Clone, Debug, Default)]
pub(crate) struct Found {
    pub(super) message: Option<Original>,
    pub(super) held: Option<(WorkerName, QueriedTask)>,
    pub(super) stored: Stored,
    pub(super) seen: Option<Original>,
}

/// What was found of some tasks.
#[derive(Debug, Default)]
pub(crate) struct Findings {
    pub(super) by_task: HashMap<TaskId, Found>,
    /// Why the queues could not be looked through.
    pub(crate) messages_problem: Option<String>,
    /// Whether every message of the queues and of workers was looked at.
    pub(super) are_all_messages: bool,
    /// Why the workers could not be asked.
    pub(super) workers_problem: Option<String>,
}

impl Findings {
    fn of(&mut self, id: &TaskId) -> &mut Found {
        self.by_task.entry(id.clone()).or_default()
    }

    /// Adds what workers have.
    pub(super) fn add_held(&mut self, held: Result<Vec<Held>, BrokerError>) {
        match held {
            Ok(tasks) => {
                for (worker, task) in tasks {
                    let id = task.task.id.clone();
                    self.of(&id).held = Some((worker, task));
                }
            }
            Err(error) => self.workers_problem = Some(error.chain()),
        }
    }
}

impl Control {
    /// Looks for tasks everywhere: `held` are those that a worker may still have.
    pub(super) async fn find(&self, ids: &[TaskId], held: &[TaskId]) -> Findings {
        let (mut findings, workers, stored) = futures_util::future::join3(
            self.find_messages(ids),
            self.find_held(held),
            self.find_stored(ids),
        )
        .await;
        findings.add_held(workers);
        for (id, stored) in stored {
            findings.of(&id).stored = stored;
        }
        self.add_seen(ids, &mut findings);
        findings
    }

    /// Adds the messages seen earlier.
    pub(super) fn add_seen(&self, ids: &[TaskId], findings: &mut Findings) {
        for id in ids {
            if let Some(message) = self.parts.outbox.seen.get(id) {
                findings.of(id).seen = Original::read(message, None);
            }
        }
    }

    /// Looks for messages in one pass over the queues and what workers hold.
    pub(in super::super) async fn find_messages(&self, ids: &[TaskId]) -> Findings {
        let mut findings = Findings::default();
        if let Err(error) = self.look_for(ids, &mut findings).await {
            findings.messages_problem = Some(error.chain());
        }
        findings
    }

    async fn look_for(&self, ids: &[TaskId], findings: &mut Findings) -> Result<(), BrokerError> {
        let wanted: HashSet<&TaskId> = ids.iter().collect();
        let mut connection = self.parts.target.connect(false).await?;
        let queues = self.queues_to_look_into(ids, &mut connection).await?;
        let looked = messages::look(
            &mut connection,
            &self.parts.keyspace,
            &queues,
            |place, element| {
                let Ok(task) = decode_message(element) else {
                    return;
                };
                if wanted.contains(&task.id) {
                    let found = findings.of(&task.id);
                    // A message that a worker holds may be a later attempt's.
                    if found.message.is_none() {
                        found.message = Original::read(element.into(), Some(place.clone()));
                    }
                }
            },
        )
        .await?;
        findings.are_all_messages = looked.are_all_waiting && looked.are_all_unacked;
        Ok(())
    }

    /// Returns every queue, those of the tasks first.
    async fn queues_to_look_into(
        &self,
        ids: &[TaskId],
        connection: &mut redis::aio::MultiplexedConnection,
    ) -> Result<Vec<QueueName>, BrokerError> {
        let (own, mut all) = {
            let state = self.parts.reader.read();
            let own: BTreeSet<QueueName> = ids
                .iter()
                .take(IDS_AT_ONCE)
                .filter_map(|id| state.task_alone(id)?.summary.queue)
                .collect();
            let mut all: BTreeSet<QueueName> = state.queues_heard_of().into_iter().collect();
            all.extend(state.queue_list().rows.into_iter().map(|row| row.name));
            (own, all)
        };
        // The poller looks for new ones; who has not looked yet knows none.
        if all.is_empty() {
            all = discovery::discover(connection, &self.parts.keyspace)
                .await?
                .queues;
        }
        let others: Vec<QueueName> = all.difference(&own).cloned().collect();
        Ok(own.into_iter().chain(others).collect())
    }

    /// Asks the workers for tasks.
    pub(super) async fn find_held(&self, ids: &[TaskId]) -> Result<Vec<Held>, BrokerError> {
        let mut tasks = Vec::new();
        for ids in ids.chunks(IDS_AT_ONCE) {
            let arguments = json!({ "ids": ids });
            let answers = self
                .parts
                .pidbox
                .ask("query_task", arguments, None, self.parts.timeout)
                .await?;
            for reply in answers.replies {
                let held = queried_tasks(&reply.json);
                tasks.extend(held.into_iter().map(|task| (reply.worker.clone(), task)));
            }
        }
        Ok(tasks)
    }

    /// Reads what is stored for tasks.
    pub(super) async fn find_stored(&self, ids: &[TaskId]) -> Vec<(TaskId, Stored)> {
        let Some(results) = &self.parts.results else {
            return Vec::new();
        };
        let documents = match results.read_documents(ids).await {
            Ok(documents) => documents,
            Err(error) => {
                let problem = error.chain();
                let failed = |id: &TaskId| (id.clone(), Stored::Failed(problem.clone()));
                return ids.iter().map(failed).collect();
            }
        };
        let rows = self.parts.reader.read().queue_list().rows;
        let queues: HashSet<QueueName> = rows.into_iter().map(|row| row.name).collect();
        let documents = ids.iter().zip(documents);
        let stored = documents.map(|(id, document)| {
            let stored = match document.as_deref().map(decode_arguments) {
                None => Stored::Nothing,
                Some(Ok(None)) => Stored::NoArguments,
                Some(Ok(Some(mut arguments))) => {
                    // It is the routing key (`celery/backends/base.py`), which on
                    // the default exchange alone is the queue's name.
                    arguments.queue = arguments.queue.filter(|name| queues.contains(name));
                    Stored::Arguments(arguments)
                }
                Some(Err(error)) => Stored::Unreadable(error),
            };
            (id.clone(), stored)
        });
        stored.collect()
    }
}
