//! `POST /api/task/{revoke,abort,timeout,rate-limit}/…`, as `flower/api/control.py` answers.

use super::{Message, run, run_on_worker};
use crate::{
    error::FlowerError,
    request::{Arguments, Asker, Seen},
};
use axum::{Json, extract::Path};
use model::{Command, Destination, OutcomeStatus, Signal, TaskId, TaskName, WorkerName};

type Answer = Result<Json<Message>, FlowerError>;

/// What workers say of a type that they do not know (`celery/worker/control.py`).
const UNKNOWN_TASK: &str = "unknown task";

pub(crate) async fn revoke(
    Seen(monitor): Seen,
    Asker(caller): Asker,
    Path(task): Path<String>,
    arguments: Arguments,
) -> Answer {
    let message = format!("Revoked '{task}'");
    let tasks = vec![TaskId::from(task)];
    let command = if arguments.flag("terminate")? {
        let name = arguments.text("signal").unwrap_or("SIGTERM");
        let signal = Signal::from_name(name).ok_or_else(|| {
            FlowerError::invalid(format!("Invalid argument '{name}' of type 'signal'"))
        })?;
        Command::Terminate { tasks, signal }
    } else {
        Command::Revoke { tasks }
    };
    let outcome = run(&monitor, &caller, command).await?;
    if outcome.status == OutcomeStatus::Silent {
        return Err(FlowerError::unavailable(outcome.message));
    }
    Ok(Json(Message::new(message)))
}

pub(crate) async fn abort(
    Seen(monitor): Seen,
    Asker(caller): Asker,
    Path(task): Path<String>,
) -> Answer {
    let message = format!("Aborted '{task}'");
    let task = TaskId::from(task);
    run(&monitor, &caller, Command::Abort { task }).await?;
    Ok(Json(Message::new(message)))
}

pub(crate) async fn timeout(
    Seen(monitor): Seen,
    Asker(caller): Asker,
    Path(task): Path<String>,
    arguments: Arguments,
) -> Answer {
    let worker = WorkerName::from(arguments.required("workername")?);
    let command = Command::TimeLimit {
        workers: Destination::one(worker.clone()),
        task: task.as_str().into(),
        soft: arguments.number("soft", "float")?,
        hard: arguments.number("hard", "float")?,
    };
    let failed = |reason: &str| format!("Failed to set timeouts: '{reason}'");
    let words = run_on_worker(&monitor, &caller, &worker, command, failed).await;
    limited(words, &task.into())
}

pub(crate) async fn rate_limit(
    Seen(monitor): Seen,
    Asker(caller): Asker,
    Path(task): Path<String>,
    arguments: Arguments,
) -> Answer {
    let worker = WorkerName::from(arguments.required("workername")?);
    let command = Command::RateLimit {
        workers: Destination::one(worker.clone()),
        task: task.as_str().into(),
        rate_limit: arguments.required("ratelimit")?.to_owned(),
    };
    let failed = |reason: &str| format!("Failed to set rate limit: '{reason}'");
    let words = run_on_worker(&monitor, &caller, &worker, command, failed).await;
    limited(words, &task.into())
}

/// Flower answers 404 for a type that its own application does not know; here
/// it is the worker that knows it or not.
fn limited(words: Result<String, FlowerError>, task: &TaskName) -> Answer {
    match words {
        Ok(words) => Ok(Json(Message::new(words))),
        Err(error) if error.message().ends_with(&format!("'{UNKNOWN_TASK}'")) => {
            Err(FlowerError::not_found(format!("Unknown task '{task}'")))
        }
        Err(error) => Err(error),
    }
}
