"""Work on the catalog: a broken feed, a slow count and an index that reports its progress."""

import json
import time
from typing import Any

from celery import Task

from shop.base import ShopTask
from shop.catalog.feed import parse_feed
from shop.celery_app import celery_app
from shop.settings import settings

BROKEN_FEED = """sku;title;price
4711;Kettle, enamel;39.00
4712;Mug, blue;11.50
4713;Tea, Darjeeling;4,2O
"""


@celery_app.task(base=ShopTask)
def import_supplier_feed(supplier: str = "acme", text: str = BROKEN_FEED) -> int:
    """Import a feed. The standard one holds a misprint, so this fails every time."""
    return len(parse_feed(text, supplier))


@celery_app.task(base=ShopTask)
def stock_take(seconds: float = 10.0, warehouse: str = "north") -> str:
    """Slow on purpose: ten seconds of waiting for somebody else."""
    time.sleep(seconds)
    return f"counted {warehouse} in {seconds:g} s"


@celery_app.task(bind=True, base=ShopTask)
def rebuild_index(self: Task, steps: int = 20, pause: float = 0.25) -> dict[str, Any]:
    """Rebuild the search index, telling how far it is in both ways Celery offers.

    `update_state` writes the result backend (who polls sees it), the custom event
    goes to whoever listens to events.
    """
    for step in range(1, steps + 1):
        time.sleep(pause)
        progress = {"current": step, "total": steps, "percent": round(100 * step / steps)}
        self.update_state(state="PROGRESS", meta=progress)
        self.send_event("task-progress", **progress)
    index = settings.catalog_dir / "index.json"
    index.write_text(json.dumps({"task": self.request.id, "steps": steps}))
    return {"indexed": steps, "file": index.name}
