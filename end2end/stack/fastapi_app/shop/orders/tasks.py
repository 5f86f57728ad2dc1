"""What happens to an order. `place_order` in `shop.orders.workflows` chains these."""

import random
import time
from decimal import Decimal
from typing import Any

from shop.base import ShopTask
from shop.celery_app import celery_app

PRICES = {"coffee": Decimal("6.90"), "tea": Decimal("4.20"), "mug": Decimal("11.50"), "kettle": Decimal("39.00")}


class OutOfStock(Exception):
    """The article exists, but none is left."""


class GatewayTimeout(Exception):
    """The payment gateway did not answer in time."""


@celery_app.task(base=ShopTask)
def quote(article: str = "coffee", quantity: int = 1) -> dict[str, Any]:
    """Price an article: quick and always successful for a known article."""
    total = PRICES[article] * quantity
    return {"article": article, "quantity": quantity, "total": f"{total:.2f}", "currency": "EUR"}


@celery_app.task(base=ShopTask)
def reserve_stock(order: dict[str, Any]) -> dict[str, Any]:
    """First step of an order; an article nobody sells is out of stock."""
    if order["article"] not in PRICES:
        raise OutOfStock(f"{order['article']!r} is not in the warehouse (order {order['number']})")
    time.sleep(random.uniform(0.05, 0.3))
    return {**order, "reserved": True}


@celery_app.task(
    bind=True,
    base=ShopTask,
    autoretry_for=(GatewayTimeout,),
    max_retries=4,
    retry_backoff=1,
    retry_backoff_max=8,
    retry_jitter=True,
)
def charge_card(self: Any, order: dict[str, Any], timeouts: int | None = None) -> dict[str, Any]:
    """Charge the customer. Celery itself retries when the gateway is slow.

    `timeouts` fixes how many of the attempts time out; without it one in five does.
    """
    slow = random.random() < 0.2 if timeouts is None else self.request.retries < timeouts
    if slow:
        raise GatewayTimeout(f"no answer for order {order['number']} after 2.0 s")
    time.sleep(random.uniform(0.1, 0.4))
    return {**order, "charged": True, "attempt": self.request.retries + 1}


@celery_app.task(base=ShopTask)
def ship(order: dict[str, Any]) -> dict[str, Any]:
    """Last step of an order."""
    return {**order, "parcel": f"P{order['number']:08d}"}


@celery_app.task(base=ShopTask)
def remind_of_basket(email: str) -> str:
    """Sent with a countdown or an ETA, long after the visitor left."""
    return f"reminded {email}"
