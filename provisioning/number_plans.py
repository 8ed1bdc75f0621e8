"""What adding the numbers that were typed would do, piece by piece, before anything does; and what it did."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Final

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from provisioning.campaigns import places_left
from provisioning.models import Campaign, Location, PhoneNumber, RowOutcome
from provisioning.number_additions import held_elsewhere, unavailable
from provisioning.number_inventory import Result
from provisioning.number_lines import Entry, read_lines
from provisioning.numbers import display, national

GOOD, SAME, BAD = "good", "same", "bad"
LOOK: Final = 5_000
"""Numbers looked up in one query."""


@dataclass(frozen=True, slots=True)
class Line:
    """One piece of what was typed, in words: what it is, and what keeps it from being added."""

    line: int
    typed: str
    kind: str
    shown: str
    sentences: tuple[str, ...] = ()


@dataclass(frozen=True)
class Plan:
    """What was understood, and what the database says of it."""

    entries: Sequence[Entry]
    ours: frozenset[str]
    elsewhere: frozenset[str]
    left_in_campaign: int | None

    @cached_property
    def e164s(self) -> list[str]:
        """What would be added, in order."""
        known = self.ours | self.elsewhere
        return [e164 for entry in self.entries for e164 in entry.e164s if e164 not in known]

    @cached_property
    def lines(self) -> list[Line]:
        return [_line(entry, self) for entry in self.entries]

    @property
    def bad(self) -> list[Line]:
        return [line for line in self.lines if line.kind == BAD]

    @property
    def over(self) -> int:
        """How many more than the campaign takes."""
        return 0 if self.left_in_campaign is None else max(0, len(self.e164s) - self.left_in_campaign)


def plan(typed: str, location: Location, campaign: Campaign | None) -> Plan:
    """Read what was typed and look it up; writes nothing. Refusal `too_many_numbers`."""
    entries = read_lines(typed, location.country)
    e164s = [e164 for entry in entries for e164 in entry.e164s]
    ours: set[str] = set()
    elsewhere: set[str] = set()
    for part in _parts(e164s):
        mine = PhoneNumber.objects.owned().filter(organization=location.organization_id, e164__in=part).order_by()
        ours |= set(mine.values_list("e164", flat=True))
        elsewhere |= held_elsewhere(part, location.organization_id)
    left = places_left(campaign) if campaign is not None else None
    return Plan(entries, frozenset(ours), frozenset(elsewhere), left)


def left_over(entries: Sequence[Entry], results: Sequence[Result]) -> str:
    """What is still to be corrected: typed pieces as they were typed, numbers of ranges one a line."""
    refused = {result.e164 for result in results if result.outcome == RowOutcome.REFUSED}
    return "\n".join(text for entry in entries for text in _still_to_do(entry, refused))


def _still_to_do(entry: Entry, refused: set[str]) -> list[str]:
    if entry.refusal is not None:
        return [] if entry.repeated else [entry.typed]
    bad = [e164 for e164 in entry.e164s if e164 in refused]
    return [entry.typed] if bad and not entry.is_range else [display(e164) for e164 in bad]


def _parts(e164s: Sequence[str]) -> Iterator[Sequence[str]]:
    for start in range(0, len(e164s), LOOK):
        yield e164s[start : start + LOOK]


def _line(entry: Entry, known: Plan) -> Line:
    if entry.refusal is not None:
        kind = SAME if entry.repeated else BAD
        return Line(entry.line, entry.typed, kind, "", (str(entry.refusal.sentence),))
    elsewhere = [e164 for e164 in entry.e164s if e164 in known.elsewhere]
    ours = [e164 for e164 in entry.e164s if e164 in known.ours]
    sentences = tuple(filter(None, (_of_others(elsewhere), _of_ours(ours), _repeated(entry.repeated))))
    kind = BAD if elsewhere else SAME if len(ours) == len(entry.e164s) else GOOD
    return Line(entry.line, entry.typed, kind, _shown(entry), sentences)


def _shown(entry: Entry) -> str:
    if len(entry.e164s) == 1:
        return national(entry.e164s[0])
    words = {"first": national(entry.e164s[0]), "last": national(entry.e164s[-1]), "count": f"{len(entry.e164s):,}"}
    return _("%(first)s to %(last)s, %(count)s numbers") % words


def _of_others(e164s: Sequence[str]) -> str:
    if len(e164s) <= 1:
        return str(unavailable(e164s[0]).sentence) if e164s else ""
    words = {"count": len(e164s), "first": national(e164s[0])}
    sentence = _(
        "%(count)s of them, from %(first)s on, are in use by other customers. If they are yours, ask your provider."
    )
    return sentence % words


def _of_ours(e164s: Sequence[str]) -> str:
    if len(e164s) <= 1:
        return _("%(number)s is in the inventory already.") % {"number": national(e164s[0])} if e164s else ""
    return _("%(count)s of them are in the inventory already.") % {"count": len(e164s)}


def _repeated(count: int) -> str:
    if not count:
        return ""
    return ngettext(
        "%(count)s of them stands further up already.", "%(count)s of them stand further up already.", count
    ) % {"count": count}
