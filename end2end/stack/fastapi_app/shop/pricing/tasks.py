"""Tasks that keep a processor busy."""

import math
import random
from typing import Any

from shop.base import ShopTask
from shop.celery_app import celery_app


def is_prime(number: int) -> bool:
    """Trial division: slow, which is the point."""
    return number > 1 and all(number % divisor for divisor in range(2, math.isqrt(number) + 1))


@celery_app.task(base=ShopTask)
def count_primes(limit: int = 200_000) -> int:
    """CPU-bound: about a second for the default limit."""
    return sum(1 for number in range(limit) if is_prime(number))


@celery_app.task(base=ShopTask)
def price_part(part: int, articles: int = 2_000) -> dict[str, Any]:
    """One part of the catalog, by a made-up but reproducible market."""
    market = random.Random(part)
    prices = [round(market.lognormvariate(2.5, 0.6), 2) for _ in range(articles)]
    return {"part": part, "articles": articles, "mean": round(sum(prices) / articles, 2), "highest": max(prices)}


@celery_app.task(base=ShopTask)
def summarise_prices(parts: list[dict[str, Any]]) -> dict[str, Any]:
    """The body of the chord: gets the results of all parts."""
    return {
        "articles": sum(part["articles"] for part in parts),
        "mean": round(sum(part["mean"] for part in parts) / len(parts), 2),
        "highest": max(part["highest"] for part in parts),
    }
