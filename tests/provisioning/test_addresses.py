"""Emergency addresses: their normal form, and what is wrong with them."""

from __future__ import annotations

import pytest

from provisioning.addresses import PROVINCES, TERRITORIES, US_STATES, Address, needed_at, normal, problems

SAN_FRANCISCO = {
    "street": "500  Terry Francois Blvd ",
    "city": "San Francisco",
    "state": "california",
    "postal_code": "941582230",
}
VANCOUVER = {"street": "200 Burrard St", "unit": "Floor 3", "city": "Vancouver", "state": "bc", "postal_code": "v6c3l6"}


def test_an_address_takes_its_normal_form() -> None:
    assert str(normal(SAN_FRANCISCO, "US")) == "500 Terry Francois Blvd, San Francisco, CA 94158-2230"
    assert str(normal(VANCOUVER, "CA")) == "200 Burrard St, Floor 3, Vancouver, BC V6C 3L6"
    assert problems(normal(SAN_FRANCISCO, "US"), "US", needed=True) == {}
    assert problems(normal(VANCOUVER, "CA"), "CA", needed=True) == {}


@pytest.mark.parametrize(
    ("typed", "kept"),
    [("Québec", "QC"), ("Queensland", "Queensland"), ("QUEBEC", "QC"), ("newfoundland and labrador", "NL")],
)
def test_a_province_by_name_becomes_its_code_and_what_is_none_stays(typed: str, kept: str) -> None:
    assert normal({"state": typed}, "CA").state == kept


@pytest.mark.parametrize("code", ["94105", "94105-2203", "94105 2203", "941052203", "00501"])
def test_zip_codes_in_every_spelling_are_taken(code: str) -> None:
    assert "postal_code" not in problems(normal({**SAN_FRANCISCO, "postal_code": code}, "US"), "US", needed=True)


@pytest.mark.parametrize("code", ["9410", "941055", "V6C 3L6", "94105-22", "９４１０５", "ABCDE"])
def test_what_is_no_zip_code_is_said(code: str) -> None:
    assert (
        "is not a ZIP code"
        in problems(normal({**SAN_FRANCISCO, "postal_code": code}, "US"), "US", needed=True)["postal_code"]
    )


@pytest.mark.parametrize("code", ["K1A 0B1", "k1a0b1", "V6C-3L6", "X0A 0H0"])
def test_canadian_postal_codes_in_every_spelling_are_taken(code: str) -> None:
    assert "postal_code" not in problems(normal({**VANCOUVER, "postal_code": code}, "CA"), "CA", needed=True)


@pytest.mark.parametrize("code", ["W1A 1AA", "D1A 0B1", "K1O 0B1", "94105", "K1A 0B", "Z1A 0B1"])
def test_what_is_no_canadian_postal_code_is_said(code: str) -> None:
    found = problems(normal({**VANCOUVER, "postal_code": code}, "CA"), "CA", needed=True)
    assert "is not a Canadian postal code" in found["postal_code"]


def test_a_state_of_the_wrong_country_is_said() -> None:
    assert "is not a province" in problems(normal({**VANCOUVER, "state": "CA"}, "CA"), "CA", needed=True)["state"]
    assert "is not a state" in problems(normal({**SAN_FRANCISCO, "state": "BC"}, "US"), "US", needed=True)["state"]
    puerto_rico = {"street": "1 Calle", "city": "San Juan", "state": "CA", "postal_code": "00901"}
    assert problems(normal(puerto_rico, "PR"), "PR", needed=True) == {"state": "The state of an address there is PR."}
    assert problems(normal({**puerto_rico, "state": "puerto rico"}, "PR"), "PR", needed=True) == {}


def test_an_address_is_whole_or_absent() -> None:
    assert set(problems(Address(city="Reno"), "US", needed=False)) == {"street", "state", "postal_code"}
    assert set(problems(Address(), "US", needed=True)) == {"street", "city", "state", "postal_code"}
    assert problems(Address(), "US", needed=False) == {}


def test_elsewhere_an_address_is_kept_as_typed() -> None:
    leeds = normal({"street": "1 Park Row", "city": "Leeds", "postal_code": "ls1 5hd"}, "GB")
    assert (leeds.postal_code, problems(leeds, "GB", needed=True)) == ("ls1 5hd", {})


def test_cisco_pstn_in_the_us_its_territories_and_canada_needs_one() -> None:
    assert [needed_at(country, "cisco_pstn") for country in ("US", "CA", "PR", "GB")] == [True, True, True, False]
    assert not needed_at("US", "local_gateway")


def test_the_states_are_all_there() -> None:
    assert (len(US_STATES), len(PROVINCES), len(TERRITORIES)) == (51, 13, 6)
