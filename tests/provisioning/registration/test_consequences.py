"""What follows from a decision: sending stops and goes on, alerts, mail, renewals."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from messaging import relay
from messaging.composer import closed_for
from messaging.models import Message
from provisioning import alerts
from provisioning.changes import Actor
from provisioning.eligibility import check_organization, check_user, standing, standings
from provisioning.models import Alert, Brand, Campaign, Mail, RegistryAccount, RegistrySubmission, User
from provisioning.registration import renewals, states, submissions
from provisioning.registration.registries.base import Fact
from tests import factories
from tests.factories import NOW
from tests.messaging.carrier_in_memory import CarrierInMemory, carrier
from tests.provisioning.registration import rows

__all__ = ["carrier"]
SOMEBODY = Actor.system("test")
COMPLAINTS = [{"code": "801", "text": "Complaints about unwanted texts."}]


def registered(row: Brand | Campaign, account: RegistryAccount) -> RegistrySubmission:
    """What stands as accepted, as if it had been submitted."""
    submission = RegistrySubmission.objects.create(
        organization=row.organization, account=account, created_at=NOW, document={}, state="taken",
        brand=row if isinstance(row, Brand) else None, campaign=row if isinstance(row, Campaign) else None,
    )  # fmt: skip
    type(row).objects.filter(pk=row.pk).update(submission=submission)
    return submission


def say(submission: RegistrySubmission, step: str, hours: int = 0, **fields: object) -> None:
    """The registry's word."""
    at = timezone.now() - timedelta(days=2) + timedelta(hours=hours)
    submissions.hear(submission, Fact(str(submission.pk), step, at, **fields), timezone.now())  # type: ignore[arg-type]


@pytest.fixture
def of_campaign(account: RegistryAccount, user: User) -> RegistrySubmission:
    return registered(Campaign.objects.get(), account)


@pytest.fixture
def of_brand(account: RegistryAccount, user: User) -> RegistrySubmission:
    return registered(Brand.objects.get(), account)


def queued(user: User) -> Message:
    message = factories.MessageFactory(
        conversation__user=user, status="queued", accepted_at=timezone.now(), due_at=timezone.now(), seq=1
    )
    number = user.primary_number
    number.sending.next_due_at = timezone.now()
    number.sending.save()
    return message


@pytest.mark.parametrize("of", ["of_campaign", "of_brand"])
def test_a_suspension_holds_queued_texts_and_they_go_out_when_it_is_lifted(
    transactional_db: None, of: str, request: pytest.FixtureRequest, user: User, carrier: CarrierInMemory
) -> None:
    submission, message = request.getfixturevalue(of), queued(user)
    say(submission, "suspended", reasons=COMPLAINTS)
    relay.run()
    message.refresh_from_db()
    assert (message.status, carrier.tried) == ("queued", [])
    assert message.retry_at is not None
    assert message.retry_at - timezone.now() <= timedelta(minutes=1)
    say(submission, "verified" if of == "of_brand" else "active", 1)
    later = timezone.now() + timedelta(seconds=61)
    relay.run(lambda: later)
    message.refresh_from_db()
    assert message.status == "sent"
    assert carrier.bodies == [message.body]


def test_the_reason_stands_in_the_composer_on_the_users_page_and_in_service_settings(
    of_campaign: RegistrySubmission, user: User
) -> None:
    say(of_campaign, "suspended", reasons=COMPLAINTS)
    sentence = (
        "The registry suspended the 10DLC campaign: Complaints about unwanted texts. "
        "Texts can arrive, but none can be sent"
    )
    user.refresh_from_db()
    assert standing(user).sentence == sentence
    assert standings([user.pk])[user.pk].sentence == sentence
    composer = closed_for(standing(user))
    assert composer is not None
    assert composer.sentence == f"{sentence}."
    assert standing(user).can_receive
    assert [item.sentence for item in check_user(user) if item.code == "registration"] == [sentence]
    assert [item.sentence for item in check_organization(user.organization) if item.code == "registration"] == [
        sentence
    ]


def test_where_another_campaign_is_active_only_the_numbers_of_the_suspended_one_stop(
    of_campaign: RegistrySubmission, user: User
) -> None:
    other = factories.CampaignFactory(brand=Brand.objects.get())
    neighbour = factories.texting_user(user.organization)
    neighbour.primary_number.campaign = other
    neighbour.primary_number.save()
    say(of_campaign, "suspended", reasons=COMPLAINTS)
    found = standings([user.pk, neighbour.pk])
    assert found[neighbour.pk].can_send
    assert (found[user.pk].can_send, found[user.pk].code) == (False, "number_campaign")
    assert "Complaints about unwanted texts" in found[user.pk].sentence
    assert found[user.pk] == standing(User.objects.get(pk=user.pk))
    (registration,) = [item for item in check_organization(user.organization) if item.code == "registration"]
    assert registration.met
    assert "Customer care is suspended: Complaints about unwanted texts" in registration.detail


def test_while_something_is_pending_that_is_what_is_said(of_campaign: RegistrySubmission, user: User) -> None:
    say(of_campaign, "suspended", reasons=COMPLAINTS)
    factories.CampaignFactory(brand=Brand.objects.get(), status="pending")
    user.refresh_from_db()
    assert standings([user.pk])[user.pk] == standing(user)
    assert standing(user).sentence == "Waiting for the registry to approve the 10DLC registration"


def test_a_campaign_of_another_organizations_brand_is_no_reason(
    of_campaign: RegistrySubmission, user: User, stranger: User
) -> None:
    foreign = Brand.objects.get(organization=stranger.organization)
    Campaign.objects.filter(organization=user.organization).update(
        status="suspended", reasons=COMPLAINTS, brand=foreign
    )
    user.refresh_from_db()
    assert standings([user.pk])[user.pk] == standing(user)
    assert "is not complete" in standing(user).sentence


