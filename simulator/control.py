"""How tests and commands control the simulator. From this machine only, and only with a JSON content type.

The content type matters: a page of another site can post forms to this address, but not JSON.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Coroutine
from functools import wraps
from typing import Any

from asgiref.sync import sync_to_async
from django.db.models import Max
from django.http import HttpRequest, HttpResponseBase, JsonResponse
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_GET, require_POST

from simulator import texts
from simulator.behaviours import BEHAVIOURS, CODES, DEFAULT_CODE
from simulator.carrier import NoWebhookAddressError, the_carrier
from simulator.models import Business, Delivery, Phone, Text
from simulator.security import from_loopback

MOST_AT_ONCE = 1000
View = Callable[[HttpRequest], Coroutine[Any, Any, HttpResponseBase]]


def controlled(act: Callable[[Any], Awaitable[dict[str, Any]]]) -> View:
    """A POST with a JSON document, from this machine; what `act` raises as ValueError or KeyError is 400."""

    @csrf_exempt
    @require_POST
    @wraps(act)
    async def view(request: HttpRequest) -> JsonResponse:
        if not from_loopback(request) or request.content_type != "application/json":
            return JsonResponse({"code": "forbidden"}, status=403)
        try:
            return JsonResponse(await act(json.loads(request.body or b"{}")))
        except (ValueError, KeyError, TypeError) as error:
            return JsonResponse({"code": "malformed", "message": f"{type(error).__name__}: {error}"}, status=400)
        except NoWebhookAddressError:
            return JsonResponse({"code": "no_webhook_address"}, status=409)

    return view


@controlled
async def mode(document: dict[str, Any]) -> dict[str, Any]:
    """{"behaviour", "phones": [] for every phone, "code", "next": N or null for until changed}.

    Without a behaviour (null) these phones get what every phone gets.
    """
    if document["behaviour"] is None:
        await the_carrier().drop_rules([str(phone) for phone in document["phones"]])
        return {"behaviour": None}
    behaviour = BEHAVIOURS[document["behaviour"]]
    code = str(document.get("code") or DEFAULT_CODE)
    count = document.get("next")
    if code not in CODES or (count is not None and int(count) < 1):
        raise ValueError("code or next")
    phones = [str(phone) for phone in document.get("phones") or []]
    await the_carrier().set_rule(behaviour, phones, code, None if count is None else int(count))
    return {"behaviour": behaviour.key}


@controlled
async def inbound(document: Any) -> dict[str, Any]:
    """One {"from", "to", "body", "pictures"} or a list of them, in order; answers the carrier's ids, in order."""
    listed = document if isinstance(document, list) else [document]
    if len(listed) > MOST_AT_ONCE:
        raise ValueError(f"at most {MOST_AT_ONCE} at once")
    written = [
        texts.from_phone(
            phone=str(one["from"]),
            business=str(one["to"]),
            body=str(one.get("body", "")),
            pictures=int(one.get("pictures", 0)),
        )
        for one in listed
    ]
    await the_carrier().carry(written)
    return {"ids": [text.carrier_id for text in written]}


@controlled
async def webhook(document: dict[str, Any]) -> dict[str, Any]:
    """{"url"}: where texts from phones go from now on, until the process ends."""
    the_carrier().webhook_url = str(document["url"])
    return {"url": the_carrier().webhook_url}


@controlled
async def names(document: dict[str, Any]) -> dict[str, Any]:
    """{"phones": {number: name}, "businesses": {number: name}}: who is on the handset page."""
    carrier = the_carrier()
    for model, listed in ((Phone, document.get("phones", {})), (Business, document.get("businesses", {}))):
        rows = [model(e164=str(number), name=str(name)) for number, name in listed.items()]
        for row in rows:
            await carrier.ledger.change(row.save)
    return {}


@controlled
async def reset(_document: dict[str, Any]) -> dict[str, Any]:
    """Forget texts, rules and webhooks still owed."""
    await the_carrier().reset()
    return {}


@require_GET
async def state(request: HttpRequest) -> JsonResponse:
    """How many texts were taken and written, how many webhooks the hub has not taken yet, the newest text's key."""
    if not from_loopback(request):
        return JsonResponse({"code": "forbidden"}, status=403)
    return JsonResponse(await sync_to_async(_counts)())


def _counts() -> dict[str, int]:
    return {
        "taken": Text.objects.filter(to_phone=True).count(),
        "written": Text.objects.filter(to_phone=False).count(),
        "owed": Delivery.objects.filter(done_at__isnull=True).count(),
        "newest": Text.objects.aggregate(newest=Max("id"))["newest"] or 0,
    }
