"""The registry's API as the hub's adapter calls it, what it truly took, and how tests control it."""

from __future__ import annotations

import asyncio
import hmac
import json
from collections.abc import Mapping
from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.utils import timezone
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_GET, require_POST

from simulator import connections, registrar
from simulator.control import controlled
from simulator.models import Registration
from simulator.registrar import TREATMENTS, Reply, UnknownDecisionError, objection, the_registrar
from simulator.reviewer import REASONS
from simulator.security import from_loopback

NEEDED = {"brand": ("legal_name", "entity_type"), "campaign": ("brand_id", "use_case", "samples")}


@csrf_exempt
@require_POST
async def brands(request: HttpRequest) -> HttpResponse:
    """Take a brand."""
    return await _submitted(request, Registration.BRAND)


@csrf_exempt
@require_POST
async def campaigns(request: HttpRequest) -> HttpResponse:
    """Take a campaign."""
    return await _submitted(request, Registration.CAMPAIGN)


async def _submitted(request: HttpRequest, kind: str) -> HttpResponse:
    if not _authorized(request):
        return JsonResponse(_problem("unauthorized", "The key is not valid."), status=401)
    document = _document(request, kind)
    if document is None:
        return JsonResponse(_problem("malformed", f"These are needed: {', '.join(NEEDED[kind])}."), status=400)
    treatment, reason = await the_registrar().spend()
    if not treatment.takes:
        return await _answer(request, treatment.reply, {"reasons": [objection(reason)]})
    row = await the_registrar().take(kind, document["reference"], document, treatment, reason)
    told = {"id": row.registry_id, "status": "pending", "at": row.at.isoformat(), "reference": row.reference}
    return await _answer(request, treatment.reply, told)


def _authorized(request: HttpRequest) -> bool:
    given = request.headers.get("Authorization", "").encode()
    return bool(settings.REGISTRY_KEY) and hmac.compare_digest(given, f"Bearer {settings.REGISTRY_KEY}".encode())


def _document(request: HttpRequest, kind: str) -> dict[str, Any] | None:
    try:
        document = json.loads(request.body)
    except ValueError:
        return None
    if not isinstance(document, dict) or not isinstance(document.get("reference"), str):
        return None
    return document if all(document.get(name) for name in NEEDED[kind]) else None


async def _answer(request: HttpRequest, reply: Reply, told: Mapping[str, Any]) -> HttpResponse:
    match reply:
        case Reply.TAKEN:
            return JsonResponse(told, status=202)
        case Reply.REFUSED:
            at = timezone.now().isoformat()
            return JsonResponse({"code": "refused", "at": at, **told}, status=422)
        case Reply.NOT_TAKEN:
            return JsonResponse(_problem("not_taken", "Nothing was taken. Submit it again."), status=503)
        case Reply.ERROR:
            return JsonResponse(_problem("error", "Something went wrong."), status=500)
    if reply is Reply.SILENCE:
        await asyncio.sleep(settings.HOLD_SECONDS)
    scope: Any = getattr(request, "scope", {})
    connections.hang_up(scope.get("client"))
    return JsonResponse(_problem("error", "Nobody reads this."), status=500)


@require_GET
async def submission(request: HttpRequest, reference: str) -> HttpResponse:
    """What the registry has under a reference, as far behind as it was told to be."""
    if not _authorized(request):
        return JsonResponse(_problem("unauthorized", "The key is not valid."), status=401)
    rule = await the_registrar().rule()
    row = await registrar.known(reference, rule.lag)
    if row is None:
        return JsonResponse(_problem("unknown_reference", "Nothing was submitted under this."), status=404)
    return JsonResponse(registrar.described(row))


@require_GET
async def taken(request: HttpRequest) -> HttpResponse:
    """How often a reference was truly taken; without one, how much was. From this machine only."""
    if not from_loopback(request):
        return JsonResponse(_problem("forbidden", "From this machine only."), status=403)
    rows = Registration.objects.all()
    if "reference" in request.GET:
        rows = registrar.taken(request.GET["reference"])
    return JsonResponse({"count": await rows.acount()})


@controlled
async def mode(document: dict[str, Any]) -> dict[str, Any]:
    """{"treatment", "reason": a code, "next": N or null for until changed, "lag": seconds that lookups are behind}."""
    treatment = TREATMENTS[document["treatment"]]
    count = document.get("next")
    reason = str(document.get("reason") or "")
    if reason and reason not in REASONS:
        raise ValueError("reason")
    await the_registrar().set_rule(
        treatment, reason, None if count is None else int(count), float(document.get("lag", 0))
    )
    return {"treatment": treatment.key}


@controlled
async def decide(document: dict[str, Any]) -> dict[str, Any]:
    """{"reference", "step", "reasons": [codes]}: what a person would decide at the desk."""
    reasons = [objection(str(code)) for code in document.get("reasons") or []]
    try:
        await the_registrar().decide(str(document["reference"]), str(document["step"]), reasons)
    except UnknownDecisionError:
        raise ValueError("reference or step") from None
    return {}


def _problem(code: str, message: str) -> dict[str, str]:
    return {"code": code, "message": message}
