"""Documents: a CSV report, a PDF invoice, and two tasks that take their time."""

import csv
import random
import time
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from celery import Task, shared_task
from django.conf import settings
from PIL import Image, ImageDraw


class LedgerLocked(Exception):
    """Somebody else is writing the ledger."""


def directory() -> Path:
    """Where the documents go."""
    path = settings.FILES_DIR / "reports"
    path.mkdir(parents=True, exist_ok=True)
    return path


@shared_task(bind=True)
def build_sales_report(self: Task, reason: str = "on demand", rows: int = 500) -> dict[str, Any]:
    """Write a CSV file of sales."""
    target = directory() / f"sales-{self.request.id}.csv"
    with target.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["order", "article", "quantity", "total"])
        for order in range(rows):
            quantity = random.randint(1, 5)
            writer.writerow([order, random.choice(["coffee", "tea", "mug"]), quantity, f"{quantity * 6.9:.2f}"])
    return {"file": target.name, "rows": rows, "bytes": target.stat().st_size, "reason": reason}


@shared_task(bind=True)
def build_invoice(self: Task, customer: str = "Ada Lovelace", total: str = "39.00") -> str:
    """Write a one-page PDF."""
    page = Image.new("RGB", (595, 842), "white")
    draw = ImageDraw.Draw(page)
    lines = ("INVOICE", customer, f"{datetime.now(timezone.utc):%Y-%m-%d}", f"Total: {total} EUR", self.request.id)
    for line, text in enumerate(lines):
        draw.text((60, 80 + 30 * line), text, fill="black")
    target = directory() / f"invoice-{self.request.id}.pdf"
    page.save(target, "PDF")
    return target.name


@shared_task(bind=True, autoretry_for=(LedgerLocked,), retry_backoff=2, max_retries=3)
def close_month(self: Task, month: str = "", locked: int | None = None) -> str:
    """Close the books; retried by Celery while the ledger is locked (`locked` times, or by chance)."""
    is_locked = random.random() < 0.3 if locked is None else self.request.retries < locked
    if is_locked:
        raise LedgerLocked(f"ledger is in use (attempt {self.request.retries + 1})")
    return f"closed {month or format(datetime.now(timezone.utc), '%Y-%m')}"


@shared_task(bind=True)
def export_ledger(self: Task, pages: int = 12, pause: float = 0.5) -> dict[str, int]:
    """Slow, with progress in the result backend only: many projects stop there."""
    for page in range(1, pages + 1):
        time.sleep(pause)
        self.update_state(state="PROGRESS", meta={"current": page, "total": pages})
    return {"pages": pages}
