//! How far a command is: a bar on a terminal, a line now and then elsewhere.

use indicatif::{ProgressBar, ProgressStyle};
use std::{
    io::{self, IsTerminal, Write},
    time::{Duration, Instant},
};

/// How often a line is written where no bar can be drawn.
const LINE_INTERVAL: Duration = Duration::from_secs(5);

/// What tells people how far something is.
#[derive(Debug)]
pub(super) struct Progress {
    bar: Option<ProgressBar>,
    what: &'static str,
    line_due: Instant,
}

impl Progress {
    /// Begins to tell how many of something are done.
    pub(super) fn new(what: &'static str) -> Self {
        let bar = io::stderr().is_terminal().then(|| {
            let bar = ProgressBar::no_length();
            let template = "{wide_bar} {human_pos} of {human_len} {msg}, {eta} left";
            bar.set_style(ProgressStyle::with_template(template).expect("it can be read"));
            bar.set_message(what);
            bar
        });
        Self {
            bar,
            what,
            line_due: Instant::now() + LINE_INTERVAL,
        }
    }

    /// Tells that so many are done.
    pub(super) fn set(&mut self, done: u64, all: u64) {
        if let Some(bar) = &self.bar {
            bar.set_length(all);
            bar.set_position(done);
        } else if Instant::now() >= self.line_due {
            self.line_due = Instant::now() + LINE_INTERVAL;
            // Without standard error there is nobody to tell.
            let _ = writeln!(io::stderr(), "{done} of {all} {}", self.what);
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}
