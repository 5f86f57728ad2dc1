//! Broker and result URLs as kombu and Celery understand them.
//!
//! Error messages never repeat a part of the URL where a password could be.

use std::fmt;

/// A text that must not be shown.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Wraps a text.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// Returns the text, for the one place that must send it.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(********)")
    }
}

/// Where a Redis or a Sentinel listens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Endpoint {
    /// By network.
    Tcp {
        /// Name or address, IPv6 without brackets.
        host: String,
        /// Port.
        port: u16,
    },
    /// By a socket of this machine.
    Unix {
        /// The socket's path.
        path: String,
    },
}

/// How the connection is encrypted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tls {
    /// Whether the server must prove who it is. `rediss://` without
    /// `ssl_cert_reqs` means no (`kombu/transport/redis.py Channel._connparams`).
    pub verify: bool,
    /// File of the authorities to trust instead of the system's.
    pub ca_certs: Option<String>,
    /// File of the client's certificate.
    pub certfile: Option<String>,
    /// File of the client's key.
    pub keyfile: Option<String>,
    /// Whether the certificate must name the host.
    pub check_hostname: bool,
}

/// A broker or result URL.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RedisUrl {
    /// Redis servers to try in turn, or the Sentinels.
    pub endpoints: Vec<Endpoint>,
    /// Whether `endpoints` are Sentinels.
    pub is_sentinel: bool,
    /// The database.
    pub db: u32,
    /// The user; Redis' default user if absent.
    pub username: Option<String>,
    /// The password.
    pub password: Option<Secret>,
    /// Encryption, if any.
    pub tls: Option<Tls>,
}

