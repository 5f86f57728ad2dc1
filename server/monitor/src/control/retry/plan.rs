//! What a retry would do, said before it is done: where the arguments come
//! from, what is lost, and what stands in the way. Pure.

use super::{
    find::{Findings, Found, Original, Stored},
    text,
};
use crate::broker::messages::Place;
use model::{
    ArgumentSource, JsonText, QueueName, RetryPlan, SourceReport, TaskDetail, TaskDraft, TaskName,
    TaskState, Timestamp,
};
use protocol::arguments_of;

/// The worst source that is exact; text never is.
pub(super) const EXACT: ArgumentSource = ArgumentSource::Seen;

/// What a retried task is made of.
#[derive(Clone, Debug)]
pub(super) enum Material<'f> {
    /// Its original message.
    Original(&'f Original),
    /// Its arguments.
    Arguments {
        name: TaskName,
        args: String,
        kwargs: String,
        queue: Option<QueueName>,
        priority: Option<u8>,
    },
}

/// Tells why a task in this state is not retried; `None` if it may be.
pub(crate) fn standing_in_the_way(state: &TaskState) -> Option<&'static str> {
    match state {
        TaskState::Failure
        | TaskState::Revoked
        | TaskState::Orphaned
        | TaskState::Unknown
        | TaskState::Success
        | TaskState::Rejected => None,
        TaskState::Pending | TaskState::Received => Some("it waits to be run"),
        TaskState::Started | TaskState::Custom(_) => Some("it is running"),
        TaskState::Retry => Some("it asked to be run again itself, and waits for that"),
    }
}

/// Tells whether a worker may still have a task in this state.
pub(super) fn may_be_held(state: &TaskState) -> bool {
    !matches!(
        state,
        TaskState::Success | TaskState::Failure | TaskState::Rejected
    )
}

/// What is known around a task.
pub(super) struct Scene<'s> {
    pub(super) task: &'s TaskDetail,
    pub(super) found: &'s Found,
    pub(super) findings: &'s Findings,
    /// The queue that tasks of its type went to last, else Celery's default.
    pub(super) usual_queue: QueueName,
    pub(super) now: Timestamp,
}

