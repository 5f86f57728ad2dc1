//! What is exported: formats, columns, and what stands in each cell.

use crate::{AuditEntry, AuditResult, TaskDetail, Timestamp};

/// How an export is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ExportFormat {
    /// Values with commas between them (RFC 4180), for spreadsheets.
    #[default]
    Csv,
    /// A JSON object a line.
    Ndjson,
    /// One JSON list of objects.
    Json,
}

impl ExportFormat {
    /// Every format.
    pub const ALL: [Self; 3] = [Self::Csv, Self::Ndjson, Self::Json];

    /// Returns the name in addresses, which is also the end of a file's name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Csv => "csv",
            Self::Ndjson => "ndjson",
            Self::Json => "json",
        }
    }

    /// Returns what the screens call it.
    pub fn label(self) -> &'static str {
        match self {
            Self::Csv => "CSV, for spreadsheets",
            Self::Ndjson => "NDJSON, an object a line",
            Self::Json => "JSON, one list",
        }
    }

    /// Reads the name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|format| format.as_str() == name)
    }
}

/// What stands in a cell.
#[derive(Clone, Debug, PartialEq)]
pub enum Cell {
    /// It is not known, or there is none.
    Nothing,
    /// A text.
    Text(String),
    /// A count.
    Whole(u64),
    /// A duration, seconds.
    Seconds(f64),
    /// A point in time.
    Time(Timestamp),
    /// Yes or no.
    Flag(bool),
}

impl Cell {
    fn text(text: Option<impl ToString>) -> Self {
        text.map_or(Self::Nothing, |text| Self::Text(text.to_string()))
    }

    fn time(time: Option<Timestamp>) -> Self {
        time.map_or(Self::Nothing, Self::Time)
    }

    fn seconds(seconds: Option<f64>) -> Self {
        seconds
            .filter(|seconds| seconds.is_finite())
            .map_or(Self::Nothing, Self::Seconds)
    }
}

/// A column of an export.
pub trait Column: Copy + Send + Sync + Sized + 'static {
    /// What a row is made of.
    type Row;

    /// Every column, in the order in which they are offered.
    const ALL: &'static [Self];

    /// The columns of an export that names none: those that the table shows.
    const DEFAULT: &'static [Self];

    /// Returns the name in addresses and heads.
    fn as_str(self) -> &'static str;

    /// Returns what stands there in a row.
    fn cell(self, row: &Self::Row) -> Cell;

    /// Reads the name.
    fn from_name(name: &str) -> Option<Self> {
        Self::ALL
            .iter()
            .copied()
            .find(|column| column.as_str() == name)
    }
}

macro_rules! columns {
    ($(#[$doc:meta])* $name:ident of $row:ty { $($(#[$line:meta])* $variant:ident $text:literal,)* } shown $($shown:ident)*) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum $name {
            $($(#[$line])* $variant,)*
        }

        impl Column for $name {
            type Row = $row;
            const ALL: &'static [Self] = &[$(Self::$variant,)*];
            const DEFAULT: &'static [Self] = &[$(Self::$shown,)*];

            fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $text,)*
                }
            }

            fn cell(self, row: &$row) -> Cell {
                self.of(row)
            }
        }
    };
}

columns! {
    /// A column of exported tasks.
    TaskColumn of TaskDetail {
        /// The state.
        State "state",
        /// The task type.
        Name "name",
        /// The id.
        Id "id",
        /// The queue.
        Queue "queue",
        /// The worker.
        Worker "worker",
        /// How often it was retried.
        Retries "retries",
        /// When a client sent it.
        Sent "sent",
        /// When a worker took it.
        Received "received",
        /// When it began to run.
        Started "started",
        /// When it ended.
        Finished "finished",
        /// How long it waited in the worker.
        Wait "wait_seconds",
        /// How long it ran.
        Runtime "runtime_seconds",
        /// When it is to run.
        Eta "eta",
        /// When it expires.
        Expires "expires",
        /// The positional arguments, Python's repr.
        Args "args",
        /// The keyword arguments, Python's repr.
        Kwargs "kwargs",
        /// The result, Python's repr.
        Result "result",
        /// The exception.
        Exception "exception",
        /// The traceback.
        Traceback "traceback",
        /// The first task of the workflow.
        Root "root_id",
        /// The task that sent it.
        Parent "parent_id",
        /// The task that it repeats.
        RetryOf "retry_of",
        /// Who sent it.
        Client "client",
        /// The exchange.
        Exchange "exchange",
        /// The routing key.
        RoutingKey "routing_key",
        /// How many attempts are known.
        Attempts "attempts",
        /// Whether something of it came from another source than events.
        Repaired "is_repaired",
    }
    shown State Name Id Queue Worker Retries Received Wait Runtime
}

