#!/usr/bin/env python3
"""Drives the three applications over HTTP, the way a small company's day looks.

    traffic.py --fastapi http://127.0.0.1:8001 --flask ... --django ... --rate 2

An endpoint that is away for a while is counted and tried again later; nothing but
the end of --seconds, SIGTERM or SIGINT ends this.
"""

import argparse
import json
import random
import signal
import threading
import time
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Callable
from typing import Any

NAMES = ["Ada", "Grace", "Alan", "Edsger", "Barbara", "Donald", "Margaret", "Tony", "Radia", "Linus"]
SUPPLIERS = ["acme", "globex", "initech"]
REPORT_SECONDS = 10.0

# What a visitor does: application, path, body.
Action = Callable[[], tuple[str, str, dict[str, Any]]]


def person() -> tuple[str, str]:
    """Somebody new, with an e-mail address nobody had before."""
    name = random.choice(NAMES)
    return name, f"{name.lower()}{random.randrange(10**6)}@example.org"


def register() -> tuple[str, str, dict[str, Any]]:
    name, email = person()
    body = {"name": name, "email": email, "avatar": random.random() < 0.5, "remind": random.random() < 0.3}
    return "fastapi", "/register", body


def send_email() -> tuple[str, str, dict[str, Any]]:
    return "fastapi", "/send-email", {"to": person()[1], "priority": random.choice([0, 3, 6, 9])}


def process() -> tuple[str, str, dict[str, Any]]:
    kind = random.choice(["chain", "chain", "chain", "group", "chord"])
    article = random.choices(["coffee", "tea", "mug", "kettle", "unobtainium"], [6, 4, 3, 3, 1])[0]
    return "fastapi", "/process", {"kind": kind, "size": random.randint(2, 6), "article": article}


def run(app: str, task: str, **choices: list[Any]) -> Action:
    """An action that starts a task with one of the given values for each argument."""

    def action() -> tuple[str, str, dict[str, Any]]:
        return app, f"/run-task/{task}", {name: random.choice(values) for name, values in choices.items()}

    return action


# How often what happens, roughly as a shop sees it: much small work, few slow tasks, some failures.
MIX: list[tuple[int, Action]] = [
    (20, register),
    (14, send_email),
    (14, process),
    (20, run("fastapi", "quote", article=["coffee", "tea", "mug"], quantity=[1, 2, 5])),
    (2, run("fastapi", "primes", limit=[50_000, 200_000, 400_000])),
    (1, run("fastapi", "slow", warehouse=["north", "south"])),
    (1, run("fastapi", "progress", steps=[10, 20])),
    (3, run("fastapi", "fail", supplier=SUPPLIERS)),
    (8, run("flask", "resize", title=NAMES, width=[160, 320, 640])),
    (3, run("flask", "fetch")),
    (1, run("flask", "mandelbrot", size=[80, 120])),
    (1, run("flask", "corrupt")),
    (1, lambda: ("flask", "/gallery", {"size": random.randint(2, 8)})),
    (5, lambda: ("django", "/reports", {"customer": random.choice(NAMES)})),
    (3, run("django", "report", rows=[100, 1000])),
    (1, run("django", "close-month")),
    (1, run("django", "export", pages=[6, 12])),
]


def post(url: str, body: dict[str, Any]) -> str:
    """Send one request; returns `ok` or what went wrong, in a word."""
    # Never through a proxy: the applications are on this machine.
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    request = urllib.request.Request(url, json.dumps(body).encode(), {"Content-Type": "application/json"})
    try:
        with opener.open(request, timeout=10) as response:
            response.read()
        return "ok"
    except urllib.error.HTTPError as error:
        return f"HTTP {error.code}"
    except OSError:
        return "away"


def drive(bases: dict[str, str], rate: float, seconds: float | None, stop: threading.Event) -> Counter[str]:
    """Send requests at random moments, `rate` a second on average, until told to stop."""
    counts: Counter[str] = Counter()
    weights = [weight if action()[0] in bases else 0 for weight, action in MIX]
    actions = [action for _, action in MIX]
    started = time.monotonic()
    next_request, next_report = started, started + REPORT_SECONDS
    while not stop.wait(max(0.0, next_request - time.monotonic())):
        now = time.monotonic()
        if seconds is not None and now - started >= seconds:
            break
        app, path, body = random.choices(actions, weights)[0]()
        counts[f"{app} {post(bases[app] + path, body)}"] += 1
        # Never try to make up for time lost on an endpoint that was away.
        next_request = max(next_request + random.expovariate(rate), now)
        if now >= next_report:
            next_report = now + REPORT_SECONDS
            print(summary(counts), flush=True)
    return counts


def summary(counts: Counter[str]) -> str:
    """One line for the log."""
    return ", ".join(f"{what}: {count}" for what, count in sorted(counts.items())) or "nothing sent"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    for app in ("fastapi", "flask", "django"):
        parser.add_argument(f"--{app}", metavar="URL", help=f"base address of the {app} application")
    parser.add_argument("--rate", type=float, default=2.0, help="requests a second, on average")
    parser.add_argument("--seconds", type=float, help="how long; endless when left out")
    options = parser.parse_args()
    bases = {app: getattr(options, app).rstrip("/") for app in ("fastapi", "flask", "django") if getattr(options, app)}
    if not bases or options.rate <= 0:
        parser.error("give at least one application and a rate above 0")

    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    print(f"driving {', '.join(bases)} at {options.rate:g} requests a second", flush=True)
    counts = drive(bases, options.rate, options.seconds, stop)
    print(f"done. {summary(counts)}", flush=True)


if __name__ == "__main__":
    main()
