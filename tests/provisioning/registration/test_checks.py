"""What a registry wants of each field, said at the field."""

from __future__ import annotations

from typing import Any

import pytest

from provisioning.models import Brand, Campaign
from provisioning.registration import tax_ids
from provisioning.registration.checks import brand_problems, campaign_problems
from provisioning.registration.drafts import brand_values, campaign_values
from tests.provisioning.registration import rows


def brand(**fields: Any) -> dict[str, str]:
    """Field and code of each problem of a brand that is complete but for these."""
    return {problem.field: problem.code for problem in brand_problems(Brand(**{**rows.BRAND, **fields}))}


def campaign(of: str = "private", **fields: Any) -> dict[str, str]:
    row = Campaign(brand=Brand(entity_type=of), **{**rows.CAMPAIGN, **fields})
    return {problem.field: problem.code for problem in campaign_problems(row)}


def test_a_complete_brand_and_campaign_have_no_problem() -> None:
    assert (brand(), campaign()) == ({}, {})


@pytest.mark.parametrize(
    ("typed", "country", "stored"),
    [
        ("94-3128765", "US", "94-3128765"), ("943128765", "US", "94-3128765"), (" 94 3128765", "PR", "94-3128765"),
        ("07-3128765", "US", None), ("00-0000000", "US", None), ("94-312876", "US", None), ("٩٤3128765", "US", None),
        ("123456782", "CA", "123456782"), ("123 456 782 rc 0001", "CA", "123456782RC0001"), ("123456789", "CA", None),
        ("123456782RC01", "CA", None), ("12345678", "CA", None),
        ("GB123456789", "GB", "GB123456789"), ("!", "GB", None), ("", "US", None),
    ],
)  # fmt: skip
def test_tax_ids_are_read_as_their_country_writes_them(typed: str, country: str, stored: str | None) -> None:
    assert tax_ids.canonical(typed, country) == stored


@pytest.mark.parametrize(
    ("fields", "problems"),
    [
        ({"entity_type": ""}, {"entity_type": "required"}),
        ({"legal_name": " "}, {"legal_name": "required"}),
        ({"tax_id": ""}, {"tax_id": "required"}),
        ({"tax_id": "94-31287"}, {"tax_id": "invalid_tax_id"}),
        ({"tax_id_country": ""}, {"tax_id_country": "required"}),
        ({"entity_type": "sole_proprietor", "tax_id": "", "website": ""}, {}),
        ({"entity_type": "public"}, {"stock_symbol": "required", "stock_exchange": "required"}),
        ({"entity_type": "public", "stock_symbol": "CSCO", "stock_exchange": "nasdaq"}, {}),
        ({"street": ""}, {"street": "required"}),
        ({"region": "California"}, {"region": "required"}),
        ({"region": "London", "country": "GB", "postal_code": "EC1A 1BB"}, {}),
        ({"postal_code": "9410"}, {"postal_code": "required"}),
        ({"country": "CA", "region": "BC", "postal_code": "V6B 1A1"}, {}),
        ({"country": "CA", "region": "BC", "postal_code": "94105"}, {"postal_code": "required"}),
        ({"vertical": ""}, {"vertical": "required"}),
        ({"website": ""}, {"website": "required"}),
        ({"website": "northwind"}, {"website": "invalid"}),
        ({"website": "https://[::1"}, {"website": "invalid"}),
        ({"contact_email": "maya@"}, {"contact_email": "invalid"}),
        ({"contact_phone": "12"}, {"contact_phone": "invalid"}),
        ({"contact_name": ""}, {"contact_name": "required"}),
    ],
)
def test_each_field_of_a_brand_is_checked(fields: dict[str, str], problems: dict[str, str]) -> None:
    assert brand(**fields) == problems


@pytest.mark.parametrize(
    ("field", "fewest", "most"),
    [
        ("description", 40, 4096), ("message_flow", 40, 2048), ("opt_in_message", 20, 320),
        ("opt_out_message", 20, 320), ("help_message", 20, 320),
    ],
)  # fmt: skip
def test_lengths_are_counted_to_the_character(field: str, fewest: int, most: int) -> None:
    assert campaign(**{field: "é" * (fewest - 1)}) == {field: "too_short"}
    assert campaign(**{field: "é" * fewest}) == {}
    assert campaign(**{field: "👩" * most}) == {}
    assert campaign(**{field: "x" * (most + 1)}) == {field: "too_long"}


