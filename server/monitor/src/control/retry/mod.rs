//! Sending tasks: new ones, and old ones once more.

mod build;
mod draft;
mod find;
mod hidden;
mod loss;
mod many;
mod plan;
mod text;
mod types;

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
use find::Found;
use model::{
    ArgumentSource, Command, ErrorKind, Outcome, RetryPlan, TaskDetail, TaskId, WireError,
};
use parking_lot::Mutex;
use plan::{EXACT, Scene, may_be_held};
use std::time::Instant;
use types::{Registered, default_queue};

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
            other => Err(super::misplaced(&other)),
        }
    }

    /// Tells how a task can be sent once more.
    pub(crate) async fn retry_plan(&self, id: &TaskId) -> Result<RetryPlan, WireError> {
        let task = self.known(id).await?;
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
        plan.consequences.extend(self.unconsumed(&queue));
        self.hide_secrets(&mut plan);
        Ok(plan)
    }

    async fn retry(
        &self,
        id: &TaskId,
        source: Option<ArgumentSource>,
    ) -> Result<Outcome, WireError> {
        let task = self.known(id).await?;
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

    /// Returns a task that memory or the store has.
    pub(super) async fn known(&self, id: &TaskId) -> Result<TaskDetail, WireError> {
        let in_memory = self.parts.reader.read().task_alone(id);
        let known = match (in_memory, &self.parts.archive) {
            (None, Some(archive)) => archive.task(id).await?,
            (known, _) => known,
        };
        known.ok_or_else(|| {
            WireError::new(ErrorKind::NotFound, format!("No task {id} is known here."))
        })
    }

    async fn find_one(&self, task: &TaskDetail) -> Findings {
        let ids = [task.summary.id.clone()];
        let held = held_ids(std::slice::from_ref(task));
        // It holds slices of queues while it looks.
        Box::pin(self.find(&ids, &held)).await
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

fn conflict(message: String) -> WireError {
    WireError::new(ErrorKind::Conflict, message)
}
