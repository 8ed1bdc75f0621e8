"""The provider operators' pages: what they show, at what cost, and that no text's words are on any of them."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from html import unescape
from typing import Any

import pytest
from django.core.cache import cache
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from compliance.models import AuditEvent
from messaging import clock, health, measurements, watch
from messaging.models import (
    CarrierAccount,
    DailyCount,
    Exchange,
    Message,
    OutcomeDay,
    Receipt,
    RelayMinute,
    SendingNumber,
)
from messaging.models.messages import Status
from messaging.operations import figures, minutes
from messaging.operations.charts import lines, stack, ticks
from messaging.tasks import look_for_alerts
from provisioning import heartbeats
from provisioning.alerts import clear_alert, raise_alert
from provisioning.models import Alert, User
from tests import factories
from tests.messaging.operations_rows import MARKER, PERSON, batch, sending_of, text_of, with_log

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def nothing_kept() -> None:
    cache.clear()


@pytest.fixture
def now() -> Any:
    return clock.database_now()


@pytest.fixture
def account(user: User) -> CarrierAccount:
    return CarrierAccount.objects.get()


@pytest.fixture
def operator(signed_in_as: Any) -> Client:
    browser: Client = signed_in_as(factories.OperatorFactory())
    return browser


def shown(operator: Client, path: str) -> str:
    answer = operator.get(path)
    assert answer.status_code == 200, path
    return answer.content.decode()


def test_the_relay_page_tells_queue_answers_receipts_and_accounts(
    operator: Client, account: CarrierAccount, user: User, now: Any
) -> None:
    text_of(user, now - timedelta(hours=3), Status.QUEUED)
    batch(account, now, taken=90, refused=6, not_taken=3, unknown=1, milliseconds=9600, slowest=400)
    taken = text_of(user, now, Status.DELIVERED, sent_at=now - timedelta(seconds=8), carrier_account=account)
    with_log(taken, account, now)
    page = shown(operator, "/operations/?tables=1")
    assert "The oldest has waited for 3 h, 0 being sent" in page
    assert "100 texts, 1 unknown" in page
    assert "4.0%" in page
    assert "100 ms" in page
    assert "8.0 s" in page
    assert user.organization.name in page
    assert "no sign of life" in page
    heartbeats.beat(heartbeats.RELAY, now)
    assert "no sign of life" not in shown(operator, "/operations/?part=1")


def test_operators_land_on_the_relay_which_links_the_admin(operator: Client) -> None:
    landed = operator.get(reverse("home"), follow=True)
    assert landed.redirect_chain == [(reverse("operations"), 302)]
    assert f'class="btn" href="{reverse("admin:index")}"' in landed.content.decode()


def test_the_relay_page_counts_the_providers_own_alerts_and_links_them(operator: Client, user: User) -> None:
    assert "the provider</h2>" not in shown(operator, "/operations/")
    raise_alert("backup_missing", user.organization, since="2026-11-20")
    raise_alert("mail_failing", None, reason="gone")
    clear_alert("mail_failing", None)
    raise_alert("backup_missing", None, since="2026-11-22")
    page = shown(operator, "/operations/?part=1")
    assert "1 alert needs the provider" in page
    (address,) = re.findall(r'href="(/admin/provisioning/alert/[^"]+)"', page)
    found = operator.get(unescape(address)).context["cl"].queryset
    assert [(alert.code, alert.organization) for alert in found] == [("backup_missing", None)]


def test_the_part_that_is_asked_for_again_is_no_whole_page(operator: Client, account: CarrierAccount) -> None:
    part = shown(operator, "/operations/?part=1")
    assert "<html" not in part
    assert "Carrier accounts" in part
    assert "/operations/?part=1" in shown(operator, "/operations/")


def test_figures_that_are_read_are_not_swapped_away_from_below_the_reader(
    operator: Client, account: CarrierAccount
) -> None:
    page = shown(operator, "/operations/?tables=1")
    assert "It stands still while its figures are shown." in page
    assert "hx-get" not in page


def test_steps_without_answers_are_zero_and_old_answers_are_not_shown(account: CarrierAccount, now: Any) -> None:
    batch(account, now - timedelta(minutes=30), taken=5, milliseconds=50, slowest=20)
    batch(account, now - timedelta(minutes=30), taken=5, milliseconds=150, slowest=90)
    batch(account, now - timedelta(hours=2), taken=7)
    hour = figures.flow(now, figures.HOUR, figures.MINUTE)
    assert len(hour) == 60
    (busy,) = [moment for moment in hour if moment.texts]
    assert (busy.texts, busy.answer_milliseconds, busy.slowest) == (10, 20.0, 90)
    assert sum(moment.texts for moment in figures.flow(now, figures.DAY, figures.QUARTER)) == 17


def test_below_the_drawings_are_round_times_and_the_day_where_it_begins() -> None:
    now = datetime(2026, 11, 27, 0, 22, 41, tzinfo=UTC)
    hour = ticks(figures.places(now, figures.HOUR, figures.MINUTE), figures.QUARTER)
    assert [(f"{tick.at:%H:%M}", tick.begins_day, tick.place, tick.share) for tick in hour] == [
        ("23:30", False, "116.7", "11.67%"), ("23:45", False, "366.7", "36.67%"), ("00:00", True, "616.7", "61.67%"),
        ("00:15", False, "866.7", "86.67%"),
    ]  # fmt: skip
    day = ticks(figures.places(now, figures.DAY, figures.QUARTER), timedelta(hours=6))
    assert [f"{tick.at:%d %H}" for tick in day] == ["26 06", "26 12", "26 18", "27 00"]


def test_each_answer_is_told_by_its_pattern_and_its_figure(operator: Client, account: CarrierAccount, now: Any) -> None:
    batch(account, now, taken=1234, refused=6, not_taken=3, unknown=1, milliseconds=9600, slowest=400)
    layers = stack(figures.flow(now, figures.HOUR, figures.MINUTE), figures.QUARTER).layers
    assert [(layer.name, layer.texts) for layer in layers] == [
        ("taken", 1234), ("refused", 6), ("not_taken", 3), ("unknown", 1),
    ]  # fmt: skip
    page = shown(operator, "/operations/")
    for name, title, texts in (("refused", "Refused", "6"), ("unknown", "Unknown", "1")):
        assert f'<pattern id="answer-{name}"' in page
        assert f'fill="url(#answer-{name})"' in page
        assert f'{title} <span class="num">{texts}</span>' in page


def test_a_first_run_says_that_nothing_was_sent_while_texts_have_outcomes(
    operator: Client, account: CarrierAccount, user: User, now: Any
) -> None:
    OutcomeDay.objects.create(organization=user.organization, day=now.date(), status="blocked", texts=4)
    page = shown(operator, "/operations/?tables=1")
    assert "Nothing was sent in this hour." in page
    assert "Nothing was sent in these 24 hours." in page
    assert "handed to a carrier or not" in page
    batch(account, now - timedelta(minutes=5), unknown=1)
    page = shown(operator, "/operations/?tables=1")
    assert "Nothing was sent" not in page
    assert page.count("No answer came in this time.") == 2
    assert page.count("is-bounded") == 2


def test_an_account_is_drained_once_nothing_of_before_is_left(
    operator: Client, account: CarrierAccount, user: User, now: Any
) -> None:
    text = text_of(user, now - timedelta(minutes=2), Status.QUEUED)
    operator.post(reverse("operations_drain_account", args=[account.pk]))
    path = reverse("operations_account", args=[account.pk])
    assert "Draining" in shown(operator, path)
    Message.objects.filter(pk=text.pk).update(status=Status.SENT)
    assert "Drained" in shown(operator, path)


def test_refused_credentials_are_told_until_the_carrier_lets_a_text_in(
    operator: Client, account: CarrierAccount, now: Any
) -> None:
    path, told = reverse("operations_account", args=[account.pk]), ">Credentials refused</span>"
    factories.CarrierAccountFactory(name="Another way")
    batch(account, now - timedelta(minutes=2), taken=4)
    assert told not in shown(operator, path)
    batch(account, now - timedelta(minutes=1), not_taken=3, not_let_in=2)
    batch(account, now, not_taken=1)
    page = shown(operator, path)
    assert (told in page, ">Sending</span>" in page) == (True, False)
    assert "The carrier refuses the account’s credentials" in page
    relay = shown(operator, "/operations/?part=1")
    assert (relay.count(told), relay.count(">Sending</span>")) == (1, 1)
    batch(account, now, taken=1, not_taken=1, not_let_in=1)
    assert told not in shown(operator, path)
    assert health.not_let_in(now) == set()


def test_what_a_carrier_said_of_credentials_counts_for_a_quarter_of_an_hour(account: CarrierAccount, now: Any) -> None:
    batch(account, now, not_taken=5, not_let_in=5)
    assert health.not_let_in(now + timedelta(minutes=14)) == {account.pk}
    assert health.not_let_in(now + timedelta(minutes=16)) == set()


@pytest.mark.parametrize("act", ["pause", "drain"])
def test_what_holds_texts_back_asks_first_and_says_whom_it_affects(
    operator: Client, account: CarrierAccount, user: User, stranger: User, now: Any, act: str
) -> None:
    for _text in range(3):
        text_of(user, now, Status.QUEUED)
    path = reverse(f"operations_{act}_account", args=[account.pk])
    assert f'href="{path}"' in shown(operator, reverse("operations_account", args=[account.pk]))
    asked = shown(operator, path)
    assert "2, of 2 organizations" in asked
    assert "<dt>Texts waiting now</dt><dd>3</dd>" in asked
    account.refresh_from_db()
    assert (account.paused, account.draining_since) == (False, None)
    operator.post(reverse("operations_account_state", args=[account.pk]), {"to": act})
    account.refresh_from_db()
    assert (account.paused, account.draining_since) == (False, None)


def test_an_account_is_paused_with_a_reason_and_resumed(operator: Client, account: CarrierAccount) -> None:
    path = reverse("operations_pause_account", args=[account.pk])
    refused = operator.post(path, {"reason": " "})
    assert (refused.status_code, "of 1 organization<" in refused.content.decode()) == (422, True)
    assert not AuditEvent.objects.filter(action="carrier_account.paused").exists()
    paused = operator.post(path, {"reason": "The carrier asked"}, follow=True).content.decode()
    assert ">Paused</span>" in paused
    (event,) = AuditEvent.objects.filter(action="carrier_account.paused")
    assert (event.organization_id, event.after["reason"]) == (None, "The carrier asked")
    state = reverse("operations_account_state", args=[account.pk])
    assert ">Sending</span>" in operator.post(state, {"to": "resume"}, follow=True).content.decode()


def test_a_pause_and_a_drain_stand_side_by_side_and_the_end_of_one_names_the_other(
    operator: Client, account: CarrierAccount, user: User, now: Any
) -> None:
    text_of(user, now - timedelta(minutes=1), Status.QUEUED)
    named = {name: reverse(f"operations_{name}_account", args=[account.pk]) for name in ("pause", "drain")}
    state = reverse("operations_account_state", args=[account.pk])
    operator.post(named["pause"], {"reason": "The carrier asked"})
    both = operator.post(named["drain"], follow=True).content.decode()
    assert "is being drained, and is still paused" in both
    assert both.index(">Paused</span>") < both.index(">Draining</span>")
    relay = shown(operator, "/operations/?part=1")
    assert (">Paused</span>" in relay, ">Draining</span>" in relay) == (True, True)
    resumed = operator.post(state, {"to": "resume"}, follow=True).content.decode()
    assert "is resumed, but still being drained" in resumed
    assert (">Paused</span>" in resumed, ">Draining</span>" in resumed) == (False, True)
    operator.post(named["pause"], {"reason": "The carrier asked"})
    ended = operator.post(state, {"to": "end_draining"}, follow=True).content.decode()
    assert "is not being drained any more, but still paused" in ended
    assert "sends again" in operator.post(state, {"to": "resume"}, follow=True).content.decode()


def test_a_failover_asks_first_and_moves_when_confirmed(
    operator: Client, account: CarrierAccount, user: User, now: Any
) -> None:
    target = factories.CarrierAccountFactory(name="Second way", carrier="twilio", paused=True)
    text_of(user, now, Status.QUEUED)
    text_of(user, now, Status.UNCONFIRMED, carrier_account=account)
    path, form = reverse("operations_account_move", args=[account.pk]), {"target": str(target.pk), "organization": ""}
    asked = operator.post(path, form).content.decode()
    assert "never sent again" in asked
    assert "another carrier" in asked
    assert "The target is paused" in asked
    assert "Second way (paused)" in shown(operator, reverse("operations_account", args=[account.pk]))
    assert sending_of(user).carrier_account_id == account.pk
    answer = operator.post(path, {**form, "confirmed": "1"}, follow=True)
    assert "1 number moved to Second way" in answer.content.decode()
    assert "Second way is paused: nothing of theirs goes out" in answer.content.decode()
    assert sending_of(user).carrier_account_id == target.pk


@pytest.mark.parametrize("posted", [{}, {"confirmed": "1"}], ids=["asked", "confirmed"])
@pytest.mark.parametrize("target", ["", "itself", "draining"])
def test_a_failover_to_nowhere_is_refused_in_words(
    operator: Client, account: CarrierAccount, user: User, now: Any, target: str, posted: dict[str, str]
) -> None:
    draining = factories.CarrierAccountFactory(draining_since=now)
    wanted = {"": "", "itself": str(account.pk), "draining": str(draining.pk)}[target]
    path = reverse("operations_account_move", args=[account.pk])
    answer = operator.post(path, {"target": wanted, **posted})
    assert answer.status_code == 422
    assert "#i-err" in answer.content.decode()
    assert sending_of(user).carrier_account_id == account.pk


def test_where_there_is_no_other_account_it_is_said_how_to_connect_one(
    operator: Client, account: CarrierAccount
) -> None:
    move, connect = reverse("operations_account_move", args=[account.pk]), reverse("admin:messaging_carrieraccount_add")
    page = shown(operator, reverse("operations_account", args=[account.pk]))
    assert ("There is no other account" in page, f'href="{connect}"' in page, move in page) == (True, True, False)
    answer = operator.post(move, {"target": ""})
    assert (answer.status_code, "This field is required" in answer.content.decode()) == (422, False)
    factories.CarrierAccountFactory()
    page = shown(operator, reverse("operations_account", args=[account.pk]))
    assert ("There is no other account" in page, move in page) == (False, True)


def count_of(user: User, now: Any, days_ago: int = 0, **counted: int) -> None:
    day = now.astimezone(UTC).date() - timedelta(days=days_ago)
    DailyCount.objects.create(
        organization=user.organization, user=user, number=user.primary_number, day=day, **counted
    )  # fmt: skip


def test_numbers_stand_in_the_order_of_their_trouble(operator: Client, user: User, stranger: User, now: Any) -> None:
    count_of(user, now, accepted=150, failed=1, busiest_minute=2)
    count_of(stranger, now, accepted=100, opted_out=4, busiest_minute=60)
    count_of(stranger, now, days_ago=3, accepted=100, failed=10, busiest_minute=75)
    count_of(stranger, now, days_ago=9, accepted=1, failed=1, busiest_minute=999)
    page = shown(operator, "/operations/numbers/")
    assert page.index(stranger.organization.name + ",") < page.index(user.organization.name + ",")
    assert "4.0%" in page
    assert "5.0% (10)" in page
    assert "75" in page
    assert "999" not in page
    by_texts = shown(operator, "/operations/numbers/?order=texts")
    assert by_texts.index(stranger.organization.name + ",") < by_texts.index(user.organization.name + ",")


def test_numbers_of_one_organization_and_paused_ones(operator: Client, user: User, stranger: User, now: Any) -> None:
    count_of(user, now, accepted=1)
    count_of(stranger, now, accepted=1)
    SendingNumber.objects.filter(number=stranger.primary_number).update(paused=True)
    mine = shown(operator, f"/operations/numbers/?organization={user.organization_id}")
    assert reverse("operations_pause_number", args=[user.primary_number.pk]) in mine
    assert reverse("operations_resume_number", args=[stranger.primary_number.pk]) not in mine
    paused = shown(operator, "/operations/numbers/?paused=1")
    assert reverse("operations_resume_number", args=[stranger.primary_number.pk]) in paused
    assert reverse("operations_pause_number", args=[user.primary_number.pk]) not in paused
    assert shown(operator, "/operations/numbers/?organization=none&order=nonsense")


@pytest.mark.parametrize("asked", ["", "?paused=1", "?organization={}"])
def test_a_paused_number_that_was_quiet_is_found_to_be_resumed(
    operator: Client, user: User, stranger: User, now: Any, asked: str
) -> None:
    count_of(user, now, accepted=1)
    SendingNumber.objects.update(paused=True, pause_reason="Complaints")
    page = shown(operator, "/operations/numbers/" + asked.format(stranger.organization_id))
    resume = reverse("operations_resume_number", args=[stranger.primary_number.pk])
    assert (page.count(resume), "Complaints" in page) == (1, True)
    mine = shown(operator, f"/operations/numbers/?organization={user.organization_id}")
    assert resume not in mine


def test_a_number_is_paused_with_a_reason_and_its_administrators_are_alerted(
    operator: Client, user: User, now: Any
) -> None:
    count_of(user, now, accepted=1)
    path = reverse("operations_pause_number", args=[user.primary_number.pk])
    assert operator.post(path, {"reason": " "}).status_code == 422
    assert not sending_of(user).paused
    operator.post(path, {"reason": "Complaints"})
    assert sending_of(user).paused
    assert "Complaints" in shown(operator, "/operations/numbers/")
    watch.look(now)
    assert Alert.objects.get(code="number_paused", cleared_at__isnull=True).organization_id == user.organization_id
    operator.post(reverse("operations_resume_number", args=[user.primary_number.pk]))
    assert not sending_of(user).paused


@pytest.mark.parametrize("kind", ["account", "number"])
def test_who_pauses_what_is_paused_is_told_that_the_first_reason_stays(
    operator: Client, account: CarrierAccount, user: User, kind: str
) -> None:
    key = account.pk if kind == "account" else user.primary_number.pk
    path = reverse(f"operations_pause_{kind}", args=[key])
    first = operator.post(path, {"reason": "Complaints"}, follow=True).content.decode()
    again = operator.post(path, {"reason": "Too much"}, follow=True).content.decode()
    assert ("was paused already" in first, "was paused already" in again) == (False, True)
    (event,) = AuditEvent.objects.filter(action__endswith=".paused")
    assert event.after["reason"] == "Complaints"


def test_the_log_of_a_text_shows_everything_but_words_and_the_whole_number(
    operator: Client, account: CarrierAccount, user: User, now: Any
) -> None:
    text = with_log(text_of(user, now, carrier_account=account, carrier_message_id="SM123"), account, now)
    page = shown(operator, reverse("operations_text", args=[text.pk]))
    for said in ("POST /v1/texts", "HTTP 201", "41 ms", "SM123", "30000", "…22", user.organization.name):
        assert said in page
    (event,) = AuditEvent.objects.filter(action="text.log_read")
    assert (event.organization_id, event.target_id, event.content_access) == (
        user.organization_id, str(text.pk), False,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("status", "said"), [(Status.UNCONFIRMED, "No answer was kept"), (Status.SENDING, "No answer is kept yet")]
)
def test_an_attempt_without_an_answer_says_when_it_was_handed_over(
    operator: Client, account: CarrierAccount, user: User, now: Any, status: str, said: str
) -> None:
    at = now.replace(microsecond=123456)
    text = text_of(user, now, status, carrier_account=account, attempts=2, sending_at=at)
    path = reverse("operations_text", args=[text.pk])
    Exchange.objects.create(message=text, carrier_account=account, attempt=1, at=now, outcome="not_taken")
    Exchange.objects.create(message=text, carrier_account=account, attempt=2, at=now, outcome="asked")
    page = shown(operator, path)
    assert said in page
    assert f"{at:%-d %b %Y, %H:%M:%S} UTC, written down just before the first byte" in page
    Exchange.objects.create(message=text, carrier_account=account, attempt=2, at=now, outcome="unknown")
    assert "written down just before" not in shown(operator, path)


def test_pages_below_another_say_where_they_are_as_all_pages_do(
    operator: Client, account: CarrierAccount, user: User, now: Any
) -> None:
    target = factories.CarrierAccountFactory()
    asked = operator.post(reverse("operations_account_move", args=[account.pk]), {"target": str(target.pk)})
    pages = [
        shown(operator, reverse("operations_account", args=[account.pk])),
        shown(operator, reverse("operations_pause_account", args=[account.pk])),
        shown(operator, reverse("operations_drain_account", args=[account.pk])),
        shown(operator, reverse("operations_pause_number", args=[user.primary_number.pk])),
        shown(operator, reverse("operations_text", args=[text_of(user, now).pk])),
        asked.content.decode(),
    ]
    assert [page.count('<ol class="crumbs"><li><a href="/operations/') for page in pages] == [1] * 6


def test_a_text_that_never_left_has_no_attempt(operator: Client, user: User, now: Any) -> None:
    page = shown(operator, reverse("operations_text", args=[text_of(user, now, Status.QUEUED).pk]))
    assert "it was never handed to a carrier" in page
    assert "written down just before" not in page


@pytest.mark.parametrize(
    ("outcome", "status", "response", "said"),
    [
        ("taken", 201, "", "The carrier took the text."),
        ("not_taken", 429, "", "so it may go again. The carrier asks for fewer texts at once."),
        ("not_taken", 401, "", "The carrier doesn’t accept the account’s credentials."),
        ("not_taken", None, "TooLate", "Its turn for a connection came too late"),
        ("not_taken", None, "NotTaken: TimeoutError", "No connection could be made in time."),
        ("not_taken", None, "NotTaken: gaierror", "No connection could be made."),
        ("unknown", None, "Unconfirmed: TimeoutError", "No answer came in time."),
        ("unknown", None, "Unconfirmed: HttpParserError", "The connection broke off after the request had left."),
        ("unknown", 502, "", "The carrier’s server had an error."),
        ("asked", 200, "", "Nothing was sent."),
    ],
)
def test_an_exchange_is_told_in_words_with_its_code_beside_them(
    operator: Client, account: CarrierAccount, user: User, now: Any,
    outcome: str, status: int | None, response: str, said: str,
) -> None:  # fmt: skip
    text = text_of(user, now, carrier_account=account, attempts=1)
    Exchange.objects.create(
        message=text, carrier_account=account, attempt=1, at=now, milliseconds=10_010, outcome=outcome,
        http_status=status, response=response,
    )  # fmt: skip
    page = shown(operator, reverse("operations_text", args=[text.pk]))
    assert said in page
    assert f"<code>{outcome}</code>" in page
    assert f"{now:%-d %b %Y, %H:%M:%S} UTC, after 10 s" in page
    assert f"<code>{response}</code>" in page or not response


def test_the_log_of_a_text_has_a_block_for_each_attempt(
    operator: Client, account: CarrierAccount, user: User, now: Any
) -> None:
    text = text_of(user, now, carrier_account=account, attempts=2)
    for attempt, outcome in ((1, "not_taken"), (2, "taken"), (2, "asked")):
        Exchange.objects.create(message=text, carrier_account=account, attempt=attempt, at=now, outcome=outcome)
    page = shown(operator, reverse("operations_text", args=[text.pk]))
    assert [heading in page for heading in ("<h3>Attempt 1<", "<h3>Attempt 2<", "<h3>Question<")] == [True] * 3
    assert page.count("<h3>") == 3


@pytest.mark.parametrize(
    ("status", "held"), [(Status.SENDING, True), (Status.DELIVERED, False), (Status.UNCONFIRMED, False)]
)
def test_what_was_meant_for_later_is_told_only_while_it_is(
    operator: Client, user: User, now: Any, status: str, held: bool
) -> None:
    text = text_of(user, now, status, leased_until=now, retry_at=now)
    page = shown(operator, reverse("operations_text", args=[text.pk]))
    assert ("Held by a worker until" in page) is held
    assert "Tried again at" not in page


def test_an_unknown_outcome_is_a_pill_and_says_what_may_be_done(operator: Client, user: User, now: Any) -> None:
    unknown = shown(operator, reverse("operations_text", args=[text_of(user, now, Status.UNCONFIRMED).pk]))
    assert '<span class="pill pill-warn">Outcome unknown</span>' in unknown
    assert "A receipt settles it, however late" in unknown
    failed = text_of(user, now, Status.FAILED, reason="too_old")
    page = shown(operator, reverse("operations_text", args=[failed.pk]))
    assert '<span class="pill pill-err">Failed</span>' in page
    assert "Waited for 24 hours <code>too_old</code>" in page
    assert "A receipt settles it" not in page


def test_a_receipt_is_told_in_words(operator: Client, account: CarrierAccount, user: User, now: Any) -> None:
    text = text_of(user, now, Status.UNDELIVERED)
    for claim in ("undelivered", "unknown"):
        Receipt.objects.create(
            organization=text.organization, carrier_account=account, message=text, claim=claim, carrier_code="30003",
            reason="unreachable" if claim == "undelivered" else "", event_at=now, received_at=now, fingerprint=claim,
            raw="",
        )  # fmt: skip
    page = shown(operator, reverse("operations_text", args=[text.pk]))
    assert re.search(r'pill-err">Not delivered</span> [\w ’]+ <code>30003</code>', page)
    assert 'pill-warn">Not understood</span> <code>30003</code>' in page


def test_a_look_that_can_not_be_recorded_shows_nothing(user: User, now: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    from compliance import audit

    browser = Client(raise_request_exception=False)
    browser.force_login(factories.OperatorFactory(), backend="django.contrib.auth.backends.ModelBackend")
    monkeypatch.setattr(audit, "append_many", lambda changes: (_ for _ in ()).throw(RuntimeError))
    assert browser.get(reverse("operations_text", args=[text_of(user, now).pk])).status_code == 500


def test_a_text_is_found_by_its_id_or_the_carriers(
    operator: Client, account: CarrierAccount, user: User, now: Any
) -> None:
    text = text_of(user, now, carrier_account=account, carrier_message_id="SM123")
    page = reverse("operations_text", args=[text.pk])
    for typed in (str(text.pk), f" {text.pk} ", "SM123"):
        assert operator.get("/operations/texts/", {"q": typed})["Location"] == page
    for typed in ("SM124", "", "\0", "x" * 300, "00000000-0000-0000-0000-000000000000"):
        assert operator.get("/operations/texts/", {"q": typed}).status_code == 200


PATHS = [
    "/operations/", "/operations/?part=1&tables=1", "/operations/numbers/", "/operations/texts/",
    "/operations/texts/?q=SM1", "account", "pause account", "drain account", "move", "pause", "text",
]  # fmt: skip


@pytest.mark.parametrize("path", PATHS)
def test_no_page_shows_the_words_of_a_text_or_a_persons_number(
    operator: Client, account: CarrierAccount, user: User, now: Any, path: str
) -> None:
    count_of(user, now, accepted=1)
    for status in (Status.QUEUED, Status.UNCONFIRMED, Status.SENT):
        text = text_of(user, now, status, carrier_account=account, carrier_message_id=f"SM{status}")
    with_log(text, account, now)
    other = factories.CarrierAccountFactory()
    if path == "move":
        answer = operator.post(reverse("operations_account_move", args=[account.pk]), {"target": str(other.pk)})
    else:
        named = {
            "account": reverse("operations_account", args=[account.pk]),
            "pause account": reverse("operations_pause_account", args=[account.pk]),
            "drain account": reverse("operations_drain_account", args=[account.pk]),
            "pause": reverse("operations_pause_number", args=[user.primary_number.pk]),
            "text": reverse("operations_text", args=[text.pk]),
        }
        answer = operator.get(named.get(path, path))
    page = answer.content.decode()
    assert answer.status_code == 200
    assert MARKER not in page
    assert PERSON not in page
    assert "555 0122" not in page
    assert "555-0122" not in page


def queries(operator: Client, path: str) -> int:
    cache.clear()
    with CaptureQueriesContext(
        connection,
    ) as found:
        shown(operator, path)
    assert not [query["sql"] for query in found if '"messaging_message"."body"' in query["sql"]]
    return len(found)


@pytest.mark.parametrize(("path", "most"), [("/operations/", 23), ("/operations/numbers/", 9)])
def test_what_a_page_asks_the_database_does_not_grow_with_what_it_shows(
    operator: Client, account: CarrierAccount, user: User, now: Any, path: str, most: int
) -> None:
    count_of(user, now, accepted=1)
    text_of(user, now, Status.QUEUED)
    few = queries(operator, path)
    for place in range(3):
        another = factories.texting_user()
        count_of(another, now, accepted=1)
        OutcomeDay.objects.create(organization=another.organization, day=now.date(), status="sent", texts=1)
        with_log(text_of(another, now, Status.QUEUED), factories.CarrierAccountFactory(), now)
        batch(account, now, taken=place)
    assert queries(operator, path) == few
    assert few <= most


def test_counts_end_where_looking_on_would_cost_more(
    operator: Client, account: CarrierAccount, user: User, now: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(figures, "MOST", 2)
    for place in range(4):
        text_of(user, now, Status.QUEUED)
        Receipt.objects.create(carrier_account=account, event_at=now, received_at=now, fingerprint=str(place), raw="")
    assert figures.queue(now).waiting == 3
    assert figures.orphans() == 3
    assert "2+" in shown(operator, "/operations/")


# How the relay stood


def noted(at: Any, **values: Any) -> RelayMinute:
    zero = {"waiting": 0, "oldest_seconds": 0, "unconfirmed": 0, "orphans": 0, "batches": 0, "batch_texts": 0}
    return RelayMinute.objects.create(at=at.replace(second=0, microsecond=0), **{**zero, **values})


def test_the_watch_notes_each_minute_once_and_forgets_it_after_a_day(
    account: CarrierAccount, user: User, now: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    text_of(user, now - timedelta(minutes=3), Status.QUEUED)
    with_log(text_of(user, now, Status.DELIVERED, sent_at=now - timedelta(seconds=8)), account, now)
    Receipt.objects.create(carrier_account=account, event_at=now, received_at=now, fingerprint="g", raw="")
    OutcomeDay.objects.create(organization=user.organization, day=now.date(), status="unconfirmed", texts=7)
    monkeypatch.setattr(minutes, "_batches_so_far", lambda: (4, 100))
    noted(now - timedelta(hours=25))
    for _beat in range(2):
        look_for_alerts()
    row = RelayMinute.objects.get()
    assert (row.waiting, row.oldest_seconds // 60, row.receipt_seconds) == (1, 3, 8.0)
    assert (row.unconfirmed, row.orphans, row.batches, row.batch_texts) == (7, 1, 4, 100)


def test_batches_are_read_off_what_processes_counted(tmp_path: Any, settings: Any) -> None:
    settings.METRICS_DIR = tmp_path / "none"
    assert minutes._batches_so_far() == (0, 0)
    settings.METRICS_DIR = tmp_path
    count = "import sys; from messaging import measurements as m; [m.observe_batch('North', n) for n in (20, 4)]"
    environment = {**os.environ, measurements.FOLDER: str(tmp_path), "DJANGO_SETTINGS_MODULE": "texting_hub.settings"}
    subprocess.run([sys.executable, "-c", count], env=environment, check=True)
    assert minutes._batches_so_far() == (2, 24)


def test_a_step_shows_the_most_of_its_minutes_and_a_gap_where_nobody_looked(now: Any) -> None:
    begin = figures.step_of(now, figures.QUARTER) - figures.QUARTER
    for minute, waiting, batches, texts in ((0, 5, 10, 100), (1, 9, 14, 140), (2, 0, 15, 190), (3, 0, 1, 7)):
        noted(begin + timedelta(minutes=minute), waiting=waiting, batches=batches, batch_texts=texts)
    hour = minutes.course(now, figures.HOUR, figures.MINUTE)
    assert [(look.waiting, look.batch) for look in minutes.noted(hour)] == [(5, None), (9, 10), (0, 50), (0, None)]
    (quarter,) = minutes.noted(minutes.course(now, figures.DAY, figures.QUARTER))
    assert (quarter.at, quarter.waiting, quarter.batch, quarter.receipt_seconds) == (begin, 9, 18, None)


def test_a_picture_is_a_line_with_gaps() -> None:
    looks = [
        minutes.Look(clock.database_now(), waiting=waiting, receipt_seconds=0.5 if waiting else None)
        for waiting in (4, 2, None, 0)
    ]
    waiting, _oldest, batch, receipts, *_others = lines(looks)
    assert (waiting.path, waiting.top, waiting.latest) == ("M125.0 0.0h.1L375.0 200.0M875.0 400.0h.1", 4, 0)
    assert (receipts.path, receipts.latest) == ("M125.0 350.0h.1L375.0 350.0", 0.5)
    assert (batch.path, batch.latest) == ("", None)


def test_the_relay_page_draws_how_the_relay_stood(operator: Client, account: CarrierAccount, now: Any) -> None:
    assert "Nothing was noted yet" in shown(operator, "/operations/")
    cache.clear()
    noted(now - timedelta(minutes=2), waiting=10_001, batches=1, batch_texts=1)
    noted(now - timedelta(minutes=1), waiting=1234, oldest_seconds=600, receipt_seconds=2.5, batches=3, batch_texts=26)
    page = shown(operator, "/operations/?tables=1")
    for said in ("1,234", "10,000+", "12.5", "10 min", "2.5 s", "Noted once a minute", "last 24 hours"):
        assert said in page
    assert "Nothing was noted yet" not in page


@pytest.mark.parametrize("role", ["full_admin", "compliance_officer", "user"])
def test_members_of_an_organization_get_none_of_it(user: User, signed_in_as: Any, role: str) -> None:
    if role != "user":
        factories.with_role(user, role)
    browser = signed_in_as(user)
    for path in ("/operations/", "/operations/numbers/", "/operations/texts/"):
        assert browser.get(path).status_code == 403
    assert "/operations/" not in browser.get("/", follow=True).content.decode()


def test_in_the_first_minutes_of_a_start_nothing_is_missed(operator: Client, now: Any) -> None:
    signs = ("gives no sign of life", "Nobody is looking for alerts")
    page = shown(operator, reverse("operations"))
    assert all(words in page for words in signs)
    heartbeats.beat(heartbeats.START, now)
    page = shown(operator, reverse("operations"))
    assert not any(words in page for words in signs)
    assert "the first look for alerts is still to come" in page
    heartbeats.beat(heartbeats.START, now - timedelta(minutes=6))
    page = shown(operator, reverse("operations"))
    assert all(words in page for words in signs)
