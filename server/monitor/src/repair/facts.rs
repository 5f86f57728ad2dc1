//! From replies, results and messages to facts.

use crate::state::tasks::repair::{Fact, News};
use model::{QueueName, Source, TaskId, TaskName, TaskState, Timestamp, WorkerName};
use protocol::{
    TaskMessage, TaskResult,
    inspect::{HeldTask, ScheduledTask},
    render,
};

/// A task that a worker runs; nothing if it does not say since when.
pub(super) fn running(task: HeldTask, worker: &WorkerName, pid: Option<u32>) -> Option<Fact> {
    let started = task.started?;
    Some(held_fact(task, News::Running(started), worker, pid))
}

/// A task that a worker held when it was asked.
pub(super) fn held(
    task: HeldTask,
    worker: &WorkerName,
    pid: Option<u32>,
    asked: Timestamp,
) -> Fact {
    held_fact(task, News::Held(asked), worker, pid)
}

/// A task that a worker holds until its time comes.
pub(super) fn scheduled(
    task: ScheduledTask,
    worker: &WorkerName,
    pid: Option<u32>,
    asked: Timestamp,
) -> Fact {
    let eta = task.eta;
    let mut fact = held(task.task, worker, pid, asked);
    fact.eta = eta;
    fact
}

fn held_fact(task: HeldTask, news: News, worker: &WorkerName, pid: Option<u32>) -> Fact {
    let mut fact = Fact::new(task.id, Source::Inspect, news);
    fact.name = task.name.or(task.task_type);
    fact.args = task
        .args
        .map(|args| render::arguments(&args).unwrap_or(args));
    fact.kwargs = task
        .kwargs
        .map(|kwargs| render::value(&kwargs).unwrap_or(kwargs));
    fact.worker = Some(worker.clone());
    fact.pid = pid;
    // On the default exchange the routing key is the queue's name.
    if task.exchange.as_deref() == Some("") {
        fact.queue = task.routing_key.as_deref().map(QueueName::from);
    }
    fact.exchange = task.exchange;
    fact.routing_key = task.routing_key;
    fact
}

/// A message that waits in a queue.
pub(super) fn waiting(message: TaskMessage, queue: Option<QueueName>) -> Fact {
    let mut fact = Fact::new(message.id, Source::Message, News::Waiting);
    fact.name = Some(match message.shadow {
        Some(shadow) => TaskName::from(shadow),
        None => message.name,
    });
    fact.args = message.argsrepr;
    fact.kwargs = message.kwargsrepr;
    fact.queue = queue;
    fact.exchange = message.exchange;
    fact.routing_key = message.routing_key;
    fact.root_id = message.root_id;
    fact.parent_id = message.parent_id;
    fact.client = message.origin;
    fact.eta = message.eta;
    fact.expires = message.expires;
    fact.retries = Some(message.retries);
    if message.redelivered {
        fact.reason = Some("it waits to be delivered again".to_owned());
    }
    fact
}

/// A message that some worker took and did not acknowledge.
pub(super) fn taken(message: TaskMessage) -> Fact {
    let mut fact = waiting(message, None);
    fact.news = News::Taken;
    if fact.exchange.as_deref() == Some("") {
        fact.queue = fact.routing_key.as_deref().map(QueueName::from);
    }
    fact.reason = Some("some worker took it and did not answer".to_owned());
    fact
}

/// What the result backend holds for a task. `heard` is when that was
/// announced, if it was; only then does it tell of what has not ended.
pub(super) fn result(id: TaskId, result: TaskResult, heard: Option<Timestamp>) -> Option<Fact> {
    let news = match (&result.state, result.date_done, heard) {
        (TaskState::Success | TaskState::Failure | TaskState::Revoked, Some(done), _) => {
            News::Ended(result.state.clone(), done)
        }
        (TaskState::Success | TaskState::Failure | TaskState::Revoked, None, Some(heard))
        | (TaskState::Retry, _, Some(heard)) => News::Ended(result.state.clone(), heard),
        (TaskState::Started, _, Some(heard)) => News::Running(heard),
        (TaskState::Custom(_), _, Some(_)) => News::Progress(result.state.clone()),
        _ => return None,
    };
    let is_success = result.state == TaskState::Success;
    let is_running = matches!(news, News::Running(_));
    let mut fact = Fact::new(id, Source::Result, news);
    fact.name = result.name;
    fact.args = result
        .args
        .map(|args| render::arguments(&args).unwrap_or(args));
    fact.kwargs = result
        .kwargs
        .map(|kwargs| render::value(&kwargs).unwrap_or(kwargs));
    fact.worker = result.worker;
    if is_running {
        // `task_track_started` stores the child's pid and the node's name.
        fact.worker = result.result.as_deref().and_then(hostname_of);
    }
    fact.queue = result.queue;
    fact.parent_id = result.parent_id;
    fact.retries = result.retries;
    if is_success {
        fact.result = result
            .result
            .as_deref()
            .map(|json| render::value(json).unwrap_or_else(|| json.to_owned()));
    } else if !is_running {
        let raised = result.result.as_deref().and_then(render::exception);
        fact.exception = raised.or(result.exception);
        fact.traceback = result.traceback;
    }
    Some(fact)
}

