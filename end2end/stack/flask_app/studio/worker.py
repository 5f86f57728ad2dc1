"""Entry point of the worker: `celery -A studio.worker worker`."""

from studio import create_app

flask_app = create_app()
celery_app = flask_app.extensions["celery"]
