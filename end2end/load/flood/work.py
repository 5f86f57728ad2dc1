"""What the tasks of a flood are about: types, arguments, results and failures, all as `repr` text."""

from collections.abc import Callable
from dataclasses import dataclass
from random import Random

# Words to look for, with known frequency: they occur nowhere else in a flood.
FEW_NEEDLE = "parcel-lost-42"
FEW_SHARE = 0.0002
MANY_NEEDLE = "express-overnight"
MANY_SHARE = 0.05
NO_NEEDLE = "zzyzx-road"

FIRST = "ada grace alan edsger barbara donald margaret tony radia linus josé zoë ken dennis frances john".split()
LAST = "lovelace hopper turing dijkstra liskov knuth hamilton hoare perlman nuñez kay ritchie allen backus".split()
STREETS = ["Lindenstraße", "Rue des Écoles", "Baker Street", "Via Roma", "Calle Mayor", "Main Street", "Hauptweg"]
CITIES = ["10969 Berlin", "75005 Paris", "London NW1 6XE", "00184 Roma", "28013 Madrid", "Springfield 62701"]
CURRENCIES = ["EUR", "GBP", "USD", "CHF"]
BUCKETS = ["media-eu-1", "media-us-2", "reports", "invoices", "avatars"]
HOSTS = ["10.2.0.17:5432", "10.2.0.18:5432", "smtp.example.org:587", "cache-3:6379", "api.partner.example:443"]

APPS = ["shop.orders", "shop.payments", "billing.invoices", "media.images", "mail.outbox", "search.index", "crm.sync"]
VERBS = ["capture", "refund", "render", "resize", "send", "reindex", "import", "export", "verify", "archive"]
OBJECTS = ["payment", "order", "thumbnail", "invoice", "newsletter", "customer", "report", "catalogue", "webhook"]
QUEUES = ["celery", "mail", "media", "reports", "sync"]

Make = Callable[[Random], str]


def pick(rng: Random, items: list[str]) -> str:
    return items[int(rng.random() * len(items))]


def email(rng: Random) -> str:
    return f"{pick(rng, FIRST)}.{pick(rng, LAST)}{int(rng.random() * 100_000)}@example.org"


def delivery(rng: Random) -> str:
    share = rng.random()
    if share < FEW_SHARE:
        return FEW_NEEDLE
    return MANY_NEEDLE if share < FEW_SHARE + MANY_SHARE else "standard"


def order_args(rng: Random) -> str:
    return f"({int(rng.random() * 10_000_000)}, '{email(rng)}')"


def order_kwargs(rng: Random) -> str:
    return (
        f"{{'amount': Decimal('{rng.random() * 900:.2f}'), 'currency': '{pick(rng, CURRENCIES)}', "
        f"'delivery': '{delivery(rng)}', 'address': '{pick(rng, STREETS)} {int(rng.random() * 200)}, "
        f"{pick(rng, CITIES)}'}}"
    )


def file_args(rng: Random) -> str:
    return f"('s3://{pick(rng, BUCKETS)}/{rng.getrandbits(64):016x}/original-{int(rng.random() * 10_000):05d}.jpeg',)"


def file_kwargs(rng: Random) -> str:
    return (
        f"{{'width': {int(rng.random() * 4000)}, 'height': {int(rng.random() * 3000)}, 'quality': 85, "
        f"'delivery': '{delivery(rng)}', 'owner': '{email(rng)}', 'tag': '{pick(rng, LAST)}'}}"
    )


def mail_args(rng: Random) -> str:
    return f"('{email(rng)}', 'Your order {int(rng.random() * 10_000_000)} is on its way')"


def mail_kwargs(rng: Random) -> str:
    return (
        f"{{'template': 'order-{pick(rng, LAST)}', 'locale': 'en_GB', 'delivery': '{delivery(rng)}', "
        f"'campaign': {int(rng.random() * 5_000)}, 'reply_to': '{email(rng)}'}}"
    )


def number_result(rng: Random) -> str:
    return str(int(rng.random() * 1_000_000))


def document_result(rng: Random) -> str:
    return f"{{'status': 'done', 'id': {int(rng.random() * 10_000_000)}, 'bytes': {int(rng.random() * 1_000_000)}}}"


def no_result(_rng: Random) -> str:
    return "None"


SHAPES: list[tuple[Make, Make, Make]] = [
    (order_args, order_kwargs, document_result),
    (file_args, file_kwargs, number_result),
    (mail_args, mail_kwargs, no_result),
]
FAILURES = [
    "ConnectionRefusedError(111, 'Connection refused: {host}')",
    "TimeoutError('no answer from {host} within 30 s')",
    "ValueError('amount of order {number} is negative')",
    "OperationalError('deadlock detected while updating row {number}')",
]


@dataclass(frozen=True)
class TaskType:
    """One kind of task."""

    name: str
    queue: str
    args: Make
    kwargs: Make
    result: Make
    runtime: float
    """Median, seconds."""

    @property
    def function(self) -> str:
        return self.name.rpartition(".")[2]

    @property
    def file(self) -> str:
        return "/srv/app/" + self.name.rpartition(".")[0].replace(".", "/") + ".py"


def task_types(count: int) -> list[TaskType]:
    """That many types, the same ones at every call."""
    types = []
    for index in range(count):
        # The three lists have lengths without a common factor, so that names repeat late.
        app, verb = APPS[index % len(APPS)], VERBS[index % len(VERBS)]
        name = f"{app}.tasks.{verb}_{OBJECTS[index % len(OBJECTS)]}"
        if index >= len(APPS) * len(VERBS) * len(OBJECTS):
            name += f"_{index}"
        args, kwargs, result = SHAPES[index % len(SHAPES)]
        runtime = 0.01 * 1.08 ** (index % 40)
        types.append(TaskType(name, QUEUES[index % len(QUEUES)], args, kwargs, result, runtime))
    return types


def failure(kind: TaskType, rng: Random) -> tuple[str, str]:
    """An exception's `repr` and its traceback, as Celery's tracer writes it."""
    number = int(rng.random() * 10_000_000)
    exception = pick(rng, FAILURES).format(host=pick(rng, HOSTS), number=number)
    error, _, message = exception.partition("(")
    traceback = (
        "Traceback (most recent call last):\n"
        '  File "/srv/venv/lib/python3.13/site-packages/celery/app/trace.py", line 564, in trace_task\n'
        "    R = retval = fun(*args, **kwargs)\n"
        "                 ^^^^^^^^^^^^^^^^^^^^\n"
        '  File "/srv/venv/lib/python3.13/site-packages/celery/app/trace.py", line 883, in __protected_call__\n'
        "    return self.run(*args, **kwargs)\n"
        "           ^^^^^^^^^^^^^^^^^^^^^^^^^\n"
        f'  File "{kind.file}", line {20 + number % 300}, in {kind.function}\n'
        f"    return client.call(number={number})\n"
        f"{error}: {message[:-1]}\n"
    )
    return exception, traceback
