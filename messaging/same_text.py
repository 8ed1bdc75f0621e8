"""The same words to many people a day: carriers take a number that does this for a spammer ("snowshoe") and block it.

Counted by number, UTC day and a digest of the words; the words themselves are not kept, and the digests two days.
Short texts ("On my way") and automatic replies are none of this.
"""

from __future__ import annotations

import hashlib
import uuid
from datetime import UTC, date, datetime, timedelta
from typing import Final

from django.conf import settings
from django.db import connection
from django.utils.translation import gettext as _

from messaging.links import visible
from messaging.models import SameText
from provisioning.models import PhoneNumber
from provisioning.models.choices import fold
from provisioning.planned import Planned
from provisioning.refusals import Refusal

SHORTEST: Final = 30
"""Characters, once blanks are collapsed, from which on a text counts."""
KEPT: Final = timedelta(days=1)


def digest_of(body: str) -> str:
    """The same for texts that differ only in case, blanks, full-width forms and invisible characters; "" if short."""
    words = " ".join(visible(fold(body)).split())
    return hashlib.sha256(words.encode()).hexdigest() if len(words) >= SHORTEST else ""


def count(number_id: uuid.UUID, body: str, now: datetime) -> None:
    """Count a text about to be accepted, in its transaction, after the daily count. One statement, none if short.

    Raises Refusal `same_text` (which undoes the count) when as many texts of the day said the same.
    """
    digest = digest_of(body)
    if digest and _counted(number_id, now.astimezone(UTC).date(), digest) > settings.SAME_TEXT_A_DAY:
        raise Refusal(
            "same_text",
            _(
                "This number has sent these words %(limit)s times today, and carriers block numbers that send the "
                "same to many people. Write each person a text of their own, or go on tomorrow."
            )
            % {"limit": settings.SAME_TEXT_A_DAY},
            limit=settings.SAME_TEXT_A_DAY,
        )


def forget(now: datetime) -> None:
    """Drop what is older than yesterday."""
    SameText.objects.filter(day__lt=now.astimezone(UTC).date() - KEPT).delete()


def _counted(number_id: uuid.UUID, day: date, digest: str) -> int:
    """How many texts of the day say this, with the one that is being counted."""
    number = PhoneNumber._meta.pk.get_db_prep_value(number_id, connection)
    with connection.cursor() as cursor:
        _UPSERT.execute(cursor, [number, connection.ops.adapt_datefield_value(day), digest])
        counted: int = cursor.fetchone()[0]
    return counted


_UPSERT: Final = Planned(
    """
INSERT INTO messaging_sametext (number_id, day, digest, texts) VALUES (%s, %s, %s, 1)
ON CONFLICT (number_id, day, digest) DO UPDATE SET texts = messaging_sametext.texts + 1
RETURNING texts
""",
    [0, 1, 2],
    [None, None, None],
)
