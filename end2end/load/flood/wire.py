"""Bytes as kombu 5.7 publishes them: the envelope of an event message, as a Redis command."""

import json
from base64 import b64decode, b64encode
from collections.abc import Iterator
from json.encoder import encode_basestring_ascii as quoted
from random import Random
from typing import Any

__all__ = ["Envelope", "events_in", "quoted", "uuid4"]

CHANNEL = "/0.celeryev/"


def uuid4(rng: Random) -> str:
    """A random UUID of version 4 that a seed can repeat."""
    digits = f"{rng.getrandbits(128):032x}"
    variant = "89ab"[int(digits[16], 16) & 3]
    return f"{digits[:8]}-{digits[8:12]}-4{digits[13:16]}-{variant}{digits[17:20]}-{digits[20:]}"


class Envelope:
    """All but the body of the messages that one process publishes with one routing key."""

    def __init__(self, hostname: str, routing_key: str) -> None:
        self.after_body = (
            '", "content-encoding": "utf-8", "content-type": "application/json", '
            f'"headers": {{"hostname": {quoted(hostname)}}}, "properties": {{"delivery_mode": 1, '
            f'"delivery_info": {{"exchange": "celeryev", "routing_key": {quoted(routing_key)}}}, '
            '"priority": 0, "body_encoding": "base64", "delivery_tag": "'
        ).encode()
        channel = (CHANNEL + routing_key).encode()
        self.command = b"*3\r\n$7\r\nPUBLISH\r\n$%d\r\n%s\r\n" % (len(channel), channel)
        self.overhead = len(b'{"body": "') + len(self.after_body) + 36 + len(b'"}}')

    def publish(self, body: str, rng: Random) -> bytes:
        """The Redis command that publishes a body (an event, or a list of events, as JSON)."""
        encoded = b64encode(body.encode())
        return b'%s$%d\r\n{"body": "%s%s%s"}}\r\n' % (
            self.command,
            len(encoded) + self.overhead,
            encoded,
            self.after_body,
            uuid4(rng).encode(),
        )


def events_in(commands: bytes) -> Iterator[dict[str, Any]]:
    """The events in PUBLISH commands that `Envelope` has written."""
    # A payload is one line, since JSON escapes line ends; it is the seventh of its command.
    for payload in commands.split(b"\r\n")[6::7]:
        body = json.loads(b64decode(json.loads(payload)["body"]))
        yield from body if isinstance(body, list) else [body]
