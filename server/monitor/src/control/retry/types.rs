//! Which task types the workers know, and to which queue tasks of a type go.

use super::conflict;
use crate::{cell::Haste, control::Control};
use model::{QueueName, SearchExpression, TaskName, TaskQuery, WireError, WorkerName};
use protocol::{Reply, inspect};
use serde_json::json;
use std::{
    collections::{BTreeMap, BTreeSet, HashSet},
    sync::Arc,
    time::{Duration, Instant},
};

/// The queue of tasks about which nothing else is known (`task_default_queue`).
const DEFAULT_QUEUE: &str = "celery";

/// How long what workers said of the types they know is believed.
const REGISTERED_AGE: Duration = Duration::from_secs(10);

/// Tasks of a type looked at for the queue that it goes to.
const LOOKED_AT: u32 = 100;

/// What the workers that answered can do.
pub(crate) type Registered = Arc<Answered>;

/// See [`Registered`].
#[derive(Debug, Default)]
pub(crate) struct Answered {
    workers: BTreeMap<WorkerName, Skills>,
    /// Whether every worker online answered: what none of them knows, nobody knows.
    is_complete: bool,
}

/// What a worker can do.
#[derive(Debug, Default)]
pub(crate) struct Skills {
    /// The types it knows.
    types: HashSet<TaskName>,
    /// The queues it consumes, if it told.
    queues: Option<Vec<QueueName>>,
}

impl Control {
    /// Returns the queue that tasks of a type went to last; else the one that
    /// the workers that know the type consume, if it is one; else Celery's default.
    pub(super) fn usual_queue(&self, name: &TaskName, registered: &Registered) -> QueueName {
        let query = TaskQuery {
            name: Some(name.clone()),
            limit: LOOKED_AT,
            ..TaskQuery::default()
        };
        // An empty search matches everything.
        if let Ok(everything) = SearchExpression::parse("") {
            let page = self
                .parts
                .reader
                .task_page(&query, &everything, Haste::Patient);
            if let Some(newest) = page.rows.into_iter().find_map(|row| row.queue) {
                return newest;
            }
        }
        let fitting: BTreeSet<&QueueName> = registered
            .workers
            .values()
            .filter(|worker| worker.types.contains(name))
            .flat_map(|worker| worker.queues.iter().flatten())
            .collect();
        match fitting.into_iter().collect::<Vec<_>>().as_slice() {
            [only] => (*only).clone(),
            _ => default_queue(),
        }
    }

    /// Returns which types the workers know; asks them if that is not known
    /// since a short while. Workers that do not answer are not in it.
    pub(super) async fn registered(&self, is_fresh_wanted: bool) -> Registered {
        if !is_fresh_wanted
            && let Some((asked, registered)) = &*self.parts.outbox.registered.lock()
            && asked.elapsed() < REGISTERED_AGE
        {
            return Arc::clone(registered);
        }
        let question = async |command: &'static str| {
            self.parts
                .pidbox
                .ask(command, json!({}), None, self.parts.timeout)
                .await
        };
        let both =
            futures_util::future::try_join(question("registered"), question("active_queues")).await;
        let (types, queues) = match both {
            Ok(both) => both,
            Err(error) => {
                tracing::debug!(cause = error.chain(), "could not ask which types are known");
                return Registered::default();
            }
        };
        let is_list = |reply: &Reply| reply.value.is_array();
        let mut registered: BTreeMap<WorkerName, Skills> = BTreeMap::new();
        for reply in types.replies.into_iter().filter(is_list) {
            let types = inspect::registered_tasks(&reply.value);
            let skills = registered.entry(reply.worker).or_default();
            skills.types.extend(types.into_iter().map(|task| task.name));
        }
        for reply in queues.replies.into_iter().filter(is_list) {
            if let Some(skills) = registered.get_mut(&reply.worker) {
                let queues = inspect::queue_names(&reply.value);
                skills.queues.get_or_insert_default().extend(queues);
            }
        }
        let live = self.parts.reader.read().live_workers();
        let registered = Arc::new(Answered {
            is_complete: live.iter().all(|name| registered.contains_key(name)),
            workers: registered,
        });
        // Silence is no answer to be believed.
        if !registered.workers.is_empty() {
            *self.parts.outbox.registered.lock() = Some((Instant::now(), Arc::clone(&registered)));
        }
        registered
    }

    /// Tells why no worker could run the task; `None` if one can, or nobody knows.
    pub(super) fn unknown_type(
        &self,
        registered: &Registered,
        name: &TaskName,
        queue: &QueueName,
    ) -> Option<String> {
        // Celery's own are not listed (`celery/worker/control.py registered`).
        let is_known = registered.is_complete && !registered.workers.is_empty();
        if !is_known || name.as_str().starts_with("celery.") {
            return None;
        }
        if !registered
            .workers
            .values()
            .any(|worker| worker.types.contains(name))
        {
            return Some(format!(
                "No online worker knows the type {name}: it would be thrown away as not registered."
            ));
        }
        // One that did not tell its queues may consume this one.
        let consumes = |worker: &&Skills| {
            let queues = worker.queues.as_ref();
            queues.is_none_or(|queues| queues.contains(queue))
        };
        let mut consumers = registered.workers.values().filter(consumes).peekable();
        let nobody =
            consumers.peek().is_some() && consumers.all(|worker| !worker.types.contains(name));
        nobody.then(|| {
            format!("None of the workers that consume queue {queue} knows the type {name}.")
        })
    }

    pub(super) async fn expect_type(
        &self,
        registered: Registered,
        name: &TaskName,
        queue: &QueueName,
    ) -> Result<(), WireError> {
        if self.unknown_type(&registered, name, queue).is_none() {
            return Ok(());
        }
        // A worker may have come since it was asked.
        let registered = self.registered(true).await;
        match self.unknown_type(&registered, name, queue) {
            None => Ok(()),
            Some(reason) => Err(conflict(reason)),
        }
    }

    /// Says that nobody consumes a queue, if that is certain.
    pub(super) fn unconsumed(&self, queue: &QueueName) -> Option<String> {
        let queues = self.parts.reader.read().queue_list();
        let row = queues.rows.iter().find(|row| row.name == *queue);
        let is_known = row.map_or(!queues.rows.is_empty(), |row| row.are_consumers_known);
        let is_consumed = row.is_some_and(|row| !row.consumers.is_empty());
        (is_known && !is_consumed).then(|| {
            format!("No worker consumes queue {queue} now; the task waits there until one does.")
        })
    }
}

pub(super) fn default_queue() -> QueueName {
    DEFAULT_QUEUE.into()
}