/// A URL that cannot be used, said in one line without any part of it that may be secret.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UrlError {
    /// No URL at all.
    #[error("the URL is empty")]
    Empty,
    /// There is no `scheme://`.
    #[error("the URL does not start with redis://, rediss://, redis+socket:// or sentinel://")]
    NoScheme,
    /// A scheme of another transport.
    #[error(
        "the scheme {0}:// is not supported: use redis://, rediss://, redis+socket:// or sentinel://"
    )]
    UnknownScheme(String),
    /// The port is no number from 1 to 65535.
    #[error(
        "the port is not a number from 1 to 65535 (special characters in a password must be percent-encoded)"
    )]
    BadPort,
    /// An IPv6 address without its closing bracket.
    #[error("the host's [ has no ]")]
    BadHost,
    /// The path is no number.
    #[error(
        "the database after the host is not a number (special characters in a password must be percent-encoded)"
    )]
    BadDatabase,
    /// An `@` where no user or password can be.
    #[error(
        "there is an @ after the host: special characters in a password must be percent-encoded"
    )]
    StrayAt,
    /// A `%` that is no percent-encoding, or bytes that are no text.
    #[error("a percent-encoding is not valid")]
    BadEncoding,
    /// A socket URL without a path.
    #[error("the URL names no socket")]
    NoSocketPath,
    /// A parameter nobody knows.
    #[error("the parameter {0} is not known")]
    UnknownParameter(String),
    /// A parameter whose value makes no sense.
    #[error("the parameter {parameter} must be {expected}")]
    BadParameter {
        /// The parameter.
        parameter: &'static str,
        /// What it must be.
        expected: &'static str,
    },
    /// A parameter that only Python can follow.
    #[error("the parameter {0} is not supported")]
    UnsupportedParameter(&'static str),
    /// The URLs of a list differ in more than the host.
    #[error("all URLs of the list must have the same {0}")]
    MixedList(&'static str),
}

/// Parameters of redis-py's connections that have no meaning here; result
/// URLs may carry them (`celery/backends/redis.py _params_from_url`).
const PASSED_OVER: [&str; 16] = [
    "socket_timeout",
    "socket_connect_timeout",
    "socket_read_size",
    "socket_keepalive",
    "socket_type",
    "retry_on_timeout",
    "retry_on_error",
    "health_check_interval",
    "client_name",
    "max_connections",
    "timeout",
    "protocol",
    "encoding",
    "encoding_errors",
    "decode_responses",
    "global_keyprefix",
];

#[derive(Clone, Copy, PartialEq)]
enum Scheme {
    Redis,
    Rediss,
    Socket,
    Sentinel,
}

impl RedisUrl {
    /// Reads a URL, or a list of them separated by `;`.
    pub fn parse(text: &str) -> Result<Self, UrlError> {
        let mut parts = text.trim().split(';').filter(|part| !part.is_empty());
        let first = parts.next().ok_or(UrlError::Empty)?;
        let (scheme, rest) = split_scheme(first)?.ok_or(UrlError::NoScheme)?;
        let mut url = parse_one(scheme, rest)?;
        for part in parts {
            let (part_scheme, rest) = split_scheme(part)?.unwrap_or((scheme, part));
            let mut other = parse_one(part_scheme, rest)?;
            if part_scheme != scheme {
                return Err(UrlError::MixedList("scheme"));
            }
            if scheme != Scheme::Sentinel {
                // Sentinels share what the first URL says (`SentinelChannel._sentinel_managed_pool`).
                let same_user = url.username == other.username && url.password == other.password;
                let checks = [
                    (url.db == other.db, "database"),
                    (same_user, "user and password"),
                    (url.tls == other.tls, "TLS parameters"),
                ];
                if let Some((_, what)) = checks.into_iter().find(|(is_same, _)| !is_same) {
                    return Err(UrlError::MixedList(what));
                }
            }
            url.endpoints.append(&mut other.endpoints);
        }
        Ok(url)
    }

    /// Returns the URL for logs and pages, the password hidden.
    pub fn masked(&self) -> String {
        let user = self.username.as_deref().unwrap_or_default();
        let login = match (&self.username, &self.password) {
            (_, Some(_)) => format!("{user}:********@"),
            (Some(_), None) => format!("{user}@"),
            (None, None) => String::new(),
        };
        let scheme = match (self.is_sentinel, &self.tls) {
            (true, _) => "sentinel",
            (false, Some(_)) => "rediss",
            (false, None) => "redis",
        };
        let db = self.db;
        let urls: Vec<String> = self
            .endpoints
            .iter()
            .map(|endpoint| match endpoint {
                Endpoint::Unix { path } => {
                    format!("redis+socket://{login}{path}?virtual_host={db}")
                }
                Endpoint::Tcp { host, port } if host.contains(':') => {
                    format!("{scheme}://{login}[{host}]:{port}/{db}")
                }
                Endpoint::Tcp { host, port } => format!("{scheme}://{login}{host}:{port}/{db}"),
            })
            .collect();
        urls.join(";")
    }
}

fn split_scheme(text: &str) -> Result<Option<(Scheme, &str)>, UrlError> {
    let Some((name, rest)) = text.split_once("://") else {
        return Ok(None);
    };
    let scheme = match name.to_ascii_lowercase().as_str() {
        "redis" => Scheme::Redis,
        "rediss" => Scheme::Rediss,
        "redis+socket" | "socket" | "unix" => Scheme::Socket,
        "sentinel" => Scheme::Sentinel,
        other => {
            let is_name = other.len() <= 20
                && other
                    .bytes()
                    .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'-' | b'.'));
            return Err(if is_name && !other.is_empty() {
                UrlError::UnknownScheme(other.to_owned())
            } else {
                UrlError::NoScheme
            });
        }
    };
    Ok(Some((scheme, rest)))
}

fn parse_one(scheme: Scheme, rest: &str) -> Result<RedisUrl, UrlError> {
    let (place, query) = rest.split_once('?').unwrap_or((rest, ""));
    let path_start = place.find('/').unwrap_or(place.len());
    let (authority, path) = place.split_at(path_start);
    let (login, host) = match authority.rsplit_once('@') {
        Some((login, host)) => (Some(login), host),
        None => (None, authority),
    };
    let mut url = RedisUrl {
        endpoints: Vec::new(),
        is_sentinel: scheme == Scheme::Sentinel,
        db: 0,
        username: None,
        password: None,
        tls: (scheme == Scheme::Rediss).then(Tls::default),
    };
    if let Some(login) = login {
        let (user, password) = match login.split_once(':') {
            Some((user, password)) => (user, Some(password)),
            None => (login, None),
        };
        url.username = Some(decode_percent(user)?).filter(|user| !user.is_empty());
        url.password = password
            .map(decode_percent)
            .transpose()?
            .filter(|password| !password.is_empty())
            .map(Secret);
    }
    if scheme == Scheme::Socket {
        let path = decode_percent(&format!("{host}{path}"))?;
        if path.is_empty() {
            return Err(UrlError::NoSocketPath);
        }
        url.endpoints.push(Endpoint::Unix { path });
    } else {
        if path.contains('@') || query.contains('@') {
            return Err(UrlError::StrayAt);
        }
        url.endpoints.push(parse_host(host, scheme)?);
        url.db = match path.trim_matches('/') {
            "" => 0,
            db => db.parse().map_err(|_| UrlError::BadDatabase)?,
        };
    }
    apply_query(&mut url, query)?;
    Ok(url)
}

