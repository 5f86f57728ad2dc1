"""A Celery application for the engine's tests; one task for each way to end."""

import json
import os
import time

from celery import Celery
from celery.contrib.abortable import AbortableTask
from celery.schedules import crontab

app = Celery("lab", broker=os.environ["BROKER"], backend=os.environ["BACKEND"])
app.conf.update(
    task_default_queue="lab",
    task_send_sent_event=True,
    broker_connection_retry_on_startup=True,
    result_extended="RESULT_EXTENDED" in os.environ,
    accept_content=["json", "pickle"],
    worker_pool_restarts="LAB_POOL_RESTARTS" in os.environ,
)
if "BEAT" in os.environ:
    app.conf.update(
        beat_enable_remote_control=True,
        timezone="Europe/Berlin",
        beat_schedule={
            "tick": {"task": "lab.add", "schedule": 1.0, "args": (1, 1)},
            "nightly": {
                "task": "lab.fail",
                "schedule": crontab(minute=30, hour=3),
                "options": {"queue": "low", "priority": 9},
            },
            "login": {
                "task": "lab.add",
                "schedule": crontab(minute=30, hour=3),
                "kwargs": {"x": 1, "password": "secret"},
            },
            "bare": {
                "task": "lab.fail",
                "schedule": crontab(minute=30, hour=3),
                "options": {"queue": "low", "expires": 60, "shadow": "bare"},
            },
        },
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


def is_retried(request):
    """Tell whether a dashboard sent the task again."""
    return "celeriac_retry_of" in (request.headers or {})


@app.task(bind=True)
def record(self, *args, **kwargs):
    """Write down what came, and fail unless the task was sent again."""
    request = self.request
    fields = ["root_id", "parent_id", "retries", "group", "chord", "eta", "headers"]
    fields += ["delivery_info", "origin"]
    told = {field: getattr(request, field, None) for field in fields}
    told["args"] = ascii(args)
    told["kwargs"] = ascii(kwargs)
    app.backend.client.set(f"told-{request.id}", json.dumps(told, default=repr))
    if not is_retried(request):
        raise ValueError("as asked")
    return "done"


@app.task(bind=True)
def count(self, number):
    """Count a run, and fail unless the task was sent again."""
    app.backend.client.hincrby("runs", number, 1)
    if not is_retried(self.request):
        raise ValueError("as asked")


@app.task(bind=True, acks_late=True)
def held(self, *args):
    """Hold a slot until the worker dies, unless the task was sent again."""
    if not is_retried(self.request):
        time.sleep(600)
    return ascii(args)


@app.task(bind=True, base=AbortableTask)
def patient(self):
    """Hold a slot until asked to abort."""
    while not self.is_aborted():
        time.sleep(0.05)
    return "aborted"
