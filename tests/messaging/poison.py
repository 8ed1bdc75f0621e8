"""A text that takes no receipt, whatever the reason."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime

import pytest

from messaging import receipts
from messaging.models import Message, Receipt


def break_apply(monkeypatch: pytest.MonkeyPatch, text: Message, errors: Iterator[Exception]) -> None:
    """Applying receipts of this text raises one error after the other, and works once there are no more."""
    apply = receipts._apply

    def broken(found: Iterable[Receipt], now: datetime) -> None:
        found = list(found)
        error = next(errors, None) if any(one.message_id == text.pk for one in found) else None
        if error is not None:
            raise error
        apply(found, now)

    monkeypatch.setattr(receipts, "_apply", broken)
