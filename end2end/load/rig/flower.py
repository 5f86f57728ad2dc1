"""Flower 2.2.0, installed from PyPI into an environment of its own, as a process under measurement."""

import re
import subprocess
import sys
import venv
from pathlib import Path

from supervisor.components import HOST, Spec

from rig import ROOT, LoadError
from rig.http import Browser
from rig.processes import Process, Redis, free_port

VERSION = "2.2.0"
VENV = ROOT / "target/flower-venv"
# kombu's Redis transport needs more than Flower asks for.
PROOF = f"import importlib.metadata as m, kombu.transport.redis; assert m.version('flower') == '{VERSION}'"
INSTALL_SECONDS = 300.0
EVENTS = re.compile(r"^flower_events_total\{[^\n]*\} (\S+)$", re.MULTILINE)


def install() -> Path:
    """The interpreter that has Flower; installs it the first time."""
    python = VENV / "bin/python"
    wanted = f"flower=={VERSION}"
    check = [str(python), "-c", PROOF]
    if python.exists() and subprocess.run(check, capture_output=True, timeout=60, check=False).returncode == 0:
        return python
    print(f"installing {wanted} into {VENV}", file=sys.stderr, flush=True)
    venv.create(VENV, clear=True, with_pip=True)
    command = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", wanted, "celery[redis]"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=INSTALL_SECONDS, check=False)
    if done.returncode != 0:
        raise LoadError(f"{wanted} could not be installed:\n{done.stderr[-2_000:]}")
    return python


class Flower(Process):
    """Flower on a Redis, with the task limit of a comparison and nothing else changed."""

    def __init__(self, redis: Redis, directory: Path, max_tasks: int) -> None:
        self.port = free_port()
        command = [str(install()), "-m", "celery", "--broker", redis.url, "flower", f"--address={HOST}"]
        command += [f"--port={self.port}", f"--max_tasks={max_tasks}"]
        super().__init__(Spec("flower", command, directory, self.is_healthy))

    def is_healthy(self, _log: str) -> bool:
        with Browser(self.port) as browser:
            try:
                return browser.get("/healthcheck") == b"OK"
            except LoadError:
                return False


def events_total(metrics: str) -> int:
    """Task events that Flower has counted, by its own metrics; it does not count those of workers."""
    return round(sum(float(value) for value in EVENTS.findall(metrics)))
