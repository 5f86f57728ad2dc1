"""What the dashboard says that it has missed."""

from typing import Any

from rig.http import Browser


def told(browser: Browser) -> dict[str, Any]:
    """Its own words on loss since its start."""
    pulse, metrics = browser.pulse(), browser.metrics()
    return {
        "applied_events": int(pulse["events_total"]),
        "dropped_messages": int(pulse["dropped_total"]),
        "undecodable_messages": int(pulse["undecodable_total"]),
        "gaps": int(metrics["celeriac_gaps_total"]),
        # Absent from binaries that keep no ledger.
        "missed_events": whole(metrics.get("celeriac_events_missed_total")),
    }


def whole(value: float | None) -> int | None:
    return None if value is None else int(value)
