"""Where the time goes: the share of each stage in the CPU time of a burst."""

import argparse
import re
import shutil
from collections import Counter
from pathlib import Path
from typing import Any

from rig import LoadError
from rig.clock import cpu_seconds
from rig.lab import Options, laboratory, watched
from rig.report import table
from rig.samples import Stack, recorded, stacks

# From the innermost function outwards, the first one that matches any of these tells the stage.
STAGES: list[tuple[str, re.Pattern[str]]] = [
    (stage, re.compile(pattern))
    for stage, pattern in [
        ("base64", r"base64|protocol/src/envelope"),
        ("find messages in the stream", r"monitor/src/broker/resp"),
        ("texts of tasks", r"state/tasks/text\.rs|^set_text |Segment::set_text"),
        ("forget old tasks", r"^(monitor::\S*)?(evict|forget\w*) "),
        ("find the task", r"^(monitor::\S*)?(find_or_insert|find_key|find|key|append) \S*state/tasks/mod"),
        # What `mod.rs` has besides is called by these.
        ("attempts and columns of tasks", r"state/tasks/(?!mod)"),
        ("ledger and workers", r"state/(workers|ledger)"),
        ("figures over time, counters", r"state/(throughput|metrics|histogram|health)"),
        ("other work on the state", r"monitor/src/state/(?!tasks/mod)"),
        ("decode JSON", r"protocol/src/"),
        ("hand over: queue, lock, waking", r"monitor/src/(intake|cell|aggregator)|parking_lot"),
        ("read the socket", r"monitor/src/broker/"),
        ("views and pages: being asked", r"monitor/src/(?!state)|server/src|tokio|hyper|axum"),
    ]
]
OTHER = "other"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--events", type=int, default=1_000_000, metavar="N", help="of the burst (default 1000000)")
    parser.add_argument("--max-tasks", type=int, default=100_000, metavar="N", help="default 100000")
    parser.add_argument("--samples", type=Path, metavar="FILE", help="keep what perf recorded here")


def run(options: Options, arguments: argparse.Namespace) -> dict[str, Any]:
    for program in ("perf", "addr2line", "readelf"):
        if shutil.which(program) is None:
            raise LoadError(f"{program} is needed to tell where the time goes")
    file: Path = arguments.samples or options.directory / "samples"
    with laboratory(options) as lab, watched(lab, arguments.max_tasks) as (dashboard, browser):
        made = lab.make(arguments.events)
        before = int(browser.pulse()["events_total"])
        cpu = cpu_seconds(dashboard.pid)
        with recorded(dashboard.pid, file):
            outcome = lab.settle(dashboard, browser, lab.burst(made), cpu)
    applied = outcome.applied - before
    counts: Counter[tuple[str, str]] = Counter()
    for thread, stack in stacks(file, options.binary):
        counts[thread, stage_of(stack)] += 1
    samples = sum(counts.values())
    if counts[("celeriac-aggregat", OTHER)] > samples / 2:
        raise LoadError("the binary has no names of lines; README.md tells how to build one that has")
    figures: dict[str, Any] = {
        "applied": applied,
        "lost": outcome.published - outcome.applied,
        "cpu_s": outcome.cpu_seconds,
        "events_per_cpu_s": round(applied / outcome.cpu_seconds),
        "samples": samples,
    }
    print(table([figures]))
    figures["stages"] = [
        {
            "thread": thread,
            "stage": stage,
            "percent": count / samples * 100,
            "ns_per_event": count / samples * outcome.cpu_seconds / applied * 1e9,
        }
        for (thread, stage), count in sorted(counts.items(), key=lambda item: -item[1])
        if count >= samples / 500
    ]
    print(f"\n{table(figures['stages'])}")
    return figures


def stage_of(stack: Stack) -> str:
    for function in stack:
        for stage, pattern in STAGES:
            if pattern.search(function):
                return stage
    return OTHER
