"""The processes under measurement: Redis and the dashboard, each on a port and in a directory of its own."""

import os
import re
import socket
import time
from collections.abc import Callable
from pathlib import Path
from typing import Self

from supervisor.components import HOST, Spec, redis_answers
from supervisor.process import Component

from rig import LoadError
from rig.clock import pass_on_nice

READY_SECONDS = 30.0
STOP_SECONDS = 10.0
# What Redis writes when a subscriber's buffer has grown past `client-output-buffer-limit`.
OVERRUN = "overcoming of output buffer limits"
PRIVATE = ("CELERY_", "CELERIAC_", "FLOWER_", "LEPTOS_")


def free_port() -> int:
    """A port that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])


def wait_until(what: str, probe: Callable[[], bool], seconds: float = READY_SECONDS, pause: float = 0.02) -> None:
    """Return once the probe is true."""
    deadline = time.monotonic() + seconds
    while not probe():
        if time.monotonic() > deadline:
            raise LoadError(f"waited {seconds:g} s in vain for {what}")
        time.sleep(pause)


class Process:
    """A component that is started at once; it ends with the `with` block, whatever happens there."""

    def __init__(self, spec: Spec, environment: dict[str, str] | None = None) -> None:
        spec.directory.mkdir(parents=True, exist_ok=True)
        # Nobody's own settings may leak in.
        own = {name: value for name, value in os.environ.items() if not name.startswith(PRIVATE)}
        self.component = Component(spec, spec.directory / f"{spec.name}.log", own | (environment or {}))

    def __enter__(self) -> Self:
        self.component.start()
        try:
            pass_on_nice(self.pid)
            wait_until(f"{self.component.name} to be ready", self.is_ready)
        except BaseException:
            self.component.stop(STOP_SECONDS)
            raise
        return self

    def __exit__(self, *_exception: object) -> None:
        self.component.stop(STOP_SECONDS)

    def is_ready(self) -> bool:
        self.check()
        return self.component.is_ready()

    def check(self) -> None:
        """Raise if the process is gone."""
        if self.component.exited():
            name, code = self.component.name, self.component.exit_code
            raise LoadError(f"{name} ended with code {code}:\n{self.component.last_lines()}")

    @property
    def pid(self) -> int:
        if self.component.pid is None:
            raise LoadError(f"{self.component.name} was not started")
        return self.component.pid

    @property
    def log(self) -> str:
        return self.component.log_text()


class Redis(Process):
    """A Redis with its default limits, without persistence."""

    def __init__(self, directory: Path) -> None:
        self.port = free_port()
        command = ["redis-server", "--port", str(self.port), "--bind", HOST, "--dir", str(directory)]
        command += ["--save", "", "--appendonly", "no"]
        super().__init__(Spec("redis", command, directory, redis_answers(self.port)))

    @property
    def url(self) -> str:
        return f"redis://{HOST}:{self.port}/0"

    def patterns(self) -> int:
        """How many patterns are subscribed to."""
        with socket.create_connection((HOST, self.port), timeout=5) as connection:
            connection.sendall(b"PUBSUB NUMPAT\r\n")
            return int(connection.recv(64).removeprefix(b":"))

    def overruns(self) -> int:
        """How often Redis has closed a subscriber because it did not read fast enough."""
        return self.log.count(OVERRUN)


class Dashboard(Process):
    """The binary."""

    LISTENING = re.compile(rf"listening url=http://{re.escape(HOST)}:(\d+)")

    def __init__(self, binary: Path, redis: Redis, directory: Path, max_tasks: int, *more: str) -> None:
        if not binary.is_file():
            raise LoadError(f"there is no binary {binary}; build it with `make build` or name another with --binary")
        # The user's own history is none of the measurement's.
        store = [] if any(option.startswith("--store") for option in more) else ["--store", "none"]
        command = [str(binary), "--broker", redis.url, "--port", "0", "--max-tasks", str(max_tasks), *store, *more]
        super().__init__(Spec("dashboard", command, directory, self.is_listening))

    def is_listening(self, log: str) -> bool:
        return self.LISTENING.search(log) is not None

    @property
    def port(self) -> int:
        found = self.LISTENING.search(self.log)
        if found is None:
            raise LoadError("the dashboard does not listen")
        return int(found[1])
