"""How long it takes from an event's publication until a browser's table shows it."""

import argparse
import json
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any
from urllib.parse import urlencode

from supervisor.process import die_with_parent

from flood.wire import events_in
from rig import END2END, LoadError
from rig.clock import cpu_seconds, pass_on_nice
from rig.lab import Options, laboratory, load_average, watched
from rig.report import percentile, table
from rig.sender import EvenSender, Sent
from scenarios.loss import told

SCRIPT = END2END / "load/browser/watch.mjs"
READY_SECONDS = 90.0
# The page is drawn, its fonts are loaded, its rows are there.
WARM_UP_SECONDS = 3.0
# The screen's word for what an event leads to.
STATES = {
    "task-sent": "pending",
    "task-received": "received",
    "task-started": "started",
    "task-succeeded": "success",
    "task-failed": "failure",
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--rate", type=float, default=1_000, metavar="R", help="events a second (default 1000)")
    parser.add_argument("--seconds", type=float, default=30, metavar="S", help="default 30")


def run(options: Options, arguments: argparse.Namespace) -> dict[str, Any]:
    with laboratory(options) as lab, watched(lab, 100_000) as (dashboard, browser):
        # Some past, so that the tables are full from the start.
        lab.fill(5_000)
        lab.heart.go_on()
        # One that runs long enough to be seen in each state.
        name = max(lab.cluster.types, key=lambda kind: kind.runtime).name
        pages = {"all tasks": ("/tasks", None), "one task type": ("/tasks?" + urlencode({"name": name}), name)}
        rows = []
        # One page at a time: two would compete for the processor, which is no browser's fault.
        for title, (path, only) in pages.items():
            load = load_average()
            with page(f"http://127.0.0.1:{dashboard.port}{path}") as watching:
                with lab.stream(arguments.rate, arguments.seconds + WARM_UP_SECONDS) as sender:
                    time.sleep(max(sender.start - time.monotonic(), 0.0))
                    cpu = cpu_seconds(dashboard.pid)
                    sent = sender.wait(arguments.seconds + WARM_UP_SECONDS + 60.0)
                    used = cpu_seconds(dashboard.pid) - cpu
                time.sleep(1.0)
                seen = watching()
            lab.heart.go_on()
            row = {"page": title} | delays(sender, sent, seen, only)
            row["dashboard_cpu_percent"] = used / (sent.ended - sent.began) * 100
            rows.append(row | {"sender_late_ms": sent.latest * 1e3, "load": load})
        figures = told(lab, browser)
    print(f"from publication to the table at {arguments.rate:,.0f} events a second (milliseconds)\n{table(rows)}")
    return {"rate": arguments.rate, "pages": rows, "told": figures}


Seen = list[tuple[str, str, float]]
"""Task id, state as the screen spells it, seconds since the epoch."""


@contextmanager
def page(url: str) -> Iterator[Callable[[], Seen]]:
    """A page in a real browser; the function ends it and returns what was seen."""
    process = subprocess.Popen(
        ["node", str(SCRIPT), url],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
        preexec_fn=die_with_parent,
    )

    def finish() -> Seen:
        answer, _ = process.communicate(timeout=READY_SECONDS)
        if process.returncode != 0:
            raise LoadError(f"the browser ended with code {process.returncode}; its words are above")
        return [(task, state, at / 1e3) for _, task, state, at in json.loads(answer)]

    try:
        pass_on_nice(process.pid)
        assert process.stdout is not None
        if process.stdout.readline() != "ready\n":
            raise LoadError(f"the browser could not open {url}; its words are above")
        yield finish
    finally:
        # The script ends the browser; its group holds both, should it not.
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def delays(sender: EvenSender, sent: Sent, seen: Seen, only: str | None) -> dict[str, Any]:
    """Milliseconds from each event's publication until the table showed what it led to.

    `only` names the task type that the table is of.
    """
    published: dict[tuple[str, str], float] = {}
    passed_over: set[str] = set()
    epoch = time.time() - time.monotonic()
    for (_, data, _), at in zip(sender.slices, sent.times, strict=True):
        if at < sent.began + WARM_UP_SECONDS:
            continue
        for event in events_in(data):
            # A retried task's states come twice, so which event a state came from would be a guess.
            if event["type"] == "task-retried" or (only and event.get("name", only) != only):
                passed_over.add(event["uuid"])
            if state := STATES.get(event["type"]):
                published[event["uuid"], state] = at + epoch
    counted = {key: at for key, at in published.items() if key[0] not in passed_over}
    took = [(at - counted[task, state]) * 1e3 for task, state, at in seen if (task, state) in counted]
    if not took:
        raise LoadError("the browser has seen none of the changes")
    if min(took) < 0:
        raise LoadError(f"a change was seen {-min(took):.1f} ms before it was published: the clocks are wrong")
    return {
        "changes_seen": len(took),
        "of_published": len(counted),
        "p50": percentile(took, 0.5),
        "p95": percentile(took, 0.95),
        "p99": percentile(took, 0.99),
        "max": max(took),
    }
