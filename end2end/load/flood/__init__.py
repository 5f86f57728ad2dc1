"""Event floods as a cluster of Celery workers publishes them, made before they are sent."""
