//! From what is known of a task to the message that is sent.

use super::{
    find::Original,
    plan::{Material, Scene},
};
use crate::{
    broker::sender::{Outgoing, list_of},
    state::{
        retries::Sent,
        tasks::repair::{Fact, News},
    },
};
use model::{QueueName, Source, TaskId, Timestamp};
use protocol::{Keyspace, NewTask, Repeat, TaskMessage, arguments_of, decode_message};
use std::sync::OnceLock;

/// A message that is ready, and what the state learns when it is sent.
#[derive(Debug)]
pub(crate) struct Ready {
    pub(crate) id: TaskId,
    pub(crate) queue: QueueName,
    pub(crate) outgoing: Outgoing,
    pub(crate) sent: Sent,
}

/// Returns how this process calls itself as a sender of tasks.
pub(super) fn origin() -> &'static str {
    static ORIGIN: OnceLock<String> = OnceLock::new();
    ORIGIN.get_or_init(|| {
        let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
        let host = match host.trim() {
            "" => "localhost",
            host => host,
        };
        format!("celeriac{}@{host}", std::process::id())
    })
}

pub(super) fn fresh_id() -> TaskId {
    TaskId::from(uuid::Uuid::new_v4().to_string())
}

/// Makes the message of a retry; `queue` is another queue than the task's own.
pub(super) fn retry(
    scene: &Scene<'_>,
    material: &Material<'_>,
    queue: Option<&QueueName>,
    keyspace: &Keyspace,
) -> Result<Ready, String> {
    let old = &scene.task.summary.id;
    let (own, _) = scene.queue(Some(material));
    let target = queue.cloned().unwrap_or(own);
    let is_to_come = |time: &Timestamp| *time > scene.now;
    match material {
        Material::Original(original) if original.open.task.protocol > 1 => {
            let id = fresh_id();
            let repeat = Repeat {
                id: &id,
                delivery_tag: fresh_id().as_str(),
                queue,
                now: scene.now,
            }
            .encode(&original.message)
            .map_err(|error| format!("its message cannot be sent again: {error}"))?;
            let priority = original.open.task.priority.unwrap_or(0);
            let priority = u8::try_from(priority).unwrap_or(u8::MAX);
            ready(id, target, priority, repeat, Some(old), scene.now, keyspace)
        }
        Material::Original(original) => {
            let mut task = of_protocol_1(original, target)?;
            task.root_id = Some(scene.task.root_id.clone().unwrap_or_else(|| old.clone()));
            task.parent_id = Some(old.clone());
            task.retry_of = Some(old.clone());
            task.eta = original.open.task.eta.filter(is_to_come);
            task.expires = original.open.task.expires.filter(is_to_come);
            new(&task, scene.now, keyspace)
        }
        Material::Arguments {
            name,
            args,
            kwargs,
            priority,
            ..
        } => {
            let task = NewTask {
                id: fresh_id(),
                name: name.clone(),
                args: args.clone(),
                kwargs: kwargs.clone(),
                callbacks: None,
                errbacks: None,
                chain: None,
                queue: target,
                priority: priority.unwrap_or(0),
                eta: scene.task.summary.eta.filter(is_to_come),
                expires: scene.task.expires.filter(is_to_come),
                root_id: Some(scene.task.root_id.clone().unwrap_or_else(|| old.clone())),
                parent_id: Some(old.clone()),
                retry_of: Some(old.clone()),
                origin: origin().to_owned(),
                delivery_tag: fresh_id().to_string(),
            };
            new(&task, scene.now, keyspace)
        }
    }
}

/// Makes the message of a new task.
pub(super) fn new(task: &NewTask, now: Timestamp, keyspace: &Keyspace) -> Result<Ready, String> {
    ready(
        task.id.clone(),
        task.queue.clone(),
        task.priority,
        task.encode(),
        task.retry_of.as_ref(),
        now,
        keyspace,
    )
}

/// Writes what a message of protocol 1 says in protocol 2, with what follows it.
fn of_protocol_1(original: &Original, queue: QueueName) -> Result<NewTask, String> {
    let unreadable = |error| format!("its message cannot be read: {error}");
    let (args, kwargs) = arguments_of(&original.message).map_err(unreadable)?;
    let body = original.open.body.as_ref();
    let priority = original.open.task.priority.unwrap_or(0);
    Ok(NewTask {
        id: fresh_id(),
        name: original.open.task.name.clone(),
        args,
        kwargs,
        callbacks: body.ok().and_then(|body| body.callbacks.clone()),
        errbacks: body.ok().and_then(|body| body.errbacks.clone()),
        chain: body.ok().and_then(|body| body.chain.clone()),
        queue,
        priority: u8::try_from(priority).unwrap_or(u8::MAX),
        eta: None,
        expires: None,
        root_id: None,
        parent_id: None,
        retry_of: None,
        origin: origin().to_owned(),
        delivery_tag: fresh_id().to_string(),
    })
}

fn ready(
    id: TaskId,
    queue: QueueName,
    priority: u8,
    message: Vec<u8>,
    retry_of: Option<&TaskId>,
    now: Timestamp,
    keyspace: &Keyspace,
) -> Result<Ready, String> {
    // What is shown is what was really written.
    let written = decode_message(&message)
        .map_err(|error| format!("what was written cannot be read: {error}"))?;
    Ok(Ready {
        sent: Sent {
            fact: fact(written, &queue, now),
            retry_of: retry_of.cloned(),
        },
        outgoing: Outgoing {
            key: list_of(keyspace, &queue, priority),
            message,
        },
        id,
        queue,
    })
}

fn fact(message: TaskMessage, queue: &QueueName, now: Timestamp) -> Fact {
    let mut fact = Fact::new(message.id, Source::Dashboard, News::Sent(now));
    fact.name = Some(match message.shadow {
        Some(shadow) => shadow.into(),
        None => message.name,
    });
    fact.args = message.argsrepr;
    fact.kwargs = message.kwargsrepr;
    fact.queue = Some(queue.clone());
    fact.exchange = message.exchange;
    fact.routing_key = message.routing_key;
    fact.root_id = message.root_id;
    fact.parent_id = message.parent_id;
    // The header names the first sender, which workers do not tell of.
    fact.client = Some(origin().to_owned());
    fact.eta = message.eta;
    fact.expires = message.expires;
    fact
}
