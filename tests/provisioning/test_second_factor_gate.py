"""Whoever needs a second factor and has none gets to its set-up and nowhere else: each page, each API operation."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.urls import NoReverseMatch, reverse
from django.utils import timezone

from provisioning import second_factor_gate, second_factors
from provisioning.account_life import needs_second_factor
from provisioning.changes import Actor
from provisioning.models import Role, User
from provisioning.tokens import issue
from tests import factories
from tests.addresses import Address, addresses, operations, pages
from tests.provisioning.test_second_factors import SECRET, code
from tests.test_every_address import World, asked, methods, world  # noqa: F401  (a fixture)

pytestmark = pytest.mark.once

OPEN_AT_THE_GATE = {
    "sign_out", "second_factor_setup", "confirm", "confirm_options", "add_authenticator", "add_passkey",
    "add_passkey_options",
}  # fmt: skip


@pytest.fixture(autouse=True)
def required(settings: Any) -> None:
    settings.SECOND_FACTOR_REQUIRED = True


def sent_to_setup(answer: Any) -> bool:
    return answer.status_code == 302 and answer["Location"] == reverse("second_factor_setup")


def test_what_stays_open_is_what_setting_one_up_takes() -> None:
    assert second_factor_gate.ALWAYS | second_factor_gate.SETTING_UP == OPEN_AT_THE_GATE


CLOSED = [page for page in pages() if page.access is not None and page.name not in OPEN_AT_THE_GATE]


@pytest.mark.parametrize("address", CLOSED, ids=str)
def test_every_page_sends_an_administrator_without_one_to_the_set_up(
    world: World,  # noqa: F811
    signed_in_as: Any,
    address: Address,
) -> None:
    for role in (*Role.values, "operator"):
        browser = signed_in_as(world.people[role])
        for ask in (browser.get, browser.post):
            assert sent_to_setup(ask(world.path(address))), role


@pytest.mark.parametrize("address", operations(), ids=str)
def test_every_api_operation_refuses_a_session_without_one(
    world: World,  # noqa: F811
    signed_in_as: Any,
    address: Address,
) -> None:
    for role in (*Role.values, "operator"):
        for method in methods(address):
            answer = asked(signed_in_as(world.people[role]), method, world.path(address))
            assert (answer.status_code, answer.json()["code"]) == (403, "second_factor_required"), (role, method)


def test_every_page_of_the_operators_admin_sends_an_operator_to_the_set_up(signed_in_as: Any, db: Any) -> None:
    operator = factories.OperatorFactory()
    browser = signed_in_as(operator)
    walked = 0
    for address in addresses():
        if not address.name.startswith("admin:"):
            continue
        try:
            path = reverse(address.name, args=["1"] * len(address.parameters))
        except NoReverseMatch:
            continue
        walked += 1
        for ask in (browser.get, browser.post):
            assert sent_to_setup(ask(path)), path
    assert walked > 40
    assert sent_to_setup(browser.get("/admin/no/such/page/"))


@pytest.mark.parametrize("path", ["/api/docs/", "/api/schema/"])
def test_the_description_of_the_api_is_behind_it_too(full_admin: User, signed_in_as: Any, path: str) -> None:
    assert sent_to_setup(signed_in_as(full_admin).get(path))


@pytest.mark.parametrize("address", CLOSED, ids=str)
def test_an_end_user_is_never_sent_there(world: World, signed_in_as: Any, address: Address) -> None:  # noqa: F811
    if address.name != "live":
        assert not sent_to_setup(signed_in_as(world.people["user"]).get(world.path(address)))


def test_an_htmx_request_is_sent_there_as_a_whole_page(full_admin: User, signed_in_as: Any) -> None:
    answer = signed_in_as(full_admin).get(reverse("users"), headers={"HX-Request": "true"})
    assert answer["HX-Redirect"] == reverse("second_factor_setup")


def test_the_set_up_page_stands_alone_and_lets_one_sign_out(full_admin: User, signed_in_as: Any) -> None:
    browser = signed_in_as(full_admin)
    page = browser.get(reverse("second_factor_setup")).content.decode()
    assert 'class="nav"' not in page
    assert reverse("add_authenticator") in page
    assert browser.post(reverse("sign_out")).status_code == 302


def test_once_it_is_set_up_everything_opens(full_admin: User, signed_in_as: Any) -> None:
    import re

    browser = signed_in_as(full_admin)
    page = browser.get(reverse("add_authenticator")).content.decode()
    sealed = re.search(r'name="sealed" value="([^"]+)"', page)[1]
    secret = re.search(r'class="code-text[^>]*>([A-Z2-7 ]+)<', page)[1].replace(" ", "")
    done = browser.post(reverse("add_authenticator"), {"sealed": sealed, "code": _now(secret)})
    assert "Your recovery codes" in done.content.decode()
    assert browser.get(reverse("users")).status_code == 200
    assert browser.get(reverse("api:me")).status_code == 200


def _now(secret: str) -> str:
    import time

    from allauth.mfa.totp.internal.auth import format_hotp_value, hotp_value

    return format_hotp_value(hotp_value(secret, int(time.time()) // 30))


def test_a_session_that_did_not_show_it_is_asked_to_and_gets_no_further(full_admin: User, signed_in_as: Any) -> None:
    second_factors.add_app(full_admin, SECRET, code(-1), Actor.of_user(full_admin, "portal"), timezone.now())
    browser = signed_in_as(full_admin)
    assert browser.get(reverse("users"))["Location"] == reverse("confirm")
    assert browser.get(reverse("security"))["Location"] == reverse("confirm")
    assert browser.post(reverse("confirm"), {"code": "000000"}).status_code == 422
    assert browser.get(reverse("users"))["Location"] == reverse("confirm")
    browser.post(reverse("confirm"), {"code": code()})
    assert browser.get(reverse("users")).status_code == 200


def test_whoever_did_not_show_the_factor_they_have_can_t_add_another(full_admin: User, signed_in_as: Any) -> None:
    """The password alone must not be a way around the second factor: not by setting up a new one."""
    second_factors.add_app(full_admin, SECRET, code(-1), Actor.of_user(full_admin, "portal"), timezone.now())
    browser = signed_in_as(full_admin)
    for ask in (browser.get, browser.post):
        assert ask(reverse("add_passkey"))["Location"].startswith(reverse("confirm"))
        assert ask(reverse("add_authenticator"))["Location"].startswith(reverse("confirm"))
    assert browser.post(reverse("add_passkey_options"))["Location"].startswith(reverse("confirm"))


def test_a_role_that_is_given_later_asks_for_one_at_once(user: User, signed_in_as: Any) -> None:
    browser = signed_in_as(user)
    assert browser.get(reverse("inbox")).status_code == 200
    factories.with_role(user, Role.USER_ADMIN)
    assert sent_to_setup(browser.get(reverse("inbox")))


def test_api_tokens_of_administrators_go_on_working(full_admin: User, client: Client) -> None:
    ends = timezone.now() + timedelta(days=1)
    _row, plain = issue(
        full_admin, name="t", scopes=["people:read"], expires_at=ends, actor=Actor.of_user(full_admin, "portal")
    )
    assert client.get(reverse("api:me"), headers={"Authorization": f"Bearer {plain}"}).status_code == 200


def test_a_wrong_token_beside_a_session_opens_nothing(full_admin: User, signed_in_as: Any) -> None:
    browser = signed_in_as(full_admin)
    for header in ("Bearer hub_x", "Bearer ", "bearer", "Basic eDp5"):
        assert browser.get(reverse("api:me"), headers={"Authorization": header}).status_code in (401, 403)
        assert sent_to_setup(browser.get(reverse("users"), headers={"Authorization": header}))


def test_the_demonstrations_own_accounts_are_exempt_and_the_page_says_so(
    organization: Any, full_admin: User, signed_in_as: Any, settings: Any
) -> None:
    settings.DEMONSTRATION = True
    maya = factories.UserFactory(organization=organization, location=None, email="Maya.Okafor@northwind.example")
    factories.with_role(maya, Role.FULL_ADMIN)
    assert signed_in_as(maya).get(reverse("users")).status_code == 200
    assert "The demonstration’s own accounts are exempt" in signed_in_as(maya).get(reverse("security")).content.decode()
    assert sent_to_setup(signed_in_as(full_admin).get(reverse("users")))
    settings.DEMONSTRATION = False
    assert sent_to_setup(signed_in_as(maya).get(reverse("users")))


def test_every_role_and_every_operator_needs_one_and_nobody_else(world: World) -> None:  # noqa: F811
    needing = {role for role, person in world.people.items() if needs_second_factor(person)}
    assert needing == {*Role.values, "operator"}


def test_a_request_asks_no_more_of_the_database_than_without_it(
    full_admin: User, user: User, signed_in_as: Any, settings: Any, django_assert_num_queries: Any
) -> None:
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    def cost(browser: Client, name: str) -> int:
        browser.get(reverse(name))
        with CaptureQueriesContext(connection) as spent:
            assert browser.get(reverse(name)).status_code == 200
        return len(spent)

    admin, texter = signed_in_as(full_admin), signed_in_as(user)
    session = admin.session
    session[second_factor_gate.SHOWN] = True
    session.save()
    asking = [cost(admin, "users"), cost(texter, "inbox")]
    settings.SECOND_FACTOR_REQUIRED = False
    assert asking == [cost(admin, "users"), cost(texter, "inbox")]
    with CaptureQueriesContext(connection) as spent:
        admin.get(reverse("security"))
    tables = [query["sql"] for query in spent]
    assert sum('FROM "provisioning_session"' in sql for sql in tables) == 1
    assert sum('FROM "provisioning_user"' in sql and "WHERE" in sql for sql in tables) == 1
