"""A Celery application whose every way of telling something tells the secret."""

import os

from celery import Celery

SECRET = os.environ["SECRET"]

app = Celery("vault", broker=os.environ["BROKER"], backend=os.environ["BACKEND"])
app.conf.update(
    task_default_queue="vault",
    task_send_sent_event=True,
    broker_connection_retry_on_startup=True,
    result_extended=True,
    worker_hijack_root_logger=False,
    beat_schedule={
        "refresh-token": {
            "task": "vault.login",
            "schedule": 86_400.0,
            "kwargs": {"user": "beat", "login": {"pass_phrase": SECRET, "passphrase": SECRET}},
        },
    },
)


@app.task(bind=True)
def login(self, *args, **kwargs):
    """Tell the secret by an event, then fail with it in everything."""
    self.send_event("task-progress", done=1, headers={"Authorization": f"Bearer {SECRET}"})
    password = SECRET
    raise ValueError(f"login failed: password={password} url=redis://u:{password}@h/0")


@app.task
def fetch(*args, **kwargs):
    """Return the secret."""
    return {"user": "x", "api_token": SECRET, "nested": [{"cookie": SECRET}]}


@app.task
def same(user, password):
    """Tell whether the secret arrived."""
    return f"{user} {password == SECRET}"


def send():
    """Send tasks of every kind, and print their ids."""
    secrets = {"user": "x", "password": SECRET, "deep": {"list": [("access_key", SECRET)]}}
    ids = [
        login.apply_async(args=(["--token", SECRET], 1), kwargs=secrets).id,
        fetch.apply_async(args=({"secret": "y" * 1100 + SECRET},), kwargs=secrets).id,
        same.apply_async(kwargs={"user": "ann", "password": SECRET}).id,
        # A worker holds this one, and nobody takes the next.
        fetch.apply_async(kwargs=secrets, countdown=3_600).id,
        fetch.apply_async(kwargs=secrets, queue="unread").id,
    ]
    with app.connection_for_write() as connection:
        # What cannot be read is shown, too.
        channel = connection.default_channel
        channel.client.publish("/0.celeryev/task.sent", f'{{"body": "{{\'token\': \'{SECRET}\'}}"}}')
    print("\n".join(ids))


if __name__ == "__main__":
    send()
