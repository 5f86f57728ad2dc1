"""The supervisor: brings the stack up, watches it, obeys the control socket, takes it down."""

import json
import os
import select
import signal
import socket
import subprocess
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from supervisor.components import HOST, Options, Spec, all_components
from supervisor.process import Component

CONTROL = "control.sock"
STATE_FILE = "stack.json"
READY_SECONDS = 120.0
STOP_GRACE = 5.0
# Who lived this long and then died is not dying over and over.
STABLE_SECONDS = 30.0


class StackError(Exception):
    """Something the person at the keyboard has to know; no traceback needed."""


class Interrupted(Exception):
    """SIGINT or SIGTERM came while something was waited for."""


def say(text: str) -> None:
    """Tell whoever listens. Nobody listening is no reason to leave processes behind."""
    try:
        print(text, flush=True)
    except OSError:
        pass


class Supervisor:
    """Runs in one thread: one loop looks after processes, control requests and signals."""

    def __init__(self, options: Options, names: Iterable[str], command: list[str]) -> None:
        self.options = options
        self.names = list(names)
        self.command = command
        self.started_in = Path.cwd()
        self.stopping = False
        self.is_up = False
        self.control: socket.socket | None = None
        environment = options.environment()
        logs = options.data_dir / "logs"
        self.components = {
            name: Component(spec, logs / f"{name}.log", environment) for name, spec in all_components(options).items()
        }
        self.guest: Component | None = None

    # -- life ---------------------------------------------------------------------------

    def run(self) -> int:
        """Up, watch, down; returns the exit code of the stack."""
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, self.on_signal)
        self.clear_data_dir()
        try:
            self.open_control()
            self.bring_up()
            self.watch()
            return (self.guest.exit_code or 0) if self.guest and not self.stopping else 0
        except Interrupted:
            return 0
        except subprocess.CalledProcessError as error:
            logs = self.options.data_dir / "logs"
            raise StackError(f"{' '.join(error.cmd)} failed; see the logs in {logs}") from None
        finally:
            self.take_down()

    def on_signal(self, *_: object) -> None:
        self.stopping = True

    def clear_data_dir(self) -> None:
        """A new stack starts empty. Only what a stack wrote is removed."""
        data = self.options.data_dir
        for directory in ("logs", "redis", "files"):
            (data / directory).mkdir(parents=True, exist_ok=True)
        for pattern in ("logs/*.log", "inbox.*", "office.sqlite3*", "beat-schedule*", STATE_FILE, CONTROL):
            for path in data.glob(pattern):
                path.unlink()

    def open_control(self) -> None:
        """Listen in the data directory. By a relative name: socket paths must be short."""
        os.chdir(self.options.data_dir)
        self.control = socket.socket(socket.AF_UNIX)
        self.control.bind(CONTROL)
        self.control.listen(8)

    def bring_up(self) -> None:
        """Redis first, then all others at once, traffic when there is somebody to serve it."""
        for wave in (["redis"], [n for n in self.names if n not in ("redis", "traffic")], ["traffic"]):
            chosen = [self.components[name] for name in wave if name in self.names]
            for component in chosen:
                self.raise_if_stopping()
                component.start()
            self.wait_ready(chosen)
        self.is_up = True
        self.write_state()
        say("stack ready")
        for name in self.names:
            say(f"  {name:14} {self.describe(name).get('url', '')}".rstrip())
        if self.command:
            spec = Spec("command", self.command, self.started_in, lambda _log: True)
            self.guest = Component(spec, None, self.options.environment())
            self.guest.start()

    def watch(self) -> None:
        """Until a signal, or until the command given after `--` ends."""
        while not self.stopping and not (self.guest and self.guest.exited()):
            readable, _, _ = select.select([self.control], [], [], 0.2)
            if readable and self.control:
                connection, _ = self.control.accept()
                with connection:
                    self.answer(connection)
            self.look_after()
        if self.guest and self.guest.exited():
            say(f"{self.command[0]} ended with exit code {self.guest.exit_code}")

    def take_down(self) -> None:
        """End everything this supervisor started, services last so that workers can say goodbye."""
        everybody = list(self.components.values()) + ([self.guest] if self.guest else [])
        services = [self.components["redis"], self.components["smtp"]]
        for group in ([c for c in everybody if c not in services], services):
            for component in group:
                component.terminate()
            deadline = time.monotonic() + STOP_GRACE
            while not all(c.exited() for c in group) and time.monotonic() < deadline:
                time.sleep(0.02)
            for component in group:
                component.kill_group()
        if self.control:
            self.control.close()
        for name in (CONTROL, STATE_FILE):
            (self.options.data_dir / name).unlink(missing_ok=True)
        say("stack stopped")

    # -- watching -----------------------------------------------------------------------

    def raise_if_stopping(self) -> None:
        if self.stopping:
            raise Interrupted

    def wait_ready(self, components: list[Component], seconds: float = READY_SECONDS) -> None:
        """Wait until all are ready; StackError for one that dies or never is."""
        waiting = list(components)
        deadline = time.monotonic() + seconds
        while waiting:
            self.raise_if_stopping()
            self.look_after()
            for component in waiting:
                if component.state != "running" or component.restarts and not self.is_up:
                    raise StackError(f"{component.name} did not start:\n{component.last_lines()}")
                if time.monotonic() > deadline:
                    raise StackError(f"{component.name} is not ready after {seconds:g} s:\n{component.last_lines()}")
            waiting = [component for component in waiting if not component.is_ready()]
            time.sleep(0.05)

    def look_after(self) -> None:
        """Notice who died, and start again who should be."""
        for component in self.components.values():
            if component.state == "running" and component.exited():
                self.on_death(component)
            elif component.restart_at is not None and time.monotonic() >= component.restart_at:
                self.restart(component)

    def restart(self, component: Component) -> None:
        """Start a dead component again; one that can't even be started gets another try later."""
        try:
            component.start()
        except (OSError, subprocess.SubprocessError) as error:
            component.note(f"could not be restarted: {error}")
            component.restart_at = time.monotonic() + 10.0
        self.write_state()

    def on_death(self, component: Component) -> None:
        """Report it. A worker or beat comes back, after a pause that grows while it keeps dying."""
        component.state = "dead"
        text = f"{component.name} (pid {component.pid}) died with exit code {component.exit_code}"
        say(f"{text}; the last lines of {component.log}:\n{component.last_lines()}")
        component.kill_group()
        if component.spec.restart and self.is_up:
            lived = time.monotonic() - component.started_at
            component.pause = 0.5 if lived > STABLE_SECONDS else min(2 * component.pause, 10.0)
            pause = component.pause
            component.restarts += 1
            component.restart_at = time.monotonic() + pause
            text += f"; restarting it in {pause:g} s"
            say(f"restarting {component.name} in {pause:g} s")
        component.note(text)
        self.write_state()

    # -- control ------------------------------------------------------------------------

    def answer(self, connection: socket.socket) -> None:
        """Do what one request of the control socket asks; errors are part of the answer."""
        connection.settimeout(5)
        try:
            request = json.loads(connection.makefile("r").readline())
            reply = {"ok": True, "component": self.obey(request)}
        except (StackError, ValueError, KeyError, OSError, subprocess.SubprocessError) as error:
            reply = {"ok": False, "error": str(error)}
        try:
            connection.sendall(json.dumps(reply).encode() + b"\n")
        except OSError:
            pass  # who asked has gone

    def obey(self, request: dict[str, Any]) -> dict[str, Any]:
        """start, stop, kill or status of one component."""
        action, name = request["action"], request["name"]
        component = self.components.get(name)
        if component is None:
            raise StackError(f"no component {name!r}; there are {', '.join(self.components)}")
        if action == "start" and component.state != "running":
            component.restarts = 0
            component.start()
            self.wait_ready([component], float(request.get("timeout", READY_SECONDS)))
        elif action == "stop":
            self.end(component, "stopped", float(request.get("grace", STOP_GRACE)))
        elif action == "kill":
            self.end(component, "killed", 0)
        self.write_state()
        return self.describe(name)

    def end(self, component: Component, state: Any, grace: float) -> None:
        """End a component on purpose: its death is no surprise, and it is not started again."""
        component.restart_at = None
        component.state = state
        component.note(f"{state} on purpose")
        if grace:
            component.stop(grace)
        else:
            component.kill_group()

    # -- telling ------------------------------------------------------------------------

    def describe(self, name: str) -> dict[str, Any]:
        """What stack.json says about a component."""
        component = self.components[name]
        told: dict[str, Any] = {
            "name": name,
            "state": component.state,
            "pid": component.pid if component.state == "running" else None,
            "log": str(component.log),
            "restarts": component.restarts,
            **component.spec.details,
        }
        if name in self.options.ports:
            told |= {"host": HOST, "port": self.options.ports[name], "url": self.options.url(name)}
        return told

    def write_state(self) -> None:
        """Rewrite stack.json in one step. It exists only while a stack is up."""
        if not self.is_up:
            return
        options = self.options
        state = {
            "pid": os.getpid(),
            "data_dir": str(options.data_dir),
            "broker_url": options.broker_url,
            "result_backend": options.result_backend,
            "files_dir": str(options.files_dir),
            "inbox": str(options.inbox),
            "components": {name: self.describe(name) for name in self.components},
        }
        target = options.data_dir / STATE_FILE
        partial = target.with_suffix(".part")
        partial.write_text(json.dumps(state, indent=2) + "\n")
        partial.replace(target)
