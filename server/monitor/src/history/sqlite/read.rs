//! Reading: rows back into records.

use super::{
    Cursor, HistoryError, HistoryQuery, Links, Reader, TaskRecord, failed, id,
    id::StoredId,
    words::{self, Texts},
};
use crate::history::{
    Past,
    row::{FIRST_CUSTOM, Kind, StoredTask, built_in},
};
use model::{QueueName, TaskId, TaskName, TaskState, Timestamp, WorkerName};
use rusqlite::{Connection, OptionalExtension, Row, ToSql};
use std::sync::Arc;

/// The columns, in the order that [`record`] reads them.
const COLUMNS: &str = "key, id, time, state, name, worker, queue, retries, delivery, \
    sent, received, started, finished, runtime, eta, expires, timestamp, clock, pid, \
    exchange, routing_key, client, flags, sources, root, parent, retry_of, \
    args, kwargs, result, exception, reason, past, \
    (SELECT text FROM tracebacks WHERE tracebacks.id = traceback)";

impl Reader {
    pub(super) fn task(&mut self, id: &TaskId) -> Result<Option<TaskRecord>, HistoryError> {
        let sql = format!("SELECT {COLUMNS} FROM tasks WHERE id_hash = ?1 AND id = ?2");
        let id = StoredId::new(id);
        let (connection, texts) = (&self.connection, &mut self.texts);
        connection
            .prepare_cached(&sql)
            .and_then(|mut select| {
                select
                    .query_row((id.hash(), id), |row| record(connection, texts, row))
                    .optional()
            })
            .map(|found| found.map(|(_, record)| record))
            .map_err(failed("read a task"))
    }

    /// Returns what stored tasks tell of another one, oldest first.
    pub(super) fn links(&mut self, id: &TaskId, limit: usize) -> Result<Links, HistoryError> {
        let id = StoredId::new(id);
        let (connection, texts) = (&self.connection, &mut self.texts);
        let sql = format!(
            "SELECT {COLUMNS} FROM tasks WHERE parent_hash = ?1 AND parent = ?2 \
             ORDER BY time, key LIMIT {limit}"
        );
        let mut children = || {
            let mut select = connection.prepare_cached(&sql)?;
            let rows = select.query_map((id.hash(), id), |row| {
                Ok(record(connection, texts, row)?.1.task)
            })?;
            rows.collect::<rusqlite::Result<Vec<_>>>()
        };
        let children = children().map_err(failed("read a task's children"))?;
        let sql =
            format!("SELECT id FROM tasks WHERE retry_of = ?1 ORDER BY time, key LIMIT {limit}");
        let retried_as = || {
            let mut select = connection.prepare_cached(&sql)?;
            let rows = select.query_map([id], |row| read_id(row, 0))?;
            rows.collect::<rusqlite::Result<Vec<_>>>()
        };
        let retried_as = retried_as().map_err(failed("read a task's retries"))?;
        Ok(Links {
            children,
            retried_as: retried_as.into_iter().flatten().collect(),
        })
    }

    pub(super) fn tasks(
        &mut self,
        query: &HistoryQuery,
    ) -> Result<Vec<(Cursor, TaskRecord)>, HistoryError> {
        match Filter::new(&self.connection, query)? {
            Some(filter) => self.filtered(&filter, query.limit),
            None => Ok(Vec::new()),
        }
    }

    /// Returns the one number that a statement asks for.
    pub(super) fn number(&mut self, sql: &str) -> Result<i64, HistoryError> {
        self.connection
            .query_row(sql, [], |row| row.get(0))
            .map_err(failed("count what is stored"))
    }

