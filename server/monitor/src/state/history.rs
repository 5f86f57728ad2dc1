//! What the state hands to the store of the past, takes back at a start, and
//! tells of it.

use super::{State, metrics::Counters};
use crate::history::{Batch, CounterValues, Loaded, TaskRecord, total};
use model::{AuditEntry, Gap, HistoryState, Timestamp};
use std::{collections::BTreeMap, mem, path::PathBuf};

/// While nothing else changes, the time of the last life sign is written this often, seconds.
const ALIVE_INTERVAL: f64 = 10.0;

/// What the store's writer tells.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum HistoryNews {
    /// The store takes what it is given again.
    Works,
    /// It does not, for this reason.
    Fails(String),
    /// It was damaged, is kept under this name, and a new one was begun.
    SetAside(String),
}

/// What the store has of the counters, gaps and audit log.
#[derive(Debug, Default)]
pub(crate) struct Saved {
    totals: BTreeMap<String, i64>,
    counters: Counters,
    gaps: Vec<Gap>,
    audit: Vec<AuditEntry>,
    audit_revision: Option<u64>,
    alive: Option<Timestamp>,
}

/// Counters, gaps and audit entries as they are copied out of the state.
#[derive(Debug)]
pub(crate) struct Figures {
    totals: BTreeMap<String, i64>,
    counters: Counters,
    labels: super::metrics::Labels,
    gaps: Vec<Gap>,
    /// Absent if nothing changed.
    audit: Option<(u64, Vec<AuditEntry>)>,
}

impl Saved {
    /// Sees to it that the next batch has a life sign: it may be the last one.
    pub(crate) fn ask_for_life_sign(&mut self) {
        self.alive = None;
    }
}

impl Figures {
    /// Adds what changed to a batch and notes it as saved.
    pub(crate) fn into_batch(self, saved: &mut Saved, batch: &mut Batch, now: Timestamp) {
        let (events, runtimes) = self.counters.changes_since(&saved.counters, &self.labels);
        let mut totals = self.totals.clone();
        totals.retain(|name, value| saved.totals.get(name) != Some(value));
        batch.counters = CounterValues {
            totals,
            events,
            runtimes,
        };
        if self.gaps != saved.gaps {
            batch.gaps = Some(self.gaps.clone());
        }
        if let Some((revision, entries)) = self.audit {
            let known: BTreeMap<u64, &AuditEntry> = saved
                .audit
                .iter()
                .map(|entry| (entry.number, entry))
                .collect();
            let is_new = |entry: &&AuditEntry| known.get(&entry.number) != Some(entry);
            batch.audit = entries.iter().filter(is_new).cloned().collect();
            (saved.audit, saved.audit_revision) = (entries, Some(revision));
        }
        (saved.totals, saved.counters, saved.gaps) = (self.totals, self.counters, self.gaps);
        // A life sign costs a write: one that stands alone can wait.
        let is_alive_due = saved
            .alive
            .is_none_or(|last| now.seconds_since(last) >= ALIVE_INTERVAL);
        if !batch.is_empty() || is_alive_due {
            saved.alive = Some(now);
            let alive = (total::ALIVE.to_owned(), now.0);
            batch.counters.totals.extend([alive]);
        }
    }
}

impl State {
    // === For the store's writer ===

    /// Takes up to `most` tasks that are not saved, from the sequence number
    /// `from` on; `false` if there may be no more.
    pub(crate) fn take_unsaved(
        &self,
        from: &mut u64,
        most: usize,
        records: &mut Vec<TaskRecord>,
    ) -> bool {
        let mut taken = Vec::with_capacity(most);
        let has_more = self.tasks.take_unsaved(from, most, &mut taken);
        records.extend(taken.into_iter().filter_map(|sequence| {
            let mut task = self.tasks.detail_at(&self.names, sequence, false)?;
            task.retry_of = self.retries.original(&task.summary.id);
            let sources = self.tasks.sources_of(sequence)?;
            Some(TaskRecord { task, sources })
        }));
        has_more
    }

