//! A real Celery worker.

use super::redis::Redis;
use std::{
    os::unix::process::CommandExt,
    path::Path,
    process::{Child, Command, Stdio},
};

/// A worker with its pool's children, which end with it.
pub(crate) struct Worker(Child);

/// Python with Celery, beside the applications of these tests.
pub(crate) fn python(redis: &Redis, environment: &[(&str, &str)]) -> Command {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let python = root.join("../end2end/.venv/bin/python");
    assert!(
        python.exists(),
        "Celery is not installed in end2end/.venv: `make test` does that"
    );
    let mut command = Command::new(python);
    command
        .current_dir(root.join("tests/celery"))
        .env("BROKER", redis.url())
        .env("BACKEND", redis.url())
        .env("PYTHONDONTWRITEBYTECODE", "1")
        // Celery warns when it runs as root, as it does in containers.
        .env("C_FORCE_ROOT", "1")
        .envs(environment.iter().copied());
    command
}

impl Worker {
    /// Starts a worker of an application.
    pub(crate) fn start(redis: &Redis, app: &str, environment: &[(&str, &str)]) -> Self {
        let mut command = python(redis, environment);
        command
            .args(["-m", "celery", "-A", app, "worker", "-E", "-c", "1"])
            .args(["-n", "w@test", "-l", "error"])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            // Its children are in its group and end with it.
            .process_group(0);
        Self(command.spawn().expect("Python starts"))
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        let group = format!("-{}", self.0.id());
        // It may have ended by itself.
        let _ = Command::new("kill").args(["-KILL", "--", &group]).status();
        let _ = self.0.wait();
    }
}
