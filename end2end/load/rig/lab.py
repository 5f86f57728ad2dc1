"""One measurement's world: Redis, a cluster that publishes, and a count of all that was published."""

import math
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from flood.cluster import Cluster
from flood.flood import EVENTS_PER_TASK, Flood
from flood.truth import Truth
from rig import LoadError
from rig.clock import cpu_seconds
from rig.heart import Heart
from rig.http import Browser
from rig.processes import Dashboard, Redis, wait_until
from rig.sender import EvenSender, Sent, in_slices, in_writes, send_all

# Events a second of the cluster whose past a flood at full speed is.
PAST_RATE = 20_000.0
# To make an event takes less than this, also when others use the machine.
MAKING_SECONDS = 30e-6
POLL_SECONDS = 0.01
# If nothing more was applied for so long, nothing more will come.
STALL_SECONDS = 3.0


@dataclass(frozen=True)
class Options:
    """What all scenarios take."""

    binary: Path
    directory: Path
    seed: int = 1


@dataclass
class Made:
    """A flood ready to be sent."""

    writes: list[tuple[bytes, int]]
    flood: Flood


@dataclass
class Applied:
    """What became of a flood."""

    published: int
    applied: int
    seconds: float
    """From the last byte given to the kernel to the last event applied."""
    cpu_seconds: float


@dataclass
class Lab:
    """Redis and a cluster; `dashboard` adds what is measured."""

    options: Options
    redis: Redis
    cluster: Cluster
    heart: Heart
    truth: Truth = field(default_factory=Truth)
    sent_events: int = 0
    sent_heartbeats: int = 0
    """Of the floods' events."""
    first: float = math.inf
    last: float = 0.0
    """Timestamps of the first and the last event of all floods."""

    @property
    def published(self) -> int:
        """All events since the first."""
        return self.sent_events + self.heart.beats

    def make(self, events: int) -> Made:
        """A flood of at least that many events, whose last ones happened about when it will be ready."""
        begin = time.time() + events * MAKING_SECONDS - events / PAST_RATE
        flood = Flood(self.cluster, begin, PAST_RATE, events=events)
        return Made(list(in_writes(flood)), flood)

    def count(self, flood: Flood) -> None:
        self.sent_events += flood.events
        self.sent_heartbeats += flood.heartbeats
        self.truth.add(flood.truth)
        self.first = min(self.first, flood.start)
        self.last = max(self.last, flood.end)

    def burst(self, made: Made) -> Sent:
        """Send at full speed. Heartbeats rest until `go_on`."""
        self.heart.rest()
        sent = send_all(self.redis.port, made.writes)
        self.count(made.flood)
        return sent

    def fill(self, tasks: int) -> Sent:
        """Let that many tasks happen, about as fast as their events can be made."""
        self.heart.rest()
        begin = time.time() - tasks * EVENTS_PER_TASK / PAST_RATE
        flood = Flood(self.cluster, begin, PAST_RATE, tasks=tasks)
        sent = send_all(self.redis.port, in_writes(flood))
        self.count(flood)
        return sent

    @contextmanager
    def stream(self, rate: float, seconds: float) -> Iterator[EvenSender]:
        """Send evenly for so long, from a process of its own, while the block runs."""
        events = int(rate * seconds)
        begin = time.time() + 1.0 + events * MAKING_SECONDS
        flood = Flood(self.cluster, begin, rate, events=events)
        slices = in_slices(flood, begin)
        self.heart.rest()
        sender = EvenSender(self.redis.port, slices, time.monotonic() + max(begin - time.time(), 0.1))
        try:
            yield sender
        finally:
            sender.stop()
            self.count(flood)

    def settle(self, dashboard: Dashboard, browser: Browser, sent: Sent, cpu_before: float) -> Applied:
        """Wait until the dashboard has applied all that was published, or no longer gets on."""
        last, last_change, used = -1, time.monotonic(), 0.0
        while True:
            applied = int(browser.pulse()["events_total"])
            now = time.monotonic()
            if applied != last:
                last, last_change = applied, now
                used = cpu_seconds(dashboard.pid) - cpu_before
            if applied >= self.published or now - last_change > STALL_SECONDS:
                return Applied(self.published, applied, last_change - sent.ended, used)
            time.sleep(POLL_SECONDS)


@contextmanager
def laboratory(options: Options, workers: int = 20, types: int = 40) -> Iterator[Lab]:
    """A Redis and a cluster, ended with the block."""
    with Redis(options.directory / "redis") as redis:
        cluster = Cluster(workers, types, seed=options.seed)
        heart = Heart(redis.port, cluster)
        try:
            yield Lab(options, redis, cluster, heart)
        finally:
            heart.stop()


@contextmanager
def watched(lab: Lab, max_tasks: int, *more: str) -> Iterator[tuple[Dashboard, Browser]]:
    """The dashboard on the lab's Redis, subscribed before the first event; then the workers come online."""
    with (
        Dashboard(lab.options.binary, lab.redis, lab.options.directory / "dashboard", max_tasks, *more) as dashboard,
        Browser(dashboard.port) as browser,
    ):
        wait_until("the dashboard to be connected", lambda: is_healthy(browser))
        lab.heart.go_on("online")
        yield dashboard, browser
        dashboard.check()


def is_healthy(browser: Browser) -> bool:
    try:
        return browser.get("/healthcheck") == b"OK"
    except LoadError:
        return False


def load_average() -> float:
    return os.getloadavg()[0]
