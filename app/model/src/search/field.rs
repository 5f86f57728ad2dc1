//! What a search can ask about: texts, numbers and times of a task.

use crate::Timestamp;

/// A text of a task that a search looks into.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SearchField {
    /// The id.
    Id,
    /// The task type.
    Name,
    /// The state.
    State,
    /// The worker.
    Worker,
    /// The queue it was sent to.
    Queue,
    /// Python's repr of the positional arguments.
    Args,
    /// Python's repr of the keyword arguments.
    Kwargs,
    /// Python's repr of the result.
    Result,
    /// The exception's text.
    Exception,
    /// The traceback.
    Traceback,
    /// The id of the workflow's first task.
    Root,
    /// The id of the task that sent this one.
    Parent,
}

impl SearchField {
    /// Every field, those that are cheap to look into first.
    pub const ALL: [Self; 12] = [
        Self::Name,
        Self::State,
        Self::Worker,
        Self::Queue,
        Self::Id,
        Self::Root,
        Self::Parent,
        Self::Args,
        Self::Kwargs,
        Self::Result,
        Self::Exception,
        Self::Traceback,
    ];

    /// What a word without a field looks into in Flower 2.2.0
    /// (`SearchDocument.from_task` in `flower/utils/search.py`).
    pub const FLOWER: [Self; 7] = [
        Self::Name,
        Self::State,
        Self::Worker,
        Self::Id,
        Self::Args,
        Self::Kwargs,
        Self::Result,
    ];

    /// What a word without a field looks into here: what Flower looks into,
    /// and queue, exception and traceback. Root and parent are left out, so
    /// that an id finds its task and not everything that the task sent.
    pub const WORDS: [Self; 10] = [
        Self::Name,
        Self::State,
        Self::Worker,
        Self::Queue,
        Self::Id,
        Self::Args,
        Self::Kwargs,
        Self::Result,
        Self::Exception,
        Self::Traceback,
    ];

    /// Returns the name before the colon.
    pub fn as_str(self) -> &'static str {
        Qualifier::Text(self).as_str()
    }

    /// Tells whether the text is one name or id, which `:=` can ask for as a whole.
    pub(super) fn is_name(self) -> bool {
        matches!(
            self,
            Self::Id | Self::Name | Self::Worker | Self::Queue | Self::Root | Self::Parent
        )
    }

    /// Tells whether the text is a repr, whose keys `field.key:` reaches.
    pub(super) fn has_keys(self) -> bool {
        matches!(self, Self::Args | Self::Kwargs | Self::Result)
    }
}

/// A number of a task that a search compares.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum NumberField {
    /// How often it was retried.
    Retries,
    /// Run time, seconds.
    Runtime,
    /// How long it waited in the worker, seconds; see [`crate::TaskSummary::wait_seconds`].
    Wait,
}

impl NumberField {
    /// Every number.
    pub const ALL: [Self; 3] = [Self::Retries, Self::Runtime, Self::Wait];

    /// Returns the name before the colon.
    pub fn as_str(self) -> &'static str {
        Qualifier::Number(self).as_str()
    }
}

/// A time of a task that a search compares.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TimeField {
    /// When a client sent it.
    Sent,
    /// When the worker took it from the queue.
    Received,
    /// When the worker began to run it.
    Started,
    /// When it ended.
    Finished,
    /// When it is to run, if it has an ETA or countdown.
    Eta,
}

impl TimeField {
    /// Every time.
    pub const ALL: [Self; 5] = [
        Self::Sent,
        Self::Received,
        Self::Started,
        Self::Finished,
        Self::Eta,
    ];

    /// Returns the name before the colon.
    pub fn as_str(self) -> &'static str {
        Qualifier::Time(self).as_str()
    }
}

/// What stands before a colon.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Qualifier {
    /// A text to look into.
    Text(SearchField),
    /// A number to compare.
    Number(NumberField),
    /// A time to compare.
    Time(TimeField),
}

