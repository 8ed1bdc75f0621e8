"""The audit log: who did what to what, when, from where, before and after. One hash chain an organization.

What must never happen
- A write without its event. `append` listens to provisioning.changes.changed, which is sent inside the write's
  transaction, and writes the event in that same transaction. Whatever it raises undoes the write, even where a
  caller swallows the exception: the block below has no savepoint, so it spoils the transaction around it.
- A fork. The chain's AuditHead row is locked, read and moved on by a compare-and-set; the events' (chain,
  sequence) is unique besides. Two writers of one organization take turns, writers of two never meet.
- A silent edit. Each event's hash covers every column of it and the hash of the event before it, from the first
  event on, and triggers refuse UPDATE, DELETE and TRUNCATE (compliance/triggers.py). Who drops the triggers is
  found by `verify_audit_log`; who also rewrites the rest of the chain, by the heads kept outside the database.
- A message body, a password or a token in here. Callers of record() answer for that (provisioning/changes.py).

Where a transaction begins and ends
- It is the caller's. Without one, `append` opens its own. The head is locked LAST: a caller records its change
  after its own locks and writes, so that no one waits for a row while holding a head. Bulk work commits in steps
  of 500, because a head stays locked until its transaction ends.
- One transaction writes to one chain. The platform's chain takes only what belongs to no organization.

The hash is SHA-256 over canonical JSON (sorted keys, no blanks, ASCII). What is stored in `before` and `after` is
first made to read back the same from SQLite's text and from Postgres's jsonb, which would rewrite 1e16 and refuse
NUL: floats and decimals become text, NUL and lone surrogates their escapes.
"""

from __future__ import annotations

import hashlib
import ipaddress
import json
import uuid
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

from django.db import transaction
from django.utils import timezone
from django.utils.functional import Promise

from compliance.models import AuditEvent, AuditHead
from provisioning.changes import Change

PLATFORM = "platform"
"""The chain of what belongs to no organization."""

HASHED = (
    "id", "chain", "organization_id", "sequence", "previous_hash", "happened_at", "actor_id", "actor_label", "via",
    "ip", "action", "target_type", "target_id", "target_label", "before", "after", "content_access",
)  # fmt: skip
"""Every column but the hash itself."""


class ChainMovedError(Exception):
    """The head was not where its lock had found it: someone writes past the lock. The write must not stand."""


def listen(changes: Sequence[Change], **_signal: Any) -> None:
    """Receiver of provisioning.changes.changed; connected in apps.py."""
    append_many(changes)


def append(change: Change) -> AuditEvent:
    """Write one event at the end of its chain, inside the caller's transaction. See the essay above."""
    return append_many([change])[0]


def append_many(changes: Sequence[Change]) -> list[AuditEvent]:
    """Write events at the end of the one chain they belong to, in order; the head is locked and moved once."""
    organization_id = changes[0].organization_id
    if any(change.organization_id != organization_id for change in changes):
        raise ValueError("One transaction writes to one chain.")
    with transaction.atomic(savepoint=False):
        head = _locked_head(organization_id)
        found = (head.sequence, head.hash)
        events = []
        for change in changes:
            event = _next_event(change, head)
            event.hash = event_hash(event)
            head.sequence, head.hash = event.sequence, event.hash
            events.append(event)
        AuditEvent.objects.bulk_create(events)
        _move(head, *found)
    return events


def chain_of(organization_id: uuid.UUID | None) -> str:
    """The name of the chain that events of this organization are written to."""
    return PLATFORM if organization_id is None else str(organization_id)


def event_hash(event: AuditEvent) -> str:
    """SHA-256, in hex, over every column but the hash."""
    columns = {name: plain(getattr(event, name)) for name in HASHED}
    canonical = json.dumps(columns, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(canonical.encode("ascii")).hexdigest()


def plain(value: Any) -> Any:
    """The same value as JSON that both databases give back unchanged. TypeError for what has no such form."""
    if value is None or isinstance(value, bool | int):
        return value
    if isinstance(value, str | Promise):
        return _legible(str(value))
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat(timespec="microseconds")
    if isinstance(value, uuid.UUID | date | float | Decimal):
        return str(value)
    if isinstance(value, Mapping):
        return {_legible(str(key)): plain(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [plain(inner) for inner in value]
    raise TypeError(f"{type(value).__name__} has no place in an audit event")


def _legible(text: str) -> str:
    """Text that both databases store: NUL and lone surrogates as the escapes a person would type."""
    return text.replace("\x00", "\\x00").encode("utf-8", "backslashreplace").decode("utf-8")


def _locked_head(organization_id: uuid.UUID | None) -> AuditHead:
    chain = chain_of(organization_id)
    heads = AuditHead.objects.select_for_update(no_key=True).filter(chain=chain)
    head = heads.first()
    if head is None:
        # Two first events at once: the unique chain lets one in, the other waits for it and then finds it.
        first = AuditHead(chain=chain, organization_id=organization_id)
        AuditHead.objects.bulk_create([first], ignore_conflicts=True)
        head = heads.get()
    return head


def _next_event(change: Change, head: AuditHead) -> AuditEvent:
    return AuditEvent(
        chain=head.chain,
        organization_id=change.organization_id,
        sequence=head.sequence + 1,
        previous_hash=head.hash,
        happened_at=timezone.now(),
        actor_id=change.actor.user_id,
        actor_label=_legible(change.actor.label)[:500],
        via=change.actor.via,
        ip=_address(change.actor.ip),
        action=change.action,
        target_type=change.target_type,
        target_id=change.target_id[:64],
        target_label=_legible(change.target_label)[:500],
        before=plain(change.before),
        after=plain(change.after),
        content_access=change.content_access,
    )


def _move(head: AuditHead, sequence: int, digest: str) -> None:
    """Set the head to where `head` now stands, if it still stands where its lock had found it."""
    found = AuditHead.objects.filter(pk=head.pk, sequence=sequence, hash=digest)
    if not found.update(sequence=head.sequence, hash=head.hash):
        raise ChainMovedError(head.chain)


def _address(typed: str | None) -> str | None:
    """One spelling an address, so that the hash holds; None where there is no IP (a UNIX socket)."""
    try:
        parsed = ipaddress.ip_address((typed or "").partition("%")[0])
    except ValueError:
        return None
    mapped = getattr(parsed, "ipv4_mapped", None)
    return str(mapped or parsed)
