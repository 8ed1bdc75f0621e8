"""The registry's word, by webhook: what opens the door, and that any order of decisions ends the same."""

from __future__ import annotations

import itertools
import json
import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import OperationalError
from django.test import Client

from compliance.models import AuditEvent
from provisioning.changes import Actor
from provisioning.models import (
    Brand,
    Campaign,
    Mail,
    RegistrationEvent,
    RegistryAccount,
    RegistryNotice,
    RegistrySubmission,
    User,
)
from provisioning.registration import notices, states, submissions
from provisioning.views import registry_webhook
from tests.factories import NOW
from tests.provisioning.registration import rows
from tests.provisioning.registration.rows import decision, post

SOMEBODY = Actor.system("test")
EARLY = NOW - timedelta(days=400)


@pytest.fixture
def submission(account: RegistryAccount, campaign: Campaign) -> RegistrySubmission:
    """On its way to the registry."""
    return submissions.submit(campaign, SOMEBODY, NOW)


def hour(number: int) -> datetime:
    """A moment of the past, by the registry's clock."""
    return EARLY + timedelta(hours=number)


def status() -> tuple[str, str]:
    row = Campaign.objects.get()
    return row.status, row.reason


def test_a_signed_decision_is_taken(account: RegistryAccount, submission: RegistrySubmission) -> None:
    response = post(account, decision(submission, "active", EARLY, id="C7NWD42", throughput_class="E"))
    assert (response.status_code, response.json()) == (200, {"code": "ok"})
    row = Campaign.objects.get()
    assert (row.status, row.registry_id, row.segments_a_minute) == ("active", "C7NWD42", 240)
    assert RegistrySubmission.objects.get().state == "taken"
    event = AuditEvent.objects.get(action="campaign.status_changed")
    assert (event.before, event.after) == ({"status": "submitting"}, {"status": "active"})


def test_a_wrong_signature_writes_nothing_but_the_count(
    account: RegistryAccount, submission: RegistrySubmission
) -> None:
    response = post(account, decision(submission, "active", EARLY), secret="a guess")
    assert (response.status_code, response.json()) == (403, {"code": "signature"})
    assert status() == ("submitting", "")
    assert not RegistryNotice.objects.exists()
    assert RegistryAccount.objects.get().rejected_webhooks == 1


@pytest.mark.parametrize("age", [timedelta(minutes=6), timedelta(minutes=-6)])
def test_an_old_or_early_signature_is_refused(
    account: RegistryAccount, submission: RegistrySubmission, age: timedelta
) -> None:
    assert post(account, decision(submission, "active", EARLY), at=datetime.now(UTC) - age).status_code == 403


def test_a_signature_for_another_address_is_refused(account: RegistryAccount, submission: RegistrySubmission) -> None:
    """It is over the address we are configured with, whatever the request says its host is."""
    elsewhere = f"http://testserver/webhooks/registry/{account.pk}/"
    assert post(account, decision(submission, "active", EARLY), url=elsewhere).status_code == 403


def test_an_account_without_a_secret_takes_nothing(account: RegistryAccount, submission: RegistrySubmission) -> None:
    RegistryAccount.objects.update(sealed_credentials="")
    assert post(account, decision(submission, "active", EARLY), secret="").status_code == 403


def test_an_unknown_account_is_not_found(account: RegistryAccount, submission: RegistrySubmission) -> None:
    assert post(RegistryAccount(id=uuid.uuid4()), decision(submission, "active", EARLY)).status_code == 404


def test_only_posts_are_answered(account: RegistryAccount) -> None:
    assert Client().get(f"/webhooks/registry/{account.pk}/").status_code == 405


@pytest.mark.parametrize(
    "payload",
    [
        b"", b"{", b"null", b"[1]", b'"text"', b"\xff\xfe", b"[" * 5000, b'{"type": "campaign.active"}',
        json.dumps([{"type": "campaign.active", "event_id": "x"}] * 101).encode(),
    ],
)  # fmt: skip
def test_a_malformed_webhook_is_refused_and_writes_nothing(account: RegistryAccount, payload: bytes) -> None:
    response = post(account, payload)
    assert (response.status_code, response.json()) == (400, {"code": "malformed"})
    assert not RegistryNotice.objects.exists()


