//! Which tasks, in which order: the one query of pages, API and live stream.
//! Its query-string form is the address of the view.

use crate::{QueueName, SearchError, TaskCursor, TaskName, TaskState, Timestamp, WorkerName};
use serde::{Deserialize, Serialize};

/// The largest window one query may ask for.
pub const MAX_LIMIT: u32 = 1_000;

/// What to sort by.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TaskSort {
    /// When the worker received it; before that, when it was sent.
    #[default]
    Received,
    /// When it was started.
    Started,
    /// When it ended.
    Finished,
    /// The newest event.
    Timestamp,
    /// Task type.
    Name,
    /// State.
    State,
    /// Worker.
    Worker,
    /// Queue.
    Queue,
    /// Retries.
    Retries,
    /// Received to started.
    Wait,
    /// Run time.
    Runtime,
}

impl TaskSort {
    /// Every order there is.
    pub const ALL: [Self; 11] = [
        Self::Received,
        Self::Started,
        Self::Finished,
        Self::Timestamp,
        Self::Name,
        Self::State,
        Self::Worker,
        Self::Queue,
        Self::Retries,
        Self::Wait,
        Self::Runtime,
    ];

    /// Returns the name used in addresses.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Received => "received",
            Self::Started => "started",
            Self::Finished => "finished",
            Self::Timestamp => "timestamp",
            Self::Name => "name",
            Self::State => "state",
            Self::Worker => "worker",
            Self::Queue => "queue",
            Self::Retries => "retries",
            Self::Wait => "wait",
            Self::Runtime => "runtime",
        }
    }

    /// Reads the name used in addresses.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|sort| sort.as_str() == name)
    }
}

/// Whether all tasks that match are counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TaskCount {
    /// All are counted, by state too.
    #[default]
    Exact,
    /// Only what the window needs is looked at.
    None,
}

impl TaskCount {
    /// Every way to count.
    pub const ALL: [Self; 2] = [Self::Exact, Self::None];

    /// Returns the name used in addresses.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Exact => "exact",
            Self::None => "none",
        }
    }
}

/// A parameter that cannot be understood.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("{parameter} {problem}")]
pub struct QueryError {
    /// The parameter's name.
    pub parameter: String,
    /// What is wrong with it.
    pub problem: String,
}

impl QueryError {
    /// Builds an error about `parameter`.
    pub fn new(parameter: &str, problem: impl Into<String>) -> Self {
        Self {
            parameter: parameter.to_owned(),
            problem: problem.into(),
        }
    }
}

impl From<SearchError> for QueryError {
    fn from(error: SearchError) -> Self {
        Self::new("search", format!("can't be read: {error}"))
    }
}

/// Which tasks, in which order, which window of them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TaskQuery {
    /// Only these states; all if empty.
    pub states: Vec<TaskState>,
    /// Only this task type.
    pub name: Option<TaskName>,
    /// Only this worker.
    pub worker: Option<WorkerName>,
    /// Only this queue.
    pub queue: Option<QueueName>,
    /// A search expression, see [`crate::search`]; all if blank.
    pub search: String,
    /// Received at this time or later.
    pub received_start: Option<Timestamp>,
    /// Received at this time or earlier.
    pub received_end: Option<Timestamp>,
    /// The order.
    pub sort: TaskSort,
    /// Largest first.
    pub is_descending: bool,
    /// Rows to pass over.
    pub offset: u64,
    /// Rows to return, at most [`MAX_LIMIT`].
    pub limit: u32,
    /// Leave out tasks first seen after the one with this sequence number,
    /// so that rows stay where they are while a person reads them.
    pub newest: Option<u64>,
    /// Whether all that match are counted, or only the window is found, which
    /// takes a search less time.
    #[serde(default)]
    pub count: TaskCount,
    /// The page of stored tasks that begins here, instead of one from memory;
    /// from [`crate::Older::next`] of the same list. `offset`, `newest` and
    /// `count` do not matter then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<TaskCursor>,
}

impl Default for TaskQuery {
    fn default() -> Self {
        Self {
            states: Vec::new(),
            name: None,
            worker: None,
            queue: None,
            search: String::new(),
            received_start: None,
            received_end: None,
            sort: TaskSort::Received,
            is_descending: true,
            offset: 0,
            limit: 100,
            newest: None,
            count: TaskCount::Exact,
            after: None,
        }
    }
}

