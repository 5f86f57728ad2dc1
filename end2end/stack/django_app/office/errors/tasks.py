"""The consumer of the error queue."""

from celery import shared_task

from office.errors.models import ErrorEntry


@shared_task
def record_error(source: str, task_name: str, task_id: str, exception: str, traceback: str) -> int:
    """Keep what another application reports about its failed task."""
    entry = ErrorEntry.objects.create(
        source=source, task_name=task_name, task_id=task_id, exception=exception, traceback=traceback
    )
    return entry.pk
