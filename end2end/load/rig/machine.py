"""Where figures were taken: no figure means anything without it."""

import hashlib
import os
import platform
import re
import subprocess
from datetime import UTC, datetime
from pathlib import Path
from typing import Any


def describe(binary: Path) -> dict[str, Any]:
    """The machine, the programs and the load by others."""
    cpu = re.search(r"^model name\s*:\s*(.*)$", Path("/proc/cpuinfo").read_text(), re.MULTILINE)
    memory = re.search(r"^MemTotal:\s*(\d+) kB", Path("/proc/meminfo").read_text(), re.MULTILINE)
    return {
        "time": datetime.now(UTC).isoformat(timespec="seconds"),
        "cpu": cpu[1] if cpu else platform.processor(),
        "cores": len(os.sched_getaffinity(0)),
        "memory_bytes": int(memory[1]) * 1024 if memory else None,
        "kernel": platform.release(),
        "python": platform.python_version(),
        "redis": first_line(["redis-server", "--version"]),
        "binary": first_line([str(binary), "--version"]),
        "binary_sha256": hashlib.sha256(binary.read_bytes()).hexdigest(),
        "load_average": os.getloadavg()[0],
        # Below zero: what else runs on the machine gives way.
        "nice": os.nice(0),
    }


def first_line(command: list[str]) -> str:
    done = subprocess.run(command, capture_output=True, text=True, timeout=20, check=True)
    return done.stdout.splitlines()[0]
