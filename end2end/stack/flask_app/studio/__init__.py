"""A picture studio: Flask in front, Celery behind, wired the way Flask's manual shows."""

from celery import Celery, Task
from flask import Flask

from studio.config import Config


def create_app() -> Flask:
    """The application factory, also used by the worker (`studio.worker`)."""
    app = Flask(__name__)
    app.config.from_object(Config())
    init_celery(app)

    from studio.views import bp

    app.register_blueprint(bp)
    return app


def init_celery(app: Flask) -> Celery:
    """Create the Celery application from the `CELERY` setting of the Flask one."""

    class FlaskTask(Task):
        """Runs inside the application context, and reports failures to the back office."""

        def __call__(self, *args: object, **kwargs: object) -> object:
            with app.app_context():
                return self.run(*args, **kwargs)

        def on_failure(self, exc: BaseException, task_id: str, args: tuple, kwargs: dict, einfo: object) -> None:
            report = {
                "source": "studio",
                "task_name": self.name,
                "task_id": task_id,
                "exception": repr(exc),
                "traceback": str(einfo),
            }
            self.app.send_task("office.errors.tasks.record_error", kwargs=report, queue="errors")

    celery_app = Celery(app.name, task_cls=FlaskTask, include=["studio.images.tasks"])
    celery_app.config_from_object(app.config["CELERY"])
    celery_app.set_default()
    app.extensions["celery"] = celery_app
    return celery_app
