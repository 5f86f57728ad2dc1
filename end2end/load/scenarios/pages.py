"""How long a page of 50 tasks takes over HTTP, at rest and while events come in."""

import argparse
import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from flood.truth import Truth
from flood.work import FEW_NEEDLE, MANY_NEEDLE, NO_NEEDLE
from rig import LoadError
from rig.clock import waits_for_processor
from rig.http import Browser
from rig.lab import Lab, Options, laboratory, load_average, watched
from rig.processes import Dashboard
from rig.report import percentile, table
from scenarios.memory import filled, room_for

PAGE = 50
SORTS = "received started finished timestamp name state worker queue retries wait runtime".split()
LOCK_WAITS = "celeriac_lock_wait_seconds"
# Threads that change the state and that read it, as the kernel cuts their names.
THREADS = {"writer": "celeriac-aggreg", "readers": "tokio-rt-worker"}
WARM_UP = 3
LEAST_SAMPLES = 10
# What a page may take under load, in times at rest.
SLOWER = 3.0


@dataclass(frozen=True)
class Question:
    """A page to ask for."""

    name: str
    group: str
    parameters: dict[str, str]
    # The exact number of tasks that match, where it is known.
    total: int | None = None

    @property
    def path(self) -> str:
        return "/api/v1/snapshot?" + urlencode({"topic": "tasks", "limit": str(PAGE)} | self.parameters)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--tasks", type=int, default=1_000_000, metavar="N", help="finished tasks (default 1000000)")
    parser.add_argument(
        "--rate", type=float, default=20_000, metavar="R", help="events a second meanwhile; 0: only rest"
    )
    parser.add_argument("--samples", type=int, default=100, metavar="N", help="of each page (default 100)")
    parser.add_argument("--seconds", type=float, default=2.0, metavar="S", help="for each page at most (default 2)")


def run(options: Options, arguments: argparse.Namespace) -> dict[str, Any]:
    with laboratory(options) as lab, watched(lab, room_for(arguments.tasks)) as (dashboard, browser):
        figures: dict[str, Any] = {"filled": filled(lab, dashboard, browser, arguments.tasks)}
        print(f"{table([figures['filled']])}\n")
        questions = all_questions(lab)
        waits, turns = browser.histogram(LOCK_WAITS), turns_of(dashboard)
        figures["idle"] = ask_all(browser, questions, arguments, is_checked=True)
        figures["lock"] = [lock_waits("idle", waits, browser) | unscheduled(turns, dashboard)]
        print(f"{arguments.tasks:,} tasks, at rest (milliseconds)\n{table(figures['idle'])}\n")
        if arguments.rate > 0:
            seconds = time_needed(figures["idle"], arguments)
            with lab.stream(arguments.rate, seconds) as sender:
                time.sleep(max(sender.start - time.monotonic(), 0.0) + 1.0)
                waits, turns = browser.histogram(LOCK_WAITS), turns_of(dashboard)
                figures["busy"] = ask_all(browser, questions, arguments, lambda: sender.is_sending)
                figures["lock"].append(lock_waits("busy", waits, browser) | unscheduled(turns, dashboard))
            print(f"while {arguments.rate:,.0f} events a second come in (milliseconds)\n{table(figures['busy'])}\n")
        figures["groups"] = groups(figures)
        print(table(figures["groups"]))
        print(f"\nthe writer's waits for readers (milliseconds; a share's upper bound)\n{table(figures['lock'])}")
        return figures


