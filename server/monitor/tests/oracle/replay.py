"""Replays captures through Celery's own state and prints what it makes of them.

    python replay.py CAPTURE... prints {capture: {task id: {field: value}}}
"""

import base64
import json
import sys
from pathlib import Path

from celery.events.state import State

TIMES = ["sent", "received", "started", "succeeded", "failed", "retried", "revoked", "rejected"]


def events(path):
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
        for event in body if isinstance(body, list) else [body]:
            # `EventReceiver` adds the time of arrival, without which workers have no heartbeats.
            event.setdefault("clock", 0)
            yield {**event, "local_received": line["t"]}


def readable(text):
    """Replaces lone surrogates, as they are no Unicode text."""
    return text and text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def replay(path):
    state = State()
    for event in events(path):
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


json.dump({Path(name).stem: replay(Path(name)) for name in sys.argv[1:]}, sys.stdout)
