//! `celeriac export`: writes stored tasks into a file, as the dashboard's own
//! export does; also while a dashboard runs.

use super::{ToolError, Which, progress::Progress};
use crate::{
    api::export::{Ask, Sheet},
    config::retention::Keep,
    tool::prune::now,
};
use chrono::DateTime;
use clap::Args;
use model::{
    TaskState, Timestamp,
    export::{Column, TaskColumn},
};
use monitor::history::{HistoryQuery, Store};
use std::{
    fs::File,
    io::{self, Write},
    path::{Path, PathBuf},
};

/// Tasks read at once.
const SLICE: usize = 500;

#[derive(Debug, Args)]
pub(super) struct Export {
    #[command(flatten)]
    which: Which,

    /// csv, ndjson or json
    #[arg(long, value_name = "FORMAT", default_value = "csv")]
    format: String,

    /// Columns with commas between them [default: those of the dashboard's export]
    #[arg(long, value_name = "NAMES", default_value = "")]
    columns: String,

    /// Only tasks in this state; may be repeated
    #[arg(long, value_name = "STATE")]
    state: Vec<String>,

    /// Only tasks of this type
    #[arg(long, value_name = "NAME")]
    name: Option<String>,

    /// Only tasks of this worker
    #[arg(long, value_name = "WORKER")]
    worker: Option<String>,

    /// Only tasks of this queue
    #[arg(long, value_name = "QUEUE")]
    queue: Option<String>,

    /// Only tasks received since then: 2026-11-20T20:15:00Z, or so long ago, such as 7d
    #[arg(long, value_name = "TIME", value_parser = moment)]
    since: Option<Timestamp>,

    /// Only tasks received until then
    #[arg(long, value_name = "TIME", value_parser = moment)]
    until: Option<Timestamp>,

    /// Most tasks to write, the newest [default: all]
    #[arg(long, value_name = "N")]
    rows: Option<u64>,

    /// The file to write, once it is complete [default: standard output]
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,
}

impl Export {
    pub(super) fn run(self) -> Result<(), ToolError> {
        let config = self.which.config()?;
        let ask = self.ask()?;
        let store = Store::open_to_read(&config)?;
        match &self.output {
            None => match self.write(&store, &ask, &mut io::stdout().lock(), None) {
                // Whoever closed the pipe has read enough.
                Err(ToolError::Output(error)) if error.kind() == io::ErrorKind::BrokenPipe => {
                    Ok(())
                }
                written => written,
            },
            Some(path) => {
                // A file that is not complete never has the name of one that is.
                let part = part_of(path);
                let written = File::create(&part)
                    .map_err(ToolError::from)
                    .and_then(|mut file| {
                        let progress = Progress::new("tasks written");
                        self.write(&store, &ask, &mut file, Some(progress))?;
                        file.sync_all()?;
                        Ok(std::fs::rename(&part, path)?)
                    });
                if written.is_err() && part.exists() {
                    std::fs::remove_file(&part)?;
                }
                written
            }
        }
    }

    /// Reads format and columns as the dashboard's own export does.
    fn ask(&self) -> Result<Ask<TaskColumn>, ToolError> {
        let query = form_urlencoded::Serializer::new(String::new())
            .append_pair("format", &self.format)
            .append_pair("columns", &self.columns)
            .finish();
        Ask::read(&query).map_err(|error| ToolError::CommandLine(error.to_string()))
    }

    fn write(
        &self,
        store: &Store,
        ask: &Ask<TaskColumn>,
        out: &mut impl Write,
        mut progress: Option<Progress>,
    ) -> Result<(), ToolError> {
        let names = ask.columns.iter().map(|column| column.as_str()).collect();
        let mut sheet = Sheet::new(ask.format, names);
        let mut text = Vec::new();
        sheet.head(ask.has_bom, &mut text)?;
        let mut query = HistoryQuery {
            states: self.state.iter().map(|s| TaskState::from_name(s)).collect(),
            name: self.name.as_deref().map(Into::into),
            worker: self.worker.as_deref().map(Into::into),
            queue: self.queue.as_deref().map(Into::into),
            start: self.since,
            end: self.until,
            ..HistoryQuery::default()
        };
        let all = match &progress {
            Some(_) => store.count()?,
            None => 0,
        };
        let mut left = self.rows.unwrap_or(u64::MAX);
        let mut done = 0;
        loop {
            query.limit = usize::try_from(left).unwrap_or(SLICE).min(SLICE);
            let page = match query.limit {
                0 => Vec::new(),
                _ => store.tasks(&query)?,
            };
            let Some((last, _)) = page.last() else { break };
            query.after = Some(*last);
            let cells = page.iter().map(|(_, record)| {
                let columns = ask.columns.iter();
                columns.map(|column| column.cell(&record.task)).collect()
            });
            sheet.rows(cells, &mut text)?;
            out.write_all(&text)?;
            text.clear();
            done += page.len() as u64;
            left -= page.len() as u64;
            if let Some(progress) = &mut progress {
                progress.set(done, all);
            }
        }
        sheet.tail(&mut text);
        out.write_all(&text)?;
        Ok(out.flush()?)
    }
}

fn part_of(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".part");
    name.into()
}

/// Reads a moment, or how long it is ago.
fn moment(text: &str) -> Result<Timestamp, String> {
    if let Ok(time) = DateTime::parse_from_rfc3339(text) {
        return Ok(Timestamp(time.timestamp_micros()));
    }
    match text.parse() {
        Ok(Keep(Some(age))) => {
            let age = i64::try_from(age.as_micros()).unwrap_or(i64::MAX);
            Ok(Timestamp(now().0.saturating_sub(age)))
        }
        _ => Err("it must be a time such as 2026-11-20T20:15:00Z, or an age such as 7d".to_owned()),
    }
}