def all_questions(lab: Lab) -> list[Question]:
    """Every single filter, every order, searches with few, many and no hits, and places far down."""
    truth = lab.truth
    name, worker, queue = (common(counts) for counts in (truth.names, truth.workers, truth.queues))
    # Half a minute in the middle of the past that was filled in.
    middle = (lab.first + lab.last) / 2
    received = {"received_start": f"{middle:.3f}", "received_end": f"{middle + 30:.3f}"}
    return [
        Question("no filter", "filter", {}, truth.tasks),
        Question("state=FAILURE", "filter", {"state": "FAILURE"}, truth.states["FAILURE"]),
        Question("state=SUCCESS", "filter", {"state": "SUCCESS"}, truth.states["SUCCESS"]),
        Question("state=REVOKED (none)", "filter", {"state": "REVOKED"}, 0),
        Question("name", "filter", {"name": name}, truth.names[name]),
        Question("worker", "filter", {"worker": worker}, truth.workers[worker]),
        Question("queue", "filter", {"queue": queue}, truth.queues[queue]),
        Question("received, 30 s", "filter", received),
        *(Question(f"sort -{sort}", "sort", {"sort": f"-{sort}"}, truth.tasks) for sort in SORTS),
        *(Question(f"sort {sort}", "sort", {"sort": sort}, truth.tasks) for sort in SORTS),
        *(Question(f"search: {hits}", "search", {"search": word}, total) for hits, word, total in words(truth)),
        *(
            Question(f"newest 50: {hits}", "newest 50", {"search": word, "count": "none"}, total)
            for hits, word, total in words(truth)
        ),
        Question("offset, half way", "offset", {"offset": str(truth.tasks // 2)}, truth.tasks),
        Question("offset, sort -runtime", "offset", {"offset": str(truth.tasks // 2), "sort": "-runtime"}, truth.tasks),
        Question("offset, last page", "offset", {"offset": str(truth.tasks - PAGE)}, truth.tasks),
    ]


def words(truth: Truth) -> list[tuple[str, str, int | None]]:
    """Words to search for, and how many tasks have them, where that is known."""
    return [
        ("many hits", MANY_NEEDLE, truth.needles[MANY_NEEDLE]),
        ("few hits", FEW_NEEDLE, truth.needles[FEW_NEEDLE]),
        ("none", NO_NEEDLE, 0),
        ("every task", "example", None),
    ]


def common(counts: dict[str, int]) -> str:
    return max(counts, key=lambda key: (counts[key], key))


def ask_all(
    browser: Browser,
    questions: list[Question],
    arguments: argparse.Namespace,
    goes_on: Callable[[], bool] = lambda: True,
    is_checked: bool = False,
) -> list[dict[str, Any]]:
    rows = []
    for question in questions:
        if not goes_on():
            raise LoadError("the events ended before the last page was asked for; give fewer --seconds")
        rows.append(ask(browser, question, arguments, is_checked))
    return rows


def time_needed(idle: list[dict[str, Any]], arguments: argparse.Namespace) -> float:
    """Seconds to ask for everything once more, when it takes longer than at rest."""
    at_least = (WARM_UP + LEAST_SAMPLES) * SLOWER / 1e3
    seconds: float = sum(max(arguments.seconds, row["p50"] * at_least) for row in idle)
    return seconds + 3.0


def ask(browser: Browser, question: Question, arguments: argparse.Namespace, is_checked: bool) -> dict[str, Any]:
    """Ask for one page again and again."""
    seconds: list[float] = []
    load, deadline = load_average(), time.monotonic() + arguments.seconds
    answer = b""
    for number in range(WARM_UP + arguments.samples):
        answer, took = browser.timed(question.path)
        if number >= WARM_UP:
            seconds.append(took)
        if time.monotonic() > deadline and len(seconds) >= LEAST_SAMPLES:
            break
    page = json.loads(answer)["view"]["of"]
    if is_checked:
        check(question, page)
    return {
        "page": question.name,
        "group": question.group,
        "p50": percentile(seconds, 0.5) * 1e3,
        "p95": percentile(seconds, 0.95) * 1e3,
        "max": max(seconds) * 1e3,
        "samples": len(seconds),
        "total": page["total"],
        "bytes": len(answer),
        "load": load,
    }


def check(question: Question, page: dict[str, Any]) -> None:
    """A fast answer that is wrong is no figure."""
    rows, total = len(page["rows"]), page["total"]
    if total is None:
        # Not counted, as there are more than the page.
        if rows != PAGE or (question.total is not None and question.total <= PAGE):
            raise LoadError(f"{question.name}: a page of {rows} rows without a total")
        return
    if question.total is not None and total != question.total:
        raise LoadError(f"{question.name}: {question.total} tasks match, the dashboard says {total}")
    if rows != min(PAGE, total):
        raise LoadError(f"{question.name}: a page of {rows} rows, of {total}")


def groups(figures: dict[str, Any]) -> list[dict[str, Any]]:
    """The slowest page of each group, by the 95th percentile."""
    rows = []
    for group in ("filter", "sort", "search", "newest 50", "offset"):
        row: dict[str, Any] = {"group": group}
        for when in ("idle", "busy"):
            if when in figures:
                worst = max((row for row in figures[when] if row["group"] == group), key=lambda row: row["p95"])
                row |= {f"{when}_p95": worst["p95"], f"{when}_max": worst["max"], f"{when}_slowest": worst["page"]}
        rows.append(row)
    return rows


def turns_of(dashboard: Dashboard) -> dict[str, tuple[float, int]]:
    return {who: waits_for_processor(dashboard.pid, thread) for who, thread in THREADS.items()}


def unscheduled(before: dict[str, tuple[float, int]], dashboard: Dashboard) -> dict[str, Any]:
    """How long threads were ready to run and had no processor, each time: the machine's part of the writer's waits."""
    means = {}
    for who, (seconds, turns) in turns_of(dashboard).items():
        more = max(turns - before[who][1], 1)
        means[f"{who}_unscheduled"] = (seconds - before[who][0]) / more * 1e3
    return means


def lock_waits(when: str, before: dict[float, float], browser: Browser) -> dict[str, Any]:
    """How long the writer waited for readers since `before`, as the dashboard tells; nothing if it does not."""
    after = browser.histogram(LOCK_WAITS)
    counts = {bound: count - before.get(bound, 0.0) for bound, count in sorted(after.items())}
    waits = max(counts.values(), default=0.0)

    def bound_of(share: float) -> float | None:
        return next((bound * 1e3 for bound, count in counts.items() if waits and count >= share * waits), None)

    return {
        "when": when,
        "waits": int(waits),
        "p50": bound_of(0.5),
        "p95": bound_of(0.95),
        "p99": bound_of(0.99),
        "p99.9": bound_of(0.999),
        "all": bound_of(1.0),
    }
