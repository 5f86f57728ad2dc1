"""The error log."""

from django.db import models


class ErrorEntry(models.Model):
    """One task that failed for good, in whichever application."""

    source = models.CharField(max_length=40)
    task_name = models.CharField(max_length=200)
    task_id = models.CharField(max_length=100, db_index=True)
    exception = models.TextField()
    traceback = models.TextField()
    recorded_at = models.DateTimeField(auto_now_add=True)

    def __str__(self) -> str:
        return f"{self.source}: {self.task_name}: {self.exception}"
