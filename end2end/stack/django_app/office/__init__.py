"""The back office: Django in front, Celery behind. Loads Celery with Django, as its manual asks."""

from office.celery import app as celery_app

__all__ = ("celery_app",)
