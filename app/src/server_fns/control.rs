//! Acting, and asking what an act would do. Every act goes through the
//! engine's one door, which knows who may do what.

use super::FetchError;
use leptos::{
    prelude::server,
    server_fn::codec::{GetUrl, Json},
};
use model::{
    BulkCount, BulkId, BulkProgress, BulkTarget, Command, Outcome, QueueName, QueuePeek, RetryPlan,
    TaskId,
};

use serde::{Deserialize, Serialize};

#[cfg(feature = "ssr")]
use super::{caller, failed, monitor};

/// Most results of a bulk that a page shows.
#[cfg(feature = "ssr")]
const SHOWN_RESULTS: usize = 100;

/// Names that a form suggests, in alphabetical order.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Known {
    /// Task types that a worker has registered, or that were seen.
    pub types: Vec<String>,
    /// Queues.
    pub queues: Vec<String>,
}

/// Returns the names that a form suggests.
#[server(name = AskKnown, prefix = "/api/ui", endpoint = "known", input = GetUrl, output = Json)]
pub async fn known() -> Result<Known, FetchError> {
    let monitor = monitor().map_err(failed)?;
    let mut types: std::collections::BTreeSet<String> = monitor
        .task_types()
        .iter()
        .map(ToString::to_string)
        .collect();
    for worker in monitor.workers().rows {
        let answer = monitor
            .worker(&worker.name)
            .and_then(|w| w.inspection.registered);
        types.extend(
            answer
                .iter()
                .flat_map(crate::pages::worker::registered_names),
        );
    }
    let queues = monitor.queues().rows;
    let mut queues: Vec<String> = queues.iter().map(|queue| queue.name.to_string()).collect();
    queues.sort();
    Ok(Known {
        types: types.into_iter().collect(),
        queues,
    })
}

/// Does what the user asks for.
#[server(name = AskCommand, prefix = "/api/ui", endpoint = "command", input = Json, output = Json)]
pub async fn run_command(command: Command) -> Result<Outcome, FetchError> {
    let monitor = monitor().map_err(failed)?;
    let caller = caller().map_err(failed)?;
    monitor.run(&caller, command).await.map_err(failed)
}

/// Tells how a task can be sent once more.
#[server(name = AskRetryPlan, prefix = "/api/ui", endpoint = "retry-plan", input = GetUrl, output = Json)]
pub async fn retry_plan(task: TaskId) -> Result<RetryPlan, FetchError> {
    let monitor = monitor().map_err(failed)?;
    monitor.retry_plan(&task).await.map_err(failed)
}

/// Counts what each act on many tasks would apply to.
#[server(name = AskBulkCount, prefix = "/api/ui", endpoint = "bulk-count", input = Json, output = Json)]
pub async fn bulk_count(tasks: BulkTarget) -> Result<BulkCount, FetchError> {
    let monitor = monitor().map_err(failed)?;
    monitor.bulk_count(&tasks).map_err(failed)
}

/// Returns the bulks that run, oldest first.
#[server(name = AskRunningBulks, prefix = "/api/ui", endpoint = "running-bulks", input = GetUrl, output = Json)]
pub async fn running_bulks() -> Result<Vec<BulkId>, FetchError> {
    let monitor = monitor().map_err(failed)?;
    let bulks = monitor.bulks();
    let running = bulks.into_iter().filter(|bulk| bulk.finished.is_none());
    Ok(running.map(|bulk| bulk.id).collect())
}

/// Tells how far a bulk is; `None` if it is not known any more.
#[server(name = AskBulkProgress, prefix = "/api/ui", endpoint = "bulk", input = GetUrl, output = Json)]
pub async fn bulk_progress(bulk: BulkId) -> Result<Option<BulkProgress>, FetchError> {
    let monitor = monitor().map_err(failed)?;
    Ok(monitor.bulk(bulk, SHOWN_RESULTS))
}

/// Looks at messages that wait in a queue.
#[server(name = AskPeek, prefix = "/api/ui", endpoint = "peek", input = GetUrl, output = Json)]
pub async fn peek(queue: QueueName, offset: u64, limit: u64) -> Result<QueuePeek, FetchError> {
    let monitor = monitor().map_err(failed)?;
    monitor.peek(&queue, offset, limit).await.map_err(failed)
}
