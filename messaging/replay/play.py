"""Playing rows in both directions, and waiting until everything has come through or nothing moves any more."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Final

from messaging import clock
from messaging.compose import compose
from messaging.models import CarrierAccount, Message, SendingNumber
from messaging.relay import Relay
from messaging.replay.far_end import FarEnd
from messaging.replay.rows import Row
from messaging.states import IN_LINE
from provisioning.eligibility import standings
from provisioning.refusals import Refusal

CHUNK: Final = 100
LOOK_EVERY_SECONDS: Final = 0.25
WRITERS: Final = tuple(f"+1510555{line:04d}" for line in range(100, 200))
READERS: Final = tuple(f"+1925555{line:04d}" for line in range(100, 200))
"""Fictional numbers (555-0100 to 0199). Those who write may send STOP; those who are texted must not have."""


@dataclass(slots=True)
class Played:
    """What was set going: each row's message and carrier id, or the code it was refused with."""

    sent: dict[uuid.UUID, Row] = field(default_factory=dict)
    refused: dict[int, str] = field(default_factory=dict)
    written: dict[str, Row] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Progress:
    """Texts on their way through: `done` of `total` movements, two a row."""

    done: int
    total: int


Report = Callable[[Progress], None]


def ready_numbers(account: CarrierAccount) -> list[SendingNumber]:
    """The account's numbers whose users can send now."""
    numbers = account.sending_numbers.select_related("number__user").filter(number__user__isnull=False)
    numbers = numbers.filter(paused=False).order_by("number__e164")
    able = standings([number.number.user_id for number in numbers if number.number.user_id])
    return [number for number in numbers if number.number.user_id and able[number.number.user_id].can_send]


class Player:
    """Sets rows going chunk by chunk, so that both directions and the relay work at the same time."""

    def __init__(self, far: FarEnd, numbers: Sequence[SendingNumber], relay: Relay | None, report: Report) -> None:
        self._far, self._numbers, self._relay, self._report = far, numbers, relay, report
        self._run = uuid.uuid4().hex
        self._began = clock.database_now()
        self.played = Played()

    def play(self, rows: Sequence[Row]) -> None:
        """Write and compose every row; with a relay of our own, send along the way."""
        self._far.deliver_all_to(READERS)
        for start in range(0, len(rows), CHUNK):
            chunk = rows[start : start + CHUNK]
            self._write(start, chunk)
            for place, row in enumerate(chunk, start):
                self._compose(place, row)
            if self._relay is not None:
                self._relay.run()
            self._report(Progress(self._settled(), 2 * len(rows)))

    def _write(self, start: int, chunk: Sequence[Row]) -> None:
        texts = [
            {"from": WRITERS[place % len(WRITERS)], "to": self._number(place).number.e164, "body": row.body}
            for place, row in enumerate(chunk, start)
        ]
        self.played.written |= dict(zip(self._far.write(texts), chunk, strict=True))

    def _compose(self, place: int, row: Row) -> None:
        user = self._number(place).number.user
        assert user is not None, "ready_numbers() gives numbers with users only"
        reader = READERS[place // len(self._numbers) % len(READERS)]
        try:
            composed = compose(user=user, to=reader, body=row.body, idempotency_key=f"replay-{self._run}-{row.line}")
        except Refusal as refusal:
            self.played.refused[row.line] = refusal.code
        else:
            self.played.sent[composed.message.pk] = row

    def _number(self, place: int) -> SendingNumber:
        return self._numbers[place % len(self._numbers)]

    def wait(self, rows: int, patience: timedelta) -> bool:
        """Until nothing is under way, seen twice in a row; False when nothing moved for so long.

        Twice, because a text that was on the wire at the first look may owe us its receipt at the second.
        """
        looks, moved_at = [(-1, -1)], time.monotonic()
        while looks[-2:] != [(0, 0), (0, 0)]:
            if self._relay is not None:
                self._relay.run()
            looks.append(self._under_way())
            if looks[-1] != looks[-2]:
                moved_at = time.monotonic()
            elif time.monotonic() - moved_at > patience.total_seconds():
                return False
            self._report(Progress(self._settled(), 2 * rows))
            time.sleep(LOOK_EVERY_SECONDS)
        return True

    def _under_way(self) -> tuple[int, int]:
        """Webhooks that the carrier still owes us, then texts that wait or are on the wire (replies to the former)."""
        owed = self._far.state()["owed"]
        ours = Message.objects.filter(number__in=[number.pk for number in self._numbers], status__in=IN_LINE)
        return owed, ours.filter(accepted_at__gte=self._began).count()

    def _settled(self) -> int:
        owed, in_line = self._under_way()
        played = self.played
        return max(0, len(played.sent) - in_line) + len(played.refused) + max(0, len(played.written) - owed)
