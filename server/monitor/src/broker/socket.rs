//! A plain connection to Redis for the event reader, without the library.

use super::connect::CONNECT_TIMEOUT;
use protocol::{Endpoint, RedisUrl};
use std::{
    io::{self, Read, Write},
    net::{TcpStream, ToSocketAddrs},
    os::unix::net::UnixStream,
    time::Duration,
};

/// A connection by network or by a socket of this machine.
#[derive(Debug)]
pub(super) enum Socket {
    Tcp(TcpStream),
    Unix(UnixStream),
}

impl Socket {
    /// Connects; a read then waits for `read_timeout` at most.
    pub(super) fn connect(endpoint: &Endpoint, read_timeout: Duration) -> io::Result<Self> {
        let socket = match endpoint {
            Endpoint::Unix { path } => Self::Unix(UnixStream::connect(path)?),
            Endpoint::Tcp { host, port } => Self::Tcp(connect_tcp(host, *port)?),
        };
        match &socket {
            Self::Tcp(stream) => {
                stream.set_nodelay(true)?;
                stream.set_read_timeout(Some(read_timeout))?;
                stream.set_write_timeout(Some(CONNECT_TIMEOUT))?;
            }
            Self::Unix(stream) => {
                stream.set_read_timeout(Some(read_timeout))?;
                stream.set_write_timeout(Some(CONNECT_TIMEOUT))?;
            }
        }
        Ok(socket)
    }

    /// Sends a command.
    pub(super) fn send(&mut self, words: &[&[u8]]) -> io::Result<()> {
        let mut bytes = format!("*{}\r\n", words.len()).into_bytes();
        for word in words {
            bytes.extend_from_slice(format!("${}\r\n", word.len()).as_bytes());
            bytes.extend_from_slice(word);
            bytes.extend_from_slice(b"\r\n");
        }
        match self {
            Self::Tcp(stream) => stream.write_all(&bytes),
            Self::Unix(stream) => stream.write_all(&bytes),
        }
    }

    /// Says who connects, if the URL says so. Pub/sub knows no databases.
    pub(super) fn authenticate(&mut self, url: &RedisUrl) -> io::Result<bool> {
        let Some(password) = &url.password else {
            return Ok(false);
        };
        let password = password.expose().as_bytes();
        match &url.username {
            Some(username) => self.send(&[b"AUTH", username.as_bytes(), password])?,
            None => self.send(&[b"AUTH", password])?,
        }
        Ok(true)
    }
}

impl Read for Socket {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Tcp(stream) => stream.read(buffer),
            Self::Unix(stream) => stream.read(buffer),
        }
    }
}

/// Tries every address of the name.
fn connect_tcp(host: &str, port: u16) -> io::Result<TcpStream> {
    let mut last = None;
    for address in (host, port).to_socket_addrs()? {
        match TcpStream::connect_timeout(&address, CONNECT_TIMEOUT) {
            Ok(stream) => return Ok(stream),
            Err(error) => last = Some(error),
        }
    }
    Err(last.unwrap_or_else(|| io::Error::new(io::ErrorKind::NotFound, "the name has no address")))
}
