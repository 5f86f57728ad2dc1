"""Routes of the back office."""

from django.urls import path

from office import views

urlpatterns = [
    path("health", views.health),
    path("reports", views.reports),
    path("run-task/<str:name>", views.run_task),
    path("task-status/<str:task_id>", views.task_status),
    path("errors", views.errors),
]
