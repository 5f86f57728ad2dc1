"""What many browsers with a live table cost: their streams, read as an EventSource reads them."""

import argparse
import asyncio
import multiprocessing
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing.connection import Connection
from typing import Any
from urllib.parse import urlencode

from supervisor.components import HOST
from supervisor.process import die_with_parent

from flood.work import MANY_NEEDLE
from rig import LoadError
from rig.clock import cpu_seconds, memory_bytes
from rig.http import Browser
from rig.lab import Lab, Options, laboratory, load_average, watched
from rig.processes import Dashboard
from rig.report import MEGABYTE, table
from scenarios.loss import told

READY_SECONDS = 30.0
# Until the first changes have come and the engine has found its pace.
WARM_UP_SECONDS = 2.0
DELTA = b'{"frame":"delta","from":'


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--count", type=int, default=50, metavar="N", help="browsers (default 50)")
    parser.add_argument("--rate", type=float, default=1_000, metavar="R", help="events a second (default 1000)")
    parser.add_argument("--seconds", type=float, default=20, metavar="S", help="default 20")
    parser.add_argument("--tasks", type=int, default=100_000, metavar="N", help="in memory before (default 100000)")


def run(options: Options, arguments: argparse.Namespace) -> dict[str, Any]:
    with laboratory(options) as lab, watched(lab, arguments.tasks + 100_000) as (dashboard, browser):
        lab.fill(arguments.tasks)
        lab.heart.go_on()
        rows = [
            one(lab, dashboard, browser, count, arguments.rate, arguments.seconds) for count in (0, arguments.count)
        ]
        figures = {"rate": arguments.rate, "tasks": arguments.tasks, "rows": rows, "told": told(lab, browser)}
    print(f"{arguments.rate:,.0f} events a second, {arguments.tasks:,} tasks in memory\n{table(rows)}")
    return figures


def one(lab: Lab, dashboard: Dashboard, browser: Browser, count: int, rate: float, seconds: float) -> dict[str, Any]:
    """The dashboard's CPU with that many streams open."""
    load = load_average()
    with lab.stream(rate, seconds + WARM_UP_SECONDS + 1.0) as sender, streams(lab, dashboard, count) as totals:
        time.sleep(max(sender.start - time.monotonic(), 0.0) + WARM_UP_SECONDS)
        before, cpu, began = totals(), cpu_seconds(dashboard.pid), time.monotonic()
        time.sleep(seconds)
        after, used, took = totals(), cpu_seconds(dashboard.pid) - cpu, time.monotonic() - began
        if not sender.is_sending:
            raise LoadError("the events ended before the measurement did")
        sent = sender.wait(60.0)
    lab.heart.go_on()
    outcome = lab.settle(dashboard, browser, sent, cpu)
    frames, size = after.frames - before.frames, after.bytes - before.bytes
    return {
        "browsers": count,
        "cpu_percent": used / took * 100,
        "frames_per_s": frames / took / count if count else None,
        "bytes_per_frame": size / frames if frames else None,
        "kb_per_s": size / took / 1_024,
        "kb_per_s_each": size / took / 1_024 / count if count else None,
        "lost": outcome.published - outcome.applied,
        "resident_mb": memory_bytes(dashboard.pid)[0] / MEGABYTE,
        "load": load,
    }


# === The streams, in a process of their own ===


@dataclass
class Totals:
    """What came in on all streams."""

    live: int = 0
    frames: int = 0
    bytes: int = 0
    failure: str | None = None


def paths(lab: Lab, count: int) -> list[str]:
    """Tables as people leave them open: each kind of filter, some orders, searches."""
    names, workers = ([item.name for item in items] for items in (lab.cluster.types, lab.cluster.workers))
    made = []
    for n in range(count):
        kinds: list[dict[str, str]] = [
            {},
            {"state": "FAILURE"},
            {"name": names[n % len(names)]},
            {"worker": workers[n % len(workers)]},
            {"queue": lab.cluster.types[n % len(names)].queue},
            {"state": "STARTED", "sort": "started"},
            {"sort": "-runtime"},
            {"name": names[n % len(names)], "state": "SUCCESS"},
            {"search": MANY_NEEDLE},
            {"worker": workers[n % len(workers)], "sort": "-wait"},
        ]
        made.append("/api/v1/stream?" + urlencode({"topic": "tasks"} | kinds[n % len(kinds)]))
    return made


