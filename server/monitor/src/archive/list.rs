//! Pages of lists: what is stored and not in memory.

use super::{Archive, PAGE_BUDGET};
use crate::{
    cell::StateReader,
    history::{HistoryError, Order, PastPage, PastQuery, Place, Store, TaskRecord},
};
use model::{
    ErrorKind, Older, SearchExpression, TaskCursor, TaskDetail, TaskId, TaskPage, TaskQuery,
    WireError,
};
use std::time::Instant;

/// Tasks read at a time where many are to be passed over.
const STRIDE: u32 = 1_000;

impl Archive {
    /// Returns a page of stored tasks; `query.after` says where it begins.
    pub(crate) async fn page(
        &self,
        query: TaskQuery,
        search: SearchExpression,
    ) -> Result<TaskPage, WireError> {
        let order = Order::of(&query);
        let from = place_of(&query)?;
        let reader = self.reader().clone();
        let page = self
            .read(move |store| fill(store, &reader, query, search, from))
            .await?;
        Ok(self.as_task_page(page, order))
    }

    /// Returns the same for a page that is drawn on this thread.
    pub(crate) fn page_now(
        &self,
        query: TaskQuery,
        search: SearchExpression,
    ) -> Result<TaskPage, WireError> {
        let order = Order::of(&query);
        let from = place_of(&query)?;
        let reader = self.reader().clone();
        let page = self.read_within(PAGE_BUDGET * 2, move |store| {
            fill(store, &reader, query, search, from)
        })?;
        Ok(self.as_task_page(page, order))
    }

    /// Returns stored tasks from a place on, of which `skip` are passed over.
    pub(crate) async fn details(
        &self,
        query: TaskQuery,
        search: SearchExpression,
        from: &TaskCursor,
        skip: u64,
    ) -> Result<Vec<TaskDetail>, WireError> {
        let mut from = read_place(from, Order::of(&query))?;
        let (mut skip, mut found) = (skip, Vec::new());
        let wanted = query.limit as usize;
        loop {
            let missing = u64::try_from(wanted - found.len()).unwrap_or(0);
            if missing == 0 {
                return Ok(found);
            }
            let limit = skip.saturating_add(missing).min(u64::from(STRIDE));
            let part = TaskQuery {
                limit: u32::try_from(limit).unwrap_or(STRIDE),
                ..query.clone()
            };
            let (reader, search, place) = (self.reader().clone(), search.clone(), from.clone());
            let page = self
                .read(move |store| fill(store, &reader, part, search, place))
                .await?;
            let passed = skip.min(page.rows.len() as u64);
            skip -= passed;
            let rest = page
                .rows
                .into_iter()
                .skip(usize::try_from(passed).unwrap_or(0));
            found.extend(rest.map(|(_, record)| record.task));
            found.truncate(wanted);
            match page.next {
                Some(next) => from = next,
                None => return Ok(found),
            }
        }
    }

    fn as_task_page(&self, page: PastPage, order: Order) -> TaskPage {
        let rows = page.rows.into_iter().map(|(_, record)| record.task.summary);
        let (stored, latest) = self.reader().read().extent();
        TaskPage {
            rows: rows.collect(),
            total: None,
            states: Vec::new(),
            stored,
            latest,
            newer: 0,
            older: Some(Older {
                next: page.next.map(|place| place.cursor(order)),
                searched_to: page.searched_to,
            }),
        }
    }
}

fn place_of(query: &TaskQuery) -> Result<Place, WireError> {
    let Some(after) = &query.after else {
        let message = "after is missing: it says where the stored tasks begin";
        return Err(WireError::new(ErrorKind::Invalid, message));
    };
    read_place(after, Order::of(query))
}

fn read_place(cursor: &TaskCursor, order: Order) -> Result<Place, WireError> {
    Place::read(cursor, order)
        .map_err(|error| WireError::new(ErrorKind::Invalid, error.to_string()))
}

/// Fills a page with tasks that are not in memory, until its time is over.
fn fill(
    store: &Store,
    reader: &StateReader,
    query: TaskQuery,
    search: SearchExpression,
    from: Place,
) -> Result<PastPage, HistoryError> {
    let wanted = query.limit as usize;
    let deadline = Instant::now() + PAGE_BUDGET;
    let mut filled = PastPage::default();
    let mut ask = PastQuery {
        query,
        search,
        from,
        deadline,
    };
    loop {
        let missing = wanted - filled.rows.len();
        ask.query.limit = u32::try_from(missing).unwrap_or(u32::MAX);
        let page = match store.page(&ask) {
            // What was found is worth showing.
            Err(HistoryError::OutOfTime) if !filled.rows.is_empty() => {
                filled.next = Some(ask.from);
                return Ok(filled);
            }
            page => page?,
        };
        filled.rows.extend(not_in_memory(reader, page.rows));
        filled.searched_to = page.searched_to;
        let is_over = filled.rows.len() >= wanted || Instant::now() >= deadline;
        match page.next {
            Some(next) if !is_over && page.searched_to.is_none() => ask.from = next,
            next => {
                filled.next = next;
                return Ok(filled);
            }
        }
    }
}

fn not_in_memory(
    reader: &StateReader,
    rows: Vec<(Place, TaskRecord)>,
) -> impl Iterator<Item = (Place, TaskRecord)> {
    let ids: Vec<TaskId> = rows
        .iter()
        .map(|(_, record)| record.task.summary.id.clone())
        .collect();
    let are_known = reader.read().are_here(&ids);
    rows.into_iter()
        .zip(are_known)
        .filter(|(_, is_known)| !is_known)
        .map(|(row, _)| row)
}
