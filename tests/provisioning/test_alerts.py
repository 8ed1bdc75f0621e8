"""Alerts: raised once a cause, cleared with it, mailed once to whose work it is, seen by whom they concern."""

from __future__ import annotations

from datetime import timedelta
from io import StringIO
from typing import Any

import pytest
from django.core.management import call_command
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from provisioning import alert_words, alerts, heartbeats
from provisioning.alert_words import Audience, Kind, Severity
from provisioning.models import Alert, Mail, Organization, User
from provisioning.tasks.alerts import watch
from tests import factories
from tests.factories import NOW

pytestmark = pytest.mark.django_db

LATER = timedelta(minutes=2)


@pytest.fixture(autouse=True)
def kinds(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two kinds of this test's own, for administrators and for officers."""
    own = dict(alert_words._KINDS)
    monkeypatch.setattr(alert_words, "_KINDS", own)
    alert_words.register(
        Kind("leak", "A leak", "Water in %(room)s, %(times)s times.", "Call a plumber.", Severity.WARNING),
        Kind("secret", "A secret", "Somebody knows.", "Ask.", audience=Audience.OFFICERS),
    )


def test_raising_the_same_again_makes_no_second_alert_but_notes_that_it_was_seen(organization: Organization) -> None:
    alerts.raise_alert("leak", organization, key="1", room="the hall")
    alerts.raise_alert("leak", organization, key="1", room="the attic")
    alert = Alert.objects.get()
    assert (alert.times, alert.facts) == (2, {"room": "the attic"})
    assert alert_words.words(alert).sentence == "Water in the attic, 2 times."


def test_causes_of_one_kind_organizations_and_the_provider_are_told_apart(organization: Organization) -> None:
    for owner, key in ((organization, "1"), (organization, "2"), (factories.OrganizationFactory(), "1"), (None, "1")):
        alerts.raise_alert("leak", owner, key=key, room="the hall")
    assert Alert.objects.count() == 4


def test_an_alert_is_cleared_with_its_cause_and_can_come_back(organization: Organization) -> None:
    alerts.raise_alert("leak", organization, room="the hall")
    alerts.clear_alert("leak", organization)
    alerts.clear_alert("leak", organization)
    assert Alert.objects.get().cleared_at is not None
    alerts.raise_alert("leak", organization, room="the hall")
    assert Alert.objects.filter(cleared_at__isnull=True).count() == 1


def test_a_look_at_everything_raises_what_it_finds_and_clears_the_rest(organization: Organization) -> None:
    alerts.observe("leak", {(organization.pk, "1"): {"room": "a"}, (None, "2"): {"room": "b"}}, NOW)
    alerts.raise_alert("secret", organization)
    alerts.observe("leak", {(None, "2"): {"room": "b"}, (None, "3"): {"room": "c"}}, NOW)
    still = Alert.objects.filter(cleared_at__isnull=True).values_list("code", "key")
    assert sorted(still) == [("leak", "2"), ("leak", "3"), ("secret", "")]


def test_a_kind_that_nobody_gave_words_is_a_mistake_where_it_is_raised(organization: Organization) -> None:
    with pytest.raises(alert_words.UnknownAlertError):
        alerts.raise_alert("no_such_kind", organization)


def test_a_fact_that_an_older_alert_lacks_is_a_dash(organization: Organization) -> None:
    alerts.raise_alert("leak", organization)
    assert alert_words.words(Alert.objects.get()).sentence == "Water in –, 1 times."


def test_full_administrators_are_mailed_once_a_minute_after_it_was_raised(
    organization: Organization, full_admin: User, officer: User
) -> None:
    factories.with_role(factories.UserFactory(organization=organization, location=None), "read_only_admin")
    gone = factories.UserFactory(organization=organization, location=None, is_active=False)
    factories.with_role(gone, "full_admin")
    alerts.raise_alert("leak", organization, key="1", room="the hall")
    alerts.raise_alert("leak", organization, key="2", room="the attic")
    assert alerts.mail_new(timezone.now()) == 0
    assert alerts.mail_new(timezone.now() + LATER) == 2
    assert alerts.mail_new(timezone.now() + LATER) == 0
    mail = Mail.objects.get()
    assert (mail.recipient, mail.subject) == (full_admin, "2 alerts")
    assert "Water in the hall" in mail.text
    assert "Call a plumber." in mail.text
    assert reverse("alerts") in mail.text


def test_what_is_gone_within_a_minute_is_not_mailed(organization: Organization, full_admin: User) -> None:
    alerts.raise_alert("leak", organization, room="the hall")
    alerts.clear_alert("leak", organization)
    assert alerts.mail_new(timezone.now() + LATER) == 0
    assert not Mail.objects.exists()


def test_a_cause_that_comes_back_within_a_day_is_not_mailed_again(organization: Organization, full_admin: User) -> None:
    now = timezone.now()
    for hours in (0, 2, 30):
        Alert.objects.update(cleared_at=now)
        alerts.observe("leak", {(organization.pk, ""): {"room": "the hall"}}, now + timedelta(hours=hours))
        alerts.mail_new(now + timedelta(hours=hours) + LATER)
    assert Mail.objects.count() == 2


def test_officers_and_operators_are_told_of_what_is_theirs(
    organization: Organization, full_admin: User, officer: User
) -> None:
    operator = factories.OperatorFactory()
    alerts.raise_alert("secret", organization)
    alerts.raise_alert("leak", None, room="the hall")
    alerts.mail_new(timezone.now() + LATER)
    assert set(Mail.objects.values_list("recipient", "subject")) == {
        (officer.pk, "A secret"), (operator.pk, "A leak"),
    }  # fmt: skip


def test_a_flood_of_alerts_is_one_mail_that_names_twenty(organization: Organization, full_admin: User) -> None:
    alerts.observe("leak", {(organization.pk, str(n)): {"room": str(n)} for n in range(25)}, timezone.now())
    alerts.mail_new(timezone.now() + LATER)
    text = Mail.objects.get().text
    assert text.count("Call a plumber.") == 20
    assert "And 5 more." in text


def page(browser: Client, query: str = "") -> str:
    answer = browser.get(reverse("alerts") + query)
    assert answer.status_code == 200
    return answer.content.decode()


def test_the_page_shows_each_role_what_concerns_it(
    organization: Organization, full_admin: User, officer: User, signed_in_as: Any
) -> None:
    alerts.raise_alert("leak", organization, room="the hall")
    alerts.raise_alert("secret", organization)
    alerts.raise_alert("leak", factories.OrganizationFactory(), room="another house")
    alerts.raise_alert("leak", None, room="the provider’s")
    administrators, officers = page(signed_in_as(full_admin)), page(signed_in_as(officer))
    assert "Water in the hall" in administrators
    assert "Somebody knows." not in administrators
    assert "Somebody knows." in officers
    assert "Water in" not in officers
    assert "another house" not in administrators + officers
    assert "the provider" not in administrators


def test_an_alert_whose_cause_is_gone_moves_to_earlier(
    organization: Organization, full_admin: User, signed_in_as: Any
) -> None:
    alerts.raise_alert("leak", organization, room="the hall")
    alerts.clear_alert("leak", organization)
    browser = signed_in_as(full_admin)
    assert "Nothing needs you" in page(browser)
    assert "Water in the hall" in page(browser, "?earlier")


def test_the_page_is_read_fifty_at_a_time_with_few_queries(
    organization: Organization, full_admin: User, signed_in_as: Any, django_assert_max_num_queries: Any
) -> None:
    alerts.observe("leak", {(organization.pk, str(n)): {"room": f"room {n:03}"} for n in range(60)}, timezone.now())
    browser = signed_in_as(full_admin)
    with django_assert_max_num_queries(8):
        answer = browser.get(reverse("alerts"))
    assert len(answer.context["rows"]) == 50
    second = browser.get(reverse("alerts"), {"before": answer.context["older"]})
    assert len(second.context["rows"]) == 10
    assert browser.get(reverse("alerts"), {"before": "nonsense"}).status_code == 200


def test_the_page_says_when_nobody_looks_for_alerts(full_admin: User, signed_in_as: Any) -> None:
    browser = signed_in_as(full_admin)
    assert "Nobody is looking for alerts" in page(browser)
    heartbeats.beat(heartbeats.WATCH, timezone.now())
    assert "Nobody is looking for alerts" not in page(browser)
    heartbeats.beat(heartbeats.WATCH, timezone.now() - timedelta(minutes=6))
    assert "Nobody is looking for alerts" in page(browser)


def test_nobody_is_missed_in_the_first_minutes_of_a_start(full_admin: User, signed_in_as: Any) -> None:
    browser, now = signed_in_as(full_admin), timezone.now()
    call_command("record_start", verbosity=0, stdout=StringIO())
    fresh = page(browser)
    assert "Nobody is looking for alerts" not in fresh
    assert "the first look for alerts is still to come" in fresh
    heartbeats.beat(heartbeats.WATCH, now - timedelta(days=1))
    after_a_night = page(browser)
    assert "Nobody is looking for alerts" not in after_a_night
    assert "the first look for alerts is still to come" in after_a_night
    heartbeats.beat(heartbeats.WATCH, timezone.now())
    assert "first look" not in page(browser)


def test_a_watch_that_never_came_is_missed_once_it_is_late(full_admin: User, signed_in_as: Any) -> None:
    heartbeats.beat(heartbeats.START, timezone.now() - timedelta(minutes=6))
    assert "Nobody is looking for alerts" in page(signed_in_as(full_admin))


def test_the_api_lists_them(organization: Organization, full_admin: User, signed_in_as: Any) -> None:
    alerts.raise_alert("leak", organization, room="the hall")
    (row,) = signed_in_as(full_admin).get("/api/v1/alerts").json()["results"]
    assert (row["code"], row["severity"], row["sentence"]) == ("leak", "warning", "Water in the hall, 1 times.")
    assert row["cleared_at"] is None


def test_operators_see_all_of_them_and_change_none(organization: Organization, signed_in_as: Any) -> None:
    alerts.raise_alert("leak", organization, room="the hall")
    alerts.raise_alert("leak", None, room="the server room")
    browser = signed_in_as(factories.OperatorFactory())
    listed = browser.get(reverse("admin:provisioning_alert_changelist")).content.decode()
    assert "the hall" in listed
    assert "the server room" in listed
    assert browser.get(reverse("admin:provisioning_alert_add")).status_code == 403


def test_a_missing_backup_is_raised_for_the_provider_and_gone_with_the_next(settings: Any) -> None:
    settings.BACKUP_EXPECTED_HOURS = 26
    organization = factories.OrganizationFactory()
    watch()
    assert not Alert.objects.exists()
    Organization.objects.filter(pk=organization.pk).update(created_at=timezone.now() - timedelta(hours=27))
    watch()
    alert = Alert.objects.get()
    assert (alert.code, alert.organization) == ("backup_missing", None)
    call_command("record_backup", verbosity=0)
    assert Alert.objects.get().cleared_at is not None
    settings.BACKUP_EXPECTED_HOURS = 0
    heartbeats.beat(heartbeats.BACKUP, timezone.now() - timedelta(days=9))
    watch()
    assert not Alert.objects.filter(cleared_at__isnull=True).exists()


def test_the_watch_notes_that_it_looked() -> None:
    watch()
    assert heartbeats.last(heartbeats.WATCH) is not None


def test_every_kind_says_what_was_seen_and_what_to_do() -> None:
    for kind in alert_words.kinds():
        assert kind.title
        assert kind.sentence
        assert kind.remedy