@contextmanager
def streams(lab: Lab, dashboard: Dashboard, count: int) -> Iterator[Any]:
    """Opens that many streams; the function tells what has come so far."""
    context = multiprocessing.get_context("fork")
    ours, theirs = context.Pipe()
    process = context.Process(target=read_all, args=(theirs, dashboard.port, paths(lab, count)), daemon=True)
    process.start()
    theirs.close()

    def totals() -> Totals:
        ours.send("totals")
        if not ours.poll(READY_SECONDS):
            raise LoadError("the process that reads the streams does not answer")
        answer: Totals = ours.recv()
        if answer.failure is not None:
            raise LoadError(f"a stream failed: {answer.failure}")
        return answer

    try:
        deadline = time.monotonic() + READY_SECONDS
        while totals().live < count:
            if time.monotonic() > deadline:
                raise LoadError(f"not all {count} streams have begun within {READY_SECONDS:g} s")
            time.sleep(0.05)
        yield totals
    finally:
        process.terminate()
        process.join()


def read_all(pipe: Connection, port: int, addresses: list[str]) -> None:
    die_with_parent()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    asyncio.run(serve(pipe, port, addresses))


async def serve(pipe: Connection, port: int, addresses: list[str]) -> None:
    totals = Totals()
    readers = [asyncio.create_task(read(port, address, totals)) for address in addresses]
    loop = asyncio.get_running_loop()

    def answer() -> None:
        pipe.recv()
        pipe.send(totals)

    loop.add_reader(pipe.fileno(), answer)
    try:
        await asyncio.gather(*readers)
        await asyncio.Event().wait()
    except (LoadError, OSError, asyncio.IncompleteReadError) as error:
        totals.failure = str(error)
        await asyncio.Event().wait()


async def read(port: int, path: str, totals: Totals) -> None:
    """Reads one stream and checks that every change starts where the one before it ended."""
    reader, writer = await asyncio.open_connection(HOST, port, limit=16 * MEGABYTE)
    writer.write(f"GET {path} HTTP/1.1\r\nHost: {HOST}\r\nAccept: text/event-stream\r\n\r\n".encode())
    head = await reader.readuntil(b"\r\n\r\n")
    if not head.startswith(b"HTTP/1.1 200") or b"text/event-stream" not in head.lower():
        raise LoadError(f"GET {path}: {head[:200].decode(errors='replace')}")
    is_chunked = b"transfer-encoding: chunked" in head.lower()
    rest, revision = b"", None
    while True:
        if is_chunked:
            size = int((await reader.readline()).split(b";")[0], 16)
            data = (await reader.readexactly(size + 2))[:-2]
        else:
            data = await reader.read(MEGABYTE)
        if not data:
            raise LoadError(f"the dashboard ended {path}")
        totals.bytes += len(data)
        *events, rest = (rest + data).split(b"\n\n")
        for event in events:
            revision = follow(event, revision, totals)


def follow(event: bytes, revision: int | None, totals: Totals) -> int | None:
    """Counts an event; the revision that it leads to."""
    fields: dict[bytes, bytes] = {}
    for line in event.split(b"\n"):
        name, _, value = line.partition(b":")
        fields[name] = value.removeprefix(b" ")
    if b"data" not in fields:
        # A comment that keeps the connection open.
        return revision
    data = fields[b"data"]
    if revision is None:
        totals.live += 1
    elif data.startswith(DELTA):
        start = int(data[len(DELTA) :].split(b",", 1)[0])
        if start != revision:
            raise LoadError(f"a change starts from revision {start}, the stream is at {revision}")
    totals.frames += 1
    return int(fields[b"id"])
