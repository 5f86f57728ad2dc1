//! Acting by HTTP: Flower's paths and shapes, and our own, where any command
//! is JSON. All of them go through the engine's one door.

pub(crate) mod bulk;
pub(crate) mod commands;
pub(crate) mod look;
pub(crate) mod send;
pub(crate) mod tasks;
pub(crate) mod workers;

use crate::error::FlowerError;
use model::{Caller, Command, ErrorKind, Outcome, OutcomeStatus, Role, WorkerName};
use monitor::Monitor;
use serde::Serialize;

/// Flower's answer to most acts.
#[derive(Serialize)]
pub(crate) struct Message {
    message: String,
}

impl Message {
    fn new(message: impl Into<String>) -> Self {
        Self {
            message: message.into(),
        }
    }
}

/// Runs a command as Flower's paths answer: who may only look is told so in Flower's words.
async fn run(monitor: &Monitor, caller: &Caller, command: Command) -> Result<Outcome, FlowerError> {
    monitor.run(caller, command).await.map_err(|mut error| {
        if error.kind == ErrorKind::Forbidden && caller.role == Role::Viewer {
            error.message = "Read only mode is enabled".to_owned();
        }
        error.into()
    })
}

/// Runs a command for one worker and returns its words.
///
/// Flower answers 404 if it does not know the worker and 403 if the worker
/// refuses; a worker that is known and stays silent is 503 here.
async fn run_on_worker(
    monitor: &Monitor,
    caller: &Caller,
    worker: &WorkerName,
    command: Command,
    failed: impl FnOnce(&str) -> String,
) -> Result<String, FlowerError> {
    let outcome = run(monitor, caller, command).await?;
    if outcome.status == OutcomeStatus::Silent {
        return Err(match monitor.worker(worker) {
            None => FlowerError::not_found(format!("Unknown worker '{worker}'")),
            Some(_) => FlowerError::unavailable(failed(&outcome.message)),
        });
    }
    // Two processes may share a name; the first that obeys is enough.
    let ok = outcome.replies.iter().find(|reply| reply.is_ok);
    match ok.or(outcome.replies.first()) {
        Some(reply) if reply.is_ok => Ok(reply.text.clone()),
        Some(reply) => Err(FlowerError::forbidden(failed(&reply.text))),
        None => Err(FlowerError::unavailable(failed(&outcome.message))),
    }
}
