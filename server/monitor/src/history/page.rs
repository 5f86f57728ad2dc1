//! What is asked of the store page by page, and what it answers.

use super::{Place, TaskRecord};
use model::{SearchExpression, TaskDetail, TaskId, TaskQuery, Timestamp};
use std::time::Instant;

/// Which stored tasks, in which order, from where on.
#[derive(Clone, Debug)]
pub struct PastQuery {
    /// Filters, order and the most tasks to return. Its window in memory and
    /// its search text do not matter.
    pub query: TaskQuery,
    /// What is searched for, its times resolved.
    pub search: SearchExpression,
    /// Where the page begins.
    pub from: Place,
    /// When to stop looking.
    pub deadline: Instant,
}

/// A page of stored tasks.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct PastPage {
    /// The tasks in order, each with the place behind it.
    pub rows: Vec<(Place, TaskRecord)>,
    /// Where to go on; absent if nothing is left.
    pub next: Option<Place>,
    /// Time was over: in a list by time everything up to here was looked at.
    pub searched_to: Option<Timestamp>,
}

/// What stored tasks tell of another one.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Links {
    /// Tasks that name it as their parent, oldest first, without their own links.
    pub children: Vec<TaskDetail>,
    /// Tasks that repeat it, oldest first.
    pub retried_as: Vec<TaskId>,
}
