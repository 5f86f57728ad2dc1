"""How cost grows with tasks, workers, task types and browsers; with a picture."""

import argparse
import time
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from flood.work import NO_NEEDLE
from rig import LoadError
from rig.clock import cpu_seconds, memory_bytes
from rig.http import Browser
from rig.lab import Lab, Options, laboratory, load_average, watched
from rig.plot import Panel, Series, draw
from rig.processes import Dashboard
from rig.report import MEGABYTE, percentile, table
from scenarios import browsers
from scenarios.memory import room_for

TASKS = [10_000, 30_000, 100_000, 300_000, 1_000_000]
SIZES = [1, 10, 100, 1_000]
BROWSERS = [0, 1, 5, 10, 25, 50]
SETTLE_SECONDS = 2.0
SAMPLES = 30
LEAST_SAMPLES = 5
PAGE_SECONDS = 1.5


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--most-tasks", type=int, default=TASKS[-1], metavar="N", help="default 1000000")
    parser.add_argument("--tasks", type=int, default=50_000, metavar="N", help="for workers and types (default 50000)")
    parser.add_argument("--rate", type=float, default=1_000, metavar="R", help="with browsers, events/s (default 1000)")
    parser.add_argument("--seconds", type=float, default=10, metavar="S", help="with browsers (default 10)")
    parser.add_argument(
        "--figure", type=Path, metavar="FILE", help="the picture (default: growth.svg beside the JSON file)"
    )


def run(options: Options, arguments: argparse.Namespace) -> dict[str, Any]:
    figures = {"tasks": by_tasks(options, arguments)}
    print(f"tasks in memory\n{table(figures['tasks'])}\n", flush=True)
    figures["workers"] = [by_size(options, arguments.tasks, workers=size) for size in SIZES]
    print(f"workers, {arguments.tasks:,} tasks\n{table(figures['workers'])}\n", flush=True)
    figures["types"] = [by_size(options, arguments.tasks, types=size) for size in SIZES]
    print(f"task types, {arguments.tasks:,} tasks\n{table(figures['types'])}\n", flush=True)
    figures["browsers"] = by_browsers(options, arguments)
    print(f"browsers at {arguments.rate:,.0f} events a second\n{table(figures['browsers'])}\n")
    file = arguments.figure or arguments.output / "growth.svg"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(picture(figures))
    print(file)
    return figures


def by_tasks(options: Options, arguments: argparse.Namespace) -> list[dict[str, Any]]:
    """One dashboard that is filled step by step; CPU is that of the last step's events."""
    rows = []
    with laboratory(options) as lab, watched(lab, room_for(arguments.most_tasks)) as (dashboard, browser):
        time.sleep(SETTLE_SECONDS)
        idle = memory_bytes(dashboard.pid)[0]
        for tasks in [size for size in TASKS if size <= arguments.most_tasks]:
            row = {"tasks": tasks} | filled(lab, dashboard, browser, tasks - lab.truth.tasks)
            row["bytes_per_task"] = (memory_bytes(dashboard.pid)[0] - idle) / tasks
            rows.append(row | pages(lab, browser))
    return rows


def by_size(options: Options, tasks: int, workers: int = 20, types: int = 40) -> dict[str, Any]:
    """The same tasks on another cluster."""
    with laboratory(options, workers, types) as lab, watched(lab, room_for(tasks)) as (dashboard, browser):
        size = {"workers": workers, "types": types}
        return size | filled(lab, dashboard, browser, tasks) | pages(lab, browser)


def by_browsers(options: Options, arguments: argparse.Namespace) -> list[dict[str, Any]]:
    """Live tables on one dashboard."""
    with laboratory(options) as lab, watched(lab, room_for(arguments.tasks)) as (dashboard, browser):
        filled(lab, dashboard, browser, arguments.tasks)
        return [browsers.one(lab, dashboard, browser, count, arguments.rate, arguments.seconds) for count in BROWSERS]


def filled(lab: Lab, dashboard: Dashboard, browser: Browser, tasks: int) -> dict[str, Any]:
    """So many more tasks."""
    load, cpu, before = load_average(), cpu_seconds(dashboard.pid), lab.published
    sent = lab.fill(tasks)
    outcome = lab.settle(dashboard, browser, sent, cpu)
    lab.heart.go_on()
    if outcome.applied < outcome.published:
        raise LoadError(f"{outcome.published - outcome.applied} events were lost while filling")
    time.sleep(SETTLE_SECONDS)
    return {
        "us_per_event": outcome.cpu_seconds / (outcome.published - before) * 1e6,
        "resident_mb": memory_bytes(dashboard.pid)[0] / MEGABYTE,
        "load": load,
    }


def pages(lab: Lab, browser: Browser) -> dict[str, float]:
    """Milliseconds (95th percentile) of some pages."""
    asked = {
        "first_ms": {},
        "filter_ms": {"name": lab.cluster.types[0].name, "state": "FAILURE"},
        "sort_ms": {"sort": "-runtime"},
        "search_ms": {"search": NO_NEEDLE},
    }
    return {name: slowest(browser, {"topic": "tasks", "limit": "50"} | query) for name, query in asked.items()} | {
        "overview_ms": slowest(browser, {"topic": "overview"}),
        "workers_ms": slowest(browser, {"topic": "workers"}),
    }


def slowest(browser: Browser, query: dict[str, str]) -> float:
    path = "/api/v1/snapshot?" + urlencode(query)
    browser.get(path)
    took: list[float] = []
    deadline = time.monotonic() + PAGE_SECONDS
    while len(took) < SAMPLES and (time.monotonic() < deadline or len(took) < LEAST_SAMPLES):
        took.append(browser.timed(path)[1] * 1e3)
    return percentile(took, 0.95)


# === The picture ===


def picture(figures: dict[str, Any]) -> str:
    """Small multiples: a column for what grows, a row for what it costs."""

    def series(rows: str, x: str, **names: str) -> list[Series]:
        return [
            Series(label.replace("_", " "), [(row[x], row[column]) for row in figures[rows]])
            for label, column in names.items()
        ]

    work = {"workers": "workers", "types": "task types"}
    panels = [
        Panel("CPU of an event", "tasks in memory", "µs", series("tasks", "tasks", event="us_per_event")),
        *(
            Panel("CPU of an event", text, "µs", series(rows, rows, event="us_per_event"))
            for rows, text in work.items()
        ),
        Panel(
            "CPU of live tables", "browsers", "% of a core", series("browsers", "browsers", cpu="cpu_percent"), False
        ),
        Panel("Resident memory", "tasks in memory", "MB", series("tasks", "tasks", memory="resident_mb")),
        *(
            Panel("Resident memory", text, "MB", series(rows, rows, memory="resident_mb"))
            for rows, text in work.items()
        ),
        Panel("Resident memory", "browsers", "MB", series("browsers", "browsers", memory="resident_mb"), False),
        Panel(
            "A page, 95th percentile",
            "tasks in memory",
            "ms",
            series("tasks", "tasks", first="first_ms", filter="filter_ms", sort="sort_ms", search="search_ms"),
        ),
        *(
            Panel(
                "A page, 95th percentile",
                text,
                "ms",
                series(rows, rows, first="first_ms", workers="workers_ms", overview="overview_ms", search="search_ms"),
            )
            for rows, text in work.items()
        ),
        Panel("Sent to all browsers", "browsers", "KB/s", series("browsers", "browsers", sent="kb_per_s"), False),
    ]
    return draw(panels, columns=4)
