//! The words of the dashboard: what the engine hands out, what travels to the
//! browser, and what a user may ask for.
//!
//! This crate is compiled for the server and for the browser. It does no I/O
//! and reads no clock; whoever needs the present time passes it in.

pub mod access;
pub mod audit;
pub mod bulk;
pub mod command;
pub mod draft;
pub mod error;
pub mod export;
pub mod feed;
pub mod health;
pub mod id;
pub mod list;
pub mod overview;
pub mod query;
pub mod queue;
pub mod repr;
pub mod schedule;
pub mod search;
mod tagged;
pub mod task;
pub mod time;
pub mod worker;

pub use access::{Caller, Door, Permission, Role};
pub use audit::{AuditEntry, AuditFilter, AuditLog, AuditResult};
pub use bulk::{
    BulkAct, BulkCount, BulkId, BulkProgress, BulkResult, BulkTarget, MAX_BULK_TASKS, PurgeId,
};
pub use command::{
    Command, CommandKind, Destination, Outcome, OutcomeStatus, Signal, Undo, WorkerReply,
};
pub use draft::{ArgumentSource, JsonText, RetryPlan, SourceReport, TaskDraft};
pub use error::{ErrorKind, WireError};
pub use feed::{
    AuditChange, Change, Frame, QueuesChange, Snapshot, TasksChange, Topic, View, WorkerChange,
    WorkersChange,
};
pub use health::{
    BrokerState, Gap, GapCause, HistoryHealth, HistoryState, Pulse, UndecodableKind,
    UndecodableList, UndecodableSample,
};
pub use id::{QueueName, TaskCursor, TaskId, TaskName, WorkerName};
pub use list::{Keyed, ListChange};
pub use overview::{Attention, Outcomes, Overview, Severity, TypeSummary};
pub use query::{QueryError, TaskCount, TaskQuery, TaskSort};
pub use queue::{
    BrokerHealth, LeftoverKind, Leftovers, PurgedQueue, QueueList, QueuePeek, QueueSummary,
    RedisInfo, WaitingMessage,
};
pub use schedule::{EtaTask, Schedule, ScheduleEntry, ScheduleKey, ScheduleSource};
pub use search::{SearchError, SearchExpression};
pub use task::{Attempt, CustomEvent, Older, Source, TaskDetail, TaskPage, TaskState, TaskSummary};
pub use time::Timestamp;
pub use worker::{EventCounts, Inspection, WorkerDetail, WorkerList, WorkerStatus, WorkerSummary};
