"""What strangers and curious administrators try on accounts: bottomless JSON, a full mailbox, others’ devices."""

from __future__ import annotations

from typing import Any

import pytest
import time_machine
from django.test import Client
from django.urls import reverse

from compliance.models import AuditEvent
from provisioning import account_life
from provisioning.changes import Actor
from provisioning.models import Mail, Session, User
from provisioning.passwords import MAILS_AN_HOUR, ask_for_reset
from tests import factories
from tests.factories import NOW

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("credential", ["[" * 60_000, "[" * 200_000, '{"id":' * 9_000, f'"{"a" * 70_000}"'])
def test_a_passkey_that_no_browser_sends_is_refused_not_an_error(client: Client, credential: str) -> None:
    answer = client.post(reverse("passkey_sign_in"), {"credential": credential})
    assert answer.status_code == 422
    assert len(answer.content) < 20_000


def test_the_page_of_a_new_passkey_survives_it_too(full_admin: User, signed_in_as: Any) -> None:
    answer = signed_in_as(full_admin).post(reverse("add_passkey"), {"name": "Key", "credential": "[" * 60_000})
    assert answer.status_code == 422


@pytest.mark.parametrize("activated", [True, False])
def test_nobody_fills_a_mailbox_with_links(user: User, activated: bool) -> None:
    user.set_password(factories.PASSWORD) if activated else user.set_unusable_password()
    user.save(update_fields=["password"])
    with time_machine.travel(NOW, tick=False):
        for _more in range(MAILS_AN_HOUR + 3):
            ask_for_reset(user.email, None, NOW)
    assert Mail.objects.filter(recipient=user).count() == MAILS_AN_HOUR


def test_who_looks_after_a_user_does_not_see_from_where_the_user_signs_in(user: User, signed_in_as: Any) -> None:
    signed_in_as(user)
    session = Session.objects.get(user=user)
    session.address = "203.0.113.77"
    account_life.end_session(user, session, Actor.of_user(user, "portal", "203.0.113.78"))
    assert "203.0.113.77" in repr(AuditEvent.objects.get(action="user.session_ended").before)
    keeper = factories.UserFactory(organization=user.organization, location=user.location)
    factories.with_role(keeper, "location_admin", user.location)
    page = signed_in_as(keeper).get(reverse("user_activity", args=[user.pk])).content.decode()
    assert "203.0.113.7" not in page
    assert "user.session_ended" not in page
