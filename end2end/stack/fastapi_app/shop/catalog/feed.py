"""Reading a supplier's feed: deep enough for a traceback worth looking at."""

from decimal import Decimal, InvalidOperation


class FeedError(ValueError):
    """A feed that can't be imported; says where it is wrong."""


def parse_feed(text: str, supplier: str) -> list[dict[str, object]]:
    """All rows of the feed, or FeedError for the first bad one."""
    lines = text.splitlines()
    columns = lines[0].split(";")
    return [parse_row(line, columns, number, supplier) for number, line in enumerate(lines[1:], start=2)]


def parse_row(line: str, columns: list[str], number: int, supplier: str) -> dict[str, object]:
    """One row, with the price as a decimal number."""
    row: dict[str, object] = dict(zip(columns, line.split(";"), strict=True))
    try:
        row["price"] = parse_price(str(row["price"]))
    except InvalidOperation as error:
        raise FeedError(f"feed of {supplier!r}, line {number}: price {row['price']!r} is not a number") from error
    return row


def parse_price(text: str) -> Decimal:
    """A price such as 4.20; a comma is accepted as the decimal mark."""
    return Decimal(text.replace(",", "."))
