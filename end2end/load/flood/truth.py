"""What a flood amounts to, counted while it is made: what any dashboard must show in the end."""

from collections import Counter
from dataclasses import dataclass, field


@dataclass
class Truth:
    """Tasks by what they can be filtered by, and the size of their texts."""

    tasks: int = 0
    text_bytes: int = 0
    retried: int = 0
    states: Counter[str] = field(default_factory=Counter)
    names: Counter[str] = field(default_factory=Counter)
    workers: Counter[str] = field(default_factory=Counter)
    queues: Counter[str] = field(default_factory=Counter)
    needles: Counter[str] = field(default_factory=Counter)
    """Tasks whose arguments hold one of the words of `flood.work`."""

    def add(self, other: "Truth") -> None:
        """Count another flood's tasks as well."""
        self.tasks += other.tasks
        self.text_bytes += other.text_bytes
        self.retried += other.retried
        for name in ("states", "names", "workers", "queues", "needles"):
            getattr(self, name).update(getattr(other, name))
