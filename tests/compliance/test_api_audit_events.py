"""The audit log over the API."""

from __future__ import annotations

from datetime import timedelta
from types import SimpleNamespace
from typing import Any
from urllib.parse import quote

import pytest
from pytest_django import DjangoAssertNumQueries

from compliance.models import AuditEvent
from provisioning.models import Organization, Role, User
from tests import factories
from tests.compliance.audit_rows import told
from tests.provisioning.test_api_texting import client_of, someone

pytestmark = pytest.mark.django_db

EVENTS = "/api/v1/audit-events"


def objects(answer: Any) -> list[str]:
    """What the events were about, but for the tokens that ask."""
    return [event["object"] for event in answer.json()["results"] if event["action"] != "api_token.created"]


def test_administrators_get_what_is_not_the_officers_alone_and_officers_all(
    several: None,
    people: SimpleNamespace,
) -> None:
    assert objects(client_of(people.teodor).get(EVENTS)) == ["By the system", "By Teodor", "By Maya"]
    assert objects(client_of(people.ingrid).get(EVENTS)) == [
        "A purge", "An export", "A look", "By the system", "By Teodor", "By Maya",
    ]  # fmt: skip
    for action in ("messages.read", "export.requested", "purge.run"):
        assert objects(client_of(people.maya).get(EVENTS, {"action": action})) == []


def test_the_list_is_narrowed(several: None, people: SimpleNamespace) -> None:
    api = client_of(people.maya)
    event = AuditEvent.objects.get(target_label="By Teodor")
    assert objects(api.get(EVENTS, {"actor": str(people.maya.pk)})) == ["By Maya"]
    assert objects(api.get(EVENTS, {"actor": "system"})) == ["By the system"]
    assert objects(api.get(EVENTS, {"action": "location.changed"})) == ["By Teodor"]
    since, until = event.happened_at, event.happened_at + timedelta(microseconds=1)
    assert objects(api.get(EVENTS, {"since": since.isoformat(), "until": until.isoformat()})) == ["By Teodor"]


def test_an_event_has_all_that_the_log_keeps(
    change: Any,
    organization: Organization,
    people: SimpleNamespace,
    user: User,
) -> None:
    made = told(change, organization, people.maya, target_id=str(user.pk), target_label="Rosalind")
    [answer] = client_of(people.teodor).get(f"{EVENTS}?object={user.pk}").json()["results"]
    assert answer == {
        "id": str(made.pk), "sequence": made.sequence, "happened_at": answer["happened_at"],
        "actor_id": str(people.maya.pk), "actor": f"Maya Okafor <{people.maya.email}>", "via": "portal",
        "ip": "192.0.2.7", "action": "user.texting_changed", "object_type": "user", "object_id": str(user.pk),
        "object": "Rosalind", "before": {"texting_setting": "default"}, "after": {"texting_setting": "on"},
        "content_access": False, "hash": made.hash,
    }  # fmt: skip


@pytest.mark.parametrize(
    "query",
    ["actor=maya", "actor=system%0A", "action=no.such", "object=1", "since=yesterday", "until=2026-13-01", "cursor=x"],
)
def test_a_filter_that_is_not_understood_is_refused(people: SimpleNamespace, query: str) -> None:
    answer = client_of(people.maya).get(f"{EVENTS}?{query}")
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid")


def test_pages_follow_each_other_and_cost_the_same(
    change: Any, organization: Organization, people: SimpleNamespace,
    django_assert_max_num_queries: DjangoAssertNumQueries,
) -> None:  # fmt: skip
    for step in range(70):
        told(change, organization, None, target_label=f"Step {step}", action="location.changed")
    api = client_of(people.maya)
    first = api.get(f"{EVENTS}?action={quote('location.changed')}")
    with django_assert_max_num_queries(4):
        second = api.get(first.json()["next"])
    assert objects(first) + objects(second) == [f"Step {step}" for step in range(69, -1, -1)]


@pytest.mark.parametrize("role", [*Role.values, "end_user"])
def test_each_role_reads_what_it_may(user: User, role: str) -> None:
    allowed = {"full_admin", "read_only_admin", "compliance_officer"}
    answer = client_of(someone(user.organization, role, user.location)).get(EVENTS)
    assert answer.status_code == (200 if role in allowed else 403)


def test_a_token_needs_the_scope(user: User) -> None:
    admin = factories.with_role(factories.UserFactory(organization=user.organization, location=None), "full_admin")
    assert client_of(admin, "organization:read").get(EVENTS).json()["code"] == "insufficient_scope"
    assert client_of(admin, "audit:read").get(EVENTS).status_code == 200
