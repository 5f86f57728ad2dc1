//! `celeriac prune`: removes old tasks at once.

use super::{ToolError, Which, progress::Progress, say};
use crate::config::retention::Keep;
use clap::Args;
use model::{TaskState, Timestamp};
use monitor::history::{FAILURES, OTHER_ENDS, Pruner, Retention, Store};
use std::time::{SystemTime, UNIX_EPOCH};

/// Tasks removed at once.
const SLICE: usize = 1_000;

#[derive(Debug, Args)]
pub(super) struct Prune {
    #[command(flatten)]
    which: Which,

    /// How long to keep tasks that ended without failing
    #[arg(
        long,
        value_name = "TIME",
        env = "CELERIAC_RETAIN",
        default_value = "30d"
    )]
    retain: Keep,

    /// How long to keep tasks that failed or lost their worker
    #[arg(
        long,
        value_name = "TIME",
        env = "CELERIAC_RETAIN_FAILURES",
        default_value = "90d"
    )]
    retain_failures: Keep,

    /// Most tasks to keep, the newest; those that have not ended stay anyway
    #[arg(long, value_name = "N", env = "CELERIAC_RETAIN_ROWS")]
    retain_rows: Option<u64>,

    /// Instead: remove all tasks that ended longer ago than this, such as 7d
    #[arg(long, value_name = "TIME")]
    before: Option<Keep>,

    /// With --before: only tasks in this state, such as SUCCESS; may be repeated
    #[arg(long, value_name = "STATE", requires = "before")]
    state: Vec<String>,
}

impl Prune {
    pub(super) fn run(self) -> Result<(), ToolError> {
        let config = self.which.config()?;
        // Said before anything is opened.
        let states = self.states()?;
        // Looked at first: to open it for writing would make one that is not there.
        drop(Store::open_to_read(&config)?);
        let store = Store::open(&config)?;
        let all = store.count()?;
        let now = now();
        let mut pruner = Pruner::new(Retention {
            tasks: self.retain.0,
            failures: self.retain_failures.0,
            rows: self.retain_rows,
        });
        let mut progress = Progress::new("tasks removed");
        let mut removed = 0;
        loop {
            let step = match self.before {
                None => pruner.remove(&store, now)?,
                Some(Keep(None)) => 0,
                Some(Keep(Some(age))) => {
                    let age = i64::try_from(age.as_micros()).unwrap_or(i64::MAX);
                    let before = Timestamp(now.0.saturating_sub(age));
                    store.remove_before(&states, before, SLICE)?
                }
            };
            if step == 0 {
                break;
            }
            removed += step;
            progress.set(removed, all);
        }
        drop(progress);
        say(format_args!("removed {removed} of {all} tasks"))
    }

    fn states(&self) -> Result<Vec<TaskState>, ToolError> {
        let ends = || OTHER_ENDS.iter().chain(&FAILURES);
        if self.state.is_empty() {
            return Ok(ends().cloned().collect());
        }
        let names: Vec<_> = ends().map(TaskState::as_str).collect();
        let states =
            self.state.iter().map(|name| {
                let state = TaskState::from_name(name);
                ends().any(|end| *end == state).then_some(state).ok_or_else(|| {
                let names = names.join(", ");
                ToolError::CommandLine(format!(
                    "cannot remove tasks in state {name:?}: only those that have ended, {names}"
                ))
            })
            });
        states.collect()
    }
}

/// Returns the time.
pub(super) fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    let micros = since.map_or(0, |time| time.as_micros());
    Timestamp(i64::try_from(micros).unwrap_or(i64::MAX))
}
