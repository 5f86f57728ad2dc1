"""Flower 2.2.0 and the dashboard, one after the other, on the same flood: the same bytes, the same Redis settings."""

import argparse
import json
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any, Protocol
from urllib.parse import urlencode

from flood.work import FEW_NEEDLE, MANY_NEEDLE, NO_NEEDLE
from rig import LoadError
from rig.clock import cpu_seconds, memory_bytes
from rig.flower import Flower, events_total
from rig.http import Browser
from rig.lab import Lab, Options, laboratory, load_average
from rig.processes import Dashboard, Process, wait_until
from rig.report import MEGABYTE, percentile, table

MAX_TASKS = 100_000
PAGE = 50
SAMPLES = 30
LEAST_SAMPLES = 5
PAGE_SECONDS = 3.0
IDLE_SECONDS = 5.0
# A process that uses less of a core than this, for that long, has applied all it will.
QUIET_SHARE = 0.1
QUIET_SECONDS = 1.5
LOOK_SECONDS = 0.1
MOST_SECONDS = 300.0


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--events", type=int, default=80_000, metavar="N", help="of a burst at full speed (default 80000)"
    )
    parser.add_argument(
        "--rate", type=float, default=5_000, metavar="R", help="events a second otherwise (default 5000)"
    )
    parser.add_argument(
        "--tasks", type=int, default=50_000, metavar="N", help="about so many at this rate (default 50000)"
    )


def run(options: Options, arguments: argparse.Namespace) -> dict[str, Any]:
    contestants = {"flower": theirs, "celeriac": ours}
    figures: dict[str, Any] = {"burst": [], "stream": [], "pages": {}}
    for name, start in contestants.items():
        with laboratory(options) as lab, start(lab) as subject:
            figures["burst"].append({"who": name} | burst(lab, subject, arguments.events))
        with laboratory(options) as lab, start(lab) as subject:
            figures["stream"].append({"who": name} | stream(lab, subject, arguments))
            figures["pages"][name] = pages(lab, subject)
    print(f"{arguments.events:,} events at full speed\n{table(figures['burst'])}\n")
    print(f"{arguments.rate:,.0f} events a second\n{table(figures['stream'])}\n")
    figures["compared"] = compare(figures["pages"])
    print(f"pages of {PAGE} (milliseconds)\n{table(figures['compared'])}\n")
    figures["ratios"] = ratios(figures)
    print(table([figures["ratios"]]))
    return figures


# === The two ===


class Subject(Protocol):
    """What is asked of either."""

    process: Process
    browser: Browser
    counts_heartbeats: bool

    def applied(self) -> int:
        """Events applied since the start, as it says itself."""

    def ask(self, query: dict[str, str]) -> tuple[int, float]:
        """A page's total, and the seconds it took."""


@dataclass
class Ours:
    """The dashboard."""

    process: Process
    browser: Browser
    counts_heartbeats: bool = True

    def applied(self) -> int:
        return int(self.browser.pulse()["events_total"])

    def ask(self, query: dict[str, str]) -> tuple[int, float]:
        path = "/api/v1/snapshot?" + urlencode({"topic": "tasks", "limit": str(PAGE)} | query)
        answer, seconds = self.browser.timed(path)
        return json.loads(answer)["view"]["of"]["total"], seconds


@dataclass
class Theirs:
    """Flower; its pages are those of the table on its tasks page."""

    process: Process
    browser: Browser
    counts_heartbeats: bool = False

    def applied(self) -> int:
        return events_total(self.browser.get("/metrics").decode())

    def ask(self, query: dict[str, str]) -> tuple[int, float]:
        sort = query.get("sort", "-received")
        terms = [f"{field}:{query[field]}" for field in ("state", "name", "worker") if field in query]
        terms += [query["search"]] if "search" in query else []
        form = {
            "draw": "1",
            "start": query.get("offset", "0"),
            "length": str(PAGE),
            "search[value]": " ".join(terms),
            "order[0][column]": "0",
            "order[0][dir]": "desc" if sort.startswith("-") else "asc",
            "columns[0][data]": sort.lstrip("-"),
        }
        answer, seconds = self.browser.timed("/tasks/datatable?" + urlencode(form))
        found = json.loads(answer)
        if error := found.get("searchError"):
            raise LoadError(f"Flower refuses {terms}: {error}")
        return found["recordsFiltered"], seconds


@contextmanager
def ours(lab: Lab) -> Iterator[Subject]:
    with ExitStack() as stack:
        directory = lab.options.directory / "dashboard"
        dashboard = stack.enter_context(Dashboard(lab.options.binary, lab.redis, directory, MAX_TASKS))
        browser = stack.enter_context(Browser(dashboard.port))
        yield from listening(lab, Ours(dashboard, browser))


@contextmanager
def theirs(lab: Lab) -> Iterator[Subject]:
    with ExitStack() as stack:
        flower = stack.enter_context(Flower(lab.redis, lab.options.directory / "flower", MAX_TASKS))
        browser = stack.enter_context(Browser(flower.port))
        yield from listening(lab, Theirs(flower, browser))


def listening(lab: Lab, subject: Subject) -> Iterator[Subject]:
    """Once it has subscribed, the workers come online."""
    wait_until("a subscription to events", lambda: lab.redis.patterns() > 0)
    time.sleep(1.0)
    lab.heart.go_on("online")
    yield subject
    subject.process.check()


# === The three trials ===


