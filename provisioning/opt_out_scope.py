"""How far a STOP reaches, and what changing that means for those who have opted out already.

The opt-outs themselves are messaging's (messaging/optouts.py), which tells how many stand through `register()`. They
are never rewritten by a change of the scope:
- one that counts for the organization goes on counting for every number;
- one that counts for a number counts for every number while the scope is the organization.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from provisioning.models import Organization
from provisioning.models.organizations import OptOutScope


@dataclass(frozen=True, slots=True)
class StandingOptOuts:
    """People who are opted out now: of every number of the organization, and of single numbers."""

    everywhere: int
    one_number: int


_counters: list[Callable[[Organization], StandingOptOuts]] = []


def register(counter: Callable[[Organization], StandingOptOuts]) -> None:
    """Called by the app that keeps opt-outs, once it is loaded."""
    _counters[:] = [counter]


def standing(organization: Organization) -> StandingOptOuts:
    """How many stand now; none where no app keeps any."""
    return _counters[0](organization) if _counters else StandingOptOuts(0, 0)


def meaning(scope: str, found: StandingOptOuts) -> str:
    """What choosing this scope means, for new STOPs and for those that stand."""
    if scope == OptOutScope.ORGANIZATION:
        sentence = _("A STOP to one number counts for all of them.")
        if not found.one_number:
            return sentence
        also = ngettext(
            "%(n)s person who opted out of one number is then texted by none.",
            "%(n)s people who opted out of one number are then texted by none.",
            found.one_number,
        )
        return f"{sentence} {also % {'n': f'{found.one_number:,}'}}"
    sentence = _("A STOP counts for the number that was texted; the others may go on.")
    if not found.everywhere:
        return sentence
    also = ngettext(
        "%(n)s person who has opted out of every number stays opted out of every number.",
        "%(n)s people who have opted out of every number stay opted out of every number.",
        found.everywhere,
    )
    return f"{sentence} {also % {'n': f'{found.everywhere:,}'}}"
