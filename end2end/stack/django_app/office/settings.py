"""Django settings of the back office."""

import os
from pathlib import Path

from celery.schedules import crontab

SECRET_KEY = os.environ.get("DJANGO_SECRET_KEY", "only-for-development")
DEBUG = False
ALLOWED_HOSTS = ["127.0.0.1", "localhost"]
ROOT_URLCONF = "office.urls"
WSGI_APPLICATION = "office.wsgi.application"
INSTALLED_APPS = ["office.billing", "office.errors", "office.housekeeping"]
MIDDLEWARE = ["django.middleware.common.CommonMiddleware"]
USE_TZ = True
TIME_ZONE = "UTC"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

FILES_DIR = Path(os.environ.get("FILES_DIR", "files"))
DATABASES = {
    "default": {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": os.environ.get("OFFICE_DATABASE", "office.sqlite3"),
        "OPTIONS": {"timeout": 20, "transaction_mode": "IMMEDIATE"},
    }
}

CELERY_BROKER_URL = os.environ.get("CELERY_BROKER_URL", "redis://localhost:6379/0")
CELERY_RESULT_BACKEND = os.environ.get("CELERY_RESULT_BACKEND", "redis://localhost:6379/1")
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_TASK_DEFAULT_QUEUE = "reports"
CELERY_TASK_ROUTES = {"office.errors.*": {"queue": "errors"}}
CELERY_TASK_TRACK_STARTED = True
CELERY_TASK_ACKS_LATE = True
CELERY_TASK_SOFT_TIME_LIMIT = 60
CELERY_TASK_TIME_LIMIT = 90
CELERY_RESULT_EXPIRES = 3600
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
# No CELERY_WORKER_SEND_TASK_EVENTS and no CELERY_TASK_SEND_SENT_EVENT: as in many
# projects nobody thought of monitoring here, so the dashboard has to switch events on.

CELERY_BEAT_SCHEDULE = {
    "measure-disk": {
        "task": "office.housekeeping.tasks.measure_disk",
        "schedule": float(os.environ.get("BEAT_INTERVAL", "10")),
        "options": {"expires": 30},
    },
    "sales-report": {
        "task": "office.billing.tasks.build_sales_report",
        "schedule": crontab(minute="*"),
        "args": ("every minute",),
    },
    "clean-up": {
        "task": "office.housekeeping.tasks.clean_up",
        "schedule": crontab(minute="*/5"),
        "kwargs": {"keep_minutes": 30},
        "options": {"queue": "reports"},
    },
}