    /// Returns the newest tasks that have not ended, newest first.
    pub(super) fn unfinished(
        &mut self,
        limit: usize,
    ) -> Result<Vec<(Cursor, TaskRecord)>, HistoryError> {
        let mut open: Vec<i64> = Vec::new();
        for (place, state) in (0..).zip(TaskState::BUILT_IN) {
            open.extend((!state.is_finished()).then_some(place));
        }
        let custom = "SELECT id + 10 FROM words WHERE kind = 7";
        open.extend(self.all(custom, |row| row.get::<_, i64>(0))?);
        let mut tasks = Vec::new();
        // One state at a time, so that the index gives them in order.
        for state in open {
            let mut filter = Filter::default();
            filter.add("state =", state);
            tasks.extend(self.filtered(&filter, limit)?);
        }
        tasks.sort_by_key(|(cursor, _)| std::cmp::Reverse(*cursor));
        tasks.truncate(limit);
        Ok(tasks)
    }

    fn filtered(
        &mut self,
        filter: &Filter,
        limit: usize,
    ) -> Result<Vec<(Cursor, TaskRecord)>, HistoryError> {
        let (connection, texts) = (&self.connection, &mut self.texts);
        let sql = format!(
            "SELECT {COLUMNS} FROM tasks WHERE {} ORDER BY time DESC, key DESC LIMIT {limit}",
            filter.sql(),
        );
        let mut read = || {
            let mut select = connection.prepare_cached(&sql)?;
            let parameters: Vec<&dyn ToSql> = filter.values.iter().map(|v| v as _).collect();
            let rows =
                select.query_map(parameters.as_slice(), |row| record(connection, texts, row))?;
            rows.collect::<rusqlite::Result<Vec<_>>>()
        };
        read().map_err(failed("read tasks"))
    }
}

/// The conditions of a query.
#[derive(Debug, Default)]
struct Filter {
    conditions: Vec<String>,
    values: Vec<i64>,
}

impl Filter {
    /// Returns the filter of a query; `None` if nothing can match.
    fn new(connection: &Connection, query: &HistoryQuery) -> Result<Option<Self>, HistoryError> {
        let mut filter = Self::default();
        for (kind, column, text) in [
            (
                Kind::Name,
                "name",
                query.name.as_ref().map(TaskName::as_str),
            ),
            (
                Kind::Worker,
                "worker",
                query.worker.as_ref().map(WorkerName::as_str),
            ),
            (
                Kind::Queue,
                "queue",
                query.queue.as_ref().map(QueueName::as_str),
            ),
        ] {
            let Some(text) = text else { continue };
            let Some(number) = words::find(connection, kind, text)? else {
                return Ok(None);
            };
            filter.add(&format!("{column} ="), number);
        }
        if !query.states.is_empty() {
            let mut places = Vec::new();
            for state in &query.states {
                places.extend(state_number(connection, state)?.map(|n| n.to_string()));
            }
            if places.is_empty() {
                return Ok(None);
            }
            filter
                .conditions
                .push(format!("state IN ({})", places.join(", ")));
        }
        if let Some(start) = query.start {
            filter.add("time >=", start.0);
        }
        if let Some(end) = query.end {
            filter.add("time <=", end.0);
        }
        if let Some(cursor) = query.after {
            filter.values.extend([cursor.time, cursor.key]);
            let last = filter.values.len();
            // The first part lets the index begin where it should.
            filter.conditions.push(format!(
                "time <= ?{time} AND (time < ?{time} OR key < ?{last})",
                time = last - 1
            ));
        }
        Ok(Some(filter))
    }

    fn add(&mut self, comparison: &str, value: i64) {
        self.values.push(value);
        let place = self.values.len();
        self.conditions.push(format!("{comparison} ?{place}"));
    }

    fn sql(&self) -> String {
        if self.conditions.is_empty() {
            "1".to_owned()
        } else {
            self.conditions.join(" AND ")
        }
    }
}

/// Returns the number of a state; `None` if no task ever had it.
pub(super) fn state_number(
    connection: &Connection,
    state: &TaskState,
) -> Result<Option<i64>, HistoryError> {
    match built_in(state) {
        Some(place) => Ok(Some(place)),
        None => Ok(words::find(connection, Kind::State, state.as_str())?
            .map(|number| FIRST_CUSTOM + number)),
    }
}

