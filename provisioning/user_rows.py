"""Users as lists and files show them: a line each, with who can text and why not, computed in SQL in one query.

rows = user_rows(narrow(users_in_reach(administrator), values, root), root)     # a page of them, sliced
for row in export_rows(users, root): ...                                        # all of them, in one pass
"""

from __future__ import annotations

import uuid
from collections.abc import Collection, Iterator
from dataclasses import dataclass, replace
from functools import cache, lru_cache
from itertools import islice
from typing import Any, Final

from django.db.models import QuerySet

from provisioning.eligibility import Gate, KnownRoot, RequirementState, annotate_status, check_organization, trouble
from provisioning.eligibility.standing import RULES_OF_USERS, TEXTING_OFF, USER_INACTIVE, constants_of
from provisioning.eligibility.user_rules import NumberCampaignRule
from provisioning.models import User
from provisioning.prepared import Prepared

COLUMNS: Final = (
    "pk", "first_name", "last_name", "email", "license", "texting_setting", "is_active", "last_login", "invited_at",
    "location_id", "location__name", "location__country", "location__pstn_connection",
    "primary_number__e164", "primary_number__active",
    "effective_enabled", "enablement_source", "first_unmet", "first_unmet_waits",
)  # fmt: skip
CHUNK: Final = 2_000
"""Rows that an export holds at a time."""


@dataclass(frozen=True, slots=True)
class UserRow:
    """One line. `first_unmet` is the code of the requirement to name, empty when all are met; `waits` belongs to it.

    `sentence`, which says the same in words, is filled by `export_rows()` alone.
    """

    pk: uuid.UUID
    first_name: str
    last_name: str
    email: str
    license: str
    texting_setting: str
    is_active: bool
    last_login: Any
    invited_at: Any
    location_id: uuid.UUID | None
    location_name: str | None
    country: str | None
    pstn_connection: str | None
    e164: str | None
    number_active: bool | None
    enabled: bool
    source: str
    first_unmet: str
    waits: bool
    sentence: str = ""

    @property
    def name(self) -> str:
        """Surname first, as the list is sorted; the e-mail address where there is none."""
        return f"{self.last_name}, {self.first_name}".strip(", ") or self.email

    @property
    def account(self) -> str:
        """`active`, `invited` or `deactivated`: provisioning/user_filters.py filters by the same."""
        if not self.is_active:
            return "deactivated"
        return "invited" if self.last_login is None and self.invited_at is not None else "active"

    @property
    def eligible(self) -> bool:
        """Everything that gates texting is met, whether or not it is on."""
        return self.is_active and self.first_unmet in codes_that_let_text()

    @property
    def can_text(self) -> bool:
        return self.eligible and self.enabled

    @property
    def can_send(self) -> bool:
        return self.can_text and not self.first_unmet

    @property
    def status(self) -> str:
        """`on`, `off` or `not_eligible`: the pill of the list, and the filter of the same name."""
        if not self.eligible:
            return "not_eligible"
        return "on" if self.enabled else "off"

    @property
    def code(self) -> str:
        """Why not: `user_inactive`, `texting_off` or the first unmet requirement; empty when all is well."""
        if not self.is_active:
            return USER_INACTIVE
        return self.first_unmet if self.enabled else TEXTING_OFF


@cache
def codes_that_let_text() -> frozenset[str]:
    """First unmet requirements that stop sending only, and none."""
    return frozenset({"", *(rule.code for rule in RULES_OF_USERS if rule.gates is Gate.SENDING)})


def user_rows(users: QuerySet[User], root: KnownRoot) -> QuerySet[User, tuple[Any, ...]]:
    """The columns of `UserRow(*row)` for these users of the root's organization; slice it, then read it."""
    return annotate_status(users, root).values_list(*COLUMNS)


def rows_of(ids: Collection[uuid.UUID], root: KnownRoot) -> list[UserRow]:
    """Rows of these users of the root's organization, in the order of the ids; one query, its SQL kept."""
    rows = {row[0]: UserRow(*row) for row in _prepared(constants_of(root), _Held(root)).of(ids)}
    return [rows[key] for key in ids if key in rows]


class _Held:
    """What the SQL is built from when it is not kept yet. Equal to every other: the constants alone tell them apart."""

    def __init__(self, root: KnownRoot) -> None:
        self.root = root

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Held)

    def __hash__(self) -> int:
        return 0


@lru_cache(maxsize=256)
def _prepared(constants: tuple[Any, ...], held: _Held) -> Prepared:
    return Prepared(lambda ids: user_rows(User.objects.order_by().filter(pk__in=ids), held.root))


def export_rows(users: QuerySet[User], root: KnownRoot) -> Iterator[UserRow]:
    """Everyone, by name, each with the sentence of `first_unmet`, in one pass.

    CHUNK rows are in memory at a time: on Postgres behind a cursor of the server, which reads one snapshot.
    """
    ordered = user_rows(users.order_by("sort_name", "pk"), root).iterator(chunk_size=CHUNK)
    sentences = _sentences(root)
    while chunk := [UserRow(*row) for row in islice(ordered, CHUNK)]:
        decided = trouble.of_numbers([row.pk for row in chunk if row.first_unmet == NumberCampaignRule.code])
        for row in chunk:
            known = decided.get(row.pk)
            yield replace(row, sentence=known.sentence if known is not None else sentences[row.first_unmet, row.waits])


def _sentences(root: KnownRoot) -> dict[tuple[str, bool], str]:
    """By `first_unmet` and whether that waits. What the organization lacks is worded once, with the registry's reason.

    As the first unmet requirement of a user, only the number's capability can wait: for the carrier.
    """
    found = {("", False): "", ("", True): ""}
    of_organization = {item.code: item.sentence for item in check_organization(root.organization, for_user=True)}
    for rule in RULES_OF_USERS:
        for waits in (False, True):
            state = RequirementState.WAITING if waits else RequirementState.NOT_MET
            own = str(rule.sentence(state, for_user=True))
            found[rule.code, waits] = of_organization.get(rule.code) or own
    return found
