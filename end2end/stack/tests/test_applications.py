"""The applications do what they say: over HTTP, through Celery, into mail, files and errors."""

import uuid
from pathlib import Path

import pytest
from conftest import Stack, wait_for


def address(kind: str) -> str:
    """A fresh address that the mail server treats as `kind` says."""
    return f"{kind}+{uuid.uuid4().hex[:8]}@example.org"


def test_registration_sends_the_welcome_mail(stack: Stack) -> None:
    email = address("accepted")
    answer = stack.request("fastapi", "/register", {"name": "Ada", "email": email})
    task = stack.finished(answer["task_id"])
    assert task["status"] == "SUCCESS"
    assert task["name"] == "shop.mail.tasks.send_welcome_email"
    assert task["args"] == [email, "Ada"]
    assert task["worker"] == stack.component("worker-web")["node"]
    [mail] = stack.mails(email)
    assert mail["subject"] == "Welcome, Ada!"
    assert mail["task_id"] == answer["task_id"]


@pytest.mark.parametrize(
    ("path", "body"),
    [("/register", {"name": "Grace", "email": ""}), ("/send-email", {"to": ""})],
    ids=["fixed pause", "growing pause"],
)
def test_refused_mail_is_retried(stack: Stack, path: str, body: dict[str, str]) -> None:
    email = address("refused-2x")
    filled = {key: value or email for key, value in body.items()}
    task = stack.finished(stack.request("fastapi", path, filled)["task_id"])
    assert task["status"] == "SUCCESS"
    assert task["retries"] == 2
    assert task["result"]["attempt"] == 3
    assert len(stack.mails(email)) == 1


def test_mail_refused_for_good_reaches_the_error_log(stack: Stack) -> None:
    email = address("refused")
    answer = stack.request("fastapi", "/send-email", {"to": email})
    task = stack.finished(answer["task_id"])
    assert task["status"] == "FAILURE"
    assert task["retries"] == 3
    assert "SMTPRecipientsRefused" in task["traceback"]
    entry = wait_for("the error entry", lambda: error_entry(stack, answer["task_id"]))
    assert entry["source"] == "shop"
    assert stack.mails(email) == []


def test_failing_task_has_a_traceback_with_its_frames(stack: Stack) -> None:
    answer = stack.request("fastapi", "/run-task/fail", {"supplier": "globex"})
    task = stack.finished(answer["task_id"])
    assert task["status"] == "FAILURE"
    assert "price '4,2O' is not a number" in task["error"]
    assert all(function in task["traceback"] for function in ("parse_feed", "parse_row", "parse_price"))
    assert wait_for("the error entry", lambda: error_entry(stack, answer["task_id"]))


def test_errors_wait_in_their_queue_while_nobody_records_them(stack: Stack) -> None:
    stack.control("stop", "worker-office")
    try:
        answer = stack.request("fastapi", "/run-task/fail", {})
        stack.finished(answer["task_id"])
        assert error_entry(stack, answer["task_id"]) is None
    finally:
        stack.control("start", "worker-office")
    assert wait_for("the error entry", lambda: error_entry(stack, answer["task_id"]))


def test_progress_is_visible_while_it_runs(stack: Stack) -> None:
    answer = stack.request("fastapi", "/run-task/progress", {"steps": 8, "pause": 0.2})
    path = f"/task-status/{answer['task_id']}"
    progress = wait_for("progress", lambda: stack.request("fastapi", path).get("progress"))
    assert progress["total"] == 8
    assert stack.finished(answer["task_id"])["result"]["indexed"] == 8


def test_chain_group_and_chord(stack: Stack) -> None:
    order = stack.request("fastapi", "/process", {"kind": "chain", "article": "tea"})
    assert stack.finished(order["task_id"])["result"]["parcel"].startswith("P")
    assert len(order["task_ids"]) == 3

    news = stack.request("fastapi", "/process", {"kind": "group", "size": 3})
    assert len({stack.finished(task_id)["task_id"] for task_id in news["task_ids"]}) == 3

    prices = stack.request("fastapi", "/process", {"kind": "chord", "size": 3})
    assert stack.finished(prices["task_id"])["result"]["articles"] == 6_000


def test_flask_scales_pictures(stack: Stack) -> None:
    answer = stack.request("flask", "/run-task/resize", {"title": "Ada", "width": 100, "height": 100})
    result = stack.finished(answer["task_id"], "flask")["result"]
    assert max(result["size"]) == 100
    assert (Path(stack.state["files_dir"]) / "images" / result["file"]).read_bytes().startswith(b"\xff\xd8")

    gallery = stack.request("flask", "/gallery", {"size": 3})
    assert stack.finished(gallery["task_id"], "flask")["result"]["pictures"] == 3


def test_flask_retries_by_itself_and_fails_on_a_broken_upload(stack: Stack) -> None:
    fetched = stack.request("flask", "/run-task/fetch", {"failures": 1})
    assert "at attempt 2" in stack.finished(fetched["task_id"], "flask")["result"]
    broken = stack.request("flask", "/run-task/corrupt", {})
    assert "UnidentifiedImageError" in stack.finished(broken["task_id"], "flask")["error"]


def test_django_writes_documents(stack: Stack) -> None:
    invoice = stack.request("django", "/run-task/invoice", {"customer": "Grace Hopper"})
    file = stack.finished(invoice["task_id"], "django")["result"]
    assert (Path(stack.state["files_dir"]) / "reports" / file).read_bytes().startswith(b"%PDF")
    report = stack.request("django", "/run-task/report", {"rows": 20})
    assert stack.finished(report["task_id"], "django")["result"]["rows"] == 20


def test_beat_sends_its_entries(stack: Stack) -> None:
    log = Path(stack.component("beat")["log"])
    for entry in ("measure-disk", "sales-report"):
        wait_for(f"beat to send {entry}", lambda entry=entry: f"Sending due task {entry}" in log.read_text())


def error_entry(stack: Stack, task_id: str) -> dict[str, str] | None:
    """What the back office recorded about a task."""
    entries = stack.request("django", "/errors")["errors"]
    return next((entry for entry in entries if entry["task_id"] == task_id), None)
