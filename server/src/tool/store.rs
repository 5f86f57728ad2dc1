//! `celeriac store`: looks after the store.

use super::{ToolError, Which, config, progress::Progress, say};
use clap::{Args, Subcommand};
use monitor::history::{self, migrate};

#[derive(Debug, Subcommand)]
pub(super) enum Store {
    /// Tell what is in the store and whether it is whole; also while a dashboard runs
    Check(Which),
    /// Take a whole history into another store, such as from SQLite to PostgreSQL
    Migrate(Migrate),
}

#[derive(Debug, Args)]
pub(super) struct Migrate {
    /// The store to read; no dashboard may write to it
    #[arg(value_name = "FROM")]
    from: String,

    /// The store to write to; made if it is not there
    #[arg(value_name = "TO")]
    to: String,
}

impl Store {
    pub(super) fn run(self) -> Result<(), ToolError> {
        match self {
            Self::Check(which) => check(&which),
            Self::Migrate(stores) => stores.run(),
        }
    }
}

fn check(which: &Which) -> Result<(), ToolError> {
    let store = history::Store::open_to_read(&which.config()?)?;
    let report = store.check(|_| ())?;
    say(format_args!("schema         {}", report.schema))?;
    say(format_args!("size           {} bytes", report.size_bytes))?;
    let tasks: i64 = report.states.iter().map(|(_, count)| count).sum();
    say(format_args!("tasks          {tasks}"))?;
    for (state, count) in &report.states {
        say(format_args!("  {state:<12} {count}"))?;
    }
    for (what, count) in &report.others {
        say(format_args!("{what:<14} {count}"))?;
    }
    if report.problems.is_empty() {
        return say(format_args!("everything is whole"));
    }
    Err(ToolError::Found(format!(
        "the store is damaged: {}",
        report.problems.join("; ")
    )))
}

impl Migrate {
    fn run(self) -> Result<(), ToolError> {
        let (from, to) = (config(&self.from)?, config(&self.to)?);
        if from == to {
            let text = "cannot take a history into the store that it is in";
            return Err(ToolError::CommandLine(text.to_owned()));
        }
        // Looked at first: to open it for writing would make one that is not there.
        drop(history::Store::open_to_read(&from)?);
        // For writing, so that no dashboard adds to it meanwhile.
        let from = history::Store::open(&from)?;
        let to = history::Store::open(&to)?;
        let mut progress = Progress::new("tasks taken over");
        let done = migrate(&from, &to, |done, all| progress.set(done, all))?;
        drop(progress);
        say(format_args!(
            "took over {} tasks: {} in the old store, {} in the new one",
            done.tasks, done.source, done.target
        ))?;
        if done.target < done.source {
            return Err(ToolError::Found(format!(
                "{} tasks are missing in the new store",
                done.source - done.target
            )));
        }
        Ok(())
    }
}
