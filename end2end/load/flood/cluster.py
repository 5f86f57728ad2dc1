"""The processes that publish a flood: workers and clients, with their clocks and counts.

They outlive a flood: the next one goes on with the same process ids, higher clocks
and `processed` counts that go on too, as those of workers that were never restarted.
"""

from dataclasses import dataclass, field
from random import Random

from flood.wire import Envelope
from flood.work import TaskType, task_types

HEARTBEAT_SECONDS = 2.0


@dataclass
class Client:
    """A process that sends tasks."""

    hostname: str
    pid: int
    envelope: Envelope
    clock: int = 0


@dataclass
class Worker:
    """A worker's main process."""

    name: str
    pid: int
    multi: Envelope
    online: Envelope
    heartbeat: Envelope
    # Where a retry is sent from: a child of its pool, which has a clock of its own.
    child: Client
    clock: int = 0
    processed: int = 0
    active: int = 0
    buffer: list[str] = field(default_factory=list)

    def status(self, kind: str, at: float, rng: Random) -> bytes:
        """A `worker-online` or `worker-heartbeat` message."""
        self.clock += 1
        load = [round(rng.random() * 4, 2) for _ in range(3)]
        body = (
            f'{{"hostname": "{self.name}", "utcoffset": 0.0, "pid": {self.pid}, "clock": {self.clock}, "freq": 2.0, '
            f'"active": {self.active}, "processed": {self.processed}, "loadavg": {load}, "sw_ident": "py-celery", '
            f'"sw_ver": "5.7.0", "sw_sys": "Linux", "timestamp": {at!r}, "type": "worker-{kind}"}}'
        )
        return (self.online if kind == "online" else self.heartbeat).publish(body, rng)


class Cluster:
    """Some workers, task types and clients."""

    def __init__(self, workers: int = 20, types: int = 40, clients: int = 4, seed: int = 1) -> None:
        self.rng = Random(seed)
        self.types: list[TaskType] = task_types(types)
        self.clients = [
            Client(name := f"gen{2_000 + n}@web-{n}", 2_000 + n, Envelope(name, "task.sent")) for n in range(clients)
        ]
        self.workers = [self.new_worker(n) for n in range(workers)]

    @staticmethod
    def new_worker(number: int) -> Worker:
        name, pid = f"worker-{number:02d}@node-{number % 5}", 10_000 + number * 100
        child = f"gen{pid + 1}@node-{number % 5}"
        return Worker(
            name=name,
            pid=pid,
            multi=Envelope(name, "task.multi"),
            online=Envelope(name, "worker.online"),
            heartbeat=Envelope(name, "worker.heartbeat"),
            child=Client(child, pid + 1, Envelope(child, "task.sent")),
        )

    def beat(self, at: float, kind: str = "heartbeat") -> list[bytes]:
        """One message of every worker."""
        return [worker.status(kind, at, self.rng) for worker in self.workers]
