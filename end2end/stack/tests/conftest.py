"""One running stack for all tests here: private ports, its own directory, no traffic."""

import json
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

import pytest

STACK = Path(__file__).resolve().parent.parent
FREE_PORTS = [word for name in ("redis", "smtp", "fastapi", "flask", "django") for word in (f"--{name}-port", "0")]
PATIENCE = 90.0

T = TypeVar("T")


def wait_for(what: str, probe: Callable[[], T], seconds: float = PATIENCE) -> T:
    """The probe's first true answer; it may fail on connections meanwhile."""
    deadline = time.monotonic() + seconds
    while True:
        try:
            if answer := probe():
                return answer
        except OSError:
            pass
        if time.monotonic() > deadline:
            pytest.fail(f"waited {seconds:g} s in vain for {what}")
        time.sleep(0.05)


class Stack:
    """A stack started for a test, seen from outside: HTTP, files, and its command line."""

    def __init__(self, data_dir: Path, only: str, *options: str, command: list[str] | None = None) -> None:
        self.data_dir = data_dir
        arguments = [sys.executable, str(STACK / "stack.py"), "up", "--data-dir", str(data_dir), *FREE_PORTS]
        arguments += ["--only", only, *options, *(["--", *command] if command else [])]
        self.process = subprocess.Popen(arguments, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)

    def wait_ready(self) -> "Stack":
        wait_for("the stack", lambda: self.process.poll() is not None or (self.data_dir / "stack.json").exists())
        if self.process.poll() is not None and self.process.stdout:
            pytest.fail(f"the stack did not start:\n{self.process.stdout.read()}")
        return self

    @property
    def state(self) -> dict[str, Any]:
        return json.loads((self.data_dir / "stack.json").read_text())

    def component(self, name: str) -> dict[str, Any]:
        return self.state["components"][name]

    def control(self, action: str, name: str) -> dict[str, Any]:
        """`stack.py start|stop|kill|status NAME`."""
        command = [sys.executable, str(STACK / "stack.py"), action, name, "--data-dir", str(self.data_dir)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE, check=False)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    def request(self, app: str, path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
        """GET, or POST when there is a body."""
        request = urllib.request.Request(
            self.component(app)["url"] + path,
            None if body is None else json.dumps(body).encode(),
            {"Content-Type": "application/json"},
        )
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with opener.open(request, timeout=30) as response:
            return json.loads(response.read())

    def finished(self, task_id: str, app: str = "fastapi") -> dict[str, Any]:
        """Wait for the end of a task and return what the application tells about it."""
        path = f"/tasks/{task_id}" if app == "fastapi" else f"/task-status/{task_id}"

        def ended() -> dict[str, Any] | None:
            status = self.request(app, path)
            return status if status["status"] in ("SUCCESS", "FAILURE", "REVOKED") else None

        return wait_for(f"the end of task {task_id}", ended)

    def mails(self, address: str) -> list[dict[str, Any]]:
        inbox = Path(self.state["inbox"])
        lines = inbox.read_text().splitlines() if inbox.exists() else []
        return [mail for mail in map(json.loads, lines) if address in mail["to"]]

    def shut_down(self) -> int:
        """End the stack, unless it has ended; its exit code."""
        self.process.terminate()
        return self.process.wait(PATIENCE)


Start = Callable[..., Stack]


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """Everything but traffic."""
    everything = "redis,smtp,fastapi,flask,django,worker-web,worker-images,worker-office,beat"
    running = Stack(tmp_path_factory.mktemp("stack"), everything)
    try:
        yield running.wait_ready()
    finally:
        running.shut_down()


@pytest.fixture
def start_stack(tmp_path: Path) -> Iterator[Start]:
    """Starts a stack in the test's own directory; it ends with the test, however that ends."""
    started: list[Stack] = []

    def start(only: str, *options: str, command: list[str] | None = None) -> Stack:
        started.append(Stack(tmp_path, only, *options, command=command))
        return started[-1]

    yield start
    for stack in started:
        stack.shut_down()
