//! Writing: one transaction a batch, one statement for all its tasks.

use super::{
    Batch, HistoryError, PostgresUrl, TaskRecord, aside, clean, failed, id, lock, words::Numbers,
};
use crate::history::{
    merge::Merge,
    row::{Derived, FIRST_CUSTOM, Kind, built_in, traceback_number},
};
use model::Timestamp;
use postgres::{
    Client, Statement,
    types::{ToSql, Type},
};
use std::{borrow::Cow, cmp::Ordering, collections::BTreeMap};

/// The columns and the types they travel as.
const COLUMNS: &[(&str, Type)] = &[
    ("id", Type::BYTEA_ARRAY),
    ("long_id", Type::TEXT_ARRAY),
    ("time", Type::INT8_ARRAY),
    ("state", Type::INT8_ARRAY),
    ("name", Type::INT8_ARRAY),
    ("worker", Type::INT8_ARRAY),
    ("queue", Type::INT8_ARRAY),
    ("retries", Type::INT8_ARRAY),
    ("delivery", Type::INT8_ARRAY),
    ("sent", Type::INT8_ARRAY),
    ("received", Type::INT8_ARRAY),
    ("started", Type::INT8_ARRAY),
    ("finished", Type::INT8_ARRAY),
    ("runtime", Type::FLOAT8_ARRAY),
    ("eta", Type::INT8_ARRAY),
    ("expires", Type::INT8_ARRAY),
    ("timestamp", Type::INT8_ARRAY),
    ("progress", Type::INT8_ARRAY),
    ("clock", Type::INT8_ARRAY),
    ("pid", Type::INT8_ARRAY),
    ("exchange", Type::INT8_ARRAY),
    ("routing_key", Type::INT8_ARRAY),
    ("client", Type::INT8_ARRAY),
    ("flags", Type::INT8_ARRAY),
    ("sources", Type::INT8_ARRAY),
    ("root", Type::BYTEA_ARRAY),
    ("parent", Type::BYTEA_ARRAY),
    ("retry_of", Type::BYTEA_ARRAY),
    ("args", Type::TEXT_ARRAY),
    ("kwargs", Type::TEXT_ARRAY),
    ("result", Type::TEXT_ARRAY),
    ("exception", Type::TEXT_ARRAY),
    ("traceback", Type::INT8_ARRAY),
    ("reason", Type::TEXT_ARRAY),
    ("past", Type::TEXT_ARRAY),
];

/// How the merge rule is said here.
const MERGE: Merge = Merge {
    new: "excluded.",
    old: "tasks.",
    whole: &[],
};

const STORE_TRACEBACKS: &str = "INSERT INTO tracebacks (id, text)
    SELECT * FROM unnest($1::bigint[], $2::text[]) ON CONFLICT DO NOTHING";

/// The connection that writes.
pub(super) struct Writer {
    pub(super) client: Client,
    numbers: Numbers,
    /// Held shared while words and tracebacks are taken into use.
    pub(super) lock: i64,
    store_tasks: Statement,
    store_tracebacks: Statement,
    /// What this dashboard is called among those that share the store.
    pub(super) dashboard: String,
}

impl Writer {
    /// Prepares to write; a dashboard whose connection broke keeps the name it had.
    pub(super) fn new(
        mut client: Client,
        url: &PostgresUrl,
        had: Option<String>,
    ) -> Result<Self, HistoryError> {
        let types: Vec<Type> = COLUMNS.iter().map(|(_, of)| of.clone()).collect();
        let dashboard = match had {
            Some(name) => {
                lock::hold_name(&mut client, &url.schema, &name)?;
                name
            }
            None => {
                let wanted = url.dashboard.clone().unwrap_or_else(host_name);
                lock::claim_name(&mut client, &url.schema, &wanted)?
            }
        };
        let store_tasks = client
            .prepare_typed(&store_tasks(), &types)
            .map_err(failed("prepare to write"))?;
        let store_tracebacks = client
            .prepare(STORE_TRACEBACKS)
            .map_err(failed("prepare to write"))?;
        Ok(Self {
            client,
            numbers: Numbers::default(),
            lock: lock::number("words", &url.schema),
            store_tasks,
            store_tracebacks,
            dashboard,
        })
    }

    pub(super) fn is_closed(&self) -> bool {
        self.client.is_closed()
    }

    /// Writes all of a batch or nothing.
    pub(super) fn write(&mut self, batch: &Batch) -> Result<(), HistoryError> {
        let written = self.write_all(batch);
        if written.is_err() {
            // Numbers given in the transaction went with it.
            self.numbers.clear();
        }
        written
    }

