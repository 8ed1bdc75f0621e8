"""An officer's look at retained texts: what is found, and that no look goes unrecorded."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from django.urls import reverse

from compliance import audit, search
from compliance.models import AuditEvent
from tests import factories
from tests.compliance.rows import conversation_of, text
from tests.factories import NOW

pytestmark = pytest.mark.django_db
URL = "/compliance/messages/"
EMPTY = {"words": "", "person": "", "number": "", "first_day": "", "last_day": ""}


@pytest.fixture
def conversation(user):
    return conversation_of(user, counterpart="+12065550134")


@pytest.fixture
def desk(officer, signed_in_as):
    """The officer's browser."""
    return signed_in_as(officer)


def find(desk, **criteria):
    response = desk.get(URL, EMPTY | criteria)
    assert response.status_code == 200
    return [str(row.message.pk) for row in response.context.get("rows", [])]


def test_the_page_alone_shows_no_text_and_leaves_no_trace(desk, conversation):
    text(conversation, NOW, body="Confidential")
    response = desk.get(URL)
    assert "Confidential" not in response.content.decode()
    assert not AuditEvent.objects.filter(action="messages.read").exists()


def test_an_empty_search_shows_everything_newest_first(desk, conversation):
    older, newer = text(conversation, NOW), text(conversation, NOW + timedelta(seconds=1), direction="in")
    assert find(desk) == [str(newer.pk), str(older.pk)]


def test_every_word_must_be_there_whatever_its_case(desk, conversation):
    wanted = text(
        conversation, NOW, body="The RECALL notice covers lot 4471", search_text="the recall notice covers lot 4471"
    )
    text(conversation, NOW, body="The recall", search_text="the recall")
    assert find(desk, words="Lot recall") == [str(wanted.pk)]
    assert find(desk, words="100%") == []


def test_searched_words_are_marked_and_bodies_escaped(desk, conversation):
    body = "<script>alert(1)</script> Recall & recall"
    text(conversation, NOW, body=body, search_text=body.casefold())
    page = desk.get(URL, EMPTY | {"words": "recall <script>"}).content.decode()
    assert "<script>alert" not in page
    assert "<mark>&lt;script&gt;</mark>alert(1)&lt;/script&gt; <mark>Recall</mark> &amp; <mark>recall</mark>" in page


@pytest.mark.parametrize("typed", ["+1 206 555 0134", "(206) 555-0134", "2065550134", "0134", "555-0134"])
def test_a_number_is_found_in_any_form_and_by_its_last_digits(desk, conversation, user, typed):
    wanted = text(conversation, NOW)
    text(conversation_of(user, counterpart="+12065550199"), NOW)
    assert find(desk, number=typed) == [str(wanted.pk)]


def test_the_organizations_own_number_is_found_too(desk, conversation, user):
    wanted = text(conversation, NOW)
    assert find(desk, number=user.primary_number.e164) == [str(wanted.pk)]


def test_a_foreign_number_is_found(desk, organization, user):
    withheld = factories.MessageFactory(
        conversation=None, organization=organization, user=None, number=user.primary_number, own_e164="+14155550000",
        counterpart="+442079460000", seq=None, direction="in", status="received", withheld="international",
        accepted_at=NOW,
    )  # fmt: skip
    assert find(desk, number="+44 20 7946 0000") == [str(withheld.pk)]
    page = desk.get(URL, EMPTY | {"number": "+442079460000"}).content.decode()
    assert "Not shown to the user: It came from outside the US and Canada" in page


def test_a_user_is_found_by_name_or_address_even_when_deactivated(desk, conversation, organization):
    colleague = factories.texting_user(organization, first_name="Tunde", last_name="Adeyemi")
    wanted = text(conversation_of(colleague), NOW)
    text(conversation, NOW)
    colleague.is_active = False
    colleague.save()
    assert find(desk, person="tunde") == find(desk, person=colleague.email) == [str(wanted.pk)]


def test_days_are_whole_utc_days_with_the_last_included(desk, conversation):
    first = datetime(2026, 11, 1, tzinfo=UTC)
    inside = text(conversation, first), text(conversation, first + timedelta(days=2, microseconds=-1))
    text(conversation, first - timedelta(microseconds=1))
    text(conversation, first + timedelta(days=2))
    assert find(desk, first_day="2026-11-01", last_day="2026-11-02") == [str(inside[1].pk), str(inside[0].pk)]


def test_another_organizations_texts_are_never_found(desk, conversation, stranger):
    mine = text(conversation, NOW)
    theirs = conversation_of(stranger, counterpart=conversation.counterpart)
    text(theirs, NOW)
    assert find(desk) == find(desk, number=conversation.counterpart) == [str(mine.pk)]
    assert find(desk, person=stranger.email) == []


