//! Who may do what.

use crate::CommandKind;
use serde::{Deserialize, Serialize};
use std::fmt;

/// How much a caller may do; each role may also do what the ones before it may.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Looks, and changes nothing.
    Viewer,
    /// Steers tasks, workers and queues.
    Operator,
    /// Also does what cannot be taken back, or stops workers.
    Admin,
}

impl Role {
    /// Every role, from the least to the most.
    pub const ALL: [Self; 3] = [Self::Viewer, Self::Operator, Self::Admin];

    /// Returns the word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Viewer => "viewer",
            Self::Operator => "operator",
            Self::Admin => "admin",
        }
    }

    /// Reads the word.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|role| role.as_str() == name)
    }

    /// Tells whether the role holds the permission.
    pub fn may(self, permission: Permission) -> bool {
        self >= permission.least_role()
    }

    /// Tells whether the role may run commands of this kind.
    pub fn may_run(self, kind: CommandKind) -> bool {
        self.may(kind.permission())
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A kind of act that somebody may or may not do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Permission {
    /// Look at everything.
    Look,
    /// Revoke, terminate and retry tasks, and send new ones.
    SteerTasks,
    /// Change pools, consumers, limits and events of workers.
    SteerWorkers,
    /// Stop workers.
    StopWorkers,
    /// Pause and resume queues, move and delete single messages, take back a purge.
    SteerQueues,
    /// Throw away all messages of a queue.
    PurgeQueues,
    /// Delete what clients and workers left behind in Redis.
    CleanUp,
}

impl Permission {
    /// Every permission.
    pub const ALL: [Self; 7] = [
        Self::Look,
        Self::SteerTasks,
        Self::SteerWorkers,
        Self::StopWorkers,
        Self::SteerQueues,
        Self::PurgeQueues,
        Self::CleanUp,
    ];

    /// Returns the least role that holds it.
    pub fn least_role(self) -> Role {
        match self {
            Self::Look => Role::Viewer,
            Self::SteerTasks | Self::SteerWorkers | Self::SteerQueues => Role::Operator,
            Self::StopWorkers | Self::PurgeQueues | Self::CleanUp => Role::Admin,
        }
    }
}

/// By which way a command came in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Door {
    /// A page of the dashboard.
    Page,
    /// The HTTP API.
    Api,
}

impl Door {
    /// Returns the word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Page => "page",
            Self::Api => "api",
        }
    }
}

/// Who asks for something.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Caller {
    /// The user's name; `local` as long as nobody logs in.
    pub name: String,
    /// What the user may do.
    pub role: Role,
    /// The address the request came from.
    pub from: Option<String>,
    /// The way it came in.
    pub door: Door,
}
