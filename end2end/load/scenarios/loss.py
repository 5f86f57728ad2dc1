"""What the dashboard says that it has missed, and whether that is true."""

import re
import time
from typing import Any

from flood.cluster import HEARTBEAT_SECONDS
from rig.http import Browser
from rig.lab import Lab

REST_SECONDS = 2.0
# A ledger that three heartbeats have not changed is settled; a worker that fell silent takes longest.
SETTLED_SECONDS = 3 * HEARTBEAT_SECONDS
LONGEST_SECONDS = 30.0
STARTED = re.compile(r'^flower_events_total\{[^\n]*type="task-started"[^\n]*\} (\S+)$', re.MULTILINE)


def told(lab: Lab, browser: Browser) -> dict[str, Any]:
    """Its own words on loss since its start, beside what was published; heartbeats rest from now on.

    Workers count the tasks they started, so a loss is told as starts that no event told of.
    """
    lab.heart.rest()
    pulse, metrics = at_rest(lab, browser), browser.metrics()
    seen = sum(float(count) for count in STARTED.findall(browser.get("/metrics").decode()))
    # Absent from binaries that keep no ledger.
    missed = metrics.get("celeriac_missed_tasks_total")
    lost_starts = lab.truth.tasks + lab.truth.retried - round(seen)
    lost = lab.published - int(pulse["events_total"])
    return {
        "published": lab.published,
        "applied": int(pulse["events_total"]),
        "lost": lost,
        "lost_starts": lost_starts,
        "missed_starts_told": None if missed is None else int(missed),
        "dropped_messages_told": int(pulse["dropped_total"]),
        "undecodable_messages_told": int(pulse["undecodable_total"]),
        "gaps_told": int(metrics["celeriac_gaps_total"]),
        "is_exact": lost == 0 or lost_starts == missed,
    }


def wait_for_ledger(browser: Browser) -> None:
    """Wait, while heartbeats come, until what the dashboard says of loss no longer changes."""
    deadline = time.monotonic() + LONGEST_SECONDS
    last, since = None, time.monotonic()
    while (now := time.monotonic()) < deadline and now - since < SETTLED_SECONDS:
        missed = browser.metrics().get("celeriac_missed_tasks_total")
        if missed != last:
            last, since = missed, now
        time.sleep(0.1)


def at_rest(lab: Lab, browser: Browser) -> dict[str, Any]:
    """The pulse once all was applied, or nothing more comes."""
    deadline = time.monotonic() + REST_SECONDS
    while True:
        pulse = browser.pulse()
        if int(pulse["events_total"]) >= lab.published or time.monotonic() > deadline:
            return pulse
        time.sleep(0.02)
