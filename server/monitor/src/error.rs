//! What can go wrong between the engine and the broker.

use crate::history::HistoryError;
use model::{ErrorKind, WireError};

/// The engine could not be started.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The operating system gave no thread.
    #[error("failed to start thread {name}")]
    Thread {
        /// The thread's name.
        name: &'static str,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The store of the past cannot be used.
    #[error("cannot keep history")]
    History(#[from] HistoryError),
}

/// Talking to Redis failed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum BrokerError {
    #[error("failed to read {what} {path}")]
    File {
        what: &'static str,
        path: String,
        #[source]
        source: std::io::Error,
    },
    #[error("failed to connect to {address}")]
    Connect {
        address: String,
        #[source]
        source: redis::RedisError,
    },
    #[error("no sentinel knows master {master}")]
    NoMaster { master: String },
    #[error("failed to subscribe to events")]
    Subscribe(#[source] redis::RedisError),
    #[error("lost the connection")]
    Lost(#[source] redis::RedisError),
    #[error("failed to {operation}")]
    Command {
        operation: &'static str,
        #[source]
        source: redis::RedisError,
    },
    #[error("failed to {operation} within {seconds} s")]
    Overdue {
        operation: &'static str,
        seconds: f64,
    },
    #[error("the result is {bytes} bytes long, which is too much to show")]
    ResultTooLarge { bytes: u64 },
    #[error("the result cannot be read")]
    Result(#[source] protocol::DecodeError),
    #[error("failed to encode a request")]
    Encode(#[source] protocol::RequestError),
}

impl BrokerError {
    /// Returns the whole chain in one line, for the screens.
    pub(crate) fn chain(&self) -> String {
        let mut text = self.to_string();
        let mut source = std::error::Error::source(self);
        while let Some(error) = source {
            let next = error.to_string();
            if !text.contains(&next) {
                text = format!("{text}: {next}");
            }
            source = error.source();
        }
        text
    }

    /// Tells whether no connection could be made at all.
    pub(crate) fn is_refusal(&self) -> bool {
        matches!(
            self,
            Self::Connect { .. } | Self::NoMaster { .. } | Self::File { .. }
        )
    }
}

impl From<BrokerError> for WireError {
    fn from(error: BrokerError) -> Self {
        Self::new(ErrorKind::Unavailable, error.chain())
    }
}
