//! The engine with real Celery workers on a real Redis.

use crate::support::{Process, Redis, eventually, root};
use model::{TaskId, TaskQuery, TaskState, WorkerName, WorkerStatus};
use monitor::Monitor;
use std::{
    os::unix::process::CommandExt,
    path::PathBuf,
    process::{Command, Stdio},
};

/// The versions of Celery that workers are started with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Celery {
    Newest,
    Oldest,
}

impl Celery {
    pub(crate) fn version(self) -> &'static str {
        match self {
            Self::Newest => "celery:5.7.0",
            Self::Oldest => "celery:5.2.7",
        }
    }

    fn python(self) -> PathBuf {
        let folder = match self {
            Self::Newest => ".venv",
            Self::Oldest => ".venv-5.2",
        };
        let python = root().join("end2end").join(folder).join("bin/python");
        assert!(
            python.exists(),
            "Celery is not installed in end2end/{folder}: `make test` does that"
        );
        python
    }

    fn command(self, redis: &Redis) -> Command {
        let mut command = Command::new(self.python());
        command
            .current_dir(root().join("server/monitor/tests/celery"))
            .env("BROKER", redis.url())
            .env("BACKEND", format!("redis://127.0.0.1:{}/1", redis.port))
            .env("PYTHONDONTWRITEBYTECODE", "1")
            // Celery warns when it runs as root, as it does in containers.
            .env("C_FORCE_ROOT", "1")
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        command
    }
}

pub(crate) fn command(redis: &Redis) -> Command {
    Celery::Newest.command(redis)
}

/// A worker with its pool's children, which die with it.
pub(crate) struct Worker(pub(crate) Process);

impl Worker {
    pub(crate) fn start(redis: &Redis, name: &str, options: &[&str]) -> Self {
        Self::start_as(command(redis), name, options)
    }

    /// Starts a worker of a version of Celery, with more in its environment.
    pub(crate) fn of(
        celery: Celery,
        redis: &Redis,
        name: &str,
        options: &[&str],
        environment: &[(&str, &str)],
    ) -> Self {
        let mut command = celery.command(redis);
        command.envs(environment.iter().copied());
        Self::start_as(command, name, options)
    }

    /// Starts a worker with an environment of its own.
    pub(crate) fn start_as(mut command: Command, name: &str, options: &[&str]) -> Self {
        let child = command
            .args(["-m", "celery", "-A", "lab", "worker", "-c", "2", "-n", name])
            .args(options)
            .process_group(0)
            .spawn()
            .expect("the worker starts");
        Self(Process(child))
    }

    /// Sends a signal to the worker and its children.
    pub(crate) fn signal(&self, signal: &str) {
        let group = format!("-{}", self.0.0.id());
        let signal = format!("-{signal}");
        let status = Command::new("kill").args([&signal, "--", &group]).status();
        assert!(status.expect("kill runs").success());
    }

    /// Ends the worker and its children at once, as the kernel does when memory is short.
    pub(crate) fn kill(&mut self) {
        self.signal("KILL");
        self.0.0.wait().expect("the worker can be waited for");
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        let group = format!("-{}", self.0.0.id());
        // It may have been killed already.
        Command::new("kill")
            .args(["-KILL", "--", &group])
            .stderr(Stdio::null())
            .status()
            .ok();
    }
}

/// Runs Python as a client does and returns what it prints.
pub(crate) fn client(redis: &Redis, code: &str) -> String {
    let output = command(redis)
        .args(["-c", &format!("import lab; {code}")])
        .stdout(Stdio::piped())
        .stderr(Stdio::inherit())
        .output()
        .expect("the client runs");
    assert!(output.status.success(), "the client failed");
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}

/// Sends a task as a client does and returns its id.
pub(crate) fn send(redis: &Redis, call: &str) -> TaskId {
    TaskId::from(client(redis, &format!("print(lab.{call}.id)")))
}

/// Sends a task to a queue.
pub(crate) fn send_to(redis: &Redis, task: &str, args: &str, queue: &str) -> TaskId {
    send(
        redis,
        &format!("{task}.apply_async({args}, queue='{queue}')"),
    )
}

pub(crate) async fn online(monitor: &Monitor, name: &str) {
    eventually("the worker", || {
        let worker = monitor.worker(&name.into())?;
        (worker.summary.status == WorkerStatus::Online).then_some(())
    })
    .await;
}