impl<'s> Scene<'s> {
    /// Returns what a source has, if it can be used.
    pub(super) fn material(&self, source: ArgumentSource) -> Result<Material<'s>, String> {
        match source {
            ArgumentSource::Message => self.message().map(Material::Original),
            ArgumentSource::Seen => self.seen().map(Material::Original),
            ArgumentSource::Worker => self.held(),
            ArgumentSource::Result => self.stored(),
            ArgumentSource::Text => self.text(),
        }
    }

    /// Returns the source to use if nobody says which: the best, and none that
    /// is worse than `worst`. A message that was seen goes before bare
    /// arguments if something follows the task.
    pub(super) fn best(&self, worst: ArgumentSource) -> Option<ArgumentSource> {
        let may = |source: &ArgumentSource| *source <= worst;
        let mut sources = ArgumentSource::ALL.into_iter().filter(may);
        let best = sources.find(|source| self.material(*source).is_ok())?;
        let is_bare = matches!(best, ArgumentSource::Worker | ArgumentSource::Result);
        match self.seen() {
            Ok(original) if is_bare && original.has_more() && may(&ArgumentSource::Seen) => {
                Some(ArgumentSource::Seen)
            }
            _ => Some(best),
        }
    }

    fn message(&self) -> Result<&'s Original, String> {
        if let Some(original) = &self.found.message {
            return sendable(original);
        }
        Err(match &self.findings.messages_problem {
            Some(problem) => format!("The queues could not be looked into: {problem}."),
            None if self.findings.are_all_messages => {
                "Its message is in no queue any more.".to_owned()
            }
            None => "Its message was not among those looked at; there are too many to look at all."
                .to_owned(),
        })
    }

    fn seen(&self) -> Result<&'s Original, String> {
        match &self.found.seen {
            Some(original) => sendable(original),
            None => Err("Its message was not seen while it waited.".to_owned()),
        }
    }

    fn held(&self) -> Result<Material<'s>, String> {
        if let Some((worker, held)) = &self.found.held {
            let task = &held.task;
            return match (
                &held.arguments,
                task.task_type.as_ref().or(task.name.as_ref()),
            ) {
                (Some((args, kwargs)), Some(name)) => Ok(Material::Arguments {
                    name: name.clone(),
                    args: args.clone(),
                    kwargs: kwargs.clone(),
                    queue: match task.exchange.as_deref() {
                        Some("") => task.routing_key.as_deref().map(QueueName::from),
                        _ => None,
                    },
                    priority: task.priority.and_then(|p| u8::try_from(p).ok()),
                }),
                _ => Err(format!(
                    "{worker} has it, but shows its arguments as text only."
                )),
            };
        }
        Err(match &self.findings.workers_problem {
            Some(problem) => format!("The workers could not be asked: {problem}."),
            None if !may_be_held(&self.task.summary.state) => {
                "It has ended, so no worker has it.".to_owned()
            }
            None => "No worker that answered has it.".to_owned(),
        })
    }

    fn stored(&self) -> Result<Material<'s>, String> {
        Err(match &self.found.stored {
            Stored::Arguments(stored) => {
                return Ok(Material::Arguments {
                    name: stored.name.clone(),
                    args: stored.args.clone(),
                    kwargs: stored.kwargs.clone(),
                    queue: stored.queue.clone(),
                    priority: None,
                });
            }
            Stored::NotAsked => "No result backend is configured.".to_owned(),
            Stored::Failed(problem) => format!("The result backend did not answer: {problem}."),
            Stored::Nothing => "No result of it is stored.".to_owned(),
            Stored::NoArguments => {
                "Its result is stored without arguments, as result_extended is off.".to_owned()
            }
            Stored::Unreadable(error) => format!("Its result cannot be read: {error}."),
        })
    }

    fn text(&self) -> Result<Material<'s>, String> {
        let task = self.task;
        let (Some(args), Some(kwargs)) = (&task.args, &task.kwargs) else {
            return Err("No event told its arguments.".to_owned());
        };
        let (args, kwargs) =
            text::read(args, kwargs).map_err(|doubt| format!("It cannot be trusted: {doubt}."))?;
        let name = task.summary.name.clone();
        Ok(Material::Arguments {
            name: name.ok_or("Its type is not known.")?,
            args,
            kwargs,
            queue: None,
            priority: None,
        })
    }

    fn report(&self, source: ArgumentSource) -> SourceReport {
        let material = self.material(source);
        let (is_usable, reason) = match &material {
            Ok(_) => (true, self.praise(source)),
            Err(reason) => (false, reason.clone()),
        };
        let json = |text: &str| JsonText::parse(text).ok();
        let (args, kwargs) = match material.as_ref().map(Material::arguments) {
            Ok(Some((args, kwargs))) => (json(&args), json(&kwargs)),
            Ok(None) => (None, None),
            // Half of it helps whoever fills in the other half.
            Err(_) if source == ArgumentSource::Text => {
                let part =
                    |text: &Option<String>, read: fn(&str) -> Result<String, text::Doubt>| {
                        json(&read(text.as_deref()?).ok()?)
                    };
                (
                    part(&self.task.args, text::read_args),
                    part(&self.task.kwargs, text::read_kwargs),
                )
            }
            Err(_) => (None, None),
        };
        SourceReport {
            source,
            is_usable,
            reason,
            args,
            kwargs,
        }
    }

    fn praise(&self, source: ArgumentSource) -> String {
        match source {
            ArgumentSource::Message => match self.found.message.as_ref().map(|m| &m.place) {
                Some(Some(Place::Waiting(queue))) => {
                    format!("Its message waits in queue {queue}.")
                }
                _ => "Its message was taken by a worker and not acknowledged.".to_owned(),
            },
            ArgumentSource::Worker => match &self.found.held {
                Some((worker, held)) => format!("{worker} has it ({}).", held.place),
                None => String::new(),
            },
            ArgumentSource::Result => "Its result is stored with its arguments.".to_owned(),
            ArgumentSource::Seen => "Its message was seen while it waited.".to_owned(),
            ArgumentSource::Text => {
                "The text that events carry can mean one thing only; look at it before you send it."
                    .to_owned()
            }
        }
    }

    /// Returns where the task goes, and whether that is where it went before.
    pub(super) fn queue(&self, material: Option<&Material<'_>>) -> (QueueName, bool) {
        let sent_to = || self.task.summary.queue.clone();
        let known = match material {
            Some(Material::Original(original)) => queue_of(original).or_else(sent_to),
            // What the sender said is sure; a stored result has only the routing key.
            Some(Material::Arguments { queue, .. }) => sent_to().or_else(|| queue.clone()),
            None => sent_to(),
        };
        match known {
            Some(queue) => (queue, true),
            None => (self.usual_queue.clone(), false),
        }
    }

    /// Tells all of it. Problems that concern the workers are the caller's to add.
    pub(super) fn plan(&self) -> RetryPlan {
        let task = self.task;
        let sources: Vec<SourceReport> = ArgumentSource::ALL.map(|s| self.report(s)).into();
        let chosen = self.best(EXACT);
        let material = chosen.and_then(|source| self.material(source).ok());
        // Where nothing is exact, a person may begin with what there is.
        let of = |part: fn(&SourceReport) -> Option<&JsonText>| {
            let best = sources
                .iter()
                .filter(|report| Some(report.source) == chosen);
            best.chain(&sources).find_map(part).cloned()
        };
        let (queue, is_queue_known) = self.queue(material.as_ref());
        let (name, priority) = match &material {
            Some(Material::Original(original)) => (
                Some(original.open.task.name.clone()),
                original
                    .open
                    .task
                    .priority
                    .and_then(|p| u8::try_from(p).ok()),
            ),
            Some(Material::Arguments { name, priority, .. }) => (Some(name.clone()), *priority),
            None => (None, None),
        };
        let name = name.or_else(|| task.summary.name.clone());
        let is_to_come = |time: &Timestamp| *time > self.now;
        let mut problems = Vec::new();
        if let Some(reason) = standing_in_the_way(&task.summary.state) {
            problems.push(format!("It cannot be retried: {reason}."));
        }
        RetryPlan {
            task: task.summary.id.clone(),
            chosen,
            draft: TaskDraft {
                name: name.unwrap_or_else(|| TaskName::from("")),
                args: of(|report| report.args.as_ref()).unwrap_or_else(JsonText::empty_list),
                kwargs: of(|report| report.kwargs.as_ref()).unwrap_or_else(JsonText::empty_object),
                queue: Some(queue),
                priority,
                eta: task.summary.eta.filter(is_to_come),
                countdown_seconds: None,
                expires: task.expires.filter(is_to_come),
                retry_of: Some(task.summary.id.clone()),
                is_unchecked: false,
            },
            is_queue_known,
            consequences: material
                .as_ref()
                .map(|material| self.consequences(material))
                .unwrap_or_default(),
            problems,
            is_original: matches!(material, Some(Material::Original(_))),
            sources,
        }
    }
}

