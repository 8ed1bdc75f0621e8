"""A database that comes back as it was, while the world went on."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from messaging.models import Message
from tests.faults.checker import check
from tests.faults.house import BEFORE_COMMIT, House
from tests.faults.matrix import row


@pytest.fixture
def backups() -> Any:
    return pytest.importorskip("tests.house.backups", reason="this tree has no backups yet")


@pytest.fixture
def place(house: House, backups: Any, tmp_path: Path, settings: Any) -> Iterator[Any]:
    """An empty place to restore to; the house's database and a data folder of its own are what is backed up."""
    if reason := backups.needs_client():
        pytest.skip(reason)
    settings.DATA_DIR, settings.EXPORT_DIR = tmp_path / "data", tmp_path / "data" / "exports"
    settings.DATA_DIR.mkdir()
    made = backups.Place(tmp_path / "another place", settings)
    yield made
    made.drop()


@row("backup_restored")
def test_backup_restored(house: House, place: Any, backups: Any, tmp_path: Path) -> None:
    """Made while a text is on the wire and two wait. All are sent after it, and the restored house knows of none."""
    (user,) = house.users(1)
    texts = house.write_many(["on the wire", "waits", "waits, too"], user)
    worker = house.waiting_at(BEFORE_COMMIT)
    assert house.statuses(texts) == ["sending", "queued", "queued"]
    backup = backups.make_at(tmp_path / "one.backup")
    worker.go_on(BEFORE_COMMIT)
    house.all_become(texts, "sent")
    worker.kill()
    place.restore(backup, backups.fast_lock().key)
    with place.opened():
        check(house)
        assert house.statuses(texts) == ["unconfirmed"] * 3
        later = house.write(Message.objects.get(pk=texts[0].pk).user, "a new text")
        check(house)
        assert house.status(later) == "sent"
