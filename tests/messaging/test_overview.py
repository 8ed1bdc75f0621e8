"""Overview: figures out of daily counters, the drawing, who can text and why not, and what it costs."""

from __future__ import annotations

import re
from datetime import date, timedelta
from typing import Any

import pytest
from django.urls import reverse
from django.utils import timezone

from messaging import charts, health, overview
from messaging.models import Message, OrganizationDay, OutcomeDay
from provisioning import alerts
from provisioning.models import Location, Organization, User
from tests import factories
from tests.factories import NOW

pytestmark = pytest.mark.django_db

TODAY = NOW.date()


def texts_on(organization: Organization, days_ago: int, sent: int, received: int) -> None:
    OrganizationDay.objects.create(
        organization=organization, day=TODAY - timedelta(days=days_ago), accepted=sent, received=received
    )


def ended(organization: Organization, status: str, texts: int, reason: str = "", days_ago: int = 0) -> None:
    day = TODAY - timedelta(days=days_ago)
    OutcomeDay.objects.create(organization=organization, day=day, status=status, reason=reason, texts=texts)


def test_every_day_of_the_period_is_there_and_the_one_before_is_compared_with(organization: Organization) -> None:
    texts_on(organization, 0, 30, 10)
    texts_on(organization, 6, 24, 10)
    texts_on(organization, 7, 50, 40)
    texts_on(organization, 13, 0, 1)
    texts_on(organization, 14, 1000, 1000)
    texts_on(factories.OrganizationFactory(), 0, 7, 7)
    figures = overview.traffic(organization, NOW, 7)
    assert [day.sent for day in figures.days] == [24, 0, 0, 0, 0, 0, 30]
    assert (figures.sent.now, figures.sent.before, figures.sent.change) == (54, 50, 8)
    assert (figures.received.now, figures.received.before, figures.received.change) == (20, 41, -51)
    assert figures.received.less == 51


def test_there_is_nothing_to_compare_with_when_nothing_was_sent_before(organization: Organization) -> None:
    texts_on(organization, 0, 30, 10)
    assert overview.traffic(organization, NOW, 30).sent.change is None


def test_the_delivery_rate_is_of_texts_whose_end_is_known(organization: Organization) -> None:
    ended(organization, "delivered", 970)
    ended(organization, "undelivered", 20, "unreachable")
    ended(organization, "failed", 10, "invalid_destination", days_ago=3)
    ended(organization, "blocked", 500, "opted_out")
    ended(organization, "sent", 70)
    ended(organization, "unconfirmed", 3)
    ended(organization, "delivered", 9999, days_ago=40)
    figures = overview.traffic(organization, NOW, 30)
    assert (figures.delivery_rate, figures.not_delivered, figures.unknown) == (97.0, 30, 3)


def test_without_a_known_end_there_is_no_rate(organization: Organization) -> None:
    ended(organization, "sent", 70)
    assert overview.traffic(organization, NOW, 30).delivery_rate is None


def test_the_most_frequent_reasons_are_named_and_the_rest_summed_up(organization: Organization) -> None:
    reasons = ["unreachable", "not_textable", "spam_blocked", "opted_out", "too_old", "carrier_error", ""]
    for place, reason in enumerate(reasons):
        ended(organization, "undelivered", 100 - 10 * place, reason)
    ended(organization, "failed", 5, "unreachable", days_ago=2)
    lines = overview.traffic(organization, NOW, 30).reasons
    assert [line.texts for line in lines] == [105, 90, 80, 70, 60, 90]
    assert lines[0].title == "Phone off or out of range"
    assert lines[-1].title == "Other reasons"
    assert max(line.share for line in lines) == 100


def test_who_can_text_and_why_the_others_can_not(user: User) -> None:
    organization = user.organization
    assert organization is not None
    factories.texting_user(organization, texting_setting="off")
    for _nobody in range(3):
        factories.UserFactory(organization=organization, location=user.location)
    factories.UserFactory(organization=organization, location=user.location, is_active=False)
    factories.texting_user()
    ability = overview.ability(organization)
    assert (ability.users, ability.able) == (5, 1)
    assert [(line.code, line.users, line.share) for line in ability.reasons] == [
        ("primary_number", 3, 100), ("texting_off", 1, 33),
    ]  # fmt: skip


def test_who_only_can_not_send_is_able_to_text(user: User) -> None:
    user.primary_number.campaign.brand.status = "rejected"
    user.primary_number.campaign.brand.save()
    assert overview.ability(user.organization).able == 1


