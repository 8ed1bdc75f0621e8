"""Keywords: which bodies are one, in which language, and what only sounds like one."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from messaging import policy
from messaging.models import OptOut
from messaging.optouts import (
    Purpose,
    asks_to_stop,
    is_opted_out,
    keyword,
    opt_in,
    opt_out,
    opted_out_pairs,
    opted_out_since,
)
from provisioning.models import Organization, PhoneNumber, User
from tests.factories import NOW, MessageFactory, PhoneNumberFactory
from tests.messaging.carrier_events import PERSON

STOPS = ["STOP", "STOPALL", "UNSUBSCRIBE", "CANCEL", "END", "QUIT", "REVOKE", "OPTOUT", "OPT-OUT", "OPT OUT"]


@pytest.mark.parametrize("word", [*STOPS, "ARRET", "ARRÊT"])
def test_every_stop_word_opts_out(word: str) -> None:
    found = keyword(word, opted_out=False)
    assert found is not None
    assert found.purpose == Purpose.STOP
    assert found.language == ("fr" if word.startswith("ARR") else "en")


@pytest.mark.parametrize(("word", "language"), [("HELP", "en"), ("INFO", "en"), ("AIDE", "fr")])
def test_every_help_word_is_answered_in_its_language(word: str, language: str) -> None:
    found = keyword(word, opted_out=False)
    assert found is not None
    assert (found.purpose, found.language) == (Purpose.HELP, language)


@pytest.mark.parametrize(
    "body",
    ["stop", "Stop.", " STOP \r\n", "«Stop!»", '"stop"', "ｓｔｏｐ", "\u200bSTOP\ufeff", "Stop…", "opt  out",
     "opt\u00a0out", "arre\u0302t", "STOP\x00"],
)  # fmt: skip
def test_case_width_punctuation_and_spaces_at_both_ends_do_not_matter(body: str) -> None:
    found = keyword(body, opted_out=False)
    assert found is not None
    assert found.purpose == Purpose.STOP


@pytest.mark.parametrize(
    "body", ["", "...", "stop it", "please stop", "stop 🛑", "stopping", "the end", "no stop", "s t o p", "opt_out?in"]
)
def test_a_sentence_is_no_keyword(body: str) -> None:
    assert keyword(body, opted_out=False) is None


def test_yes_lifts_an_opt_out_and_is_otherwise_an_answer() -> None:
    assert keyword("Yes!", opted_out=False) is None
    found = keyword("Yes!", opted_out=True)
    assert found is not None
    assert found.purpose == Purpose.START


@given(st.sampled_from(STOPS), st.text(" \t\r\n.!?¡…\"'«»()[]-–—*#@&\u00a0\u2003\u200b", max_size=6), st.booleans())
def test_any_wrapping_of_punctuation_leaves_a_stop_word_one(word: str, wrapping: str, lower: bool) -> None:
    found = keyword(wrapping + (word.lower() if lower else word) + wrapping[::-1], opted_out=False)
    assert found is not None
    assert found.purpose == Purpose.STOP


@pytest.mark.parametrize(
    "body",
    [
        "please stop texting me", "Stop please", "STOP TEXTING ME", "Don’t text me anymore",
        "do not message this number", "Take me off your list", "unsubscribe me", "pls stop", "no more texts",
        "opt me out", "lose my number",
        "leave me alone", "Quit sending me these", "arrêtez de m'écrire", "arretez de m’envoyer des textos",
        "ne m'écrivez plus", "plus de textos svp", "Désabonnez-moi", "Arrête svp", "laissez-moi tranquille",
        "cessez de me contacter", "retirez-moi de la liste",
    ],
)  # fmt: skip
def test_asking_for_no_more_texts_is_noticed_in_english_and_french(body: str) -> None:
    assert asks_to_stop(body)
    assert keyword(body, opted_out=False) is None


@pytest.mark.parametrize(
    "body",
    ["I'll stop by the store", "the bus stop is near", "can you text me?", "Je t'écris plus tard", "end of day works",
     "Please call me", "We stopped at noon", "Don't stop texting me", "Do not stop sending these"],
)  # fmt: skip
def test_everyday_sentences_are_not_taken_for_it(body: str) -> None:
    assert not asks_to_stop(body)


@pytest.fixture
def number(user: User) -> PhoneNumber:
    return user.primary_number


def test_a_stop_counts_for_every_number_of_the_organization(number: PhoneNumber, stranger: User) -> None:
    second = PhoneNumberFactory(organization=number.organization)
    assert opt_out(number, PERSON, "stop", NOW).changed
    assert is_opted_out(number.organization, second, PERSON)
    assert not is_opted_out(stranger.organization, stranger.primary_number, PERSON)
    assert not is_opted_out(number.organization, number, "+14155550123")
    assert opted_out_since(number.organization, number, PERSON) == NOW


def test_a_stop_can_count_for_one_number_only(number: PhoneNumber) -> None:
    Organization.objects.update(opt_out_scope="number")
    number = PhoneNumber.objects.get(pk=number.pk)
    second = PhoneNumberFactory(organization=number.organization)
    opt_out(number, PERSON, "stop", NOW)
    assert is_opted_out(number.organization, number, PERSON)
    assert not is_opted_out(number.organization, second, PERSON)
    assert opted_out_pairs([(number.pk, PERSON), (second.pk, PERSON)]) == {(number.pk, PERSON)}


def test_the_relays_look_at_many_pairs_is_one_query(
    number: PhoneNumber, stranger: User, django_assert_num_queries: Any
) -> None:
    opt_out(number, PERSON, "stop", NOW)
    theirs = stranger.primary_number.pk
    with django_assert_num_queries(1):
        assert opted_out_pairs([(number.pk, PERSON), (number.pk, "+1"), (theirs, PERSON)]) == {(number.pk, PERSON)}


def test_a_repeated_stop_changes_nothing(number: PhoneNumber) -> None:
    assert opt_out(number, PERSON, "stop", NOW).changed
    assert not opt_out(number, PERSON, "quit", NOW).changed
    assert OptOut.objects.get().keyword == "stop"


def test_start_lifts_and_a_later_stop_is_a_new_row(number: PhoneNumber) -> None:
    assert not opt_in(number, PERSON, "start", NOW).changed
    opt_out(number, PERSON, "stop", NOW)
    assert opt_in(number, PERSON, "start", NOW).changed
    assert not is_opted_out(number.organization, number, PERSON)
    assert opt_out(number, PERSON, "quit", NOW).changed
    assert OptOut.objects.count() == 2


@pytest.mark.parametrize("scope", ["organization", "number"])
@pytest.mark.parametrize("where", ["everywhere", "own", "second", "theirs"])
@pytest.mark.parametrize("lifted_at", [None, NOW])
def test_what_compose_and_dispatch_see_of_an_opt_out_is_the_same(
    number: PhoneNumber, user: User, stranger: User, scope: str, where: str, lifted_at: Any
) -> None:
    Organization.objects.update(opt_out_scope=scope)
    second = PhoneNumberFactory(organization=user.organization)
    numbers = {"everywhere": None, "own": number, "second": second, "theirs": stranger.primary_number}
    organization = stranger.organization if where == "theirs" else user.organization
    OptOut.objects.create(
        organization=organization, number=numbers[where], counterpart=PERSON, keyword="stop", opted_out_at=NOW,
        lifted_at=lifted_at,
    )  # fmt: skip
    number, own = PhoneNumber.objects.get(pk=number.pk), User.objects.get(primary_number=number)
    for person in (PERSON, "+12065550199"):
        pairs = opted_out_pairs([(number.pk, person)])
        assert policy.outlook(own, person).opted_out == bool(pairs) == is_opted_out(number.organization, number, person)


def test_start_lifts_rows_of_both_scopes(number: PhoneNumber) -> None:
    opt_out(number, PERSON, "stop", NOW)
    Organization.objects.update(opt_out_scope="number")
    number = PhoneNumber.objects.get(pk=number.pk)
    assert is_opted_out(number.organization, number, PERSON)
    assert opt_in(number, PERSON, "start", NOW).changed
    assert not OptOut.objects.filter(lifted_at__isnull=True).exists()


def test_a_stop_blocks_what_waits_for_that_person_and_nothing_else(number: PhoneNumber) -> None:
    waiting = MessageFactory(
        conversation__user=number.user, conversation__counterpart=PERSON, status="queued", counterpart=PERSON
    )
    scheduled = MessageFactory(
        conversation=waiting.conversation, status="scheduled", seq=None, counterpart=PERSON
    )  # fmt: skip
    gone = MessageFactory(conversation=waiting.conversation, status="sending", counterpart=PERSON)
    other = MessageFactory(conversation__user=number.user, status="queued")
    opt_out(number, PERSON, "stop", NOW)
    for message, status in ((waiting, "blocked"), (scheduled, "blocked"), (gone, "sending"), (other, "queued")):
        message.refresh_from_db()
        assert message.status == status
    assert (waiting.reason, waiting.blocked_by) == ("opted_out", "platform")


def test_with_the_numbers_scope_a_stop_blocks_only_that_numbers_texts(number: PhoneNumber, user: User) -> None:
    Organization.objects.update(opt_out_scope="number")
    number = PhoneNumber.objects.get(pk=number.pk)
    second = PhoneNumberFactory(organization=number.organization)
    mine = MessageFactory(conversation__user=user, conversation__counterpart=PERSON, status="queued")
    theirs = MessageFactory(conversation=mine.conversation, number=second, status="queued")
    opt_out(number, PERSON, "stop", NOW)
    mine.refresh_from_db()
    theirs.refresh_from_db()
    assert (mine.status, theirs.status) == ("blocked", "queued")
