"""The dashboard seen over HTTP, through one connection that is kept."""

import http.client
import json
import re
import time
from typing import Any

from supervisor.components import HOST

from rig import LoadError

TIMEOUT_SECONDS = 60.0
FAMILY = re.compile(r"^# TYPE (\S+) (?:counter|gauge)$", re.MULTILINE)
SAMPLE = re.compile(r"^([a-zA-Z_:][\w:]*)(?:\{[^\n]*\})? (\S+)$", re.MULTILINE)


class Browser:
    """A client that asks one thing after the other."""

    def __init__(self, port: int) -> None:
        self.connection = http.client.HTTPConnection(HOST, port, timeout=TIMEOUT_SECONDS)

    def __enter__(self) -> "Browser":
        return self

    def __exit__(self, *_exception: object) -> None:
        self.connection.close()

    def get(self, path: str) -> bytes:
        return self.timed(path)[0]

    def timed(self, path: str, body: str | None = None) -> tuple[bytes, float]:
        """The answer's body, and seconds from the first byte asked to the last one read."""
        headers = {} if body is None else {"Content-Type": "application/x-www-form-urlencoded"}
        began = time.perf_counter()
        try:
            self.connection.request("GET" if body is None else "POST", path, body, headers)
            response = self.connection.getresponse()
            answer = response.read()
        except (OSError, http.client.HTTPException) as error:
            self.connection.close()
            raise LoadError(f"GET {path}: {error}") from error
        seconds = time.perf_counter() - began
        if response.status != 200:
            raise LoadError(f"GET {path}: {response.status} {answer[:300].decode(errors='replace')}")
        return answer, seconds

    def json(self, path: str) -> Any:
        return json.loads(self.get(path))

    def pulse(self) -> dict[str, Any]:
        """What every page shows: totals of events, drops, gaps."""
        pulse: dict[str, Any] = self.json("/api/v1/snapshot?topic=queues")["pulse"]
        return pulse

    def histogram(self, name: str) -> dict[float, float]:
        """Bound to cumulated count of a histogram without labels; empty if there is none."""
        bucket = re.compile(rf'^{name}_bucket\{{le="([^"]+)"\}} (\S+)$', re.MULTILINE)
        return {float(bound): float(count) for bound, count in bucket.findall(self.get("/metrics").decode())}

    def metrics(self) -> dict[str, float]:
        """The sum of each family of /metrics; zero for one without samples."""
        text = self.get("/metrics").decode()
        sums: dict[str, float] = dict.fromkeys(FAMILY.findall(text), 0.0)
        for name, value in SAMPLE.findall(text):
            sums[name] = sums.get(name, 0.0) + float(value)
        return sums
