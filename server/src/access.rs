//! Who asks. Nobody logs in yet: whoever reaches the dashboard is the local
//! user, who may do everything if it listens on a loopback address only, and
//! may only look otherwise.

use crate::security::{is_loopback, name_of};
use axum::{extract::ConnectInfo, http::request::Parts};
use model::{Caller, Door, Role};
use std::net::SocketAddr;

/// The rule by which callers are known.
#[derive(Clone, Debug)]
pub struct Access {
    /// The role of everybody.
    pub role: Role,
    /// Whether only programs on this host can reach the dashboard.
    pub is_loopback: bool,
    /// Names under which it is served besides those of the loopback addresses,
    /// in lower case, without port.
    pub hosts: Vec<String>,
}

impl Access {
    /// Decides by where the dashboard listens, and whether it is to be for looking only.
    pub fn new(is_read_only: bool, is_loopback: bool) -> Self {
        let role = if is_read_only || !is_loopback {
            Role::Viewer
        } else {
            Role::Admin
        };
        Self {
            role,
            is_loopback,
            hosts: Vec::new(),
        }
    }

    /// Allows other names: those by which a proxy on this host serves the dashboard.
    #[must_use]
    pub fn with_hosts(mut self, hosts: &[String]) -> Self {
        let hosts = hosts.iter().map(|host| name_of(host.trim()));
        self.hosts.extend(hosts.filter(|host| !host.is_empty()));
        self
    }

    /// Tells whether a browser may know the dashboard by this name: where it
    /// listens on loopback addresses only, another name was made to mean this host.
    pub(crate) fn is_ours(&self, host: &str) -> bool {
        let name = name_of(host);
        !self.is_loopback || is_loopback(&name) || self.hosts.contains(&name)
    }

    /// Returns who sent a request.
    pub fn caller(&self, parts: &Parts, door: Door) -> Caller {
        let address = parts.extensions.get::<ConnectInfo<SocketAddr>>();
        Caller {
            name: "local".to_owned(),
            role: self.role,
            from: address.map(|ConnectInfo(address)| address.ip().to_string()),
            door,
        }
    }
}
