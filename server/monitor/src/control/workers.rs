//! Telling workers what to do.

use super::{
    Control,
    replies::{Act, Heard, who},
};
use crate::{
    broker::pidbox::TellError,
    inspector::{LIMITS, Part},
    state::{Input, queues::QueueNews},
};
use model::{
    Command, Destination, Outcome, OutcomeStatus, TaskName, WireError, WorkerName, WorkerReply,
};
use protocol::inspect;
use serde_json::{Value, json};
use std::collections::BTreeSet;

/// celery 5.7's beat answers to `ping`, and to nothing else, under such a name.
const BEAT: &str = "celerybeat@";

/// A command as workers take it.
struct Order {
    method: &'static str,
    arguments: Value,
    act: Act,
    /// What of the workers it changes, so that it is read again.
    changes: &'static [Part],
}

impl Order {
    fn new(method: &'static str, arguments: Value, act: impl Into<String>) -> Self {
        Self {
            method,
            arguments,
            act: Act::Do(act.into()),
            changes: &[],
        }
    }

    fn changing(self, changes: &'static [Part]) -> Self {
        Self { changes, ..self }
    }
}

impl Control {
    pub(super) async fn run_on_workers(&self, command: Command) -> Result<Outcome, WireError> {
        let order = match &command {
            Command::Shutdown { workers } => return self.shut_down(workers).await,
            Command::Ping { .. } => Order {
                act: Act::Answer,
                ..Order::new("ping", json!({}), "")
            },
            Command::PoolRestart { .. } => {
                Order::new("pool_restart", json!({"reload": false}), "restart the pool")
                    .changing(&[Part::Stats])
            }
            Command::PoolGrow { n, .. } => Order::new(
                "pool_grow",
                json!({"n": n}),
                format!("grow the pool by {n}"),
            )
            .changing(&[Part::Stats]),
            Command::PoolShrink { n, .. } => Order::new(
                "pool_shrink",
                json!({"n": n}),
                format!("shrink the pool by {n}"),
            )
            .changing(&[Part::Stats]),
            Command::Autoscale { min, max, .. } => Order::new(
                "autoscale",
                json!({"min": min, "max": max}),
                format!("keep the pool between {min} and {max}"),
            )
            .changing(&[Part::Stats]),
            Command::AddConsumer { queue, .. } => Order::new(
                "add_consumer",
                json!({"queue": queue}),
                format!("consume {queue}"),
            )
            .changing(&[Part::ActiveQueues]),
            Command::CancelConsumer { queue, .. } => Order::new(
                "cancel_consumer",
                json!({"queue": queue}),
                format!("stop consuming {queue}"),
            )
            .changing(&[Part::ActiveQueues]),
            Command::RateLimit {
                task, rate_limit, ..
            } => Order::new(
                "rate_limit",
                json!({"task_name": task, "rate_limit": rate_limit}),
                rate_deed(task, rate_limit),
            )
            .changing(&LIMITS),
            Command::TimeLimit {
                task, soft, hard, ..
            } => Order::new(
                "time_limit",
                // What is left out, workers take for none.
                json!({"task_name": task, "soft": soft, "hard": hard}),
                time_deed(task, *soft, *hard),
            )
            .changing(&LIMITS),
            Command::EnableEvents { .. } => {
                Order::new("enable_events", json!({}), "send task events")
            }
            Command::DisableEvents { .. } => {
                Order::new("disable_events", json!({}), "send no more task events")
            }
            other => return Err(super::misplaced(other)),
        };
        let Some(workers) = destination(&command) else {
            return Err(super::misplaced(&command));
        };
        let mut heard = self
            .tell_workers(order.method, order.arguments, workers)
            .await?;
        self.interpret(&command, &mut heard);
        let willing: BTreeSet<WorkerName> = heard.willing().into_iter().cloned().collect();
        if !willing.is_empty() && !order.changes.is_empty() {
            self.parts.inspector.follow(order.changes, willing);
        }
        Ok(heard.into_outcome(&order.act))
    }

