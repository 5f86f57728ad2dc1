"""Bursts at Redis's full speed: is every event applied, how soon, and what does it cost?"""

import argparse
import multiprocessing
import signal
import socket
import time
from contextlib import suppress
from multiprocessing.connection import Connection
from typing import Any

from supervisor.components import HOST
from supervisor.process import die_with_parent

from rig.clock import cpu_seconds, memory_bytes, reset_peak
from rig.http import Browser
from rig.lab import Lab, Made, Options, laboratory, load_average, watched
from rig.processes import Dashboard
from rig.report import MEGABYTE, table
from rig.sender import send_all
from scenarios.loss import told, wait_for_ledger

# The last heartbeats before a burst are applied by then.
BEFORE_SECONDS = 0.3
SETTLE_SECONDS = 2.0
QUIET_SECONDS = 1.0
MARK = b"$8\r\npmessage\r\n"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--events", type=int, default=400_000, metavar="N", help="events of a burst (default 400000)")
    parser.add_argument("--times", type=int, default=10, metavar="N", help="bursts, one after the other (default 10)")
    parser.add_argument("--max-tasks", type=int, default=100_000, metavar="N", help="default 100000")
    parser.add_argument("--buffer", type=int, metavar="BYTES", help="the dashboard's --buffer-bytes, to see what it drops")
    parser.add_argument("--no-limits", action="store_true", help="do not measure Redis alone first")


def run(options: Options, arguments: argparse.Namespace) -> dict[str, Any]:
    figures: dict[str, Any] = {"events": arguments.events, "max_tasks": arguments.max_tasks, "buffer": arguments.buffer}
    more = () if arguments.buffer is None else ("--buffer-bytes", str(arguments.buffer))
    with laboratory(options) as lab:
        if not arguments.no_limits:
            figures["limits"] = limits(lab, arguments.events)
            print(f"What Redis and the sender reach alone\n{table(figures['limits'])}\n")
    with laboratory(options) as lab, watched(lab, arguments.max_tasks, *more) as (dashboard, browser):
        figures["runs"] = [one(lab, dashboard, browser, arguments.events) for _ in range(arguments.times)]
        lab.heart.go_on()
        figures["summary"] = summary(lab, browser, figures["runs"])
    print(f"The dashboard, bursts of {arguments.events:,} events\n{table(figures['runs'])}\n")
    print(table([figures["summary"]]))
    return figures


def one(lab: Lab, dashboard: Dashboard, browser: Browser, events: int) -> dict[str, Any]:
    """One burst."""
    made = lab.make(events)
    lab.heart.rest()
    time.sleep(BEFORE_SECONDS)
    before = browser.pulse()
    missing_before = lab.published - int(before["events_total"])
    overruns = lab.redis.overruns()
    reset_peak(dashboard.pid)
    load, cpu = load_average(), cpu_seconds(dashboard.pid)
    sent = lab.burst(made)
    outcome = lab.settle(dashboard, browser, sent, cpu)
    applied = outcome.applied - int(before["events_total"])
    time.sleep(SETTLE_SECONDS)
    resident, peak = memory_bytes(dashboard.pid)
    lab.heart.go_on()
    return {
        "events": made.flood.events,
        "send_s": sent.seconds,
        "events_per_s": round(made.flood.events / sent.seconds),
        "applied": applied,
        "lost": outcome.published - outcome.applied - missing_before,
        "behind_s": outcome.seconds,
        "cpu_s": outcome.cpu_seconds,
        "events_per_cpu_s": round(applied / outcome.cpu_seconds),
        "peak_mb": peak / MEGABYTE,
        "settled_mb": resident / MEGABYTE,
        "closed_by_redis": lab.redis.overruns() - overruns,
        "unheard_messages": sent.unheard,
        "load": load,
    }


def summary(lab: Lab, browser: Browser, runs: list[dict[str, Any]]) -> dict[str, Any]:
    """All bursts together, and whether what is missing is what the dashboard says."""
    if any(run["lost"] for run in runs):
        wait_for_ledger(browser)
    return {
        "runs": len(runs),
        "runs_without_loss": sum(run["lost"] == 0 for run in runs),
        **told(lab, browser),
        "behind_s_max": max(run["behind_s"] for run in runs),
        "events_per_cpu_s": round(sum(run["applied"] for run in runs) / sum(run["cpu_s"] for run in runs)),
    }


# === Without the dashboard ===


def limits(lab: Lab, events: int) -> list[dict[str, Any]]:
    """The same flood with no subscriber, and with one that only reads."""
    made = lab.make(events)
    return [limit("nobody", lab, made), limit("a reader", lab, made)]


def limit(who: str, lab: Lab, made: Made) -> dict[str, Any]:
    overruns, load = lab.redis.overruns(), load_average()
    received = None
    if who == "nobody":
        sent = send_all(lab.redis.port, made.writes)
    else:
        context = multiprocessing.get_context("fork")
        inbox, outbox = context.Pipe(duplex=False)
        reader = context.Process(target=read, args=(outbox, lab.redis.port), daemon=True)
        reader.start()
        try:
            inbox.recv()
            sent = send_all(lab.redis.port, made.writes)
            received = inbox.recv()
        finally:
            reader.terminate()
            reader.join()
    return {
        "subscriber": who,
        "events": made.flood.events,
        "messages": sent.messages,
        "received_messages": received,
        "bytes_per_event": made.flood.bytes / made.flood.events,
        "send_s": sent.seconds,
        "events_per_s": round(made.flood.events / sent.seconds),
        "closed_by_redis": lab.redis.overruns() - overruns,
        "load": load,
    }


def read(outbox: Connection, port: int) -> None:
    """Subscribe, count messages, tell how many there were once none come any more."""
    die_with_parent()
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    buffer = bytearray(MEGABYTE)
    view = memoryview(buffer)
    with socket.create_connection((HOST, port)) as connection:
        connection.sendall(b"PSUBSCRIBE /0.celeryev/*\r\n")
        connection.recv(1_000)
        outbox.send("subscribed")
        count, kept = 0, 0
        with suppress(TimeoutError):
            while length := connection.recv_into(view[kept:]):
                end = kept + length
                count += buffer.count(MARK, 0, end)
                # A mark may be cut in two: its first part is looked at again with the next read.
                kept = min(len(MARK) - 1, end)
                view[:kept] = bytes(view[end - kept : end])
                connection.settimeout(QUIET_SECONDS)
    outbox.send(count)
