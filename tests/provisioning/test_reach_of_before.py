"""Who becomes a location administrator no longer sees what they asked for while they reached everybody."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.urls import reverse

from provisioning.changes import Actor
from provisioning.csv_imports import imports_in_reach, upload
from provisioning.models import RoleAssignment, RowOutcome, Task, TaskRow, TaskState, User
from provisioning.scoping import tasks_in_reach
from tests import factories
from tests.factories import NOW

pytestmark = pytest.mark.django_db


@pytest.fixture
def demoted(user: User) -> User:
    """Was a user administrator when asking; administers one location since."""
    person = factories.UserFactory(organization=user.organization, location=user.location)
    was = factories.with_role(person, "user_admin")
    elsewhere = factories.LocationFactory(organization=user.organization, name="Vancouver")
    foreign = factories.UserFactory(organization=user.organization, location=elsewhere, email="far@away.example")
    task = Task.objects.create(
        organization=user.organization, kind="users_license", requested_by=was, arguments={"filter": {}},
        created_at=NOW - timedelta(days=1), state=TaskState.DONE, finished_at=NOW - timedelta(days=1),
    )  # fmt: skip
    TaskRow.objects.create(
        organization=user.organization, task=task, position=1, target_id=foreign.pk, label="Far <far@away.example>",
        outcome=RowOutcome.REFUSED, code="x", sentence="No.",
    )  # fmt: skip
    file = b"Email,Last Name\nfar@away.example,Renamed\n"
    upload(file, was, Actor.of_user(was, "portal"), NOW - timedelta(days=1))
    RoleAssignment.objects.filter(user=person).delete()
    factories.with_role(person, "location_admin", user.location)
    RoleAssignment.objects.filter(user=person).update(created_at=NOW)
    return User.objects.get(pk=person.pk)


def test_tasks_and_imports_of_before_are_not_found(demoted: User, signed_in_as: Any) -> None:
    task, browser = Task.objects.get(), signed_in_as(demoted)
    assert not tasks_in_reach(demoted).exists()
    assert not imports_in_reach(demoted).exists()
    assert browser.get(reverse("task_result", args=[task.pk])).status_code == 404
    assert "far@away.example" not in browser.get(reverse("tasks")).content.decode()


def test_those_of_since_then_are(demoted: User) -> None:
    Task.objects.update(created_at=NOW + timedelta(minutes=1))
    assert tasks_in_reach(demoted).count() == 1


def test_whoever_reaches_everybody_sees_them(demoted: User) -> None:
    chief = factories.with_role(factories.UserFactory(organization=demoted.organization, location=None), "full_admin")
    assert tasks_in_reach(chief).count() == imports_in_reach(chief).count() == 1