def test_the_drawing_fits_what_it_shows() -> None:
    days = [overview.Day(TODAY + timedelta(days=place), 35 + place, 20) for place in range(7)]
    chart = charts.line_chart(days)
    assert chart.scale == [80, 60, 40, 20, 0]
    assert chart.sent.split()[0] == "0.0,225.0"
    assert chart.received.split()[-1] == "1000.0,300.0"
    assert [column.x for column in chart.columns][:2] == ["0.0", "83.3"]
    assert [tick.day for tick in chart.ticks][0::4] == [days[0].day, days[-1].day]


@pytest.mark.parametrize(("most", "top"), [(0, 4), (4, 4), (5, 8), (33, 40), (45_026, 80_000), (99, 120)])
def test_the_scale_ends_at_a_round_number_above_everything(most: int, top: int) -> None:
    days = [overview.Day(date(2026, 1, 1), 0, 0), overview.Day(date(2026, 1, 2), most, 0)]
    assert charts.line_chart(days).scale[0] == top


def test_the_page_draws_and_tabulates_every_day(
    full_admin: User, organization: Organization, signed_in_as: Any
) -> None:
    OrganizationDay.objects.create(
        organization=organization, day=timezone.now().date(), accepted=1234, received=567
    )  # fmt: skip
    html = signed_in_as(full_admin).get(reverse("overview")).content.decode()
    assert len(re.findall('<rect class="chart-day"', html)) == 30
    assert "1,234 sent, 567 received" in html
    assert html.count('<tr role="row"><th role="rowheader"') == 30


@pytest.mark.parametrize(("asked", "shown"), [("7", 7), ("90", 90), ("8", 30), ("x", 30), ("", 30)])
def test_the_period_is_7_30_or_90_days(full_admin: User, signed_in_as: Any, asked: str, shown: int) -> None:
    answer = signed_in_as(full_admin).get(reverse("overview"), {"days": asked})
    assert len(answer.context["figures"].days) == shown


def test_who_can_text_is_told_with_and_without_javascript(user: User, signed_in_as: Any) -> None:
    factories.with_role(user, "full_admin")
    browser = signed_in_as(user)
    page = browser.get(reverse("overview")).content.decode()
    assert f'hx-get="{reverse("overview_ability")}"' in page
    for html in (
        browser.get(reverse("overview"), {"whole": 1}).content.decode(),
        browser.get(reverse("overview_ability")).content.decode(),
    ):
        assert "of 1 active users" in html
        assert "Everybody can text." in html


def test_health_is_of_the_last_minutes_and_of_this_organization(user: User) -> None:
    organization, account = user.organization, user.primary_number.sending.carrier_account
    assert organization is not None
    health.note([(account.pk, "taken")] * 9 + [(account.pk, "unknown")], NOW)
    health.note([(factories.CarrierAccountFactory().pk, "unknown")] * 50, NOW)
    for seconds in (1, 40, 50):
        factories.MessageFactory(
            conversation=factories.ConversationFactory(user=user), accepted_at=NOW - timedelta(minutes=5),
            sent_at=NOW, delivered_at=NOW + timedelta(seconds=seconds),
        )  # fmt: skip
    factories.MessageFactory(
        conversation=factories.ConversationFactory(user=user), status="queued", accepted_at=NOW - timedelta(minutes=9)
    )
    found = health.of_organization(organization, NOW)
    assert (found.sending.texts, found.percent, found.sending.in_trouble, found.sending.failing) == (
        10,
        10,
        True,
        False,
    )
    assert found.receipt_delay == timedelta(seconds=40)
    assert found.receipts_slow
    assert (found.waiting, found.oldest_due_at) == (1, NOW - timedelta(minutes=9))
    assert Message.objects.count() == 4


def test_the_page_takes_few_queries_however_much_there_is(
    user: User, signed_in_as: Any, django_assert_max_num_queries: Any
) -> None:
    factories.with_role(user, "full_admin")
    organization = user.organization
    assert organization is not None
    alerts.raise_alert("number_paused", organization, number="+14155550101")
    for place in range(5):
        location = Location.objects.create(organization=organization, name=f"Place {place}", country="US")
        factories.UserFactory(organization=organization, location=location)
    browser = signed_in_as(user)
    with django_assert_max_num_queries(20):
        html = browser.get(reverse("overview")).content.decode()
    assert "1 alert needs you." in html
    with django_assert_max_num_queries(8):
        browser.get(reverse("overview_ability"))


def test_location_administrators_and_officers_have_no_overview(
    organization: Organization, officer: User, signed_in_as: Any
) -> None:
    location = factories.LocationFactory(organization=organization)
    bound = factories.with_role(factories.UserFactory(location=location), "location_admin", location)
    for person in (bound, officer):
        assert signed_in_as(person).get(reverse("overview")).status_code == 403
