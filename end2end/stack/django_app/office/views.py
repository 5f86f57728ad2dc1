"""The back office's HTTP interface: JSON only, no sessions, hence no CSRF protection to need."""

import json
from typing import Any

from celery.result import AsyncResult
from django.http import HttpRequest, JsonResponse
from django.views.decorators.http import require_GET, require_POST

from office.billing.tasks import build_invoice, build_sales_report, close_month, export_ledger
from office.celery import app
from office.errors.models import ErrorEntry
from office.housekeeping.tasks import measure_disk

RUNNABLE = {
    "report": build_sales_report,
    "invoice": build_invoice,
    "close-month": close_month,
    "export": export_ledger,
    "measure": measure_disk,
}


def body_of(request: HttpRequest) -> dict[str, Any]:
    """The JSON body, or nothing."""
    return json.loads(request.body) if request.body else {}


@require_GET
def health(_request: HttpRequest) -> JsonResponse:
    return JsonResponse({"status": "ok"})


@require_POST
def run_task(request: HttpRequest, name: str) -> JsonResponse:
    """Start a task by its short name; the body, if any, holds keyword arguments."""
    task = RUNNABLE.get(name)
    if task is None:
        return JsonResponse({"error": f"no task {name!r}; there are {', '.join(RUNNABLE)}"}, status=404)
    result = task.apply_async(kwargs=body_of(request))
    return JsonResponse({"task_id": result.id, "name": task.name}, status=202)


@require_POST
def reports(request: HttpRequest) -> JsonResponse:
    """An invoice and the report that goes with it, the report after the invoice (link)."""
    customer = body_of(request).get("customer", "Ada Lovelace")
    result = build_invoice.apply_async((customer,), link=build_sales_report.si("after an invoice"))
    return JsonResponse({"task_id": result.id}, status=202)


@require_GET
def task_status(_request: HttpRequest, task_id: str) -> JsonResponse:
    result = AsyncResult(task_id, app=app)
    status = {"task_id": task_id, "status": result.state}
    if result.successful():
        status["result"] = result.result
    elif result.failed():
        status["error"] = repr(result.result)
    return JsonResponse(status)


@require_GET
def errors(_request: HttpRequest) -> JsonResponse:
    """The newest entries of the error queue that were recorded."""
    newest = ErrorEntry.objects.order_by("-id")[:100]
    fields = ("source", "task_name", "task_id", "exception")
    return JsonResponse({"errors": [{field: getattr(entry, field) for field in fields} for entry in newest]})
