"""What a flood publishes is what Celery's own receiver makes of it."""

import base64
import io
import json
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from celery.events.state import State
from kombu.transport.virtual import Base64

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from flood.cluster import Cluster
from flood.flood import Flood, Message
from flood.truth import Truth
from flood.work import FEW_NEEDLE, MANY_NEEDLE, NO_NEEDLE, task_types

RATE = 20_000.0
COMMON = {"hostname", "utcoffset", "pid", "clock", "timestamp", "type"}
DEPARTURE = {"queue", "exchange", "routing_key"}
ARRIVAL = {"uuid", "name", "args", "kwargs", "root_id", "parent_id", "retries", "eta", "expires"}
FIELDS = {
    "task-sent": ARRIVAL | DEPARTURE,
    "task-received": ARRIVAL,
    "task-started": {"uuid"},
    "task-succeeded": {"uuid", "result", "runtime"},
    "task-failed": {"uuid", "exception", "traceback"},
    "task-retried": {"uuid", "exception", "traceback"},
    "worker-heartbeat": {"freq", "active", "processed", "loadavg", "sw_ident", "sw_ver", "sw_sys"},
    "worker-online": {"freq", "active", "processed", "loadavg", "sw_ident", "sw_ver", "sw_sys"},
}
Event = dict[str, Any]


def published(command: bytes) -> tuple[str, Event]:
    """The channel and the envelope of a PUBLISH command, read as Redis reads it."""
    text = io.BytesIO(command)
    assert text.readline() == b"*3\r\n"
    words = []
    for _ in range(3):
        length = int(text.readline().removeprefix(b"$"))
        words.append(text.read(length))
        assert text.read(2) == b"\r\n"
    assert text.read() == b""
    assert words[0] == b"PUBLISH"
    return words[1].decode(), json.loads(words[2])


def events_of(message: Message) -> tuple[str, list[Event]]:
    """The routing key and the events of a message, decoded by kombu."""
    channel, envelope = published(message.command)
    properties = envelope["properties"]
    routing_key = properties["delivery_info"]["routing_key"]
    assert channel == f"/0.celeryev/{routing_key}"
    assert properties["body_encoding"] == "base64"
    body = json.loads(Base64().decode(envelope["body"]))
    events = body if isinstance(body, list) else [body]
    assert {event["hostname"] for event in events} == {envelope["headers"]["hostname"]}
    return routing_key, events


class Played:
    """A flood, and everything it amounts to by Celery's own State."""

    def __init__(self, tasks: int) -> None:
        self.cluster = Cluster(seed=7)
        self.state = State(max_tasks_in_memory=tasks + 1, max_workers_in_memory=100)
        # Heartbeats carry the flood's time: the first is long past for a receiver that asks the clock.
        self.flood = Flood(self.cluster, time.time() - tasks * 4 / RATE, RATE, tasks=tasks)
        self.messages = list(self.flood)
        self.decoded = [(message, *events_of(message)) for message in self.messages]
        for event in self.events():
            self.state.event(dict(event, local_received=event["timestamp"]))

    def events(self) -> Iterator[Event]:
        for _, _, events in self.decoded:
            yield from events


@pytest.fixture(scope="module")
def played() -> Played:
    return Played(tasks=3_000)


def test_celery_ends_every_task_as_the_flood_says(played: Played) -> None:
    truth = played.flood.truth
    assert truth.tasks == 3_000
    tasks = list(played.state.tasks.values())
    assert len(tasks) == truth.tasks
    assert Counter(task.state for task in tasks) == truth.states
    assert set(truth.states) == {"SUCCESS", "FAILURE"}
    assert Counter(task.name for task in tasks) == truth.names
    assert Counter(task.worker.hostname for task in tasks) == truth.workers
    assert Counter(task.routing_key for task in tasks) == truth.queues
    for needle in (FEW_NEEDLE, MANY_NEEDLE, NO_NEEDLE):
        assert sum(needle in task.args + task.kwargs for task in tasks) == truth.needles[needle]
    assert sum(task.retries for task in tasks) == truth.retried > 0


def test_events_have_the_fields_that_celery_sends(played: Played) -> None:
    seen = Counter()
    for event in played.events():
        seen[event["type"]] += 1
        assert set(event) == COMMON | FIELDS[event["type"]], event
    assert set(seen) == set(FIELDS) - {"worker-online"}
    assert seen["task-sent"] == seen["task-received"] == seen["task-started"]
    assert seen["task-sent"] == played.flood.truth.tasks + played.flood.truth.retried


def test_counts_of_messages_and_events_are_true(played: Played) -> None:
    flood = played.flood
    assert flood.messages == len(played.messages)
    assert flood.events == sum(1 for _ in played.events()) == sum(message.events for message in played.messages)
    assert flood.bytes == sum(len(message.command) for message in played.messages)
    assert [len(events) for _, _, events in played.decoded] == [message.events for message in played.messages]


