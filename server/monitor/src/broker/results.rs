//! Reading results: one task's for a page, many at once for repair.

use super::connect::Target;
use crate::error::BrokerError;
use model::{TaskId, TaskState};
use protocol::{Keyspace, TaskResult, decode_result};
use redis::{AsyncCommands, aio::MultiplexedConnection};
use std::{sync::Arc, time::Duration};

/// Largest result that is read. Redis holds values of up to 512 MB.
const MAX_BYTES: u64 = 8 << 20;

/// Largest result that is read when many are.
const MAX_BYTES_OF_MANY: u64 = 1 << 20;

/// Results asked for at once, and most bytes of them.
const MANY: usize = 500;
const MAX_BYTES_AT_ONCE: u64 = 16 << 20;

/// Of a result that is too large only its two ends are read, so many bytes each.
const END_BYTES: isize = 1_024;

/// What is stored for one of many tasks.
#[derive(Debug)]
pub(crate) enum Stored {
    /// A result.
    Whole(Box<TaskResult>),
    /// One that is too large to be read whole.
    Large {
        /// Its first and last bytes.
        ends: Vec<u8>,
        /// Its size.
        bytes: u64,
    },
}

/// What came of the wish to abort a task.
#[derive(Debug)]
pub(crate) enum Aborted {
    /// The state is set.
    Set,
    /// The task has ended, in this state.
    Ended(TaskState),
}

/// How long Redis may take to set a state.
const ABORT_TIMEOUT: Duration = Duration::from_millis(2_500);

/// Celery's `result_expires`, for a result that had no end before.
const RESULT_SECONDS: i64 = 86_400;

/// The result backend.
#[derive(Clone, Debug)]
pub(crate) struct Results {
    target: Target,
    keyspace: Keyspace,
    connection: Arc<tokio::sync::Mutex<Option<MultiplexedConnection>>>,
}

impl Results {
    pub(crate) fn new(target: Target, keyspace: Keyspace) -> Self {
        Self {
            target,
            keyspace,
            connection: Arc::default(),
        }
    }

    /// Returns what is stored for tasks; those for which nothing readable is
    /// stored are left out.
    pub(crate) async fn read_many(
        &self,
        ids: &[TaskId],
    ) -> Result<Vec<(TaskId, Stored)>, BrokerError> {
        let mut stored = Vec::new();
        for ids in ids.chunks(MANY) {
            let mut guard = self.connection.lock().await;
            let mut connection = match guard.take() {
                Some(connection) => connection,
                None => self.target.connect(false).await?,
            };
            self.read_chunk(&mut connection, ids, &mut stored).await?;
            // Kept only if it works: after an error the next read connects anew.
            *guard = Some(connection);
        }
        Ok(stored)
    }

    /// Returns the documents stored for tasks as they are, in the order of
    /// `ids`; nothing for those that have none, or one larger than 8 MiB.
    pub(crate) async fn read_documents(
        &self,
        ids: &[TaskId],
    ) -> Result<Vec<Option<Vec<u8>>>, BrokerError> {
        let failed = |source| BrokerError::Command {
            operation: "read results",
            source,
        };
        let mut documents = Vec::with_capacity(ids.len());
        for ids in ids.chunks(MANY) {
            let mut guard = self.connection.lock().await;
            let mut connection = match guard.take() {
                Some(connection) => connection,
                None => self.target.connect(false).await?,
            };
            let mut pipeline = redis::pipe();
            for id in ids {
                pipeline.strlen(self.keyspace.result_key(id));
            }
            // A key of another type under a result's name fails alone.
            let lengths: Vec<redis::Value> = pipeline
                .ignore_errors()
                .query_async(&mut connection)
                .await
                .map_err(failed)?;
            let mut turn: Vec<(usize, String)> = Vec::new();
            let (mut bytes, first) = (0, documents.len());
            documents.resize(first + ids.len(), None);
            for (place, (id, length)) in ids.iter().zip(lengths).enumerate() {
                let length = match length {
                    redis::Value::Int(length) => u64::try_from(length).unwrap_or(0),
                    _ => 0,
                };
                if length == 0 || length > MAX_BYTES {
                    continue;
                }
                if bytes + length > MAX_BYTES_AT_ONCE {
                    get_all(&mut connection, &mut turn, &mut documents).await?;
                    bytes = 0;
                }
                bytes += length;
                turn.push((first + place, self.keyspace.result_key(id)));
            }
            get_all(&mut connection, &mut turn, &mut documents).await?;
            // Kept only if it works: after an error the next read connects anew.
            *guard = Some(connection);
        }
        Ok(documents)
    }

