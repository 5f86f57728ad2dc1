//! Sending tasks: new ones, and old ones once more.

mod build;
mod find;
mod plan;
mod text;

pub(super) use build::Ready;
pub(super) use find::Findings;
pub(super) use plan::standing_in_the_way;

use super::Control;
use crate::{
    broker::{
        seen::Seen,
        sender::{Sender, Unsent},
    },
    clock,
    state::Input,
};
use find::{Found, Stored};
use model::{
    ArgumentSource, Command, ErrorKind, Outcome, QueueName, RetryPlan, SearchExpression,
    TaskDetail, TaskDraft, TaskId, TaskName, TaskQuery, WireError, WorkerName,
};
use parking_lot::Mutex;
use plan::{EXACT, Scene, may_be_held};
use protocol::{NewTask, inspect};
use serde_json::json;
use std::{
    collections::{BTreeMap, HashMap, HashSet},
    sync::Arc,
    time::{Duration, Instant},
};

/// The queue of tasks about which nothing else is known (`task_default_queue`).
const DEFAULT_QUEUE: &str = "celery";

/// How long what workers said of the types they know is believed.
const REGISTERED_AGE: Duration = Duration::from_secs(10);

/// Tasks of a type looked at for the queue that it goes to.
const LOOKED_AT: u32 = 100;

/// Longest countdown, seconds: ten years.
const MAX_COUNTDOWN_SECONDS: f64 = 10.0 * 365.0 * 86_400.0;

/// The highest priority.
const MAX_PRIORITY: u8 = 9;

/// The types that each worker knows, as far as workers answered.
type Registered = Arc<BTreeMap<WorkerName, HashSet<TaskName>>>;

/// What sending needs besides.
#[derive(Debug)]
pub(crate) struct Outbox {
    pub(crate) sender: Sender,
    pub(crate) seen: Seen,
    registered: Mutex<Option<(Instant, Registered)>>,
}

impl Outbox {
    pub(crate) fn new(sender: Sender, seen: Seen) -> Self {
        Self {
            sender,
            seen,
            registered: Mutex::default(),
        }
    }
}

impl Control {
    pub(super) async fn run_send(&self, command: Command) -> Result<Outcome, WireError> {
        match command {
            // They hold what was found of a task, which is much.
            Command::Retry { task, source } => Box::pin(self.retry(&task, source)).await,
            Command::Send { task } => Box::pin(self.send(*task)).await,
            other => Err(WireError::new(
                ErrorKind::Internal,
                format!("{} came to the wrong part of the engine", other.kind()),
            )),
        }
    }

    /// Tells how a task can be sent once more.
    pub(crate) async fn retry_plan(&self, id: &TaskId) -> Result<RetryPlan, WireError> {
        let task = self.known(id)?;
        let (findings, registered) =
            futures_util::future::join(self.find_one(&task), self.registered(false)).await;
        let nothing = Found::default();
        let scene = self.scene(&task, &findings, &nothing, &registered);
        let mut plan = scene.plan();
        let queue = plan.draft.queue.clone().unwrap_or_else(default_queue);
        if plan.draft.name.as_str().is_empty() {
            plan.problems.push("Its type is not known.".to_owned());
        } else {
            let unknown = self.unknown_type(&registered, &plan.draft.name, &queue);
            plan.problems.extend(unknown);
        }
        if !plan.is_queue_known {
            plan.consequences.push(format!(
                "Its queue is not known; queue {queue} is where tasks of its type go."
            ));
        }
        plan.consequences.extend(self.unconsumed(&queue));
        Ok(plan)
    }

    async fn retry(
        &self,
        id: &TaskId,
        source: Option<ArgumentSource>,
    ) -> Result<Outcome, WireError> {
        let task = self.known(id)?;
        may_retry(&task)?;
        let (findings, registered) =
            futures_util::future::join(self.find_one(&task), self.registered(false)).await;
        let nothing = Found::default();
        let scene = self.scene(&task, &findings, &nothing, &registered);
        let source = source.or_else(|| scene.best(EXACT));
        let Some(source) = source else {
            return Err(conflict(without_source(&scene)));
        };
        let material = scene.material(source).map_err(conflict)?;
        let ready = build::retry(&scene, &material, None, &self.parts.keyspace)
            .map_err(|reason| conflict(format!("It cannot be retried: {reason}.")))?;
        self.expect_type(registered, &material.name(), &ready.queue)
            .await?;
        let mut notes = scene.consequences(&material);
        notes.extend(self.unconsumed(&ready.queue));
        if source == ArgumentSource::Text {
            notes.push("Its arguments were read from the text that events carry.".to_owned());
        }
        let message = format!("Sent again to queue {} as {}.", ready.queue, ready.id);
        self.send_one(ready, message, notes).await
    }

