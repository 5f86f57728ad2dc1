//! Everything a caller may ask for that changes something, and what came of it.
//!
//! In JSON a command is an object of one field, its kind:
//! `{"pool_grow": {"workers": ["w1@host"], "n": 2}}`.

use crate::{
    ArgumentSource, BulkAct, BulkId, BulkTarget, LeftoverKind, Permission, PurgeId, QueueName,
    ScheduleKey, TaskDraft, TaskId, TaskName, Timestamp, WorkerName,
};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
};

/// Which workers a command is for.
///
/// In JSON `"all"` or a list of names. It must always be given: to forget it
/// must not mean everybody.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Destination {
    /// Every worker that listens.
    All,
    /// These.
    Workers(BTreeSet<WorkerName>),
}

impl Destination {
    /// One worker.
    pub fn one(name: WorkerName) -> Self {
        Self::Workers(BTreeSet::from([name]))
    }

    /// Returns the names; `None` means all.
    pub fn names(&self) -> Option<&BTreeSet<WorkerName>> {
        match self {
            Self::All => None,
            Self::Workers(names) => Some(names),
        }
    }
}

impl Serialize for Destination {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::All => serializer.serialize_str("all"),
            Self::Workers(names) => names.serialize(serializer),
        }
    }
}

impl<'de> Deserialize<'de> for Destination {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct AllOrNames;
        impl<'de> de::Visitor<'de> for AllOrNames {
            type Value = Destination;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("`all` or a list of worker names")
            }
            fn visit_str<E: de::Error>(self, text: &str) -> Result<Destination, E> {
                if text == "all" {
                    Ok(Destination::All)
                } else {
                    Err(E::invalid_value(de::Unexpected::Str(text), &self))
                }
            }
            fn visit_seq<A: de::SeqAccess<'de>>(self, mut seq: A) -> Result<Destination, A::Error> {
                let mut names = BTreeSet::new();
                while let Some(name) = seq.next_element()? {
                    names.insert(name);
                }
                if names.is_empty() {
                    // Celery's workers take an empty list for everybody.
                    return Err(de::Error::invalid_length(0, &self));
                }
                Ok(Destination::Workers(names))
            }
        }
        deserializer.deserialize_any(AllOrNames)
    }
}

/// A signal that ends a task's process.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Signal {
    /// Asks the process to end; Celery's default.
    #[default]
    #[serde(rename = "SIGTERM")]
    Term,
    /// Ends it at once; nothing of the task's code runs any more.
    #[serde(rename = "SIGKILL")]
    Kill,
    /// Ctrl-C.
    #[serde(rename = "SIGINT")]
    Interrupt,
    /// Ends it with a memory dump.
    #[serde(rename = "SIGQUIT")]
    Quit,
    /// Raises `SoftTimeLimitExceeded` in the task.
    #[serde(rename = "SIGUSR1")]
    User1,
}

impl Signal {
    /// Every signal offered.
    pub const ALL: [Self; 5] = [
        Self::Term,
        Self::Kill,
        Self::Interrupt,
        Self::Quit,
        Self::User1,
    ];

    /// Returns the name that workers know.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Term => "SIGTERM",
            Self::Kill => "SIGKILL",
            Self::Interrupt => "SIGINT",
            Self::Quit => "SIGQUIT",
            Self::User1 => "SIGUSR1",
        }
    }

    /// Reads a name, with or without `SIG`, in any case.
    pub fn from_name(name: &str) -> Option<Self> {
        let upper = name.trim().to_ascii_uppercase();
        let name = upper.strip_prefix("SIG").unwrap_or(&upper);
        Self::ALL
            .into_iter()
            .find(|signal| signal.as_str().strip_prefix("SIG") == Some(name))
    }
}