    async fn read_chunk(
        &self,
        connection: &mut MultiplexedConnection,
        ids: &[TaskId],
        stored: &mut Vec<(TaskId, Stored)>,
    ) -> Result<(), BrokerError> {
        let failed = |source| BrokerError::Command {
            operation: "read results",
            source,
        };
        let mut pipeline = redis::pipe();
        for id in ids {
            pipeline.strlen(self.keyspace.result_key(id));
        }
        // A key of another type under a result's name fails alone.
        let lengths: Vec<redis::Value> = pipeline
            .ignore_errors()
            .query_async(connection)
            .await
            .map_err(failed)?;
        let mut small: Vec<&TaskId> = Vec::new();
        let mut bytes = 0;
        for (id, length) in ids.iter().zip(lengths) {
            let length = match length {
                redis::Value::Int(length) => u64::try_from(length).unwrap_or(0),
                _ => 0,
            };
            if length > MAX_BYTES_OF_MANY {
                let key = self.keyspace.result_key(id);
                let (mut ends, tail): (Vec<u8>, Vec<u8>) = redis::pipe()
                    .getrange(&key, 0, END_BYTES)
                    .getrange(&key, -END_BYTES, -1)
                    .query_async(connection)
                    .await
                    .map_err(failed)?;
                ends.extend(tail);
                let large = Stored::Large {
                    ends,
                    bytes: length,
                };
                stored.push((id.clone(), large));
            } else if length > 0 {
                if bytes + length > MAX_BYTES_AT_ONCE {
                    self.read_small(connection, &small, stored).await?;
                    small.clear();
                    bytes = 0;
                }
                bytes += length;
                small.push(id);
            }
        }
        self.read_small(connection, &small, stored).await
    }

    async fn read_small(
        &self,
        connection: &mut MultiplexedConnection,
        ids: &[&TaskId],
        stored: &mut Vec<(TaskId, Stored)>,
    ) -> Result<(), BrokerError> {
        if ids.is_empty() {
            return Ok(());
        }
        let keys: Vec<String> = ids.iter().map(|id| self.keyspace.result_key(id)).collect();
        let documents: Vec<Option<Vec<u8>>> = redis::cmd("MGET")
            .arg(keys)
            .query_async(connection)
            .await
            .map_err(|source| BrokerError::Command {
                operation: "read results",
                source,
            })?;
        for (id, document) in ids.iter().zip(documents) {
            match document.map(|document| decode_result(&document)) {
                Some(Ok(result)) => stored.push(((*id).clone(), Stored::Whole(Box::new(result)))),
                Some(Err(error)) => tracing::debug!(task.id = %id, %error, "skipped a result"),
                None => {}
            }
        }
        Ok(())
    }

    /// Sets a task's state to ABORTED, as `AbortableAsyncResult.abort` does
    /// (`celery/contrib/abortable.py`), unless it has ended.
    pub(crate) async fn abort(&self, id: &TaskId) -> Result<Aborted, BrokerError> {
        let overdue = BrokerError::Overdue {
            operation: "set the state of a task",
            seconds: ABORT_TIMEOUT.as_secs_f64(),
        };
        tokio::time::timeout(ABORT_TIMEOUT, self.set_aborted(id))
            .await
            .unwrap_or(Err(overdue))
    }

