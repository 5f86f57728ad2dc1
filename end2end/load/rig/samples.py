"""Samples of a process taken with `perf`, as stacks of function names with what the compiler put inline."""

import re
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from rig import LoadError

FREQUENCY = "1999"
STACK_BYTES = "4096"
# Where the code lies in the file, and at which address.
SEGMENT = re.compile(r"^\s*LOAD\s+0x([0-9a-f]+)\s+0x([0-9a-f]+)\s.*\sR E\s", re.MULTILINE)
FRAME = re.compile(r"^\s+([0-9a-f]+) (.*) \((\S+)\)$")

Stack = tuple[str, ...]
"""Functions with their place in the source, the one that ran first."""


@contextmanager
def recorded(pid: int, file: Path) -> Iterator[None]:
    """Take samples of a process while the block runs; works for one's own processes without privileges."""
    command = ["perf", "record", "-F", FREQUENCY, "-e", "cpu-clock", "--call-graph", f"dwarf,{STACK_BYTES}"]
    process = subprocess.Popen([*command, "-p", str(pid), "-o", str(file)], stderr=subprocess.PIPE, text=True)
    try:
        yield
    finally:
        process.send_signal(signal.SIGINT)
        _, words = process.communicate(timeout=60)
    if not file.is_file():
        raise LoadError(f"perf recorded nothing: {words.strip()}")


def stacks(file: Path, binary: Path) -> Iterator[tuple[str, Stack]]:
    """Each sample's thread and stack."""
    script = ["perf", "script", "-i", str(file), "--no-inline", "-F", "comm,ip,sym,dso"]
    text = subprocess.run(script, capture_output=True, text=True, check=True).stdout
    places = Places(binary)
    samples = []
    for block in text.split("\n\n"):
        lines = block.strip("\n").split("\n")
        if len(lines) > 1:
            samples.append((lines[0].strip(), [found.groups() for found in map(FRAME.match, lines[1:]) if found]))
    places.resolve({int(ip, 16) for _, frames in samples for ip, _, dso in frames if dso == str(binary)})
    for thread, frames in samples:
        names: list[str] = []
        for ip, symbol, dso in frames:
            names += places.functions(int(ip, 16)) if dso == str(binary) else [symbol]
        yield thread, tuple(names)


class Places:
    """Which functions an address in the binary belongs to."""

    def __init__(self, binary: Path) -> None:
        self.binary = binary
        self.known: dict[int, list[str]] = {}
        headers = subprocess.run(["readelf", "-lW", str(binary)], capture_output=True, text=True, check=True).stdout
        code = SEGMENT.search(headers)
        if code is None:
            raise LoadError(f"{binary} is no program")
        # perf tells places in the file.
        self.shift = int(code[2], 16) - int(code[1], 16)

    def resolve(self, addresses: set[int]) -> None:
        """Find the functions of all addresses at once: a large binary takes a while to open."""
        order = sorted(addresses)
        asked = "\n".join(f"{address + self.shift:#x}" for address in order)
        command = ["addr2line", "-a", "-i", "-f", "-C", "-e", str(self.binary)]
        answer = subprocess.run(command, input=asked, capture_output=True, text=True, check=True).stdout
        blocks = re.split(r"^0x[0-9a-f]+\n", answer, flags=re.MULTILINE)[1:]
        for address, block in zip(order, blocks, strict=True):
            lines = block.splitlines()
            # Functions and their places take turns; what was put inline has no module but in its place.
            self.known[address] = [f"{name} {place}" for name, place in zip(lines[::2], lines[1::2], strict=True)]

    def functions(self, address: int) -> list[str]:
        return self.known[address]
