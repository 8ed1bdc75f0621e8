"""Group commit: whatever is asked to be written at the same time goes to SQLite in one transaction.

Nobody is answered before the commit, so a text that was answered 202 is on disk, and a thousand texts a second need
only some dozens of commits.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

from django.db import models, transaction

BATCH = 500


@dataclass(slots=True)
class Entry:
    """Rows to insert and changes to make, and who waits for them."""

    rows: list[models.Model] = field(default_factory=list)
    changes: list[Callable[[], object]] = field(default_factory=list)
    committed: asyncio.Future[None] = field(default_factory=lambda: asyncio.get_running_loop().create_future())


class Ledger:
    """The one writer of the simulator's database. Lives on the event loop; commits in a thread of its own."""

    def __init__(self) -> None:
        self._entries: asyncio.Queue[Entry] = asyncio.Queue()
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="ledger")

    async def insert(self, rows: Iterable[models.Model]) -> None:
        """Returns when the rows are committed; they have their keys then."""
        await self._enter(Entry(rows=list(rows)))

    async def change(self, change: Callable[[], object]) -> None:
        """Returns when the change is committed."""
        await self._enter(Entry(changes=[change]))

    async def _enter(self, entry: Entry) -> None:
        self._entries.put_nowait(entry)
        await asyncio.shield(entry.committed)

    async def run(self) -> None:
        """Commit for ever; cancel to stop. What was entered before is committed by `close()`."""
        while True:
            await self._commit([await self._entries.get(), *self._waiting()])

    async def close(self) -> None:
        """Commit what still waits."""
        while entries := self._waiting():
            await self._commit(entries)
        self._thread.shutdown()

    def _waiting(self) -> list[Entry]:
        found: list[Entry] = []
        while not self._entries.empty() and len(found) < BATCH:
            found.append(self._entries.get_nowait())
        return found

    async def _commit(self, entries: list[Entry]) -> None:
        """Shielded: a commit that began is finished, and whoever waits for it is told, even while stopping."""
        writing = asyncio.ensure_future(self._write_and_tell(entries))
        try:
            await asyncio.shield(writing)
        except asyncio.CancelledError:
            await writing
            raise

    async def _write_and_tell(self, entries: list[Entry]) -> None:
        try:
            await asyncio.get_running_loop().run_in_executor(self._thread, _write, entries)
        except Exception as error:
            if len(entries) == 1:
                entries[0].committed.set_exception(error)
                return
            # One entry that cannot be written must not take the others with it.
            for entry in entries:
                await self._write_and_tell([entry])
        else:
            for entry in entries:
                entry.committed.set_result(None)


def _write(entries: list[Entry]) -> None:
    rows: dict[type[models.Model], list[models.Model]] = defaultdict(list)
    for entry in entries:
        for row in entry.rows:
            rows[type(row)].append(row)
    with transaction.atomic():
        for model, new in rows.items():
            model._default_manager.bulk_create(new)
        for entry in entries:
            for change in entry.changes:
                change()