    async fn set_aborted(&self, id: &TaskId) -> Result<Aborted, BrokerError> {
        let mut guard = self.connection.lock().await;
        let mut connection = match guard.take() {
            Some(connection) => connection,
            None => self.target.connect(false).await?,
        };
        let aborted = self.set_aborted_on(&mut connection, id).await?;
        *guard = Some(connection);
        Ok(aborted)
    }

    /// Nothing is written if the task's end comes between the look and the writing.
    async fn set_aborted_on(
        &self,
        connection: &mut MultiplexedConnection,
        id: &TaskId,
    ) -> Result<Aborted, BrokerError> {
        let failed = |source| BrokerError::Command {
            operation: "set the state of a task",
            source,
        };
        let key = self.keyspace.result_key(id);
        let document = aborted_document(id);
        // Watched keys are the connection's, and nobody else has it meanwhile.
        loop {
            let _: () = redis::cmd("WATCH")
                .arg(&key)
                .query_async(connection)
                .await
                .map_err(failed)?;
            if let Some(stored) = read_on(connection, &key).await?
                && stored.state.is_finished()
            {
                let _: () = redis::cmd("UNWATCH")
                    .query_async(connection)
                    .await
                    .map_err(failed)?;
                return Ok(Aborted::Ended(stored.state));
            }
            // The announcement goes out on the channel of the key's name
            // (`celery/backends/redis.py RedisBackend._set`).
            let written: Option<()> = redis::pipe()
                .atomic()
                .cmd("SET")
                .arg(&key)
                .arg(&document)
                .arg("EX")
                .arg(RESULT_SECONDS)
                .ignore()
                .publish(&key, &document)
                .ignore()
                .query_async(connection)
                .await
                .map_err(failed)?;
            if written.is_some() {
                return Ok(Aborted::Set);
            }
        }
    }

    /// Returns what is stored for a task; `None` if nothing is.
    pub(crate) async fn read(&self, id: &TaskId) -> Result<Option<TaskResult>, BrokerError> {
        let mut guard = self.connection.lock().await;
        let mut connection = match guard.take() {
            Some(connection) => connection,
            None => self.target.connect(false).await?,
        };
        let result = read_on(&mut connection, &self.keyspace.result_key(id)).await;
        // Kept only if it works: after an error the next read connects anew.
        if matches!(result, Ok(_) | Err(BrokerError::Result(_))) {
            *guard = Some(connection);
        }
        result
    }
}

async fn read_on(
    connection: &mut MultiplexedConnection,
    key: &str,
) -> Result<Option<TaskResult>, BrokerError> {
    let failed = |source| BrokerError::Command {
        operation: "read a result",
        source,
    };
    let bytes: u64 = connection.strlen(key).await.map_err(failed)?;
    if bytes > MAX_BYTES {
        return Err(BrokerError::ResultTooLarge { bytes });
    }
    let document: Option<Vec<u8>> = connection.get(key).await.map_err(failed)?;
    document
        .map(|document| decode_result(&document))
        .transpose()
        .map_err(BrokerError::Result)
}

/// Reads keys to their places among the documents.
async fn get_all(
    connection: &mut MultiplexedConnection,
    turn: &mut Vec<(usize, String)>,
    documents: &mut [Option<Vec<u8>>],
) -> Result<(), BrokerError> {
    if turn.is_empty() {
        return Ok(());
    }
    let keys: Vec<&String> = turn.iter().map(|(_, key)| key).collect();
    let values: Vec<Option<Vec<u8>>> = redis::cmd("MGET")
        .arg(keys)
        .query_async(connection)
        .await
        .map_err(|source| BrokerError::Command {
        operation: "read results",
        source,
    })?;
    for ((place, _), value) in turn.drain(..).zip(values) {
        if let Some(document) = documents.get_mut(place) {
            *document = value;
        }
    }
    Ok(())
}

/// `celery/backends/base.py Backend._get_result_meta`.
fn aborted_document(id: &TaskId) -> String {
    serde_json::json!({
        "status": "ABORTED", "result": null, "traceback": null, "children": null,
        "date_done": null, "task_id": id,
    })
    .to_string()
}
