//! Writing: one transaction a batch, one row a task.

use super::{Batch, HistoryError, Numbers, TaskRecord, Writer, failed, id, id::StoredId};
use crate::history::sqlite::words::Kind;
use model::{TaskState, Timestamp};
use rusqlite::{
    CachedStatement, Connection, OptionalExtension, ToSql, TransactionBehavior, named_params,
};

/// Bits of the column `flags`.
pub(super) mod flag {
    pub(crate) const IS_ROOT: i64 = 1;
    pub(crate) const IS_PARENT: i64 = 1 << 1;
    pub(crate) const REVOKED: i64 = 1 << 2;
}

/// Custom states are stored as their word's number from here on.
pub(super) const FIRST_CUSTOM: i64 = 10;

const FIND: &str = "SELECT key, progress, timestamp FROM tasks WHERE id_high = ?1 AND id = ?2";

const INSERT: &str = "INSERT INTO tasks (
    id, id_high, time, state, name, worker, queue, retries, delivery,
    sent, received, started, finished, runtime, eta, expires, timestamp, progress,
    clock, pid, exchange, routing_key, client, flags, sources,
    root, parent, parent_high, retry_of,
    args, kwargs, result, exception, traceback, reason, past
) VALUES (
    :id, :id_high, :time, :state, :name, :worker, :queue, :retries, :delivery,
    :sent, :received, :started, :finished, :runtime, :eta, :expires, :timestamp, :progress,
    :clock, :pid, :exchange, :routing_key, :client, :flags, :sources,
    :root, :parent, :parent_high, :retry_of,
    :args, :kwargs, :result, :exception, :traceback, :reason, :past
)";

/// What describes the task as a whole stays where the new record does not tell
/// it: a task that was forgotten and is heard of again begins with little.
const UPDATE: &str = "UPDATE tasks SET
    time = :time, state = :state, name = coalesce(:name, name), worker = :worker,
    queue = coalesce(:queue, queue), retries = :retries, delivery = :delivery,
    sent = CASE WHEN retries = :retries THEN coalesce(:sent, sent) ELSE :sent END,
    received = CASE WHEN progress >> 4 = :progress >> 4
        THEN coalesce(:received, received) ELSE :received END,
    started = CASE WHEN progress >> 4 = :progress >> 4
        THEN coalesce(:started, started) ELSE :started END,
    finished = :finished, runtime = :runtime, eta = :eta,
    expires = coalesce(:expires, expires), timestamp = :timestamp, progress = :progress,
    clock = coalesce(:clock, clock), pid = :pid,
    exchange = coalesce(:exchange, exchange),
    routing_key = coalesce(:routing_key, routing_key),
    client = coalesce(:client, client), flags = :flags, sources = sources & 143 | :sources,
    root = coalesce(:root, root), parent = coalesce(:parent, parent),
    parent_high = coalesce(:parent_high, parent_high), retry_of = coalesce(:retry_of, retry_of),
    args = coalesce(:args, args), kwargs = coalesce(:kwargs, kwargs), result = :result,
    exception = :exception, traceback = :traceback, reason = :reason,
    past = coalesce(:past, past)
WHERE key = :key";

impl Writer {
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
        let transaction = self
            .connection
            .transaction_with_behavior(TransactionBehavior::Immediate)
            .map_err(failed("begin to write"))?;
        {
            let mut tasks = Tasks {
                connection: &transaction,
                numbers: &mut self.numbers,
                find: transaction
                    .prepare_cached(FIND)
                    .map_err(failed("prepare to write"))?,
                insert: Prepared::new(&transaction, INSERT)?,
                update: Prepared::new(&transaction, UPDATE)?,
            };
            for record in &batch.tasks {
                tasks.write(record)?;
            }
        }
        transaction
            .commit()
            .map_err(failed("commit what was written"))
    }
}

/// What it takes to write tasks.
struct Tasks<'c> {
    connection: &'c Connection,
    numbers: &'c mut Numbers,
    find: CachedStatement<'c>,
    insert: Prepared<'c>,
    update: Prepared<'c>,
}

