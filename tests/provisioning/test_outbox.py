"""The demonstration's outbox, and how mail reads."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from provisioning import account_life, mail
from provisioning.changes import Actor
from provisioning.models import User
from tests import factories


@pytest.fixture
def demonstration(settings: Any) -> None:
    settings.DEMONSTRATION = True


def test_outside_the_demonstration_there_is_no_outbox(client: Client, full_admin: User, signed_in_as: Any) -> None:
    assert client.get(reverse("outbox")).status_code == 404
    assert signed_in_as(full_admin).get(reverse("outbox")).status_code == 404
    assert reverse("outbox") not in client.get(reverse("sign_in")).content.decode()
    assert reverse("outbox") not in signed_in_as(full_admin).get(reverse("security")).content.decode()


def test_mail_is_shown_newest_first_with_its_link_to_click(
    client: Client, user: User, full_admin: User, demonstration: None
) -> None:
    mail.post(user, "officer_named", "First", "Hello <b>you</b>")
    account_life.invite([user], Actor.of_user(full_admin, "portal"), factories.NOW)
    page = client.get(reverse("outbox")).content.decode()
    assert '<a href="http://127.0.0.1:8000/sign-in/activate/?key=' in page
    assert page.index("activate your Texting Hub account") < page.index("First")
    assert "Hello &lt;b&gt;you&lt;/b&gt;" in page


def test_it_is_linked_from_the_sign_in_page_and_the_account_menu(
    client: Client, organization: Any, full_admin: User, signed_in_as: Any, demonstration: None, settings: Any
) -> None:
    settings.DEMO_PASSWORD = "x"
    factories.UserFactory(organization=organization, location=None, email="maya.okafor@northwind.example")
    assert reverse("outbox") in client.get(reverse("sign_in")).content.decode()
    settings.SECOND_FACTOR_REQUIRED = False
    assert reverse("outbox") in signed_in_as(full_admin).get(reverse("security")).content.decode()


def test_it_turns_its_pages(
    client: Client, user: User, demonstration: None, django_assert_max_num_queries: Any
) -> None:
    for number in range(25):
        mail.post(user, "officer_named", f"Mail number {number}", "…")
    with django_assert_max_num_queries(3):
        first = client.get(reverse("outbox")).content.decode()
    assert first.count("<article") == 20
    assert client.get(reverse("outbox"), {"page": "2"}).content.decode().count("<article") == 5
    assert client.get(reverse("outbox"), {"page": "nonsense"}).status_code == 200
