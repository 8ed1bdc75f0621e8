"""The compliance desk is for officers of the organization, and nobody else."""

from __future__ import annotations

import pytest
from django.urls import reverse

from compliance.models import AuditEvent
from compliance.retention import purge
from tests import factories
from tests.compliance.rows import conversation_of, export_of, text
from tests.factories import NOW

pytestmark = pytest.mark.django_db
ROLES = ["full_admin", "read_only_admin", "user_admin", "location_admin", None]


@pytest.fixture
def addresses(officer, user, organization):
    text(conversation_of(user), NOW, body="Confidential")
    export = export_of(officer, name="Confidential matter", state="failed")
    [run] = purge(NOW, organization=organization)
    return [
        ("get", reverse("retained_messages")), ("get", reverse("retained_messages") + "?words="),
        ("get", reverse("exports")), ("get", reverse("export_new")), ("post", reverse("export_new")),
        ("get", reverse("export_card", args=[export.pk])), ("get", reverse("export_download", args=[export.pk])),
        ("post", reverse("export_start_again", args=[export.pk])),
        ("get", reverse("retention")), ("get", reverse("purge_certificate", args=[run.pk])),
        ("get", reverse("audit_log")),
    ]  # fmt: skip


@pytest.mark.parametrize("role", ROLES)
def test_no_other_role_gets_in(addresses, role, organization, signed_in_as):
    location = factories.LocationFactory(organization=organization)
    person = factories.UserFactory(organization=organization, location=location)
    if role:
        factories.with_role(person, role, location if role == "location_admin" else None)
    browser = signed_in_as(person)
    before = AuditEvent.objects.count()
    for method, address in addresses:
        response = getattr(browser, method)(address)
        assert response.status_code == 403, address
        assert b"Confidential" not in response.content
    assert AuditEvent.objects.count() == before


def test_a_provider_operator_does_not_get_in(addresses, signed_in_as):
    browser = signed_in_as(factories.OperatorFactory())
    assert {getattr(browser, method)(address).status_code for method, address in addresses} == {403}


def test_somebody_who_is_not_signed_in_is_asked_to(addresses, client):
    for method, address in addresses:
        response = getattr(client, method)(address)
        assert response.status_code == 302
        assert response["Location"].startswith("/sign-in/")


def test_an_officer_of_another_organization_finds_nothing_of_this_one(addresses, stranger, signed_in_as):
    browser = signed_in_as(factories.with_role(stranger, "compliance_officer"))
    for method, address in addresses:
        response = getattr(browser, method)(address)
        has_id = any(part.count("-") == 4 for part in address.split("/"))
        assert (response.status_code == 404) is has_id, address
        assert b"Confidential" not in response.content


def test_a_former_officer_does_not_get_in(addresses, officer, signed_in_as):
    browser = signed_in_as(officer)
    assert browser.get(reverse("audit_log")).status_code == 200
    officer.role_assignments.all().delete()
    assert browser.get(reverse("audit_log")).status_code == 403


def test_an_officer_lands_on_the_desk(officer, signed_in_as):
    assert signed_in_as(officer).get("/")["Location"] == reverse("retained_messages")


def test_every_tab_is_marked_and_the_entry_of_the_navigation_too(officer, signed_in_as):
    browser = signed_in_as(officer)
    for name in ("retained_messages", "exports", "retention", "audit_log"):
        page = browser.get(reverse(name)).content.decode()
        assert f'<a href="{reverse(name)}" aria-current="page">' in page