    /// Returns how many tasks are not saved.
    pub(crate) fn unsaved(&self) -> u64 {
        self.tasks.unsaved()
    }

    /// Notes that the store has nothing of what is in memory.
    pub(crate) fn unsave_all(&self) {
        self.tasks.unsave_all();
    }

    /// Copies what is counted and listed; the audit log only if it changed.
    pub(crate) fn figures(&self, saved: &Saved) -> Figures {
        let mut totals = self.health.totals();
        let (evicted, evicted_running) = self.tasks.evicted();
        let mut set = |name: &str, value: u64| {
            totals.insert(name.to_owned(), i64::try_from(value).unwrap_or(i64::MAX));
        };
        set(total::EVICTED, evicted);
        set(total::EVICTED_RUNNING, evicted_running);
        set(total::LOST_TO_HISTORY, self.tasks.lost_to_history());
        for (worker, missed) in &self.missed_by_worker {
            if let Some(name) = self.names.workers.text(*worker) {
                set(&format!("{}{name}", total::MISSED_BY), *missed);
            }
        }
        let revision = self.revisions.audit;
        let is_new = saved.audit_revision != Some(revision);
        Figures {
            totals,
            counters: self.counters.clone(),
            labels: super::metrics::Labels::of(&self.names),
            gaps: self.health.gaps().cloned().collect(),
            audit: is_new.then(|| (revision, self.audit.log().entries)),
        }
    }

    // === At a start ===

    /// Begins where an earlier run ended.
    pub(crate) fn restore(&mut self, loaded: Loaded, set_aside: Option<PathBuf>) {
        self.tasks.keep_history();
        self.tasks.go_on_in_store(loaded.older);
        for record in &loaded.tasks {
            self.tasks.restore(record, &mut self.names);
            if let Some(original) = &record.task.retry_of {
                self.retries.link(original, &record.task.summary.id);
            }
        }
        for entry in loaded.audit {
            self.audit.record(entry);
        }
        let CounterValues {
            totals,
            events,
            runtimes,
        } = loaded.counters;
        let value = |name: &str| totals.get(name).and_then(|n| u64::try_from(*n).ok());
        self.tasks.restore_counts(
            (
                value(total::EVICTED).unwrap_or(0),
                value(total::EVICTED_RUNNING).unwrap_or(0),
            ),
            value(total::LOST_TO_HISTORY).unwrap_or(0),
        );
        for (name, count) in &totals {
            if let (Some(worker), Ok(count)) =
                (name.strip_prefix(total::MISSED_BY), u64::try_from(*count))
            {
                let worker = self.names.workers.intern(worker);
                self.missed_by_worker.insert(worker, count);
            }
        }
        self.counters.restore(&events, &runtimes, &mut self.names);
        self.health.restore(&totals, loaded.gaps);
        self.health.history.state = HistoryState::Kept;
        self.health.history.set_aside = set_aside.map(|path| path.display().to_string());
    }

    /// Returns the number of the last command in the audit log.
    pub(crate) fn last_command(&self) -> u64 {
        self.audit.log().total
    }

    /// Takes what the store's writer tells.
    /// Notes that the store could not be opened.
    pub(crate) fn begin_without_history(&mut self, cause: String) {
        self.health.history.state = HistoryState::Unavailable { cause };
    }

    pub(super) fn hear_of_history(&mut self, news: HistoryNews, now: Timestamp) {
        let history = &mut self.health.history;
        match news {
            HistoryNews::Works => history.state = HistoryState::Kept,
            HistoryNews::Fails(cause) => {
                let since = match mem::take(&mut history.state) {
                    HistoryState::Failing { since, .. } => since,
                    _ => now,
                };
                history.state = HistoryState::Failing { since, cause };
            }
            HistoryNews::SetAside(path) => history.set_aside = Some(path),
        }
        self.revisions.health = self.revision;
    }
}