impl Material<'_> {
    /// Returns the task type.
    pub(super) fn name(&self) -> TaskName {
        match self {
            Self::Original(original) => original.open.task.name.clone(),
            Self::Arguments { name, .. } => name.clone(),
        }
    }

    /// Returns the arguments as JSON, if they can be read.
    pub(super) fn arguments(&self) -> Option<(String, String)> {
        match self {
            Self::Original(original) => arguments_of(&original.message).ok(),
            Self::Arguments { args, kwargs, .. } => Some((args.clone(), kwargs.clone())),
        }
    }
}

/// Returns the queue that a message waits in or was sent to.
pub(super) fn queue_of(original: &Original) -> Option<QueueName> {
    if let Some(Place::Waiting(queue)) = &original.place {
        return Some(queue.clone());
    }
    // On the default exchange the routing key is the queue's name.
    let task = &original.open.task;
    match task.exchange.as_deref() {
        Some("") => task.routing_key.as_deref().map(QueueName::from),
        _ => None,
    }
}

/// A message of protocol 1 is written anew from its arguments, so these must be readable.
fn sendable(original: &Original) -> Result<&Original, String> {
    match &original.open.body {
        Err(error) if original.open.task.protocol == 1 => Err(format!(
            "Its message was found, but cannot be read: {error}."
        )),
        _ => Ok(original),
    }
}
