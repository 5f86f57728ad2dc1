"""Write when Celery says that crontabs are due next.

Run it with a Python that has Celery 5.7 and no `tzdata` of its own that is
newer than the library's: `python make_runs.py > runs.jsonl`. Each line is
`[zone, [minute, hour, day of week, day of month, month], [[now, next], ...]]`
with times in seconds since the epoch; `next` is null where Celery finds none.
"""

import json
import random
from datetime import datetime, timedelta, timezone
from zoneinfo import ZoneInfo

from celery import Celery
from celery.schedules import crontab

ZONES = [
    "UTC",
    "Europe/Berlin",
    "America/New_York",
    "Australia/Lord_Howe",
    "Asia/Kolkata",
    "Africa/Casablanca",
    "America/St_Johns",
    "Pacific/Apia",
]

# Around the days when clocks are set, and a day that Samoa left out.
MOMENTS = [
    datetime(2026, 3, 29, 0, 30, tzinfo=timezone.utc),
    datetime(2026, 10, 25, 0, 30, tzinfo=timezone.utc),
    datetime(2026, 3, 8, 6, 30, tzinfo=timezone.utc),
    datetime(2026, 11, 1, 5, 30, tzinfo=timezone.utc),
    datetime(2026, 10, 3, 15, 10, tzinfo=timezone.utc),
    datetime(2027, 4, 3, 14, 50, tzinfo=timezone.utc),
    datetime(2011, 12, 30, 9, 0, tzinfo=timezone.utc),
    datetime(2024, 2, 28, 23, 59, 59, tzinfo=timezone.utc),
    datetime(2026, 12, 31, 23, 59, 59, tzinfo=timezone.utc),
]

FIXED = [
    ("*", "*", "*", "*", "*"),
    ("*/15", "*", "*", "*", "*"),
    ("30", "2", "*", "*", "*"),
    ("30", "1", "*", "*", "*"),
    ("0", "0", "*", "*", "*"),
    ("0", "*/6", "mon-fri", "*", "*"),
    ("15,45", "9-17/2", "sat,sun", "*", "*"),
    ("0", "0", "fri", "13", "*"),
    ("0", "0", "*", "29", "2"),
    ("59", "23", "*", "31", "*"),
    ("0", "3", "*", "*/7", "*/3"),
    ("10-20/3", "22-2", "sunday", "1-7", "jan,march,oct-dec"),
    ("55-5", "*", "fri-mon", "*", "nov-feb"),
    ("0", "12", "*", "1-31", "1-12"),
    ("0", "12", "1", "*", "2-12/2"),
]


def field(draw, low, high):
    """One field, mostly a star."""
    kind = draw.random()
    if kind < 0.45:
        return "*"
    a, b = draw.randint(low, high), draw.randint(low, high)
    return draw.choice([str(a), f"{a}-{b}", f"*/{draw.randint(1, high)}",
                        f"{a}-{b}/{draw.randint(1, 9)}", f"{a},{b}"])


def due(zone, fields, now):
    """When Celery runs it after a run at `now`, or None."""
    app = Celery("runs", set_as_current=False)
    app.conf.timezone = zone
    entry = crontab(*fields, app=app, nowfun=lambda: now)
    try:
        left = entry.remaining_estimate(now)
    except (RuntimeError, ValueError, OverflowError):
        return None
    return (now + left).timestamp()


def main():
    """Write the lines."""
    draw = random.Random(570)
    tables = list(FIXED)
    while len(tables) < 150:
        fields = (field(draw, 0, 59), field(draw, 0, 23), field(draw, 0, 6),
                  field(draw, 1, 31), field(draw, 1, 12))
        try:
            crontab(*fields)
        except ValueError:
            continue
        tables.append(fields)
    for fields in tables:
        for zone in ZONES:
            pairs = []
            for _ in range(6):
                moment = draw.choice(MOMENTS) if draw.random() < 0.6 else datetime(
                    draw.randint(2000, 2037), draw.randint(1, 12), draw.randint(1, 28),
                    tzinfo=timezone.utc)
                moment += timedelta(seconds=draw.randint(-7200, 86400) if draw.random() < 0.5
                                    else draw.randint(-5400, 5400))
                pairs.append([moment.timestamp(), due(zone, fields, moment)])
            print(json.dumps([zone, fields, pairs]))


if __name__ == "__main__":
    main()
