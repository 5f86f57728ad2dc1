"""A Celery application for the engine's tests; one task for each way to end."""

import os
import time

from celery import Celery

app = Celery("lab", broker=os.environ["BROKER"], backend=os.environ["BACKEND"])
app.conf.update(
    task_default_queue="lab",
    task_send_sent_event=True,
    broker_connection_retry_on_startup=True,
)


@app.task
def add(x, y):
    """Succeed."""
    return x + y


@app.task
def fail():
    """Fail with an exception that has an argument."""
    raise ValueError("always")


@app.task(bind=True, max_retries=2)
def flaky(self):
    """Fail once, then succeed."""
    if self.request.retries == 0:
        raise self.retry(exc=ConnectionError("try again"), countdown=0.1)
    return "done"


@app.task
def sleep(seconds):
    """Hold a slot."""
    time.sleep(seconds)


@app.task(bind=True, acks_late=True)
def careful(self):
    """Hold a slot until the worker dies, and end when delivered again."""
    if not self.request.delivery_info["redelivered"]:
        time.sleep(600)
    return "done"


@app.task(send_events=False)
def silent():
    """Run without a word."""