@pytest.mark.parametrize(
    "flaw",
    [
        {"at": "yesterday"}, {"at": "2026-01-01T00:00:00"}, {"event_id": ""}, {"reference": 5}, {"reasons": [5]},
        {"reasons": [{"text": "a\0b"}]}, {"reasons": [{"text": "\ud800"}]}, {"segments_a_minute": True},
        {"segments_a_minute": 0}, {"id": "x" * 33}, {"expires_at": "soon"},
        {"at": (datetime.now(UTC) + timedelta(days=1)).isoformat()},
    ],
)  # fmt: skip
def test_a_decision_with_a_flaw_is_malformed(
    account: RegistryAccount, submission: RegistrySubmission, flaw: dict[str, Any]
) -> None:
    assert post(account, {**decision(submission, "active", EARLY), **flaw}).status_code == 400
    assert status() == ("submitting", "")


def test_a_body_over_256_kb_is_refused(account: RegistryAccount) -> None:
    assert post(account, b" " * (registry_webhook.LONGEST_BODY + 1)).status_code == 413


def test_a_database_that_does_not_answer_makes_the_registry_try_again(
    account: RegistryAccount, submission: RegistrySubmission, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_arguments: Any) -> None:
        raise OperationalError

    monkeypatch.setattr(notices, "accept", fail)
    response = post(account, decision(submission, "active", EARLY))
    assert (response.status_code, response["Retry-After"]) == (503, "5")


@pytest.mark.parametrize("kind", ["campaign.shared", "brand.vetted", "brand.verified"])
def test_what_concerns_nothing_of_ours_is_kept(account: RegistryAccount, kind: str) -> None:
    event = {
        "type": kind, "event_id": "evt-strange", "reference": str(uuid.uuid4()), "at": EARLY.isoformat(),
        "status": kind.partition(".")[2],
    }  # fmt: skip
    assert post(account, event).status_code == 200
    notice = RegistryNotice.objects.get()
    assert (notice.submission, notice.organization, json.loads(notice.raw)) == (None, None, event)


def test_a_word_on_a_brand_does_not_count_for_a_campaign(
    account: RegistryAccount, submission: RegistrySubmission
) -> None:
    event = {**decision(submission, "active", EARLY), "type": "brand.verified", "status": "verified"}
    assert post(account, event).status_code == 200
    assert status() == ("submitting", "")


def test_an_account_speaks_only_of_its_own_submissions(
    account: RegistryAccount, submission: RegistrySubmission
) -> None:
    other = rows.registry_account(name="Another registry")
    assert post(other, decision(submission, "rejected", EARLY)).status_code == 200
    assert status() == ("submitting", "")


def test_a_replayed_decision_changes_nothing(
    account: RegistryAccount, submission: RegistrySubmission, full_admin: User
) -> None:
    event = decision(submission, "active", EARLY)
    assert [post(account, event).status_code for _time in range(3)] == [200, 200, 200]
    assert RegistryNotice.objects.count() == 1
    assert RegistrationEvent.objects.filter(step="active").count() == 1
    assert Mail.objects.filter(kind="campaign_active").count() == 1


WORDS = [
    ("pending", 0, {}),
    ("rejected", 1, {"reasons": [{"code": "701", "text": "No sample names the business."}]}),
    ("active", 2, {"throughput_class": "E", "expires_at": "2090-01-01T00:00:00+00:00"}),
    ("suspended", 3, {"reasons": [{"code": "801", "text": "Complaints."}]}),
    ("active", 4, {"throughput_class": "F", "expires_at": "2091-01-01T00:00:00+00:00"}),
]


