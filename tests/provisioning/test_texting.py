"""Switching texting on and off: what is written, what is refused, what the audit log is told."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from provisioning.changes import Actor, changed
from provisioning.models import Brand, CallingPlan, Location, Organization, User
from provisioning.refusals import Refusal
from provisioning.texting import (
    set_location_texting,
    set_organization_texting,
    set_user_texting,
    set_users_texting,
)
from tests import factories
from tests.provisioning.recorded import recorded

pytestmark = pytest.mark.django_db

LATER = factories.NOW + timedelta(days=1)


@pytest.fixture
def actor(full_admin: User) -> Actor:
    return Actor.of_user(full_admin, via="portal", ip="192.0.2.7")


@pytest.fixture
def off(user: User) -> Organization:
    """An eligible organization that is off and has accepted nothing yet."""
    organization = user.organization
    assert organization is not None
    organization.texting_enabled = False
    organization.acceptable_use_accepted_at = None
    organization.save()
    return organization


def refused(code: str) -> Any:
    return pytest.raises(Refusal, match=f"^{code}$")


def test_switching_on_keeps_who_accepted_the_policy_and_when(off: Organization, actor: Actor) -> None:
    with recorded() as changes:
        row = set_organization_texting(off, True, actor, LATER, accept_policy=True)
    stored = Organization.objects.get(pk=off.pk)
    assert (stored.texting_enabled, stored.texting_changed_at) == (True, LATER)
    assert (stored.acceptable_use_accepted_at, stored.acceptable_use_accepted_by_id) == (LATER, actor.user_id)
    assert row == stored
    assert [(change.action, change.organization_id, change.actor.ip) for change in changes] == [
        ("organization.acceptable_use_accepted", off.pk, "192.0.2.7"),
        ("organization.texting_changed", off.pk, "192.0.2.7"),
    ]
    assert "A STOP is final." in changes[0].after["policy"]
    assert (changes[1].before, changes[1].after) == ({"enabled": False}, {"enabled": True})


def test_switching_on_takes_the_policy(off: Organization, actor: Actor) -> None:
    with recorded() as changes, refused("acceptable_use_not_accepted"):
        set_organization_texting(off, True, actor, LATER)
    assert not Organization.objects.get(pk=off.pk).texting_enabled
    assert changes == []


def test_whoever_accepts_the_policy_to_switch_on_again_is_kept_as_well(off: Organization, actor: Actor) -> None:
    set_organization_texting(off, True, actor, factories.NOW, accept_policy=True)
    set_organization_texting(off, False, actor, LATER)
    with recorded() as changes:
        row = set_organization_texting(off, True, actor, LATER, accept_policy=True)
    assert (row.texting_enabled, row.acceptable_use_accepted_at) == (True, LATER)
    assert [change.action for change in changes] == [
        "organization.acceptable_use_accepted", "organization.texting_changed",
    ]  # fmt: skip


def test_what_was_accepted_before_need_not_be_accepted_again_over_the_api(off: Organization, actor: Actor) -> None:
    set_organization_texting(off, True, actor, factories.NOW, accept_policy=True)
    set_organization_texting(off, False, actor, LATER)
    with recorded() as changes:
        row = set_organization_texting(off, True, actor, LATER)
        set_organization_texting(off, True, actor, LATER, accept_policy=True)
    assert (row.texting_enabled, row.acceptable_use_accepted_at) == (True, factories.NOW)
    assert [change.action for change in changes] == ["organization.texting_changed"]


def test_a_healthcare_customer_confirms_that_no_health_information_is_texted(off: Organization, actor: Actor) -> None:
    Organization.objects.filter(pk=off.pk).update(healthcare=True)
    with refused("attestation_required") as refusal:
        set_organization_texting(off, True, actor, LATER, accept_policy=True)
    assert refusal.value.sentence.startswith("Business texting is not HIPAA compliant.")
    assert Organization.objects.get(pk=off.pk).acceptable_use_accepted_at is None
    with recorded() as changes:
        row = set_organization_texting(off, True, actor, LATER, accept_policy=True, attest=True)
    assert (row.texting_enabled, row.phi_attested_at, row.phi_attested_by_id) == (True, LATER, actor.user_id)
    [attested] = [change for change in changes if change.action == "organization.health_attested"]
    assert "users don’t text protected health information" in attested.after["confirmed"]


@pytest.mark.parametrize(
    ("code", "values"),
    [("customer_type", {"customer_type": "online"}), ("addon_license", {"addon_licenses": 0})],
)
def test_an_organization_that_is_not_eligible_is_not_switched_on(
    off: Organization, actor: Actor, code: str, values: dict[str, Any]
) -> None:
    Organization.objects.filter(pk=off.pk).update(**values)
    with refused(code) as refusal:
        set_organization_texting(off, True, actor, LATER, accept_policy=True)
    assert refusal.value.extra["remedy"]


def test_no_calling_plan_and_no_location_refuse_too(off: Organization, actor: Actor) -> None:
    Location.objects.update(country="GB")
    with refused("texting_location"):
        set_organization_texting(off, True, actor, LATER, accept_policy=True)
    CallingPlan.objects.all().delete()
    with refused("calling_plan"):
        set_organization_texting(off, True, actor, LATER, accept_policy=True)


def test_an_unfinished_registration_does_not_refuse(off: Organization, actor: Actor) -> None:
    Brand.objects.update(status="draft")
    assert set_organization_texting(off, True, actor, LATER, accept_policy=True).texting_enabled


def test_switching_off_is_never_refused(user: User, actor: Actor) -> None:
    Organization.objects.update(customer_type="trial", addon_licenses=0, acceptable_use_accepted_at=None)
    assert not set_organization_texting(user.organization, False, actor, LATER).texting_enabled


def test_what_is_already_so_is_not_written_and_not_audited(user: User, actor: Actor) -> None:
    with recorded() as changes:
        set_organization_texting(user.organization, True, actor, LATER)
        set_location_texting(user.location, "default", actor, LATER)
        set_user_texting(user, "default", actor, LATER)
    assert changes == []
    assert Organization.objects.get(pk=user.organization_id).texting_changed_at is None


def test_a_location_is_set_and_audited(user: User, actor: Actor) -> None:
    with recorded() as changes:
        row = set_location_texting(user.location, "off", actor, LATER)
    assert row.texting_setting == Location.objects.get(pk=row.pk).texting_setting == "off"
    assert [(change.action, change.before, change.after) for change in changes] == [
        ("location.texting_changed", {"setting": "default"}, {"setting": "off"})
    ]


@pytest.mark.parametrize(
    ("code", "values"),
    [("location_country", {"country": "GB"}), ("location_pstn", {"pstn_connection": "local_gateway"})],
)
def test_a_location_where_nobody_can_text_is_not_switched_on(
    user: User, actor: Actor, code: str, values: dict[str, str]
) -> None:
    Location.objects.update(**values)
    with refused(code):
        set_location_texting(user.location, "on", actor, LATER)
    assert set_location_texting(user.location, "off", actor, LATER).texting_setting == "off"


def test_a_user_is_overridden_and_audited(user: User, actor: Actor) -> None:
    with recorded() as changes:
        row = set_user_texting(user, "on", actor, LATER)
    assert row.texting_setting == User.objects.get(pk=user.pk).texting_setting == "on"
    assert [(change.action, change.target_id, change.before, change.after) for change in changes] == [
        ("user.texting_changed", str(user.pk), {"setting": "default"}, {"setting": "on"})
    ]


def test_an_override_is_kept_for_a_user_who_has_no_number_yet(organization: Organization, actor: Actor) -> None:
    user = factories.UserFactory(location=factories.LocationFactory(organization=organization))
    assert set_user_texting(user, "on", actor, LATER).texting_setting == "on"


def test_a_user_of_an_organization_that_is_not_eligible_is_not_switched_on(user: User, actor: Actor) -> None:
    Organization.objects.update(customer_type="online")
    with refused("customer_type") as refusal:
        set_user_texting(user, "on", actor, LATER)
    assert refusal.value.sentence == "User is not eligible for texting capability"


@pytest.mark.parametrize(
    ("code", "values"),
    [
        ("acceptable_use_not_accepted", {"acceptable_use_accepted_at": None}),
        ("attestation_required", {"healthcare": True}),
    ],
)
def test_no_override_goes_around_what_the_organization_has_to_accept(
    user: User, actor: Actor, code: str, values: dict[str, Any]
) -> None:
    Organization.objects.update(**values)
    with refused(code):
        set_user_texting(user, "on", actor, LATER)
    with refused(code):
        set_location_texting(user.location, "on", actor, LATER)


def test_a_setting_that_does_not_exist_is_refused(user: User, actor: Actor) -> None:
    with refused("invalid_setting"):
        set_user_texting(user, "maybe", actor, LATER)


def test_nothing_is_written_when_it_cannot_be_audited(user: User, actor: Actor) -> None:
    def fail(**_kept: Any) -> None:
        raise RuntimeError("no audit log")

    changed.connect(fail)
    try:
        with pytest.raises(RuntimeError):
            set_user_texting(user, "off", actor, LATER)
    finally:
        changed.disconnect(fail)
    assert User.objects.get(pk=user.pk).texting_setting == "default"


def test_many_users_are_switched_as_one_is(organization: Organization, user: User, actor: Actor) -> None:
    others = [factories.UserFactory(location=user.location) for _each in range(3)]
    already = factories.UserFactory(location=user.location, texting_setting="off")
    people = [user, *others, already]
    with recorded() as changes:
        assert set_users_texting(people, "off", actor, LATER) == [None] * 5
    assert set(User.objects.filter(pk__in=[each.pk for each in people]).values_list("texting_setting", flat=True)) == {
        "off"
    }
    assert {each.texting_setting for each in people} == {"off"}
    assert [change.target_id for change in changes] == [str(each.pk) for each in [user, *others]]
    assert {(change.action, change.before["setting"], change.after["setting"]) for change in changes} == {
        ("user.texting_changed", "default", "off")
    }


def test_what_stops_one_user_from_being_switched_on_stops_many(off: Organization, user: User, actor: Actor) -> None:
    already = factories.UserFactory(location=user.location, texting_setting="on")
    with recorded() as changes:
        refusal, nothing = set_users_texting([user, already], "on", actor, LATER)
    assert refusal is not None
    assert (refusal.code, nothing, changes) == ("acceptable_use_not_accepted", None, [])
    user.refresh_from_db()
    assert user.texting_setting == "default"


def test_a_row_that_changed_since_it_was_read_is_written_from_what_it_is(user: User, actor: Actor) -> None:
    stale = User.objects.get(pk=user.pk)
    set_user_texting(user, "off", actor, LATER)
    with recorded() as changes:
        set_users_texting([stale], "off", actor, LATER)
    assert changes == []


def test_users_of_two_organizations_are_not_switched_at_once(user: User, stranger: User, actor: Actor) -> None:
    with pytest.raises(ValueError, match="one organization"):
        set_users_texting([user, stranger], "off", actor, LATER)


def test_the_statements_of_many_switches_do_not_grow_with_the_users(
    user: User, actor: Actor, django_assert_num_queries: Any
) -> None:
    people = [factories.UserFactory(location=user.location) for _each in range(20)]
    set_users_texting([user], "off", actor, LATER)  # the chain's first event takes more
    with django_assert_num_queries(10):
        set_users_texting(people, "on", actor, LATER)
