//! A page of a list, in any order, of what any search finds.
//!
//! The database narrows and sorts; what a search asks beyond that is asked of
//! the tasks themselves, some at a time, until the page is full or time is over.

use super::{HistoryError, Reader, failed, id, read::COLUMNS};
use crate::history::{
    Links, Order, PastPage, PastQuery, Place, SortValue, narrow::Narrow, row::Kind,
};
use model::{TaskId, TaskSort, Timestamp};
use postgres::{GenericClient, Row, error::SqlState, types::ToSql};
use std::time::Instant;

/// Tasks read at a time where a search may not want all of them.
const SLICE: usize = 500;

/// The least time a statement is given, milliseconds, so that pages lead on.
const LEAST_MILLIS: u128 = 50;

/// Times of a search are resolved before it comes here.
const RESOLVED: Timestamp = Timestamp(0);

impl Reader {
    /// Returns a page; gives up what it cannot find in time.
    pub(super) fn page(&mut self, past: &PastQuery) -> Result<PastPage, HistoryError> {
        let narrow = Narrow::new(past, &mut |kind| words_of(&mut self.client, kind))?;
        let Some(narrow) = narrow else {
            return Ok(PastPage::default());
        };
        let page = self.fill(past, &narrow);
        let restored = self.client.batch_execute("SET statement_timeout = '30s'");
        let page = page?;
        restored.map_err(failed("set the time for reading"))?;
        Ok(page)
    }

    fn fill(&mut self, past: &PastQuery, narrow: &Narrow) -> Result<PastPage, HistoryError> {
        let wanted = past.query.limit as usize;
        let by_time = past.query.sort == TaskSort::Received;
        let at_once = if past.search.is_blank() {
            wanted.saturating_add(1)
        } else {
            SLICE
        };
        let mut page = PastPage::default();
        let mut place = past.from.clone();
        loop {
            let left = past.deadline.saturating_duration_since(Instant::now());
            let millis = left.as_millis().max(LEAST_MILLIS);
            self.client
                .batch_execute(&format!("SET statement_timeout = {millis}"))
                .map_err(failed("set the time for reading"))?;
            let rows = match self.slice(past, narrow, &place, at_once) {
                Err(HistoryError::Postgres { source, .. })
                    if source.code() == Some(&SqlState::QUERY_CANCELED) =>
                {
                    if place == past.from {
                        return Err(HistoryError::OutOfTime);
                    }
                    return Ok(given_up(page, place, by_time));
                }
                rows => rows?,
            };
            let is_last = rows.len() < at_once;
            let values: Vec<SortValue> = rows
                .iter()
                .map(|row| sort_value(row, past.query.sort))
                .collect();
            for ((cursor, record), value) in self.records(&rows)?.into_iter().zip(values) {
                if page.rows.len() >= wanted {
                    page.next = Some(place);
                    return Ok(page);
                }
                place.after = Some((value, cursor.key));
                if past.search.matches(&record.task, RESOLVED) {
                    page.rows.push((place.clone(), record));
                }
            }
            if is_last {
                return Ok(page);
            }
            if Instant::now() >= past.deadline && page.rows.len() < wanted {
                return Ok(given_up(page, place, by_time));
            }
        }
    }

    fn slice(
        &mut self,
        past: &PastQuery,
        narrow: &Narrow,
        place: &Place,
        limit: usize,
    ) -> Result<Vec<Row>, HistoryError> {
        let Order {
            sort,
            is_descending,
        } = Order::of(&past.query);
        let value = sort_sql(sort);
        let (direction, sign) = if is_descending {
            ("DESC", "<")
        } else {
            ("ASC", ">")
        };
        let mut conditions = narrow.all();
        let mut parameters: Vec<Box<dyn ToSql + Sync>> = Vec::new();
        if let Some((after, key)) = &place.after {
            let last: Option<Box<dyn ToSql + Sync>> = match after {
                SortValue::None => None,
                SortValue::Whole(number) => Some(Box::new(*number)),
                SortValue::Real(number) => Some(Box::new(*number)),
                SortValue::Text(text) => Some(Box::new(text.clone())),
            };
            match last {
                None => conditions.push(format!("({value} IS NULL AND key < {key})")),
                Some(last) if sort == TaskSort::Received => {
                    parameters.push(last);
                    conditions.push(format!("({value}, key) {sign} ($1, {key})"));
                }
                Some(last) => {
                    parameters.push(last);
                    conditions.push(format!(
                        "({value} {sign} $1 OR ({value} = $1 AND key < {key}) OR {value} IS NULL)"
                    ));
                }
            }
        }
        // As the index has it; ties of other values come newest first.
        let order = if sort == TaskSort::Received {
            format!("t.time {direction}, key {direction}")
        } else {
            format!("{value} {direction} NULLS LAST, key DESC")
        };
        let sql = format!(
            "SELECT {COLUMNS}, {value} AS sorted FROM tasks t WHERE {} ORDER BY {order} LIMIT {limit}",
            conditions.join(" AND "),
        );
        let parameters: Vec<_> = parameters.iter().map(|value| &**value as _).collect();
        self.client
            .query(&sql, &parameters)
            .map_err(failed("list tasks"))
    }

