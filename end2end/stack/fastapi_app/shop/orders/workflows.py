"""The shop's canvases: a chain, a group and a chord."""

import random

from celery import chain, chord, group
from celery.canvas import Signature

from shop.mail.tasks import send_email
from shop.orders.tasks import charge_card, reserve_stock, ship
from shop.pricing.tasks import price_part, summarise_prices


def place_order(article: str = "coffee", quantity: int = 1) -> Signature:
    """Chain: reserve, charge, ship; each step gets what the previous one returned."""
    order = {"number": random.randint(1, 10**7), "article": article, "quantity": quantity}
    return chain(reserve_stock.s(order), charge_card.s(), ship.s())


def newsletter(recipients: list[str]) -> Signature:
    """Group: one e-mail a recipient, all at once and none before an e-mail somebody waits for."""
    return group(
        send_email.s(to, "News from the shop", "New kettles are here.").set(priority=9) for to in recipients
    )


def reprice(parts: int = 4) -> Signature:
    """Chord: price every part of the catalog, then sum up."""
    return chord([price_part.s(part) for part in range(parts)], summarise_prices.s())
