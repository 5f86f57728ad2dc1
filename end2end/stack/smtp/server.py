"""A mail server for development: keeps what it gets in a file and refuses now and then.

Every accepted message becomes one JSON line in the inbox file. What happens to a
recipient can be fixed by the address, so that tests need no luck:

    accepted...@   never refused
    refused...@    always refused
    refused-2x...@ refused twice, then accepted (any number of times)
    anything else  refused with the probability SMTP_REFUSE_PROBABILITY
"""

import asyncio
import json
import os
import random
import re
import signal
import time
from collections import Counter
from email import message_from_bytes, policy
from pathlib import Path

from aiosmtpd.smtp import SMTP, Envelope, Session

REFUSAL = "451 4.7.1 Greylisted, please try again later"
REFUSED_TIMES = re.compile(r"refused-(\d+)x")
INBOX_LIMIT = 4_000_000


class Inbox:
    """aiosmtpd's handler: decides about recipients and stores messages."""

    def __init__(self, path: Path, probability: float) -> None:
        self.path = path
        self.probability = probability
        self.refusals: Counter[str] = Counter()

    def refuses(self, address: str) -> bool:
        """Whether this address is refused this time."""
        local = address.split("@")[0]
        if local.startswith("accepted"):
            return False
        if times := REFUSED_TIMES.match(local):
            self.refusals[address] += 1
            return self.refusals[address] <= int(times[1])
        return local.startswith("refused") or random.random() < self.probability

    async def handle_RCPT(
        self, _server: SMTP, _session: Session, envelope: Envelope, address: str, _options: list[str]
    ) -> str:
        if self.refuses(address):
            print(f"refused {address}", flush=True)
            return REFUSAL
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, _server: SMTP, _session: Session, envelope: Envelope) -> str:
        message = message_from_bytes(envelope.original_content or b"", policy=policy.default)
        entry = {
            "time": time.time(),
            "from": envelope.mail_from,
            "to": envelope.rcpt_tos,
            "subject": message["Subject"],
            "task_id": message["X-Task-Id"],
            "body": message.get_content(),
        }
        self.append(entry)
        print(f"accepted {', '.join(envelope.rcpt_tos)}: {message['Subject']}", flush=True)
        return "250 Accepted"

    def append(self, entry: dict[str, object]) -> None:
        """Add one line; an endless demo must not fill the disk, so one old file is kept."""
        if self.path.exists() and self.path.stat().st_size > INBOX_LIMIT:
            self.path.replace(self.path.with_suffix(".old"))
        with self.path.open("a", encoding="utf-8") as inbox:
            inbox.write(json.dumps(entry) + "\n")


async def serve() -> None:
    """Serve until SIGTERM or SIGINT."""
    probability = float(os.environ.get("SMTP_REFUSE_PROBABILITY", "0.15"))
    handler = Inbox(Path(os.environ.get("INBOX", "inbox.jsonl")), probability)
    loop = asyncio.get_running_loop()
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    host, port = os.environ.get("SMTP_HOST", "127.0.0.1"), int(os.environ.get("SMTP_PORT", "1025"))

    def protocol() -> SMTP:
        return SMTP(handler, hostname="mail.example.org", enable_SMTPUTF8=True)

    server = await loop.create_server(protocol, host, port)
    print(f"listening on {host}:{port}", flush=True)
    await stop.wait()
    server.close()


if __name__ == "__main__":
    asyncio.run(serve())
