//! A PostgreSQL of the tests' own: it is started when the first test needs it and
//! stopped when the last one is done with it.

use crate::history::{PostgresUrl, Store, StoreConfig};
use parking_lot::Mutex;
use postgres::{Client, NoTls};
use rustix::process::{Pid, Signal, getuid, kill_process};
use std::{
    fs::OpenOptions,
    io::Write,
    net::TcpListener,
    os::unix::fs::{MetadataExt, chown},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::{
        Arc, Weak,
        atomic::{AtomicU32, Ordering},
        mpsc,
    },
    thread::JoinHandle,
    time::{Duration, Instant},
};
use tempfile::TempDir;

/// Whom the server runs as if the tests run as root, which it refuses.
const SERVER_USER: &str = "postgres";

/// How long it may take to start.
const PATIENCE: Duration = Duration::from_secs(60);

static SHARED: Mutex<Weak<Server>> = Mutex::new(Weak::new());

/// A server that runs.
#[derive(Debug)]
pub(crate) struct Server {
    directory: TempDir,
    keeper: Mutex<Option<Keeper>>,
    port: u16,
    stores: AtomicU32,
}

impl Server {
    /// Returns the server that all tests share.
    pub(crate) fn shared() -> Arc<Self> {
        let mut shared = SHARED.lock();
        if let Some(server) = shared.upgrade() {
            return server;
        }
        let server = Arc::new(Self::start());
        *shared = Arc::downgrade(&server);
        server
    }

    /// Starts a server for one test alone.
    pub(crate) fn start() -> Self {
        let directory = tempfile::tempdir().expect("there is room for a directory");
        let is_root = getuid().is_root();
        if is_root {
            let user = Path::new("/var/lib/postgresql").metadata();
            let user = user.expect("the package brings a user and its home");
            chown(directory.path(), Some(user.uid()), Some(user.gid())).expect("root may");
        }
        let data = directory.path().join("data");
        let made = command(&directory, is_root, &binary("initdb"))
            .args(["--auth=trust", "--username=celeriac", "--encoding=UTF8"])
            .args(["--no-locale", "--no-sync", "--pgdata"])
            .arg(&data)
            .output()
            .expect("initdb can be run");
        assert!(made.status.success(), "{made:?}");
        let port = TcpListener::bind("127.0.0.1:0")
            .and_then(|socket| socket.local_addr())
            .expect("a port is free")
            .port();
        let server = Self {
            directory,
            keeper: Mutex::default(),
            port,
            stores: AtomicU32::new(0),
        };
        server.run();
        server
    }

