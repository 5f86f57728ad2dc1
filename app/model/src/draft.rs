//! Tasks that are to be sent: new ones, and old ones once more.

use crate::{QueueName, TaskId, TaskName, Timestamp};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use serde_json::value::RawValue;

/// JSON as it was written: integers of any size and Celery's typed values stay as they are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JsonText(String);

impl JsonText {
    /// Checks that the text is JSON.
    pub fn parse(text: &str) -> Result<Self, serde_json::Error> {
        let value: &RawValue = serde_json::from_str(text.trim())?;
        Ok(Self(value.get().to_owned()))
    }

    /// An empty list.
    pub fn empty_list() -> Self {
        Self("[]".to_owned())
    }

    /// An empty object.
    pub fn empty_object() -> Self {
        Self("{}".to_owned())
    }

    /// Returns the text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Tells whether it is a list.
    pub fn is_list(&self) -> bool {
        self.0.starts_with('[')
    }

    /// Tells whether it is an object.
    pub fn is_object(&self) -> bool {
        self.0.starts_with('{')
    }
}

impl Serialize for JsonText {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let raw: &RawValue = serde_json::from_str(&self.0).map_err(serde::ser::Error::custom)?;
        raw.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for JsonText {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let raw = Box::<RawValue>::deserialize(deserializer)?;
        Self::parse(raw.get()).map_err(de::Error::custom)
    }
}

/// A task to send.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TaskDraft {
    /// The task type.
    pub name: TaskName,
    /// The positional arguments, a JSON list.
    #[serde(default = "JsonText::empty_list")]
    pub args: JsonText,
    /// The keyword arguments, a JSON object.
    #[serde(default = "JsonText::empty_object")]
    pub kwargs: JsonText,
    /// The queue; unless told, the one that tasks of this type went to last, else Celery's default.
    #[serde(default)]
    pub queue: Option<QueueName>,
    /// The priority, 0 to 9; on Redis the lowest number runs first.
    #[serde(default)]
    pub priority: Option<u8>,
    /// When to run it; at once if absent.
    #[serde(default)]
    pub eta: Option<Timestamp>,
    /// In how many seconds to run it; not together with `eta`.
    #[serde(default)]
    pub countdown_seconds: Option<f64>,
    /// When it expires.
    #[serde(default)]
    pub expires: Option<Timestamp>,
    /// The task that this one repeats.
    #[serde(default)]
    pub retry_of: Option<TaskId>,
    /// Whether it is sent although no worker says that it knows the type.
    #[serde(default)]
    pub is_unchecked: bool,
}

/// Where the arguments of a retried task come from, the best first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ArgumentSource {
    /// Its message, which still waits in a queue or is unacknowledged.
    Message,
    /// The worker that holds it.
    Worker,
    /// Its stored result, with `result_extended`.
    Result,
    /// Its message, which the dashboard saw while it waited.
    Seen,
    /// The text that events carry, read as Python.
    Text,
}

impl ArgumentSource {
    /// Every source, the best first.
    pub const ALL: [Self; 5] = [
        Self::Message,
        Self::Worker,
        Self::Result,
        Self::Seen,
        Self::Text,
    ];
}

/// Whether a source has the arguments.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SourceReport {
    /// Which source.
    pub source: ArgumentSource,
    /// Whether it can be used.
    pub is_usable: bool,
    /// What was found there, or why it cannot be used; one sentence.
    pub reason: String,
    /// The positional arguments it has, JSON.
    pub args: Option<JsonText>,
    /// The keyword arguments it has, JSON.
    pub kwargs: Option<JsonText>,
}

/// How a task can be sent once more.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RetryPlan {
    /// The task.
    pub task: TaskId,
    /// What was found where, one for each of [`ArgumentSource::ALL`].
    pub sources: Vec<SourceReport>,
    /// The source that would be used; absent if none may be used without a person's eyes.
    pub chosen: Option<ArgumentSource>,
    /// What is known of the task, with the chosen arguments.
    pub draft: TaskDraft,
    /// Whether the queue of the draft is where the task went, or a guess from its type.
    pub is_queue_known: bool,
    /// What a retry loses or changes, one sentence each, such as "Its chord will not continue."
    pub consequences: Vec<String>,
    /// Why it must not be sent as it is, such as that no worker knows the type.
    pub problems: Vec<String>,
    /// Whether the original message is known with its callbacks, so that they are kept.
    pub is_original: bool,
}
