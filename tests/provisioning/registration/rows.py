"""Registrations for tests: complete brands and campaigns, a registry in memory, webhooks as the registry signs them."""

from __future__ import annotations

import hashlib
import hmac
import itertools
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from django.http import HttpResponse
from django.test import Client

from provisioning import vault
from provisioning.models import Brand, Campaign, Organization, RegistryAccount, RegistrySubmission
from provisioning.registration.registries.base import Fact, Notice, Unavailable, WebhookRequest
from tests.factories import NOW

SECRET = "registry secret"
PUBLIC_URL = "https://hub.example"
_events = itertools.count()

BRAND: dict[str, Any] = {
    "entity_type": "private",
    "legal_name": "Northwind Dental Supply, Inc.",
    "dba": "Northwind Dental Supply",
    "tax_id": "94-3128765",
    "tax_id_country": "US",
    "street": "500 Howard Street",
    "city": "San Francisco",
    "region": "CA",
    "postal_code": "94105",
    "country": "US",
    "vertical": "healthcare",
    "website": "https://www.northwind.example",
    "contact_name": "Maya Okafor",
    "contact_email": "maya.okafor@northwind.example",
    "contact_phone": "+14155550103",
}
CAMPAIGN: dict[str, Any] = {
    "name": "Customer care",
    "use_case": "customer_care",
    "description": "Staff of Northwind Dental Supply answer dental practices that are customers already.",
    "message_flow": "Practices agree when they open an account: the form has a box that is not ticked beforehand.",
    "samples": [
        "Northwind Dental Supply: your sample kit is ready. Reply STOP to opt out.",
        "Northwind Dental Supply: your return was credited today.",
    ],
    "opt_in_message": "You are opted in to texts from Northwind again.",
    "opt_out_message": "You are opted out of texts from Northwind.",
    "help_message": "Northwind: for help, write to help@northwind.example.",
    "privacy_url": "https://www.northwind.example/privacy",
}


def registry_account(**fields: Any) -> RegistryAccount:
    """A connected account, with the secret that `post` signs with."""
    sealed = vault.seal({"api_key": "key", "webhook_secret": SECRET})
    values = {"name": "Registry", "registry": "simulator", "base_url": "http://127.0.0.1:9", **fields}
    return RegistryAccount.objects.create(sealed_credentials=sealed, **values)


def brand_of(organization: Organization, **fields: Any) -> Brand:
    """A complete draft."""
    return Brand.objects.create(organization=organization, **{**BRAND, **fields})


def campaign_of(brand: Brand, **fields: Any) -> Campaign:
    """A complete draft of a brand."""
    return Campaign.objects.create(organization=brand.organization, brand=brand, **{**CAMPAIGN, **fields})


Answer = Callable[[str, dict[str, Any]], None]


class RegistryInMemory:
    """Takes every submission; `before` and `after` taking it may raise. Lookups see it `lag` seconds later."""

    settles_after = timedelta(seconds=20)

    def __init__(self) -> None:
        self.taken: list[str] = []
        self.tried: list[str] = []
        self.before: Answer | None = None
        self.after: Answer | None = None
        self.visible = True
        self.lookups_fail = False
        self.facts: dict[str, Fact] = {}

    def __call__(self, base_url: str, credentials: Any) -> RegistryInMemory:
        """Stands in the registry of adapters as the maker of itself."""
        return self

    def _submit(self, reference: str, document: Any) -> Fact:
        self.tried.append(reference)
        if self.before:
            self.before(reference, document)
        self.taken.append(reference)
        if self.after:
            self.after(reference, document)
        return self.fact(reference)

    submit_brand = submit_campaign = _submit

    def fact(self, reference: str) -> Fact:
        return self.facts.get(reference, Fact(reference, "pending", NOW, facts={"registry_id": "B123456"}))

    def look_up(self, reference: str) -> Fact | None:
        if self.lookups_fail:
            raise Unavailable("HTTP 500")
        return self.fact(reference) if self.visible and reference in self.taken else None

    def verify(self, request: WebhookRequest, now: datetime) -> bool:
        raise NotImplementedError

    def parse(self, request: WebhookRequest, now: datetime) -> list[Notice]:
        raise NotImplementedError


def decision(submission: RegistrySubmission, step: str, at: datetime = NOW, **fields: Any) -> dict[str, Any]:
    """An event as the registry posts it."""
    kind = "brand" if submission.brand_id else "campaign"
    return {
        "type": f"{kind}.{step}",
        "event_id": f"evt-{next(_events)}",
        "reference": str(submission.pk),
        "id": "B123456",
        "status": step,
        "at": at.isoformat(),
        "reasons": [],
        **fields,
    }


def post(
    account: RegistryAccount,
    payload: Any,
    *,
    secret: str = SECRET,
    at: datetime | None = None,
    url: str = "",
) -> HttpResponse:
    """POST a webhook signed as the registry signs; `payload` is JSON-ready, or the raw bytes."""
    body = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
    timestamp = str(int((at or datetime.now(UTC)).timestamp()))
    path = f"/webhooks/registry/{account.pk}/"
    signed = f"{timestamp}.{url or PUBLIC_URL + path}.".encode() + body
    signature = hmac.new(secret.encode(), signed, hashlib.sha256).hexdigest()
    headers = {"X-Registry-Timestamp": timestamp, "X-Registry-Signature": signature}
    return Client().post(path, body, content_type="application/json", headers=headers)