def test_a_line_break_counts_once_and_white_space_at_the_ends_not_at_all() -> None:
    assert campaign(description="x" * 20 + "\r\n" + "x" * 19) == {}
    assert campaign(description=" " + "x" * 39 + "\n") == {"description": "too_short"}


def test_two_to_five_samples_are_needed() -> None:
    one = rows.CAMPAIGN["samples"][0]
    assert campaign(samples=[]) == {"sample_1": "too_short", "sample_2": "too_short"}
    assert campaign(samples=[one]) == {"sample_2": "too_short"}
    assert campaign(samples=[one] * 5) == {}
    assert campaign(samples=[one, one, "short"]) == {"sample_3": "too_short"}
    assert campaign(samples=[one, "x" * 1025]) == {"sample_2": "too_long"}
    assert campaign(samples=[one] * 6) == {"sample_5": "too_many"}


@pytest.mark.parametrize("link", ["https://a.example/x", "www.northwind.example", "northwind.com", "bit.ly/2x"])
def test_a_sample_with_a_link_needs_its_flag(link: str) -> None:
    samples = [f"Northwind: see {link} for your order.", rows.CAMPAIGN["samples"][0]]
    assert campaign(samples=samples) == {"sample_1": "has_link"}
    assert campaign(samples=samples, embedded_link=True) == {}


def test_an_e_mail_address_is_no_link() -> None:
    assert campaign(samples=["Northwind: write to help@northwind.com today.", rows.CAMPAIGN["samples"][0]]) == {}


def test_a_sample_with_a_phone_number_needs_its_flag() -> None:
    samples = ["Northwind: call (415) 555-0103 about it.", rows.CAMPAIGN["samples"][0]]
    assert campaign(samples=samples) == {"sample_1": "has_phone"}
    assert campaign(samples=samples, embedded_phone=True) == {}


def test_mixed_use_cases_name_two_to_five_others() -> None:
    cases = ["customer_care", "delivery_notification", "marketing", "2fa", "fraud_alert", "security_alert"]
    for count, right in ((0, False), (1, False), (2, True), (5, True), (6, False)):
        assert (campaign(use_case="mixed", sub_use_cases=cases[:count]) == {}) is right
    assert campaign(use_case="low_volume", sub_use_cases=cases[:1]) == {}
    assert campaign(use_case="low_volume", sub_use_cases=["nonsense"]) == {"sub_use_cases": "wrong_number"}


def test_sole_proprietors_have_a_use_case_of_their_own() -> None:
    assert campaign("sole_proprietor", use_case="customer_care") == {"use_case": "not_for_brand"}
    assert campaign("sole_proprietor", use_case="sole_proprietor") == {}
    assert campaign("private", use_case="sole_proprietor") == {"use_case": "not_for_brand"}


@pytest.mark.parametrize("typed", ["", "QUIT", "STOP, ***", "STOPP"])
def test_keywords_need_the_one_that_everybody_knows(typed: str) -> None:
    assert campaign(opt_out_keywords=typed) == {"opt_out_keywords": "invalid_keywords"}


def test_policies_are_web_addresses() -> None:
    assert campaign(privacy_url="") == {"privacy_url": "invalid"}
    assert campaign(terms_url="javascript:alert(1)") == {"terms_url": "invalid"}


def test_values_are_stored_in_their_standard_form() -> None:
    typed = {
        "tax_id": "943128765", "tax_id_country": "US", "contact_phone": "(415) 555-0103", "region": "ca",
        "legal_name": "  Northwind   Dental ", "entity_type": "private", "stock_symbol": "X",
    }  # fmt: skip
    values = brand_values(typed)
    assert values == {
        "tax_id": "94-3128765", "tax_id_country": "US", "contact_phone": "+14155550103", "region": "CA",
        "legal_name": "Northwind Dental", "entity_type": "private", "stock_symbol": "", "stock_exchange": "",
    }  # fmt: skip
    values = campaign_values({"samples": ["a\r\nb ", "", ""], "opt_out_keywords": "stop,  Stop All, stop"})
    assert (values["samples"], values["opt_out_keywords"]) == (["a\nb"], "STOP, STOP ALL")
