"""E-mail tasks. The mail server refuses now and then, so both ways to retry are here."""

import smtplib
from typing import Any

from celery import Task

from shop.base import ShopTask
from shop.celery_app import celery_app
from shop.mail.smtp import deliver
from shop.settings import settings

TRANSIENT = (smtplib.SMTPException, OSError)


@celery_app.task(bind=True, base=ShopTask, max_retries=3)
def send_welcome_email(self: Task, email: str, name: str) -> dict[str, Any]:
    """Welcome a new customer; tries again after a fixed pause."""
    try:
        message_id = deliver(
            email,
            f"Welcome, {name}!",
            f"Hello {name},\n\nthank you for joining us.\n\nThe shop",
            self.request.id,
        )
    except TRANSIENT as error:
        raise self.retry(exc=error, countdown=float(settings.mail_retry_countdown)) from error
    return {"to": email, "message_id": message_id, "attempt": self.request.retries + 1}


@celery_app.task(bind=True, base=ShopTask, max_retries=3)
def send_email(self: Task, to: str, subject: str, body: str) -> dict[str, Any]:
    """Send any e-mail; pauses of 1, 2 and 4 seconds between the attempts."""
    try:
        message_id = deliver(to, subject, body, self.request.id)
    except TRANSIENT as error:
        raise self.retry(exc=error, countdown=2**self.request.retries) from error
    return {"to": to, "message_id": message_id, "attempt": self.request.retries + 1}
