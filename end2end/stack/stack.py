#!/usr/bin/env python3
"""Runs the end-to-end stack: a private Redis, a mail server, three web applications, their
Celery workers, beat and the traffic.

    stack.py up                                     everything, on the default ports
    stack.py up --redis-port 0 ... --only redis,smtp,fastapi,worker-web
    stack.py up --only redis,worker-web -- some-command with its arguments
    stack.py stop redis        (and start, kill, status; of the stack running in --data-dir)

`up` stays in the foreground. SIGINT or SIGTERM ends all it started; so does the end of
the command given after `--`, whose exit code becomes that of the stack.
"""

import argparse
import json
import socket
import sys
from contextlib import ExitStack
from pathlib import Path

from supervisor.components import DEFAULT_PORTS, HOST, Options, all_components
from supervisor.control import ask, is_running
from supervisor.supervise import StackError, Supervisor

DATA_DIR = Path(__file__).resolve().parents[2] / ".demo"


def parse(arguments: list[str]) -> tuple[argparse.Namespace, list[str]]:
    """The options, and the command after `--`."""
    cut = arguments.index("--") if "--" in arguments else len(arguments)
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    actions = parser.add_subparsers(dest="action", required=True)
    up = actions.add_parser("up", help="start the stack and stay with it")
    for name, port in DEFAULT_PORTS.items():
        up.add_argument(f"--{name}-port", type=int, default=port, metavar="N", help=f"default {port}; 0: any free one")
    up.add_argument("--only", metavar="NAME,...", help="start only these; the others can be started later")
    up.add_argument("--traffic-rate", type=float, default=2.0, metavar="R", help="requests a second; 0: no traffic")
    up.add_argument("--concurrency", type=int, default=2, metavar="N", help="processes or threads of each worker")
    up.add_argument("--refuse", type=float, default=0.15, metavar="P", help="how often the mail server refuses")
    for action, text in {
        "start": "start a component and wait until it is ready",
        "stop": "stop a component (TERM, then KILL)",
        "kill": "SIGKILL a component and all its children",
        "status": "tell about a component",
    }.items():
        one = actions.add_parser(action, help=text)
        one.add_argument("name")
        if action == "stop":
            one.add_argument("--grace", type=float, default=20.0, help="seconds before it is killed")
    for sub in actions.choices.values():
        sub.add_argument("--data-dir", type=Path, default=DATA_DIR, metavar="DIR")
    return parser.parse_args(arguments[:cut]), arguments[cut + 1 :]


def settle_ports(wanted: dict[str, int]) -> dict[str, int]:
    """Find free ports for those asked as 0, and make sure that the others are free."""
    ports = {}
    with ExitStack() as held:
        # All are held until the last one is found, so that none is given out twice.
        for name, port in wanted.items():
            probe = held.enter_context(socket.socket())
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((HOST, port))
            except OSError as error:
                raise StackError(f"port {port} is in use; choose another with --{name}-port") from error
            ports[name] = probe.getsockname()[1]
    return ports


def up(options: argparse.Namespace, command: list[str]) -> int:
    data_dir = options.data_dir.resolve()
    if is_running(data_dir):
        raise StackError(f"a stack is already running in {data_dir}")
    only = options.only.split(",") if options.only else None
    chosen = Options(
        data_dir=data_dir,
        ports=settle_ports({name: getattr(options, f"{name}_port") for name in DEFAULT_PORTS}),
        traffic_rate=options.traffic_rate or 1.0,
        concurrency=options.concurrency,
        refuse_probability=options.refuse,
        traffic_apps=tuple(app for app in ("fastapi", "flask", "django") if only is None or app in only),
    )
    known = list(all_components(chosen))
    if unknown := set(only or []) - set(known):
        raise StackError(f"no component {', '.join(sorted(unknown))}; there are {', '.join(known)}")
    names = [name for name in known if only is None or name in only]
    if options.traffic_rate <= 0 and "traffic" in names:
        names.remove("traffic")
    return Supervisor(chosen, names, command).run()


def main() -> int:
    options, command = parse(sys.argv[1:])
    try:
        if options.action == "up":
            return up(options, command)
        request = {key: value for key, value in vars(options).items() if key != "data_dir"}
        print(json.dumps(ask(options.data_dir.resolve(), request), indent=2))
        return 0
    except StackError as error:
        print(f"stack: {error}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
