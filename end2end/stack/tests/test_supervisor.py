"""The supervisor keeps its promises: control, restarts, and nothing left behind."""

import os
import signal
import socket
import subprocess
from pathlib import Path

from conftest import Stack, Start, wait_for


def processes(data_dir: Path) -> list[int]:
    """Every living process that was started for this data directory."""
    marker = f"INBOX={data_dir}/".encode()
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            # Redis writes its title over its environment, but it lives in its directory.
            if marker in (entry / "environ").read_bytes() or (entry / "cwd").readlink().is_relative_to(data_dir):
                found.append(int(entry.name))
        except OSError:
            continue  # gone meanwhile, or somebody else's
    return found


def group(pid: int) -> list[int]:
    """The living members of a process group."""
    listed = subprocess.run(["ps", "-eo", "pid=,pgid=,stat="], capture_output=True, text=True, check=True)
    rows = [line.split() for line in listed.stdout.splitlines()]
    return [int(row[0]) for row in rows if int(row[1]) == pid and not row[2].startswith("Z")]


def test_stop_leaves_nothing_behind(tmp_path: Path, start_stack: Start) -> None:
    stack = start_stack("redis,smtp,worker-web").wait_ready()
    port = stack.component("redis")["port"]
    assert len(processes(tmp_path)) >= 5, "redis, smtp, a worker and its two children"
    assert stack.shut_down() == 0
    assert processes(tmp_path) == []
    assert not (tmp_path / "stack.json").exists()
    with socket.socket() as probe:
        assert probe.connect_ex(("127.0.0.1", port)) != 0


def test_stop_while_starting_leaves_nothing_behind(tmp_path: Path, start_stack: Start) -> None:
    stack = start_stack("redis,worker-web")
    wait_for("the worker's log", (tmp_path / "logs" / "worker-web.log").exists)
    stack.shut_down()
    assert processes(tmp_path) == []


def test_command_ends_the_stack_with_its_exit_code(tmp_path: Path, start_stack: Start) -> None:
    command = ["sh", "-c", 'redis-cli -u "$CELERY_BROKER_URL" set seen yes > "$INBOX.out"; exit 7']
    stack = start_stack("redis", command=command)
    assert stack.process.wait(60) == 7
    assert (tmp_path / "inbox.jsonl.out").read_text() == "OK\n"
    assert processes(tmp_path) == []


def test_broken_start_says_why(start_stack: Start) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        stack = start_stack("redis", "--redis-port", str(taken.getsockname()[1]))
        assert stack.process.wait(60) == 1
    assert stack.process.stdout and "is in use" in stack.process.stdout.read()


def test_killed_on_purpose_stays_down_until_started(stack: Stack) -> None:
    before = stack.component("worker-images")["pid"]
    assert stack.control("kill", "worker-images")["state"] == "killed"
    assert group(before) == []
    stack.request("django", "/health")  # the others are well
    assert stack.component("worker-images") | {"state": "killed", "pid": None} == stack.component("worker-images")
    after = stack.control("start", "worker-images")
    assert after["state"] == "running"
    assert after["pid"] not in (None, before)


def test_worker_that_dies_by_itself_comes_back(stack: Stack) -> None:
    before = stack.component("worker-web")
    os.kill(before["pid"], signal.SIGKILL)

    def is_back() -> bool:
        now = stack.component("worker-web")
        return now["state"] == "running" and now["pid"] != before["pid"]

    wait_for("the worker's return", is_back)
    assert group(before["pid"]) == [], "the children of the dead worker are gone"
    assert stack.component("worker-web")["restarts"] == before["restarts"] + 1
    assert "died with exit code -9; restarting" in Path(before["log"]).read_text()
    sent = stack.request("fastapi", "/run-task/quote", {})
    assert stack.finished(sent["task_id"])["status"] == "SUCCESS"


def test_redis_may_be_away_for_a_while(stack: Stack) -> None:
    stack.control("stop", "redis")
    stack.control("start", "redis")

    def quoted() -> bool:
        sent = stack.request("fastapi", "/run-task/quote", {"article": "mug"})
        return stack.finished(sent["task_id"])["status"] == "SUCCESS"

    wait_for("a task to succeed again", quoted)
