"""Raising the pace and the daily limit of numbers while texts are replayed. They are data, and are put back after.

What they were is kept in the data folder until then, so that a replay that was killed is put right by the next one.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from django.conf import settings
from django.db import transaction

from messaging.models import SendingNumber

COLUMNS: Final = ("texts_a_minute", "burst", "texts_a_day")
RAISED: Final = {"texts_a_minute": 6_000_000.0, "burst": 100_000, "texts_a_day": 1_000_000_000}


def kept_in() -> Path:
    """The file that remembers, while limits are raised."""
    return Path(settings.DATA_DIR) / "replay-limits.json"


@contextmanager
def raised(numbers: Sequence[SendingNumber]) -> Iterator[None]:
    """Within, these numbers are not held up. Puts back what an earlier replay could not."""
    put_back()
    ids = [number.pk for number in numbers]
    rows = SendingNumber.objects.filter(pk__in=ids)
    before = {str(pk): values for pk, *values in rows.values_list("pk", *COLUMNS)}
    kept_in().write_text(json.dumps(before))
    rows.update(**RAISED, tokens=float(RAISED["burst"]), tokens_at=None)
    try:
        yield
    finally:
        put_back()


def put_back() -> None:
    """Restore what is kept; nothing when nothing is."""
    try:
        before: dict[str, list[Any]] = json.loads(kept_in().read_text())
    except FileNotFoundError:
        return
    with transaction.atomic():
        for pk in sorted(before):
            values = dict(zip(COLUMNS, before[pk], strict=True))
            SendingNumber.objects.filter(pk=uuid.UUID(pk)).update(**values, tokens=values["burst"], tokens_at=None)
    kept_in().unlink()
