//! Live views: what a browser watches, its first picture, and what changed since.
//!
//! The law: for two pictures of one topic, `old.apply(old.change_to(new)) == new`.

use crate::tagged::{self, tag_first};
use crate::{
    AuditEntry, AuditLog, BrokerHealth, Inspection, ListChange, Older, Overview, Pulse,
    PurgedQueue, QueryError, QueueList, QueueSummary, RedisInfo, Schedule, TaskDetail, TaskId,
    TaskPage, TaskQuery, TaskState, TaskSummary, Timestamp, UndecodableList, WorkerDetail,
    WorkerList, WorkerName, WorkerSummary,
};
use serde::{
    Deserialize, Deserializer, Serialize,
    de::{self, MapAccess, Visitor, value::MapAccessDeserializer},
};
use std::fmt;

/// What a browser looks at.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "topic", content = "of", rename_all = "snake_case")]
pub enum Topic {
    /// The first screen.
    Overview,
    /// A window on tasks.
    Tasks(Box<TaskQuery>),
    /// One task.
    Task(TaskId),
    /// All workers.
    Workers,
    /// One worker.
    Worker(WorkerName),
    /// All queues.
    Queues,
    /// What could not be read.
    Undecodable,
    /// What is to run at a time.
    Schedule,
    /// Who did what.
    Audit,
}

impl Topic {
    /// Returns the query string that names this topic, such as `topic=task&id=…`.
    pub fn to_query_string(&self) -> String {
        let mut out = form_urlencoded::Serializer::new(String::new());
        match self {
            Self::Overview => out.append_pair("topic", "overview"),
            Self::Workers => out.append_pair("topic", "workers"),
            Self::Queues => out.append_pair("topic", "queues"),
            Self::Undecodable => out.append_pair("topic", "undecodable"),
            Self::Schedule => out.append_pair("topic", "schedule"),
            Self::Audit => out.append_pair("topic", "audit"),
            Self::Task(id) => out
                .append_pair("topic", "task")
                .append_pair("id", id.as_str()),
            Self::Worker(name) => out
                .append_pair("topic", "worker")
                .append_pair("name", name.as_str()),
            Self::Tasks(query) => out
                .append_pair("topic", "tasks")
                .extend_pairs(query.to_pairs()),
        };
        out.finish()
    }

    /// Reads what `to_query_string` writes.
    pub fn from_query_string(text: &str) -> Result<Self, QueryError> {
        let mut topic = None;
        let mut rest: Vec<(String, String)> = Vec::new();
        for (key, value) in form_urlencoded::parse(text.as_bytes()) {
            if key == "topic" {
                topic = Some(value.into_owned());
            } else {
                rest.push((key.into_owned(), value.into_owned()));
            }
        }
        let field = |key: &'static str| {
            rest.iter()
                .find(|(k, _)| k == key)
                .map(|(_, v)| v.as_str())
                .ok_or_else(|| QueryError::new(key, "is missing"))
        };
        match topic.as_deref() {
            Some("overview") => Ok(Self::Overview),
            Some("workers") => Ok(Self::Workers),
            Some("queues") => Ok(Self::Queues),
            Some("undecodable") => Ok(Self::Undecodable),
            Some("schedule") => Ok(Self::Schedule),
            Some("audit") => Ok(Self::Audit),
            Some("task") => Ok(Self::Task(field("id")?.into())),
            Some("worker") => Ok(Self::Worker(field("name")?.into())),
            Some("tasks") => Ok(Self::Tasks(Box::new(TaskQuery::from_pairs(
                rest.iter().map(|(k, v)| (k.as_str(), v.as_str())),
            )?))),
            Some(_) => Err(QueryError::new(
                "topic",
                "is none of overview, tasks, task, workers, worker, queues, undecodable, schedule, audit",
            )),
            None => Err(QueryError::new("topic", "is missing")),
        }
    }
}

/// A whole picture of a topic.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "view", content = "of", rename_all = "snake_case")]
pub enum View {
    /// The first screen.
    Overview(Box<Overview>),
    /// A window on tasks.
    Tasks(TaskPage),
    /// A task, unless it is not known.
    Task(Option<Box<TaskDetail>>),
    /// All workers.
    Workers(WorkerList),
    /// A worker, unless it is not known.
    Worker(Option<Box<WorkerDetail>>),
    /// All queues.
    Queues(QueueList),
    /// What could not be read.
    Undecodable(UndecodableList),
    /// What is to run at a time.
    Schedule(Box<Schedule>),
    /// Who did what.
    Audit(AuditLog),
}

