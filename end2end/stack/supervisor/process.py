"""One process of the stack, with its process group and its log."""

import ctypes
import os
import signal
import subprocess
import time
from pathlib import Path
from typing import IO, Literal

from supervisor.components import Spec

State = Literal["new", "running", "stopped", "killed", "dead"]

PR_SET_PDEATHSIG = 1
libc = ctypes.CDLL(None)


def die_with_parent() -> None:
    """Runs in the child: Linux sends it SIGTERM should the supervisor itself be killed."""
    if hasattr(libc, "prctl"):
        libc.prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


class Component:
    """Starts and ends the process a Spec describes.

    Every component leads its own process group. So the terminal's Ctrl-C reaches only
    the supervisor, and the children of a worker can be killed together with it.
    """

    def __init__(self, spec: Spec, log: Path | None, environment: dict[str, str]) -> None:
        self.spec = spec
        self.name = spec.name
        self.log = log
        self.environment = environment
        self.process: subprocess.Popen[bytes] | None = None
        self.state: State = "new"
        self.restarts = 0
        self.restart_at: float | None = None
        self.started_at = 0.0
        self.pause = 0.25
        self.log_start = 0

    @property
    def pid(self) -> int | None:
        return self.process.pid if self.process else None

    @property
    def exit_code(self) -> int | None:
        return self.process.returncode if self.process else None

    def start(self) -> None:
        """Start the process; it is not ready yet."""
        self.restart_at = None
        self.spec.directory.mkdir(parents=True, exist_ok=True)
        if self.log is None:
            self.process = self._spawn(self.spec.command, None)
        else:
            with self.log.open("ab") as log:
                self.log_start = log.tell()
                if self.spec.prepare:
                    subprocess.run(
                        self.spec.prepare,
                        cwd=self.spec.directory,
                        env=self.environment,
                        stdin=subprocess.DEVNULL,
                        stdout=log,
                        stderr=subprocess.STDOUT,
                        check=True,
                        timeout=120,
                    )
                self.process = self._spawn(self.spec.command, log)
        self.state = "running"
        self.started_at = time.monotonic()

    def _spawn(self, command: list[str], log: IO[bytes] | None) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            command,
            cwd=self.spec.directory,
            env=self.environment,
            stdin=subprocess.DEVNULL if log else None,
            stdout=log,
            stderr=subprocess.STDOUT if log else None,
            start_new_session=True,
            preexec_fn=die_with_parent,
        )

    def exited(self) -> bool:
        """Whether the process is gone; collects its exit code."""
        return self.process is None or self.process.poll() is not None

    def is_ready(self) -> bool:
        return self.state == "running" and not self.exited() and self.spec.ready(self.log_text())

    def log_text(self, at_most: int = 1_000_000) -> str:
        """What the present process has written, or the end of it."""
        if self.log is None:
            return ""
        with self.log.open("rb") as log:
            log.seek(max(self.log_start, self.log.stat().st_size - at_most))
            return log.read().decode(errors="replace")

    def last_lines(self, count: int = 15) -> str:
        lines = self.log_text(20_000).splitlines()[-count:]
        return "\n".join(f"    {line}" for line in lines)

    def note(self, text: str) -> None:
        """Leave a remark of the supervisor in the component's log."""
        if self.log is not None:
            with self.log.open("a") as log:
                log.write(f"[supervisor] {text}\n")

    def terminate(self) -> None:
        """Ask the leader to end. Its children are its own business, as a pool's are a worker's."""
        if not self.exited() and self.process is not None:
            self.process.send_signal(signal.SIGTERM)

    def kill_group(self) -> None:
        """SIGKILL to everybody in the process group, also to those the leader left behind."""
        if self.process is None:
            return
        try:
            os.killpg(self.process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        self.process.wait()

    def stop(self, grace: float) -> None:
        """TERM, wait at most `grace` seconds, then KILL what is left of the group."""
        self.terminate()
        deadline = time.monotonic() + grace
        while not self.exited() and time.monotonic() < deadline:
            time.sleep(0.02)
        self.kill_group()