impl Qualifier {
    /// Every qualifier, the ones most asked for first.
    pub const ALL: [Self; 20] = [
        Self::Text(SearchField::Name),
        Self::Text(SearchField::State),
        Self::Text(SearchField::Worker),
        Self::Text(SearchField::Queue),
        Self::Text(SearchField::Kwargs),
        Self::Text(SearchField::Args),
        Self::Text(SearchField::Result),
        Self::Text(SearchField::Exception),
        Self::Text(SearchField::Traceback),
        Self::Number(NumberField::Runtime),
        Self::Number(NumberField::Wait),
        Self::Number(NumberField::Retries),
        Self::Time(TimeField::Received),
        Self::Time(TimeField::Started),
        Self::Time(TimeField::Finished),
        Self::Time(TimeField::Sent),
        Self::Time(TimeField::Eta),
        Self::Text(SearchField::Id),
        Self::Text(SearchField::Root),
        Self::Text(SearchField::Parent),
    ];

    /// Returns the name before the colon.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Text(SearchField::Id) => "id",
            Self::Text(SearchField::Name) => "name",
            Self::Text(SearchField::State) => "state",
            Self::Text(SearchField::Worker) => "worker",
            Self::Text(SearchField::Queue) => "queue",
            Self::Text(SearchField::Args) => "args",
            Self::Text(SearchField::Kwargs) => "kwargs",
            Self::Text(SearchField::Result) => "result",
            Self::Text(SearchField::Exception) => "exception",
            Self::Text(SearchField::Traceback) => "traceback",
            Self::Text(SearchField::Root) => "root",
            Self::Text(SearchField::Parent) => "parent",
            Self::Number(NumberField::Retries) => "retries",
            Self::Number(NumberField::Runtime) => "runtime",
            Self::Number(NumberField::Wait) => "wait",
            Self::Time(TimeField::Sent) => "sent",
            Self::Time(TimeField::Received) => "received",
            Self::Time(TimeField::Started) => "started",
            Self::Time(TimeField::Finished) => "finished",
            Self::Time(TimeField::Eta) => "eta",
        }
    }

    /// Returns what it asks about, in a few words.
    pub fn help(self) -> &'static str {
        match self {
            Self::Text(SearchField::Id) => "the task's id, or a part of it",
            Self::Text(SearchField::Name) => "the task type, or a part of it",
            Self::Text(SearchField::State) => "failure, retry, started…",
            Self::Text(SearchField::Worker) => "the worker, or a part of its name",
            Self::Text(SearchField::Queue) => "the queue it was sent to",
            Self::Text(SearchField::Args) => "positional arguments; args.0: the first",
            Self::Text(SearchField::Kwargs) => "keyword arguments; kwargs.user: one of them",
            Self::Text(SearchField::Result) => "what it returned",
            Self::Text(SearchField::Exception) => "words of the exception",
            Self::Text(SearchField::Traceback) => "words of the traceback",
            Self::Text(SearchField::Root) => "the id of its workflow's first task",
            Self::Text(SearchField::Parent) => "the id of the task that sent it",
            Self::Number(NumberField::Retries) => "how often it was retried: >2",
            Self::Number(NumberField::Runtime) => "how long it ran: >5s, 200ms..2s",
            Self::Number(NumberField::Wait) => "how long it waited in the worker: >1m",
            Self::Time(TimeField::Sent) => "when it was sent: >-1h",
            Self::Time(TimeField::Received) => "when a worker took it: >-1h, 2026-11-20",
            Self::Time(TimeField::Started) => "when it began to run: >-10m",
            Self::Time(TimeField::Finished) => "when it ended: >-10m",
            Self::Time(TimeField::Eta) => "when it is to run: now..+1h",
        }
    }

    /// Reads the name before a colon, in any case.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|known| name.eq_ignore_ascii_case(known.as_str()))
    }

    /// Tells whether Flower knows it (`SEARCH_FIELDS` in `flower/utils/search.py`).
    pub(super) fn is_flower(self) -> bool {
        match self {
            Self::Text(SearchField::Id) => false,
            Self::Text(field) => SearchField::FLOWER.contains(&field),
            Self::Number(_) | Self::Time(_) => false,
        }
    }
}

