//! The address of a PostgreSQL store, as `--store` takes it.

use std::{fmt, path::PathBuf, time::Duration};
use url::{Host, Url};

/// The schema that the tables are in unless the address names another.
const DEFAULT_SCHEMA: &str = "celeriac";

/// Longest name of PostgreSQL, bytes.
const MAX_NAME: usize = 63;

/// How long a connection may take.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// How much of the connection is protected.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Tls {
    /// Nothing is encrypted.
    Disable,
    /// Encrypted if the server can; nobody's certificate is checked.
    Prefer,
    /// Encrypted; nobody's certificate is checked.
    Require,
    /// Encrypted, and the certificate is signed by an authority that is trusted
    /// and is for this host. The authorities are the system's or those of a file.
    Verify(Option<PathBuf>),
}

/// Where a PostgreSQL store is; its texts never contain the password.
#[derive(Clone, PartialEq, Eq)]
pub struct PostgresUrl {
    masked: String,
    pub(super) hosts: Vec<HostName>,
    pub(super) port: u16,
    pub(super) user: String,
    password: Option<String>,
    pub(super) database: String,
    pub(super) tls: Tls,
    pub(in crate::history) schema: String,
    pub(super) dashboard: Option<String>,
}

/// Where a server listens.
#[derive(Clone, PartialEq, Eq)]
pub(super) enum HostName {
    Tcp(String),
    Socket(PathBuf),
}

/// An address that cannot be understood.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the address of the PostgreSQL store {0}")]
pub struct PostgresUrlError(String);

impl PostgresUrl {
    /// Reads `postgres://user:password@host:port/database?sslmode=…`.
    ///
    /// Beside `sslmode` and `sslrootcert`, which mean what they mean to `psql`,
    /// `host` names the directory of a socket, `schema` where the tables are,
    /// and `dashboard` this dashboard among those that share the store.
    pub fn parse(text: &str) -> Result<Self, PostgresUrlError> {
        let fail = |problem: String| PostgresUrlError(problem);
        // The parser's own message would not contain the text, and neither may ours.
        let url = Url::parse(text).map_err(|error| fail(format!("can't be read: {error}")))?;
        if !matches!(url.scheme(), "postgres" | "postgresql") {
            return Err(fail("does not begin with postgres://".to_owned()));
        }
        let decode = |text: &str, what: &str| {
            percent_encoding::percent_decode_str(text)
                .decode_utf8()
                .map(|text| text.into_owned())
                .map_err(|_| fail(format!("has a {what} that is no UTF-8")))
        };
        let user = decode(url.username(), "user")?;
        let password = url
            .password()
            .map(|password| decode(password, "password"))
            .transpose()?;
        let database = decode(url.path().trim_start_matches('/'), "database")?;
        let mut parsed = Self {
            masked: String::new(),
            hosts: Vec::new(),
            port: url.port().unwrap_or(5432),
            user: if user.is_empty() {
                "postgres".to_owned()
            } else {
                user
            },
            password,
            database,
            tls: Tls::Prefer,
            schema: DEFAULT_SCHEMA.to_owned(),
            dashboard: None,
        };
        match url.host() {
            Some(Host::Ipv6(address)) => parsed.hosts.push(HostName::Tcp(address.to_string())),
            Some(host) if !host.to_string().is_empty() => {
                parsed
                    .hosts
                    .push(HostName::Tcp(decode(&host.to_string(), "host")?));
            }
            _ => {}
        }
        let mut authorities = None;
        let mut mode = "prefer".to_owned();
        for (key, value) in url.query_pairs() {
            match &*key {
                "sslmode" => mode = value.into_owned(),
                "sslrootcert" => {
                    authorities = (value != "system").then(|| PathBuf::from(&*value));
                }
                "host" if value.starts_with('/') => {
                    parsed.hosts = vec![HostName::Socket(PathBuf::from(&*value))];
                }
                "host" => parsed.hosts = vec![HostName::Tcp(value.into_owned())],
                "schema" => parsed.schema = name(&value).map_err(fail)?,
                "dashboard" if !value.is_empty() => parsed.dashboard = Some(value.into_owned()),
                other => {
                    return Err(fail(format!(
                        "has {other:?}, which is none of sslmode, sslrootcert, host, schema, dashboard"
                    )));
                }
            }
        }
        parsed.tls = match mode.as_str() {
            "disable" => Tls::Disable,
            "allow" | "prefer" => Tls::Prefer,
            "require" => Tls::Require,
            "verify-full" => Tls::Verify(authorities),
            "verify-ca" => {
                return Err(fail(
                    "has sslmode=verify-ca, which is not supported: use verify-full".to_owned(),
                ));
            }
            _ => {
                return Err(fail(
                    "has an sslmode that is none of disable, prefer, require, verify-full"
                        .to_owned(),
                ));
            }
        };
        if parsed.hosts.is_empty() {
            parsed.hosts.push(HostName::Tcp("localhost".to_owned()));
        }
        if parsed.database.is_empty() {
            parsed.database.clone_from(&parsed.user);
        }
        parsed.masked = masked(url);
        Ok(parsed)
    }

