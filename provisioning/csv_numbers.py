"""Phone numbers in a file: what a spreadsheet made of them, which of the organization's numbers is meant, who has it.

A spreadsheet takes the plus sign off, writes a number as a decimal, or rounds it (1.41556E+10, which nobody can undo).
People write national formats. What is meant is looked for in the inventory first, as it is, and only what is not
there is read by provisioning/numbers.py, which says what is wrong with it.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Final

from django.utils.translation import gettext as _

from provisioning.csv_users import takes_away
from provisioning.models import PhoneNumber, User
from provisioning.numbers import national, parse
from provisioning.refusals import Refusal
from provisioning.roles import administered_locations
from provisioning.scoping import numbers_in_reach

if TYPE_CHECKING:
    from provisioning.csv_planning import Plan

COLUMN: Final = "primary_number"
_E164 = re.compile(r"\+[1-9]\d{5,14}", re.ASCII)
_STRIPPED = re.compile(r"([1-9]\d{9,14})(\.0+)?", re.ASCII)
"""An E.164 number without its plus sign, maybe as a decimal."""


class NumberReader:
    """Reads and judges the numbers of a chunk of rows, for one administrator."""

    def __init__(self, administrator: User) -> None:
        self.administrator = administrator

    def read(self, cells: Iterable[tuple[Plan, str]]) -> None:
        """Find the number that each row means; two looks at the inventory for all of them."""
        wanted = [(plan, cell.strip()) for plan, cell in cells if cell]
        for plan, cell in wanted:
            if takes_away(cell):
                plan.renumbers = plan.has is not None
        meant = [(plan, cell) for plan, cell in wanted if not takes_away(cell)]
        plain = self._inventory(e164 for _plan, cell in meant for e164 in as_it_is(cell))
        others = [(plan, cell) for plan, cell in meant if not self._give(plan, as_it_is(cell), plain)]
        self._read_others(others)

    def _read_others(self, cells: Sequence[tuple[Plan, str]]) -> None:
        read = [(plan, _parsed(plan, cell)) for plan, cell in cells]
        found = self._inventory(e164 for _plan, e164 in read if e164)
        for plan, e164 in read:
            if e164 and not self._give(plan, [e164], found):
                sentence = _("%(number)s is not in your inventory of numbers. Add it there first, then import again.")
                plan.refuse(COLUMN, Refusal("number_unknown", sentence % {"number": national(e164)}))

    def _inventory(self, numbers: Iterable[str]) -> dict[str, PhoneNumber]:
        wanted = set(numbers)
        if not wanted:
            return {}
        found = numbers_in_reach(self.administrator).filter(e164__in=wanted, released_at__isnull=True)
        return {number.e164: number for number in found.select_related("user")}

    def _give(self, plan: Plan, candidates: Sequence[str], inventory: dict[str, PhoneNumber]) -> bool:
        """Whether one of the candidates is a number of the inventory; the row then asks for it."""
        number = next((inventory[e164] for e164 in candidates if e164 in inventory), None)
        if number is None:
            return False
        if plan.has is None or number.pk != plan.has.pk:
            plan.renumbers, plan.number = True, number
        return True

    def judge(self, plans: Sequence[Plan], given_up: set[uuid.UUID]) -> None:
        """Refuse what number_assignment.py would. A refused row keeps its number, which may refuse another row."""
        asking = [plan for plan in plans if plan.number is not None]
        for plan in asking:
            refusal = _unfit(plan)
            if refusal is not None:
                plan.refuse(COLUMN, refusal)
        _refuse_second(asking)
        while True:
            free = given_up | {plan.gives_up for plan in plans if plan.gives_up is not None}
            late = [plan for plan in asking if not plan.problems and not _is_free(plan, free)]
            for plan in late:
                plan.refuse(COLUMN, self._taken(plan.number))
            if not late:
                return

    def _taken(self, number: PhoneNumber | None) -> Refusal:
        """Whose it is, by address: the file is about addresses. Somebody out of reach is not named."""
        owner = number.user if number is not None else None
        known = owner is not None and administered_locations(self.administrator) is None
        words = {
            "number": national(number.e164) if number is not None else "",
            "user": owner.email if owner is not None and known else _("somebody else"),
        }
        sentence = _(
            "%(number)s is the primary number of %(user)s. Take it away there first, "
            "or in a row of this file that stands next to this one."
        )
        return Refusal("number_taken", sentence % words)


def as_it_is(cell: str) -> list[str]:
    """E.164 numbers that the cell is without any reading: with its plus sign, or with the plus sign put back.

    Ten digits may be a North American number too, which is far likelier than a foreign one without its plus sign.
    """
    if _E164.fullmatch(cell):
        return [cell]
    stripped = _STRIPPED.fullmatch(cell)
    if stripped is None:
        return []
    digits = stripped[1]
    return [f"+1{digits}", f"+{digits}"] if len(digits) == 10 else [f"+{digits}"]


def digits_of(cell: str) -> str:
    """By which two cells are compared within a file: the digits, without the North American 1."""
    digits = re.sub(r"\D", "", cell.removesuffix(".0"))
    return digits[1:] if len(digits) == 11 and digits.startswith("1") else digits


def _parsed(plan: Plan, cell: str) -> str:
    """E.164, read as a number of the country of the user's location; empty when it is none, which the row then says."""
    try:
        return parse(cell, _region(plan))
    except Refusal as refusal:
        plan.refuse(COLUMN, refusal)
        return ""


def _region(plan: Plan) -> str:
    location = plan.wanted.get("location") or (plan.user.location if plan.user is not None else None)
    return location.country if location is not None else "US"


def _unfit(plan: Plan) -> Refusal | None:
    number = plan.number
    if number is not None and not number.active:
        sentence = _("%(number)s is not active. Activate it first.")
        return Refusal("number_inactive", sentence % {"number": national(number.e164)})
    stays_inactive = plan.user is not None and not plan.user.is_active and plan.active is None
    if stays_inactive or plan.active is False:
        return Refusal("user_inactive", _("A deactivated user can’t be given a number. Reactivate the user."))
    return None


def _refuse_second(asking: Sequence[Plan]) -> None:
    """Of rows that ask for one number in different formats, all but the first."""
    first: dict[uuid.UUID, int] = {}
    for plan in asking:
        if plan.number is None or plan.problems:
            continue
        position = first.setdefault(plan.number.pk, plan.position)
        if position != plan.position:
            plan.refuse(COLUMN, number_twice(position))


def number_twice(position: int) -> Refusal:
    """The number stands in another row, too."""
    sentence = _("Row %(row)s has the same number. One number has one user: change one of the rows.")
    return Refusal("number_twice", sentence % {"row": position})


def _is_free(plan: Plan, free: set[uuid.UUID]) -> bool:
    return plan.number is None or plan.number.user_id is None or plan.number.pk in free
