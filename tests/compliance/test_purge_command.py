"""`manage purge_messages`: counts by organization, and a dry run that writes nothing."""

from __future__ import annotations

import pytest
from django.apps import apps
from django.core.management import CommandError, call_command

from compliance import retention
from compliance.models import PurgeRun
from messaging import clock
from messaging.models import Message
from messaging.models.messages import Status
from tests.compliance.rows import CUTOFF, INSTANT, ReceiptFactory, conversation_of, export_of, text
from tests.factories import NOW

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def clock_stands_still(monkeypatch):
    monkeypatch.setattr(clock, "database_now", lambda: NOW)


@pytest.fixture
def conversation(user):
    return conversation_of(user)


def run(capsys, *arguments):
    call_command("purge_messages", *arguments)
    return capsys.readouterr().out


def everything():
    return {
        model._meta.label: sorted(map(repr, model.objects.values()))
        for model in apps.get_models()
        if model._meta.app_label in ("compliance", "messaging", "provisioning")
    }


@pytest.fixture
def some_texts(conversation, officer):
    ReceiptFactory(message=text(conversation, CUTOFF - INSTANT))
    text(conversation, CUTOFF - 2 * INSTANT, status=Status.QUEUED)
    text(conversation, CUTOFF)
    export_of(officer, numbers=["+12065559999"])
    text(conversation_of(conversation.user, counterpart="+12065559999"), CUTOFF - INSTANT)


def test_a_dry_run_counts_and_writes_nothing(some_texts, organization, capsys):
    before = everything()
    assert run(capsys, "--dry-run") == (
        "Cutoff: 2025-10-19 15:00:00 UTC\n"
        "Northwind Dental Supply: 1 messages and 1 receipts would go, 1 are held, 1 unfinished.\n"
        "Dry run: nothing was deleted.\n"
    )
    assert everything() == before


def test_a_run_says_what_went_and_names_its_certificate(some_texts, capsys):
    printed = run(capsys)
    certificate = PurgeRun.objects.get()
    assert printed == (
        "Cutoff: 2025-10-19 15:00:00 UTC\n"
        "Northwind Dental Supply: 1 messages and 1 receipts deleted, 1 held, 1 unfinished. "
        f"Certificate {certificate.digest}\n"
    )
    assert certificate.messages_kept == 1


def test_a_dry_run_foretells_what_the_run_does(some_texts, organization):
    [forecast] = retention.forecast(NOW)
    [done] = retention.purge(NOW)
    assert forecast == (
        organization, done.messages_deleted, done.receipts_deleted, done.messages_kept, done.messages_unfinished,
    )  # fmt: skip


def test_a_second_run_of_the_night_says_that_the_first_is_finished(organization, capsys, monkeypatch):
    run(capsys)
    monkeypatch.setattr(clock, "database_now", lambda: NOW + INSTANT)
    assert "tonight's purge is finished, what grew too old since goes tomorrow." in run(capsys)


def test_one_organization_is_chosen_by_id(some_texts, organization, other_organization, capsys):
    assert "Northwind" not in run(capsys, "--organization", str(other_organization.pk))
    assert Message.objects.count() == 4


@pytest.mark.parametrize("given", ["northwind", "0193a0d0-0000-7000-8000-000000000000"])
def test_an_unknown_organization_is_refused_with_a_sentence(db, given):
    with pytest.raises(CommandError, match=f"No organization has the id {given}."):
        call_command("purge_messages", organization=given)


def test_a_run_that_stopped_says_so(organization, monkeypatch):
    monkeypatch.setattr(retention, "_close", lambda *arguments: 1 / 0)
    with pytest.raises(CommandError, match=r"Not every purge was finished \(ZeroDivisionError\)"):
        call_command("purge_messages")
