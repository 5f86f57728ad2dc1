//! A page of a list, in any order, of what any search finds.
//!
//! A list by time goes along an index and asks each row what SQL need not
//! know, so that the place it has come to is known at any moment. A list in
//! another order is sorted by SQLite. Either stops when its time is over.

use super::{HistoryError, Reader, failed, read, row::Columns, row::SearchedRow};
use crate::history::{Order, PastPage, PastQuery, Place, SortValue, narrow::Narrow, row::Kind};
use model::{TaskSort, Timestamp};
use rusqlite::{Connection, ErrorCode, Row, ToSql, types::ValueRef};
use std::{cell::RefCell, time::Instant};

/// Instructions of SQLite's machine between two looks at the clock: well below a millisecond.
const CLOCK_INTERVAL: i32 = 2_000;

/// Rows of a list by time between two looks at the clock.
const ROWS_BETWEEN_CLOCKS: usize = 64;

/// Rows that are sorted at a time where a search may not want all of them, per row wanted.
const SORTED_PER_ROW: usize = 4;

impl Reader {
    /// Returns a page; gives up what it cannot find in time.
    pub(super) fn page(&mut self, query: &PastQuery) -> Result<PastPage, HistoryError> {
        if query.query.sort == TaskSort::Received {
            // Looks at the clock itself.
            return self.page_in_time(query);
        }
        let deadline = query.deadline;
        self.connection
            .progress_handler(CLOCK_INTERVAL, Some(move || Instant::now() >= deadline))
            .map_err(failed("watch the clock"))?;
        let page = self.page_in_time(query);
        self.connection
            .progress_handler(0, None::<fn() -> bool>)
            .map_err(failed("stop watching the clock"))?;
        page
    }

    fn page_in_time(&mut self, query: &PastQuery) -> Result<PastPage, HistoryError> {
        let Some(narrow) = Narrow::new(query, &mut |kind| words_of(&self.connection, kind))? else {
            return Ok(PastPage::default());
        };
        let mut list = List {
            connection: &self.connection,
            texts: RefCell::new(&mut self.texts),
            query,
            order: Order::of(&query.query),
            columns: Columns::of(&query.search),
            narrow,
            page: PastPage::default(),
        };
        if list.order.sort == TaskSort::Received {
            list.by_time()?;
        } else {
            list.sorted()?;
        }
        Ok(list.page)
    }
}

/// A page that is being filled.
struct List<'r> {
    connection: &'r Connection,
    texts: RefCell<&'r mut super::words::Texts>,
    query: &'r PastQuery,
    order: Order,
    columns: Columns,
    narrow: Narrow,
    page: PastPage,
}

