//! Reading: rows back into records.

use super::{
    Cursor, HistoryError, HistoryQuery, Reader, TaskRecord, failed, id,
    words::{self, Texts},
};
use crate::history::{
    Past,
    row::{FIRST_CUSTOM, Kind, StoredTask, built_in},
};
use model::{QueueName, TaskId, TaskName, TaskState, Timestamp, WorkerName};
use postgres::{GenericClient, Row, types::ToSql};
use std::cmp::Reverse;

/// The columns; [`record`] reads them by name.
pub(super) const COLUMNS: &str = "key, id, long_id, t.time, state, name, worker, queue, retries, delivery, \
    sent, received, started, finished, runtime, eta, expires, t.timestamp, clock, pid, \
    exchange, routing_key, client, flags, sources, root, parent, retry_of, \
    args, kwargs, result, exception, reason, past, \
    (SELECT text FROM tracebacks WHERE tracebacks.id = traceback) AS traceback_text";

/// The columns that hold numbers of words, beside the state.
const WORDS: [&str; 6] = [
    "name",
    "worker",
    "queue",
    "exchange",
    "routing_key",
    "client",
];

impl Reader {
    pub(super) fn task(&mut self, id: &TaskId) -> Result<Option<TaskRecord>, HistoryError> {
        let sql = format!("SELECT {COLUMNS} FROM tasks t WHERE id = $1");
        let rows = self
            .client
            .query(&sql, &[&id::key(id).0])
            .map_err(failed("read a task"))?;
        Ok(self.records(&rows)?.pop().map(|(_, record)| record))
    }

    pub(super) fn tasks(
        &mut self,
        query: &HistoryQuery,
    ) -> Result<Vec<(Cursor, TaskRecord)>, HistoryError> {
        let Some(filter) = Filter::new(&mut self.client, query)? else {
            return Ok(Vec::new());
        };
        if query.states.is_empty() {
            return self.filtered(&filter, query.limit);
        }
        let mut states = Vec::new();
        for state in &query.states {
            states.extend(state_number(&mut self.client, state)?);
        }
        self.of_states(&states, &filter, query.limit)
    }

    /// Returns the one number that a statement asks for.
    pub(super) fn number(&mut self, sql: &str) -> Result<i64, HistoryError> {
        let mut counted = || {
            let mut transaction = self.client.transaction()?;
            // Nobody looks at a page meanwhile, and there may be much.
            transaction.batch_execute("SET LOCAL statement_timeout = 0")?;
            let row = transaction.query_one(sql, &[])?;
            transaction.commit()?;
            row.try_get(0)
        };
        counted().map_err(failed("count what is stored"))
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
        let custom = "SELECT id FROM words WHERE kind = $1";
        let custom = self
            .client
            .query(custom, &[&(Kind::State as i16)])
            .map_err(failed("read the history"))?;
        let custom = custom.iter().map(|row| i64::from(row.get::<_, i32>(0)));
        open.extend(custom.map(|word| FIRST_CUSTOM + word));
        self.of_states(&open, &Filter::default(), limit)
    }

    /// Returns the newest tasks in any of some states, newest first. One state
    /// at a time, so that an index gives them in order.
    fn of_states(
        &mut self,
        states: &[i64],
        filter: &Filter,
        limit: usize,
    ) -> Result<Vec<(Cursor, TaskRecord)>, HistoryError> {
        let mut tasks = Vec::new();
        for state in states {
            let mut one = filter.clone();
            one.add("state =", *state);
            tasks.extend(self.filtered(&one, limit)?);
        }
        tasks.sort_by_key(|(cursor, _)| Reverse(*cursor));
        tasks.truncate(limit);
        Ok(tasks)
    }

    fn filtered(
        &mut self,
        filter: &Filter,
        limit: usize,
    ) -> Result<Vec<(Cursor, TaskRecord)>, HistoryError> {
        let sql = format!(
            "SELECT {COLUMNS} FROM tasks t WHERE {} ORDER BY time DESC, key DESC LIMIT {limit}",
            filter.sql(),
        );
        let parameters: Vec<_> = filter
            .values
            .iter()
            .map(|value| value as &(dyn ToSql + Sync))
            .collect();
        let rows = self
            .client
            .query(&sql, &parameters)
            .map_err(failed("read tasks"))?;
        self.records(&rows)
    }

    pub(super) fn records(
        &mut self,
        rows: &[Row],
    ) -> Result<Vec<(Cursor, TaskRecord)>, HistoryError> {
        let numbers = rows.iter().flat_map(|row| {
            let words = WORDS
                .iter()
                .filter_map(|word| row.get::<_, Option<i32>>(word));
            words.chain(custom_state(row))
        });
        self.texts.learn(&mut self.client, numbers)?;
        rows.iter().map(|row| record(row, &self.texts)).collect()
    }
}

/// The conditions of a query but its states.
#[derive(Clone, Debug, Default)]
struct Filter {
    conditions: Vec<String>,
    values: Vec<i64>,
}

