"""A flood: tasks sent, received, started and ended on a cluster, as the messages of their events.

A small simulation. Its time is that of the events' timestamps; how fast the messages are
sent afterwards is the sender's affair. It keeps the order of a real cluster: an event-loop
worker gathers its task events and publishes them together, `task-sent` may come after
`task-received`, a retry is received before the retried attempt ends, heartbeats are not
gathered and so may overtake the events they count.
"""

import heapq
import math
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import NamedTuple

from flood.cluster import HEARTBEAT_SECONDS, Client, Cluster, Worker
from flood.truth import Truth
from flood.wire import quoted, uuid4
from flood.work import FEW_NEEDLE, MANY_NEEDLE, TaskType, failure

FAILED_SHARE = 0.05
RETRIED_SHARE = 0.02
CHILD_SHARE = 0.1
EVENTS_PER_TASK = 4
# A buffer is published at this length (`celery/events/dispatcher.py`, `buffer_limit`).
BUFFER_LIMIT = 24
# A batch is the event that begins it and those that come until the next turn of the loop.
EVENTS_PER_BATCH = 3.0
LONGEST_TICK = 0.01
RETRY_COUNTDOWN = 0.3

SENT, RECEIVED, STARTED, RETRIED, ENDED, BEAT, FLUSH = range(7)


class Message(NamedTuple):
    """A PUBLISH command, when it is due, and the events in it."""

    at: float
    command: bytes
    events: int


@dataclass(slots=True)
class Task:
    """A task on its way."""

    id: str
    kind: TaskType
    worker: Worker
    client: Client
    # From here on as JSON.
    args: str
    kwargs: str
    root_id: str
    parent_id: str = "null"
    eta: str = "null"
    retries: int = 0
    started: float = 0.0


