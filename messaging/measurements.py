"""What each process counts for Prometheus: batches, outcomes, carriers' answers, receipts, webhooks, composed texts.

Many processes count (web workers, relay workers and their children, several containers over one data folder), and one
of them is asked. So each keeps its counts in files of its own, named by host and process, in the folder that
PROMETHEUS_MULTIPROC_DIR names (texting_hub/settings.py: `metrics` in the data folder); texting_hub/metrics.py adds them
up, and messaging/counter_files.py those of processes that ended. Without that variable a process counts for itself.

What must never happen: a measurement stops what is measured. A folder that can't be written is logged once, and the
process measures nothing from then on. Labels are accounts, outcomes and reasons: never a number, a person, a body.

Call these in bulk: once a batch and label, not once a text. What stands in the database (queue, unconfirmed texts,
orphans) is not counted here; it is read when Prometheus asks.
"""

from __future__ import annotations

import os
import socket
from bisect import bisect_left
from collections import Counter as CountedPlaces
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache, wraps
from pathlib import Path
from typing import Final, ParamSpec

import structlog
from prometheus_client import CollectorRegistry, Counter, Histogram, values

from messaging import counter_files

logger = structlog.get_logger(__name__)

P = ParamSpec("P")
FOLDER: Final = "PROMETHEUS_MULTIPROC_DIR"
"""The environment variable, as prometheus-client calls it."""
TEXTS: Final = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000)
ANSWER_SECONDS: Final = (0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10)
RECEIPT_SECONDS: Final = (0.5, 1, 2, 5, 10, 30, 60, 300, 900, 3600, 86_400)


@dataclass(frozen=True, slots=True)
class _Metrics:
    """The objects of one process. `registry` is what a process that counts for itself is asked for."""

    registry: CollectorRegistry
    batch: Histogram
    outcomes: Counter
    carrier: Histogram
    receipts: Histogram
    webhooks: Counter
    composes: Counter


class _Broken:
    """Whether this process gave up measuring."""

    def __init__(self) -> None:
        self.is_so = False


_broken: Final = _Broken()


def _process() -> str:
    """Who counts: containers share a folder and repeat process numbers, so the host is in the name.

    prometheus-client asks with each count, so a process that was forked gets files of its own.
    """
    name = f"{socket.gethostname().replace('_', '-')}-{os.getpid()}"
    counter_files.begin(Path(os.environ[FOLDER]), name)
    return name


@lru_cache(maxsize=1)
def metrics() -> _Metrics:
    """Made when first needed, so that a command that measures nothing leaves no file."""
    if os.environ.get(FOLDER):
        values.ValueClass = values.MultiProcessValue(_process)  # type: ignore[no-untyped-call]
    registry = CollectorRegistry()
    account = ["account"]
    return _Metrics(
        registry,
        Histogram("hub_relay_batch_texts", "Texts of one batch.", account, buckets=TEXTS, registry=registry),
        Counter("hub_texts", "Outcomes of texts.", ["account", "outcome", "reason"], registry=registry),
        Histogram(
            "hub_carrier_answer_seconds", "From the first byte of a text to the carrier’s answer.", account,
            buckets=ANSWER_SECONDS, registry=registry,
        ),
        Histogram(
            "hub_receipt_delay_seconds", "From the carrier taking a text to its receipt.",
            buckets=RECEIPT_SECONDS, registry=registry,
        ),
        Counter("hub_webhooks", "Requests of carriers, by our answer.", ["account", "answer"], registry=registry),
        Counter("hub_composes", "Texts handed in, by our answer.", ["answer"], registry=registry),
    )  # fmt: skip


def _measures(measure: Callable[P, None]) -> Callable[P, None]:
    """A measurement that never fails its caller."""

    @wraps(measure)
    def guarded(*args: P.args, **kwargs: P.kwargs) -> None:
        if _broken.is_so:
            return
        try:
            measure(*args, **kwargs)
        except Exception as error:
            _broken.is_so = True
            logger.warning("measurements_stopped", error=type(error).__name__)

    return guarded


def _observe_all(histogram: Histogram, bounds: Sequence[float], seconds: Iterable[float]) -> None:
    """What `observe` does for each, in one write a bucket: a batch's answers fall into few."""
    found = list(seconds)
    buckets: CountedPlaces[int] = CountedPlaces(bisect_left(bounds, one) for one in found)
    for place, texts in buckets.items():
        histogram._buckets[place].inc(texts)
    if found:
        histogram._sum.inc(sum(found))


@_measures
def observe_batch(account: str, texts: int) -> None:
    """One batch went to a carrier account."""
    metrics().batch.labels(account).observe(texts)


@_measures
def count_outcomes(outcomes: Mapping[tuple[str, str, str], int]) -> None:
    """How texts fared: a Counter by account, outcome (taken, refused, not_taken, too_late, unknown, …) and reason."""
    for (account, outcome, reason), texts in outcomes.items():
        metrics().outcomes.labels(account, outcome, reason).inc(texts)


@_measures
def observe_carrier_seconds(account: str, seconds: Iterable[float]) -> None:
    """How long the answers of one account took."""
    _observe_all(metrics().carrier.labels(account), ANSWER_SECONDS, seconds)


@_measures
def observe_receipt_delays(seconds: Iterable[float]) -> None:
    """How long after the carrier took the texts their receipts came. One that came before is 0."""
    _observe_all(metrics().receipts, RECEIPT_SECONDS, [max(0.0, one) for one in seconds])


@_measures
def count_webhooks(account: str, answer: str) -> None:
    """One request of a carrier, by our answer's code: ok, signature, malformed, try_again … No such account: ""."""
    metrics().webhooks.labels(account, answer).inc()


@_measures
def count_composes(answer: str) -> None:
    """One text handed in: `accepted`, `repeated` (its key had made a text already), the refusal's code, or `error`."""
    metrics().composes.labels(answer).inc()
