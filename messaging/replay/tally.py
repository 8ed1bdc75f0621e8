"""The closing count: what was set going, what each side has of it, and every difference by name."""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from messaging.compose import storable
from messaging.models import CarrierAccount, Message
from messaging.models.messages import Direction, Kind, Status
from messaging.replay.play import Played
from messaging.replay.rows import Row, Unreadable

IN_ONE_QUERY: Final = 500


@dataclass(slots=True)
class Tally:
    """Counts by name, in the order they are shown, and what does not add up."""

    counts: dict[str, int] = field(default_factory=dict)
    differences: list[str] = field(default_factory=list)

    def note(self, name: str, count: int) -> None:
        self.counts[name] = self.counts.get(name, 0) + count

    def expect(self, name: str, count: int, wanted: int) -> None:
        """A count that must be this one."""
        self.note(name, count)
        if count != wanted:
            self.differences.append(f"{name}: {count:,} instead of {wanted:,}")


def count(
    played: Played, skipped: Sequence[Unreadable], account: CarrierAccount, taken: Sequence[Mapping[str, Any]]
) -> Tally:
    """Everything that was played against both ends; `taken` is the carrier's own list."""
    tally = Tally()
    tally.note("rows", len(played.written) + len(skipped))
    for code, lines in sorted(Counter(line.code for line in skipped).items()):
        tally.note(f"lines left out, {code}", lines)
    _outbound(tally, played, taken)
    _inbound(tally, played, account)
    _replies(tally, played, account, taken)
    return tally


def digest(body: str) -> str:
    """SHA-256 of a body as it can be stored, in hexadecimal."""
    return hashlib.sha256(storable(body).encode()).hexdigest()


def _outbound(tally: Tally, played: Played, taken: Sequence[Mapping[str, Any]]) -> None:
    tally.note("composed", len(played.sent))
    for code, rows in sorted(Counter(played.refused.values()).items()):
        tally.note(f"refused by policy, {code}", rows)
    tally.expect("composed or refused", len(played.sent) + len(played.refused), len(played.written))
    by_reference = _by_reference(taken)
    whole = 0
    for message_id, row in played.sent.items():
        found = by_reference.get(str(message_id), [])
        if found == [digest(row.body)]:
            whole += 1
        else:
            tally.differences.append(f"line {row.line}: {_what_is_wrong('taken by the carrier', found, row)}")
    tally.expect("taken by the carrier once, body equal", whole, len(played.sent))
    statuses = Counter(status for _id, status in _rows_of(played.sent, "pk", "status"))
    tally.expect("delivered", statuses.pop(Status.DELIVERED, 0), len(played.sent))
    for status, messages in sorted(statuses.items()):
        tally.note(f"still {status}", messages)


def _inbound(tally: Tally, played: Played, account: CarrierAccount) -> None:
    stored: dict[str, list[str]] = defaultdict(list)
    of_account: dict[str, Any] = {"carrier_account": account, "direction": Direction.INBOUND}
    withheld: Counter[str] = Counter()
    columns = ("carrier_message_id", "body", "withheld")
    for carrier_id, body, reason in _rows_of(played.written, *columns, **of_account):
        stored[carrier_id].append(digest(body))
        withheld[reason] += bool(reason)
    whole = 0
    for carrier_id, row in played.written.items():
        if stored[carrier_id] == [digest(row.body)]:
            whole += 1
        else:
            tally.differences.append(f"line {row.line}: {_what_is_wrong('received', stored[carrier_id], row)}")
    tally.note("written by phones", len(played.written))
    tally.expect("received once, body equal", whole, len(played.written))
    replaced = sum(storable(row.body) != row.body for row in played.written.values())
    if replaced:
        tally.note("received with a replacement for NUL or half a surrogate pair", replaced)
    for reason, messages in sorted((+withheld).items()):
        tally.note(f"withheld, {reason}", messages)


def _replies(tally: Tally, played: Played, account: CarrierAccount, taken: Sequence[Mapping[str, Any]]) -> None:
    """Automatic replies to keywords: each was sent once, like any text."""
    conditions: dict[str, Any] = {"in_reply_to__carrier_account": account, "kind": Kind.AUTOMATIC}
    columns = ("in_reply_to__carrier_message_id", "pk", "body")
    by_reference = _by_reference(taken)
    replies = list(_rows_of(played.written, *columns, **conditions))
    once = sum(by_reference.get(str(pk), []) == [digest(body)] for _carrier_id, pk, body in replies)
    tally.expect("automatic replies taken once", once, len(replies))


def _by_reference(taken: Sequence[Mapping[str, Any]]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = defaultdict(list)
    for text in taken:
        found[text["reference"]].append(text["sha256"])
    return found


def _rows_of(keys: Mapping[Any, Row], key: str, *columns: str, **conditions: Any) -> Iterator[tuple[Any, ...]]:
    """Columns of the messages that these keys name, a few hundred a query."""
    listed = list(keys)
    for start in range(0, len(listed), IN_ONE_QUERY):
        part = {f"{key}__in": listed[start : start + IN_ONE_QUERY]}
        yield from Message.objects.filter(**part, **conditions).values_list(key, *columns)


def _what_is_wrong(verb: str, digests: Sequence[str], row: Row) -> str:
    if len(digests) != 1:
        return f"{verb} {len(digests)} times"
    return f"{verb} with another body ({digests[0][:12]} instead of {digest(row.body)[:12]})"
