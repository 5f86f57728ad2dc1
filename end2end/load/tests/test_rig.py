"""The instruments themselves: senders on a real Redis, clocks on a real process, arithmetic."""

import os
import sys
import time
import xml.etree.ElementTree as ElementTree
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from flood.cluster import Cluster
from flood.flood import Flood
from flood.wire import events_in
from rig import LoadError
from rig.clock import cpu_seconds, memory_bytes, reset_peak, waits_for_processor
from rig.heart import Heart
from rig.lab import Lab, Options
from rig.plot import Panel, Series, draw, steps
from rig.processes import Dashboard, Redis
from rig.report import percentile, table
from rig.sender import EvenSender, Publisher, in_slices, in_writes, send_all
from scenarios.browsers import Totals, follow
from scenarios.burst import limits
from scenarios.profile import OTHER, stage_of

RATE = 20_000.0


@pytest.fixture(scope="module")
def redis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Redis]:
    with Redis(tmp_path_factory.mktemp("load") / "redis") as running:
        yield running


@pytest.fixture
def lab(redis: Redis, tmp_path: Path) -> Iterator[Lab]:
    cluster = Cluster(workers=5, types=5)
    heart = Heart(redis.port, cluster)
    yield Lab(Options(Path("/nowhere"), tmp_path), redis, cluster, heart)
    heart.stop()


def test_a_reader_gets_every_message_that_was_sent(lab: Lab) -> None:
    nobody, reader = limits(lab, 20_000)
    assert nobody["received_messages"] is None
    assert reader["received_messages"] == reader["messages"] == nobody["messages"]
    assert reader["events"] >= 20_000


def test_unheard_messages_are_counted(redis: Redis) -> None:
    flood = Flood(Cluster(), 0.0, RATE, events=2_000)
    sent = send_all(redis.port, in_writes(flood))
    assert sent.messages == sent.unheard == flood.messages
    assert sent.began <= sent.ended <= sent.answered


def test_slices_hold_every_message_at_its_time() -> None:
    flood = Flood(Cluster(), 100.0, RATE, events=2_000)
    messages = list(flood)
    slices = in_slices(messages, 100.0)
    assert b"".join(data for _, data, _ in slices) == b"".join(message.command for message in messages)
    assert sum(count for _, _, count in slices) == flood.messages
    dues = [due for due, _, _ in slices]
    assert dues == sorted(set(dues))
    assert sum(1 for _, data, _ in slices for _ in events_in(data)) == flood.events


def test_an_even_sender_never_sends_early(redis: Redis) -> None:
    flood = Flood(Cluster(), 0.0, RATE, events=4_000)
    slices = in_slices(flood, 0.0)
    start = time.monotonic() + 0.1
    sender = EvenSender(redis.port, slices, start)
    try:
        sent = sender.wait(60.0)
    finally:
        sender.stop()
    assert sent.messages == flood.messages
    assert len(sent.times) == len(slices)
    assert all(at >= start + due for at, (due, _, _) in zip(sent.times, slices, strict=True))


def test_a_command_that_redis_refuses_is_an_error(redis: Redis) -> None:
    with Publisher(redis.port) as publisher, pytest.raises(LoadError, match="unknown command"):
        publisher.send(b"*1\r\n$5\r\nHELLU\r\n")
        publisher.wait_for_answers(1)


def test_heartbeats_go_on_until_they_rest(redis: Redis) -> None:
    heart = Heart(redis.port, Cluster(workers=3))
    try:
        heart.go_on("online")
        assert heart.beats == 3
        heart.rest()
        heart.go_on()
        assert heart.beats == 6
    finally:
        heart.stop()


def test_a_process_is_measured_by_its_own_clock(redis: Redis) -> None:
    before = cpu_seconds(redis.pid)
    send_all(redis.port, in_writes(Flood(Cluster(), 0.0, RATE, events=5_000)))
    assert cpu_seconds(redis.pid) > before
    resident, peak = memory_bytes(redis.pid)
    assert 0 < resident <= peak
    reset_peak(redis.pid)
    assert memory_bytes(redis.pid)[1] <= peak


def test_a_missing_binary_is_told(redis: Redis, tmp_path: Path) -> None:
    with pytest.raises(LoadError, match="there is no binary"):
        Dashboard(tmp_path / "celeriac", redis, tmp_path, 1_000)


def test_a_stream_must_not_leave_out_a_revision() -> None:
    totals = Totals()
    revision = follow(b'id: 5\ndata: {"frame":"snapshot","revision":5}', None, totals)
    assert (revision, totals.live) == (5, 1)
    revision = follow(b": keep alive", revision, totals)
    revision = follow(b'id: 7\ndata: {"frame":"delta","from":5,"revision":7}', revision, totals)
    assert (revision, totals.frames) == (7, 2)
    with pytest.raises(LoadError, match="starts from revision 8"):
        follow(b'id: 9\ndata: {"frame":"delta","from":8,"revision":9}', revision, totals)


def test_percentiles_are_values_that_occurred() -> None:
    values = list(range(1, 101))
    assert [percentile(values, share) for share in (0.0, 0.5, 0.95, 1.0)] == [1, 50, 95, 100]
    assert percentile([3.0], 0.95) == 3.0
    with pytest.raises(ValueError, match="no values"):
        percentile([], 0.5)


def test_tables_are_aligned() -> None:
    text = table([{"what": "a", "n": 1_000}, {"what": "long", "n": None}])
    assert text.splitlines() == ["what      n", "----  -----", "a     1,000", "long      –"]


@pytest.mark.parametrize("largest", [0.0, 0.37, 1.0, 9.9, 100.0, 123_456.0])
def test_an_axis_holds_its_largest_value(largest: float) -> None:
    marks = steps(largest)
    assert marks[0] == 0.0
    assert marks[-1] >= largest
    assert 2 <= len(marks) <= 6


def test_a_drawing_is_well_formed_and_marks_every_known_value() -> None:
    series = [Series("a < b", [(1, 2.0), (10, None), (100, 4.0)]), Series("c", [(1, 1.0), (100, 0.0)])]
    drawing = draw([Panel("Title & more", "things", "ms", series)] * 3, columns=2)
    root = ElementTree.fromstring(drawing)
    assert len(root.findall(".//{*}circle")) == 3 * 4


def test_a_sample_counts_for_the_innermost_stage() -> None:
    decode = "fields::read /src/server/protocol/src/event/fields.rs:40"
    apply = "apply /src/server/monitor/src/state/tasks/apply.rs:120"
    text = "set_text /src/server/monitor/src/state/tasks/segment.rs:231"
    assert stage_of(("__memmove_avx512_unaligned_erms", text, apply, decode)) == "texts of tasks"
    assert stage_of((apply, decode)) == "attempts and columns of tasks"
    assert stage_of(("asm_exc_page_fault", decode, "run /src/server/monitor/src/aggregator.rs:70")) == "decode JSON"
    assert stage_of(("start_thread", "clone3")) == OTHER


def test_a_thread_that_runs_was_given_a_processor() -> None:
    name = Path("/proc/self/comm").read_text().strip()
    seconds, turns = waits_for_processor(os.getpid(), name)
    assert seconds >= 0 and turns >= 1
    assert waits_for_processor(os.getpid(), "no such thread") == (0.0, 0)
