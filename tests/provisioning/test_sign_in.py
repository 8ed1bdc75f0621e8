"""Signing in and out."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
import time_machine
from axes.models import AccessAttempt
from django.contrib.auth import SESSION_KEY
from django.core.cache import cache
from django.test import Client
from django.urls import reverse

from compliance.models import AuditEvent
from provisioning.models import User
from tests import factories

WRONG = "not the password at all"
SENTENCE = "This e-mail address and password don’t match."


@pytest.fixture(autouse=True)
def nobody_tried_yet(settings: Any) -> None:
    """The limit of sign-ins a minute is counted in the cache. Hashing is cheap here: there is a lot of it."""
    cache.clear()
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]


@pytest.fixture
def rosalind(organization: Any) -> User:
    person = factories.texting_user(organization, email="Rosalind.Abernathy@Northwind.example")
    person.set_password(factories.PASSWORD)
    person.save(update_fields=["password"])
    return person


def sign_in(client: Client, email: str, password: str = factories.PASSWORD, **more: str) -> Any:
    return client.post(reverse("sign_in"), {"username": email, "password": password, **more})


def is_signed_in(client: Client) -> bool:
    return SESSION_KEY in client.session


@pytest.mark.parametrize("typed", ["rosalind.abernathy@northwind.example", " ROSALIND.ABERNATHY@NORTHWIND.EXAMPLE "])
def test_the_email_address_counts_without_regard_to_case(client: Client, rosalind: User, typed: str) -> None:
    response = sign_in(client, typed)
    assert (response.status_code, response["Location"]) == (302, reverse("home"))
    assert client.session[SESSION_KEY] == str(rosalind.pk)


def test_signing_in_makes_a_new_session(client: Client, rosalind: User) -> None:
    planted = client.session
    planted["kept"] = "from before"
    planted.save()
    sign_in(client, rosalind.email)
    assert client.cookies["sessionid"].value != planted.session_key
    assert not client.session.exists(planted.session_key)
    assert client.cookies["sessionid"]["httponly"]


def test_signing_in_leads_to_the_page_that_was_asked_for(client: Client, rosalind: User) -> None:
    asked = client.get(reverse("users"))
    assert asked["Location"] == f"{reverse('sign_in')}?next={reverse('users')}"
    assert sign_in(client, rosalind.email, next=reverse("users"))["Location"] == reverse("users")


@pytest.mark.parametrize(
    "elsewhere", ["https://evil.example/", "//evil.example/", "javascript:alert(1)", r"\\evil.example"]
)
def test_signing_in_never_leads_to_another_host(client: Client, rosalind: User, elsewhere: str) -> None:
    assert sign_in(client, rosalind.email, next=elsewhere)["Location"] == reverse("home")


def test_every_failure_reads_the_same_whether_or_not_the_account_exists(client: Client, rosalind: User) -> None:
    gone = factories.UserFactory(organization=rosalind.organization, location=None, is_active=False)
    gone.set_password(factories.PASSWORD)
    gone.save(update_fields=["password"])
    answers = [
        sign_in(client, rosalind.email, WRONG),
        sign_in(client, "nobody@northwind.example", WRONG),
        sign_in(client, gone.email),
    ]
    assert [answer.status_code for answer in answers] == [422, 422, 422]
    assert all(SENTENCE in answer.content.decode() for answer in answers)
    assert not is_signed_in(client)


def test_a_failed_sign_in_keeps_the_address_and_never_the_password(client: Client, rosalind: User) -> None:
    page = sign_in(client, rosalind.email, WRONG).content.decode()
    assert rosalind.email in page
    assert WRONG not in page


def test_ten_failures_lock_the_account_out_even_with_the_right_password(client: Client, rosalind: User) -> None:
    for attempt in range(10):
        typed = rosalind.email.upper() if attempt % 2 else rosalind.email.lower()
        answer = sign_in(client, typed, WRONG)
    assert answer.status_code == 429
    refused = sign_in(client, rosalind.email)
    assert refused.status_code == 429
    assert 'data-code="locked_out"' in refused.content.decode()
    assert not is_signed_in(client)


def test_an_account_that_does_not_exist_is_locked_out_just_the_same(client: Client, db: Any) -> None:
    for _ in range(10):
        answer = sign_in(client, "nobody@northwind.example", WRONG)
    assert answer.status_code == 429


def test_a_lock_out_is_of_one_account_and_ends_after_fifteen_minutes(client: Client, rosalind: User) -> None:
    with time_machine.travel(factories.NOW, tick=False) as clock:
        for _ in range(10):
            sign_in(client, "nobody@northwind.example", WRONG)
        assert sign_in(client, rosalind.email).status_code == 302
        for _ in range(10):
            sign_in(Client(), rosalind.email, WRONG)
        cache.clear()
        assert sign_in(Client(), rosalind.email).status_code == 429
        clock.shift(timedelta(minutes=15, seconds=1))
        cache.clear()
        assert sign_in(Client(), rosalind.email).status_code == 302


def test_a_success_forgets_earlier_failures(client: Client, rosalind: User) -> None:
    for _ in range(9):
        sign_in(client, rosalind.email, WRONG)
    assert sign_in(client, rosalind.email).status_code == 302
    assert sign_in(Client(), rosalind.email, WRONG).status_code == 422


def test_no_password_is_kept_with_the_failures(client: Client, rosalind: User) -> None:
    sign_in(client, rosalind.email, WRONG)
    attempt = AccessAttempt.objects.get()
    assert WRONG not in repr(attempt.__dict__)


def test_sign_in_and_sign_out_are_recorded_with_who_and_from_where(client: Client, rosalind: User) -> None:
    sign_in(client, rosalind.email)
    client.post(reverse("sign_out"))
    events = list(AuditEvent.objects.order_by("sequence"))
    assert [event.action for event in events] == ["user.signed_in", "user.signed_out"]
    assert {(event.actor_id, event.organization_id, event.ip, event.via) for event in events} == {
        (rosalind.pk, rosalind.organization_id, "127.0.0.1", "portal")
    }
    assert not is_signed_in(client)


def test_a_failure_is_recorded_on_the_account_that_exists(client: Client, rosalind: User) -> None:
    sign_in(client, rosalind.email, WRONG)
    event = AuditEvent.objects.get()
    assert (event.action, event.organization_id) == ("user.sign_in_failed", rosalind.organization_id)
    assert (event.target_id, event.actor_id, event.actor_label) == (str(rosalind.pk), None, rosalind.email)
    assert WRONG not in repr(event.__dict__)


def test_a_failure_of_no_account_goes_to_the_platform_with_a_mask(client: Client, db: Any) -> None:
    sign_in(client, "my secret password", WRONG)
    event = AuditEvent.objects.get()
    assert (event.action, event.organization_id) == ("user.sign_in_failed", None)
    assert (event.actor_label, event.target_label) == ("m… (18)", "m… (18)")


def test_signing_out_takes_a_post_and_may_be_done_twice(client: Client, rosalind: User) -> None:
    sign_in(client, rosalind.email)
    assert client.get(reverse("sign_out")).status_code == 405
    assert is_signed_in(client)
    assert client.post(reverse("sign_out")).status_code == 302
    assert client.post(reverse("sign_out"))["Location"] == reverse("sign_in")
    assert AuditEvent.objects.filter(action="user.signed_out").count() == 1


def test_a_deactivated_user_is_signed_out_at_once(client: Client, rosalind: User) -> None:
    sign_in(client, rosalind.email)
    User.objects.filter(pk=rosalind.pk).update(is_active=False)
    assert client.get(reverse("home"))["Location"].startswith(reverse("sign_in"))


@pytest.fixture
def demonstration(settings: Any) -> None:
    settings.DEMONSTRATION = True
    settings.DEMO_PASSWORD = factories.PASSWORD
    settings.SIMULATOR_URL = "http://127.0.0.1:9099"


def test_the_demonstration_offers_a_button_for_each_account_that_exists(
    client: Client, rosalind: User, demonstration: None
) -> None:
    page = client.get(reverse("sign_in")).content.decode()
    assert "Sign in as Rosalind Abernathy, user who texts" in page
    assert "Maya Okafor" not in page
    assert f'name="password" value="{factories.PASSWORD}"' in page
    assert "http://127.0.0.1:9099" in page


def test_outside_the_demonstration_there_are_no_buttons_and_no_password(
    client: Client, rosalind: User, demonstration: None, settings: Any
) -> None:
    settings.DEMONSTRATION = False
    page = client.get(reverse("sign_in")).content.decode()
    assert "Sign in as" not in page
    assert factories.PASSWORD not in page
    assert "9099" not in page