def test_pages_follow_each_other_and_each_is_a_look_of_its_own(desk, conversation, django_assert_max_num_queries):
    expected = [str(text(conversation, NOW + timedelta(seconds=n // 7)).pk) for n in range(120)]
    order = sorted(expected, key=lambda pk: (NOW + timedelta(seconds=expected.index(pk) // 7), pk), reverse=True)
    seen, place = [], {}
    for count in (50, 50, 20):
        with django_assert_max_num_queries(15):
            response = desk.get(URL, EMPTY | place)
        assert len(response.context["rows"]) == count
        seen += [str(row.message.pk) for row in response.context["rows"]]
        place = {"older": response.context["look"].page.older}
    assert seen == order
    assert place == {"older": None}
    back = desk.get(URL, EMPTY | {"newer": response.context["look"].page.newer})
    assert [str(row.message.pk) for row in back.context["rows"]] == order[50:100]
    first = desk.get(URL, EMPTY | {"newer": back.context["look"].page.newer})
    assert [str(row.message.pk) for row in first.context["rows"]] == order[:50]
    assert first.context["look"].page.newer is None
    assert AuditEvent.objects.filter(action="messages.read").count() == 5


@pytest.mark.parametrize("cursor", ["x", "018f", "018f0000-0000-7000-8000-000000000000"])
def test_a_place_that_is_nowhere_is_the_first_page(desk, conversation, cursor):
    row = text(conversation, NOW)
    assert find(desk, older=cursor) == find(desk, newer=cursor) == [str(row.pk)]


def test_a_look_is_recorded_with_who_from_where_what_for_and_what_came_up(desk, conversation, officer):
    rows = [text(conversation, NOW + timedelta(seconds=n), body="Recall", search_text="recall") for n in range(3)]
    find(desk, words="recall", number="0134", first_day="2026-11-01")
    event = AuditEvent.objects.get(action="messages.read")
    assert (event.actor, event.via, event.ip) == (officer, "portal", "127.0.0.1")
    assert event.content_access is True
    assert event.after == {
        "criteria": {"person": "", "number": "0134", "words": "recall", "from": "2026-11-01", "to": None},
        "shown": 3, "matching": "3", "newest": str(rows[2].pk), "oldest": str(rows[0].pk),
    }  # fmt: skip


def test_a_look_that_finds_nothing_is_recorded_too(desk):
    response = desk.get(URL, EMPTY | {"words": "nothing like this"})
    assert "No messages match" in response.content.decode()
    assert AuditEvent.objects.get(action="messages.read").after["shown"] == 0


def test_nothing_is_shown_when_the_event_can_not_be_written(desk, conversation, monkeypatch):
    text(conversation, NOW, body="Confidential")

    def broken(change):
        raise RuntimeError("the audit log is gone")

    monkeypatch.setattr(audit, "append_many", broken)
    desk.raise_request_exception = False
    response = desk.get(URL, EMPTY)
    assert response.status_code == 500
    assert b"Confidential" not in response.content


@pytest.mark.parametrize(
    ("criteria", "sentence"),
    [
        ({"number": "hello"}, "“hello” is not a phone number. Write it like +1 415 555 0101"),
        ({"number": "911 911 911 911 911"}, "is not a phone number"),
        ({"first_day": "yesterday"}, "This is not a day. Write it like 2026-11-23."),
        ({"first_day": "2026-11-24", "last_day": "2026-11-01"}, "The last day is before the first."),
        ({"last_day": "9999-12-31"}, "Choose a day between 2000 and 2100."),
        ({"words": "a\x00b"}, "Null characters are not allowed."),
        ({"words": "x" * 201}, "at most 200 characters"),
    ],
)
def test_bad_input_gets_a_sentence_and_reads_nothing(desk, conversation, criteria, sentence):
    text(conversation, NOW, body="Confidential")
    response = desk.get(URL, EMPTY | criteria)
    assert response.status_code == 422
    assert sentence in response.content.decode().replace("&#x27;", "'")
    assert b"Confidential" not in response.content
    assert not AuditEvent.objects.filter(action="messages.read").exists()


def test_counts_stop_at_ten_thousand(conversation, officer, monkeypatch):
    monkeypatch.setattr(search, "COUNT_LIMIT", 2)
    for _ in range(3):
        text(conversation, NOW)
    assert search.capped(search.retained(officer)) == "2+"


def test_results_can_be_taken_to_an_export_when_an_export_can_be_narrowed_the_same(desk, conversation, user):
    text(conversation, NOW)
    criteria = EMPTY | {"person": "rosalind", "number": "+12065550134", "first_day": "2026-11-01"}
    page = desk.get(URL, criteria).content.decode()
    link = page.split('href="/compliance/exports/new/')[1].split('"')[0].replace("&amp;", "&")
    form = desk.get("/compliance/exports/new/" + link).context["form"]
    assert form.initial["numbers"] == "+12065550134"
    assert user.email in form.initial["addresses"]
    assert form.initial["first_day"] == "2026-11-01"
    assert "Export results" not in desk.get(URL, criteria | {"words": "kit"}).content.decode()
    assert "Export results" not in desk.get(URL, criteria | {"number": "0134"}).content.decode()


def test_a_page_with_texts_is_kept_by_no_cache(desk, conversation):
    assert "no-store" in desk.get(URL, EMPTY)["Cache-Control"]
    assert reverse("retained_messages") == URL