/// Returns the task with the store's own number.
pub(super) fn by_key(
    connection: &Connection,
    texts: &mut Texts,
    key: i64,
) -> Result<TaskRecord, HistoryError> {
    let sql = format!("SELECT {COLUMNS} FROM tasks WHERE key = ?1");
    connection
        .prepare_cached(&sql)
        .and_then(|mut select| select.query_row([key], |row| record(connection, texts, row)))
        .map(|(_, record)| record)
        .map_err(failed("read a task"))
}

fn record(
    connection: &Connection,
    texts: &mut Texts,
    row: &Row<'_>,
) -> rusqlite::Result<(Cursor, TaskRecord)> {
    let mut next = 0..;
    let mut place = || next.next().unwrap_or(usize::MAX);
    let key = row.get(place())?;
    let id = read_id(row, place())?.ok_or(rusqlite::Error::InvalidQuery)?;
    let time = row.get(place())?;
    let state: i64 = row.get(place())?;
    let state = match usize::try_from(state)
        .ok()
        .and_then(|s| TaskState::BUILT_IN.get(s))
    {
        Some(state) => state.clone(),
        None => TaskState::Custom(texts.text(connection, state - FIRST_CUSTOM)?),
    };
    let mut word = |place| -> rusqlite::Result<Option<Arc<str>>> {
        let number: Option<i64> = row.get(place)?;
        number.map(|n| texts.text(connection, n)).transpose()
    };
    let name = word(place())?.map(TaskName::new);
    let worker = word(place())?.map(WorkerName::new);
    let queue = word(place())?.map(QueueName::new);
    let retries = row.get(place())?;
    let delivery = row.get(place())?;
    let moment = |place| -> rusqlite::Result<Option<Timestamp>> {
        Ok(row.get::<_, Option<i64>>(place)?.map(Timestamp))
    };
    let sent = moment(place())?;
    let received = moment(place())?;
    let started = moment(place())?;
    let finished = moment(place())?;
    let runtime_seconds: Option<f64> = row.get(place())?;
    let eta = moment(place())?;
    let expires = moment(place())?;
    let timestamp: i64 = row.get(place())?;
    let clock: Option<i64> = row.get(place())?;
    let pid = row.get(place())?;
    let exchange = word(place())?.map(|text| text.to_string());
    let routing_key = word(place())?.map(|text| text.to_string());
    let client = word(place())?.map(|text| text.to_string());
    let flags: i64 = row.get(place())?;
    let sources: u8 = row.get(place())?;
    let root = read_id(row, place())?;
    let parent = read_id(row, place())?;
    let retry_of = read_id(row, place())?;
    let args = row.get(place())?;
    let kwargs = row.get(place())?;
    let result = row.get(place())?;
    let exception: Option<String> = row.get(place())?;
    let reason: Option<String> = row.get(place())?;
    let past: Option<String> = row.get(place())?;
    let past: Past = match past {
        Some(text) => serde_json::from_str(&text).map_err(|error| {
            rusqlite::Error::FromSqlConversionFailure(
                0,
                rusqlite::types::Type::Text,
                Box::new(error),
            )
        })?,
        None => Past::default(),
    };
    let traceback: Option<String> = row.get(place())?;

    let task = StoredTask {
        id,
        state,
        name,
        worker,
        queue,
        retries,
        delivery,
        sent,
        received,
        started,
        finished,
        runtime_seconds,
        eta,
        expires,
        timestamp,
        clock,
        pid,
        exchange,
        routing_key,
        client,
        flags,
        sources,
        root,
        parent,
        retry_of,
        args,
        kwargs,
        result,
        exception,
        traceback,
        reason,
        past,
    };
    Ok((Cursor { time, key }, task.into_record()))
}

fn read_id(row: &Row<'_>, place: usize) -> rusqlite::Result<Option<TaskId>> {
    Ok(id::read(row.get_ref(place)?))
}
