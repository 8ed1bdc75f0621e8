"""Texts, and the events that tell the hub of them (the wire format: messaging/carriers reads it on the other side)."""

from __future__ import annotations

import hashlib
import json
from datetime import datetime, timedelta

from django.conf import settings
from django.utils import timezone
from django.utils.html import format_html
from django.utils.translation import gettext as _

from simulator.behaviours import UNDELIVERED, Step
from simulator.models import Delivery, Text, new_text_id
from simulator.numbers import grouped
from simulator.rules import Decision

PICTURE = "picture.svg"


def to_phone(*, reference: str, business: str, phone: str, body: str) -> Text:
    """A text that the carrier took from the hub."""
    return _text(business, phone, body, to_phone=True, reference=reference, pictures=0)


def from_phone(*, phone: str, business: str, body: str, pictures: int = 0) -> Text:
    """A text that a phone wrote to a business number."""
    return _text(business, phone, body, to_phone=False, reference="", pictures=pictures)


def _text(business: str, phone: str, body: str, *, to_phone: bool, reference: str, pictures: int) -> Text:
    whole = storable(body)
    return Text(
        carrier_id=new_text_id(),
        reference=reference,
        to_phone=to_phone,
        business=business,
        phone=phone,
        body=whole,
        digest=hashlib.sha256(whole.encode()).hexdigest(),
        pictures=pictures,
        at=timezone.now(),
    )


def storable(body: str) -> str:
    """A lone surrogate (half an emoji, possible in JSON) cannot be stored as UTF-8: U+FFFD stands for it."""
    return body.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def receipts(text: Text, decision: Decision, url: str) -> list[Delivery]:
    """What will be reported of a taken text, and when. Without a callback address nothing is."""
    if not url:
        return []
    steps = [step for step in decision.behaviour.steps for _copy in range(step.copies)]
    return [_receipt(text, step, decision.code, url) for step in steps]


def _receipt(text: Text, step: Step, code: str, url: str) -> Delivery:
    event = {
        "type": "message.receipt",
        "id": text.carrier_id,
        "reference": text.reference,
        "status": step.claim,
        "code": code if step.claim == UNDELIVERED else "",
        "at": _after(text.at, step.happened).isoformat(),
    }
    label = format_html(_("Receipt {} for <code>{}</code>"), step.claim, text.carrier_id)
    return Delivery(url=url, event=json.dumps(event), label=label, due_at=_after(text.at, step.posted))


def inbound(text: Text, url: str) -> Delivery:
    """The event that carries a phone's text to the hub."""
    event = {
        "type": "message.received",
        "id": text.carrier_id,
        "from": text.phone,
        "to": text.business,
        "body": text.body,
        "media": [PICTURE] * text.pictures,
        "at": text.at.isoformat(),
    }
    label = format_html(_("Inbound to {}"), grouped(text.business))
    return Delivery(url=url, event=json.dumps(event), label=label, due_at=text.at)


def _after(moment: datetime, seconds: float) -> datetime:
    return moment + timedelta(seconds=seconds * settings.PACE)