    async fn send(&self, draft: TaskDraft) -> Result<Outcome, WireError> {
        let now = clock::now();
        check(&draft, now)?;
        let old = draft.retry_of.as_ref();
        let old_task = old.and_then(|id| self.parts.reader.read().task_alone(id));
        if let Some(task) = &old_task {
            may_retry(task)?;
        }
        let registered = self.registered(false).await;
        let known_queue = old_task
            .as_ref()
            .and_then(|task| task.summary.queue.clone());
        let queue = draft
            .queue
            .clone()
            .or(known_queue)
            .unwrap_or_else(|| self.usual_queue(&draft.name, &registered));
        if !draft.is_unchecked {
            self.expect_type(registered, &draft.name, &queue).await?;
        }
        let root = old_task.and_then(|task| task.root_id);
        let eta = draft
            .eta
            .or_else(|| Some(now.plus_seconds(draft.countdown_seconds.filter(|s| *s > 0.0)?)));
        let task = NewTask {
            id: build::fresh_id(),
            name: draft.name,
            args: draft.args.as_str().to_owned(),
            kwargs: draft.kwargs.as_str().to_owned(),
            callbacks: None,
            errbacks: None,
            chain: None,
            queue,
            priority: draft.priority.unwrap_or(0),
            eta,
            expires: draft.expires,
            root_id: root.or_else(|| draft.retry_of.clone()),
            parent_id: draft.retry_of.clone(),
            retry_of: draft.retry_of,
            origin: build::origin().to_owned(),
            delivery_tag: build::fresh_id().to_string(),
        };
        let ready = build::new(&task, now, &self.parts.keyspace)
            .map_err(|reason| WireError::new(ErrorKind::Internal, reason))?;
        let notes = self.unconsumed(&ready.queue).into_iter().collect();
        let message = format!("Sent to queue {} as {}.", ready.queue, ready.id);
        self.send_one(ready, message, notes).await
    }

    async fn send_one(
        &self,
        ready: Ready,
        message: String,
        notes: Vec<String>,
    ) -> Result<Outcome, WireError> {
        let Ready {
            id, outgoing, sent, ..
        } = ready;
        let unavailable = |message| WireError::new(ErrorKind::Unavailable, message);
        match self.parts.outbox.sender.push(&[outgoing]).await {
            Ok(answers) => {
                if let Some(Err(refusal)) = answers.into_iter().next() {
                    return Err(unavailable(format!("{refusal}. Nothing was sent.")));
                }
            }
            Err(Unsent::Surely(error)) => {
                let message = format!("Nothing was sent: {}.", error.chain());
                return Err(unavailable(message));
            }
            Err(Unsent::Perhaps(error)) => {
                let message = format!("It may have been sent, as {id}: {}.", error.chain());
                return Err(unavailable(message));
            }
        }
        self.parts.intake.push_input(Input::Sent(vec![sent]));
        // Whoever is told the id may ask for the task at once.
        self.parts.intake.drained().await;
        Ok(Outcome {
            task: Some(id),
            notes,
            count: Some(1),
            ..Outcome::done(message)
        })
    }

