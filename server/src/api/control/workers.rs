//! `POST /api/worker/…`, as `flower/api/control.py` answers.

use super::{Message, run_on_worker};
use crate::{
    error::FlowerError,
    request::{Arguments, Asker},
};
use axum::{
    Json,
    extract::{Path, State},
};
use model::{Command, Destination, WorkerName};
use monitor::Monitor;

type Answer = Result<Json<Message>, FlowerError>;

pub(crate) async fn shutdown(
    State(monitor): State<Monitor>,
    Asker(caller): Asker,
    Path(worker): Path<String>,
) -> Answer {
    let worker = WorkerName::from(worker);
    let workers = Destination::one(worker.clone());
    let command = Command::Shutdown { workers };
    let failed = |reason: &str| format!("Failed to shut down '{worker}': {reason}");
    run_on_worker(&monitor, &caller, &worker, command, failed).await?;
    Ok(Json(Message::new("Shutting down!")))
}

pub(crate) async fn pool_restart(
    State(monitor): State<Monitor>,
    Asker(caller): Asker,
    Path(worker): Path<String>,
) -> Answer {
    let worker = WorkerName::from(worker);
    let workers = Destination::one(worker.clone());
    let command = Command::PoolRestart { workers };
    let failed = |reason: &str| format!("Failed to restart the '{worker}' pool: {reason}");
    run_on_worker(&monitor, &caller, &worker, command, failed).await?;
    let message = format!("Restarting '{worker}' worker's pool");
    Ok(Json(Message::new(message)))
}

pub(crate) async fn pool_grow(
    State(monitor): State<Monitor>,
    Asker(caller): Asker,
    Path(worker): Path<String>,
    arguments: Arguments,
) -> Answer {
    let n = arguments.number("n", "int")?.unwrap_or(1);
    let worker = WorkerName::from(worker);
    let workers = Destination::one(worker.clone());
    let command = Command::PoolGrow { workers, n };
    let failed = |reason: &str| format!("Failed to grow '{worker}' worker's pool: {reason}");
    run_on_worker(&monitor, &caller, &worker, command, failed).await?;
    let message = format!("Growing '{worker}' worker's pool by {n}");
    Ok(Json(Message::new(message)))
}

pub(crate) async fn pool_shrink(
    State(monitor): State<Monitor>,
    Asker(caller): Asker,
    Path(worker): Path<String>,
    arguments: Arguments,
) -> Answer {
    let n = arguments.number("n", "int")?.unwrap_or(1);
    let worker = WorkerName::from(worker);
    let workers = Destination::one(worker.clone());
    let command = Command::PoolShrink { workers, n };
    let failed = |reason: &str| format!("Failed to shrink '{worker}' worker's pool: {reason}");
    run_on_worker(&monitor, &caller, &worker, command, failed).await?;
    let message = format!("Shrinking '{worker}' worker's pool by {n}");
    Ok(Json(Message::new(message)))
}

pub(crate) async fn pool_autoscale(
    State(monitor): State<Monitor>,
    Asker(caller): Asker,
    Path(worker): Path<String>,
    arguments: Arguments,
) -> Answer {
    let missing = |name: &str| FlowerError::invalid(format!("Missing argument {name}"));
    let min = arguments
        .number("min", "int")?
        .ok_or_else(|| missing("min"))?;
    let max = arguments
        .number("max", "int")?
        .ok_or_else(|| missing("max"))?;
    let worker = WorkerName::from(worker);
    let workers = Destination::one(worker.clone());
    let command = Command::Autoscale { workers, min, max };
    let failed = |reason: &str| format!("Failed to autoscale '{worker}' worker: {reason}");
    run_on_worker(&monitor, &caller, &worker, command, failed).await?;
    let message = format!("Autoscaling '{worker}' worker (min={min}, max={max})");
    Ok(Json(Message::new(message)))
}

pub(crate) async fn add_consumer(
    State(monitor): State<Monitor>,
    Asker(caller): Asker,
    Path(worker): Path<String>,
    arguments: Arguments,
) -> Answer {
    let queue = arguments.required("queue")?;
    let worker = WorkerName::from(worker);
    let command = Command::AddConsumer {
        workers: Destination::one(worker.clone()),
        queue: queue.into(),
    };
    let failed =
        |reason: &str| format!("Failed to add '{queue}' consumer to '{worker}' worker: {reason}");
    let words = run_on_worker(&monitor, &caller, &worker, command, failed).await?;
    Ok(Json(Message::new(words)))
}

pub(crate) async fn cancel_consumer(
    State(monitor): State<Monitor>,
    Asker(caller): Asker,
    Path(worker): Path<String>,
    arguments: Arguments,
) -> Answer {
    let queue = arguments.required("queue")?;
    let worker = WorkerName::from(worker);
    let command = Command::CancelConsumer {
        workers: Destination::one(worker.clone()),
        queue: queue.into(),
    };
    let failed = |reason: &str| {
        format!("Failed to cancel '{queue}' consumer from '{worker}' worker: {reason}")
    };
    let words = run_on_worker(&monitor, &caller, &worker, command, failed).await?;
    Ok(Json(Message::new(words)))
}
