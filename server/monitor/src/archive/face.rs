//! What the engine's handle can read past memory.

use crate::{Haste, Monitor, clock};
use model::{
    ErrorKind, SearchError, SearchExpression, TaskDetail, TaskId, TaskPage, TaskQuery, TaskSort,
    WireError,
};

/// Why whole tasks could not be listed.
#[derive(Debug)]
pub enum DetailsError {
    /// The search cannot be read.
    Search(SearchError),
    /// The store cannot be read.
    Store(WireError),
}

impl Monitor {
    /// Returns a page of tasks: a window on memory or, with
    /// [`TaskQuery::after`], what is stored and not in memory.
    pub async fn task_list(&self, query: TaskQuery) -> Result<TaskPage, WireError> {
        let search = self.search_of(&query)?;
        if query.after.is_some() {
            let mut page = self.archive()?.page(query, search).await?;
            self.sight().rows(&mut page.rows);
            return Ok(page);
        }
        let reader = self.reader().clone();
        let page = move || reader.task_page(&query, &search, Haste::Now);
        let mut page = tokio::task::spawn_blocking(page).await.map_err(|error| {
            WireError::new(ErrorKind::Internal, format!("a list failed: {error}"))
        })?;
        self.sight().rows(&mut page.rows);
        Ok(page)
    }

    /// Returns everything known of a task, whether memory or the store has it.
    pub async fn any_task(&self, id: &TaskId) -> Result<Option<TaskDetail>, WireError> {
        let task = match self.asks_store_for(id) {
            Some(archive) => archive.task(id).await?,
            None => self.reader().task(id),
        };
        Ok(task.map(|task| self.sight().task(task)))
    }

    /// Returns whole tasks in order, without their children, first those in
    /// memory and then, if the query's limit counts, stored ones.
    ///
    /// `is_unlimited` passes over the limit; everything in memory is returned
    /// then, and nothing else. `is_flower_search` reads the text by Flower's
    /// rules. Stored tasks asked for by their newest event come in the order
    /// in which they were received, which has an index.
    pub async fn any_task_details(
        &self,
        query: TaskQuery,
        is_unlimited: bool,
        is_flower_search: bool,
    ) -> Result<Vec<TaskDetail>, DetailsError> {
        let (monitor, asked) = (self.clone(), query.clone());
        let read = move || monitor.task_details(&asked, is_unlimited, is_flower_search);
        let in_memory = tokio::task::spawn_blocking(read).await.map_err(|error| {
            let message = format!("a list failed: {error}");
            DetailsError::Store(WireError::new(ErrorKind::Internal, message))
        })?;
        let mut tasks = in_memory.map_err(DetailsError::Search)?;
        let wanted = query.limit as usize;
        if is_unlimited || tasks.len() >= wanted {
            return Ok(tasks);
        }
        let sort = match query.sort {
            TaskSort::Timestamp => TaskSort::Received,
            sort => sort,
        };
        let rest = TaskQuery {
            sort,
            limit: u32::try_from(wanted - tasks.len()).unwrap_or(u32::MAX),
            ..query
        };
        let search = if is_flower_search {
            SearchExpression::parse_flower(&rest.search)
        } else {
            SearchExpression::parse(&rest.search)
        };
        let search = search.map_err(DetailsError::Search)?.resolve(clock::now());
        let search = self.sight().search(search).map_err(DetailsError::Store)?;
        // The page after all of memory's tells how many those are, and where it goes on.
        let page = self.reader().task_page(
            &TaskQuery {
                offset: 0,
                limit: 0,
                ..rest.clone()
            },
            &search,
            Haste::Now,
        );
        let next = page.older.and_then(|older| older.next);
        let (Some(next), Ok(archive)) = (next, self.archive()) else {
            return Ok(tasks);
        };
        let skip = rest.offset.saturating_sub(page.total.unwrap_or(0));
        let older = archive.details(rest, search, &next, skip).await;
        let older = older.map_err(DetailsError::Store)?.into_iter();
        tasks.extend(older.map(|task| self.sight().task(task)));
        Ok(tasks)
    }

    /// Returns everything known of a task, for a page that is drawn on this
    /// thread; whatever its reader may not see is still in it.
    pub(crate) fn task_now(&self, id: &TaskId) -> Result<Option<TaskDetail>, WireError> {
        match self.asks_store_for(id) {
            Some(archive) => archive.task_now(id),
            None => Ok(self.reader().task(id)),
        }
    }

    /// Returns a page of stored tasks, likewise.
    pub(crate) fn stored_page_now(
        &self,
        query: &TaskQuery,
        search: SearchExpression,
    ) -> Result<TaskPage, WireError> {
        self.archive()?.page_now(query.clone(), search)
    }

    fn archive(&self) -> Result<&super::Archive, WireError> {
        self.inner.archive.as_ref().ok_or_else(|| {
            let message = "No history is kept: the dashboard was started with --store none.";
            WireError::new(ErrorKind::NotFound, message)
        })
    }

    /// Returns the way to the store if it may know more of a task than memory.
    fn asks_store_for(&self, id: &TaskId) -> Option<&super::Archive> {
        let archive = self.inner.archive.as_ref()?;
        let state = self.reader().read();
        let is_all_here = !state.has_older() && state.are_here(std::slice::from_ref(id))[0];
        (!is_all_here).then_some(archive)
    }
}
