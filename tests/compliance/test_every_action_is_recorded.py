"""Every toggle, override, sign-in, purge, export and look leaves an event: who, when, from where, before and after."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.core.management import call_command
from django.test import Client
from django.utils import timezone

from compliance import verification
from compliance.export_runs import run_export
from compliance.models import AuditEvent, Export
from messaging import clock
from provisioning.changes import Actor
from provisioning.models import Location, Organization
from provisioning.tokens import issue
from tests import factories
from tests.compliance.rows import conversation_of, text

pytestmark = pytest.mark.django_db
FROM = {"REMOTE_ADDR": "192.0.2.44"}


@pytest.fixture
def admin(full_admin, user):
    """The full administrator's browser, at 192.0.2.44, in an organization where somebody can text."""
    browser = Client(**FROM)
    browser.force_login(full_admin, backend="django.contrib.auth.backends.ModelBackend")
    return browser


@pytest.fixture
def desk(officer):
    browser = Client(**FROM)
    browser.force_login(officer, backend="django.contrib.auth.backends.ModelBackend")
    return browser


def the_event(action, actor, via="portal", ip="192.0.2.44"):
    """The one event of this action, checked for who, when and from where; and the chains are sound."""
    event = AuditEvent.objects.get(action=action)
    assert event.actor == actor
    assert (event.via, event.ip) == (via, ip)
    assert abs(event.happened_at - timezone.now()) < timedelta(minutes=1)
    assert verification.verify() == []
    return event


def password_for(person):
    person.set_password(factories.PASSWORD)
    person.save()
    return {"username": person.email, "password": factories.PASSWORD}


def test_a_sign_in_and_a_sign_out(full_admin):
    browser = Client(**FROM)
    assert browser.post("/sign-in/", password_for(full_admin)).status_code == 302
    assert the_event("user.signed_in", full_admin).target_id == str(full_admin.pk)
    browser.post("/sign-out/")
    the_event("user.signed_out", full_admin)


def test_a_failed_sign_in_without_the_password(full_admin):
    Client(**FROM).post("/sign-in/", {"username": full_admin.email, "password": "not the password"})
    event = the_event("user.sign_in_failed", None)
    assert event.organization_id == full_admin.organization_id
    assert event.target_label == full_admin.email
    assert "not the password" not in str(event.after) + str(event.before)


def test_a_sign_in_that_can_not_be_recorded_fails(full_admin, monkeypatch):
    from compliance import audit

    credentials = password_for(full_admin)
    monkeypatch.setattr(audit, "append_many", lambda change: (_ for _ in ()).throw(RuntimeError))
    browser = Client(raise_request_exception=False, **FROM)
    assert browser.post("/sign-in/", credentials).status_code == 500
    assert browser.get("/users/").status_code == 302


def test_the_organizations_toggle(admin, full_admin, organization):
    admin.post("/calling/service-settings/texting/", {"to": "off"})
    event = the_event("organization.texting_changed", full_admin)
    assert (event.before["enabled"], event.after["enabled"]) == (True, False)
    assert not Organization.objects.get(pk=organization.pk).texting_enabled


def test_a_toggle_that_can_not_be_recorded_does_not_happen(admin, organization, monkeypatch):
    from compliance import audit

    monkeypatch.setattr(audit, "append_many", lambda change: (_ for _ in ()).throw(RuntimeError))
    admin.raise_request_exception = False
    assert admin.post("/calling/service-settings/texting/", {"to": "off"}).status_code == 500
    assert Organization.objects.get(pk=organization.pk).texting_enabled


def test_a_users_override(admin, full_admin, user):
    admin.post(f"/users/{user.pk}/calling/", {"mode": "override", "was": "default"})
    event = the_event("user.texting_changed", full_admin)
    assert (event.target_type, event.target_id) == ("user", str(user.pk))
    assert "default" in event.before.values()
    assert "off" in event.after.values()


def test_a_location_through_the_api_with_a_token(full_admin, user):
    location = Location.objects.get(pk=user.location_id)
    _token, plain = issue(
        full_admin, name="test", scopes=["locations:write", "locations:read"],
        expires_at=timezone.now() + timedelta(days=1), actor=Actor.system("test"),
    )  # fmt: skip
    response = Client(**FROM).put(
        f"/api/v1/locations/{location.pk}/business-texting", {"setting": "off"}, content_type="application/json",
        headers={"Authorization": f"Bearer {plain}"},
    )  # fmt: skip
    assert response.status_code == 200
    event = the_event("location.texting_changed", full_admin, via="api")
    assert event.target_id == str(location.pk)


def test_an_api_token_without_its_secret(full_admin, capsys):
    call_command("create_token", full_admin.email, "--scope", "people:read")
    plain = capsys.readouterr().out.split()[-1]
    event = the_event("api_token.created", None, via="command", ip=None)
    assert event.after["scopes"] == ["people:read"]
    assert plain not in str(event.after) + event.target_label


def test_a_purge(organization, capsys):
    call_command("purge_messages")
    event = the_event("purge.run", None, via="command", ip=None)
    assert event.organization == organization
    assert event.after["messages_deleted"] == 0


def test_an_export_from_asking_to_download(desk, officer, user):
    text(conversation_of(user), timezone.now() - timedelta(hours=1))
    desk.post("/compliance/exports/new/", {"name": "Recall", "addresses": user.email})
    assert the_event("export.requested", officer).after["users"] == [user.email]
    export = Export.objects.get()
    run_export(export.pk)
    the_event("export.finished", None, via="system", ip=None)
    b"".join(desk.get(f"/compliance/exports/{export.pk}/download/").streaming_content)
    assert the_event("export.downloaded", officer).after["messages"] == 1


def test_an_officers_look(desk, officer, user):
    text(conversation_of(user), clock.database_now(), body="Recall", search_text="recall")
    desk.get("/compliance/messages/", {"words": "recall"})
    event = the_event("messages.read", officer)
    assert event.content_access is True
    assert event.after["criteria"]["words"] == "recall"


def test_what_an_operator_writes_in_the_admin(organization):
    operator = factories.OperatorFactory()
    browser = Client(**FROM)
    browser.force_login(operator, backend="django.contrib.auth.backends.ModelBackend")
    address = f"/admin/provisioning/organization/{organization.pk}/change/"
    form = browser.get(address).context["adminform"].form
    values = {name: form.get_initial_for_field(field, name) for name, field in form.fields.items()}
    posted = {name: value for name, value in values.items() if value not in (None, False)}
    for formset in browser.get(address).context["inline_admin_formsets"]:
        prefix, management = formset.formset.prefix, formset.formset.management_form
        posted |= {f"{prefix}-{name}": management[name].value() for name in management.fields}
        posted[f"{prefix}-INITIAL_FORMS"] = posted[f"{prefix}-TOTAL_FORMS"] = 0
    browser.post(address, posted | {"name": "Renamed"})
    event = AuditEvent.objects.get(action="admin.organization_changed")
    assert (event.actor, event.organization, event.ip) == (operator, organization, "192.0.2.44")
    assert (event.before["name"], event.after["name"]) == ("Northwind Dental Supply", "Renamed")
