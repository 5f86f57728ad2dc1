//! Who did what.

use crate::{CommandKind, Door, Keyed, OutcomeStatus, Role, Timestamp};
use serde::{Deserialize, Serialize};

/// How a command ended, or that it has not.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AuditResult {
    /// It is under way.
    Running,
    /// Everything was done as asked.
    Done,
    /// Some of it was.
    Partial,
    /// Workers refused.
    Refused,
    /// Nobody answered in time.
    Silent,
    /// The caller may not.
    Forbidden,
    /// It failed; `AuditEntry::message` says why.
    Failed,
}

impl From<OutcomeStatus> for AuditResult {
    fn from(status: OutcomeStatus) -> Self {
        match status {
            OutcomeStatus::Done => Self::Done,
            OutcomeStatus::Partial => Self::Partial,
            OutcomeStatus::Refused => Self::Refused,
            OutcomeStatus::Silent => Self::Silent,
        }
    }
}

/// One command that somebody gave.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AuditEntry {
    /// Counted from 1 since the start.
    pub number: u64,
    /// When it was given.
    pub at: Timestamp,
    /// By whom.
    pub caller: String,
    /// With which role.
    pub role: Role,
    /// From which address.
    pub from: Option<String>,
    /// By which way.
    pub door: Door,
    /// What.
    pub command: CommandKind,
    /// On what; see `Command::target`.
    pub target: String,
    /// How it ended.
    pub result: AuditResult,
    /// The outcome in a sentence; empty while it is under way.
    pub message: String,
    /// Seconds it took; absent while it is under way.
    pub seconds: Option<f64>,
}

impl Keyed for AuditEntry {
    type Key = u64;
    fn key(&self) -> u64 {
        self.number
    }
}

/// The newest commands.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct AuditLog {
    /// Newest first, at most 1,000.
    pub entries: Vec<AuditEntry>,
    /// Commands since the start, also those no longer kept.
    pub total: u64,
}
