//! The binary, started as people start it.

use super::PATIENCE;
use std::{
    io::{BufRead, BufReader, Read, Write},
    net::TcpStream,
    process::{Child, Command, Output, Stdio},
    sync::mpsc,
};
use tempfile::TempDir;

/// The binary in a folder that holds nothing else, without the environment's settings.
pub(crate) fn celeriac(folder: &TempDir) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_celeriac"));
    command
        .current_dir(folder.path())
        .env_clear()
        // What a test does is nobody's history.
        .env("CELERIAC_STORE", "none")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

pub(crate) fn folder() -> TempDir {
    tempfile::tempdir().expect("a temporary folder")
}

pub(crate) fn run(command: &mut Command) -> (Option<i32>, String, String) {
    let Output {
        status,
        stdout,
        stderr,
    } = command.output().expect("it runs");
    let text = |bytes| String::from_utf8(bytes).expect("text");
    (status.code(), text(stdout), text(stderr))
}

/// A binary that serves.
pub(crate) struct Running {
    pub(crate) process: Child,
    pub(crate) address: String,
    pub(crate) log: mpsc::Receiver<String>,
}

impl Running {
    pub(crate) fn start(command: &mut Command) -> Self {
        let mut process = command.spawn().expect("it starts");
        let stderr = process.stderr.take().expect("its standard error");
        let (send, log) = mpsc::channel();
        std::thread::spawn(move || {
            for line in BufReader::new(stderr).lines().map_while(Result::ok) {
                // Nobody reads any more once the test is over.
                let _ = send.send(line);
            }
        });
        let address = loop {
            let line = log
                .recv_timeout(PATIENCE)
                .expect("it says where it listens");
            if let Some((_, rest)) = line.split_once("http://") {
                let end = rest.find(['"', ' ']).unwrap_or(rest.len());
                break rest[..end].to_owned();
            }
        };
        Self {
            process,
            address,
            log,
        }
    }

    /// Posts JSON; returns the status and everything after it.
    pub(crate) fn post(&self, path: &str, json: &str) -> (u16, String) {
        let mut stream = TcpStream::connect(&self.address).expect("a connection");
        stream.set_read_timeout(Some(PATIENCE)).expect("a timeout");
        let (address, length) = (&self.address, json.len());
        write!(
            stream,
            "POST {path} HTTP/1.1\r\nHost: {address}\r\nContent-Type: application/json\r\n\
             Content-Length: {length}\r\nConnection: close\r\n\r\n{json}"
        )
        .expect("a request");
        answer(stream)
    }

    pub(crate) fn open(&self, path: &str) -> TcpStream {
        let mut stream = TcpStream::connect(&self.address).expect("a connection");
        stream.set_read_timeout(Some(PATIENCE)).expect("a timeout");
        let address = &self.address;
        write!(
            stream,
            "GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n"
        )
        .expect("a request");
        stream
    }

    /// Returns the status and everything after it.
    pub(crate) fn get(&self, path: &str) -> (u16, String) {
        answer(self.open(path))
    }

    pub(crate) fn signal(&self, name: &str) {
        let pid = self.process.id().to_string();
        let status = Command::new("kill").args([name, &pid]).status();
        assert!(status.expect("kill runs").success());
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn answer(mut stream: TcpStream) -> (u16, String) {
    let mut text = String::new();
    stream.read_to_string(&mut text).expect("an answer");
    let status = text.split(' ').nth(1).expect("a status").parse();
    (status.expect("a number"), text)
}