    /// Makes the messages that repeat tasks of a bulk, or tells why one cannot
    /// be repeated; an error is the broker's, and then nothing was made.
    ///
    /// `messages` are those found in one pass over the queues for the whole bulk.
    pub(super) async fn make_retries(
        &self,
        tasks: &[TaskDetail],
        messages: &mut Findings,
        worst: Option<ArgumentSource>,
        queue: Option<&QueueName>,
    ) -> Result<Vec<Result<Ready, String>>, String> {
        let ids: Vec<TaskId> = tasks.iter().map(|task| task.summary.id.clone()).collect();
        let held = held_ids(tasks);
        let (stored, workers, mut registered) = futures_util::future::join3(
            self.find_stored(&ids),
            self.find_held(&held),
            self.registered(false),
        )
        .await;
        for (id, stored) in stored {
            if let Stored::Failed(problem) = stored {
                return Err(problem);
            }
            messages.by_task.entry(id).or_default().stored = stored;
        }
        messages.add_held(workers);
        self.add_seen(&ids, messages);
        let mut usual: HashMap<TaskName, QueueName> = HashMap::new();
        let mut unknown: HashMap<(TaskName, QueueName), Option<String>> = HashMap::new();
        let mut is_fresh = false;
        let mut made = Vec::with_capacity(tasks.len());
        let nothing = Found::default();
        for task in tasks {
            let name = task.summary.name.clone().unwrap_or_else(|| "".into());
            let usual_queue = usual
                .entry(name.clone())
                .or_insert_with(|| self.usual_queue(&name, &registered))
                .clone();
            let scene = Scene {
                task,
                found: messages.by_task.get(&task.summary.id).unwrap_or(&nothing),
                findings: messages,
                usual_queue,
                now: clock::now(),
            };
            let Some(source) = scene.best(worst.unwrap_or(EXACT)) else {
                made.push(Err(without_source(&scene)));
                continue;
            };
            let ready = scene.material(source).and_then(|material| {
                let ready = build::retry(&scene, &material, queue, &self.parts.keyspace)?;
                Ok((ready, material.name()))
            });
            let (ready, name) = match ready {
                Ok(ready) => ready,
                Err(reason) => {
                    made.push(Err(reason));
                    continue;
                }
            };
            let kind = (name, ready.queue.clone());
            if !unknown.contains_key(&kind) {
                let mut reason = self.unknown_type(&registered, &kind.0, &kind.1);
                // A worker may have come since it was asked.
                if reason.is_some() && !is_fresh {
                    registered = self.registered(true).await;
                    is_fresh = true;
                    reason = self.unknown_type(&registered, &kind.0, &kind.1);
                }
                unknown.insert(kind.clone(), reason);
            }
            made.push(match unknown.get(&kind) {
                Some(Some(reason)) => Err(reason.clone()),
                _ => Ok(ready),
            });
        }
        for id in &ids {
            messages.by_task.remove(id);
        }
        Ok(made)
    }

    fn known(&self, id: &TaskId) -> Result<TaskDetail, WireError> {
        self.parts.reader.read().task_alone(id).ok_or_else(|| {
            WireError::new(ErrorKind::NotFound, format!("No task {id} is known here."))
        })
    }

    async fn find_one(&self, task: &TaskDetail) -> Findings {
        let ids = [task.summary.id.clone()];
        let held = held_ids(std::slice::from_ref(task));
        self.find(&ids, &held).await
    }

    fn scene<'s>(
        &self,
        task: &'s TaskDetail,
        findings: &'s Findings,
        nothing: &'s Found,
        registered: &Registered,
    ) -> Scene<'s> {
        let usual_queue = match &task.summary.name {
            Some(name) => self.usual_queue(name, registered),
            None => default_queue(),
        };
        Scene {
            task,
            found: findings.by_task.get(&task.summary.id).unwrap_or(nothing),
            findings,
            usual_queue,
            now: clock::now(),
        }
    }

    /// Returns the queue that tasks of a type went to last; else the one that
    /// the workers that know the type consume, if it is one; else Celery's default.
    fn usual_queue(&self, name: &TaskName, registered: &Registered) -> QueueName {
        let query = TaskQuery {
            name: Some(name.clone()),
            limit: LOOKED_AT,
            ..TaskQuery::default()
        };
        // An empty search matches everything.
        if let Ok(everything) = SearchExpression::parse("") {
            let page = self.parts.reader.task_page(&query, &everything);
            if let Some(newest) = page.rows.into_iter().find_map(|row| row.queue) {
                return newest;
            }
        }
        let knows = |worker: &WorkerName| {
            registered
                .get(worker)
                .is_some_and(|types| types.contains(name))
        };
        let queues = self.parts.reader.read().queue_list().rows;
        let mut fitting = queues
            .into_iter()
            .filter(|row| row.consumers.iter().any(knows))
            .map(|row| row.name);
        match (fitting.next(), fitting.next()) {
            (Some(only), None) => only,
            _ => default_queue(),
        }
    }

    /// Returns which types the workers know; asks them if that is not known
    /// since a short while. Workers that do not answer are not in it.
    async fn registered(&self, is_fresh_wanted: bool) -> Registered {
        if !is_fresh_wanted
            && let Some((asked, registered)) = &*self.parts.outbox.registered.lock()
            && asked.elapsed() < REGISTERED_AGE
        {
            return Arc::clone(registered);
        }
        let answers = self
            .parts
            .pidbox
            .ask("registered", json!({}), None, self.parts.timeout)
            .await;
        let answers = match answers {
            Ok(answers) => answers,
            Err(error) => {
                tracing::debug!(cause = error.chain(), "could not ask which types are known");
                return Registered::default();
            }
        };
        let mut registered: BTreeMap<WorkerName, HashSet<TaskName>> = BTreeMap::new();
        for reply in answers.replies {
            if inspect::error(&reply.value).is_none() && reply.value.is_array() {
                let types = inspect::registered_tasks(&reply.value);
                let known = registered.entry(reply.worker).or_default();
                known.extend(types.into_iter().map(|task| task.name));
            }
        }
        let registered = Arc::new(registered);
        *self.parts.outbox.registered.lock() = Some((Instant::now(), Arc::clone(&registered)));
        registered
    }

    /// Tells why no worker could run the task; `None` if one can, or nobody knows.
    fn unknown_type(
        &self,
        registered: &Registered,
        name: &TaskName,
        queue: &QueueName,
    ) -> Option<String> {
        // Celery's own are not listed (`celery/worker/control.py registered`).
        if registered.is_empty() || name.as_str().starts_with("celery.") {
            return None;
        }
        let knows = |worker: &WorkerName| registered.get(worker).map(|types| types.contains(name));
        if !registered.keys().any(|worker| knows(worker) == Some(true)) {
            return Some(format!(
                "No online worker knows the type {name}: it would be thrown away as not registered."
            ));
        }
        let queues = self.parts.reader.read().queue_list();
        let row = queues.rows.into_iter().find(|row| row.name == *queue)?;
        let told: Vec<bool> = row.consumers.iter().filter_map(knows).collect();
        let nobody = !told.is_empty() && told.len() == row.consumers.len() && !told.contains(&true);
        nobody.then(|| {
            format!("None of the workers that consume queue {queue} knows the type {name}.")
        })
    }

    async fn expect_type(
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
    fn unconsumed(&self, queue: &QueueName) -> Option<String> {
        let queues = self.parts.reader.read().queue_list();
        let row = queues.rows.iter().find(|row| row.name == *queue);
        let is_known = row.map_or(!queues.rows.is_empty(), |row| row.are_consumers_known);
        let is_consumed = row.is_some_and(|row| !row.consumers.is_empty());
        (is_known && !is_consumed).then(|| {
            format!("No worker consumes queue {queue} now; the task waits there until one does.")
        })
    }
}

