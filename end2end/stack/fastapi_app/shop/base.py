"""The task class all tasks of the shop share."""

from typing import Any

from celery import Task


class ShopTask(Task):
    """Reports a task that failed for good to the back office, over its error queue.

    The back office is another application, so its task is addressed by name: the
    shop needs none of its code.
    """

    def on_failure(
        self, exc: BaseException, task_id: str, args: tuple[Any, ...], kwargs: dict[str, Any], einfo: Any
    ) -> None:
        self.app.send_task(
            "office.errors.tasks.record_error",
            kwargs={
                "source": "shop",
                "task_name": self.name,
                "task_id": task_id,
                "exception": repr(exc),
                "traceback": str(einfo),
            },
            queue="errors",
        )
