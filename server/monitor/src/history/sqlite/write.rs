//! Writing: one transaction a batch, one row a task.

use super::{Batch, HistoryError, Numbers, TaskRecord, Writer, aside, failed, id::StoredId};
use crate::history::{
    merge::Merge,
    row::{Derived, FIRST_CUSTOM, Kind, built_in, traceback_number},
};
use model::Timestamp;
use rusqlite::{
    CachedStatement, Connection, OptionalExtension, ToSql, TransactionBehavior, named_params,
};
use std::cmp::Ordering;

const FIND: &str = "SELECT key, progress, timestamp FROM tasks WHERE id_hash = ?1 AND id = ?2";

const INSERT: &str = "INSERT INTO tasks (
    id, id_hash, time, state, name, worker, queue, retries, delivery,
    sent, received, started, finished, runtime, eta, expires, timestamp, progress,
    clock, pid, exchange, routing_key, client, flags, sources,
    root, parent, parent_hash, retry_of,
    args, kwargs, result, exception, traceback, reason, past
) VALUES (
    :id, :id_hash, :time, :state, :name, :worker, :queue, :retries, :delivery,
    :sent, :received, :started, :finished, :runtime, :eta, :expires, :timestamp, :progress,
    :clock, :pid, :exchange, :routing_key, :client, :flags, :sources,
    :root, :parent, :parent_hash, :retry_of,
    :args, :kwargs, :result, :exception, :traceback, :reason, :past
)";

/// How the merge rule is said here.
const MERGE: Merge = Merge {
    new: ":",
    old: "",
    whole: &["parent_hash"],
};

/// What becomes of a stored row when a newer record, an equally new or an older one comes.
#[derive(Debug)]
pub(super) struct Updates {
    newer: String,
    equal: String,
    older: String,
}

impl Default for Updates {
    fn default() -> Self {
        let update = |record| {
            let values = MERGE.values(record).into_iter();
            let set: Vec<_> = values.map(|(c, v)| format!("{c} = {v}")).collect();
            format!("UPDATE tasks SET {} WHERE key = :key", set.join(", "))
        };
        Self {
            newer: update(Ordering::Greater),
            equal: update(Ordering::Equal),
            older: update(Ordering::Less),
        }
    }
}

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
                newer: Prepared::new(&transaction, &self.updates.newer)?,
                equal: Prepared::new(&transaction, &self.updates.equal)?,
                older: Prepared::new(&transaction, &self.updates.older)?,
            };
            for record in &batch.tasks {
                tasks.write(record)?;
            }
        }
        aside::write(&transaction, batch)?;
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
    newer: Prepared<'c>,
    equal: Prepared<'c>,
    older: Prepared<'c>,
}

impl Tasks<'_> {
    fn write(&mut self, record: &TaskRecord) -> Result<(), HistoryError> {
        let own = StoredId::new(&record.task.summary.id);
        let known: Option<(i64, i64, i64)> = self
            .find
            .query_row((own.hash(), own), |row| {
                Ok((row.get(0)?, row.get(1)?, row.get(2)?))
            })
            .optional()
            .map_err(failed("look for a task"))?;
        let known = known.map(|(key, progress, timestamp)| {
            let new = (record.progress(), record.timestamp());
            (key, new.cmp(&(progress, timestamp)))
        });
        self.store(record, own, known)
    }

    fn store(
        &mut self,
        record: &TaskRecord,
        own: StoredId<'_>,
        known: Option<(i64, Ordering)>,
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
        let state = match built_in(&row.state) {
            Some(number) => number,
            None => {
                let number = self
                    .numbers
                    .number(connection, Kind::State, row.state.as_str())?;
                FIRST_CUSTOM.saturating_add(number)
            }
        };
        let derived = Derived::new(record)?;
        let current = derived.current;
        let traceback = current
            .and_then(|attempt| attempt.traceback.as_deref())
            .map(|text| store_traceback(connection, text))
            .transpose()?;
        let root = derived.root.map(StoredId::new);
        let parent = derived.parent.map(StoredId::new);
        let time = |time: Option<Timestamp>| time.map(|time| time.0);
        let id_hash = own.hash();
        let statement = match known.map(|(_, order)| order) {
            None => &mut self.insert,
            Some(Ordering::Greater) => &mut self.newer,
            Some(Ordering::Equal) => &mut self.equal,
            Some(Ordering::Less) => &mut self.older,
        };
        statement
            .execute(named_params! {
                ":id": own,
                ":id_hash": id_hash,
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
                ":flags": derived.flags,
                ":sources": record.sources,
                ":root": root,
                ":parent": parent,
                ":parent_hash": parent.map(|parent| parent.hash()),
                ":retry_of": task.retry_of.as_ref().map(StoredId::new),
                ":args": task.args,
                ":kwargs": task.kwargs,
                ":result": task.result,
                ":exception": current.and_then(|attempt| attempt.exception.as_deref()),
                ":traceback": traceback,
                ":reason": current.and_then(|attempt| attempt.reason.as_deref()),
                ":past": derived.past,
                ":key": known.map(|(key, _)| key),
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
    let number = traceback_number(text);
    connection
        .prepare_cached("INSERT INTO tracebacks (id, text) VALUES (?1, ?2) ON CONFLICT DO NOTHING")
        .and_then(|mut insert| insert.execute((number, text)))
        .map_err(failed("store a traceback"))?;
    Ok(number)
}
