"""What the kernel knows about a process: CPU time to the nanosecond, resident memory."""

import os
import time
from contextlib import suppress
from pathlib import Path

CPUCLOCK_SCHED = 2


def cpu_seconds(pid: int) -> float:
    """CPU time of all threads of a process, dead ones included.

    `CLOCK_PROCESS_CPUTIME_ID` of another process (`man 3 clock_getcpuclockid`); the
    ticks of `/proc/PID/stat` are 10 ms.
    """
    return time.clock_gettime((~pid << 3) | CPUCLOCK_SCHED)


def waits_for_processor(pid: int, thread: str) -> tuple[float, int]:
    """Seconds that threads of that name were ready to run and had no processor, and how often they were given one."""
    seconds, turns = 0.0, 0
    for task in Path(f"/proc/{pid}/task").iterdir():
        # A thread may end meanwhile.
        with suppress(OSError):
            if (task / "comm").read_text().strip() == thread:
                _, waited, slices = (task / "schedstat").read_text().split()
                seconds, turns = seconds + int(waited) / 1e9, turns + int(slices)
    return seconds, turns


def memory_bytes(pid: int) -> tuple[int, int]:
    """Resident memory now, and its peak since the start or the last `reset_peak`."""
    fields = dict(line.split(":", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines())
    now, peak = (int(fields[name].split()[0]) * 1024 for name in ("VmRSS", "VmHWM"))
    return now, peak


def pass_on_nice(pid: int | str = "self") -> None:
    """Give a session of processes the nice value of this one.

    With autogroups the kernel weighs nice values within a session only, and every
    component leads a session of its own (`man 7 sched`).
    """
    file = Path(f"/proc/{pid}/autogroup")
    if file.exists() and (value := os.nice(0)) != 0:
        file.write_text(str(value))


def reset_peak(pid: int) -> None:
    """Forget the peak (`man 5 proc_pid_clear_refs`)."""
    Path(f"/proc/{pid}/clear_refs").write_text("5")