pub(crate) async fn ended(monitor: &Monitor, id: &TaskId, state: TaskState) -> model::TaskDetail {
    eventually(&format!("{state} of {id}"), || {
        let task = monitor.task(id)?;
        (task.summary.state == state).then_some(task)
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_and_its_tasks_are_shown_as_they_are() {
    let redis = Redis::start();
    let monitor = redis.monitor(|config| {
        let url = format!("redis://127.0.0.1:{}/1", redis.port);
        config.result_backend = Some(protocol::RedisUrl::parse(&url).expect("a URL"));
    });
    let _worker = Worker::start(&redis, "w1@lab", &["-E", "-Q", "lab,second"]);
    online(&monitor, "w1@lab").await;

    let added = ended(
        &monitor,
        &send(&redis, "add.delay(2, 3)"),
        TaskState::Success,
    )
    .await;
    assert_eq!(added.args.as_deref(), Some("(2, 3)"));
    assert_eq!(added.result.as_deref(), Some("5"));
    let row = &added.summary;
    assert_eq!(row.name.as_ref().map(|n| n.as_str()), Some("lab.add"));
    assert_eq!(row.worker, Some(WorkerName::from("w1@lab")));
    assert_eq!(row.queue.as_ref().map(|q| q.as_str()), Some("lab"));
    assert!(row.runtime_seconds.is_some());

    let stored = monitor.result(&added.summary.id).await.expect("it answers");
    let stored = stored.expect("a result is stored");
    assert_eq!(stored.state, TaskState::Success);
    assert_eq!(stored.result.as_deref(), Some("5"));
    let unknown = monitor.result(&"nothing".into()).await.expect("it answers");
    assert!(unknown.is_none());

    let failed = ended(&monitor, &send(&redis, "fail.delay()"), TaskState::Failure).await;
    assert_eq!(failed.exception.as_deref(), Some("ValueError('always')"));
    assert!(failed.traceback.is_some_and(|t| t.contains("lab.py")));

    let flaky = ended(&monitor, &send(&redis, "flaky.delay()"), TaskState::Success).await;
    let states: Vec<_> = flaky.attempts.iter().map(|a| a.state.clone()).collect();
    assert_eq!(states, [TaskState::Retry, TaskState::Success]);

    let worker = eventually("its answers", || {
        let worker = monitor.worker(&"w1@lab".into())?;
        (worker.summary.slots.is_some() && !worker.summary.queues.is_empty()).then_some(worker)
    })
    .await;
    assert_eq!(worker.summary.slots, Some(2));
    assert_eq!(worker.summary.pool.as_deref(), Some("prefork"));
    let queues: Vec<_> = worker.summary.queues.iter().map(|q| q.as_str()).collect();
    assert_eq!(queues, ["lab", "second"]);
    monitor
        .inspect(Some(&"w1@lab".into()))
        .await
        .expect("it answers");
    let asked = monitor
        .worker(&"w1@lab".into())
        .expect("it is known")
        .inspection;
    assert!(asked.conf.is_some() && asked.registered.is_some() && asked.active.is_some());

    eventually("the queues and who consumes them", || {
        let list = monitor.queues();
        let lab = list.rows.iter().find(|row| row.name.as_str() == "lab")?;
        (lab.consumers == [WorkerName::from("w1@lab")]).then_some(())
    })
    .await;
    monitor.shutdown().await;
    let mut connection = redis.connection();
    let left: Vec<String> = ::redis::cmd("KEYS")
        .arg("*.reply.celery.pidbox")
        .query(&mut connection)
        .expect("Redis lists keys");
    assert!(left.is_empty(), "reply lists are left behind: {left:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_without_events_is_told_to_send_them() {
    let redis = Redis::start();
    let monitor = redis.monitor(|_| {});
    let _worker = Worker::start(&redis, "quiet@lab", &["-P", "threads"]);
    online(&monitor, "quiet@lab").await;
    // The command is on its way when the worker is first seen: whichever task comes after it shows.
    let shown = loop {
        let id = send(&redis, "add.delay(1, 1)");
        let found = tokio::time::timeout(
            std::time::Duration::from_secs(3),
            ended(&monitor, &id, TaskState::Success),
        )
        .await;
        if let Ok(task) = found {
            break task;
        }
    };
    assert_eq!(shown.summary.worker, Some(WorkerName::from("quiet@lab")));
    let worker = monitor.worker(&"quiet@lab".into()).expect("it is known");
    assert_eq!(worker.summary.task_events, Some(true));
    monitor.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn events_stay_off_if_they_are_not_to_be_enabled() {
    let redis = Redis::start();
    let monitor = redis.monitor(|config| config.enable_events = false);
    let _worker = Worker::start(&redis, "quiet@lab", &["-P", "threads"]);
    online(&monitor, "quiet@lab").await;
    let worker = eventually("the worker's count of tasks", || {
        send(&redis, "add.delay(1, 1)");
        let worker = monitor.worker(&"quiet@lab".into())?.summary;
        (worker.task_events == Some(false)).then_some(worker)
    })
    .await;
    assert_eq!(worker.events.started, 0);
    let page = monitor.tasks(&TaskQuery::default()).expect("a query");
    let sent = page.rows.iter().all(|row| row.state == TaskState::Pending);
    assert!(sent, "only clients told of these tasks");
    monitor.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_worker_is_lost_and_its_successor_is_online() {
    let redis = Redis::start();
    let monitor = redis.monitor(|_| {});
    let mut worker = Worker::start(&redis, "w1@lab", &["-E"]);
    online(&monitor, "w1@lab").await;
    let running = send(&redis, "sleep.delay(600)");
    ended(&monitor, &running, TaskState::Started).await;
    worker.kill();
    eventually("the loss", || {
        let worker = monitor.worker(&"w1@lab".into())?;
        (worker.summary.status == WorkerStatus::Lost).then_some(())
    })
    .await;
    let _successor = Worker::start(&redis, "w1@lab", &["-E"]);
    online(&monitor, "w1@lab").await;
    monitor.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_without_heartbeats_is_known_by_its_answers() {
    let redis = Redis::start();
    let monitor = redis.monitor(|_| {});
    let _worker = Worker::start(
        &redis,
        "silent@lab",
        &[
            "--without-heartbeat",
            "--without-gossip",
            "--without-mingle",
        ],
    );
    online(&monitor, "silent@lab").await;
    let worker = eventually("its statistics", || {
        let worker = monitor.worker(&"silent@lab".into())?.summary;
        worker.slots.is_some().then_some(worker)
    })
    .await;
    assert_eq!(worker.slots, Some(2));
    assert_ne!(worker.pid, 0, "its statistics tell its process");
    monitor.shutdown().await;
}
