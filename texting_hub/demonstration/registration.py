"""Northwind's 10DLC registration: a verified brand, an active campaign, and one that the registry rejected.

The simulator knows the same submissions by the same references (simulator/directory.py), so that a demonstrator can
suspend, renew or approve them at the registry's desk.
"""

from __future__ import annotations

import uuid
from datetime import datetime, timedelta
from typing import Any, Final

from provisioning.models import (
    Brand,
    Campaign,
    EventSource,
    Organization,
    RegistrationEvent,
    RegistryAccount,
    RegistrySubmission,
    SubmissionState,
)
from provisioning.models.registration import BrandStatus, CampaignStatus
from provisioning.registration import states, submissions
from provisioning.registration.documents import document_of
from provisioning.registration.registries.base import Fact
from texting_hub.demonstration.registry import ACCOUNT_ID

BRAND_REFERENCE: Final = uuid.UUID("01990000-0000-7000-8000-0000000000b1")
CARE_REFERENCE: Final = uuid.UUID("01990000-0000-7000-8000-0000000000c1")
ORDERS_REFERENCE: Final = uuid.UUID("01990000-0000-7000-8000-0000000000c2")
_BRAND: Final = {
    "entity_type": "private",
    "legal_name": "Northwind Dental Supply, Inc.",
    "dba": "Northwind Dental Supply",
    "tax_id": "94-3128765",
    "tax_id_country": "US",
    "street": "500 Howard Street, Suite 300",
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
_REPLIES: Final = {
    "opt_out_message": "You are opted out of texts from Northwind Dental Supply. Reply START to opt back in.",
    "opt_in_message": "You are opted in to texts from Northwind Dental Supply again. Reply STOP to opt out.",
    "help_message": (
        "Northwind Dental Supply: for help, call +1 415 555 0103 or write to help@northwind.example. "
        "Reply STOP to opt out."
    ),
    "opt_out_message_fr": (
        "Vous ne recevrez plus de textos de Northwind Dental Supply. Répondez START pour vous réinscrire."
    ),
    "opt_in_message_fr": "Vous recevez à nouveau les textos de Northwind Dental Supply. Répondez ARRET pour arrêter.",
    "help_message_fr": (
        "Northwind Dental Supply : pour de l’aide, appelez le +1 415 555 0103. Répondez ARRET pour arrêter."
    ),
    "opt_in_keywords": "START",
    "opt_out_keywords": "STOP, STOPALL, UNSUBSCRIBE, CANCEL, END, QUIT",
    "help_keywords": "HELP, INFO",
    "privacy_url": "https://www.northwind.example/privacy",
    "terms_url": "https://www.northwind.example/terms",
}
_CARE: Final = {
    "name": "Customer care",
    "use_case": "customer_care",
    "description": (
        "Sales and support staff of Northwind Dental Supply answer dental practices that are customers already: "
        "questions about products, orders, returns and appointments with a representative."
    ),
    "message_flow": (
        "Practices agree when they open an account: the form at https://www.northwind.example/account has a box, not "
        "ticked beforehand, beside which stand the purpose, the frequency, and how to stop. Staff also ask on the "
        "phone and note the answer in the customer record."
    ),
    "samples": [
        "Northwind Dental Supply: your sample kit is ready. When may Carlo drop it off? Reply STOP to opt out.",
        "Hello Dr. Bianchi, Rosalind from Northwind Dental Supply here. The crowns you asked about are in stock again.",
        "Northwind Dental Supply: your return was credited today. Call +1 415 555 0103 with any question.",
    ],
    "embedded_phone": True,
    **_REPLIES,
}
_ORDERS: Final = {
    "name": "Order updates",
    "use_case": "delivery_notification",
    "description": (
        "Tells dental practices that ordered from Northwind Dental Supply when the order ships and when it arrives."
    ),
    "message_flow": "Customers get these texts for every order that they place with us in the shop or by phone.",
    "samples": [
        "Your order 48213 has shipped and arrives on Tuesday. Reply STOP to opt out.",
        "Your order 48213 was delivered today at 10:42. Thank you for ordering.",
    ],
    **_REPLIES,
}
_OBJECTIONS: Final = [
    {"code": "701", "text": "No sample message names the business.", "field": "sample_1"},
    {"code": "703", "text": "The message flow does not say how people agree to be texted.", "field": "message_flow"},
]


def make_registration(organization: Organization, now: datetime) -> Campaign:
    """The campaign that Northwind's numbers are linked to."""
    account = RegistryAccount.objects.get(pk=ACCOUNT_ID)
    began = now - timedelta(days=83)
    brand = Brand.objects.create(organization=organization, status=BrandStatus.SUBMITTING, status_at=began, **_BRAND)
    _taken(brand, account, BRAND_REFERENCE, began)
    _word(brand, "verified", began + timedelta(hours=1), {"registry_id": "BNWDENT", "tier": "low_mid"})
    care = Campaign.objects.create(
        organization=organization, brand=brand, status=CampaignStatus.SUBMITTING, status_at=began, **_CARE
    )  # fmt: skip
    _taken(care, account, CARE_REFERENCE, began + timedelta(hours=2))
    renewed = {"expires_at": (now + timedelta(days=97)).isoformat(), "throughput_class": "E"}
    _word(care, "active", began + timedelta(days=1), {"registry_id": "C7NWD42", **renewed})
    _make_orders(brand, account, now)
    return care


def _make_orders(brand: Brand, account: RegistryAccount, now: datetime) -> None:
    """Rejected the day before yesterday, so that its alert and its reasons are there to be seen."""
    orders = Campaign.objects.create(
        organization=brand.organization, brand=brand, status=CampaignStatus.SUBMITTING,
        status_at=now - timedelta(days=3), **_ORDERS,
    )  # fmt: skip
    submission = _taken(orders, account, ORDERS_REFERENCE, now - timedelta(days=3))
    fact = Fact(str(submission.pk), "rejected", now - timedelta(days=2), _OBJECTIONS, {"registry_id": "C7NWD58"})
    states.learn(orders, submission, fact, now)


def _taken(row: Brand | Campaign, account: RegistryAccount, reference: uuid.UUID, at: datetime) -> RegistrySubmission:
    """Begun a day before it was submitted, and taken at once."""
    submission = RegistrySubmission.objects.create(
        id=reference, organization=row.organization, account=account, created_at=at, settled_at=at, attempts=1,
        brand=row if isinstance(row, Brand) else None, campaign=row if isinstance(row, Campaign) else None,
        document=document_of(row, submissions.callback_url(account)), state=SubmissionState.TAKEN,
    )  # fmt: skip
    row.submission = submission
    row.save(update_fields=["submission"])
    steps = (("draft", at - timedelta(days=1)), ("submitting", at), ("pending", at + timedelta(seconds=2)))
    for step, when in steps:
        source = EventSource.REGISTRY if step == "pending" else EventSource.PORTAL
        _event(row, submission if step != "draft" else None, step, when, source)
    return submission


def _word(row: Brand | Campaign, step: str, at: datetime, facts: dict[str, Any]) -> None:
    """A decision of long ago: as it stands now, without the mail it caused then."""
    _event(row, row.submission, step, at, EventSource.REGISTRY, facts=facts)
    states.restore(row, step, at, facts)


def _event(
    row: Brand | Campaign,
    submission: RegistrySubmission | None,
    step: str,
    at: datetime,
    source: EventSource,
    **fields: Any,
) -> None:
    RegistrationEvent.objects.create(
        organization=row.organization, submission=submission, step=step, at=at, noted_at=at, source=source,
        brand=row if isinstance(row, Brand) else None, campaign=row if isinstance(row, Campaign) else None,
        actor_label="" if source == EventSource.REGISTRY else "Maya Okafor <maya.okafor@northwind.example>", **fields,
    )  # fmt: skip
