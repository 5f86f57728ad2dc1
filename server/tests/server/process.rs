//! The binary as people start and stop it.

use crate::support::{
    PATIENCE,
    binary::{Running, celeriac, folder, run},
    redis::Redis,
    wait_for,
};
use std::io::{BufRead, BufReader, Read};

#[test]
fn what_cannot_be_used_is_one_line_and_status_2() {
    let folder = folder();
    for (args, variable, part) in [
        (
            &["--broker=redis://:hunter2@h:port"][..],
            None,
            "--broker (CELERY_BROKER_URL)",
        ),
        (
            &[],
            Some(("CELERY_BROKER_URL", "amqp://u:hunter2@h")),
            "amqp://",
        ),
        (&["--port=x"], None, "--port"),
        (&[], Some(("FLOWER_PORT", "x")), "--port"),
        (&[], Some(("CELERIAC_MAX_TASKS", "1")), "--max-tasks"),
        (&[], Some(("LEPTOS_SITE_ADDR", "nowhere")), "LEPTOS_"),
        (&["redis://u:hunter2@h"], None, "unexpected argument"),
        (&["--log=a=b=c"], None, "--log"),
        (&["--redact-patterns=("], None, "cannot redact as asked"),
        (&["--redact-keys=a b c d"], None, "cannot redact as asked"),
    ] {
        let mut command = celeriac(&folder);
        command.args(args).envs(variable);
        let (code, stdout, stderr) = run(&mut command);
        assert_eq!(code, Some(2), "{args:?} {variable:?}: {stderr}");
        assert_eq!(stdout, "");
        assert_eq!(stderr.lines().count(), 1, "{stderr}");
        assert!(
            stderr.starts_with("celeriac: ") && stderr.contains(part),
            "{stderr}"
        );
        assert!(!stderr.contains("hunter2"), "{stderr}");
    }
}

#[test]
fn leptos_toml_of_the_working_directory_counts() {
    let folder = folder();
    let write = |text| std::fs::write(folder.path().join("Leptos.toml"), text).expect("a file");
    write("[package.metadata.leptos]\noutput-name = \"other\"\n");
    let (code, _, stderr) = run(&mut celeriac(&folder));
    assert_eq!(code, Some(2));
    assert_eq!(stderr.lines().count(), 1);
    assert!(stderr.contains("output-name"), "{stderr}");

    write("[package.metadata.leptos]\noutput-name = \"app\"\nsite-addr = \"127.0.0.2:0\"\n");
    let redis = Redis::absent();
    let running = Running::start(celeriac(&folder).args(["--broker", &redis.url()]));
    assert!(
        running.address.starts_with("127.0.0.2:"),
        "{}",
        running.address
    );
}

#[test]
fn help_names_the_variables_and_not_their_values() {
    let folder = folder();
    let mut command = celeriac(&folder);
    command
        .arg("--help")
        .env("CELERY_BROKER_URL", "redis://:hunter2@h/0");
    let (code, stdout, stderr) = run(&mut command);
    assert_eq!((code, &*stderr), (Some(0), ""));
    assert!(stdout.contains("CELERY_BROKER_URL") && stdout.contains("FLOWER_PORT"));
    assert!(!stdout.contains("hunter2"));
    let (code, stdout, _) = run(celeriac(&folder).arg("--version"));
    assert_eq!(code, Some(0));
    assert!(stdout.starts_with("celeriac "), "{stdout}");
}

#[test]
fn a_port_that_is_taken_is_one_line_and_status_1() {
    let folder = folder();
    let taken = std::net::TcpListener::bind(("127.0.0.1", 0)).expect("a port");
    let port = taken.local_addr().expect("its address").port().to_string();
    let (code, _, stderr) = run(celeriac(&folder).args(["--port", &port]));
    assert_eq!(code, Some(1));
    assert_eq!(stderr.lines().count(), 1, "{stderr}");
    let start = format!("celeriac: failed to listen on 127.0.0.1:{port}: ");
    assert!(stderr.starts_with(&start), "{stderr}");
}

#[test]
fn it_comes_up_before_redis_and_connects_when_redis_is_there() {
    let mut redis = Redis::absent();
    let folder = folder();
    let mut command = celeriac(&folder);
    command.args(["--broker", &redis.url(), "--port=0"]);
    let running = Running::start(&mut command);
    let (status, page) = running.get("/");
    assert_eq!(status, 200);
    assert!(page.contains("</html>"));
    let (status, text) = running.get("/healthcheck");
    assert_eq!(status, 503);
    assert!(
        text.contains("No connection to the broker redis://127.0.0.1:"),
        "{text}"
    );

    assert!(redis.launch());
    wait_for("the connection", || {
        (running.get("/healthcheck").0 == 200).then_some(())
    });
}

#[test]
fn passwords_reach_neither_log_nor_pages() {
    let folder = folder();
    let mut redis = Redis::start();
    let url = redis.url().replace("redis://", "redis://someone:hunter2@");
    let mut command = celeriac(&folder);
    command.args([
        "--broker",
        &url,
        "--port=0",
        "--log=debug",
        "--log-format=json",
    ]);
    let running = Running::start(&mut command);
    // A login that Redis refuses is said, without the password.
    wait_for("the refusal", || {
        running
            .get("/healthcheck")
            .1
            .contains("invalid username-password pair")
            .then_some(())
    });
    for path in [
        "/",
        "/queues",
        "/metrics",
        "/api/v1/snapshot?topic=overview",
    ] {
        let (_, text) = running.get(path);
        assert!(!text.contains("hunter2"), "{path}");
    }
    redis.stop();
    running.signal("-TERM");
    let mut lines = 0;
    while let Ok(line) = running.log.recv_timeout(PATIENCE) {
        assert!(!line.contains("hunter2"), "{line}");
        serde_json::from_str::<serde_json::Value>(&line).expect("a JSON object a line");
        lines += 1;
    }
    assert!(lines > 0);
}

#[test]
fn a_signal_ends_it_well_with_a_stream_open() {
    for signal in ["-TERM", "-INT"] {
        let redis = Redis::start();
        let folder = folder();
        let mut command = celeriac(&folder);
        command.args(["--broker", &redis.url(), "--port=0"]);
        let mut running = Running::start(&mut command);
        let mut stream = BufReader::new(running.open("/api/v1/stream?topic=overview"));
        let mut line = String::new();
        while !line.starts_with("data: ") {
            line.clear();
            assert_ne!(
                stream.read_line(&mut line).expect("a line"),
                0,
                "the stream ended"
            );
        }
        running.signal(signal);
        let status = wait_for("the end", || running.process.try_wait().expect("its state"));
        assert_eq!(status.code(), Some(0));
        let mut rest = String::new();
        stream
            .read_to_string(&mut rest)
            .expect("the stream ends well");
    }
}