def test_heartbeats_count_every_started_task(played: Played) -> None:
    started, heartbeats = Counter(), Counter()
    for event in played.events():
        worker = event["hostname"]
        if event["type"] == "task-started":
            started[worker] += 1
        if event["type"] == "worker-heartbeat":
            heartbeats[worker] += 1
            # Events that are still gathered may trail a heartbeat, never the other way round.
            assert event["processed"] >= started[worker]
            assert event["active"] >= 0
    last = {event["hostname"]: event for event in played.events() if event["type"] == "worker-heartbeat"}
    assert {worker: event["processed"] for worker, event in last.items()} == started
    assert all(event["active"] == 0 for event in last.values())
    assert sum(heartbeats.values()) > len(played.cluster.workers), "some beat in the midst of the flood"


def test_clocks_of_a_process_only_grow(played: Played) -> None:
    clocks: dict[tuple[str, int], int] = {}
    for event in played.events():
        process = event["hostname"], event["pid"]
        if event["type"] == "worker-heartbeat":
            # It overtakes gathered events.
            assert event["clock"] > 0
            continue
        assert event["clock"] > clocks.get(process, 0)
        clocks[process] = event["clock"]


def test_workers_publish_in_lists_and_clients_one_by_one(played: Played) -> None:
    batches = []
    for _, routing_key, events in played.decoded:
        if routing_key == "task.multi":
            batches.append(len(events))
            assert all(event["type"].startswith("task-") and event["type"] != "task-sent" for event in events)
        else:
            assert [event["type"].replace("-", ".") for event in events] == [routing_key]
    assert 2.0 < sum(batches) / len(batches) < 4.0
    assert max(batches) <= 24


def test_ids_are_different_uuids_of_version_4(played: Played) -> None:
    ids = {event["uuid"] for event in played.events() if event["type"] == "task-sent"}
    tags = {published(message.command)[1]["properties"]["delivery_tag"] for message in played.messages}
    assert len(ids) == played.flood.truth.tasks
    assert len(tags) == len(played.messages)
    for text in ids | tags:
        assert len(text) == 36 and text[14] == "4" and text[19] in "89ab"


def test_messages_are_due_in_the_order_they_are_made(played: Played) -> None:
    times = [message.at for message in played.messages]
    assert times == sorted(times)


def test_a_second_flood_goes_on_where_the_first_one_ended() -> None:
    cluster = Cluster(seed=3)
    floods = [Flood(cluster, 1_000.0 + n * 100, RATE, tasks=200) for n in range(2)]
    events = [[event for message in flood for event in events_of(message)[1]] for flood in floods]
    both: Truth = Truth()
    for flood in floods:
        both.add(flood.truth)
    assert both.tasks == sum(both.states.values()) == 400
    ids = [{event["uuid"] for event in part if "uuid" in event} for part in events]
    assert not ids[0] & ids[1]
    started = Counter(event["hostname"] for part in events for event in part if event["type"] == "task-started")
    assert {worker.name: worker.processed for worker in cluster.workers} == dict(started)
    for worker in cluster.workers:
        first, second = ([event["clock"] for event in part if event["pid"] == worker.pid] for part in events)
        assert max(first) < min(second)


def test_a_flood_has_the_size_that_was_asked_for() -> None:
    flood = Flood(Cluster(workers=3, types=5), 0.0, 1_000.0, events=2_000)
    for _ in flood:
        pass
    assert 2_000 <= flood.events < 2_100


def test_a_seed_repeats_a_flood() -> None:
    def commands(seed: int) -> list[bytes]:
        return [message.command for message in Flood(Cluster(seed=seed), 5.0, RATE, tasks=50)]

    assert commands(1) == commands(1)
    assert commands(1) != commands(2)


def test_texts_have_the_size_of_real_ones(played: Played) -> None:
    sent = [event for event in played.events() if event["type"] == "task-sent"]
    mean = sum(len(event["args"]) + len(event["kwargs"]) for event in sent) / len(sent)
    assert 170 < mean < 190
    whole = len({event["args"] + event["kwargs"] for event in sent})
    assert whole == played.flood.truth.tasks, "no two tasks are alike"


@pytest.mark.parametrize("count", [1, 40, 1_000])
def test_there_are_as_many_types_as_asked_for(count: int) -> None:
    assert len({kind.name for kind in task_types(count)}) == count


def test_bodies_are_plain_base64(played: Played) -> None:
    for message in played.messages[:50]:
        body = published(message.command)[1]["body"]
        assert base64.b64encode(base64.b64decode(body, validate=True)).decode() == body