impl List<'_> {
    fn is_full(&self) -> bool {
        self.page.rows.len() >= self.query.query.limit as usize
    }

    /// Goes along an index by time.
    fn by_time(&mut self) -> Result<(), HistoryError> {
        let mut values = Vec::new();
        let place = self.query.from.after.clone();
        let is_descending = self.order.is_descending;
        if let Some((value, key)) = place {
            let SortValue::Whole(time) = value else {
                return Err(HistoryError::Place);
            };
            // The bounds let the index begin where it should.
            self.narrow.bound_time(time, is_descending);
            values.push(time);
            values.push(key);
        }
        let sql = self.time_sql(!values.is_empty());
        let parameters: Vec<&dyn ToSql> = values.iter().map(|value| value as _).collect();
        let connection = self.connection;
        let mut select = connection
            .prepare_cached(&sql)
            .map_err(failed("list tasks"))?;
        let mut rows = select
            .query(parameters.as_slice())
            .map_err(failed("list tasks"))?;
        let mut place = self.query.from.clone();
        let mut looked_at = 0_usize;
        while let Some(row) = rows.next().map_err(failed("list tasks"))? {
            if self.is_full() {
                self.page.next = Some(place);
                return Ok(());
            }
            // Some rows are looked at in any case, so that pages lead on.
            if looked_at > 0
                && looked_at.is_multiple_of(ROWS_BETWEEN_CLOCKS)
                && Instant::now() >= self.query.deadline
            {
                if let Some((SortValue::Whole(time), _)) = &place.after {
                    self.page.searched_to = Some(Timestamp(*time));
                }
                self.page.next = Some(place);
                return Ok(());
            }
            looked_at += 1;
            let (key, time): (i64, i64) = read_two(row).map_err(failed("read a task's place"))?;
            place.after = Some((SortValue::Whole(time), key));
            if self.matches(row)? {
                self.take(key, &place)?;
            }
        }
        Ok(())
    }

    /// Returns the statement of a list by time: one index for each state or
    /// name asked for, merged as they are read.
    fn time_sql(&self, has_place: bool) -> String {
        let columns = self.columns.sql();
        let direction = if self.order.is_descending {
            "DESC"
        } else {
            "ASC"
        };
        let mut conditions = self.narrow.times();
        if has_place {
            let sign = if self.order.is_descending { "<" } else { ">" };
            // A vector would not tell the index where to begin in both columns.
            conditions.push(format!("(time {sign} ?1 OR (time = ?1 AND key {sign} ?2))"));
        }
        let parts: Vec<String> = self
            .narrow
            .drives()
            .into_iter()
            .map(|drive| {
                let mut all = conditions.clone();
                all.extend(drive);
                format!("SELECT {columns} FROM tasks WHERE {}", all.join(" AND "))
            })
            .collect();
        format!(
            "{} ORDER BY time {direction}, key {direction}",
            parts.join(" UNION ALL ")
        )
    }

    /// Has SQLite sort.
    fn sorted(&mut self) -> Result<(), HistoryError> {
        let wanted = self.query.query.limit as usize;
        let at_once = if self.query.search.is_blank() {
            wanted.saturating_add(1)
        } else {
            wanted.saturating_mul(SORTED_PER_ROW).max(400)
        };
        let mut place = self.query.from.clone();
        loop {
            let found = self.sort_from(&place, at_once);
            let found = match found {
                Err(HistoryError::Sqlite { source, .. }) if is_interrupt(&source) => {
                    if self.page.rows.is_empty() && place == self.query.from {
                        return Err(HistoryError::OutOfTime);
                    }
                    self.page.next = Some(place);
                    return Ok(());
                }
                found => found?,
            };
            let is_last = found.len() < at_once;
            for (key, value, is_match) in found {
                if self.is_full() {
                    self.page.next = Some(place);
                    return Ok(());
                }
                place.after = Some((value, key));
                if is_match {
                    self.take(key, &place)?;
                }
            }
            if is_last {
                return Ok(());
            }
        }
    }

    fn sort_from(
        &self,
        place: &Place,
        limit: usize,
    ) -> Result<Vec<(i64, SortValue, bool)>, HistoryError> {
        let value = sort_sql(self.order.sort);
        let (direction, sign) = if self.order.is_descending {
            ("DESC", "<")
        } else {
            ("ASC", ">")
        };
        let mut conditions = self.narrow.all();
        let mut parameters: Vec<Box<dyn ToSql>> = Vec::new();
        if let Some((after, key)) = &place.after {
            parameters.push(Box::new(*key));
            let last: Option<Box<dyn ToSql>> = match after {
                SortValue::None => None,
                SortValue::Whole(number) => Some(Box::new(*number)),
                SortValue::Real(number) => Some(Box::new(*number)),
                SortValue::Text(text) => Some(Box::new(text.clone())),
            };
            match last {
                None => conditions.push(format!("({value} IS NULL AND key < ?1)")),
                Some(last) => {
                    parameters.push(last);
                    conditions.push(format!(
                        "({value} {sign} ?2 OR ({value} = ?2 AND key < ?1) OR {value} IS NULL)"
                    ));
                }
            }
        }
        let filter = if conditions.is_empty() {
            "1".to_owned()
        } else {
            conditions.join(" AND ")
        };
        // The value comes last, where no column is read by its place.
        let sql = format!(
            "SELECT {columns}, {value} AS sorted FROM tasks WHERE {filter} \
             ORDER BY sorted IS NULL, sorted {direction}, key DESC LIMIT {limit}",
            columns = self.columns.sql(),
        );
        let connection = self.connection;
        let mut select = connection
            .prepare_cached(&sql)
            .map_err(failed("sort tasks"))?;
        let parameters: Vec<&dyn ToSql> = parameters.iter().map(|value| &**value).collect();
        let mut rows = select
            .query(parameters.as_slice())
            .map_err(failed("sort tasks"))?;
        let mut found = Vec::new();
        while let Some(row) = rows.next().map_err(failed("sort tasks"))? {
            let key = row.get(0).map_err(failed("read a task's place"))?;
            let value = row
                .get_ref(self.columns.len())
                .map_err(failed("read a task's place"))?;
            let value = match value {
                ValueRef::Integer(number) => SortValue::Whole(number),
                ValueRef::Real(number) => SortValue::Real(number),
                ValueRef::Text(text) => SortValue::Text(String::from_utf8_lossy(text).into_owned()),
                _ => SortValue::None,
            };
            found.push((key, value, self.matches(row)?));
        }
        Ok(found)
    }

    /// Tells whether a row passes the filters and the search.
    fn matches(&self, row: &Row<'_>) -> Result<bool, HistoryError> {
        let row = SearchedRow::new(row, &self.columns, self.connection, &self.texts);
        let is_match = self.narrow.keeps(row.numbers()?) && row.matches(&self.query.search)?;
        Ok(is_match)
    }

    fn take(&mut self, key: i64, place: &Place) -> Result<(), HistoryError> {
        let mut texts = self.texts.borrow_mut();
        let record = read::by_key(self.connection, &mut texts, key)?;
        drop(texts);
        self.page.rows.push((place.clone(), record));
        Ok(())
    }
}