/// A result that is too large to be read: `ends` are its first and last
/// bytes, where its state and its time stand (`celery/backends/base.py
/// _get_result_meta`).
pub(super) fn large_result(
    id: TaskId,
    ends: &[u8],
    bytes: u64,
    heard: Option<Timestamp>,
    now: Timestamp,
) -> Option<Fact> {
    let ends = String::from_utf8_lossy(ends);
    let text_of = |key: &str| ends.rsplit_once(key)?.1.split('"').nth(1);
    let status = ends.split_once("\"status\":")?.1.split('"').nth(1)?;
    let done = text_of("\"date_done\":").unwrap_or_default();
    let document = serde_json::json!({"status": status, "date_done": done}).to_string();
    let read = protocol::decode_result(document.as_bytes()).ok()?;
    // Without its time, now is the latest that it can have ended.
    let mut fact = result(id, read, heard.or(Some(now)))?;
    let note = format!("(not read: the result is {bytes} bytes long)");
    match &fact.news {
        News::Ended(TaskState::Success, _) => fact.result = Some(note),
        News::Ended(..) => fact.exception = Some(note),
        _ => return None,
    }
    Some(fact)
}

fn hostname_of(json: &str) -> Option<WorkerName> {
    let value: serde_json::Value = serde_json::from_str(json).ok()?;
    value.get("hostname")?.as_str().map(WorkerName::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_large_result_is_known_by_its_ends() {
        let now = Timestamp(1_900_000_000_000_000);
        let ends = format!(
            r#"{{"status": "SUCCESS", "result": "{}", "traceback": null, "children": [], "date_done": "2026-11-20T10:00:00+00:00", "task_id": "x"}}"#,
            "y".repeat(100)
        );
        let fact = large_result("x".into(), ends.as_bytes(), 9, None, now).expect("an end");
        let News::Ended(state, at) = fact.news else {
            panic!("it ended");
        };
        assert_eq!(state, TaskState::Success);
        assert!(at < now);
        assert!(fact.result.is_some_and(|text| text.contains("9 bytes")));
        assert!(large_result("x".into(), b"junk", 9, None, now).is_none());
    }

    #[test]
    fn a_stored_failure_reads_like_its_event() {
        let document = br#"{"status": "FAILURE", "result": {"exc_type": "ValueError", "exc_message": ["always"], "exc_module": "builtins"}, "traceback": "T", "children": [], "date_done": "2026-11-20T10:00:00.5+00:00", "task_id": "x"}"#;
        let read = protocol::decode_result(document).expect("a result");
        let fact = result("x".into(), read, None).expect("an end");
        assert_eq!(fact.exception.as_deref(), Some("ValueError('always')"));
        assert_eq!(fact.traceback.as_deref(), Some("T"));
        assert_eq!(fact.result, None);
    }

    #[test]
    fn what_has_not_ended_is_news_only_when_it_is_announced() {
        let heard = Some(Timestamp(5));
        let read = |json: &str| protocol::decode_result(json.as_bytes()).expect("a result");
        let started =
            r#"{"status": "STARTED", "result": {"pid": 7, "hostname": "w@h"}, "date_done": null}"#;
        assert!(result("x".into(), read(started), None).is_none());
        let fact = result("x".into(), read(started), heard).expect("news");
        assert_eq!(fact.news, News::Running(Timestamp(5)));
        assert_eq!(fact.worker, Some("w@h".into()));
        let progress = r#"{"status": "PROGRESS", "result": {"done": 3}, "date_done": null}"#;
        assert!(result("x".into(), read(progress), None).is_none());
        let fact = result("x".into(), read(progress), heard).expect("news");
        assert_eq!(
            fact.news,
            News::Progress(TaskState::Custom("PROGRESS".into()))
        );
    }
}
