"""Two at once on Postgres: nobody waits for another in a ring, and nobody overlooks what another is just committing."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from typing import Any

import pytest
from django.db import connection, transaction

from messaging import acceptance, counts, leases, optouts, states
from messaging.compose import compose
from messaging.inbound import accept_inbound
from messaging.models import Conversation, Message, SendingNumber
from messaging.models.messages import Status
from messaging.states import Fact
from provisioning.models import Organization, User
from tests import factories
from tests.factories import NOW
from tests.messaging.carrier_events import PERSON, account_of, inbound

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif("connection.vendor != 'postgresql'", reason="SQLite has one writer and no row locks"),
]
ANOTHER = "+12065550177"


def conversation(user: User, person: str) -> Conversation:
    return factories.ConversationFactory(user=user, counterpart=person, last_seq=10)


def text(of: Conversation, status: Status, seq: int) -> Message:
    return factories.MessageFactory(conversation=of, status=status, seq=seq, accepted_at=NOW, due_at=NOW)


def until_it_waits(pid: int, work: Future[Any]) -> None:
    """Until it wants what we hold, or has found all that it wanted."""
    waits = False
    while not waits and not work.done():
        with connection.cursor() as cursor:
            cursor.execute("SELECT cardinality(pg_blocking_pids(%s)) > 0", [pid])
            ((waits,),) = cursor.fetchall()


class Rival:
    """Another worker, with a connection of its own, that starts once a statement of ours locked rows of a table."""

    def __init__(self, table: str, facts: dict[Any, Fact]) -> None:
        self.table, self.facts = table, facts
        self.pool, self.pid = ThreadPoolExecutor(1), Future[int]()
        self.work: Future[set[Any]] | None = None

    def _settle(self) -> set[Any]:
        try:
            connection.ensure_connection()
            self.pid.set_result(connection.connection.get_backend_pid())
            return states.advance_all(self.facts, now=NOW)
        finally:
            connection.close()

    def _watch(self, execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        answer = execute(sql, params, many, context)
        if self.work is None and self.table in sql and "FOR NO KEY UPDATE" in sql:
            self.work = self.pool.submit(self._settle)
            until_it_waits(self.pid.result(timeout=30), self.work)
        return answer

    @contextmanager
    def beside(self) -> Iterator[None]:
        with self.pool, connection.execute_wrapper(self._watch):
            yield


@pytest.fixture(autouse=True)
def _statements_are_seen(settings: Any) -> None:
    """By their text, not by the names that they are prepared under."""
    settings.PREPARED_STATEMENTS = False


@pytest.fixture
def colleague(organization: Organization) -> User:
    return factories.texting_user(organization)


def test_a_stop_locks_its_own_conversation_with_those_whose_texts_it_blocks(user: User, colleague: User) -> None:
    own, other = conversation(user, PERSON), conversation(colleague, PERSON)
    assert own.pk < other.pk
    sent = [text(own, Status.SENDING, 1), text(other, Status.SENDING, 1)]
    blocked = text(other, Status.QUEUED, 2)
    rival = Rival("messaging_conversation", {one.pk: Fact(Status.SENT, NOW) for one in sent})
    with rival.beside():
        filed = accept_inbound(account_of(user.primary_number), inbound(user.primary_number.e164, "STOP"), NOW)
    assert filed is not None
    assert rival.work is not None
    assert rival.work.result() == {one.pk for one in sent}
    blocked.refresh_from_db()
    assert (blocked.status, blocked.reason) == (Status.BLOCKED, "opted_out")


def test_a_stop_locks_numbers_after_everything_else(user: User, colleague: User) -> None:
    blocked = text(conversation(colleague, PERSON), Status.QUEUED, 1)
    ours, theirs = conversation(user, ANOTHER), conversation(colleague, ANOTHER)
    failed, sent = text(ours, Status.SENDING, 1), text(theirs, Status.SENDING, 1)
    text(theirs, Status.QUEUED, 2)
    account = account_of(user.primary_number)
    accept_inbound(account, inbound(user.primary_number.e164, "Hello", carrier_message_id="first"), NOW)
    facts = {failed.pk: Fact(Status.FAILED, NOW, carrier_code="30006"), sent.pk: Fact(Status.SENT, NOW)}
    rival = Rival("messaging_sendingnumber", facts)
    with rival.beside():
        filed = accept_inbound(account, inbound(user.primary_number.e164, "STOP", carrier_message_id="second"), NOW)
    assert filed is not None
    assert rival.work is not None
    assert rival.work.result() == {failed.pk, sent.pk}
    blocked.refresh_from_db()
    assert blocked.status == Status.BLOCKED


def test_a_text_that_comes_while_failures_of_its_conversation_are_counted(user: User) -> None:
    """Conversations before daily counts: whoever settles a failure wants both, and so does whoever files a text."""
    failed, number = text(conversation(user, PERSON), Status.SENDING, 1), user.primary_number
    counts.add(number, user.pk, NOW, accepted=1)
    rival = Rival("messaging_conversation", {failed.pk: Fact(Status.FAILED, NOW, carrier_code="30006")})
    with rival.beside():
        filed = accept_inbound(account_of(number), inbound(number.e164, "Hello"), NOW)
    assert filed is not None
    assert rival.work is not None
    assert rival.work.result() == {failed.pk}


@contextmanager
def beside(act: Callable[[], Any]) -> Iterator[list[Any]]:
    """Another worker that starts now and is waited for at the end; what it found."""
    found, pid = list[Any](), Future[int]()

    def run() -> None:
        try:
            connection.ensure_connection()
            pid.set_result(connection.connection.get_backend_pid())
            found.append(act())
        finally:
            connection.close()

    with ThreadPoolExecutor(1) as pool:
        work = pool.submit(run)
        until_it_waits(pid.result(timeout=30), work)
        yield found
    work.result()


def test_a_stop_that_comes_while_a_start_commits_stands(user: User) -> None:
    account, number = account_of(user.primary_number), user.primary_number
    accept_inbound(account, inbound(number.e164, "STOP", carrier_message_id="first"), NOW)
    with ExitStack() as held, transaction.atomic():
        optouts.opt_in(number, PERSON, "start", NOW)
        again = inbound(number.e164, "STOP", carrier_message_id="second")
        held.enter_context(beside(lambda: accept_inbound(account, again, NOW)))
    assert optouts.is_opted_out(user.organization, number, PERSON)


@pytest.mark.parametrize("step_by_step", [False, True])
def test_a_text_composed_while_the_relay_looks_at_its_number_is_not_forgotten(
    user: User, step_by_step: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The relay saw one text, and means to look never again. Who composes waits for that, and sets a time after it."""
    if step_by_step:
        monkeypatch.setattr(acceptance, "_at_once", lambda *_given: None)
    compose(user=user, to=ANOTHER, body="First", now=NOW)
    conversation(user, PERSON)
    heads_of, held = leases.heads_of, ExitStack()

    def looked(*given: Any, **options: Any) -> Any:
        found = heads_of(*given, **options)
        held.enter_context(beside(lambda: compose(user=user, to=PERSON, body="Second", now=NOW)))
        return found

    with held:
        monkeypatch.setattr(leases, "heads_of", looked)
        assert leases.take(NOW, 10) is not None
    assert SendingNumber.objects.get(number=user.primary_number).next_due_at == NOW