/// Returns all texts of a kind with their numbers.
fn words_of(connection: &Connection, kind: Kind) -> Result<Vec<(i64, String)>, HistoryError> {
    let read = || {
        let mut select = connection.prepare_cached("SELECT id, text FROM words WHERE kind = ?1")?;
        let rows = select.query_map([kind as i64], |row| Ok((row.get(0)?, row.get(1)?)))?;
        rows.collect::<rusqlite::Result<Vec<_>>>()
    };
    read().map_err(failed("look for names"))
}

fn read_two(row: &Row<'_>) -> rusqlite::Result<(i64, i64)> {
    Ok((row.get(0)?, row.get(1)?))
}

pub(super) fn is_interrupt(error: &rusqlite::Error) -> bool {
    error.sqlite_error_code() == Some(ErrorCode::OperationInterrupted)
}

/// Returns what a list is sorted by, in the same terms as in memory.
fn sort_sql(sort: TaskSort) -> &'static str {
    match sort {
        TaskSort::Received => "time",
        TaskSort::Started => "started",
        TaskSort::Finished => "finished",
        TaskSort::Timestamp => "nullif(timestamp, 0)",
        TaskSort::Name => "(SELECT text FROM words WHERE id = name)",
        TaskSort::Worker => "(SELECT text FROM words WHERE id = worker)",
        TaskSort::Queue => "(SELECT text FROM words WHERE id = queue)",
        // The built-in states' numbers are their places in the model's list.
        TaskSort::State => {
            "CASE state WHEN 0 THEN 'PENDING' WHEN 1 THEN 'RECEIVED' WHEN 2 THEN 'STARTED' \
             WHEN 3 THEN 'SUCCESS' WHEN 4 THEN 'FAILURE' WHEN 5 THEN 'RETRY' \
             WHEN 6 THEN 'REVOKED' WHEN 7 THEN 'REJECTED' WHEN 8 THEN 'ORPHANED' \
             WHEN 9 THEN 'UNKNOWN' ELSE (SELECT text FROM words WHERE id = state - 10) END"
        }
        TaskSort::Retries => "retries",
        TaskSort::Wait => "max(started - max(received, coalesce(eta, received)), 0)",
        TaskSort::Runtime => "runtime",
    }
}
