"""Which users a bulk action is for: some that were picked, or all that match a filter at the time it runs.

What must never happen
- A user is met twice, or passed by, because the action changes what the filter asks for: the walk goes by id, which
  nothing changes. Who comes to match behind the place where the walk is, is not met; who no longer matches when the
  walk comes by, isn't either.
- A filter that is not understood selects more: what this module does not know is refused, never left out.
- Somebody out of reach: every look goes through users_in_reach(), with the roles of that moment.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from django.db.models import QuerySet
from django.utils.translation import gettext as _

from provisioning.eligibility import KnownRoot, RequirementState
from provisioning.eligibility.standing import RULES_OF_USERS
from provisioning.enablement import Source
from provisioning.models import User
from provisioning.models.users import License
from provisioning.refusals import Refusal
from provisioning.scoping import locations_in_reach, users_in_reach
from provisioning.user_filters import ACCOUNTS, NAMES, NO_LOCATION, narrow

MOST_PICKED: Final = 20_000
LONGEST_SEARCH: Final = 200

_REQUIREMENTS: Final = frozenset(
    f"{rule.code}{state}"
    for rule in RULES_OF_USERS
    for state in ("", f":{RequirementState.NOT_MET}", f":{RequirementState.WAITING}")
)
KNOWN: Final[Mapping[str, frozenset[str]]] = {
    "status": frozenset(("on", "off", "not_eligible")),
    "source": frozenset(source.value for source in Source),
    "requirement": _REQUIREMENTS,
    "license": frozenset(License.values),
    "account": frozenset(ACCOUNTS),
}
"""What each filter with fixed values takes."""


@dataclass(frozen=True, slots=True)
class Piece:
    """The next users of a walk: those in reach, the picked ones that are not there, and where to go on (None: end)."""

    users: list[uuid.UUID]
    missing: list[uuid.UUID]
    cursor: dict[str, Any] | None


@dataclass(frozen=True, slots=True)
class Selection:
    """`ids`: picked, in order. `values`: a filter (provisioning/user_filters.py), {} for everyone. One of the two."""

    ids: tuple[uuid.UUID, ...] = ()
    values: Mapping[str, str] | None = None

    @classmethod
    def picked(cls, ids: Iterable[uuid.UUID]) -> Selection:
        """Refusal: `nobody_selected`, `too_many_selected`."""
        chosen = tuple(sorted(set(ids)))
        if not chosen:
            raise Refusal("nobody_selected", _("Select at least one user."))
        if len(chosen) > MOST_PICKED:
            words = {"most": f"{MOST_PICKED:,}"}
            sentence = _("Select at most %(most)s users one by one. Use a filter for more.") % words
            raise Refusal("too_many_selected", sentence)
        return cls(chosen)

    @classmethod
    def matching(cls, administrator: User, values: Mapping[str, Any]) -> Selection:
        """All that match, and are in reach. Refusal: `unknown_filter`, the field in extra."""
        return cls(values=checked(administrator, values))

    @classmethod
    def of_arguments(cls, arguments: Mapping[str, Any]) -> Selection:
        """What `arguments()` gave."""
        if arguments.get("filter") is not None:
            return cls(values=arguments["filter"])
        return cls(tuple(uuid.UUID(each) for each in arguments["users"]))

    def arguments(self) -> dict[str, Any]:
        """JSON-ready, for Task.arguments."""
        if self.values is not None:
            return {"filter": dict(self.values)}
        return {"users": [str(each) for each in self.ids]}

    def users(self, administrator: User, root: KnownRoot | None = None) -> QuerySet[User]:
        """The users as of now, in reach of the administrator, in no order; give the root if it is known already."""
        reach = users_in_reach(administrator).order_by()
        if self.values is None:
            return reach.filter(pk__in=self.ids)
        if not self.values or administrator.organization is None:
            return reach
        return narrow(reach, self.values, root or KnownRoot.of(administrator.organization, reasons=False))

    def count(self, administrator: User) -> int:
        """How many there are to go through; picked ones that are not there are gone through, too."""
        return len(self.ids) if self.values is None else self.users(administrator).count()

    def piece(self, administrator: User, cursor: Mapping[str, Any], size: int) -> Piece:
        """The next at most `size` users behind `cursor` ({} is the beginning), by id."""
        if self.values is None:
            return self._picked_piece(administrator, cursor.get("at", 0), size)
        users = self.users(administrator)
        if cursor.get("after"):
            users = users.filter(pk__gt=uuid.UUID(cursor["after"]))
        found = list(users.order_by("pk").values_list("pk", flat=True)[:size])
        return Piece(found, [], {"after": str(found[-1])} if len(found) == size else None)

    def _picked_piece(self, administrator: User, at: int, size: int) -> Piece:
        chosen = self.ids[at : at + size]
        there = users_in_reach(administrator).filter(pk__in=chosen).order_by("pk")
        users = list(there.values_list("pk", flat=True))
        missing = sorted(set(chosen) - set(users))
        following = {"at": at + size} if at + size < len(self.ids) else None
        return Piece(users, missing, following)


def checked(administrator: User, values: Mapping[str, Any]) -> dict[str, str]:
    """The filter without what is empty. Refusal: `unknown_filter` for a value that this filter does not know."""
    given = {name: str(values[name]) for name in NAMES if values.get(name)}
    for name, value in given.items():
        if not _is_known(administrator, name, value):
            sentence = _("This filter is not known any longer. Go back to Users and choose it again.")
            raise Refusal("unknown_filter", sentence, field=name)
    return given


def _is_known(administrator: User, name: str, value: str) -> bool:
    if name == "q":
        return len(value) <= LONGEST_SEARCH and value.isprintable()
    if name == "location":
        return value == NO_LOCATION or _location_is_known(administrator, value)
    return value in KNOWN[name]


def _location_is_known(administrator: User, value: str) -> bool:
    try:
        return locations_in_reach(administrator).filter(pk=uuid.UUID(value)).exists()
    except ValueError:
        return False