impl TaskQuery {
    /// Returns the parameters that differ from the default.
    /// `sort` has a leading `-` for largest first; times are seconds since the epoch.
    pub fn to_pairs(&self) -> Vec<(&'static str, String)> {
        let default = Self::default();
        let mut pairs = Vec::new();
        let mut text = |key, value: Option<&str>| {
            if let Some(value) = value {
                pairs.push((key, value.to_owned()));
            }
        };
        for state in &self.states {
            text("state", Some(state.as_str()));
        }
        text("name", self.name.as_ref().map(TaskName::as_str));
        text("worker", self.worker.as_ref().map(WorkerName::as_str));
        text("queue", self.queue.as_ref().map(QueueName::as_str));
        text(
            "search",
            Some(self.search.as_str()).filter(|s| !s.is_empty()),
        );
        let time = |time: Timestamp| format!("{}", time.as_seconds());
        if let Some(start) = self.received_start {
            pairs.push(("received_start", time(start)));
        }
        if let Some(end) = self.received_end {
            pairs.push(("received_end", time(end)));
        }
        if (self.sort, self.is_descending) != (default.sort, default.is_descending) {
            let sign = if self.is_descending { "-" } else { "" };
            pairs.push(("sort", format!("{sign}{}", self.sort.as_str())));
        }
        if self.offset != default.offset {
            pairs.push(("offset", self.offset.to_string()));
        }
        if self.limit != default.limit {
            pairs.push(("limit", self.limit.to_string()));
        }
        if let Some(newest) = self.newest {
            pairs.push(("newest", newest.to_string()));
        }
        if self.count != default.count {
            pairs.push(("count", self.count.as_str().to_owned()));
        }
        if let Some(after) = &self.after {
            pairs.push(("after", after.to_string()));
        }
        pairs
    }

    /// Returns the query string of `to_pairs`.
    pub fn to_query_string(&self) -> String {
        form_urlencoded::Serializer::new(String::new())
            .extend_pairs(self.to_pairs())
            .finish()
    }

    /// Reads parameters; unknown ones are passed over, since the same query
    /// string carries what other parts of a page need.
    pub fn from_pairs<'a>(
        pairs: impl IntoIterator<Item = (&'a str, &'a str)>,
    ) -> Result<Self, QueryError> {
        let mut query = Self::default();
        for (key, value) in pairs {
            if value.is_empty() {
                continue;
            }
            match key {
                "state" => {
                    let state = TaskState::from_name(value);
                    if !query.states.contains(&state) {
                        query.states.push(state);
                    }
                }
                "name" => query.name = Some(value.into()),
                "worker" => query.worker = Some(value.into()),
                "queue" => query.queue = Some(value.into()),
                "search" => value.clone_into(&mut query.search),
                "received_start" => query.received_start = Some(parse_time(key, value)?),
                "received_end" => query.received_end = Some(parse_time(key, value)?),
                "sort" => {
                    let (name, is_descending) = match value.strip_prefix('-') {
                        Some(name) => (name, true),
                        None => (value, false),
                    };
                    query.sort = TaskSort::from_name(name).ok_or_else(|| {
                        let names: Vec<&str> = TaskSort::ALL.iter().map(|s| s.as_str()).collect();
                        QueryError::new(key, format!("is none of {}", names.join(", ")))
                    })?;
                    query.is_descending = is_descending;
                }
                "offset" => query.offset = parse_number(key, value)?,
                "limit" => {
                    let limit: u32 = parse_number(key, value)?;
                    if limit > MAX_LIMIT {
                        return Err(QueryError::new(key, format!("is larger than {MAX_LIMIT}")));
                    }
                    query.limit = limit;
                }
                "newest" => query.newest = Some(parse_number(key, value)?),
                "count" => {
                    let mut known = TaskCount::ALL.into_iter();
                    query.count = known
                        .find(|count| count.as_str() == value)
                        .ok_or_else(|| QueryError::new(key, "is neither exact nor none"))?;
                }
                "after" => query.after = Some(value.into()),
                _ => {}
            }
        }
        Ok(query)
    }

    /// Reads a query string.
    pub fn from_query_string(text: &str) -> Result<Self, QueryError> {
        let pairs: Vec<_> = form_urlencoded::parse(text.as_bytes()).collect();
        Self::from_pairs(pairs.iter().map(|(k, v)| (&**k, &**v)))
    }

    /// Tells whether both ask for the same tasks in the same order, whatever the window.
    pub fn is_same_list(&self, other: &Self) -> bool {
        let window = |query: &Self| Self {
            offset: 0,
            limit: 0,
            newest: None,
            count: TaskCount::Exact,
            after: None,
            ..query.clone()
        };
        window(self) == window(other)
    }
}

fn parse_number<T: std::str::FromStr>(key: &str, value: &str) -> Result<T, QueryError> {
    value
        .parse()
        .map_err(|_| QueryError::new(key, format!("is not a whole number: {value:?}")))
}

fn parse_time(key: &str, value: &str) -> Result<Timestamp, QueryError> {
    value
        .parse()
        .ok()
        .and_then(Timestamp::from_seconds)
        .ok_or_else(|| QueryError::new(key, format!("is not seconds since the epoch: {value:?}")))
}
