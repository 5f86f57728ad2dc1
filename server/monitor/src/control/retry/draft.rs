//! Sending what a person wrote: new tasks, and old ones with other arguments.

use super::{build, may_retry};
use crate::{clock, control::Control};
use model::{ErrorKind, Outcome, TaskDraft, Timestamp, WireError};
use protocol::NewTask;

/// Longest countdown, seconds: ten years.
const MAX_COUNTDOWN_SECONDS: f64 = 10.0 * 365.0 * 86_400.0;

/// The highest priority.
const MAX_PRIORITY: u8 = 9;

impl Control {
    pub(super) async fn send(&self, draft: TaskDraft) -> Result<Outcome, WireError> {
        let now = clock::now();
        check(&draft, now)?;
        let old = draft.retry_of.as_ref();
        let old_task = old.and_then(|id| self.parts.reader.read().task_alone(id));
        if let Some(task) = &old_task {
            may_retry(task)?;
        }
        let (args, kwargs) = self.without_marks(&draft, old_task.as_ref()).await?;
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
            args,
            kwargs,
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
}

fn check(draft: &TaskDraft, now: Timestamp) -> Result<(), WireError> {
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
