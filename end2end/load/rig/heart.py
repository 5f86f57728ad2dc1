"""Heartbeats of a cluster that has nothing else to tell: its workers must not be lost between floods."""

import threading
import time
from dataclasses import replace
from random import Random

from flood.cluster import HEARTBEAT_SECONDS, Cluster, Worker
from rig import LoadError
from rig.sender import Publisher


class Heart:
    """Publishes a heartbeat of every worker each two seconds, from a thread of its own, unless it rests.

    It works on copies of the workers: while a flood is made, they are ahead of what was sent.
    """

    def __init__(self, port: int, cluster: Cluster) -> None:
        self.cluster = cluster
        self.rng = Random(0)
        self.publisher = Publisher(port)
        self.workers: list[Worker] = []
        self.beats = 0
        self.failure: LoadError | None = None
        self.lock = threading.Lock()
        self.ends = threading.Event()
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def run(self) -> None:
        while not self.ends.wait(HEARTBEAT_SECONDS):
            try:
                with self.lock:
                    self.beat("heartbeat")
            except LoadError as error:
                self.failure = error
                return

    def beat(self, kind: str) -> None:
        if self.workers:
            self.publisher.send(b"".join(w.status(kind, time.time(), self.rng) for w in self.workers))
            self.beats += len(self.workers)
            self.publisher.wait_for_answers(self.beats)

    def go_on(self, kind: str = "heartbeat") -> None:
        """Begin with a message of every worker as it is now."""
        with self.lock:
            self.workers = [replace(worker, buffer=[]) for worker in self.cluster.workers]
            self.beat(kind)

    def rest(self) -> None:
        """Publish nothing more; what was published is in `beats`."""
        with self.lock:
            self.workers = []
        if self.failure is not None:
            raise self.failure

    def stop(self) -> None:
        self.ends.set()
        self.thread.join()
        self.publisher.close()
