"""What carriers post to us. The address is public; the signature is what opens it.

What must never happen:
1. Anything is written for a request whose signature does not hold, but the account's counter of refused webhooks.
   The signature is over the raw bytes and is checked before they are parsed.
2. A carrier is told "taken" (200) before everything in the request is committed. Each inbound text has a transaction
   of its own, all receipts one together or each its own; if one can't be stored, the answer is an error, the carrier
   sends the whole request again, and what was stored already is recognized (messaging/inbound.py,
   messaging/receipts.py). A receipt that is stored but can't be applied is taken: it waits here.
3. A request costs more than it may: bodies over 256 KB are refused, unread where they announce their length.

Answers: 200 taken; 400 malformed; 403 signature; 404 no such account; 413 too large; 503 the database does not
answer, or the account's credentials cannot be read: send it again. Nothing of a body is ever logged, so errors are
logged by name only: a database's error text may quote the row.
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Final

import structlog
from django.conf import settings
from django.db import InterfaceError, OperationalError
from django.db.models import F
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST

from messaging import clock, measurements
from messaging.carriers import UnknownCarrier, adapter_for
from messaging.carriers.base import Event, InboundText, MalformedWebhook, WebhookRequest
from messaging.inbound import accept_inbound
from messaging.models import CarrierAccount
from messaging.receipts import accept_receipts, keep_receipt
from provisioning.roles import public
from provisioning.vault import Unreadable

logger = structlog.get_logger(__name__)

LONGEST_BODY: Final = 256 * 1024
RETRY_AFTER_SECONDS: Final = 5
ANSWERS: Final = {200: "ok", 400: "malformed", 403: "signature", 503: "try_again"}
"""How answers are counted for Prometheus."""


@public
@csrf_exempt
@require_POST
def receive(request: HttpRequest, account_id: uuid.UUID) -> HttpResponse:
    """Public: carriers do not sign in. What they post is signed with the account's own secret."""
    body = _body(request)
    if body is None:
        return _answer(413, "too_large")
    try:
        return _received(request, account_id, body)
    except (OperationalError, InterfaceError) as error:
        logger.error("webhook_postponed", account=str(account_id), error=type(error).__name__)  # noqa: TRY400
        return _again()


def _body(request: HttpRequest) -> bytes | None:
    """The raw body, None when it is too large."""
    announced = request.META.get("CONTENT_LENGTH") or "0"
    if announced.isdecimal() and int(announced) > LONGEST_BODY:
        return None
    body = request.read(LONGEST_BODY + 1)
    return body if len(body) <= LONGEST_BODY else None


def _received(request: HttpRequest, account_id: uuid.UUID, body: bytes) -> HttpResponse:
    account = CarrierAccount.objects.filter(pk=account_id).first()
    if account is None:
        return _answer(404, "not_found")
    webhook = WebhookRequest(
        headers={name.lower(): value for name, value in request.headers.items()},
        body=body,
        # The address as the carrier knows it: some sign it, and a proxy may have changed what we see.
        url=f"{settings.PUBLIC_URL}{request.get_full_path()}",
    )
    try:
        answer = _of_account(account, webhook)
    except (UnknownCarrier, Unreadable) as error:
        logger.error("webhook_not_readable", account=str(account.pk), error=type(error).__name__)  # noqa: TRY400
        answer = _again()
    measurements.count_webhooks(account.name, ANSWERS.get(answer.status_code, str(answer.status_code)))
    return answer


def _of_account(account: CarrierAccount, webhook: WebhookRequest) -> HttpResponse:
    carrier, now = adapter_for(account), clock.database_now()
    webhook = replace(webhook, received_at=now)
    if not carrier.verify(webhook, now):
        CarrierAccount.objects.filter(pk=account.pk).update(rejected_webhooks=F("rejected_webhooks") + 1)
        logger.warning("webhook_refused", account=str(account.pk))
        return _answer(403, "signature")
    try:
        events = carrier.parse(webhook)
    except MalformedWebhook as error:
        logger.warning("webhook_malformed", account=str(account.pk), error=str(error))
        return _answer(400, "malformed")
    if _accept(account, events, now):
        return _again()
    return HttpResponse(carrier.webhook_answer.body, content_type=carrier.webhook_answer.content_type)


def _accept(account: CarrierAccount, events: Sequence[Event], now: datetime) -> int:
    """Take each inbound text by itself and all receipts together; how many failed.

    If taking receipts together fails, each is stored by itself, whatever then becomes of it. A database that does not
    answer at all ends it (raised).
    """
    receipts = [event for event in events if not isinstance(event, InboundText)]
    failed = _each(account, [event for event in events if isinstance(event, InboundText)], now)
    try:
        if receipts:
            accept_receipts(account, receipts, now)
    except (OperationalError, InterfaceError):
        raise
    except Exception as error:
        logger.error("receipts_one_by_one", account=str(account.pk), error=type(error).__name__)  # noqa: TRY400
        failed += _each(account, receipts, now)
    return failed


def _each(account: CarrierAccount, events: Sequence[Event], now: datetime) -> int:
    failed = 0
    for event in events:
        try:
            if isinstance(event, InboundText):
                accept_inbound(account, event, now)
            else:
                keep_receipt(account, event, now)
        except (OperationalError, InterfaceError):
            raise
        except Exception as error:
            logger.error("webhook_event_failed", account=str(account.pk), error=type(error).__name__)  # noqa: TRY400
            failed += 1
    return failed


def _again() -> HttpResponse:
    response = _answer(503, "try_again")
    response["Retry-After"] = str(RETRY_AFTER_SECONDS)
    return response


def _answer(status: int, code: str) -> HttpResponse:
    return JsonResponse({"code": code}, status=status)
