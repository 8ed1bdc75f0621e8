"""What the address of the Users page says: search, filters, order and place."""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final
from urllib.parse import urlencode

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from provisioning import user_filters
from provisioning.eligibility import RequirementState
from provisioning.eligibility.standing import RULES_OF_USERS
from provisioning.enablement import Source
from provisioning.keyset import COLUMNS, Place
from provisioning.models.users import License

Choices = Mapping[str, str | Promise]

STATUSES: Final[Choices] = {"on": _("On"), "off": _("Off"), "not_eligible": _("Not eligible")}
SOURCES: Final[Choices] = {
    Source.ORGANIZATION.value: _("Organization default"),
    Source.LOCATION.value: _("Location"),
    Source.USER.value: _("Override"),
}
LICENSES: Final[Choices] = dict(License.choices)
ACCOUNTS: Final[Choices] = {"active": _("Active"), "invited": _("Invited"), "deactivated": _("Deactivated")}
WAITING_CODES: Final = ("registration", "location_pstn", "number_capability", "number_campaign")
"""Requirements that can wait for another, or for somebody's answer."""
REQUIREMENTS: Final = frozenset(
    [rule.code for rule in RULES_OF_USERS]
    + [f"{rule.code}:{RequirementState.NOT_MET}" for rule in RULES_OF_USERS]
    + [f"{code}:{RequirementState.WAITING}" for code in WAITING_CODES]
)
CHOICES: Final[dict[str, Choices | frozenset[str]]] = {
    "status": STATUSES, "source": SOURCES, "requirement": REQUIREMENTS, "license": LICENSES, "account": ACCOUNTS,
}  # fmt: skip
SORTS: Final[Choices] = {
    "name": _("Name, A to Z"),
    "-name": _("Name, Z to A"),
    "email": _("E-mail, A to Z"),
    "-email": _("E-mail, Z to A"),
    "location": _("Location, A to Z"),
    "-location": _("Location, Z to A"),
}
LONGEST: Final = 200
"""Characters of a search."""


class UsersFilter:
    """Everything stands in the address, so that a list can be kept, sent and gone back to. What is unknown is left out.

    `values` is ready for JSON: user_filters.narrow() takes it, with or without a request.
    """

    narrow = staticmethod(user_filters.narrow)

    def __init__(self, query: Mapping[str, Any], locations: Sequence[tuple[uuid.UUID, str]]) -> None:
        """`locations`: id and name of each that the administrator reaches, in the order shown."""
        self.locations = locations
        self.values: dict[str, str] = {}
        self.unknown: list[str] = []
        """Names of what was asked for in vain."""
        for name in user_filters.NAMES:
            value = str(query.get(name, "")).replace("\0", "").strip()
            if value and self._known(name, value):
                self.values[name] = value
            elif value:
                self.unknown.append(name)
        sort = str(query.get("sort", ""))
        self.order = sort.removeprefix("-") if sort.removeprefix("-") in COLUMNS else "name"
        self.sort = "-" * sort.startswith("-") + self.order
        self.place = self._place(query)

    def _known(self, name: str, value: str) -> bool:
        if name == "q":
            return len(value) <= LONGEST
        if name == "location":
            return value == user_filters.NO_LOCATION or _uuid(value) in {key for key, _name in self.locations}
        return value in CHOICES[name]

    def _place(self, query: Mapping[str, Any]) -> Place:
        """Of one location, by location is by name."""
        order = "name" if self.order == "location" and "location" in self.values else self.order
        return Place(order, self.sort.startswith("-"), _uuid(query.get("after")), _uuid(query.get("before")))

    @property
    def narrows(self) -> bool:
        """Whether anything is searched or filtered."""
        return user_filters.narrows(self.values)

    @property
    def refines(self) -> bool:
        """Whether one of the filters is used that stand behind "More filters"."""
        return any(name in self.values for name in ("requirement", "license", "account"))

    @property
    def query(self) -> str:
        """The filter as a query string, without order and place: what a bulk action or an export is about."""
        return urlencode(self.values)

    def address(self, **changes: Any) -> str:
        """`?...` of this list with something else in place; None takes it away."""
        everything = {**self.values, "sort": self.sort, **changes}
        if everything["sort"] == "name":
            del everything["sort"]
        return "?" + urlencode({name: value for name, value in everything.items() if value})

    @property
    def counted(self) -> str:
        """This list with its counts, for browsers that can't ask for them afterwards."""
        return self.address(whole=1)

    @property
    def location_id(self) -> uuid.UUID | None:
        return _uuid(self.values.get("location"))


def requirement_choices() -> Iterator[tuple[str, str]]:
    """Value and label: what is not met, then what waits."""
    labels = {rule.code: rule.label for rule in RULES_OF_USERS}
    for state, codes in ((RequirementState.NOT_MET, labels), (RequirementState.WAITING, WAITING_CODES)):
        for code in codes:
            words = {"state": state.label, "requirement": labels[code]}
            yield f"{code}:{state}", _("%(state)s: %(requirement)s") % words


def _uuid(value: Any) -> uuid.UUID | None:
    try:
        return uuid.UUID(str(value)) if value else None
    except ValueError:
        return None