class Flood:
    """Makes the messages of at least `events` events, or of all events of `tasks` tasks.

    Timestamps begin at `start`; `rate` is events a second of the simulation.
    """

    def __init__(self, cluster: Cluster, start: float, rate: float, *, events: int = 0, tasks: int = 0) -> None:
        self.cluster = cluster
        self.rng = cluster.rng
        self.wanted_events = events
        self.wanted_tasks = tasks
        self.planned_events = 0
        self.start = start
        self.spacing = EVENTS_PER_TASK / rate
        per_worker = rate * (1 - 1 / EVENTS_PER_TASK) / len(cluster.workers)
        self.tick = min((EVENTS_PER_BATCH - 1) / per_worker, LONGEST_TICK)
        self.truth = Truth()
        self.events = 0
        self.heartbeats = 0
        self.messages = 0
        self.bytes = 0
        self.end = start
        self.last_id = ""
        self.calendar: list[tuple[float, int, int, Task | Worker]] = []
        self.entries = 0

    def __iter__(self) -> Iterator[Message]:
        for message in self.simulate():
            self.messages += 1
            self.events += message.events
            self.bytes += len(message.command)
            self.end = message.at
            yield message

    def simulate(self) -> Iterator[Message]:
        calendar, rng = self.calendar, self.rng
        for worker in self.cluster.workers:
            # What the worker sent since the flood was begun to be made stays below.
            worker.clock += 1_000
            self.enter(self.start + rng.random() * HEARTBEAT_SECONDS, BEAT, worker)
        next_task = self.start
        while True:
            is_complete = self.planned_events >= self.wanted_events and self.truth.tasks >= self.wanted_tasks
            if not is_complete and next_task <= calendar[0][0]:
                self.begin(next_task)
                next_task += rng.expovariate(1.0) * self.spacing
                continue
            at, _, what, subject = heapq.heappop(calendar)
            if isinstance(subject, Worker):
                if what == BEAT:
                    # Only heartbeats are left once all tasks have ended.
                    if is_complete and len(calendar) < len(self.cluster.workers):
                        break
                    self.heartbeats += 1
                    yield Message(at, subject.status("heartbeat", at, rng), 1)
                    self.enter(at + HEARTBEAT_SECONDS, BEAT, subject)
                elif subject.buffer:
                    yield self.flush(subject, at)
            elif what == SENT:
                yield Message(at, self.sent(subject, at), 1)
            elif (full := self.advance(what, subject, at)) is not None:
                yield self.flush(full, at)
        for worker in self.cluster.workers:
            if worker.buffer:
                yield self.flush(worker, at)
        for command in self.cluster.beat(at):
            self.heartbeats += 1
            yield Message(at, command, 1)

    def enter(self, at: float, what: int, subject: Task | Worker) -> None:
        # The running number decides between equal times: subjects cannot be compared.
        self.entries += 1
        heapq.heappush(self.calendar, (at, self.entries, what, subject))

    def flush(self, worker: Worker, at: float) -> Message:
        events, worker.buffer = worker.buffer, []
        return Message(at, worker.multi.publish(f"[{', '.join(events)}]", self.rng), len(events))

    def gather(self, worker: Worker, event: str, at: float) -> Worker | None:
        """Put an event into the worker's buffer; the worker, if that is full now."""
        worker.buffer.append(event)
        if len(worker.buffer) == 1:
            self.enter(at + self.tick, FLUSH, worker)
        return worker if len(worker.buffer) >= BUFFER_LIMIT else None

    # === A task's life ===

    def begin(self, at: float) -> None:
        """Send a task."""
        rng, truth = self.rng, self.truth
        kind = self.cluster.types[int(rng.random() * len(self.cluster.types))]
        worker = self.cluster.workers[int(rng.random() * len(self.cluster.workers))]
        client = self.cluster.clients[int(rng.random() * len(self.cluster.clients))]
        args, kwargs, new_id = kind.args(rng), kind.kwargs(rng), uuid4(rng)
        task = Task(new_id, kind, worker, client, quoted(args), quoted(kwargs), f'"{new_id}"')
        if self.last_id and rng.random() < CHILD_SHARE:
            task.root_id = task.parent_id = f'"{self.last_id}"'
        else:
            self.last_id = new_id
        truth.tasks += 1
        truth.text_bytes += len(args.encode()) + len(kwargs.encode())
        truth.names[kind.name] += 1
        truth.workers[worker.name] += 1
        truth.queues[kind.queue] += 1
        for needle in (FEW_NEEDLE, MANY_NEEDLE):
            truth.needles[needle] += needle in kwargs
        self.planned_events += EVENTS_PER_TASK
        if rng.random() < RETRIED_SHARE:
            # Marked by the sign until its first attempt has ended.
            task.retries = -1
            truth.retried += 1
            self.planned_events += EVENTS_PER_TASK
        # The client tells of it once the message is in the queue, when a worker may have it already.
        self.enter(at + rng.random() * 0.001, SENT, task)
        self.enter(at + 0.0005 + rng.expovariate(250.0), RECEIVED, task)

    def advance(self, what: int, task: Task, at: float) -> Worker | None:
        """Let a task take its next step on its worker; the worker, if its buffer is full."""
        rng, worker = self.rng, task.worker
        if what == RECEIVED:
            is_retry = task.retries > 0
            wait = RETRY_COUNTDOWN if is_retry else rng.expovariate(100.0)
            self.enter(at + wait, STARTED, task)
            return self.gather(worker, self.received(task, at), at)
        if what == STARTED:
            task.started = at
            worker.processed += 1
            worker.active += 1
            # At least so long that the task's other events of this attempt are over.
            runtime = max(task.kind.runtime * math.exp(rng.gauss(0.0, 0.8)), 0.001)
            self.enter(at + runtime, RETRIED if task.retries < 0 else ENDED, task)
            return self.gather(worker, self.event(task, at, "", "started"), at)
        if what == RETRIED:
            return self.retry(task, at)
        worker.active -= 1
        if rng.random() < FAILED_SHARE:
            exception, traceback = failure(task.kind, rng)
            details = f'"exception": {quoted(exception)}, "traceback": {quoted(traceback)}, '
            self.truth.states["FAILURE"] += 1
            self.truth.text_bytes += len(exception) + len(traceback)
            return self.gather(worker, self.event(task, at, details, "failed"), at)
        result = task.kind.result(rng)
        self.truth.states["SUCCESS"] += 1
        self.truth.text_bytes += len(result)
        details = f'"result": {quoted(result)}, "runtime": {at - task.started!r}, '
        return self.gather(worker, self.event(task, at, details, "succeeded"), at)

    def retry(self, task: Task, at: float) -> Worker | None:
        """The child of the pool sends the task anew; a moment later the worker tells that the attempt ended."""
        if task.retries < 0:
            eta = datetime.fromtimestamp(at + RETRY_COUNTDOWN, UTC).isoformat()
            task.retries, task.eta, task.parent_id = 1, f'"{eta}"', f'"{task.id}"'
            task.client = task.worker.child
            self.enter(at, SENT, task)
            self.enter(at, RECEIVED, task)
            self.enter(at + 0.001, RETRIED, task)
            return None
        task.worker.active -= 1
        exception, traceback = failure(task.kind, self.rng)
        self.truth.text_bytes += len(exception) + len(traceback)
        details = f'"exception": {quoted(f"Retry in 0.3s: {exception}")}, "traceback": {quoted(traceback)}, '
        return self.gather(task.worker, self.event(task, at, details, "retried"), at)

    # === The events ===

    def sent(self, task: Task, at: float) -> bytes:
        client, kind = task.client, task.kind
        client.clock += 1
        body = (
            f'{{"hostname": "{client.hostname}", "utcoffset": 0.0, "pid": {client.pid}, "clock": {client.clock}, '
            f'"uuid": "{task.id}", "root_id": {task.root_id}, "parent_id": {task.parent_id}, "name": "{kind.name}", '
            f'"args": {task.args}, "kwargs": {task.kwargs}, "retries": {max(task.retries, 0)}, "eta": {task.eta}, '
            f'"expires": null, "queue": "{kind.queue}", "exchange": "", "routing_key": "{kind.queue}", '
            f'"timestamp": {at!r}, "type": "task-sent"}}'
        )
        return client.envelope.publish(body, self.rng)

    def received(self, task: Task, at: float) -> str:
        details = (
            f'"name": "{task.kind.name}", "args": {task.args}, "kwargs": {task.kwargs}, "root_id": {task.root_id}, '
            f'"parent_id": {task.parent_id}, "retries": {max(task.retries, 0)}, "eta": {task.eta}, "expires": null, '
        )
        return self.event(task, at, details, "received")

    def event(self, task: Task, at: float, details: str, what: str) -> str:
        worker = task.worker
        worker.clock += 1
        return (
            f'{{"hostname": "{worker.name}", "utcoffset": 0.0, "pid": {worker.pid}, "clock": {worker.clock}, '
            f'"uuid": "{task.id}", {details}"timestamp": {at!r}, "type": "task-{what}"}}'
        )
