//! Who asks. Nobody logs in yet: whoever reaches the dashboard is the local
//! user, who may do everything if it listens on a loopback address only, and
//! may only look otherwise.

use axum::{extract::ConnectInfo, http::request::Parts};
use model::{Caller, Door, Role};
use std::net::SocketAddr;

/// The rule by which callers are known.
#[derive(Clone, Debug)]
pub struct Access {
    /// The role of everybody.
    pub role: Role,
}

impl Access {
    /// Decides by where the dashboard listens, and whether it is to be for looking only.
    pub fn new(is_read_only: bool, is_loopback: bool) -> Self {
        let role = if is_read_only || !is_loopback {
            Role::Viewer
        } else {
            Role::Admin
        };
        Self { role }
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