def test_decisions_in_any_order_end_the_same(account: RegistryAccount, submission: RegistrySubmission) -> None:
    """Every fourth order of five words, each told twice: the registry's clock decides, not ours."""
    events = [decision(submission, step, hour(at), **more) for step, at, more in WORDS]
    endings = set()
    for order in itertools.islice(itertools.permutations(events), 0, None, 4):
        RegistrationEvent.objects.filter(source="registry").delete()
        RegistryNotice.objects.all().delete()
        Campaign.objects.update(
            status="submitting", status_at=NOW, reasons=[], expires_at=None, throughput_class="", segments_a_minute=None
        )
        for event in order:
            for again in ("", "-again"):
                post(account, {**event, "event_id": event["event_id"] + again})
        row = Campaign.objects.get()
        endings.add(
            (row.status, row.status_at, row.reason, row.throughput_class, row.segments_a_minute, row.expires_at)
        )
    assert endings == {
        ("active", hour(4), "", "F", 240, datetime(2091, 1, 1, tzinfo=UTC)),
    }


@pytest.mark.parametrize("order", list(itertools.permutations(["active", "suspended"])))
def test_of_two_words_of_one_moment_the_graver_counts(
    account: RegistryAccount, submission: RegistrySubmission, order: tuple[str, ...]
) -> None:
    for step in order:
        post(account, decision(submission, step, EARLY))
    assert status()[0] == "suspended"


def test_a_late_word_on_an_earlier_submission_decides_nothing(
    account: RegistryAccount, submission: RegistrySubmission
) -> None:
    post(account, decision(submission, "rejected", hour(1), reasons=[{"code": "701", "text": "No."}]))
    again = submissions.submit(Campaign.objects.get(), SOMEBODY, NOW)
    post(account, decision(submission, "suspended", hour(9)))
    assert status() == ("submitting", "")
    post(account, decision(again, "active", hour(2), throughput_class="E"))
    post(account, decision(submission, "active", hour(10), throughput_class="T"))
    assert (status(), Campaign.objects.get().throughput_class) == (("active", ""), "E")
    assert RegistrationEvent.objects.filter(step="suspended", submission=submission).exists()


def test_a_decision_that_comes_before_the_answer_to_the_submission_stays(
    account: RegistryAccount, submission: RegistrySubmission, registry: rows.RegistryInMemory
) -> None:
    def decided_at_once(*_arguments: Any) -> None:
        fact = rows.Fact(str(submission.pk), "active", NOW + timedelta(seconds=1))
        submissions.hear(submission, fact, NOW)

    registry.after = decided_at_once
    submissions.send(submission.pk, lambda: NOW)
    assert status() == ("active", "")


def test_limits_that_an_operator_set_stay_until_the_registry_names_others(
    account: RegistryAccount, submission: RegistrySubmission
) -> None:
    post(account, decision(submission, "active", hour(1), throughput_class="E"))
    Campaign.objects.update(segments_a_minute=1000)
    post(account, decision(submission, "suspended", hour(2)))
    assert Campaign.objects.get().segments_a_minute == 1000
    post(account, decision(submission, "active", hour(3), throughput_class="T"))
    assert Campaign.objects.get().segments_a_minute == 75


def test_an_operators_word_counts_until_the_registry_speaks_again(
    account: RegistryAccount, submission: RegistrySubmission
) -> None:
    post(account, decision(submission, "rejected", hour(1)))
    states.set_by_operator(Campaign.objects.get(), "active", SOMEBODY, hour(2))
    assert status()[0] == "active"
    post(account, decision(submission, "suspended", hour(3)))
    assert status()[0] == "suspended"


def test_a_brand_that_is_verified_gets_its_tier_and_its_daily_cap(account: RegistryAccount, brand: Brand) -> None:
    submission = submissions.submit(brand, SOMEBODY, NOW)
    post(account, decision(submission, "verified", EARLY, id="BNWDENT", tier="low_mid"))
    brand.refresh_from_db()
    assert (brand.status, brand.registry_id, brand.tier, brand.segments_a_day) == (
        "verified",
        "BNWDENT",
        "low_mid",
        10_000,
    )