    /// Returns what a connection is made with.
    pub(super) fn config(&self) -> postgres::Config {
        let mut config = postgres::Config::new();
        for host in &self.hosts {
            match host {
                HostName::Tcp(name) => config.host(name),
                HostName::Socket(directory) => config.host_path(directory),
            };
        }
        config
            .port(self.port)
            .user(&self.user)
            .dbname(&self.database)
            .application_name("celeriac")
            .connect_timeout(CONNECT_TIMEOUT)
            // A link that died without a word is noticed.
            .keepalives_idle(Duration::from_secs(10))
            .keepalives_interval(Duration::from_secs(3))
            .keepalives_retries(3)
            .tcp_user_timeout(Duration::from_secs(15))
            .ssl_mode(match self.tls {
                Tls::Disable => postgres::config::SslMode::Disable,
                Tls::Prefer => postgres::config::SslMode::Prefer,
                Tls::Require | Tls::Verify(_) => postgres::config::SslMode::Require,
            });
        if let Some(password) = &self.password {
            config.password(password);
        }
        config
    }
}

impl fmt::Display for PostgresUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.masked)
    }
}

impl fmt::Debug for PostgresUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PostgresUrl({})", self.masked)
    }
}

/// Returns the address with stars for the password.
fn masked(mut url: Url) -> String {
    if url.password().is_some() && url.set_password(Some("***")).is_err() {
        return "postgres://***".to_owned();
    }
    url.to_string()
}

/// Checks a name that goes into SQL as it is.
fn name(text: &str) -> Result<String, String> {
    let is_plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
    let begins_well = !text.starts_with(|c: char| c.is_ascii_digit());
    if text.is_empty() || text.len() > MAX_NAME || !text.chars().all(is_plain) || !begins_well {
        return Err("has a schema that is no plain name of small letters, digits and _".to_owned());
    }
    Ok(text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_text_of_an_address_has_the_password() {
        let text = "postgres://celeriac:s3cret%20word@db.example:5433/history?sslmode=require";
        let url = PostgresUrl::parse(text).expect("it is an address");
        assert_eq!(
            url.to_string(),
            "postgres://celeriac:***@db.example:5433/history?sslmode=require"
        );
        assert_eq!(format!("{url:?}"), format!("PostgresUrl({url})"));
        assert_eq!(url.password.as_deref(), Some("s3cret word"));
        assert_eq!((url.port, url.database.as_str()), (5433, "history"));
        assert_eq!(url.tls, Tls::Require);
        for broken in [
            "postgres://celeriac:s3cret@db/history?sslmode=s3cret",
            "postgres://celeriac:s3cret@db:port/history",
            "postgres://celeriac:s3cret@db/history?schema=s3cret-1",
            "mysql://celeriac:s3cret@db/history",
            "s3cret",
        ] {
            let error = PostgresUrl::parse(broken)
                .expect_err("it is none")
                .to_string();
            assert!(!error.contains("s3cret"), "{error}");
        }
    }

    #[test]
    fn what_an_address_leaves_out_is_what_psql_would_take() {
        let url = PostgresUrl::parse("postgresql://").expect("it is an address");
        assert_eq!(
            (url.user.as_str(), url.database.as_str()),
            ("postgres", "postgres")
        );
        assert_eq!((url.port, url.schema.as_str()), (5432, "celeriac"));
        let socket = PostgresUrl::parse("postgres:///shop?host=/run/postgresql&schema=shop_2")
            .expect("it is an address");
        assert_eq!(
            (socket.database.as_str(), socket.schema.as_str()),
            ("shop", "shop_2")
        );
        assert!(matches!(socket.hosts.as_slice(), [HostName::Socket(_)]));
    }
}