impl TaskColumn {
    fn of(self, task: &TaskDetail) -> Cell {
        let row = &task.summary;
        match self {
            Self::State => Cell::Text(row.state.to_string()),
            Self::Name => Cell::text(row.name.as_ref()),
            Self::Id => Cell::Text(row.id.to_string()),
            Self::Queue => Cell::text(row.queue.as_ref()),
            Self::Worker => Cell::text(row.worker.as_ref()),
            Self::Retries => Cell::Whole(u64::from(row.retries)),
            Self::Sent => Cell::time(row.sent),
            Self::Received => Cell::time(row.received),
            Self::Started => Cell::time(row.started),
            Self::Finished => Cell::time(row.finished),
            Self::Wait => Cell::seconds(row.wait_seconds()),
            Self::Runtime => Cell::seconds(row.runtime_seconds),
            Self::Eta => Cell::time(row.eta),
            Self::Expires => Cell::time(task.expires),
            Self::Args => Cell::text(task.args.as_ref()),
            Self::Kwargs => Cell::text(task.kwargs.as_ref()),
            Self::Result => Cell::text(task.result.as_ref()),
            Self::Exception => Cell::text(task.exception.as_ref()),
            Self::Traceback => Cell::text(task.traceback.as_ref()),
            Self::Root => Cell::text(task.root_id.as_ref()),
            Self::Parent => Cell::text(task.parent_id.as_ref()),
            Self::RetryOf => Cell::text(task.retry_of.as_ref()),
            Self::Client => Cell::text(task.client.as_ref()),
            Self::Exchange => Cell::text(task.exchange.as_ref()),
            Self::RoutingKey => Cell::text(task.routing_key.as_ref()),
            Self::Attempts => {
                let known = task.attempts.len() as u64;
                Cell::Whole(known + u64::from(task.attempts_dropped))
            }
            Self::Repaired => Cell::Flag(row.is_repaired),
        }
    }
}

columns! {
    /// A column of exported commands.
    AuditColumn of AuditEntry {
        /// Its number since the start.
        Number "number",
        /// When it was given.
        At "at",
        /// By whom.
        Caller "caller",
        /// With which role.
        Role "role",
        /// From which address.
        From "from",
        /// By which way.
        Door "door",
        /// What.
        Command "command",
        /// On what.
        Target "target",
        /// How it ended.
        Result "result",
        /// The outcome in a sentence.
        Message "message",
        /// How long it took.
        Seconds "seconds",
    }
    shown Number At Caller Role From Door Command Target Result Message Seconds
}

impl AuditColumn {
    fn of(self, entry: &AuditEntry) -> Cell {
        match self {
            Self::Number => Cell::Whole(entry.number),
            Self::At => Cell::Time(entry.at),
            Self::Caller => Cell::Text(entry.caller.clone()),
            Self::Role => Cell::Text(entry.role.to_string()),
            Self::From => Cell::text(entry.from.as_ref()),
            Self::Door => Cell::Text(entry.door.as_str().to_owned()),
            Self::Command => Cell::Text(entry.command.as_str().to_owned()),
            Self::Target => Cell::Text(entry.target.clone()),
            Self::Result => Cell::Text(entry.result.as_str().to_owned()),
            Self::Message => match entry.result {
                AuditResult::Running => Cell::Nothing,
                _ => Cell::Text(entry.message.clone()),
            },
            Self::Seconds => Cell::seconds(entry.seconds),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names<C: Column>() {
        for column in C::ALL {
            let again = C::from_name(column.as_str()).expect("its name is known");
            assert_eq!(again.as_str(), column.as_str());
        }
        assert!(!C::DEFAULT.is_empty());
        assert!(C::from_name("nothing").is_none());
    }

    #[test]
    fn every_name_is_read_back() {
        names::<TaskColumn>();
        names::<AuditColumn>();
        for format in ExportFormat::ALL {
            assert_eq!(ExportFormat::from_name(format.as_str()), Some(format));
        }
    }
}
