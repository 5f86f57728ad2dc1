"""Beat's tasks."""

import time
from datetime import timedelta
from pathlib import Path

from celery import shared_task
from django.conf import settings
from django.utils import timezone

from office.errors.models import ErrorEntry


def files() -> list[Path]:
    """All files the applications wrote."""
    return [path for path in settings.FILES_DIR.rglob("*") if path.is_file()]


@shared_task
def measure_disk() -> dict[str, int]:
    """How much the applications have written."""
    found = files()
    return {"files": len(found), "bytes": sum(path.stat().st_size for path in found)}


@shared_task
def clean_up(keep_minutes: int = 30) -> dict[str, int]:
    """Delete old files and error entries, so that an endless demo doesn't fill the disk."""
    oldest = time.time() - 60 * keep_minutes
    old = [path for path in files() if path.stat().st_mtime < oldest]
    for path in old:
        path.unlink(missing_ok=True)
    entries, _ = ErrorEntry.objects.filter(recorded_at__lt=timezone.now() - timedelta(minutes=keep_minutes)).delete()
    return {"files": len(old), "errors": entries}
