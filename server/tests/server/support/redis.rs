//! A private Redis on a free port, ended with the test.

use super::wait_for;
use redis::{Client, Connection};
use std::{
    net::TcpListener,
    process::{Child, Command, Stdio},
};
use tempfile::TempDir;

/// A Redis server of one test.
pub(crate) struct Redis {
    port: u16,
    folder: TempDir,
    process: Option<Child>,
}

impl Redis {
    /// Starts a server that answers.
    pub(crate) fn start() -> Self {
        let mut server = Self::absent();
        while !server.launch() {
            // Somebody took the port in between.
            server.port = free_port();
        }
        server
    }

    /// Chooses a port where nothing listens yet.
    pub(crate) fn absent() -> Self {
        Self {
            port: free_port(),
            folder: tempfile::tempdir().expect("a temporary folder"),
            process: None,
        }
    }

    /// Starts the server and waits until it answers; tells whether it does.
    pub(crate) fn launch(&mut self) -> bool {
        let mut process = Command::new("redis-server")
            .args(["--port", &self.port.to_string(), "--bind", "127.0.0.1"])
            .args(["--save", "", "--appendonly", "no", "--dir"])
            .arg(self.folder.path())
            .stdout(Stdio::null())
            .spawn()
            .expect("redis-server is installed");
        let answers = wait_for("redis-server", || {
            if process.try_wait().expect("its state").is_some() {
                return Some(false);
            }
            let mut connection = self.client().get_connection().ok()?;
            let pong: String = redis::cmd("PING").query(&mut connection).ok()?;
            (pong == "PONG").then_some(true)
        });
        self.process = answers.then_some(process);
        answers
    }

    /// Ends the server.
    pub(crate) fn stop(&mut self) {
        if let Some(mut process) = self.process.take() {
            process.kill().expect("it can be killed");
            process.wait().expect("it ends");
        }
    }

    pub(crate) fn url(&self) -> String {
        format!("redis://127.0.0.1:{}/0", self.port)
    }

    pub(crate) fn connection(&self) -> Connection {
        self.client().get_connection().expect("a connection")
    }

    fn client(&self) -> Client {
        Client::open(self.url()).expect("a valid URL")
    }
}

impl Drop for Redis {
    fn drop(&mut self) {
        self.stop();
    }
}

fn free_port() -> u16 {
    let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a free port");
    listener.local_addr().expect("its address").port()
}
