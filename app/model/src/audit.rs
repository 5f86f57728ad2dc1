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

impl AuditResult {
    /// Every result.
    pub const ALL: [Self; 7] = [
        Self::Done,
        Self::Partial,
        Self::Refused,
        Self::Silent,
        Self::Failed,
        Self::Forbidden,
        Self::Running,
    ];

    /// Returns the name in addresses.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Done => "done",
            Self::Partial => "partial",
            Self::Refused => "refused",
            Self::Silent => "silent",
            Self::Forbidden => "forbidden",
            Self::Failed => "failed",
        }
    }

    /// Reads the name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|result| result.as_str() == name)
    }
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

/// Which commands are shown.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AuditFilter {
    /// Every word must be somewhere in the entry, in any case.
    pub text: String,
    /// Only commands that ended so.
    pub result: Option<AuditResult>,
    /// Only commands of this kind.
    pub command: Option<CommandKind>,
}

impl AuditFilter {
    /// Reads the parameters of an address; unknown values narrow nothing.
    pub fn from_query<'a>(get: impl Fn(&str) -> Option<&'a str>) -> Self {
        let mut kinds = CommandKind::ALL.iter().copied();
        let command = get("command").and_then(|name| kinds.find(|kind| kind.as_str() == name));
        Self {
            text: get("q").unwrap_or_default().trim().to_owned(),
            result: get("result").and_then(AuditResult::from_name),
            command,
        }
    }

    /// Returns the parameters of an address.
    pub fn to_pairs(&self) -> Vec<(&'static str, String)> {
        let text = Some(&self.text).filter(|text| !text.is_empty());
        let pairs = [
            text.map(|text| ("q", text.clone())),
            self.result
                .map(|result| ("result", result.as_str().to_owned())),
            self.command
                .map(|command| ("command", command.as_str().to_owned())),
        ];
        pairs.into_iter().flatten().collect()
    }

    /// Tells whether an entry is shown.
    pub fn shows(&self, entry: &AuditEntry) -> bool {
        let fits = self.result.is_none_or(|result| entry.result == result)
            && self.command.is_none_or(|command| entry.command == command);
        if !fits || self.text.is_empty() {
            return fits;
        }
        let places = [
            entry.caller.as_str(),
            entry.role.as_str(),
            entry.from.as_deref().unwrap_or_default(),
            entry.command.as_str(),
            &entry.target,
            &entry.message,
        ]
        .map(str::to_lowercase);
        self.text.split_whitespace().all(|word| {
            let word = word.to_lowercase();
            places.iter().any(|place| place.contains(&word))
        })
    }
}
