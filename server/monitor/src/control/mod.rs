//! The one door through which anything is changed: it authorises, writes the
//! audit log, sends, collects and answers.

mod audit;
mod bulk;
mod queues;
mod replies;
mod retry;
mod schedule;
mod tasks;
mod validate;
mod workers;

pub(crate) use bulk::Bulks;
pub(crate) use retry::Outbox;

use crate::{
    archive::Archive,
    broker::{connect::Target, pidbox::Pidbox, results::Results},
    cell::StateReader,
    error::BrokerError,
    inspector::Inspector,
    intake::Intake,
    redact::Redactor,
};
use audit::Record;
use model::{Caller, Command, CommandKind, ErrorKind, Outcome, WireError};
use protocol::Keyspace;
use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

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
    /// Tasks that are not in memory, if they are kept.
    pub(crate) archive: Option<Archive>,
    /// How long workers may take to answer.
    pub(crate) timeout: Duration,
    pub(crate) redactor: Arc<Redactor>,
}

/// The door. Cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct Control {
    parts: Arc<Parts>,
    /// How many commands were given.
    given: Arc<AtomicU64>,
}

impl Control {
    /// `given` commands were given in earlier runs.
    pub(crate) fn new(parts: Parts, given: u64) -> Self {
        Self {
            parts: Arc::new(parts),
            given: Arc::new(AtomicU64::new(given)),
        }
    }

    /// Does what `caller` asks for.
    ///
    /// What was begun is brought to its end and written down even if the
    /// caller does not wait for it.
    pub(crate) async fn run(
        &self,
        caller: &Caller,
        command: Command,
    ) -> Result<Outcome, WireError> {
        let number = self.given.fetch_add(1, Ordering::Relaxed) + 1;
        let parts = &self.parts;
        let redactor = Arc::clone(&parts.redactor);
        let record = Record::begin(parts.intake.clone(), redactor, number, caller, &command);
        let (control, caller, kind) = (self.clone(), caller.clone(), command.kind());
        let running = tokio::spawn(async move {
            let result = control.authorise_and_do(&caller, command).await;
            match result
                .as_ref()
                .ok()
                .and_then(|outcome| control.bulk_begun(kind, outcome))
            {
                // Its entry ends when it does.
                Some(bulk) => control
                    .parts
                    .bulks
                    .spawn(async move { record.end(&Ok(bulk.outcome().await)) }),
                None => record.end(&result),
            }
            result
        });
        running.await.unwrap_or_else(|error| {
            tracing::error!(%error, "a command broke off");
            let message = "The dashboard failed in the middle of it; its log says why.";
            Err(WireError::new(ErrorKind::Internal, message))
        })
    }

    async fn authorise_and_do(
        &self,
        caller: &Caller,
        command: Command,
    ) -> Result<Outcome, WireError> {
        let kind = command.kind();
        if !caller.role.may_run(kind) {
            let least = kind.permission().least_role();
            return Err(WireError::new(
                ErrorKind::Forbidden,
                format!("{kind} takes the role {least}; yours is {}.", caller.role),
            ));
        }
        validate::validate(&command)?;
        if needs_broker(kind) {
            // A broker that is away is told at once, whatever the part's own patience.
            self.parts.pidbox.reach().await.map_err(not_sent)?;
        }
        self.dispatch(caller, command).await
    }

    async fn dispatch(&self, caller: &Caller, command: Command) -> Result<Outcome, WireError> {
        match command {
            Command::Revoke { .. }
            | Command::Terminate { .. }
            | Command::RevokeByStampedHeaders { .. }
            | Command::Abort { .. } => self.run_on_tasks(command).await,
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

/// Tells whether a command is for the broker; what it is told is tried again where it is sent.
fn needs_broker(kind: CommandKind) -> bool {
    !matches!(kind, CommandKind::StopBulk | CommandKind::Abort)
}

/// What a caller hears when the broker did not answer before anything was sent.
fn not_sent(error: BrokerError) -> WireError {
    let cause = error.chain();
    let message = format!("Redis does not answer, so nothing was sent: {cause}.");
    WireError::new(ErrorKind::Unavailable, message)
}

/// A command that came to a part which it is not for: a defect of `dispatch`.
fn misplaced(command: &Command) -> WireError {
    let message = format!("{} came to the wrong part of the engine", command.kind());
    WireError::new(ErrorKind::Internal, message)
}
