"""The rules put together: checklists for pages, and who can text right now, in Python and as SQL.

A user can text (receive) when active, enabled, and every requirement that gates texting is met. Sending takes the
requirements that gate sending as well. `registration` never stops a customer's reply from arriving.
"""

from __future__ import annotations

import uuid
from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace
from functools import cache
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from django.db.models import BooleanField, Case, CharField, Q, QuerySet, Value
from django.utils.translation import gettext as _

from provisioning.eligibility import trouble
from provisioning.eligibility.facts import OrganizationFacts, PlaceFacts, UserFacts, stopped_campaigns
from provisioning.eligibility.known import KnownRoot
from provisioning.eligibility.organization_rules import ORGANIZATION_RULES, RegistrationRule, TextingLocationRule
from provisioning.eligibility.requirements import (
    FROM_ORGANIZATION,
    FROM_USER,
    Condition,
    Gate,
    Requirement,
    RequirementState,
    Root,
    Rule,
    all_of,
    any_of,
    if_so,
)
from provisioning.eligibility.trouble import Trouble
from provisioning.eligibility.user_rules import LOCATION_RULES, USER_RULES, NumberCampaignRule, NumberCapabilityRule
from provisioning.enablement import EnablementColumns, annotate_enablement, resolve
from provisioning.models import Location, Organization, User
from provisioning.prepared import Prepared

if TYPE_CHECKING:
    from django_stubs_ext import WithAnnotations

TEXTING_OFF: Final = "texting_off"
USER_INACTIVE: Final = "user_inactive"

_SHARED_RULES = tuple(rule for rule in ORGANIZATION_RULES if not isinstance(rule, TextingLocationRule))
"""The organization's rules as a user's checklist shows them; the user's own location stands for texting_location."""
RULES_OF_USERS: Final[tuple[Rule[Any], ...]] = (*_SHARED_RULES, *USER_RULES)


def check_user(user: User, *, organization_facts: OrganizationFacts | None = None) -> list[Requirement]:
    """The checklist of one user, in the order of the table; give the facts to check many users of one organization."""
    facts = UserFacts.of(user, organization_facts)
    shared = [rule.requirement(facts.organization, for_user=True) for rule in _SHARED_RULES]
    return shared + [rule.requirement(facts, for_user=True) for rule in USER_RULES]


def check_organization(
    organization: Organization, *, for_user: bool = False, facts: OrganizationFacts | None = None
) -> list[Requirement]:
    """The checklist of Service Settings; `for_user` words it as a user's page does. Give the facts if known already."""
    facts = facts or OrganizationFacts.of(organization)
    if facts.registered_campaign is not None and not for_user:
        facts = replace(facts, stopped_campaigns=stopped_campaigns(organization))
    return [rule.requirement(facts, for_user=for_user) for rule in ORGANIZATION_RULES]


def check_location(location: Location) -> list[Requirement]:
    """What the organization and the location have to meet before any user there can text."""
    facts, place = OrganizationFacts.of(location.organization), PlaceFacts(location)
    shared = [rule.requirement(facts, for_user=False) for rule in _SHARED_RULES]
    return shared + [rule.requirement(place, for_user=False) for rule in LOCATION_RULES]


@dataclass(frozen=True, slots=True)
class Standing:
    """Whether a user can text now. `code` is empty when all is well, `sentence` is what the composer shows.

    The code is `user_inactive`, `texting_off`, or the first unmet requirement: of those that gate texting, then
    of those that gate sending.
    """

    enabled: bool
    can_receive: bool
    can_send: bool
    code: str
    sentence: str

    @property
    def full_sentence(self) -> str:
        """With its full stop, for where it stands alone."""
        return f"{self.sentence}." if self.sentence else ""


def standing(user: User) -> Standing:
    """The standing of one user, by the Python rules."""
    enabled = resolve(user).enabled
    requirements = check_user(user)
    unmet = first_unmet(requirements)
    able = user.is_active and enabled
    return Standing(
        enabled=enabled,
        can_receive=able and (unmet is None or unmet.gates is Gate.SENDING),
        can_send=able and unmet is None,
        code=_code(user.is_active, enabled, unmet.code if unmet is not None else ""),
        sentence=_sentence(user.is_active, enabled, unmet.sentence if unmet is not None else ""),
    )


