//! Real servers for the engine's tests: each test has its own, on its own port.

use model::Timestamp;
use monitor::{Monitor, MonitorConfig};
use protocol::RedisUrl;
use std::{
    io::{Read, Write},
    net::{Shutdown, TcpListener, TcpStream},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

/// How long a condition may take to become true on a busy machine.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// A process that ends with its test.
pub(crate) struct Process(pub(crate) Child);

impl Process {
    /// Ends the process at once, as `kill -9` does.
    pub(crate) fn kill(&mut self) {
        self.0.kill().expect("the process can be killed");
        self.0.wait().expect("the process can be waited for");
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended by itself.
        self.0.kill().ok();
        self.0.wait().ok();
    }
}

/// A port that nobody listens on.
pub(crate) fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
    listener.local_addr().expect("it has an address").port()
}

/// A private Redis.
pub(crate) struct Redis {
    pub(crate) port: u16,
    folder: tempfile::TempDir,
    process: Process,
}

impl Redis {
    pub(crate) fn start() -> Self {
        let folder = tempfile::tempdir().expect("a folder for Redis");
        let port = free_port();
        let process = Self::spawn(port, folder.path());
        Self {
            port,
            folder,
            process,
        }
    }

    fn spawn(port: u16, folder: &Path) -> Process {
        let child = Command::new("redis-server")
            .args(["--port", &port.to_string(), "--bind", "127.0.0.1"])
            .args(["--save", "", "--appendonly", "no", "--dir"])
            .arg(folder)
            .stdout(Stdio::null())
            .spawn()
            .expect("redis-server is installed: `make test` does that");
        let process = Process(child);
        let client = redis::Client::open(format!("redis://127.0.0.1:{port}")).expect("a URL");
        let deadline = Instant::now() + PATIENCE;
        loop {
            let is_there = client.get_connection().is_ok_and(|mut connection| {
                redis::cmd("PING")
                    .query::<String>(&mut connection)
                    .is_ok_and(|answer| answer == "PONG")
            });
            if is_there {
                return process;
            }
            assert!(Instant::now() < deadline, "Redis did not come up");
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// Sends a signal to the server.
    pub(crate) fn signal(&self, signal: &str) {
        let pid = self.process.0.id().to_string();
        let status = Command::new("kill")
            .args([&format!("-{signal}"), &pid])
            .status();
        assert!(status.expect("kill runs").success());
    }

    pub(crate) fn stop(&mut self) {
        self.process.kill();
    }

    pub(crate) fn start_again(&mut self) {
        self.process = Self::spawn(self.port, self.folder.path());
    }

    pub(crate) fn url(&self) -> String {
        format!("redis://127.0.0.1:{}/0", self.port)
    }

    pub(crate) fn connection(&self) -> redis::Connection {
        redis::Client::open(self.url())
            .and_then(|client| client.get_connection())
            .expect("Redis answers")
    }

    /// Starts an engine on this Redis.
    pub(crate) fn monitor(&self, change: impl FnOnce(&mut MonitorConfig)) -> Monitor {
        let url = RedisUrl::parse(&self.url()).expect("a URL");
        let mut config = MonitorConfig::new(url);
        config.poll_interval = Duration::from_millis(200);
        change(&mut config);
        Monitor::start(config).expect("the engine starts")
    }
}

/// Waits until `find` finds something.
pub(crate) async fn eventually<T>(what: &str, mut find: impl FnMut() -> Option<T>) -> T {
    eventually_of(|| find().ok_or(()), |()| what.to_owned()).await
}

/// Waits until `find` finds something; `tell` says what was there instead.
pub(crate) async fn eventually_of<T, E>(
    mut find: impl FnMut() -> Result<T, E>,
    tell: impl Fn(E) -> String,
) -> T {
    let deadline = Instant::now() + PATIENCE;
    loop {
        match find() {
            Ok(found) => return found,
            Err(instead) => {
                assert!(Instant::now() < deadline, "never came: {}", tell(instead));
            }
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// Waits until events are subscribed to.
pub(crate) async fn is_up(monitor: &Monitor) {
    eventually("the subscription", || {
        matches!(monitor.pulse().broker, model::BrokerState::Up { .. }).then_some(())
    })
    .await;
}

/// The project's folder.
pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// The event payloads of a capture, with the time each came.
pub(crate) fn golden_events(file: &str) -> Vec<(Timestamp, String, Vec<u8>)> {
    let path = root().join("server/protocol/tests/golden").join(file);
    let text = std::fs::read_to_string(path).expect("the capture is there");
    text.lines()
        .filter_map(|line| {
            let line: serde_json::Value = serde_json::from_str(line).expect("a line is JSON");
            let channel = line["channel"].as_str()?;
            let is_event = line["kind"] == "pubsub" && channel.contains("celeryev");
            let time = Timestamp::from_seconds(line["t"].as_f64()?)?;
            let payload = line["payload"].as_str()?.as_bytes().to_vec();
            is_event.then_some((time, channel.to_owned(), payload))
        })
        .collect()
}

/// Stands between an engine and Redis, and loses the answer to one command.
pub(crate) struct LossyProxy {
    port: u16,
    is_cut: Arc<AtomicBool>,
    is_over: Arc<AtomicBool>,
}

impl LossyProxy {
    /// Starts one that lets nothing through any more, from Redis's answer to
    /// a request which has these bytes until it is mended.
    pub(crate) fn start(redis_port: u16, request: &'static [u8]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
        let port = listener.local_addr().expect("an address").port();
        let is_cut = Arc::new(AtomicBool::new(false));
        let is_over = Arc::new(AtomicBool::new(false));
        let (cut, over) = (Arc::clone(&is_cut), Arc::clone(&is_over));
        std::thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                if over.load(Ordering::SeqCst) {
                    break;
                }
                if !cut.load(Ordering::SeqCst) {
                    let redis = TcpStream::connect(("127.0.0.1", redis_port));
                    relay(client, redis.expect("Redis listens"), request, &cut);
                }
            }
        });
        Self {
            port,
            is_cut,
            is_over,
        }
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// Lets everything through again.
    pub(crate) fn mend(&self) {
        self.is_cut.store(false, Ordering::SeqCst);
    }
}

impl Drop for LossyProxy {
    fn drop(&mut self) {
        self.is_over.store(true, Ordering::SeqCst);
        // Has the listener look; if it cannot, it is gone already.
        drop(TcpStream::connect(("127.0.0.1", self.port)));
    }
}

/// Passes bytes on in both directions until one side ends.
fn relay(client: TcpStream, redis: TcpStream, request: &'static [u8], cut: &Arc<AtomicBool>) {
    let (mut from_client, mut to_redis) = (
        client.try_clone().expect("a socket"),
        redis.try_clone().expect("a socket"),
    );
    let asked = Arc::clone(cut);
    std::thread::spawn(move || {
        let mut seen = Vec::new();
        let mut part = [0; 4096];
        while let Ok(length @ 1..) = from_client.read(&mut part) {
            seen.extend_from_slice(&part[..length]);
            if seen.windows(request.len()).any(|window| window == request) {
                asked.store(true, Ordering::SeqCst);
            }
            seen.drain(..seen.len().saturating_sub(request.len() - 1));
            if to_redis.write_all(&part[..length]).is_err() {
                break;
            }
        }
        // The other side may have ended it already.
        let _ = to_redis.shutdown(Shutdown::Both);
    });
    let (mut from_redis, mut to_client, cut) = (redis, client, Arc::clone(cut));
    std::thread::spawn(move || {
        let mut part = [0; 4096];
        while let Ok(length @ 1..) = from_redis.read(&mut part) {
            if cut.load(Ordering::SeqCst) || to_client.write_all(&part[..length]).is_err() {
                break;
            }
        }
        let _ = to_client.shutdown(Shutdown::Both);
    });
}
