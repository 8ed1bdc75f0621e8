"""The OpenAPI document is complete, free of warnings, and what the API really does."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from io import StringIO
from typing import Any

import pytest
import schemathesis
from django.core.management import call_command
from django.core.signals import request_finished, request_started
from django.core.wsgi import get_wsgi_application
from django.db import close_old_connections
from django.test import Client
from django.utils import timezone
from drf_spectacular.generators import SchemaGenerator
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis import GenerationMode
from schemathesis.specs.openapi.checks import negative_data_rejection, positive_data_acceptance

from messaging.models import ContentRule
from provisioning.changes import Actor
from provisioning.client_version import HEADER
from provisioning.models import Task, User, UserImport
from provisioning.tokens import SCOPES, issue
from tests import factories
from texting_hub.openapi import METHODS


@pytest.fixture
def document() -> Any:
    return SchemaGenerator().get_schema(request=None, public=True)


def operations(document: Any) -> list[tuple[str, Any]]:
    return [
        (f"{method} {path}", operation)
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
        if method in METHODS
    ]


def test_the_document_is_made_without_a_warning() -> None:
    complaints = StringIO()
    call_command("spectacular", "--validate", "--fail-on-warn", stdout=StringIO(), stderr=complaints)
    assert complaints.getvalue() == ""


def test_every_operation_takes_a_token_or_a_session(document: Any) -> None:
    found = {name: operation["security"] for name, operation in operations(document)}
    assert len(found) >= 7
    assert {name for name, security in found.items() if security != [{"token": []}, {"session": []}]} == set()


def test_every_operation_answers_errors_with_problem_documents(document: Any) -> None:
    problem = {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}
    for name, operation in operations(document):
        errors = {status for status in operation["responses"] if status >= "400"}
        assert errors >= {"400", "401", "403", "426", "429", "500"}, name
        for status in errors:
            reference = operation["responses"][status]["$ref"].rsplit("/", 1)[1]
            assert document["components"]["responses"][reference]["content"] == problem


@pytest.mark.django_db
def test_the_document_and_the_docs_are_for_those_who_are_signed_in(user: User, signed_in_as: Any) -> None:
    assert Client().get("/api/schema/").status_code == 401
    assert Client().get("/api/docs/").status_code == 302
    assert signed_in_as(user).get("/api/schema/").status_code == 200
    assert signed_in_as(user).get("/api/docs/").status_code == 200


@pytest.mark.django_db
def test_the_docs_have_nothing_inline(user: User, signed_in_as: Any) -> None:
    response = signed_in_as(user).get("/api/docs/")
    page = response.content.decode()
    assert page.count("<script src=") == page.count("<script") == 3
    assert "<style" not in page
    assert "style=" not in page
    assert "unsafe" not in response["Content-Security-Policy"]
    script = signed_in_as(user).get("/api/docs/?script=")
    assert script["Content-Type"].startswith("application/javascript")
    assert "SwaggerUIBundle" in script.content.decode()


@pytest.fixture
def caller(full_admin: User, user: User) -> dict[str, str]:
    """Headers of a token that may do everything an administrator can."""
    _token, plain = issue(
        full_admin, name="test", scopes=list(SCOPES), expires_at=timezone.now() + timedelta(days=1),
        actor=Actor.system("test"),
    )  # fmt: skip
    return {"Authorization": f"Bearer {plain}"}


@pytest.fixture
def served(caller: dict[str, str]) -> Iterator[Any]:
    """The API behind WSGI. A request must not close the connection that the test's transaction lives on."""
    for signal in (request_started, request_finished):
        signal.disconnect(close_old_connections)
    yield schemathesis.openapi.from_wsgi("/api/schema/", get_wsgi_application(), headers=caller)
    for signal in (request_started, request_finished):
        signal.connect(close_old_connections)


@pytest.fixture
def known_ids(user: User, full_admin: User) -> dict[str, str]:
    """Rows that exist, so that not every answer is 404."""
    text = factories.MessageFactory(conversation__user=full_admin, conversation__number=user.primary_number)
    ids = {
        "organization_id": user.organization_id,
        "location_id": user.location_id,
        "person_id": user.pk,
        "assignment_id": factories.with_role(user, "read_only_admin").role_assignments.get().pk,
        "message_id": text.pk,
        "conversation_id": text.conversation_id,
        "brand_id": user.primary_number.campaign.brand_id,
        "campaign_id": user.primary_number.campaign_id,
        "number_id": user.primary_number.pk,
        "rule_id": ContentRule.objects.create(organization=user.organization, name="Prices", pattern="discount").pk,
        "task_id": Task.objects.create(
            organization=user.organization,
            requested_by=full_admin,
            kind="users_texting_off",
            via="portal",
            created_at=factories.NOW,
            arguments={"filter": {}},
        ).pk,
        "import_id": UserImport.objects.create(
            organization=user.organization, created_by=full_admin, created_at=factories.NOW, ready_at=factories.NOW
        ).pk,
    }
    return {name: str(value) for name, value in ids.items()}


EXAMPLES = min(8, settings.default.max_examples // 3)
"""Of each operation; fewer in CI's second run (conftest.py)."""


@pytest.mark.django_db
@pytest.mark.parametrize("mode", [GenerationMode.POSITIVE, GenerationMode.NEGATIVE])
def test_every_operation_does_what_the_document_says(
    mode: GenerationMode, served: Any, caller: dict[str, str], known_ids: dict[str, str]
) -> None:
    tried = set()
    for found in served.get_all_operations():
        operation = found.ok()

        @settings(max_examples=EXAMPLES, phases=[Phase.generate], suppress_health_check=list(HealthCheck))
        @given(operation.as_strategy(generation_mode=mode))
        def conforms(case: Any) -> None:
            wrong = {str(place.value) for place, part in case.meta.components.items() if part.mode.is_negative}
            case.path_parameters.update({name: known_ids[name] for name in case.path_parameters if name in known_ids})
            case.headers.pop(HEADER, None)  # An app that is too old is told so, whatever else is wrong.
            # A well-formed request can still be refused: a number that is nobody's, a policy not accepted.
            excluded = [positive_data_acceptance]
            if "body" not in wrong:
                excluded.append(negative_data_rejection)  # Put right above, or a parameter nobody looks at.
            case.call_and_validate(headers=caller, excluded_checks=excluded)
            tried.add(case.operation.label)

        conforms()
    assert len(tried) >= 7
