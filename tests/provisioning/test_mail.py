"""Mail: written with what it tells of, sent once, told of when it can't be."""

from __future__ import annotations

import smtplib
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.core import mail as outgoing
from django.core.cache import cache
from django.db import transaction
from kombu.exceptions import OperationalError

from provisioning import mail, mail_delivery
from provisioning.models import Alert, Mail, MailState, User
from tests import factories
from tests.provisioning.mail_server import MailServer, mail_server

NOW = factories.NOW


@pytest.fixture
def server(settings: Any) -> None:
    """A mail server is set; pytest-django puts it in memory."""
    settings.MAIL_SERVER = "smtp://mail.example"
    settings.DEFAULT_FROM_EMAIL = "Texting Hub <hub@provider.example>"


def written(user: User, **fields: Any) -> Mail:
    row = mail.post(user, "officer_named", "A new officer", "Somebody was named.")
    Mail.objects.filter(pk=row.pk).update(created_at=NOW, next_attempt_at=NOW, **fields)
    row.refresh_from_db()
    return row


def refuse_with(monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    def refusing(*args: Any, **kwargs: Any) -> None:
        raise error

    monkeypatch.setattr("django.core.mail.EmailMessage.send", refusing)


def test_a_mail_is_sent_once_as_plain_text_and_its_text_is_emptied(user: User, server: None) -> None:
    row = written(user)
    assert mail_delivery.send_due(NOW) == 1
    assert mail_delivery.send_due(NOW + timedelta(hours=1)) == 0
    (message,) = outgoing.outbox
    assert (message.to, message.subject, message.body) == ([user.email], "A new officer", "Somebody was named.")
    assert message.content_subtype == "plain"
    assert message.extra_headers["Message-ID"] == f"<{row.pk}@provider.example>"
    row.refresh_from_db()
    assert (row.state, row.text, row.sent_at, row.attempts) == (MailState.SENT, "", NOW, 1)


def test_nothing_is_mailed_of_what_did_not_happen(user: User, server: None) -> None:
    with transaction.atomic():
        mail.post(user, "officer_named", "A new officer", "Somebody was named.")
        transaction.set_rollback(True)
    assert not Mail.objects.exists()


def test_a_subject_is_one_line_whatever_it_was_made_of(user: User) -> None:
    assert (
        mail.post(user, "officer_named", "A\r\nBcc: everybody@example.com", "…").subject
        == "A Bcc: everybody@example.com"
    )


def test_what_the_server_can_t_take_now_is_tried_later_and_later(
    user: User, server: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    row = written(user)
    refuse_with(monkeypatch, ConnectionRefusedError("no"))
    waits, now = [], NOW
    for _ in range(4):
        assert mail_delivery.send_due(now) == 0
        row.refresh_from_db()
        waits.append((row.next_attempt_at - now).total_seconds() / 60)
        now = row.next_attempt_at
    assert waits == [1, 5, 15, 60]
    assert (row.state, row.text, row.attempts) == (MailState.WAITING, "Somebody was named.", 4)
    assert Alert.objects.get(code="mail_failing", organization=None, cleared_at__isnull=True).times == 4


def test_the_alert_clears_itself_when_the_server_takes_mail_again(user: User, server: None) -> None:
    mail_delivery.raise_alert("mail_failing", None, reason="451")
    written(user)
    mail_delivery.send_due(NOW)
    assert not Alert.objects.filter(cleared_at__isnull=True).exists()


def test_a_mail_is_given_up_after_two_days_and_the_organization_is_told(
    user: User, server: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    row = written(user)
    refuse_with(monkeypatch, smtplib.SMTPServerDisconnected("gone"))
    mail_delivery.send_due(NOW + timedelta(hours=48))
    row.refresh_from_db()
    assert (row.state, row.text) == (MailState.FAILED, "")
    alert = Alert.objects.get(code="mail_undeliverable", organization=user.organization)
    assert alert.facts["address"] == user.email


def test_an_address_that_is_refused_for_good_is_not_tried_again(
    user: User, server: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    row = written(user)
    refuse_with(monkeypatch, smtplib.SMTPRecipientsRefused({user.email: (550, b"5.1.1 no such user")}))
    mail_delivery.send_due(NOW)
    row.refresh_from_db()
    assert (row.state, row.error, row.next_attempt_at) == (MailState.FAILED, "550 5.1.1 no such user", None)
    assert not Alert.objects.filter(code="mail_failing").exists()


def test_one_refused_address_does_not_hold_up_the_others(
    user: User, stranger: User, server: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    refused, taken = written(user), written(stranger)
    send = outgoing.EmailMessage.send

    def picky(message: Any, *args: Any) -> int:
        if message.to == [user.email]:
            raise smtplib.SMTPRecipientsRefused({user.email: (550, b"no")})
        return send(message, *args)

    monkeypatch.setattr("django.core.mail.EmailMessage.send", picky)
    assert mail_delivery.send_due(NOW) == 1
    refused.refresh_from_db()
    taken.refresh_from_db()
    assert (refused.state, taken.state) == (MailState.FAILED, MailState.SENT)


def test_a_mail_whose_worker_died_comes_up_again_and_not_before(user: User, server: None) -> None:
    row = written(user)
    assert list(mail_delivery._claimed(NOW)) == [row]
    assert list(mail_delivery._claimed(NOW)) == []
    assert list(mail_delivery._claimed(NOW + mail_delivery.LEASE)) == [row]


def test_two_workers_at_once_share_the_mail_and_send_none_twice(user: User, server: None) -> None:
    first, second = written(user), written(user)
    one, other = mail_delivery._claimed(NOW), mail_delivery._claimed(NOW)
    assert {next(one), next(other)} == {first, second}
    assert (list(one), list(other)) == ([], [])


def test_without_a_mail_server_mail_waits_and_the_provider_is_told(user: User, settings: Any) -> None:
    settings.MAIL_SERVER = ""
    row = written(user)
    assert mail_delivery.send_due(NOW) == 0
    row.refresh_from_db()
    assert (row.state, row.text) == (MailState.WAITING, "Somebody was named.")
    assert Alert.objects.filter(code="mail_failing", organization=None).exists()


def test_the_demonstration_sends_nothing_and_keeps_the_text(user: User, settings: Any) -> None:
    settings.DEMONSTRATION = True
    row = written(user)
    assert mail_delivery.send_due(NOW) == 1
    row.refresh_from_db()
    assert (row.state, row.text) == (MailState.KEPT, "Somebody was named.")
    assert outgoing.outbox == []


# -- over a socket ---------------------------------------------------------------------------------------------------


@pytest.fixture
def far_side(server: None, settings: Any) -> Iterator[MailServer]:
    with mail_server() as listening:
        settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
        settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", listening.port
        yield listening


def state_of(row: Mail) -> tuple[str, str]:
    row.refresh_from_db()
    return row.state, row.error


def test_a_real_server_gets_one_message_and_its_refusal_fails_one_person_only(
    user: User, stranger: User, far_side: MailServer
) -> None:
    far_side.refused[user.email] = "550 5.1.1 no such user here"
    refused, taken = written(user), written(stranger)
    assert mail_delivery.send_due(NOW) == 1
    assert state_of(refused) == (MailState.FAILED, "550 5.1.1 no such user here")
    assert state_of(taken) == (MailState.SENT, "")
    (message,) = far_side.taken
    assert f"To: {stranger.email}" in message
    assert "From: Texting Hub <hub@provider.example>" in message
    assert "Auto-Submitted: auto-generated" in message
    assert "Content-Type: text/plain" in message


@pytest.mark.parametrize("answer", ["450 4.2.1 mailbox busy", "451 4.7.1 greylisted", "452 4.2.2 mailbox full"])
def test_a_mailbox_that_is_busy_is_tried_again_and_is_not_the_servers_fault(
    user: User, far_side: MailServer, answer: str
) -> None:
    far_side.refused[user.email] = answer
    row = written(user)
    mail_delivery.send_due(NOW)
    assert state_of(row) == (MailState.WAITING, answer)
    assert not Alert.objects.exists()
    far_side.refused.clear()
    assert mail_delivery.send_due(NOW + timedelta(minutes=1)) == 1


def test_content_that_is_refused_for_good_is_not_tried_again(user: User, far_side: MailServer) -> None:
    far_side.at_the_end = "554 5.7.1 we take no such thing"
    row = written(user)
    mail_delivery.send_due(NOW)
    assert state_of(row) == (MailState.FAILED, "554 5.7.1 we take no such thing")


def test_a_server_that_is_not_there_lets_everything_wait(
    user: User, stranger: User, far_side: MailServer, settings: Any
) -> None:
    settings.EMAIL_PORT = 1
    rows = [written(user), written(stranger)]
    assert mail_delivery.send_due(NOW) == 0
    assert [state_of(row)[0] for row in rows] == [MailState.WAITING] * 2
    assert Alert.objects.get().code == "mail_failing"


# -- waking up -------------------------------------------------------------------------------------------------------


@pytest.mark.django_db(transaction=True)
def test_many_mails_wake_one_worker_and_the_next_after_it_looked(
    user: User, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.REDIS_URL = "redis://127.0.0.1:1/0"
    sent: list[str] = []
    monkeypatch.setattr("celery.app.base.Celery.send_task", lambda self, name, **options: sent.append(name))
    cache.clear()
    with transaction.atomic():
        mail.post_many([mail.Letter(user, "officer_named", "s", "t") for _ in range(100)])
        mail.post(user, "officer_named", "s", "t")
    assert sent == ["provisioning.send_mail"]
    mail.looking()
    mail.post(user, "officer_named", "s", "t")
    assert sent == ["provisioning.send_mail"] * 2


@pytest.mark.django_db(transaction=True)
def test_a_broker_that_is_gone_breaks_nothing(user: User, settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def gone(*args: Any, **options: Any) -> None:
        raise OperationalError("no broker")

    settings.REDIS_URL = "redis://127.0.0.1:1/0"
    monkeypatch.setattr("celery.app.base.Celery.send_task", gone)
    cache.clear()
    mail.post(user, "officer_named", "s", "t")
    assert Mail.objects.get().state == MailState.WAITING
