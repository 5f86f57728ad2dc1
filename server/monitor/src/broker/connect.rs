//! From a broker URL to a connection.

use super::socket::Socket;
use crate::error::BrokerError;
use protocol::{Endpoint, RedisUrl, Tls};
use redis::{
    AsyncConnectionConfig, Client, ClientTlsConfig, ConnectionAddr, ConnectionInfo,
    IntoConnectionInfo, RedisConnectionInfo, TlsCertificates, aio::MultiplexedConnection,
};
use std::time::Duration;

/// How long one attempt to connect may take.
pub(crate) const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);

/// How long a command may take.
const RESPONSE_TIMEOUT: Duration = Duration::from_secs(5);

/// Where to connect to, and as whom.
#[derive(Clone, Debug)]
pub(crate) struct Target {
    pub(crate) url: RedisUrl,
    pub(crate) sentinel_master: Option<String>,
}

impl Target {
    /// Connects and returns a blocking connection; tries each endpoint in turn.
    pub(crate) fn connect_blocking(&self) -> Result<redis::Connection, BrokerError> {
        self.first_of(|client, address| {
            client
                .get_connection_with_timeout(CONNECT_TIMEOUT)
                .map_err(|source| BrokerError::Connect { address, source })
        })
    }

    /// Connects and returns an asynchronous connection.
    ///
    /// `response_timeout` bounds each command; none for commands that block.
    pub(crate) async fn connect(&self, blocks: bool) -> Result<MultiplexedConnection, BrokerError> {
        let target = self.clone();
        // Resolving a sentinel's master is blocking work, and rare.
        let clients = tokio::task::spawn_blocking(move || target.clients())
            .await
            .unwrap_or_else(|_| Ok(Vec::new()))?;
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(CONNECT_TIMEOUT))
            .set_response_timeout((!blocks).then_some(RESPONSE_TIMEOUT));
        let mut last = None;
        for (client, address) in clients {
            match client
                .get_multiplexed_async_connection_with_config(&config)
                .await
            {
                Ok(connection) => return Ok(connection),
                Err(source) => last = Some(BrokerError::Connect { address, source }),
            }
        }
        Err(last.unwrap_or_else(|| self.no_master()))
    }

    /// Connects without the library and without encryption; tries each endpoint in turn.
    /// Returns the address too, for messages.
    pub(super) fn connect_socket(
        &self,
        read_timeout: Duration,
    ) -> Result<(Socket, String), BrokerError> {
        let endpoints = if self.url.is_sentinel {
            vec![self.master_endpoint()?]
        } else {
            self.url.endpoints.clone()
        };
        let mut last = None;
        for endpoint in endpoints {
            let address = address_of(&endpoint);
            match Socket::connect(&endpoint, read_timeout) {
                Ok(socket) => return Ok((socket, address)),
                Err(error) => {
                    let source = error.into();
                    last = Some(BrokerError::Connect { address, source });
                }
            }
        }
        Err(last.unwrap_or_else(|| self.no_master()))
    }

    fn first_of<T>(
        &self,
        connect: impl Fn(Client, String) -> Result<T, BrokerError>,
    ) -> Result<T, BrokerError> {
        let mut last = None;
        for (client, address) in self.clients()? {
            match connect(client, address) {
                Ok(connection) => return Ok(connection),
                Err(error) => last = Some(error),
            }
        }
        Err(last.unwrap_or_else(|| self.no_master()))
    }

    fn no_master(&self) -> BrokerError {
        BrokerError::NoMaster {
            master: self.master().to_owned(),
        }
    }

    fn master(&self) -> &str {
        self.sentinel_master.as_deref().unwrap_or("mymaster")
    }

    /// Returns a client for each endpoint, with its address for messages.
    fn clients(&self) -> Result<Vec<(Client, String)>, BrokerError> {
        if self.url.is_sentinel {
            return Ok(vec![self.master_client()?]);
        }
        self.url
            .endpoints
            .iter()
            .map(|endpoint| self.client(endpoint))
            .collect()
    }

    fn client(&self, endpoint: &Endpoint) -> Result<(Client, String), BrokerError> {
        let address = address_of(endpoint);
        let info = self.info(endpoint, &address)?;
        let failed = |source| BrokerError::Connect {
            address: address.clone(),
            source,
        };
        let client = match &self.url.tls {
            Some(tls) => Client::build_with_tls(info, certificates(tls)?).map_err(failed)?,
            None => Client::open(info).map_err(failed)?,
        };
        Ok((client, address))
    }

    fn info(&self, endpoint: &Endpoint, address: &str) -> Result<ConnectionInfo, BrokerError> {
        let addr = match (endpoint, &self.url.tls) {
            (Endpoint::Unix { path }, _) => ConnectionAddr::Unix(path.into()),
            (Endpoint::Tcp { host, port }, None) => ConnectionAddr::Tcp(host.clone(), *port),
            (Endpoint::Tcp { host, port }, Some(tls)) => ConnectionAddr::TcpTls {
                host: host.clone(),
                port: *port,
                insecure: !tls.verify,
                tls_params: None,
            },
        };
        let mut settings = RedisConnectionInfo::default().set_db(i64::from(self.url.db));
        if let Some(username) = &self.url.username {
            settings = settings.set_username(username);
        }
        if let Some(password) = &self.url.password {
            settings = settings.set_password(password.expose());
        }
        let info = addr
            .into_connection_info()
            .map_err(|source| BrokerError::Connect {
                address: address.to_owned(),
                source,
            })?;
        Ok(info.set_redis_settings(settings))
    }

    fn master_client(&self) -> Result<(Client, String), BrokerError> {
        self.client(&self.master_endpoint()?)
    }

    /// Asks the sentinels, one after the other, where the master is.
    fn master_endpoint(&self) -> Result<Endpoint, BrokerError> {
        let mut last = None;
        for endpoint in &self.url.endpoints {
            match self.ask_sentinel(endpoint) {
                Ok(Some((host, port))) => return Ok(Endpoint::Tcp { host, port }),
                Ok(None) => {}
                Err(error) => last = Some(error),
            }
        }
        Err(last.unwrap_or_else(|| self.no_master()))
    }

    fn ask_sentinel(&self, endpoint: &Endpoint) -> Result<Option<(String, u16)>, BrokerError> {
        // The password of the URL is the master's; sentinels mostly have none.
        let sentinel = Self {
            url: RedisUrl {
                db: 0,
                username: None,
                password: None,
                ..self.url.clone()
            },
            sentinel_master: None,
        };
        let (client, address) = sentinel.client(endpoint)?;
        let mut connection = client
            .get_connection_with_timeout(CONNECT_TIMEOUT)
            .map_err(|source| BrokerError::Connect { address, source })?;
        redis::cmd("SENTINEL")
            .arg("get-master-addr-by-name")
            .arg(self.master())
            .query(&mut connection)
            .map_err(|source| BrokerError::Command {
                operation: "ask a sentinel for the master",
                source,
            })
    }
}

fn address_of(endpoint: &Endpoint) -> String {
    match endpoint {
        Endpoint::Tcp { host, port } => format!("{host}:{port}"),
        Endpoint::Unix { path } => path.clone(),
    }
}

fn certificates(tls: &Tls) -> Result<TlsCertificates, BrokerError> {
    let read = |what: &'static str, path: &String| {
        std::fs::read(path).map_err(|source| BrokerError::File {
            what,
            path: path.clone(),
            source,
        })
    };
    let root_cert = tls
        .ca_certs
        .as_ref()
        .map(|path| read("CA certificates", path))
        .transpose()?;
    let client_tls = match (&tls.certfile, &tls.keyfile) {
        (Some(cert), Some(key)) => Some(ClientTlsConfig {
            client_cert: read("client certificate", cert)?,
            client_key: read("client key", key)?,
        }),
        _ => None,
    };
    Ok(TlsCertificates {
        client_tls,
        root_cert,
    })
}
