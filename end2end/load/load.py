#!/usr/bin/env python3
"""Measures the whole dashboard from outside, on a private Redis that gets what Celery workers publish.

    load.py burst                     is every event of a burst at Redis's full speed applied?
    load.py burst --events 2000000 --times 5
    load.py memory                    memory of a finished task
    load.py pages                     pages over HTTP with a million tasks, at rest and under load
    load.py live                      from an event's publication to the table in a browser
    load.py browsers                  the cost of 50 open live tables
    load.py growth                    how cost grows; draws a picture
    load.py flower                    Flower 2.2.0 on the same flood
    load.py profile                   where the time of a burst goes, by stage
    load.py all                       everything but the profile, one after the other

Figures go to target/load/<scenario>.json, a table to the screen. README.md tells what they mean.
SIGINT or SIGTERM ends all it started.
"""

import argparse
import signal
import sys
import tempfile
from pathlib import Path
from typing import Any, NoReturn

from rig import ROOT, LoadError
from rig.clock import pass_on_nice
from rig.lab import Options, load_average
from rig.machine import describe
from rig.report import write_json
from scenarios import browsers, burst, flower, growth, live, memory, pages, profile

SCENARIOS: dict[str, Any] = {
    "burst": (burst, "events at Redis's full speed: loss, delay, CPU"),
    "memory": (memory, "memory of a finished task"),
    "pages": (pages, "pages of tasks over HTTP, at rest and under load"),
    "live": (live, "from publication to the table in a browser"),
    "browsers": (browsers, "what many open live tables cost"),
    "growth": (growth, "how cost grows with tasks, workers, types and browsers"),
    "flower": (flower, "Flower 2.2.0 on the same flood, and the ratios"),
    "profile": (profile, "where the time of a burst goes, by stage"),
}
# Needs programs and a binary of its own.
NOT_IN_ALL = {"profile"}


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    scenarios = parser.add_subparsers(dest="scenario", required=True, metavar="SCENARIO")
    for name, (module, text) in SCENARIOS.items():
        module.add_arguments(scenarios.add_parser(name, help=text))
    scenarios.add_parser("all", help="all but the profile, with their defaults")
    for sub in scenarios.choices.values():
        sub.add_argument(
            "--binary",
            type=Path,
            default=ROOT / "target/release/celeriac",
            metavar="FILE",
            help="default: the release build",
        )
        sub.add_argument("--output", type=Path, default=ROOT / "target/load", metavar="DIR", help="for the JSON files")
        sub.add_argument("--seed", type=int, default=1, metavar="N", help="of the flood (default 1)")
    return parser.parse_args()


def stop(number: int, _frame: object) -> NoReturn:
    # As Ctrl-C: every `with` block ends what it started.
    raise KeyboardInterrupt(signal.Signals(number).name)


def run(name: str, arguments: argparse.Namespace) -> None:
    module, _ = SCENARIOS[name]
    machine = describe(arguments.binary)
    print(f"== {name}: {machine['binary']}, load average {machine['load_average']:.2f}\n", flush=True)
    with tempfile.TemporaryDirectory(prefix=f"celeriac-load-{name}-") as directory:
        options = Options(arguments.binary.resolve(), Path(directory), arguments.seed)
        figures = module.run(options, arguments)
    machine["load_average_after"] = load_average()
    file = arguments.output / f"{name}.json"
    write_json({"scenario": name, "machine": machine, "figures": figures}, file)
    print(f"\n{file}\n", flush=True)


def main() -> int:
    arguments = parse()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, stop)
    pass_on_nice()
    try:
        if not arguments.binary.is_file():
            raise LoadError(f"there is no {arguments.binary}; build it with `make build` or name one with --binary")
        if arguments.scenario != "all":
            run(arguments.scenario, arguments)
            return 0
        for name, (module, _) in SCENARIOS.items():
            if name in NOT_IN_ALL:
                continue
            defaults = argparse.ArgumentParser()
            module.add_arguments(defaults)
            run(name, defaults.parse_args([], argparse.Namespace(**vars(arguments))))
        return 0
    except LoadError as error:
        print(f"load: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("load: stopped", file=sys.stderr)
        return 130


if __name__ == "__main__":
    sys.exit(main())
