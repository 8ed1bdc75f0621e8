"""What the handset page shows: phones, the chosen phone's thread, what the carrier does next, the log."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import date
from typing import Any

from django.db.models import Count, F, Max, OuterRef, Q, Subquery
from django.db.models.functions import Coalesce
from django.http import QueryDict
from django.utils import timezone

from simulator.behaviours import BEHAVIOURS, CODES, DEFAULT_CODE, FIRST_SHOWN
from simulator.carrier import Carrier
from simulator.models import Business, Phone, Text
from simulator.numbers import grouped

THREAD_LENGTH = 100
OTHERS = 5
THREADS = 4
RECENT = 200


@dataclass(frozen=True, slots=True)
class Line:
    """One phone of the list."""

    e164: str
    name: str
    unread: int
    rule: str
    delivers: bool
    current: bool


def context(carrier: Carrier, query: QueryDict) -> dict[str, Any]:
    """Everything on the page for one choice of phone and business number."""
    phones = list(Phone.objects.all())
    phone = _chosen_phone(phones, query.get("phone", ""))
    businesses = _businesses(phone)
    new = "new" in query
    business = "" if new else query.get("business", "") or (businesses[0][0] if businesses else "")
    thread = _thread(phone, business)
    _mark_seen(phone)
    return {
        "phones": _lines(carrier, phones, phone),
        "phone": phone,
        "phone_name": next((one.name for one in phones if one.e164 == phone), "") or grouped(phone),
        "businesses": businesses,
        "business": business,
        "business_name": _name(business),
        "known": list(Business.objects.all()),
        "days": _by_day(thread),
        "log": carrier.log.lines(),
        "choices": [BEHAVIOURS[key] for key in FIRST_SHOWN],
        "more_choices": [one for one in BEHAVIOURS.values() if one.shown and one.key not in FIRST_SHOWN],
        "new": new,
        "codes": CODES,
        **_rule(carrier, phone),
    }


def _rule(carrier: Carrier, phone: str) -> dict[str, Any]:
    """What the form shows as set; what cannot be seen in the first radios opens the rest."""
    shown = carrier.rules.shown(phone)
    has_rule = carrier.rules.of(phone) is not None
    hidden = shown.behaviour.key not in FIRST_SHOWN or shown.code != DEFAULT_CODE
    return {
        "behaviour": shown.behaviour,
        "code": shown.code,
        "remaining": shown.remaining or "",
        "has_rule": has_rule,
        "more_open": hidden or has_rule or shown.remaining is not None,
    }


def version(carrier: Carrier, query: QueryDict) -> str:
    """Changes whenever the page would: for conditional requests, so that looking every second costs little."""
    newest = Text.objects.aggregate(newest=Max("id"))["newest"]
    parts = (newest, carrier.log.written, query.urlencode(), timezone.localdate(), Phone.objects.count())
    return hashlib.sha256(repr(parts).encode()).hexdigest()[:32]


def _chosen_phone(phones: list[Phone], asked: str) -> str:
    return asked or (phones[0].e164 if phones else "")


def _businesses(phone: str) -> list[tuple[str, str]]:
    """The numbers this phone texts with, latest first, with their names."""
    rows = Text.objects.filter(phone=phone, arrived=True).values("business").annotate(newest=Max("id"))
    return [(row["business"], _name(row["business"])) for row in rows.order_by("-newest")[:THREADS]]


def _name(business: str) -> str:
    found = Business.objects.filter(pk=business).first()
    return found.name if found else ""


def _thread(phone: str, business: str) -> list[Text]:
    newest = Text.objects.filter(phone=phone, business=business, arrived=True).order_by("-id")[:THREAD_LENGTH]
    return list(reversed(newest))


def _by_day(thread: list[Text]) -> list[tuple[date, list[Text]]]:
    days: dict[date, list[Text]] = {}
    for text in thread:
        days.setdefault(timezone.localtime(text.at).date(), []).append(text)
    return list(days.items())


def _mark_seen(phone: str) -> None:
    """The phone on the screen is being read."""
    newest = Text.objects.filter(phone=phone, to_phone=True).aggregate(newest=Max("id"))["newest"]
    if newest is not None:
        Phone.objects.filter(pk=phone, seen__lt=newest).update(seen=newest)


def _lines(carrier: Carrier, phones: list[Phone], chosen: str) -> list[Line]:
    listed = [*phones, *_others({phone.e164 for phone in phones} | {chosen})]
    if chosen and all(phone.e164 != chosen for phone in phones):
        listed.insert(len(phones), Phone(e164=chosen))
    unread = _unread(listed)
    return [_line(carrier, phone, chosen, unread.get(phone.e164, 0)) for phone in listed]


def _others(known: set[str]) -> list[Phone]:
    """Numbers nobody added but which were texted lately; a few, so that load does not fill the page."""
    recent = Text.objects.filter(to_phone=True).order_by("-id").values_list("phone", flat=True)[:RECENT]
    return [Phone(e164=e164) for e164 in dict.fromkeys(recent) if e164 not in known][:OTHERS]


def _unread(phones: list[Phone]) -> dict[str, int]:
    seen = Phone.objects.filter(pk=OuterRef("phone")).values("seen")
    rows = (
        Text.objects.filter(phone__in=[phone.e164 for phone in phones], to_phone=True, arrived=True)
        .annotate(seen=Coalesce(Subquery(seen), 0))
        .values("phone")
        .annotate(unread=Count("id", filter=Q(id__gt=F("seen"))))
    )
    return {row["phone"]: row["unread"] for row in rows}


def _line(carrier: Carrier, phone: Phone, chosen: str, unread: int) -> Line:
    rule = carrier.rules.of(phone.e164)
    behaviour = BEHAVIOURS[rule.behaviour] if rule else None
    return Line(
        e164=phone.e164,
        name=phone.name or grouped(phone.e164),
        unread=0 if phone.e164 == chosen else unread,
        rule=str(behaviour.short) if behaviour else "",
        delivers=behaviour is not None and behaviour.key == "delivered",
        current=phone.e164 == chosen,
    )
