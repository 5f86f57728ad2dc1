"""Writes reprs.jsonl: what Celery's saferepr and Python's repr write of many
values, and what the values are.

    pip install celery==5.7.0
    PYTHONHASHSEED=0 python make_reprs.py > reprs.jsonl

A line is {"text": …, "tree": …}. A tree is a pair of a kind and its contents;
it is null where the text was cut, so that only its shape can be tested.
"""

import collections
import datetime
import decimal
import fractions
import json
import random
import uuid

from celery.utils.saferepr import saferepr

Point = collections.namedtuple("Point", "x y")


class Thing:
    def __init__(self, text):
        self.text = text

    def __repr__(self):
        return self.text


THINGS = [
    Thing("<User: 5>"),
    Thing("<User: 5, 'x'>"),
    Thing("<a <b> c>"),
    Thing("<a > b>"),
    Thing("<module.Class object at 0x7f00>"),
    Thing("Color.RED"),
    Thing("<Color.RED: 1>"),
]
CALLS = [
    datetime.datetime(2026, 11, 20, 8, 19, 11, 985384, tzinfo=datetime.timezone.utc),
    datetime.date(2026, 11, 20),
    datetime.timedelta(seconds=5),
    decimal.Decimal("1.10"),
    uuid.UUID(int=5),
    ValueError("no such user"),
    KeyError("it's"),
    OSError(2, "no"),
    collections.OrderedDict([("a", 1)]),
    collections.Counter("aab"),
    collections.deque([1, 2], maxlen=3),
]
STRINGS = [
    "",
    "plain",
    "it's",
    "'",
    "''",
    "', '",
    '"',
    "tab\tand\nnewline",
    "back\\slash",
    "C:\\new",
    "é😀\u0000",
    "a, b",
    "[not, a list]",
    "{'k': 1}",
    "x: y",
    "(",
    ")",
    "a...b",
]


def tree(value):
    """What a parser should make of the value's text."""
    if value is None:
        return ["none", None]
    if isinstance(value, bool):
        return ["bool", value]
    if isinstance(value, int):
        return ["int", str(value)]
    if isinstance(value, float):
        return ["float", str(value)]
    if isinstance(value, str):
        return ["str", value]
    if isinstance(value, bytes):
        try:
            return ["bytes", value.decode()]
        except UnicodeDecodeError:
            return ["bytes", value.hex()]
    if isinstance(value, list):
        return ["list", [tree(item) for item in value]]
    if isinstance(value, tuple):
        return ["tuple", [tree(item) for item in value]]
    if isinstance(value, dict):
        # Celery writes every kind of dict as a plain one.
        return ["dict", [[tree(key), tree(item)] for key, item in value.items()]]
    if isinstance(value, (set, frozenset)) and type(value) is set and value:
        return ["set", [tree(item) for item in value]]
    if isinstance(value, fractions.Fraction) or type(value) is complex or isinstance(value, Thing):
        return ["opaque", repr(value) if isinstance(value, Thing) else str(value)]
    text = repr(value)
    return ["call", text[: text.index("(")]]


def emit(text, value=None, is_whole=True):
    print(json.dumps({"text": text, "tree": tree(value) if is_whole else None}))


def some(generator, depth):
    """A random value whose saferepr can be read without doubt."""
    kind = generator.randrange(16 if depth < 2 else 11)
    if kind < 3:
        return generator.choice(STRINGS)
    if kind == 3:
        return generator.choice([None, True, False])
    if kind == 4:
        return generator.randrange(-(10**30), 10**30)
    if kind == 5:
        return generator.uniform(-1e9, 1e9) * 10.0 ** generator.randrange(-30, 30)
    if kind == 6:
        return generator.choice([float("inf"), float("-inf"), float("nan"), 0.0, -0.0, 1e300])
    if kind == 7:
        return generator.choice([b"", b"text", b"\xff\xfe\x00", b"it's", b"a, b"])
    if kind == 8:
        return generator.choice(THINGS)
    if kind == 9:
        return generator.choice(CALLS[:9])
    if kind == 10:
        return generator.choice([complex(1, 2), fractions.Fraction(1, 3)])
    items = [some(generator, depth + 1) for _ in range(generator.randrange(4))]
    if kind == 11:
        return tuple(items)
    if kind == 12:
        return {generator.choice(STRINGS): item for item in items}
    if kind == 13:
        return {item for item in items if isinstance(item, (str, int, float)) and item == item}
    if kind == 14:
        return {(1, "x"): items, None: 1, 2: items}
    return items


def main():
    generator = random.Random(3)
    for value in STRINGS + THINGS + CALLS + [set(), Point(1, 2)]:
        # Celery writes a namedtuple as a tuple; Python's own repr names it.
        is_named = isinstance(value, Point)
        emit(saferepr(value), tuple(value) if is_named else value)
    for _ in range(400):
        value = some(generator, 0)
        text = saferepr(value)
        is_whole = not any(hidden in text for hidden in ["[...]", "{...}", "(...)"])
        emit(text, value, is_whole)
    # Python's own repr, as exceptions and results hold it.
    for value in CALLS:
        print(json.dumps({"text": repr(value), "tree": ["call", repr(value).split("(")[0]]}))
    for value in ["it's", 'both \' and "', "new\nline", "C:\\"]:
        print(json.dumps({"text": repr([value]), "tree": None}))
    # Texts that end with a backslash, and everything that is cut.
    emit(saferepr(["C:\\", 1]), ["C:\\", 1])
    emit(saferepr(["C:\\", "D:\\", {"k": "E:\\"}]), ["C:\\", "D:\\", {"k": "E:\\"}])
    emit(saferepr([[[[1]]], {"a": {"b": {"c": 1}}}, (((1,),),)]), is_whole=False)
    nested = []
    nested.append(nested)
    emit(saferepr(nested), is_whole=False)
    long = [
        "x" * 200,
        ["y" * 30, 5, "z" * 90],
        {"key": "v" * 50, "more": [1, 2, 3], ("t", 1): None},
        [datetime.datetime(2026, 11, 20, 8, 19), 12345678901234567890],
        ({"a"}, b"\xff" * 40, b"text" * 30),
        (("one",),),
    ]
    for value in long + [long, tuple(long), {"k": long}]:
        for limit in list(range(1, 60)) + [100, 200, 400]:
            text = saferepr(value, maxlen=limit)
            if "..." in text:
                emit(text, is_whole=False)


main()