macro_rules! kinds {
    ($($(#[$doc:meta])* $kind:ident = $name:literal, $permission:ident;)+) => {
        /// The kinds of commands.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(rename_all = "snake_case")]
        pub enum CommandKind {
            $($(#[$doc])* $kind,)+
        }

        impl CommandKind {
            /// Every kind.
            pub const ALL: &'static [Self] = &[$(Self::$kind,)+];

            /// Returns its name in the API and the audit log.
            pub fn as_str(self) -> &'static str {
                match self {
                    $(Self::$kind => $name,)+
                }
            }

            /// Returns what a caller must be allowed to.
            pub fn permission(self) -> Permission {
                match self {
                    $(Self::$kind => Permission::$permission,)+
                }
            }
        }
    };
}

kinds! {
    /// Have workers drop tasks they have not started.
    Revoke = "revoke", SteerTasks;
    /// Revoke, and end the process that runs the task.
    Terminate = "terminate", SteerTasks;
    /// Revoke every task that bears one of some stamps.
    RevokeByStampedHeaders = "revoke_by_stamped_headers", SteerTasks;
    /// Ask an `AbortableTask` to end by itself, by the state of its result.
    Abort = "abort", SteerTasks;
    /// Send a task again under a new id.
    Retry = "retry", SteerTasks;
    /// Send a task.
    Send = "send", SteerTasks;
    /// Revoke, terminate or retry many tasks.
    Bulk = "bulk", SteerTasks;
    /// End a bulk that runs.
    StopBulk = "stop_bulk", SteerTasks;
    /// Ask whether workers are there.
    Ping = "ping", Look;
    /// Warm shutdown.
    Shutdown = "shutdown", StopWorkers;
    /// Replace the processes of the pool.
    PoolRestart = "pool_restart", SteerWorkers;
    /// Add processes to the pool.
    PoolGrow = "pool_grow", SteerWorkers;
    /// Take processes from the pool.
    PoolShrink = "pool_shrink", SteerWorkers;
    /// Change the bounds between which the pool sizes itself.
    Autoscale = "autoscale", SteerWorkers;
    /// Begin to consume a queue.
    AddConsumer = "add_consumer", SteerWorkers;
    /// Stop consuming a queue.
    CancelConsumer = "cancel_consumer", SteerWorkers;
    /// Change how many tasks of a type may start in a time.
    RateLimit = "rate_limit", SteerWorkers;
    /// Change how long tasks of a type may run.
    TimeLimit = "time_limit", SteerWorkers;
    /// Begin to send task events.
    EnableEvents = "enable_events", SteerWorkers;
    /// Stop sending task events.
    DisableEvents = "disable_events", SteerWorkers;
    /// Delete one waiting message.
    DeleteMessage = "delete_message", SteerQueues;
    /// Put waiting messages into another queue.
    MoveMessages = "move_messages", SteerQueues;
    /// Throw away what waits in a queue.
    Purge = "purge", PurgeQueues;
    /// Put back what a purge threw away.
    UndoPurge = "undo_purge", SteerQueues;
    /// Have all workers of a queue stop consuming it.
    PauseQueue = "pause_queue", SteerQueues;
    /// Have the workers of a paused queue consume it again.
    ResumeQueue = "resume_queue", SteerQueues;
    /// Delete keys that their owners left behind in Redis.
    CleanUp = "clean_up", CleanUp;
    /// Send the task of an entry of the schedule now.
    RunEntry = "run_entry", SteerTasks;
}

impl fmt::Display for CommandKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Something to do.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Command {
    /// See [`CommandKind::Revoke`].
    Revoke {
        /// Which.
        tasks: Vec<TaskId>,
    },
    /// See [`CommandKind::Terminate`].
    Terminate {
        /// Which.
        tasks: Vec<TaskId>,
        /// By which signal; `SIGTERM` unless told.
        #[serde(default)]
        signal: Signal,
    },
    /// See [`CommandKind::RevokeByStampedHeaders`]; since Celery 5.3.
    RevokeByStampedHeaders {
        /// A task is meant if for any of these headers it bears any of the stamps.
        headers: BTreeMap<String, Vec<String>>,
        /// The signal for those that run; without it they run on.
        #[serde(default)]
        terminate: Option<Signal>,
    },
    /// See [`CommandKind::Abort`].
    Abort {
        /// Which.
        task: TaskId,
    },
    /// See [`CommandKind::Retry`].
    Retry {
        /// Which.
        task: TaskId,
        /// Where its arguments are to come from; the best there is unless told.
        /// Argument text is taken only if it is named here.
        #[serde(default)]
        source: Option<ArgumentSource>,
    },
    /// See [`CommandKind::Send`]: a new task, or an edited retry.
    Send {
        /// What to send.
        task: Box<TaskDraft>,
    },
    /// See [`CommandKind::Bulk`].
    Bulk {
        /// What to do with each.
        act: BulkAct,
        /// With which.
        tasks: BulkTarget,
        /// How many the caller believes they are; refused if more match by
        /// now. The pages always say it.
        #[serde(default)]
        expected: Option<u64>,
    },
    /// See [`CommandKind::StopBulk`].
    StopBulk {
        /// Which.
        bulk: BulkId,
    },
    /// See [`CommandKind::Ping`].
    Ping {
        /// Whom.
        workers: Destination,
    },
    /// See [`CommandKind::Shutdown`].
    Shutdown {
        /// Whom.
        workers: Destination,
    },
    /// See [`CommandKind::PoolRestart`].
    PoolRestart {
        /// Whose.
        workers: Destination,
    },
    /// See [`CommandKind::PoolGrow`].
    PoolGrow {
        /// Whose.
        workers: Destination,
        /// By how many, at least 1.
        n: u32,
    },
    /// See [`CommandKind::PoolShrink`].
    PoolShrink {
        /// Whose.
        workers: Destination,
        /// By how many, at least 1.
        n: u32,
    },
    /// See [`CommandKind::Autoscale`].
    Autoscale {
        /// Whose.
        workers: Destination,
        /// Fewest processes.
        min: u32,
        /// Most processes, at least 1 and `min`.
        max: u32,
    },
    /// See [`CommandKind::AddConsumer`].
    AddConsumer {
        /// Who.
        workers: Destination,
        /// Which queue.
        queue: QueueName,
    },
    /// See [`CommandKind::CancelConsumer`].
    CancelConsumer {
        /// Who.
        workers: Destination,
        /// Which queue.
        queue: QueueName,
    },
    /// See [`CommandKind::RateLimit`].
    RateLimit {
        /// Whose.
        workers: Destination,
        /// The task type.
        task: TaskName,
        /// Celery's notation, such as `10/m`; `0` for no limit.
        rate_limit: String,
    },
    /// See [`CommandKind::TimeLimit`].
    TimeLimit {
        /// Whose.
        workers: Destination,
        /// The task type.
        task: TaskName,
        /// Seconds after which the task gets an exception; none if absent.
        #[serde(default)]
        soft: Option<f64>,
        /// Seconds after which its process is killed; none if absent.
        #[serde(default)]
        hard: Option<f64>,
    },
    /// See [`CommandKind::EnableEvents`].
    EnableEvents {
        /// Whose.
        workers: Destination,
    },
    /// See [`CommandKind::DisableEvents`].
    DisableEvents {
        /// Whose.
        workers: Destination,
    },
    /// See [`CommandKind::DeleteMessage`].
    DeleteMessage {
        /// In which queue.
        queue: QueueName,
        /// `WaitingMessage::tag`
        tag: String,
    },
    /// See [`CommandKind::MoveMessages`].
    MoveMessages {
        /// From which queue.
        queue: QueueName,
        /// Into which.
        to: QueueName,
        /// Only these (`WaitingMessage::tag`); all that wait now if absent.
        #[serde(default)]
        tags: Option<Vec<String>>,
    },
    /// See [`CommandKind::Purge`].
    Purge {
        /// Which queue.
        queue: QueueName,
        /// The queue's name once more, typed by a person.
        confirm: String,
    },
    /// See [`CommandKind::UndoPurge`].
    UndoPurge {
        /// Which purge.
        purge: PurgeId,
    },
    /// See [`CommandKind::PauseQueue`].
    PauseQueue {
        /// Which.
        queue: QueueName,
    },
    /// See [`CommandKind::ResumeQueue`].
    ResumeQueue {
        /// Which.
        queue: QueueName,
    },
    /// See [`CommandKind::CleanUp`].
    CleanUp {
        /// What kind of keys.
        kind: LeftoverKind,
        /// Only these keys; all of the kind that are left behind if absent.
        #[serde(default)]
        keys: Option<Vec<String>>,
    },
    /// See [`CommandKind::RunEntry`].
    RunEntry {
        /// Which entry.
        entry: ScheduleKey,
    },
}

impl Command {
    /// Returns its kind.
    pub fn kind(&self) -> CommandKind {
        match self {
            Self::Revoke { .. } => CommandKind::Revoke,
            Self::Terminate { .. } => CommandKind::Terminate,
            Self::RevokeByStampedHeaders { .. } => CommandKind::RevokeByStampedHeaders,
            Self::Abort { .. } => CommandKind::Abort,
            Self::Retry { .. } => CommandKind::Retry,
            Self::Send { .. } => CommandKind::Send,
            Self::Bulk { .. } => CommandKind::Bulk,
            Self::StopBulk { .. } => CommandKind::StopBulk,
            Self::Ping { .. } => CommandKind::Ping,
            Self::Shutdown { .. } => CommandKind::Shutdown,
            Self::PoolRestart { .. } => CommandKind::PoolRestart,
            Self::PoolGrow { .. } => CommandKind::PoolGrow,
            Self::PoolShrink { .. } => CommandKind::PoolShrink,
            Self::Autoscale { .. } => CommandKind::Autoscale,
            Self::AddConsumer { .. } => CommandKind::AddConsumer,
            Self::CancelConsumer { .. } => CommandKind::CancelConsumer,
            Self::RateLimit { .. } => CommandKind::RateLimit,
            Self::TimeLimit { .. } => CommandKind::TimeLimit,
            Self::EnableEvents { .. } => CommandKind::EnableEvents,
            Self::DisableEvents { .. } => CommandKind::DisableEvents,
            Self::DeleteMessage { .. } => CommandKind::DeleteMessage,
            Self::MoveMessages { .. } => CommandKind::MoveMessages,
            Self::Purge { .. } => CommandKind::Purge,
            Self::UndoPurge { .. } => CommandKind::UndoPurge,
            Self::PauseQueue { .. } => CommandKind::PauseQueue,
            Self::ResumeQueue { .. } => CommandKind::ResumeQueue,
            Self::CleanUp { .. } => CommandKind::CleanUp,
            Self::RunEntry { .. } => CommandKind::RunEntry,
        }
    }

    /// Returns what it is about, for the audit log: ids, worker names, queues;
    /// never arguments of tasks.
    pub fn target(&self) -> String {
        let ids = |tasks: &[TaskId]| match tasks {
            [one] => one.to_string(),
            many => format!("{} tasks", many.len()),
        };
        match self {
            Self::Revoke { tasks } | Self::Terminate { tasks, .. } => ids(tasks),
            Self::RevokeByStampedHeaders { headers, .. } => headers
                .iter()
                .map(|(header, stamps)| format!("{header}={}", stamps.join(",")))
                .collect::<Vec<_>>()
                .join(" "),
            Self::Abort { task } | Self::Retry { task, .. } => task.to_string(),
            Self::Send { task } => match &task.queue {
                Some(queue) => format!("{} on {queue}", task.name),
                None => task.name.to_string(),
            },
            Self::Bulk { tasks, .. } => match tasks {
                BulkTarget::Tasks(tasks) => ids(tasks),
                BulkTarget::Query(query) => match query.to_query_string() {
                    text if text.is_empty() => "all tasks".to_owned(),
                    text => format!("tasks of ?{text}"),
                },
            },
            Self::StopBulk { bulk } => format!("bulk {bulk}"),
            Self::Ping { workers }
            | Self::Shutdown { workers }
            | Self::PoolRestart { workers }
            | Self::PoolGrow { workers, .. }
            | Self::PoolShrink { workers, .. }
            | Self::Autoscale { workers, .. }
            | Self::EnableEvents { workers }
            | Self::DisableEvents { workers } => workers.to_string(),
            Self::AddConsumer { workers, queue } | Self::CancelConsumer { workers, queue } => {
                format!("{queue} on {workers}")
            }
            Self::RateLimit { workers, task, .. } | Self::TimeLimit { workers, task, .. } => {
                format!("{task} on {workers}")
            }
            Self::DeleteMessage { queue, tag } => format!("{tag} in {queue}"),
            Self::MoveMessages { queue, to, .. } => format!("{queue} to {to}"),
            Self::Purge { queue, .. } => queue.to_string(),
            Self::UndoPurge { purge } => format!("purge {purge}"),
            Self::PauseQueue { queue } | Self::ResumeQueue { queue } => queue.to_string(),
            Self::CleanUp { kind, .. } => kind.as_str().to_owned(),
            Self::RunEntry { entry } => entry.to_string(),
        }
    }
}

impl fmt::Display for Destination {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::All => f.write_str("all workers"),
            Self::Workers(names) => {
                for (place, name) in names.iter().enumerate() {
                    if place > 0 {
                        f.write_str(", ")?;
                    }
                    f.write_str(name.as_str())?;
                }
                Ok(())
            }
        }
    }
}

/// How a command ended that was sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OutcomeStatus {
    /// Everything was done as asked.
    Done,
    /// Some workers refused or did not answer, or some tasks could not be had.
    Partial,
    /// Whoever answered refused.
    Refused,
    /// Nobody answered in time; it may have been done all the same.
    Silent,
}