tag_first!(View, "view", "of", {
    "overview" => View::Overview,
    "tasks" => View::Tasks,
    "task" => View::Task,
    "workers" => View::Workers,
    "worker" => View::Worker,
    "queues" => View::Queues,
    "undecodable" => View::Undecodable,
    "schedule" => View::Schedule,
    "audit" => View::Audit,
});

/// What leads from one picture of a topic to a later one.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "change", content = "of", rename_all = "snake_case")]
pub enum Change {
    /// The whole picture, where parts would not be smaller.
    Whole(View),
    /// A window on tasks.
    Tasks(TasksChange),
    /// All workers.
    Workers(WorkersChange),
    /// One worker.
    Worker(WorkerChange),
    /// All queues.
    Queues(QueuesChange),
    /// Who did what.
    Audit(AuditChange),
}

tag_first!(Change, "change", "of", {
    "whole" => Change::Whole,
    "tasks" => Change::Tasks,
    "workers" => Change::Workers,
    "worker" => Change::Worker,
    "queues" => Change::Queues,
    "audit" => Change::Audit,
});

/// What changed in a window on tasks.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TasksChange {
    /// Rows.
    pub rows: Option<ListChange<TaskSummary>>,
    /// `TaskPage::total`
    pub total: Option<u64>,
    /// `TaskPage::states`, if they changed.
    pub states: Option<Vec<(TaskState, u64)>>,
    /// `TaskPage::stored`
    pub stored: u64,
    /// `TaskPage::latest`
    pub latest: u64,
    /// `TaskPage::newer`
    pub newer: u64,
    /// `TaskPage::older`
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub older: Option<Older>,
}

/// What changed among all workers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct WorkersChange {
    /// Rows.
    pub rows: Option<ListChange<WorkerSummary>>,
    /// `WorkerList::unanswered_pings`
    pub unanswered_pings: u64,
}

/// What changed of one worker.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct WorkerChange {
    /// Its row.
    pub summary: Box<WorkerSummary>,
    /// Its namesakes, if they changed.
    pub namesakes: Option<Vec<WorkerSummary>>,
    /// Its answers, if they changed.
    pub inspection: Option<Box<Inspection>>,
}

/// What changed among all queues.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct QueuesChange {
    /// Rows.
    pub rows: Option<ListChange<QueueSummary>>,
    /// `QueueList::unacked`
    pub unacked: u64,
    /// `QueueList::polled`
    pub polled: Option<Timestamp>,
    /// `QueueList::redis`, if it changed; `null` if it is no longer known.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "present"
    )]
    pub redis: Option<Option<RedisInfo>>,
    /// `QueueList::health`, if it changed.
    pub health: Option<BrokerHealth>,
    /// `QueueList::purged`, if they changed.
    pub purged: Option<Vec<PurgedQueue>>,
}

/// What changed in the audit log.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AuditChange {
    /// Entries.
    pub entries: Option<ListChange<AuditEntry>>,
    /// `AuditLog::total`
    pub total: u64,
}

/// Reads a field that is there, so that `null` is a value and not an absence.
fn present<'de, D, T>(deserializer: D) -> Result<Option<T>, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de>,
{
    T::deserialize(deserializer).map(Some)
}

impl View {
    /// Returns what leads from this picture to `new`, or `None` if they are equal.
    pub fn change_to(&self, new: &Self) -> Option<Change> {
        if self == new {
            return None;
        }
        Some(match (self, new) {
            (Self::Tasks(old), Self::Tasks(new)) => Change::Tasks(TasksChange {
                rows: ListChange::between(&old.rows, &new.rows),
                total: new.total,
                states: (old.states != new.states).then(|| new.states.clone()),
                stored: new.stored,
                latest: new.latest,
                newer: new.newer,
                older: new.older.clone(),
            }),
            (Self::Workers(old), Self::Workers(new)) => Change::Workers(WorkersChange {
                rows: ListChange::between(&old.rows, &new.rows),
                unanswered_pings: new.unanswered_pings,
            }),
            (Self::Worker(Some(old)), Self::Worker(Some(new))) => Change::Worker(WorkerChange {
                summary: Box::new(new.summary.clone()),
                namesakes: (old.namesakes != new.namesakes).then(|| new.namesakes.clone()),
                inspection: (old.inspection != new.inspection)
                    .then(|| Box::new(new.inspection.clone())),
            }),
            (Self::Queues(old), Self::Queues(new)) => Change::Queues(QueuesChange {
                rows: ListChange::between(&old.rows, &new.rows),
                unacked: new.unacked,
                polled: new.polled,
                redis: (old.redis != new.redis).then(|| new.redis.clone()),
                health: (old.health != new.health).then(|| new.health.clone()),
                purged: (old.purged != new.purged).then(|| new.purged.clone()),
            }),
            (Self::Audit(old), Self::Audit(new)) => Change::Audit(AuditChange {
                entries: ListChange::between(&old.entries, &new.entries),
                total: new.total,
            }),
            (_, new) => Change::Whole(new.clone()),
        })
    }

