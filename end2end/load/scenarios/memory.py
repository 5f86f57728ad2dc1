"""How much memory a finished task takes, with all its text."""

import argparse
import time
from typing import Any

from rig import LoadError
from rig.clock import cpu_seconds, memory_bytes
from rig.http import Browser
from rig.lab import Lab, Options, laboratory, load_average, watched
from rig.processes import Dashboard
from rig.report import MEGABYTE, table

IDLE_SECONDS = 4.0
SETTLE_SECONDS = 4.0


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--tasks", type=int, default=1_000_000, metavar="N", help="finished tasks (default 1000000)")


def run(options: Options, arguments: argparse.Namespace) -> dict[str, Any]:
    with laboratory(options) as lab, watched(lab, 100_000) as (dashboard, _):
        time.sleep(IDLE_SECONDS)
        idle = memory_bytes(dashboard.pid)[0]
    with laboratory(options) as lab, watched(lab, room_for(arguments.tasks)) as (dashboard, browser):
        figures = {"idle_mb_default": idle / MEGABYTE} | filled(lab, dashboard, browser, arguments.tasks)
    print(table([figures]))
    return figures


def room_for(tasks: int) -> int:
    """A limit at which none of so many tasks is forgotten, whatever the size of the parts they are kept in."""
    return tasks + 100_000


def filled(lab: Lab, dashboard: Dashboard, browser: Browser, tasks: int) -> dict[str, Any]:
    """Fill the dashboard; its memory before and after."""
    time.sleep(IDLE_SECONDS)
    idle = memory_bytes(dashboard.pid)[0]
    load, cpu = load_average(), cpu_seconds(dashboard.pid)
    sent = lab.fill(tasks)
    outcome = lab.settle(dashboard, browser, sent, cpu)
    lab.heart.go_on()
    if outcome.applied < outcome.published:
        raise LoadError(f"{outcome.published - outcome.applied} of {outcome.published} events were lost while filling")
    time.sleep(SETTLE_SECONDS)
    resident, peak = memory_bytes(dashboard.pid)
    stored = int(browser.metrics()["celeriac_tasks"])
    if stored != lab.truth.tasks:
        raise LoadError(f"{lab.truth.tasks} tasks were published, the dashboard has {stored}")
    return {
        "tasks": stored,
        "text_bytes_per_task": lab.truth.text_bytes / stored,
        "idle_mb": idle / MEGABYTE,
        "filled_mb": resident / MEGABYTE,
        "peak_mb": peak / MEGABYTE,
        "bytes_per_task": (resident - idle) / stored,
        "events_per_cpu_s": round(lab.published / outcome.cpu_seconds),
        "load": load,
    }
