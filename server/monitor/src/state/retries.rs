//! Which task repeats which: links between tasks that were sent again from here.

use super::{State, tasks::repair::Fact};
use model::{TaskDetail, TaskId, Timestamp};
use std::collections::{HashMap, VecDeque};

/// Most links kept; the oldest are forgotten first.
const MAX_LINKS: usize = 100_000;

/// A task that the dashboard sent.
#[derive(Debug)]
pub(crate) struct Sent {
    /// What is known of it.
    pub(crate) fact: Fact,
    /// The task that it repeats.
    pub(crate) retry_of: Option<TaskId>,
}

/// The links, both ways.
#[derive(Debug, Default)]
pub(crate) struct Retries {
    old: HashMap<TaskId, TaskId>,
    new: HashMap<TaskId, Vec<TaskId>>,
    /// The new tasks, oldest first.
    order: VecDeque<TaskId>,
}

impl Retries {
    /// Notes that a task repeats another one.
    pub(super) fn link(&mut self, old: &TaskId, new: &TaskId) {
        if self.old.insert(new.clone(), old.clone()).is_some() {
            return;
        }
        self.new.entry(old.clone()).or_default().push(new.clone());
        self.order.push_back(new.clone());
        while self.order.len() > MAX_LINKS
            && let Some(oldest) = self.order.pop_front()
            && let Some(root) = self.old.remove(&oldest)
            && let Some(list) = self.new.get_mut(&root)
        {
            list.retain(|id| *id != oldest);
            if list.is_empty() {
                self.new.remove(&root);
            }
        }
    }

    /// Returns the task that this one repeats.
    pub(super) fn original(&self, id: &TaskId) -> Option<TaskId> {
        self.old.get(id).cloned()
    }

    /// Writes a task's links into its description.
    pub(super) fn fill(&self, task: &mut TaskDetail) {
        let id = &task.summary.id;
        task.retry_of = self.old.get(id).cloned();
        task.retried_as = self.new.get(id).cloned().unwrap_or_default();
    }
}

impl State {
    /// Takes in tasks that the dashboard sent.
    pub(super) fn note_sent(&mut self, tasks: Vec<Sent>, now: Timestamp) {
        for task in &tasks {
            if let Some(old) = &task.retry_of {
                self.retries.link(old, &task.fact.id);
            }
        }
        let mut facts: Vec<Fact> = tasks.into_iter().map(|task| task.fact).collect();
        self.limits.redactor.facts(&mut facts);
        self.learn(&facts, now);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_lead_both_ways_and_are_bounded() {
        let mut retries = Retries::default();
        let id = |n: usize| TaskId::from(format!("t{n}"));
        for n in 0..MAX_LINKS + 10 {
            retries.link(&id(0), &id(n + 1));
            retries.link(&id(0), &id(n + 1));
        }
        assert_eq!(retries.order.len(), MAX_LINKS);
        assert_eq!(retries.old.len(), MAX_LINKS);
        assert_eq!(retries.new[&id(0)].len(), MAX_LINKS);
        assert_eq!(retries.new[&id(0)][0], id(11), "the oldest are forgotten");
        assert_eq!(retries.old.get(&id(10)), None);
        assert_eq!(retries.old.get(&id(11)), Some(&id(0)));
    }
}
