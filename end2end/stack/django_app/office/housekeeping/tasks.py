"""Beat's tasks."""

import os
import time
from collections.abc import Iterator
from contextlib import suppress
from datetime import timedelta
from pathlib import Path

from celery import shared_task
from django.conf import settings
from django.utils import timezone

from office.errors.models import ErrorEntry


def files() -> Iterator[tuple[Path, os.stat_result]]:
    """All files the applications wrote; one that vanishes meanwhile is left out."""
    for path in settings.FILES_DIR.rglob("*.*"):
        with suppress(FileNotFoundError):
            yield path, path.stat()


@shared_task
def measure_disk() -> dict[str, int]:
    """How much the applications have written."""
    sizes = [stat.st_size for _, stat in files()]
    return {"files": len(sizes), "bytes": sum(sizes)}


@shared_task
def clean_up(keep_minutes: int = 30) -> dict[str, int]:
    """Delete old files and error entries, so that an endless demo doesn't fill the disk."""
    oldest = time.time() - 60 * keep_minutes
    old = [path for path, stat in files() if stat.st_mtime < oldest]
    for path in old:
        path.unlink(missing_ok=True)
    entries, _ = ErrorEntry.objects.filter(recorded_at__lt=timezone.now() - timedelta(minutes=keep_minutes)).delete()
    return {"files": len(old), "errors": entries}