    /// Lets a server that was stopped run again, with all it held.
    pub(crate) fn run(&self) {
        let is_root = getuid().is_root();
        let mut command = command(&self.directory, is_root, &binary("postgres"));
        command
            .arg("-D")
            .arg(self.directory.path().join("data"))
            .args(["-p", &self.port.to_string(), "-k"])
            .arg(self.directory.path())
            .args(["-c", "listen_addresses=127.0.0.1", "-c", "fsync=off"])
            .args(["-c", "shared_buffers=32MB", "-c", "max_connections=200"])
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        *self.keeper.lock() = Some(Keeper::start(command));
        let deadline = Instant::now() + PATIENCE;
        while let Err(error) = Client::connect(&self.url("postgres", ""), NoTls) {
            assert!(Instant::now() < deadline, "{error:?}");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Begins to offer TLS with a new certificate for 127.0.0.1; returns its file.
    pub(crate) fn offer_tls(&self) -> PathBuf {
        self.stop();
        let data = self.directory.path().join("data");
        let settings = data.join("certificate.cnf");
        std::fs::write(
            &settings,
            "[req]\ndistinguished_name = name\nx509_extensions = about\nprompt = no\n\
             [name]\nCN = localhost\n\
             [about]\nbasicConstraints = critical, CA:FALSE\nsubjectAltName = IP:127.0.0.1\n",
        )
        .expect("it can be written");
        let (key, certificate) = (data.join("server.key"), data.join("server.crt"));
        let made = command(&self.directory, getuid().is_root(), Path::new("openssl"))
            .args([
                "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-config",
            ])
            .arg(&settings)
            .arg("-keyout")
            .arg(&key)
            .arg("-out")
            .arg(&certificate)
            .output()
            .expect("openssl can be run");
        assert!(made.status.success(), "{made:?}");
        let conf = data.join("postgresql.conf");
        let mut conf = OpenOptions::new()
            .append(true)
            .open(conf)
            .expect("it is there");
        conf.write_all(b"ssl = on\n").expect("it can be written");
        self.run();
        certificate
    }

    /// Stops it and waits until it has ended; those who are connected are thrown out.
    pub(crate) fn stop(&self) {
        if let Some(keeper) = self.keeper.lock().take() {
            keeper.stop();
        }
    }

    fn url(&self, database: &str, rest: &str) -> String {
        format!(
            "postgres://celeriac:s3cret@127.0.0.1:{}/{database}{rest}",
            self.port
        )
    }

    /// Returns the configuration of a store of its own.
    pub(crate) fn new_store(&self) -> StoreConfig {
        let number = self.stores.fetch_add(1, Ordering::Relaxed);
        let url = self.url(
            "postgres",
            &format!("?schema=store_{number}&dashboard=test"),
        );
        StoreConfig::Postgres(PostgresUrl::parse(&url).expect("it is an address"))
    }

    /// Connects past the store.
    pub(crate) fn connect(&self) -> Client {
        Client::connect(&self.url("postgres", ""), NoTls).expect("it runs")
    }
}

/// The thread whose child the server is: a server ends with the thread that
/// started it, and tests come and go.
#[derive(Debug)]
struct Keeper {
    is_needed: mpsc::Sender<()>,
    thread: JoinHandle<()>,
}

impl Keeper {
    fn start(mut command: Command) -> Self {
        let (is_needed, until) = mpsc::channel();
        let thread = std::thread::spawn(move || {
            let mut process = command.spawn().expect("postgres can be run");
            // Ends with an error when the other side is dropped.
            let _ = until.recv();
            let pid = Pid::from_child(&process);
            // PostgreSQL's fast shutdown.
            kill_process(pid, Signal::INT).expect("it runs");
            process.wait().expect("it is our child");
        });
        Self { is_needed, thread }
    }

    fn stop(self) {
        drop(self.is_needed);
        self.thread.join().expect("it has ended");
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop();
    }
}

/// Returns a program run as the user who may run it. It ends with
/// this process, however that ends.
fn command(directory: &TempDir, is_root: bool, program: &Path) -> Command {
    let mut command = Command::new("setpriv");
    if is_root {
        let user = format!("--reuid={SERVER_USER}");
        let group = format!("--regid={SERVER_USER}");
        command.args([&user, &group, "--clear-groups"]);
    }
    command.args(["--pdeathsig=INT", "--"]).arg(program);
    command.current_dir(directory.path());
    command
}

/// Finds a program of the newest PostgreSQL that is installed.
fn binary(program: &str) -> PathBuf {
    let versions = std::fs::read_dir("/usr/lib/postgresql");
    let versions = versions.expect("PostgreSQL is missing: run end2end/install.sh test");
    let newest = versions
        .filter_map(|entry| {
            let path = entry.ok()?.path();
            let version: u32 = path.file_name()?.to_str()?.parse().ok()?;
            Some((version, path))
        })
        .max();
    let (_, newest) = newest.expect("PostgreSQL is missing: run end2end/install.sh test");
    newest.join("bin").join(program)
}

/// Where a test keeps a store that it opens as often as it likes.
pub(crate) enum Home {
    Sqlite(TempDir),
    Postgres {
        store: StoreConfig,
        runs: Arc<Server>,
    },
}

impl Home {
    pub(crate) fn sqlite() -> Self {
        Self::Sqlite(tempfile::tempdir().expect("there is room for a directory"))
    }

    pub(crate) fn postgres() -> Self {
        let server = Server::shared();
        let store = server.new_store();
        Self::Postgres {
            store,
            runs: server,
        }
    }

    pub(crate) fn config(&self) -> StoreConfig {
        match self {
            Self::Sqlite(directory) => StoreConfig::Sqlite(directory.path().join("history.db")),
            Self::Postgres { store, .. } => store.clone(),
        }
    }

    /// Changes what is stored past the store.
    pub(crate) fn execute(&self, sql: &str) {
        match self {
            Self::Sqlite(directory) => {
                let path = directory.path().join("history.db");
                let connection = rusqlite::Connection::open(path).expect("it is there");
                connection.execute_batch(sql).expect("it can be changed");
            }
            Self::Postgres { store, runs } => {
                let StoreConfig::Postgres(url) = store else {
                    unreachable!("the server gives addresses")
                };
                let sql = format!("SET search_path = {}; {sql}", url.schema);
                runs.connect()
                    .batch_execute(&sql)
                    .expect("it can be changed");
            }
        }
    }

    pub(crate) fn open(&self) -> Store {
        Store::open(&self.config()).expect("the store can be opened")
    }
}