def test_standings_of_users_who_can_text_take_one_query(
    of_campaign: RegistrySubmission, user: User, django_assert_num_queries: object
) -> None:
    standings([user.pk])
    with django_assert_num_queries(1):  # type: ignore[operator]
        standings([user.pk])
    say(of_campaign, "suspended", reasons=COMPLAINTS)
    with django_assert_num_queries(3):  # type: ignore[operator]
        standings([user.pk])


def open_alerts() -> list[str]:
    return sorted(Alert.objects.filter(cleared_at__isnull=True).values_list("code", flat=True))


def test_a_suspension_raises_an_alert_mails_full_administrators_once_and_is_cleared(
    of_campaign: RegistrySubmission, full_admin: User
) -> None:
    factories.with_role(factories.UserFactory(organization=full_admin.organization, location=None), "read_only_admin")
    say(of_campaign, "suspended", reasons=COMPLAINTS)
    alert = Alert.objects.get()
    assert (alert.code, alert.organization_id) == ("campaign_suspended", full_admin.organization_id)
    assert alert.facts["reason"] == "Complaints about unwanted texts"
    alerts.mail_new(timezone.now() + timedelta(minutes=2))
    mail = Mail.objects.get()
    assert mail.recipient_id == full_admin.pk
    assert "Complaints about unwanted texts" in mail.text
    say(of_campaign, "active", 1)
    assert open_alerts() == []


def test_each_rejection_is_an_alert_of_its_own_and_resubmitting_clears_it(
    account: RegistryAccount, campaign: Campaign, full_admin: User
) -> None:
    for turn in range(2):
        campaign.refresh_from_db()
        submission = submissions.submit(campaign, SOMEBODY, timezone.now())
        assert open_alerts() == []
        say(submission, "rejected", turn, reasons=[{"code": "701", "text": "No sample names the business."}])
        assert open_alerts() == ["campaign_rejected"]
        alerts.mail_new(timezone.now() + timedelta(minutes=2 + turn))
    assert Mail.objects.filter(kind="alerts").count() == 2


def test_good_news_is_mailed_to_full_administrators(account: RegistryAccount, brand: Brand, full_admin: User) -> None:
    say(submissions.submit(brand, SOMEBODY, timezone.now()), "verified")
    mail = Mail.objects.get()
    assert (mail.kind, mail.recipient_id) == ("brand_verified", full_admin.pk)
    assert f"/registration/brands/{brand.pk}/" in mail.text


def test_a_campaign_past_its_renewal_date_expires_and_stops_sending(
    of_campaign: RegistrySubmission, user: User
) -> None:
    now = timezone.now()
    Campaign.objects.update(expires_at=now + timedelta(seconds=1))
    assert renewals.expire_due(now) == 0
    assert renewals.expire_due(now + timedelta(seconds=1)) == 1
    assert renewals.expire_due(now + timedelta(seconds=1)) == 0
    row = Campaign.objects.get()
    assert (row.status, row.status_at) == ("expired", row.expires_at)
    assert standing(User.objects.get(pk=user.pk)).sentence.startswith("The 10DLC campaign has expired.")
    assert open_alerts() == ["campaign_expired"]


def test_a_renewal_that_comes_after_the_end_makes_it_active_again(of_campaign: RegistrySubmission) -> None:
    now = timezone.now()
    say(of_campaign, "active", 0, facts={"expires_at": (now - timedelta(hours=1)).isoformat()})
    assert Campaign.objects.get().status == "expired"
    say(of_campaign, "active", 1, facts={"expires_at": (now + timedelta(days=90)).isoformat()})
    assert Campaign.objects.get().status == "active"
    assert open_alerts() == []


def test_a_campaign_that_ends_within_thirty_days_is_warned_of_until_it_is_renewed(
    of_campaign: RegistrySubmission,
) -> None:
    now = timezone.now()
    Campaign.objects.update(expires_at=now + timedelta(days=30, seconds=1))
    renewals.watch(now)
    assert open_alerts() == []
    renewals.watch(now + timedelta(seconds=1))
    renewals.watch(now + timedelta(seconds=2))
    assert open_alerts() == ["campaign_expiring"]
    Campaign.objects.update(expires_at=now + timedelta(days=120))
    renewals.watch(now + timedelta(seconds=3))
    assert open_alerts() == []


def test_a_registration_whose_webhook_was_lost_is_asked_about(
    account: RegistryAccount, campaign: Campaign, registry: rows.RegistryInMemory
) -> None:
    submission = submissions.submit(campaign, SOMEBODY, NOW)
    submissions.send(submission.pk, lambda: NOW)
    reference = str(submission.pk)
    registry.facts[reference] = Fact(reference, "active", NOW + timedelta(minutes=30))
    submissions.sweep(lambda: NOW + timedelta(minutes=59))
    assert Campaign.objects.get().status == "pending"
    submissions.sweep(lambda: NOW + timedelta(minutes=61))
    assert Campaign.objects.get().status == "active"
    registry.facts[reference] = Fact(reference, "suspended", NOW + timedelta(hours=20), COMPLAINTS)
    submissions.sweep(lambda: NOW + timedelta(hours=26))
    assert Campaign.objects.get().status == "suspended"


def test_an_operator_who_suspends_stops_sending_too(user: User) -> None:
    states.set_by_operator(Campaign.objects.get(), "suspended", SOMEBODY, NOW)
    assert not standings([user.pk])[user.pk].can_send