/// What one worker answered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WorkerReply {
    /// Who.
    pub worker: WorkerName,
    /// Whether it did as asked.
    pub is_ok: bool,
    /// Its own words.
    pub text: String,
}

/// What came of a command.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Outcome {
    /// In a word.
    pub status: OutcomeStatus,
    /// In a sentence.
    pub message: String,
    /// What workers answered, by name.
    pub replies: Vec<WorkerReply>,
    /// Workers that were asked and did not answer in time.
    pub silent: Vec<WorkerName>,
    /// What a person should know besides, such as what a retry loses.
    pub notes: Vec<String>,
    /// The task that was sent.
    pub task: Option<TaskId>,
    /// The bulk that was begun.
    pub bulk: Option<BulkId>,
    /// How many tasks, messages or keys it was.
    pub count: Option<u64>,
    /// How it can be taken back.
    pub undo: Option<Undo>,
}

impl Outcome {
    /// Something done, in a sentence.
    pub fn done(message: impl Into<String>) -> Self {
        Self {
            status: OutcomeStatus::Done,
            message: message.into(),
            replies: Vec::new(),
            silent: Vec::new(),
            notes: Vec::new(),
            task: None,
            bulk: None,
            count: None,
            undo: None,
        }
    }
}

/// How a purge can be taken back.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Undo {
    /// The purge.
    pub purge: PurgeId,
    /// Until when.
    pub until: Timestamp,
    /// How many of its messages are kept; fewer than were purged if they were too many to keep.
    pub kept: u64,
}
