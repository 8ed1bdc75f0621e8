"""How the relay stood, minute by minute, for the operators' pictures: noted by the watch, drawn for an hour and a day.

What carriers answered is drawn from their own rows (figures.py); what is a state and leaves no row is noted here.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Final

from django.conf import settings
from django.core.cache import cache

from messaging import counter_files, health
from messaging.models import RelayMinute
from messaging.models.messages import Status
from messaging.operations import figures

_LOOKS: Final = ("waiting", "oldest_seconds", "receipt_seconds", "unconfirmed", "orphans")


@dataclass(frozen=True, slots=True)
class Look:
    """The most of each in a minute or a quarter of an hour; `batch`: texts of one, on average. None: nothing known."""

    at: datetime
    waiting: float | None = None
    oldest_seconds: float | None = None
    batch: float | None = None
    receipt_seconds: float | None = None
    unconfirmed: float | None = None
    orphans: float | None = None


def note(now: datetime) -> None:
    """Note this minute, once however many watches look; forget what is older than a day."""
    queue, (delay, _accounts) = figures.queue(now), health.receipt_delays(now)
    batches, texts = _batches_so_far()
    row = RelayMinute(
        at=now.replace(second=0, microsecond=0),
        waiting=queue.waiting,
        oldest_seconds=queue.oldest_seconds(now) or 0,
        receipt_seconds=delay.median if delay else None,
        unconfirmed=sum(texts for status, _, texts in figures.outcomes_today(now) if status == Status.UNCONFIRMED),
        orphans=figures.orphans(),
        batches=batches,
        batch_texts=texts,
    )
    RelayMinute.objects.bulk_create([row], ignore_conflicts=True)
    RelayMinute.objects.filter(at__lt=now - figures.DAY).delete()


def _batches_so_far() -> tuple[int, int]:
    """Batches, and their texts, that all processes counted; nothing where the counts can't be read."""
    try:
        metrics = counter_files.read(settings.METRICS_DIR)
    except OSError:
        return 0, 0
    samples = Counter[str]()
    for metric in metrics:
        for sample in metric.samples:
            samples[sample.name] += int(sample.value)
    return samples["hub_relay_batch_texts_count"], samples["hub_relay_batch_texts_sum"]


def course(now: datetime, span: timedelta, step: timedelta) -> list[Look]:
    """In steps (of whole minutes) up to now; one query. A step that nobody noted is empty."""
    places = figures.places(now, span, step)
    rows = list(RelayMinute.objects.filter(at__gte=places[0] - figures.MINUTE).order_by("at"))
    of_step: defaultdict[datetime, list[RelayMinute]] = defaultdict(list)
    for row in rows:
        of_step[figures.step_of(row.at, step)].append(row)
    sizes = _sizes(rows, step)
    return [Look(place, **_most(of_step[place]), batch=sizes.get(place)) for place in places]


def _most(rows: Sequence[RelayMinute]) -> dict[str, float | None]:
    found = {name: [getattr(row, name) for row in rows] for name in _LOOKS}
    return {name: max((one for one in values if one is not None), default=None) for name, values in found.items()}


def _sizes(rows: Sequence[RelayMinute], step: timedelta) -> dict[datetime, float]:
    """Texts a batch in each step with one. Counts that went back were begun anew: nothing is known of that minute."""
    batches, texts = Counter[datetime](), Counter[datetime]()
    for before, after in pairwise(rows):
        if after.batches > before.batches and after.batch_texts > before.batch_texts:
            place = figures.step_of(after.at, step)
            batches[place] += after.batches - before.batches
            texts[place] += after.batch_texts - before.batch_texts
    return {place: texts[place] / counted for place, counted in batches.items()}


def day_course(now: datetime) -> list[Look]:
    """The last 24 hours in quarters, at most a minute old."""
    kept: list[Look] | None = cache.get("operations:day-course")
    if kept is None:
        kept = course(now, figures.DAY, figures.QUARTER)
        cache.set("operations:day-course", kept, figures.KEPT_SECONDS)
    return kept


def noted(looks: Iterable[Look]) -> list[Look]:
    """Those that somebody noted."""
    return [look for look in looks if look.waiting is not None]
