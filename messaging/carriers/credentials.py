"""Whether what an operator enters is what a carrier needs. Nothing that was entered is told, not even a name."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from django.utils.translation import gettext as _

from messaging.carriers.base import Credential


def problems(needed: Sequence[Credential], given: Mapping[str, str]) -> Iterator[str]:
    """A sentence for each thing that is wrong: what is missing, and what the carrier doesn't know."""
    missing = [one.name for one in needed if one.required and not given.get(one.name)]
    halves = [one.needs for one in needed if one.needs and given.get(one.name) and not given.get(one.needs)]
    known = [one.name for one in needed]
    if missing or halves:
        yield _("Missing: %(names)s.") % {"names": ", ".join([*missing, *halves])}
    if given.keys() - set(known):
        yield _("There is a name that this carrier doesn’t know. It knows: %(names)s.") % {"names": ", ".join(known)}
