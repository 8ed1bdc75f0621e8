"""Sessions: seen by their person, ended one by one or all others; none outlives a deactivation."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.contrib.auth import SESSION_KEY
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from compliance.models import AuditEvent
from provisioning import account_life
from provisioning.devices import device
from provisioning.models import Session, User
from provisioning.tasks.sessions import clear_sessions
from tests import factories

NOW = factories.NOW
CHROME = (
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0.0.0 Safari/537.36"
)


@pytest.fixture
def rosalind(organization: Any, settings: Any) -> User:
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    person = factories.texting_user(organization, email="rosalind@northwind.example")
    person.set_password(factories.PASSWORD)
    person.save(update_fields=["password"])
    return person


def browser_of(person: User, address: str = "192.0.2.7", user_agent: str = CHROME) -> Client:
    browser = Client(REMOTE_ADDR=address, headers={"user-agent": user_agent})
    browser.post(reverse("sign_in"), {"username": person.email, "password": factories.PASSWORD})
    assert SESSION_KEY in browser.session
    return browser


def row_of(browser: Client) -> Session:
    return Session.objects.get(pk=browser.session.session_key)


def test_a_session_says_whose_it_is_and_from_where(rosalind: User) -> None:
    with time_machine.travel(NOW, tick=False):
        row = row_of(browser_of(rosalind))
    assert (row.user, row.organization_id, row.address) == (rosalind, rosalind.organization_id, "192.0.2.7")
    assert (row.user_agent, row.signed_in_at, row.last_seen_at) == (CHROME, NOW, NOW)


def test_the_page_lists_ones_own_sessions_and_marks_this_one(rosalind: User, stranger: User, signed_in_as: Any) -> None:
    browser = browser_of(rosalind)
    browser_of(rosalind, "198.51.100.4", "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0) Version/18.0 Mobile Safari/604.1")
    signed_in_as(stranger)
    page = browser.get(reverse("sessions")).content.decode()
    assert page.count("Chrome on Windows") == 1
    assert page.index("This session") < page.index("Safari on iPhone")
    assert "198.51.100.4" in page
    assert page.count("This session") == 1
    for session in Session.objects.all():
        assert session.session_key not in page


def test_one_session_is_ended_and_that_is_recorded(rosalind: User) -> None:
    browser, lost = browser_of(rosalind), browser_of(rosalind, "198.51.100.4")
    browser.post(reverse("end_sessions"), {"session": row_of(lost).public_id})
    assert lost.get(reverse("security"))["Location"].startswith(reverse("sign_in"))
    assert browser.get(reverse("security")).status_code == 200
    event = AuditEvent.objects.get(action="user.session_ended")
    assert event.before == {"device": "Chrome on Windows", "address": "198.51.100.4"}


def test_all_other_sessions_are_ended_at_once(rosalind: User, stranger: User, signed_in_as: Any) -> None:
    browser, others, foreign = browser_of(rosalind), [browser_of(rosalind) for _ in range(3)], signed_in_as(stranger)
    browser.post(reverse("end_sessions"), {"others": "1"})
    assert not [one for one in others if SESSION_KEY in one.session]
    assert SESSION_KEY in browser.session
    assert SESSION_KEY in foreign.session
    assert AuditEvent.objects.get(action="user.sessions_ended").before == {"sessions": 3}
    browser.post(reverse("end_sessions"), {"others": "1"})
    assert AuditEvent.objects.filter(action="user.sessions_ended").count() == 1


def test_nobody_ends_another_persons_session(rosalind: User, stranger: User, signed_in_as: Any) -> None:
    foreign = signed_in_as(stranger)
    browser = browser_of(rosalind)
    for named in (row_of(foreign).public_id, row_of(foreign).session_key, "x", ""):
        assert browser.post(reverse("end_sessions"), {"session": named}).status_code == 302
    assert SESSION_KEY in foreign.session


def test_ending_sessions_of_many_users_leaves_the_others(
    rosalind: User, stranger: User, user: User, signed_in_as: Any
) -> None:
    mine, foreign, other = browser_of(rosalind), signed_in_as(stranger), signed_in_as(user)
    assert account_life.end_sessions([rosalind.pk, user.pk]) == 2
    assert [SESSION_KEY in one.session for one in (mine, foreign, other)] == [False, True, False]


def test_a_deactivated_user_has_no_use_of_a_session_that_is_left(rosalind: User) -> None:
    browser = browser_of(rosalind)
    User.objects.filter(pk=rosalind.pk).update(is_active=False)
    assert browser.get(reverse("sessions"))["Location"].startswith(reverse("sign_in"))
    assert browser.get(reverse("api:me")).status_code == 401


def test_last_seen_is_kept_within_five_minutes_and_costs_one_write(rosalind: User) -> None:
    with time_machine.travel(NOW, tick=False) as clock:
        browser = browser_of(rosalind)
        for minutes, writes in ((4, 0), (1, 1), (4, 0), (1, 1)):
            clock.shift(timedelta(minutes=minutes))
            with CaptureQueriesContext(connection) as spent:
                browser.get(reverse("sessions"))
            assert sum('UPDATE "provisioning_session"' in query["sql"] for query in spent) == writes, minutes
        assert row_of(browser).last_seen_at == NOW + timedelta(minutes=10)


def test_the_page_costs_the_same_however_many_sessions_there_are(rosalind: User) -> None:
    browser = browser_of(rosalind)

    def cost() -> int:
        with CaptureQueriesContext(connection) as spent:
            assert browser.get(reverse("sessions")).status_code == 200
        return len(spent)

    alone = cost()
    for _ in range(5):
        browser_of(rosalind)
    assert cost() == alone
    assert alone <= 5


def test_expired_sessions_are_not_shown_and_are_cleared_away(rosalind: User) -> None:
    browser, old = browser_of(rosalind), browser_of(rosalind)
    Session.objects.filter(pk=old.session.session_key).update(expire_date=NOW - timedelta(days=400))
    assert browser.get(reverse("sessions")).content.decode().count("Chrome on Windows") == 1
    clear_sessions()
    assert Session.objects.filter(user=rosalind).count() == 1


def test_signing_out_takes_the_session_away(rosalind: User) -> None:
    browser = browser_of(rosalind)
    browser.post(reverse("sign_out"))
    assert not Session.objects.filter(user=rosalind).exists()


@pytest.mark.parametrize(
    ("user_agent", "words"),
    [
        (CHROME, "Chrome on Windows"),
        (CHROME + " Edg/131.0.0.0", "Edge on Windows"),
        ("Mozilla/5.0 (X11; Linux x86_64; rv:132.0) Gecko/20100101 Firefox/132.0", "Firefox on Linux"),
        ("Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) Version/17.6 Safari/605.1.15", "Safari on Mac"),
        ("Mozilla/5.0 (iPad; CPU OS 17_5) CriOS/126.0 Mobile/15E148 Safari/604.1", "Chrome on iPad"),
        ("Mozilla/5.0 (Linux; Android 14) SamsungBrowser/25.0 Chrome/121 Mobile", "Samsung Internet on Android"),
        ("Mozilla/5.0 (X11; CrOS x86_64 15917) Chrome/129.0 Safari/537.36", "Chrome on ChromeOS"),
        ("curl/8.5.0", "Unknown device"),
        ("", "Unknown device"),
    ],
)  # fmt: skip
def test_a_device_is_told_in_words(user_agent: str, words: str) -> None:
    assert device(user_agent) == words
