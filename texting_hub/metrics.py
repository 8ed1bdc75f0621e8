"""`/metrics`: what Prometheus asks for. Counts of every process are added up; what stands in the database is read now.

Who may ask: whoever has METRICS_TOKEN (as a bearer token). Without one set, only the same machine may, and nobody at
all behind a proxy, where everybody's address may look local. Everyone else learns nothing, not even that it exists.

What is read costs a few short queries: counts end at 10,001, as on the operators' page. A database that does not answer
leaves these out and says `hub_database_up 0`; the counts of processes are still told.
"""

from __future__ import annotations

import ipaddress
import uuid
from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Final

import structlog
from django.conf import settings
from django.db import DatabaseError
from django.http import Http404, HttpRequest, HttpResponse
from django.utils.crypto import constant_time_compare
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from messaging import clock, counter_files
from messaging.models import CarrierAccount, SendingNumber
from messaging.operations import figures
from provisioning import heartbeats
from provisioning.roles import public

logger = structlog.get_logger(__name__)

CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"
BEARER: Final = "Bearer "


@public
@never_cache
@require_safe
def page(request: HttpRequest) -> HttpResponse:
    """Public: Prometheus has no session. A bearer token, or being the same machine, opens it."""
    if not _may_read(request):
        raise Http404
    registry = CollectorRegistry(auto_describe=False)
    registry.register(Processes())
    registry.register(Database())
    return HttpResponse(generate_latest(registry), content_type=CONTENT_TYPE)


def _may_read(request: HttpRequest) -> bool:
    if settings.METRICS_TOKEN:
        given = request.headers.get("Authorization", "")
        return given.startswith(BEARER) and constant_time_compare(given.removeprefix(BEARER), settings.METRICS_TOKEN)
    return not settings.BEHIND_PROXY and _is_loopback(request.META.get("REMOTE_ADDR", ""))


def _is_loopback(address: str) -> bool:
    try:
        return ipaddress.ip_address(address).is_loopback
    except ValueError:
        return False


class Processes(Collector):
    """What processes counted, those that have ended too (messaging/counter_files.py)."""

    def collect(self) -> Iterable[Metric]:
        try:
            return counter_files.read(settings.METRICS_DIR)
        except OSError as error:
            logger.warning("metrics_without_counts", error=type(error).__name__)
            return []


class Database(Collector):
    """Gauges read from the database each time."""

    def collect(self) -> Iterable[Metric]:
        try:
            found = [*_gauges(clock.database_now())]
        except DatabaseError as error:
            logger.warning("metrics_without_database", error=type(error).__name__)
            found = []
        return [*found, _one("hub_database_up", "Whether the database answered.", bool(found))]


def _gauges(now: datetime) -> Iterator[Metric]:
    queue = figures.queue(now)
    age = (now - queue.oldest_due_at).total_seconds() if queue.oldest_due_at else 0
    yield _one("hub_queue_oldest_seconds", "How long the oldest text has been due.", age)
    yield _one("hub_texts_on_the_wire", "Texts that a carrier has not answered; at most 10,001.", queue.on_the_wire)
    yield from _accounts({key: texts for key, texts in queue.by_account.items() if key is not None})
    unknown = sum(texts for status, _reason, texts in figures.outcomes_today(now) if status == "unconfirmed")
    yield _one("hub_texts_unconfirmed_today", "Texts accepted today (UTC) whose outcome is unknown.", unknown)
    yield _one("hub_receipts_orphaned", "Receipts that no text is known for; at most 10,001.", figures.orphans())
    moving = SendingNumber.objects.filter(paused=False, carrier_account__paused=False)
    due = moving.filter(next_due_at__lte=now)[: figures.MOST + 1].count()
    yield _one("hub_numbers_due", "Numbers that the relay should look at now; at most 10,001.", due)
    yield from _heartbeats()


def _accounts(waiting: dict[uuid.UUID, int]) -> Iterator[Metric]:
    """Of the 10,001 oldest texts that are due, how many wait for each account; and what each account does."""
    depth = GaugeMetricFamily("hub_queue_texts", "Texts due and not gone; at most 10,001 in all.", labels=["account"])
    paused = GaugeMetricFamily("hub_account_paused", "Whether the account is paused.", labels=["account"])
    draining = GaugeMetricFamily("hub_account_draining", "Whether the account is being drained.", labels=["account"])
    refused = GaugeMetricFamily("hub_account_refused_webhooks", "Webhooks with a wrong signature.", labels=["account"])
    for account in CarrierAccount.objects.order_by("name"):
        depth.add_metric([account.name], waiting.get(account.pk, 0))
        paused.add_metric([account.name], account.paused)
        draining.add_metric([account.name], account.draining_since is not None)
        refused.add_metric([account.name], account.rejected_webhooks)
    yield from (depth, paused, draining, refused)


def _heartbeats() -> Iterator[Metric]:
    beats = GaugeMetricFamily("hub_heartbeat_timestamp_seconds", "When it last happened.", labels=["name"])
    for name in (heartbeats.RELAY, heartbeats.WATCH, heartbeats.BACKUP):
        at = heartbeats.last(name)
        if at is not None:
            beats.add_metric([name], at.timestamp())
    yield beats


def _one(name: str, says: str, value: float) -> Metric:
    return GaugeMetricFamily(name, says, value=float(value))
