"""Delivery of one e-mail over SMTP."""

import smtplib
from email.message import EmailMessage
from email.utils import make_msgid

from shop.settings import settings


def deliver(to: str, subject: str, body: str, task_id: str) -> str:
    """Hand one message to the mail server and return its message id.

    The task id travels in a header, so that a mail can be traced back to its task.
    """
    message = EmailMessage()
    message["From"] = settings.mail_from
    message["To"] = to
    message["Subject"] = subject
    message["Message-ID"] = make_msgid(domain="shop.example.org")
    message["X-Task-Id"] = task_id
    message.set_content(body)
    with smtplib.SMTP(settings.smtp_host, int(settings.smtp_port), timeout=10) as server:
        server.send_message(message)
    return str(message["Message-ID"])