    /// Sends a command and sorts who answered what.
    pub(super) async fn tell_workers(
        &self,
        method: &str,
        arguments: Value,
        workers: &Destination,
    ) -> Result<Heard, WireError> {
        let parts = &self.parts;
        let live = parts.reader.read().live_workers();
        let told = parts
            .pidbox
            .tell(method, arguments, workers.names(), parts.timeout)
            .await;
        let mut heard = Heard {
            timeout: parts.timeout,
            ..Heard::default()
        };
        match told {
            Ok(answers) => {
                heard.listeners = answers.listeners;
                heard.lost = answers.lost;
                heard.is_complete = answers.replies.len() as u64 >= answers.listeners;
                for reply in answers.replies {
                    if reply.worker.as_str().starts_with(BEAT) {
                        heard
                            .notes
                            .push(format!("Beat answered, too: {}.", reply.worker));
                    } else {
                        heard.replies.push(worker_reply(reply.worker, &reply.value));
                    }
                }
            }
            Err(TellError::NotSent(error)) => return Err(super::not_sent(error)),
            Err(TellError::Unclear(error)) => heard.unclear = Some(error.chain()),
        }
        heard.replies.sort_by(|a, b| a.worker.cmp(&b.worker));
        let answered: BTreeSet<&WorkerName> = heard.replies.iter().map(|r| &r.worker).collect();
        let asked = workers.names().unwrap_or(&live);
        let silent: Vec<WorkerName> = asked
            .iter()
            .filter(|name| !answered.contains(name))
            .filter(|name| !name.as_str().starts_with(BEAT) || heard.notes.is_empty())
            .cloned()
            .collect();
        heard.strangers = silent
            .iter()
            .filter(|name| !parts.reader.read().knows_worker(name))
            .cloned()
            .collect();
        heard.silent = silent;
        Ok(heard)
    }

    /// Reads the workers' words for what they do not say plainly.
    fn interpret(&self, command: &Command, heard: &mut Heard) {
        match command {
            Command::PoolGrow { .. } | Command::PoolShrink { .. } => {
                // `celery/concurrency/{thread,solo}.py` have no `grow` and no `shrink`.
                let fixed = refusing(heard, "has no attribute");
                if !fixed.is_empty() {
                    heard.notes.push(format!(
                        "The pool of {} cannot change its size while the worker runs.",
                        who(&fixed)
                    ));
                }
            }
            Command::PoolRestart { .. }
                if !refusing(heard, "Pool restarts not enabled").is_empty() =>
            {
                let note = "A pool can be restarted only where `worker_pool_restarts` is set.";
                heard.notes.push(note.to_owned());
            }
            Command::AddConsumer { queue, .. } | Command::CancelConsumer { queue, .. } => {
                let is_add = matches!(command, Command::AddConsumer { .. });
                if is_add && !heard.willing().is_empty() {
                    let again = heard.willing().into_iter().cloned().collect();
                    let news = QueueNews::Resumed(queue.clone(), again);
                    self.parts
                        .intake
                        .push_input(Input::OfQueues(Box::new(news)));
                }
                // Workers say yes to both, whatever they consumed before.
                let idle: Vec<&WorkerName> = heard
                    .willing()
                    .into_iter()
                    .filter(|name| self.consumes(name, queue) == Some(is_add))
                    .collect();
                if !idle.is_empty() {
                    let state = if is_add {
                        "consumed it already"
                    } else {
                        "did not consume it"
                    };
                    let note = format!("{} {state}.", who(&idle));
                    heard.notes.push(note);
                }
            }
            Command::EnableEvents { .. } => {
                for reply in heard.replies.iter().filter(|reply| reply.is_ok) {
                    self.parts.intake.push_input(Input::EventsAreOn {
                        worker: reply.worker.clone(),
                        were_on: reply.text.contains("already"),
                    });
                }
            }
            Command::DisableEvents { .. } => self.interpret_silence(heard),
            _ => {}
        }
    }

    /// A worker that was started with `-E` says that its events are off
    /// already, and goes on sending them (`celery/worker/control.py disable_events`).
    fn interpret_silence(&self, heard: &mut Heard) {
        let mut loud = Vec::new();
        for reply in heard.replies.iter_mut().filter(|reply| reply.is_ok) {
            let is_sending = || self.parts.reader.read().sends_task_events(&reply.worker);
            if reply.text.contains("already") && is_sending() {
                reply.is_ok = false;
                loud.push(reply.worker.clone());
            } else {
                let off = Input::EventsAreOff(reply.worker.clone());
                self.parts.intake.push_input(off);
            }
        }
        if !loud.is_empty() {
            let names: Vec<&WorkerName> = loud.iter().collect();
            heard.notes.push(format!(
                "{} sends task events since it was started with -E, and cannot be told otherwise.",
                who(&names)
            ));
        }
        if !heard.willing().is_empty() {
            let note = "The dashboard leaves them off until the worker starts again or is told to send them.";
            heard.notes.push(note.to_owned());
        }
    }

