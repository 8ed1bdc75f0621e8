"""Addresses of tasks and of bulk actions: pages, and their part of /api/v1/."""

from django.urls import URLPattern, path

from provisioning.api import tasks as api
from provisioning.views import bulk_users, tasks

_TASK = "tasks/<uuid:task_id>/"

urlpatterns: list[URLPattern] = [
    path("users/bulk/", bulk_users.bulk_users, name="bulk_users"),
    path("tasks/", tasks.tasks, name="tasks"),
    path(_TASK, tasks.task, name="task"),
    path(f"{_TASK}progress/", tasks.task_progress, name="task_progress"),
    path(f"{_TASK}cancel/", tasks.task_cancel, name="task_cancel"),
    path(f"{_TASK}result.csv", tasks.task_result, name="task_result"),
]

api_urlpatterns: list[URLPattern] = [
    path("tasks", api.Tasks.as_view(), name="tasks"),
    path("tasks/<uuid:task_id>", api.OneTask.as_view(), name="task"),
    path("tasks/<uuid:task_id>/rows", api.TaskRows.as_view(), name="task_rows"),
    path("tasks/<uuid:task_id>/cancel", api.TaskCancellation.as_view(), name="task_cancellation"),
    path("people/bulk", api.BulkPeople.as_view(), name="people_bulk"),
]