impl Tasks<'_> {
    fn write(&mut self, record: &TaskRecord) -> Result<(), HistoryError> {
        let own = StoredId::new(&record.task.summary.id);
        let known: Option<(i64, i64, i64)> = self
            .find
            .query_row((own.high(), own), |row| {
                Ok((row.get(0)?, row.get(1)?, row.get(2)?))
            })
            .optional()
            .map_err(failed("look for a task"))?;
        match known {
            None => self.store(record, own, None),
            // What is stored is further: another dashboard knows more.
            Some((_, progress, timestamp))
                if (progress, timestamp) > (record.progress(), record.timestamp()) =>
            {
                Ok(())
            }
            Some((key, ..)) => self.store(record, own, Some(key)),
        }
    }

    fn store(
        &mut self,
        record: &TaskRecord,
        own: StoredId<'_>,
        key: Option<i64>,
    ) -> Result<(), HistoryError> {
        let connection = self.connection;
        let task = &record.task;
        let row = &task.summary;
        let mut word = |kind, text: Option<&str>| {
            text.map(|text| self.numbers.number(connection, kind, text))
                .transpose()
        };
        let name = word(Kind::Name, row.name.as_ref().map(|name| name.as_str()))?;
        let worker = word(Kind::Worker, row.worker.as_ref().map(|name| name.as_str()))?;
        let queue = word(Kind::Queue, row.queue.as_ref().map(|name| name.as_str()))?;
        let exchange = word(Kind::Exchange, task.exchange.as_deref())?;
        let routing_key = word(Kind::RoutingKey, task.routing_key.as_deref())?;
        let client = word(Kind::Client, task.client.as_deref())?;
        let built_in = TaskState::BUILT_IN.iter().position(|s| *s == row.state);
        let state = match built_in {
            Some(place) => place as i64,
            None => {
                let number = self
                    .numbers
                    .number(connection, Kind::State, row.state.as_str())?;
                FIRST_CUSTOM.saturating_add(number)
            }
        };
        let current = task.attempts.last();
        let traceback = current
            .and_then(|attempt| attempt.traceback.as_deref())
            .map(|text| store_traceback(connection, text))
            .transpose()?;
        let is_root = task.root_id.as_ref() == Some(&row.id);
        let is_parent = task.parent_id.as_ref() == Some(&row.id);
        let root = task.root_id.as_ref().filter(|_| !is_root);
        let root = root.map(StoredId::new);
        let parent = task.parent_id.as_ref().filter(|_| !is_parent);
        let parent = parent.map(StoredId::new);
        let mut flags = 0;
        for (is_set, bit) in [
            (is_root, flag::IS_ROOT),
            (is_parent, flag::IS_PARENT),
            (row.is_revoked, flag::REVOKED),
        ] {
            flags |= if is_set { bit } else { 0 };
        }
        let past = record
            .past()
            .map(|past| serde_json::to_string(&past))
            .transpose()
            .map_err(|source| HistoryError::Content {
                what: "attempts",
                source,
            })?;
        let time = |time: Option<Timestamp>| time.map(|time| time.0);
        let id_high = own.high();
        let statement = match key {
            Some(_) => &mut self.update,
            None => &mut self.insert,
        };
        statement
            .execute(named_params! {
                ":id": own,
                ":id_high": id_high,
                ":time": record.time(),
                ":state": state,
                ":name": name,
                ":worker": worker,
                ":queue": queue,
                ":retries": row.retries,
                ":delivery": current.map_or(1, |attempt| attempt.delivery),
                ":sent": time(row.sent),
                ":received": time(row.received),
                ":started": time(row.started),
                ":finished": time(row.finished),
                ":runtime": row.runtime_seconds,
                ":eta": time(row.eta),
                ":expires": time(task.expires),
                ":timestamp": record.timestamp(),
                ":progress": record.progress(),
                // A clock beyond 63 bits is nobody's.
                ":clock": task.clock.and_then(|clock| i64::try_from(clock).ok()),
                ":pid": current.and_then(|attempt| attempt.pid),
                ":exchange": exchange,
                ":routing_key": routing_key,
                ":client": client,
                ":flags": flags,
                ":sources": record.sources,
                ":root": root,
                ":parent": parent,
                ":parent_high": parent.map(|parent| parent.high()),
                ":retry_of": task.retry_of.as_ref().map(StoredId::new),
                ":args": task.args,
                ":kwargs": task.kwargs,
                ":result": task.result,
                ":exception": current.and_then(|attempt| attempt.exception.as_deref()),
                ":traceback": traceback,
                ":reason": current.and_then(|attempt| attempt.reason.as_deref()),
                ":past": past,
                ":key": key,
            })
            .map_err(failed("store a task"))
    }
}

/// A statement that knows the places of its parameters, which SQLite would
/// look for by name at each of many rows.
struct Prepared<'s> {
    statement: CachedStatement<'s>,
    places: Vec<Option<usize>>,
}

impl<'s> Prepared<'s> {
    fn new(connection: &'s Connection, sql: &str) -> Result<Self, HistoryError> {
        let statement = connection
            .prepare_cached(sql)
            .map_err(failed("prepare to write"))?;
        Ok(Self {
            statement,
            places: Vec::new(),
        })
    }

    /// Runs it with parameters that always come in the same order; those that
    /// the statement does not have are passed over.
    fn execute(&mut self, parameters: &[(&str, &dyn ToSql)]) -> rusqlite::Result<()> {
        if self.places.is_empty() {
            for (name, _) in parameters {
                self.places.push(self.statement.parameter_index(name)?);
            }
        }
        for (place, (_, value)) in self.places.iter().zip(parameters) {
            if let Some(place) = place {
                self.statement.raw_bind_parameter(*place, value)?;
            }
        }
        self.statement.raw_execute().map(|_| ())
    }
}

/// Stores a traceback once, whichever tasks have it; returns its number.
fn store_traceback(connection: &Connection, text: &str) -> Result<i64, HistoryError> {
    // Never negative, so that numbers read like numbers.
    let number = id::hash(text) & i64::MAX;
    connection
        .prepare_cached("INSERT INTO tracebacks (id, text) VALUES (?1, ?2) ON CONFLICT DO NOTHING")
        .and_then(|mut insert| insert.execute((number, text)))
        .map_err(failed("store a traceback"))?;
    Ok(number)
}