def first_unmet(requirements: Iterable[Requirement]) -> Requirement | None:
    """The one to name: what stops texting comes before what only stops sending."""
    unmet = [requirement for requirement in requirements if not requirement.met]
    return min(unmet, key=lambda requirement: requirement.gates is Gate.SENDING, default=None)


def _code(active: bool, enabled: bool, unmet: str) -> str:
    if not active:
        return USER_INACTIVE
    return unmet if enabled else TEXTING_OFF


def _sentence(active: bool, enabled: bool, unmet: str) -> str:
    if not active:
        return _("This user is deactivated and can’t text")
    return unmet if enabled else _("Business Texting is off for you. Ask your administrator to turn it on")


class StandingColumns(EnablementColumns):
    """What `annotate_standing()` adds, besides a `req_<code>` for every rule."""

    can_text: bool
    can_send: bool
    first_unmet: str


def annotate_standing(queryset: QuerySet[User]) -> QuerySet[WithAnnotations[User, StandingColumns]]:
    """Add the enablement, `req_<code>` for every rule of a user's checklist, `can_text`, `can_send`, `first_unmet`.

    No grouping and no join that multiplies: every look is a join on a unique key or an EXISTS on an index, so the
    cost is that of the rows the query returns.
    """
    states = {f"req_{rule.code}": rule.state_in_sql(FROM_USER) for rule in RULES_OF_USERS}
    queryset = annotate_enablement(queryset).annotate(**states)
    return queryset.annotate(
        can_text=yes_or_no(all_of([Q(effective_enabled=True), able_if_enabled(Gate.TEXTING)])),
        can_send=_can_send_in_sql(),
        first_unmet=_first_unmet_in_sql(FROM_USER),
    )


def annotate_can_send(queryset: QuerySet[User]) -> QuerySet[User]:
    """Add the enablement and `can_send` alone: whether nothing at all stands in the way."""
    return annotate_enablement(queryset).annotate(can_send=_can_send_in_sql())


def _can_send_in_sql() -> Case | Value:
    return yes_or_no(all_of([Q(effective_enabled=True), able_if_enabled(Gate.TEXTING, Gate.SENDING)]))


class StatusColumns(EnablementColumns):
    """What `annotate_status()` adds."""

    first_unmet: str
    first_unmet_waits: bool


def annotate_status(queryset: QuerySet[User], root: KnownRoot) -> QuerySet[WithAnnotations[User, StatusColumns]]:
    """What a line of a list says of users of one organization: the enablement, `first_unmet`, whether that waits.

    The organization is not looked at in any row, so this is as cheap as the joins to the location and the number.
    """
    on = root.organization.texting_enabled
    return annotate_enablement(queryset, organization_on=on, own=root.own_id).annotate(
        first_unmet=_first_unmet_in_sql(root),
        first_unmet_waits=yes_or_no(NumberCapabilityRule().where(RequirementState.WAITING, root)),
    )


def constants_of(root: KnownRoot) -> tuple[Any, ...]:
    """Everything that a known organization puts into the SQL of its users: two roots alike in this make the same."""
    decided = tuple(rule.state(root.facts) for rule in _SHARED_RULES)
    return root.organization.pk, root.organization.texting_enabled, decided, root.open_campaigns


def able_if_enabled(*gates: Gate, assuming: Collection[str] = (), root: Root = FROM_USER) -> Condition:
    """Active users who meet every requirement with one of these gates; the codes in `assuming` as if they were met."""
    rules = (rule for rule in RULES_OF_USERS if rule.gates in gates and rule.code not in assuming)
    return all_of([Q(is_active=True), *(rule.where(RequirementState.MET, root) for rule in rules)])


def unable(root: KnownRoot) -> Condition:
    """The opposite of `able_if_enabled(Gate.TEXTING)`, never NULL: deactivated, or something stops texting."""
    unmet = (
        rule.where(state, root)
        for rule in RULES_OF_USERS
        if rule.gates is Gate.TEXTING
        for state in (RequirementState.NOT_MET, RequirementState.WAITING)
    )
    return any_of([Q(is_active=False), *unmet])


