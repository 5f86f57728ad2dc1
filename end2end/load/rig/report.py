"""Figures as JSON for programs, and as a table for people."""

import json
import math
from collections.abc import Iterable
from pathlib import Path
from typing import Any

MEGABYTE = 1 << 20


def percentile(values: Iterable[float], share: float) -> float:
    """The value that `share` of all values do not exceed (nearest rank)."""
    ordered = sorted(values)
    if not ordered:
        raise ValueError("no values")
    return ordered[max(math.ceil(share * len(ordered)) - 1, 0)]


def write_json(figures: dict[str, Any], path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(figures, indent=2, ensure_ascii=False) + "\n")


def text(value: Any) -> str:
    """A number as people read it."""
    if value is None:
        return "–"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        digits = 0 if abs(value) >= 100 else 2 if abs(value) >= 1 else 3
        return f"{value:,.{digits}f}"
    return f"{value:,}" if isinstance(value, int) else str(value)


def table(rows: list[dict[str, Any]]) -> str:
    """Rows with equal keys as aligned columns; numbers to the right."""
    if not rows:
        return "(nothing)"
    heads = list(rows[0])
    cells = [[text(row[head]) for head in heads] for row in rows]
    widths = [max(len(head), *(len(line[n]) for line in cells)) for n, head in enumerate(heads)]
    is_number = [not isinstance(rows[0][head], str) for head in heads]

    def line(values: list[str]) -> str:
        aligned = (
            value.rjust(width) if right else value.ljust(width)
            for value, width, right in zip(values, widths, is_number, strict=True)
        )
        return "  ".join(aligned).rstrip()

    return "\n".join([line(heads), line(["-" * width for width in widths]), *map(line, cells)])
