//! `POST /api/worker/…`, as `flower/api/control.py` answers.

use super::{Message, run_on_worker};
use crate::{
    error::FlowerError,
    request::{Arguments, Asker, Seen},
};
use axum::{Json, extract::Path};
use model::{Caller, Command, Destination, QueueName, WorkerName};
use monitor::Monitor;

type Answer = Result<Json<Message>, FlowerError>;

/// Gives a worker an order and returns its words. An order is made for whom it
/// is for; `failed` says with Flower's words why it was not done.
async fn order(
    monitor: &Monitor,
    caller: &Caller,
    worker: &WorkerName,
    command: impl FnOnce(Destination) -> Command,
    failed: impl FnOnce(&str) -> String,
) -> Result<String, FlowerError> {
    let command = command(Destination::one(worker.clone()));
    run_on_worker(monitor, caller, worker, command, failed).await
}

pub(crate) async fn shutdown(
    Seen(monitor): Seen,
    Asker(caller): Asker,
    Path(worker): Path<WorkerName>,
) -> Answer {
    let command = |workers| Command::Shutdown { workers };
    let failed = |reason: &str| format!("Failed to shut down '{worker}': {reason}");
    order(&monitor, &caller, &worker, command, failed).await?;
    answer("Shutting down!")
}

pub(crate) async fn pool_restart(
    Seen(monitor): Seen,
    Asker(caller): Asker,
    Path(worker): Path<WorkerName>,
) -> Answer {
    let command = |workers| Command::PoolRestart { workers };
    let failed = |reason: &str| format!("Failed to restart the '{worker}' pool: {reason}");
    order(&monitor, &caller, &worker, command, failed).await?;
    answer(format!("Restarting '{worker}' worker's pool"))
}

pub(crate) async fn pool_grow(
    Seen(monitor): Seen,
    Asker(caller): Asker,
    Path(worker): Path<WorkerName>,
    arguments: Arguments,
) -> Answer {
    let n = arguments.number("n", "int")?.unwrap_or(1);
    let command = |workers| Command::PoolGrow { workers, n };
    let failed = |reason: &str| format!("Failed to grow '{worker}' worker's pool: {reason}");
    order(&monitor, &caller, &worker, command, failed).await?;
    answer(format!("Growing '{worker}' worker's pool by {n}"))
}

pub(crate) async fn pool_shrink(
    Seen(monitor): Seen,
    Asker(caller): Asker,
    Path(worker): Path<WorkerName>,
    arguments: Arguments,
) -> Answer {
    let n = arguments.number("n", "int")?.unwrap_or(1);
    let command = |workers| Command::PoolShrink { workers, n };
    let failed = |reason: &str| format!("Failed to shrink '{worker}' worker's pool: {reason}");
    order(&monitor, &caller, &worker, command, failed).await?;
    answer(format!("Shrinking '{worker}' worker's pool by {n}"))
}

pub(crate) async fn pool_autoscale(
    Seen(monitor): Seen,
    Asker(caller): Asker,
    Path(worker): Path<WorkerName>,
    arguments: Arguments,
) -> Answer {
    let missing = |name: &str| FlowerError::invalid(format!("Missing argument {name}"));
    let min = arguments.number("min", "int")?;
    let min = min.ok_or_else(|| missing("min"))?;
    let max = arguments.number("max", "int")?;
    let max = max.ok_or_else(|| missing("max"))?;
    let command = |workers| Command::Autoscale { workers, min, max };
    let failed = |reason: &str| format!("Failed to autoscale '{worker}' worker: {reason}");
    order(&monitor, &caller, &worker, command, failed).await?;
    answer(format!(
        "Autoscaling '{worker}' worker (min={min}, max={max})"
    ))
}

pub(crate) async fn add_consumer(
    Seen(monitor): Seen,
    Asker(caller): Asker,
    Path(worker): Path<WorkerName>,
    arguments: Arguments,
) -> Answer {
    let queue = QueueName::from(arguments.required("queue")?);
    let command = |workers| Command::AddConsumer {
        workers,
        queue: queue.clone(),
    };
    let failed =
        |reason: &str| format!("Failed to add '{queue}' consumer to '{worker}' worker: {reason}");
    answer(order(&monitor, &caller, &worker, command, failed).await?)
}

pub(crate) async fn cancel_consumer(
    Seen(monitor): Seen,
    Asker(caller): Asker,
    Path(worker): Path<WorkerName>,
    arguments: Arguments,
) -> Answer {
    let queue = QueueName::from(arguments.required("queue")?);
    let command = |workers| Command::CancelConsumer {
        workers,
        queue: queue.clone(),
    };
    let failed = |reason: &str| {
        format!("Failed to cancel '{queue}' consumer from '{worker}' worker: {reason}")
    };
    answer(order(&monitor, &caller, &worker, command, failed).await?)
}

fn answer(message: impl Into<String>) -> Answer {
    Ok(Json(Message::new(message)))
}