def yes_or_no(condition: Condition) -> Case | Value:
    """The condition as a boolean column; NULL is no."""
    return if_so(condition, Value(True, output_field=BooleanField()), Value(False, output_field=BooleanField()))


def _first_unmet_in_sql(root: Root) -> Case | Value:
    """`first_unmet()`, built from its end: met means look further, anything else (NULL too) is the answer."""
    expression: Case | Value = Value("", output_field=CharField())
    for rule in sorted(RULES_OF_USERS, key=lambda rule: rule.gates is Gate.SENDING)[::-1]:
        code = Value(rule.code, output_field=CharField())
        expression = if_so(rule.where(RequirementState.MET, root), expression, code)
    return expression


def annotate_organization(queryset: QuerySet[Organization]) -> QuerySet[Organization]:
    """Add `req_<code>` for every requirement of the organization."""
    return queryset.annotate(
        **{f"req_{rule.code}": rule.state_in_sql(FROM_ORGANIZATION) for rule in ORGANIZATION_RULES}
    )


def standings(user_ids: Iterable[uuid.UUID]) -> dict[uuid.UUID, Standing]:
    """The standing of each user, in one query: the relay's look at a batch just before it goes out.

    Up to three more where the registry's decision stands in the way, to say which.
    """
    rows = [StandingRow(*row) for row in _standing_rows().of(list(user_ids))]
    troubles = _troubles(rows)
    return {row.pk: _standing_of_row(row, troubles.get(row.pk)) for row in rows}


def _troubles(rows: Collection[Any]) -> dict[uuid.UUID, Trouble]:
    """By user, for those whose first unmet requirement is about the registration."""
    by_number = [row.pk for row in rows if row.first_unmet == NumberCampaignRule.code]
    homes = {row.pk: row.organization_id for row in rows if row.first_unmet == RegistrationRule.code}
    found = trouble.of_numbers(by_number) if by_number else {}
    decided = trouble.of_organizations(set(homes.values())) if homes else {}
    return found | {user_id: decided[home] for user_id, home in homes.items() if home in decided}


class StandingRow(NamedTuple):
    """What `standings()` needs of `annotate_standing()`."""

    pk: uuid.UUID
    is_active: bool
    organization_id: uuid.UUID | None
    effective_enabled: bool
    first_unmet: str
    req_registration: str
    req_number_capability: str


@cache
def _standing_rows() -> Prepared:
    """Made once a process: to make it takes longer than to ask."""

    def build(ids: list[uuid.UUID]) -> QuerySet[User, Any]:
        rows = annotate_enablement(User.objects.order_by().filter(pk__in=ids)).annotate(
            first_unmet=_first_unmet_in_sql(FROM_USER),
            req_registration=RegistrationRule().state_in_sql(FROM_USER),
            req_number_capability=NumberCapabilityRule().state_in_sql(FROM_USER),
        )
        return rows.values_list(*StandingRow._fields)

    return Prepared(build)


def _standing_of_row(row: StandingRow, decided: Trouble | None) -> Standing:
    unmet = next((rule for rule in RULES_OF_USERS if rule.code == row.first_unmet), None)
    able = row.is_active and row.effective_enabled
    return Standing(
        enabled=row.effective_enabled,
        can_receive=able and (unmet is None or unmet.gates is Gate.SENDING),
        can_send=able and unmet is None,
        code=_code(row.is_active, row.effective_enabled, row.first_unmet),
        sentence=_sentence(row.is_active, row.effective_enabled, _sentence_of_first(unmet, row, decided)),
    )


def _sentence_of_first(unmet: Rule[Any] | None, row: StandingRow, decided: Trouble | None) -> str:
    """As the first unmet requirement, a rule can wait only for somebody outside, never for an earlier rule."""
    if unmet is None:
        return ""
    state = getattr(row, f"req_{unmet.code}") if unmet.awaited is not None else RequirementState.NOT_MET
    if decided is not None and state == RequirementState.NOT_MET:
        return decided.sentence
    return unmet.sentence(RequirementState(state), for_user=True)
