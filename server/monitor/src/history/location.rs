//! Where a store is, as people write it.

use super::{PostgresUrl, PostgresUrlError};
use protocol::{Endpoint, Keyspace, RedisUrl};
use std::{
    path::{Path, PathBuf},
    str::FromStr,
};

/// Which store to use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StoreConfig {
    /// A file of SQLite, which is made if it is not there.
    Sqlite(PathBuf),
    /// A PostgreSQL database, which several dashboards may share.
    Postgres(PostgresUrl),
}

/// A store that cannot be understood, said in one line without any part that may be secret.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StoreUrlError {
    /// The scheme is of no store that is known, or there is none.
    #[error("it must be sqlite:///path/to/a/file, postgres://user@host/database or none")]
    Scheme,
    /// There is no path behind `sqlite://`, or one that begins elsewhere than at the root.
    #[error(
        "sqlite:// takes a path from the root: three slashes and then sqlite:///path/to/a/file"
    )]
    Path,
    /// What is wrong with the address of a PostgreSQL store.
    #[error(transparent)]
    Postgres(#[from] PostgresUrlError),
}

impl FromStr for StoreConfig {
    type Err = StoreUrlError;

    fn from_str(text: &str) -> Result<Self, StoreUrlError> {
        match text.split_once("://") {
            Some(("sqlite", path)) => match Path::new(path) {
                path if path.is_absolute() && path.file_name().is_some() => {
                    Ok(Self::Sqlite(path.to_owned()))
                }
                _ => Err(StoreUrlError::Path),
            },
            Some(("postgres" | "postgresql", _)) => {
                Ok(PostgresUrl::parse(text).map(Self::Postgres)?)
            }
            _ => Err(StoreUrlError::Scheme),
        }
    }
}

/// Returns the name of the file that keeps the past of one broker, such as
/// `localhost-6379-0.db`: dashboards of different brokers never share one.
pub fn file_name(broker: &RedisUrl, keyspace: &Keyspace) -> String {
    let mut parts: Vec<String> = broker
        .endpoints
        .iter()
        .map(|endpoint| match endpoint {
            Endpoint::Tcp { host, port } => format!("{host}-{port}"),
            Endpoint::Unix { path } => path.trim_start_matches('/').to_owned(),
        })
        .collect();
    parts.push(broker.db.to_string());
    parts.extend(Some(keyspace.prefix.clone()).filter(|prefix| !prefix.is_empty()));
    let is_plain = |letter: char| letter.is_ascii_alphanumeric() || "-._".contains(letter);
    let plain = |letter: char| if is_plain(letter) { letter } else { '_' };
    let name: String = parts.join("-").chars().map(plain).collect();
    // File systems take 255 bytes, and more is put behind the name.
    let name: String = name.chars().take(180).collect();
    format!("{name}.db")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_named_from_the_root() {
        let sqlite = |path: &str| Ok(StoreConfig::Sqlite(path.into()));
        for (text, meant) in [
            (
                "sqlite:///var/lib/celeriac/a.db",
                sqlite("/var/lib/celeriac/a.db"),
            ),
            ("sqlite:////a.db", sqlite("//a.db")),
            ("sqlite://a.db", Err(StoreUrlError::Path)),
            ("sqlite://", Err(StoreUrlError::Path)),
            ("sqlite:///", Err(StoreUrlError::Path)),
            ("mysql://user:secret@host/db", Err(StoreUrlError::Scheme)),
            ("/var/lib/a.db", Err(StoreUrlError::Scheme)),
        ] {
            assert_eq!(text.parse(), meant, "{text}");
        }
        assert!(!StoreUrlError::Scheme.to_string().contains("secret"));
    }

    #[test]
    fn every_broker_has_a_file_of_its_own() {
        let name = |url: &str, prefix: &str| {
            let broker = RedisUrl::parse(url).expect("a URL");
            let keyspace = Keyspace {
                prefix: prefix.to_owned(),
                ..Keyspace::default()
            };
            file_name(&broker, &keyspace)
        };
        assert_eq!(name("redis://localhost:6379/0", ""), "localhost-6379-0.db");
        assert_eq!(
            name("redis://:pw@10.0.0.1:7000/3", "a/b:"),
            "10.0.0.1-7000-3-a_b_.db"
        );
        assert_eq!(
            name("redis+socket:///run/redis.sock", ""),
            "run_redis.sock-0.db"
        );
        assert_eq!(
            name("sentinel://a:1/0;sentinel://b:2/0", ""),
            "a-1-b-2-0.db"
        );
    }
}
