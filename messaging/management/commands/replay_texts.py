"""`replay_texts FILE`: play a file of texts through the carrier simulator, both ways, and count at both ends."""

from __future__ import annotations

import signal
import sys
from datetime import timedelta
from pathlib import Path
from types import FrameType
from typing import Any, NoReturn

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils.translation import gettext as _

from messaging.models import CarrierAccount, SendingNumber
from messaging.relay import Relay
from messaging.replay import limits, rows, tally
from messaging.replay.far_end import FarEnd, FarEndError
from messaging.replay.play import READERS, Player, Progress, ready_numbers

BAR_WIDTH = 40
DIFFERENCES_SHOWN = 40


class Command(BaseCommand):
    help = (
        "Play a file of texts (one a line, or label<TAB>text) through the carrier simulator: each from a phone to a "
        "user and from that user to a phone. Counts both ends; exit code 1 and the differences when they are not equal."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", type=Path)
        parser.add_argument("--limit", type=int, help="play only the first LIMIT lines")
        parser.add_argument("--inline", action="store_true", help="send from this process, not from the relay worker")
        parser.add_argument(
            "--patience", type=float, default=30.0, help="seconds without any movement after which to give up (30)"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        lines = self._lines(options["file"], options["limit"])
        account, numbers = self._demonstration()
        far = FarEnd(account.base_url)
        relay = Relay() if options["inline"] else None
        before = signal.signal(signal.SIGTERM, _leave)
        try:
            with limits.raised(numbers):
                found = self._play(Player(far, numbers, relay, self._progress), far, account, lines, options)
        except FarEndError as error:
            raise CommandError(_("The carrier simulator does not answer: %s") % error) from error
        finally:
            signal.signal(signal.SIGTERM, before)
            far.close()
            if relay is not None:
                relay.close()
        self._close(found)

    def _lines(self, path: Path, limit: int | None) -> list[rows.Row | rows.Unreadable]:
        try:
            return list(rows.read(path, limit))
        except OSError as error:
            raise CommandError(f"{path}: {error.strerror}") from error

    def _demonstration(self) -> tuple[CarrierAccount, list[SendingNumber]]:
        account = CarrierAccount.objects.filter(carrier="simulator", paused=False).order_by("created_at").first()
        if account is None:
            raise CommandError(_("No carrier simulator is connected. Start the demonstration with ./hub up."))
        numbers = ready_numbers(account)
        if not numbers:
            raise CommandError(_("None of the simulator's users can send texts now. Switch texting on first."))
        return account, numbers

    def _play(
        self,
        player: Player,
        far: FarEnd,
        account: CarrierAccount,
        lines: list[rows.Row | rows.Unreadable],
        options: dict[str, Any],
    ) -> tally.Tally:
        playable = [line for line in lines if isinstance(line, rows.Row)]
        newest = far.state()["newest"]
        player.play(playable)
        arrived = player.wait(len(playable), timedelta(seconds=options["patience"]))
        far.as_every_phone(READERS)
        taken = list(far.taken_after(newest))
        skipped = [line for line in lines if isinstance(line, rows.Unreadable)]
        found = tally.count(player.played, skipped, account, taken)
        if not arrived:
            found.differences.insert(0, self._standstill(bool(taken), options))
        return found

    def _standstill(self, anything_taken: bool, options: dict[str, Any]) -> str:
        if not anything_taken and not options["inline"]:
            return _("Nothing was sent: no relay worker is running. Start ./hub up, or add --inline.")
        sentence = _("Nothing moved for %s seconds; what was still under way is counted as missing.")
        return str(sentence % options["patience"])

    def _progress(self, progress: Progress) -> None:
        done = min(progress.done, progress.total)
        filled = BAR_WIDTH * done // max(1, progress.total)
        bar = "#" * filled + "." * (BAR_WIDTH - filled)
        self.stderr.write(f"\r[{bar}] {done:,} of {progress.total:,}", ending="")

    def _close(self, found: tally.Tally) -> None:
        self.stderr.write("")
        width = max(len(name) for name in found.counts)
        for name, number in found.counts.items():
            self.stdout.write(f"{name:<{width}}  {number:>9,}")
        if not found.differences:
            self.stdout.write(_("Equal at both ends: nothing lost, nothing twice, nothing changed."))
            return
        for difference in found.differences[:DIFFERENCES_SHOWN]:
            self.stdout.write(difference)
        if len(found.differences) > DIFFERENCES_SHOWN:
            self.stdout.write(_("and %s more") % (len(found.differences) - DIFFERENCES_SHOWN))
        sys.exit(1)


def _leave(_signal: int, _frame: FrameType | None) -> NoReturn:
    """Told to end: leave through the `finally` that puts the limits back."""
    sys.exit(143)
