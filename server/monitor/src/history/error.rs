//! What can go wrong between the engine and the store.

use std::path::PathBuf;

/// The store could not do what it was asked for.
#[derive(Debug, thiserror::Error)]
pub enum HistoryError {
    /// The directory or the lock beside the file cannot be made.
    #[error("failed to prepare {path}")]
    Prepare {
        /// What was to be made.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// Another dashboard writes to the same file.
    #[error(
        "another dashboard already writes to {path}; give this one a file of its own by --store"
    )]
    InUse {
        /// The file.
        path: PathBuf,
    },
    /// A newer release has changed the schema.
    #[error(
        "{store} has schema {found}, and this release knows none above {known}: \
         use the release that wrote it, or another --store"
    )]
    NewerSchema {
        /// The store, without password.
        store: String,
        /// Its schema.
        found: i64,
        /// The newest schema that this release knows.
        known: i64,
    },
    /// The file is no database, or what is in it contradicts itself.
    #[error("{path} is damaged: {problem}")]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What was found.
        problem: String,
    },
    /// No room is left on the disk, or the bound of the store's size is reached.
    #[error("no room is left for {store}")]
    Full {
        /// The store, without password.
        store: String,
    },
    /// It was not done when its time was over.
    #[error("it takes too long")]
    OutOfTime,
    /// A place in a list holds what no task of the list is sorted by.
    #[error("the place is none of this list")]
    Place,
    /// SQLite refused something.
    #[error("failed to {operation}")]
    Sqlite {
        /// What was tried.
        operation: &'static str,
        /// Why it failed.
        #[source]
        source: rusqlite::Error,
    },
    /// PostgreSQL cannot be reached, or lets this user not in.
    #[error("failed to connect to {store}")]
    Unreachable {
        /// The store, without password.
        store: String,
        /// Why.
        #[source]
        source: postgres::Error,
    },
    /// PostgreSQL refused something.
    #[error("failed to {operation}")]
    Postgres {
        /// What was tried.
        operation: &'static str,
        /// Why it failed.
        #[source]
        source: postgres::Error,
    },
    /// TLS cannot be set up.
    #[error("failed to set up TLS for PostgreSQL")]
    Tls {
        /// Why.
        #[source]
        source: rustls::Error,
    },
    /// The authorities that PostgreSQL's certificate is to be signed by cannot be read.
    #[error("failed to read certificates from {path}: {problem}")]
    Certificates {
        /// The file of `sslrootcert`.
        path: PathBuf,
        /// Why.
        problem: String,
    },
    /// Nothing was ever stored there.
    #[error("{store} holds no history")]
    NoHistory {
        /// The store, without password.
        store: String,
    },
    /// A row speaks of what is not there.
    #[error("the history lacks a {0}")]
    Missing(&'static str),
    /// A column holds what cannot be read.
    #[error("failed to read the stored {what}")]
    Content {
        /// What was read.
        what: &'static str,
        /// Why it failed.
        #[source]
        source: serde_json::Error,
    },
}

impl HistoryError {
    /// Tells whether a newer release has changed the schema.
    pub(crate) fn is_newer(&self) -> bool {
        matches!(self, Self::NewerSchema { .. })
    }

    /// Returns the whole chain in one line, for the log and the screens.
    pub fn chain(&self) -> String {
        let mut text = self.to_string();
        let mut source = std::error::Error::source(self);
        while let Some(error) = source {
            text = format!("{text}: {error}");
            source = error.source();
        }
        text
    }
}
