//! Types of events.

/// What an event tells, from its `type`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum EventKind {
    /// `task-sent`
    TaskSent,
    /// `task-received`
    TaskReceived,
    /// `task-started`
    TaskStarted,
    /// `task-succeeded`
    TaskSucceeded,
    /// `task-failed`
    TaskFailed,
    /// `task-retried`
    TaskRetried,
    /// `task-revoked`
    TaskRevoked,
    /// `task-rejected`
    TaskRejected,
    /// `task-cancelled`
    TaskCancelled,
    /// `worker-online`
    WorkerOnline,
    /// `worker-heartbeat`
    WorkerHeartbeat,
    /// `worker-offline`
    WorkerOffline,
    /// Any other `task-…`, such as `task-progress`
    TaskCustom,
    /// Any other `worker-…`, such as `worker-elect`
    WorkerOther,
    /// Anything else
    Other,
}

impl EventKind {
    /// Returns the kind that a `type` stands for.
    pub fn from_type(name: &str) -> Self {
        match name {
            "task-sent" => Self::TaskSent,
            "task-received" => Self::TaskReceived,
            "task-started" => Self::TaskStarted,
            "task-succeeded" => Self::TaskSucceeded,
            "task-failed" => Self::TaskFailed,
            "task-retried" => Self::TaskRetried,
            "task-revoked" => Self::TaskRevoked,
            "task-rejected" => Self::TaskRejected,
            "task-cancelled" => Self::TaskCancelled,
            "worker-online" => Self::WorkerOnline,
            "worker-heartbeat" => Self::WorkerHeartbeat,
            "worker-offline" => Self::WorkerOffline,
            _ if name.starts_with("task-") => Self::TaskCustom,
            _ if name.starts_with("worker-") => Self::WorkerOther,
            _ => Self::Other,
        }
    }

    /// Tells whether the event is about a task.
    pub fn is_task(self) -> bool {
        !matches!(
            self,
            Self::WorkerOnline
                | Self::WorkerHeartbeat
                | Self::WorkerOffline
                | Self::WorkerOther
                | Self::Other
        )
    }
}