    /// Returns what stored tasks tell of another one, oldest first.
    pub(super) fn links(&mut self, id: &TaskId, limit: usize) -> Result<Links, HistoryError> {
        let id = id::encode(id);
        let of = |column| {
            format!(
                "SELECT {COLUMNS} FROM tasks t WHERE {column} = $1 ORDER BY t.time, key LIMIT {limit}"
            )
        };
        let children = self
            .client
            .query(&of("parent"), &[&id])
            .map_err(failed("read a task's children"))?;
        let repeating = self
            .client
            .query(&of("retry_of"), &[&id])
            .map_err(failed("read a task's retries"))?;
        let children = self.records(&children)?.into_iter();
        let repeating = self.records(&repeating)?.into_iter();
        Ok(Links {
            children: children.map(|(_, record)| record.task).collect(),
            retried_as: repeating
                .map(|(_, record)| record.task.summary.id)
                .collect(),
        })
    }
}

/// Ends a page whose time is over at a place.
fn given_up(mut page: PastPage, place: Place, by_time: bool) -> PastPage {
    if let Some((SortValue::Whole(time), _)) = &place.after
        && by_time
    {
        page.searched_to = Some(Timestamp(*time));
    }
    page.next = Some(place);
    page
}

/// Returns all texts of a kind with their numbers.
fn words_of(
    client: &mut impl GenericClient,
    kind: Kind,
) -> Result<Vec<(i64, String)>, HistoryError> {
    let sql = format!("SELECT id, text FROM words WHERE kind = {}", kind as i32);
    let rows = client.query(&sql, &[]).map_err(failed("look for names"))?;
    let word = |row: &Row| (i64::from(row.get::<_, i32>(0)), row.get(1));
    Ok(rows.iter().map(word).collect())
}

/// Reads what a list is sorted by.
fn sort_value(row: &Row, sort: TaskSort) -> SortValue {
    match sort {
        TaskSort::Name | TaskSort::Worker | TaskSort::Queue | TaskSort::State => row
            .get::<_, Option<String>>("sorted")
            .map_or(SortValue::None, SortValue::Text),
        TaskSort::Runtime => row
            .get::<_, Option<f64>>("sorted")
            .map_or(SortValue::None, SortValue::Real),
        _ => row
            .get::<_, Option<i64>>("sorted")
            .map_or(SortValue::None, SortValue::Whole),
    }
}

/// Returns what a list is sorted by, in the same terms as in memory.
fn sort_sql(sort: TaskSort) -> &'static str {
    match sort {
        TaskSort::Received => "t.time",
        TaskSort::Started => "started",
        TaskSort::Finished => "finished",
        TaskSort::Timestamp => "nullif(t.timestamp, 0)",
        TaskSort::Name => "(SELECT w.text COLLATE \"C\" FROM words w WHERE w.id = t.name)",
        TaskSort::Worker => "(SELECT w.text COLLATE \"C\" FROM words w WHERE w.id = t.worker)",
        TaskSort::Queue => "(SELECT w.text COLLATE \"C\" FROM words w WHERE w.id = t.queue)",
        // The built-in states' numbers are their places in the model's list.
        TaskSort::State => {
            "(CASE state WHEN 0 THEN 'PENDING' WHEN 1 THEN 'RECEIVED' WHEN 2 THEN 'STARTED' \
             WHEN 3 THEN 'SUCCESS' WHEN 4 THEN 'FAILURE' WHEN 5 THEN 'RETRY' \
             WHEN 6 THEN 'REVOKED' WHEN 7 THEN 'REJECTED' WHEN 8 THEN 'ORPHANED' \
             WHEN 9 THEN 'UNKNOWN' \
             ELSE (SELECT w.text FROM words w WHERE w.id = state - 10) END COLLATE \"C\")"
        }
        TaskSort::Retries => "retries::bigint",
        // Its `greatest` passes over what is absent.
        TaskSort::Wait => {
            "(CASE WHEN received IS NOT NULL \
             THEN greatest(started - greatest(received, eta), CASE WHEN started IS NOT NULL THEN 0 END) END)"
        }
        TaskSort::Runtime => "runtime",
    }
}