    fn write_all(&mut self, batch: &Batch) -> Result<(), HistoryError> {
        let mut transaction = self
            .client
            .transaction()
            .map_err(failed("begin to write"))?;
        if !batch.tasks.is_empty() {
            lock::shared(&mut transaction, self.lock)?;
            let removed = transaction
                .query_one("SELECT times FROM words_removed", &[])
                .map_err(failed("prepare to write"))?;
            self.numbers.keep_up(removed.get(0));
            let words = batch.tasks.iter().flat_map(words_of);
            self.numbers.learn(&mut transaction, words)?;
            // Words, tracebacks and tasks, each in order: whoever writes the same
            // waits for the other, and never both.
            let tracebacks: BTreeMap<i64, Cow<'_, str>> = batch
                .tasks
                .iter()
                .filter_map(|record| record.task.attempts.last()?.traceback.as_deref())
                .map(|text| (traceback_number(text), clean(text)))
                .collect();
            if !tracebacks.is_empty() {
                let (ids, texts): (Vec<_>, Vec<_>) = tracebacks.into_iter().unzip();
                transaction
                    .execute(&self.store_tracebacks, &[&ids, &texts])
                    .map_err(failed("store tracebacks"))?;
            }
            let columns = columns(&batch.tasks, &self.numbers)?;
            let parameters: Vec<_> = columns.iter().map(Column::parameter).collect();
            transaction
                .execute(&self.store_tasks, &parameters)
                .map_err(failed("store tasks"))?;
        }
        aside::write(&mut transaction, &self.dashboard, batch)?;
        transaction
            .commit()
            .map_err(failed("commit what was written"))
    }
}

impl std::fmt::Debug for Writer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Writer")
            .field("dashboard", &self.dashboard)
            .finish_non_exhaustive()
    }
}

/// Returns the statement that stores tasks, however much of them is stored already.
fn store_tasks() -> String {
    const NEW: &str = "(excluded.progress, excluded.timestamp)";
    const OLD: &str = "(tasks.progress, tasks.timestamp)";
    let names: Vec<_> = COLUMNS.iter().map(|(name, _)| *name).collect();
    let places: Vec<_> = (1..=COLUMNS.len()).map(|n| format!("${n}")).collect();
    let newer = MERGE.values(Ordering::Greater);
    let equal = MERGE.values(Ordering::Equal);
    let older = MERGE.values(Ordering::Less);
    let mut sets = Vec::new();
    let (mut merged, mut stored) = (Vec::new(), Vec::new());
    for (((column, newer), (_, equal)), (_, older)) in newer.into_iter().zip(equal).zip(older) {
        let value = format!(
            "CASE WHEN {NEW} > {OLD} THEN {newer} WHEN {NEW} = {OLD} THEN {equal} ELSE {older} END"
        );
        sets.push(format!("{column} = {value}"));
        merged.push(value);
        stored.push(format!("tasks.{column}"));
    }
    // What another dashboard has written in the same words is not written again.
    format!(
        "INSERT INTO tasks AS tasks ({}) SELECT * FROM unnest({})
         ON CONFLICT (id) DO UPDATE SET {}
         WHERE {NEW} > {OLD} OR ({}) IS DISTINCT FROM ({})",
        names.join(", "),
        places.join(", "),
        sets.join(", "),
        merged.join(", "),
        stored.join(", "),
    )
}

/// Returns the texts of a record that are stored as numbers.
fn words_of(record: &TaskRecord) -> impl Iterator<Item = (Kind, &str)> {
    let task = &record.task;
    let row = &task.summary;
    let custom = built_in(&row.state).is_none();
    [
        (Kind::Name, row.name.as_ref().map(|name| name.as_str())),
        (Kind::Worker, row.worker.as_ref().map(|name| name.as_str())),
        (Kind::Queue, row.queue.as_ref().map(|name| name.as_str())),
        (Kind::Exchange, task.exchange.as_deref()),
        (Kind::RoutingKey, task.routing_key.as_deref()),
        (Kind::Client, task.client.as_deref()),
        (Kind::State, custom.then(|| row.state.as_str())),
    ]
    .into_iter()
    .filter_map(|(kind, text)| Some((kind, text?)))
}

/// One column of a batch.
enum Column<'r> {
    Number(Vec<Option<i64>>),
    Float(Vec<Option<f64>>),
    Text(Vec<Option<Cow<'r, str>>>),
    Bytes(Vec<Option<Vec<u8>>>),
}

/// What one task has in a column.
enum Value<'r> {
    Number(Option<i64>),
    Float(Option<f64>),
    Text(Option<&'r str>),
    Json(Option<String>),
    Bytes(Option<Vec<u8>>),
}

