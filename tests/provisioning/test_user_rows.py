"""Rows of users: what a line says of each, in a page and in a file."""

from __future__ import annotations

from typing import Any
from unittest.mock import patch

import pytest

from provisioning.eligibility import KnownRoot, check_user, standing
from provisioning.enablement import resolve
from provisioning.models import Organization, User
from provisioning.standing_words import pill_of
from provisioning.user_rows import UserRow, export_rows, rows_of
from tests import factories

pytestmark = pytest.mark.django_db


@pytest.fixture
def people(organization: Organization) -> list[User]:
    """One of each kind, in the order of the list."""
    off = factories.LocationFactory(organization=organization, texting_setting="off")
    made = [
        factories.texting_user(organization, first_name="", last_name="A able"),
        factories.texting_user(organization, first_name="", last_name="B overridden", texting_setting="off"),
        factories.texting_user(organization, first_name="", last_name="C located", location=off),
        factories.texting_user(organization, first_name="", last_name="D unlicensed", license="standard"),
        factories.texting_user(organization, first_name="", last_name="E waiting"),
        factories.UserFactory(organization=organization, first_name="", last_name="F numberless"),
        factories.texting_user(organization, first_name="", last_name="G gone", is_active=False),
        factories.texting_user(organization, first_name="", last_name="H unlinked"),
        factories.UserFactory(organization=organization, first_name="", last_name="I nowhere", location=None),
    ]
    made[4].primary_number.capability = "unknown"
    made[4].primary_number.save()
    made[7].primary_number.campaign = None
    made[7].primary_number.save()
    return made


def test_a_row_says_what_the_rules_say(organization: Organization, people: list[User]) -> None:
    rows = rows_of([user.pk for user in people], KnownRoot.of(organization))
    for user, row in zip(people, rows, strict=True):
        person = User.objects.get(pk=user.pk)
        verdict, resolution = standing(person), resolve(person)
        assert (row.can_text, row.can_send, row.code) == (verdict.can_receive, verdict.can_send, verdict.code)
        assert (row.enabled, row.source) == (resolution.enabled, resolution.source.value)
        number = getattr(person, "primary_number", None)
        assert (row.e164, row.location_name) == (
            number.e164 if number else None,
            person.location.name if person.location else None,
        )


def test_the_kept_sql_follows_whatever_the_organization_changes(organization: Organization, user: User) -> None:
    def code() -> tuple[bool, str]:
        [row] = rows_of([user.pk], KnownRoot.of(Organization.objects.get(pk=organization.pk)))
        return row.can_text, row.first_unmet

    assert code() == (True, "")
    changes: list[tuple[str, dict[str, Any], tuple[bool, str]]] = [
        ("texting_enabled", {"texting_enabled": False}, (False, "")),
        ("texting_enabled", {"texting_enabled": True}, (True, "")),
        ("customer_type", {"customer_type": "trial"}, (False, "customer_type")),
        ("customer_type", {"customer_type": "enterprise", "addon_licenses": 0}, (False, "addon_license")),
        ("addon_licenses", {"addon_licenses": 1, "healthcare": True}, (False, "healthcare")),
        ("healthcare", {"healthcare": False}, (True, "")),
    ]
    for _name, values, expected in changes:
        Organization.objects.filter(pk=organization.pk).update(**values)
        assert code() == expected
    organization.calling_plans.all().delete()
    assert code() == (False, "calling_plan")
    factories.provisioning.CallingPlan.objects.create(organization=organization, country="US")
    organization.campaigns.update(status="suspended")
    assert code() == (True, "registration")
    organization.campaigns.update(status="active", number_pool=False)
    for _each in range(49):
        factories.PhoneNumberFactory(organization=organization, campaign=organization.campaigns.get())
    assert code() == (True, "number_campaign")
    organization.campaigns.update(number_pool=True)
    assert code() == (True, "")


def test_rows_come_in_the_order_they_are_asked_for(organization: Organization, people: list[User]) -> None:
    ids = [user.pk for user in people][::-1]
    assert [row.pk for row in rows_of(ids, KnownRoot.of(organization))] == ids
    assert rows_of([], KnownRoot.of(organization)) == []


def test_an_export_has_everyone_once_in_order_with_the_sentence_of_the_checklist(
    organization: Organization, people: list[User]
) -> None:
    rows = list(export_rows(User.objects.filter(organization=organization), KnownRoot.of(organization)))
    assert [row.pk for row in rows] == [user.pk for user in people]
    for user, row in zip(people, rows, strict=True):
        sentences = {item.code: item.sentence for item in check_user(User.objects.get(pk=user.pk))}
        assert row.sentence == (sentences[row.first_unmet] if row.first_unmet else "")


def test_an_export_gives_the_reason_of_the_registry(organization: Organization, user: User) -> None:
    reasons = [{"code": "7", "text": "Unpaid."}]
    other = factories.CampaignFactory(brand=organization.brands.get(), status="suspended", reasons=reasons)
    user.primary_number.campaign = other
    user.primary_number.save()
    [row] = export_rows(User.objects.filter(pk=user.pk), KnownRoot.of(organization))
    sentence = next(item.sentence for item in check_user(user) if item.code == "number_campaign")
    assert row.first_unmet == "number_campaign"
    assert "Unpaid" in row.sentence
    assert row.sentence == sentence


def test_an_export_takes_one_query_for_its_users_and_one_a_chunk_for_the_registry(
    organization: Organization, people: list[User], django_assert_max_num_queries: Any
) -> None:
    root = KnownRoot.of(organization)
    with patch("provisioning.user_rows.CHUNK", 2), django_assert_max_num_queries(8):
        assert len(list(export_rows(User.objects.filter(organization=organization), root))) == len(people)


def test_the_pill_of_a_row_is_the_filter_that_finds_it(organization: Organization, people: list[User]) -> None:
    rows = rows_of([user.pk for user in people], KnownRoot.of(organization))
    assert [(row.status, pill_of(row).code) for row in rows] == [(row.status, row.status) for row in rows]
    assert {row.status for row in rows} == {"on", "off", "not_eligible"}


def test_a_row_is_named_surname_first_or_by_its_address() -> None:
    def name(first: str, last: str) -> str:
        fields: dict[str, Any] = dict.fromkeys(UserRow.__dataclass_fields__) | {
            "first_name": first, "last_name": last, "email": "x@x.example",
        }  # fmt: skip
        return UserRow(**fields).name

    assert [name("Ada", "Byron"), name("", "Byron"), name("Ada", ""), name("", "")] == [
        "Byron, Ada", "Byron", "Ada", "x@x.example",
    ]  # fmt: skip
