"""Passwords: asked for by mail without telling whose, chosen through a link once, changed on the own page."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.contrib.auth import SESSION_KEY
from django.core.cache import cache
from django.core.management import get_commands
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from compliance.models import AuditEvent
from provisioning import account_life, links
from provisioning.changes import Actor
from provisioning.links import Purpose
from provisioning.models import Mail, Session, User
from tests import factories
from tests.compliance.threads import at_once

NOW = factories.NOW
NEW = "another long enough one"


@pytest.fixture(autouse=True)
def clock(settings: Any) -> Any:
    cache.clear()
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    with time_machine.travel(NOW, tick=False) as stopped:
        yield stopped


@pytest.fixture
def rosalind(organization: Any) -> User:
    person = factories.texting_user(organization, email="Rosalind@Northwind.example", first_name="Rosalind")
    person.set_password(factories.PASSWORD)
    person.save(update_fields=["password"])
    return person


@pytest.fixture
def newcomer(organization: Any) -> User:
    return factories.UserFactory(location=None, organization=organization, email="ada.park@northwind.example")


def ask(browser: Client, email: str) -> Any:
    return browser.post(reverse("forgot_password"), {"email": email})


def key_of(mail: Mail) -> str:
    return re.search(r"\?key=(\S+)", mail.text)[1]


def choose(browser: Client, name: str, key: str, password: str = NEW, again: str = "") -> Any:
    return browser.post(reverse(name), {"key": key, "new_password": password, "again": again or password})


def is_in(browser: Client) -> bool:
    return SESSION_KEY in browser.session


# -- forgotten -------------------------------------------------------------------------------------------------------


def test_a_forgotten_password_is_chosen_anew_through_the_mailed_link(client: Client, rosalind: User) -> None:
    ask(client, " ROSALIND@northwind.EXAMPLE ")
    mail = Mail.objects.get()
    assert (mail.recipient, mail.kind) == (rosalind, "password_reset")
    assert mail.subject == "Northwind Dental Supply: choose a new password for Texting Hub"
    assert "until 23 November 2026, 16:00 UTC" in mail.text
    assert "Nobody will ever ask you for your password" in mail.text
    key = key_of(mail)
    page = client.get(reverse("set_password"), {"key": key}).content.decode()
    assert 'value="Rosalind@Northwind.example"' in page
    assert choose(client, "set_password", key)["Location"] == reverse("sign_in")
    rosalind.refresh_from_db()
    assert rosalind.check_password(NEW)
    told = Mail.objects.get(kind="password_changed")
    assert "was changed on 23 November 2026, 15:00 UTC" in told.text
    events = list(AuditEvent.objects.order_by("sequence").values_list("action", "actor_id"))
    assert events == [("user.password_reset_asked", None), ("user.password_reset", rosalind.pk)]


def test_choosing_a_new_password_ends_every_session_and_does_not_sign_in(
    client: Client, rosalind: User, signed_in_as: Any
) -> None:
    elsewhere = signed_in_as(rosalind)
    choose(client, "set_password", links.make(rosalind, Purpose.RESET, NOW))
    assert not is_in(elsewhere)
    assert not is_in(client)
    assert not Session.objects.filter(user=rosalind).exists()


def test_the_answer_is_the_same_for_every_address(client: Client, rosalind: User, newcomer: User) -> None:
    gone = factories.UserFactory(organization=rosalind.organization, location=None, is_active=False)
    bodies = set()
    for address in (rosalind.email, newcomer.email, gone.email, "nobody@northwind.example"):
        answer = ask(client, address)
        assert answer.status_code == 200
        body = answer.content.decode().replace(address, "ADDRESS")
        bodies.add(re.sub(r'value="[A-Za-z0-9]{64}"', "", body))
    assert len(bodies) == 1
    assert {(mail.recipient, mail.kind) for mail in Mail.objects.all()} == {
        (rosalind, "password_reset"), (newcomer, "not_activated"),
    }  # fmt: skip


def statements(address: str) -> list[str]:
    with CaptureQueriesContext(connection) as spent:
        ask(Client(), address)
    return [re.sub(r"'[^']*'|\d+|NULL|None", "?", query["sql"]).split(" VALUES ")[0][:60] for query in spent]


def test_the_database_does_the_same_work_for_an_address_that_has_no_account(rosalind: User) -> None:
    for first_of_its_audit_log in (rosalind.email, "nobody@northwind.example"):
        ask(Client(), first_of_its_audit_log)
    known, unknown = statements(rosalind.email), statements("nobody@northwind.example")
    only_known = [one for one in known if one not in unknown]
    assert sum('INSERT INTO "provisioning_mail"' in one for one in known) == 1
    assert sum('INSERT INTO "provisioning_mail"' in one for one in unknown) == 1
    # To take an insert back is one word more than to keep it.
    assert 0 <= len(unknown) - len(known) <= 1, only_known


def test_nothing_looks_a_user_up_but_by_the_indexed_key(rosalind: User) -> None:
    with CaptureQueriesContext(connection) as spent:
        ask(Client(), rosalind.email)
        Client().post(reverse("sign_in"), {"username": rosalind.email, "password": factories.PASSWORD})
        Client().post(reverse("sign_in"), {"username": "nobody@x.example", "password": factories.PASSWORD})
    looked = [query["sql"] for query in spent if 'FROM "provisioning_user"' in query["sql"]]
    assert looked
    for sql in looked:
        where = sql.split(" WHERE ", 1)[1]
        assert '"email_key" = ' in where or '"provisioning_user"."id" = ' in where, sql
        assert "LIKE" not in where.upper()
        assert "UPPER(" not in where.upper()
    assert not [query["sql"] for query in spent if "account_emailaddress" in query["sql"]]


def test_the_lookup_goes_through_the_unique_index(rosalind: User) -> None:
    plan = User.objects.filter(email_key="rosalind@northwind.example").explain()
    if connection.vendor == "sqlite":
        assert "USING INDEX sqlite_autoindex" in plan, plan
    else:
        with connection.cursor() as cursor:
            cursor.execute("SET LOCAL enable_seqscan = off")
        assert "Index" in User.objects.filter(email_key="rosalind@northwind.example").explain()


def test_five_links_an_hour_are_mailed_to_one_person_and_the_answer_does_not_change(
    client: Client, rosalind: User, clock: Any
) -> None:
    answers = {ask(Client(REMOTE_ADDR=f"192.0.2.{n}"), rosalind.email).status_code for n in range(8)}
    assert answers == {200}
    assert Mail.objects.filter(kind="password_reset").count() == 5
    clock.shift(timedelta(hours=1, seconds=1))
    ask(client, rosalind.email)
    assert Mail.objects.filter(kind="password_reset").count() == 6


@pytest.mark.parametrize("address", ["rosalind@northwind.example", "nobody@northwind.example"])
def test_asking_too_often_is_locked_out_whether_or_not_the_account_exists(
    client: Client, rosalind: User, address: str
) -> None:
    assert [ask(client, address).status_code for _ in range(11)][-2:] == [429, 429]
    entered = client.post(reverse("sign_in"), {"username": rosalind.email, "password": factories.PASSWORD})
    assert entered.status_code == 302


def test_an_address_that_is_none_is_said_to_be_none(client: Client, db: Any) -> None:
    assert ask(client, "no address").status_code == 422
    assert not AuditEvent.objects.exists()


def test_a_reset_link_lasts_an_hour_and_works_once(client: Client, rosalind: User, clock: Any) -> None:
    first = links.make(rosalind, Purpose.RESET, NOW)
    assert choose(client, "set_password", first).status_code == 302
    assert choose(client, "set_password", first, "a third long password").status_code == 410
    rosalind.refresh_from_db()
    second = links.make(rosalind, Purpose.RESET, NOW)
    clock.shift(timedelta(hours=1))
    assert client.get(reverse("set_password"), {"key": second}).status_code == 410
    assert choose(client, "set_password", second).status_code == 410


@pytest.mark.parametrize(
    ("password", "again", "says"),
    [
        ("short", "", "too short"), ("password12345", "", "too common"), ("rosalind@northwind", "", "too similar"),
        ("a long password 1", "a long password 2", "The two passwords differ"), ("", "", "required"),
    ],
)  # fmt: skip
def test_a_password_that_is_no_good_is_refused_beside_its_field(
    client: Client, rosalind: User, password: str, again: str, says: str
) -> None:
    answer = choose(client, "set_password", links.make(rosalind, Purpose.RESET, NOW), password, again)
    assert answer.status_code == 422
    assert says in answer.content.decode()
    assert not password or f'value="{password}"' not in answer.content.decode()
    rosalind.refresh_from_db()
    assert rosalind.check_password(factories.PASSWORD)


def test_a_deactivated_user_gets_no_mail_and_has_no_use_of_a_link(client: Client, rosalind: User) -> None:
    link = links.make(rosalind, Purpose.RESET, NOW)
    User.objects.filter(pk=rosalind.pk).update(is_active=False)
    ask(client, rosalind.email)
    assert not Mail.objects.exists()
    assert choose(client, "set_password", link).status_code == 410


def test_a_second_factor_is_asked_for_after_a_reset_as_before(client: Client, rosalind: User) -> None:
    from provisioning import second_factors
    from tests.provisioning.test_second_factors import SECRET, code

    second_factors.add_app(rosalind, SECRET, code(), Actor.of_user(rosalind, "portal"), NOW)
    choose(client, "set_password", links.make(rosalind, Purpose.RESET, NOW))
    answer = client.post(reverse("sign_in"), {"username": rosalind.email, "password": NEW})
    assert answer["Location"] == reverse("second_step")


def test_a_link_carries_no_host_but_that_of_the_settings(client: Client, rosalind: User, settings: Any) -> None:
    settings.PUBLIC_URL = "https://texting.northwind.example"
    settings.ALLOWED_HOSTS = ["*"]
    client.post(reverse("forgot_password"), {"email": rosalind.email}, headers={"host": "evil.example"})
    assert "https://texting.northwind.example/sign-in/set-password/?key=" in Mail.objects.get().text
    assert "evil.example" not in Mail.objects.get().text


def test_no_link_reaches_a_log(client: Client, rosalind: User, caplog: Any) -> None:
    key = links.make(rosalind, Purpose.RESET, NOW)
    client.get(reverse("set_password"), {"key": key})
    choose(client, "set_password", key, "short")
    assert key not in caplog.text
    assert key.rpartition(".")[2] not in caplog.text


# -- activation ------------------------------------------------------------------------------------------------------


def test_an_invited_user_chooses_a_password_and_is_in(client: Client, newcomer: User, full_admin: User) -> None:
    account_life.invite([newcomer], Actor.of_user(full_admin, "portal"), NOW)
    key = key_of(Mail.objects.get())
    page = client.get(reverse("accept_invitation"), {"key": key}).content.decode()
    assert "Northwind Dental Supply invited you" in page
    assert choose(client, "accept_invitation", key)["Location"] == reverse("home")
    assert client.session[SESSION_KEY] == str(newcomer.pk)
    assert choose(Client(), "accept_invitation", key, "a third long password").status_code == 410
    actions = list(AuditEvent.objects.order_by("sequence").values_list("action", flat=True))
    assert actions == ["user.invited", "user.activated", "user.signed_in"]
    assert not account_life.awaits_activation(User.objects.get(pk=newcomer.pk))


def test_every_link_that_is_no_good_reads_the_same(client: Client, newcomer: User, rosalind: User) -> None:
    pages = {
        client.get(reverse("accept_invitation"), {"key": key}).content.decode()
        for key in (
            "", "x", links.make(newcomer, Purpose.RESET, NOW),
            links.make(User(email="a@b.example"), Purpose.INVITATION, NOW),
            links.make(newcomer, Purpose.INVITATION, NOW - timedelta(days=8)),
        )
    }  # fmt: skip
    assert len({re.sub(r'value="[A-Za-z0-9]{64}"', "", page) for page in pages}) == 1


def test_an_invitation_opened_in_somebody_elses_browser_ends_their_session(
    newcomer: User, rosalind: User, signed_in_as: Any
) -> None:
    browser = signed_in_as(rosalind)
    choose(browser, "accept_invitation", links.make(newcomer, Purpose.INVITATION, NOW))
    assert browser.session[SESSION_KEY] == str(newcomer.pk)


def test_whoever_has_not_activated_can_t_sign_in(client: Client, newcomer: User) -> None:
    for password in ("", "!", newcomer.password, factories.PASSWORD):
        answer = client.post(reverse("sign_in"), {"username": newcomer.email, "password": password})
        assert answer.status_code == 422
    assert not is_in(client)


@pytest.mark.skipif(connection.vendor == "sqlite", reason="in memory, SQLite's threads refuse instead of waiting")
@pytest.mark.django_db(transaction=True)
def test_of_two_answers_to_one_link_at_once_one_wins(newcomer: User) -> None:
    key = links.make(newcomer, Purpose.INVITATION, NOW)
    answers = at_once(
        *(lambda n=n: choose(Client(), "accept_invitation", key, f"a long password {n}").status_code for n in range(4))
    )
    assert sorted(answers) == [302, 410, 410, 410]


# -- the own password ------------------------------------------------------------------------------------------------


def change(browser: Client, current: str = factories.PASSWORD, new: str = NEW) -> Any:
    return browser.post(reverse("change_password"), {"current_password": current, "new_password": new, "again": new})


def test_changing_the_own_password_keeps_this_session_and_ends_the_others(rosalind: User, signed_in_as: Any) -> None:
    browser, elsewhere = signed_in_as(rosalind), signed_in_as(rosalind)
    assert change(browser)["Location"] == reverse("security")
    assert browser.get(reverse("security")).status_code == 200
    assert not is_in(elsewhere)
    rosalind.refresh_from_db()
    assert rosalind.check_password(NEW)
    event = AuditEvent.objects.get(action="user.password_changed")
    assert (event.actor_id, event.before, event.after) == (rosalind.pk, {}, {})
    assert Mail.objects.get().kind == "password_changed"


def test_the_current_password_is_asked_for_and_guessing_it_is_locked_out(rosalind: User, signed_in_as: Any) -> None:
    browser = signed_in_as(rosalind)
    assert [change(browser, current="wrong wrong wrong").status_code for _ in range(10)][8:] == [422, 429]
    assert change(browser).status_code == 429
    rosalind.refresh_from_db()
    assert rosalind.check_password(factories.PASSWORD)


def test_the_same_password_again_is_refused(rosalind: User, signed_in_as: Any) -> None:
    answer = change(signed_in_as(rosalind), new=factories.PASSWORD)
    assert (answer.status_code, "that you do not use now" in answer.content.decode()) == (422, True)


# -- nobody else's ---------------------------------------------------------------------------------------------------


def test_operators_change_nobodys_password_and_their_own_on_the_hubs_page(user: User, signed_in_as: Any) -> None:
    browser = signed_in_as(factories.OperatorFactory())
    page = browser.get(reverse("admin:provisioning_user_change", args=[user.pk])).content.decode()
    assert 'type="password"' not in page
    assert 'name="password' not in page
    browser.post(reverse("admin:provisioning_user_change", args=[user.pk]), {"password": "x", "is_active": "on"})
    assert browser.get(f"/admin/provisioning/user/{user.pk}/password/").status_code in (302, 404)
    assert browser.get(reverse("admin:password_change"))["Location"] == reverse("change_password")
    user.refresh_from_db()
    assert user.password == "!"


def test_setting_a_password_is_left_to_the_machines_owner() -> None:
    assert "changepassword" in get_commands()


def test_a_user_that_an_operator_adds_is_invited_by_mail(organization: Any, signed_in_as: Any) -> None:
    browser = signed_in_as(factories.OperatorFactory())
    fields = {"organization": organization.pk, "email": "new@northwind.example", "license": "none", "is_active": "on"}
    browser.post(reverse("admin:provisioning_user_add"), fields)
    mail = Mail.objects.get()
    assert (mail.address, mail.kind) == ("new@northwind.example", "invitation")


def test_deactivating_a_user_in_the_admin_ends_the_sessions(user: User, signed_in_as: Any) -> None:
    elsewhere = signed_in_as(user)
    browser = signed_in_as(factories.OperatorFactory())
    fields = {"location": user.location_id, "first_name": "R", "last_name": "A", "license": "none"}
    assert browser.post(reverse("admin:provisioning_user_change", args=[user.pk]), fields).status_code == 302
    assert not Session.objects.filter(user=user).exists()
    assert not is_in(elsewhere)


def test_no_address_of_allauth_exists(client: Client, db: Any) -> None:
    from tests.addresses import addresses

    assert not [str(one) for one in addresses() if one.view.__module__.startswith("allauth")]
    for path in (
        "/accounts/login/",
        "/accounts/signup/",
        "/accounts/password/reset/",
        "/accounts/2fa/",
        "/accounts/email/",
    ):
        assert client.get(path).status_code in (302, 404)
        assert "allauth" not in client.get(path, follow=True).content.decode()


def test_allauths_address_table_stays_empty(client: Client, newcomer: User, rosalind: User) -> None:
    from allauth.account.models import EmailAddress

    client.post(reverse("sign_in"), {"username": rosalind.email, "password": factories.PASSWORD})
    choose(Client(), "accept_invitation", links.make(newcomer, Purpose.INVITATION, NOW))
    assert not EmailAddress.objects.exists()