fn parse_host(text: &str, scheme: Scheme) -> Result<Endpoint, UrlError> {
    let default_port = if scheme == Scheme::Sentinel {
        26379
    } else {
        6379
    };
    let (host, port) = if let Some(rest) = text.strip_prefix('[') {
        let (host, after) = rest.split_once(']').ok_or(UrlError::BadHost)?;
        let port = match after {
            "" => None,
            _ => Some(after.strip_prefix(':').ok_or(UrlError::BadPort)?),
        };
        (host, port)
    } else {
        match text.split_once(':') {
            Some((host, port)) => (host, Some(port)),
            None => (text, None),
        }
    };
    let port = match port {
        None | Some("") => default_port,
        Some(port) => match port.parse() {
            Ok(port) if port > 0 => port,
            _ => return Err(UrlError::BadPort),
        },
    };
    let host = match decode_percent(host)? {
        // What kombu takes for a URL without host (`Channel._connparams`).
        host if host.is_empty() => "127.0.0.1".to_owned(),
        host => host,
    };
    Ok(Endpoint::Tcp { host, port })
}

fn apply_query(url: &mut RedisUrl, query: &str) -> Result<(), UrlError> {
    let mut check_hostname = None;
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        let value = decode_percent(&value.replace('+', " "))?;
        // Any `ssl_…` asks for encryption, whatever the scheme.
        let mut tls = url.tls.clone().unwrap_or_default();
        match name {
            "virtual_host" | "db" => {
                url.db =
                    value
                        .trim_start_matches('/')
                        .parse()
                        .map_err(|_| UrlError::BadParameter {
                            parameter: if name == "db" { "db" } else { "virtual_host" },
                            expected: "a number",
                        })?;
                continue;
            }
            "ssl_cert_reqs" => {
                tls.verify = match value.to_ascii_lowercase().trim_start_matches("cert_") {
                    "required" | "optional" => true,
                    "none" => false,
                    _ => {
                        return Err(UrlError::BadParameter {
                            parameter: "ssl_cert_reqs",
                            expected: "required, optional or none",
                        });
                    }
                };
            }
            "ssl_ca_certs" => tls.ca_certs = Some(value),
            "ssl_certfile" => tls.certfile = Some(value),
            "ssl_keyfile" => tls.keyfile = Some(value),
            "ssl_check_hostname" => {
                check_hostname = Some(match value.to_ascii_lowercase().as_str() {
                    "true" | "yes" | "1" | "t" | "y" => true,
                    "false" | "no" | "0" | "f" | "n" => false,
                    _ => {
                        return Err(UrlError::BadParameter {
                            parameter: "ssl_check_hostname",
                            expected: "true or false",
                        });
                    }
                });
            }
            "credential_provider" => {
                return Err(UrlError::UnsupportedParameter("credential_provider"));
            }
            _ if PASSED_OVER.contains(&name) => continue,
            _ => return Err(UrlError::UnknownParameter(name_for_message(name))),
        }
        url.tls = Some(tls);
    }
    if let Some(tls) = &mut url.tls {
        // A name is proved by a verified certificate only.
        tls.check_hostname = tls.verify && check_hostname.unwrap_or(true);
    }
    Ok(())
}

/// A parameter's name may be shown if it looks like one.
fn name_for_message(name: &str) -> String {
    let is_name = name.len() <= 40 && name.bytes().all(|b| b.is_ascii_lowercase() || b == b'_');
    if is_name { name } else { "after the ?" }.to_owned()
}

fn decode_percent(text: &str) -> Result<String, UrlError> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&byte, tail)) = rest.split_first() {
        rest = tail;
        if byte != b'%' {
            bytes.push(byte);
            continue;
        }
        let digit = |at: usize| tail.get(at).and_then(|&d| char::from(d).to_digit(16));
        match (digit(0), digit(1)) {
            (Some(high), Some(low)) => {
                bytes.push(u8::try_from(high * 16 + low).map_err(|_| UrlError::BadEncoding)?);
                rest = &tail[2..];
            }
            // Python leaves a lone `%` as it is (`urllib.parse.unquote`).
            _ => bytes.push(byte),
        }
    }
    String::from_utf8(bytes).map_err(|_| UrlError::BadEncoding)
}
