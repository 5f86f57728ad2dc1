//! The retries of a bulk.

use super::{
    Findings, Ready, build,
    find::{Found, Stored},
    held_ids,
    plan::{EXACT, Scene},
    without_source,
};
use crate::{clock, control::Control};
use model::{ArgumentSource, QueueName, TaskDetail, TaskId, TaskName};
use std::collections::HashMap;

impl Control {
    /// Makes the messages that repeat tasks of a bulk, or tells why one cannot
    /// be repeated, with the source of its arguments; an error is the broker's,
    /// and then nothing was made.
    ///
    /// `messages` are those found in one pass over the queues for the whole bulk.
    pub(in crate::control) async fn make_retries(
        &self,
        tasks: &[TaskDetail],
        messages: &mut Findings,
        worst: Option<ArgumentSource>,
        queue: Option<&QueueName>,
    ) -> Result<Vec<Result<(Ready, ArgumentSource), String>>, String> {
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
            // Nobody looks at each of them, so nothing is sent that may run twice.
            if scene.may_run_anyway() {
                made.push(Err(
                    "Its message is still in the broker, so it may run by itself; retry it alone to send it all the same."
                        .to_owned(),
                ));
                continue;
            }
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
                _ => Ok((ready, source)),
            });
        }
        for id in &ids {
            messages.by_task.remove(id);
        }
        Ok(made)
    }
}
