"""Relays as they must not be: each breaks one promise, and the checker has to see it."""

from __future__ import annotations

import asyncio
import time

from django.conf import settings

from messaging.carriers import adapter_for
from messaging.carriers.base import Carrier, OutboundText, Unconfirmed
from messaging.carriers.wire import Wire
from messaging.models import CarrierAccount, Message

RESENDS, OVERTAKES, FORGETS, INVENTS, LOSES, CONCEALS = (
    "resends", "overtakes", "forgets", "invents", "loses", "conceals",
)  # fmt: skip


def run(breaks: str) -> None:
    queued = list(Message.objects.filter(status="queued").order_by("-seq" if breaks == OVERTAKES else "seq"))
    for text in queued[1:] if breaks == FORGETS else queued:
        _ended(text, breaks)
    while True:
        time.sleep(1)


def _ended(text: Message, breaks: str) -> None:
    """Sends one text, the way peers do it. `forgets`: leaves one in the queue; the others are in here."""
    if breaks == LOSES:
        text.delete()
        return
    carrier = adapter_for(CarrierAccount.objects.get())
    answered = breaks == INVENTS or asyncio.run(_sent(text, carrier))
    if not answered and breaks == RESENDS:
        answered = asyncio.run(_sent(text, carrier))
    if answered or breaks == CONCEALS:
        status = "sent" if answered else "failed"
        Message.objects.filter(pk=text.pk).update(status=status)
    else:
        Message.objects.filter(pk=text.pk).update(status="unconfirmed")


async def _sent(text: Message, carrier: Carrier) -> bool:
    wire = Wire(timeout=settings.CARRIER_TIMEOUT_SECONDS)
    outbound = OutboundText(str(text.pk), text.own_e164, text.counterpart, text.body, "http://127.0.0.1:9/")
    try:
        await carrier.send(outbound, wire)
    except Unconfirmed:
        return False
    finally:
        await wire.aclose()
    return True
