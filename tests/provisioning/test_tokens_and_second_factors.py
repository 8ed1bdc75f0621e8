"""A token made with a password alone ends, as sessions do, when its user sets up the first second factor."""

from __future__ import annotations

import time
from datetime import timedelta
from typing import Any

import pytest
from allauth.mfa.models import Authenticator
from allauth.mfa.totp.internal.auth import format_hotp_value, hotp_value
from django.test import Client
from django.utils import timezone

from compliance.models import AuditEvent
from provisioning.authenticator_app import begin
from provisioning.changes import Actor
from provisioning.models import ApiToken, User
from provisioning.second_factors import add_app
from provisioning.tokens import SCOPES, issue
from tests import factories

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def asked_for(settings: Any) -> None:
    settings.SECOND_FACTOR_REQUIRED = True


def by(person: User) -> Actor:
    return Actor.of_user(person, "portal")


def token_of(person: User) -> str:
    _row, plain = issue(
        person, name="Old", scopes=SCOPES, expires_at=timezone.now() + timedelta(days=300), actor=by(person)
    )
    return plain


def ask(plain: str, address: str = "/api/v1/administrators") -> Any:
    return Client().get(address, headers={"Authorization": f"Bearer {plain}"})


def set_up(person: User) -> None:
    app = begin(person)
    add_app(
        person,
        app.secret,
        format_hotp_value(hotp_value(app.secret, int(time.time()) // 30)),
        by(person),
        timezone.now(),
    )


def test_setting_up_the_first_factor_revokes_the_tokens_of_before(user: User) -> None:
    plain = token_of(user)
    factories.with_role(user, "full_admin")
    set_up(user)
    assert ask(plain).status_code == 401
    assert ApiToken.objects.get().revoked_at is not None
    assert AuditEvent.objects.filter(action="api_token.revoked").count() == 1
    assert ask(token_of(user)).status_code == 200


def test_another_factor_leaves_the_tokens_made_with_the_first(user: User) -> None:
    factories.with_role(user, "full_admin")
    set_up(user)
    plain = token_of(user)
    Authenticator.objects.create(user=user, type=Authenticator.Type.WEBAUTHN, data={"name": "Key"})
    Authenticator.objects.filter(user=user, type=Authenticator.Type.TOTP).delete()
    set_up(user)
    assert ask(plain).status_code == 200
