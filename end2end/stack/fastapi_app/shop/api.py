"""The shop's HTTP interface."""

import uuid
from datetime import datetime, timedelta, timezone
from typing import Annotated, Any, Literal

from celery.result import AsyncResult
from fastapi import Body, FastAPI, HTTPException
from pydantic import BaseModel, Field

from shop.catalog.tasks import import_supplier_feed, rebuild_index, stock_take
from shop.celery_app import celery_app
from shop.mail.tasks import send_email, send_welcome_email
from shop.orders.tasks import charge_card, quote, remind_of_basket
from shop.orders.workflows import newsletter, place_order, reprice
from shop.pricing.tasks import count_primes

app = FastAPI(title="Shop")

# The short names of /run-task. Whoever is shown a task here can start it with its defaults.
RUNNABLE = {
    "quote": quote.s(),
    "slow": stock_take.s(),
    "progress": rebuild_index.s(),
    "fail": import_supplier_feed.s(),
    "primes": count_primes.s(),
    "charge": charge_card.s({"number": 1, "article": "tea", "quantity": 1}),
    "remind": remind_of_basket.s("somebody@example.org"),
}


class Registration(BaseModel):
    """A new customer."""

    name: str = Field(min_length=1)
    email: str = Field(pattern=r"^[^@\s]+@[^@\s]+$")
    avatar: bool = False
    remind: bool = False


class Email(BaseModel):
    """An e-mail to send; priority 0 runs first, 9 last."""

    to: str = Field(pattern=r"^[^@\s]+@[^@\s]+$")
    subject: str = "Your order"
    body: str = "It is on its way."
    priority: int = Field(default=3, ge=0, le=9)


class Process(BaseModel):
    """A workflow to start."""

    kind: Literal["chain", "group", "chord"] = "chain"
    size: int = Field(default=4, ge=1, le=100)
    article: str = "coffee"


@app.get("/health")
def health() -> dict[str, str]:
    return {"status": "ok"}


@app.post("/register", status_code=202)
def register(user: Registration) -> dict[str, Any]:
    """Welcome the customer; on request also scale an avatar (another application's task)
    and send a reminder later (ETA)."""
    tasks = {"welcome_email": send_welcome_email.delay(user.email, user.name).id}
    if user.avatar:
        avatar = celery_app.send_task(
            "studio.images.tasks.resize_image", kwargs={"title": user.name, "width": 128, "height": 128}
        )
        tasks["avatar"] = avatar.id
    if user.remind:
        at = datetime.now(timezone.utc) + timedelta(seconds=45)
        tasks["remind"] = remind_of_basket.apply_async((user.email,), eta=at).id
    return {"user_id": str(uuid.uuid4()), "task_id": tasks["welcome_email"], "tasks": tasks}


@app.post("/send-email", status_code=202)
def post_email(email: Email) -> dict[str, str]:
    result = send_email.apply_async((email.to, email.subject, email.body), priority=email.priority)
    return {"task_id": result.id}


@app.post("/process", status_code=202)
def process(request: Process) -> dict[str, Any]:
    """Start a workflow; the answer holds the id of its last (or only) result."""
    if request.kind == "chain":
        result = place_order(request.article).apply_async()
        ids = [result.id, result.parent.id, result.parent.parent.id]
        return {"task_id": result.id, "task_ids": ids[::-1]}
    if request.kind == "group":
        result = newsletter([f"reader{n}@example.org" for n in range(request.size)]).apply_async()
        return {"group_id": result.id, "task_ids": [child.id for child in result.children]}
    result = reprice(request.size).apply_async()
    return {"task_id": result.id, "group_id": result.parent.id, "task_ids": [c.id for c in result.parent.children]}


@app.post("/run-task/{name}", status_code=202)
def run_task(
    name: str,
    kwargs: Annotated[dict[str, Any] | None, Body()] = None,
    priority: int | None = None,
    countdown: float | None = None,
    expires: float | None = None,
) -> dict[str, Any]:
    """Start a task by its short name; the body, if any, holds keyword arguments."""
    signature = RUNNABLE.get(name)
    if signature is None:
        raise HTTPException(404, f"no task {name!r}; there are {', '.join(RUNNABLE)}")
    options = {"priority": priority, "countdown": countdown, "expires": expires}
    result = signature.apply_async(
        kwargs=kwargs or {}, **{option: value for option, value in options.items() if value is not None}
    )
    return {"task_id": result.id, "name": signature.task}


@app.get("/task-status/{task_id}")
def task_status(task_id: str) -> dict[str, Any]:
    """What a polling front end needs, and no more."""
    result = AsyncResult(task_id, app=celery_app)
    status: dict[str, Any] = {"task_id": task_id, "status": result.state, "ready": result.ready()}
    if result.state == "PROGRESS":
        status["progress"] = result.info
    elif result.successful():
        status["result"] = result.result
    elif result.failed():
        status["error"] = repr(result.result)
    return status


@app.get("/tasks/{task_id}")
def task_details(task_id: str) -> dict[str, Any]:
    """Everything the result backend knows about a task."""
    result = AsyncResult(task_id, app=celery_app)
    return {
        **task_status(task_id),
        "name": result.name,
        "args": result.args,
        "kwargs": result.kwargs,
        "worker": result.worker,
        "queue": result.queue,
        "retries": result.retries,
        "date_done": result.date_done,
        "traceback": result.traceback,
    }
