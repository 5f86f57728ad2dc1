"""What the stack consists of: each component's command, environment and sign of readiness."""

import os
import re
import socket
import sys
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

STACK = Path(__file__).resolve().parent.parent
HOST = "127.0.0.1"
DEFAULT_PORTS = {"redis": 6390, "smtp": 1025, "fastapi": 8001, "flask": 8002, "django": 8003}


@dataclass(frozen=True)
class Options:
    """The choices made on the command line, with every port settled."""

    data_dir: Path
    ports: dict[str, int]
    traffic_rate: float = 2.0
    concurrency: int = 2
    refuse_probability: float = 0.15
    traffic_apps: tuple[str, ...] = ("fastapi", "flask", "django")

    def url(self, name: str) -> str:
        """Where a component listens."""
        scheme = {"redis": "redis", "smtp": "smtp"}.get(name, "http")
        return f"{scheme}://{HOST}:{self.ports[name]}"

    @property
    def broker_url(self) -> str:
        return f"{self.url('redis')}/0"

    @property
    def result_backend(self) -> str:
        return f"{self.url('redis')}/1"

    @property
    def files_dir(self) -> Path:
        return self.data_dir / "files"

    @property
    def inbox(self) -> Path:
        return self.data_dir / "inbox.jsonl"

    def environment(self) -> dict[str, str]:
        """The surroundings of every component; the caller's own Celery settings must not leak in."""
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("CELERY_")}
        inherited.pop("PYTHONPATH", None)
        return inherited | {
            "PYTHONUNBUFFERED": "1",
            "CELERY_BROKER_URL": self.broker_url,
            "CELERY_RESULT_BACKEND": self.result_backend,
            "SMTP_HOST": HOST,
            "SMTP_PORT": str(self.ports["smtp"]),
            "SMTP_REFUSE_PROBABILITY": str(self.refuse_probability),
            "INBOX": str(self.inbox),
            "FILES_DIR": str(self.files_dir),
            "OFFICE_DATABASE": str(self.data_dir / "office.sqlite3"),
        }


# Tells from the log written since the start (as text) whether the component is ready.
Ready = Callable[[str], bool]


@dataclass(frozen=True)
class Spec:
    """How to run one component."""

    name: str
    command: list[str]
    directory: Path
    ready: Ready
    prepare: list[str] | None = None
    restart: bool = False
    details: dict[str, object] = field(default_factory=dict)


def python() -> str:
    """The interpreter that has the applications' packages: the project's own, if it is there."""
    own = STACK.parent / ".venv" / "bin" / "python"
    return str(own) if own.exists() else sys.executable


def logged(pattern: str) -> Ready:
    """Ready once a line of the log matches."""
    expression = re.compile(pattern, re.MULTILINE)
    return lambda log: expression.search(log) is not None


def redis_answers(port: int) -> Ready:
    """Ready once Redis answers a PING."""

    def ready(_log: str) -> bool:
        try:
            with socket.create_connection((HOST, port), timeout=1) as connection:
                connection.sendall(b"PING\r\n")
                return connection.recv(16).startswith(b"+PONG")
        except OSError:
            return False

    return ready


def http_answers(url: str) -> Ready:
    """Ready once the health check answers 200; never asked through a proxy."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))

    def ready(_log: str) -> bool:
        try:
            with opener.open(f"{url}/health", timeout=2) as response:
                return response.status == 200
        except OSError:
            return False

    return ready


def worker(options: Options, name: str, app: str, directory: str, pool: str, queues: str, *more: str) -> Spec:
    """A Celery worker; its node name is the part after `worker-`."""
    node = name.removeprefix("worker-")
    command = [python(), "-m", "celery", "-A", app, "worker", "-l", "INFO", "-n", f"{node}@%h"]
    command += ["-Q", queues, "-P", pool, "-c", str(options.concurrency), *more]
    details = {"queues": queues.split(","), "pool": pool, "node": f"{node}@{socket.gethostname()}"}
    return Spec(name, command, STACK / directory, logged(r"@\S+ ready\.$"), restart=True, details=details)


def all_components(options: Options) -> dict[str, Spec]:
    """Every component by name, in the order of their start."""
    port = {name: str(number) for name, number in options.ports.items()}
    redis_dir = options.data_dir / "redis"
    migrate = [python(), "manage.py", "migrate", "--verbosity", "0"]
    waitress = [python(), "-m", "waitress", "--threads", "4"]
    beat = [python(), "-m", "celery", "-A", "office", "beat", "-l", "INFO", "--pidfile="]
    beat += ["-s", str(options.data_dir / "beat-schedule")]
    traffic = [python(), str(STACK / "traffic.py"), "--rate", str(options.traffic_rate)]
    for app in options.traffic_apps:
        traffic += [f"--{app}", options.url(app)]

    specs = [
        Spec(
            "redis",
            ["redis-server", "--port", port["redis"], "--bind", HOST, "--dir", str(redis_dir)]
            + ["--save", "", "--appendonly", "no"],
            redis_dir,
            redis_answers(options.ports["redis"]),
        ),
        Spec("smtp", [python(), "server.py"], STACK / "smtp", logged("^listening on ")),
        Spec(
            "fastapi",
            [python(), "-m", "uvicorn", "shop.api:app", "--host", HOST, "--port", port["fastapi"]],
            STACK / "fastapi_app",
            http_answers(options.url("fastapi")),
        ),
        worker(options, "worker-web", "shop.celery_app", "fastapi_app", "prefork", "celery,mail", "-E"),
        Spec(
            "flask",
            [*waitress, "--listen", f"{HOST}:{port['flask']}", "--call", "studio:create_app"],
            STACK / "flask_app",
            http_answers(options.url("flask")),
        ),
        worker(options, "worker-images", "studio.worker", "flask_app", "threads", "images", "-E"),
        Spec(
            "django",
            [*waitress, "--listen", f"{HOST}:{port['django']}", "office.wsgi:application"],
            STACK / "django_app",
            http_answers(options.url("django")),
            prepare=migrate,
        ),
        # Without -E: the dashboard has to switch its task events on.
        replace(worker(options, "worker-office", "office", "django_app", "prefork", "reports,errors"), prepare=migrate),
        Spec("beat", beat, STACK / "django_app", logged("beat: Starting"), restart=True),
        Spec("traffic", traffic, STACK, logged("^driving ")),
    ]
    return {spec.name: spec for spec in specs}
