"""Which numbers: what the Numbers page and the API filter by, and what a bulk action is for.

Values are plain strings by name, so that an address, a task's arguments and a test hold them alike; what is unknown or
empty narrows nothing.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from django.db.models import Q, QuerySet

from provisioning.models import PhoneNumber, User
from provisioning.models.choices import fold
from provisioning.models.numbers import NumberSource, TextCapability
from provisioning.scoping import numbers_in_reach

FILTERS: Final = ("q", "location", "state", "assigned", "capability", "campaign", "source")
ACTIVE, INACTIVE, RELEASED = "active", "inactive", "released"
STATES: Final = {
    ACTIVE: Q(active=True, released_at__isnull=True),
    INACTIVE: Q(active=False, released_at__isnull=True),
    RELEASED: Q(released_at__isnull=False, active=False),
}
ASSIGNED, FREE = "assigned", "free"
USES: Final = {ASSIGNED: Q(user__isnull=False), FREE: Q(user__isnull=True)}
NO_CAMPAIGN: Final = "none"

_NUMBERISH: Final = re.compile(r"[\d\s()+.\-–—/]+")
_FEWEST_DIGITS: Final = 2


def narrow(numbers: QuerySet[PhoneNumber], values: Mapping[str, Any]) -> QuerySet[PhoneNumber]:
    """Those that match every value. Released numbers are there only where they are asked for."""
    numbers = numbers.filter(STATES.get(values.get("state") or "", Q(released_at__isnull=True)))
    if values.get("q"):
        numbers = numbers.filter(matching(str(values["q"])))
    if values.get("location"):
        numbers = numbers.filter(location=as_id(values["location"]))
    if values.get("assigned") in USES:
        numbers = numbers.filter(USES[values["assigned"]])
    if values.get("capability") in TextCapability.values:
        numbers = numbers.filter(capability=values["capability"])
    if values.get("source") in NumberSource.values:
        numbers = numbers.filter(source=values["source"])
    return _of_campaign(numbers, str(values.get("campaign") or ""))


def _of_campaign(numbers: QuerySet[PhoneNumber], campaign: str) -> QuerySet[PhoneNumber]:
    if campaign == NO_CAMPAIGN:
        return numbers.filter(campaign__isnull=True)
    return numbers.filter(campaign=as_id(campaign)) if campaign else numbers


def as_id(value: Any) -> uuid.UUID:
    """An id; one that is none is nobody's."""
    try:
        return uuid.UUID(str(value))
    except ValueError:
        return uuid.UUID(int=0)


def matching(typed: str) -> Q:
    """A number as people write it, or some of its digits; anything else are words in the name of who has it."""
    typed = typed.replace("\x00", "")
    digits = "".join(str(int(c)) for c in typed if c.isdecimal())
    if len(digits) >= _FEWEST_DIGITS and _NUMBERISH.fullmatch(typed):
        return Q(e164__contains=_significant(typed, digits))
    words = Q()
    for word in fold(typed).split():
        words &= Q(user__search_text__contains=word)
    return words


def _significant(typed: str, digits: str) -> str:
    """Without what people put in front at home: the 1 of `1 (415) 555-0101`, the 0 of `0113 496 0101`."""
    if typed.strip().startswith("+"):
        return f"+{digits}"
    return re.sub(r"^(1(?=\d{10})|0)", "", digits)


@dataclass(frozen=True, slots=True)
class NumberSelection:
    """Numbers ticked one by one, or everything that matches the filter."""

    values: Mapping[str, str] = field(default_factory=dict)
    ids: Sequence[str] | None = None

    @classmethod
    def of_arguments(cls, arguments: Mapping[str, Any]) -> NumberSelection:
        """As `arguments` wrote it."""
        return cls(arguments.get("filter", {}), arguments.get("ids"))

    @property
    def arguments(self) -> dict[str, Any]:
        """JSON-ready, for a task."""
        return {"filter": dict(self.values)} if self.ids is None else {"ids": list(self.ids)}

    def numbers(self, administrator: User) -> QuerySet[PhoneNumber]:
        """Those of them that the administrator reaches now."""
        reach = numbers_in_reach(administrator)
        if self.ids is None:
            return narrow(reach, self.values)
        return reach.filter(pk__in=[as_id(one) for one in self.ids], released_at__isnull=True)
