"""The shop's Celery application: configured in code, as most FastAPI projects do."""

from celery import Celery

from shop.settings import settings

celery_app = Celery(
    "shop",
    broker=settings.broker_url,
    backend=settings.result_backend,
    include=[
        "shop.mail.tasks",
        "shop.orders.tasks",
        "shop.catalog.tasks",
        "shop.pricing.tasks",
    ],
)

celery_app.conf.update(
    task_default_queue="celery",
    task_routes={
        "shop.mail.tasks.*": {"queue": "mail"},
        "studio.*": {"queue": "images"},
        "office.errors.*": {"queue": "errors"},
        "office.*": {"queue": "reports"},
    },
    task_track_started=True,
    task_send_sent_event=True,
    result_extended=True,
    result_expires=3600,
    worker_prefetch_multiplier=1,
    broker_connection_retry_on_startup=True,
    # Lower numbers run first on Redis; "priority" makes the worker ask for them in that order.
    broker_transport_options={"queue_order_strategy": "priority"},
    enable_utc=True,
    timezone="UTC",
)