    /// Tells whether a worker consumes a queue, as far as it has told.
    fn consumes(&self, worker: &WorkerName, queue: &model::QueueName) -> Option<bool> {
        let queues = self.parts.reader.read().queues_of(worker)?;
        Some(queues.contains(queue))
    }

    /// Workers do not answer to `shutdown`: who is there is asked before.
    async fn shut_down(&self, workers: &Destination) -> Result<Outcome, WireError> {
        let heard = self.tell_workers("ping", json!({}), workers).await?;
        if heard.unclear.is_some() || heard.listeners == 0 {
            return Ok(heard.into_outcome(&Act::Do("shut down".to_owned())));
        }
        let sent = self
            .parts
            .pidbox
            .send("shutdown", json!({}), workers.names())
            .await;
        let mut heard = heard;
        match sent {
            Ok(_) => {}
            Err(TellError::NotSent(error)) => return Err(super::not_sent(error)),
            Err(TellError::Unclear(error)) => {
                heard.replies.clear();
                heard.unclear = Some(error.chain());
            }
        }
        for reply in &mut heard.replies {
            reply.text = "was told to shut down".to_owned();
        }
        let mut outcome = heard.into_outcome(&Act::Do("shut down".to_owned()));
        if outcome.status != OutcomeStatus::Silent {
            let note = "Workers do not answer to this; they end what they run first.";
            outcome.notes.push(note.to_owned());
        }
        Ok(outcome)
    }
}

fn worker_reply(worker: WorkerName, value: &Value) -> WorkerReply {
    let (is_ok, text) = match (inspect::ok(value), inspect::error(value)) {
        (_, Some(error)) => (false, error.to_owned()),
        (Some(ok), None) => (true, ok.to_owned()),
        // No command that changes something answers otherwise.
        (None, None) => (false, value.to_string()),
    };
    WorkerReply {
        worker,
        is_ok,
        text,
    }
}

/// Returns who refused with these words.
pub(super) fn refusing<'h>(heard: &'h Heard, words: &str) -> Vec<&'h WorkerName> {
    let replies = heard.replies.iter();
    replies
        .filter(|reply| !reply.is_ok && reply.text.contains(words))
        .map(|reply| &reply.worker)
        .collect()
}

fn destination(command: &Command) -> Option<&Destination> {
    Some(match command {
        Command::Ping { workers }
        | Command::Shutdown { workers }
        | Command::PoolRestart { workers }
        | Command::PoolGrow { workers, .. }
        | Command::PoolShrink { workers, .. }
        | Command::Autoscale { workers, .. }
        | Command::AddConsumer { workers, .. }
        | Command::CancelConsumer { workers, .. }
        | Command::RateLimit { workers, .. }
        | Command::TimeLimit { workers, .. }
        | Command::EnableEvents { workers }
        | Command::DisableEvents { workers } => workers,
        _ => return None,
    })
}

fn rate_deed(task: &TaskName, rate_limit: &str) -> String {
    let number = rate_limit.split('/').next().unwrap_or(rate_limit);
    if number.bytes().all(|byte| matches!(byte, b'0' | b'.')) {
        format!("start {task} without a rate limit")
    } else {
        format!("start {task} at a rate of at most {rate_limit}")
    }
}

fn time_deed(task: &TaskName, soft: Option<f64>, hard: Option<f64>) -> String {
    match (soft, hard) {
        (None, None) => format!("run {task} without time limits"),
        (Some(soft), None) => format!("warn {task} after {soft} s"),
        (None, Some(hard)) => format!("end {task} after {hard} s"),
        (Some(soft), Some(hard)) => format!("warn {task} after {soft} s and end it after {hard} s"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_are_said_in_words() {
        let task = TaskName::from("a.b");
        assert_eq!(rate_deed(&task, "0.0/m"), "start a.b without a rate limit");
        assert_eq!(
            rate_deed(&task, "10/m"),
            "start a.b at a rate of at most 10/m"
        );
        assert_eq!(time_deed(&task, None, None), "run a.b without time limits");
        let both = time_deed(&task, Some(0.5), Some(2.0));
        assert_eq!(both, "warn a.b after 0.5 s and end it after 2 s");
    }

    #[test]
    fn only_what_says_ok_is_taken_for_it() {
        let reply = |value| worker_reply("w@h".into(), &value);
        assert!(reply(json!({"ok": "pong"})).is_ok);
        assert!(!reply(json!({"error": "KeyError('x')"})).is_ok);
        assert!(!reply(json!({"ok": "yes", "error": "no"})).is_ok);
        assert!(!reply(Value::Null).is_ok);
    }
}
