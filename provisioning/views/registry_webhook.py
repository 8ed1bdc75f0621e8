"""What registries post to us. The address is public; the signature is what opens it.

Nothing is written for a request whose signature does not hold, but the account's counter of refused webhooks. The
signature is over our configured address, the time and the raw bytes, and is checked before they are parsed. "Taken"
(200) is said once everything in the request is committed; if not, the registry sends it again, and what was stored
already is recognized.

Answers: 200 taken; 400 malformed; 403 signature; 404 no such account; 413 too large; 503 the database does not
answer, or the account's credentials cannot be read: send it again. Nothing of a body is logged.
"""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import Final

import structlog
from django.conf import settings
from django.db import DatabaseError
from django.db.models import F
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST

from provisioning import clock
from provisioning.models import RegistryAccount
from provisioning.registration import notices
from provisioning.registration.registries import UnknownRegistry, registry_of
from provisioning.registration.registries.base import MalformedWebhook, WebhookRequest
from provisioning.roles import public
from provisioning.vault import Unreadable

logger = structlog.get_logger(__name__)

LONGEST_BODY: Final = 256 * 1024
RETRY_AFTER_SECONDS: Final = 5


@public
@csrf_exempt
@require_POST
def receive(request: HttpRequest, registry_account_id: uuid.UUID) -> HttpResponse:
    """Public: registries do not sign in. What they post is signed with the account's own secret."""
    body = _body(request)
    if body is None:
        return _answer(413, "too_large")
    try:
        account = RegistryAccount.objects.filter(pk=registry_account_id).first()
        if account is None:
            return _answer(404, "not_found")
        return _of_account(account, _webhook(request, body), clock.database_now())
    except (DatabaseError, UnknownRegistry, Unreadable) as error:
        # By name only: a database's error text may quote the row.
        logger.error(  # noqa: TRY400
            "registry_webhook_postponed", account=str(registry_account_id), error=type(error).__name__
        )
        response = _answer(503, "try_again")
        response["Retry-After"] = str(RETRY_AFTER_SECONDS)
        return response


def _body(request: HttpRequest) -> bytes | None:
    """The raw body, None when it is too large."""
    announced = request.META.get("CONTENT_LENGTH") or "0"
    if announced.isdecimal() and int(announced) > LONGEST_BODY:
        return None
    body = request.read(LONGEST_BODY + 1)
    return body if len(body) <= LONGEST_BODY else None


def _webhook(request: HttpRequest, body: bytes) -> WebhookRequest:
    """With the address as the registry knows it: a proxy may have changed what we see."""
    headers = {name.lower(): value for name, value in request.headers.items()}
    return WebhookRequest(headers, body, f"{settings.PUBLIC_URL}{request.get_full_path()}")


def _of_account(account: RegistryAccount, webhook: WebhookRequest, now: datetime) -> HttpResponse:
    registry = registry_of(account)
    if not registry.verify(webhook, now):
        RegistryAccount.objects.filter(pk=account.pk).update(rejected_webhooks=F("rejected_webhooks") + 1)
        logger.warning("registry_webhook_refused", account=str(account.pk))
        return _answer(403, "signature")
    try:
        found = registry.parse(webhook, now)
    except MalformedWebhook as error:
        logger.warning("registry_webhook_malformed", account=str(account.pk), error=str(error))
        return _answer(400, "malformed")
    for notice in found:
        notices.accept(account, notice, now)
    return _answer(200, "ok")


def _answer(status: int, code: str) -> HttpResponse:
    return JsonResponse({"code": code}, status=status)
