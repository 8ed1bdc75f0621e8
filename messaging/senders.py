"""By which number and account a text goes out, as dispatch reads it: after the texts are locked, never before."""

from __future__ import annotations

import uuid
from collections.abc import Collection
from datetime import datetime
from typing import Final, NamedTuple

from messaging.statements import Statement, distinct


class Account(NamedTuple):
    """A carrier account now."""

    id: uuid.UUID
    name: str
    carrier: str
    base_url: str
    sealed_credentials: str
    paused: bool
    draining_since: datetime | None


class Sender(NamedTuple):
    """A sending number now; `user_id` is whose primary number it is."""

    number_id: uuid.UUID
    paused: bool
    user_id: uuid.UUID | None
    released_at: datetime | None
    account: Account

    def holds(self, accepted_at: datetime) -> bool:
        """Whether a text accepted then has to wait: something is paused, or the account takes no new ones."""
        draining = self.account.draining_since
        return self.paused or self.account.paused or (draining is not None and accepted_at >= draining)


_NUMBERS: Final = Statement(
    """
    SELECT number.number_id, number.paused, phone.user_id, phone.released_at, number.carrier_account_id
    FROM messaging_sendingnumber number JOIN provisioning_phonenumber phone ON phone.id = number.number_id
    WHERE number.number_id {in ids}
    """,
    answers={
        "number_id": "uuid", "paused": "bool", "user_id": "uuid", "released_at": "time", "carrier_account_id": "uuid",
    },
)  # fmt: skip
_ACCOUNTS: Final = Statement(
    """
    SELECT id, name, carrier, base_url, sealed_credentials, paused, draining_since FROM messaging_carrieraccount
    WHERE id {in ids}
    """,
    answers={
        "id": "uuid", "name": "text", "carrier": "text", "base_url": "text", "sealed_credentials": "text",
        "paused": "bool", "draining_since": "time",
    },
)  # fmt: skip


def senders_of(number_ids: Collection[uuid.UUID]) -> dict[uuid.UUID, Sender]:
    """The senders of these numbers; a number without a carrier has none. Two queries."""
    rows = _NUMBERS.rows(ids=number_ids)
    accounts = {row[0]: Account._make(row) for row in _ACCOUNTS.rows(ids=distinct(row[4] for row in rows))}
    return {row[0]: Sender(row[0], row[1], row[2], row[3], accounts[row[4]]) for row in rows}
