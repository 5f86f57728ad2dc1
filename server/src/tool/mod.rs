//! What the binary does beside being the dashboard: commands for the history.
//!
//! They end with 0 if all is well, 1 if something failed or was found to be
//! wrong, and 2 if they were asked in a way that makes no sense.

#![expect(
    clippy::doc_markdown,
    reason = "the comments on fields are the text of --help, which would show backticks"
)]

mod export;
mod progress;
mod prune;
mod store;

use crate::config::store::{Choice, choose};
use clap::{Args, Parser, Subcommand};
use monitor::history::{HistoryError, StoreConfig, StoreUrlError};
use std::{
    ffi::OsString,
    io::{self, Write},
};

/// The first words that ask for a command and not for the dashboard.
const NAMES: [&str; 3] = ["export", "prune", "store"];

/// Live monitoring and control of Celery on Redis
#[derive(Debug, Parser)]
#[command(name = "celeriac", version)]
pub struct Tool {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Write stored tasks into a file; also while a dashboard runs
    Export(export::Export),
    /// Remove old tasks from history at once; the dashboard itself does it step by step
    Prune(prune::Prune),
    /// Look after the store that history is kept in
    #[command(subcommand)]
    Store(store::Store),
}

/// Which store is meant.
#[derive(Debug, Args)]
struct Which {
    /// The store: sqlite:///path/to/a/file or postgres://user@host/database
    #[arg(
        long = "store",
        value_name = "URL",
        env = "CELERIAC_STORE",
        hide_env_values = true
    )]
    url: String,
}

impl Which {
    fn config(&self) -> Result<StoreConfig, ToolError> {
        config(&self.url)
    }
}

fn config(url: &str) -> Result<StoreConfig, ToolError> {
    match choose(Some(url))? {
        Choice::This(store) => Ok(store),
        Choice::Default | Choice::None => Err(ToolError::NoStore),
    }
}

/// Why a command did not do what it was asked for; one line without secrets,
/// except [`ToolError::Asked`].
#[derive(Debug, thiserror::Error)]
pub enum ToolError {
    /// Not an error: the text of `--help` or `--version`.
    #[error("{0}")]
    Asked(String),
    /// The command line makes no sense.
    #[error("{0}")]
    CommandLine(String),
    /// The store's address makes no sense.
    #[error("cannot use the store: {0}")]
    Url(#[from] StoreUrlError),
    /// There is no store to work on.
    #[error("cannot work without a store: --store (CELERIAC_STORE) names it")]
    NoStore,
    /// The store refused something.
    #[error("{}", .0.chain())]
    History(#[from] HistoryError),
    /// The store is not what it should be.
    #[error("{0}")]
    Found(String),
    /// Nobody takes what is said.
    #[error("failed to write to standard output: {0}")]
    Output(#[from] io::Error),
}

impl ToolError {
    /// Returns what the process ends with.
    pub fn code(&self) -> u8 {
        match self {
            Self::CommandLine(_) | Self::Url(_) | Self::NoStore => 2,
            _ => 1,
        }
    }
}

/// Returns the command that is asked for; `None` if the dashboard is.
pub fn asked_for(args: impl IntoIterator<Item = OsString>) -> Option<Result<Tool, ToolError>> {
    let args: Vec<_> = args.into_iter().collect();
    let first = args.get(1)?.to_str()?;
    NAMES.contains(&first).then(|| {
        Tool::try_parse_from(args).map_err(|error| {
            let text = error.render().to_string();
            if error.use_stderr() {
                let text = text.trim().trim_start_matches("error: ");
                ToolError::CommandLine(text.to_owned())
            } else {
                ToolError::Asked(text)
            }
        })
    })
}

/// Does what is asked for.
pub fn run(tool: Tool) -> Result<(), ToolError> {
    match tool.command {
        Command::Export(export) => export.run(),
        Command::Prune(prune) => prune.run(),
        Command::Store(store) => store.run(),
    }
}

/// Says something where the next program in a pipe reads it.
fn say(text: std::fmt::Arguments<'_>) -> Result<(), ToolError> {
    let mut out = io::stdout().lock();
    out.write_fmt(text)?;
    out.write_all(b"\n")?;
    Ok(())
}