/// Returns the tasks that a worker may still have.
fn held_ids(tasks: &[TaskDetail]) -> Vec<TaskId> {
    let held = tasks.iter().filter(|task| may_be_held(&task.summary.state));
    held.map(|task| task.summary.id.clone()).collect()
}

/// Refuses tasks that are under way.
fn may_retry(task: &TaskDetail) -> Result<(), WireError> {
    match standing_in_the_way(&task.summary.state) {
        None => Ok(()),
        Some(reason) => Err(conflict(format!("It cannot be retried: {reason}."))),
    }
}

/// Says why a task has no arguments that are certain, source by source.
fn without_source(scene: &Scene<'_>) -> String {
    let reasons = ArgumentSource::ALL.into_iter().filter(|s| *s <= EXACT);
    let reasons: Vec<String> = reasons
        .filter_map(|source| scene.material(source).err())
        .collect();
    format!(
        "Its arguments cannot be had: {} Edit and retry to give them yourself.",
        reasons.join(" ")
    )
}

fn check(draft: &TaskDraft, now: model::Timestamp) -> Result<(), WireError> {
    let invalid = |message: &str| Err(WireError::new(ErrorKind::Invalid, message));
    if draft.name.as_str().trim().is_empty() {
        return invalid("name: a task type is needed.");
    }
    if !draft.args.is_list() {
        return invalid("args: must be a JSON list.");
    }
    if !draft.kwargs.is_object() {
        return invalid("kwargs: must be a JSON object.");
    }
    if draft
        .queue
        .as_ref()
        .is_some_and(|queue| queue.as_str().is_empty())
    {
        return invalid("queue: must not be empty.");
    }
    if draft
        .priority
        .is_some_and(|priority| priority > MAX_PRIORITY)
    {
        return invalid("priority: must be 0 to 9.");
    }
    if draft.eta.is_some() && draft.countdown_seconds.is_some() {
        return invalid("eta: not together with countdown_seconds.");
    }
    let is_countdown = |seconds: f64| (0.0..=MAX_COUNTDOWN_SECONDS).contains(&seconds);
    if draft
        .countdown_seconds
        .is_some_and(|seconds| !is_countdown(seconds))
    {
        return invalid("countdown_seconds: must be 0 or more, and no more than ten years.");
    }
    let begin = match (draft.eta, draft.countdown_seconds) {
        (Some(eta), _) => eta.max(now),
        (None, Some(seconds)) => now.plus_seconds(seconds),
        (None, None) => now,
    };
    if draft.expires.is_some_and(|expires| expires <= begin) {
        return invalid("expires: must be later than when the task is to run.");
    }
    Ok(())
}

fn default_queue() -> QueueName {
    DEFAULT_QUEUE.into()
}

fn conflict(message: String) -> WireError {
    WireError::new(ErrorKind::Conflict, message)
}
