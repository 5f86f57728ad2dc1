"""The studio's HTTP interface."""

from typing import Any

from celery import chord
from celery.result import AsyncResult
from flask import Blueprint, current_app, jsonify, request
from flask.typing import ResponseReturnValue

from studio.images import tasks

bp = Blueprint("studio", __name__)

RUNNABLE = {
    "resize": tasks.resize_image,
    "mandelbrot": tasks.render_mandelbrot,
    "corrupt": tasks.open_upload,
    "fetch": tasks.fetch_remote_image,
}


@bp.get("/health")
def health() -> ResponseReturnValue:
    return jsonify(status="ok")


@bp.post("/run-task/<name>")
def run_task(name: str) -> ResponseReturnValue:
    """Start a task by its short name; a JSON body, if any, holds keyword arguments."""
    task = RUNNABLE.get(name)
    if task is None:
        return jsonify(error=f"no task {name!r}; there are {', '.join(RUNNABLE)}"), 404
    options: dict[str, Any] = {}
    if countdown := request.args.get("countdown", type=float):
        options["countdown"] = countdown
    result = task.apply_async(kwargs=request.get_json(silent=True) or {}, **options)
    return jsonify(task_id=result.id, name=task.name), 202


@bp.post("/gallery")
def gallery() -> ResponseReturnValue:
    """A chord: scale several pictures, then put them on one contact sheet."""
    body = request.get_json(silent=True) or {}
    size = min(int(body.get("size", 4)), 24)
    pictures = [tasks.resize_image.s(title=f"picture {n}", width=160, height=120) for n in range(size)]
    result = chord(pictures, tasks.contact_sheet.s()).apply_async()
    return jsonify(task_id=result.id, task_ids=[child.id for child in result.parent.children]), 202


@bp.post("/upload")
def upload() -> ResponseReturnValue:
    """Check an uploaded picture (the request's body) in the background."""
    result = tasks.open_upload.delay(request.get_data().hex())
    return jsonify(task_id=result.id), 202


@bp.get("/task-status/<task_id>")
def task_status(task_id: str) -> ResponseReturnValue:
    result = AsyncResult(task_id, app=current_app.extensions["celery"])
    return jsonify(
        task_id=task_id,
        status=result.state,
        result=result.result if result.successful() else None,
        error=repr(result.result) if result.failed() else None,
    )
