"""Writers at the same time never fork a chain."""

from __future__ import annotations

import threading

import pytest
from django.db import transaction

from compliance import verification
from compliance.models import AuditEvent, AuditHead
from provisioning.changes import record
from tests import factories
from tests.compliance.threads import at_once

pytestmark = pytest.mark.django_db(transaction=True)
EACH = 20


def test_two_threads_append_to_one_chain_without_a_fork(shared_database, change):
    organization = factories.OrganizationFactory()
    start = threading.Barrier(2)

    def work():
        start.wait(timeout=30)
        for step in range(EACH):
            with transaction.atomic():
                record(change(organization, after={"step": step}))

    at_once(work, work)
    assert verification.verify() == []
    assert AuditHead.objects.get().sequence == AuditEvent.objects.count() == 2 * EACH


def test_two_first_events_make_one_head(shared_database, change):
    organizations = [factories.OrganizationFactory() for _ in range(5)]
    start = threading.Barrier(2)

    def work():
        for organization in organizations:
            start.wait(timeout=30)
            record(change(organization))

    at_once(work, work)
    assert verification.verify() == []
    assert set(AuditHead.objects.values_list("sequence", flat=True)) == {2}
    assert AuditHead.objects.count() == 5


def test_a_place_given_up_by_a_rollback_is_taken_by_the_next(shared_database, change):
    organization = factories.OrganizationFactory()
    holding, release = threading.Event(), threading.Event()

    def first():
        with transaction.atomic():
            record(change(organization, after={"by": "first"}))
            holding.set()
            release.wait(timeout=30)
            transaction.set_rollback(True)

    def second():
        holding.wait(timeout=30)
        release.set()
        record(change(organization, after={"by": "second"}))

    at_once(first, second)
    assert verification.verify() == []
    assert AuditEvent.objects.get().after == {"by": "second"}
