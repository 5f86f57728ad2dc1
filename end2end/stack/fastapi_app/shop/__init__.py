"""A small web shop: FastAPI in front, Celery behind."""
