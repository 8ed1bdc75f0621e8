"""What compliance raises alerts for: a late purge, a night that was missed, an audit log that was tampered with."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.urls import reverse

from compliance import retention, triggers, watch
from compliance.models import AuditEvent, PurgeRun
from compliance.tasks import watch_audit_log, watch_purges
from provisioning import alerts
from provisioning.changes import Actor, record_target
from provisioning.models import Alert, Mail, Organization, User
from tests import factories
from tests.factories import NOW

pytestmark = pytest.mark.django_db


def open_alerts(code: str) -> list[Any]:
    found = Alert.objects.filter(code=code, cleared_at__isnull=True)
    return sorted(found.values_list("organization", flat=True), key=str)


def purged(organization: Organization, hours_ago: float, *, finished: bool = True) -> None:
    at = NOW - timedelta(hours=hours_ago)
    PurgeRun.objects.create(
        organization=organization, night=at.date(), cutoff=at, started_at=at, finished_at=at if finished else None
    )


@pytest.fixture
def old(organization: Organization) -> Organization:
    Organization.objects.update(created_at=NOW - timedelta(days=90))
    return organization


def test_a_purge_of_last_night_is_in_time(old: Organization) -> None:
    purged(old, 13)
    assert watch.purges(NOW) is False
    assert open_alerts("purge_late") == []


def test_a_missed_night_is_made_up_for_before_anybody_is_told(old: Organization) -> None:
    purged(old, 26)
    assert watch.purges(NOW) is True
    assert open_alerts("purge_late") == []


@pytest.mark.parametrize("finished", [True, False])
def test_a_purge_that_does_not_come_to_its_end_is_told_until_it_does(old: Organization, finished: bool) -> None:
    purged(old, 37)
    if not finished:
        purged(old, 2, finished=False)
    assert watch.purges(NOW) is True
    assert open_alerts("purge_late") == sorted([None, old.pk], key=str)
    retention.purge(NOW)
    PurgeRun.objects.update(finished_at=NOW)
    assert watch.purges(NOW) is False
    assert open_alerts("purge_late") == []


def test_a_new_customer_is_not_late_and_one_that_was_never_purged_is(organization: Organization) -> None:
    Organization.objects.update(created_at=NOW - timedelta(hours=20))
    assert watch.purges(NOW) is False
    Organization.objects.update(created_at=NOW - timedelta(hours=40))
    assert watch.purges(NOW) is True
    assert organization.pk in open_alerts("purge_late")


def test_each_organization_is_told_of_its_own_and_one_query_finds_them(
    old: Organization, django_assert_max_num_queries: Any
) -> None:
    for _other in range(4):
        other = factories.OrganizationFactory()
        Organization.objects.filter(pk=other.pk).update(created_at=NOW - timedelta(days=90))
        purged(other, 5)
    purged(old, 50)
    with django_assert_max_num_queries(10):
        watch.purges(NOW)
    assert open_alerts("purge_late") == sorted([None, old.pk], key=str)


def test_the_task_runs_the_purge_that_was_missed(old: Organization) -> None:
    watch_purges()
    assert PurgeRun.objects.filter(organization=old, finished_at__isnull=False).exists()


def changed(organization: Organization, actor: User) -> None:
    record_target(
        "organization.texting_changed", Actor.of_user(actor, via="portal"), organization,
        organization_id=organization.pk, before={"enabled": False}, after={"enabled": True},
    )  # fmt: skip


def tamper(organization: Organization) -> None:
    triggers.remove(connection)
    AuditEvent.objects.filter(organization=organization).update(actor_label="Nobody")


def test_a_whole_log_raises_nothing(organization: Organization, full_admin: User) -> None:
    changed(organization, full_admin)
    assert watch.chains(NOW) == []
    assert open_alerts("audit_chain_broken") == []


def test_an_edited_event_is_told_to_the_officers_and_the_provider_and_to_no_administrator(
    organization: Organization, full_admin: User, officer: User, signed_in_as: Any
) -> None:
    operator = factories.OperatorFactory()
    changed(organization, full_admin)
    tamper(organization)
    watch_audit_log()
    assert organization.pk in open_alerts("audit_chain_broken")
    assert None in open_alerts("audit_chain_broken")
    Alert.objects.update(raised_at=NOW - timedelta(hours=1))
    alerts.mail_new(NOW)
    assert set(Mail.objects.values_list("recipient", flat=True)) == {officer.pk, operator.pk}
    assert "The event was changed after it was written" in seen_by(signed_in_as(officer))
    assert "was changed after it was written" not in seen_by(signed_in_as(full_admin))


def seen_by(browser: Client) -> str:
    return browser.get(reverse("alerts")).content.decode()


def test_a_missing_trigger_is_the_providers_to_mend(organization: Organization) -> None:
    triggers.remove(connection)
    watch.chains(NOW)
    assert set(open_alerts("audit_chain_broken")) == {None}
    triggers.install(connection)
    watch.chains(NOW)
    assert open_alerts("audit_chain_broken") == []
