"""Brings messages to Redis: as fast as it takes them, or evenly at a rate."""

import multiprocessing
import signal
import socket
import threading
import time
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from multiprocessing.connection import Connection

from supervisor.components import HOST
from supervisor.process import die_with_parent

from flood.flood import Message
from rig import LoadError

WRITE_BYTES = 1 << 20
SLICE_SECONDS = 0.005


@dataclass
class Sent:
    """How sending went. Times are of the monotonic clock, which all processes share."""

    messages: int = 0
    unheard: int = 0
    """Messages that Redis had no subscriber for."""
    began: float = 0.0
    ended: float = 0.0
    """When the last byte was given to the kernel."""
    answered: float = 0.0
    """When Redis had answered the last command: it has handed all messages out."""
    latest: float = 0.0
    """Seconds that a slice was late, at most."""
    times: list[float] = field(default_factory=list)
    """When each slice was given to the kernel."""

    @property
    def seconds(self) -> float:
        return self.answered - self.began


class Publisher:
    """A connection that only publishes; a thread of its own reads and counts the answers."""

    def __init__(self, port: int) -> None:
        self.socket = socket.create_connection((HOST, port))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.answers = 0
        self.unheard = 0
        self.failure: str | None = None
        self.changed = threading.Condition()
        self.reader = threading.Thread(target=self.read, daemon=True)
        self.reader.start()

    def __enter__(self) -> "Publisher":
        return self

    def __exit__(self, *_exception: object) -> None:
        self.close()

    def close(self) -> None:
        # shutdown wakes the reading thread, close alone does not.
        with suppress(OSError):
            self.socket.shutdown(socket.SHUT_RDWR)
        self.reader.join()
        self.socket.close()

    def read(self) -> None:
        rest = b""
        while True:
            try:
                chunk = self.socket.recv(1 << 16)
            except OSError as error:
                return self.stop(str(error))
            if not chunk:
                return self.stop("Redis closed the connection")
            text = rest + chunk
            cut = text.rfind(b"\r\n") + 2
            if b"-" in text[:cut]:
                return self.stop(text[:200].decode(errors="replace"))
            with self.changed:
                self.answers += text.count(b"\n", 0, cut)
                self.unheard += text.count(b":0\r\n", 0, cut)
                self.changed.notify_all()
            rest = text[cut:]

    def stop(self, why: str) -> None:
        with self.changed:
            self.failure = why
            self.changed.notify_all()

    def wait_for_answers(self, count: int, seconds: float = 60.0) -> None:
        with self.changed:
            done = self.changed.wait_for(lambda: self.answers >= count or self.failure is not None, seconds)
        if self.failure is not None:
            raise LoadError(f"publishing failed: {self.failure}")
        if not done:
            raise LoadError(f"Redis answered {self.answers} of {count} commands within {seconds:g} s")

    def send(self, data: bytes) -> None:
        try:
            self.socket.sendall(data)
        except OSError as error:
            raise LoadError(f"publishing failed: {self.failure or error}") from error


def in_writes(messages: Iterable[Message]) -> Iterable[tuple[bytes, int]]:
    """Messages joined to what one call hands to the kernel, and how many are in it."""
    gathered: list[bytes] = []
    size = 0
    for message in messages:
        gathered.append(message.command)
        size += len(message.command)
        if size >= WRITE_BYTES:
            yield b"".join(gathered), len(gathered)
            gathered, size = [], 0
    if gathered:
        yield b"".join(gathered), len(gathered)


def send_all(port: int, writes: Iterable[tuple[bytes, int]]) -> Sent:
    """Send without a pause; faster than Redis can publish if the writes are a list."""
    sent = Sent()
    with Publisher(port) as publisher:
        sent.began = time.monotonic()
        for data, count in writes:
            publisher.send(data)
            sent.messages += count
        sent.ended = time.monotonic()
        publisher.wait_for_answers(sent.messages)
        sent.answered = time.monotonic()
        sent.unheard = publisher.unheard
    return sent


def in_slices(messages: Iterable[Message], start: float) -> list[tuple[float, bytes, int]]:
    """Messages joined by the slice of time they are due in: seconds after `start`, bytes, messages."""
    slices: list[tuple[float, bytes, int]] = []
    gathered: list[bytes] = []
    number = 0
    for message in messages:
        due = int((message.at - start) / SLICE_SECONDS)
        if due != number and gathered:
            slices.append((number * SLICE_SECONDS, b"".join(gathered), len(gathered)))
            gathered = []
        number = due
        gathered.append(message.command)
    if gathered:
        slices.append((number * SLICE_SECONDS, b"".join(gathered), len(gathered)))
    return slices


def send_evenly(port: int, slices: list[tuple[float, bytes, int]], start: float) -> Sent:
    """Send each slice when it is due; `start` is of the monotonic clock."""
    sent = Sent()
    with Publisher(port) as publisher:
        sent.began = start
        for due, data, count in slices:
            pause = start + due - time.monotonic()
            if pause > 0:
                time.sleep(pause)
            now = time.monotonic()
            sent.latest = max(sent.latest, now - start - due)
            sent.times.append(now)
            publisher.send(data)
            sent.messages += count
        sent.ended = time.monotonic()
        publisher.wait_for_answers(sent.messages)
        sent.answered = time.monotonic()
        sent.unheard = publisher.unheard
    return sent


class EvenSender:
    """`send_evenly` in a process of its own, so that whoever measures meanwhile is not held up."""

    def __init__(self, port: int, slices: list[tuple[float, bytes, int]], start: float) -> None:
        self.slices = slices
        self.start = start
        context = multiprocessing.get_context("fork")
        self.inbox, outbox = context.Pipe(duplex=False)
        # Daemons are ended at exit, also when this process fails.
        self.process = context.Process(target=self.run, args=(outbox, port, slices, start), daemon=True)
        self.process.start()
        outbox.close()

    @staticmethod
    def run(outbox: Connection, port: int, slices: list[tuple[float, bytes, int]], start: float) -> None:
        die_with_parent()
        # Ctrl-C reaches the parent too, which then ends this process.
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        try:
            outbox.send(send_evenly(port, slices, start))
        except LoadError as error:
            outbox.send(error)

    @property
    def is_sending(self) -> bool:
        return self.process.is_alive() and not self.inbox.poll()

    def wait(self, seconds: float) -> Sent:
        """The outcome, once all is sent."""
        if not self.inbox.poll(seconds):
            raise LoadError(f"the sender has not ended within {seconds:g} s")
        outcome: Sent | LoadError = self.inbox.recv()
        self.process.join()
        if isinstance(outcome, LoadError):
            raise outcome
        return outcome

    def stop(self) -> None:
        if self.process.is_alive():
            self.process.terminate()
        self.process.join()
