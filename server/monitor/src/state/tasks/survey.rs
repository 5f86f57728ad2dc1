//! What there is in memory, for suggestions: how many tasks have each name, and
//! the texts of the newest ones. As a query, it goes one segment at a time, so
//! that the caller may let the lock go in between.

use super::{Field, Segment, Tasks, code};
use crate::state::Names;
use hashbrown::HashMap;
use model::TaskState;

/// Rows that are looked at for texts, at most: a field may be empty everywhere.
const MAX_ROWS_FOR_TEXTS: usize = 20_000;

/// A column of names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Column {
    Name,
    Worker,
    Queue,
}

/// A text of tasks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sample {
    Args,
    Kwargs,
    Result,
    /// Of tasks that failed or wait for a retry.
    Exception,
}

/// Counts tasks by the names of a column.
#[derive(Debug)]
pub(crate) struct Census {
    column: Column,
    done_from: u64,
    /// By number of the name.
    counts: Vec<u64>,
}

impl Census {
    pub(crate) fn new(column: Column) -> Self {
        Self {
            column,
            done_from: u64::MAX,
            counts: Vec::new(),
        }
    }

    /// Goes through the newest segment that is left; `false` if there was none.
    pub(crate) fn step(&mut self, tasks: &Tasks, names: &Names) -> bool {
        let Some(segment) = next_segment(tasks, &mut self.done_from) else {
            return false;
        };
        let (column, interner) = match self.column {
            Column::Name => (&segment.name, &names.tasks),
            Column::Worker => (&segment.worker, &names.workers),
            Column::Queue => (&segment.queue, &names.queues),
        };
        self.counts.resize(interner.len(), 0);
        for id in column {
            if let Some(count) = self.counts.get_mut(*id as usize) {
                *count += 1;
            }
        }
        true
    }

    /// Returns the names that pass the test and have tasks, with their number.
    pub(crate) fn into_names(
        self,
        names: &Names,
        is_wanted: impl Fn(&str) -> bool,
    ) -> Vec<(String, u64)> {
        let interner = match self.column {
            Column::Name => &names.tasks,
            Column::Worker => &names.workers,
            Column::Queue => &names.queues,
        };
        let with_count = |(text, count): (_, &u64)| (String::from(text), *count);
        interner
            .texts()
            .map(|text| &**text)
            .zip(self.counts.get(1..).unwrap_or_default())
            .filter(|(text, count)| **count > 0 && is_wanted(text))
            .map(with_count)
            .collect()
    }
}

/// Collects a text of the newest tasks that have it.
#[derive(Debug)]
pub(crate) struct Samples {
    sample: Sample,
    done_from: u64,
    wanted: usize,
    rows: usize,
    texts: Vec<String>,
}

impl Samples {
    pub(crate) fn new(sample: Sample, wanted: usize) -> Self {
        Self {
            sample,
            done_from: u64::MAX,
            wanted,
            rows: 0,
            texts: Vec::new(),
        }
    }

    /// Goes through the newest segment that is left; `false` if that was enough.
    pub(crate) fn step(&mut self, tasks: &Tasks) -> bool {
        let Some(segment) = next_segment(tasks, &mut self.done_from) else {
            return false;
        };
        for at in (0..segment.len()).rev() {
            let is_failed = matches!(segment.state[at], code::FAILURE | code::RETRY);
            let text = match self.sample {
                Sample::Args => segment.text(at, Field::Args),
                Sample::Kwargs => segment.text(at, Field::Kwargs),
                Sample::Result => segment.text(at, Field::Result),
                Sample::Exception if is_failed => Tasks::last_words(segment, at, Field::Exception),
                // Looking at a state costs next to nothing.
                Sample::Exception => continue,
            };
            self.rows += 1;
            self.texts.extend(text.map(str::to_owned));
            if self.texts.len() >= self.wanted || self.rows >= MAX_ROWS_FOR_TEXTS {
                return false;
            }
        }
        true
    }

    /// Returns the texts, newest first.
    pub(crate) fn into_texts(self) -> Vec<String> {
        self.texts
    }
}

/// Counts the tasks that wait in workers, by worker and type.
#[derive(Debug)]
pub(crate) struct Waiting {
    done_from: u64,
    counts: HashMap<(u32, u32), u64>,
}

impl Waiting {
    pub(crate) fn new() -> Self {
        Self {
            done_from: u64::MAX,
            counts: HashMap::new(),
        }
    }

    /// Goes through the newest segment that is left; `false` if there was none.
    pub(crate) fn step(&mut self, tasks: &Tasks) -> bool {
        let Some(segment) = next_segment(tasks, &mut self.done_from) else {
            return false;
        };
        if segment.counts[usize::from(code::RECEIVED)] == 0 {
            return true;
        }
        for at in 0..segment.len() {
            if segment.state[at] == code::RECEIVED {
                let series = (segment.worker[at], segment.name[at]);
                *self.counts.entry(series).or_default() += 1;
            }
        }
        true
    }

    /// Returns the counts by the numbers of worker and type.
    pub(crate) fn into_counts(self) -> HashMap<(u32, u32), u64> {
        self.counts
    }
}

impl Tasks {
    /// Returns how many tasks are in each state; Celery's own are always there.
    pub(crate) fn states(&self) -> Vec<(TaskState, u64)> {
        self.name_counts(&self.counts)
    }
}

/// Returns the newest segment that is left, which is done then.
fn next_segment<'t>(tasks: &'t Tasks, done_from: &mut u64) -> Option<&'t Segment> {
    let next = tasks.newest_before(*done_from)?;
    *done_from = next.first;
    Some(next)
}