def settled(subject: Subject) -> float:
    """When the process came to rest after much work, by the monotonic clock."""
    pid, give_up = subject.process.pid, time.monotonic() + MOST_SECONDS
    busy_at, at, cpu = time.monotonic(), time.monotonic(), cpu_seconds(pid)
    while (now := time.monotonic()) - busy_at < QUIET_SECONDS:
        if now > give_up:
            raise LoadError(f"{subject.process.component.name} is still busy after {MOST_SECONDS:g} s")
        time.sleep(LOOK_SECONDS)
        used, passed = cpu_seconds(pid) - cpu, time.monotonic() - at
        cpu, at = cpu + used, at + passed
        if used > QUIET_SHARE * passed:
            busy_at = at
    return busy_at


def burst(lab: Lab, subject: Subject, events: int) -> dict[str, Any]:
    made = lab.make(events)
    lab.heart.rest()
    settled(subject)
    before, load, overruns = subject.applied(), load_average(), lab.redis.overruns()
    cpu = cpu_seconds(subject.process.pid)
    sent = lab.burst(made)
    rested = settled(subject)
    used = cpu_seconds(subject.process.pid) - cpu
    applied = subject.applied() - before
    flood = made.flood
    events = flood.events if subject.counts_heartbeats else flood.events - flood.heartbeats
    lost = events - applied
    return {
        "events": events,
        "applied": applied,
        "lost": lost,
        "lost_percent": lost / events * 100,
        "behind_s": max(rested - sent.ended, 0.0),
        "cpu_s": used,
        "us_per_event": used / applied * 1e6,
        "closed_by_redis": lab.redis.overruns() - overruns,
        "load": load,
    }


def stream(lab: Lab, subject: Subject, arguments: argparse.Namespace) -> dict[str, Any]:
    time.sleep(IDLE_SECONDS)
    pid = subject.process.pid
    idle, load = memory_bytes(pid)[0], load_average()
    before = subject.applied()
    seconds = arguments.tasks * 4 / arguments.rate
    with lab.stream(arguments.rate, seconds) as sender:
        time.sleep(max(sender.start - time.monotonic(), 0.0))
        cpu, beats = cpu_seconds(pid), lab.heart.beats
        sent = sender.wait(seconds + MOST_SECONDS)
        rested = settled(subject)
        used = cpu_seconds(pid) - cpu
    published = lab.sent_events + lab.heart.beats - beats
    if not subject.counts_heartbeats:
        published = lab.sent_events - lab.sent_heartbeats
    applied = subject.applied() - before
    lab.heart.go_on()
    resident = memory_bytes(pid)[0]
    return {
        "tasks": lab.truth.tasks,
        "events": published,
        "lost": published - applied,
        "behind_s": max(rested - sent.ended, 0.0),
        "cpu_percent": used / (max(rested, sent.ended) - sent.began) * 100,
        "us_per_event": used / applied * 1e6,
        "idle_mb": idle / MEGABYTE,
        "resident_mb": resident / MEGABYTE,
        "bytes_per_task": (resident - idle) / lab.truth.tasks,
        "load": load,
    }


def pages(lab: Lab, subject: Subject) -> list[dict[str, Any]]:
    """Pages that both have."""
    kind, worker = lab.cluster.types[0].name, lab.cluster.workers[0].name
    questions: dict[str, dict[str, str]] = {
        "no filter": {},
        "state": {"state": "FAILURE"},
        "name": {"name": kind},
        "worker": {"worker": worker},
        "sort by name": {"sort": "name"},
        "sort by runtime": {"sort": "-runtime"},
        "search: many hits": {"search": MANY_NEEDLE},
        "search: few hits": {"search": FEW_NEEDLE},
        "search: none": {"search": NO_NEEDLE},
        "offset, half way": {"offset": str(lab.truth.tasks // 2)},
    }
    rows = []
    for name, query in questions.items():
        took: list[float] = []
        deadline = time.monotonic() + PAGE_SECONDS
        total, _ = subject.ask(query)
        while len(took) < SAMPLES and (time.monotonic() < deadline or len(took) < LEAST_SAMPLES):
            took.append(subject.ask(query)[1] * 1e3)
        rows.append({"page": name, "total": total, "p50": percentile(took, 0.5), "p95": percentile(took, 0.95)})
    return rows


# === Side by side ===


def compare(pages: dict[str, list[dict[str, Any]]]) -> list[dict[str, Any]]:
    return [
        {
            "page": mine["page"],
            "flower_total": other["total"],
            "celeriac_total": mine["total"],
            "flower_p50": other["p50"],
            "celeriac_p50": mine["p50"],
            "flower_p95": other["p95"],
            "celeriac_p95": mine["p95"],
            "times_faster_p95": other["p95"] / mine["p95"],
        }
        for other, mine in zip(pages["flower"], pages["celeriac"], strict=True)
    ]


def ratios(figures: dict[str, Any]) -> dict[str, Any]:
    """Flower's cost as a multiple of ours."""
    (burst_theirs, burst_ours), (theirs, ours) = figures["burst"], figures["stream"]
    faster = sorted(row["times_faster_p95"] for row in figures["compared"])
    return {
        "cpu_per_event_burst": burst_theirs["us_per_event"] / burst_ours["us_per_event"],
        "cpu_per_event_stream": theirs["us_per_event"] / ours["us_per_event"],
        "memory_per_task": theirs["bytes_per_task"] / ours["bytes_per_task"],
        "idle_memory": theirs["idle_mb"] / ours["idle_mb"],
        "page_p95_least": faster[0],
        "page_p95_median": percentile(faster, 0.5),
        "page_p95_most": faster[-1],
    }
