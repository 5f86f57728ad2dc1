"""Replays captures through Celery's own state and prints what it makes of them.

    python replay.py TIMES CAPTURE... prints {capture: {task id: {field: value}}}

Every message is applied so many times in a row.
"""

import base64
import json
import sys
from pathlib import Path

from celery.events.state import State

TIMES = ["sent", "received", "started", "succeeded", "failed", "retried", "revoked", "rejected"]


def events(path, times):
    """Yields the capture's events in the order they came."""
    for line in path.read_text().splitlines():
        line = json.loads(line)
        channel = line.get("channel", "")
        if line["kind"] != "pubsub" or not ("celeryev" in channel or "myev" in channel):
            continue
        envelope = json.loads(line["payload"])
        body = envelope["body"]
        if envelope["properties"].get("body_encoding") == "base64":
            body = base64.b64decode(body)
        body = json.loads(body)
        for event in (body if isinstance(body, list) else [body]) * times:
            # `EventReceiver` adds the time of arrival, without which workers have no heartbeats.
            event.setdefault("clock", 0)
            yield {**event, "local_received": line["t"]}


def readable(text):
    """Replaces lone surrogates, as they are no Unicode text."""
    return text and text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def replay(path, times):
    state = State()
    for event in events(path, times):
        state.event(event)
    return {
        task.uuid: {
            "state": task.state,
            **{field: getattr(task, field) for field in TIMES},
            "worker": task.worker and task.worker.hostname,
            "retries": task.retries,
            "exception": readable(task.exception),
            "name": task.name,
            "result": readable(task.result),
            "runtime": task.runtime,
        }
        for task in state.tasks.values()
    }


times, *names = sys.argv[1:]
json.dump({Path(name).stem: replay(Path(name), int(times)) for name in names}, sys.stdout)
