//! The one door through which anything is changed: it authorises, writes the
//! audit log, sends, collects and answers.

mod bulk;
mod queues;
mod retry;
mod schedule;
mod tasks;
mod workers;

pub(crate) use bulk::Bulks;
pub(crate) use retry::Outbox;

use crate::{
    broker::{connect::Target, pidbox::Pidbox, results::Results},
    cell::StateReader,
    inspector::Inspector,
    intake::Intake,
};
use model::{Caller, Command, ErrorKind, Outcome, WireError};
use protocol::Keyspace;
use std::{sync::Arc, time::Duration};

/// What the door needs to do its work.
#[derive(Debug)]
pub(crate) struct Parts {
    pub(crate) pidbox: Pidbox,
    pub(crate) results: Option<Results>,
    pub(crate) target: Target,
    pub(crate) keyspace: Keyspace,
    pub(crate) intake: Intake,
    pub(crate) reader: StateReader,
    pub(crate) inspector: Inspector,
    pub(crate) outbox: Outbox,
    pub(crate) bulks: Bulks,
    /// How long workers may take to answer.
    pub(crate) timeout: Duration,
}

/// The door. Cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct Control {
    parts: Arc<Parts>,
}

impl Control {
    pub(crate) fn new(parts: Parts) -> Self {
        Self {
            parts: Arc::new(parts),
        }
    }

    /// Does what `caller` asks for.
    pub(crate) async fn run(
        &self,
        caller: &Caller,
        command: Command,
    ) -> Result<Outcome, WireError> {
        let kind = command.kind();
        if !caller.role.may_run(kind) {
            let least = kind.permission().least_role();
            return Err(WireError::new(
                ErrorKind::Forbidden,
                format!("{kind} takes the role {least}; yours is {}", caller.role),
            ));
        }
        self.dispatch(caller, command).await
    }

    async fn dispatch(&self, caller: &Caller, command: Command) -> Result<Outcome, WireError> {
        match command {
            Command::Revoke { .. }
            | Command::Terminate { .. }
            | Command::RevokeByStampedHeaders { .. } => self.run_on_tasks(command).await,
            Command::Retry { .. } | Command::Send { .. } => self.run_send(command).await,
            Command::Bulk { .. } | Command::StopBulk { .. } => self.run_bulk(caller, command).await,
            Command::Ping { .. }
            | Command::Shutdown { .. }
            | Command::PoolRestart { .. }
            | Command::PoolGrow { .. }
            | Command::PoolShrink { .. }
            | Command::Autoscale { .. }
            | Command::AddConsumer { .. }
            | Command::CancelConsumer { .. }
            | Command::RateLimit { .. }
            | Command::TimeLimit { .. }
            | Command::EnableEvents { .. }
            | Command::DisableEvents { .. } => self.run_on_workers(command).await,
            Command::DeleteMessage { .. }
            | Command::MoveMessages { .. }
            | Command::Purge { .. }
            | Command::UndoPurge { .. }
            | Command::PauseQueue { .. }
            | Command::ResumeQueue { .. }
            | Command::CleanUp { .. } => self.run_on_queues(caller, command).await,
            Command::RunEntry { entry } => self.run_entry(&entry).await,
        }
    }
}

/// What a part answers that is not there yet.
fn not_there(what: &str) -> WireError {
    WireError::new(ErrorKind::Internal, format!("{what} is not there yet"))
}
