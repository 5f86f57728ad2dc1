"""Flask configuration; Celery's own settings are one dictionary in it."""

import os
from typing import Any


class Config:
    """Read from the environment when the application is created."""

    def __init__(self) -> None:
        self.FILES_DIR = os.environ.get("FILES_DIR", "files")
        self.CELERY: dict[str, Any] = {
            "broker_url": os.environ.get("CELERY_BROKER_URL", "redis://localhost:6379/0"),
            "result_backend": os.environ.get("CELERY_RESULT_BACKEND", "redis://localhost:6379/1"),
            "task_default_queue": "images",
            "task_track_started": True,
            "task_send_sent_event": True,
            "result_extended": True,
            "result_expires": 3600,
            "broker_connection_retry_on_startup": True,
        }