/// Returns the qualifier that was probably meant by a name that is none.
pub(super) fn near_miss(name: &str) -> Option<Qualifier> {
    let name = name.to_ascii_lowercase();
    // What other tools call the same thing.
    let other_word = match name.as_str() {
        "duration" | "elapsed" | "took" => Some(Qualifier::Number(NumberField::Runtime)),
        "latency" | "waited" | "waiting" => Some(Qualifier::Number(NumberField::Wait)),
        "attempts" | "retry" | "retried" => Some(Qualifier::Number(NumberField::Retries)),
        "ended" | "completed" | "succeeded" | "failed" => {
            Some(Qualifier::Time(TimeField::Finished))
        }
        "created" | "published" => Some(Qualifier::Time(TimeField::Sent)),
        _ => None,
    };
    if other_word.is_some() {
        return other_word;
    }
    let comparable = |known: &Qualifier| !matches!(known, Qualifier::Text(_));
    Qualifier::ALL
        .into_iter()
        .filter(comparable)
        .map(|known| (distance(&name, known.as_str()), known))
        .filter(|(distance, known)| *distance <= known.as_str().len() / 3)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, known)| known)
}

/// Counts the letters to insert, drop, change or swap with a neighbour.
fn distance(a: &str, b: &str) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    // A name that is much too long is no slip of the finger, and costs nothing.
    if a.len() > b.len() + 3 {
        return usize::MAX;
    }
    let mut before_last: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=b.len()).collect();
    for (i, from) in a.iter().enumerate() {
        let mut row = vec![i + 1];
        for (j, to) in b.iter().enumerate() {
            let change = last[j] + usize::from(from != to);
            let mut best = change.min(last[j + 1] + 1).min(row[j] + 1);
            if i > 0 && j > 0 && a[i - 1] == *to && b[j - 1] == *from {
                best = best.min(before_last[j - 1] + 1);
            }
            row.push(best);
        }
        before_last = std::mem::replace(&mut last, row);
    }
    last[b.len()]
}

/// A task as a search sees it.
pub trait SearchFields {
    /// Hands the field's text to `test` and returns its answer; `false` if the task has no such text.
    fn with(&self, field: SearchField, test: &mut dyn FnMut(&str) -> bool) -> bool;

    /// Returns the number; `None` if the task has none, which no comparison matches.
    fn number(&self, field: NumberField) -> Option<f64>;

    /// Returns the time; `None` if the task has none, which no comparison matches.
    fn time(&self, field: TimeField) -> Option<Timestamp>;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slips_of_the_finger_are_known() {
        let meant = |name| near_miss(name).map(Qualifier::as_str);
        for (name, expected) in [
            ("runtme", "runtime"),
            ("rutnime", "runtime"),
            ("RECIEVED", "received"),
            ("recieved_at", "received"),
            ("retry", "retries"),
            ("duration", "runtime"),
            ("watt", "wait"),
            ("snet", "sent"),
        ] {
            let expected = (name != "recieved_at").then_some(expected);
            assert_eq!(meant(name), expected, "{name}");
        }
        for name in ["http", "foo", "", "a", &"runtime".repeat(400)] {
            assert_eq!(near_miss(name), None, "{name}");
        }
    }

    #[test]
    fn every_name_is_read_back() {
        for known in Qualifier::ALL {
            let upper = known.as_str().to_uppercase();
            assert_eq!(Qualifier::from_name(&upper), Some(known));
        }
        assert_eq!(Qualifier::from_name("uuid"), None);
    }
}
