"""Checking the audit log: is every chain whole, in order and unchanged, up to its head and to what was written outside.

A chain can only vouch for what it still has. An edit, a deletion, a reorder and a missing end show inside the
database, because the head says where the chain ends. Who can set back the head too leaves a shorter chain that is
sound in itself: only heads kept outside the database (`--write-heads`, on another machine) find that.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from django.db import connection
from django.db.models import OuterRef, Subquery
from django.db.models.functions import Coalesce
from django.utils.translation import gettext as _

from compliance import triggers
from compliance.audit import event_hash
from compliance.models import AuditEvent, AuditHead

PAGE = 1000


@dataclass(frozen=True, slots=True)
class Head:
    """Where a chain ended at some time: the newest event's place and hash."""

    sequence: int
    hash: str


@dataclass(frozen=True, slots=True)
class Fault:
    """The first thing that is wrong with a chain, and at which event. Sequence 0: with the chain as a whole."""

    chain: str
    sequence: int
    sentence: str


def verify(written: Mapping[str, Head] | None = None) -> list[Fault]:
    """The first fault of each chain; `written` are heads that were kept outside the database."""
    written = written or {}
    faults = [Fault(chain, 0, _("the chain is gone")) for chain in sorted(set(written) - set(chains()))]
    for chain in chains():
        fault = verify_chain(chain, written.get(chain))
        if fault:
            faults.append(fault)
    return faults


def missing_triggers() -> list[str]:
    """Triggers that are gone: until they are back, nothing stops an edit."""
    return triggers.missing(connection)


def chains() -> list[str]:
    """Every chain that has a head or an event."""
    found = set(AuditHead.objects.values_list("chain", flat=True))
    return sorted(found | set(AuditEvent.objects.values_list("chain", flat=True).distinct()))


def verify_chain(chain: str, written: Head | None = None) -> Fault | None:
    """Walk one chain from its first event to its head. Events that are appended meanwhile are left to the next walk."""
    head = current_head(chain)
    if written and head.sequence < written.sequence:
        sentence = _("the chain was cut back: its head was once at event {sequence}").format(sequence=written.sequence)
        return Fault(chain, head.sequence + 1, sentence)
    walked = Head(0, "")
    for event in _events(chain, head.sequence):
        sentence = _fault_of(event, walked, written)
        if sentence:
            return Fault(chain, walked.sequence + 1, sentence)
        walked = Head(event.sequence, event.hash)
    return _fault_at_end(chain, walked, head)


def current_head(chain: str) -> Head:
    """The head as the database has it; an empty one where there is none."""
    row = AuditHead.objects.filter(chain=chain).first()
    return Head(row.sequence, row.hash) if row else Head(0, "")


def current_heads() -> dict[str, Head]:
    """Every chain's head."""
    return {row.chain: Head(row.sequence, row.hash) for row in AuditHead.objects.all()}


def _fault_of(event: AuditEvent, walked: Head, written: Head | None) -> str:
    if event.sequence != walked.sequence + 1:
        return _("events are missing before event {sequence}").format(sequence=event.sequence)
    if event_hash(event) != event.hash:
        return _("the event was changed after it was written")
    if event.previous_hash != walked.hash:
        return _("the event does not follow the one before it")
    if written and event.sequence == written.sequence and event.hash != written.hash:
        return _("the chain was written anew: its head had another hash here")
    return ""


def _fault_at_end(chain: str, walked: Head, head: Head) -> Fault | None:
    if walked.sequence < head.sequence:
        return Fault(chain, walked.sequence + 1, _("the newest events are missing, the head knows of them"))
    if walked.hash != head.hash:
        return Fault(chain, head.sequence, _("the head does not match the newest event"))
    beyond = _first_beyond_head(chain)
    return Fault(chain, beyond, _("the event lies beyond the head")) if beyond is not None else None


def _first_beyond_head(chain: str) -> int | None:
    """One statement, so that an event and its head, which commit together, are seen together."""
    end = AuditHead.objects.filter(chain=OuterRef("chain")).values("sequence")
    beyond = AuditEvent.objects.filter(chain=chain, sequence__gt=Coalesce(Subquery(end), 0))
    return beyond.order_by("sequence").values_list("sequence", flat=True).first()


def _events(chain: str, last: int) -> Iterator[AuditEvent]:
    """By keyset, in pages: the memory a walk takes does not grow with the log."""
    position = -1
    while True:
        page = list(
            AuditEvent.objects.filter(chain=chain, sequence__gt=position, sequence__lte=last).order_by("sequence")[
                :PAGE
            ]
        )
        yield from page
        if len(page) < PAGE:
            return
        position = page[-1].sequence


def read_heads(path: Path) -> dict[str, Head]:
    """Heads that were written earlier. ValueError when the file is something else."""
    try:
        return {chain: Head(**head) for chain, head in json.loads(path.read_text())["heads"].items()}
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(str(path)) from error


def write_heads(path: Path, heads: Mapping[str, Head]) -> None:
    """Write the file whole or not at all, readable by its owner only."""
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as file:
        json.dump({"heads": {chain: asdict(head) for chain, head in heads.items()}}, file, indent=1, sort_keys=True)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)
