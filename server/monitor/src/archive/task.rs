//! Single tasks: what memory has of one, completed by what the store has.

use super::{Archive, GLANCE};
use crate::history::{HistoryError, Links, Store};
use model::{TaskDetail, TaskId, TaskSummary, WireError};
use std::{
    collections::HashSet,
    sync::Arc,
    time::{Duration, Instant},
};

/// How long what the store told of a task is taken for its present word: a
/// task that is not in memory changes only by other dashboards.
const FRESH: Duration = Duration::from_secs(3);

/// Most tasks of which this is remembered.
const MOST_TOLD: usize = 512;

/// Most children and repetitions listed with a task, as in memory.
const MAX_LINKS: usize = 100;

/// What the store has of a task.
#[derive(Debug, Default)]
pub(super) struct Told {
    task: Option<TaskDetail>,
    links: Links,
}

impl Told {
    fn read(store: &Store, id: &TaskId) -> Result<Self, HistoryError> {
        Ok(Self {
            task: store.task(id)?.map(|record| record.task),
            links: store.links(id, MAX_LINKS)?,
        })
    }
}

impl Archive {
    /// Returns everything known of a task; `None` if neither memory nor store has it.
    pub(crate) async fn task(&self, id: &TaskId) -> Result<Option<TaskDetail>, WireError> {
        let told = match self.remembered(id) {
            Some((told, true)) => told,
            _ => {
                let asked = id.clone();
                let told = self.read(move |store| Told::read(store, &asked)).await;
                self.remember(id, told)?
            }
        };
        Ok(self.complete(id, &told))
    }

    /// Returns the same for a page that is drawn on this thread.
    pub(crate) fn task_now(&self, id: &TaskId) -> Result<Option<TaskDetail>, WireError> {
        let told = match self.remembered(id) {
            Some((told, true)) => told,
            _ => {
                let asked = id.clone();
                let told = self.read_within(GLANCE, move |store| Told::read(store, &asked));
                self.remember(id, told)?
            }
        };
        Ok(self.complete(id, &told))
    }

    /// Returns what the store told of a task, and whether that is fresh.
    fn remembered(&self, id: &TaskId) -> Option<(Arc<Told>, bool)> {
        let told = self.inner.told.lock();
        let (since, told) = told.get(id)?;
        Some((Arc::clone(told), since.elapsed() < FRESH))
    }

    /// Keeps what was read. Where reading failed, what was known before stands;
    /// without it, and if memory has nothing of the task either, that is an error.
    fn remember(&self, id: &TaskId, read: Result<Told, WireError>) -> Result<Arc<Told>, WireError> {
        let told = match read {
            Ok(told) => Arc::new(told),
            Err(error) => match self.remembered(id) {
                Some((told, _)) => told,
                None if self.reader().read().are_here(std::slice::from_ref(id))[0] => {
                    Arc::default()
                }
                None => return Err(error),
            },
        };
        let mut all = self.inner.told.lock();
        if all.len() >= MOST_TOLD {
            all.retain(|_, (since, _)| since.elapsed() < FRESH);
        }
        if all.len() < MOST_TOLD {
            all.insert(id.clone(), (Instant::now(), Arc::clone(&told)));
        }
        Ok(told)
    }

    /// Joins what memory has of a task with what the store has.
    fn complete(&self, id: &TaskId, told: &Told) -> Option<TaskDetail> {
        let mut task = match (self.reader().task(id), &told.task) {
            (Some(mut task), Some(stored)) => {
                fill(&mut task, stored);
                task
            }
            (Some(task), None) => task,
            (None, stored) => {
                let mut task = stored.clone()?;
                task.children = self.reader().children_of(id);
                // The store keeps the task it repeats, memory who repeats it.
                let retry_of = task.retry_of.take();
                self.reader().read().add_retries(&mut task);
                task.retry_of = task.retry_of.or(retry_of);
                task
            }
        };
        let known: HashSet<TaskId> = task.children.iter().map(|row| row.id.clone()).collect();
        let older = told.links.children.iter().map(|child| &child.summary);
        let mut children: Vec<TaskSummary> = older
            .filter(|child| !known.contains(&child.id))
            .cloned()
            .collect();
        children.append(&mut task.children);
        children.truncate(MAX_LINKS);
        task.children = children;
        let mut retried_as = told.links.retried_as.clone();
        retried_as.retain(|id| !task.retried_as.contains(id));
        retried_as.append(&mut task.retried_as);
        task.retried_as = retried_as;
        Some(task)
    }
}

/// Fills what memory does not have: it had forgotten the task and then heard of it again.
fn fill(task: &mut TaskDetail, stored: &TaskDetail) {
    fn or<T: Clone>(here: &mut Option<T>, there: &Option<T>) {
        if here.is_none() {
            here.clone_from(there);
        }
    }
    or(&mut task.summary.name, &stored.summary.name);
    or(&mut task.summary.queue, &stored.summary.queue);
    or(&mut task.args, &stored.args);
    or(&mut task.kwargs, &stored.kwargs);
    or(&mut task.expires, &stored.expires);
    or(&mut task.exchange, &stored.exchange);
    or(&mut task.routing_key, &stored.routing_key);
    or(&mut task.client, &stored.client);
    or(&mut task.root_id, &stored.root_id);
    or(&mut task.parent_id, &stored.parent_id);
    or(&mut task.retry_of, &stored.retry_of);
}
