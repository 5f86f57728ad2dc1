//! Reading results, one task at a time.

use super::connect::Target;
use crate::error::BrokerError;
use model::TaskId;
use protocol::{Keyspace, TaskResult, decode_result};
use redis::{AsyncCommands, aio::MultiplexedConnection};
use std::sync::Arc;

/// Largest result that is read. Redis holds values of up to 512 MB.
const MAX_BYTES: u64 = 8 << 20;

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

    /// Returns what is stored for a task; `None` if nothing is.
    pub(crate) async fn read(&self, id: &TaskId) -> Result<Option<TaskResult>, BrokerError> {
        let mut guard = self.connection.lock().await;
        let mut connection = match guard.take() {
            Some(connection) => connection,
            None => self.target.connect(false).await?,
        };
        let key = self.keyspace.result_key(id);
        let failed = |source| BrokerError::Command {
            operation: "read a result",
            source,
        };
        let bytes: u64 = connection.strlen(&key).await.map_err(failed)?;
        if bytes > MAX_BYTES {
            return Err(BrokerError::ResultTooLarge { bytes });
        }
        let document: Option<Vec<u8>> = connection.get(&key).await.map_err(failed)?;
        // Kept only if it works: after an error the next read connects anew.
        *guard = Some(connection);
        document
            .map(|document| decode_result(&document))
            .transpose()
            .map_err(BrokerError::Result)
    }
}