    /// Brings this picture to the one `change` leads to.
    ///
    /// A change of another topic is taken only if it is whole; it tells so by
    /// returning `false` otherwise, and the picture stays as it was.
    pub fn apply(&mut self, change: &Change) -> bool {
        match (&mut *self, change) {
            (_, Change::Whole(view)) => *self = view.clone(),
            (
                Self::Tasks(page),
                Change::Tasks(TasksChange {
                    rows,
                    total,
                    states,
                    stored,
                    latest,
                    newer,
                    older,
                }),
            ) => {
                if let Some(rows) = rows {
                    rows.apply(&mut page.rows);
                }
                if let Some(states) = states {
                    page.states.clone_from(states);
                }
                page.total = *total;
                page.stored = *stored;
                page.latest = *latest;
                page.newer = *newer;
                page.older.clone_from(older);
            }
            (
                Self::Workers(list),
                Change::Workers(WorkersChange {
                    rows,
                    unanswered_pings,
                }),
            ) => {
                if let Some(rows) = rows {
                    rows.apply(&mut list.rows);
                }
                list.unanswered_pings = *unanswered_pings;
            }
            (
                Self::Worker(Some(detail)),
                Change::Worker(WorkerChange {
                    summary,
                    namesakes,
                    inspection,
                }),
            ) => {
                detail.summary = (**summary).clone();
                if let Some(namesakes) = namesakes {
                    detail.namesakes.clone_from(namesakes);
                }
                if let Some(inspection) = inspection {
                    detail.inspection = (**inspection).clone();
                }
            }
            (
                Self::Queues(list),
                Change::Queues(QueuesChange {
                    rows,
                    unacked,
                    polled,
                    redis,
                    health,
                    purged,
                }),
            ) => {
                if let Some(rows) = rows {
                    rows.apply(&mut list.rows);
                }
                if let Some(redis) = redis {
                    list.redis.clone_from(redis);
                }
                list.unacked = *unacked;
                list.polled = *polled;
                if let Some(health) = health {
                    list.health.clone_from(health);
                }
                if let Some(purged) = purged {
                    list.purged.clone_from(purged);
                }
            }
            (Self::Audit(log), Change::Audit(AuditChange { entries, total })) => {
                if let Some(entries) = entries {
                    entries.apply(&mut log.entries);
                }
                log.total = *total;
            }
            _ => return false,
        }
        true
    }
}

/// A topic's picture at one moment.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Snapshot {
    /// The state's revision: grows with every change anywhere.
    pub revision: u64,
    /// What every page shows.
    pub pulse: Pulse,
    /// The picture.
    pub view: View,
}

/// One message of the live stream.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "frame", rename_all = "snake_case")]
pub enum Frame {
    /// The first message, or a fresh start.
    Snapshot(Box<Snapshot>),
    /// Something changed since the message before.
    Delta {
        /// The revision of the picture that this change starts from.
        from: u64,
        /// The revision it leads to.
        revision: u64,
        /// The frame of the page, if it changed.
        pulse: Option<Box<Pulse>>,
        /// The picture's change, if it changed.
        change: Option<Box<Change>>,
    },
}

impl<'de> Deserialize<'de> for Frame {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        struct Delta {
            from: u64,
            revision: u64,
            pulse: Option<Box<Pulse>>,
            change: Option<Box<Change>>,
        }
        struct TagFirst;
        impl<'de> Visitor<'de> for TagFirst {
            type Value = Frame;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a frame that begins with `frame`")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Frame, A::Error> {
                let kind = tagged::tag(&mut map, "frame")?;
                let rest = MapAccessDeserializer::new(map);
                match &*kind {
                    "snapshot" => Box::deserialize(rest).map(Frame::Snapshot),
                    "delta" => Delta::deserialize(rest).map(|delta| Frame::Delta {
                        from: delta.from,
                        revision: delta.revision,
                        pulse: delta.pulse,
                        change: delta.change,
                    }),
                    _ => Err(de::Error::unknown_variant(&kind, &["snapshot", "delta"])),
                }
            }
        }
        deserializer.deserialize_map(TagFirst)
    }
}
