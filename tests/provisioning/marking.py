"""A kind of task for tests: it adds an x to the client version of each user of its organization, ten a step."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from datetime import datetime
from typing import Any

from django.db.models import Value
from django.db.models.functions import Concat

from provisioning.changes import Actor, change_of, record_many
from provisioning.models import Task, User
from provisioning.models.users import License
from provisioning.refusals import Refusal
from provisioning.roles import Permission
from provisioning.task_kinds import Step, changed, refused, register

TEN = 10


class Marking:
    """`in_step` is called in each step's transaction, after its writes, with the cursor it began at."""

    code = "marking"
    title = "Mark users"
    permission = Permission.CHANGE_USERS

    def __init__(self) -> None:
        self.in_step: Callable[[dict[str, Any]], None] = lambda cursor: None

    def describe(self, task: Task) -> str:
        return "Mark everyone"

    def total(self, task: Task) -> int:
        return self._users(task).count()

    def step(self, task: Task, cursor: dict[str, Any], actor: Actor, now: datetime) -> Step:
        after, done = cursor.get("after"), cursor.get("done", 0)
        users = self._users(task).order_by("pk")
        if after:
            users = users.filter(pk__gt=uuid.UUID(after))
        found = list(users[:TEN])
        rows = [self._row(user, done + place) for place, user in enumerate(found, 1)]
        written = [user for user in found if user.license != License.STANDARD]
        marks = Concat("client_version", Value("x"))
        User.objects.filter(pk__in=[user.pk for user in written]).update(client_version=marks)
        record_many([change_of("user.changed", actor, user, organization_id=task.organization_id) for user in written])
        self.in_step(cursor)
        if len(found) < TEN:
            return Step(rows, None)
        return Step(rows, {"after": str(found[-1].pk), "done": done + TEN})

    def _users(self, task: Task) -> Any:
        return User.objects.filter(organization_id=task.organization_id)

    def _row(self, user: User, position: int) -> Any:
        if user.license == License.STANDARD:
            refusal = Refusal("not_this_one", "This user is not marked.")
            return refused(position, user.pk, user.display_name, refusal, "license")
        return changed(position, user.pk, user.display_name)


MARKING = Marking()
register(MARKING)
