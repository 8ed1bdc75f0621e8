"""Python and SQL say the same of every state of the database."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any
from unittest.mock import patch

import pytest
from django.db import transaction
from hypothesis import HealthCheck, given, settings

from provisioning.eligibility import (
    Gate,
    KnownRoot,
    OrganizationFacts,
    Requirement,
    RequirementState,
    annotate_organization,
    annotate_standing,
    annotate_status,
    check_organization,
    check_user,
    standing,
    standings,
)
from provisioning.eligibility.reach import able_to_text_by_location, switch_reach
from provisioning.eligibility.requirements import Condition, as_filter
from provisioning.eligibility.standing import RULES_OF_USERS, _standing_rows, able_if_enabled, first_unmet, unable
from provisioning.enablement import THEIR_OWN, Source, decided_by, disabled_if, enabled_if, resolve
from provisioning.models import Organization, User
from tests.factories import NOW
from tests.provisioning.worlds import Draft, World, drafts

pytestmark = pytest.mark.django_db

every_world = settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])


@contextmanager
def stored(draft: Draft) -> Iterator[World]:
    """The world, gone again afterwards. A campaign is full at two numbers, so that small worlds have crowded ones."""
    _standing_rows.cache_clear()
    try:
        with (
            patch("provisioning.eligibility.facts.CAMPAIGN_NUMBERS_LIMIT", 2),
            patch("provisioning.eligibility.user_rules.CAMPAIGN_NUMBERS_LIMIT", 2),
            transaction.atomic(),
        ):
            yield draft.store()
            transaction.set_rollback(True)
    finally:
        _standing_rows.cache_clear()


def annotated(world: World) -> dict[Any, Any]:
    ids = [user.pk for user in world.users]
    return {user.pk: user for user in annotate_standing(User.objects.filter(pk__in=ids))}


@every_world
@given(drafts())
def test_all_that_is_said_of_a_user_agrees(draft: Draft) -> None:
    with stored(draft) as world:
        rows, in_one_query = annotated(world), standings(user.pk for user in world.users)
        for user in world.users:
            enablement_agrees(user, rows[user.pk])
            requirements_agree(user, rows[user.pk])
            verdict_agrees(user, rows[user.pk])
            assert in_one_query[user.pk] == standing(user)


def enablement_agrees(user: User, row: Any) -> None:
    resolution = resolve(user)
    assert (row.effective_enabled, row.enablement_source) == (resolution.enabled, resolution.source.value)


def requirements_agree(user: User, row: Any) -> None:
    requirements = check_user(user)
    in_python = {requirement.code: requirement.state.value for requirement in requirements}
    assert {code: getattr(row, f"req_{code}") for code in in_python} == in_python
    assert check_user(user, organization_facts=OrganizationFacts.of(user.organization)) == requirements


def verdict_agrees(user: User, row: Any) -> None:
    """SQL says what Python says, and both say what follows from the checklist."""
    verdict = standing(user)
    assert (row.can_text, row.can_send) == (verdict.can_receive, verdict.can_send)
    unmet = [item for item in check_user(user) if item.state is not RequirementState.MET]
    able = user.is_active and resolve(user).enabled
    assert verdict.can_send is (able and not unmet)
    assert verdict.can_receive is (able and not [item for item in unmet if item.gates == "texting"])
    assert (row.first_unmet == "") is (not unmet)


@every_world
@given(drafts())
def test_what_is_asked_of_a_known_organization_says_the_same(draft: Draft) -> None:
    with stored(draft) as world:
        for organization in world.organizations:
            root = KnownRoot.of(organization)
            people = {user.pk: user for user in world.users if user.organization_id == organization.pk}
            status_agrees(root, people)
            conditions_agree(root, people)


def status_agrees(root: KnownRoot, people: dict[Any, User]) -> None:
    for row in annotate_status(User.objects.filter(pk__in=people), root):
        user = people[row.pk]
        enablement_agrees(user, row)
        unmet = first_unmet(check_user(user))
        assert row.first_unmet == (unmet.code if unmet else "")
        capability = next(item for item in check_user(user) if item.code == "number_capability")
        assert row.first_unmet_waits is (capability.state is RequirementState.WAITING)


def conditions_agree(root: KnownRoot, people: dict[Any, User]) -> None:
    """Every condition finds those of whom the Python half says so, and only them: none is NULL where it decides."""
    reach = User.objects.filter(pk__in=people)

    def found(condition: Condition) -> set[Any]:
        return set(reach.filter(as_filter(condition)).values_list("pk", flat=True))

    checked = {key: {item.code: item for item in check_user(user)} for key, user in people.items()}
    for rule in RULES_OF_USERS:
        for state in RequirementState:
            expected = {key for key, items in checked.items() if items[rule.code].state is state}
            assert found(rule.where(state, root)) == expected, (rule.code, state)
    resolved = {key: resolve(user) for key, user in people.items()}
    for source in Source:
        theirs = {key for key, value in resolved.items() if value.source is source}
        assert found(decided_by(source)) == found(decided_by(source, own=root.own_id)) == theirs
    on = root.organization.texting_enabled
    enabled = {key for key, value in resolved.items() if value.enabled}
    for own in (THEIR_OWN, root.own_id):
        assert found(enabled_if(organization_on=on, own=own)) == enabled
        assert found(disabled_if(organization_on=on, own=own)) == set(people) - enabled
    able = {key for key, user in people.items() if user.is_active and not stopped(checked[key].values())}
    assert found(able_if_enabled(Gate.TEXTING, root=root)) == able
    assert found(unable(root)) == set(people) - able


def stopped(requirements: Iterable[Requirement]) -> bool:
    return any(requirement.stops_texting for requirement in requirements)


@every_world
@given(drafts())
def test_every_requirement_of_every_organization_agrees(draft: Draft) -> None:
    with stored(draft) as world:
        ids = [organization.pk for organization in world.organizations]
        rows = {row.pk: row for row in annotate_organization(Organization.objects.filter(pk__in=ids))}
        for organization in world.organizations:
            in_python = {item.code: item.state.value for item in check_organization(organization)}
            in_sql = {code: getattr(rows[organization.pk], f"req_{code}") for code in in_python}
            assert in_sql == in_python


@every_world
@given(drafts())
def test_counts_by_location_are_those_of_the_users_one_by_one(draft: Draft) -> None:
    with stored(draft) as world:
        for organization in world.organizations:
            counted: dict[Any, list[int]] = {}
            for user in world.users:
                at_home = user.location is not None and user.location.organization_id == organization.pk
                if user.is_active and at_home and user.organization_id == organization.pk:
                    able_and_all = counted.setdefault(user.location_id, [0, 0])
                    able_and_all[0] += standing(user).can_receive
                    able_and_all[1] += 1
            reach = able_to_text_by_location(organization)
            assert {place: [found.able, found.users] for place, found in reach.items()} == counted


@every_world
@given(drafts())
def test_the_reach_of_the_switch_is_what_switching_would_do(draft: Draft) -> None:
    with stored(draft) as world:
        for organization in world.organizations:
            reach = switch_reach(organization)
            for switch, foretold in ((True, reach.able_when_on), (False, reach.able_when_off)):
                # Switching on asks a healthcare customer for the confirmation.
                confirmed = NOW if switch else organization.phi_attested_at
                Organization.objects.filter(pk=organization.pk).update(
                    texting_enabled=switch, phi_attested_at=confirmed
                )
                people = User.objects.filter(organization=organization)
                assert sum(standing(person).can_receive for person in people) == foretold