impl Filter {
    /// Returns the filter of a query; `None` if nothing can match.
    fn new(
        client: &mut impl GenericClient,
        query: &HistoryQuery,
    ) -> Result<Option<Self>, HistoryError> {
        let mut filter = Self::default();
        let name = query.name.as_ref().map(TaskName::as_str);
        let worker = query.worker.as_ref().map(WorkerName::as_str);
        let queue = query.queue.as_ref().map(QueueName::as_str);
        for (kind, comparison, text) in [
            (Kind::Name, "name =", name),
            (Kind::Worker, "worker =", worker),
            (Kind::Queue, "queue =", queue),
        ] {
            let Some(text) = text else { continue };
            let Some(number) = words::find(client, kind, text)? else {
                return Ok(None);
            };
            filter.add(comparison, number);
        }
        if let Some(start) = query.start {
            filter.add("t.time >=", start.0);
        }
        if let Some(end) = query.end {
            filter.add("t.time <=", end.0);
        }
        if let Some(cursor) = query.after {
            filter.values.extend([cursor.time, cursor.key]);
            let last = filter.values.len();
            filter.conditions.push(format!(
                "(t.time, key) < (${}::bigint, ${last}::bigint)",
                last - 1
            ));
        }
        Ok(Some(filter))
    }

    fn add(&mut self, comparison: &str, value: i64) {
        self.values.push(value);
        let place = self.values.len();
        self.conditions
            .push(format!("{comparison} ${place}::bigint"));
    }

    fn sql(&self) -> String {
        if self.conditions.is_empty() {
            "true".to_owned()
        } else {
            self.conditions.join(" AND ")
        }
    }
}

/// Returns the number of a state; `None` if no task ever had it.
fn state_number(
    client: &mut impl GenericClient,
    state: &TaskState,
) -> Result<Option<i64>, HistoryError> {
    match built_in(state) {
        Some(number) => Ok(Some(number)),
        None => {
            Ok(words::find(client, Kind::State, state.as_str())?
                .map(|number| FIRST_CUSTOM + number))
        }
    }
}

/// Returns the word of a state that is none of Celery's own.
fn custom_state(row: &Row) -> Option<i32> {
    let state = i64::from(row.get::<_, i32>("state"));
    let word = state - FIRST_CUSTOM;
    (word >= 0).then(|| i32::try_from(word).ok()).flatten()
}

fn record(row: &Row, texts: &Texts) -> Result<(Cursor, TaskRecord), HistoryError> {
    let word = |column: &str| -> Result<_, HistoryError> {
        let number: Option<i32> = row.get(column);
        number.map(|number| texts.get(number)).transpose()
    };
    let text = |column: &str| -> Result<_, HistoryError> {
        Ok(word(column)?.map(|text| text.to_string()))
    };
    let moment = |column: &str| row.get::<_, Option<i64>>(column).map(Timestamp);
    let link = |column: &str| id::decode(row.get::<_, Option<&[u8]>>(column)?);
    let small = |column: &str| u32::try_from(row.get::<_, i64>(column)).unwrap_or(u32::MAX);
    let long_id: Option<&str> = row.get("long_id");
    let id = match long_id {
        Some(text) => TaskId::from(text),
        None => id::decode(row.get("id")).ok_or(HistoryError::Missing("task id"))?,
    };
    let state = match custom_state(row) {
        Some(number) => TaskState::Custom(texts.get(number)?),
        None => usize::try_from(row.get::<_, i32>("state"))
            .ok()
            .and_then(|place| TaskState::BUILT_IN.get(place))
            .cloned()
            .ok_or(HistoryError::Missing("state"))?,
    };
    let past = match row.get::<_, Option<&str>>("past") {
        Some(text) => serde_json::from_str(text).map_err(|source| HistoryError::Content {
            what: "attempts",
            source,
        })?,
        None => Past::default(),
    };
    let time = row.get("time");
    let key = row.get("key");
    let task = StoredTask {
        id,
        state,
        name: word("name")?.map(TaskName::new),
        worker: word("worker")?.map(WorkerName::new),
        queue: word("queue")?.map(QueueName::new),
        retries: small("retries"),
        delivery: small("delivery"),
        sent: moment("sent"),
        received: moment("received"),
        started: moment("started"),
        finished: moment("finished"),
        runtime_seconds: row.get("runtime"),
        eta: moment("eta"),
        expires: moment("expires"),
        timestamp: row.get("timestamp"),
        clock: row.get("clock"),
        pid: row
            .get::<_, Option<i64>>("pid")
            .and_then(|pid| u32::try_from(pid).ok()),
        exchange: text("exchange")?,
        routing_key: text("routing_key")?,
        client: text("client")?,
        flags: i64::from(row.get::<_, i16>("flags")),
        sources: u8::try_from(row.get::<_, i16>("sources")).unwrap_or_default(),
        root: link("root"),
        parent: link("parent"),
        retry_of: link("retry_of"),
        args: row.get("args"),
        kwargs: row.get("kwargs"),
        result: row.get("result"),
        exception: row.get("exception"),
        traceback: row.get("traceback_text"),
        reason: row.get("reason"),
        past,
    };
    Ok((Cursor { time, key }, task.into_record()))
}