impl<'r> Column<'r> {
    fn new(of: &Type, rows: usize) -> Self {
        match *of {
            Type::FLOAT8_ARRAY => Self::Float(Vec::with_capacity(rows)),
            Type::TEXT_ARRAY => Self::Text(Vec::with_capacity(rows)),
            Type::BYTEA_ARRAY => Self::Bytes(Vec::with_capacity(rows)),
            _ => Self::Number(Vec::with_capacity(rows)),
        }
    }

    fn push(&mut self, value: Value<'r>) {
        match (self, value) {
            (Self::Number(all), Value::Number(value)) => all.push(value),
            (Self::Float(all), Value::Float(value)) => all.push(value),
            (Self::Text(all), Value::Text(value)) => all.push(value.map(clean)),
            (Self::Text(all), Value::Json(value)) => all.push(value.map(Cow::Owned)),
            (Self::Bytes(all), Value::Bytes(value)) => all.push(value),
            _ => unreachable!("the values stand in the order of the columns"),
        }
    }

    fn parameter(&self) -> &(dyn ToSql + Sync) {
        match self {
            Self::Number(all) => all,
            Self::Float(all) => all,
            Self::Text(all) => all,
            Self::Bytes(all) => all,
        }
    }
}

/// Turns tasks into columns, in the order of their ids.
fn columns<'r>(
    tasks: &'r [TaskRecord],
    numbers: &Numbers,
) -> Result<Vec<Column<'r>>, HistoryError> {
    let mut rows: Vec<_> = tasks
        .iter()
        .map(|record| (id::key(&record.task.summary.id), record))
        .collect();
    rows.sort_by(|(one, _), (other, _)| one.cmp(other));
    let mut columns: Vec<_> = COLUMNS
        .iter()
        .map(|(_, of)| Column::new(of, rows.len()))
        .collect();
    for ((id, long_id), record) in rows {
        let values = values(record, id, long_id, numbers)?;
        for (column, value) in columns.iter_mut().zip(values) {
            column.push(value);
        }
    }
    Ok(columns)
}

/// Returns what stands in the columns, in the order of [`COLUMNS`].
fn values<'r>(
    record: &'r TaskRecord,
    id: Vec<u8>,
    long_id: Option<&'r str>,
    numbers: &Numbers,
) -> Result<[Value<'r>; COLUMNS.len()], HistoryError> {
    let task = &record.task;
    let row = &task.summary;
    let derived = Derived::new(record)?;
    let current = derived.current;
    let number = |number: i64| Value::Number(Some(number));
    let time = |time: Option<Timestamp>| Value::Number(time.map(|time| time.0));
    let word =
        |kind, text: Option<&str>| Value::Number(text.and_then(|text| numbers.get(kind, text)));
    let state = match built_in(&row.state) {
        Some(number) => Some(number),
        None => numbers
            .get(Kind::State, row.state.as_str())
            .map(|number| FIRST_CUSTOM + number),
    };
    Ok([
        Value::Bytes(Some(id)),
        Value::Text(long_id),
        number(record.time()),
        Value::Number(state),
        word(Kind::Name, row.name.as_ref().map(|name| name.as_str())),
        word(Kind::Worker, row.worker.as_ref().map(|name| name.as_str())),
        word(Kind::Queue, row.queue.as_ref().map(|name| name.as_str())),
        number(i64::from(row.retries)),
        number(current.map_or(1, |attempt| i64::from(attempt.delivery))),
        time(row.sent),
        time(row.received),
        time(row.started),
        time(row.finished),
        Value::Float(row.runtime_seconds),
        time(row.eta),
        time(task.expires),
        number(record.timestamp()),
        number(record.progress()),
        // A clock beyond 63 bits is nobody's.
        Value::Number(task.clock.and_then(|clock| i64::try_from(clock).ok())),
        Value::Number(current.and_then(|attempt| attempt.pid).map(i64::from)),
        word(Kind::Exchange, task.exchange.as_deref()),
        word(Kind::RoutingKey, task.routing_key.as_deref()),
        word(Kind::Client, task.client.as_deref()),
        number(derived.flags),
        number(i64::from(record.sources)),
        Value::Bytes(derived.root.map(id::encode)),
        Value::Bytes(derived.parent.map(id::encode)),
        Value::Bytes(task.retry_of.as_ref().map(id::encode)),
        Value::Text(task.args.as_deref()),
        Value::Text(task.kwargs.as_deref()),
        Value::Text(task.result.as_deref()),
        Value::Text(current.and_then(|attempt| attempt.exception.as_deref())),
        Value::Number(
            current
                .and_then(|attempt| attempt.traceback.as_deref())
                .map(traceback_number),
        ),
        Value::Text(current.and_then(|attempt| attempt.reason.as_deref())),
        Value::Json(derived.past),
    ])
}

/// Returns what this machine is called.
fn host_name() -> String {
    rustix::system::uname()
        .nodename()
        .to_string_lossy()
        .into_owned()
}
