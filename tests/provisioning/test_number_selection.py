"""Which numbers: the filters of the list, and the search in any human format."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from provisioning.models import Organization, PhoneNumber
from provisioning.number_lines import Entry, read_lines
from provisioning.number_list import PAGE_SIZE, page_of_numbers
from provisioning.number_selection import NumberSelection, narrow
from provisioning.number_tasks import as_runs, of_runs
from provisioning.refusals import Refusal
from tests.factories import NOW, CampaignFactory, LocationFactory, PhoneNumberFactory, UserFactory, with_role


@pytest.fixture
def some(organization: Organization) -> dict[str, PhoneNumber]:
    """One number of each kind."""
    location = LocationFactory(organization=organization)
    campaign = CampaignFactory(brand__organization=organization)
    holder = UserFactory(organization=organization, location=location, first_name="Élodie", last_name="O’Brien")
    rows = {
        "plain": {"location": location}, "held": {"user": holder}, "linked": {"campaign": campaign},
        "inactive": {"active": False}, "incapable": {"capability": "incapable"}, "other": {"source": "other"},
        "released": {"active": False, "released_at": NOW},
    }  # fmt: skip
    return {name: PhoneNumberFactory(organization=organization, **fields) for name, fields in rows.items()}


def names(some: dict[str, PhoneNumber], **values: str) -> set[str]:
    found = set(narrow(PhoneNumber.objects.all(), values))
    return {name for name, row in some.items() if row in found}


OWNED = {"plain", "held", "linked", "inactive", "incapable", "other"}


def test_each_filter_narrows_the_inventory(some: dict[str, PhoneNumber]) -> None:
    assert names(some) == OWNED
    assert names(some, state="active") == OWNED - {"inactive"}
    assert names(some, state="inactive") == {"inactive"}
    assert names(some, state="released") == {"released"}
    assert names(some, assigned="assigned") == {"held"}
    assert names(some, assigned="free") == OWNED - {"held"}
    assert names(some, capability="incapable") == {"incapable"}
    assert names(some, source="other") == {"other"}
    assert names(some, location=str(some["plain"].location_id)) == {"plain"}
    assert names(some, campaign=str(some["linked"].campaign_id)) == {"linked"}
    assert names(some, campaign="none") == OWNED - {"linked"}
    assert names(some, state="active", assigned="free", source="other") == {"other"}


def test_what_is_unknown_finds_nothing_or_narrows_nothing_and_never_fails(some: dict[str, PhoneNumber]) -> None:
    assert names(some, state="?", assigned="?", capability="?", source="?") == OWNED
    assert names(some, location="?") == set()
    assert names(some, campaign="?") == set()
    assert names(some, q="\x00") == OWNED


@pytest.mark.parametrize(
    "typed", ["+16504441234", "+1 650 444 1234", "(650) 444-1234", "650.444.1234", "1 650 444 1234", "1234", "444-12",
              "650 444", "+1650", "６５０４４４"],
)  # fmt: skip
def test_a_number_is_found_in_any_human_format_and_by_its_digits(organization: Organization, typed: str) -> None:
    row = PhoneNumberFactory(organization=organization, e164="+16504441234")
    PhoneNumberFactory(organization=organization, e164="+12065550188")
    assert list(narrow(PhoneNumber.objects.all(), {"q": typed})) == [row]


def test_a_british_number_is_found_as_it_is_dialled_at_home(organization: Organization) -> None:
    row = PhoneNumberFactory(organization=organization, e164="+441134960101")
    assert list(narrow(PhoneNumber.objects.all(), {"q": "0113 496 0101"})) == [row]


@pytest.mark.parametrize("typed", ["élodie", "ÉLODIE o’brien", "o’brien É"])
def test_a_number_is_found_by_the_name_of_its_user(some: dict[str, PhoneNumber], typed: str) -> None:
    assert names(some, q=typed) == {"held"}


def test_pages_go_on_where_the_last_one_ended_and_back_again(organization: Organization) -> None:
    PhoneNumber.objects.bulk_create(
        PhoneNumber(organization=organization, e164=f"+1650555{place:04d}") for place in range(PAGE_SIZE * 2 + 1)
    )
    everything = PhoneNumber.objects.all()
    first = page_of_numbers(everything)
    second = page_of_numbers(everything, after=first.after)
    third = page_of_numbers(everything, after=second.after)
    listed = [row.e164 for page in (first, second, third) for row in page.rows]
    assert listed == [f"+1650555{place:04d}" for place in range(PAGE_SIZE * 2 + 1)]
    assert (first.before, bool(second.before), third.after, len(third.rows)) == ("", True, "", 1)
    back = page_of_numbers(everything, before=third.before)
    assert [row.e164 for row in back.rows] == [row.e164 for row in second.rows]
    assert page_of_numbers(everything, before=back.before).before == ""


def test_a_selection_is_the_same_numbers_after_a_trip_through_json_and_never_out_of_reach(
    organization: Organization, some: dict[str, PhoneNumber]
) -> None:
    admin = with_role(
        UserFactory(organization=organization, location=None), "location_admin", some["plain"].location
    )  # fmt: skip
    everything = NumberSelection.of_arguments(NumberSelection({"assigned": "free"}).arguments)
    assert set(everything.numbers(admin)) == {some["plain"]}
    ticked = NumberSelection(ids=[str(row.pk) for row in some.values()] + ["nonsense"])
    assert set(NumberSelection.of_arguments(ticked.arguments).numbers(admin)) == {some["plain"]}
    full = with_role(UserFactory(organization=organization, location=None), "full_admin")
    assert some["released"] not in ticked.numbers(full)
    assert ticked.numbers(full).count() == len(OWNED)


# What was typed


def read(typed: str, region: str = "US") -> list[Entry]:
    return read_lines(typed, region)


@pytest.mark.parametrize(
    "typed",
    [
        "415 555 0100 - 0109", "4155550100-4155550109", "(415) 555-0100 to 555-0109", "415-555-0100-0109",
        "415-555-0100 – 415-555-0109", "(415) 555-0100..09", "+1 415 555 0100 → +1 415 555 0109",
        "415.555.0100 through 415.555.0109", "4155550100—0109",
    ],
)  # fmt: skip
def test_a_range_is_read_as_people_write_it(typed: str) -> None:
    (entry,) = read(typed)
    assert entry.refusal is None
    assert entry.e164s == tuple(f"+1415555{place:04d}" for place in range(100, 110))


def test_a_number_with_dashes_is_no_range() -> None:
    assert [entry.e164s for entry in read("415–555–0100\n415-555-0101")] == [("+14155550100",), ("+14155550101",)]


@pytest.mark.parametrize(
    ("typed", "code"),
    [
        ("415 555 0109 - 0100", "range_backwards"),
        ("415 555 0100 - 426 555 0109", "not_a_number"),
        ("415 555 0100 - 510 555 0100", "range_too_long"),
        ("800 555 0100 - 0110", "toll_free_number"),
        ("+44 113 496 0101 - 0105", "foreign_number"),
        ("911 - 912", "short_number"),
    ],
)
def test_a_range_that_cant_be_says_why(typed: str, code: str) -> None:
    (entry,) = read(typed)
    assert entry.refusal is not None
    assert entry.refusal.code == code


def test_every_piece_of_what_was_typed_is_an_entry_with_its_line() -> None:
    entries = read("415 555 0100, 415 555 0101; 415 555 0102\n\n  \n415-555-0100\nabc,911\n415 555 0099 - 0101\t")
    assert [(entry.line, entry.typed, len(entry.e164s), entry.repeated) for entry in entries] == [
        (1, "415 555 0100", 1, 0), (1, "415 555 0101", 1, 0), (1, "415 555 0102", 1, 0), (4, "415-555-0100", 0, 1),
        (5, "abc", 0, 0), (5, "911", 0, 0), (6, "415 555 0099 - 0101", 1, 2),
    ]  # fmt: skip
    assert str(entries[3].refusal.sentence) == "(415) 555-0100 stands in line 1 already."  # type: ignore[union-attr]


def test_more_numbers_than_are_read_at_once_are_refused_as_a_whole() -> None:
    with pytest.raises(Refusal, match="too_many_numbers"):
        read("415 200 0000 - 9999\n415 201 0000 - 9999\n415 555 0100")


@given(st.text(alphabet=st.sampled_from("0123456789 +-–(),.;\nxto…"), max_size=80))
def test_nothing_that_was_typed_gets_lost(typed: str) -> None:
    entries = read(typed)
    seen = "".join(entry.typed for entry in entries)
    blank = str.maketrans("", "", " ,;\n\t|")
    assert seen.translate(blank) == "".join(typed.split()).translate(blank)
    numbers = [e164 for entry in entries for e164 in entry.e164s]
    assert len(numbers) == len(set(numbers))
    assert all(entry.refusal or entry.e164s for entry in entries)


@given(st.lists(st.integers(2_000_000_000, 2_000_000_400), unique=True))
def test_runs_are_the_same_numbers_written_shorter(found: list[int]) -> None:
    e164s = [f"+1{number}" for number in found]
    assert of_runs(as_runs(e164s)) == e164s
